//! Flash in memory, stricter than the chip, for tests.
//!
//! It refuses what real flash lets pass and is a bug all the same: unaligned access, a second write
//! to a word, bits asked to become 1. It counts what is done to it, and it cuts power on request,
//! also in the middle of a word or of a sector's erase.

mod program;

pub use program::program;

use alloc::vec;
use alloc::vec::Vec;
use core::fmt;
use core::future::poll_fn;
use core::ops::Range;
use core::task::Poll;

use embedded_storage_async::nor_flash::{
    ErrorType, MultiwriteNorFlash, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash,
};

const WORD: usize = 4;
const SECTOR: usize = 4096;

/// What becomes of a write to a word that was written since it was erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rewrite {
    /// It is refused.
    Refuse,
    /// It may clear bits; it is refused where it would have to set one.
    ClearBits,
    /// It clears bits, and those it should set stay 0: what the chip does.
    And,
}

/// What of a word or a sector has changed when power goes in the middle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Torn {
    /// The half with the lower addresses.
    First,
    /// The half with the higher addresses.
    Last,
    /// Both ends; what is between them is as it was.
    Ends,
    /// Of a word, the first half. A sector reads as zeros: flash programs it so before it erases.
    Zeroed,
}

impl Torn {
    /// Every way to be torn.
    pub const ALL: [Self; 4] = [Self::First, Self::Last, Self::Ends, Self::Zeroed];
}

/// What was done to a flash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Calls of `read`.
    pub reads: u32,
    /// Bytes read.
    pub bytes_read: u32,
    /// Calls of `write`.
    pub writes: u32,
    /// Bytes written.
    pub bytes_written: u32,
    /// Sectors erased.
    pub sectors_erased: u32,
    /// Moments after which power can go: two for each word written or sector erased (half, whole).
    pub steps: u32,
}

/// A flash in memory: words of 4 bytes, sectors of 4096.
#[derive(Debug, Clone)]
pub struct MemFlash {
    bytes: Vec<u8>,
    written: Vec<bool>,
    rewrite: Rewrite,
    torn: Torn,
    fuel: Option<u32>,
    has_power: bool,
    yields: bool,
    counts: Counts,
}

/// Why the flash refused or failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum MemFlashError {
    /// The range is not in the flash.
    OutOfBounds,
    /// The range is not one of whole words, or of whole sectors when erasing.
    NotAligned,
    /// A word was to be written a second time.
    WrittenTwice {
        /// Its address.
        at: u32,
    },
    /// A bit was to become 1.
    SetsBits {
        /// The word's address.
        at: u32,
    },
    /// There is no power.
    PowerLost,
}

impl fmt::Display for MemFlashError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfBounds => f.write_str("range is not in the flash"),
            Self::NotAligned => f.write_str("range is not aligned"),
            Self::WrittenTwice { at } => write!(f, "word at {at:#x} is not erased"),
            Self::SetsBits { at } => write!(f, "a write to {at:#x} asks for bits that are cleared"),
            Self::PowerLost => f.write_str("power lost"),
        }
    }
}

impl core::error::Error for MemFlashError {}

impl NorFlashError for MemFlashError {
    fn kind(&self) -> NorFlashErrorKind {
        match self {
            Self::OutOfBounds => NorFlashErrorKind::OutOfBounds,
            Self::NotAligned => NorFlashErrorKind::NotAligned,
            _ => NorFlashErrorKind::Other,
        }
    }
}

impl MemFlash {
    /// Erased flash of `sectors` sectors that refuses a second write.
    #[must_use]
    pub fn new(sectors: usize) -> Self {
        Self::holding(vec![0xff; sectors.saturating_mul(SECTOR)])
    }

    /// Flash with these bytes, filled up to whole sectors. A word that is not erased counts as written.
    #[must_use]
    pub fn holding(mut bytes: Vec<u8>) -> Self {
        bytes.resize(bytes.len().next_multiple_of(SECTOR), 0xff);
        let written = written(&bytes);
        Self {
            bytes,
            written,
            rewrite: Rewrite::Refuse,
            torn: Torn::First,
            fuel: None,
            has_power: true,
            yields: false,
            counts: Counts::default(),
        }
    }

    /// Says what a second write to a word does.
    #[must_use]
    pub fn on_rewrite(mut self, rewrite: Rewrite) -> Self {
        self.rewrite = rewrite;
        self
    }

    /// Says what an interrupted operation has done to a word or sector.
    #[must_use]
    pub fn torn(mut self, torn: Torn) -> Self {
        self.torn = torn;
        self
    }

    /// Cuts power after so many [steps](Counts::steps) from now: the next one fails, and with it
    /// everything until there is power again. Until then, reading still works.
    #[must_use]
    pub fn cut_after(mut self, steps: u32) -> Self {
        self.fuel = Some(steps);
        self
    }

    /// Makes every operation wait once before it begins, so that a test can drop it there.
    #[must_use]
    pub fn yielding(mut self, yields: bool) -> Self {
        self.yields = yields;
        self
    }

    /// Power is back, for good; what was done stays. Nobody remembers what was written: a word that
    /// reads as erased counts as erased.
    pub fn powered_again(&mut self) -> &mut Self {
        self.written = written(&self.bytes);
        self.fuel = None;
        self.has_power = true;
        self
    }

    /// What the flash holds.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What was done since the flash was made or [reset](Self::reset_counts).
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Counts from zero again.
    pub fn reset_counts(&mut self) {
        self.counts = Counts::default();
    }

    fn range(&self, from: u32, length: usize, unit: usize) -> Result<Range<usize>, MemFlashError> {
        let from = usize::try_from(from).map_err(|_| MemFlashError::OutOfBounds)?;
        let to = from.checked_add(length).ok_or(MemFlashError::OutOfBounds)?;
        if to > self.bytes.len() {
            return Err(MemFlashError::OutOfBounds);
        }
        if !from.is_multiple_of(unit) || !length.is_multiple_of(unit) {
            return Err(MemFlashError::NotAligned);
        }
        Ok(from..to)
    }

    /// Changes a word or a sector in two steps, either of which may be the last.
    fn change(
        &mut self,
        at: usize,
        unit: usize,
        change: impl Fn(Range<usize>, &mut [u8]),
    ) -> Result<(), MemFlashError> {
        let whole = 0..unit;
        let (middle, quarter) = (unit / 2, unit / 4);
        let parts = match self.torn {
            Torn::First | Torn::Zeroed => [0..middle, middle..unit, 0..0],
            Torn::Last => [middle..unit, 0..middle, 0..0],
            Torn::Ends => [
                0..quarter,
                unit.saturating_sub(quarter)..unit,
                quarter..unit.saturating_sub(quarter),
            ],
        };
        // The step in the middle comes after the first part; with `Ends`, after the second.
        let early = if self.torn == Torn::Ends { 2 } else { 1 };
        let (early, late) = parts.split_at(early);
        for (step, parts) in [early, late].into_iter().enumerate() {
            if self.fuel == Some(0) {
                self.has_power = false;
                return Err(MemFlashError::PowerLost);
            }
            self.fuel = self.fuel.map(|fuel| fuel.saturating_sub(1));
            self.counts.steps = self.counts.steps.saturating_add(1);
            if step == 0 && self.torn == Torn::Zeroed && unit == SECTOR {
                let sector = at..at.saturating_add(unit);
                self.bytes.get_mut(sector).unwrap_or_default().fill(0);
                continue;
            }
            // Whatever the first step was, with the second all is done.
            let parts = if step == 1 && self.torn == Torn::Zeroed {
                core::slice::from_ref(&whole)
            } else {
                parts
            };
            for part in parts {
                let place = at.saturating_add(part.start)..at.saturating_add(part.end);
                if let Some(bytes) = self.bytes.get_mut(place) {
                    change(part.clone(), bytes);
                }
            }
        }
        Ok(())
    }

    async fn ready(&self) -> Result<(), MemFlashError> {
        let mut waited = !self.yields;
        poll_fn(move |context| {
            if core::mem::replace(&mut waited, true) {
                return Poll::Ready(());
            }
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
        if self.has_power {
            Ok(())
        } else {
            Err(MemFlashError::PowerLost)
        }
    }
}

/// Which words are not erased.
fn written(bytes: &[u8]) -> Vec<bool> {
    let mut words = vec![false; bytes.len() / WORD];
    for (sector, words) in bytes.chunks(SECTOR).zip(words.chunks_mut(SECTOR / WORD)) {
        if *sector != [0xff; SECTOR] {
            for (word, written) in sector.chunks(WORD).zip(words) {
                *written = word != [0xff; WORD];
            }
        }
    }
    words
}

fn count(number: &mut u32, more: usize) {
    *number = number.saturating_add(u32::try_from(more).unwrap_or(u32::MAX));
}

impl ErrorType for MemFlash {
    type Error = MemFlashError;
}

impl ReadNorFlash for MemFlash {
    const READ_SIZE: usize = WORD;

    async fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Self::Error> {
        self.ready().await?;
        let range = self.range(offset, bytes.len(), WORD)?;
        count(&mut self.counts.reads, 1);
        count(&mut self.counts.bytes_read, bytes.len());
        bytes.copy_from_slice(self.bytes.get(range).unwrap_or_default());
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.bytes.len()
    }
}

impl NorFlash for MemFlash {
    const WRITE_SIZE: usize = WORD;
    const ERASE_SIZE: usize = SECTOR;

    async fn erase(&mut self, from: u32, to: u32) -> Result<(), Self::Error> {
        self.ready().await?;
        let length = to.checked_sub(from).ok_or(MemFlashError::OutOfBounds)?;
        let length = usize::try_from(length).map_err(|_| MemFlashError::OutOfBounds)?;
        for sector in self.range(from, length, SECTOR)?.step_by(SECTOR) {
            let words = sector / WORD..sector.saturating_add(SECTOR) / WORD;
            let result = self.change(sector, SECTOR, |_, bytes| bytes.fill(0xff));
            // A word of an interrupted erase that reads as erased may still not be.
            if result.is_ok()
                && let Some(written) = self.written.get_mut(words)
            {
                written.fill(false);
            }
            result?;
            count(&mut self.counts.sectors_erased, 1);
        }
        Ok(())
    }

    async fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Self::Error> {
        self.ready().await?;
        let range = self.range(offset, bytes.len(), WORD)?;
        count(&mut self.counts.writes, 1);
        for (at, new) in range.step_by(WORD).zip(bytes.chunks(WORD)) {
            let address = u32::try_from(at).unwrap_or(u32::MAX);
            let old = self.bytes.get(at..).unwrap_or_default();
            let sets_bits = old.iter().zip(new).any(|(old, new)| old & new != *new);
            let written = self.written.get(at / WORD).copied().unwrap_or(true);
            match self.rewrite {
                Rewrite::Refuse if written => {
                    return Err(MemFlashError::WrittenTwice { at: address });
                }
                Rewrite::ClearBits if sets_bits => {
                    return Err(MemFlashError::SetsBits { at: address });
                }
                _ => {}
            }
            let steps = self.counts.steps;
            let result = self.change(at, WORD, |half, old| {
                for (old, new) in old.iter_mut().zip(new.get(half).unwrap_or_default()) {
                    *old &= *new;
                }
            });
            if self.counts.steps > steps
                && let Some(written) = self.written.get_mut(at / WORD)
            {
                *written = true;
            }
            result?;
            count(&mut self.counts.bytes_written, WORD);
        }
        Ok(())
    }
}

/// Only with [`Rewrite::ClearBits`] or [`Rewrite::And`] does it keep what this promises.
impl MultiwriteNorFlash for MemFlash {}
