//! Why a table was refused.

use core::fmt;

use crate::entry::Partition;
use crate::name::PartitionName;

/// Why bytes are not a partition table. Offsets count from the start of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum TableError {
    /// Every byte is 0xFF: no table was ever written here.
    Erased,
    /// The end marker is the first record, with something behind it.
    NoEntries,
    /// The bytes stop inside a record.
    LengthNotMultipleOf32 {
        /// Bytes there are.
        size: usize,
    },
    /// The bytes stop before the end marker.
    NoEndMarker,
    /// A record is neither entry, checksum nor end. The device would stop here silently.
    BadEntryMagic {
        /// Where the record starts.
        offset: usize,
        /// Its first two bytes.
        found: [u8; 2],
    },
    /// A name that is empty or holds what is not printable ASCII, or a quote or backslash.
    BadName {
        /// Where the entry starts.
        offset: usize,
    },
    /// A partition whose end has no 32-bit address.
    RangeOverflow {
        /// Where the entry starts.
        offset: usize,
        /// The partition's address.
        start: u32,
        /// The partition's size.
        size: u32,
    },
    /// The checksum does not fit the entries before it.
    Md5Mismatch {
        /// Where the record with the checksum starts.
        offset: usize,
        /// The checksum in the table.
        stored: [u8; 16],
        /// The checksum of the entries.
        computed: [u8; 16],
    },
    /// A record behind the checksum, which therefore does not cover it.
    EntryAfterMd5 {
        /// Where the record starts.
        offset: usize,
    },
}

impl TableError {
    /// A stable name, for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Erased => "erased",
            Self::NoEntries => "no_entries",
            Self::LengthNotMultipleOf32 { .. } => "length_not_multiple_of_32",
            Self::NoEndMarker => "no_end_marker",
            Self::BadEntryMagic { .. } => "bad_entry_magic",
            Self::BadName { .. } => "bad_name",
            Self::RangeOverflow { .. } => "range_overflow",
            Self::Md5Mismatch { .. } => "md5_mismatch",
            Self::EntryAfterMd5 { .. } => "entry_after_md5",
        }
    }
}

impl fmt::Display for TableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Erased => f.write_str("erased: every byte is 0xff"),
            Self::NoEntries => f.write_str("no entry before the end marker"),
            Self::LengthNotMultipleOf32 { size } => {
                write!(f, "{size} bytes end inside a record of 32")
            }
            Self::NoEndMarker => f.write_str("no end marker"),
            Self::BadEntryMagic {
                offset,
                found: [a, b],
            } => {
                write!(f, "record at {offset} starts with {a:02x}{b:02x}")
            }
            Self::BadName { offset } => write!(f, "name in the entry at {offset} is not printable"),
            Self::RangeOverflow {
                offset,
                start,
                size,
            } => write!(
                f,
                "entry at {offset} names {size:#x} bytes from {start:#x}, past the last address"
            ),
            Self::Md5Mismatch { offset, .. } => {
                write!(f, "checksum at {offset} does not fit the entries")
            }
            Self::EntryAfterMd5 { offset } => {
                write!(f, "record at {offset} stands behind the checksum")
            }
        }
    }
}

impl core::error::Error for TableError {}

/// Why the table of a flash was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ReadTableError<E> {
    /// The table is missing or damaged.
    Table {
        /// Its flash address.
        at: u32,
        /// What was found there.
        error: TableError,
    },
    /// The flash ends before the table would.
    NoRoomForTable {
        /// Its flash address.
        at: u32,
        /// Bytes of flash.
        flash_size: u32,
    },
    /// The table has more entries than there is room for.
    TooManyPartitions {
        /// Entries that fit.
        capacity: usize,
    },
    /// A partition ends behind the flash.
    BeyondFlash {
        /// The partition.
        partition: Partition,
        /// Bytes of flash.
        flash_size: u32,
    },
    /// Two partitions of one name.
    DuplicateName {
        /// The name.
        name: PartitionName,
    },
    /// Two partitions share bytes.
    Overlap {
        /// The one listed first.
        first: Partition,
        /// The other.
        second: Partition,
    },
    /// The flash failed.
    Flash(E),
}

impl<E: fmt::Debug> fmt::Display for ReadTableError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Table { at, error } => write!(f, "partition table at {at:#x}: {error}"),
            Self::NoRoomForTable { at, flash_size } => write!(
                f,
                "partition table at {at:#x} is past a flash of {flash_size:#x} bytes"
            ),
            Self::TooManyPartitions { capacity } => {
                write!(f, "partition table has more than {capacity} entries")
            }
            Self::BeyondFlash {
                partition,
                flash_size,
            } => write!(f, "beyond a flash of {flash_size:#x} bytes: {partition}"),
            Self::DuplicateName { name } => write!(f, "partition {name} is there more than once"),
            Self::Overlap { first, second } => write!(f, "{first} overlaps {second}"),
            Self::Flash(error) => write!(f, "flash: {error:?}"),
        }
    }
}

impl<E: fmt::Debug> core::error::Error for ReadTableError<E> {}
