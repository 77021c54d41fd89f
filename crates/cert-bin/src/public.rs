//! The public half of a private key, as certificates and OpenSSL write it (RFC 5280 §4.1.2.7).
//!
//! For elliptic curves it is computed from the private key: what a key file claims as its public half
//! is not believed.

use core::fmt;

use der::asn1::{BitStringRef, UintRef};
use der::oid::ObjectIdentifier;
use der::{AnyRef, Encode};
use p256::elliptic_curve::sec1::ToEncodedPoint;
#[cfg(feature = "p384-compact")]
use p384_compact as p384;
use pkcs1::RsaPublicKey;
use pkcs8::spki::{AlgorithmIdentifierRef, SubjectPublicKeyInfoRef};
use x509_facts::KeyKind;

use crate::content::PrivateKey;
use crate::content::key::{EC, ED25519, P256, P384, RSA};

/// Room for the SubjectPublicKeyInfo of any key up to RSA-4096.
pub const MAX_PUBLIC_KEY_INFO: usize = 576;

/// RSAPublicKey of 4096 bits with a 32-bit exponent takes 526 bytes.
const MAX_RSA: usize = 544;

/// Writes the SubjectPublicKeyInfo of `key`, DER, to the start of `out`.
///
/// ```text
/// openssl pkey -in key.pem -pubout -outform DER | sha256sum
/// ```
///
/// gives the hash of the same bytes. Nothing secret is in them.
///
/// # Errors
///
/// See [`PublicKeyError`].
pub fn public_key_info<'b>(
    key: &PrivateKey<'_>,
    out: &'b mut [u8],
) -> Result<&'b [u8], PublicKeyError> {
    let secret = key.curve_secret().unwrap_or_default();
    let invalid = |_| PublicKeyError::InvalidKey;
    match key.kind {
        KeyKind::Rsa { .. } => {
            let (modulus, exponent) = key.rsa_public().ok_or(PublicKeyError::InvalidKey)?;
            let public = RsaPublicKey {
                modulus: UintRef::new(modulus).map_err(|_| PublicKeyError::InvalidKey)?,
                public_exponent: UintRef::new(exponent).map_err(|_| PublicKeyError::InvalidKey)?,
            };
            let mut buffer = [0; MAX_RSA];
            let public = public
                .encode_to_slice(&mut buffer)
                .map_err(|_| PublicKeyError::TooLarge)?;
            write(RSA, Some(AnyRef::NULL), public, out)
        }
        KeyKind::P256 => {
            let secret =
                p256::SecretKey::from_slice(secret).map_err(|_| PublicKeyError::InvalidKey)?;
            let point = secret.public_key().to_encoded_point(false);
            write(EC, Some(AnyRef::from(&P256)), point.as_bytes(), out)
        }
        KeyKind::P384 => {
            let secret =
                p384::SecretKey::from_slice(secret).map_err(|_| PublicKeyError::InvalidKey)?;
            let point = secret.public_key().to_encoded_point(false);
            write(EC, Some(AnyRef::from(&P384)), point.as_bytes(), out)
        }
        KeyKind::Ed25519 => {
            let seed = secret.try_into().map_err(invalid)?;
            let key = ed25519_dalek::SigningKey::from_bytes(seed).verifying_key();
            write(ED25519, None, key.as_bytes(), out)
        }
        kind => Err(PublicKeyError::Unsupported { kind }),
    }
}

fn write<'b>(
    oid: ObjectIdentifier,
    parameters: Option<AnyRef<'_>>,
    public: &[u8],
    out: &'b mut [u8],
) -> Result<&'b [u8], PublicKeyError> {
    let info = SubjectPublicKeyInfoRef {
        algorithm: AlgorithmIdentifierRef { oid, parameters },
        subject_public_key: BitStringRef::from_bytes(public)
            .map_err(|_| PublicKeyError::TooLarge)?,
    };
    info.encode_to_slice(out)
        .map_err(|_| PublicKeyError::TooLarge)
}

/// Why the public half of a key cannot be computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum PublicKeyError {
    /// The private key is not a possible one.
    InvalidKey,
    /// A key of a kind that this crate does not compute with.
    Unsupported {
        /// The kind.
        kind: KeyKind,
    },
    /// More than RSA-4096, or more than the buffer has room for.
    TooLarge,
}

impl PublicKeyError {
    /// A stable word for scripts.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::InvalidKey => "invalid_key",
            Self::Unsupported { .. } => "unsupported_key",
            Self::TooLarge => "key_too_large",
        }
    }
}

impl fmt::Display for PublicKeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidKey => f.write_str("the private key is not a possible one"),
            Self::Unsupported { kind } => write!(f, "keys of kind {kind} are not computed with"),
            Self::TooLarge => f.write_str("the public key does not fit"),
        }
    }
}

impl core::error::Error for PublicKeyError {}
