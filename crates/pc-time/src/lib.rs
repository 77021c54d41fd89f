//! The clock of `embassy-time` on a PC: that of the machine, or one that the program turns by hand.
//!
//! ```text
//! running: now = time since the first look     a thread wakes who waits
//!    │ stop()
//!    ▼
//! standing: now = the last time                advance_to_next() turns it and wakes who waits
//! ```
//!
//! Times are ticks of `embassy-time`, which are microseconds unless a package of the program asks for another rate.
//! It takes the place of the feature `std` of `embassy-time`: a program can have only one of the two.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::thread;
use std::time::{Duration, Instant};

use embassy_time_driver::{Driver, TICK_HZ};

/// The code of the README, compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

/// What the clock shows.
#[derive(Debug, Clone, Copy)]
enum Clock {
    /// Nobody has looked yet.
    New,
    /// The time since then.
    Running(Instant),
    /// This, in ticks.
    Standing(u64),
}

#[derive(Debug)]
struct State {
    clock: Clock,
    /// Who waits, and until when, in no order. Some will have been dropped meanwhile; waking them does no harm.
    waiting: Vec<(u64, Waker)>,
}

#[derive(Debug)]
struct PcDriver {
    state: Mutex<State>,
    /// Somebody waits who did not before, or the clock stands.
    changed: Condvar,
}

embassy_time_driver::time_driver_impl!(static DRIVER: PcDriver = PcDriver {
    state: Mutex::new(State {
        clock: Clock::New,
        waiting: Vec::new(),
    }),
    changed: Condvar::new(),
});

impl State {
    fn now(&mut self) -> u64 {
        match self.clock {
            Clock::New => {
                self.clock = Clock::Running(Instant::now());
                thread::spawn(wake_in_time);
                0
            }
            Clock::Running(start) => ticks(start.elapsed()),
            Clock::Standing(now) => now,
        }
    }

    /// Takes out who has waited long enough.
    fn due(&mut self) -> Vec<Waker> {
        let now = self.now();
        let due = self.waiting.extract_if(.., |(at, _)| *at <= now);
        due.map(|(_, waker)| waker).collect()
    }

    fn next(&self) -> Option<u64> {
        self.waiting.iter().map(|(at, _)| *at).min()
    }
}

impl PcDriver {
    /// A thread that panicked left nothing half done here.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Driver for PcDriver {
    fn now(&self) -> u64 {
        self.state().now()
    }

    fn schedule_wake(&self, at: u64, waker: &Waker) {
        let mut state = self.state();
        if at <= state.now() {
            drop(state);
            waker.wake_by_ref();
            return;
        }
        // A task that is polled again waits for the same; one entry is enough.
        let mut waiting = state.waiting.iter();
        if !waiting.any(|(other, known)| *other == at && known.will_wake(waker)) {
            state.waiting.push((at, waker.clone()));
            self.changed.notify_one();
        }
    }
}

/// Wakes who waits, for as long as the clock runs.
fn wake_in_time() {
    let mut state = DRIVER.state();
    loop {
        let Clock::Running(start) = state.clock else {
            return;
        };
        let due = state.due();
        if !due.is_empty() {
            drop(state);
            due.into_iter().for_each(Waker::wake);
            state = DRIVER.state();
            continue;
        }
        let until = state.next().map(duration);
        state = match until {
            Some(until) => {
                let left = until.saturating_sub(start.elapsed());
                let waited = DRIVER.changed.wait_timeout(state, left);
                waited.unwrap_or_else(PoisonError::into_inner).0
            }
            None => {
                let waited = DRIVER.changed.wait(state);
                waited.unwrap_or_else(PoisonError::into_inner)
            }
        };
    }
}

fn ticks(time: Duration) -> u64 {
    let ticks = time
        .as_nanos()
        .saturating_mul(u128::from(TICK_HZ))
        .saturating_div(1_000_000_000);
    u64::try_from(ticks).unwrap_or(u64::MAX)
}

/// Rounded up, so that who is woken then has waited long enough.
fn duration(ticks: u64) -> Duration {
    let nanos = u128::from(ticks)
        .saturating_mul(1_000_000_000)
        .div_ceil(u128::from(TICK_HZ));
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}

/// The time, in ticks.
#[must_use]
pub fn now() -> u64 {
    DRIVER.now()
}

/// The clock stands from here on, at 0 if nobody has looked at it yet. It does not run again.
pub fn stop() {
    let mut state = DRIVER.state();
    let now = match state.clock {
        Clock::New => 0,
        _ => state.now(),
    };
    state.clock = Clock::Standing(now);
    DRIVER.changed.notify_one();
}

/// Whether the clock stands.
#[must_use]
pub fn is_standing() -> bool {
    matches!(DRIVER.state().clock, Clock::Standing(_))
}

/// Turns a standing clock to the next time for which somebody waits, at most to `end`, and wakes who waited for it.
/// Returns whether `end`, in ticks, is still to come; a running clock is left alone, and then it is not.
///
/// What is woken may wait again, for a time before `end`: poll it before the next call.
#[must_use]
pub fn advance_to_next(end: u64) -> bool {
    let mut state = DRIVER.state();
    let Clock::Standing(now) = state.clock else {
        return false;
    };
    if now >= end {
        return false;
    }
    let next = state.next().map_or(end, |at| at.clamp(now, end));
    state.clock = Clock::Standing(next);
    let due = state.due();
    drop(state);
    due.into_iter().for_each(Waker::wake);
    true
}
