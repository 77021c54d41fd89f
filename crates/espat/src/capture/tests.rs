//! The blocks of a capture, read by what the draft says, not by the writer's crate.

use std::time::{Duration, UNIX_EPOCH};

use super::*;

/// Type and body of each block (draft-ietf-opsawg-pcapng-03 §3.1), little-endian.
fn blocks(mut bytes: &[u8]) -> Vec<(u32, Vec<u8>)> {
    let word = |bytes: &[u8], at: usize| {
        let four = bytes[at..at + 4].try_into().unwrap();
        u32::from_le_bytes(four)
    };
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let length = usize::try_from(word(bytes, 4)).unwrap();
        assert!(length >= 12 && length.is_multiple_of(4), "{length}");
        assert_eq!(word(bytes, length - 4), word(bytes, 4), "both lengths");
        found.push((word(bytes, 0), bytes[8..length - 4].to_vec()));
        bytes = &bytes[length..];
    }
    found
}

fn conversation(local: &str, peer: &str, events: Vec<What>) -> Conversation {
    let start = UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    let events = (0_u64..).zip(events).map(|(step, what)| Event {
        at: start + Duration::from_micros(step),
        what,
    });
    Conversation {
        local: local.parse().unwrap(),
        peer: peer.parse().unwrap(),
        events: events.collect(),
    }
}

#[test]
fn secrets_come_before_packets_and_packets_in_the_order_of_their_times() {
    for (local, peer, version) in [
        ("10.0.0.1:1000", "10.0.0.2:443", 4),
        ("[::1]:1000", "[::1]:443", 6),
    ] {
        let long = vec![7; 3000];
        let events = vec![
            What::Opened,
            What::Sent(b"hello".to_vec()),
            What::Received(long),
            What::Closed,
        ];
        let secrets = "CLIENT_RANDOM 00 11\n";
        let file = packets::file(&[conversation(local, peer, events)], secrets).unwrap();
        let blocks = blocks(&file);
        let kinds: Vec<u32> = blocks.iter().map(|(kind, _)| *kind).collect();
        assert_eq!(kinds[..3], [0x0A0D_0D0A, 1, 0xA]);
        // Three to open, two for each of four segments, three to close.
        assert_eq!(kinds[3..], vec![6; 3 + 2 * 4 + 3]);
        assert_eq!(&blocks[1].1[..2], [101, 0], "raw IP");
        let (head, keys) = blocks[2].1.split_at(8);
        assert_eq!(head[..4], 0x544c_534b_u32.to_le_bytes());
        assert_eq!(
            head[4..],
            u32::try_from(secrets.len()).unwrap().to_le_bytes()
        );
        assert!(keys.starts_with(secrets.as_bytes()));
        let mut last = 0;
        for (_, packet) in &blocks[3..] {
            let word = |at: usize| u32::from_le_bytes(packet[at..at + 4].try_into().unwrap());
            let time = (u64::from(word(4)) << 32) | u64::from(word(8));
            assert!(time >= last && time >= 1_800_000_000_000_000, "{time}");
            last = time;
            assert_eq!(packet[20] >> 4, version);
        }
    }
}

#[test]
fn no_secrets_no_block_and_nothing_captured_is_a_file_all_the_same() {
    let file = packets::file(&[], "").unwrap();
    let kinds: Vec<u32> = blocks(&file).iter().map(|(kind, _)| *kind).collect();
    assert_eq!(kinds, [0x0A0D_0D0A, 1]);
}

#[test]
fn secrets_are_written_as_the_draft_of_key_logs_says() {
    let capture = Capture(Arc::default());
    capture.log("CLIENT_RANDOM", &[0, 0xab], &[1, 2, 3]);
    capture.log("EXPORTER_SECRET", &[9], &[]);
    let lines = "CLIENT_RANDOM 00ab 010203\nEXPORTER_SECRET 09 \n";
    assert_eq!(*capture.taken().secrets, lines);
    assert_eq!(format!("{capture:?}"), "Capture { .. }");
}
