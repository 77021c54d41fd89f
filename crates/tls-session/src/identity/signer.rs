//! Private keys that can sign a handshake.

use crate::reason::{Cause, NegotiationError, SetupError};
use ed25519_dalek::Signer as _;
#[cfg(feature = "p384-compact")]
use p384_compact as p384;
use rand_core::CryptoRngCore;
use x509_facts::{Certificate, KeyKind};

use super::{ClientKey, Signature, rsa};
use crate::alg::Hash;
use crate::version::Version;

/// A private key, checked.
pub(crate) enum Signer<'a> {
    P256(p256::ecdsa::SigningKey),
    P384(p384::ecdsa::SigningKey),
    Ed25519(ed25519_dalek::SigningKey),
    Rsa(rsa::PrivateKey<'a>),
}

impl core::fmt::Debug for Signer<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.kind().fmt(f)
    }
}

impl<'a> Signer<'a> {
    pub(super) fn new(key: ClientKey<'a>) -> Result<Self, Cause> {
        let unreadable = Cause::Setup(SetupError::KeyUnreadable);
        Ok(match key {
            ClientKey::P256(scalar) => {
                Self::P256(p256::ecdsa::SigningKey::from_slice(scalar).map_err(|_| unreadable)?)
            }
            ClientKey::P384(scalar) => {
                Self::P384(p384::ecdsa::SigningKey::from_slice(scalar).map_err(|_| unreadable)?)
            }
            ClientKey::Ed25519(seed) => Self::Ed25519(ed25519_dalek::SigningKey::from_bytes(
                seed.try_into().map_err(|_| unreadable)?,
            )),
            ClientKey::Rsa {
                modulus,
                public_exponent,
                primes,
                exponents,
                coefficient,
            } => {
                let factors = rsa::Factors {
                    primes,
                    exponents,
                    coefficient,
                };
                Self::Rsa(rsa::PrivateKey::new(modulus, public_exponent, factors)?)
            }
        })
    }

    pub(super) const fn kind(&self) -> KeyKind {
        match self {
            Self::P256(_) => KeyKind::P256,
            Self::P384(_) => KeyKind::P384,
            Self::Ed25519(_) => KeyKind::Ed25519,
            Self::Rsa(key) => KeyKind::Rsa { bits: key.bits() },
        }
    }

    /// Whether the public half is the certificate's. It is computed from the private half where
    /// that is cheap; an RSA key proves itself when it signs.
    pub(super) fn belongs_to(&self, certificate: &Certificate<'_>) -> bool {
        let public = certificate.public_key();
        if certificate.key_kind() != self.kind() {
            return false;
        }
        match self {
            Self::P256(key) => p256::ecdsa::VerifyingKey::from_sec1_bytes(public)
                .is_ok_and(|public| public == *key.verifying_key()),
            Self::P384(key) => p384::ecdsa::VerifyingKey::from_sec1_bytes(public)
                .is_ok_and(|public| public == *key.verifying_key()),
            Self::Ed25519(key) => key.verifying_key().as_bytes() == public,
            Self::Rsa(key) => key.belongs_to(public),
        }
    }

    /// Signature schemes (RFC 8446 §4.2.3), the preferred first.
    ///
    /// TLS 1.2 takes PSS, too, and PKCS#1 v1.5 behind it. Each curve goes with one hash in both versions: a server of
    /// TLS 1.2 that takes the curve at all takes that.
    pub(super) const fn schemes(&self, version: Version) -> &'static [u16] {
        match (self, version) {
            (Self::P256(_), _) => &[0x0403],
            (Self::P384(_), _) => &[0x0503],
            (Self::Ed25519(_), _) => &[0x0807],
            (Self::Rsa(_), Version::Tls13) => &[0x0804, 0x0805, 0x0806],
            (Self::Rsa(_), Version::Tls12) => &[0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601],
        }
    }

    /// Bytes of a signature that is longer than a curve's.
    pub(super) const fn long_signature(&self) -> Option<usize> {
        match self {
            Self::Rsa(key) => Some(key.len()),
            Self::P256(_) | Self::P384(_) | Self::Ed25519(_) => None,
        }
    }

    /// As [`Identity::sign`](super::Identity::sign).
    pub(super) fn sign(
        &self,
        version: Version,
        scheme: u16,
        message: &[u8],
        rng: &mut impl CryptoRngCore,
    ) -> Result<Signature, Cause> {
        if !self.schemes(version).contains(&scheme) {
            return Err(NegotiationError::ClientSignatureScheme.into());
        }
        match (self, rsa_padding(scheme)) {
            (Self::Rsa(key), Padding::Pss(hash)) => key.sign_pss(hash, &[message], rng),
            (Self::Rsa(key), Padding::Pkcs1(hash)) => key.sign_pkcs1(hash, &[message]),
            (Self::P256(_) | Self::P384(_) | Self::Ed25519(_), _) => self.sign_with_curve(message),
        }
    }

    /// Signs with a key of a curve.
    ///
    /// On its own: the frame of an RSA signature must not hold what curves need.
    #[inline(never)]
    fn sign_with_curve(&self, message: &[u8]) -> Result<Signature, Cause> {
        let unreadable = SetupError::KeyUnreadable;
        let signature = match self {
            Self::P256(key) => {
                let signature: p256::ecdsa::Signature =
                    key.try_sign(message).map_err(|_| unreadable)?;
                Signature::from_slice(signature.to_der().as_bytes())
            }
            Self::P384(key) => {
                let signature: p384::ecdsa::Signature =
                    key.try_sign(message).map_err(|_| unreadable)?;
                Signature::from_slice(signature.to_der().as_bytes())
            }
            Self::Ed25519(key) => {
                let signature = key.try_sign(message).map_err(|_| unreadable)?;
                Signature::from_slice(&signature.to_bytes())
            }
            Self::Rsa(_) => return Err(SetupError::KeyUnsupported.into()),
        };
        Ok(signature.map_err(|_| unreadable)?)
    }
}

enum Padding {
    Pss(Hash),
    Pkcs1(Hash),
}

const fn rsa_padding(scheme: u16) -> Padding {
    match scheme {
        0x0401 => Padding::Pkcs1(Hash::Sha256),
        0x0501 => Padding::Pkcs1(Hash::Sha384),
        0x0601 => Padding::Pkcs1(Hash::Sha512),
        0x0805 => Padding::Pss(Hash::Sha384),
        0x0806 => Padding::Pss(Hash::Sha512),
        _ => Padding::Pss(Hash::Sha256),
    }
}
