//! `+++`: the way out of data mode (spec: at-commands A.16).
//!
//! ```text
//! silence > 20 ms ── "+" ─▶ held ── "++" within 20 ms each ─▶ three held ── silence > 20 ms ─▶ out
//!                            └────── anything else ─▶ data, the held ones first
//! ```
//!
//! Pure: told of bursts and of time, it says what they were. Held pluses stay where they are, at the
//! end of what arrived; the caller counts them as data when told to.

use embassy_time::{Duration, Instant};

/// Silence that sets `+++` apart.
pub(crate) const GUARD: Duration = Duration::from_millis(20);

/// How many make the way out.
pub(crate) const PLUSES: usize = 3;

/// What is known of the last bytes.
#[derive(Debug)]
pub(crate) struct Escape {
    /// Pluses that may be the beginning of it.
    held: usize,
    /// When the last byte came.
    last: Option<Instant>,
}

/// What silence has made of the held pluses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(crate) enum Verdict {
    /// So many are data.
    Data(usize),
    /// They were the way out.
    Out,
}

impl Escape {
    /// At the beginning of data mode; whatever came before is long ago.
    pub(crate) const fn new() -> Self {
        Self {
            held: 0,
            last: None,
        }
    }

    /// A burst came. Returns how many bytes at the end of what arrived are not known to be data:
    /// the held ones, all of this burst included, or none.
    ///
    /// Call [`Self::on_time`] first when [`Self::deadline`] has passed.
    pub(crate) fn on_burst(&mut self, burst: &[u8], now: Instant) -> usize {
        let apart = self
            .last
            .is_none_or(|last| now.saturating_duration_since(last) > GUARD);
        self.last = Some(now);
        let all = self.held.saturating_add(burst.len());
        let begins = self.held > 0 || apart;
        self.held = if begins && all <= PLUSES && burst.iter().all(|byte| *byte == b'+') {
            all
        } else {
            0
        };
        self.held
    }

    /// When silence decides; `None` while nothing is held.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        let last = self.last.filter(|_| self.held > 0)?;
        Some(last.saturating_add(GUARD))
    }

    /// Silence has lasted until [`Self::deadline`].
    pub(crate) fn on_time(&mut self) -> Verdict {
        match core::mem::take(&mut self.held) {
            PLUSES => Verdict::Out,
            held => Verdict::Data(held),
        }
    }

    /// The held ones are data after all: the payload ends with them.
    pub(crate) fn release(&mut self) {
        self.held = 0;
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::string::String;
    use std::vec::Vec;

    /// Runs bursts at milliseconds; returns what was data, and whether the way out was found.
    fn run(bursts: &[(u64, &str)]) -> (String, bool) {
        let mut escape = Escape::new();
        let mut arrived = Vec::new();
        let mut data = 0;
        for (at, burst) in bursts {
            let now = Instant::from_millis(*at);
            if escape.deadline().is_some_and(|deadline| deadline < now) {
                match escape.on_time() {
                    Verdict::Out => return (text(&arrived[..data]), true),
                    Verdict::Data(_) => {}
                }
            }
            arrived.extend_from_slice(burst.as_bytes());
            data = arrived.len() - escape.on_burst(burst.as_bytes(), now);
        }
        let out = escape.deadline().is_some() && escape.on_time() == Verdict::Out;
        if !out {
            data = arrived.len();
        }
        (text(&arrived[..data]), out)
    }

    fn text(bytes: &[u8]) -> String {
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    /// Bursts at milliseconds, what of them is data, and whether the way out follows.
    type Case = (&'static [(u64, &'static str)], &'static str, bool);

    #[test]
    fn only_three_pluses_alone_in_their_burst_are_the_way_out() {
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
        for (bursts, data, out) in cases {
            assert_eq!(run(bursts), (String::from(*data), *out), "{bursts:?}");
        }
    }

    #[test]
    fn no_byte_is_lost_however_the_bursts_fall() {
        let stream = "+++a++b+++++c+";
        // Every way to cut the stream into bursts that are 0, 15 or 30 ms apart.
        for cuts in 0..1_u32 << (stream.len() - 1) {
            for gap in [0, 15, 30] {
                let mut bursts = std::vec![(0_u64, String::new())];
                for (at, byte) in stream.chars().enumerate() {
                    bursts.last_mut().unwrap().1.push(byte);
                    if at + 1 < stream.len() && cuts & (1 << at) != 0 {
                        let next = bursts.last().unwrap().0 + gap;
                        bursts.push((next, String::new()));
                    }
                }
                let bursts: Vec<(u64, &str)> =
                    bursts.iter().map(|(at, burst)| (*at, &**burst)).collect();
                let (data, out) = run(&bursts);
                if out {
                    let rest = stream.strip_prefix(data.as_str()).unwrap();
                    assert!(rest.starts_with("+++"), "{bursts:?}");
                } else {
                    assert_eq!(data, stream, "{bursts:?}");
                }
            }
        }
    }
}
