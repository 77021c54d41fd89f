//! Where partitions come from: a trait, and the store over one flash.

use embedded_storage_async::nor_flash::{ErrorType, NorFlash};

use super::error::LayoutError;
use super::layout::{Layout, is_user};
use super::store_error::StoreError;
use crate::entry::Partition;
use crate::ota::Ota;
use crate::region::Region;

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
    /// There is none, or it is not of the type that may be changed ([`is_user`]).
    fn user_region(
        &mut self,
        name: &str,
    ) -> Result<Region<'_, Self::Flash>, StoreError<FlashError<Self>>>;

    /// The partition for settings.
    fn settings_region(&mut self) -> Region<'_, Self::Flash>;

    /// The partition `mfg_nvs`, where the flash has one; for [`Nvs`](crate::Nvs).
    fn mfg_region(&mut self) -> Option<Region<'_, Self::Flash>>;

    /// The two slots for programs, where the flash has them.
    fn ota(&mut self) -> Option<Ota<'_, Self::Flash>>;
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

    fn ota(&mut self) -> Option<Ota<'_, Self::Flash>> {
        S::ota(self)
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
    #[must_use]
    pub const fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Gives the flash back.
    #[must_use]
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
        if !is_user(found) {
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

    fn ota(&mut self) -> Option<Ota<'_, F>> {
        let slots = *self.layout.slots()?;
        Some(Ota::new(&mut self.flash, slots))
    }
}
