//! Sectors of 4 KiB, as ESP-AT erases them, on flash with blocks of 256 KiB.
//!
//! ```text
//! 0            4 MiB          + block           + block
//! | the flash  | copy         | journal         |
//!
//! journal record: | 0xb10c0000 + n | its inverse |    block n is to be restored from the copy
//!                 | 0              | 0           |    done
//! ```
//!
//! To erase some sectors of a block, the others are saved in the copy (1), a record says so (2), the
//! block is erased (3) and written again from the copy (4), and the record is struck out (5). What a
//! power cut, or a dropped future, leaves behind:
//!
//! | cut in | then |
//! |---|---|
//! | 1, or in the record of 2 | the block is as before: the copy counts for nothing |
//! | 3, 4, or in the strike of 5 | [`Sectors::open`] does 3 to 5 again: the block is as after |
//! | the erasure of a full journal | all its records are struck out; half erased they match nothing |
//!
//! So an erasure of sectors is whole or not at all: more than a chip with small sectors promises. The
//! price is wear: copy and journal are erased as often as all blocks of the flash together.

use embedded_storage_async::nor_flash::{
    ErrorType, MultiwriteNorFlash, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash,
};

use crate::cfi::{CHUNK, Cfi, Failed, WORD};

/// What ESP-AT erases.
const SECTOR: u32 = 4096;
/// What the modem sees.
const SIZE: u32 = 4 << 20;

const RECORD: u32 = 8;
const MARK: u32 = 0xb10c_0000;
const MARK_MASK: u32 = 0xffff_0000;

/// Why the flash did not do it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SectorError {
    /// The range is not in the flash.
    OutOfBounds,
    /// The range is not one of whole words, or of whole sectors when erasing.
    NotAligned,
    /// The chips say that they failed.
    Chip,
}

impl From<Failed> for SectorError {
    fn from(Failed: Failed) -> Self {
        Self::Chip
    }
}

impl core::fmt::Display for SectorError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::OutOfBounds => "range is not in the flash",
            Self::NotAligned => "range is not aligned",
            Self::Chip => "the flash chips failed",
        })
    }
}

impl core::error::Error for SectorError {}

impl NorFlashError for SectorError {
    fn kind(&self) -> NorFlashErrorKind {
        match self {
            Self::OutOfBounds => NorFlashErrorKind::OutOfBounds,
            Self::NotAligned => NorFlashErrorKind::NotAligned,
            Self::Chip => NorFlashErrorKind::Other,
        }
    }
}

/// The flash as ESP-AT knows it.
pub struct Sectors {
    chip: Cfi,
    /// A block may be half made: nothing is read or written before it is whole.
    unsettled: bool,
}

impl Sectors {
    /// Finishes what a power cut left undone. `None` if the chips are too small.
    pub(crate) async fn open(chip: Cfi) -> Option<Result<Self, SectorError>> {
        let blocks = chip.block.checked_mul(2)?;
        let fits = chip.size >= SIZE.checked_add(blocks)? && chip.block.is_multiple_of(SECTOR);
        let mut sectors = Self {
            chip,
            unsettled: true,
        };
        if !fits {
            return None;
        }
        Some(sectors.settle().await.map(|()| sectors))
    }

    const fn copy(&self) -> u32 {
        SIZE
    }

    const fn journal(&self) -> u32 {
        SIZE.saturating_add(self.chip.block)
    }

    /// Steps 3 to 5 of a block that is half made, if there is one.
    async fn settle(&mut self) -> Result<(), SectorError> {
        if !self.unsettled {
            return Ok(());
        }
        self.chip.settle().await?;
        for at in self.records() {
            let word = self.chip.read_word(at);
            if word & MARK_MASK == MARK && self.chip.read_word(at + WORD) == !word {
                let block = (word & !MARK_MASK).saturating_mul(self.chip.block);
                if block >= SIZE {
                    return Err(SectorError::Chip);
                }
                log::info!("flash: block at {block:#x} is restored from its copy");
                self.remake(block, at).await?;
            }
        }
        self.unsettled = false;
        Ok(())
    }

    fn records(&self) -> impl Iterator<Item = u32> + use<> {
        let start = self.journal();
        (start..start.saturating_add(self.chip.block)).step_by(8)
    }

    /// Erases `from..to`, which lies within one block.
    async fn erase_within(&mut self, from: u32, to: u32) -> Result<(), SectorError> {
        let block = from - from % self.chip.block;
        if self.is_blank(from, to) {
            return Ok(());
        }
        if to - from == self.chip.block {
            return Ok(self.chip.erase(block).await?);
        }
        let copy = self.copy();
        if !self.is_blank(copy, copy.saturating_add(self.chip.block)) {
            self.chip.erase(copy).await?;
        }
        self.duplicate(block, copy, from..to).await?;

        let free = |at: &u32| self.is_blank(*at, at.saturating_add(RECORD));
        let record = match self.records().find(free) {
            Some(record) => record,
            None => {
                self.chip.erase(self.journal()).await?;
                self.journal()
            }
        };
        let mark = MARK | (block / self.chip.block);
        let [a, b, c, d] = mark.to_le_bytes();
        let [e, f, g, h] = (!mark).to_le_bytes();
        self.unsettled = true;
        self.chip.program(record, &[a, b, c, d, e, f, g, h]).await?;
        self.remake(block, record).await?;
        self.unsettled = false;
        Ok(())
    }

    /// Steps 3 to 5.
    async fn remake(&mut self, block: u32, record: u32) -> Result<(), SectorError> {
        self.chip.erase(block).await?;
        self.duplicate(self.copy(), block, 0..0).await?;
        Ok(self.chip.program(record, &[0; 8]).await?)
    }

    /// Writes a block's content to an erased one, leaving out what is blank and `except`.
    async fn duplicate(
        &mut self,
        from: u32,
        to: u32,
        except: core::ops::Range<u32>,
    ) -> Result<(), SectorError> {
        self.chip.settle().await?;
        for offset in (0..self.chip.block).step_by(CHUNK) {
            let mut chunk = [0; CHUNK];
            let at = from.saturating_add(offset);
            if except.contains(&at) {
                continue;
            }
            self.copy_out(at, &mut chunk);
            if chunk.iter().any(|byte| *byte != 0xff) {
                self.chip.program(to.saturating_add(offset), &chunk).await?;
            }
        }
        Ok(())
    }

    fn is_blank(&self, from: u32, to: u32) -> bool {
        (from..to)
            .step_by(4)
            .all(|at| self.chip.read_word(at) == u32::MAX)
    }

    /// From any address on; words are what the bus carries.
    fn copy_out(&self, at: u32, into: &mut [u8]) {
        for (at, byte) in (at..).zip(into) {
            let word = self.chip.read_word(at - at % WORD).to_le_bytes();
            let lane = usize::try_from(at % WORD).unwrap_or(0);
            *byte = word.get(lane).copied().unwrap_or(0xff);
        }
    }

    fn range(&self, from: u32, length: usize, unit: u32) -> Result<u32, SectorError> {
        let length = u32::try_from(length).map_err(|_| SectorError::OutOfBounds)?;
        match from.checked_add(length) {
            Some(end) if end <= SIZE => {
                if from.is_multiple_of(unit) && length.is_multiple_of(unit) {
                    Ok(end)
                } else {
                    Err(SectorError::NotAligned)
                }
            }
            _ => Err(SectorError::OutOfBounds),
        }
    }
}

impl ErrorType for Sectors {
    type Error = SectorError;
}

impl ReadNorFlash for Sectors {
    const READ_SIZE: usize = 1;

    async fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Self::Error> {
        self.range(offset, bytes.len(), 1)?;
        self.settle().await?;
        self.chip.settle().await?;
        self.copy_out(offset, bytes);
        Ok(())
    }

    fn capacity(&self) -> usize {
        usize::try_from(SIZE).unwrap_or(0)
    }
}

impl NorFlash for Sectors {
    const WRITE_SIZE: usize = 4;
    const ERASE_SIZE: usize = 4096;

    async fn erase(&mut self, from: u32, to: u32) -> Result<(), Self::Error> {
        let length = to.checked_sub(from).ok_or(SectorError::OutOfBounds)?;
        let length = usize::try_from(length).map_err(|_| SectorError::OutOfBounds)?;
        self.range(from, length, SECTOR)?;
        self.settle().await?;
        self.chip.settle().await?;
        let mut at = from;
        while at < to {
            let end = (at - at % self.chip.block).saturating_add(self.chip.block);
            self.erase_within(at, end.min(to)).await?;
            at = end;
        }
        Ok(())
    }

    async fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Self::Error> {
        self.range(offset, bytes.len(), WORD)?;
        self.settle().await?;
        Ok(self.chip.program(offset, bytes).await?)
    }
}

/// A second write clears further bits, and sets none.
impl MultiwriteNorFlash for Sectors {}
