//! Stalls, failed writes, dropped futures, ends: duties 23 to 25 and 72 for rustls.

use std::pin::pin;
use std::task::Poll;

use embedded_io_async::{Read, Write};
use tls_session::reason::StreamError;
use tls_session::verify::Version;
use tls_session::{Connection, Deadlines, Memory, Policy, Reason, Session};

use tls_doubles::clock::{Clock, Delay};
use tls_doubles::exec::{Outcome, poll_n, run};
use tls_doubles::io::{End, Endpoint, Faults, Rx, Tx, Wire, connect};
use tls_doubles::keys::KeyKind;
use tls_doubles::pki::Family;
use tls_doubles::rng::TestRng;
use tls_doubles::script::Script;
use tls_doubles::server::Server;

use crate::client::{Attempt, TestSession, chain, pattern};
use crate::openings::VERSIONS;
use crate::peer::{Peer, Serves};

/// What a session lives in, so that a test can poll by hand.
struct Bench<S: Endpoint> {
    wire: Wire<S>,
    connection: Connection<(Rx<S>, Tx<S>, Delay)>,
    memory: Box<Memory>,
    clock: Clock,
}

impl<S: Endpoint> Bench<S> {
    fn new(server: S, faults: Faults) -> Self {
        let clock = Clock::default();
        let (wire, rx, tx) = connect(server, faults);
        Self {
            wire,
            connection: Connection::new(rx, tx, clock.delay()),
            memory: Box::new(Memory::new()),
            clock,
        }
    }

    async fn opening(&mut self, policy: &Policy<'_>) -> Result<TestSession<'_, S>, Reason> {
        let (rng, deadlines) = (TestRng::new(7), Deadlines::default());
        Session::open(&self.connection, &mut self.memory, policy, deadlines, rng).await
    }
}

fn family() -> Family {
    Family::new(KeyKind::Ed25519)
}

fn peer(version: Version) -> Peer {
    Serves::only(&family().site(), version).peer()
}

#[test]
fn duty_24_a_write_that_fails_anywhere_is_the_last() {
    let family = family();
    let anchors: &[&[u8]] = &[&family.root.der];
    let life = async |mut session: TestSession<'_>, _: &Wire<Peer>| {
        let (_, mut tx) = session.split();
        tx.write_all(b"ping").await?;
        tx.flush().await?;
        session.close().await
    };
    for version in VERSIONS {
        let (result, wire) = Attempt::new(peer(version), chain(anchors)).with(life);
        assert_eq!(result, Ok(Ok(())));
        for at in 0..wire.written() {
            for (end, expected) in [
                (End::Eof, Some(StreamError::PeerEof)),
                (End::Error, Some(StreamError::Reset)),
                // A close has no deadline of its own.
                (End::Stall, None),
            ] {
                let faults = Faults {
                    write_end: Some((at, end)),
                    ..Faults::default()
                };
                let attempt = Attempt::new(peer(version), chain(anchors)).faults(faults);
                match (attempt.bounded(life), expected) {
                    (Some((result, wire)), Some(expected)) => {
                        let reason = result.and_then(|inner| inner).unwrap_err();
                        assert_eq!(reason.cause, expected.into(), "{version:?} {at}");
                        assert_eq!(wire.writes_after_end(), 0, "{version:?} {at}");
                        assert_eq!(wire.written(), at);
                    }
                    (Some((result, wire)), None) => {
                        let timeout = StreamError::Timeout { ms: 10_000 };
                        assert_eq!(result.unwrap_err().cause, timeout.into());
                        assert_eq!(wire.writes_after_end(), 0, "{version:?} {at}");
                    }
                    (None, None) => {}
                    (None, Some(_)) => panic!("{version:?} {at}: waits for ever"),
                }
            }
        }
    }
}

/// Whatever of it was sealed or sent.
#[test]
fn duty_24_a_write_or_flush_dropped_half_way_is_the_last() {
    let family = family();
    let anchors: &[&[u8]] = &[&family.root.der];
    let abandoned = || StreamError::WriteAbandoned.into();
    for version in VERSIONS {
        for room in [0, 1, 5, 20, 100, 3000] {
            for whole in [false, true] {
                let mut bench = Bench::new(peer(version), Faults::default());
                let wire = bench.wire.clone();
                let mut session = run(pin!(bench.opening(&chain(anchors)))).ready().unwrap();
                let stuck = Faults {
                    write_end: Some((wire.written() + room, End::Stall)),
                    ..Faults::default()
                };
                wire.set_faults(stuck);
                {
                    let (_, mut tx) = session.split();
                    let data = pattern(10_000);
                    let polled = match whole {
                        true => poll_n(pin!(tx.write_all(&data)), 3),
                        false => {
                            run(pin!(tx.write(b"short"))).ready().unwrap();
                            poll_n(pin!(tx.flush()), 3)
                        }
                    };
                    if polled.is_ready() {
                        assert!(room >= 100 && !whole, "{room}");
                        continue;
                    }
                    wire.set_faults(Faults::default());
                    for _ in 0..2 {
                        let again = run(pin!(tx.write(b"more"))).ready();
                        assert_eq!(again.unwrap_err().cause, abandoned());
                        let again = run(pin!(tx.flush())).ready();
                        assert_eq!(again.unwrap_err().cause, abandoned());
                    }
                }
                let closed = run(pin!(session.close())).ready();
                assert_eq!(closed.unwrap_err().cause, abandoned());
                assert_eq!(wire.writes_after_end(), 0);
            }
        }
    }
}

/// At every await, inside records and between them.
#[test]
fn a_read_dropped_anywhere_loses_nothing() {
    let family = family();
    let anchors: &[&[u8]] = &[&family.root.der];
    for version in VERSIONS {
        for chunk in [1, 2, 4, 5, 6, 50, 0] {
            let mut bench = Bench::new(peer(version), Faults::default());
            let wire = bench.wire.clone();
            let mut session = run(pin!(bench.opening(&chain(anchors)))).ready().unwrap();
            wire.set_faults(Faults {
                chunk,
                hesitant: true,
                ..Faults::default()
            });
            let data = pattern(300);
            for part in data.chunks(70) {
                wire.server_mut().send_app(part);
            }
            let (mut rx, _) = session.split();
            let mut have: Vec<u8> = Vec::new();
            let mut polls = 0;
            while have.len() < data.len() {
                let mut buffer = [0; 64];
                // One poll, so that each wait is dropped once.
                let read = { poll_n(pin!(rx.read(&mut buffer)), 1 + polls % 2) };
                if let Poll::Ready(count) = read {
                    have.extend(&buffer[..count.unwrap()]);
                }
                polls += 1;
                assert!(polls < 5000, "{version:?} {chunk}");
            }
            assert!(have == data, "{version:?} {chunk}");
        }
    }
}

#[test]
fn an_open_dropped_at_every_wait_leaves_no_session_behind() {
    let family = family();
    let anchors: &[&[u8]] = &[&family.root.der];
    for version in VERSIONS {
        for polls in 0.. {
            let faults = Faults {
                chunk: 150,
                hesitant: true,
                ..Faults::default()
            };
            let mut bench = Bench::new(peer(version), faults);
            if poll_n(pin!(bench.opening(&chain(anchors))), polls).is_ready() {
                assert!(polls > 8, "{polls}");
                break;
            }
            assert_eq!(bench.wire.server().app, b"");
            if polls > 0 {
                let again = run(pin!(bench.opening(&chain(anchors)))).ready();
                let dead = StreamError::Dead.into();
                assert_eq!(again.map(|_| ()).unwrap_err().cause, dead, "{polls}");
            }
        }
    }
}

#[test]
fn a_close_dropped_before_it_is_written_says_nothing_half() {
    let family = family();
    let anchors: &[&[u8]] = &[&family.root.der];
    for version in VERSIONS {
        let mut bench = Bench::new(peer(version), Faults::default());
        let wire = bench.wire.clone();
        let session = run(pin!(bench.opening(&chain(anchors)))).ready().unwrap();
        let written = wire.written();
        wire.set_faults(Faults {
            write_end: Some((written, End::Stall)),
            ..Faults::default()
        });
        assert!(poll_n(pin!(session.close()), 3).is_pending());
        assert_eq!(wire.written(), written);
        assert!(!wire.server().close_notify);
    }
}

/// Each byte comes in time, and all of them together do not.
#[test]
fn duty_23_a_trickle_is_bounded_by_the_whole_handshake() {
    let family = family();
    let anchors: &[&[u8]] = &[&family.root.der];
    for version in VERSIONS {
        let clock = Clock::default();
        let attempt = Attempt {
            clock: clock.clone(),
            ..Attempt::new(peer(version), chain(anchors)).faults(Faults {
                chunk: 10,
                pace: Some((clock.clone(), 9_000)),
                ..Faults::default()
            })
        };
        let (reason, _) = attempt.refused();
        let timeout = StreamError::HandshakeTimeout { ms: 30_000 };
        assert_eq!(reason.cause, timeout.into());
        assert_eq!(clock.now_ms(), 30_000, "{version:?}");
    }
}

/// A step's time starts again with the second hello, the handshake's does not.
#[test]
fn duty_72_a_second_hello_costs_time_of_the_handshake() {
    let family = family();
    let anchors: &[&[u8]] = &[&family.root.der];
    for (ms, opens) in [(2_000, true), (9_000, false)] {
        let clock = Clock::default();
        let serves = Serves {
            groups: vec![24],
            ..Serves::only(&family.site(), Version::Tls13)
        };
        let attempt = Attempt {
            clock: clock.clone(),
            ..Attempt::new(serves.peer(), chain(anchors)).faults(Faults {
                pace: Some((clock.clone(), ms)),
                ..Faults::default()
            })
        };
        let (result, _) = attempt.with(async |_, _| ());
        assert_eq!(result.is_ok(), opens, "{ms}");
        if let Err(reason) = result {
            let timeout = StreamError::HandshakeTimeout { ms: 30_000 };
            assert_eq!(reason.cause, timeout.into());
        }
    }
}

/// An alert that nobody takes is given up after a second.
#[test]
fn duty_103_a_peer_that_does_not_read_gets_one_second() {
    let stranger = Family::new(KeyKind::P256);
    let anchors: &[&[u8]] = &[&stranger.root.der];
    for version in VERSIONS {
        // The first flight goes out, and nothing behind it.
        let (_, wire) = Attempt::new(peer(version), chain(anchors)).refused();
        assert_eq!(wire.server().alert(), Some(48));
        let hello = wire.server().came()[3..5].try_into().unwrap();
        // In TLS 1.3 there is a change_cipher_spec behind it.
        let more = if version == Version::Tls13 { 6 } else { 0 };
        let len = 5 + usize::from(u16::from_be_bytes(hello)) + more;
        let clock = Clock::default();
        let attempt = Attempt {
            clock: clock.clone(),
            ..Attempt::new(peer(version), chain(anchors)).faults(Faults {
                write_end: Some((len, End::Stall)),
                ..Faults::default()
            })
        };
        let (reason, _) = attempt.refused();
        assert_eq!(reason.cause.code(), "certificate_signature");
        assert_eq!(clock.now_ms(), 1_000, "{version:?}");
    }
}

/// The limit of tickets counts per time: an idle link gets one now and then, for days.
#[test]
fn duty_89_and_101_an_idle_link_outlives_its_tickets() {
    let family = Family::new(KeyKind::P256);
    let anchors: &[&[u8]] = &[&family.root.der];
    let server = Server::new(Script::good(&family.site()));
    let mut bench = Bench::new(server, Faults::default());
    let (wire, clock) = (bench.wire.clone(), bench.clock.clone());
    let mut session = run(pin!(bench.opening(&chain(anchors)))).ready().unwrap();
    let (mut rx, mut tx) = session.split();
    {
        let mut buffer = [0; 8];
        let mut read = pin!(rx.read(&mut buffer));
        for _ in 0..1440 {
            wire.server_mut().send_tickets(1);
            assert_eq!(run(read.as_mut()), Outcome::Stalled);
            clock.advance_ms(60_000);
            assert_eq!(run(read.as_mut()), Outcome::Stalled);
        }
        wire.server_mut().send_app(b"morning!");
        assert_eq!(run(read).ready(), Ok(8));
    }
    run(pin!(tx.write_all(b"here"))).ready().unwrap();
    run(pin!(tx.flush())).ready().unwrap();
    assert_eq!(wire.server().seen().app, b"here");
}

#[test]
fn duty_25_a_close_is_distinguished_from_a_cut() {
    let family = family();
    let anchors: &[&[u8]] = &[&family.root.der];
    for version in VERSIONS {
        for orderly in [false, true] {
            let (result, _) =
                Attempt::new(peer(version), chain(anchors)).with(async |mut session, wire| {
                    wire.server_mut().send_app(b"data");
                    if orderly {
                        wire.server_mut().send_close_notify();
                    }
                    wire.server_mut().close();
                    let (mut rx, _) = session.split();
                    crate::client::expect(&mut rx, b"data").await.unwrap();
                    rx.read(&mut [0; 8]).await.map_err(|reason| reason.cause)
                });
            let expected = match orderly {
                true => Ok(0),
                false => Err(StreamError::PeerEof.into()),
            };
            assert_eq!(result, Ok(expected), "{version:?}");
        }
    }
}

/// Our direction ends, theirs goes on, and close_notify is said once.
#[test]
fn duty_93_our_side_may_end_before_the_other() {
    let family = family();
    let anchors: &[&[u8]] = &[&family.root.der];
    let closed = Err(StreamError::Closed.into());
    for version in VERSIONS {
        let (result, _) =
            Attempt::new(peer(version), chain(anchors)).with(async |mut session, wire| {
                let (mut rx, mut tx) = session.split();
                // Not flushed: what was taken goes first.
                tx.write_all(b"ours").await?;
                tx.finish().await?;
                assert_eq!(wire.server().app, b"ours");
                assert!(wire.server().close_notify);
                let came = wire.server().came().len();
                wire.server_mut().send_app(b"theirs");
                crate::client::expect(&mut rx, b"theirs").await?;
                for _ in 0..2 {
                    let write = tx.write(b"more").await;
                    assert_eq!(write.map_err(|reason| reason.cause), closed.map(|()| 0));
                    let flush = tx.flush().await;
                    assert_eq!(flush.map_err(|reason| reason.cause), closed);
                    let again = tx.finish().await;
                    assert_eq!(again.map_err(|reason| reason.cause), closed);
                }
                wire.server_mut().send_app(b"more");
                wire.server_mut().send_close_notify();
                crate::client::expect(&mut rx, b"more").await?;
                assert_eq!(rx.read(&mut [0; 8]).await, Ok(0));
                session.close().await?;
                assert_eq!(wire.server().came().len(), came);
                Ok::<_, Reason>(())
            });
        assert_eq!(result, Ok(Ok(())), "{version:?}");
    }
}

/// The other way round: after their close_notify ours still goes on, until we close.
#[test]
fn duty_93_the_other_side_may_end_before_ours() {
    let family = family();
    let anchors: &[&[u8]] = &[&family.root.der];
    let server = Server::new(Script::good(&family.site()));
    let (result, wire) = Attempt::new(server, chain(anchors)).with(async |mut session, wire| {
        let (mut rx, mut tx) = session.split();
        wire.server_mut().send_close_notify();
        assert_eq!(rx.read(&mut [0; 8]).await, Ok(0));
        tx.write_all(b"ours").await?;
        tx.flush().await?;
        assert_eq!(wire.server().seen().app, b"ours");
        assert!(!wire.server().seen().close_notify());
        session.close().await
    });
    assert_eq!(result, Ok(Ok(())));
    assert!(wire.server().seen().close_notify());
}

#[test]
fn a_finish_dropped_half_way_is_the_last() {
    let family = family();
    let anchors: &[&[u8]] = &[&family.root.der];
    for version in VERSIONS {
        for room in [0, 1, 10] {
            let mut bench = Bench::new(peer(version), Faults::default());
            let wire = bench.wire.clone();
            let mut session = run(pin!(bench.opening(&chain(anchors)))).ready().unwrap();
            wire.set_faults(Faults {
                write_end: Some((wire.written() + room, End::Stall)),
                ..Faults::default()
            });
            let (_, mut tx) = session.split();
            assert!(poll_n(pin!(tx.finish()), 3).is_pending());
            wire.set_faults(Faults::default());
            let again = run(pin!(tx.write(b"more"))).ready();
            assert_eq!(
                again.unwrap_err().cause,
                StreamError::WriteAbandoned.into(),
                "{version:?} {room}"
            );
        }
    }
}
