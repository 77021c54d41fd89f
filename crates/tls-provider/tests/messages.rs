//! Caps on handshake messages, at each limit and however the messages are cut.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "functions that tests share"
)]

use proptest::prelude::*;
use rustls::Error;
use tls_provider::{CERTIFICATES, FLIGHT, Messages, Refused, TICKETS, What, limit};

fn message(kind: u8, len: u32) -> Vec<u8> {
    let [_, high, middle, low] = len.to_be_bytes();
    let mut message = vec![kind, high, middle, low];
    message.resize(4 + usize::try_from(len).unwrap(), 0xbb);
    message
}

fn too_long(what: What, needed: u32, limit: u32) -> Refused {
    Refused::TooLong {
        what,
        needed,
        limit,
    }
}

#[test]
fn the_limits_are_those_of_the_documentation() {
    let documented = [
        (0, 0),
        (1, 8192),
        (2, 4096),
        (4, 8192),
        (8, 2048),
        (11, 16_384),
        (12, 1536),
        (13, 20_480),
        (15, 1536),
        (20, 1536),
        (22, 16_384),
        (24, 1536),
    ];
    for (kind, bytes) in documented {
        assert_eq!(limit(kind), bytes, "{kind}");
    }
    assert_eq!((FLIGHT, TICKETS), (24_576, 64));
}

#[test]
fn each_message_is_accepted_up_to_its_limit_and_refused_by_its_header_beyond() {
    for kind in 0..=255 {
        let limit = limit(kind);
        for len in [0, limit.min(1), limit.saturating_sub(1), limit] {
            assert_eq!(
                Messages::new().feed(&message(kind, len)),
                Ok(()),
                "{kind} {len}"
            );
        }
        for len in [limit + 1, 65_535, 65_536, 0x00ff_ffff] {
            let header = &message(kind, len)[..4];
            let mut messages = Messages::new();
            for byte in &header[..3] {
                assert_eq!(messages.feed(&[*byte]), Ok(()), "{kind} {len}");
            }
            let wanted = too_long(What::Message(kind), len, limit);
            assert_eq!(messages.feed(&header[3..]), Err(wanted), "{kind} {len}");
        }
    }
}

#[test]
fn messages_in_a_row_have_one_limit_which_data_reset() {
    // 16 messages of 1,532 + 4 bytes are exactly the limit.
    let part = message(15, 1532);
    let mut messages = Messages::new();
    for _ in 0..16 {
        assert_eq!(messages.feed(&part), Ok(()));
    }
    // What the engine does not keep is not counted.
    for other in [message(4, 8000), message(24, 1)] {
        assert_eq!(messages.feed(&other), Ok(()));
    }
    let mut full = messages.clone();
    assert_eq!(
        full.feed(&[20, 0, 0, 0]),
        Err(too_long(What::Flight, FLIGHT + 4, FLIGHT))
    );
    messages.data();
    assert_eq!(messages.feed(&part), Ok(()));
}

#[test]
fn a_usual_certificate_request_and_chain_are_one_flight() {
    let mut messages = Messages::new();
    for (kind, len) in [(8, 40), (13, 14_806), (11, 5_000), (15, 264), (20, 32)] {
        assert_eq!(messages.feed(&message(kind, len)), Ok(()), "{kind}");
    }
}

#[test]
fn the_65th_ticket_in_a_row_is_refused() {
    let ticket = message(4, 200);
    let mut messages = Messages::new();
    for _ in 0..2 {
        for _ in 0..TICKETS {
            assert_eq!(messages.feed(&ticket), Ok(()));
        }
        assert_eq!(messages.clone().feed(&ticket), Err(Refused::Tickets));
        // An empty handshake record and a KeyUpdate change nothing.
        assert_eq!(messages.feed(&[]), Ok(()));
        assert_eq!(messages.feed(&message(24, 1)), Ok(()));
        assert_eq!(messages.clone().feed(&ticket[..4]), Err(Refused::Tickets));
        messages.data();
    }
    // Many in one record are counted likewise.
    let many = ticket.repeat(65);
    assert_eq!(Messages::new().feed(&many), Err(Refused::Tickets));
}

/// A length of so many bytes.
fn len_of(content: &[u8], digits: usize) -> Vec<u8> {
    let len = u32::try_from(content.len()).unwrap().to_be_bytes();
    [&len[4 - digits..], content].concat()
}

/// A message of lists with `count` entries that matter, in TLS 1.2 or 1.3.
fn lists(kind: u8, count: usize, newer: bool) -> Vec<u8> {
    let name = len_of(b"x", 2);
    let names = len_of(&name.repeat(count), 2);
    let schemes = len_of(&[4, 3, 8, 4], 2);
    let extension =
        |number: u16, content: &[u8]| [&number.to_be_bytes()[..], &len_of(content, 2)].concat();
    let body = match (kind, newer) {
        (11, false) => len_of(&len_of(b"certificate", 3).repeat(count), 3),
        (11, true) => {
            let entry = [len_of(b"certificate", 3), len_of(&extension(5, b"ocsp"), 2)].concat();
            [vec![0], len_of(&entry.repeat(count), 3)].concat()
        }
        (13, false) => [len_of(&[1, 64], 1), schemes, names].concat(),
        (13, true) => {
            let all = [
                extension(13, &schemes),
                extension(47, &names),
                extension(48, &[0]),
            ];
            [vec![0], len_of(&all.concat(), 2)].concat()
        }
        _ => panic!("{kind}"),
    };
    [vec![kind], len_of(&body, 3)].concat()
}

/// However short they are, and wherever the message is cut.
#[test]
fn entries_are_counted_as_they_come() {
    let names = 16 + FLIGHT / 128;
    for (kind, limit) in [(11, CERTIFICATES), (13, names)] {
        for newer in [false, true] {
            let new = || match newer {
                true => Messages::new_13(),
                false => Messages::new(),
            };
            let count = usize::try_from(limit).unwrap();
            let fits = lists(kind, count, newer);
            assert_eq!(new().feed(&fits.repeat(2)), Ok(()), "{kind} {newer}");
            let refused = Err(too_long(What::Entries(kind), limit + 1, limit));
            let too_many = lists(kind, count + 1, newer);
            for cut in 0..too_many.len() {
                let (one, other) = too_many.split_at(cut);
                let mut messages = new();
                let outcome = messages.feed(one).and_then(|()| messages.feed(other));
                assert_eq!(outcome, refused, "{kind} {newer} {cut}");
            }
        }
    }
}

#[test]
fn lists_of_small_numbers_have_a_limit_too() {
    let request = |schemes: usize| {
        let body = [
            len_of(&[1, 64], 1),
            len_of(&[4, 3].repeat(schemes), 2),
            vec![0, 0],
        ];
        [vec![13], len_of(&body.concat(), 3)].concat()
    };
    assert_eq!(Messages::new().feed(&request(128)), Ok(()));
    let refused = Err(too_long(What::Entries(13), 129, 128));
    assert_eq!(Messages::new().feed(&request(129)), refused);

    let extensions = |kind: u8, number: u16, len: usize| {
        let all = [&number.to_be_bytes()[..], &len_of(&vec![0; len], 2)].concat();
        let context = if kind == 13 { vec![0] } else { Vec::new() };
        [vec![kind], len_of(&[context, len_of(&all, 2)].concat(), 3)].concat()
    };
    for (kind, number, limit, each) in [(13, 13, 128, 2), (13, 27, 128, 2), (8, 0xfe0d, 4, 4)] {
        let fits = extensions(kind, number, limit * each);
        assert_eq!(Messages::new_13().feed(&fits), Ok(()), "{number}");
        let too_many = extensions(kind, number, limit * each + each);
        let limit = u32::try_from(limit).unwrap();
        let refused = Err(too_long(What::Entries(kind), limit + 1, limit));
        assert_eq!(Messages::new_13().feed(&too_many), refused, "{number}");
    }
    // What is not a list of entries may be long.
    for (kind, number) in [(13, 48), (8, 16), (8, 57)] {
        assert_eq!(
            Messages::new_13().feed(&extensions(kind, number, 1500)),
            Ok(())
        );
    }
}

#[test]
fn errors_of_others_are_no_refusals() {
    for text in [
        "",
        "tickets",
        "tls-provider refused",
        "tls-provider refused ",
        "tls-provider refused nothing",
        "tls-provider refused tickets 1",
        "tls-provider refused flight 1",
        "tls-provider refused flight 1 2 3",
        "tls-provider refused message 1 2",
        "tls-provider refused message 256 2 3",
        "tls-provider refused message 1 4294967296 3",
        "tls-provider loads no keys",
    ] {
        assert_eq!(
            Refused::of(&Error::General(text.to_owned())),
            None,
            "{text}"
        );
    }
    assert_eq!(Refused::of(&Error::DecryptError), None);
}

#[test]
fn refusals_are_shown_with_their_numbers() {
    let message = too_long(What::Message(11), 70_000, 16_384);
    assert_eq!(
        message.to_string(),
        "handshake message 11 of 70000 bytes, limit 16384"
    );
    let flight = too_long(What::Flight, 30_000, FLIGHT);
    assert_eq!(
        flight.to_string(),
        "handshake messages in a row of 30000 bytes, limit 24576"
    );
    let entries = too_long(What::Entries(13), 209, 208);
    assert_eq!(
        entries.to_string(),
        "entries of handshake message 13: 209, limit 208"
    );
    assert_eq!(
        Refused::Tickets.to_string(),
        "more than 64 tickets without data between them"
    );
}

fn refusals() -> impl Strategy<Value = Refused> {
    prop_oneof![
        Just(Refused::Tickets),
        (any::<u32>(), any::<u32>()).prop_map(|(needed, limit)| too_long(
            What::Flight,
            needed,
            limit
        )),
        (any::<u8>(), any::<u32>(), any::<u32>()).prop_map(|(kind, needed, limit)| too_long(
            What::Message(kind),
            needed,
            limit
        )),
        (any::<u8>(), any::<u32>(), any::<u32>()).prop_map(|(kind, needed, limit)| too_long(
            What::Entries(kind),
            needed,
            limit
        )),
    ]
}

/// What must come of whole messages, by the documentation.
fn judge(stream: &[(u8, u32)]) -> Result<(), Refused> {
    let (mut flight, mut tickets) = (0, 0);
    for (kind, len) in stream {
        if *len > limit(*kind) {
            return Err(too_long(What::Message(*kind), *len, limit(*kind)));
        }
        match kind {
            4 => tickets += 1,
            24 => {}
            _ => flight += 4 + len,
        }
        if tickets > TICKETS {
            return Err(Refused::Tickets);
        }
        if flight > FLIGHT {
            return Err(too_long(What::Flight, flight, FLIGHT));
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_refusal_survives_the_way_through_the_engine(refused in refusals()) {
        prop_assert_eq!(Refused::of(&Error::from(refused)), Some(refused));
    }

    /// Any messages, cut anywhere, are judged as if they had come whole.
    #[test]
    fn where_messages_are_cut_changes_nothing(
        stream in prop::collection::vec((any::<u8>(), prop_oneof![0..40_u32, 0..3000_u32, 0..20_000_u32]), 0..12),
        cuts in prop::collection::vec(1..5000_usize, 1..60),
    ) {
        let bytes: Vec<u8> = stream.iter().flat_map(|(kind, len)| message(*kind, *len)).collect();
        let mut messages = Messages::new();
        let mut result = Ok(());
        let mut left = bytes.as_slice();
        for cut in cuts.iter().cycle() {
            if left.is_empty() || result.is_err() {
                break;
            }
            let (now, later) = left.split_at(left.len().min(*cut));
            result = messages.feed(now);
            left = later;
        }
        prop_assert_eq!(result, judge(&stream));
    }

    /// A refusal comes with the last byte of the header, not later.
    #[test]
    fn a_refusal_comes_with_the_header(before in prop::collection::vec(0..1000_u32, 0..8), excess in 1..100_u32) {
        let mut messages = Messages::new();
        for len in before {
            messages.feed(&message(20, len)).unwrap();
        }
        let header = &message(12, limit(12) + excess)[..4];
        messages.feed(&header[..3]).unwrap();
        messages.feed(&header[3..]).unwrap_err();
    }

    /// No bytes make it panic.
    #[test]
    fn any_bytes_are_accepted_or_refused(records in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..64), 0..64)) {
        let mut messages = Messages::new();
        for record in records {
            if messages.feed(&record).is_err() {
                break;
            }
        }
    }
}
