//! Both partition tables of an ESP-AT flash, read once and checked against each other.
//!
//! ```text
//! 0x8000                      primary table: nvs, at_customize, programs, ...
//! <at_customize>              secondary table
//! <at_customize> + 0x1000 ..  the partitions that AT+SYSFLASH lists
//! ```
//!
//! What the secondary table lists decides where certificates are ([`Generation`]): a partition each,
//! or values in `mfg_nvs`.
//!
//! The original trusts what it reads here. This crate hands out partitions for erasing and writing,
//! so an entry that leaves `at_customize`, the flash, or its own place is refused with its name.
//!
//! spec: cert-bin 8.2, 9.1

mod builtin;
mod error;
mod format;

pub use self::builtin::{BuiltIn, Chip, Generation};
pub use self::error::{LayoutError, Which};
pub use self::format::{FACTORY_PARAM_SIZE, factory_param, format, format_mfg};

use embedded_storage_async::nor_flash::{NorFlash, ReadNorFlash};
use heapless::Vec;

use crate::entry::ENTRY_SIZE;
use crate::table::{Md5State, Record, TABLE_SECTOR, TableError, Walk};
use crate::{Kind, Partition};

/// Where the primary table lies (other chips than ESP32 and ESP32-C3 have it at 0xC000).
pub const PRIMARY_TABLE: u32 = 0x8000;

/// Most entries of one table. ESP-AT's longest has 20; the rest is room for own partitions.
pub const MAX_PARTITIONS: usize = 32;

/// Name of the primary partition that holds the secondary table and its partitions.
pub const CONTAINER: &str = "at_customize";

/// Name of the primary partition that holds the settings.
pub const SETTINGS: &str = "nvs";

/// Name of the secondary partition that holds certificates and factory parameters as NVS.
pub const MFG: &str = "mfg_nvs";

/// Subtype of a data partition with NVS.
pub(crate) const SUBTYPE_NVS: u8 = 2;

/// The sector, and so the alignment, that erasing works on.
pub const SECTOR: u32 = 0x1000;

/// The partitions of one flash, checked.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Layout {
    partitions: Vec<Partition, MAX_PARTITIONS>,
    container: Partition,
    settings: Partition,
    md5: Md5State,
}

impl Layout {
    /// Reads and checks both tables, the primary one at [`PRIMARY_TABLE`].
    ///
    /// Reads only: dropping the future loses nothing.
    ///
    /// # Errors
    /// Says which table is missing or damaged, or which partition is not where it may be.
    pub async fn load<F: NorFlash>(flash: &mut F) -> Result<Self, LayoutError<F::Error>> {
        let flash_size = u32::try_from(flash.capacity()).unwrap_or(u32::MAX);
        let (primary, _) = read_table(flash, Which::Primary, PRIMARY_TABLE, flash_size).await?;
        for entry in &primary {
            if entry.end() > flash_size {
                return Err(LayoutError::BeyondFlash {
                    partition: *entry,
                    flash_size,
                });
            }
        }
        let settings = find(&primary, SETTINGS)?;
        let container = find(&primary, CONTAINER)?;
        if settings.kind() != Kind::Data || settings.subtype() != SUBTYPE_NVS {
            return Err(LayoutError::UnexpectedKind {
                partition: settings,
            });
        }
        if container.kind() != Kind::USER {
            return Err(LayoutError::UnexpectedKind {
                partition: container,
            });
        }

        let (partitions, md5) =
            read_table(flash, Which::Secondary, container.offset(), flash_size).await?;
        let first = container.offset().saturating_add(TABLE_SECTOR);
        for entry in &partitions {
            if entry.offset() < first || entry.end() > container.end() {
                return Err(LayoutError::OutsideContainer {
                    partition: *entry,
                    container,
                });
            }
        }
        Ok(Self {
            partitions,
            container,
            settings,
            md5,
        })
    }

    /// The partitions of the secondary table, in its order: what `AT+SYSFLASH?` lists.
    #[must_use]
    pub fn partitions(&self) -> &[Partition] {
        &self.partitions
    }

    /// The secondary partition of this name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&Partition> {
        self.partitions
            .iter()
            .find(|partition| *partition.name() == name)
    }

    /// Where certificates are.
    #[must_use]
    pub fn generation(&self) -> Generation {
        match self.mfg() {
            Some(_) => Generation::MfgNvs,
            None => Generation::Partitions,
        }
    }

    /// The secondary partition `mfg_nvs`, where there is one.
    #[must_use]
    pub fn mfg(&self) -> Option<&Partition> {
        self.find(MFG).filter(|partition| partition.is_mfg())
    }

    /// The primary partition around the secondary ones.
    #[must_use]
    pub const fn container(&self) -> &Partition {
        &self.container
    }

    /// The primary partition for settings.
    #[must_use]
    pub const fn settings(&self) -> &Partition {
        &self.settings
    }

    /// Whether the secondary table carries a checksum. The primary table of ESP-AT never does.
    #[must_use]
    pub const fn md5(&self) -> Md5State {
        self.md5
    }
}

fn find<E>(primary: &[Partition], name: &'static str) -> Result<Partition, LayoutError<E>> {
    let found = primary.iter().find(|partition| *partition.name() == name);
    found.copied().ok_or(LayoutError::MissingPartition { name })
}

/// Reads one table from flash and checks each entry by itself and against those before it.
async fn read_table<F: ReadNorFlash>(
    flash: &mut F,
    which: Which,
    at: u32,
    flash_size: u32,
) -> Result<(Vec<Partition, MAX_PARTITIONS>, Md5State), LayoutError<F::Error>> {
    const {
        assert!(
            ENTRY_SIZE.is_multiple_of(F::READ_SIZE),
            "a record is read by itself"
        );
    };
    let end = at
        .checked_add(TABLE_SECTOR)
        .filter(|end| *end <= flash_size);
    let Some(end) = end else {
        return Err(LayoutError::NoRoomForTable {
            which,
            at,
            flash_size,
        });
    };
    let in_table = |error| LayoutError::Table { which, at, error };
    let mut walk = Walk::new();
    let mut entries: Vec<Partition, MAX_PARTITIONS> = Vec::new();
    let mut record = [0; ENTRY_SIZE];
    for place in (at..end).step_by(ENTRY_SIZE) {
        flash
            .read(place, &mut record)
            .await
            .map_err(LayoutError::Flash)?;
        match walk.on_record(&record).map_err(in_table)? {
            Record::Md5 => {}
            Record::Entry(entry) => {
                check(&entry, &entries)?;
                if entries.push(entry).is_err() {
                    return Err(LayoutError::TooManyPartitions {
                        which,
                        capacity: MAX_PARTITIONS,
                    });
                }
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

/// What is only a warning in [`crate::Table`] would here let one partition's holder change another.
fn check<E>(entry: &Partition, before: &[Partition]) -> Result<(), LayoutError<E>> {
    let aligned = |number: u32| number.is_multiple_of(SECTOR);
    if entry.size() == 0 || !aligned(entry.offset()) || !aligned(entry.size()) {
        return Err(LayoutError::Unaligned { partition: *entry });
    }
    for other in before {
        if other.name() == entry.name() {
            return Err(LayoutError::DuplicateName {
                name: *entry.name(),
            });
        }
        if other.overlaps(entry) {
            return Err(LayoutError::Overlap {
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
) -> Result<bool, LayoutError<F::Error>> {
    let mut record = [0; ENTRY_SIZE];
    for place in (from..to).step_by(ENTRY_SIZE) {
        flash
            .read(place, &mut record)
            .await
            .map_err(LayoutError::Flash)?;
        if record != [0xff; ENTRY_SIZE] {
            return Ok(false);
        }
    }
    Ok(true)
}
