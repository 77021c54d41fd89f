//! Lines of this crate's own commands: read, and written for a modem to take.

use crate::args::Mux;
use crate::error::{LineError, MAX_LINE};
use crate::legacy::{Dialect, Suffix};
use crate::raw::RawLine;
use crate::set::CommandSet;
use crate::sink::{Full, Sink};
use crate::table::Command;

/// Reads one line, without its terminator.
///
/// `mux` is the state of `AT+CIPMUX`: it decides whether some commands begin with a link number.
///
/// ```
/// use at_grammar::commands::sntp::SntpCommand;
/// use at_grammar::{Command, Mux, parse_line};
///
/// let line = parse_line(b"AT+CIPSNTPCFG=1,8", Mux::Single);
/// assert!(matches!(line, Ok(Command::Sntp(SntpCommand::CipsntpcfgSet(_)))));
///
/// let error = parse_line(b"AT+FAKE", Mux::Single).unwrap_err();
/// assert_eq!(error.error_word().raw(), 0x0109_0000);
/// ```
///
/// # Errors
///
/// [`LineError`]: why the line is no command of the table, or which parameter is wrong.
pub fn parse_line(line: &[u8], mux: Mux) -> Result<Command<'_>, LineError> {
    parse_line_as(line, mux, Dialect::EspAt).map(|parsed| parsed.command)
}

/// A command, and how the host named it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Parsed<'a> {
    /// The command.
    pub command: Command<'a>,
    /// The suffix; answers repeat it: [`Reply::LegacyInfo`](crate::Reply::LegacyInfo).
    pub suffix: Option<Suffix>,
}

/// Reads one line as [`parse_line`](crate::parse_line) does, with the names of a dialect.
///
/// ```
/// use at_grammar::{Dialect, Mux, Suffix, parse_line_as};
///
/// let line = b"AT+CWMODE_CUR=1";
/// let parsed = parse_line_as(line, Mux::Single, Dialect::Legacy)?;
/// assert_eq!(parsed.suffix, Some(Suffix::Current));
/// assert_eq!(parsed.command.name(), "AT+CWMODE");
///
/// assert!(parse_line_as(line, Mux::Single, Dialect::EspAt).is_err());
/// # Ok::<(), at_grammar::LineError>(())
/// ```
///
/// # Errors
///
/// As [`parse_line`].
pub fn parse_line_as(line: &[u8], mux: Mux, dialect: Dialect) -> Result<Parsed<'_>, LineError> {
    let parsed = parse(line, mux, dialect);
    if let Err(error) = &parsed {
        let len = line.len();
        espat_log::debug!("line of {} bytes refused: {:?}", len, error);
    }
    parsed
}

fn parse(line: &[u8], mux: Mux, dialect: Dialect) -> Result<Parsed<'_>, LineError> {
    Command::from_raw(&RawLine::parse(line)?.with_dialect(dialect), mux)
}

impl<'a> Command<'a> {
    /// The command of a line, and the suffix of its name where the line's dialect has such names.
    ///
    /// # Errors
    /// [`LineError::UnknownCommand`] if this crate has no command of that name; another
    /// [`CommandSet`] may.
    pub fn from_raw(line: &RawLine<'a>, mux: Mux) -> Result<Parsed<'a>, LineError> {
        match <Self as CommandSet>::from_raw(line, mux) {
            Err(LineError::UnknownCommand) => {}
            found => {
                return found.map(|command| Parsed {
                    command,
                    suffix: line.suffix(),
                });
            }
        }
        let line = line.without_suffix().ok_or(LineError::UnknownCommand)?;
        <Self as CommandSet>::from_raw(&line, mux).map(|command| Parsed {
            command,
            suffix: line.suffix(),
        })
    }
}

/// Why a command could not be written as a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum WriteError {
    /// The destination is too small.
    Full(Full),
    /// Longer than [`MAX_LINE`]: no modem would take it.
    TooLong {
        /// Bytes of the line.
        len: usize,
    },
    /// A string holds a line feed, and there is no way to say one in a command line.
    LineFeed,
}

impl core::fmt::Display for WriteError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Full(full) => full.fmt(f),
            Self::TooLong { len } => write!(f, "line of {len} bytes, {MAX_LINE} are allowed"),
            Self::LineFeed => f.write_str("a string with a line feed cannot be sent in a command"),
        }
    }
}

impl core::error::Error for WriteError {}

impl From<Full> for WriteError {
    fn from(full: Full) -> Self {
        Self::Full(full)
    }
}

impl Command<'_> {
    /// How many bytes [`write_to`](Self::write_to) would write.
    #[must_use]
    pub fn size(&self) -> usize {
        crate::sink::Measure::of(|out| self.write_to(out))
    }

    /// Writes the line with its CRLF, if a modem would take it.
    ///
    /// Nothing is written unless all of it can be said; only [`WriteError::Full`] leaves a part.
    ///
    /// # Errors
    ///
    /// [`WriteError`]: the modem would refuse the line, or the sink has no room.
    pub fn write_line(&self, out: &mut dyn Sink) -> Result<(), WriteError> {
        let mut check = Checker::default();
        self.write_to(&mut check)?;
        if check.line_feed {
            return Err(WriteError::LineFeed);
        }
        if check.len > MAX_LINE {
            return Err(WriteError::TooLong { len: check.len });
        }
        self.write_to(out)?;
        Ok(out.put(b"\r\n")?)
    }
}

#[derive(Default)]
struct Checker {
    len: usize,
    line_feed: bool,
}

impl Sink for Checker {
    fn put(&mut self, bytes: &[u8]) -> Result<(), Full> {
        self.len = self.len.saturating_add(bytes.len());
        self.line_feed |= bytes.contains(&b'\n');
        Ok(())
    }
}
