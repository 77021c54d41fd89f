//! A region as a flash of its own.

use core::fmt;

use embedded_storage_async::nor_flash::{
    ErrorType, MultiwriteNorFlash, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash,
};

use super::{Region, length_of};

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
