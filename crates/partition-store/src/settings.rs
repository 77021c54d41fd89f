//! Settings: small records by key, in one partition.
//!
//! ```text
//! 0                       16                  0x1000                    end
//! | magic | version | !version | 0xFF ...     | map of sequential-storage |
//!  8 bytes   u32      u32, little-endian        whole sectors
//!
//! record of the map: | key | 1 | value ... |  a value     | key | 0 |  none (any more)
//! ```
//!
//! The header names the [`Owner`]. A module that ran other firmware has ESP-IDF's NVS here, a new
//! one anything at all; without the owner's header the partition is erased and formatted, and only
//! then is the map's code let near it. The header is written last and erased first, so that a
//! format that was cut is done again.
//!
//! What a key is and what a value means is the user's business: see [`Key`]. Values can be secrets
//! (Wi-Fi passwords); none is ever logged.
//!
//! spec: at-commands A.22

mod error;
mod key;
mod mend;
mod record;
mod view;
mod walk;

pub use self::error::SettingsError;
pub use self::key::{KEY_MAX, Key};
pub use self::record::VALUE_MAX;

use core::fmt;
use core::marker::PhantomData;

use embedded_storage_async::nor_flash::NorFlash;
use zeroize::Zeroizing;

use self::error::{from_access, from_map, from_region};
use self::key::RawKey;
use self::mend::Mended;
use self::record::{Record, SCRATCH};
use self::view::{Map, View};
use crate::region::{Region, SECTOR};

/// Whose settings these are: what the header says.
///
/// A partition with another header is formatted by [`Settings::open`], not guessed at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Owner {
    /// First bytes of the partition: a name that no other program has.
    pub magic: [u8; 8],
    /// Form of the records. A new number makes `open` discard those of the old one.
    pub version: u32,
}

const HEADER: usize = 16;

/// Bytes read to recognise what the partition holds: the header of an ESP-IDF NVS page.
const PROBE: usize = 32;

/// Fewest sectors: the header's, and three for the map. With two, each would follow the other, and
/// after an interrupted erase it would be unknown which is the newer.
const MIN_SECTORS: u32 = 4;

/// The settings in one partition, by keys of type `K`.
pub struct Settings<'a, F, K> {
    region: Region<'a, F>,
    owner: Owner,
    keys: PhantomData<fn() -> K>,
}

/// What [`Settings::open`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Opened {
    /// Settings, in order.
    Ready,
    /// Something else, which is gone now: there are no settings.
    Formatted(Found),
}

/// What was in the partition in place of settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Found {
    /// Erased flash.
    Blank,
    /// NVS of ESP-IDF, as a module with ESP-AT has it.
    EspIdfNvs,
    /// The owner's header, of another version.
    Version(u32),
    /// The owner's header, and behind it a map that cannot be read or repaired, or a record that this
    /// code never writes.
    Damaged,
    /// Anything else.
    Foreign,
}

impl<'a, F: NorFlash, K: Key> Settings<'a, F, K> {
    /// Opens the settings at start-up: checks every sector, lets the map repair what a power cut
    /// left, and formats the partition if no valid settings of `owner` are in it.
    ///
    /// Dropping the future is like a power cut: settings there were stay, unless a format had
    /// begun; the next `open` finishes it.
    ///
    /// # Errors
    /// The partition is too small or the flash fails.
    pub async fn open(
        region: Region<'a, F>,
        owner: Owner,
    ) -> Result<(Self, Opened), SettingsError<F::Error>> {
        let mut settings = Self::over(region, owner)?;
        let found = match settings.probe().await? {
            Ok(()) if settings.scan().await? => return Ok((settings, Opened::Ready)),
            Ok(()) => Found::Damaged,
            Err(found) => found,
        };
        espat_log::warn!("no settings found but {:?}: formatting", found);
        settings.erase_all().await?;
        Ok((settings, Opened::Formatted(found)))
    }

    /// Takes up settings that [`open`](Self::open) has seen since start-up: one short read.
    ///
    /// Reads only: dropping the future loses nothing.
    ///
    /// # Errors
    /// There are none, the partition is too small, or the flash fails.
    pub async fn attach(
        region: Region<'a, F>,
        owner: Owner,
    ) -> Result<Self, SettingsError<F::Error>> {
        let mut settings = Self::over(region, owner)?;
        match settings.probe().await? {
            Ok(()) => Ok(settings),
            Err(_) => Err(SettingsError::NotFormatted),
        }
    }

    /// The value of `key`, at the start of `into`; `None` where none is stored.
    ///
    /// Dropping the future loses nothing.
    ///
    /// # Errors
    /// `into` is too short, or the flash fails.
    pub async fn get<'b>(
        &mut self,
        key: K,
        into: &'b mut [u8],
    ) -> Result<Option<&'b [u8]>, SettingsError<F::Error>> {
        let key = RawKey::new(&key);
        let mut scratch = Zeroizing::new([0; SCRATCH]);
        let Some(value) = self.fetch(&key, &mut scratch).await? else {
            return Ok(None);
        };
        let needed = value.len();
        let into = into
            .get_mut(..needed)
            .ok_or(SettingsError::BufferTooSmall { needed })?;
        into.copy_from_slice(value);
        Ok(Some(into))
    }

    /// Stores a value. The one that is stored already is not written again.
    ///
    /// If power fails or the future is dropped, `key` has its old value or the new one; no other key changes.
    ///
    /// # Errors
    /// The value is too long, the partition is full (all values stay as they are), or the flash fails.
    pub async fn set(&mut self, key: K, value: &[u8]) -> Result<(), SettingsError<F::Error>> {
        let length = value.len();
        if length > VALUE_MAX {
            return Err(SettingsError::TooLong {
                length,
                max: VALUE_MAX,
            });
        }
        let key = RawKey::new(&key);
        let mut scratch = Zeroizing::new([0; SCRATCH]);
        if self.fetch(&key, &mut scratch).await? == Some(value) {
            return Ok(());
        }
        self.store(&key, Record::Value(value), &mut scratch).await?;
        if self.fetch(&key, &mut scratch).await? == Some(value) {
            return Ok(());
        }
        self.store_again(&key, Record::Value(value), &mut scratch)
            .await
    }

    /// Forgets the value of `key`, if any.
    ///
    /// If power fails or the future is dropped, `key` has its old value or none; no other key changes.
    ///
    /// # Errors
    /// The partition is full (all values stay as they are), or the flash fails.
    pub async fn remove(&mut self, key: K) -> Result<(), SettingsError<F::Error>> {
        let key = RawKey::new(&key);
        let mut scratch = Zeroizing::new([0; SCRATCH]);
        if self.fetch(&key, &mut scratch).await?.is_none() {
            return Ok(());
        }
        // A record that says "none" needs no second write to a flash word, and survives a cut as
        // any other record does.
        self.store(&key, Record::None, &mut scratch).await?;
        if self.fetch(&key, &mut scratch).await?.is_none() {
            return Ok(());
        }
        self.store_again(&key, Record::None, &mut scratch).await
    }

    /// Forgets everything (`AT+RESTORE`): erases the partition and writes a new header.
    ///
    /// If power fails or the future is dropped, all settings are as before, or all are gone; the
    /// next [`open`](Self::open) finishes the latter.
    ///
    /// # Errors
    /// The flash fails.
    pub async fn erase_all(&mut self) -> Result<(), SettingsError<F::Error>> {
        // The header's sector first and by itself.
        self.region
            .erase_range(0, SECTOR)
            .await
            .map_err(from_access)?;
        let rest = self.region.size().saturating_sub(SECTOR);
        self.region
            .erase_range(SECTOR, rest)
            .await
            .map_err(from_access)?;

        let mut header = [0; HEADER];
        let Owner { magic, version } = self.owner;
        let (version, check) = (version.to_le_bytes(), (!version).to_le_bytes());
        let fields = magic.iter().chain(&version).chain(&check);
        for (to, from) in header.iter_mut().zip(fields) {
            *to = *from;
        }
        NorFlash::write(&mut self.region, 0, &header)
            .await
            .map_err(from_region)
    }

    fn over(region: Region<'a, F>, owner: Owner) -> Result<Self, SettingsError<F::Error>> {
        const {
            assert!(
                HEADER.is_multiple_of(F::WRITE_SIZE),
                "the header is written by itself"
            );
        };
        let (size, needed) = (region.size(), MIN_SECTORS.saturating_mul(SECTOR));
        if size < needed {
            return Err(SettingsError::RegionTooSmall { size, needed });
        }
        Ok(Self {
            region,
            owner,
            keys: PhantomData,
        })
    }

    /// What the partition begins with: the owner's header, or what else.
    async fn probe(&mut self) -> Result<Result<(), Found>, SettingsError<F::Error>> {
        let mut bytes = [0; PROBE];
        self.region
            .read_at(0, &mut bytes)
            .await
            .map_err(from_access)?;
        let [
            m0,
            m1,
            m2,
            m3,
            m4,
            m5,
            m6,
            m7,
            v0,
            v1,
            v2,
            v3,
            c0,
            c1,
            c2,
            c3,
            rest @ ..,
        ] = bytes;
        let magic = [m0, m1, m2, m3, m4, m5, m6, m7];
        let version = u32::from_le_bytes([v0, v1, v2, v3]);
        if magic == self.owner.magic && version == !u32::from_le_bytes([c0, c1, c2, c3]) {
            return Ok(if version == self.owner.version {
                Ok(())
            } else {
                Err(Found::Version(version))
            });
        }
        if bytes == [0xff; PROBE] {
            return Ok(Err(Found::Blank));
        }
        // Page header of NVS: state (active, full, freeing), number, version 0xFE or 0xFF, 0xFF.
        let state = u32::from_le_bytes([m0, m1, m2, m3]);
        let is_state = matches!(state, 0xffff_fffe | 0xffff_fffc | 0xffff_fff8);
        let [unused @ .., _, _, _, _] = rest;
        let filled = [v1, v2, v3, c0, c1, c2, c3]
            .iter()
            .chain(&unused)
            .all(|byte| *byte == 0xff);
        if is_state && matches!(v0, 0xfe | 0xff) && filled {
            return Ok(Err(Found::EspIdfNvs));
        }
        Ok(Err(Found::Foreign))
    }

    /// Puts right what a power cut or a stray write left, then walks over every record; `false` where
    /// the map is beyond repair.
    async fn scan(&mut self) -> Result<bool, SettingsError<F::Error>> {
        if mend::mend::<F, K>(&mut self.region).await? == Mended::Impossible {
            return Ok(false);
        }
        let mut scratch = Zeroizing::new([0; SCRATCH]);
        let walk = async {
            let mut map = self.map()?;
            // Any key: this lets the map repair itself, which `fetch_all_items` does not.
            let _ = map
                .fetch_item::<Record<'_>>(&mut scratch[..], &RawKey::ANY)
                .await
                .map_err(from_map)?;
            let mut records = map
                .fetch_all_items(&mut scratch[..])
                .await
                .map_err(from_map)?;
            while records
                .next::<Record<'_>>(&mut scratch[..])
                .await
                .map_err(from_map)?
                .is_some()
            {}
            Ok(())
        };
        match walk.await {
            Ok(()) => Ok(true),
            Err(SettingsError::Damaged) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn map(&mut self) -> Result<Map<'_, 'a, F, K>, SettingsError<F::Error>> {
        View::from(&mut self.region, SECTOR).map()
    }

    async fn fetch<'s>(
        &mut self,
        key: &RawKey<K>,
        scratch: &'s mut [u8; SCRATCH],
    ) -> Result<Option<&'s [u8]>, SettingsError<F::Error>> {
        let record = self
            .map()?
            .fetch_item::<Record<'_>>(scratch, key)
            .await
            .map_err(from_map)?;
        Ok(match record {
            Some(Record::Value(value)) => Some(value),
            Some(Record::None) | None => None,
        })
    }

    async fn store(
        &mut self,
        key: &RawKey<K>,
        record: Record<'_>,
        scratch: &mut [u8; SCRATCH],
    ) -> Result<(), SettingsError<F::Error>> {
        self.map()?
            .store_item(scratch, key, &record)
            .await
            .map_err(from_map)
    }
}

impl<F: NorFlash, K: Key> Settings<'_, F, K> {
    /// Stores a record once more, in other cells: it read back differently, so those it was written to
    /// are worn or were not erased.
    async fn store_again(
        &mut self,
        key: &RawKey<K>,
        record: Record<'_>,
        scratch: &mut [u8; SCRATCH],
    ) -> Result<(), SettingsError<F::Error>> {
        mend::retire_spoilt::<F, K>(&mut self.region).await?;
        self.store(key, record, scratch).await?;
        let wanted = match record {
            Record::Value(value) => Some(value),
            Record::None => None,
        };
        if self.fetch(key, scratch).await? == wanted {
            Ok(())
        } else {
            Err(SettingsError::NotWritten)
        }
    }
}

impl<F, K> fmt::Debug for Settings<'_, F, K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("region", &self.region)
            .field("owner", &self.owner)
            .finish_non_exhaustive()
    }
}
