//! The table of a flash, read record by record and checked as a whole.

use embedded_storage_async::nor_flash::ReadNorFlash;
use heapless::Vec;

use super::error::{ReadTableError, TableError};
use super::{Md5State, Record, TABLE_SECTOR, Walk};
use crate::entry::{ENTRY_SIZE, Partition};

/// Flash address of a partition table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct TableAddress(u32);

impl TableAddress {
    /// 0x8000: the default of ESP-IDF, and the address ESP-AT uses on ESP32 and
    /// ESP32-C3.
    pub const ESP_IDF_DEFAULT: Self = Self(0x8000);

    /// Another `CONFIG_PARTITION_TABLE_OFFSET`.
    #[must_use]
    pub const fn new(address: u32) -> Self {
        Self(address)
    }

    /// The address in bytes.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }
}

/// The partitions of one table in flash: inside the flash, none overlapping, no name twice.
///
/// `N` is the maximum number of entries; a table of ESP-IDF holds up to 95.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct PartitionTable<const N: usize = 32> {
    entries: Vec<Partition, N>,
    md5: Md5State,
}

impl<const N: usize> PartitionTable<N> {
    /// Reads and checks the table of any ESP-IDF image.
    ///
    /// Reads only: dropping the future loses nothing.
    ///
    /// # Errors
    /// The table is missing, damaged or too long, or a partition is not where it may be.
    pub async fn read<F: ReadNorFlash>(
        flash: &mut F,
        at: TableAddress,
    ) -> Result<Self, ReadTableError<F::Error>> {
        let flash_size = flash_size(flash);
        let (entries, md5) = read_entries(flash, at).await?;
        for entry in &entries {
            if entry.end() > flash_size {
                return Err(ReadTableError::BeyondFlash {
                    partition: *entry,
                    flash_size,
                });
            }
        }
        Ok(Self { entries, md5 })
    }

    /// The partitions, in table order.
    #[must_use]
    pub fn entries(&self) -> &[Partition] {
        &self.entries
    }

    /// The partition of this name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&Partition> {
        self.entries.iter().find(|entry| *entry.name() == name)
    }

    /// Whether the table carries a checksum.
    #[must_use]
    pub const fn md5(&self) -> Md5State {
        self.md5
    }
}

fn flash_size<F: ReadNorFlash>(flash: &F) -> u32 {
    u32::try_from(flash.capacity()).unwrap_or(u32::MAX)
}

/// Reads one table and checks each entry against those before it, not against the flash's end.
pub(crate) async fn read_entries<F: ReadNorFlash, const N: usize>(
    flash: &mut F,
    TableAddress(at): TableAddress,
) -> Result<(Vec<Partition, N>, Md5State), ReadTableError<F::Error>> {
    const {
        assert!(
            ENTRY_SIZE.is_multiple_of(F::READ_SIZE),
            "a record is read by itself"
        );
    };
    let flash_size = flash_size(flash);
    let end = at
        .checked_add(TABLE_SECTOR)
        .filter(|end| *end <= flash_size)
        .ok_or(ReadTableError::NoRoomForTable { at, flash_size })?;
    let in_table = |error| ReadTableError::Table { at, error };
    let mut walk = Walk::new();
    let mut entries: Vec<Partition, N> = Vec::new();
    let mut record = [0; ENTRY_SIZE];
    for place in (at..end).step_by(ENTRY_SIZE) {
        flash
            .read(place, &mut record)
            .await
            .map_err(ReadTableError::Flash)?;
        match walk.on_record(&record).map_err(in_table)? {
            Record::Md5 => {}
            Record::Entry(entry) => {
                check(&entry, &entries)?;
                entries
                    .push(entry)
                    .map_err(|_| ReadTableError::TooManyPartitions { capacity: N })?;
            }
            Record::End if entries.is_empty() => {
                let erased = is_erased(flash, place, end).await?;
                return Err(in_table(if erased {
                    TableError::Erased
                } else {
                    TableError::NoEntries
                }));
            }
            Record::End => return Ok((entries, walk.md5)),
        }
    }
    Err(in_table(TableError::NoEndMarker))
}

/// What is only a warning in [`super::Table`] would here let the holder of one partition change
/// another.
fn check<E>(entry: &Partition, before: &[Partition]) -> Result<(), ReadTableError<E>> {
    for other in before {
        if other.name() == entry.name() {
            return Err(ReadTableError::DuplicateName {
                name: *entry.name(),
            });
        }
        if other.overlaps(entry) {
            return Err(ReadTableError::Overlap {
                first: *other,
                second: *entry,
            });
        }
    }
    Ok(())
}

async fn is_erased<F: ReadNorFlash>(
    flash: &mut F,
    from: u32,
    to: u32,
) -> Result<bool, ReadTableError<F::Error>> {
    let mut record = [0; ENTRY_SIZE];
    for place in (from..to).step_by(ENTRY_SIZE) {
        flash
            .read(place, &mut record)
            .await
            .map_err(ReadTableError::Flash)?;
        if record != [0xff; ENTRY_SIZE] {
            return Ok(false);
        }
    }
    Ok(true)
}
