//! Certificates and keys in flash: items of an image in a partition, or values of `mfg_nvs`, whichever
//! the flash has (spec: cert-bin 9).
//!
//! ```text
//! partition client_ca    item 0, item 1 …           by position, whatever the type of the item says
//! mfg_nvs   client_ca    client_ca.0  client_ca.1   numbers as AT+CIPSSLCCONF gives them
//! mfg_nvs   server_cert  server_cert                one item only
//! ```
//!
//! The bytes of a value are the content of an item: PEM or DER, without the header of an image.

use cert_bin::ItemKind;
use cert_bin::mistake::{Mistake, read_image};
use embedded_storage_async::nor_flash::MultiwriteNorFlash;
use partition_store::nvs::{Cursor, Label, ValueKind};
use partition_store::{FlashError, FlashStore, Nvs, NvsError, PartitionStore};

use super::Flash;
use crate::why::{Cause, Credential, ModemError};
use tls_session::reason::SetupError;

/// The error of a board's flash.
type Broken<F> = FlashError<FlashStore<F>>;

/// What items of one kind are for, and how the lack of one is named.
pub(crate) struct Role {
    credential: Credential,
    partition: &'static str,
    erased: Cause,
    missing: fn(u8, u16) -> Cause,
    unreadable: Cause,
    /// In `mfg_nvs` it may stand under its name alone, without a number.
    one: bool,
}

impl Role {
    /// What servers are checked against.
    pub(crate) const CA: Self = Self {
        credential: Credential::Ca,
        partition: "client_ca",
        erased: Cause::Modem(ModemError::CaErased),
        missing: |number, available| Cause::Modem(ModemError::CaMissing { number, available }),
        unreadable: Cause::setup(SetupError::CaUnreadable),
        one: false,
    };

    /// Our certificate.
    pub(crate) const CERTIFICATE: Self = Self {
        credential: Credential::Certificate,
        partition: "client_cert",
        erased: Cause::Modem(ModemError::CertErased),
        missing: |number, available| Cause::Modem(ModemError::CertMissing { number, available }),
        unreadable: Cause::setup(SetupError::CertUnreadable),
        one: false,
    };

    /// Our private key.
    pub(crate) const KEY: Self = Self {
        credential: Credential::Key,
        partition: "client_key",
        erased: Cause::Modem(ModemError::KeyErased),
        missing: |number, available| Cause::Modem(ModemError::KeyMissing { number, available }),
        unreadable: Cause::setup(SetupError::KeyUnreadable),
        one: false,
    };
}

/// What our server shows and asks for.
#[cfg(feature = "rustls")]
impl Role {
    /// What clients of our server are checked against.
    pub(crate) const SERVER_CA: Self = Self {
        credential: Credential::ServerCa,
        partition: "server_ca",
        one: true,
        ..Self::CA
    };

    /// The certificate of our server.
    pub(crate) const SERVER_CERTIFICATE: Self = Self {
        credential: Credential::ServerCertificate,
        partition: "server_cert",
        one: true,
        ..Self::CERTIFICATE
    };

    /// Its private key.
    pub(crate) const SERVER_KEY: Self = Self {
        credential: Credential::ServerKey,
        partition: "server_key",
        one: true,
        ..Self::KEY
    };
}

impl Role {
    /// Why the content of an item is of no use.
    pub(crate) fn unusable(&self, content: &[u8]) -> Cause {
        let wanted = match self.credential {
            Credential::Ca | Credential::ServerCa => ItemKind::Ca,
            Credential::Certificate | Credential::ServerCertificate => ItemKind::Cert,
            Credential::Key | Credential::ServerKey => ItemKind::Key,
        };
        match Mistake::of_item(content, wanted) {
            Some(Mistake::EncryptedKey) if wanted == ItemKind::Key => {
                ModemError::KeyEncrypted.into()
            }
            Some(mistake) => Cause::Content(self.credential, mistake),
            None => self.unreadable,
        }
    }
}

impl<F: MultiwriteNorFlash> Flash<F> {
    /// Whether certificates are values in `mfg_nvs`, and not images in partitions.
    pub(crate) async fn keeps_values(&self) -> bool {
        self.lock().await.layout().mfg().is_some()
    }

    /// The content of item `number` of a role. `into` may hold a key afterwards, even after a failure.
    pub(crate) async fn item<'b>(
        &self,
        role: &Role,
        number: u8,
        into: &'b mut [u8],
    ) -> Result<&'b [u8], Cause> {
        if self.keeps_values().await {
            return self.numbered_value(role, number, into).await;
        }
        let bytes = self.read_partition(role.partition, into).await;
        let bytes = bytes.ok_or(role.unreadable)?;
        let image = match read_image(bytes) {
            Ok(image) => image,
            Err(bad) if bad.is_blank() => return Err(role.erased),
            Err(bad) => {
                espat_log::warn!("{} cannot be read: {}", role.partition, bad.code());
                return Err(match bad.mistake {
                    Some(mistake) => Cause::Content(role.credential, mistake),
                    None => role.unreadable,
                });
            }
        };
        match image.at(usize::from(number)) {
            Some(item) => Ok(item.content),
            None => Err((role.missing)(number, image.count())),
        }
    }

    async fn numbered_value<'b>(
        &self,
        role: &Role,
        number: u8,
        into: &'b mut [u8],
    ) -> Result<&'b [u8], Cause> {
        let name = role.partition;
        let labels = Label::new(name).zip(Label::numbered(name, number));
        let (namespace, key) = labels.ok_or(role.unreadable)?;
        let mut found = self.read_value(namespace, key, into).await;
        if role.one && matches!(found, Err(NvsError::NoSuchKey)) {
            found = self.read_value(namespace, namespace, into).await;
        }
        match found {
            Ok(len) => into.get(..len).ok_or(role.unreadable),
            Err(NvsError::NoSuchNamespace | NvsError::NoSuchKey) => {
                Err((role.missing)(number, self.count_numbered(namespace).await))
            }
            Err(_) => {
                espat_log::warn!("item {} of {} cannot be read", number, name);
                Err(role.unreadable)
            }
        }
    }

    /// How many items there are up to the first number that is missing.
    async fn count_numbered(&self, role: Label) -> u16 {
        for number in 0..=u8::MAX {
            let Some(key) = Label::numbered(role.as_str(), number) else {
                return u16::from(number);
            };
            let mut store = self.lock().await;
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
    ) -> Result<usize, NvsError<Broken<F>>> {
        let mut store = self.lock().await;
        let region = store.mfg_region().ok_or(NvsError::NoSuchNamespace)?;
        let mut nvs = Nvs::read_only(region).await?;
        let value = nvs.find(namespace, key).await?;
        if !matches!(value.kind(), ValueKind::Text | ValueKind::Binary) {
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
    ) -> Result<Option<Label>, NvsError<Broken<F>>> {
        let mut store = self.lock().await;
        let Some(region) = store.mfg_region() else {
            return Ok(None);
        };
        Nvs::read_only(region).await?.next_namespace(cursor).await
    }

    /// The next key of a namespace of `mfg_nvs`, and the type of its value, which is not looked at.
    pub(crate) async fn next_key(
        &self,
        namespace: Label,
        cursor: &mut Cursor,
    ) -> Result<Option<(Label, ValueKind)>, NvsError<Broken<F>>> {
        let mut store = self.lock().await;
        let Some(region) = store.mfg_region() else {
            return Err(NvsError::NoSuchNamespace);
        };
        let mut nvs = Nvs::read_only(region).await?;
        nvs.next_name(namespace, cursor).await
    }
}
