//! Where a command line ends: bytes of the AT port become lines.
//!
//! Only LF ends a line. CRs before it belong to the terminator, and so do CRs at the start of a line: some hosts end
//! theirs with LF CR. A CR anywhere else stays in the line, where the grammar refuses it. Binary data never passes through here: the interpreter
//! takes it off the port itself, by count.

use at_grammar::MAX_LINE;
use zeroize::Zeroize;

/// A line of [`MAX_LINE`] bytes and its CRLF.
const CAPACITY: usize = MAX_LINE + 2;

/// What a piece of input amounted to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framed {
    /// All of the input was taken, and the line is not over.
    Partial,
    /// The line is over: [`LineBuffer::line`] has it.
    Line,
    /// A line of nothing but its terminator.
    Empty,
    /// A line longer than [`MAX_LINE`] is over; this many bytes came, terminator included.
    TooLong {
        /// Bytes of the line.
        len: usize,
    },
}

/// Collects one line at a time.
#[derive(Debug)]
pub(crate) struct LineBuffer {
    bytes: heapless::Vec<u8, CAPACITY>,
    /// Bytes that did not fit.
    lost: usize,
}

impl Drop for LineBuffer {
    fn drop(&mut self) {
        self.clear();
    }
}

impl Default for LineBuffer {
    fn default() -> Self {
        Self::new()
    }
}

impl LineBuffer {
    /// Empty.
    pub(crate) const fn new() -> Self {
        Self {
            bytes: heapless::Vec::new(),
            lost: 0,
        }
    }

    /// Takes a prefix of `input`; returns its length and what it amounts to.
    ///
    /// After anything but [`Framed::Partial`], call [`Self::clear`] before the next line.
    pub(crate) fn push(&mut self, input: &[u8]) -> (usize, Framed) {
        let end = input.iter().position(|byte| *byte == b'\n');
        let take = end.map_or(input.len(), |at| at.saturating_add(1));
        for byte in input.iter().take(take) {
            if self.bytes.push(*byte).is_err() {
                self.lost = self.lost.saturating_add(1);
            }
        }
        if end.is_none() {
            return (take, Framed::Partial);
        }
        let len = self.bytes.len().saturating_add(self.lost);
        let framed = if self.lost > 0 || self.line().len() > MAX_LINE {
            Framed::TooLong { len }
        } else if self.line().is_empty() {
            Framed::Empty
        } else {
            Framed::Line
        };
        (take, framed)
    }

    /// The line without its terminator.
    pub(crate) fn line(&self) -> &[u8] {
        let mut line = self.bytes.as_slice();
        if let Some(rest) = line.strip_suffix(b"\n") {
            line = rest;
            while let Some(rest) = line.strip_suffix(b"\r") {
                line = rest;
            }
            while let Some(rest) = line.strip_prefix(b"\r") {
                line = rest;
            }
        }
        line
    }

    /// The line as it came, for the echo. An over-long one lacks what did not fit.
    pub(crate) fn raw(&self) -> &[u8] {
        &self.bytes
    }

    /// Makes room for the next line; of this one, which may hold a password, nothing stays.
    pub(crate) fn clear(&mut self) {
        self.bytes.as_mut_slice().zeroize();
        self.bytes.clear();
        self.lost = 0;
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::vec::Vec;

    /// Every line of a stream that arrives in pieces of `step` bytes.
    fn lines(stream: &[u8], step: usize) -> Vec<(Framed, Vec<u8>)> {
        let mut buffer = LineBuffer::new();
        let mut found = Vec::new();
        for piece in stream.chunks(step) {
            let mut piece = piece;
            while !piece.is_empty() {
                let (taken, framed) = buffer.push(piece);
                piece = &piece[taken..];
                if framed != Framed::Partial {
                    found.push((framed, buffer.line().to_vec()));
                    buffer.clear();
                }
            }
        }
        found
    }

    #[test]
    fn lines_are_the_same_however_the_stream_is_cut() {
        let mut stream = b"AT\r\nATE0\nA\rB\r\n\r\n\n\r\r\nAT+X=\"\xff\0\"\r\r\n".to_vec();
        stream.extend([b'x'; 300]);
        stream.extend(b"\r\nAT\r\nunfinished");
        let whole = lines(&stream, stream.len());
        assert_eq!(
            whole,
            [
                (Framed::Line, b"AT".to_vec()),
                (Framed::Line, b"ATE0".to_vec()),
                (Framed::Line, b"A\rB".to_vec()),
                (Framed::Empty, Vec::new()),
                (Framed::Empty, Vec::new()),
                (Framed::Empty, Vec::new()),
                (Framed::Line, b"AT+X=\"\xff\0\"".to_vec()),
                (Framed::TooLong { len: 302 }, [b'x'; CAPACITY].to_vec()),
                (Framed::Line, b"AT".to_vec()),
            ]
        );
        for step in 1..stream.len() {
            assert_eq!(lines(&stream, step), whole, "pieces of {step}");
        }
    }

    #[test]
    fn a_host_may_end_its_lines_with_lf_cr() {
        let stream = b"AT\n\rATE0\n\r\n\r\r\nAT\n\r";
        for step in 1..stream.len() {
            let words: Vec<Vec<u8>> = lines(stream, step)
                .into_iter()
                .filter(|(framed, _)| *framed == Framed::Line)
                .map(|(_, line)| line)
                .collect();
            assert_eq!(words, [&b"AT"[..], b"ATE0", b"AT"], "pieces of {step}");
        }
    }

    #[test]
    fn the_limit_is_256_bytes_and_a_terminator() {
        for (len, fits) in [
            (1, true),
            (255, true),
            (256, true),
            (257, false),
            (258, false),
            (5000, false),
        ] {
            for end in [&b"\n"[..], b"\r\n"] {
                let mut stream = std::vec![b'A'; len];
                stream.extend(end);
                let found = lines(&stream, 7);
                assert_eq!(found.len(), 1);
                let expected = if fits {
                    Framed::Line
                } else {
                    Framed::TooLong { len: stream.len() }
                };
                assert_eq!(found[0].0, expected, "{len}");
            }
        }
    }
}
