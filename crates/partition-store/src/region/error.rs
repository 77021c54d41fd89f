//! Why a region was not opened, read, written or erased.

use core::fmt;

use super::SECTOR;

/// Why a partition cannot be opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum OpenError {
    /// It ends behind the flash.
    BeyondFlash {
        /// Flash address behind its last byte.
        end: u32,
        /// Bytes of flash.
        capacity: u32,
    },
    /// It is empty, or its address or size is no multiple of a flash sector.
    NotAligned {
        /// Its flash address.
        offset: u32,
        /// Its bytes.
        size: u32,
    },
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BeyondFlash { end, capacity } => write!(
                f,
                "partition ends at {end:#x}, flash has {capacity:#x} bytes"
            ),
            Self::NotAligned { offset, size } => write!(
                f,
                "partition of {size:#x} bytes at {offset:#x} is not made of sectors of {SECTOR}"
            ),
        }
    }
}

impl core::error::Error for OpenError {}

/// Why a partition was not read, written or erased. Offsets count from its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum AccessError<E> {
    /// The range is empty or leaves the partition.
    BadRange {
        /// First byte.
        offset: u32,
        /// Bytes.
        length: u32,
        /// Bytes of the partition.
        size: u32,
    },
    /// The range to erase is not one of whole sectors.
    NotAligned {
        /// First byte.
        offset: u32,
        /// Bytes.
        length: u32,
    },
    /// The flash failed to erase.
    EraseFailed(E),
    /// The flash failed to read.
    ReadFailed(E),
    /// The flash failed to write.
    WriteFailed(E),
    /// The flash reported success but holds something else than old AND new.
    WriteNotTaken {
        /// First such byte.
        offset: u32,
    },
}

impl<E: fmt::Debug> fmt::Display for AccessError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadRange {
                offset,
                length,
                size,
            } => write!(
                f,
                "{length} bytes from {offset} are not in a partition of {size}"
            ),
            Self::NotAligned { offset, length } => write!(
                f,
                "{length} bytes from {offset} are no whole sectors of {SECTOR}"
            ),
            Self::EraseFailed(error) => write!(f, "erase failed: {error:?}"),
            Self::ReadFailed(error) => write!(f, "read failed: {error:?}"),
            Self::WriteFailed(error) => write!(f, "write failed: {error:?}"),
            Self::WriteNotTaken { offset } => write!(f, "flash did not take the byte at {offset}"),
        }
    }
}

impl<E: fmt::Debug> core::error::Error for AccessError<E> {}
