//! What sessions by rustls cost: a full handshake and a resumed one side by side, and one with a client of a server.
//!
//! `firmware/tools/stack/src/resumption.rs` prints a line for each recorded session.

use std::collections::BTreeMap;
use std::fmt;

use anyhow::{Context as _, Result, bail};

/// A resumed session takes at most so many of so many parts of a full one's instructions. Over TLS 1.3 it has an exchange
/// of its own; with a server that knows P-256 alone that is half of a full session, and the first hello with a ticket has a
/// share for X25519 in vain.
const RESUMED_SHARE: (u64, u64) = (1, 3);
const RESUMED_SHARE_P256: (u64, u64) = (3, 5);

/// Bytes of heap that a resumed session may take beyond a full one, where the server asked for another share: both hellos
/// have a ticket.
const RETRY_HEAP: u64 = 256;

/// Instructions of the longest step of a server, for which its other links wait: 0.15 s at 160 MHz and one per cycle.
const LONGEST_STEP: u64 = 24_000_000;
/// The same of a client: in TLS 1.2 rustls has both signatures of a chain, that of the exchange and the exchange itself
/// computed in one call.
const LONGEST_STEP_OF_CLIENT: u64 = 37_000_000;

/// Clients of ours, each with two sessions or more by the groups that the server knows, and clients of a server.
const CLIENTS: [&str; 5] = [
    "client-1.2-p256",
    "client-1.2-x25519",
    "client-1.3-p256",
    "client-1.3-x25519",
    "client-1.3-both",
];
const SERVERS: [&str; 8] = [
    "server-1.2-p256",
    "server-1.2-x25519",
    "server-1.3-p256",
    "server-1.3-x25519",
    "server-1.2-p256-mutual",
    "server-1.2-x25519-mutual",
    "server-1.3-p256-mutual",
    "server-1.3-x25519-mutual",
];

/// What the sessions of a case are, by number. Only a server that asked for another share has the third.
const WHAT: [&str; 3] = ["full", "resumed", "again"];

/// What the handshake of one session took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cost {
    instructions: u64,
    /// Those of its longest step.
    longest: u64,
    stack: u64,
    heap: u64,
    sent: u64,
    received: u64,
}

/// All that the program printed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Sessions {
    /// By case and number: the first of a case is a full handshake.
    costs: BTreeMap<(String, u64), Cost>,
    /// Bytes of heap for the tickets of a case.
    tickets: BTreeMap<String, u64>,
    /// By case: bytes of heap beside certificates, of the handshake and of the open session, and the constants for both.
    fixed: BTreeMap<String, [[u64; 2]; 2]>,
}

/// `handshake <bytes> of <bytes> idle <bytes> of <bytes>`
fn fixed(words: &[&str]) -> Option<[[u64; 2]; 2]> {
    let [
        "handshake",
        taken,
        "of",
        most,
        "idle",
        idle,
        "of",
        most_idle,
    ] = words
    else {
        return None;
    };
    let number = |word: &&str| word.parse().ok();
    Some([
        [number(taken)?, number(most)?],
        [number(idle)?, number(most_idle)?],
    ])
}

impl Sessions {
    pub(super) fn parse(text: &str) -> Result<Self> {
        let mut sessions = Self::default();
        for line in text.lines() {
            let words: Vec<&str> = line.split(' ').collect();
            let number = |word: &str| {
                word.parse::<u64>()
                    .with_context(|| format!("no number: {line}"))
            };
            match *words.as_slice() {
                [
                    "session",
                    case,
                    place,
                    "instructions",
                    instructions,
                    "longest",
                    longest,
                    "stack",
                    stack,
                    "heap",
                    heap,
                    "sent",
                    sent,
                    "received",
                    received,
                ] => {
                    let cost = Cost {
                        instructions: number(instructions)?,
                        longest: number(longest)?,
                        stack: number(stack)?,
                        heap: number(heap)?,
                        sent: number(sent)?,
                        received: number(received)?,
                    };
                    let place = (case.to_owned(), number(place)?);
                    sessions.costs.insert(place, cost);
                }
                ["tickets", case, bytes] => {
                    sessions.tickets.insert(case.to_owned(), number(bytes)?);
                }
                ["fixed", case, ref numbers @ ..] => {
                    let numbers = fixed(numbers).with_context(|| line.to_owned())?;
                    sessions.fixed.insert(case.to_owned(), numbers);
                }
                ["done"] => return Ok(sessions),
                _ => bail!("unexpected line of the program: {line}"),
            }
        }
        bail!("the program did not come to its end")
    }

    fn cost(&self, case: &str, number: u64) -> Option<Cost> {
        self.costs.get(&(case.to_owned(), number)).copied()
    }

    /// Cases in which all certificates are known to the program that measures.
    fn plain() -> impl Iterator<Item = &'static str> {
        let servers = SERVERS.into_iter();
        CLIENTS
            .into_iter()
            .chain(servers.filter(|case| !case.ends_with("-mutual")))
    }

    /// Where a session took more heap beside certificates than `tls_session::budget` has for it.
    fn beyond_the_budget(&self) -> Vec<String> {
        let mut complaints = Vec::new();
        for case in Self::plain() {
            let Some(fixed) = self.fixed.get(case) else {
                complaints.push(format!(
                    "{case}: the heap beside certificates was not measured"
                ));
                continue;
            };
            for (what, [taken, most]) in ["handshake", "open session"].iter().zip(fixed) {
                if taken > most {
                    complaints.push(format!(
                        "{case}: {what} {taken} bytes of heap beside certificates, the constant of the budget is {most}"
                    ));
                }
            }
        }
        complaints
    }

    /// What exceeds its limit, or was not measured at all.
    pub(super) fn complaints(&self) -> Vec<String> {
        let mut complaints = self.beyond_the_budget();
        for case in CLIENTS {
            match (self.cost(case, 0), self.cost(case, 1)) {
                (Some(full), Some(resumed)) => {
                    let ((parts, of), heap) = match case {
                        "client-1.3-p256" => (RESUMED_SHARE_P256, RETRY_HEAP),
                        _ => (RESUMED_SHARE, 0),
                    };
                    let allowed = full.instructions.saturating_mul(parts) / of;
                    if resumed.instructions > allowed {
                        complaints.push(format!(
                            "{case}: resumed {} instructions, {parts}/{of} of {} are allowed",
                            resumed.instructions, full.instructions
                        ));
                    }
                    if full.longest > LONGEST_STEP_OF_CLIENT {
                        complaints.push(format!(
                            "{case}: others wait for {} instructions, limit {LONGEST_STEP_OF_CLIENT}",
                            full.longest
                        ));
                    }
                    if resumed.heap > full.heap.saturating_add(heap) {
                        complaints.push(format!(
                            "{case}: resumed {} bytes of heap, full {}",
                            resumed.heap, full.heap
                        ));
                    }
                }
                _ => complaints.push(format!("{case} was not measured")),
            }
            if !self.tickets.contains_key(case) {
                complaints.push(format!("tickets of {case} were not measured"));
            }
        }
        for case in SERVERS {
            match self.cost(case, 0) {
                Some(cost) if cost.longest <= LONGEST_STEP => {}
                Some(cost) => complaints.push(format!(
                    "{case}: others wait for {} instructions, limit {LONGEST_STEP}",
                    cost.longest
                )),
                None => complaints.push(format!("{case} was not measured")),
            }
        }
        complaints
    }
}

/// Millions with one digit.
fn millions(instructions: u64) -> String {
    let tenths = instructions.saturating_add(50_000) / 100_000;
    format!("{}.{} M", tenths / 10, tenths % 10)
}

/// Two Markdown tables, as in `docs/footprint.md`.
impl fmt::Display for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "| session | instructions | longest step | bytes sent | received | heap, most | stack | heap of its ticket |"
        )?;
        writeln!(f, "|---|---:|---:|---:|---:|---:|---:|---:|")?;
        for case in CLIENTS.into_iter().chain(SERVERS) {
            for (number, what) in (0..).zip(WHAT) {
                let Some(cost) = self.cost(case, number) else {
                    continue;
                };
                let Cost {
                    instructions,
                    longest,
                    stack,
                    heap,
                    sent,
                    received,
                } = cost;
                let (instructions, longest) = (millions(instructions), millions(longest));
                let ticket = self.tickets.get(case).filter(|_| number == 1);
                let ticket = ticket.map(u64::to_string).unwrap_or_default();
                writeln!(
                    f,
                    "| {case}, {what} | {instructions} | {longest} | {sent} | {received} | {heap} | {stack} | {ticket} |"
                )?;
            }
        }
        writeln!(
            f,
            "\n| heap beside certificates | handshake | constant | open | constant |"
        )?;
        writeln!(f, "|---|---:|---:|---:|---:|")?;
        for (case, [[handshake, most], [idle, most_idle]]) in &self.fixed {
            writeln!(
                f,
                "| {case} | {handshake} | {most} | {idle} | {most_idle} |"
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(case: &str, number: u64, instructions: u64, longest: u64) -> String {
        format!(
            "session {case} {number} instructions {instructions} longest {longest} stack 5 heap 6 sent 7 received 8\n"
        )
    }

    /// Everything at its limit.
    fn full() -> String {
        let mut text = String::new();
        for case in CLIENTS {
            let (full, longest) = (3 * LONGEST_STEP_OF_CLIENT, LONGEST_STEP_OF_CLIENT);
            text.push_str(&line(case, 0, full, longest));
            text.push_str(&line(case, 1, full / 3, 100));
            text.push_str(&format!("tickets {case} 9\n"));
        }
        for case in SERVERS {
            text.push_str(&line(case, 0, 2 * LONGEST_STEP, LONGEST_STEP));
        }
        for case in Sessions::plain() {
            text.push_str(&format!("fixed {case} handshake 20 of 20 idle 10 of 10\n"));
        }
        text.push_str("done\n");
        text
    }

    #[test]
    fn what_is_at_its_limit_passes_and_one_more_does_not() {
        let none = Vec::<String>::new();
        assert_eq!(Sessions::parse(&full()).unwrap().complaints(), none);
        for (from, to, complaint) in [
            (
                "fixed client-1.2-p256 handshake 20",
                "fixed client-1.2-p256 handshake 21",
                "client-1.2-p256: handshake 21 bytes of heap beside certificates, the constant of the budget is 20",
            ),
            (
                "fixed server-1.3-x25519 handshake 20 of 20 idle 10",
                "fixed server-1.3-x25519 handshake 20 of 20 idle 11",
                "server-1.3-x25519: open session 11 bytes of heap beside certificates, the constant of the budget is 10",
            ),
            (
                "client-1.3-x25519 1 instructions 37000000",
                "client-1.3-x25519 1 instructions 37000001",
                "client-1.3-x25519: resumed 37000001 instructions, 1/3 of 111000000 are allowed",
            ),
            (
                "client-1.3-p256 1 instructions 37000000",
                "client-1.3-p256 1 instructions 66600001",
                "client-1.3-p256: resumed 66600001 instructions, 3/5 of 111000000 are allowed",
            ),
            (
                "client-1.2-x25519 0 instructions 111000000 longest 37000000",
                "client-1.2-x25519 0 instructions 111000000 longest 37000001",
                "client-1.2-x25519: others wait for 37000001 instructions, limit 37000000",
            ),
            (
                "client-1.2-p256 1 instructions 37000000 longest 100 stack 5 heap 6",
                "client-1.2-p256 1 instructions 37000000 longest 100 stack 5 heap 7",
                "client-1.2-p256: resumed 7 bytes of heap, full 6",
            ),
            (
                "server-1.3-p256-mutual 0 instructions 48000000 longest 24000000",
                "server-1.3-p256-mutual 0 instructions 48000000 longest 24000001",
                "server-1.3-p256-mutual: others wait for 24000001 instructions, limit 24000000",
            ),
        ] {
            let text = full().replace(from, to);
            assert_ne!(text, full(), "{from}");
            assert_eq!(Sessions::parse(&text).unwrap().complaints(), [complaint]);
        }
    }

    #[test]
    fn what_was_not_measured_is_a_complaint() {
        let full = full();
        for left_out in full.lines().filter(|line| *line != "done") {
            let text = full.replace(&format!("{left_out}\n"), "");
            let complaints = Sessions::parse(&text).unwrap().complaints();
            assert!(
                matches!(complaints.as_slice(), [one] if one.ends_with(" not measured")),
                "{left_out}: {complaints:?}"
            );
        }
    }

    #[test]
    fn a_program_that_stops_early_or_speaks_otherwise_is_refused() {
        let full = full();
        for bad in [
            "",
            full.trim_end().trim_end_matches("done"),
            "panicked at src/resumption.rs\ndone\n",
            "tickets client-1.2-p256 many\ndone\n",
        ] {
            assert!(Sessions::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn millions_are_rounded() {
        assert_eq!(millions(28_049_999), "28.0 M");
        assert_eq!(millions(28_050_000), "28.1 M");
    }
}
