//! Why a command line was refused, and the error code word that says so to the host.
//!
//! ```text
//! ERR CODE:0x01 ss eeee
//!           |  |  └ extension: parameter index, needed << 8 | given, result; else 0
//!           |  └ category
//!           └ always 1
//! ```
//!
//! Follows the ESP-AT command set, A.12 and E.1. Parameters are numbered from 0.

use core::fmt;

/// Longest command line, terminator not included.
pub const MAX_LINE: usize = 256;

/// The number after `ERR CODE:`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ErrorWord(u32);

impl ErrorWord {
    /// The line was too long or had no end.
    pub const NO_TERMINATOR: Self = Self::new(0x02, [0, 0]);
    /// The line does not start with `AT`.
    pub const NO_AT: Self = Self::new(0x03, [0, 0]);
    /// There is no such command.
    pub const UNSUPPORTED: Self = Self::new(0x09, [0, 0]);
    /// The previous command is still being executed.
    pub const BUSY: Self = Self::new(0x0b, [0, 0]);
    /// The command exists, but not in this form.
    pub const WRONG_FORM: Self = Self::new(0x0c, [0, 0]);

    const fn new(category: u8, [high, low]: [u8; 2]) -> Self {
        Self(u32::from_be_bytes([1, category, high, low]))
    }

    /// A string parameter is too long.
    #[must_use]
    pub const fn length(index: u8) -> Self {
        Self::new(0x04, [0, index])
    }

    /// A number where a string belongs, or the other way round.
    #[must_use]
    pub const fn kind(index: u8) -> Self {
        Self::new(0x05, [0, index])
    }

    /// Too few or too many parameters.
    #[must_use]
    pub const fn count(needed: u8, given: u8) -> Self {
        Self::new(0x06, [needed, given])
    }

    /// A parameter is out of its range.
    #[must_use]
    pub const fn range(index: u8) -> Self {
        Self::new(0x07, [0, index])
    }

    /// A parameter cannot be read.
    #[must_use]
    pub const fn syntax(index: u8) -> Self {
        Self::new(0x08, [0, index])
    }

    /// The command was understood and failed; `result` is the command's own number.
    #[must_use]
    pub const fn execution_failed(result: u16) -> Self {
        Self::new(0x0a, result.to_be_bytes())
    }

    /// A word as received; `None` when its top byte is not 1.
    #[must_use]
    pub const fn from_raw(raw: u32) -> Option<Self> {
        match raw.to_be_bytes() {
            [1, ..] => Some(Self(raw)),
            _ => None,
        }
    }

    /// All 32 bits.
    #[must_use]
    pub const fn raw(self) -> u32 {
        self.0
    }

    /// Bits 23 to 16.
    #[must_use]
    pub const fn category(self) -> u8 {
        self.0.to_be_bytes()[1]
    }

    /// Bits 15 to 0.
    #[must_use]
    pub const fn extension(self) -> u16 {
        let [_, _, high, low] = self.0.to_be_bytes();
        u16::from_be_bytes([high, low])
    }

    /// What the category means, for people.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self.category() {
            0x00 => "ok",
            0x01 => "common error",
            0x02 => "no terminator found",
            0x03 => "line does not start with AT",
            0x04 => "parameter too long",
            0x05 => "parameter of the wrong type",
            0x06 => "wrong number of parameters",
            0x07 => "parameter out of range",
            0x08 => "parameter not readable",
            0x09 => "unsupported command",
            0x0a => "execution failed",
            0x0b => "previous command still running",
            0x0c => "command does not have this form",
            _ => "category not documented",
        }
    }
}

impl fmt::Display for ErrorWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#010x}", self.0)
    }
}

/// Why a line is no command. The host sees only `ERROR` unless it asked for more with `AT+SYSLOG=1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum LineError {
    /// Nothing but a terminator. A modem stays silent.
    Empty,
    /// More than [`MAX_LINE`] bytes.
    TooLong {
        /// Bytes of the line.
        len: usize,
    },
    /// The line does not start with `AT`.
    NoAt,
    /// No command has this name.
    UnknownCommand,
    /// The command has no such form, or text follows that belongs to none.
    WrongForm,
    /// A parameter is at fault.
    Argument(ArgError),
}

impl LineError {
    /// The word for `ERR CODE:`.
    #[must_use]
    pub const fn error_word(self) -> ErrorWord {
        match self {
            Self::Empty | Self::NoAt => ErrorWord::NO_AT,
            Self::TooLong { .. } => ErrorWord::NO_TERMINATOR,
            Self::UnknownCommand => ErrorWord::UNSUPPORTED,
            Self::WrongForm => ErrorWord::WRONG_FORM,
            Self::Argument(error) => error.error_word(),
        }
    }
}

impl fmt::Display for LineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("empty line"),
            Self::TooLong { len } => {
                write!(f, "line of {len} bytes, {} are allowed", MAX_LINE)
            }
            Self::NoAt => f.write_str("line does not start with AT"),
            Self::UnknownCommand => f.write_str("unknown command"),
            Self::WrongForm => f.write_str("command does not have this form"),
            Self::Argument(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for LineError {}

impl From<ArgError> for LineError {
    fn from(error: ArgError) -> Self {
        Self::Argument(error)
    }
}

/// Which parameter was refused, numbered from 0, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ArgError {
    /// Too few or too many, places left empty included.
    Count {
        /// The minimum if too few were given, otherwise the maximum.
        needed: u8,
        /// The number on the line.
        given: u8,
    },
    /// Neither a number nor a closed string.
    Syntax {
        /// Parameter.
        index: u8,
    },
    /// Its place is empty and it has no default.
    Missing {
        /// Parameter.
        index: u8,
    },
    /// A number beyond 32 bits, signed.
    Overflow {
        /// Parameter.
        index: u8,
    },
    /// The value itself is at fault.
    Value {
        /// Parameter.
        index: u8,
        /// What is wrong with it.
        error: FieldError,
    },
}

impl ArgError {
    /// The word for `ERR CODE:`.
    #[must_use]
    pub const fn error_word(self) -> ErrorWord {
        match self {
            Self::Count { needed, given } => ErrorWord::count(needed, given),
            Self::Syntax { index } | Self::Missing { index } => ErrorWord::syntax(index),
            Self::Overflow { index } => ErrorWord::range(index),
            Self::Value { index, error } => match error {
                FieldError::Kind => ErrorWord::kind(index),
                FieldError::Length { .. } => ErrorWord::length(index),
                FieldError::Range => ErrorWord::range(index),
            },
        }
    }
}

impl fmt::Display for ArgError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count { needed, given } => {
                write!(f, "{given} parameters given, {needed} needed")
            }
            Self::Syntax { index } => write!(f, "parameter {index} is neither number nor string"),
            Self::Missing { index } => write!(f, "parameter {index} is missing"),
            Self::Overflow { index } => write!(f, "parameter {index} exceeds 32 bits"),
            Self::Value { index, error } => write!(f, "parameter {index}: {error}"),
        }
    }
}

impl core::error::Error for ArgError {}

/// Why a value is not one of its type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum FieldError {
    /// A number where a string belongs, or the other way round.
    Kind,
    /// A string longer than its limit.
    Length {
        /// Bytes of the string, escapes undone.
        len: u16,
        /// Bytes allowed.
        max: u16,
    },
    /// A value that the parameter does not have.
    Range,
}

impl fmt::Display for FieldError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kind => f.write_str("number and string confused"),
            Self::Length { len, max } => write!(f, "{len} bytes, {max} are allowed"),
            Self::Range => f.write_str("out of range"),
        }
    }
}

impl core::error::Error for FieldError {}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::string::ToString;

    #[test]
    fn words_are_those_of_the_documentation() {
        for (word, text) in [
            (ErrorWord::NO_TERMINATOR, "0x01020000"),
            (ErrorWord::NO_AT, "0x01030000"),
            (ErrorWord::length(2), "0x01040002"),
            (ErrorWord::kind(1), "0x01050001"),
            (ErrorWord::count(5, 1), "0x01060501"),
            (ErrorWord::range(4), "0x01070004"),
            (ErrorWord::syntax(0), "0x01080000"),
            (ErrorWord::UNSUPPORTED, "0x01090000"),
            (ErrorWord::execution_failed(0x8001), "0x010a8001"),
            (ErrorWord::BUSY, "0x010b0000"),
            (ErrorWord::WRONG_FORM, "0x010c0000"),
        ] {
            assert_eq!(word.to_string(), text);
            assert_eq!(ErrorWord::from_raw(word.raw()), Some(word));
        }
        assert_eq!(ErrorWord::execution_failed(0x8001).extension(), 0x8001);
        assert_eq!(ErrorWord::execution_failed(0x8001).category(), 0x0a);
        assert_eq!(ErrorWord::from_raw(0x0209_0000), None);
    }
}
