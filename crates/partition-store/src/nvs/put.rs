//! Writing entries and their marks.
//!
//! ```text
//! entry ─▶ its mark ─▶ data behind it ─▶ their marks, from the first on
//! erasing: marks only, from the last on, so that the entry which announces them outlives them
//! ```
//!
//! It is the order of ESP-IDF, whose start-up code looks for exactly what a cut of it leaves.

use embedded_storage_async::nor_flash::MultiwriteNorFlash;

use super::error::NvsError;
use super::format::{BITMAP_AT, ENTRY, EntryState, PageState, entry_offset};
use super::items::Item;
use super::pages::Nvs;

/// Entries whose marks share a word of flash.
const PER_WORD: u8 = 16;

/// Where the bytes of an item come from.
#[derive(Debug, Clone, Copy)]
pub(super) enum Source<'d> {
    /// Nowhere: it is one entry.
    Nothing,
    /// The caller, and where it is text, a NUL behind.
    Memory { bytes: &'d [u8], nul: bool },
    /// The same partition, so many entries from this place on.
    Flash { place: u32, entries: u8 },
}

/// A place for an item: page and entry.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slot {
    pub(super) page: usize,
    pub(super) entry: u8,
}

impl<F: MultiwriteNorFlash> Nvs<'_, F> {
    /// Writes to flash that is blank.
    pub(super) async fn put(&mut self, place: u32, bytes: &[u8]) -> Result<(), NvsError<F::Error>> {
        match self.region.write_at(place, bytes).await?.differs_at {
            Some(offset) => Err(NvsError::NotBlank { offset }),
            None => Ok(()),
        }
    }

    /// Where an entry lies in the partition.
    pub(super) fn place(&self, slot: Slot) -> u32 {
        let page = self
            .pages
            .get(slot.page)
            .map_or(0, super::pages::Page::place);
        page.saturating_add(entry_offset(slot.entry))
    }

    /// Writes an item into blank entries.
    pub(super) async fn put_item(
        &mut self,
        slot: Slot,
        entry: &[u8; ENTRY],
        source: Source<'_>,
    ) -> Result<(), NvsError<F::Error>> {
        self.put(self.place(slot), entry).await?;
        self.mark(slot, 1, EntryState::Written).await?;
        let behind = Slot {
            page: slot.page,
            entry: slot.entry.saturating_add(1),
        };
        let entries = match source {
            Source::Nothing => return Ok(()),
            Source::Memory { bytes, nul } => self.put_bytes(behind, bytes, nul).await?,
            Source::Flash { place, entries } => {
                self.copy(behind, place, entries).await?;
                entries
            }
        };
        self.mark(behind, entries, EntryState::Written).await
    }

    /// Writes the bytes of a value, the last entry filled up; returns how many entries they took.
    async fn put_bytes(
        &mut self,
        first: Slot,
        bytes: &[u8],
        nul: bool,
    ) -> Result<u8, NvsError<F::Error>> {
        let mut place = self.place(first);
        let mut entries = 0_u8;
        let mut rest = bytes.iter().copied().chain(nul.then_some(0)).peekable();
        while rest.peek().is_some() {
            let mut entry = [0xff; ENTRY];
            for (to, from) in entry.iter_mut().zip(&mut rest) {
                *to = from;
            }
            self.put(place, &entry).await?;
            place = place.saturating_add(u32::try_from(ENTRY).unwrap_or(0));
            entries = entries.saturating_add(1);
        }
        Ok(entries)
    }

    async fn copy(
        &mut self,
        first: Slot,
        from: u32,
        entries: u8,
    ) -> Result<(), NvsError<F::Error>> {
        let places = (from..).step_by(ENTRY);
        let targets = (self.place(first)..).step_by(ENTRY);
        for (_, (from, to)) in (0..entries).zip(places.zip(targets)) {
            let mut entry = [0; ENTRY];
            self.region.read_at(from, &mut entry).await?;
            self.put(to, &entry).await?;
        }
        Ok(())
    }

    /// Marks entries, a word of flash at a time.
    pub(super) async fn mark(
        &mut self,
        slot: Slot,
        span: u8,
        state: EntryState,
    ) -> Result<(), NvsError<F::Error>> {
        let page = self
            .pages
            .get(slot.page)
            .map_or(0, super::pages::Page::place);
        let range = slot.entry..slot.entry.saturating_add(span);
        let words = range.start / PER_WORD..range.end.div_ceil(PER_WORD);
        let kept: u32 = match state {
            EntryState::Empty => return Ok(()),
            EntryState::Written => 0b10,
            EntryState::Erased => 0b00,
        };
        let forward = state == EntryState::Written;
        for step in 0..words.end.saturating_sub(words.start) {
            let word = if forward {
                words.start.saturating_add(step)
            } else {
                words.end.saturating_sub(step).saturating_sub(1)
            };
            let place = page
                .saturating_add(BITMAP_AT)
                .saturating_add(u32::from(word).saturating_mul(4));
            let mut bytes = [0; 4];
            self.region.read_at(place, &mut bytes).await?;
            let mut marks = u32::from_le_bytes(bytes);
            for within in 0..PER_WORD {
                let entry = word.saturating_mul(PER_WORD).saturating_add(within);
                if range.contains(&entry) {
                    let shift = u32::from(within) * 2;
                    marks &= !(0b11 << shift) | kept << shift;
                }
            }
            self.put(place, &marks.to_le_bytes()).await?;
        }
        Ok(())
    }

    /// Marks an item as erased.
    pub(super) async fn erase_item(&mut self, item: &Item) -> Result<(), NvsError<F::Error>> {
        let slot = Slot {
            page: item.page,
            entry: item.index,
        };
        self.mark(slot, item.entry.span, EntryState::Erased).await
    }

    /// Says in flash what has become of a page.
    pub(super) async fn set_state(
        &mut self,
        page: usize,
        state: PageState,
    ) -> Result<(), NvsError<F::Error>> {
        let Some(entry) = self.pages.get_mut(page) else {
            return Ok(());
        };
        entry.state = state;
        let place = entry.place();
        self.put(place, &state.bytes()).await
    }
}
