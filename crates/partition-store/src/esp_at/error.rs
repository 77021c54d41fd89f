//! Why a flash has no usable layout.

use core::fmt;

use crate::entry::Partition;
use crate::name::PartitionName;
use crate::table::{ReadTableError, TableError};

/// One of the two tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Which {
    /// The table the boot loader uses.
    Primary,
    /// The table in `at_customize`.
    Secondary,
}

impl fmt::Display for Which {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Primary => "primary",
            Self::Secondary => "secondary",
        })
    }
}

/// What is wrong with a flash's partitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum LayoutError<E> {
    /// A table is missing or damaged.
    Table {
        /// Which.
        which: Which,
        /// Its flash address.
        at: u32,
        /// What was found there.
        error: TableError,
    },
    /// The flash ends before the table would.
    NoRoomForTable {
        /// Which table.
        which: Which,
        /// Its flash address.
        at: u32,
        /// Bytes of flash.
        flash_size: u32,
    },
    /// The flash is smaller than the layout.
    FlashTooSmall {
        /// Bytes the layout takes.
        needed: u32,
        /// Bytes of flash.
        flash_size: u32,
    },
    /// The flash was erased and does not take the values of this partition.
    NotTaken {
        /// The partition.
        partition: Partition,
    },
    /// A table has more entries than this crate keeps.
    TooManyPartitions {
        /// Which table.
        which: Which,
        /// Entries that fit.
        capacity: usize,
    },
    /// The primary table has no partition of this name.
    MissingPartition {
        /// The name.
        name: &'static str,
    },
    /// The partition has another type or subtype than its use asks for.
    UnexpectedKind {
        /// The partition.
        partition: Partition,
    },
    /// A partition ends behind the flash.
    BeyondFlash {
        /// The partition.
        partition: Partition,
        /// Bytes of flash.
        flash_size: u32,
    },
    /// A secondary partition is not inside `at_customize`, or lies on the table itself.
    OutsideContainer {
        /// The partition.
        partition: Partition,
        /// `at_customize`.
        container: Partition,
    },
    /// Address or size is no multiple of a flash sector, or the size is 0.
    Unaligned {
        /// The partition.
        partition: Partition,
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

impl<E> LayoutError<E> {
    /// What reading one of the tables failed with.
    pub(super) fn from_read(which: Which, error: ReadTableError<E>) -> Self {
        match error {
            ReadTableError::Table { at, error } => Self::Table { which, at, error },
            ReadTableError::NoRoomForTable { at, flash_size } => Self::NoRoomForTable {
                which,
                at,
                flash_size,
            },
            ReadTableError::TooManyPartitions { capacity } => {
                Self::TooManyPartitions { which, capacity }
            }
            ReadTableError::BeyondFlash {
                partition,
                flash_size,
            } => Self::BeyondFlash {
                partition,
                flash_size,
            },
            ReadTableError::DuplicateName { name } => Self::DuplicateName { name },
            ReadTableError::Overlap { first, second } => Self::Overlap { first, second },
            ReadTableError::Flash(error) => Self::Flash(error),
        }
    }
}

impl<E: fmt::Debug> fmt::Display for LayoutError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Table { which, at, error } => {
                write!(f, "{which} partition table at {at:#x}: {error}")
            }
            Self::NoRoomForTable {
                which,
                at,
                flash_size,
            } => {
                write!(
                    f,
                    "{which} partition table at {at:#x} is past a flash of {flash_size:#x} bytes"
                )
            }
            Self::FlashTooSmall { needed, flash_size } => {
                write!(
                    f,
                    "layout takes {needed:#x} bytes, flash has {flash_size:#x}"
                )
            }
            Self::NotTaken { partition } => write!(f, "flash does not take {partition}"),
            Self::TooManyPartitions { which, capacity } => {
                write!(
                    f,
                    "{which} partition table has more than {capacity} entries"
                )
            }
            Self::MissingPartition { name } => write!(f, "no primary partition {name}"),
            Self::UnexpectedKind { partition } => write!(f, "unexpected type: {partition}"),
            Self::BeyondFlash {
                partition,
                flash_size,
            } => {
                write!(f, "beyond a flash of {flash_size:#x} bytes: {partition}")
            }
            Self::OutsideContainer {
                partition,
                container,
            } => {
                write!(f, "{partition} is not inside {container}")
            }
            Self::Unaligned { partition } => write!(f, "no whole flash sectors: {partition}"),
            Self::DuplicateName { name } => write!(f, "partition {name} is there more than once"),
            Self::Overlap { first, second } => write!(f, "{first} overlaps {second}"),
            Self::Flash(error) => write!(f, "flash: {error:?}"),
        }
    }
}

impl<E: fmt::Debug> core::error::Error for LayoutError<E> {}
