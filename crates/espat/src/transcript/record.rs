//! Bytes of an AT port to a transcript, as they pass.
//!
//! Replayed, the file gives the same bytes in the same order; each line that is written was parsed
//! again before. Times are comments. Secrets are names ([`Secrets::Hidden`]): `@needs` says which,
//! and who replays it says what they are.
//!
//! ```text
//! Command ── a line that asks for a prompt ──▶ Prompting ── prompt ──▶ Data ── all there ──▶ Command
//!                                                 └─ refused, a key ──▶ Refused ── a command ──▶ Command
//! ```
//!
//! What a host sends before the prompt waits for it: only then is it known whether it is a key. What
//! the modem prints waits while it can become the answer that shows a secret. Both are held up to
//! `HELD` bytes; what is longer is written in parts.
//!
//! What a peer did is not in it: `@peer` lines are added by hand.

use std::io::{self, Write};
use std::time::Duration;

use self::message::{Ending, data, ends_data, head, message};
use self::parts::{Payload, password_of, prompted};
use super::secrets::{Known, command, is_command, is_public, shows_secret, unfinished_command};
use super::text::show;
use super::{FROM_MODEM, Step, TO_MODEM, parse};

pub(crate) mod message;
pub(crate) mod parts;

/// What becomes of passwords and keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Secrets {
    /// Each has a name in its place.
    Hidden,
    /// Every reader of the file can read them.
    DangerShown,
}

/// Bytes that wait for the end of their line, message or payload. No line or message of a modem is longer,
/// but for what it reads from flash.
const HELD: usize = 16 * 1024;

/// Bytes of secrets that get a name. Behind that only their number is written.
const KEYS_KEPT: usize = 1024 * 1024;

/// Bytes that can be a refused key: more than any partition with keys has.
const REFUSED_MAX: usize = 256 * 1024;

/// Bytes of refused keys that are remembered, for their echo.
const REFUSED_KEPT: usize = 64 * 1024;

/// Shortest part of a refused key that is looked for in what the modem prints.
const ECHO_MIN: usize = 4;

/// Messages that show what is in flash.
const READS: [&[u8]; 2] = [b"+SYSFLASH:", b"+SYSMFG:"];

/// What the host's bytes are at the moment.
#[derive(Debug, Clone, Copy)]
enum Mode {
    /// Lines.
    Command,
    /// Data of a command that the modem has not answered yet.
    Prompting(Payload),
    /// Data that the modem asked for.
    Data(Payload),
    /// At most so many bytes of a key that the modem did not take.
    Refused(usize),
    /// Data until `+++`.
    Passthrough,
}

/// The rest of a message whose data are not shown.
#[derive(Debug)]
struct Withheld {
    head: Vec<u8>,
    seen: usize,
    left: usize,
}

/// Writes one transcript.
pub struct Recorder<W> {
    out: W,
    shows: Secrets,
    known: Known,
    mode: Mode,
    /// The host's last command.
    command: Vec<u8>,
    /// Commands that the modem has not answered.
    unanswered: usize,
    /// What the next answer reads from flash can be a key.
    reads_key: bool,
    refused: Vec<u8>,
    withheld: Option<Withheld>,
    from_host: Vec<u8>,
    from_modem: Vec<u8>,
    stamped: Option<Duration>,
}

impl<W> std::fmt::Debug for Recorder<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recorder").finish_non_exhaustive()
    }
}

impl<W: Write> Recorder<W> {
    /// Begins a transcript of a module that is switched on now.
    ///
    /// # Errors
    ///
    /// Those of the writer, here and below.
    pub fn new(mut out: W, shows: Secrets) -> io::Result<Self> {
        writeln!(out, "# espat sim --record\n@power-on")?;
        Ok(Self {
            out,
            shows,
            known: Known::default(),
            mode: Mode::Command,
            command: Vec::new(),
            unanswered: 0,
            reads_key: false,
            refused: Vec::new(),
            withheld: None,
            from_host: Vec::new(),
            from_modem: Vec::new(),
            stamped: None,
        })
    }

    /// A remark.
    ///
    /// # Errors
    ///
    /// Those of the writer.
    pub fn remark(&mut self, text: &str) -> io::Result<()> {
        self.end_modem()?;
        for line in text.lines() {
            writeln!(self.out, "# {line}")?;
        }
        Ok(())
    }

    /// An option with which the session began; before anything else. The flash image is a remark: the session
    /// changed it, and what it held before is not known.
    ///
    /// # Errors
    ///
    /// Those of the writer.
    pub fn setting(&mut self, name: &str, value: Option<&str>) -> io::Result<()> {
        let Some(value) = value else {
            return writeln!(self.out, "@sim {name}");
        };
        if name == "--flash" {
            return self.remark(&format!("{name} {value}, as it was before"));
        }
        let value = match (name, password_of(value)) {
            ("--ap", Some((ssid, password))) if self.hides() && !password.is_empty() => {
                self.keep(password.as_bytes())?;
                let name = self.known.name(password.as_bytes()).unwrap_or_default();
                format!("{},{{${name}}}", show(ssid.as_bytes()))
            }
            _ => show(value.as_bytes()),
        };
        writeln!(self.out, "@sim {name} {value}")
    }

    /// The control port obeyed this line.
    ///
    /// # Errors
    ///
    /// Those of the writer.
    pub fn control(&mut self, line: &str) -> io::Result<()> {
        self.end_modem()?;
        let line = match (self.hides(), line.split_once(',')) {
            // The password of an access point.
            (true, Some((head, password))) if is_password(head) && !password.is_empty() => {
                self.keep(password.as_bytes())?;
                let name = self.known.name(password.as_bytes()).unwrap_or_default();
                format!("{},{{${name}}}", show(head.as_bytes()))
            }
            _ => show(line.as_bytes()),
        };
        writeln!(self.out, "@control {line}")
    }

    /// The modem read these bytes, `at` so long after the start.
    ///
    /// # Errors
    ///
    /// Those of the writer.
    pub fn sent(&mut self, at: Duration, bytes: &[u8]) -> io::Result<()> {
        self.end_modem()?;
        self.stamp(at)?;
        for part in bytes.chunks(HELD) {
            self.from_host.extend_from_slice(part);
            self.advance()?;
        }
        Ok(())
    }

    /// The modem wrote these bytes.
    ///
    /// # Errors
    ///
    /// Those of the writer.
    pub fn printed(&mut self, at: Duration, bytes: &[u8]) -> io::Result<()> {
        if matches!(self.mode, Mode::Data(_) | Mode::Passthrough) {
            let complete = unfinished_command(&self.from_host);
            if complete > 0 {
                self.show_host(complete)?;
            }
        }
        if self.from_modem.is_empty() {
            self.stamp(at)?;
        }
        for part in bytes.chunks(HELD) {
            self.from_modem.extend_from_slice(part);
            self.show_messages()?;
        }
        self.out.flush()
    }

    /// Nothing more will come.
    ///
    /// # Errors
    ///
    /// Those of the writer.
    pub fn finish(&mut self) -> io::Result<()> {
        self.end_modem()?;
        // Both may be the beginning of a secret.
        for (bytes, kind) in [
            (&mut self.from_modem, "message"),
            (&mut self.from_host, "line"),
        ] {
            if !bytes.is_empty() {
                let length = bytes.len();
                bytes.clear();
                writeln!(self.out, "# {length} bytes of an unfinished {kind}")?;
            }
        }
        self.out.flush()
    }

    fn hides(&self) -> bool {
        self.shows == Secrets::Hidden
    }

    fn stamp(&mut self, at: Duration) -> io::Result<()> {
        let milliseconds = Duration::from_millis(u64::try_from(at.as_millis()).unwrap_or(u64::MAX));
        if self.stamped.replace(milliseconds) != Some(milliseconds) {
            writeln!(self.out, "# {:.3} s", milliseconds.as_secs_f64())?;
        }
        Ok(())
    }

    /// Writes what of the host's bytes is complete.
    fn advance(&mut self) -> io::Result<()> {
        while !self.from_host.is_empty() {
            let held = self.from_host.len();
            let line = self.from_host.iter().position(|&byte| byte == b'\n');
            let line = line.map(|end| end.saturating_add(1));
            let length = match self.mode {
                Mode::Command => line,
                Mode::Prompting(payload) if held >= HELD => {
                    self.mode = Mode::Data(payload);
                    continue;
                }
                Mode::Prompting(_) => return Ok(()),
                // Shown when the modem answers, or when it is complete.
                Mode::Data(payload) => payload.whole(&self.from_host),
                Mode::Refused(left) => {
                    let first = self.from_host.get(..line.unwrap_or(held));
                    match is_command(first.unwrap_or_default(), line.is_some()) {
                        true if line.is_some() => {
                            self.mode = Mode::Command;
                            continue;
                        }
                        true if held < HELD => return Ok(()),
                        _ => Some(left.min(held)),
                    }
                }
                Mode::Passthrough => {
                    Some(unfinished_command(&self.from_host)).filter(|&complete| complete > 0)
                }
            };
            match length {
                Some(length) => self.show_host(length)?,
                None if held >= HELD => self.show_host(held)?,
                None => return Ok(()),
            }
        }
        Ok(())
    }

    /// The first bytes of the host as a line.
    fn show_host(&mut self, length: usize) -> io::Result<()> {
        let rest = self.from_host.split_off(length.min(self.from_host.len()));
        let bytes = std::mem::replace(&mut self.from_host, rest);
        match &mut self.mode {
            Mode::Command => {
                self.learn(&bytes)?;
                self.write(TO_MODEM, &bytes)?;
                return self.begin_command(bytes);
            }
            Mode::Data(payload) | Mode::Prompting(payload) => {
                let ends = payload.whole(&bytes).is_some();
                if let Some(left) = &mut payload.left {
                    *left = left.saturating_sub(bytes.len());
                }
                let secret = payload.secret;
                if ends {
                    self.mode = Mode::Command;
                }
                if secret {
                    return self.show_key(TO_MODEM, &[], &bytes);
                }
            }
            Mode::Refused(left) => {
                *left = left.saturating_sub(bytes.len());
                if *left == 0 {
                    self.mode = Mode::Command;
                }
                let room = REFUSED_KEPT.saturating_sub(self.refused.len());
                self.refused.extend(bytes.iter().take(room));
                return self.show_key(TO_MODEM, &[], &bytes);
            }
            Mode::Passthrough => {
                if bytes == b"+++" {
                    self.mode = Mode::Command;
                    writeln!(self.out, "@silence 30")?;
                    writeln!(self.out, "{TO_MODEM}| +++")?;
                    return writeln!(self.out, "@silence 30");
                }
            }
        }
        // It can be a command all the same, if data mode ended without a word.
        self.learn(&bytes)?;
        self.write(TO_MODEM, &bytes)
    }

    /// What a command that was sent means for the bytes behind it.
    fn begin_command(&mut self, line: Vec<u8>) -> io::Result<()> {
        if line.trim_ascii().is_empty() {
            return Ok(());
        }
        if self.reads_private(&line) {
            self.reads_key = true;
        } else if self.unanswered == 0 {
            self.reads_key = false;
        }
        self.unanswered = self.unanswered.saturating_add(1);
        self.command = line;
        if let Some(payload) = self.payload()
            && payload.left.is_some()
        {
            self.mode = Mode::Prompting(payload);
        }
        Ok(())
    }

    /// Writes what of the modem's bytes is complete.
    fn show_messages(&mut self) -> io::Result<()> {
        loop {
            if let Some(withheld) = &mut self.withheld {
                let count = withheld.left.min(self.from_modem.len());
                self.from_modem.drain(..count);
                withheld.seen = withheld.seen.saturating_add(count);
                withheld.left = withheld.left.saturating_sub(count);
                if withheld.left > 0 {
                    return Ok(());
                }
                self.show_withheld()?;
                self.withheld = None;
            }
            let read = READS.iter().find_map(|start| head(&self.from_modem, start));
            if let Some((head, count)) = read
                && self.is_key(head)
                && head.saturating_add(count) > HELD
            {
                self.withheld = Some(Withheld {
                    head: self.from_modem.drain(..head).collect(),
                    seen: 0,
                    left: count,
                });
                continue;
            }
            match message(&self.from_modem) {
                Some(length) => self.show_modem(length)?,
                None if self.from_modem.len() >= HELD => self.show_modem(self.from_modem.len())?,
                None => return Ok(()),
            }
        }
    }

    /// The first bytes of the modem as a line.
    fn show_modem(&mut self, length: usize) -> io::Result<()> {
        let rest = self.from_modem.split_off(length.min(self.from_modem.len()));
        let bytes = std::mem::replace(&mut self.from_modem, rest);
        self.learn(&bytes)?;
        let key = READS.iter().find_map(|start| data(&bytes, start));
        match key {
            Some((head, key)) if self.is_key_in(head) => self.show_key(FROM_MODEM, head, key)?,
            _ if self.echoes_refused(&bytes) => {
                writeln!(self.out, "{FROM_MODEM}| {{any {}}}", bytes.len())?;
            }
            _ => self.write(FROM_MODEM, &bytes)?,
        }
        self.answered(&bytes)
    }

    /// What a message means for the host's bytes that wait, and for those to come.
    fn answered(&mut self, message: &[u8]) -> io::Result<()> {
        let ending = Ending::of(message);
        if ending.is_some_and(Ending::is_final) {
            self.unanswered = self.unanswered.saturating_sub(1);
        } else if ending == Some(Ending::Ready) {
            self.unanswered = 0;
        }
        match self.mode {
            _ if ending == Some(Ending::Prompt) => {
                self.unanswered = self.unanswered.max(1);
                self.mode = self.payload().map_or(Mode::Passthrough, Mode::Data);
            }
            Mode::Prompting(Payload { left, secret, .. })
                if ending.is_some_and(Ending::is_refusal) =>
            {
                self.mode = match left {
                    Some(left) if secret => Mode::Refused(left.min(REFUSED_MAX)),
                    _ => Mode::Command,
                };
            }
            Mode::Data(Payload { left, secret, .. }) if ends_data(message) => {
                self.mode = match left {
                    Some(left) if secret => Mode::Refused(left.min(REFUSED_MAX)),
                    _ => Mode::Command,
                };
            }
            _ => return Ok(()),
        }
        self.advance()
    }

    /// What the modem printed last and did not finish, unless it can become an answer with a secret.
    fn end_modem(&mut self) -> io::Result<()> {
        self.show_withheld()?;
        if self.from_modem.is_empty() || (self.hides() && shows_secret(&self.from_modem)) {
            return Ok(());
        }
        self.show_modem(self.from_modem.len())
    }

    fn show_withheld(&mut self) -> io::Result<()> {
        let Some(withheld) = &mut self.withheld else {
            return Ok(());
        };
        if !withheld.head.is_empty() || withheld.seen > 0 {
            let head = self.known.show(&withheld.head);
            writeln!(self.out, "{FROM_MODEM}| {head}{{any {}}}", withheld.seen)?;
        }
        withheld.head.clear();
        withheld.seen = 0;
        Ok(())
    }

    fn learn(&mut self, line: &[u8]) -> io::Result<()> {
        if self.hides() {
            for name in self.known.learn(line) {
                writeln!(self.out, "@needs {name}")?;
            }
        }
        Ok(())
    }

    fn keep(&mut self, secret: &[u8]) -> io::Result<()> {
        match self.known.keep(secret) {
            Some(name) => writeln!(self.out, "@needs {name}"),
            None => Ok(()),
        }
    }

    /// Whether a command reads what can be a private key.
    fn reads_private(&self, line: &[u8]) -> bool {
        command(line).is_some_and(|(name, parameters)| {
            ["SYSFLASH", "SYSMFG"].contains(&name.as_str())
                && !writes(&name, &parameters)
                && parameters.get(1).is_some_and(|store| !is_public(store))
        })
    }

    /// Whether the data behind the first `head` bytes of the modem can be a private key.
    fn is_key(&self, head: usize) -> bool {
        self.is_key_in(self.from_modem.get(..head).unwrap_or_default())
    }

    fn is_key_in(&self, head: &[u8]) -> bool {
        let namespace = head.strip_prefix(b"+SYSMFG:");
        let namespace = namespace.and_then(|rest| rest.split(|&byte| byte == b',').next());
        self.hides() && namespace.map_or(self.reads_key, |namespace| !is_public(namespace))
    }

    /// Whether a message repeats what was refused: the echo of a key that became command lines.
    fn echoes_refused(&self, message: &[u8]) -> bool {
        let text = message.trim_ascii();
        text.len() >= ECHO_MIN && self.refused.windows(text.len()).any(|part| part == text)
    }

    /// What the last command has a prompt for; `None` for passthrough, and where it is no command.
    fn payload(&self) -> Option<Payload> {
        let payload = prompted(&self.command)?;
        Some(Payload {
            secret: payload.secret && self.hides(),
            ..payload
        })
    }

    fn show_key(&mut self, arrow: &str, head: &[u8], key: &[u8]) -> io::Result<()> {
        if key.is_empty() {
            return self.write(arrow, head);
        }
        if self.known.size().saturating_add(key.len()) > KEYS_KEPT {
            return writeln!(self.out, "# {arrow} {} bytes of a key", key.len());
        }
        self.keep(key)?;
        let name = self.known.name(key).unwrap_or_default();
        writeln!(self.out, "{arrow}| {}{{${name}}}", self.known.show(head))
    }

    /// A line that gives these bytes again, with the arrow's own line ends where they fit.
    fn write(&mut self, arrow: &str, bytes: &[u8]) -> io::Result<()> {
        let inner = bytes.strip_prefix(b"\r\n").unwrap_or(bytes);
        let inner = inner.strip_suffix(b"\r\n").unwrap_or(inner);
        let variables = self.known.variables();
        let plain = format!("{arrow} {}", self.known.show(inner));
        let plain = plain.trim_end();
        let same = parse(plain).is_ok_and(|lines| match lines.as_slice() {
            [line] => match &line.step {
                Step::Send(text) | Step::Expect(text) => {
                    text.expand(&variables).is_ok_and(|again| again == bytes)
                }
                _ => false,
            },
            _ => false,
        });
        if same {
            writeln!(self.out, "{plain}")
        } else {
            writeln!(self.out, "{arrow}| {}", self.known.show(bytes))
        }
    }
}

/// Whether a command for flash has a prompt: `AT+SYSFLASH=1,…`, and `AT+SYSMFG=2,…` for a string or binary.
fn writes(name: &str, parameters: &[&[u8]]) -> bool {
    let number = |index: usize| {
        let text = std::str::from_utf8(parameters.get(index)?).ok()?;
        text.trim().parse::<u8>().ok()
    };
    match name {
        "SYSFLASH" => number(0) == Some(1),
        _ => number(0) == Some(2) && matches!(number(3), Some(7 | 8)),
    }
}

/// Whether what follows the first comma of a control line is a password.
fn is_password(head: &str) -> bool {
    ["ap add ", "ap password "]
        .iter()
        .any(|start| head.starts_with(start))
}

#[cfg(test)]
mod leaks;
#[cfg(test)]
mod tests;
