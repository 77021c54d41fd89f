//! Files of the host program: recordings that are followed again, and captures.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use espat::capture::{Sender, of_connection};
use espat::replay::{exchanges, same_line};
use espat::transcript::{Recorder, Secrets, Variables, messages};

use crate::take::Take;

/// Any text is followed or refused; a recording of any session can be followed. What a modem printed is cut at the end of
/// messages, and nothing is lost between them.
pub(crate) fn replay(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    match exchanges(&text, &Variables::new()) {
        Ok(count) => assert!(count <= text.lines().count()),
        Err(error) => drop(format!("{error:#}")),
    }
    for line in text.lines() {
        assert!(same_line(line, line));
    }
    let mut at = 0;
    for message in messages(data) {
        assert!(!message.is_empty());
        assert!(data[at..].starts_with(message));
        at += message.len();
    }

    let mut file = Vec::new();
    let mut recorder = Recorder::new(&mut file, Secrets::DangerShown).expect("a vector");
    let mut take = Take(data);
    while !take.is_empty() {
        let how = take.u8();
        let piece = take.bytes(usize::from(how >> 1));
        let written = match how & 1 {
            0 => recorder.sent(Duration::ZERO, piece),
            _ => recorder.printed(Duration::ZERO, piece),
        };
        written.expect("a vector");
    }
    recorder.finish().expect("a vector");
    let text = String::from_utf8(file).expect("a transcript is text");
    if let Err(error) = exchanges(&text, &Variables::new()) {
        panic!("{error:#} in {text}");
    }
}

/// Whatever was sent and received, a capture is blocks whose lengths agree (draft-ietf-opsawg-pcapng-03 §3.1), and its
/// packets have these bytes and no others in their order.
pub(crate) fn capture(data: &[u8]) {
    let mut take = Take(data);
    let places: [SocketAddr; 3] = [
        (Ipv4Addr::LOCALHOST, take.u16()).into(),
        (Ipv4Addr::BROADCAST, take.u16()).into(),
        (Ipv6Addr::LOCALHOST, take.u16()).into(),
    ];
    let (local, peer) = (take.one_of(&places), take.one_of(&places));
    let mut pieces = Vec::new();
    while !take.is_empty() {
        let how = take.u16();
        let sender = match how & 1 {
            0 => Sender::Local,
            _ => Sender::Peer,
        };
        let piece = match how & 2 {
            0 => take.bytes(usize::from((how >> 2) & 0xff)).to_vec(),
            // More than a segment, and than a packet of IP.
            _ => vec![take.u8(); usize::from(how >> 2) * 8],
        };
        pieces.push((sender, piece));
    }
    let sent: Vec<u8> = pieces.iter().flat_map(|(_, bytes)| bytes.clone()).collect();
    let file = of_connection(local, peer, pieces).expect("every piece has its packets");
    assert!(payload(&file) == sent);
}

/// What the packets of a capture carry.
fn payload(mut file: &[u8]) -> Vec<u8> {
    let word = |bytes: &[u8], at: usize| {
        let bytes = bytes[at..at + 4].try_into().expect("four");
        usize::try_from(u32::from_le_bytes(bytes)).expect("a PC")
    };
    let mut carried = Vec::new();
    while !file.is_empty() {
        let length = word(file, 4);
        assert!(length >= 12 && length.is_multiple_of(4), "{length}");
        assert_eq!(word(file, length - 4), length);
        let (block, rest) = file.split_at(length);
        // An enhanced packet: interface, time, captured and original length, then the bytes.
        if word(block, 0) == 6 {
            let (captured, original) = (word(block, 20), word(block, 24));
            assert_eq!(captured, original);
            let packet = &block[28..28 + captured];
            let ip = match packet[0] >> 4 {
                4 => usize::from(packet[0] & 15) * 4,
                _ => 40,
            };
            let tcp = usize::from(packet[ip + 12] >> 4) * 4;
            carried.extend_from_slice(&packet[ip + tcp..]);
        }
        file = rest;
    }
    carried
}
