//! The wall clock: microseconds since 1970, or unknown; and the earliest time it can be.
//!
//! ```text
//! unknown ── SNTP, AT+SYSTIMESTAMP, the caller ──▶ set ─┬─ from the floor on: dates can be checked
//!                                                      └─ before the floor: nothing is in date
//! ```
//!
//! The floor is when the program was built, or the last SNTP answer before the last restart. It sets no
//! clock; it is what a clock is measured by.

use core::cell::Cell;

use embassy_time::Instant;
use tls_session::{Clock, Timestamp};

const MICROS: i64 = 1_000_000;

/// 2025-10-01: no copy of this release is older.
const RELEASED: i64 = 1_759_276_800;

/// The earliest time at which this program can run, for [`Parts::built`](crate::Parts::built): the
/// release, or `SOURCE_DATE_EPOCH` (seconds since 1970) of the build where that is later.
///
/// The variable is what reproducible builds set; without it every build has the same floor.
pub const BUILT: Timestamp = Timestamp::from_unix(match option_env!("SOURCE_DATE_EPOCH") {
    Some(text) => later(text.as_bytes()),
    None => RELEASED,
});

/// A number of seconds, if it is one and later than [`RELEASED`]; else that.
const fn later(mut digits: &[u8]) -> i64 {
    let mut seconds = 0_i64;
    while let [digit @ b'0'..=b'9', rest @ ..] = digits {
        let value = match *digit {
            b'0' => 0,
            b'1' => 1,
            b'2' => 2,
            b'3' => 3,
            b'4' => 4,
            b'5' => 5,
            b'6' => 6,
            b'7' => 7,
            b'8' => 8,
            _ => 9,
        };
        seconds = seconds.saturating_mul(10).saturating_add(value);
        digits = rest;
    }
    if digits.is_empty() && seconds > RELEASED {
        seconds
    } else {
        RELEASED
    }
}

/// Why an SNTP server gave no time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub(crate) enum SntpError {
    /// Its name has no address.
    HostNotFound,
    /// No socket, or sending failed.
    Network,
    /// No answer to our question within 5 s.
    Timeout,
    /// It asks to be asked less often: kiss code `RATE`.
    AskedTooOften,
    /// It denies service: kiss code `DENY` or `RSTR`.
    Denied,
    /// It has no time to give: another kiss code, leap alarm, or stratum 16.
    Unsynchronised,
    /// An answer that contradicts itself or RFC 5905.
    Invalid,
    /// A time that has passed for sure.
    BeforeFloor,
}

impl SntpError {
    /// A phrase for the log.
    #[must_use]
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::HostNotFound => "its name has no address",
            Self::Network => "cannot be sent to",
            Self::Timeout => "no answer within 5 s",
            Self::AskedTooOften => "asks to be asked less often",
            Self::Denied => "denies service",
            Self::Unsynchronised => "does not know the time itself",
            Self::Invalid => "answer contradicts itself or RFC 5905",
            Self::BeforeFloor => "shows a time that has passed",
        }
    }
}

/// Knows the time once somebody said it; counts from start until then.
#[derive(Debug)]
pub struct WallClock {
    /// Microseconds since 1970 at the start of this program.
    base: Cell<Option<i64>>,
    /// Seconds since 1970 before which it cannot be.
    floor: Cell<i64>,
    /// The SNTP server that was asked last gave no time.
    sntp_failed: Cell<bool>,
    /// Which server, and why. Not an `Option`: its `None` is no zero, and the static that holds the clock, with 90 KB
    /// around it, would lie in flash as well.
    sntp_failure: Cell<(u8, SntpError)>,
}

impl Default for WallClock {
    fn default() -> Self {
        Self::new()
    }
}

impl WallClock {
    /// Unknown.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            base: Cell::new(None),
            floor: Cell::new(0),
            sntp_failed: Cell::new(false),
            sntp_failure: Cell::new((0, SntpError::HostNotFound)),
        }
    }

    /// Sets the time, in microseconds since 1970, UTC.
    pub fn set_micros(&self, now: i64) {
        self.base.set(Some(now.saturating_sub(uptime_micros())));
        self.sntp_failed.set(false);
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

    /// The earliest time it can be; 1970 before a modem has booted with this clock.
    #[must_use]
    pub fn floor(&self) -> Timestamp {
        Timestamp::from_unix(self.floor.get())
    }

    /// Says the earliest time it can be.
    pub(crate) fn set_floor(&self, floor: Timestamp) {
        self.floor.set(floor.as_unix());
    }

    /// Why the last SNTP server gave no time, and its position in the settings.
    pub(crate) const fn sntp_failure(&self) -> Option<(u8, SntpError)> {
        if self.sntp_failed.get() {
            Some(self.sntp_failure.get())
        } else {
            None
        }
    }

    /// Keeps why a server gave no time. True if that is news.
    pub(crate) fn note_sntp_failure(&self, failure: Option<(u8, SntpError)>) -> bool {
        let before = self.sntp_failure();
        self.sntp_failed.set(failure.is_some());
        if let Some(failure) = failure {
            self.sntp_failure.set(failure);
        }
        before != failure
    }

    /// What a TLS policy may rely on.
    #[must_use]
    pub fn reading(&self) -> Clock {
        let Some(micros) = self.micros() else {
            return Clock::Unset;
        };
        let now = Timestamp::from_unix(micros.div_euclid(MICROS));
        let floor = self.floor();
        if now < floor {
            Clock::BeforeFloor { now, floor }
        } else {
            Clock::At(now)
        }
    }
}

pub(crate) fn uptime_micros() -> i64 {
    i64::try_from(Instant::now().as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_is_no_older_than_its_release() {
        for (text, seconds) in [
            ("", RELEASED),
            ("0", RELEASED),
            ("1759276799", RELEASED),
            ("1759276801", 1_759_276_801),
            ("1800000000", 1_800_000_000),
            ("-1800000000", RELEASED),
            ("1800000000 ", RELEASED),
            ("18e9", RELEASED),
            ("99999999999999999999", i64::MAX),
        ] {
            assert_eq!(later(text.as_bytes()), seconds, "{text}");
        }
        assert!(BUILT.as_unix() >= RELEASED);
    }
}
