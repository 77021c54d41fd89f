//! The core's time beside this machine's.
//!
//! The core is never ahead. Where this machine needs longer for the core's instructions than a chip would, the chip's
//! time stands still meanwhile: were it to catch up as soon as the core sleeps, every deadline of the program (for a
//! lease, for a handshake) would measure how busy this machine is. Only a sleep that lasts too long is caught up, so
//! that a second of waiting is a second.

use std::time::{Duration, Instant};

use crate::timers::CORE;

const CYCLES_PER_MICRO: u64 = CORE / 1_000_000;

#[derive(Debug, Clone, Copy)]
pub(crate) struct Pace {
    /// When the chip was switched on, later by all that this machine was too slow for.
    power_on: Instant,
    /// Cycles that the core was late by when it last woke.
    overslept: u64,
}

impl Pace {
    pub(crate) const fn new(power_on: Instant) -> Self {
        Self {
            power_on,
            overslept: 0,
        }
    }

    /// Cycles from power on until this instant.
    pub(crate) fn cycles(self, instant: Instant) -> u64 {
        let past = instant.saturating_duration_since(self.power_on);
        let micros = u64::try_from(past.as_micros()).unwrap_or(u64::MAX);
        micros.saturating_mul(CYCLES_PER_MICRO)
    }

    /// Time from this instant until the core is at this cycle; zero if it is late.
    pub(crate) fn until(self, cycle: u64, instant: Instant) -> Duration {
        let cycles = cycle.saturating_sub(self.cycles(instant));
        Duration::from_micros(cycles / CYCLES_PER_MICRO)
    }

    /// The core wakes at this cycle.
    pub(crate) fn wakes(&mut self, cycle: u64, instant: Instant) {
        self.overslept = self.cycles(instant).saturating_sub(cycle);
    }

    /// The core has nothing to do from this cycle on; returns the cycle at which it is now.
    pub(crate) fn sleeps(&mut self, cycle: u64, instant: Instant) -> u64 {
        let late = self.cycles(instant).saturating_sub(cycle);
        let awake = late.saturating_sub(self.overslept);
        self.power_on += Duration::from_micros(awake / CYCLES_PER_MICRO);
        self.overslept = 0;
        self.cycles(instant).max(cycle)
    }

    /// The core was put this many cycles ahead, and does not wait for them.
    pub(crate) fn skip(&mut self, cycles: u64) {
        self.power_on -= Duration::from_micros(cycles / CYCLES_PER_MICRO);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_core_that_is_ahead_waits_and_a_late_one_does_not() {
        let power_on = Instant::now();
        let pace = Pace::new(power_on);
        assert_eq!(pace.until(3 * CORE, power_on + SECOND), 2 * SECOND);
        assert_eq!(pace.until(CORE, power_on + 3 * SECOND), Duration::ZERO);
    }

    /// Twenty seconds of this machine for one of the core: its deadline of two is still one away.
    #[test]
    fn what_this_machine_was_too_slow_for_does_not_count() {
        let power_on = Instant::now();
        let mut pace = Pace::new(power_on);
        let busy = power_on + 20 * SECOND;
        assert_eq!(pace.sleeps(CORE, busy), CORE);
        assert_eq!(pace.until(2 * CORE, busy), SECOND);
        // While it is ahead, nothing changes.
        assert_eq!(pace.sleeps(5 * CORE, busy), 5 * CORE);
        assert_eq!(pace.cycles(busy), CORE);
    }

    /// It sleeps three seconds longer than it wanted to, and is awake for two of this machine's, which are one of its own.
    #[test]
    fn a_sleep_that_lasted_too_long_is_caught_up() {
        let power_on = Instant::now();
        let mut pace = Pace::new(power_on);
        pace.wakes(CORE, power_on + 4 * SECOND);
        assert_eq!(pace.sleeps(2 * CORE, power_on + 6 * SECOND), 5 * CORE);
        assert_eq!(pace.sleeps(5 * CORE, power_on + 6 * SECOND), 5 * CORE);
    }

    #[test]
    fn a_core_that_was_put_ahead_does_not_wait_for_it() {
        let power_on = Instant::now() + 10 * SECOND;
        let mut pace = Pace::new(power_on);
        pace.skip(5 * CORE);
        assert_eq!(pace.until(6 * CORE, power_on), SECOND);
    }
}
