//! Does this private key belong to that certificate? (spec: cert-bin 6.2)
//!
//! RSA keys are compared by modulus and exponent. For elliptic curves the public key is computed from the private
//! one: what a key file claims as its public half is not believed.

use core::fmt;

#[cfg(feature = "p384-compact")]
use p384_compact as p384;
use pkcs1::RsaPublicKey;
use x509_facts::{Certificate, CertificateError, KeyKind};

use crate::content::{self, ContentError, PrivateKey};

/// Compares two items by content: the first certificate of one, the first private key of the other.
///
/// Both are decoded into `scratch`, for which the lengths of the two contents together are always enough. It is
/// cleared before returning.
///
/// # Errors
///
/// See [`PairError`].
pub fn contents_match(
    certificate: &[u8],
    key: &[u8],
    scratch: &mut [u8],
) -> Result<bool, PairError> {
    let result = compare_contents(certificate, key, scratch);
    scratch.fill(0);
    result
}

fn compare_contents(certificate: &[u8], key: &[u8], scratch: &mut [u8]) -> Result<bool, PairError> {
    let (der, rest) = content::decode_first_certificate(certificate, scratch)
        .map_err(PairError::CertificateContent)?;
    let certificate = Certificate::parse(der).map_err(PairError::Certificate)?;
    let key = content::decode_private_key(key, rest).map_err(PairError::KeyContent)?;
    key_matches(&certificate, &key)
}

/// Whether the public half of `key` is the one in `certificate`.
///
/// # Errors
///
/// [`PairError::Unsupported`] for two keys of the same kind that cannot be compared here, and
/// [`PairError::InvalidKey`] for a private key that its curve does not allow.
pub fn key_matches(certificate: &Certificate<'_>, key: &PrivateKey<'_>) -> Result<bool, PairError> {
    let public = certificate.public_key();
    let secret = key.curve_secret().unwrap_or_default();
    match key.kind {
        KeyKind::Rsa { .. } => {
            if !matches!(certificate.key_kind(), KeyKind::Rsa { .. }) {
                return Ok(false);
            }
            let Ok(public) = RsaPublicKey::try_from(public) else {
                return Ok(false);
            };
            let certified = (public.modulus.as_bytes(), public.public_exponent.as_bytes());
            Ok(key.rsa_public() == Some(certified))
        }
        kind if kind != certificate.key_kind() => Ok(false),
        KeyKind::P256 => {
            let secret = p256::SecretKey::from_slice(secret).map_err(|_| PairError::InvalidKey)?;
            Ok(p256::PublicKey::from_sec1_bytes(public).is_ok_and(|it| it == secret.public_key()))
        }
        KeyKind::P384 => {
            let secret = p384::SecretKey::from_slice(secret).map_err(|_| PairError::InvalidKey)?;
            Ok(p384::PublicKey::from_sec1_bytes(public).is_ok_and(|it| it == secret.public_key()))
        }
        KeyKind::Ed25519 => {
            let seed = secret.try_into().map_err(|_| PairError::InvalidKey)?;
            let key = ed25519_dalek::SigningKey::from_bytes(seed);
            Ok(key.verifying_key().as_bytes() == public)
        }
        kind => Err(PairError::Unsupported { kind }),
    }
}

/// Why a key and a certificate could not be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum PairError {
    /// No certificate to be had.
    CertificateContent(ContentError),
    /// The certificate cannot be read.
    Certificate(CertificateError),
    /// No private key to be had.
    KeyContent(ContentError),
    /// The private key is not a possible one.
    InvalidKey,
    /// Keys of a kind that this crate does not compute with.
    Unsupported {
        /// The kind.
        kind: KeyKind,
    },
}

impl fmt::Display for PairError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CertificateContent(error) => write!(f, "certificate: {error}"),
            Self::Certificate(error) => write!(f, "certificate: {error}"),
            Self::KeyContent(error) => write!(f, "private key: {error}"),
            Self::InvalidKey => f.write_str("the private key is not a possible one"),
            Self::Unsupported { kind } => write!(f, "keys of kind {kind:?} cannot be compared"),
        }
    }
}

impl core::error::Error for PairError {}
