//! Bytes of an AT port to a transcript, as they pass.
//!
//! Replayed, the file gives the same bytes in the same order; each line that is written was parsed
//! again before. Times are comments. Secrets are names ([`Secrets::Hidden`]): `@needs` says which,
//! and who replays it says what they are.
//!
//! What a peer did is not in it: `@peer` lines are added by hand.

use std::io::{self, Write};
use std::time::Duration;

use super::secrets::{Known, command};
use super::text::show;
use super::{FROM_MODEM, Step, TO_MODEM, parse};

/// What becomes of passwords and keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Secrets {
    /// Each has a name in its place.
    Hidden,
    /// Every reader of the file can read them.
    DangerShown,
}

/// Partitions and namespaces whose content is a private key.
const KEY_STORES: &[u8] = b"_key\"";

/// What the host's bytes are at the moment.
enum Phase {
    /// Lines.
    Command,
    /// So many bytes of data, or an unknown number; a private key if `secret`.
    Data { left: Option<usize>, secret: bool },
    /// Data until `+++`.
    Passthrough,
}

/// Writes one transcript.
pub struct Recorder<W> {
    out: W,
    shows: Secrets,
    known: Known,
    phase: Phase,
    /// The host's last command.
    command: Vec<u8>,
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
            phase: Phase::Command,
            command: Vec::new(),
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

    /// The control port obeyed this line.
    ///
    /// # Errors
    ///
    /// Those of the writer.
    pub fn control(&mut self, line: &str) -> io::Result<()> {
        self.end_modem()?;
        let line = match (self.shows, line.split_once(',')) {
            // The password of an access point.
            (Secrets::Hidden, Some((head, password))) if is_password(head) => {
                if let Some(name) = self.known.keep(password.as_bytes()) {
                    writeln!(self.out, "@needs {name}")?;
                }
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
        self.from_host.extend_from_slice(bytes);
        while !self.from_host.is_empty() {
            let length = match self.phase {
                Phase::Command => {
                    let Some(end) = self.from_host.iter().position(|&byte| byte == b'\n') else {
                        break;
                    };
                    end.saturating_add(1)
                }
                // Shown when the modem answers, or when it is complete.
                Phase::Data {
                    left: Some(left), ..
                } if self.from_host.len() >= left => left,
                Phase::Data { .. } => break,
                Phase::Passthrough => self.from_host.len(),
            };
            self.show_host(length)?;
        }
        Ok(())
    }

    /// The modem wrote these bytes.
    ///
    /// # Errors
    ///
    /// Those of the writer.
    pub fn printed(&mut self, at: Duration, bytes: &[u8]) -> io::Result<()> {
        if !matches!(self.phase, Phase::Command) && !self.from_host.is_empty() {
            self.show_host(self.from_host.len())?;
        }
        if self.from_modem.is_empty() {
            self.stamp(at)?;
        }
        self.from_modem.extend_from_slice(bytes);
        while let Some(length) = message(&self.from_modem) {
            self.show_modem(length)?;
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
        // It may be the beginning of a secret.
        if !self.from_host.is_empty() {
            let length = self.from_host.len();
            self.from_host.clear();
            writeln!(self.out, "# {length} bytes of an unfinished line")?;
        }
        self.out.flush()
    }

    fn stamp(&mut self, at: Duration) -> io::Result<()> {
        let milliseconds = Duration::from_millis(u64::try_from(at.as_millis()).unwrap_or(u64::MAX));
        if self.stamped.replace(milliseconds) != Some(milliseconds) {
            writeln!(self.out, "# {:.3} s", milliseconds.as_secs_f64())?;
        }
        Ok(())
    }

    /// The first bytes of the host as a line.
    fn show_host(&mut self, length: usize) -> io::Result<()> {
        let rest = self.from_host.split_off(length.min(self.from_host.len()));
        let bytes = std::mem::replace(&mut self.from_host, rest);
        match &mut self.phase {
            Phase::Command => {
                self.learn(&bytes)?;
                self.command.clone_from(&bytes);
            }
            Phase::Data { left, secret } => {
                let ends = left.as_mut().is_some_and(|left| {
                    *left = left.saturating_sub(bytes.len());
                    *left == 0
                });
                let secret = *secret;
                if ends {
                    self.phase = Phase::Command;
                }
                if secret && self.shows == Secrets::Hidden {
                    return self.show_key(TO_MODEM, &[], &bytes);
                }
            }
            Phase::Passthrough => {
                if bytes == b"+++" {
                    self.phase = Phase::Command;
                    writeln!(self.out, "@silence 30")?;
                    writeln!(self.out, "{TO_MODEM}| +++")?;
                    return writeln!(self.out, "@silence 30");
                }
            }
        }
        self.write(TO_MODEM, &bytes)
    }

    /// The first bytes of the modem as a line.
    fn show_modem(&mut self, length: usize) -> io::Result<()> {
        let rest = self.from_modem.split_off(length.min(self.from_modem.len()));
        let bytes = std::mem::replace(&mut self.from_modem, rest);
        self.learn(&bytes)?;
        if bytes == b"\r\n>" {
            self.phase = self.prompted();
        } else if matches!(self.phase, Phase::Data { .. }) && ends_data(&bytes) {
            self.phase = Phase::Command;
        }
        if self.reads_key()
            && self.shows == Secrets::Hidden
            && let Some((head, key)) = data(&bytes, b"+SYSFLASH:").or(data(&bytes, b"+SYSMFG:"))
        {
            return self.show_key(FROM_MODEM, head, key);
        }
        self.write(FROM_MODEM, &bytes)
    }

    /// What the modem printed last and did not finish.
    fn end_modem(&mut self) -> io::Result<()> {
        if self.from_modem.is_empty() {
            return Ok(());
        }
        self.show_modem(self.from_modem.len())
    }

    fn learn(&mut self, line: &[u8]) -> io::Result<()> {
        if self.shows == Secrets::Hidden {
            for name in self.known.learn(line) {
                writeln!(self.out, "@needs {name}")?;
            }
        }
        Ok(())
    }

    /// Whether the last command reads a private key.
    fn reads_key(&self) -> bool {
        let command = command(&self.command);
        command.is_some_and(|(name, parameters)| {
            let reads: &[u8] = match name.as_str() {
                "SYSFLASH" => b"2",
                "SYSMFG" => b"1",
                _ => return false,
            };
            parameters.first() == Some(&reads)
                && parameters
                    .get(1)
                    .is_some_and(|store| store.ends_with(KEY_STORES))
        })
    }

    /// What a prompt asks for.
    fn prompted(&self) -> Phase {
        let Some((name, parameters)) = command(&self.command) else {
            return Phase::Passthrough;
        };
        let number = |text: &&[u8]| std::str::from_utf8(text).ok()?.trim().parse().ok();
        let (left, secret): (Option<usize>, bool) = match name.as_str() {
            // Link and length; a UDP peer may follow.
            "CIPSEND" | "CIPSENDL" | "CIPSENDEX" => {
                (parameters.iter().map_while(number).last(), false)
            }
            "SYSFLASH" | "SYSMFG" => (
                parameters.last().and_then(number),
                parameters
                    .get(1)
                    .is_some_and(|store| store.ends_with(KEY_STORES)),
            ),
            _ => (None, false),
        };
        Phase::Data { left, secret }
    }

    fn show_key(&mut self, arrow: &str, head: &[u8], key: &[u8]) -> io::Result<()> {
        if let Some(name) = self.known.keep(key) {
            writeln!(self.out, "@needs {name}")?;
        }
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

/// Whether what follows the first comma of a control line is a password.
fn is_password(head: &str) -> bool {
    ["ap add ", "ap password "]
        .iter()
        .any(|start| head.starts_with(start))
}

/// The length of the first message, if it is there as a whole.
fn message(bytes: &[u8]) -> Option<usize> {
    let line_end = |from: usize| {
        let rest = bytes.get(from..)?;
        let at = rest.windows(2).position(|pair| pair == b"\r\n")?;
        at.checked_add(from)
    };
    if let Some((head, data)) = data(bytes, b"\r\n+IPD,") {
        return head.len().checked_add(data.len());
    }
    if let Some(rest) = bytes.strip_prefix(b"\r\n") {
        return match rest.first()? {
            b'>' => Some(3),
            b'\r' => Some(2),
            // Active data whose length is not known yet, or which is not all there.
            b'+' if rest.starts_with(b"+IPD,") && rest.contains(&b':') => None,
            _ => line_end(2)?.checked_add(2),
        };
    }
    for head in [b"+CIPRECVDATA:".as_slice(), b"+SYSFLASH:", b"+USERRAM:"] {
        if bytes.get(head.len()).is_some_and(u8::is_ascii_digit)
            && bytes.starts_with(head)
            && bytes.contains(&b',')
        {
            let (head, data) = data(bytes, head)?;
            return head.len().checked_add(data.len());
        }
    }
    let end = line_end(0)?;
    if bytes.starts_with(b"+CIPSNTPTIME:") {
        return Some(end);
    }
    end.checked_add(2)
}

/// Splits a message that states the length of its data into head and data, if all of it is there.
fn data<'b>(bytes: &'b [u8], start: &[u8]) -> Option<(&'b [u8], &'b [u8])> {
    let rest = bytes.strip_prefix(start)?;
    let ipd = start.ends_with(b"+IPD,");
    let mut quoted = false;
    let mut fields = vec![start.len()];
    let mut end = None;
    for (at, &byte) in rest.iter().enumerate() {
        let after = start.len().checked_add(at)?.checked_add(1)?;
        match byte {
            b'"' => quoted = !quoted,
            b'\r' | b'\n' => break,
            b':' if ipd && !quoted => {
                fields.push(after);
                end = Some(after);
                break;
            }
            b',' if !quoted => {
                fields.push(after);
                // What follows the last of them is data, which may look like anything.
                let enough = match start {
                    b"+SYSMFG:" => 5,
                    b"+CIPRECVDATA:" if bytes.get(after) == Some(&b'"') => usize::MAX,
                    b"+CIPRECVDATA:" if fields.len() > 2 => 4,
                    _ => 2,
                };
                if !ipd && fields.len() >= enough {
                    end = Some(after);
                    break;
                }
            }
            _ => {}
        }
    }
    let end = end?;
    let length = match (ipd, fields.len()) {
        // Field ends are one more than fields: link, length, address, port.
        (true, 3 | 5) => (*fields.get(1)?, *fields.get(2)?),
        (true, _) => (*fields.first()?, *fields.get(1)?),
        (false, 5) => (*fields.get(3)?, *fields.get(4)?),
        (false, _) => (*fields.first()?, *fields.get(1)?),
    };
    let digits = bytes.get(length.0..length.1.checked_sub(1)?)?;
    let count: usize = std::str::from_utf8(digits).ok()?.parse().ok()?;
    let whole = end.checked_add(count)?;
    Some((bytes.get(..end)?, bytes.get(end..whole)?))
}

/// Whether a message ends a data phase, however much of it came.
fn ends_data(message: &[u8]) -> bool {
    [
        b"\r\nRecv ".as_slice(),
        b"\r\nSEND ",
        b"\r\nOK",
        b"\r\nERROR",
    ]
    .iter()
    .any(|head| message.starts_with(head))
}

#[cfg(test)]
mod tests;
