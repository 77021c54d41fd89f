//! One partition to read, erase and write. Offsets count from its start; nothing outside can be named.
//!
//! A write follows the flash: it can only clear bits, so bytes written over others leave old AND
//! new. That is not an error here but a fact in the [`WriteReport`]. Ranges need no alignment: the flash is written in whole words, filled up with
//! 0xFF, which leaves the neighbouring bytes as they are.
//!
//! spec: cert-bin 6.2 (order of writes), 7; at-commands B.2

mod error;
mod nor_flash;
mod window;

pub use self::error::{AccessError, OpenError};
pub use self::nor_flash::RegionError;
pub use self::window::WriteReport;

pub(crate) use self::window::{WINDOW, Window};

use core::fmt;

use embedded_storage_async::nor_flash::{MultiwriteNorFlash, NorFlash};
use zeroize::Zeroizing;

use crate::Partition;

/// Bytes of a flash sector: what can be erased by itself, and so what partitions consist of.
pub const SECTOR: u32 = 0x1000;

/// Largest word this crate reads or writes: that of STM32 internal flash.
const MAX_WORD: usize = 32;

/// One partition of a flash.
pub struct Region<'a, F> {
    flash: &'a mut F,
    partition: Partition,
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
            "partitions consist of sectors of 4096 bytes"
        );
    };

    /// Opens a partition of `flash`, of any kind: an entry of a
    /// [`PartitionTable`](crate::PartitionTable), or one made by hand.
    ///
    /// Flags are not looked at: of an encrypted partition this reads and writes what the flash
    /// driver does.
    ///
    /// # Errors
    /// The partition is empty, ends behind the flash, or does not consist of whole sectors.
    pub fn open(flash: &'a mut F, partition: &Partition) -> Result<Self, OpenError> {
        let (offset, size) = (partition.offset(), partition.size());
        let capacity = u32::try_from(flash.capacity()).unwrap_or(u32::MAX);
        if partition.end() > capacity {
            return Err(OpenError::BeyondFlash {
                end: partition.end(),
                capacity,
            });
        }
        if size == 0 || !offset.is_multiple_of(SECTOR) || !size.is_multiple_of(SECTOR) {
            return Err(OpenError::NotAligned { offset, size });
        }
        Ok(Self::new(flash, *partition))
    }

    /// `partition` has to be one of `flash` and aligned to sectors: the caller has checked.
    pub(crate) fn new(flash: &'a mut F, partition: Partition) -> Self {
        const { Self::FITS };
        Self { flash, partition }
    }

    /// The partition this is.
    #[must_use]
    pub const fn partition(&self) -> &Partition {
        &self.partition
    }

    /// Bytes.
    #[must_use]
    pub const fn size(&self) -> u32 {
        self.partition.size()
    }

    /// Whether `length` bytes from `offset` are in the partition: at least one, none outside.
    ///
    /// # Errors
    /// [`AccessError::BadRange`].
    pub const fn check_range(&self, offset: u32, length: u32) -> Result<(), AccessError<F::Error>> {
        let size = self.size();
        match offset.checked_add(length) {
            Some(end) if length > 0 && end <= size => Ok(()),
            _ => Err(AccessError::BadRange {
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
    ) -> Result<(), AccessError<F::Error>> {
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
                    .map_err(AccessError::ReadFailed)?;
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
                    .map_err(AccessError::ReadFailed)?;
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
    pub async fn erase_all(&mut self) -> Result<(), AccessError<F::Error>> {
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
    ) -> Result<(), AccessError<F::Error>> {
        self.check_range(offset, length)?;
        if !offset.is_multiple_of(SECTOR) || !length.is_multiple_of(SECTOR) {
            return Err(AccessError::NotAligned { offset, length });
        }
        let from = self.partition.offset().saturating_add(offset);
        let to = from.saturating_add(length);
        self.flash
            .erase(from, to)
            .await
            .map_err(AccessError::EraseFailed)
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
    ) -> Result<WriteReport, AccessError<F::Error>> {
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
    ) -> Result<Option<u32>, AccessError<F::Error>> {
        let Window {
            base,
            from,
            to,
            bytes,
        } = window;
        let low = from - from % Self::WORD;
        let high = to.next_multiple_of(Self::WORD);
        let mut old = Zeroizing::new([0xff; WINDOW]);
        let mut back = Zeroizing::new([0xff; WINDOW]);
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
            .map_err(AccessError::ReadFailed)?;
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
                .map_err(AccessError::WriteFailed)?;
            self.flash
                .read(start, back)
                .await
                .map_err(AccessError::ReadFailed)?;
            if let Some(index) = differs(expected, back) {
                return Err(AccessError::WriteNotTaken {
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
}

pub(crate) fn length_of(bytes: &[u8]) -> u32 {
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
