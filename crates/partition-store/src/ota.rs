//! Which of two programs the bootloader starts: partition `otadata`, and the slots `ota_0` and `ota_1`.
//!
//! ```text
//! otadata   0        4       24      28    32        4096                       8192
//!           | number | label | state | CRC | erased  | the same again           |
//! ```
//!
//! Of two entries that count, the one with the larger number decides: slot (number − 1) modulo 2. A change goes to
//! the entry that does not decide, so that the other one does until the last byte is written. If the program in the
//! slot is damaged, the bootloader starts the other one.
//!
//! esp-bootloader-esp-idf has a type for the same data. It refuses to read or write if one entry is damaged, as a power
//! cut leaves it, and its flash blocks.
//!
//! spec: ota 1

mod entry;
mod error;

pub use self::entry::State;
pub use self::error::{SelectError, SlotError};

use core::fmt;

use embedded_storage_async::nor_flash::{MultiwriteNorFlash, NorFlash};

use self::entry::{ENTRY, Entry, deciding, next};
use crate::app_image::{self, AppImage, ChipId};
use crate::{AccessError, Partition, PartitionKind, Region, SECTOR};

/// Subtype of the data partition that says which slot starts.
const SUBTYPE_DATA: u8 = 0;
/// Subtypes of programs: 0 is a program that no update replaces, 0x10 to 0x1f are slots.
const SUBTYPE_FACTORY: u8 = 0;
const SUBTYPE_SLOT: u8 = 0x10;
const SUBTYPE_LAST_SLOT: u8 = 0x1f;

/// One of two places for a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Slot {
    /// Partition `ota_0`: what starts from a flash that was never updated.
    Ota0,
    /// Partition `ota_1`.
    Ota1,
}

impl Slot {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Ota0, Self::Ota1];

    /// The other one.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Ota0 => Self::Ota1,
            Self::Ota1 => Self::Ota0,
        }
    }

    const fn subtype(self) -> u8 {
        match self {
            Self::Ota0 => SUBTYPE_SLOT,
            Self::Ota1 => SUBTYPE_SLOT + 1,
        }
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ota0 => "ota_0",
            Self::Ota1 => "ota_1",
        })
    }
}

/// The partitions of a flash with two slots.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Slots {
    data: Partition,
    ota_0: Partition,
    ota_1: Partition,
}

impl Slots {
    /// The slots of a primary table. `None` if it has not exactly two, or a program besides, or no OTA data of two
    /// sectors: what the bootloader then starts is not what this module computes.
    #[must_use]
    pub fn find<'p>(table: impl IntoIterator<Item = &'p Partition>) -> Option<Self> {
        let (mut data, mut ota_0, mut ota_1) = (None, None, None);
        for partition in table {
            let place = match (partition.kind(), partition.subtype()) {
                (PartitionKind::Data, SUBTYPE_DATA) => &mut data,
                (PartitionKind::App, subtype) if subtype == Slot::Ota0.subtype() => &mut ota_0,
                (PartitionKind::App, subtype) if subtype == Slot::Ota1.subtype() => &mut ota_1,
                (PartitionKind::App, SUBTYPE_FACTORY | SUBTYPE_SLOT..=SUBTYPE_LAST_SLOT) => {
                    return None;
                }
                _ => continue,
            };
            if place.replace(*partition).is_some() {
                return None;
            }
        }
        let (data, ota_0, ota_1) = (data?, ota_0?, ota_1?);
        let whole = |partition: &Partition| {
            let aligned = partition.offset().is_multiple_of(SECTOR);
            aligned && partition.size().is_multiple_of(SECTOR) && partition.size() > 0
        };
        (data.size() == 2 * SECTOR && [data, ota_0, ota_1].iter().all(whole)).then_some(Self {
            data,
            ota_0,
            ota_1,
        })
    }

    /// Where a slot is.
    #[must_use]
    pub const fn partition(&self, slot: Slot) -> &Partition {
        match slot {
            Slot::Ota0 => &self.ota_0,
            Slot::Ota1 => &self.ota_1,
        }
    }

    /// The partition `otadata`.
    #[must_use]
    pub const fn data(&self) -> &Partition {
        &self.data
    }

    /// The slot whose program lies at this address of the flash.
    #[must_use]
    pub fn at(&self, address: u32) -> Option<Slot> {
        let holds = |slot: &Slot| {
            let partition = self.partition(*slot);
            (partition.offset()..partition.end()).contains(&address)
        };
        Slot::ALL.into_iter().find(holds)
    }
}

/// The slots of one flash, to read and to choose from.
pub struct Ota<'a, F> {
    flash: &'a mut F,
    slots: Slots,
}

impl<'a, F: NorFlash> Ota<'a, F> {
    /// Opens the slots of `flash`.
    ///
    /// # Errors
    /// One of the partitions ends behind the flash.
    pub fn open(flash: &'a mut F, slots: Slots) -> Result<Self, crate::OpenError> {
        for partition in [slots.data, slots.ota_0, slots.ota_1] {
            Region::open(&mut *flash, &partition)?;
        }
        Ok(Self::new(flash, slots))
    }

    /// `slots` have to be those of `flash`: the caller has checked.
    pub(crate) const fn new(flash: &'a mut F, slots: Slots) -> Self {
        Self { flash, slots }
    }

    /// The partitions.
    #[must_use]
    pub const fn slots(&self) -> &Slots {
        &self.slots
    }

    fn data(&mut self) -> Region<'_, F> {
        Region::new(self.flash, self.slots.data)
    }

    async fn entries(&mut self) -> Result<[Option<Entry>; 2], AccessError<F::Error>> {
        let mut entries = [None; 2];
        for (entry, offset) in entries.iter_mut().zip([0, SECTOR]) {
            let mut bytes = [0; ENTRY];
            self.data().read_at(offset, &mut bytes).await?;
            *entry = Entry::parse(&bytes);
        }
        Ok(entries)
    }

    /// The slot that the bootloader tries first, and the state that OTA data gives it; none if nothing is stored.
    ///
    /// Reads only: dropping the future loses nothing.
    ///
    /// # Errors
    /// The flash fails.
    pub async fn selected(&mut self) -> Result<(Slot, Option<State>), AccessError<F::Error>> {
        Ok(match deciding(&self.entries().await?) {
            Some((_, entry)) => (entry.slot(), Some(entry.state)),
            None => (Slot::Ota0, None),
        })
    }

    /// The program in a slot, if it is whole and made for this chip: what the bootloader checks, its digest and its
    /// version.
    ///
    /// Reads all of it, which takes a second on a chip; the future does not yield where the flash does not. Dropping it
    /// loses nothing.
    ///
    /// # Errors
    /// The slot holds no such program, or the flash fails.
    pub async fn program(
        &mut self,
        slot: Slot,
        chip: ChipId,
    ) -> Result<AppImage, SlotError<F::Error>> {
        let partition = *self.slots.partition(slot);
        let image = app_image::check(&mut Region::new(self.flash, partition)).await;
        let image = image.map_err(SlotError::Image)?;
        if image.chip == chip {
            Ok(image)
        } else {
            Err(SlotError::WrongChip {
                found: image.chip,
                expected: chip,
            })
        }
    }
}

impl<F: MultiwriteNorFlash> Ota<'_, F> {
    /// Makes the bootloader start this slot from the next restart on. Its program is not looked at:
    /// [`Self::program`] does that.
    ///
    /// If power fails or the future is dropped, the slot of before or this one is selected.
    ///
    /// # Errors
    /// The flash fails, or its numbers are used up.
    pub async fn select(&mut self, slot: Slot) -> Result<(), SelectError<F::Error>> {
        let entries = self.entries().await?;
        let current = deciding(&entries).map_or(Slot::Ota0, |(_, entry)| entry.slot());
        if current == slot {
            return Ok(());
        }
        let (place, entry) = next(&entries, slot).ok_or(SelectError::NumbersUsedUp)?;
        self.store(place, entry).await?;
        Ok(())
    }

    /// Says that the program that runs works, if the bootloader waits for that: otherwise it starts the other one at
    /// the next restart. Returns whether it waited.
    ///
    /// If power fails or the future is dropped while the entry is written again, the other slot may start next.
    ///
    /// # Errors
    /// The flash fails.
    pub async fn confirm(&mut self) -> Result<bool, AccessError<F::Error>> {
        match deciding(&self.entries().await?) {
            Some((place, entry)) if entry.state == State::PendingVerify => {
                let state = State::Valid;
                self.store(place, Entry { state, ..entry }).await?;
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    async fn store(&mut self, place: usize, entry: Entry) -> Result<(), AccessError<F::Error>> {
        let offset = if place == 0 { 0 } else { SECTOR };
        let mut data = self.data();
        data.erase_range(offset, SECTOR).await?;
        let bytes = entry.bytes();
        let report = data.write_at(offset, &bytes).await?;
        match report.differs_at {
            None => Ok(()),
            Some(offset) => Err(AccessError::WriteNotTaken { offset }),
        }
    }
}

impl<F> fmt::Debug for Ota<'_, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ota")
            .field("slots", &self.slots)
            .finish_non_exhaustive()
    }
}
