//! A command line and its four forms.
//!
//! ```text
//! line := "AT" [ name ] [ op ]         at most MAX_LINE bytes, terminator not included
//! op   := "?" query | "=?" test | "=" params set | (nothing) execute
//! ```
//!
//! Follows the ESP-AT command set, A.2 to A.5. `AT` and names are taken in any case and written in
//! capitals. The name is the longest run of name characters; what follows it must be one of the
//! forms to the last byte, so a stray space is an error.

use nom::bytes::complete::{tag_no_case, take_while};
use nom::combinator::recognize;
use nom::{IResult, Parser};

use crate::args::{Args, Field, FieldWriter, Mux};
use crate::error::{ArgError, LineError};
use crate::legacy::{Generation, Parsed, Suffix};
use crate::sink::{Full, Sink};
use crate::table::Command;

/// Longest command line, terminator not included.
pub const MAX_LINE: usize = 256;

/// The parameters of a set form: one struct per command.
pub trait SetForm<'a>: Sized {
    /// Takes the parameters from left to right, count first.
    fn from_args(args: &mut Args<'a>) -> Result<Self, ArgError>;

    /// Writes the parameters so that [`from_args`](Self::from_args) yields the same struct.
    fn write_args(&self, args: &mut FieldWriter<'_>) -> Result<(), Full>;
}

/// A single parameter is its own set form.
impl<'a, T: Field<'a>> SetForm<'a> for T {
    fn from_args(args: &mut Args<'a>) -> Result<Self, ArgError> {
        args.takes(1, 1)?;
        args.required()
    }

    fn write_args(&self, args: &mut FieldWriter<'_>) -> Result<(), Full> {
        args.value(self)
    }
}

/// What stands after the name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form<'a> {
    Execute,
    Query,
    Set(&'a [u8]),
    Test,
    Junk,
}

fn head(line: &[u8]) -> IResult<&[u8], &[u8], ()> {
    let name_byte = |byte: u8| byte.is_ascii_alphanumeric() || b"+!%-./:_".contains(&byte);
    recognize((tag_no_case("AT"), take_while(name_byte))).parse(line)
}

/// Reads one line, without its terminator.
///
/// `mux` is the state of `AT+CIPMUX`: it decides whether some commands begin with a link number.
///
/// ```
/// use at_grammar::{Command, Mux, parse_line};
///
/// let line = parse_line(b"AT+CIPSNTPCFG=1,8", Mux::Single);
/// assert!(matches!(line, Ok(Command::CipsntpcfgSet(_))));
///
/// let error = parse_line(b"AT+FAKE", Mux::Single).unwrap_err();
/// assert_eq!(error.error_word().raw(), 0x0109_0000);
/// ```
pub fn parse_line(line: &[u8], mux: Mux) -> Result<Command<'_>, LineError> {
    parse_with(line, mux, Generation::EspAt).map(|parsed| parsed.command)
}

pub(crate) fn parse_with(
    line: &[u8],
    mux: Mux,
    generation: Generation,
) -> Result<Parsed<'_>, LineError> {
    let parsed = parse(line, mux, generation);
    if let Err(error) = &parsed {
        let len = line.len();
        espat_log::debug!("line of {} bytes refused: {:?}", len, error);
    }
    parsed
}

fn parse(line: &[u8], mux: Mux, generation: Generation) -> Result<Parsed<'_>, LineError> {
    if line.is_empty() {
        return Err(LineError::Empty);
    }
    if line.len() > MAX_LINE {
        return Err(LineError::TooLong { len: line.len() });
    }
    let (op, name) = head(line).map_err(|_| LineError::NoAt)?;
    let form = match op {
        [] => Form::Execute,
        b"?" => Form::Query,
        b"=?" => Form::Test,
        [b'=', params @ ..] => Form::Set(params),
        _ => Form::Junk,
    };
    let plain = Command::dispatch(
        name,
        form,
        Context {
            mux,
            generation,
            suffix: None,
        },
    );
    if generation == Generation::Legacy
        && matches!(plain, Err(LineError::UnknownCommand))
        && let Some((name, suffix)) = Suffix::split(name)
    {
        let suffix = Some(suffix);
        let command = Command::dispatch(
            name,
            form,
            Context {
                mux,
                generation,
                suffix,
            },
        )?;
        return Ok(Parsed { command, suffix });
    }
    Ok(Parsed {
        command: plain?,
        suffix: None,
    })
}

/// What a line is read with, beside its bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Context {
    pub(crate) mux: Mux,
    pub(crate) generation: Generation,
    pub(crate) suffix: Option<Suffix>,
}

/// All of a parameter list as `T`.
pub(crate) fn set_form<'a, T: SetForm<'a>>(
    params: &'a [u8],
    context: Context,
) -> Result<T, ArgError> {
    let mut args = Args::new(params, context.mux)?;
    args.set_legacy(context.suffix.is_some());
    let set = T::from_args(&mut args)?;
    args.finish()?;
    Ok(set)
}

/// `AT+NAME=` and its parameters.
pub(crate) fn write_set<'a, T: SetForm<'a>>(
    name: &str,
    set: &T,
    out: &mut dyn Sink,
) -> Result<(), Full> {
    out.put(name.as_bytes())?;
    out.put(b"=")?;
    set.write_args(&mut FieldWriter::new(out))
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
