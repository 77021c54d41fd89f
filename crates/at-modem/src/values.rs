//! Certificates and keys as values of `mfg_nvs`, where the flash has it (spec: cert-bin 9).
//!
//! ```text
//! client_ca    client_ca.0  client_ca.1 …     numbers as AT+CIPSSLCCONF gives them
//! server_cert  server_cert                    one item only
//! ```
//!
//! The bytes of a value are the content of an item: PEM or DER, without the header of an image.

use partition_store::nvs::{Cursor, Kind, Label, Listed};
use partition_store::{FlashError, FlashStore, Nvs, NvsError, PartitionStore};

use crate::platform::Platform;
use crate::state::Shared;

/// The error of a board's flash.
type Broken<P> = FlashError<FlashStore<<P as Platform>::Flash>>;

/// Why there is no such item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NoItem {
    /// Items are numbered from 0 to below this.
    Missing { available: u16 },
    /// It is damaged, too long, no text or binary, or the flash failed.
    Unreadable,
}

impl<P: Platform> Shared<'_, P> {
    /// Whether certificates are values in `mfg_nvs`, and not images in partitions.
    pub(crate) async fn keeps_values(&self) -> bool {
        self.store.lock().await.layout().mfg().is_some()
    }

    /// The content of item `number` of a role such as `client_ca`.
    pub(crate) async fn read_numbered<'b>(
        &self,
        role: &str,
        number: u8,
        into: &'b mut [u8],
    ) -> Result<&'b [u8], NoItem> {
        let (Some(namespace), Some(key)) = (Label::new(role), Label::numbered(role, number)) else {
            return Err(NoItem::Unreadable);
        };
        match self.read_value(namespace, key, into).await {
            Ok(len) => into.get(..len).ok_or(NoItem::Unreadable),
            Err(NvsError::NoSuchNamespace | NvsError::NoSuchKey) => Err(NoItem::Missing {
                available: self.count_numbered(namespace).await,
            }),
            Err(_) => {
                espat_log::warn!("item {} of {} cannot be read", number, role);
                Err(NoItem::Unreadable)
            }
        }
    }

    /// How many items there are up to the first number that is missing.
    async fn count_numbered(&self, role: Label) -> u16 {
        for number in 0..=u8::MAX {
            let Some(key) = Label::numbered(role.as_str(), number) else {
                return u16::from(number);
            };
            let mut store = self.store.lock().await;
            let Some(region) = store.mfg_region() else {
                return 0;
            };
            let Ok(mut nvs) = Nvs::read_only(region).await else {
                return 0;
            };
            if let Err(NvsError::NoSuchNamespace | NvsError::NoSuchKey) = nvs.find(role, key).await
            {
                return u16::from(number);
            }
        }
        256
    }

    /// Copies a value of text or binary into a buffer; returns its length.
    pub(crate) async fn read_value(
        &self,
        namespace: Label,
        key: Label,
        into: &mut [u8],
    ) -> Result<usize, NvsError<Broken<P>>> {
        let mut store = self.store.lock().await;
        let region = store.mfg_region().ok_or(NvsError::NoSuchNamespace)?;
        let mut nvs = Nvs::read_only(region).await?;
        let value = nvs.find(namespace, key).await?;
        if !matches!(value.kind(), Kind::Text | Kind::Binary) {
            return Err(NvsError::WrongKind);
        }
        let needed = usize::try_from(value.length()).unwrap_or(usize::MAX);
        let available = into.len();
        let into = into
            .get_mut(..needed)
            .ok_or(NvsError::BufferTooSmall { needed, available })?;
        nvs.read(&value, 0, into).await?;
        Ok(needed)
    }

    /// The next namespace of `mfg_nvs`.
    pub(crate) async fn next_namespace(
        &self,
        cursor: &mut Cursor,
    ) -> Result<Option<Label>, NvsError<Broken<P>>> {
        let mut store = self.store.lock().await;
        let Some(region) = store.mfg_region() else {
            return Ok(None);
        };
        Nvs::read_only(region).await?.next_namespace(cursor).await
    }

    /// The next key of a namespace of `mfg_nvs`.
    pub(crate) async fn next_key(
        &self,
        namespace: Label,
        cursor: &mut Cursor,
    ) -> Result<Option<Listed>, NvsError<Broken<P>>> {
        let mut store = self.store.lock().await;
        let Some(region) = store.mfg_region() else {
            return Err(NvsError::NoSuchNamespace);
        };
        let mut nvs = Nvs::read_only(region).await?;
        nvs.next_key(namespace, cursor).await
    }
}
