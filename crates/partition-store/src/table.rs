//! Partition tables: bytes to entries and back.
//!
//! ```text
//! 0                 32n           32n + 32
//! | n × entry | EB EB, 14 × FF, MD5 of all entries | 32 × FF | FF ... |
//!                  optional                          end
//! ```
//!
//! A table lies in a sector of 4096 bytes and uses at most 0xC00 of them. The device takes entries
//! until the magic is another, checks no sum, and so reads half a table without a word; here the
//! whole is checked once and a table that is not in order is refused.
//!
//! What is merely odd (a name twice, partitions that overlap) is a [`TableWarning`]: a table with it is
//! still a table. [`PartitionTable`] is stricter, because it hands out partitions for writing.
//!
//! spec: cert-bin 8.1, 8.2

mod error;
mod flash;
mod warning;
mod write;

pub use self::error::{ReadTableError, TableError};
pub use self::flash::{PartitionTable, TableAddress};
pub use self::warning::TableWarning;
pub use self::write::{Checksum, Records, TableWriteError, write_table};

use md5::{Digest, Md5};

pub(crate) use self::flash::read_entries;

use crate::entry::{ENTRY_MAGIC, ENTRY_SIZE, EntryFault, Partition};

/// First bytes of the entry with the checksum.
pub(crate) const MD5_MAGIC: [u8; 16] = [
    0xeb, 0xeb, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
];

/// Bytes of a table file; the rest of its sector stays erased.
pub const TABLE_SIZE: usize = 0xc00;

/// Flash reserved for a table: one sector.
pub const TABLE_SECTOR: u32 = 0x1000;

/// What a table says about its own checksum. A wrong one is [`TableError::Md5Mismatch`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Md5State {
    /// There is none (primary tables of ESP-AT).
    Absent,
    /// It fits the entries.
    Valid,
}

/// A partition table, checked whole.
#[derive(Debug, Clone, Copy)]
pub struct Table<'a> {
    /// Entries only: no checksum, no end.
    entries: &'a [[u8; ENTRY_SIZE]],
    md5: Md5State,
}

impl<'a> Table<'a> {
    /// Checks all of `bytes`: a table file, or the flash sector that holds it. What is behind the
    /// end marker is not looked at.
    ///
    /// # Errors
    /// The first thing that is not in order, in file order.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, TableError> {
        let (records, rest) = bytes.as_chunks();
        let mut walk = Walk::new();
        for record in records {
            match walk.on_record(record)? {
                Record::Entry(_) | Record::Md5 => {}
                Record::End => {
                    if walk.count == 0 {
                        let erased = bytes.iter().all(|byte| *byte == 0xff);
                        return Err(if erased {
                            TableError::Erased
                        } else {
                            TableError::NoEntries
                        });
                    }
                    let entries = records.get(..walk.count).unwrap_or_default();
                    return Ok(Self {
                        entries,
                        md5: walk.md5,
                    });
                }
            }
        }
        Err(if rest.is_empty() {
            TableError::NoEndMarker
        } else {
            TableError::LengthNotMultipleOf32 { size: bytes.len() }
        })
    }

    /// The partitions, in table order.
    pub fn entries(&self) -> impl DoubleEndedIterator<Item = Partition> + Clone + use<'a> {
        // Each was decoded once by `parse`.
        self.entries
            .iter()
            .filter_map(|entry| Partition::from_bytes(entry).ok())
    }

    /// Whether the table carries a checksum.
    #[must_use]
    pub const fn md5(&self) -> Md5State {
        self.md5
    }

    /// What is odd about the partitions: flags first, then names, overlaps, alignment.
    pub fn warnings(&self) -> impl Iterator<Item = TableWarning> + use<'a> {
        warning::warnings(self.entries())
    }
}

/// One record of 32 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Record {
    Entry(Partition),
    Md5,
    End,
}

/// Checks a table record by record, so that one in flash needs no buffer of its size.
pub(crate) struct Walk {
    sum: Md5,
    pub(crate) count: usize,
    pub(crate) md5: Md5State,
}

impl Walk {
    pub(crate) fn new() -> Self {
        Self {
            sum: Md5::new(),
            count: 0,
            md5: Md5State::Absent,
        }
    }

    /// Takes the next record. Nothing may follow [`Record::End`].
    pub(crate) fn on_record(&mut self, bytes: &[u8; ENTRY_SIZE]) -> Result<Record, TableError> {
        if *bytes == [0xff; ENTRY_SIZE] {
            return Ok(Record::End);
        }
        let records = self
            .count
            .saturating_add(usize::from(self.md5 == Md5State::Valid));
        let offset = records.saturating_mul(ENTRY_SIZE);
        if self.md5 == Md5State::Valid {
            // The sum does not cover what follows it, so nothing may.
            return Err(TableError::EntryAfterMd5 { offset });
        }
        let [first, second, ..] = *bytes;
        if [first, second] == ENTRY_MAGIC {
            let partition = Partition::from_bytes(bytes).map_err(|fault| match fault {
                EntryFault::Name => TableError::BadName { offset },
                EntryFault::Range {
                    offset: start,
                    size,
                } => TableError::RangeOverflow {
                    offset,
                    start,
                    size,
                },
            })?;
            self.sum.update(bytes);
            self.count = self.count.saturating_add(1);
            return Ok(Record::Entry(partition));
        }
        let Some((head, stored)) = bytes.split_first_chunk() else {
            return Err(TableError::NoEndMarker);
        };
        if *head != MD5_MAGIC {
            return Err(TableError::BadEntryMagic {
                offset,
                found: [first, second],
            });
        }
        let computed: [u8; 16] = self.sum.clone().finalize().into();
        let stored = stored.try_into().unwrap_or_default();
        if stored != computed {
            return Err(TableError::Md5Mismatch {
                offset,
                stored,
                computed,
            });
        }
        self.md5 = Md5State::Valid;
        Ok(Record::Md5)
    }
}
