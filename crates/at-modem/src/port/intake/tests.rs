//! Sweeps: every split of a payload, every timing of the escape sequence, little room and much.

extern crate std;
use super::*;
use std::string::String;
use std::vec::Vec;

/// What came of a conversation.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    data: Vec<u8>,
    end: Option<End>,
    /// What waits behind the payload.
    rest: Vec<u8>,
}

/// A shell without I/O: `room` bytes of data are taken per step, if any.
struct Shell {
    intake: Intake,
    waiting: Vec<u8>,
    room: usize,
    outcome: Outcome,
}

impl Shell {
    fn new(payload: Payload, room: usize) -> Self {
        let mut intake = Intake::new();
        intake.set_mode(Mode::Payload(payload), &[], Instant::MIN);
        Self {
            intake,
            waiting: Vec::new(),
            room,
            outcome: Outcome {
                data: Vec::new(),
                end: None,
                rest: Vec::new(),
            },
        }
    }

    fn drive(&mut self) {
        // Each step consumes a byte or ends the payload.
        for _ in 0..1000 {
            match self.intake.step(&self.waiting) {
                Step::Wait | Step::Busy(_) | Step::Line(_) => return,
                Step::Skip(count) => drop(self.waiting.drain(..count)),
                Step::Data(bytes) => {
                    let count = bytes.len().min(self.room);
                    if count == 0 {
                        return;
                    }
                    self.outcome.data.extend_from_slice(&bytes[..count]);
                    self.waiting.drain(..count);
                    self.outcome.end = self.intake.took(count).or(self.outcome.end);
                }
                Step::Escaped(count) => {
                    self.waiting.drain(..count);
                    self.outcome.end = Some(End::Escaped);
                }
            }
        }
        panic!("no progress: {:?}", self.intake);
    }

    fn burst(&mut self, now: Instant, burst: &[u8]) {
        self.waiting.extend_from_slice(burst);
        self.intake.on_bytes(now, burst, self.waiting.len());
        self.drive();
    }

    /// Bursts at milliseconds, and then silence.
    fn run(mut self, bursts: &[(u64, &[u8])]) -> Outcome {
        for (at, burst) in bursts {
            let now = Instant::from_millis(*at);
            self.time_until(now);
            self.burst(now, burst);
        }
        self.time_until(Instant::MAX);
        self.outcome.rest = self.waiting;
        self.outcome
    }

    fn time_until(&mut self, now: Instant) {
        while let Some(deadline) = self.intake.deadline().filter(|at| *at < now) {
            self.intake.on_time(deadline, self.waiting.len());
            self.drive();
        }
    }
}

fn n(count: usize) -> NonZeroUsize {
    NonZeroUsize::new(count).unwrap()
}

#[test]
fn a_payload_is_the_same_however_it_is_split() {
    let text = b"ab\\\\c\\0+++AT\r\n";
    for (payload, data, end, rest) in [
        (
            Payload::Exact(n(4)),
            "ab\\\\",
            End::Complete,
            "c\\0+++AT\r\n",
        ),
        (
            Payload::Exact(n(10)),
            "ab\\\\c\\0+++",
            End::Complete,
            "AT\r\n",
        ),
        (
            Payload::Cancellable(n(3)),
            "ab\\",
            End::Complete,
            "\\c\\0+++AT\r\n",
        ),
        (
            Payload::Cancellable(n(10)),
            "ab\\\\c\\0+++",
            End::Complete,
            "AT\r\n",
        ),
        (Payload::Quoted(n(9)), "ab\\c", End::Escaped, "+++AT\r\n"),
        (
            Payload::Quoted(n(3)),
            "ab\\",
            End::Complete,
            "c\\0+++AT\r\n",
        ),
    ] {
        for a in 0..text.len() {
            for b in a..text.len() {
                for room in [1, 2, 100] {
                    let bursts = [(0, &text[..a]), (1, &text[a..b]), (5, &text[b..])];
                    let got = Shell::new(payload, room).run(&bursts);
                    let expected = Outcome {
                        data: data.into(),
                        end: Some(end),
                        rest: rest.into(),
                    };
                    assert_eq!(got, expected, "{payload:?} {a} {b} {room}");
                }
            }
        }
    }
}

/// Bursts at milliseconds, what of them is data, and whether the escape sequence ends it.
type Case = (&'static [(u64, &'static str)], &'static str, bool);

#[test]
fn only_three_pluses_alone_in_their_burst_are_the_escape_sequence() {
    let cases: &[Case] = &[
        (&[(0, "+++")], "", true),
        (&[(0, "+"), (10, "+"), (20, "+")], "", true),
        (&[(0, "+"), (20, "+"), (40, "+")], "", true),
        (&[(0, "++"), (5, "+")], "", true),
        (&[(0, "abc"), (21, "+++")], "abc", true),
        (&[(0, "abc"), (50, "+++"), (71, "AT\r\n")], "abc", true),
        // Too soon after data, or data too soon after them.
        (&[(0, "abc"), (20, "+++")], "abc+++", false),
        (&[(0, "abc+++")], "abc+++", false),
        (&[(0, "+++"), (20, "x")], "+++x", false),
        (&[(0, "+++\r\n")], "+++\r\n", false),
        (&[(0, "+++"), (1, "\r\n")], "+++\r\n", false),
        // Too few, too many, too slow.
        (&[(0, "++")], "++", false),
        (&[(0, "++++")], "++++", false),
        (&[(0, "+++"), (5, "+")], "++++", false),
        (&[(0, "++"), (5, "++")], "++++", false),
        (&[(0, "+"), (21, "+"), (42, "+")], "+++", false),
        (&[(0, "++"), (21, "+")], "+++", false),
        // A second try after one that was data.
        (&[(0, "++"), (30, "x"), (60, "+++")], "++x", true),
        (&[(0, "++"), (30, "+++")], "++", true),
    ];
    for payload in [Payload::Endless, Payload::Cancellable(n(100))] {
        for (bursts, data, escaped) in cases {
            for room in [1, 3, 100] {
                let bursts: Vec<(u64, &[u8])> = bursts
                    .iter()
                    .map(|(at, burst)| (*at, burst.as_bytes()))
                    .collect();
                let got = Shell::new(payload, room).run(&bursts);
                let found = String::from_utf8(got.data).unwrap();
                let end = escaped.then_some(End::Escaped);
                assert_eq!((found.as_str(), got.end), (*data, end), "{bursts:?} {room}");
            }
        }
    }
}

#[test]
fn no_byte_is_lost_at_any_timing_of_pluses() {
    let stream = b"+++a++b+++++c+";
    for cuts in 0..1_u32 << (stream.len() - 1) {
        for gap in [0, 15, 20, 21, 30] {
            let mut bursts: Vec<(u64, &[u8])> = Vec::new();
            let (mut start, mut at) = (0, 0);
            for end in 1..=stream.len() {
                if end == stream.len() || cuts & (1 << (end - 1)) != 0 {
                    bursts.push((at, &stream[start..end]));
                    (start, at) = (end, at + gap);
                }
            }
            let got = Shell::new(Payload::Endless, 100).run(&bursts);
            let mut all = got.data;
            if got.end.is_some() {
                all.extend(b"+++");
            }
            all.extend(got.rest);
            assert!(
                stream.starts_with(&all) && all.len() == stream.len(),
                "{bursts:?}"
            );
        }
    }
}

/// Three pluses after silence, and then a line: the line is no data, at any distance behind them.
#[test]
fn what_follows_the_escape_sequence_is_a_command() {
    for gap in 0..60 {
        for room in [0, 1, 100] {
            let bursts: &[(u64, &[u8])] = &[(0, b"x"), (100, b"+++"), (100 + gap, b"AT\r\n")];
            let got = Shell::new(Payload::Endless, room).run(bursts);
            if gap > 20 {
                assert_eq!(got.end, Some(End::Escaped), "{gap} {room}");
                assert_eq!(got.rest, b"AT\r\n", "{gap} {room}");
            } else {
                assert_eq!(got.end, None, "{gap} {room}");
                assert_eq!([got.data, got.rest].concat(), b"x+++AT\r\n", "{gap} {room}");
            }
        }
    }
}

#[test]
fn data_that_nobody_takes_hold_the_escape_sequence_up_for_so_long() {
    let mut shell = Shell::new(Payload::Endless, 0);
    shell.burst(Instant::from_millis(0), b"stuck");
    shell.burst(Instant::from_millis(100), b"+++");
    shell.time_until(Instant::from_millis(121));
    let found = Instant::from_millis(120);
    assert_eq!(shell.intake.deadline(), Some(found + GRACE));
    shell.time_until(found + GRACE);
    assert_eq!(shell.outcome.end, None);
    // Some of it gets through in time.
    shell.room = 2;
    assert_eq!(shell.intake.step(&shell.waiting), Step::Data(b"stuck"));
    assert_eq!(shell.intake.took(2), None);
    shell.waiting.drain(..2);
    shell.room = 0;
    shell.time_until(Instant::MAX);
    assert_eq!(shell.outcome.end, Some(End::Escaped));
    assert_eq!(shell.waiting, b"");
}

#[test]
fn what_waits_when_a_payload_begins_is_one_burst_of_it() {
    for (waiting, escaped) in [(&b"+++"[..], true), (b"+", false), (b"a+++", false)] {
        let mut shell = Shell::new(Payload::Endless, 100);
        shell.waiting = waiting.into();
        let mode = Mode::Payload(Payload::Endless);
        shell.intake.set_mode(mode, waiting, Instant::MIN);
        shell.drive();
        shell.time_until(Instant::MAX);
        let expected = escaped.then_some(End::Escaped);
        assert_eq!(shell.outcome.end, expected, "{waiting:?}");
    }
}

#[test]
fn lines_end_with_lf_and_input_during_a_command_waits_or_is_turned_away() {
    let mut intake = Intake::new();
    assert_eq!(intake.step(b""), Step::Wait);
    assert_eq!(intake.step(b"AT\r\nAT"), Step::Line(b"AT\r\n"));
    assert_eq!(intake.step(b"AT"), Step::Line(b"AT"));
    assert!(intake.wants_more(b"") && !intake.wants_more(b"AT"));
    intake.set_mode(Mode::Hold, b"AT\r\n", Instant::MIN);
    assert_eq!(intake.step(b"AT\r\n"), Step::Wait);
    assert!(!intake.wants_more(b""));
    intake.set_mode(Mode::Busy, b"", Instant::MIN);
    assert_eq!(intake.step(b"AT\r\n"), Step::Busy(b"AT\r\n"));
    assert!(is_blank(b" \r\n") && !is_blank(b"AT\r\n"));
}

/// Modes change at any moment, whatever was held or found before.
#[test]
fn no_input_makes_a_step_without_progress() {
    let modes = [
        Mode::Line,
        Mode::Hold,
        Mode::Busy,
        Mode::Payload(Payload::Exact(n(2))),
        Mode::Payload(Payload::Cancellable(n(4))),
        Mode::Payload(Payload::Quoted(n(2))),
        Mode::Payload(Payload::Endless),
    ];
    for first in modes {
        for second in modes {
            for input in [&b"+++"[..], b"\\", b"\\0", b"+", b"a\\", b"++++", b"x"] {
                let mut shell = Shell::new(Payload::Endless, 1);
                shell.waiting = input.into();
                for (mode, at) in [(first, 0), (second, 50), (first, 60)] {
                    let now = Instant::from_millis(at);
                    shell.time_until(now);
                    let waiting = shell.waiting.clone();
                    shell.intake.set_mode(mode, &waiting, now);
                    shell.drive();
                    shell.burst(now, input);
                }
                shell.time_until(Instant::MAX);
            }
        }
    }
}
