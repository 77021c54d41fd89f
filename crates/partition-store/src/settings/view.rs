//! The sectors that the map sees.
//!
//! One type for all that is done with the map: its code, some 5 KB in an image, is there once for each type of flash.

use core::ops::Range;

use embedded_storage_async::nor_flash::{ErrorType, NorFlash, ReadNorFlash};
use sequential_storage::cache::Cache;
use sequential_storage::map::{MapConfig, MapStorage};

use super::error::SettingsError;
use super::key::{Key, NoCache, RawKey};
use crate::region::{Region, RegionError, SECTOR};

/// The map of sequential-storage over some sectors.
pub(super) type Map<'r, 'a, F, K> = MapStorage<RawKey<K>, View<'r, 'a, F>, NoCache<K>>;

/// Sectors of a region, numbered from 0.
pub(super) struct View<'r, 'a, F> {
    region: &'r mut Region<'a, F>,
    /// Offset of the first one in the region.
    base: u32,
    /// In bytes, a multiple of [`SECTOR`].
    size: u32,
    /// Index of a sector that seems blank; it need not exist. With one nothing can be written.
    blank: Option<u32>,
}

impl<'r, 'a, F: NorFlash> View<'r, 'a, F> {
    /// All sectors from offset `base` of a region on.
    pub(super) fn from(region: &'r mut Region<'a, F>, base: u32) -> Self {
        let size = region.size().saturating_sub(base);
        Self {
            region,
            base,
            size: size.saturating_sub(size % SECTOR),
            blank: None,
        }
    }

    /// The sectors at `offsets` to read, of which number `blank` seems blank. A map that wants to repair what it sees there
    /// gets an error.
    pub(super) fn without(region: &'r mut Region<'a, F>, offsets: Range<u32>, blank: u32) -> Self {
        Self {
            region,
            base: offsets.start,
            size: offsets.end.saturating_sub(offsets.start),
            blank: Some(blank),
        }
    }

    /// A map over all of them. Fewer than two are [`SettingsError::Damaged`].
    pub(super) fn map<K: Key>(self) -> Result<Map<'r, 'a, F, K>, SettingsError<F::Error>> {
        let config = MapConfig::try_new(0..self.size).map_err(|_| SettingsError::Damaged)?;
        Ok(MapStorage::new(self, config, Cache::new_uncached()))
    }

    fn at(&self, offset: u32) -> Result<u32, RegionError<F::Error>> {
        let at = self.base.checked_add(offset);
        at.ok_or(RegionError::OutOfBounds)
    }

    fn at_for_writing(&self, offset: u32) -> Result<u32, RegionError<F::Error>> {
        match self.blank {
            None => self.at(offset),
            Some(_) => Err(RegionError::OutOfBounds),
        }
    }
}

impl<F: NorFlash> ErrorType for View<'_, '_, F> {
    type Error = RegionError<F::Error>;
}

impl<F: NorFlash> ReadNorFlash for View<'_, '_, F> {
    const READ_SIZE: usize = F::READ_SIZE;

    async fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Self::Error> {
        // The map reads within one page at a time.
        if Some(offset / SECTOR) == self.blank {
            bytes.fill(0xff);
            return Ok(());
        }
        let at = self.at(offset)?;
        ReadNorFlash::read(self.region, at, bytes).await
    }

    fn capacity(&self) -> usize {
        usize::try_from(self.size).unwrap_or(usize::MAX)
    }
}

impl<F: NorFlash> NorFlash for View<'_, '_, F> {
    const WRITE_SIZE: usize = F::WRITE_SIZE;
    const ERASE_SIZE: usize = F::ERASE_SIZE;

    async fn erase(&mut self, from: u32, to: u32) -> Result<(), Self::Error> {
        let (from, to) = (self.at_for_writing(from)?, self.at_for_writing(to)?);
        NorFlash::erase(self.region, from, to).await
    }

    async fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Self::Error> {
        let at = self.at_for_writing(offset)?;
        NorFlash::write(self.region, at, bytes).await
    }
}
