//! Why settings were not read or stored.

use core::fmt;

use crate::region::{AccessError, RegionError};

/// Why settings were not read or stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum SettingsError<E> {
    /// The value is longer than a record may be.
    TooLong {
        /// Its bytes.
        length: usize,
        /// Bytes that a value may have.
        max: usize,
    },
    /// The caller's buffer is shorter than the value.
    BufferTooSmall {
        /// Bytes of the value.
        needed: usize,
    },
    /// No room, even with every old value cleared away.
    Full,
    /// The map contradicts itself; [`Settings::open`](super::Settings::open) or
    /// [`Settings::erase_all`](super::Settings::erase_all) format it.
    Damaged,
    /// A record reads back differently from what was written, twice.
    NotWritten,
    /// The partition holds no settings; [`Settings::open`](super::Settings::open) formats it.
    NotFormatted,
    /// The partition has too few sectors.
    RegionTooSmall {
        /// Its bytes.
        size: u32,
        /// Bytes it takes.
        needed: u32,
    },
    /// The flash failed.
    Flash(E),
}

impl<E: fmt::Debug> fmt::Display for SettingsError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong { length, max } => write!(f, "value of {length} bytes, {max} at most"),
            Self::BufferTooSmall { needed } => write!(f, "value needs a buffer of {needed} bytes"),
            Self::Full => f.write_str("settings partition is full"),
            Self::Damaged => f.write_str("settings are damaged"),
            Self::NotWritten => f.write_str("setting reads back differently"),
            Self::NotFormatted => f.write_str("partition holds no settings"),
            Self::RegionTooSmall { size, needed } => {
                write!(f, "settings partition of {size} bytes, {needed} at least")
            }
            Self::Flash(error) => write!(f, "flash: {error:?}"),
        }
    }
}

impl<E: fmt::Debug> core::error::Error for SettingsError<E> {}

pub(super) fn from_access<E>(error: AccessError<E>) -> SettingsError<E> {
    match error {
        AccessError::EraseFailed(error)
        | AccessError::ReadFailed(error)
        | AccessError::WriteFailed(error) => SettingsError::Flash(error),
        // Ranges are computed from the partition's own size.
        _ => SettingsError::Damaged,
    }
}

pub(super) fn from_region<E>(error: RegionError<E>) -> SettingsError<E> {
    match error {
        RegionError::Flash(error) => SettingsError::Flash(error),
        // The map followed an address out of the partition.
        RegionError::OutOfBounds => SettingsError::Damaged,
    }
}

pub(super) fn from_map<E>(error: sequential_storage::Error<RegionError<E>>) -> SettingsError<E> {
    use sequential_storage::Error;
    match error {
        Error::Storage { value, .. } => from_region(value),
        Error::FullStorage => SettingsError::Full,
        // The rest comes from records that this code cannot have written.
        _ => SettingsError::Damaged,
    }
}
