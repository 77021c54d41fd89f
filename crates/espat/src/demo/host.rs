//! The host MCU's side of the AT port: it sends bytes, and knows which bytes must come back.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use super::pattern::{Fields, Matched, Pattern};

/// How long the modem may take for anything but a handshake.
pub(super) const TIMEOUT: Duration = Duration::from_secs(5);
/// A modem may spend 10 s on one step of a handshake; the reason must still arrive.
pub(super) const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(12);
/// For the rest of a line that is already wrong, so that a person sees all of it.
const REST_OF_LINE: Duration = Duration::from_millis(200);

/// A serial port, or what stands in for one.
pub(super) trait Port: Read + Write {
    /// Limits how long a read waits; it then ends with `WouldBlock` or `TimedOut`.
    fn wait_at_most(&mut self, limit: Duration) -> io::Result<()>;
}

impl Port for TcpStream {
    fn wait_at_most(&mut self, limit: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(limit.max(Duration::from_millis(1))))
    }
}

/// Why a reply was not as it should be.
#[derive(Debug)]
pub(super) enum HostError {
    /// The port failed.
    Io(io::Error),
    /// Other bytes came.
    Unlike {
        wanted: Pattern,
        got: Vec<u8>,
        at: usize,
    },
    /// The bytes stopped too early.
    Silent {
        wanted: Pattern,
        got: Vec<u8>,
        after: Duration,
    },
    /// The modem closed its port.
    Closed { wanted: Pattern, got: Vec<u8> },
}

impl fmt::Display for HostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (wanted, got) = match self {
            Self::Io(error) => return write!(f, "the AT port failed: {error}"),
            Self::Unlike { wanted, got, at } => {
                writeln!(f, "the reply differs at byte {at}")?;
                (wanted, got)
            }
            Self::Silent { wanted, got, after } => {
                writeln!(f, "nothing more came within {} s", after.as_secs())?;
                (wanted, got)
            }
            Self::Closed { wanted, got } => {
                writeln!(f, "the modem closed its port")?;
                (wanted, got)
            }
        };
        writeln!(f, "expected  {wanted}")?;
        write!(f, "got       {}", got.escape_ascii())
    }
}

impl std::error::Error for HostError {}

impl From<io::Error> for HostError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// The host, with what it has received and not yet looked at.
pub(super) struct Host<P> {
    port: P,
    received: Vec<u8>,
}

impl Host<TcpStream> {
    pub(super) fn connect(modem: SocketAddr) -> io::Result<Self> {
        let port = TcpStream::connect(modem)?;
        port.set_nodelay(true)?;
        Ok(Self::new(port))
    }
}

impl<P: Port> Host<P> {
    pub(super) fn new(port: P) -> Self {
        Self {
            port,
            received: Vec::new(),
        }
    }

    /// Sends a command line.
    pub(super) fn send_line(&mut self, line: &str) -> io::Result<()> {
        self.send_raw(format!("{line}\r\n").as_bytes())
    }

    /// Sends bytes as they are.
    pub(super) fn send_raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.port.write_all(bytes)?;
        self.port.flush()
    }

    /// Waits for exactly these bytes; what follows them is left for the next call.
    ///
    /// Returns the bytes too, for showing.
    pub(super) fn expect(
        &mut self,
        wanted: &Pattern,
        timeout: Duration,
    ) -> Result<(Vec<u8>, Fields), HostError> {
        let start = Instant::now();
        loop {
            match wanted.compare(&self.received) {
                Matched::Whole { len, fields } => {
                    let rest = self.received.split_off(len);
                    return Ok((std::mem::replace(&mut self.received, rest), fields));
                }
                Matched::Not { at } => {
                    self.finish_line()?;
                    return Err(HostError::Unlike {
                        wanted: wanted.clone(),
                        got: self.received.clone(),
                        at,
                    });
                }
                Matched::Part => {}
            }
            match self.receive(timeout.saturating_sub(start.elapsed()))? {
                Received::Some => {}
                Received::Nothing => {
                    return Err(HostError::Silent {
                        wanted: wanted.clone(),
                        got: self.received.clone(),
                        after: timeout,
                    });
                }
                Received::End => {
                    return Err(HostError::Closed {
                        wanted: wanted.clone(),
                        got: self.received.clone(),
                    });
                }
            }
        }
    }

    /// Finds the way back to command mode after a reply that was not understood: whether `AT` is answered.
    pub(super) fn resynchronise(&mut self) -> bool {
        self.send_until("AT", &[b"AT\r\n\r\nOK\r\n"])
    }

    /// Sends a line and swallows its reply, whatever the result: whether there is one.
    pub(super) fn finish(&mut self, line: &str) -> bool {
        self.send_until(line, &[b"\r\nOK\r\n", b"\r\nERROR\r\n"])
    }

    fn send_until(&mut self, line: &str, ends: &[&[u8]]) -> bool {
        self.received.clear();
        if self.send_line(line).is_err() {
            return false;
        }
        let start = Instant::now();
        while !ends.iter().any(|end| self.received.ends_with(end)) {
            let left = TIMEOUT.saturating_sub(start.elapsed());
            if !matches!(self.receive(left), Ok(Received::Some)) {
                return false;
            }
        }
        self.received.clear();
        true
    }

    fn finish_line(&mut self) -> io::Result<()> {
        let start = Instant::now();
        while self.received.last() != Some(&b'\n') {
            let left = REST_OF_LINE.saturating_sub(start.elapsed());
            if !matches!(self.receive(left)?, Received::Some) {
                break;
            }
        }
        Ok(())
    }

    fn receive(&mut self, timeout: Duration) -> io::Result<Received> {
        use io::ErrorKind::{ConnectionReset, Interrupted, TimedOut, WouldBlock};
        if timeout.is_zero() {
            return Ok(Received::Nothing);
        }
        self.port.wait_at_most(timeout)?;
        let mut bytes = [0; 4096];
        match self.port.read(&mut bytes) {
            Ok(0) => Ok(Received::End),
            Ok(count) => {
                self.received
                    .extend_from_slice(bytes.get(..count).unwrap_or_default());
                Ok(Received::Some)
            }
            Err(error) => match error.kind() {
                TimedOut | WouldBlock => Ok(Received::Nothing),
                Interrupted => Ok(Received::Some),
                ConnectionReset => Ok(Received::End),
                _ => Err(error),
            },
        }
    }
}

enum Received {
    Some,
    Nothing,
    End,
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;

    /// A port that brings these pieces, then nothing or its end.
    struct Script {
        pieces: VecDeque<Vec<u8>>,
        ends: bool,
        sent: Vec<u8>,
    }

    impl Read for Script {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            match self.pieces.pop_front() {
                Some(piece) => {
                    into[..piece.len()].copy_from_slice(&piece);
                    Ok(piece.len())
                }
                None if self.ends => Ok(0),
                None => Err(io::ErrorKind::WouldBlock.into()),
            }
        }
    }

    impl Write for Script {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.sent.extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Port for Script {
        fn wait_at_most(&mut self, _: Duration) -> io::Result<()> {
            Ok(())
        }
    }

    fn host(pieces: &[&[u8]], ends: bool) -> Host<Script> {
        Host::new(Script {
            pieces: pieces.iter().map(|piece| piece.to_vec()).collect(),
            ends,
            sent: Vec::new(),
        })
    }

    fn ok() -> Pattern {
        Pattern::after("AT\r\n", "\r\nOK\r\n")
    }

    #[test]
    fn two_replies_are_separated_wherever_the_stream_is_cut() {
        let stream = b"AT\r\n\r\nOK\r\n+TIME_UPDATED\r\n";
        for cut in 1..stream.len() {
            let (left, right) = stream.split_at(cut);
            let mut host = host(&[left, right], false);
            host.send_line("AT").unwrap();
            assert_eq!(host.expect(&ok(), TIMEOUT).unwrap().0, b"AT\r\n\r\nOK\r\n");
            let urc = Pattern::after("+TIME_UPDATED\r\n", "");
            host.expect(&urc, TIMEOUT).unwrap();
            assert_eq!(host.port.sent, b"AT\r\n");
            assert!(host.received.is_empty());
        }
    }

    #[test]
    fn a_wrong_reply_is_shown_whole_beside_the_wanted_one() {
        let stream = b"AT\r\n\r\nERROR\r\n";
        for cut in 1..stream.len() {
            let (left, right) = stream.split_at(cut);
            let error = host(&[left, right], false)
                .expect(&ok(), TIMEOUT)
                .unwrap_err();
            assert!(
                matches!(error, HostError::Unlike { at: 6, .. }),
                "{cut}: {error:?}"
            );
            assert_eq!(
                error.to_string(),
                "the reply differs at byte 6\n\
                 expected  AT\\r\\n\\r\\nOK\\r\\n\n\
                 got       AT\\r\\n\\r\\nERROR\\r\\n"
            );
        }
    }

    #[test]
    fn every_truncated_reply_is_silence_or_the_end() {
        let stream = b"AT\r\n\r\nOK\r\n";
        for len in 1..stream.len() {
            let part = &stream[..len];
            match host(&[part], false).expect(&ok(), TIMEOUT).unwrap_err() {
                HostError::Silent { got, .. } => assert_eq!(got, part),
                other => panic!("{len}: {other:?}"),
            }
            match host(&[part], true).expect(&ok(), TIMEOUT).unwrap_err() {
                HostError::Closed { got, .. } => assert_eq!(got, part),
                other => panic!("{len}: {other:?}"),
            }
        }
    }

    #[test]
    fn an_answered_at_ends_confusion_and_nothing_else_does() {
        let mut lost = host(&[b"left over", b"\r\nAT\r\n\r\nO", b"K\r\n"], false);
        assert!(lost.resynchronise());
        assert!(lost.received.is_empty());
        assert!(!host(&[b"\r\nbusy p...\r\n"], false).resynchronise());
        assert!(!host(&[], true).resynchronise());
    }
}
