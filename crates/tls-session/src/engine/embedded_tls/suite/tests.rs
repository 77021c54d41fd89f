//! Every kind of plaintext through the guarded cipher, sealed as a server would.

extern crate std;
use super::*;
use crate::engine::embedded_tls::window::Window;
use std::vec::Vec;

/// Seals `plaintext` and hands it to the cipher as the engine would, with the guard's mark.
fn open(plaintext: &[u8], mark: [u8; 2]) -> AeadResult<Vec<u8>> {
    let key = Key::<Aes128Gcm>::from([7; 16]);
    let nonce = Nonce::<Aes128Gcm>::from([9; 12]);
    let len = u16::try_from(plaintext.len() + 16).unwrap().to_be_bytes();
    let mut sealed = plaintext.to_vec();
    let tag = Aes128Gcm::new(&key)
        .encrypt_in_place_detached(&nonce, &[23, 3, 3, len[0], len[1]], &mut sealed)
        .unwrap();
    sealed.extend(tag);
    let mut record = Window {
        limit: sealed.len(),
        bytes: sealed,
    };
    GuardedCipher::new(&key).decrypt_in_place(
        &nonce,
        &[23, mark[0], mark[1], len[0], len[1]],
        &mut record,
    )?;
    Ok(record.bytes)
}

fn report_of(plaintext: &[u8]) -> Option<Report> {
    let handed_on = open(plaintext, Phase::Handshake.mark()).unwrap();
    match handed_on.as_slice() {
        [CERTIFICATE, .., HANDSHAKE] if handed_on != plaintext => {
            let entry_len = usize::from(handed_on[10]);
            Report::read(&handed_on[11..11 + entry_len])
        }
        _ => None,
    }
}

/// A message of this type, legal where the type is, and of this length where it can be.
fn message(kind: u8, len: usize) -> Vec<u8> {
    let short = |len: usize| u16::try_from(len).unwrap().to_be_bytes();
    let mut body = match (kind, len) {
        (8, 6..) => [short(len - 2), [0, 10], short(len - 6)].concat(),
        (8, 2) => std::vec![0, 0],
        (13, 9..) => [
            &[0][..],
            &short(len - 3),
            &[0, 13],
            &short(len - 7),
            &short(len - 9),
        ]
        .concat(),
        // One certificate.
        (11, 10..) => [&[0, 0][..], &short(len - 4), &[0], &short(len - 9)].concat(),
        (15, 5..) => [[8, 4], short(len - 4)].concat(),
        _ => Vec::new(),
    };
    body.resize(len, 0x5a);
    if kind == 11 && len >= 10 {
        // No extensions.
        body[len - 2..].fill(0);
    }
    [&[kind, 0][..], &short(len), &body].concat()
}

#[test]
fn a_record_without_the_guards_mark_is_not_opened() {
    for mark in [[3, 3], [3, 1], [0, 0], [0xa7, 0], [0xa7, 3]] {
        assert!(open(&[8, 0, 0, 0, 22], mark).is_err(), "{mark:02x?}");
    }
}

#[test]
fn legal_flights_reach_the_engine_whole() {
    let flight = [
        message(8, 2),
        message(13, 11),
        message(11, 300),
        message(15, 70),
        message(20, 32),
    ];
    for from in 0..flight.len() {
        for to in from + 1..=flight.len() {
            let mut plaintext = flight[from..to].concat();
            plaintext.push(22);
            for padding in [0, 1, 40] {
                let mut padded = plaintext.clone();
                padded.resize(padded.len() + padding, 0);
                let mut expected = Vec::new();
                for message in &flight[from..to] {
                    match message[0] {
                        8 => expected.extend([8, 0, 0, 6, 0, 4, 0, 15]),
                        13 => expected.extend([13, 0, 0, 15, 0, 0, 12, 0, 48]),
                        _ => expected.extend(&message[..4]),
                    }
                    let from = if message[0] == 13 { 5 } else { 4 };
                    expected.extend(&message[from..]);
                }
                if to == flight.len() {
                    expected.extend(envelope::FINISHED_HELD);
                }
                expected.push(22);
                expected.resize(expected.len() + padding, 0);
                assert_eq!(open(&padded, Phase::Handshake.mark()).unwrap(), expected);
            }
        }
    }
}

/// What we send: messages in an envelope leave it, everything else goes as it is.
#[test]
fn what_is_sent_is_what_is_in_the_envelope() {
    let key = Key::<Aes128Gcm>::from([7; 16]);
    let nonce = Nonce::<Aes128Gcm>::from([9; 12]);
    let enveloped = |kind: u8, head: &[u8], inside: &[u8], behind: &[u8]| {
        let body = [head, &envelope::MARK, inside, behind].concat();
        let len = u16::try_from(body.len()).unwrap().to_be_bytes();
        [&[kind, 0, len[0], len[1]][..], &body, &[22]].concat()
    };
    let long = message(11, 600);
    for (plaintext, expected) in [
        (
            enveloped(11, &[0; 7], &long, &[0, 0]),
            [&long[..], &[22]].concat(),
        ),
        (enveloped(11, &[0; 7], b"", &[0, 0]), std::vec![22]),
        (
            enveloped(15, &[8, 4, 0, 48], &[5; 32], &[]),
            [&[5; 32][..], &[22]].concat(),
        ),
        ([&long[..], &[22]].concat(), [&long[..], &[22]].concat()),
        // The same bytes as application data are the application's.
        (
            {
                let mut data = enveloped(11, &[0; 7], &long, &[0, 0]);
                *data.last_mut().unwrap() = 23;
                data
            },
            {
                let mut data = enveloped(11, &[0; 7], &long, &[0, 0]);
                *data.last_mut().unwrap() = 23;
                data
            },
        ),
        (std::vec![1, 0, 21], std::vec![1, 0, 21]),
    ] {
        let len = u16::try_from(plaintext.len() + 16).unwrap().to_be_bytes();
        let mut record = Window {
            limit: plaintext.len() + 16,
            bytes: plaintext,
        };
        GuardedCipher::new(&key)
            .encrypt_in_place(&nonce, &[23, 3, 3, len[0], len[1]], &mut record)
            .unwrap();
        let len = u16::try_from(expected.len() + 16).unwrap().to_be_bytes();
        let mut sealed = expected;
        let tag = Aes128Gcm::new(&key)
            .encrypt_in_place_detached(&nonce, &[23, 3, 3, len[0], len[1]], &mut sealed)
            .unwrap();
        sealed.extend(tag);
        assert_eq!(record.bytes, sealed);
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn what_the_engine_must_not_parse_becomes_a_report() {
    let with_type = |mut bytes: Vec<u8>, kind: u8| {
        bytes.push(kind);
        bytes
    };
    let cases: &[(Vec<u8>, Report)] = &[
        (std::vec![0], Report::Empty),
        (std::vec![0; 300], Report::Empty),
        (std::vec![22], Report::Empty),
        (std::vec![2, 116, 21], Report::Alert(116)),
        (std::vec![21], Report::AlertLength),
        (std::vec![2, 21], Report::AlertLength),
        (std::vec![2, 40, 2, 40, 21], Report::AlertLength),
        (with_type(message(8, 1), 23), Report::InnerType(23)),
        (std::vec![1, 20], Report::InnerType(20)),
        (std::vec![9], Report::InnerType(9)),
        (with_type(message(4, 20), 22), Report::Message(4)),
        (with_type(message(24, 1), 22), Report::Message(24)),
        (with_type(message(2, 60), 22), Report::Message(2)),
        (
            with_type([message(15, 8), message(11, 12)].concat(), 22),
            Report::Message(11),
        ),
        (
            with_type([message(11, 12), message(11, 12)].concat(), 22),
            Report::Twice(11),
        ),
        (
            with_type([message(20, 32), message(8, 0)].concat(), 22),
            Report::Message(8),
        ),
        (with_type(message(8, 0), 22), Report::Length(8)),
        (with_type(message(8, 1), 22), Report::Length(8)),
        (
            with_type(std::vec![8, 0, 0, 3, 0, 0, 0], 22),
            Report::Length(8),
        ),
        (
            with_type(std::vec![8, 0, 0, 5, 0, 3, 0, 10, 0], 22),
            Report::Length(8),
        ),
        (
            with_type(std::vec![8, 0, 0, 6, 0, 4, 0, 10, 0, 1], 22),
            Report::Length(8),
        ),
        (
            with_type(std::vec![8, 0, 0, 6, 0, 4, 0, 43, 0, 0], 22),
            Report::Extension {
                message: 8,
                kind: 43,
            },
        ),
        (
            with_type(std::vec![8, 0, 0, 10, 0, 8, 0, 10, 0, 0, 0, 10, 0, 0], 22),
            Report::Extension {
                message: 8,
                kind: 10,
            },
        ),
        (with_type(message(13, 0), 22), Report::Length(13)),
        (
            with_type(std::vec![13, 0, 0, 3, 0, 0, 0], 22),
            Report::Length(13),
        ),
        (
            with_type(std::vec![13, 0, 0, 4, 1, 7, 0, 0], 22),
            Report::Context,
        ),
        (
            with_type(std::vec![13, 0, 0, 7, 0, 0, 4, 0x12, 0x34, 0, 0], 22),
            Report::Extension {
                message: 13,
                kind: 13,
            },
        ),
        (
            with_type(std::vec![11, 0, 0, 4, 0, 0, 0, 0], 22),
            Report::NoCertificate,
        ),
        (
            with_type(std::vec![11, 0, 0, 4, 0, 0, 0, 1], 22),
            Report::Length(11),
        ),
        (
            with_type(std::vec![11, 0, 0, 5, 1, 0, 0, 0, 0], 22),
            Report::Length(11),
        ),
        (
            with_type(std::vec![11, 0, 0, 3, 0, 0, 0], 22),
            Report::Length(11),
        ),
        (
            with_type(std::vec![15, 0, 0, 5, 8, 4, 0, 0, 0], 22),
            Report::Length(15),
        ),
        (
            with_type(std::vec![15, 0, 0, 4, 0x12, 0x34, 0, 0], 22),
            Report::Scheme(0x1234),
        ),
        (
            with_type(std::vec![8, 0, 0, 7, 0, 5, 0, 0, 0, 1, 7], 22),
            Report::Extension {
                message: 8,
                kind: 0,
            },
        ),
        (
            with_type(std::vec![15, 0, 0, 3, 8, 4, 0], 22),
            Report::Length(15),
        ),
        (with_type(message(20, 31), 22), Report::Length(20)),
        (with_type(message(20, 33), 22), Report::Length(20)),
        (
            with_type(std::vec![11], 22),
            Report::Split {
                message: 11,
                needed: None,
                available: 0,
            },
        ),
        (
            with_type(message(11, 900)[..500].to_vec(), 22),
            Report::Split {
                message: 11,
                needed: Some(904),
                available: 500,
            },
        ),
        (std::vec![1; 16_386], Report::Overflow),
    ];
    // Certificate lists: nothing between entries, none empty, no extension, sixteen at most.
    let list = |entries: &[u8]| {
        let len = u8::try_from(entries.len()).unwrap();
        with_type(
            [&[11, 0, 0, len + 4, 0, 0, 0, len][..], entries].concat(),
            22,
        )
    };
    let entry = [0, 0, 1, 0x30, 0, 0];
    assert_eq!(report_of(&list(&entry.repeat(16))), None);
    for (entries, expected) in [
        (&[0, 0, 0, 0, 0][..], Report::Length(11)),
        (&[0, 0, 1], Report::Length(11)),
        (&[0, 0, 2, 0x30, 0, 0], Report::Length(11)),
        (&[0, 0, 1, 0x30, 0], Report::Length(11)),
        (&[0, 0, 1, 0x30, 0, 1], Report::Length(11)),
        (&[0, 0, 1, 0x30, 0, 3, 0, 5, 0], Report::Length(11)),
        (&[&entry[..], &[0, 0]].concat(), Report::Length(11)),
        (
            &[0, 0, 1, 0x30, 0, 4, 0, 5, 0, 0],
            Report::Extension {
                message: 11,
                kind: 5,
            },
        ),
        (&entry.repeat(17), Report::ChainLength(17)),
        (&entry.repeat(40), Report::ChainLength(40)),
    ] {
        assert_eq!(report_of(&list(entries)), Some(expected), "{entries:02x?}");
    }
    // signature_algorithms: whole numbers, one at least, and as many as it says.
    for schemes in [
        &[][..],
        &[0],
        &[0, 0],
        &[0, 1, 4],
        &[0, 3, 4, 3, 8],
        &[0, 4, 4, 3],
    ] {
        let len = u8::try_from(schemes.len()).unwrap();
        let head = [13, 0, 0, len + 7, 0, 0, len + 4, 0, 13, 0, len];
        let request = with_type([&head[..], schemes].concat(), 22);
        assert_eq!(report_of(&request), Some(Report::Length(13)), "{schemes:?}");
    }
    for (index, (plaintext, expected)) in cases.iter().enumerate() {
        assert_eq!(report_of(plaintext), Some(*expected), "case {index}");
    }
}

#[test]
fn a_message_cut_anywhere_is_a_split_that_fits_its_record() {
    let whole = message(11, 60);
    for len in 1..whole.len() {
        let mut plaintext = whole[..len].to_vec();
        plaintext.push(22);
        match report_of(&plaintext) {
            Some(Report::Split {
                message: 11,
                needed,
                ..
            }) => {
                assert_eq!(needed, (len > 4).then_some(64), "{len}");
            }
            other => panic!("{len}: {other:?}"),
        }
    }
}

#[test]
fn after_the_handshake_every_record_is_data_with_its_type_behind() {
    for (plaintext, expected) in [
        (&b"hello\x17"[..], &b"hello\x17\x17"[..]),
        (b"hello\x17\0\0\0", b"hello\x17\x17"),
        (b"\x01\x00\x15", b"\x01\x00\x15\x17"),
        (b"\x04\0\0\x00\x16", b"\x04\0\0\x00\x16\x17"),
        (b"\x17", b"\x17\x17"),
        (b"\0\0\0", b"\0\x17"),
        (&[1; (1 << 14) + 2], b"\x01\0\x17"),
        (&[0; (1 << 14) + 2], b"\x01\0\x17"),
    ] {
        assert_eq!(open(plaintext, Phase::Data.mark()).unwrap(), expected);
    }
}

#[test]
fn a_changed_byte_or_header_is_not_opened() {
    let key = Key::<Aes128Gcm>::from([7; 16]);
    let nonce = Nonce::<Aes128Gcm>::from([9; 12]);
    let mut sealed = b"hello\x17".to_vec();
    let tag = Aes128Gcm::new(&key)
        .encrypt_in_place_detached(&nonce, &[23, 3, 3, 0, 22], &mut sealed)
        .unwrap();
    sealed.extend(tag);
    let [high, low] = Phase::Data.mark();
    for at in 0..sealed.len() {
        let mut bytes = sealed.clone();
        bytes[at] ^= 1;
        let mut record = Window {
            limit: bytes.len(),
            bytes,
        };
        assert!(
            GuardedCipher::new(&key)
                .decrypt_in_place(&nonce, &[23, high, low, 0, 22], &mut record)
                .is_err()
        );
    }
    let mut record = Window {
        limit: sealed.len(),
        bytes: sealed,
    };
    assert!(
        GuardedCipher::new(&key)
            .decrypt_in_place(&nonce, &[23, high, low, 0, 23], &mut record)
            .is_err()
    );
}
