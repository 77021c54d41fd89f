//! Hostile flights that keep the form of each message: what is too much, in the wrong place, of the
//! wrong keys or without end.

use embedded_io_async::Read;
use tls_session::reason::{
    CapacityError, CertificateError, Limit, NegotiationError, ProofError, ProtocolViolation,
    StreamError,
};
use tls_session::{Cause, Policy, Reason, Stage};

use crate::client::{Attempt, TestSession, chain};
use crate::records::{MESSAGES, after_handshake, family, good, refused};
use tls_doubles::codec::{vec16, vec24};
use tls_doubles::io::Wire;
use tls_doubles::message::{
    CERTIFICATE, CERTIFICATE_REQUEST, CERTIFICATE_VERIFY, ENCRYPTED_EXTENSIONS, FINISHED, Message,
    SERVER_HELLO, ticket,
};
use tls_doubles::record::{ALERT, APPLICATION_DATA, HANDSHAKE, MAX_PLAINTEXT};
use tls_doubles::script::{Packing, Script, Step, Wrap};

fn wrong(violation: ProtocolViolation) -> Cause {
    Cause::Protocol(violation)
}

/// A Certificate message with these entries, each with these extensions.
fn certificate(entries: &[(&[u8], &[u8])]) -> Step {
    let mut list = Vec::new();
    for (der, extensions) in entries {
        list.extend(vec24(der));
        list.extend(vec16(extensions));
    }
    let body = [&[0][..], &vec24(&list)].concat();
    Step::Send(Message::Raw(CERTIFICATE, body))
}

#[test]
fn duty_20_as_many_certificates_as_are_taken_and_one_more() {
    let family = family();
    let anchors: &[&[u8]] = &[&family.root.der];
    let stray = vec![0x30; 40];
    let with = |count: usize| {
        let mut list = family.site().chain;
        list.resize(count, stray.clone());
        good(&family).shows(list)
    };
    let accepted = Attempt::new(with(16), chain(anchors)).exchange();
    assert!(accepted.is_ok(), "{accepted:?}");
    for count in [17, 18, 100, 255, 300] {
        let reason = refused(&family, &with(count));
        let expected = Cause::Capacity(CapacityError::TooLarge {
            what: Limit::ChainLength,
            needed: u32::try_from(count.min(255)).unwrap(),
            limit: 16,
        });
        assert_eq!((reason.stage, reason.cause), (Stage::Certificate, expected));
    }
    // As large as a record, and larger.
    let with_stray = |len: usize| {
        let mut list = family.site().chain;
        list.push(vec![0x30; len]);
        good(&family).shows(list)
    };
    let used = 4
        + 4
        + family
            .site()
            .chain
            .iter()
            .map(|der| der.len() + 5)
            .sum::<usize>()
        + 5;
    let largest = with_stray(MAX_PLAINTEXT - used);
    assert!(Attempt::new(largest, chain(anchors)).exchange().is_ok());
    let reason = refused(&family, &with_stray(MAX_PLAINTEXT - used + 1));
    assert_eq!(
        reason.cause,
        Cause::Protocol(ProtocolViolation::SplitMessage {
            message: CERTIFICATE,
            needed: Some(16_385),
            available: 16_384
        })
    );
}

#[test]
fn entries_that_are_none_and_extensions_nobody_asked_for() {
    let family = family();
    let (leaf, middle) = (&family.leaf.der[..], &family.intermediate.der[..]);
    let extension = |kind| {
        wrong(ProtocolViolation::Extension {
            message: CERTIFICATE,
            kind,
        })
    };
    let length = wrong(ProtocolViolation::MessageLength(CERTIFICATE));
    // status_request, signed_certificate_timestamp, one without a name; then a list cut short.
    for (entries, expected) in [
        (
            &[(leaf, &[0, 5, 0, 0][..]), (middle, &[])][..],
            extension(5),
        ),
        (&[(leaf, &[]), (middle, &[0, 18, 0, 1, 9])], extension(18)),
        (&[(leaf, &[0xfa, 0xfa, 0, 0])], extension(0xfafa)),
        (&[(leaf, &[0, 5, 0])], length),
        (&[(b"", &[]), (leaf, &[])], length),
        (&[(leaf, &[]), (b"", &[])], length),
    ] {
        let script = good(&family).replace(CERTIFICATE, certificate(entries));
        assert_eq!(refused(&family, &script).cause, expected);
    }
}

/// What the cipher says to the verifier in the place of a certificate, said by the server.
#[test]
fn a_server_that_speaks_in_our_reports_is_refused() {
    let family = family();
    let leaf = &family.leaf.der[..];
    for code in (0..=32).chain([0x7f, 0xff]) {
        for entry in [&[0, code, 7][..], &[0, code, 11, 0, 0, 9, 0, 3]] {
            for entries in [&[(entry, &[][..])][..], &[(entry, &[]), (leaf, &[])]] {
                let script = good(&family).replace(CERTIFICATE, certificate(entries));
                let anchors: &[&[u8]] = &[&family.root.der];
                Attempt::new(script.clone(), chain(anchors)).refused();
                Attempt::new(script, Policy::danger_any_peer()).refused();
            }
        }
    }
}

#[test]
fn duty_3_finished_comes_last_and_once() {
    let family = family();
    let finished = || Step::Send(Message::Finished);
    for packing in [Packing::Each, Packing::Coalesced] {
        let wrap = Wrap {
            packing,
            ..Wrap::default()
        };
        for (at, expected) in [
            (
                ENCRYPTED_EXTENSIONS,
                wrong(ProtocolViolation::MissingMessage(8)),
            ),
            (
                CERTIFICATE,
                Cause::Certificate(CertificateError::NoCertificate),
            ),
            (CERTIFICATE_VERIFY, Cause::Proof(ProofError::NoSignature)),
        ] {
            let script = good(&family).before(at, finished()).wrap(wrap);
            let reason = refused(&family, &script);
            assert_eq!(reason.cause, expected, "{packing:?} {at}");
        }
    }
    // In the record of the first, under the keys before it.
    for (second, expected) in [
        (
            [&[FINISHED, 0, 0, 32][..], &[7; 32]].concat(),
            ProtocolViolation::MessageTwice(FINISHED),
        ),
        (vec![8, 0, 0, 2, 0, 0], ProtocolViolation::Message(8)),
        (ticket(1), ProtocolViolation::Message(4)),
        (vec![24, 0, 0, 1, 0], ProtocolViolation::Message(24)),
    ] {
        let first = [&[FINISHED, 0, 0, 32][..], &[7; 32]].concat();
        let inner = [&first[..], &second, &[HANDSHAKE]].concat();
        let script = good(&family).replace(FINISHED, Step::InnerBytes(inner));
        assert_eq!(refused(&family, &script).cause, wrong(expected));
    }
}

#[test]
fn a_request_for_a_certificate_has_one_place() {
    let family = family();
    let asks = || Step::Send(Message::CertificateRequest(vec![0x0403]));
    let here = wrong(ProtocolViolation::Message(CERTIFICATE_REQUEST));
    for (at, each, coalesced) in [
        (
            ENCRYPTED_EXTENSIONS,
            here,
            wrong(ProtocolViolation::Message(8)),
        ),
        // The proof would have to cover it, and does not.
        (
            CERTIFICATE_VERIFY,
            Cause::Proof(ProofError::BadSignature),
            here,
        ),
        (FINISHED, here, here),
    ] {
        for (packing, expected) in [(Packing::Each, each), (Packing::Coalesced, coalesced)] {
            let wrap = Wrap {
                packing,
                ..Wrap::default()
            };
            let script = good(&family).before(at, asks()).wrap(wrap);
            let reason = refused(&family, &script);
            assert_eq!(reason.cause, expected, "{packing:?} {at}");
        }
    }
    let twice = good(&family).asks_certificate().before(CERTIFICATE, asks());
    let twice_here = wrong(ProtocolViolation::MessageTwice(CERTIFICATE_REQUEST));
    assert_eq!(refused(&family, &twice).cause, twice_here);
    let context = Step::Send(Message::Raw(
        CERTIFICATE_REQUEST,
        vec![1, 9, 0, 8, 0, 13, 0, 4, 0, 2, 4, 3],
    ));
    let reason = refused(&family, &good(&family).before(CERTIFICATE, context));
    assert_eq!(reason.cause, wrong(ProtocolViolation::RequestContext));
}

#[test]
fn extensions_that_answer_nothing_we_said() {
    let family = family();
    let with = |list: &[(u16, Vec<u8>)]| {
        good(&family).replace(
            ENCRYPTED_EXTENSIONS,
            Step::Send(Message::EncryptedExtensions(list.to_vec())),
        )
    };
    let extension = |kind| {
        wrong(ProtocolViolation::Extension {
            message: ENCRYPTED_EXTENSIONS,
            kind,
        })
    };
    // No name was sent, no protocol offered; the others are not known here or not in this message.
    assert_eq!(refused(&family, &with(&[(0, vec![])])).cause, extension(0));
    let protocol = vec![0, 3, 2, b'h', b'2'];
    assert_eq!(
        refused(&family, &with(&[(16, protocol)])).cause,
        Cause::Negotiation(NegotiationError::ApplicationProtocol)
    );
    for kind in [
        1, 5, 13, 14, 15, 18, 19, 28, 35, 41, 42, 43, 44, 45, 51, 0x0a0a, 0xffff,
    ] {
        let reason = refused(&family, &with(&[(kind, vec![0, 0])]));
        assert_eq!(reason.cause, extension(kind));
    }
    let groups = (10, vec![0, 2, 0, 0x17]);
    assert_eq!(
        refused(&family, &with(&[groups.clone(), groups])).cause,
        extension(10)
    );
}

#[test]
fn duty_22_alerts_in_pieces_in_pairs_and_as_warnings() {
    let family = family();
    for at in MESSAGES {
        for content in [&[][..], &[2], &[2, 40, 2], &[2, 40, 2, 40], &[2; 600]] {
            let step = Step::Inner {
                kind: ALERT,
                content: content.to_vec(),
            };
            let reason = refused(&family, &good(&family).before(at, step));
            assert_eq!(
                reason.cause,
                wrong(ProtocolViolation::AlertLength),
                "{content:?}"
            );
        }
        // In TLS 1.3 the description alone decides (RFC 8446 §6).
        for level in [0, 1, 2, 255] {
            for (description, expected) in [
                (0, Cause::Stream(StreamError::PeerCloseNotify)),
                (90, Cause::Stream(StreamError::PeerAlert(90))),
                (112, Cause::Stream(StreamError::PeerAlert(112))),
            ] {
                let alert = Step::Alert { level, description };
                let reason = refused(&family, &good(&family).before(at, alert));
                assert_eq!(reason.cause, expected);
            }
        }
    }
    for len in [0, 1, 3, 4] {
        let step = Step::cut_record(ALERT, len, &[2, 40, 2, 40][..usize::from(len)]);
        let reason = refused(&family, &good(&family).before(SERVER_HELLO, step));
        assert_eq!(reason.cause, wrong(ProtocolViolation::RecordLength(len)));
    }
    for (level, description, expected) in [
        (1, 0, Cause::Stream(StreamError::PeerCloseNotify)),
        (2, 0, Cause::Stream(StreamError::PeerCloseNotify)),
        (1, 112, Cause::Stream(StreamError::PeerAlert(112))),
        (1, 90, Cause::Stream(StreamError::PeerAlert(90))),
    ] {
        let step = Step::plain_alert(level, description);
        let reason = refused(&family, &good(&family).before(SERVER_HELLO, step));
        assert_eq!((reason.stage, reason.cause), (Stage::Hello, expected));
    }
    for level in [0, 1, 2] {
        let warned = after_handshake(|wire| wire.server_mut().send_alert(level, 112));
        assert_eq!(
            warned.unwrap_err().cause,
            Cause::Stream(StreamError::PeerAlert(112))
        );
        let closed = after_handshake(|wire| wire.server_mut().send_alert(level, 0));
        assert_eq!(closed, Ok(Vec::new()));
    }
}

/// After close_notify nothing counts, whatever it is.
#[test]
fn duty_25_what_comes_after_the_end_is_not_read() {
    let data = after_handshake(|wire| {
        let mut server = wire.server_mut();
        server.send_app(b"last");
        server.send_close_notify();
        server.send_app(b"more");
        server.send_raw_record(ALERT, 0x0303, &[2, 40]);
    });
    assert_eq!(data, Ok(b"last".to_vec()));
}

/// Records that bring no data: as many as a busy server may send, and one more.
#[test]
fn floods_end_after_sixty_four_records() {
    let floods: [fn(&Wire); 4] = [
        |wire| wire.server_mut().send_tickets(1),
        |wire| wire.server_mut().send_raw_inner(APPLICATION_DATA, b""),
        |wire| wire.server_mut().send_alert(1, 90),
        // Three in one record.
        |wire| {
            let tickets = [ticket(1), ticket(2), ticket(3)].concat();
            wire.server_mut().send_raw_inner(HANDSHAKE, &tickets);
        },
    ];
    for flood in floods {
        let after = |count: usize| {
            after_handshake(|wire| {
                (0..count).for_each(|_| flood(wire));
                wire.server_mut().send_app(b"data");
                wire.server_mut().send_close_notify();
            })
        };
        assert_eq!(after(64), Ok(b"data".to_vec()));
        assert_eq!(
            after(65).unwrap_err().cause,
            Cause::Capacity(CapacityError::TooLarge {
                what: Limit::IdleRecords,
                needed: 65,
                limit: 64
            })
        );
    }
}

#[test]
fn duty_19_a_key_update_of_any_form_ends_it_and_no_record_after_it_is_read() {
    let after = |message: &[u8]| {
        let reason = after_handshake(|wire| {
            let mut server = wire.server_mut();
            server.send_app(b"before");
            server.send_raw_inner(HANDSHAKE, message);
            server.send_app(b"after");
        });
        reason.unwrap_err().cause
    };
    let update = |value: u8| vec![24, 0, 0, 1, value];
    for message in [
        update(0),
        update(1),
        update(2),
        update(0).repeat(100),
        [ticket(1), update(1)].concat(),
        // Cut short, and too long.
        vec![24],
        vec![24, 0, 0, 0],
        vec![24, 0, 0, 2, 0, 0],
    ] {
        assert_eq!(
            after(&message),
            Cause::Protocol(ProtocolViolation::KeyUpdate),
            "{message:02x?}"
        );
    }
}

#[test]
fn a_ticket_that_is_cut_names_the_limit() {
    let whole = ticket(1);
    for len in 1..whole.len() {
        let reason = after_handshake(|wire| {
            let mut server = wire.server_mut();
            server.send_raw_inner(HANDSHAKE, &whole[..len]);
            server.send_raw_inner(HANDSHAKE, &whole[len..]);
        });
        assert_eq!(
            reason.unwrap_err().cause,
            Cause::Protocol(ProtocolViolation::SplitMessage {
                message: 4,
                needed: (len >= 4).then(|| u32::try_from(whole.len()).unwrap()),
                available: u16::try_from(len).unwrap(),
            })
        );
    }
}

/// Records are in order, once each, and under the keys of their place.
#[test]
fn duty_24_a_record_repeated_left_out_or_of_other_keys_is_not_opened() {
    let record = |wire: &Wire, data: &[u8]| {
        let mut server = wire.server_mut();
        server.send_app(data);
        server.take_output()[5..].to_vec()
    };
    let send = |wire: &Wire, body: &[u8]| {
        let mut server = wire.server_mut();
        server.send_raw_record(APPLICATION_DATA, 0x0303, body);
    };
    let tries: [&dyn Fn(&Wire); 3] = [
        &|wire| {
            let one = record(wire, b"one");
            send(wire, &one);
            send(wire, &one);
        },
        &|wire| {
            record(wire, b"lost");
            let two = record(wire, b"two");
            send(wire, &two);
        },
        &|wire| {
            let (one, two) = (record(wire, b"one"), record(wire, b"two"));
            send(wire, &two);
            send(wire, &one);
        },
    ];
    for attack in tries {
        let reason = after_handshake(attack).unwrap_err();
        assert_eq!(
            (reason.stage, reason.cause),
            (
                Stage::Data,
                Cause::Protocol(ProtocolViolation::BadRecordMac)
            )
        );
    }
}

/// A server may speak before it has our Finished (RFC 8446 §2): data, tickets, the end.
#[test]
fn what_a_server_says_before_our_finished_arrives() {
    let family = family();
    let anchors: &[&[u8]] = &[&family.root.der];
    let script = good(&family)
        .then(Step::Inner {
            kind: HANDSHAKE,
            content: ticket(1),
        })
        .then(Step::Inner {
            kind: APPLICATION_DATA,
            content: b"welcome".to_vec(),
        })
        .then(Step::Alert {
            level: 1,
            description: 0,
        });
    let read = async |mut session: TestSession<'_>, _: &Wire| -> Result<Vec<u8>, Reason> {
        let (mut rx, _) = session.split();
        let mut buffer = [0; 16];
        let count = rx.read(&mut buffer).await?;
        assert_eq!(rx.read(&mut buffer[count..]).await, Ok(0));
        Ok(buffer[..count].to_vec())
    };
    let (result, _) = Attempt::new(script, chain(anchors)).with(read);
    assert_eq!(result.unwrap(), Ok(b"welcome".to_vec()));
    // The same under the keys of the handshake.
    let script: Script = good(&family).before(
        FINISHED,
        Step::Inner {
            kind: APPLICATION_DATA,
            content: b"welcome".to_vec(),
        },
    );
    assert_eq!(
        refused(&family, &script).cause,
        wrong(ProtocolViolation::InnerType(APPLICATION_DATA))
    );
}
