//! NVS of ESP-IDF, in the partition `mfg_nvs`: where ESP-AT 3.1 and later keep certificates.
//!
//! ```text
//! partition   pages of one sector each, in the order of their sequence numbers; one is always spare
//! page        header, 2 bits for each entry (empty, written, erased), 126 entries of 32 bytes
//! value       number          one entry
//!             text            an entry that announces it, and its bytes behind, in one page
//!             binary          as many chunks as pages make necessary, and then one index entry
//! ```
//!
//! Nothing of it is kept in memory but the order of the pages: every call reads what it needs, so a
//! partition that `AT+SYSFLASH` wrote is used at once. Of several values under one key the last one
//! counts. What a checksum does not vouch for is never handed out.
//!
//! # After a power cut
//!
//! | while | is left |
//! |---|---|
//! | [`Nvs::set_number`], [`Nvs::set_text`], [`Nvs::set_binary`] | the value before, or the new one |
//! | the same, for a key that is new | no value, or the new one |
//! | [`Nvs::erase_key`] | the value, or none |
//! | [`Nvs::erase_namespace`] | any of its values gone, each wholly |
//! | any of them, as the last page is full | every other value as it was |
//!
//! A new value is whole in flash before the old one is marked erased. When pages run out, the one
//! with most to gain is marked as being freed, what counts of it is copied to the spare page,
//! and it is erased: at no moment is a value in no page. [`Nvs::open`] finishes what was begun.
//!
//! Format: ESP-IDF's, so that its own code goes on where this one was cut, and the other way round.
//! spec: cert-bin 9.3; page for people: `docs/formats/mfg-nvs.md`

mod error;
mod format;
mod free;
mod items;
mod label;
mod put;
mod read;
mod stream;
mod write;

pub use self::error::{Damage, NvsError};
pub use self::items::Cursor;
pub use self::label::{Kind, Label};
pub use self::read::{Listed, Value};
pub use self::stream::ValueWrite;

use core::fmt;

use embedded_storage_async::nor_flash::NorFlash;
use heapless::Vec;

use self::format::{HEADER, PageState, Sector};
use crate::entry::FLAG_ENCRYPTED;
use crate::region::{Region, SECTOR};

/// Most sectors of the partition: ESP-AT's largest has 37.
pub const MAX_PAGES: usize = 40;

/// Longest text, without its NUL.
pub const MAX_TEXT: usize = 3999;

/// Most chunks of a binary value, one for each page of a partition of ESP-AT.
pub const MAX_CHUNKS: usize = 32;

/// A page that holds entries.
#[derive(Debug, Clone, Copy)]
struct Page {
    sector: u8,
    sequence: u32,
    state: PageState,
    current: bool,
}

impl Page {
    /// Where it lies in the partition.
    fn place(&self) -> u32 {
        u32::from(self.sector).saturating_mul(SECTOR)
    }
}

/// The values of one partition.
pub struct Nvs<'a, F> {
    region: Region<'a, F>,
    /// In the order they were begun.
    pages: Vec<Page, MAX_PAGES>,
    /// Sectors that hold nothing: bit n is sector n.
    spare: u64,
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
    async fn look(&mut self) -> Result<(), NvsError<F::Error>> {
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
        self.pages
            .sort_unstable_by_key(|page| (page.sequence, page.sector));
        Ok(())
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
