//! How a command ends: what it leaves to be printed, or why it failed; and commands of the user's own.

mod custom;
mod failure;

pub(crate) use custom::erased;
pub use custom::{Answer, CustomCommands};
pub use failure::Failure;

use at_grammar::{ErrorWord, LineError};

/// How a command ended, as far as it has not said so itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Done {
    /// `OK` is still to be printed.
    Ok,
    /// Everything was printed.
    Printed,
    /// Everything was printed, and the modem restarts.
    Restart,
    /// Everything was printed, and the modem sleeps for so many milliseconds.
    Sleep(u32),
}

/// Why a command failed. The host reads `ERROR`, and before it the word with `AT+SYSLOG=1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum CommandError {
    /// The line itself: too long, unknown, a form or parameter that the command does not have.
    Line(LineError),
    /// The command is known and was not carried out.
    Failed(Failure),
    /// The same, with a number that only this command has.
    Own(u16),
}

impl CommandError {
    /// The word for `ERR CODE:`.
    #[must_use]
    pub const fn error_word(self) -> ErrorWord {
        match self {
            Self::Line(error) => error.error_word(),
            Self::Failed(failure) => ErrorWord::execution_failed(failure.number()),
            Self::Own(number) => ErrorWord::execution_failed(number),
        }
    }
}

impl core::fmt::Display for CommandError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Line(error) => error.fmt(f),
            Self::Failed(failure) => failure.fmt(f),
            Self::Own(number) => write!(f, "failed with number {number}"),
        }
    }
}

impl core::error::Error for CommandError {}

impl From<LineError> for CommandError {
    fn from(error: LineError) -> Self {
        Self::Line(error)
    }
}

impl From<Failure> for CommandError {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}
