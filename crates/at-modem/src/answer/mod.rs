//! How a command ends: what it leaves to be printed, or why it failed.

mod failure;

pub(crate) use failure::Failure;

use at_grammar::{ErrorWord, LineError};

/// How a command ended, as far as it has not said so itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Done {
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
pub(crate) enum CommandError {
    /// The line itself: too long, unknown, a form or parameter that the command does not have.
    Line(LineError),
    /// The command is known and was not carried out.
    Failed(Failure),
    /// The same, with a number that only this command has.
    Own(u16),
}

impl CommandError {
    /// The word for `ERR CODE:`.
    pub(crate) const fn error_word(self) -> ErrorWord {
        match self {
            Self::Line(error) => error.error_word(),
            Self::Failed(failure) => ErrorWord::execution_failed(failure.number()),
            Self::Own(number) => ErrorWord::execution_failed(number),
        }
    }
}

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
