//! An identity with memory of its own, for an engine that keeps it on the heap.

use alloc::vec::Vec;

use rand_core::CryptoRngCore;
use zeroize::Zeroizing;

use super::rsa::{Factors, PrivateKey};
use super::signer::Signer;
use super::{Identity, Signature};
use crate::reason::Cause;
use crate::version::Version;

/// A certificate chain and the key that belongs to it. The key is wiped when this is dropped.
pub(crate) struct OwnedIdentity {
    chain: Vec<Vec<u8>>,
    key: Key,
}

enum Key {
    /// Owns its scalar, and wipes it.
    Curve(Signer<'static>),
    Rsa {
        modulus: Vec<u8>,
        public_exponent: u32,
        primes: [Zeroizing<Vec<u8>>; 2],
        exponents: [Zeroizing<Vec<u8>>; 2],
        coefficient: Zeroizing<Vec<u8>>,
    },
}

/// The kind of key alone.
impl core::fmt::Debug for OwnedIdentity {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("OwnedIdentity").finish_non_exhaustive()
    }
}

impl OwnedIdentity {
    /// Copies an identity.
    pub(crate) fn of(identity: &Identity<'_>) -> Self {
        let key = match &identity.signer {
            Signer::P256(key) => Key::Curve(Signer::P256(key.clone())),
            Signer::P384(key) => Key::Curve(Signer::P384(key.clone())),
            Signer::Ed25519(key) => Key::Curve(Signer::Ed25519(key.clone())),
            Signer::Rsa(key) => {
                let (modulus, public_exponent, factors) = key.parts();
                let copy = |secret: &[u8]| Zeroizing::new(secret.to_vec());
                Key::Rsa {
                    modulus: modulus.to_vec(),
                    public_exponent,
                    primes: factors.primes.map(copy),
                    exponents: factors.exponents.map(copy),
                    coefficient: copy(factors.coefficient),
                }
            }
        };
        Self {
            chain: identity.chain().iter().map(<[u8]>::to_vec).collect(),
            key,
        }
    }

    /// DER certificates, our own first.
    pub(crate) fn chain(&self) -> &[Vec<u8>] {
        &self.chain
    }

    /// As [`Identity::schemes`].
    pub(crate) fn schemes(&self, version: Version) -> &'static [u16] {
        self.with_signer(|signer| signer.schemes(version))
            .unwrap_or_default()
    }

    /// Whether the key is an RSA key.
    pub(crate) const fn is_rsa(&self) -> bool {
        matches!(self.key, Key::Rsa { .. })
    }

    /// Whether the key is an Ed25519 key.
    pub(crate) const fn is_ed25519(&self) -> bool {
        matches!(self.key, Key::Curve(Signer::Ed25519(_)))
    }

    /// As [`Identity::sign`].
    pub(crate) fn sign(
        &self,
        version: Version,
        scheme: u16,
        message: &[u8],
        rng: &mut impl CryptoRngCore,
    ) -> Result<Signature, Cause> {
        self.with_signer(|signer| signer.sign(version, scheme, message, rng))?
    }

    fn with_signer<V>(&self, then: impl FnOnce(&Signer<'_>) -> V) -> Result<V, Cause> {
        match &self.key {
            Key::Curve(signer) => Ok(then(signer)),
            Key::Rsa {
                modulus,
                public_exponent,
                primes,
                exponents,
                coefficient,
            } => {
                let exponent = public_exponent.to_be_bytes();
                let factors = Factors {
                    primes: primes.each_ref().map(|prime| prime.as_slice()),
                    exponents: exponents.each_ref().map(|exponent| exponent.as_slice()),
                    coefficient,
                };
                let key = PrivateKey::new(modulus, &exponent, factors)?;
                Ok(then(&Signer::Rsa(key)))
            }
        }
    }
}
