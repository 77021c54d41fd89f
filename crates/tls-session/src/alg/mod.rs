//! Signature algorithms: RustCrypto primitives behind `rustls-pki-types`' interface.
//!
//! In chains: RSA PKCS#1 v1.5 and PSS with 2048 to 4096 bits, ECDSA on P-256 and P-384 with any
//! SHA-2 hash, Ed25519. In the handshake: what RFC 8446 §4.2.3 pairs with the key. SHA-1, MD5 and
//! shorter keys are not here at all.

mod ecdsa;
mod ed25519;
pub(crate) mod rsa;

use crate::reason::{Cause, CertificateError};
use rustls_pki_types::{
    AlgorithmIdentifier, InvalidSignature, SignatureVerificationAlgorithm, alg_id,
};
use sha2::{Digest, Sha256, Sha384, Sha512};
use x509_facts::KeyKind;

/// Bits of an RSA modulus that are taken.
pub(crate) const RSA_BITS: core::ops::RangeInclusive<u32> = 2048..=4096;

/// How many algorithms may sign a certificate.
pub(crate) const CHAIN_LEN: usize = 16;

/// Algorithms that may sign a certificate.
pub(crate) static CHAIN: [&dyn SignatureVerificationAlgorithm; CHAIN_LEN] = [
    &Algorithm {
        kind: SignatureKind::P256(Hash::Sha256),
        key: alg_id::ECDSA_P256,
        signature: alg_id::ECDSA_SHA256,
    },
    &Algorithm {
        kind: SignatureKind::P256(Hash::Sha384),
        key: alg_id::ECDSA_P256,
        signature: alg_id::ECDSA_SHA384,
    },
    &Algorithm {
        kind: SignatureKind::P256(Hash::Sha512),
        key: alg_id::ECDSA_P256,
        signature: alg_id::ECDSA_SHA512,
    },
    &Algorithm {
        kind: SignatureKind::P384(Hash::Sha256),
        key: alg_id::ECDSA_P384,
        signature: alg_id::ECDSA_SHA256,
    },
    &Algorithm {
        kind: SignatureKind::P384(Hash::Sha384),
        key: alg_id::ECDSA_P384,
        signature: alg_id::ECDSA_SHA384,
    },
    &Algorithm {
        kind: SignatureKind::P384(Hash::Sha512),
        key: alg_id::ECDSA_P384,
        signature: alg_id::ECDSA_SHA512,
    },
    &Algorithm {
        kind: SignatureKind::Ed25519,
        key: alg_id::ED25519,
        signature: alg_id::ED25519,
    },
    &Algorithm {
        kind: SignatureKind::RsaPkcs1(Hash::Sha256),
        key: alg_id::RSA_ENCRYPTION,
        signature: alg_id::RSA_PKCS1_SHA256,
    },
    &Algorithm {
        kind: SignatureKind::RsaPkcs1(Hash::Sha384),
        key: alg_id::RSA_ENCRYPTION,
        signature: alg_id::RSA_PKCS1_SHA384,
    },
    &Algorithm {
        kind: SignatureKind::RsaPkcs1(Hash::Sha512),
        key: alg_id::RSA_ENCRYPTION,
        signature: alg_id::RSA_PKCS1_SHA512,
    },
    &Algorithm {
        kind: SignatureKind::RsaPkcs1(Hash::Sha256),
        key: alg_id::RSA_ENCRYPTION,
        signature: RSA_PKCS1_SHA256_NO_NULL,
    },
    &Algorithm {
        kind: SignatureKind::RsaPkcs1(Hash::Sha384),
        key: alg_id::RSA_ENCRYPTION,
        signature: RSA_PKCS1_SHA384_NO_NULL,
    },
    &Algorithm {
        kind: SignatureKind::RsaPkcs1(Hash::Sha512),
        key: alg_id::RSA_ENCRYPTION,
        signature: RSA_PKCS1_SHA512_NO_NULL,
    },
    &Algorithm {
        kind: SignatureKind::RsaPss(Hash::Sha256),
        key: alg_id::RSA_ENCRYPTION,
        signature: alg_id::RSA_PSS_SHA256,
    },
    &Algorithm {
        kind: SignatureKind::RsaPss(Hash::Sha384),
        key: alg_id::RSA_ENCRYPTION,
        signature: alg_id::RSA_PSS_SHA384,
    },
    &Algorithm {
        kind: SignatureKind::RsaPss(Hash::Sha512),
        key: alg_id::RSA_ENCRYPTION,
        signature: alg_id::RSA_PSS_SHA512,
    },
];

/// RFC 4055 §5: the parameters of PKCS#1 v1.5 signatures are NULL, and must be accepted where they are absent.
const RSA_PKCS1_SHA256_NO_NULL: AlgorithmIdentifier =
    AlgorithmIdentifier::from_slice(&[0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 11]);
const RSA_PKCS1_SHA384_NO_NULL: AlgorithmIdentifier =
    AlgorithmIdentifier::from_slice(&[0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 12]);
const RSA_PKCS1_SHA512_NO_NULL: AlgorithmIdentifier =
    AlgorithmIdentifier::from_slice(&[0x06, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 13]);

/// Whether one of [`CHAIN`] makes signatures of this identifier, parameters included.
pub(crate) fn signs(id: &x509_facts::AlgorithmIdentifier<'_>) -> bool {
    CHAIN
        .iter()
        .any(|algorithm| algorithm.signature_alg_id().as_ref() == id.as_bytes())
}

/// Whether one of [`CHAIN`] has keys of this identifier, parameters included.
pub(crate) fn has_key(id: &x509_facts::AlgorithmIdentifier<'_>) -> bool {
    CHAIN
        .iter()
        .any(|algorithm| algorithm.public_key_alg_id().as_ref() == id.as_bytes())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hash {
    Sha256,
    Sha384,
    Sha512,
}

/// Output of one of the hashes.
pub(crate) struct HashValue {
    bytes: [u8; 64],
    len: usize,
}

impl HashValue {
    pub(crate) fn as_slice(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }

    fn of<D: Digest>(parts: &[&[u8]]) -> Self {
        let mut digest = D::new();
        for part in parts {
            digest.update(part);
        }
        let output = digest.finalize();
        let mut value = Self {
            bytes: [0; 64],
            len: output.len(),
        };
        for (to, from) in value.bytes.iter_mut().zip(output) {
            *to = from;
        }
        value
    }
}

impl Hash {
    pub(crate) fn of(self, parts: &[&[u8]]) -> HashValue {
        match self {
            Self::Sha256 => HashValue::of::<Sha256>(parts),
            Self::Sha384 => HashValue::of::<Sha384>(parts),
            Self::Sha512 => HashValue::of::<Sha512>(parts),
        }
    }

    /// DigestInfo up to the hash (RFC 8017 §9.2, note 1).
    pub(crate) const fn digest_info(self) -> &'static [u8] {
        rsa::digest_info(self)
    }

    pub(crate) const fn len(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SignatureKind {
    RsaPkcs1(Hash),
    RsaPss(Hash),
    P256(Hash),
    P384(Hash),
    Ed25519,
}

impl SignatureKind {
    /// Checks `signature` over the concatenation of `message`. `key` is the content of
    /// subjectPublicKey.
    pub(crate) fn verify(
        self,
        key: &[u8],
        message: &[&[u8]],
        signature: &[u8],
    ) -> Result<(), InvalidSignature> {
        match self {
            Self::RsaPkcs1(hash) => {
                rsa::verify_pkcs1(hash, key, hash.of(message).as_slice(), signature)
            }
            Self::RsaPss(hash) => {
                rsa::verify_pss(hash, key, hash.of(message).as_slice(), signature)
            }
            Self::P256(hash) => ecdsa::verify_p256(key, hash.of(message).as_slice(), signature),
            Self::P384(hash) => ecdsa::verify_p384(key, hash.of(message).as_slice(), signature),
            Self::Ed25519 => ed25519::verify(key, message, signature),
        }
    }
}

#[derive(Debug)]
struct Algorithm {
    kind: SignatureKind,
    key: AlgorithmIdentifier,
    signature: AlgorithmIdentifier,
}

impl SignatureVerificationAlgorithm for Algorithm {
    fn verify_signature(
        &self,
        public_key: &[u8],
        message: &[u8],
        signature: &[u8],
    ) -> Result<(), InvalidSignature> {
        self.kind.verify(public_key, &[message], signature)
    }

    fn public_key_alg_id(&self) -> AlgorithmIdentifier {
        self.key
    }

    fn signature_alg_id(&self) -> AlgorithmIdentifier {
        self.signature
    }
}

/// Whether a key of this kind may stand in a chain or in the server's certificate.
pub(crate) fn check_key(key: KeyKind) -> Result<(), Cause> {
    match key {
        KeyKind::P256 | KeyKind::P384 | KeyKind::Ed25519 => Ok(()),
        KeyKind::Rsa { bits } if RSA_BITS.contains(&bits) => Ok(()),
        KeyKind::Rsa { bits } => Err(Cause::Certificate(CertificateError::KeySize { bits })),
        _ => Err(Cause::Certificate(CertificateError::KeyAlgorithm)),
    }
}

#[cfg(test)]
mod tests;
