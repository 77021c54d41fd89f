//! The pages of an NVS partition, and the store over them.

use core::fmt;

use embedded_storage_async::nor_flash::NorFlash;
use heapless::Vec;

use super::error::NvsError;
use super::format::{HEADER, PageState, Sector};
use crate::entry::FLAG_ENCRYPTED;
use crate::region::{Region, SECTOR};

/// Maximum number of sectors of the partition: ESP-AT's largest has 37.
pub const MAX_PAGES: usize = 40;

/// Longest text, without its NUL.
pub const MAX_TEXT: usize = 3999;

/// Maximum number of chunks of a binary value: one for each page of a partition of ESP-AT.
pub const MAX_CHUNKS: usize = 32;

/// A page that holds entries.
#[derive(Debug, Clone, Copy)]
pub(super) struct Page {
    pub(super) sector: u8,
    pub(super) sequence: u32,
    pub(super) state: PageState,
    pub(super) current: bool,
}

impl Page {
    /// Where it lies in the partition.
    pub(super) fn place(&self) -> u32 {
        u32::from(self.sector).saturating_mul(SECTOR)
    }
}

/// The values of one partition.
pub struct Nvs<'a, F> {
    pub(super) region: Region<'a, F>,
    /// In the order they were begun.
    pub(super) pages: Vec<Page, MAX_PAGES>,
    /// Sectors that hold nothing: bit n is sector n.
    pub(super) spare: u64,
}

impl<'a, F: NorFlash> Nvs<'a, F> {
    /// Looks at the pages without changing any: what there is can be listed and read.
    ///
    /// Dropping the future loses nothing.
    ///
    /// # Errors
    /// The partition is encrypted or has too many sectors, or the flash fails.
    pub async fn read_only(region: Region<'a, F>) -> Result<Self, NvsError<F::Error>> {
        if region.partition().flags() & FLAG_ENCRYPTED != 0 {
            return Err(NvsError::Encrypted);
        }
        let mut nvs = Self {
            region,
            pages: Vec::new(),
            spare: 0,
        };
        nvs.look().await?;
        Ok(nvs)
    }

    /// Reads the headers of all pages.
    pub(super) async fn look(&mut self) -> Result<(), NvsError<F::Error>> {
        self.pages.clear();
        self.spare = 0;
        let count = self.region.size() / SECTOR;
        let too_many = NvsError::TooManyPages {
            pages: count,
            max: MAX_PAGES,
        };
        for sector in 0..u8::try_from(count).unwrap_or(u8::MAX) {
            if usize::from(sector) >= MAX_PAGES {
                return Err(too_many);
            }
            let place = u32::from(sector).saturating_mul(SECTOR);
            let mut header = [0; HEADER];
            self.region.read_at(place, &mut header).await?;
            match Sector::parse(&header) {
                Sector::Page {
                    state,
                    sequence,
                    current,
                } => {
                    let page = Page {
                        sector,
                        sequence,
                        state,
                        current,
                    };
                    // It does not fail: there is room for every sector.
                    let _ = self.pages.push(page);
                }
                Sector::Spare => self.spare |= 1 << sector,
                Sector::Foreign => {
                    espat_log::warn!("page {} of mfg_nvs is of another version", sector);
                }
            }
        }
        // Equal numbers are in no order that a writer makes; any will do.
        sort(&mut self.pages);
        Ok(())
    }
}

/// In the order in which they were begun.
// By insertion: there are few, and most of them in order. The sort of `core` takes 2.4 KB of an image for each type.
fn sort(pages: &mut [Page]) {
    let key = |page: &Page| (page.sequence, page.sector);
    for end in 1..pages.len() {
        for at in (1..=end).rev() {
            match pages.get(at.saturating_sub(1)..=at) {
                Some([before, page]) if key(page) < key(before) => {
                    pages.swap(at.saturating_sub(1), at);
                }
                _ => break,
            }
        }
    }
}

impl<F> fmt::Debug for Nvs<'_, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Nvs")
            .field("region", &self.region)
            .field("pages", &self.pages.len())
            .field("spare", &self.spare.count_ones())
            .finish()
    }
}
