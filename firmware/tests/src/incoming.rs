//! What a host has received and not yet looked at, without I/O.
//!
//! A modem may print an unsolicited line between any two messages: `WIFI DISCONNECT` between a command
//! and its answer, for instance. Such a line is set aside where something else is expected, and is
//! found there when it is expected in its turn. Everything else must come byte for byte.

use at_grammar::{Event, Progress, Reply, ReplyParser};

/// Bytes of the modem, in order.
#[derive(Debug, Default)]
pub struct Incoming {
    bytes: Vec<u8>,
    /// Unsolicited lines that came where something else was expected.
    set_aside: Vec<Vec<u8>>,
    /// How much of the text that is expected now has come.
    matched: usize,
}

/// What came, compared with what was expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use]
pub enum Outcome {
    /// It has come, and is taken.
    Found,
    /// It has not come yet.
    NeedMore,
    /// Something else has come.
    Other,
}

impl Incoming {
    /// Takes over what was received.
    pub fn extend(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// For messages of a failed test.
    #[must_use]
    pub fn describe(&self) -> String {
        let mut text = self.bytes.escape_ascii().to_string();
        for line in &self.set_aside {
            text.push_str(&format!("\n   aside {}", line.escape_ascii()));
        }
        text
    }

    /// Takes exactly `wanted` off the front. After [`Outcome::NeedMore`] the next call goes on with the
    /// same `wanted`.
    pub fn exactly(&mut self, wanted: &[u8]) -> Outcome {
        loop {
            let rest = wanted.get(self.matched..).unwrap_or_default();
            if rest.is_empty() {
                self.matched = 0;
                return Outcome::Found;
            }
            let aside = self
                .set_aside
                .iter()
                .position(|line| rest.starts_with(line));
            if let Some(at) = aside {
                self.matched += self.set_aside.remove(at).len();
                continue;
            }
            let message = rest.get(..message_len(rest)).unwrap_or(rest);
            if self.bytes.starts_with(message) {
                self.bytes.drain(..message.len());
                self.matched += message.len();
                continue;
            }
            if message.starts_with(&self.bytes) {
                return Outcome::NeedMore;
            }
            match unsolicited(&self.bytes) {
                Found::Line(len) => {
                    let line = self.bytes.drain(..len).collect();
                    self.set_aside.push(line);
                }
                Found::Part => return Outcome::NeedMore,
                Found::Nothing => return Outcome::Other,
            }
        }
    }

    /// Whether `head` comes next; `None` while it cannot be decided.
    #[must_use]
    pub fn begins_with(&self, head: &[u8]) -> Option<bool> {
        if self.bytes.starts_with(head) {
            return Some(true);
        }
        (!head.starts_with(&self.bytes)).then_some(false)
    }

    /// Takes what comes before the next `end`, and `end`; `None` if it has not come yet.
    pub fn until(&mut self, end: &[u8]) -> Option<Vec<u8>> {
        let mut windows = self.bytes.windows(end.len());
        let at = windows.position(|window| window == end)?;
        let before = self.bytes.drain(..at).collect();
        self.bytes.drain(..end.len());
        Some(before)
    }

    /// As [`Self::until`], of lines: unsolicited ones among them are set aside.
    pub fn lines_until(&mut self, end: &[u8]) -> Option<Vec<u8>> {
        let before = self.until(end)?;
        let mut lines = Vec::new();
        for line in before.split_inclusive(|byte| *byte == b'\n') {
            if unsolicited(line) == Found::Line(line.len()) {
                self.set_aside.push(line.to_vec());
            } else {
                lines.extend_from_slice(line);
            }
        }
        Some(lines)
    }

    /// Takes the next `count` bytes; `None` if they have not come yet.
    pub fn take(&mut self, count: usize) -> Option<Vec<u8>> {
        let enough = self.bytes.len() >= count;
        enough.then(|| self.bytes.drain(..count).collect())
    }

    /// Takes everything.
    pub fn take_all(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.bytes)
    }
}

/// The length of the first message of `text`: a line, and the empty line before it, if there is one.
fn message_len(text: &[u8]) -> usize {
    let from = if text.starts_with(b"\r\n") { 2 } else { 0 };
    let end = text.iter().skip(from).position(|byte| *byte == b'\n');
    end.map_or(text.len(), |at| from + at + 1)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    /// An unsolicited line of this length.
    Line(usize),
    /// The beginning of a line.
    Part,
    Nothing,
}

/// Whether these bytes begin with an unsolicited line; of those only `busy p...` has an empty line
/// before it.
fn unsolicited(bytes: &[u8]) -> Found {
    let blank = bytes.starts_with(b"\r\n");
    match ReplyParser::new().next(bytes) {
        Progress::Event {
            event: Event::Reply(reply),
            consumed,
        } => match reply {
            Reply::Busy if blank => Found::Line(consumed),
            Reply::Wifi(_) | Reply::TimeUpdated | Reply::Closed(_) if !blank => {
                Found::Line(consumed)
            }
            _ => Found::Nothing,
        },
        Progress::Event { .. } => Found::Nothing,
        Progress::NeedMore { .. } => Found::Part,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNSOLICITED: [&str; 6] = [
        "WIFI DISCONNECT\r\n",
        "WIFI GOT IP\r\n",
        "+TIME_UPDATED\r\n",
        "\r\nbusy p...\r\n",
        "3,CLOSED\r\n",
        "CLOSED\r\n",
    ];

    /// Hands `stream` over in pieces of `size`; what became of `wanted`, and what is left.
    fn exactly(stream: &str, wanted: &str, size: usize) -> (Outcome, Incoming) {
        let mut incoming = Incoming::default();
        let mut outcome = incoming.exactly(wanted.as_bytes());
        for piece in stream.as_bytes().chunks(size) {
            incoming.extend(piece);
            if outcome == Outcome::NeedMore {
                outcome = incoming.exactly(wanted.as_bytes());
            }
        }
        (outcome, incoming)
    }

    #[test]
    fn an_unsolicited_line_between_messages_is_set_aside_at_every_split() {
        let wanted = ["AT+CWMODE?\r\n", "+CWMODE:1\r\n", "\r\nOK\r\n"];
        for line in UNSOLICITED {
            for place in 0..wanted.len() {
                let (before, after) = wanted.split_at(place);
                let stream = [&before.concat(), line, &after.concat()].concat();
                for size in 1..=stream.len() {
                    let (outcome, mut incoming) = exactly(&stream, &wanted.concat(), size);
                    assert_eq!(outcome, Outcome::Found, "{stream:?} by {size}");
                    assert_eq!(incoming.exactly(line.as_bytes()), Outcome::Found);
                    assert!(incoming.take_all().is_empty() && incoming.set_aside.is_empty());
                }
            }
        }
    }

    #[test]
    fn nothing_may_come_within_a_message() {
        for stream in [
            "\r\nWIFI DISCONNECT\r\nOK\r\n",
            "\r\nWIFI DISCONNECT\r\n\r\nOK\r\n",
            "\r\n+TIME_UPDATED\r\nOK\r\n",
        ] {
            for size in 1..=stream.len() {
                assert_eq!(exactly(stream, "\r\nOK\r\n", size).0, Outcome::Other);
            }
        }
    }

    #[test]
    fn what_is_expected_is_taken_and_not_set_aside() {
        let stream = "CLOSED\r\n\r\nOK\r\n";
        for size in 1..=stream.len() {
            let (outcome, incoming) = exactly(stream, stream, size);
            assert_eq!(outcome, Outcome::Found);
            assert!(incoming.set_aside.is_empty());
        }
    }

    #[test]
    fn an_answer_is_never_taken_for_an_unsolicited_line() {
        for stream in [
            "\r\nERROR\r\n",
            "CONNECT\r\n",
            "+CWMODE:2\r\n",
            "\r\nready\r\n",
            "NO CA FOUND\r\n",
            "\r\n+IPD,4:test",
        ] {
            let (outcome, incoming) = exactly(stream, "\r\nOK\r\n", stream.len());
            assert_eq!(outcome, Outcome::Other, "{stream:?}");
            assert!(
                incoming
                    .describe()
                    .starts_with(&stream.escape_default().to_string())
            );
        }
    }

    #[test]
    fn among_lines_unsolicited_ones_are_set_aside() {
        let mut incoming = Incoming::default();
        incoming.extend(b"+CIPSTATE:0\r\n+TIME_UPDATED\r\n+CIPSTATE:1\r\n\r\nOK\r\nrest");
        let lines = incoming.lines_until(b"\r\nOK\r\n").unwrap();
        assert_eq!(lines, b"+CIPSTATE:0\r\n+CIPSTATE:1\r\n");
        assert_eq!(incoming.exactly(b"+TIME_UPDATED\r\n"), Outcome::Found);
        assert_eq!(incoming.take(5), None);
        assert_eq!(incoming.take(4).unwrap(), b"rest");
    }
}
