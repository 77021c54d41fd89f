//! What the host's bytes mean: command lines, payload with a length, passthrough, the escape
//! sequence, `busy p...` (spec: at-commands A.11, A.16).
//!
//! No I/O and no clock: bursts and times go in, steps come out. The bytes themselves stay where they
//! are, at the front of what waits; a step says what the next of them are.
//!
//! ```text
//! silence > 20 ms ── "+" ─▶ held ── "++" within 20 ms each ─▶ three held ── silence > 20 ms ─▶ End
//!                            └────── anything else ─▶ data, the held ones first
//! ```

use core::num::NonZeroUsize;

use embassy_time::{Duration, Instant};

/// Silence that sets the escape sequence apart.
const GUARD: Duration = Duration::from_millis(20);

/// How long data before the escape sequence may take to be sent. A host waits a second after `+++`.
pub(crate) const GRACE: Duration = Duration::from_millis(400);

/// Pluses of the escape sequence.
const ESCAPE_LEN: usize = 3;

/// What the next bytes of the host are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// A command line.
    Line,
    /// A command runs that ends by itself at once: they wait.
    Hold,
    /// A command runs that waits for something outside: they get `busy p...`.
    Busy,
    /// They are the payload of the running command.
    Payload(Payload),
}

/// Where a payload ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Payload {
    /// After so many bytes, whatever they are: `SYSFLASH`, `SYSMFG`, `USERRAM`.
    Exact(NonZeroUsize),
    /// After so many, unless the escape sequence comes before: `CIPSEND`, `CIPSENDL`.
    Cancellable(NonZeroUsize),
    /// After so many once `\x` is `x`, unless `\0` comes before: `CIPSENDEX`.
    Quoted(NonZeroUsize),
    /// By the escape sequence only: passthrough.
    Endless,
}

/// How a payload ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// All of it is there.
    Complete,
    /// By the escape sequence, or by `\0`.
    Escaped,
}

/// What stands at the front of the bytes that wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub(crate) enum Step<'r> {
    /// Nothing that is known: bring more bytes, or come back at [`Intake::deadline`].
    Wait,
    /// A part of a command line, which it ends if its last byte is LF. Consume all of it.
    Line(&'r [u8]),
    /// Payload: consume as much as there is room for, and report it to [`Intake::took`].
    Data(&'r [u8]),
    /// No payload: consume so many bytes.
    Skip(usize),
    /// Consume all of it, and answer `busy p...` unless it [`is_blank`].
    Busy(&'r [u8]),
    /// Consume so many bytes: they ended the payload. The mode is [`Mode::Busy`] from here on.
    Escaped(usize),
}

/// Whether input is nothing but ends of lines, for which no host waits.
pub(crate) fn is_blank(input: &[u8]) -> bool {
    let blank = |byte: &u8| matches!(byte, b'\r' | b'\n' | b' ');
    input.iter().all(blank)
}

/// What is known of the escape sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Escape {
    /// So many pluses at the end of what waits may belong to it.
    Held(usize),
    /// It was found at `since`, behind so many bytes of data.
    Found { data: usize, since: Instant },
    /// It was found, and nobody took the data before it in time.
    Abandoned { data: usize },
}

/// What the next bytes are, and what is known of them.
#[derive(Debug)]
pub(crate) struct Intake {
    mode: Mode,
    escape: Escape,
    /// When a burst of this payload came last.
    last: Option<Instant>,
    /// The byte before was a backslash.
    quoted: bool,
}

impl Intake {
    pub(crate) const fn new() -> Self {
        Self {
            mode: Mode::Line,
            escape: Escape::Held(0),
            last: None,
            quoted: false,
        }
    }

    /// Changes what the next bytes are. What waits already counts as one burst that came now.
    pub(crate) fn set_mode(&mut self, mode: Mode, waiting: &[u8], now: Instant) {
        *self = Self {
            mode,
            ..Self::new()
        };
        if !waiting.is_empty() {
            self.on_bytes(now, waiting, waiting.len());
        }
    }

    /// Whether more bytes are of use while these wait. Where they are not, flow control holds them
    /// back, and a port that is gone is noticed later.
    pub(crate) const fn wants_more(&self, waiting: &[u8]) -> bool {
        match self.mode {
            Mode::Hold => false,
            Mode::Payload(Payload::Cancellable(_) | Payload::Endless) => {
                matches!(self.escape, Escape::Held(_))
            }
            _ => waiting.is_empty(),
        }
    }

    /// A burst came; `waiting` bytes wait now, those of the burst included.
    pub(crate) fn on_bytes(&mut self, now: Instant, burst: &[u8], waiting: usize) {
        let Mode::Payload(payload @ (Payload::Cancellable(_) | Payload::Endless)) = self.mode
        else {
            return;
        };
        if self.deadline().is_some_and(|deadline| deadline < now) {
            self.on_time(now, waiting.saturating_sub(burst.len()));
        }
        // Once the sequence was found, what follows it is no payload.
        let Escape::Held(held) = self.escape else {
            return;
        };
        let last = self.last.replace(now);
        let apart = last.is_none_or(|last| now.saturating_duration_since(last) > GUARD);
        let all = held.saturating_add(burst.len());
        let pluses = all <= ESCAPE_LEN && burst.iter().all(|byte| *byte == b'+');
        // Pluses at the end of a complete payload are data.
        let complete = matches!(payload, Payload::Cancellable(left) if waiting >= left.get());
        let may_be = (held > 0 || apart) && pluses && !complete;
        self.escape = Escape::Held(if may_be { all } else { 0 });
    }

    /// When [`Self::on_time`] is due; `None` while time decides nothing.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        match self.escape {
            Escape::Held(0) | Escape::Found { data: 0, .. } | Escape::Abandoned { .. } => None,
            Escape::Held(_) => self.last.map(|last| last.saturating_add(GUARD)),
            Escape::Found { since, .. } => Some(since.saturating_add(GRACE)),
        }
    }

    /// The deadline has passed while `waiting` bytes wait.
    pub(crate) fn on_time(&mut self, now: Instant, waiting: usize) {
        self.escape = match self.escape {
            Escape::Held(ESCAPE_LEN) => Escape::Found {
                data: waiting.saturating_sub(ESCAPE_LEN),
                since: now,
            },
            Escape::Held(_) => Escape::Held(0),
            Escape::Found { data, .. } | Escape::Abandoned { data } => Escape::Abandoned { data },
        };
    }

    /// What stands at the front of `waiting`.
    pub(crate) fn step<'r>(&mut self, waiting: &'r [u8]) -> Step<'r> {
        match (self.mode, waiting) {
            (Mode::Hold, _) | (_, []) => Step::Wait,
            (Mode::Line, all) => {
                let end = all.iter().position(|byte| *byte == b'\n');
                let len = end.map_or(all.len(), |at| at.saturating_add(1));
                Step::Line(all.get(..len).unwrap_or(all))
            }
            (Mode::Busy, all) => Step::Busy(all),
            (Mode::Payload(Payload::Exact(left)), all) => data(all, left.get()),
            (Mode::Payload(Payload::Quoted(left)), all) => self.quoted(all, left),
            (Mode::Payload(Payload::Cancellable(left)), all) => self.escapable(all, left.get()),
            (Mode::Payload(Payload::Endless), all) => self.escapable(all, usize::MAX),
        }
    }

    fn escapable<'r>(&mut self, waiting: &'r [u8], left: usize) -> Step<'r> {
        match self.escape {
            Escape::Held(held) => data(waiting, waiting.len().saturating_sub(held).min(left)),
            Escape::Found { data: 0, .. } | Escape::Abandoned { data: 0 } => {
                self.escape = Escape::Held(0);
                self.mode = Mode::Busy;
                Step::Escaped(ESCAPE_LEN)
            }
            Escape::Found { data: before, .. } => data(waiting, before.min(left)),
            Escape::Abandoned { data } => {
                self.escape = Escape::Abandoned { data: 0 };
                Step::Skip(data)
            }
        }
    }

    fn quoted<'r>(&mut self, waiting: &'r [u8], left: NonZeroUsize) -> Step<'r> {
        match (self.quoted, waiting) {
            (true, [b'0', ..]) => {
                self.quoted = false;
                self.mode = Mode::Busy;
                Step::Escaped(1)
            }
            (true, all) => data(all, 1),
            (false, [b'\\', ..]) => {
                self.quoted = true;
                Step::Skip(1)
            }
            (false, all) => {
                let run = all.iter().position(|byte| *byte == b'\\');
                data(all, run.unwrap_or(all.len()).min(left.get()))
            }
        }
    }

    /// So many bytes of the last [`Step::Data`] were consumed. Returns [`End::Complete`] with the
    /// last of a payload; the mode is [`Mode::Busy`] from there on.
    pub(crate) fn took(&mut self, count: usize) -> Option<End> {
        if count > 0 {
            self.quoted = false;
        }
        if let Escape::Found { data, .. } = &mut self.escape {
            *data = data.saturating_sub(count);
        }
        let Mode::Payload(
            Payload::Exact(left) | Payload::Cancellable(left) | Payload::Quoted(left),
        ) = &mut self.mode
        else {
            return None;
        };
        match NonZeroUsize::new(left.get().saturating_sub(count)) {
            Some(rest) => {
                *left = rest;
                None
            }
            None => {
                self.escape = Escape::Held(0);
                self.mode = Mode::Busy;
                Some(End::Complete)
            }
        }
    }
}

/// At most so many bytes of payload.
fn data(waiting: &[u8], limit: usize) -> Step<'_> {
    match waiting.get(..limit).unwrap_or(waiting) {
        [] => Step::Wait,
        data => Step::Data(data),
    }
}

#[cfg(test)]
mod tests;
