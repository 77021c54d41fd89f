//! Where partitions come from: a trait, and the store over one flash.

use core::fmt;

use embedded_storage_async::nor_flash::{ErrorType, NorFlash};

use crate::layout::{Layout, LayoutError, SECTOR};
use crate::{Kind, Partition, Region};

/// The flash error of a store.
pub type FlashError<S> = <<S as PartitionStore>::Flash as ErrorType>::Error;

/// The partitions that `AT+SYSFLASH` works on, and the place for settings.
pub trait PartitionStore {
    /// The flash they lie in.
    type Flash: NorFlash;

    /// The user partitions and what else is listed beside them, in table order.
    fn partitions(&self) -> &[Partition];

    /// The user partition of this name, to read and change; nothing else can be reached through it.
    ///
    /// # Errors
    /// There is none, or it is not of the type that may be changed ([`Partition::is_user`]).
    fn user_region(
        &mut self,
        name: &str,
    ) -> Result<Region<'_, Self::Flash>, StoreError<FlashError<Self>>>;

    /// The partition for settings.
    fn settings_region(&mut self) -> Region<'_, Self::Flash>;

    /// The partition `mfg_nvs`, where the flash has one; for [`Nvs`](crate::Nvs).
    fn mfg_region(&mut self) -> Option<Region<'_, Self::Flash>>;
}

impl<S: PartitionStore> PartitionStore for &mut S {
    type Flash = S::Flash;

    fn partitions(&self) -> &[Partition] {
        S::partitions(self)
    }

    fn user_region(
        &mut self,
        name: &str,
    ) -> Result<Region<'_, Self::Flash>, StoreError<FlashError<Self>>> {
        S::user_region(self, name)
    }

    fn settings_region(&mut self) -> Region<'_, Self::Flash> {
        S::settings_region(self)
    }

    fn mfg_region(&mut self) -> Option<Region<'_, Self::Flash>> {
        S::mfg_region(self)
    }
}

/// The partitions of one flash, found through its own tables.
#[derive(Debug)]
pub struct FlashStore<F> {
    flash: F,
    layout: Layout,
}

impl<F: NorFlash> FlashStore<F> {
    /// Reads and checks the tables of `flash`.
    ///
    /// Reads only: dropping the future loses nothing but `flash` itself.
    ///
    /// # Errors
    /// See [`Layout::load`].
    pub async fn open(mut flash: F) -> Result<Self, LayoutError<F::Error>> {
        let layout = Layout::load(&mut flash).await?;
        Ok(Self { flash, layout })
    }

    /// What the tables say.
    pub const fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Gives the flash back.
    pub fn into_inner(self) -> F {
        self.flash
    }
}

impl<F: NorFlash> PartitionStore for FlashStore<F> {
    type Flash = F;

    fn partitions(&self) -> &[Partition] {
        self.layout.partitions()
    }

    fn user_region(&mut self, name: &str) -> Result<Region<'_, F>, StoreError<F::Error>> {
        let found = self.layout.find(name).ok_or(StoreError::NoSuchPartition)?;
        if !found.is_user() {
            return Err(StoreError::NotUserPartition { kind: found.kind() });
        }
        Ok(Region::new(&mut self.flash, *found))
    }

    fn settings_region(&mut self) -> Region<'_, F> {
        Region::new(&mut self.flash, *self.layout.settings())
    }

    fn mfg_region(&mut self) -> Option<Region<'_, F>> {
        let partition = *self.layout.mfg()?;
        Some(Region::new(&mut self.flash, partition))
    }
}

/// Why a partition was not read, written or erased.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum StoreError<E> {
    /// No partition of this name is listed.
    NoSuchPartition,
    /// The partition is listed but not for `AT+SYSFLASH` to touch.
    NotUserPartition {
        /// What it is.
        kind: Kind,
    },
    /// The range is empty or leaves the partition.
    BadRange {
        /// First byte, from the partition's start.
        offset: u32,
        /// Bytes.
        length: u32,
        /// Bytes of the partition.
        size: u32,
    },
    /// The range to erase is not one of whole sectors.
    NotAligned {
        /// First byte, from the partition's start.
        offset: u32,
        /// Bytes.
        length: u32,
    },
    /// The flash failed to erase.
    EraseFailed(E),
    /// The flash failed to read.
    ReadFailed(E),
    /// The flash failed to write.
    WriteFailed(E),
    /// The flash reported success but holds something else than old AND new.
    WriteNotTaken {
        /// First such byte, from the partition's start.
        offset: u32,
    },
}

impl<E> StoreError<E> {
    /// The low 16 bits of ESP-AT's `ERR CODE:0x010A....` for this error (spec: cert-bin 7).
    ///
    /// ```text
    /// 0 no such partition    1 bad range or alignment    2 erase failed    3 read or write failed
    /// ```
    pub const fn extension(&self) -> u16 {
        match self {
            Self::NoSuchPartition | Self::NotUserPartition { .. } => 0,
            Self::BadRange { .. } | Self::NotAligned { .. } => 1,
            Self::EraseFailed(_) => 2,
            Self::ReadFailed(_) | Self::WriteFailed(_) | Self::WriteNotTaken { .. } => 3,
        }
    }
}

impl<E: fmt::Debug> fmt::Display for StoreError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchPartition => f.write_str("no such partition"),
            Self::NotUserPartition { kind } => {
                write!(
                    f,
                    "partition of type {} is not for the host to change",
                    kind.number()
                )
            }
            Self::BadRange {
                offset,
                length,
                size,
            } => {
                write!(
                    f,
                    "{length} bytes from {offset} are not in a partition of {size}"
                )
            }
            Self::NotAligned { offset, length } => {
                write!(
                    f,
                    "{length} bytes from {offset} are no whole sectors of {SECTOR}"
                )
            }
            Self::EraseFailed(error) => write!(f, "erase failed: {error:?}"),
            Self::ReadFailed(error) => write!(f, "read failed: {error:?}"),
            Self::WriteFailed(error) => write!(f, "write failed: {error:?}"),
            Self::WriteNotTaken { offset } => write!(f, "flash did not take the byte at {offset}"),
        }
    }
}

impl<E: fmt::Debug> core::error::Error for StoreError<E> {}
