//! Tickets give way to sessions: where the heap is full the oldest goes, then the next, and only then is a session refused.
//! One test, because a program has one heap.

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
use std::sync::Arc;

use embedded_io_async::Read;
use rustls::ServerConfig;
use tls_doubles::clock::Clock;
use tls_doubles::exec::run_until_stalled_then_advance;
use tls_doubles::io::{Faults, connect};
use tls_doubles::keys::KeyKind;
use tls_doubles::pki::{Family, NOW};
use tls_doubles::rng::TestRng;
use tls_session::reason::CapacityError;
use tls_session::verify::Version;
use tls_session::{
    Anchors, Cause, Clock as Time, Connection, Deadlines, FULL_RECORD, Memory, NameRule, Own,
    Policy, Reason, Resumption, Session, Tickets, Timestamp, Versions, budget,
};

use peer::{Peer, Serves};
use sessions::{HEAP, SMALL, start};

/// Seconds since the start.
fn uptime() -> u64 {
    1000
}

/// The server of that name, for tickets.
fn to(tickets: &Tickets, name: &str) -> Resumption {
    Resumption::new(tickets.clone(), name, 8883, b"")
}

/// A session from its handshake to its end, on the heap; a byte that comes behind its ticket is read.
fn visit(
    server: &Arc<ServerConfig>,
    policy: &Policy<'_>,
    resumption: Resumption,
) -> Result<(), Reason> {
    let (wire, rx, tx) = connect(Peer::of(server), Faults::default());
    let clock = Clock::default();
    let connection = Connection::new(rx, tx, clock.delay())
        .with_ledger(&SMALL)
        .with_resumption(resumption);
    let mut memory: Box<Memory> = Default::default();
    let all = async {
        let (deadlines, rng) = (Deadlines::default(), TestRng::new(1));
        let mut session = Session::open(&connection, &mut memory, policy, deadlines, rng).await?;
        wire.server_mut().send_app(b"x");
        session.split().0.read(&mut [0]).await?;
        session.close().await
    };
    run_until_stalled_then_advance(pin!(all), &clock).ready()
}

/// Takes from the heap until about so many bytes are left.
fn leave(free: usize) -> Vec<Vec<u8>> {
    let mut taken = Vec::new();
    loop {
        let over = HEAP.free().saturating_sub(free);
        if over < 128 {
            return taken;
        }
        let mut block = Vec::new();
        HEAP.enter();
        let reserved = block.try_reserve_exact(over.min(HEAP.largest()) - 64);
        assert_eq!((reserved, HEAP.leave()), (Ok(()), None));
        taken.push(block);
    }
}

#[test]
fn tickets_are_given_up_before_a_session_is_refused() {
    start(128 * 1024, 8 * 1024);
    let family = Family::new(KeyKind::P256);
    let anchors: &[&[u8]] = &[&family.root.der];
    let now = Time::At(Timestamp::from_unix(i64::try_from(NOW).unwrap()));
    for (version, versions) in [
        (Version::Tls12, Versions::TLS12),
        (Version::Tls13, Versions::TLS13),
    ] {
        let policy = Policy {
            versions,
            ..Policy::chain(Anchors::new(anchors).unwrap(), NameRule::DangerAnyName, now)
        };
        let serves = Serves {
            tickets: 1,
            ..Serves::only(&family.site(), version)
        };
        let server = serves.server();
        let needed = budget(SMALL.caps(), versions, Own::of(&policy), FULL_RECORD).handshake;
        let tickets = Tickets::new(uptime);
        SMALL.evict_first(tickets.clone());
        let names = ["a", "b", "c", "d"];
        for name in names {
            visit(&server, &policy, to(&tickets, name)).unwrap();
        }
        let kept = || {
            let left = |name| to(&tickets, name).seconds_left(&policy);
            names.map(|name| left(name).is_some())
        };
        assert_eq!(kept(), [true; 4], "{version:?}");
        // Room for a session and no more: none goes.
        let room = leave(needed + 200);
        let before = HEAP.free();
        assert!(before >= needed, "{before} {needed}");
        SMALL.check(&policy, FULL_RECORD).unwrap();
        assert_eq!(kept(), [true; 4], "{version:?}");
        drop(room);
        // A little less than that: the oldest goes, and the session comes.
        let room = leave(needed - 200);
        assert!(HEAP.free() < needed);
        visit(&server, &policy, to(&tickets, "d")).unwrap();
        assert_eq!(kept()[..2], [false, true], "{version:?}");
        drop(room);
        // With half of it, all of them go, and it is refused by the numbers.
        let room = leave(needed / 2);
        let refused = visit(&server, &policy, to(&tickets, "e")).unwrap_err();
        let Cause::Capacity(CapacityError::NoMemory { .. }) = refused.cause else {
            panic!("{refused:?}");
        };
        assert_eq!(tickets.count(), 0, "{version:?}");
        drop(room);
        // And with room there are tickets again.
        visit(&server, &policy, to(&tickets, "a")).unwrap();
        assert_eq!(tickets.count(), 1, "{version:?}");
    }
}
