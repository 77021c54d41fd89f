//! What is odd about a table that can be read.

use core::fmt;

use crate::entry::{FLAG_ENCRYPTED, FLAG_READ_ONLY, Partition};
use crate::name::PartitionName;

/// An oddity of a table. ESP-AT overlooks all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum TableWarning {
    /// Flag bits that no ESP-IDF release gives a meaning.
    UnknownFlags {
        /// The partition.
        name: PartitionName,
        /// All its flags.
        flags: u32,
    },
    /// More than one partition of this name; a search finds the first.
    DuplicateName {
        /// The name.
        name: PartitionName,
    },
    /// Two partitions that share bytes.
    Overlap {
        /// Their names, the one with the lower address first.
        names: [PartitionName; 2],
    },
    /// A partition that does not start where it could be erased (or mapped) by itself.
    UnalignedOffset {
        /// The partition.
        name: PartitionName,
        /// Its address.
        offset: u32,
    },
}

impl TableWarning {
    /// A stable name, for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::UnknownFlags { .. } => "unknown_flags",
            Self::DuplicateName { .. } => "duplicate_name",
            Self::Overlap { .. } => "overlap",
            Self::UnalignedOffset { .. } => "unaligned_offset",
        }
    }
}

impl fmt::Display for TableWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownFlags { name, flags } => write!(f, "{name} has unknown flags {flags:#x}"),
            Self::DuplicateName { name } => write!(f, "{name} is there more than once"),
            Self::Overlap {
                names: [first, second],
            } => write!(f, "{first} and {second} overlap"),
            Self::UnalignedOffset { name, offset } => {
                write!(f, "{name} starts at {offset:#x}, which is not aligned")
            }
        }
    }
}

/// The oddities of these partitions, in the order of the variants.
pub(crate) fn warnings<I>(entries: I) -> impl Iterator<Item = TableWarning> + use<I>
where
    I: Iterator<Item = Partition> + Clone,
{
    let flags = entries.clone().filter_map(|entry| {
        let unknown = entry.flags() & !(FLAG_ENCRYPTED | FLAG_READ_ONLY);
        (unknown != 0).then_some(TableWarning::UnknownFlags {
            name: *entry.name(),
            flags: entry.flags(),
        })
    });
    let unaligned = entries.clone().filter_map(|entry| {
        let aligned = entry.offset().is_multiple_of(entry.alignment());
        (!aligned).then_some(TableWarning::UnalignedOffset {
            name: *entry.name(),
            offset: entry.offset(),
        })
    });
    let of_others = entries.clone();
    // A name is reported at its second place only, however often it comes.
    let names = entries
        .clone()
        .enumerate()
        .filter_map(move |(index, entry)| {
            let before = of_others
                .clone()
                .take(index)
                .filter(|other| other.name() == entry.name());
            (before.count() == 1).then_some(TableWarning::DuplicateName {
                name: *entry.name(),
            })
        });
    flags.chain(names).chain(overlaps(entries)).chain(unaligned)
}

/// Each pair of partitions that share a byte.
fn overlaps<I>(entries: I) -> impl Iterator<Item = TableWarning> + use<I>
where
    I: Iterator<Item = Partition> + Clone,
{
    entries.clone().enumerate().flat_map(move |(index, entry)| {
        let earlier = entries.clone().take(index);
        earlier
            .filter(move |other| other.overlaps(&entry))
            .map(move |other| {
                let (low, high) = if entry.offset() < other.offset() {
                    (entry, other)
                } else {
                    (other, entry)
                };
                TableWarning::Overlap {
                    names: [*low.name(), *high.name()],
                }
            })
    })
}
