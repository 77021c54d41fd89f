//! What a link shows and what it trusts, from the PKI partitions or from the values of `mfg_nvs`,
//! whichever the flash has: CA, certificate and key as DER.
//!
//! Items of a partition are taken by position, whatever their type says: what lies in `client_ca` is
//! a CA, as the original firmware has it.

use cert_bin::content::{self, ContentError, PrivateKey};
use cert_bin::{Image, ImageError};
use heapless::Vec;
use tls_session::identity::{ClientKey, IdentityMemory};
use tls_session::policy::MAX_ANCHORS;
use tls_session::{Cause, Identity};
use x509_facts::KeyKind;
use zeroize::Zeroize;

use crate::platform::Platform;
use crate::state::Shared;
use crate::values::NoItem;

/// Bytes of a PKI partition that are read: all of the usual 8 KiB.
pub(crate) const MAX_IMAGE: usize = 8192;

/// Bytes of a private key in DER: RSA of 4096 bits takes 2376 in PKCS#8.
const MAX_KEY: usize = 2560;

/// Memory for the credentials of one handshake.
pub(crate) struct CredentialMemory {
    pub(crate) certificates: [u8; MAX_IMAGE],
    identity: IdentityMemory,
    key: [u8; MAX_KEY],
}

impl CredentialMemory {
    pub(crate) const fn new() -> Self {
        Self {
            certificates: [0; MAX_IMAGE],
            identity: IdentityMemory::new(),
            key: [0; MAX_KEY],
        }
    }

    /// Forgets the private key.
    pub(crate) fn wipe(&mut self) {
        self.key.zeroize();
    }

    /// The memory for an identity, and that for what is trusted.
    pub(crate) fn parts(&mut self) -> (IdentityPlace<'_>, &mut [u8; MAX_IMAGE]) {
        let identity = IdentityPlace {
            message: &mut self.identity,
            key: &mut self.key,
        };
        (identity, &mut self.certificates)
    }
}

/// Where an identity lives during a handshake.
pub(crate) struct IdentityPlace<'m> {
    message: &'m mut IdentityMemory,
    key: &'m mut [u8; MAX_KEY],
}

/// What a partition of one kind can lack.
struct Lacks {
    partition: &'static str,
    erased: Cause,
    missing: fn(u8, u16) -> Cause,
    unreadable: Cause,
}

const CA: Lacks = Lacks {
    partition: "client_ca",
    erased: Cause::CaErased,
    missing: |number, available| Cause::CaMissing { number, available },
    unreadable: Cause::CaUnreadable,
};

const CERTIFICATE: Lacks = Lacks {
    partition: "client_cert",
    erased: Cause::CertErased,
    missing: |number, available| Cause::CertMissing { number, available },
    unreadable: Cause::CertUnreadable,
};

const KEY: Lacks = Lacks {
    partition: "client_key",
    erased: Cause::KeyErased,
    missing: |number, available| Cause::KeyMissing { number, available },
    unreadable: Cause::KeyUnreadable,
};

/// Hands the content of an item to `read`. The scratch memory holds it meanwhile.
async fn with_item<P: Platform, T>(
    shared: &Shared<'_, P>,
    kind: &Lacks,
    number: u8,
    read: impl FnOnce(&[u8]) -> Result<T, Cause>,
) -> Result<T, Cause> {
    let mut raw = shared.scratch.lock().await;
    let result = if shared.keeps_values().await {
        match shared
            .read_numbered(kind.partition, number, &mut raw[..])
            .await
        {
            Ok(content) => read(content),
            Err(NoItem::Missing { available }) => Err((kind.missing)(number, available)),
            Err(NoItem::Unreadable) => Err(kind.unreadable),
        }
    } else {
        match shared.read_partition(kind.partition, &mut raw[..]).await {
            Some(image) => item_of(image, kind, number).and_then(read),
            None => Err(kind.unreadable),
        }
    };
    result
}

fn item_of<'i>(image: &'i [u8], kind: &Lacks, number: u8) -> Result<&'i [u8], Cause> {
    let image = match Image::parse(image) {
        Ok(image) => image,
        Err(ImageError::Erased | ImageError::EmptyInput) => return Err(kind.erased),
        Err(_) => return Err(kind.unreadable),
    };
    match image.at(usize::from(number)) {
        Some(item) => Ok(item.content),
        None => Err((kind.missing)(number, image.count())),
    }
}

/// Reads item `number` of `client_ca` into `der`, one slice per certificate.
pub(crate) async fn load<'d, P: Platform>(
    shared: &Shared<'_, P>,
    number: u8,
    der: &'d mut [u8],
) -> Result<Vec<&'d [u8], MAX_ANCHORS>, Cause> {
    with_item(shared, &CA, number, |content| {
        content::decode_certificates::<MAX_ANCHORS>(content, der)
            .map(|certificates| certificates.der)
            .map_err(|_| Cause::CaUnreadable)
    })
    .await
}

/// Reads item `number` of `client_cert` and of `client_key`. `scratch` is free again afterwards.
pub(crate) async fn load_identity<'m, P: Platform>(
    shared: &Shared<'_, P>,
    number: u8,
    place: IdentityPlace<'m>,
    scratch: &mut [u8],
) -> Result<Identity<'m>, Cause> {
    let IdentityPlace { message, key } = place;
    let chain = with_item(shared, &CERTIFICATE, number, |content| {
        content::decode_certificates::<MAX_ANCHORS>(content, scratch)
            .map(|certificates| certificates.der)
            .map_err(|_| Cause::CertUnreadable)
    })
    .await?;
    let key = with_item(shared, &KEY, number, |content| {
        content::decode_private_key(content, key).map_err(|error| match error {
            ContentError::EncryptedKey => Cause::KeyEncrypted,
            _ => Cause::KeyUnreadable,
        })
    })
    .await?;
    Identity::new(&chain, parts(&key)?, message)
}

/// A key of the image as one that can sign.
fn parts<'k>(key: &PrivateKey<'k>) -> Result<ClientKey<'k>, Cause> {
    let secret = key.curve_secret().ok_or(Cause::KeyUnreadable);
    match key.kind {
        KeyKind::P256 => Ok(ClientKey::P256(secret?)),
        KeyKind::P384 => Ok(ClientKey::P384(secret?)),
        KeyKind::Ed25519 => Ok(ClientKey::Ed25519(secret?)),
        KeyKind::Rsa { .. } => {
            let (modulus, public_exponent) = key.rsa_public().ok_or(Cause::KeyUnreadable)?;
            Ok(ClientKey::Rsa {
                modulus,
                public_exponent,
                private_exponent: key.rsa_private_exponent().ok_or(Cause::KeyUnreadable)?,
            })
        }
        _ => Err(Cause::KeyUnsupported),
    }
}
