//! Both partition tables of an ESP-AT flash, read once and checked against each other.
//!
//! What the secondary table lists decides where certificates are ([`CertStorage`]): a partition each,
//! or values in `mfg_nvs`.
//!
//! The original trusts what it reads here. This crate hands out partitions for erasing and writing,
//! so an entry that leaves `at_customize`, the flash, or its own place is refused with its name.
//!
//! spec: cert-bin 8.2, 9.1

use embedded_storage_async::nor_flash::NorFlash;
use heapless::Vec;

use super::builtin::CertStorage;
use super::error::{LayoutError, Which};
use crate::entry::{Partition, PartitionKind};
use crate::ota::Slots;
use crate::region::SECTOR;
use crate::table::{Md5State, TABLE_SECTOR, TableAddress, read_entries};

/// Maximum number of entries of one table. ESP-AT's longest has 20; the rest is room for own partitions.
pub const MAX_PARTITIONS: usize = 32;

/// Name of the primary partition that holds the secondary table and its partitions.
pub const CONTAINER: &str = "at_customize";

/// Name of the primary partition that holds the settings.
pub const SETTINGS: &str = "nvs";

/// Name of the secondary partition that holds certificates and factory parameters as NVS.
pub const MFG: &str = "mfg_nvs";

/// Kind 0x40: partitions that `AT+SYSFLASH` may change.
pub const USER: PartitionKind = PartitionKind::Custom(0x40);

/// Subtype of a data partition with NVS.
const SUBTYPE_NVS: u8 = 2;

/// Whether `AT+SYSFLASH` may read and change a partition: a user partition, or `mfg_nvs` as a whole
/// (spec: at-commands B.2, cert-bin 10).
#[must_use]
pub fn is_user(partition: &Partition) -> bool {
    partition.kind() == USER || is_mfg(partition)
}

/// Whether it is the partition that holds certificates and factory parameters as NVS.
#[must_use]
pub fn is_mfg(partition: &Partition) -> bool {
    partition.kind() == PartitionKind::Data
        && partition.subtype() == SUBTYPE_NVS
        && *partition.name() == *MFG
}

/// The partitions of one flash, checked.
#[derive(Debug, Clone)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Layout {
    partitions: Vec<Partition, MAX_PARTITIONS>,
    container: Partition,
    settings: Partition,
    slots: Option<Slots>,
    md5: Md5State,
}

impl Layout {
    /// Reads and checks both tables, the primary one at [`TableAddress::ESP_IDF_DEFAULT`].
    ///
    /// Reads only: dropping the future loses nothing.
    ///
    /// # Errors
    /// Says which table is missing or damaged, or which partition is not where it may be.
    pub async fn load<F: NorFlash>(flash: &mut F) -> Result<Self, LayoutError<F::Error>> {
        let flash_size = u32::try_from(flash.capacity()).unwrap_or(u32::MAX);
        let (primary, _) = read_table(flash, Which::Primary, TableAddress::ESP_IDF_DEFAULT).await?;
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
        if settings.kind() != PartitionKind::Data || settings.subtype() != SUBTYPE_NVS {
            return Err(LayoutError::UnexpectedKind {
                partition: settings,
            });
        }
        if container.kind() != USER {
            return Err(LayoutError::UnexpectedKind {
                partition: container,
            });
        }

        let (partitions, md5) = read_table(
            flash,
            Which::Secondary,
            TableAddress::new(container.offset()),
        )
        .await?;
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
            slots: Slots::find(&primary),
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
    pub fn cert_storage(&self) -> CertStorage {
        match self.mfg() {
            Some(_) => CertStorage::MfgNvs,
            None => CertStorage::Partitions,
        }
    }

    /// The secondary partition `mfg_nvs`, where there is one.
    #[must_use]
    pub fn mfg(&self) -> Option<&Partition> {
        self.find(MFG).filter(|partition| is_mfg(partition))
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

    /// The two slots for programs, where the primary table has them.
    #[must_use]
    pub const fn slots(&self) -> Option<&Slots> {
        self.slots.as_ref()
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

/// Reads one table; every entry of it has to consist of whole sectors.
async fn read_table<F: NorFlash>(
    flash: &mut F,
    which: Which,
    at: TableAddress,
) -> Result<(Vec<Partition, MAX_PARTITIONS>, Md5State), LayoutError<F::Error>> {
    let (entries, md5) = read_entries(flash, at)
        .await
        .map_err(|error| LayoutError::from_read(which, error))?;
    let aligned = |number: u32| number.is_multiple_of(SECTOR);
    for entry in &entries {
        if entry.size() == 0 || !aligned(entry.offset()) || !aligned(entry.size()) {
            return Err(LayoutError::Unaligned { partition: *entry });
        }
    }
    Ok((entries, md5))
}
