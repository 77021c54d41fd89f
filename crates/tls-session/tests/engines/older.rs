//! What a TLS 1.2 server may send once the session is open: by one whose keys the test has taken.

use embedded_io_async::{Read, Write};
use tls_session::reason::{CapacityError, Limit, ProtocolViolation, StreamError};
use tls_session::verify::Version;
use tls_session::{Cause, Reason, Stage};

use tls_doubles::codec::vec16;
use tls_doubles::io::Wire;
use tls_doubles::keys::KeyKind;
use tls_doubles::message::{NEW_SESSION_TICKET, SERVER_HELLO, frame};
use tls_doubles::pki::Family;
use tls_doubles::record::{TLS_1_2, plain};

use crate::client::{Attempt, TestSession, chain, exchange, expect};
use crate::peer::{Direction, Keys, Peer, Serves, messages, records};

const SESSION_TICKET: u16 = 35;

/// HelloRequest, whole.
const HELLO_REQUEST: [u8; 4] = [0; 4];
const NO_RENEGOTIATION: [u8; 2] = [1, 100];

/// Opens a session of TLS 1.2 and lets `then` use it, with the server's keys.
fn open<T>(
    then: impl AsyncFnOnce(TestSession<'_>, &Wire<Peer>, Keys) -> Result<T, Reason>,
) -> Result<T, Reason> {
    let family = Family::new(KeyKind::P256);
    let anchors: &[&[u8]] = &[&family.root.der];
    let serves = Serves {
        suites: vec![0xc02b],
        ..Serves::only(&family.site(), Version::Tls12)
    };
    let (result, _) =
        Attempt::new(serves.peer(), chain(anchors)).with(async |mut session, wire| {
            exchange(&mut session, wire, 100).await?;
            let keys = wire.server_mut().take_keys();
            then(session, wire, keys).await
        });
    result.unwrap()
}

fn send(wire: &Wire<Peer>, keys: &mut Direction, kind: u8, content: &[u8]) {
    let record = keys.seal(kind, content);
    wire.server_mut().send_raw(&record);
}

/// The client's records from `from` on, opened.
fn came(wire: &Wire<Peer>, keys: &mut Direction, from: usize) -> Vec<(u8, Vec<u8>)> {
    let server = wire.server();
    let all = records(&server.came()[from..]).into_iter();
    all.map(|record| keys.open(record)).collect()
}

/// What one read ends with after these records, and what the client said then.
fn refused(list: &[(u8, &[u8])]) -> (Cause, Vec<(u8, Vec<u8>)>) {
    let outcome = open(async |mut session, wire, mut keys| {
        let from = wire.server().came().len();
        for (kind, content) in list {
            send(wire, &mut keys.send, *kind, content);
        }
        let (mut rx, mut tx) = session.split();
        let reason = rx.read(&mut [0; 64]).await.unwrap_err();
        assert_eq!(reason.stage, Stage::Data);
        assert_eq!(tx.write(b"more").await, Err(reason.clone()));
        assert_eq!(session.close().await, Err(reason.clone()));
        Ok((reason.cause, came(wire, &mut keys.receive, from)))
    });
    outcome.unwrap()
}

#[test]
fn duty_58_the_first_renegotiation_is_declined_and_the_second_ends_it() {
    let result = open(async |mut session, wire, mut keys| {
        let from = wire.server().came().len();
        send(wire, &mut keys.send, 22, &HELLO_REQUEST);
        send(wire, &mut keys.send, 23, b"data");
        let (mut rx, mut tx) = session.split();
        expect(&mut rx, b"data").await?;
        tx.write_all(b"ours").await?;
        tx.flush().await?;
        let expected = vec![(21, NO_RENEGOTIATION.to_vec()), (23, b"ours".to_vec())];
        assert_eq!(came(wire, &mut keys.receive, from), expected);
        session.close().await
    });
    assert_eq!(result, Ok(()));
    let twice = [HELLO_REQUEST, HELLO_REQUEST].concat();
    let one_each: [(u8, &[u8]); 2] = [(22, &HELLO_REQUEST), (22, &HELLO_REQUEST)];
    for list in [&one_each[..], &[(22, &twice)]] {
        let (cause, came) = refused(list);
        assert_eq!(cause, ProtocolViolation::Renegotiation.into());
        assert_eq!(came[0], (21, NO_RENEGOTIATION.to_vec()));
        assert_eq!(came[1..], [(21, vec![2, 10])]);
    }
    // With a body it is none.
    let (cause, came) = refused(&[(22, &[0, 0, 0, 1, 7])]);
    let limit = CapacityError::TooLarge {
        what: Limit::HandshakeMessage,
        needed: 1,
        limit: 0,
    };
    assert_eq!((cause, came), (limit.into(), vec![(21, vec![2, 50])]));
}

#[test]
fn duty_60_empty_records_of_data_are_legal_and_counted() {
    let result = open(async |mut session, wire, mut keys| {
        for _ in 0..3 {
            for _ in 0..32 {
                send(wire, &mut keys.send, 23, &[]);
            }
            send(wire, &mut keys.send, 23, b"data");
            let (mut rx, _) = session.split();
            expect(&mut rx, b"data").await?;
        }
        session.close().await
    });
    assert_eq!(result, Ok(()));
    let (cause, came) = refused(&[(23, &[][..]); 33]);
    assert_eq!(came, [(21, vec![2, 10])]);
    let limit = CapacityError::TooLarge {
        what: Limit::IdleRecords,
        needed: 33,
        limit: 32,
    };
    assert_eq!(cause, limit.into());
    for kind in [22, 21] {
        let (_, came) = refused(&[(kind, &[])]);
        assert_eq!(came, [(21, vec![2, 50])], "{kind}");
    }
}

#[test]
fn duty_63_four_warnings_are_ignored_and_the_fifth_ends_it() {
    let result = open(async |mut session, wire, mut keys| {
        for number in [112, 90, 41, 255] {
            send(wire, &mut keys.send, 21, &[1, number]);
        }
        send(wire, &mut keys.send, 23, b"data");
        let (mut rx, _) = session.split();
        expect(&mut rx, b"data").await?;
        session.close().await
    });
    assert_eq!(result, Ok(()));
    let (cause, came) = refused(&[(21, &[1, 112][..]); 5]);
    assert_eq!(cause, ProtocolViolation::TooManyAlerts.into());
    assert_eq!(came, [(21, vec![2, 10])]);
}

#[test]
fn duty_64_alerts_that_are_none() {
    // Of level 0 and 3.
    for level in [0, 3] {
        let (_, came) = refused(&[(21, &[level, 40])]);
        assert_eq!(came, [(21, vec![2, 47])], "{level}");
    }
    // One byte of two.
    let (_, came) = refused(&[(21, &[2])]);
    assert_eq!(came, [(21, vec![2, 50])]);
    // A fatal one has its number.
    let (cause, came) = refused(&[(21, &[2, 80])]);
    assert_eq!((cause, came), (StreamError::PeerAlert(80).into(), vec![]));
}

#[test]
fn duty_67_a_close_notify_ends_the_stream_and_ours_follows() {
    let result = open(async |mut session, wire, mut keys| {
        let from = wire.server().came().len();
        send(wire, &mut keys.send, 23, b"last");
        send(wire, &mut keys.send, 21, &[1, 0]);
        // What comes behind it is not read.
        send(wire, &mut keys.send, 23, b"nothing");
        let (mut rx, _) = session.split();
        expect(&mut rx, b"last").await?;
        for _ in 0..2 {
            assert_eq!(rx.read(&mut [0; 8]).await, Ok(0));
        }
        session.close().await?;
        assert_eq!(came(wire, &mut keys.receive, from), [(21, vec![1, 0])]);
        Ok(())
    });
    assert_eq!(result, Ok(()));
}

#[test]
fn duty_25_an_end_without_close_notify_is_another() {
    let result = open(async |mut session, wire, mut keys| {
        send(wire, &mut keys.send, 23, b"last");
        wire.server_mut().close();
        let (mut rx, _) = session.split();
        expect(&mut rx, b"last").await?;
        rx.read(&mut [0; 8]).await
    });
    assert_eq!(result.unwrap_err().cause, StreamError::PeerEof.into());
}

#[test]
fn duty_56_and_96_records_that_cannot_be() {
    let (cause, _) = refused(&[(20, &[1])]);
    assert!(matches!(cause, Cause::Protocol(_)), "{cause:?}");
    let (cause, said) = refused(&[(22, &[1, 0, 0, 1, 0])]);
    assert!(matches!(cause, Cause::Protocol(_)), "{cause:?}");
    assert_eq!(said.len(), 1);
    let result = open(async |mut session, wire, mut keys| {
        let from = wire.server().came().len();
        wire.server_mut().send_raw(&[23, 3, 3, 0x41, 0x01]);
        let (mut rx, _) = session.split();
        let reason = rx.read(&mut [0; 8]).await.unwrap_err();
        assert_eq!(came(wire, &mut keys.receive, from), [(21, vec![2, 22])]);
        Ok(reason.cause)
    });
    let length = ProtocolViolation::RecordLength(0x4101);
    assert_eq!(result, Ok(length.into()));
}

/// No session is resumed, so no ticket is asked for, and one that comes all the same is none of this handshake.
#[test]
fn duty_65_a_ticket_that_was_not_promised_is_refused() {
    let family = Family::new(KeyKind::P256);
    let anchors: &[&[u8]] = &[&family.root.der];
    let serves = Serves::only(&family.site(), Version::Tls12);
    for body in [&[][..], &[0; 6], &[0, 0, 0, 9, 0, 2, 7, 7], &[0xff; 100]] {
        let ticket = frame(NEW_SESSION_TICKET, body);
        let peer = serves.peer().edited(move |record| match record[0] {
            // Before the server's change_cipher_spec (RFC 5077 §3.3).
            20 => [plain(22, TLS_1_2, &ticket), record].concat(),
            _ => record,
        });
        let (reason, wire) = Attempt::new(peer, chain(anchors)).refused();
        assert!(matches!(reason.cause, Cause::Protocol(_)), "{reason:?}");
        let hellos = wire.server().client_hellos();
        assert_eq!(hellos[0].extension(SESSION_TICKET), None);
        // Encrypted already: our Finished is out.
        assert!(wire.server().alert().is_some());
    }
    // The promise is refused as well.
    let peer = serves
        .peer()
        .edited(|record| match messages(&record).first() {
            Some((SERVER_HELLO, place)) => {
                let (hello, rest) = record[5..].split_at(place.len());
                let mut hello = hello[4..].to_vec();
                let at = 2 + 32 + 1 + usize::from(hello[34]) + 2 + 1;
                let mut list = hello.split_off(at + 2);
                hello.truncate(at);
                list.extend([0, 35, 0, 0]);
                hello.extend(vec16(&list));
                plain(
                    22,
                    TLS_1_2,
                    &[frame(SERVER_HELLO, &hello), rest.to_vec()].concat(),
                )
            }
            _ => record,
        });
    let (reason, wire) = Attempt::new(peer, chain(anchors)).refused();
    assert_eq!(reason.cause, ProtocolViolation::UnsupportedExtension.into());
    assert_eq!(wire.server().alert(), Some(110));
}
