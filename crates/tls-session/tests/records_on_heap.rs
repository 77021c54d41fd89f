//! Records on the heap: an idle session has none, open sessions share what one record takes, and one that gets no bytes
//! waits or ends with both numbers. One test, because a program has one heap.

#![cfg(feature = "rustls")]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    dead_code,
    reason = "doubles and checks of tests, not all of them used here"
)]

#[path = "engines/peer.rs"]
mod peer;
#[path = "support/sessions.rs"]
mod sessions;

use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use embedded_io_async::{Read, Write};
use tls_doubles::clock::Clock;
use tls_doubles::exec::{poll_n, run};
use tls_doubles::io::{Faults, Rx, Tx, Wire, connect};
use tls_doubles::keys::KeyKind;
use tls_doubles::pki::Family;
use tls_doubles::rng::TestRng;
use tls_session::reason::CapacityError;
use tls_session::verify::Version;
use tls_session::{
    Caps, Cause, Connection, Deadlines, Heap, HeapMemory, Ledger, Policy, Reason, Session, Versions,
};

use peer::{Peer, Serves};
use sessions::{Case, HEAP, SHORT, SMALL, session, start};

type Stream = (Rx<Peer>, Tx<Peer>, tls_doubles::clock::Delay);

/// A stream to a server of its own, under a ledger.
fn stream(version: Version, ledger: &'static Ledger) -> (Wire<Peer>, Connection<Stream>) {
    let site = Family::new(KeyKind::P256).site();
    let (wire, rx, tx) = connect(Serves::only(&site, version).peer(), Faults::default());
    let connection = Connection::new(rx, tx, Clock::default().delay()).with_ledger(ledger);
    (wire, connection)
}

async fn open<'m>(
    connection: &'m Connection<Stream>,
    memory: &'m mut HeapMemory,
    version: Version,
) -> Result<Session<'m, Stream>, Reason> {
    let policy = Policy {
        versions: Versions::new(version, version).unwrap(),
        ..Policy::danger_any_peer()
    };
    Session::open(
        connection,
        memory,
        &policy,
        Deadlines::default(),
        TestRng::new(3),
    )
    .await
}

const VERSIONS: [Version; 2] = [Version::Tls12, Version::Tls13];
/// Of a record that is as long as one may be.
const LONG: usize = 1 << 14;

/// Idle sessions hold as much as those with buffers of the caller's.
fn idle_sessions_have_none() {
    let ec = Family::new(KeyKind::P256);
    for (version, offers) in [
        (Version::Tls12, Versions::TLS12),
        (Version::Tls13, Versions::TLS13),
    ] {
        let with = Case::new("P-256", &ec, version);
        let without = Case::new("P-256", &ec, version).on_heap();
        let [with, without] =
            [with, without].map(|case| session(&case, &SMALL, offers).taken.unwrap());
        println!("{version:?}: {with:?}, on the heap {without:?}");
        assert_eq!(with.idle, without.idle, "{version:?}");
    }
}

/// While a record is under way, what it takes is its length: nothing before its header is here, and nothing once its data
/// were taken.
fn a_record_has_its_length_while_it_is_under_way() {
    for version in VERSIONS {
        for len in [1, 100, 5000, LONG] {
            let (wire, connection) = stream(version, &SMALL);
            let mut memory = HeapMemory::new();
            let mut session = run(pin!(open(&connection, &mut memory, version)))
                .ready()
                .unwrap();
            let (mut rx, _tx) = session.split();
            let mut buffer = vec![0; LONG];
            // With the first data rustls makes a queue that stays.
            wire.server_mut().send_app(&[9]);
            assert_eq!(run(pin!(rx.read(&mut buffer))).ready(), Ok(1));
            {
                let mut read = pin!(rx.read(&mut buffer));
                assert!(matches!(poll_n(read.as_mut(), 3), Poll::Pending));
            }
            let before = HEAP.free();
            wire.server_mut().send_app(&vec![9; len]);
            let first = run(pin!(rx.read(&mut buffer[..1]))).ready();
            assert_eq!(first, Ok(1));
            let taken = before - HEAP.free();
            if len == 1 {
                assert_eq!(taken, 0, "{version:?}");
                continue;
            }
            // Header, nonce, type, tag, and room for the header of an alert; and the block's own bytes and rounding.
            let around = len..len + 5 + 8 + 1 + 16 + 5 + 64;
            assert!(around.contains(&taken), "{version:?}, {len}: {taken}");
            let rest = run(pin!(rx.read_exact(&mut buffer[..len - 1]))).ready();
            rest.unwrap();
            assert!(buffer[..len - 1].iter().all(|byte| *byte == 9));
            assert_eq!(HEAP.free(), before, "{version:?}, {len}");
        }
    }
}

/// The heap without some bytes that nobody gives back.
struct Tight;

static HIDDEN: AtomicUsize = AtomicUsize::new(0);

impl Heap for Tight {
    fn free(&self) -> usize {
        HEAP.free().saturating_sub(HIDDEN.load(Ordering::Relaxed))
    }

    fn largest(&self) -> usize {
        HEAP.largest()
    }

    fn enter(&self) {
        HEAP.enter();
    }

    fn leave(&self) -> Option<usize> {
        HEAP.leave()
    }
}

static PAIR: Ledger = Ledger::new(&Tight, Caps::SMALL);

/// Two sessions and bytes for one long record: the second waits until the data of the first were taken, and loses nothing.
fn the_second_long_record_waits_for_the_first() {
    for version in VERSIONS {
        let (wires, connections): (Vec<_>, Vec<_>) = (0..2).map(|_| stream(version, &PAIR)).unzip();
        let mut memories = [HeapMemory::new(), HeapMemory::new()];
        let [one, two] = &mut memories;
        let mut one = run(pin!(open(&connections[0], one, version)))
            .ready()
            .unwrap();
        let mut two = run(pin!(open(&connections[1], two, version)))
            .ready()
            .unwrap();
        let ((mut rx1, mut tx1), (mut rx2, mut tx2)) = (one.split(), two.split());
        let mut buffer = vec![0; LONG];
        for (wire, byte) in wires.iter().zip([1, 2]) {
            wire.server_mut().send_app(&vec![byte; LONG]);
        }
        run(pin!(rx1.read_exact(&mut buffer[..1]))).ready().unwrap();
        // Beside what is kept there is less than a long record takes.
        HIDDEN.store(HEAP.free() - PAIR.promised() - 10_000, Ordering::Relaxed);
        {
            let mut read = pin!(rx2.read(&mut buffer));
            assert!(
                matches!(poll_n(read.as_mut(), 5), Poll::Pending),
                "{version:?}"
            );
        }
        // Neither direction of the other one is held up, nor what this one sends.
        for tx in [&mut tx1, &mut tx2] {
            run(pin!(async {
                tx.write_all(&[7; 5000]).await?;
                tx.flush().await
            }))
            .ready()
            .unwrap();
        }
        run(pin!(rx1.read_exact(&mut buffer[1..]))).ready().unwrap();
        assert!(buffer[1..].iter().all(|byte| *byte == 1));
        run(pin!(rx2.read_exact(&mut buffer))).ready().unwrap();
        assert!(buffer.iter().all(|byte| *byte == 2), "{version:?}");
        HIDDEN.store(0, Ordering::Relaxed);
    }
}

/// With less than a record takes, and nobody who could give any back, the session ends: the reason has both numbers, and
/// the server gets an alert.
fn without_bytes_for_it_the_session_ends_with_both_numbers() {
    for version in VERSIONS {
        let (wire, connection) = stream(version, &SHORT);
        let mut memory = HeapMemory::new();
        let mut session = run(pin!(open(&connection, &mut memory, version)))
            .ready()
            .unwrap();
        sessions::leave_free(9_000);
        let (mut rx, _) = session.split();
        let mut buffer = [0; 64];
        wire.server_mut().send_app(&[1; 64]);
        assert_eq!(run(pin!(rx.read(&mut buffer))).ready(), Ok(64));
        wire.server_mut().send_app(&[2; LONG]);
        let reason = run(pin!(rx.read(&mut buffer))).ready().unwrap_err();
        let Cause::Capacity(CapacityError::NoMemory { needed, free }) = reason.cause else {
            panic!("{version:?}: {reason}");
        };
        let needed = usize::try_from(needed).unwrap();
        assert!((LONG..LONG + 64).contains(&needed), "{reason}");
        assert!(free < 9_000, "{reason}");
        assert_eq!(reason.cause.code(), "no_memory");
        assert!(wire.server().alert().is_some(), "{version:?}");
        sessions::leave_free(usize::MAX);
    }
}

#[test]
fn records_are_on_the_heap_while_they_are_under_way() {
    start(4 << 20, 64 << 10);
    idle_sessions_have_none();
    a_record_has_its_length_while_it_is_under_way();
    the_second_long_record_waits_for_the_first();
    without_bytes_for_it_the_session_ends_with_both_numbers();
}
