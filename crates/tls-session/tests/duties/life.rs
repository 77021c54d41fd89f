//! Duties 4 and 23 to 25, and the end of things: stalls, cuts, dropped futures, closes.

use std::pin::pin;
use std::task::Poll;
use tls_session::reason::{EngineError, ProtocolViolation, StreamError};

use embedded_io_async::{Read, Write};
use tls_session::{Cause, Connection, Deadlines, Memory, Policy, Reason, Session, Stage};

use crate::client::{Attempt, TestSession, chain, on_embedded};
use tls_doubles::clock::{Clock, Delay};
use tls_doubles::exec::{Outcome, poll_n, run};
use tls_doubles::io::{End, Faults, Rx, Tx, Wire, connect};
use tls_doubles::keys::KeyKind;
use tls_doubles::message::{CERTIFICATE, ENCRYPTED_EXTENSIONS, SERVER_HELLO};
use tls_doubles::pki::Family;
use tls_doubles::rng::TestRng;
use tls_doubles::script::{Script, Step};
use tls_doubles::server::Server;

fn family() -> Family {
    Family::new(KeyKind::P256)
}

/// A good server, and what a session towards it needs beside a policy.
struct Bench {
    wire: Wire,
    transport: TestTransport,
    memory: Box<Memory>,
}

type TestTransport = Connection<(Rx, Tx, Delay)>;

impl Bench {
    fn new(family: &Family, faults: Faults) -> Self {
        let (wire, rx, tx) = connect(Server::new(Script::good(&family.site())), faults);
        Self {
            wire,
            transport: Connection::new(rx, tx, Clock::default().delay()),
            memory: Box::new(Memory::new()),
        }
    }

    /// The handshake, which must not stall.
    fn open(&mut self, policy: &Policy<'_>) -> Result<TestSession<'_>, Reason> {
        run(pin!(self.opening(policy))).ready()
    }

    async fn opening(&mut self, policy: &Policy<'_>) -> Result<TestSession<'_>, Reason> {
        Session::open(
            &self.transport,
            &mut self.memory,
            &on_embedded(policy),
            Deadlines::default(),
            TestRng::new(1),
        )
        .await
    }
}

/// Bytes of a good server's whole handshake.
fn handshake_len(family: &Family, policy: Policy<'_>) -> usize {
    let script = Script::good(&family.site());
    let (result, wire) = Attempt::new(script, policy).with(async |_, wire: &Wire| wire.sent());
    drop(wire);
    result.unwrap()
}

#[test]
fn duty_23_a_stall_at_any_byte_ends_by_the_deadline_and_says_where() {
    let family = family();
    let anchors: &[&[u8]] = &[&family.root.der];
    let len = handshake_len(&family, chain(anchors));
    for at in 0..len {
        let clock = Clock::default();
        let faults = Faults {
            cut: Some((at, End::Stall)),
            ..Faults::default()
        };
        let attempt = Attempt {
            clock: clock.clone(),
            ..Attempt::new(Script::good(&family.site()), chain(anchors)).faults(faults)
        };
        let reason = attempt.refused();
        assert_eq!(
            reason.cause,
            Cause::Stream(StreamError::Timeout { ms: 10_000 }),
            "{at}"
        );
        assert_eq!(reason.mbedtls(), -0x6800);
        assert!(reason.stage >= Stage::Hello && reason.stage < Stage::Data);
        assert_eq!(clock.now_ms(), 10_000, "{at}");
    }
}

#[test]
fn duty_23_a_close_or_reset_at_any_byte_ends_at_once() {
    let family = family();
    let anchors: &[&[u8]] = &[&family.root.der];
    let len = handshake_len(&family, chain(anchors));
    for at in 0..len {
        for (end, cause) in [
            (End::Eof, Cause::Stream(StreamError::PeerEof)),
            (End::Error, Cause::Stream(StreamError::Reset)),
        ] {
            let faults = Faults {
                cut: Some((at, end)),
                ..Faults::default()
            };
            let reason = Attempt::new(Script::good(&family.site()), chain(anchors))
                .faults(faults)
                .refused();
            assert_eq!(reason.cause, cause, "{at}");
        }
    }
}

#[test]
fn a_bit_flipped_at_any_byte_is_refused() {
    let family = family();
    let anchors: &[&[u8]] = &[&family.root.der];
    let len = handshake_len(&family, chain(anchors));
    // Each byte, another bit each time; a length that grew may leave the client waiting.
    for at in 0..len {
        let faults = Faults {
            flip: Some(at * 8 + at % 8),
            ..Faults::default()
        };
        let reason = Attempt::new(Script::good(&family.site()), chain(anchors))
            .faults(faults)
            .refused();
        assert_ne!(reason.stage, Stage::Data, "{at}: {reason:?}");
    }
}

#[test]
fn duty_23_a_trickle_is_bounded_by_the_whole_handshake() {
    let family = family();
    let anchors: &[&[u8]] = &[&family.root.der];
    let clock = Clock::default();
    let attempt = Attempt {
        clock: clock.clone(),
        ..Attempt::new(Script::good(&family.site()), chain(anchors)).faults(Faults {
            chunk: 1,
            // Each byte takes 9 s: no step is too long.
            pace: Some((clock.clone(), 9_000)),
            ..Faults::default()
        })
    };
    let reason = attempt.refused();
    assert_eq!(
        reason.cause,
        Cause::Stream(StreamError::HandshakeTimeout { ms: 30_000 })
    );
    assert_eq!(clock.now_ms(), 30_000);
}

#[test]
fn a_server_that_stops_at_a_message_is_named_by_its_stage() {
    let family = family();
    let anchors: &[&[u8]] = &[&family.root.der];
    for (message, stage) in [
        (SERVER_HELLO, Stage::Hello),
        (ENCRYPTED_EXTENSIONS, Stage::Certificate),
        (CERTIFICATE, Stage::Certificate),
        (15, Stage::Signature),
        (20, Stage::Finished),
    ] {
        for (end, cause) in [
            (
                Step::Stall,
                Cause::Stream(StreamError::Timeout { ms: 10_000 }),
            ),
            (Step::Close, Cause::Stream(StreamError::PeerEof)),
        ] {
            let script = Script::good(&family.site()).until(message, end);
            let reason = Attempt::new(script, chain(anchors)).refused();
            assert_eq!(
                (reason.stage, reason.cause),
                (stage, cause),
                "before {message}"
            );
        }
    }
}

#[test]
fn duty_24_a_write_that_fails_anywhere_is_the_last() {
    let family = family();
    let anchors: &[&[u8]] = &[&family.root.der];
    // From the first byte of ClientHello to the end of `ping`.
    let whole = {
        let (result, wire) =
            Attempt::new(Script::good(&family.site()), chain(anchors)).with(write_ping);
        result.unwrap().unwrap();
        wire.written()
    };
    for at in 0..whole {
        for end in [End::Error, End::Eof, End::Stall] {
            let faults = Faults {
                write_end: Some((at, end)),
                ..Faults::default()
            };
            let attempt = Attempt::new(Script::good(&family.site()), chain(anchors)).faults(faults);
            // In the data phase a write may wait for ever: whoever waits puts a deadline on it.
            if let Some((result, wire)) = attempt.bounded(write_ping) {
                assert!(
                    result.is_err() || result.is_ok_and(|inner| inner.is_err()),
                    "{at} {end:?}"
                );
                assert_eq!(
                    wire.writes_after_end(),
                    0,
                    "{at} {end:?}: a nonce could be used twice"
                );
                // Whole records or nothing.
                let server = wire.server();
                assert!(
                    [&b""[..], b"ping"].contains(&&server.seen().app[..]),
                    "{at}"
                );
            } else {
                assert_eq!(end, End::Stall);
            }
        }
    }
}

async fn write_ping(mut session: TestSession<'_>, _: &Wire) -> Result<(), Reason> {
    let (_, mut tx) = session.split();
    tx.write_all(b"ping").await?;
    tx.flush().await?;
    // Once more: after a failure this must not reach the transport.
    tx.write_all(b"pong").await?;
    tx.flush().await
}

#[test]
fn duty_24_a_write_dropped_half_way_is_the_last() {
    let family = family();
    let anchors: &[&[u8]] = &[&family.root.der];
    for room in 0..26 {
        let mut bench = Bench::new(&family, Faults::default());
        let wire = bench.wire.clone();
        let mut session = bench.open(&chain(anchors)).unwrap();
        wire.set_faults(Faults {
            write_end: Some((wire.written() + room, End::Stall)),
            ..Faults::default()
        });
        {
            let (mut rx, mut tx) = session.split();
            {
                let write = pin!(async {
                    tx.write_all(b"ping").await?;
                    tx.flush().await
                });
                assert_eq!(poll_n(write, 3), Poll::Pending, "{room}");
            }
            wire.set_faults(Faults::default());
            let again = pin!(tx.write_all(b"pong"));
            match run(again) {
                Outcome::Ready(Err(reason)) => {
                    assert_eq!(reason.cause, Cause::Stream(StreamError::WriteAbandoned));
                }
                other => panic!("{other:?}"),
            }
            let mut buffer = [0; 8];
            let read = pin!(rx.read(&mut buffer));
            assert_eq!(
                run(read).ready().unwrap_err().cause,
                Cause::Stream(StreamError::WriteAbandoned)
            );
        }
        let close = pin!(session.close());
        assert_eq!(
            run(close).ready().unwrap_err().cause,
            Cause::Stream(StreamError::WriteAbandoned)
        );
        assert_eq!(wire.writes_after_end(), 0);
        assert_eq!(wire.server().seen().violations, []);
    }
}

#[test]
fn a_read_dropped_between_records_loses_nothing_and_inside_one_ends_the_session() {
    let family = family();
    let anchors: &[&[u8]] = &[&family.root.der];
    // `pong` is one record of 5 + 4 + 1 + 16 bytes.
    for arrived in 0..26 {
        let mut bench = Bench::new(&family, Faults::default());
        let wire = bench.wire.clone();
        let mut session = bench.open(&chain(anchors)).unwrap();
        let before = wire.sent();
        wire.set_faults(Faults {
            cut: Some((before + arrived, End::Stall)),
            ..Faults::default()
        });
        wire.server_mut().send_app(b"pong");
        let (mut rx, _) = session.split();
        let mut buffer = [0; 8];
        {
            let read = pin!(rx.read(&mut buffer));
            assert_eq!(poll_n(read, 3), Poll::Pending, "{arrived}");
        }
        // The rest is lost on this wire: a second record shows whether the first wait harmed.
        if arrived == 0 {
            wire.set_faults(Faults::default());
            let read = pin!(rx.read(&mut buffer));
            match run(read) {
                // The bytes that were cut off are gone, so the next record does not decrypt, or
                // nothing comes; either way nothing was half taken.
                Outcome::Stalled => {}
                Outcome::Ready(result) => panic!("{result:?}"),
            }
        } else if arrived >= 5 {
            let read = pin!(rx.read(&mut buffer));
            assert_eq!(
                run(read).ready().unwrap_err().cause,
                Cause::Stream(StreamError::ReadAbandoned),
                "{arrived}"
            );
        }
    }
}

/// Byte by byte: as long as there is less than a header, the record is whole for the next read; then
/// the session is over, and says so.
#[test]
fn a_read_dropped_inside_a_header_loses_nothing() {
    let family = family();
    let anchors: &[&[u8]] = &[&family.root.der];
    let mut whole = 0;
    for polls in 1.. {
        let mut bench = Bench::new(&family, Faults::default());
        let wire = bench.wire.clone();
        let mut session = bench.open(&chain(anchors)).unwrap();
        wire.set_faults(Faults {
            chunk: 1,
            hesitant: true,
            ..Faults::default()
        });
        wire.server_mut().send_app(b"pong");
        let (mut rx, _) = session.split();
        let mut buffer = [0; 8];
        if poll_n(pin!(rx.read(&mut buffer)), polls).is_ready() {
            break;
        }
        let read = run(pin!(rx.read(&mut buffer))).ready();
        match read {
            Ok(count) => {
                assert_eq!(&buffer[..count], b"pong");
                assert_eq!(polls, whole + 1, "after {polls} polls, but not after fewer");
                whole = polls;
            }
            Err(reason) => assert_eq!(reason.cause, Cause::Stream(StreamError::ReadAbandoned)),
        }
    }
    // Every byte has a poll that finds nothing before the one that takes it.
    assert_eq!(whole, 5);
}

#[test]
fn a_read_dropped_at_every_wait_still_gets_every_byte() {
    let family = family();
    let anchors: &[&[u8]] = &[&family.root.der];
    let mut bench = Bench::new(&family, Faults::default());
    let wire = bench.wire.clone();
    let mut session = bench.open(&chain(anchors)).unwrap();
    let (mut rx, _) = session.split();
    let mut all: Vec<u8> = Vec::new();
    for round in 0_u8..20 {
        let mut buffer = [0; 3];
        // A wait with nothing there, dropped.
        assert_eq!(poll_n(pin!(rx.read(&mut buffer)), 2), Poll::Pending);
        wire.server_mut().send_app(&[round; 7]);
        while all.len() < usize::from(round + 1) * 7 {
            let count = run(pin!(rx.read(&mut buffer))).ready().unwrap();
            all.extend(&buffer[..count]);
        }
    }
    let expected: Vec<u8> = (0..20).flat_map(|round| [round; 7]).collect();
    assert_eq!(all, expected);
}

#[test]
fn duty_25_a_close_is_distinguished_from_a_cut() {
    let family = family();
    let anchors: &[&[u8]] = &[&family.root.der];
    let read_one = async |mut session: TestSession<'_>, wire: &Wire, clean: bool| {
        let (mut rx, _) = session.split();
        {
            let mut server = wire.server_mut();
            server.send_app(b"last");
            if clean {
                server.send_close_notify();
            }
            server.close();
        }
        let mut buffer = [0; 16];
        assert_eq!(rx.read(&mut buffer).await, Ok(4));
        let end = rx.read(&mut buffer).await;
        // And the same again.
        assert_eq!(rx.read(&mut buffer).await, end);
        end
    };
    for clean in [true, false] {
        let (result, _) = Attempt::new(Script::good(&family.site()), chain(anchors))
            .with(async |session, wire: &Wire| read_one(session, wire, clean).await);
        match result.unwrap() {
            Ok(0) => assert!(clean),
            Err(reason) => {
                assert!(!clean);
                assert_eq!(reason.cause, Cause::Stream(StreamError::PeerEof));
                assert_eq!(reason.stage, Stage::Data);
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_transport_carries_one_session() {
    let family = family();
    let anchors: &[&[u8]] = &[&family.root.der];
    let mut bench = Bench::new(&family, Faults::default());
    assert!(bench.open(&chain(anchors)).is_ok());
    let again = bench.open(&chain(anchors)).unwrap_err();
    assert_eq!(again.cause, Cause::Stream(StreamError::Dead));
}

#[test]
fn an_open_dropped_at_every_wait_leaves_no_session_behind() {
    let family = family();
    let anchors: &[&[u8]] = &[&family.root.der];
    let mut dropped = 0;
    for polls in 1.. {
        let faults = Faults {
            hesitant: true,
            chunk: 60,
            ..Faults::default()
        };
        let mut bench = Bench::new(&family, faults);
        if poll_n(pin!(bench.opening(&chain(anchors))), polls).is_ready() {
            break;
        }
        dropped += 1;
        let again = bench.open(&chain(anchors)).unwrap_err();
        assert_eq!(again.cause, Cause::Stream(StreamError::Dead));
        assert_eq!(bench.wire.server().seen().app, b"");
    }
    assert!(dropped > 10, "{dropped}");
}

/// The numbers of docs: what a session takes from its caller.
#[test]
fn a_session_and_its_memory_stay_within_24_kib() {
    let memory = size_of::<Memory>();
    let rest = size_of::<TestTransport>() + size_of::<TestSession<'_>>();
    // With rustls also what two buffers on the heap are known by.
    let lent = usize::from(cfg!(feature = "rustls")) * 2 * 4 * size_of::<usize>();
    assert_eq!(memory, 16_640 + 4096 + lent);
    assert!(memory + rest <= 24 * 1024, "{memory} + {rest}");
}

/// The engine closes both directions or none, and a session that cannot do the one goes on.
#[test]
fn duty_93_one_direction_alone_cannot_be_closed() {
    let family = Family::new(KeyKind::P256);
    let anchors: &[&[u8]] = &[&family.root.der];
    let attempt = Attempt::new(Script::good(&family.site()), chain(anchors));
    let (result, wire) = attempt.with(async |mut session, wire| {
        let (mut rx, mut tx) = session.split();
        let reason = tx.finish().await.unwrap_err();
        let unsupported = ProtocolViolation::Engine(EngineError::Unsupported);
        assert_eq!(reason.cause, unsupported.into());
        tx.write_all(b"ours").await?;
        tx.flush().await?;
        assert_eq!(wire.server().seen().app, b"ours");
        assert!(!wire.server().seen().close_notify());
        // Theirs may end before ours.
        wire.server_mut().send_close_notify();
        assert_eq!(rx.read(&mut [0; 8]).await?, 0);
        tx.write_all(b"more").await?;
        tx.flush().await?;
        session.close().await
    });
    assert_eq!(result, Ok(Ok(())));
    assert_eq!(wire.server().seen().app, b"oursmore");
    assert!(wire.server().seen().close_notify());
}
