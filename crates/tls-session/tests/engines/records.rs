//! What a TLS 1.3 server may send once the session is open, and how much of it is taken.

use embassy_futures::poll_once;
use embedded_io_async::{Read, Write};
use tls_session::reason::{CapacityError, Limit, ProtocolViolation, StreamError};
use tls_session::{Cause, Reason, Stage};

use tls_doubles::codec::{extensions, vec16};
use tls_doubles::io::Wire;
use tls_doubles::keys::KeyKind;
use tls_doubles::message::{
    CERTIFICATE, CERTIFICATE_REQUEST, CERTIFICATE_VERIFY, ENCRYPTED_EXTENSIONS, FINISHED, Message,
    frame, ticket,
};
use tls_doubles::pki::Family;
use tls_doubles::record::{ALERT, APPLICATION_DATA, HANDSHAKE, TLS_1_2};
use tls_doubles::script::{Packing, Script, Step, Wrap};
use tls_doubles::server::Server;

use crate::client::{Attempt, TestSession, chain, expect};

const NEW_SESSION_TICKET: u8 = 4;
const KEY_UPDATE: u8 = 24;

/// Opens a session of TLS 1.3 and lets `then` use it.
#[track_caller]
fn open<T>(
    then: impl AsyncFnOnce(TestSession<'_, Server>, &Wire) -> Result<T, Reason>,
) -> (Result<T, Reason>, Wire) {
    let family = Family::new(KeyKind::P256);
    let anchors: &[&[u8]] = &[&family.root.der];
    let server = Server::new(Script::good(&family.site()));
    let (result, wire) = Attempt::new(server, chain(anchors)).with(then);
    assert_eq!(wire.server().seen().violations, []);
    (result.unwrap(), wire)
}

/// Data of the server come through, and ours.
async fn alive(session: &mut TestSession<'_, Server>, wire: &Wire) -> Result<(), Reason> {
    let (mut rx, mut tx) = session.split();
    let before = wire.server().seen().app.len();
    tx.write_all(b"ping").await?;
    tx.flush().await?;
    assert_eq!(wire.server().seen().app[before..], *b"ping");
    wire.server_mut().send_app(b"pong");
    expect(&mut rx, b"pong").await
}

/// What one read ends with, after `send`.
fn refused(send: impl Fn(&mut Server)) -> (Cause, Vec<u8>) {
    let (result, wire) = open(async |mut session, wire| {
        alive(&mut session, wire).await?;
        send(&mut wire.server_mut());
        let (mut rx, mut tx) = session.split();
        let reason = rx.read(&mut [0; 64]).await.unwrap_err();
        assert_eq!(reason.stage, Stage::Data);
        // The session is dead, and says the same again.
        assert_eq!(rx.read(&mut [0; 64]).await, Err(reason.clone()));
        assert_eq!(tx.write(b"more").await, Err(reason.clone()));
        assert_eq!(session.close().await, Err(reason.clone()));
        Ok(reason.cause)
    });
    let server = wire.server();
    assert_eq!(server.seen().app, b"ping");
    assert!(!server.seen().close_notify());
    (result.unwrap(), server.seen().refusals())
}

fn protocol(error: ProtocolViolation) -> Cause {
    Cause::Protocol(error)
}

#[test]
fn duty_89_sixty_four_tickets_in_a_row_and_not_one_more() {
    let (result, _) = open(async |mut session, wire| {
        for _ in 0..3 {
            wire.server_mut().send_tickets(64);
            // Data restart the count.
            alive(&mut session, wire).await?;
        }
        Ok(())
    });
    assert_eq!(result, Ok(()));
    let (cause, alerts) = refused(|server| server.send_tickets(65));
    assert_eq!(
        (cause, alerts),
        (protocol(ProtocolViolation::TicketFlood), vec![10])
    );
}

#[test]
fn duty_75_the_thirty_third_key_update_in_a_row_is_too_many() {
    for asked in [false, true] {
        let (result, wire) = open(async |mut session, wire| {
            for _ in 0..3 {
                for _ in 0..32 {
                    wire.server_mut().send_key_update(asked);
                }
                alive(&mut session, wire).await?;
            }
            Ok(())
        });
        assert_eq!(result, Ok(()), "{asked}");
        assert!(wire.server().seen().key_updates <= 3);
        let (cause, alerts) = refused(|server| {
            for _ in 0..33 {
                server.send_key_update(asked);
            }
        });
        assert_eq!(cause, protocol(ProtocolViolation::KeyUpdateFlood));
        assert_eq!(alerts, [10], "{asked}");
    }
}

#[test]
fn duty_60_the_thirty_third_empty_record_in_a_row_is_too_many() {
    let empty = |server: &mut Server, count| {
        for _ in 0..count {
            server.send_raw_inner(APPLICATION_DATA, &[]);
        }
    };
    let (result, _) = open(async |mut session, wire| {
        for _ in 0..3 {
            empty(&mut wire.server_mut(), 32);
            alive(&mut session, wire).await?;
        }
        Ok(())
    });
    assert_eq!(result, Ok(()));
    let limit = |needed, limit| CapacityError::TooLarge {
        what: Limit::IdleRecords,
        needed,
        limit,
    };
    let (cause, alerts) = refused(|server| empty(server, 33));
    assert_eq!((cause, alerts), (limit(33, 32).into(), vec![10]));
    // Tickets in between make the engine forget them, but not the session.
    let (cause, alerts) = refused(|server| {
        for _ in 0..4 {
            empty(server, 16);
            server.send_tickets(1);
        }
    });
    assert_eq!((cause, alerts), (limit(65, 64).into(), vec![10]));
}

#[test]
fn duty_90_canceled_by_the_user_is_no_end_until_close_notify() {
    let (result, _) = open(async |mut session, wire| {
        // RFC 9846 §6: the level says nothing.
        for level in [1, 2, 2, 1] {
            wire.server_mut().send_alert(level, 90);
        }
        alive(&mut session, wire).await?;
        wire.server_mut().send_close_notify();
        let (mut rx, _) = session.split();
        assert_eq!(rx.read(&mut [0; 8]).await, Ok(0));
        session.close().await
    });
    assert_eq!(result, Ok(()));
    let (cause, alerts) = refused(|server| (0..5).for_each(|_| server.send_alert(1, 90)));
    assert_eq!(cause, protocol(ProtocolViolation::TooManyAlerts));
    assert_eq!(alerts, [10]);
}

#[test]
fn duty_91_every_other_alert_ends_the_session_and_keeps_its_number() {
    for number in [10, 20, 40, 46, 70, 80, 112, 117, 255] {
        for level in [1, 2] {
            let (cause, alerts) = refused(|server| server.send_alert(level, number));
            assert_eq!(cause, StreamError::PeerAlert(number).into(), "{level}");
            assert!(alerts.len() <= 1, "{alerts:?}");
        }
    }
}

/// Whoever does not resume ignores tickets, whatever is in them and wherever they are cut (RFC 9846 §4.7.1).
#[test]
fn duty_85_tickets_of_any_form_are_ignored() {
    let broken: Vec<Vec<u8>> = [
        &[][..],
        &[0, 0, 1],
        &[0; 13],
        // An empty ticket; a nonce that is longer than the message; extensions twice, and bytes behind them.
        &[0, 0, 0, 9, 1, 2, 3, 4, 0, 0, 0, 0, 0],
        &[0, 0, 0, 9, 1, 2, 3, 4, 200, 1, 1],
        &[0xff; 60],
    ]
    .into_iter()
    .map(|body| frame(NEW_SESSION_TICKET, body))
    .collect();
    let (result, _) = open(async |mut session, wire| {
        for whole in broken.iter().chain([&ticket(7), &broken.concat()]) {
            for cut in 0..whole.len() {
                for part in [&whole[..cut], &whole[cut..]] {
                    if !part.is_empty() {
                        wire.server_mut().send_raw_inner(HANDSHAKE, part);
                    }
                }
                alive(&mut session, wire).await?;
            }
        }
        // With a message that counts behind it.
        wire.server_mut().send_raw_inner(HANDSHAKE, &broken[1]);
        wire.server_mut().send_key_update(true);
        alive(&mut session, wire).await
    });
    assert_eq!(result, Ok(()));
    // It is no way to hide another message.
    let hidden = [broken[0].clone(), frame(99, &[1])].concat();
    let (_, alerts) = refused(|server| server.send_raw_inner(HANDSHAKE, &hidden));
    assert_eq!(alerts, [10]);
}

/// Not before the handshake is over, in whatever form.
#[test]
fn duty_85_a_ticket_in_the_handshake_is_out_of_place() {
    let family = Family::new(KeyKind::P256);
    let anchors: &[&[u8]] = &[&family.root.der];
    for kind in [
        ENCRYPTED_EXTENSIONS,
        CERTIFICATE,
        CERTIFICATE_VERIFY,
        FINISHED,
    ] {
        for body in [&[][..], &[0, 0, 1], &ticket(1)[4..]] {
            for packing in [Packing::Each, Packing::Coalesced, Packing::Pieces(7)] {
                let message = Message::Raw(NEW_SESSION_TICKET, body.to_vec());
                let script = Script::good(&family.site()).before(kind, Step::Send(message));
                let wrap = Wrap {
                    packing,
                    ..Wrap::default()
                };
                let attempt = Attempt::new(Server::new(script.wrap(wrap)), chain(anchors));
                let (reason, wire) = attempt.refused();
                assert!(matches!(reason.cause, Cause::Protocol(_)), "{reason:?}");
                assert_eq!(wire.server().seen().refusals(), [10], "{kind} {packing:?}");
            }
        }
    }
}

/// What must not come, each with its alert.
#[test]
fn duty_74_and_84_messages_that_do_not_belong_after_the_handshake() {
    let message = |kind, body: &[u8]| frame(kind, body);
    for (what, content, expected) in [
        ("KeyUpdate of 2", message(KEY_UPDATE, &[2]), 47),
        ("empty KeyUpdate", message(KEY_UPDATE, &[]), 50),
        (
            "KeyUpdate and a ticket",
            [message(KEY_UPDATE, &[0]), ticket(1)].concat(),
            10,
        ),
        (
            "CertificateRequest",
            message(CERTIFICATE_REQUEST, &[0, 0, 8, 0, 13, 0, 4, 0, 2, 4, 3]),
            10,
        ),
        ("HelloRequest", message(0, &[]), 10),
        ("ClientHello", message(1, &[0; 40]), 50),
        ("Finished", message(20, &[0; 32]), 10),
        ("unknown", message(99, &[1]), 10),
    ] {
        let (cause, alerts) = refused(|server| server.send_raw_inner(HANDSHAKE, &content));
        assert_eq!(alerts, [expected], "{what}: {cause:?}");
    }
}

#[test]
fn duty_18_records_that_cannot_be() {
    type Send = fn(&mut Server);
    let length = |length| protocol(ProtocolViolation::RecordLength(length));
    let cases: &[(Send, Cause, &[u8])] = &[
        (
            |s| s.send_raw_record(24, TLS_1_2, &[1, 0, 0]),
            protocol(ProtocolViolation::RecordHere(24)),
            &[10],
        ),
        (
            |s| s.send_raw_record(23, 0x0203, &[0; 40]),
            protocol(ProtocolViolation::RecordVersion(0x0203)),
            &[10],
        ),
        (
            |s| s.send_raw_record(23, TLS_1_2, &[0; 16_641]),
            length(16_641),
            &[22],
        ),
        (
            |s| s.send_raw_record(23, TLS_1_2, &[0; 40]),
            protocol(ProtocolViolation::BadRecordMac),
            &[20],
        ),
        (
            |s| s.send_raw_record(23, TLS_1_2, &[0; 3]),
            protocol(ProtocolViolation::BadRecordMac),
            &[20],
        ),
        // An alert in the clear.
        (
            |s| s.send_raw_record(ALERT, TLS_1_2, &[2, 40]),
            protocol(ProtocolViolation::BadRecordMac),
            &[20],
        ),
        (
            |s| s.send_raw_inner(APPLICATION_DATA, &[0; (1 << 14) + 1]),
            protocol(ProtocolViolation::PlaintextLength),
            &[22],
        ),
    ];
    for (index, (send, expected, alerts)) in cases.iter().enumerate() {
        assert_eq!(refused(send), (*expected, alerts.to_vec()), "{index}");
    }
}

/// rustls has positions in an incomplete message, whichever direction runs. Of a ticket it sees nothing.
#[test]
fn duty_78_the_other_direction_works_while_a_message_is_incomplete() {
    let update = frame(KEY_UPDATE, &[0]);
    for (whole, is_update) in [(ticket(7), false), (update, true)] {
        for cut in 1..whole.len() {
            let (result, wire) = open(async |mut session, wire| {
                alive(&mut session, wire).await?;
                wire.server_mut().send_raw_inner(HANDSHAKE, &whole[..cut]);
                let (mut rx, mut tx) = session.split();
                assert!(poll_once(rx.read(&mut [0; 8])).is_pending(), "{cut}");
                for _ in 0..3 {
                    tx.write_all(b"more").await?;
                    tx.flush().await?;
                }
                wire.server_mut().send_raw_inner(HANDSHAKE, &whole[cut..]);
                if is_update {
                    wire.server_mut().update_key();
                }
                wire.server_mut().send_app(b"then");
                expect(&mut rx, b"then").await?;
                // Again, and now the end.
                wire.server_mut().send_raw_inner(HANDSHAKE, &whole[..cut]);
                assert!(poll_once(rx.read(&mut [0; 8])).is_pending(), "{cut}");
                tx.write_all(b"last").await?;
                session.close().await
            });
            assert_eq!(result, Ok(()), "{cut}");
            let server = wire.server();
            assert_eq!(server.seen().app, b"pingmoremoremorelast");
            assert!(server.seen().close_notify());
        }
    }
}

/// Whatever comes in the middle of a message ends the session, and nothing is said twice.
#[test]
fn duty_80_an_error_in_the_middle_of_a_message() {
    type Send = fn(&mut Server);
    let cases: &[(Send, &str, &str)] = &[
        (|s| s.send_app(b"data"), "protocol", "protocol"),
        (|s| s.send_alert(1, 0), "protocol", "protocol"),
        (|s| s.send_alert(2, 40), "protocol", "protocol"),
        (
            |s| s.send_raw_record(23, TLS_1_2, &[7; 60]),
            "bad_record_mac",
            "bad_record_mac",
        ),
        // rustls knows of a KeyUpdate that it is not whole, but not of a ticket.
        (
            |s| s.send_raw_record(20, TLS_1_2, &[1]),
            "bad_record_mac",
            "protocol",
        ),
        (
            |s| s.send_raw_inner(HANDSHAKE, &[0xff; 200]),
            "too_large",
            "too_large",
        ),
        (|s| s.send_raw_inner(99, &[1]), "protocol", "protocol"),
        (
            |s| s.send_raw_inner(APPLICATION_DATA, &[]),
            "protocol",
            "protocol",
        ),
    ];
    for (index, (send, in_update, in_ticket)) in cases.iter().enumerate() {
        for (half, code) in [
            (&frame(KEY_UPDATE, &[0])[..3], in_update),
            (&ticket(1)[..9], in_ticket),
        ] {
            let (cause, alerts) = refused(|server| {
                server.send_raw_inner(HANDSHAKE, half);
                send(server);
                send(server);
            });
            assert_eq!(cause.code(), *code, "{index}: {cause:?}");
            assert_eq!(alerts.len(), 1, "{index}: {alerts:?}");
        }
    }
}

/// One more than the limit is refused when its header is read; at the limit it is a matter of its content.
#[test]
fn duty_81_handshake_messages_have_a_longest() {
    let family = Family::new(KeyKind::P256);
    let anchors: &[&[u8]] = &[&family.root.der];
    let filled = |kind: u8, len: usize| match kind {
        // supported_groups, which nobody reads.
        ENCRYPTED_EXTENSIONS => vec16(&extensions(&[(10, vec16(&vec![0; len - 8]))])),
        CERTIFICATE_REQUEST => {
            let schemes = (13, vec![0, 2, 4, 3]);
            let list = extensions(&[schemes, (47, vec16(&vec16(&vec![0x31; len - 19])))]);
            [vec![0], vec16(&list)].concat()
        }
        _ => vec![0; len],
    };
    for (kind, limit) in [
        (ENCRYPTED_EXTENSIONS, 2048_usize),
        (CERTIFICATE_REQUEST, 20 * 1024),
        (CERTIFICATE, 16 * 1024),
    ] {
        for len in [limit - 2, limit, limit + 1, 0x00ff_ffff] {
            let mut bytes = frame(kind, &filled(kind, len.min(limit + 1)));
            bytes[1..4].copy_from_slice(&u32::try_from(len).unwrap().to_be_bytes()[1..]);
            let script = Script::good(&family.site())
                .replace(ENCRYPTED_EXTENSIONS, Step::Send(Message::Bytes(bytes)))
                .wrap(Wrap {
                    packing: Packing::Pieces(1000),
                    ..Wrap::default()
                });
            let script = match kind {
                ENCRYPTED_EXTENSIONS => script,
                _ => script.before(
                    CERTIFICATE,
                    Step::Send(Message::EncryptedExtensions(vec![])),
                ),
            };
            let attempt = Attempt::new(Server::new(script), chain(anchors));
            let (result, wire) = attempt.with(async |_, _| ());
            let cause = result.err().map(|reason| reason.cause);
            let too_large = Cause::Capacity(CapacityError::TooLarge {
                what: Limit::HandshakeMessage,
                needed: u32::try_from(len).unwrap(),
                limit: u32::try_from(limit).unwrap(),
            });
            assert_eq!(
                cause == Some(too_large),
                len > limit,
                "{kind} {len}: {cause:?}"
            );
            if len > limit {
                assert_eq!(wire.server().seen().refusals(), [50], "{kind} {len}");
            }
        }
    }
}
