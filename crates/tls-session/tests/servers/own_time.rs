//! A processor that takes long for what it computes: that is not held against the client (duty 139).

use std::cell::RefCell;
use std::pin::pin;

use embedded_io_async::{ErrorType, Read};
use tls_doubles::clock::Clock;
use tls_doubles::exec::run_until_stalled_then_advance;
use tls_doubles::io::{Broken, Faults, Rx, connect};
use tls_doubles::keys::KeyKind;
use tls_doubles::pki::Family;
use tls_doubles::rng::TestRng;
use tls_session::reason::StreamError;
use tls_session::verify::Version;
use tls_session::{Cause, Connection, Deadlines, Memory, Reason, Session};

use crate::host::{acceptor, now};
use crate::visitor::{Visitor, Visits};

std::thread_local! {
    static CLOCK: RefCell<Clock> = RefCell::default();
}

fn clock() -> Clock {
    CLOCK.with_borrow(Clock::clone)
}

fn milliseconds() -> u64 {
    clock().now_ms()
}

/// A client of whose every piece so many milliseconds are computed on.
struct Heavy {
    inner: Rx<Visitor>,
    ms: u64,
}

impl ErrorType for Heavy {
    type Error = Broken;
}

impl Read for Heavy {
    async fn read(&mut self, buf: &mut [u8]) -> Result<usize, Broken> {
        let len = self.inner.read(buf).await?;
        clock().advance_ms(self.ms);
        Ok(len)
    }
}

/// How a client fares that sends a piece in each `theirs` milliseconds, and how long it took. `ours` is what each piece takes
/// here, and `told` whether the session has a clock.
fn serve(version: Version, theirs: u32, ours: u64, told: bool) -> (Result<(), Reason>, u64) {
    CLOCK.set(Clock::default());
    let family = Family::new(KeyKind::P256);
    let acceptor = acceptor(&family.site(), None, |_| ());
    let faults = Faults {
        chunk: 40,
        pace: Some((clock(), theirs)),
        ..Faults::default()
    };
    let (_wire, rx, tx) = connect(Visits::only(version).visitor(), faults);
    let rx = Heavy {
        inner: rx,
        ms: ours,
    };
    let mut connection = Connection::new(rx, tx, clock().delay());
    if told {
        connection = connection.with_clock(milliseconds);
    }
    let mut memory: Box<Memory> = Default::default();
    let (deadlines, rng) = (Deadlines::default(), TestRng::new(7));
    let accept = Session::accept(&connection, &mut memory, &acceptor, now(), deadlines, rng);
    let outcome = run_until_stalled_then_advance(pin!(accept), &clock()).ready();
    (outcome.map(drop), milliseconds())
}

#[test]
fn duty_139_what_we_compute_is_not_the_clients_time() {
    const LATE: Cause = Cause::Stream(StreamError::HandshakeTimeout { ms: 30_000 });
    for version in [Version::Tls12, Version::Tls13] {
        // Quick on both sides.
        let (outcome, took) = serve(version, 10, 0, true);
        assert_eq!(outcome, Ok(()));
        assert!(took < 1_000, "{took}");
        // Minutes of ours.
        let (outcome, took) = serve(version, 10, 20_000, true);
        assert_eq!(outcome, Ok(()), "{version:?}");
        assert!(took > 100_000, "{took}");
        let (outcome, _) = serve(version, 10, 20_000, false);
        assert_eq!(outcome.unwrap_err().cause, LATE, "{version:?}");
        // A slow client has its thirty seconds, and no more, whatever we take beside.
        for ours in [0, 1_000, 7_000] {
            let (outcome, took) = serve(version, 8_000, ours, true);
            assert_eq!(outcome.unwrap_err().cause, LATE, "{version:?} {ours}");
            let pieces = 30_000 / 8_000;
            let expected = 30_000 + pieces * ours;
            assert!(
                (expected..=expected + ours).contains(&took),
                "{version:?} {ours}: {took}"
            );
        }
    }
}
