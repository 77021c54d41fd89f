//! Why a command failed, by reasons that several commands share.

use at_grammar::{ErrorWord, LineError};
use partition_store::{AccessError, StoreError};

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

/// Why a command was not carried out. The number is the low half of `ERR CODE:0x010a....`.
///
/// Numbers that only one command has are an enum beside that command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Failure {
    /// 0: not in this state, or what the command names does not exist.
    Refused,
    /// 1: a range or length that does not fit what it applies to.
    OutOfRange,
    /// 2: flash could not be erased.
    EraseFailed,
    /// 3: flash could not be read or written, or holds something unreadable.
    FlashFailed,
    /// 4: the board does not have what the command needs.
    NotOnThisBoard,
}

impl Failure {
    /// The number that the host reads.
    #[must_use]
    pub const fn number(self) -> u16 {
        match self {
            Self::Refused => 0,
            Self::OutOfRange => 1,
            Self::EraseFailed => 2,
            Self::FlashFailed => 3,
            Self::NotOnThisBoard => 4,
        }
    }

    /// What it means.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Refused => "refused in this state",
            Self::OutOfRange => "range or length does not fit",
            Self::EraseFailed => "flash could not be erased",
            Self::FlashFailed => "flash could not be read or written",
            Self::NotOnThisBoard => "the board does not have it",
        }
    }
}

impl core::fmt::Display for Failure {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl core::error::Error for Failure {}

/// spec: cert-bin 7
impl<E> From<&AccessError<E>> for Failure {
    fn from(error: &AccessError<E>) -> Self {
        match error {
            AccessError::BadRange { .. } | AccessError::NotAligned { .. } => Self::OutOfRange,
            AccessError::EraseFailed(_) => Self::EraseFailed,
            // Reading and writing, and whatever else a later store can fail with.
            _ => Self::FlashFailed,
        }
    }
}

impl<E> From<&StoreError<E>> for Failure {
    fn from(error: &StoreError<E>) -> Self {
        match error {
            StoreError::Access(error) => error.into(),
            // The partition does not exist, or is not for the host.
            _ => Self::Refused,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Failure;

    #[test]
    fn the_numbers_are_those_hosts_know() {
        for (failure, number) in [
            (Failure::Refused, 0),
            (Failure::OutOfRange, 1),
            (Failure::EraseFailed, 2),
            (Failure::FlashFailed, 3),
            (Failure::NotOnThisBoard, 4),
        ] {
            assert_eq!(failure.number(), number);
        }
    }
}
