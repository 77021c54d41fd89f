//! Duties 17 to 20, 22: records and messages that may not be, or may not be here.

use embedded_io_async::{Read, Write};
use tls_session::reason::{CapacityError, Limit, NegotiationError, ProtocolViolation, StreamError};
use tls_session::{Accepted, Cause, Policy, Reason, Stage};

use crate::client::{Attempt, TestSession, chain};
use tls_doubles::io::{Faults, Wire};
use tls_doubles::keys::KeyKind;
use tls_doubles::message::{
    CERTIFICATE, CERTIFICATE_VERIFY, ENCRYPTED_EXTENSIONS, FINISHED, SERVER_HELLO,
};
use tls_doubles::pki::Family;
use tls_doubles::record::{ALERT, APPLICATION_DATA, CHANGE_CIPHER_SPEC, HANDSHAKE};
use tls_doubles::script::{Packing, Script, Step, Wrap};

pub(crate) fn family() -> Family {
    Family::new(KeyKind::P256)
}

pub(crate) fn good(family: &Family) -> Script {
    Script::good(&family.site())
}

/// Refused by a policy that verifies and by one that does not.
#[track_caller]
pub(crate) fn refused(family: &Family, script: &Script) -> Reason {
    let anchors: &[&[u8]] = &[&family.root.der];
    let loose = Attempt::new(script.clone(), Policy::danger_any_peer()).refused();
    let strict = Attempt::new(script.clone(), chain(anchors)).refused();
    assert_eq!(loose.cause, strict.cause);
    strict
}

pub(crate) const MESSAGES: [u8; 4] = [
    ENCRYPTED_EXTENSIONS,
    CERTIFICATE,
    CERTIFICATE_VERIFY,
    FINISHED,
];

#[test]
fn duty_17_no_handshake_message_counts_in_the_clear() {
    let family = family();
    for message in MESSAGES {
        let wrap = Wrap {
            encrypt: false,
            outer: HANDSHAKE,
            ..Wrap::default()
        };
        let reason = refused(&family, &good(&family).wrap_one(message, wrap));
        assert_eq!(
            reason.cause,
            Cause::Protocol(ProtocolViolation::RecordHere(HANDSHAKE)),
            "message {message}"
        );
    }
}

#[test]
fn duty_17_a_plaintext_alert_is_believed_only_before_there_are_keys() {
    let family = family();
    for (description, cause) in [
        (40, Cause::Negotiation(NegotiationError::NothingInCommon)),
        (70, Cause::Stream(StreamError::PeerAlert(70))),
        (112, Cause::Stream(StreamError::PeerAlert(112))),
    ] {
        let script = good(&family).before(SERVER_HELLO, Step::plain_alert(2, description));
        let reason = refused(&family, &script);
        assert_eq!(reason.cause, cause);
        assert_eq!(reason.stage, Stage::Hello);
    }
    for message in MESSAGES {
        for description in [0, 40, 48] {
            let script = good(&family).before(message, Step::plain_alert(2, description));
            let reason = refused(&family, &script);
            assert_eq!(
                reason.cause,
                Cause::Protocol(ProtocolViolation::PlaintextAlert(description))
            );
        }
    }
}

#[test]
fn duty_17_a_plaintext_alert_after_the_handshake_ends_the_session_by_its_name() {
    let reason = after_handshake(|wire| {
        wire.server_mut().send_raw_record(ALERT, 0x0303, &[1, 0]);
    });
    assert_eq!(
        reason.unwrap_err().cause,
        Cause::Protocol(ProtocolViolation::PlaintextAlert(0))
    );
}

#[test]
fn change_cipher_spec_is_dropped_where_it_may_be_and_refused_elsewhere() {
    let family = family();
    let anchors: &[&[u8]] = &[&family.root.der];
    for message in [&[SERVER_HELLO], &MESSAGES[..]].concat() {
        let script = good(&family).before(message, Step::change_cipher_spec());
        assert!(Attempt::new(script, chain(anchors)).exchange().is_ok());
    }
    // Between the pieces of ServerHello nothing may stand (RFC 8446 §5.1); in front of the first it may.
    for (size, expected) in [
        (1000, None),
        (50, Some(ProtocolViolation::RecordHere(CHANGE_CIPHER_SPEC))),
    ] {
        let wrap = Wrap {
            packing: Packing::Pieces(size),
            ccs_before_each: true,
            ..Wrap::default()
        };
        let script = good(&family).wrap_one(SERVER_HELLO, wrap);
        let result = Attempt::new(script, chain(anchors)).exchange();
        let cause = result.err().map(|reason| reason.cause);
        assert_eq!(cause, expected.map(Cause::Protocol));
    }
    let record = |body: &[u8]| Step::Record {
        kind: CHANGE_CIPHER_SPEC,
        version: 0x0303,
        body: body.to_vec(),
    };
    for body in [&[][..], &[0], &[2], &[1, 1]] {
        let script = good(&family).before(CERTIFICATE, record(body));
        assert_eq!(
            refused(&family, &script).cause,
            Cause::Protocol(ProtocolViolation::ChangeCipherSpec)
        );
    }
    // One after the other, without end.
    let some = |count| {
        (0..count).fold(good(&family), |script, _| {
            script.before(CERTIFICATE, Step::change_cipher_spec())
        })
    };
    assert!(Attempt::new(some(32), chain(anchors)).exchange().is_ok());
    assert_eq!(
        refused(&family, &some(33)).cause,
        Cause::Protocol(ProtocolViolation::ChangeCipherSpec)
    );
    let late = after_handshake(|wire| {
        wire.server_mut()
            .send_raw_record(CHANGE_CIPHER_SPEC, 0x0303, &[1]);
    });
    assert_eq!(
        late.unwrap_err().cause,
        Cause::Protocol(ProtocolViolation::RecordHere(CHANGE_CIPHER_SPEC))
    );
}

#[test]
fn duty_18_lengths_and_types_that_cannot_be() {
    let family = family();
    let length = |length| Cause::Protocol(ProtocolViolation::RecordLength(length));
    for at in MESSAGES {
        for declared in [0, 1, 16, 16_641, 16_642, 0xffff] {
            let step = Step::cut_record(APPLICATION_DATA, declared, &[0; 16]);
            let reason = refused(&family, &good(&family).before(at, step));
            assert_eq!(reason.cause, length(declared));
        }
        for kind in [0, 19, 24, 25, 64, 255] {
            let step = Step::Record {
                kind,
                version: 0x0303,
                body: vec![1, 2, 3],
            };
            let reason = refused(&family, &good(&family).before(at, step));
            assert_eq!(
                reason.cause,
                // Only as the first answer does it mean that this is no TLS (`flights`).
                Cause::Protocol(ProtocolViolation::RecordHere(kind))
            );
        }
        for version in [0x0300, 0x0301, 0x0302, 0x0304, 0x7f1c, 0] {
            let wrap = Wrap {
                version,
                ..Wrap::default()
            };
            let reason = refused(&family, &good(&family).wrap_one(at, wrap));
            assert_eq!(
                reason.cause,
                Cause::Protocol(ProtocolViolation::RecordVersion(version))
            );
        }
    }
    let empty = Step::cut_record(HANDSHAKE, 0, &[]);
    let reason = refused(&family, &good(&family).before(SERVER_HELLO, empty));
    assert_eq!(reason.cause, length(0));
    let early = Step::cut_record(APPLICATION_DATA, 40, &[0; 40]);
    let reason = refused(&family, &good(&family).before(SERVER_HELLO, early));
    assert_eq!(
        reason.cause,
        Cause::Protocol(ProtocolViolation::RecordHere(APPLICATION_DATA))
    );
    // A web server answers something else altogether.
    let http = Step::Bytes(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec());
    let reason = refused(&family, &good(&family).before(SERVER_HELLO, http));
    assert_eq!(
        reason.cause,
        Cause::Protocol(ProtocolViolation::RecordType(b'H'))
    );
    assert_eq!(reason.mbedtls(), -0x7200);
}

#[test]
#[expect(clippy::too_many_lines, reason = "one claim, case after case")]
fn duty_18_plaintexts_that_are_no_message() {
    let family = family();
    let cases: Vec<(Vec<u8>, Cause)> = vec![
        (vec![0], Cause::Protocol(ProtocolViolation::EmptyRecord)),
        (
            vec![0; 500],
            Cause::Protocol(ProtocolViolation::EmptyRecord),
        ),
        (
            vec![HANDSHAKE],
            Cause::Protocol(ProtocolViolation::EmptyRecord),
        ),
        (
            vec![HANDSHAKE, 0, 0, 0],
            Cause::Protocol(ProtocolViolation::EmptyRecord),
        ),
        (
            vec![APPLICATION_DATA],
            Cause::Protocol(ProtocolViolation::InnerType(APPLICATION_DATA)),
        ),
        (
            vec![1, CHANGE_CIPHER_SPEC],
            Cause::Protocol(ProtocolViolation::InnerType(CHANGE_CIPHER_SPEC)),
        ),
        (
            vec![1, 2, 3, 99],
            Cause::Protocol(ProtocolViolation::InnerType(99)),
        ),
        // Handshake types that are not of this flight.
        (
            vec![1, 0, 0, 0, HANDSHAKE],
            Cause::Protocol(ProtocolViolation::Message(1)),
        ),
        (
            vec![2, 0, 0, 0, HANDSHAKE],
            Cause::Protocol(ProtocolViolation::Message(2)),
        ),
        (
            vec![4, 0, 0, 0, HANDSHAKE],
            Cause::Protocol(ProtocolViolation::Message(4)),
        ),
        (
            vec![24, 0, 0, 1, 0, HANDSHAKE],
            Cause::Protocol(ProtocolViolation::Message(24)),
        ),
        (
            vec![254, 0, 0, 0, HANDSHAKE],
            Cause::Protocol(ProtocolViolation::Message(254)),
        ),
    ];
    for (plaintext, expected) in cases {
        for at in MESSAGES {
            let script = good(&family).before(at, Step::InnerBytes(plaintext.clone()));
            let reason = refused(&family, &script);
            assert_eq!(reason.cause, expected, "{plaintext:02x?} before {at}");
        }
    }
    // The content type is the last byte that may be there.
    for (len, expected) in [
        (1 << 14, ProtocolViolation::InnerType(1)),
        ((1 << 14) + 1, ProtocolViolation::InnerType(1)),
        ((1 << 14) + 2, ProtocolViolation::PlaintextLength),
        ((1 << 14) + 240, ProtocolViolation::PlaintextLength),
    ] {
        for byte in [0, 1] {
            let mut inner = vec![byte; len];
            inner[0] = 1;
            let step = Step::InnerBytes(inner);
            let reason = refused(&family, &good(&family).before(CERTIFICATE, step));
            assert_eq!(reason.cause, Cause::Protocol(expected), "{len} {byte}");
        }
    }
}

/// A session is open; the server does something; what does the next read say?
pub(crate) fn after_handshake(then: impl Fn(&Wire)) -> Result<Vec<u8>, Reason> {
    let family = family();
    let anchors: &[&[u8]] = &[&family.root.der];
    let read = async |mut session: TestSession<'_>, wire: &Wire| {
        let (mut rx, mut tx) = session.split();
        tx.write_all(b"ping").await?;
        tx.flush().await?;
        then(wire);
        let mut all = Vec::new();
        let mut buffer = [0; 700];
        loop {
            match rx.read(&mut buffer).await {
                Ok(0) => break Ok(all),
                Ok(count) => all.extend(&buffer[..count]),
                Err(reason) => {
                    // Dead means dead, in both directions, with the same reason.
                    assert_eq!(rx.read(&mut buffer).await, Err(reason.clone()));
                    assert_eq!(tx.write_all(b"more").await, Err(reason.clone()));
                    assert_eq!(wire.server().seen().app, b"ping");
                    break Err(reason);
                }
            }
        }
    };
    let (result, _) = Attempt::new(good(&family), chain(anchors)).with(read);
    result.unwrap()
}

#[test]
fn duty_18_after_the_handshake_too() {
    for (content, kind, expected) in [
        (
            &b""[..],
            HANDSHAKE,
            Cause::Protocol(ProtocolViolation::EmptyRecord),
        ),
        (b"", 0, Cause::Protocol(ProtocolViolation::EmptyRecord)),
        (
            b"\0\0\0",
            0,
            Cause::Protocol(ProtocolViolation::EmptyRecord),
        ),
        (b"x", 99, Cause::Protocol(ProtocolViolation::InnerType(99))),
        (
            b"\x01",
            CHANGE_CIPHER_SPEC,
            Cause::Protocol(ProtocolViolation::InnerType(CHANGE_CIPHER_SPEC)),
        ),
        (b"", ALERT, Cause::Protocol(ProtocolViolation::AlertLength)),
        (
            b"\x02",
            ALERT,
            Cause::Protocol(ProtocolViolation::AlertLength),
        ),
        (
            b"\x02\x28\x02\x28",
            ALERT,
            Cause::Protocol(ProtocolViolation::AlertLength),
        ),
        (
            &[1; (1 << 14) + 1],
            APPLICATION_DATA,
            Cause::Protocol(ProtocolViolation::PlaintextLength),
        ),
        (
            &[0; (1 << 14) + 1],
            0,
            Cause::Protocol(ProtocolViolation::PlaintextLength),
        ),
    ] {
        let reason = after_handshake(|wire| wire.server_mut().send_raw_inner(kind, content));
        assert_eq!(reason.unwrap_err().cause, expected, "{content:?} {kind}");
    }
}

#[test]
fn duty_19_tickets_are_ignored_and_nothing_else_gets_through() {
    let data = after_handshake(|wire| {
        let mut server = wire.server_mut();
        server.send_tickets(4);
        server.send_app(b"pong");
        server.send_tickets(1);
        server.send_close_notify();
    });
    assert_eq!(data, Ok(b"pong".to_vec()));

    let update = after_handshake(|wire| wire.server_mut().send_key_update(true));
    assert_eq!(
        update.unwrap_err().cause,
        Cause::Protocol(ProtocolViolation::KeyUpdate)
    );

    // Every message of a handshake, well-formed or not, and those that never were.
    for kind in 0..=255_u8 {
        for body in [&[][..], &[0; 3], &[0; 64]] {
            let mut message = vec![kind, 0, 0, u8::try_from(body.len()).unwrap()];
            message.extend(body);
            let result = after_handshake(|wire| {
                let mut server = wire.server_mut();
                server.send_raw_inner(HANDSHAKE, &message);
                server.send_close_notify();
            });
            match kind {
                4 => assert_eq!(result, Ok(Vec::new())),
                24 => assert_eq!(
                    result.unwrap_err().cause,
                    Cause::Protocol(ProtocolViolation::KeyUpdate)
                ),
                other => assert_eq!(
                    result.unwrap_err().cause,
                    Cause::Protocol(ProtocolViolation::PostHandshake(other))
                ),
            }
        }
    }
}

#[test]
fn a_server_that_only_keeps_us_busy_is_left() {
    let reason = after_handshake(|wire| wire.server_mut().send_tickets(200));
    assert!(matches!(
        reason.unwrap_err().cause,
        Cause::Capacity(CapacityError::TooLarge {
            what: Limit::IdleRecords,
            ..
        })
    ));
}

#[test]
fn duty_20_packings_that_work() {
    let family = family();
    let anchors: &[&[u8]] = &[&family.root.der];
    for packing in [Packing::Each, Packing::Coalesced] {
        for padding in [0, 1, 255, 4000] {
            for chunk in [0, 1, 2, 7, 100] {
                let wrap = Wrap {
                    packing,
                    padding,
                    ..Wrap::default()
                };
                let faults = Faults {
                    chunk,
                    hesitant: chunk == 7,
                    write_chunk: chunk,
                    ..Faults::default()
                };
                let script = good(&family).wrap(wrap);
                let result = Attempt::new(script, chain(anchors))
                    .faults(faults)
                    .exchange();
                assert!(result.is_ok(), "{packing:?} {padding} {chunk}: {result:?}");
            }
        }
    }
    // ServerHello may come in records of any size, even of one byte.
    for size in [1, 2, 3, 50] {
        let wrap = Wrap {
            packing: Packing::Pieces(size),
            ..Wrap::default()
        };
        let script = good(&family).wrap_one(SERVER_HELLO, wrap);
        let result = Attempt::new(script, chain(anchors)).exchange();
        assert!(result.is_ok(), "{size}: {result:?}");
    }
}

#[test]
fn duty_20_a_split_message_names_the_limit() {
    let family = family();
    for size in [1, 3, 4, 5, 100, 500] {
        let wrap = Wrap {
            packing: Packing::Pieces(size),
            ..Wrap::default()
        };
        let script = good(&family).wrap_one(CERTIFICATE, wrap);
        let reason = refused(&family, &script);
        match reason.cause {
            Cause::Protocol(ProtocolViolation::SplitMessage {
                message: CERTIFICATE,
                needed,
                ..
            }) => assert_eq!(needed.is_some(), size > 4, "{size}"),
            other => panic!("{size}: {other:?}"),
        }
        assert!(reason.to_string().contains("must fit one"), "{reason}");
    }
}

#[test]
fn duty_20_data_of_every_size_up_to_the_largest_record() {
    for size in [1, 2, 699, 700, 701, 4096, 16_383, 16_384, 70_000] {
        let data: Vec<u8> = (0..size)
            .map(|at| u8::try_from(at % 251).unwrap())
            .collect();
        let received = after_handshake(|wire| {
            let mut server = wire.server_mut();
            server.send_app(&data);
            server.send_close_notify();
        });
        assert_eq!(received.unwrap(), data);
    }
}

#[test]
fn duty_22_an_alert_is_in_the_reason_wherever_it_comes() {
    let family = family();
    for description in [10, 40, 42, 48, 51, 70, 80, 116, 120, 200] {
        for at in MESSAGES {
            let alert = Step::Alert {
                level: 2,
                description,
            };
            let reason = refused(&family, &good(&family).before(at, alert));
            assert_eq!(
                reason.cause,
                Cause::Stream(StreamError::PeerAlert(description))
            );
            assert_eq!(reason.mbedtls(), -0x7780);
            assert!(reason.to_string().contains(&format!("({description})")));
        }
        let reason = after_handshake(|wire| wire.server_mut().send_alert(2, description));
        assert_eq!(
            reason.unwrap_err().cause,
            Cause::Stream(StreamError::PeerAlert(description))
        );
    }
    // A server that wants a certificate says so after our Finished.
    let reason = after_handshake(|wire| wire.server_mut().send_alert(2, 116)).unwrap_err();
    assert_eq!(
        reason.to_string(),
        "server alert: certificate required (116): server wants a certificate from us, and got none"
    );
    // user_canceled announces a close and is no failure.
    let closed = after_handshake(|wire| {
        wire.server_mut().send_alert(1, 90);
        wire.server_mut().send_close_notify();
    });
    assert_eq!(closed, Ok(Vec::new()));
}

#[test]
fn duty_28_asked_for_a_certificate_we_have_none() {
    let family = family();
    let anchors: &[&[u8]] = &[&family.root.der];
    let script = good(&family).asks_certificate();
    let (result, wire) =
        Attempt::new(script, chain(anchors)).with(async |session, _| session.accepted());
    assert_eq!(
        result,
        Ok(Accepted::Path {
            anchor: 0,
            intermediates: 1
        })
    );
    assert_eq!(wire.server().seen().certificate, Some(Vec::new()));
    assert!(wire.server().seen().finished);
}
