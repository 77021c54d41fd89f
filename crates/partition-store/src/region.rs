//! One partition to read, erase and write. Offsets count from its start; nothing outside can be named.
//!
//! A write follows the flash: it can only clear bits, so bytes written over others leave old AND
//! new. ESP-AT answers `OK` to that, and so this is not an error here but a fact in the
//! [`WriteReport`]. Ranges need no alignment: the flash is written in whole words, filled up with
//! 0xFF, which leaves the neighbouring bytes as they are.
//!
//! spec: cert-bin 6.2 (order of writes), 7; at-commands B.2

use core::fmt;

use embedded_storage_async::nor_flash::{
    ErrorType, MultiwriteNorFlash, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash,
};

use crate::layout::SECTOR;
use crate::{Partition, StoreError};

/// Bytes written and compared at a time; at least as large as any flash's word.
pub(crate) const WINDOW: usize = 128;

/// Largest word this crate reads or writes: that of STM32 internal flash.
const MAX_WORD: usize = 32;

/// First bytes of a certificate image.
const IMAGE_MAGIC: [u8; 2] = [0xf1, 0xf1];

/// Bytes of a certificate image's header.
const IMAGE_HEADER: usize = 8;

/// One partition of a flash.
pub struct Region<'a, F> {
    flash: &'a mut F,
    partition: Partition,
}

/// What became of a write that the flash carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[must_use]
pub struct WriteReport {
    /// The first byte, from the partition's start, that is not what was asked for, because the
    /// place was not erased before.
    pub differs_at: Option<u32>,
}

impl WriteReport {
    pub(crate) fn add(&mut self, differs_at: Option<u32>) {
        self.differs_at = self.differs_at.or(differs_at);
    }
}

/// A window's worth of bytes on their way to flash.
///
/// Bytes outside `from..to` are 0xFF.
pub(crate) struct Window {
    /// Offset in the partition, a multiple of [`WINDOW`].
    pub(crate) base: u32,
    pub(crate) from: usize,
    pub(crate) to: usize,
    pub(crate) bytes: [u8; WINDOW],
}

impl Window {
    /// Empty, for bytes from `offset` on.
    pub(crate) fn at(offset: u32) -> Self {
        let size = u32::try_from(WINDOW).unwrap_or(1);
        let within = usize::try_from(offset % size).unwrap_or(0);
        Self {
            base: offset - offset % size,
            from: within,
            to: within,
            bytes: [0xff; WINDOW],
        }
    }

    /// The offset of the first byte that is not in yet.
    pub(crate) fn next(&self) -> u32 {
        self.base
            .saturating_add(u32::try_from(self.to).unwrap_or(u32::MAX))
    }

    /// Takes what fits from the start of `bytes`; returns how many.
    pub(crate) fn fill(&mut self, bytes: &[u8]) -> usize {
        let room = self.bytes.get_mut(self.to..).unwrap_or_default();
        let taken = room.len().min(bytes.len());
        for (to, from) in room.iter_mut().zip(bytes) {
            *to = *from;
        }
        self.to = self.to.saturating_add(taken);
        taken
    }

    pub(crate) fn is_full(&self) -> bool {
        self.to == WINDOW
    }
}

impl<'a, F: NorFlash> Region<'a, F> {
    const WORD: usize = if F::WRITE_SIZE > F::READ_SIZE {
        F::WRITE_SIZE
    } else {
        F::READ_SIZE
    };

    const FITS: () = {
        assert!(
            F::WRITE_SIZE <= MAX_WORD && WINDOW.is_multiple_of(F::WRITE_SIZE),
            "word size"
        );
        assert!(
            F::READ_SIZE <= MAX_WORD && WINDOW.is_multiple_of(F::READ_SIZE),
            "word size"
        );
        assert!(
            4096_usize.is_multiple_of(F::ERASE_SIZE),
            "ESP-AT erases sectors of 4096 bytes"
        );
    };

    /// `partition` has to be one of `flash` and aligned to sectors; [`crate::Layout`] saw to that.
    pub(crate) fn new(flash: &'a mut F, partition: Partition) -> Self {
        const { Self::FITS };
        Self { flash, partition }
    }

    /// The partition this is.
    pub const fn partition(&self) -> &Partition {
        &self.partition
    }

    /// Bytes.
    pub const fn size(&self) -> u32 {
        self.partition.size()
    }

    /// Whether `length` bytes from `offset` are in the partition: at least one, none outside.
    ///
    /// # Errors
    /// [`StoreError::BadRange`].
    pub const fn check_range(&self, offset: u32, length: u32) -> Result<(), StoreError<F::Error>> {
        let size = self.size();
        match offset.checked_add(length) {
            Some(end) if length > 0 && end <= size => Ok(()),
            _ => Err(StoreError::BadRange {
                offset,
                length,
                size,
            }),
        }
    }

    /// Fills all of `into` with the bytes from `offset` on.
    ///
    /// Dropping the future loses nothing.
    ///
    /// # Errors
    /// The range is not in the partition, or the flash fails.
    pub async fn read_at(
        &mut self,
        offset: u32,
        into: &mut [u8],
    ) -> Result<(), StoreError<F::Error>> {
        self.check_range(offset, length_of(into))?;
        let mut place = self.partition.offset().saturating_add(offset);
        let mut rest = into;
        while !rest.is_empty() {
            let word = u32::try_from(F::READ_SIZE).unwrap_or(1);
            let within = usize::try_from(place % word).unwrap_or(0);
            let whole = rest.len() - rest.len() % F::READ_SIZE;
            let taken = if within == 0 && whole > 0 {
                let (aligned, more) = rest.split_at_mut(whole);
                self.flash
                    .read(place, aligned)
                    .await
                    .map_err(StoreError::ReadFailed)?;
                rest = more;
                whole
            } else {
                // The word around the first or the last bytes.
                let mut buffer = [0; MAX_WORD];
                let buffer = buffer.get_mut(..F::READ_SIZE).unwrap_or_default();
                let start = place - place % word;
                self.flash
                    .read(start, buffer)
                    .await
                    .map_err(StoreError::ReadFailed)?;
                let wanted = buffer.get(within..).unwrap_or_default();
                let taken = wanted.len().min(rest.len());
                let (partial, more) = rest.split_at_mut(taken);
                for (to, from) in partial.iter_mut().zip(wanted) {
                    *to = *from;
                }
                rest = more;
                taken
            };
            place = place.saturating_add(u32::try_from(taken).unwrap_or(u32::MAX));
        }
        Ok(())
    }

    /// Erases the whole partition.
    ///
    /// If power fails or the future is dropped, any part of the partition may be erased and one
    /// sector half so.
    ///
    /// # Errors
    /// The flash fails.
    pub async fn erase_all(&mut self) -> Result<(), StoreError<F::Error>> {
        self.erase_range(0, self.size()).await
    }

    /// Erases `length` bytes from `offset` on; both are multiples of 4096.
    ///
    /// If power fails or the future is dropped, any part of the range may be erased and one sector
    /// half so; no other byte changes.
    ///
    /// # Errors
    /// The range is not in the partition or not one of whole sectors, or the flash fails.
    pub async fn erase_range(
        &mut self,
        offset: u32,
        length: u32,
    ) -> Result<(), StoreError<F::Error>> {
        self.check_range(offset, length)?;
        if !offset.is_multiple_of(SECTOR) || !length.is_multiple_of(SECTOR) {
            return Err(StoreError::NotAligned { offset, length });
        }
        let from = self.partition.offset().saturating_add(offset);
        let to = from.saturating_add(length);
        self.flash
            .erase(from, to)
            .await
            .map_err(StoreError::EraseFailed)
    }
}

impl<F: MultiwriteNorFlash> Region<'_, F> {
    /// Writes `bytes` from `offset` on, of any alignment; never erases. What is not erased
    /// becomes old AND new, and the report says where that is not what was asked for.
    ///
    /// If power fails or the future is dropped, these bytes may be partly written; no others change.
    ///
    /// # Errors
    /// The range is not in the partition, or the flash fails.
    pub async fn write_at(
        &mut self,
        offset: u32,
        bytes: &[u8],
    ) -> Result<WriteReport, StoreError<F::Error>> {
        self.check_range(offset, length_of(bytes))?;
        let mut report = WriteReport::default();
        let mut window = Window::at(offset);
        let mut rest = bytes;
        while !rest.is_empty() {
            let taken = window.fill(rest);
            report.add(self.program(&window).await?);
            window = Window::at(window.next());
            rest = rest.get(taken..).unwrap_or_default();
        }
        Ok(report)
    }

    /// Brings a window to flash and compares. Returns the first byte that is not as wanted because
    /// it was not erased.
    pub(crate) async fn program(
        &mut self,
        window: &Window,
    ) -> Result<Option<u32>, StoreError<F::Error>> {
        let Window {
            base,
            from,
            to,
            bytes,
        } = window;
        let low = from - from % Self::WORD;
        let high = to.next_multiple_of(Self::WORD);
        let (mut old, mut back) = ([0xff; WINDOW], [0xff; WINDOW]);
        let (Some(old), Some(back), Some(new)) = (
            old.get_mut(low..high),
            back.get_mut(low..high),
            bytes.get(low..high),
        ) else {
            return Ok(None);
        };
        let offset_of = |index: usize| {
            let index = low.saturating_add(index);
            base.saturating_add(u32::try_from(index).unwrap_or(u32::MAX))
        };
        let start = self.partition.offset().saturating_add(offset_of(0));
        self.flash
            .read(start, old)
            .await
            .map_err(StoreError::ReadFailed)?;
        let differs = |wanted: &[u8], found: &[u8]| {
            wanted
                .iter()
                .zip(found)
                .position(|(wanted, found)| wanted != found)
        };

        let mut changes = false;
        for (old, new) in old.iter_mut().zip(new) {
            changes |= *old & *new != *old;
            *old &= *new;
        }
        let expected = &*old;
        // What is there already is not programmed again, so a write that was cut can be repeated.
        if changes {
            self.flash
                .write(start, new)
                .await
                .map_err(StoreError::WriteFailed)?;
            self.flash
                .read(start, back)
                .await
                .map_err(StoreError::ReadFailed)?;
            if let Some(index) = differs(expected, back) {
                return Err(StoreError::WriteNotTaken {
                    offset: offset_of(index),
                });
            }
        }
        // Bytes beside the wanted ones are 0xFF in `new` and anything in flash.
        let asked = from.saturating_sub(low)..to.saturating_sub(low);
        let wanted = new.get(asked.clone()).unwrap_or_default();
        let found = expected.get(asked.clone()).unwrap_or_default();
        Ok(differs(wanted, found).map(|index| offset_of(asked.start.saturating_add(index))))
    }

    /// Replaces what the partition holds by a certificate image, so that at no moment a reader takes
    /// half an image for a whole one.
    ///
    /// ```text
    /// magic of the old image := 00 00 ─▶ erase all ─▶ write from byte 8 on ─▶ write bytes 0..8
    /// ```
    ///
    /// If power fails or the future is dropped, the partition holds the old image, or none (its
    /// magic, or at the very end its list length, is not one of an image), or the new one.
    ///
    /// # Errors
    /// `image` is shorter than its header or longer than the partition (nothing is changed then),
    /// or the flash fails.
    pub async fn replace_image(&mut self, image: &[u8]) -> Result<(), StoreError<F::Error>> {
        let size = self.size();
        let length = length_of(image);
        let bad_range = StoreError::BadRange {
            offset: 0,
            length,
            size,
        };
        let (header, body) = image.split_at_checked(IMAGE_HEADER).ok_or(bad_range)?;
        self.check_range(0, length)?;

        let mut magic = [0; IMAGE_MAGIC.len()];
        self.read_at(0, &mut magic).await?;
        if magic == IMAGE_MAGIC {
            // Half an erase may spare the header and hit the items, so the header goes first.
            // That old and new differ afterwards is the point.
            let _ = self.write_at(0, &[0; IMAGE_MAGIC.len()]).await?;
        }
        self.erase_all().await?;
        let header_size = u32::try_from(IMAGE_HEADER).unwrap_or(0);
        for (offset, part) in [(header_size, body), (0, header)] {
            if part.is_empty() {
                continue;
            }
            if let Some(offset) = self.write_at(offset, part).await?.differs_at {
                return Err(StoreError::WriteNotTaken { offset });
            }
        }
        Ok(())
    }
}

fn length_of(bytes: &[u8]) -> u32 {
    // No partition is as large as what does not fit; the range check will say so.
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}

impl<F> fmt::Debug for Region<'_, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Region")
            .field("partition", &self.partition)
            .finish_non_exhaustive()
    }
}

/// What fails when a [`Region`] is used as a flash of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum RegionError<E> {
    /// The range is not in the partition.
    OutOfBounds,
    /// The flash failed.
    Flash(E),
}

impl<E: fmt::Debug> fmt::Display for RegionError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfBounds => f.write_str("range is not in the partition"),
            Self::Flash(error) => write!(f, "flash: {error:?}"),
        }
    }
}

impl<E: fmt::Debug> core::error::Error for RegionError<E> {}

impl<E: NorFlashError> NorFlashError for RegionError<E> {
    fn kind(&self) -> NorFlashErrorKind {
        match self {
            Self::OutOfBounds => NorFlashErrorKind::OutOfBounds,
            Self::Flash(error) => error.kind(),
        }
    }
}

/// As a flash of its own, the partition's first byte is address 0. Alignment is the flash's to judge.
impl<F: NorFlash> Region<'_, F> {
    fn address(&self, offset: u32, length: u32) -> Result<u32, RegionError<F::Error>> {
        let end = offset.checked_add(length).ok_or(RegionError::OutOfBounds)?;
        if end > self.size() {
            return Err(RegionError::OutOfBounds);
        }
        Ok(self.partition.offset().saturating_add(offset))
    }
}

impl<F: NorFlash> ErrorType for Region<'_, F> {
    type Error = RegionError<F::Error>;
}

impl<F: NorFlash> ReadNorFlash for Region<'_, F> {
    const READ_SIZE: usize = F::READ_SIZE;

    async fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Self::Error> {
        let address = self.address(offset, length_of(bytes))?;
        self.flash
            .read(address, bytes)
            .await
            .map_err(RegionError::Flash)
    }

    fn capacity(&self) -> usize {
        usize::try_from(self.size()).unwrap_or(usize::MAX)
    }
}

impl<F: NorFlash> NorFlash for Region<'_, F> {
    const WRITE_SIZE: usize = F::WRITE_SIZE;
    const ERASE_SIZE: usize = F::ERASE_SIZE;

    async fn erase(&mut self, from: u32, to: u32) -> Result<(), Self::Error> {
        let length = to.checked_sub(from).ok_or(RegionError::OutOfBounds)?;
        let address = self.address(from, length)?;
        self.flash
            .erase(address, address.saturating_add(length))
            .await
            .map_err(RegionError::Flash)
    }

    async fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Self::Error> {
        let address = self.address(offset, length_of(bytes))?;
        self.flash
            .write(address, bytes)
            .await
            .map_err(RegionError::Flash)
    }
}

impl<F: MultiwriteNorFlash> MultiwriteNorFlash for Region<'_, F> {}
