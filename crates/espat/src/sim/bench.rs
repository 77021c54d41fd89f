//! What a test changes around a running modem, apart from its access points: clock, names, delays, the far side of
//! connections, the wires of its port, its flash.

use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::rc::Rc;
use std::time::Duration;

use at_modem::WallClock;
use embassy_futures::yield_now;
use embassy_time::Timer;
use x509_facts::Timestamp;

use super::events::{Event, Events};
use super::peers::{self, End, Peers};
use super::rng::{Purpose, SimRng};
use super::wire::Wire;

/// 10000-01-01T00:00:00Z, which no date of a certificate reaches.
const MAX_MICROS: i64 = 253_402_300_800_000_000;
/// More than any host sends at once.
const MAX_BYTES: usize = 65_536;
/// For a delay that a test waits for.
const MAX_LATENCY_MS: usize = 60_000;
/// A year: no timer of a modem is longer.
const MAX_ADVANCE_MS: usize = 366 * 24 * 3600 * 1000;
/// The first of the ports that a system gives by itself (RFC 6335 §6).
const DYNAMIC_PORTS: u16 = 49_152;
/// How often the modem's tasks are polled between two turns of the clock. What one of them starts the next ones
/// go on with, and no chain of them is longer.
const POLLS_PER_TURN: usize = 64;

/// The bench. Clones are the same one.
#[derive(Debug, Clone)]
pub struct Bench(Rc<State>);

#[derive(Debug)]
struct State {
    clock: RefCell<Option<Rc<WallClock>>>,
    latency: Cell<Duration>,
    /// Names that are not resolved, in small letters.
    unknown: RefCell<BTreeSet<String>>,
    no_names: Cell<bool>,
    from_host: Wire,
    to_host: Wire,
    noise: RefCell<SimRng>,
    failing_writes: Cell<u32>,
    flash_is_full: Cell<bool>,
    peers: Peers,
    events: Events,
    /// With a seed, what the modem is told of its own ports; the PC's are others in every run.
    next_port: Cell<Option<u16>>,
}

impl Default for Bench {
    fn default() -> Self {
        Self::new(Duration::ZERO, None)
    }
}

impl Bench {
    /// With this delay on each answer of a peer, and noise by the seed.
    #[must_use]
    pub fn new(latency: Duration, seed: Option<u64>) -> Self {
        Self(Rc::new(State {
            clock: RefCell::default(),
            latency: Cell::new(latency),
            unknown: RefCell::default(),
            no_names: Cell::new(false),
            from_host: Wire::default(),
            to_host: Wire::default(),
            noise: RefCell::new(SimRng::new(seed, Purpose::Noise)),
            failing_writes: Cell::new(0),
            flash_is_full: Cell::new(false),
            peers: Peers::default(),
            events: Events::default(),
            next_port: Cell::new(seed.map(|_| DYNAMIC_PORTS)),
        }))
    }

    /// The clock of the module that has just been switched on.
    pub(super) fn attach(&self, clock: Rc<WallClock>) {
        *self.0.clock.borrow_mut() = Some(clock);
    }

    /// Where events are told.
    #[must_use]
    pub fn events(&self) -> &Events {
        &self.0.events
    }

    pub(super) fn tell(&self, event: &Event) {
        self.0.events.tell(event);
    }

    pub(super) fn peers(&self) -> &Peers {
        &self.0.peers
    }

    pub(super) fn wire_in(&self) -> &Wire {
        &self.0.from_host
    }

    pub(super) fn wire_out(&self) -> &Wire {
        &self.0.to_host
    }

    /// Both wires move at this pace, in bits a second.
    pub(super) fn set_baud(&self, baud: u32) {
        self.0.from_host.set_baud(baud);
        self.0.to_host.set_baud(baud);
    }

    pub(super) fn latency(&self) -> Duration {
        self.0.latency.get()
    }

    /// Waits as long as an answer of a peer is late. Dropping it loses nothing.
    pub(super) async fn delay(&self) {
        if !self.latency().is_zero() {
            Timer::after(to_embassy(self.latency())).await;
        }
    }

    /// Whether a question for this name has no answer.
    pub(super) fn is_unknown(&self, name: &str) -> bool {
        self.0.no_names.get() || self.0.unknown.borrow().contains(&name.to_ascii_lowercase())
    }

    /// Whether the next write or erase of flash fails; each question counts as one.
    pub(super) fn flash_fails(&self) -> bool {
        let left = self.0.failing_writes.get();
        self.0.failing_writes.set(left.saturating_sub(1));
        left > 0
    }

    /// Whether no byte can be written any more.
    pub(super) fn flash_is_full(&self) -> bool {
        self.0.flash_is_full.get()
    }

    /// The number that the modem is told for the local port of its next connection, if it is not the PC's.
    pub(super) fn next_port(&self) -> Option<u16> {
        let port = self.0.next_port.get()?;
        let next = port.checked_add(1).unwrap_or(DYNAMIC_PORTS);
        self.0.next_port.set(Some(next));
        Some(port)
    }

    /// Does what a line of the control port says; `None` if the line is not about the bench.
    pub(super) fn obey(&self, line: &str) -> Option<Result<(), String>> {
        let words: Vec<&str> = line.split_whitespace().collect();
        let peers = &self.0.peers;
        Some(match words.as_slice() {
            ["clock", "set", time] => self.set_clock(time),
            ["clock", "jump", seconds] => self.jump(seconds),
            ["latency", ms] => number(ms, MAX_LATENCY_MS).map(|ms| {
                self.0.latency.set(milliseconds(ms));
            }),
            ["dns", rest @ ..] => self.names(rest)?,
            ["uart", "out", rest @ ..] => self.wire(&self.0.to_host, rest)?,
            ["uart", rest @ ..] => self.wire(&self.0.from_host, rest)?,
            ["flash", rest @ ..] => self.flash(rest)?,
            ["peer", "stall"] => {
                peers.stall(0);
                Ok(())
            }
            ["peer", "stall", left] => number(left, usize::MAX).map(|left| peers.stall(left)),
            ["peer", "go"] => {
                peers.go();
                Ok(())
            }
            ["peer", "close"] => peers.end(None, End::Closed),
            ["peer", "close", name] => peers.end(Some(*name), End::Closed),
            ["peer", "reset"] => peers.end(None, End::Reset),
            ["peer", "reset", name] => peers.end(Some(*name), End::Reset),
            ["tls", "stall"] => {
                peers.stall_next();
                Ok(())
            }
            ["tls", "alert", name] => peers::alert(name).map(|number| peers.alert_next(number)),
            _ => return None,
        })
    }

    fn flash(&self, words: &[&str]) -> Option<Result<(), String>> {
        match words {
            ["fail", count] => {
                return Some(number(count, MAX_BYTES).map(|count| {
                    let count = u32::try_from(count).unwrap_or(u32::MAX);
                    self.0.failing_writes.set(count);
                }));
            }
            ["full"] => self.0.flash_is_full.set(true),
            ["ok"] => {
                self.0.flash_is_full.set(false);
                self.0.failing_writes.set(0);
            }
            _ => return None,
        }
        Some(Ok(()))
    }

    fn names(&self, words: &[&str]) -> Option<Result<(), String>> {
        match words {
            ["fail"] => self.0.no_names.set(true),
            ["fail", name] => {
                let name = name.to_ascii_lowercase();
                self.0.unknown.borrow_mut().insert(name);
            }
            ["ok"] => {
                self.0.no_names.set(false);
                self.0.unknown.borrow_mut().clear();
            }
            _ => return None,
        }
        Some(Ok(()))
    }

    fn wire(&self, wire: &Wire, words: &[&str]) -> Option<Result<(), String>> {
        Some(match words {
            ["lose", count] => number(count, MAX_BYTES).map(|count| wire.lose(count)),
            ["noise", hex] => bytes(hex).map(|noise| wire.add_noise(&noise)),
            ["random", count] => number(count, MAX_BYTES)
                .map(|count| wire.add_random(count, &mut self.0.noise.borrow_mut())),
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
}

/// Does what a line says about virtual time; the answer behind `ok`. `None` if the line is not about it.
///
/// The modem's tasks run between two turns of the clock, so each timer ends at its own time.
pub(super) async fn turn_time(line: &str) -> Option<Result<String, String>> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let ms = || (pc_time::now() / TICKS_PER_MS).to_string();
    match words.as_slice() {
        ["time"] => Some(Ok(ms())),
        ["time", "advance", by] => Some(match number(by, MAX_ADVANCE_MS) {
            Err(error) => Err(error),
            Ok(_) if !pc_time::is_standing() => {
                Err("time passes by itself; start with --virtual-time".to_owned())
            }
            Ok(by) => {
                let by = u64::try_from(by).unwrap_or(u64::MAX);
                let end = pc_time::now().saturating_add(by.saturating_mul(TICKS_PER_MS));
                polls().await;
                while pc_time::advance_to_next(end) {
                    polls().await;
                }
                Ok(ms())
            }
        }),
        _ => None,
    }
}

const TICKS_PER_MS: u64 = embassy_time::TICK_HZ / 1000;

async fn polls() {
    for _ in 0..POLLS_PER_TURN {
        yield_now().await;
    }
}

/// The same length of time.
pub(super) fn to_embassy(time: Duration) -> embassy_time::Duration {
    embassy_time::Duration::from_micros(u64::try_from(time.as_micros()).unwrap_or(u64::MAX))
}

fn milliseconds(ms: usize) -> Duration {
    Duration::from_millis(u64::try_from(ms).unwrap_or(u64::MAX))
}

fn number(text: &str, max: usize) -> Result<usize, String> {
    text.parse()
        .ok()
        .filter(|number| *number <= max)
        .ok_or_else(|| format!("expected a number from 0 to {max}, not {text}"))
}

/// Pairs of hexadecimal digits.
fn bytes(digits: &str) -> Result<Vec<u8>, String> {
    hex::decode(digits)
        .ok()
        .filter(|it| it.len() <= MAX_BYTES)
        .ok_or_else(|| format!("expected pairs of hexadecimal digits, not {digits}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn does(bench: &Bench, line: &str) {
        assert_eq!(bench.obey(line), Some(Ok(())), "{line}");
    }

    #[test]
    fn each_wire_has_its_own_faults() {
        let bench = Bench::new(Duration::ZERO, Some(1));
        for line in [
            "uart lose 3",
            "uart noise ff0a",
            "uart out lose 1",
            "uart out random 4",
        ] {
            does(&bench, line);
        }
        assert_eq!(bench.wire_in().pass(b"AT\r\n"), b"\xff\x0a\n");
        assert_eq!(bench.wire_in().pass(b"AT\r\n"), b"AT\r\n");
        let out = bench.wire_out().pass(b"OK");
        assert_eq!((out.len(), out.ends_with(b"K")), (5, true));
    }

    #[test]
    fn so_many_writes_fail() {
        let bench = Bench::default();
        does(&bench, "flash fail 2");
        let fails: Vec<bool> = (0..4).map(|_| bench.flash_fails()).collect();
        assert_eq!(fails, [true, true, false, false]);
        for (line, fails, full) in [
            ("flash fail 9", true, false),
            ("flash full", true, true),
            ("flash ok", false, false),
        ] {
            does(&bench, line);
            assert_eq!((bench.flash_fails(), bench.flash_is_full()), (fails, full));
        }
    }

    #[test]
    fn a_clock_is_set_and_jumps() {
        let bench = Bench::default();
        let set = "clock set 2026-01-01T00:00:00Z";
        assert!(bench.obey(set).unwrap().is_err());
        let clock = Rc::new(WallClock::new());
        bench.attach(clock.clone());
        assert!(bench.obey("clock jump 60").unwrap().is_err());
        does(&bench, set);
        does(&bench, "clock jump -60");
        let now = clock.micros().unwrap() / 1_000_000;
        let wanted = Timestamp::parse_rfc3339("2025-12-31T23:59:00Z").unwrap();
        assert!((0..5).contains(&(now - wanted.as_unix())), "{now}");
    }

    #[test]
    fn names_fail_one_by_one_or_all() {
        let bench = Bench::default();
        does(&bench, "dns fail Broker.local");
        assert!(bench.is_unknown("broker.LOCAL") && !bench.is_unknown("other"));
        does(&bench, "dns fail");
        assert!(bench.is_unknown("other"));
        does(&bench, "dns ok");
        assert!(!bench.is_unknown("broker.local"));
    }

    #[test]
    fn ports_of_a_seeded_modem_are_the_same_in_every_run() {
        let seeded = Bench::new(Duration::ZERO, Some(1));
        let ports = [seeded.next_port(), seeded.next_port()];
        assert_eq!(ports, [Some(49_152), Some(49_153)]);
        assert_eq!(Bench::default().next_port(), None);
    }

    #[test]
    fn time_is_turned_only_where_it_stands() {
        let turn = |line| async_io::block_on(turn_time(line));
        assert_eq!(turn("status"), None);
        assert!(turn("time").unwrap().unwrap().parse::<u64>().is_ok());
        let refused = turn("time advance 5").unwrap().unwrap_err();
        assert!(refused.contains("--virtual-time"), "{refused}");
        assert!(turn("time advance x").unwrap().is_err());
    }

    #[test]
    fn what_is_no_number_and_no_hex_is_refused() {
        let bench = Bench::default();
        for line in [
            "latency x",
            "latency 60001",
            "flash fail x",
            "flash full 3",
            "flash",
            "uart lose -1",
            "uart noise f",
            "uart noise fg",
            "uart out lose x",
            "uart out",
            "peer stall x",
            "peer close 10.0.0.1:80",
            "peer",
            "tls alert nothing",
            "clock set yesterday",
            "clock jump",
        ] {
            assert!(bench.obey(line).is_none_or(|it| it.is_err()), "{line}");
        }
        assert!(bench.obey("ap down iot").is_none());
    }
}
