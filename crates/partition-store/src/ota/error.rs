//! Why a slot was not selected, or cannot be.

use core::fmt;

use crate::AccessError;
use crate::app_image::{ChipId, ImageError};

/// Why a slot was not selected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum SelectError<E> {
    /// OTA data holds the largest number there is.
    NumbersUsedUp,
    /// OTA data cannot be read or written.
    Access(AccessError<E>),
}

impl<E> From<AccessError<E>> for SelectError<E> {
    fn from(error: AccessError<E>) -> Self {
        Self::Access(error)
    }
}

impl<E: fmt::Debug> fmt::Display for SelectError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NumbersUsedUp => f.write_str("OTA data has no larger number"),
            Self::Access(error) => error.fmt(f),
        }
    }
}

impl<E: fmt::Debug> core::error::Error for SelectError<E> {}

/// Why the program of a slot cannot be started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum SlotError<E> {
    /// There is none, or it is damaged.
    Image(ImageError<E>),
    /// It is for another chip.
    WrongChip {
        /// The chip in its header.
        found: ChipId,
        /// This chip.
        expected: ChipId,
    },
}

impl<E: fmt::Debug> fmt::Display for SlotError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Image(error) => error.fmt(f),
            Self::WrongChip { found, expected } => {
                write!(f, "program for {found}, and this is {expected}")
            }
        }
    }
}

impl<E: fmt::Debug> core::error::Error for SlotError<E> {}
