//! The wall clock: microseconds since 1970, or unknown.

use core::cell::Cell;

use embassy_time::Instant;
use tls_session::{Clock, Timestamp};

const MICROS: i64 = 1_000_000;

/// Knows the time once somebody said it; counts from start until then.
#[derive(Debug, Default)]
pub struct WallClock {
    /// Microseconds since 1970 at the start of this program.
    base: Cell<Option<i64>>,
}

impl WallClock {
    /// Unknown.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            base: Cell::new(None),
        }
    }

    /// Sets the time, in microseconds since 1970, UTC.
    pub fn set_micros(&self, now: i64) {
        self.base.set(Some(now.saturating_sub(uptime_micros())));
    }

    /// Sets the time, in seconds since 1970, UTC.
    pub fn set(&self, now: Timestamp) {
        self.set_micros(now.as_unix().saturating_mul(MICROS));
    }

    /// Microseconds since 1970, if known.
    #[must_use]
    pub fn micros(&self) -> Option<i64> {
        self.base
            .get()
            .map(|base| base.saturating_add(uptime_micros()))
    }

    /// Seconds since 1970; counted from start while unknown, as ESP-AT shows it.
    #[must_use]
    pub fn seconds_or_uptime(&self) -> i64 {
        self.micros()
            .unwrap_or_else(uptime_micros)
            .div_euclid(MICROS)
    }

    /// What a TLS policy may rely on.
    #[must_use]
    pub fn reading(&self) -> Clock {
        self.micros().map_or(Clock::Unset, |micros| {
            Clock::At(Timestamp::from_unix(micros.div_euclid(MICROS)))
        })
    }
}

pub(crate) fn uptime_micros() -> i64 {
    i64::try_from(Instant::now().as_micros()).unwrap_or(i64::MAX)
}
