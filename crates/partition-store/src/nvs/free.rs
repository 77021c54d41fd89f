//! Room for new items: the end of the last page, new pages, and pages emptied of what no longer counts.
//!
//! ```text
//! last page full ─▶ two spare sectors: one becomes the new page
//!                └▶ one spare sector:  page with least that counts := freeing
//!                                      ─▶ new page on the spare sector ─▶ copy what counts ─▶ erase
//! ```
//!
//! What is copied is what would be found: the last item of its key, and the chunks its index names.

use embedded_storage_async::nor_flash::MultiwriteNorFlash;
use heapless::Vec;

use super::error::NvsError;
use super::format::{ENTRIES, ENTRY, EntryState, ItemType, PageState, page_header};
use super::items::{Cursor, Item};
use super::label::Label;
use super::pages::{MAX_PAGES, Nvs, Page};
use super::put::{Slot, Source};
use crate::region::{Region, SECTOR};

/// Bytes looked at at a time.
const CHUNK: usize = 128;

/// The chunks of a value that is being written: no index speaks of them yet.
#[derive(Debug, Clone, Copy)]
pub(super) struct InProgress {
    pub(super) namespace: u8,
    pub(super) key: Label,
    pub(super) start: u8,
}

impl<'a, F: MultiwriteNorFlash> Nvs<'a, F> {
    /// Opens the partition at start-up and finishes what a power cut interrupted.
    ///
    /// Dropping the future is like a power cut: every value stays.
    ///
    /// # Errors
    /// The partition is encrypted or has too many sectors, or the flash fails.
    pub async fn open(region: Region<'a, F>) -> Result<Self, NvsError<F::Error>> {
        let mut nvs = Self::read_only(region).await?;
        nvs.finish_freeing().await?;
        nvs.drop_superseded().await?;
        Ok(nvs)
    }

    /// Opens the partition for writing after [`open`](Self::open) has seen it since start-up: reads
    /// the headers of the pages, and finishes what a failure of the flash interrupted.
    ///
    /// Dropping the future loses nothing.
    ///
    /// # Errors
    /// As for [`open`](Self::open).
    pub async fn attach(region: Region<'a, F>) -> Result<Self, NvsError<F::Error>> {
        let mut nvs = Self::read_only(region).await?;
        nvs.finish_freeing().await?;
        Ok(nvs)
    }

    /// Bytes of flash that new values can take, over all pages.
    pub(super) async fn available(&mut self) -> Result<u32, NvsError<F::Error>> {
        let per_page = u32::from(ENTRIES);
        // One sector stays spare for the next time pages run out.
        let mut entries = self
            .spare
            .count_ones()
            .saturating_sub(1)
            .saturating_mul(per_page);
        for page in 0..self.pages.len() {
            let live = self.live(page, None).await?;
            entries = entries.saturating_add(per_page.saturating_sub(u32::from(live)));
        }
        Ok(entries.saturating_mul(u32::try_from(ENTRY).unwrap_or(0)))
    }

    /// As [`available`](Self::available) in one read for each page, and never more: what was replaced may still be
    /// marked as written.
    pub(super) async fn surely_available(&mut self) -> Result<u32, NvsError<F::Error>> {
        let per_page = u32::from(ENTRIES);
        let spare = self.spare.count_ones().saturating_sub(1);
        let mut entries = spare.saturating_mul(per_page);
        for page in 0..self.pages.len() {
            let written = self.bitmap(page).await?.written();
            entries = entries.saturating_add(per_page.saturating_sub(written));
        }
        Ok(entries.saturating_mul(u32::try_from(ENTRY).unwrap_or(0)))
    }

    /// A place for `span` entries in one page.
    pub(super) async fn room(
        &mut self,
        span: u8,
        keep: Option<InProgress>,
    ) -> Result<(Slot, u8), NvsError<F::Error>> {
        // Every turn but the last closes a page or frees one; more turns than pages gain nothing.
        for _ in 0..=MAX_PAGES {
            if let Some((slot, free)) = self.end().await?
                && free >= span
            {
                return Ok((slot, free));
            }
            self.begin_page(span, keep).await?;
        }
        Err(self.no_room(span).await?)
    }

    async fn no_room(&mut self, span: u8) -> Result<NvsError<F::Error>, NvsError<F::Error>> {
        Ok(NvsError::NoRoom {
            needed: u32::from(span).saturating_mul(u32::try_from(ENTRY).unwrap_or(0)),
            available: self.available().await?,
        })
    }

    /// The page that entries are added to.
    fn active(&self) -> Option<usize> {
        let last = self.pages.len().checked_sub(1)?;
        let page = self.pages.get(last)?;
        (page.state == PageState::Active && page.current).then_some(last)
    }

    /// The first blank entry of the last page and how many there are, what a cut left there being
    /// marked as erased.
    async fn end(&mut self) -> Result<Option<(Slot, u8)>, NvsError<F::Error>> {
        let Some(page) = self.active() else {
            return Ok(None);
        };
        let mut cursor = Cursor::page(page);
        while let Some(item) = self.next_item(&mut cursor).await? {
            if !item.whole {
                self.erase_item(&item).await?;
            }
        }
        let mut entry = self.bitmap(page).await?.end();
        // Bytes without a mark: the cut came between the two.
        let used = self.last_not_blank(page, entry).await?;
        if let Some(used) = used {
            let span = used.saturating_add(1).saturating_sub(entry);
            self.mark(Slot { page, entry }, span, EntryState::Erased)
                .await?;
            entry = used.saturating_add(1);
        }
        Ok(Some((Slot { page, entry }, ENTRIES.saturating_sub(entry))))
    }

    /// The last entry from `first` on that holds anything.
    async fn last_not_blank(
        &mut self,
        page: usize,
        first: u8,
    ) -> Result<Option<u8>, NvsError<F::Error>> {
        let mut found = None;
        for entry in first..ENTRIES {
            let mut bytes = [0; ENTRY];
            let place = self.place(Slot { page, entry });
            self.region.read_at(place, &mut bytes).await?;
            if bytes != [0xff; ENTRY] {
                found = Some(entry);
            }
        }
        Ok(found)
    }

    /// Makes a page with room for `span` entries the last one.
    async fn begin_page(
        &mut self,
        span: u8,
        keep: Option<InProgress>,
    ) -> Result<(), NvsError<F::Error>> {
        if self.spare.count_ones() >= 2 {
            self.close().await?;
            self.new_page().await?;
            return Ok(());
        }
        let mut best: Option<(usize, u8)> = None;
        for page in 0..self.pages.len() {
            let live = self.live(page, keep).await?;
            if best.is_none_or(|(_, least)| live < least) {
                best = Some((page, live));
            }
        }
        let (Some((page, live)), 1..) = (best, self.spare) else {
            return Err(self.no_room(span).await?);
        };
        if ENTRIES.saturating_sub(live) < span {
            return Err(self.no_room(span).await?);
        }
        self.close().await?;
        self.set_state(page, PageState::Freeing).await?;
        self.free(page, keep).await
    }

    /// Nothing more is added to the last page.
    async fn close(&mut self) -> Result<(), NvsError<F::Error>> {
        for page in 0..self.pages.len() {
            let active = |page: &Page| page.state == PageState::Active;
            if self.pages.get(page).is_some_and(active) {
                self.set_state(page, PageState::Full).await?;
            }
        }
        Ok(())
    }

    /// Copies what counts of a page to a new one, and erases it.
    async fn free(
        &mut self,
        page: usize,
        keep: Option<InProgress>,
    ) -> Result<(), NvsError<F::Error>> {
        self.new_page().await?;
        self.drain(page, keep).await?;
        self.erase_page(page).await
    }

    /// A header on a spare sector: the next one behind the last page, so that all wear alike.
    async fn new_page(&mut self) -> Result<(), NvsError<F::Error>> {
        let last = self.pages.last().copied();
        let sequence = match last {
            None => 0,
            Some(last) => last
                .sequence
                .checked_add(1)
                .ok_or(NvsError::SequenceExhausted)?,
        };
        let after = last.map_or(0, |last| u32::from(last.sector).saturating_add(1));
        let behind = self.spare & u64::MAX.checked_shl(after).unwrap_or(0);
        let chosen = if behind == 0 { self.spare } else { behind };
        let sector = u8::try_from(chosen.trailing_zeros()).unwrap_or(u8::MAX);
        let page = Page {
            sector,
            sequence,
            state: PageState::Active,
            current: true,
        };
        if chosen == 0 {
            return Err(self.no_room(1).await?);
        }
        if !self.is_blank(page.place()).await? {
            self.region.erase_range(page.place(), SECTOR).await?;
        }
        self.put(page.place(), &page_header(sequence)).await?;
        self.spare &= !(1 << sector);
        // It does not fail: there is room for every sector.
        let _ = self.pages.push(page);
        Ok(())
    }

    async fn is_blank(&mut self, place: u32) -> Result<bool, NvsError<F::Error>> {
        for at in (place..place.saturating_add(SECTOR)).step_by(CHUNK) {
            let mut chunk = [0; CHUNK];
            self.region.read_at(at, &mut chunk).await?;
            if chunk != [0xff; CHUNK] {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn erase_page(&mut self, page: usize) -> Result<(), NvsError<F::Error>> {
        if let Some(found) = self.pages.get(page).copied() {
            self.region.erase_range(found.place(), SECTOR).await?;
            self.pages.remove(page);
            self.spare |= 1 << found.sector;
        }
        Ok(())
    }

    /// Copies what counts of a page behind the last item, as far as there is room. Whether all was copied.
    async fn drain(
        &mut self,
        page: usize,
        keep: Option<InProgress>,
    ) -> Result<bool, NvsError<F::Error>> {
        let mut cursor = Cursor::page(page);
        while let Some(item) = self.next_whole(&mut cursor).await? {
            if item.page != page {
                break;
            }
            if !self.counts(&item, keep).await? {
                continue;
            }
            let Some((to, free)) = self.end().await? else {
                return Ok(false);
            };
            if free < item.entry.span || to.page == page {
                return Ok(false);
            }
            let from = Slot {
                page,
                entry: item.index,
            };
            let mut entry = [0; ENTRY];
            self.region.read_at(self.place(from), &mut entry).await?;
            let source = Source::Flash {
                place: self.place(Slot {
                    page,
                    entry: item.index.saturating_add(1),
                }),
                entries: item.entry.span.saturating_sub(1),
            };
            self.put_item(to, &entry, source).await?;
        }
        Ok(true)
    }

    /// Entries of a page that hold something that counts.
    async fn live(
        &mut self,
        page: usize,
        keep: Option<InProgress>,
    ) -> Result<u8, NvsError<F::Error>> {
        let mut cursor = Cursor::page(page);
        let mut live = 0_u8;
        while let Some(item) = self.next_whole(&mut cursor).await? {
            if item.page != page {
                break;
            }
            if self.counts(&item, keep).await? {
                live = live.saturating_add(item.entry.span);
            }
        }
        Ok(live)
    }

    /// Whether an item would be found: nothing newer stands for the same.
    async fn counts(
        &mut self,
        item: &Item,
        keep: Option<InProgress>,
    ) -> Result<bool, NvsError<F::Error>> {
        let this = item.entry;
        let same = |other: &Item| {
            let alike = match this.kind {
                kind if kind.is_value() => other.entry.kind.is_value(),
                // What cannot be read is only given up for its like.
                ItemType::Unknown => other.entry == this,
                kind => other.entry.kind == kind && other.entry.chunk == this.chunk,
            };
            alike && other.entry.namespace == this.namespace && other.entry.key == this.key
        };
        if !self.is_last(item, same).await? {
            return Ok(false);
        }
        let (ItemType::Chunk, Some(key)) = (this.kind, this.key) else {
            return Ok(true);
        };
        if keep.is_some_and(|keep| {
            item.is_of(keep.namespace, keep.key) && this.chunk & 0x80 == keep.start & 0x80
        }) {
            return Ok(true);
        }
        let latest = self.latest(this.namespace, key).await?;
        Ok(latest.is_some_and(|latest| {
            latest.entry.kind == ItemType::Index && latest.entry.has_chunk(this.chunk)
        }))
    }

    /// Goes on freeing the pages that were being freed.
    async fn finish_freeing(&mut self) -> Result<(), NvsError<F::Error>> {
        // Sectors, because the pages' places in the list change.
        let freeing: Vec<u8, MAX_PAGES> = self
            .pages
            .iter()
            .filter(|page| page.state == PageState::Freeing)
            .map(|page| page.sector)
            .collect();
        for sector in freeing {
            let Some(page) = self.pages.iter().position(|page| page.sector == sector) else {
                continue;
            };
            espat_log::info!("page {} of mfg_nvs was being freed: going on", sector);
            match self.active() {
                // It holds nothing but copies: begun again they lie close together and fit.
                Some(copy) if copy != page && self.is_copy(copy, page).await? => {
                    self.erase_page(copy).await?;
                    let page = if copy < page {
                        page.saturating_sub(1)
                    } else {
                        page
                    };
                    self.free(page, None).await?;
                }
                Some(_) if self.drain(page, None).await? => self.erase_page(page).await?,
                None if self.spare != 0 => self.free(page, None).await?,
                // No writer leaves that; the page is read as any other.
                _ => {}
            }
        }
        Ok(())
    }

    /// Whether every item of page `copy` is also on page `page`.
    async fn is_copy(&mut self, copy: usize, page: usize) -> Result<bool, NvsError<F::Error>> {
        let mut cursor = Cursor::page(copy);
        while let Some(item) = self.next_whole(&mut cursor).await? {
            if item.page != copy {
                break;
            }
            let mut others = Cursor::page(page);
            let mut found = false;
            while let Some(other) = self.next_whole(&mut others).await? {
                if other.page != page {
                    break;
                }
                found |= other.entry == item.entry;
            }
            if !found {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The last value written may have one before it that was not yet marked as erased, or be in
    /// parts without an index: power went as it was being replaced.
    async fn drop_superseded(&mut self) -> Result<(), NvsError<F::Error>> {
        let newest = self.last(|item| item.entry.namespace != 0).await?;
        let Some((newest, key)) = newest.and_then(|item| Some((item, item.entry.key?))) else {
            return Ok(());
        };
        self.drop_old(newest.entry.namespace, key).await
    }

    /// Marks everything of a key as erased that its last value does not need.
    pub(super) async fn drop_old(
        &mut self,
        namespace: u8,
        key: Label,
    ) -> Result<(), NvsError<F::Error>> {
        let latest = self.latest(namespace, key).await?;
        let mut cursor = Cursor::new();
        while let Some(item) = self.next_item(&mut cursor).await? {
            let this = item.entry;
            let ours = this.kind.is_value() || this.kind == ItemType::Chunk;
            if !ours || !item.is_of(namespace, key) {
                continue;
            }
            let needed = latest.is_some_and(|latest| {
                latest.is_at(&item)
                    || this.kind == ItemType::Chunk
                        && latest.entry.kind == ItemType::Index
                        && latest.entry.has_chunk(this.chunk)
            });
            if !needed {
                self.erase_item(&item).await?;
            }
        }
        Ok(())
    }
}
