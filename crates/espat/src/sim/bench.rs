//! What a test changes around a running modem, apart from its access points: clock, names, delays, the wires of
//! its port, its flash.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use async_io::Timer;
use at_modem::WallClock;
use x509_facts::Timestamp;

/// 10000-01-01T00:00:00Z, which no date of a certificate reaches.
const MAX_MICROS: i64 = 253_402_300_800_000_000;
/// More than any host sends at once.
const MAX_BYTES: usize = 65_536;
/// For a delay that a test waits for.
const MAX_LATENCY: Duration = Duration::from_secs(60);

/// The bench. Clones are the same one.
#[derive(Debug, Clone, Default)]
pub struct Bench(Rc<State>);

#[derive(Debug, Default)]
struct State {
    clock: RefCell<Option<Rc<WallClock>>>,
    latency: Cell<Duration>,
    /// Names that are not resolved, in small letters.
    unknown: RefCell<BTreeSet<String>>,
    no_names: Cell<bool>,
    to_lose: Cell<usize>,
    noise: RefCell<Vec<u8>>,
    failing_writes: Cell<u32>,
}

impl Bench {
    /// With this delay on each answer of a peer.
    #[must_use]
    pub fn new(latency: Duration) -> Self {
        let bench = Self::default();
        bench.0.latency.set(latency);
        bench
    }

    /// The clock of the module that has just been switched on.
    pub(super) fn attach(&self, clock: Rc<WallClock>) {
        *self.0.clock.borrow_mut() = Some(clock);
    }

    pub(super) fn latency(&self) -> Duration {
        self.0.latency.get()
    }

    /// Waits as long as an answer of a peer is late. Dropping it loses nothing.
    pub(super) async fn delay(&self) {
        if !self.latency().is_zero() {
            Timer::after(self.latency()).await;
        }
    }

    /// Whether a question for this name has no answer.
    pub(super) fn is_unknown(&self, name: &str) -> bool {
        self.0.no_names.get() || self.0.unknown.borrow().contains(&name.to_ascii_lowercase())
    }

    /// What arrives of bytes that the host sent: noise comes before them, lost ones are gone.
    pub(super) fn on_wire(&self, sent: &[u8]) -> Vec<u8> {
        let lost = self.0.to_lose.get().min(sent.len());
        self.0
            .to_lose
            .set(self.0.to_lose.get().saturating_sub(lost));
        let mut arrives = self.0.noise.take();
        arrives.extend_from_slice(sent.get(lost..).unwrap_or_default());
        arrives
    }

    /// Whether the next write or erase of flash fails; each question counts as one.
    pub(super) fn flash_fails(&self) -> bool {
        let left = self.0.failing_writes.get();
        self.0.failing_writes.set(left.saturating_sub(1));
        left > 0
    }

    /// Does what a line of the control port says; `None` if the line is not about the bench.
    pub(super) fn obey(&self, line: &str) -> Option<Result<(), String>> {
        let words: Vec<&str> = line.split_whitespace().collect();
        Some(match words.as_slice() {
            ["clock", "set", time] => self.set_clock(time),
            ["clock", "jump", seconds] => self.jump(seconds),
            ["latency", ms] => self.set_latency(ms),
            ["dns", "fail"] => {
                self.0.no_names.set(true);
                Ok(())
            }
            ["dns", "fail", name] => {
                self.0
                    .unknown
                    .borrow_mut()
                    .insert(name.to_ascii_lowercase());
                Ok(())
            }
            ["dns", "ok"] => {
                self.0.no_names.set(false);
                self.0.unknown.borrow_mut().clear();
                Ok(())
            }
            ["uart", "lose", count] => {
                number(count, MAX_BYTES).map(|count| self.0.to_lose.set(count))
            }
            ["uart", "noise", hex] => {
                bytes(hex).map(|noise| self.0.noise.borrow_mut().extend(noise))
            }
            ["flash", "fail", count] => number(count, MAX_BYTES).map(|count| {
                let count = u32::try_from(count).unwrap_or(u32::MAX);
                self.0.failing_writes.set(count);
            }),
            _ => return None,
        })
    }

    fn set_clock(&self, time: &str) -> Result<(), String> {
        let time = Timestamp::parse_rfc3339(time).map_err(|error| format!("{time}: {error}"))?;
        let clock = self.0.clock.borrow();
        let clock = clock.as_ref().ok_or("the module is off")?;
        clock.set(time);
        Ok(())
    }

    fn jump(&self, seconds: &str) -> Result<(), String> {
        let seconds: i64 = seconds
            .parse()
            .map_err(|_| format!("{seconds} is no number of seconds"))?;
        let clock = self.0.clock.borrow();
        let clock = clock.as_ref().ok_or("the module is off")?;
        let now = clock.micros().ok_or("the clock is not set")?;
        let then = now.saturating_add(seconds.saturating_mul(1_000_000));
        if !(0..MAX_MICROS).contains(&then) {
            return Err("the clock would leave the years 1970 to 9999".to_owned());
        }
        clock.set_micros(then);
        Ok(())
    }

    fn set_latency(&self, ms: &str) -> Result<(), String> {
        let max = usize::try_from(MAX_LATENCY.as_millis()).unwrap_or(usize::MAX);
        let ms = number(ms, max)?;
        let ms = u64::try_from(ms).map_err(|error| error.to_string())?;
        self.0.latency.set(Duration::from_millis(ms));
        Ok(())
    }
}

fn number(text: &str, max: usize) -> Result<usize, String> {
    text.parse()
        .ok()
        .filter(|number| *number <= max)
        .ok_or_else(|| format!("expected a number from 0 to {max}, not {text}"))
}

/// Pairs of hexadecimal digits.
fn bytes(hex: &str) -> Result<Vec<u8>, String> {
    let pairs = hex.as_bytes().chunks(2).map(|pair| {
        let pair = std::str::from_utf8(pair).ok().filter(|it| it.len() == 2)?;
        u8::from_str_radix(pair, 16).ok()
    });
    pairs
        .collect::<Option<Vec<u8>>>()
        .filter(|it| it.len() <= MAX_BYTES)
        .ok_or_else(|| format!("expected pairs of hexadecimal digits, not {hex}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wire_loses_and_adds_what_was_asked_for_once() {
        let bench = Bench::default();
        bench.obey("uart lose 3").unwrap().unwrap();
        bench.obey("uart noise ff0a").unwrap().unwrap();
        assert_eq!(bench.on_wire(b"AT"), b"\xff\x0a");
        assert_eq!(bench.on_wire(b"AT\r\n"), b"T\r\n");
        assert_eq!(bench.on_wire(b"AT\r\n"), b"AT\r\n");
    }

    #[test]
    fn so_many_writes_fail() {
        let bench = Bench::default();
        bench.obey("flash fail 2").unwrap().unwrap();
        let fails: Vec<bool> = (0..4).map(|_| bench.flash_fails()).collect();
        assert_eq!(fails, [true, true, false, false]);
    }

    #[test]
    fn a_clock_is_set_and_jumps() {
        let bench = Bench::default();
        let set = "clock set 2026-01-01T00:00:00Z";
        assert!(bench.obey(set).unwrap().is_err());
        let clock = Rc::new(WallClock::new());
        bench.attach(clock.clone());
        assert!(bench.obey("clock jump 60").unwrap().is_err());
        bench.obey(set).unwrap().unwrap();
        bench.obey("clock jump -60").unwrap().unwrap();
        let now = clock.micros().unwrap() / 1_000_000;
        let wanted = Timestamp::parse_rfc3339("2025-12-31T23:59:00Z").unwrap();
        assert!((0..5).contains(&(now - wanted.as_unix())), "{now}");
    }

    #[test]
    fn names_fail_one_by_one_or_all() {
        let bench = Bench::default();
        bench.obey("dns fail Broker.local").unwrap().unwrap();
        assert!(bench.is_unknown("broker.LOCAL") && !bench.is_unknown("other"));
        bench.obey("dns fail").unwrap().unwrap();
        assert!(bench.is_unknown("other"));
        bench.obey("dns ok").unwrap().unwrap();
        assert!(!bench.is_unknown("broker.local"));
    }

    #[test]
    fn what_is_no_number_and_no_hex_is_refused() {
        let bench = Bench::default();
        for line in [
            "latency x",
            "latency 60001",
            "uart lose -1",
            "uart noise f",
            "uart noise fg",
            "clock set yesterday",
            "clock jump",
        ] {
            assert!(bench.obey(line).is_none_or(|it| it.is_err()), "{line}");
        }
        assert!(bench.obey("ap down iot").is_none());
    }
}
