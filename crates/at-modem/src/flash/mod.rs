//! The flash chip: settings records, user partitions, and the items that certificates are kept in.
//!
//! One mutex, held for one operation at a time. Nothing waits for the port while it holds it, except
//! `AT+SYSFLASH` and `AT+SYSMFG`, which work on a region of their own.

use core::cell::Cell;

use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embassy_sync::mutex::{Mutex, MutexGuard};
use embedded_storage_async::nor_flash::MultiwriteNorFlash;
use partition_store::{FlashStore, PartitionStore, SettingsError};

use crate::settings::key::{Key, OWNER, Store};

pub(crate) mod inventory;
pub(crate) mod items;

/// A setting that could not be stored; the log says which.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotStored;

/// Says to a bootloader that waits for it that this program works (spec: ota 1).
pub(crate) async fn confirm<F: MultiwriteNorFlash>(store: &mut FlashStore<F>) {
    let Some(mut ota) = store.ota() else { return };
    match ota.confirm().await {
        Ok(false) => {}
        Ok(true) => espat_log::info!("this program is confirmed"),
        Err(_) => espat_log::warn!("OTA data cannot be read or written"),
    }
}

/// The one owner of the flash.
pub(crate) struct Flash<F> {
    store: Mutex<NoopRawMutex, FlashStore<F>>,
    /// Whether the settings were checked since start-up. Until then nothing reads single records.
    checked: Cell<bool>,
}

impl<F: MultiwriteNorFlash> Flash<F> {
    pub(crate) const fn new(store: FlashStore<F>) -> Self {
        Self {
            store: Mutex::new(store),
            checked: Cell::new(false),
        }
    }

    /// The store, for commands that work on a partition or on `mfg_nvs` themselves.
    pub(crate) async fn lock(&self) -> MutexGuard<'_, NoopRawMutex, FlashStore<F>> {
        self.store.lock().await
    }

    /// Before anything else can have it.
    pub(crate) fn get_mut(&mut self) -> &mut FlashStore<F> {
        self.store.get_mut()
    }

    /// The settings in a store that is locked. If they could not be checked at start-up, they are now:
    /// a flash that failed once can hold anything.
    pub(crate) async fn settings<'s>(
        &self,
        store: &'s mut FlashStore<F>,
    ) -> Result<Store<'s, F>, SettingsError<F::Error>> {
        if self.checked.get() {
            return Store::attach(store.settings_region(), OWNER).await;
        }
        let (settings, _) = Store::open(store.settings_region(), OWNER).await?;
        self.checked.set(true);
        Ok(settings)
    }

    pub(crate) fn into_inner(self) -> F {
        self.store.into_inner().into_inner()
    }

    /// Stores the record of a setting. An empty record takes the setting back.
    pub(crate) async fn store(&self, key: Key, record: &[u8]) -> Result<(), NotStored> {
        let mut store = self.lock().await;
        let stored = match self.settings(&mut store).await {
            Ok(mut settings) => settings.set(key, record).await,
            Err(error) => Err(error),
        };
        stored.map_err(|_| {
            espat_log::error!("setting {} cannot be stored", key.number());
            NotStored
        })
    }

    /// The first bytes of a user partition, as many as fit. `None` if it is not there or cannot be read.
    pub(crate) async fn read_partition<'b>(
        &self,
        name: &str,
        into: &'b mut [u8],
    ) -> Option<&'b [u8]> {
        let mut store = self.lock().await;
        let mut region = store.user_region(name).ok()?;
        let size = usize::try_from(region.size()).ok()?;
        let len = size.min(into.len());
        let into = into.get_mut(..len)?;
        region.read_at(0, into).await.ok()?;
        Some(into)
    }
}
