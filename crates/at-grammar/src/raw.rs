//! A command line split into its name and one of its forms.
//!
//! ```text
//! line := "AT" [ name ] [ op ]         at most MAX_LINE bytes, terminator not included
//! op   := "?" query | "=?" test | "=" params set | (nothing) execute
//! ```
//!
//! Follows the ESP-AT command set, A.2 to A.5. `AT` and names are taken in any case and written in
//! capitals. The name is the longest run of name characters; what follows it must be one of the
//! forms to the last byte, so a stray space is an error.

use nom::bytes::complete::take_while;
use nom::combinator::recognize;
use nom::{IResult, Parser};

use crate::error::{LineError, MAX_LINE};
use crate::legacy::{Dialect, Suffix};

/// What stands after the name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Form<'a> {
    /// Nothing.
    Execute,
    /// `?`
    Query,
    /// `=` and these parameters.
    Set(&'a [u8]),
    /// `=?`
    Test,
    /// This text, which is none of the forms.
    Other(&'a [u8]),
}

/// A line split into name and form: what a set of commands looks its command up with.
///
/// ```
/// use at_grammar::{Form, RawLine};
///
/// let line = RawLine::parse(b"at+led=40")?;
/// assert!(line.is("AT+LED"));
/// assert_eq!(line.form(), Form::Set(b"40"));
/// # Ok::<(), at_grammar::LineError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct RawLine<'a> {
    name: &'a [u8],
    form: Form<'a>,
    dialect: Dialect,
    suffix: Option<Suffix>,
}

/// Which bytes a name may have.
const NAME_BYTES: [bool; 256] = name_bytes();

#[expect(
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    reason = "runs in the compiler only; the index is a byte"
)]
const fn name_bytes() -> [bool; 256] {
    let mut allowed = [false; 256];
    let mut byte = u8::MAX;
    while byte > 0 {
        allowed[byte as usize] =
            byte.is_ascii_alphabetic() || matches!(byte, b'-'..=b':' | b'+' | b'!' | b'%' | b'_');
        byte -= 1;
    }
    allowed
}

/// `AT`, in either case.
fn attention(line: &[u8]) -> IResult<&[u8], (), ()> {
    match line.split_first_chunk() {
        Some(([b'A' | b'a', b'T' | b't'], rest)) => Ok((rest, ())),
        _ => Err(nom::Err::Error(())),
    }
}

/// The name, `AT` included, behind what stands after it. A byte is looked up, not compared with ranges: most of a line of
/// few parameters is its name.
fn head(line: &[u8]) -> IResult<&[u8], &[u8], ()> {
    let name_byte = |byte: u8| NAME_BYTES.get(usize::from(byte)) == Some(&true);
    recognize((attention, take_while(name_byte))).parse(line)
}

impl<'a> RawLine<'a> {
    /// Reads one line, without its terminator.
    ///
    /// # Errors
    /// The line is empty, too long, or does not start with `AT`. A form that no command has is none
    /// of these: it is for the command to refuse.
    pub fn parse(line: &'a [u8]) -> Result<Self, LineError> {
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
            other => Form::Other(other),
        };
        Ok(Self {
            name,
            form,
            dialect: Dialect::EspAt,
            suffix: None,
        })
    }

    /// The same line, read with the names of another dialect.
    #[must_use]
    pub const fn with_dialect(self, dialect: Dialect) -> Self {
        Self { dialect, ..self }
    }

    /// The same line without the suffix that firmware 1.x puts after names; `None` where there is
    /// none, or the dialect has no such names.
    #[must_use]
    pub fn without_suffix(&self) -> Option<Self> {
        if self.dialect != Dialect::Legacy || self.suffix.is_some() {
            return None;
        }
        let (name, suffix) = Suffix::split(self.name)?;
        Some(Self {
            name,
            suffix: Some(suffix),
            ..*self
        })
    }

    /// The name as given, `AT` included.
    #[must_use]
    pub const fn name(&self) -> &'a [u8] {
        self.name
    }

    /// What stands after the name.
    #[must_use]
    pub const fn form(&self) -> Form<'a> {
        self.form
    }

    /// Which names are known.
    #[must_use]
    pub const fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// The suffix that [`without_suffix`](Self::without_suffix) took off.
    #[must_use]
    pub const fn suffix(&self) -> Option<Suffix> {
        self.suffix
    }

    /// Whether it is named like this, in any case.
    #[must_use]
    pub fn is(&self, name: &str) -> bool {
        // A table is searched with this. Its names begin alike, so their ends are compared first.
        let end = |name: &[u8]| name.last().map(u8::to_ascii_uppercase);
        let (this, name) = (self.name, name.as_bytes());
        this.len() == name.len()
            && end(this) == end(name)
            && (this == name || this.eq_ignore_ascii_case(name))
    }
}
