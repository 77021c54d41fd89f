//! Commands and their replies over a port, each within a time limit (spec: at-commands A.9).
//!
//! ```text
//! command ── line ──▶ … lines … OK | ERROR           Reply
//! prompt  ── line ──▶ [OK] >      data ── bytes ──▶ OK | ERROR
//! value   ── line ──▶ +NAME:…,<length>,<raw bytes>  OK
//! ```
//!
//! Lines that belong to no command (echo, messages, boot text) are skipped by whoever reads the reply: it
//! looks for the lines that it asked for.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::port::Port;

/// For what a modem does at once. An ESP32 erases a sector within 0.4 s (data sheets of its flash chips).
pub const SOON: Duration = Duration::from_secs(10);
/// Before a command is sent again that met `busy p...`.
pub(super) const BUSY_PAUSE: Duration = Duration::from_millis(200);
/// More than any reply but raw data, which is counted.
pub(super) const MAX_TEXT: usize = 64 * 1024;

/// Why an exchange came to no end. The modem's own refusals are [`SessionError::Refused`].
#[derive(Debug)]
#[non_exhaustive]
pub enum SessionError {
    /// The port failed, or its other end closed it.
    Port(io::Error),
    /// No end of the reply within the time.
    NoReply {
        /// What was sent.
        command: String,
        /// How long it was waited.
        waited: Duration,
        /// What came instead, escaped and cut.
        received: String,
    },
    /// `ERROR`
    Refused {
        /// What was sent.
        command: String,
        /// `ERR CODE:`, if `AT+SYSLOG=1` is set.
        code: Option<String>,
    },
    /// `busy p...` until the time was over.
    Busy {
        /// What was sent.
        command: String,
    },
    /// `ready` came in the middle of an exchange.
    Restarted {
        /// What was sent.
        command: String,
    },
    /// A reply that does not have its documented form.
    Malformed {
        /// What was sent.
        command: String,
        /// What came, escaped and cut.
        received: String,
    },
    /// The user asked to stop.
    Interrupted,
}

impl fmt::Display for SessionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Port(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                f.write_str("the port was closed at its other end")
            }
            Self::Port(error) => write!(f, "the port failed: {error}"),
            Self::NoReply {
                command,
                waited,
                received,
            } => {
                let seconds = waited.as_secs_f32();
                write!(f, "no reply to {command} within {seconds} s")?;
                match received.as_str() {
                    "" => Ok(()),
                    received => write!(f, ", only \"{received}\""),
                }
            }
            Self::Refused { command, code } => {
                write!(f, "the module refused {command}")?;
                code.iter().try_for_each(|code| write!(f, " ({code})"))
            }
            Self::Busy { command } => {
                write!(f, "the module stays busy and does not take {command}")
            }
            Self::Restarted { command } => write!(f, "the module restarted during {command}"),
            Self::Malformed { command, received } => {
                write!(f, "the reply to {command} cannot be read: \"{received}\"")
            }
            Self::Interrupted => f.write_str("interrupted"),
        }
    }
}

impl std::error::Error for SessionError {}

impl From<io::Error> for SessionError {
    fn from(error: io::Error) -> Self {
        Self::Port(error)
    }
}

/// The lines of a successful reply, without blank ones and without the final `OK`.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Reply(pub Vec<String>);

impl Reply {
    /// What follows `prefix` in each line that begins with it.
    pub fn after<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter_map(move |line| line.strip_prefix(prefix))
    }
}

/// What a line or the beginning of one means.
enum Event {
    Line(String),
    Prompt,
}

/// An AT port in use: one command at a time.
#[derive(Debug)]
pub struct Session {
    port: Port,
    received: Vec<u8>,
    interrupt: Arc<AtomicBool>,
}

impl Session {
    /// On an open port. Once `interrupt` is set, the next command is not begun: [`SessionError::Interrupted`].
    #[must_use]
    pub const fn new(port: Port, interrupt: Arc<AtomicBool>) -> Self {
        Self {
            port,
            received: Vec::new(),
            interrupt,
        }
    }

    /// The port under it.
    pub const fn port(&mut self) -> &mut Port {
        &mut self.port
    }

    /// Whether the user asked to stop.
    pub(super) fn check_interrupt(&self) -> Result<(), SessionError> {
        if self.interrupt.load(Ordering::Relaxed) {
            return Err(SessionError::Interrupted);
        }
        Ok(())
    }

    /// Ends a session that was interrupted with the commands that put the modem back in order.
    pub fn ignore_interrupt(&mut self) {
        self.interrupt = Arc::default();
    }

    /// Sends a line and waits for `OK`. A command that met `busy p...` is sent again: the modem has dropped it.
    ///
    /// # Errors
    ///
    /// [`SessionError`].
    pub fn command(&mut self, line: &str, limit: Duration) -> Result<Reply, SessionError> {
        self.begin(line, limit, false)
    }

    /// Sends a line and waits for the prompt `>`, with or without an `OK` before it.
    ///
    /// # Errors
    ///
    /// [`SessionError`].
    pub fn prompt(&mut self, line: &str, limit: Duration) -> Result<(), SessionError> {
        self.begin(line, limit, true).map(drop)
    }

    fn begin(
        &mut self,
        line: &str,
        limit: Duration,
        to_prompt: bool,
    ) -> Result<Reply, SessionError> {
        let deadline = Instant::now() + limit;
        loop {
            self.check_interrupt()?;
            self.received.clear();
            self.port.write(format!("{line}\r\n").as_bytes())?;
            match self.finish(line, deadline, limit, to_prompt) {
                Err(SessionError::Busy { .. }) if Instant::now() + BUSY_PAUSE < deadline => {
                    thread::sleep(BUSY_PAUSE);
                    // The command that was running ends meanwhile; its result is not ours.
                    self.receive()?;
                }
                done => return done,
            }
        }
    }

    /// Sends data that a prompt asked for, and waits for `OK`.
    ///
    /// An interrupt does not cut it: a modem that waits for the rest would take the next command for data.
    ///
    /// # Errors
    ///
    /// [`SessionError`].
    pub fn data(
        &mut self,
        what: &str,
        bytes: &[u8],
        limit: Duration,
        sent: &mut dyn FnMut(usize),
    ) -> Result<(), SessionError> {
        // Pieces, so that progress shows on slow ports.
        for piece in bytes.chunks(512) {
            self.port.write(piece)?;
            sent(piece.len());
        }
        let deadline = Instant::now() + limit;
        self.finish(what, deadline, limit, false).map(drop)
    }

    /// Sends a line that is answered with raw bytes: returns those behind the `fields`-th comma after `prefix`,
    /// as many as the number before that comma says; at most `max`.
    ///
    /// # Errors
    ///
    /// [`SessionError`].
    pub fn value(
        &mut self,
        line: &str,
        prefix: &str,
        fields: usize,
        max: usize,
        limit: Duration,
    ) -> Result<Vec<u8>, SessionError> {
        let deadline = Instant::now() + limit;
        self.check_interrupt()?;
        self.received.clear();
        self.port.write(format!("{line}\r\n").as_bytes())?;
        loop {
            match raw_value(&self.received, prefix, fields, max) {
                Raw::Whole(bytes, used) => {
                    self.received.drain(..used);
                    self.finish(line, deadline, limit, false)?;
                    return Ok(bytes);
                }
                Raw::Malformed => return Err(self.malformed(line)),
                Raw::Incomplete => {}
                // Without the prefix it is text: a refusal, or messages before the value.
                Raw::Absent => {
                    if let Some(error) = refusal(line, &self.received) {
                        return Err(error);
                    }
                }
            }
            // The value, and messages before it.
            if self.received.len() > MAX_TEXT.saturating_add(max) {
                return Err(self.malformed(line));
            }
            self.receive_before(line, deadline, limit)?;
        }
    }

    /// Reads until a final result, or a prompt where one is asked for.
    fn finish(
        &mut self,
        command: &str,
        deadline: Instant,
        limit: Duration,
        to_prompt: bool,
    ) -> Result<Reply, SessionError> {
        let mut reply = Reply::default();
        let mut text = 0_usize;
        let mut code = None;
        loop {
            while let Some(event) = self.next_event(to_prompt) {
                let line = match event {
                    Event::Prompt => return Ok(reply),
                    Event::Line(line) => line,
                };
                let command = || command.to_owned();
                match line.as_str() {
                    "OK" | "SEND OK" if !to_prompt => return Ok(reply),
                    "ERROR" | "FAIL" => {
                        return Err(SessionError::Refused {
                            command: command(),
                            code,
                        });
                    }
                    "busy p..." | "busy s..." => {
                        return Err(SessionError::Busy { command: command() });
                    }
                    "ready" => return Err(SessionError::Restarted { command: command() }),
                    _ if line.starts_with("ERR CODE:") => code = Some(line),
                    _ => {
                        text = text.saturating_add(line.len()).saturating_add(1);
                        reply.0.push(line);
                    }
                }
            }
            if self.received.len() > MAX_TEXT || text > MAX_TEXT {
                return Err(self.malformed(command));
            }
            self.receive_before(command, deadline, limit)?;
        }
    }

    /// Takes the next line that is not blank, or a prompt at the beginning of a line.
    fn next_event(&mut self, to_prompt: bool) -> Option<Event> {
        loop {
            let blank = self
                .received
                .iter()
                .take_while(|it| it.is_ascii_whitespace());
            let blank = blank.count();
            self.received.drain(..blank);
            if to_prompt && self.received.first() == Some(&b'>') {
                self.received.drain(..1);
                return Some(Event::Prompt);
            }
            let end = self.received.iter().position(|&it| it == b'\n')?;
            let line: Vec<u8> = self.received.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line).trim().to_owned();
            if !line.is_empty() {
                return Some(Event::Line(line));
            }
        }
    }

    fn receive_before(
        &mut self,
        command: &str,
        deadline: Instant,
        limit: Duration,
    ) -> Result<(), SessionError> {
        if Instant::now() >= deadline {
            return Err(SessionError::NoReply {
                command: command.to_owned(),
                waited: limit,
                received: excerpt(&self.received),
            });
        }
        self.receive()
    }

    /// Adds what the port has, after at most a tenth of a second.
    pub(super) fn receive(&mut self) -> Result<(), SessionError> {
        let mut bytes = [0; 4096];
        let count = self.port.read(&mut bytes)?;
        self.received
            .extend_from_slice(bytes.get(..count).unwrap_or_default());
        Ok(())
    }

    /// Takes all that was received and not looked at.
    pub(super) fn take_received(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.received)
    }

    fn malformed(&self, command: &str) -> SessionError {
        SessionError::Malformed {
            command: command.to_owned(),
            received: excerpt(&self.received),
        }
    }
}

/// A raw value in what was received so far.
enum Raw {
    /// The value, and how many bytes it ends after.
    Whole(Vec<u8>, usize),
    Incomplete,
    Malformed,
    /// Its prefix has not come.
    Absent,
}

fn raw_value(received: &[u8], prefix: &str, fields: usize, max: usize) -> Raw {
    let at = received
        .windows(prefix.len())
        .position(|window| window == prefix.as_bytes());
    let Some(at) = at.and_then(|at| at.checked_add(prefix.len())) else {
        return Raw::Absent;
    };
    let rest = received.get(at..).unwrap_or_default();
    let commas = rest.iter().enumerate().filter(|(_, byte)| **byte == b',');
    let ends: Vec<usize> = commas.map(|(at, _)| at).take(fields).collect();
    let (Some(&end), true) = (ends.last(), ends.len() == fields) else {
        // The fields before the value are short.
        return if rest.len() > 128 {
            Raw::Malformed
        } else {
            Raw::Incomplete
        };
    };
    let begin = ends.iter().rev().nth(1).map_or(0, |comma| comma + 1);
    let length = rest
        .get(begin..end)
        .and_then(|digits| std::str::from_utf8(digits).ok()?.parse::<usize>().ok())
        .filter(|&length| length <= max);
    let Some(length) = length else {
        return Raw::Malformed;
    };
    let value = end + 1;
    match rest.get(value..value + length) {
        Some(bytes) => Raw::Whole(bytes.to_vec(), at + value + length),
        None => Raw::Incomplete,
    }
}

/// A final result that says that no value will come.
fn refusal(command: &str, received: &[u8]) -> Option<SessionError> {
    let text = String::from_utf8_lossy(received);
    let mut code = None;
    // The last piece may be half a line.
    let (whole, _) = text.rsplit_once('\n')?;
    for line in whole.lines().map(str::trim) {
        let command = || command.to_owned();
        match line {
            "ERROR" => {
                return Some(SessionError::Refused {
                    command: command(),
                    code,
                });
            }
            "OK" => {
                return Some(SessionError::Malformed {
                    command: command(),
                    received: excerpt(received),
                });
            }
            "busy p..." => return Some(SessionError::Busy { command: command() }),
            "ready" => return Some(SessionError::Restarted { command: command() }),
            _ if line.starts_with("ERR CODE:") => code = Some(line.to_owned()),
            _ => {}
        }
    }
    None
}

/// For a message: escaped, the last 80 bytes.
pub(super) fn excerpt(bytes: &[u8]) -> String {
    let from = bytes.len().saturating_sub(80);
    bytes
        .get(from..)
        .unwrap_or_default()
        .escape_ascii()
        .to_string()
}
