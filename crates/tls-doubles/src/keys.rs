//! Signing keys of servers, clients and authorities, the same in every run.

use std::fmt;
use std::sync::{Arc, OnceLock};

use md5::Md5;
use p256::ecdsa::signature::Signer;
use p256::ecdsa::signature::hazmat::{PrehashSigner, PrehashVerifier};
use rsa::pkcs1v15::Pkcs1v15Sign;
use rsa::pkcs8::{DecodePrivateKey, DecodePublicKey, EncodePrivateKey, EncodePublicKey};
use rsa::traits::{PrivateKeyParts, PublicKeyParts};
use rsa::{Pss, RsaPrivateKey, RsaPublicKey};
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha384, Sha512};

use crate::rng::TestRng;

/// Hash of a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hash {
    Md5,
    Sha1,
    Sha256,
    Sha384,
    Sha512,
}

impl Hash {
    fn digest(self, message: &[u8]) -> Vec<u8> {
        match self {
            Self::Md5 => Md5::digest(message).to_vec(),
            Self::Sha1 => Sha1::digest(message).to_vec(),
            Self::Sha256 => Sha256::digest(message).to_vec(),
            Self::Sha384 => Sha384::digest(message).to_vec(),
            Self::Sha512 => Sha512::digest(message).to_vec(),
        }
    }

    fn pkcs1(self) -> Pkcs1v15Sign {
        match self {
            Self::Md5 => Pkcs1v15Sign::new::<Md5>(),
            Self::Sha1 => Pkcs1v15Sign::new::<Sha1>(),
            Self::Sha256 => Pkcs1v15Sign::new::<Sha256>(),
            Self::Sha384 => Pkcs1v15Sign::new::<Sha384>(),
            Self::Sha512 => Pkcs1v15Sign::new::<Sha512>(),
        }
    }

    /// PSS with a salt as long as the hash (RFC 8446 §4.2.3).
    fn pss(self) -> Pss {
        match self {
            Self::Md5 => Pss::new::<Md5>(),
            Self::Sha1 => Pss::new::<Sha1>(),
            Self::Sha256 => Pss::new::<Sha256>(),
            Self::Sha384 => Pss::new::<Sha384>(),
            Self::Sha512 => Pss::new::<Sha512>(),
        }
    }

    /// The hash a TLS signature scheme names (RFC 8446 §4.2.3).
    fn of_scheme(scheme: u16) -> Self {
        match scheme {
            0x0201 | 0x0203 => Self::Sha1,
            0x0403 | 0x0401 | 0x0804 | 0x0809 => Self::Sha256,
            0x0503 | 0x0501 | 0x0805 | 0x080a => Self::Sha384,
            0x0603 | 0x0601 | 0x0806 | 0x080b => Self::Sha512,
            // Ed25519 hashes by itself.
            _ => Self::Sha512,
        }
    }
}

/// Whether an RSA signature under this scheme is PKCS#1 v1.5: never legal in a TLS 1.3 handshake.
fn is_pkcs1(scheme: u16) -> bool {
    scheme & 0x00ff == 0x0001
}

/// A key of each kind of the duties.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    P256,
    P384,
    Ed25519,
    /// Bits: 1024, 2048, 3072 or 4096.
    Rsa(usize),
}

/// A private key.
#[derive(Clone)]
pub enum Key {
    P256(p256::ecdsa::SigningKey),
    P384(p384::ecdsa::SigningKey),
    Ed25519(ed25519_dalek::SigningKey),
    Rsa(Arc<RsaPrivateKey>),
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key")
    }
}

impl Key {
    /// A key of this kind. Different numbers give different keys, except with RSA, of which there
    /// is one of each size, and three of 2048 bits.
    pub fn new(kind: KeyKind, number: u8) -> Self {
        let seed = [number.wrapping_add(1); 32];
        match kind {
            KeyKind::P256 => Self::P256(p256::ecdsa::SigningKey::from_slice(&seed).unwrap()),
            KeyKind::P384 => {
                let seed = [number.wrapping_add(1); 48];
                Self::P384(p384::ecdsa::SigningKey::from_slice(&seed).unwrap())
            }
            KeyKind::Ed25519 => Self::Ed25519(ed25519_dalek::SigningKey::from_bytes(&seed)),
            KeyKind::Rsa(bits) => Self::Rsa(rsa_key(bits, number)),
        }
    }

    /// The scheme with which this key signs a handshake.
    pub fn scheme(&self) -> u16 {
        match self {
            Self::P256(_) => 0x0403,
            Self::P384(_) => 0x0503,
            Self::Ed25519(_) => 0x0807,
            Self::Rsa(_) => 0x0804,
        }
    }

    /// SubjectPublicKeyInfo, DER.
    pub fn spki(&self) -> Vec<u8> {
        let document = match self {
            Self::P256(key) => p256::PublicKey::from(key.verifying_key()).to_public_key_der(),
            Self::P384(key) => p384::PublicKey::from(key.verifying_key()).to_public_key_der(),
            Self::Ed25519(key) => key.verifying_key().to_public_key_der(),
            Self::Rsa(key) => key.to_public_key().to_public_key_der(),
        };
        document.unwrap().into_vec()
    }

    /// PKCS#8, DER.
    pub fn pkcs8(&self) -> Vec<u8> {
        let document = match self {
            Self::P256(key) => p256::SecretKey::from(key).to_pkcs8_der(),
            Self::P384(key) => p384::SecretKey::from(key).to_pkcs8_der(),
            Self::Ed25519(key) => {
                // Without the public key: version 1, which every reader knows.
                let secret_key = key.to_bytes();
                ed25519_dalek::pkcs8::KeypairBytes {
                    secret_key,
                    public_key: None,
                }
                .to_pkcs8_der()
            }
            Self::Rsa(key) => key.to_pkcs8_der(),
        };
        document.unwrap().as_bytes().to_vec()
    }

    /// What a device keeps of the key: the scalar or seed; of RSA the modulus, e, p, q, dP, dQ and qInv.
    pub fn private_parts(&self) -> Vec<Vec<u8>> {
        match self {
            Self::P256(key) => vec![key.to_bytes().to_vec()],
            Self::P384(key) => vec![key.to_bytes().to_vec()],
            Self::Ed25519(key) => vec![key.to_bytes().to_vec()],
            Self::Rsa(key) => vec![
                key.n().to_bytes_be(),
                key.e().to_bytes_be(),
                key.primes()[0].to_bytes_be(),
                key.primes()[1].to_bytes_be(),
                key.dp().unwrap().to_bytes_be(),
                key.dq().unwrap().to_bytes_be(),
                key.qinv().unwrap().to_bytes_be().1,
            ],
        }
    }

    /// Signs a handshake with the hash and padding the scheme names and the algorithm of the key,
    /// even where the two do not belong together.
    pub fn sign_handshake(&self, scheme: u16, message: &[u8]) -> Vec<u8> {
        let hash = Hash::of_scheme(scheme);
        match self {
            Self::Rsa(key) if !is_pkcs1(scheme) => {
                let digest = hash.digest(message);
                key.sign_with_rng(&mut TestRng::new(1), hash.pss(), &digest)
                    .unwrap()
            }
            _ => self.sign(hash, message),
        }
    }

    /// Signs as in certificates: RSA with PKCS#1 v1.5.
    pub fn sign(&self, hash: Hash, message: &[u8]) -> Vec<u8> {
        let digest = hash.digest(message);
        match self {
            Self::P256(key) => {
                let signature: p256::ecdsa::Signature = key.sign_prehash(&digest).unwrap();
                signature.to_der().as_bytes().to_vec()
            }
            Self::P384(key) => {
                let signature: p384::ecdsa::Signature = key.sign_prehash(&digest).unwrap();
                signature.to_der().as_bytes().to_vec()
            }
            Self::Ed25519(key) => key.sign(message).to_vec(),
            Self::Rsa(key) => key.sign(hash.pkcs1(), &digest).unwrap(),
        }
    }

    /// The algorithm identifier's OID for [`Key::sign`]; RSA has a NULL after it.
    pub fn signature_oid(&self, hash: Hash) -> &'static str {
        match (self, hash) {
            (Self::Ed25519(_), _) => "1.3.101.112",
            (Self::Rsa(_), Hash::Md5) => "1.2.840.113549.1.1.4",
            (Self::Rsa(_), Hash::Sha1) => "1.2.840.113549.1.1.5",
            (Self::Rsa(_), Hash::Sha256) => "1.2.840.113549.1.1.11",
            (Self::Rsa(_), Hash::Sha384) => "1.2.840.113549.1.1.12",
            (Self::Rsa(_), Hash::Sha512) => "1.2.840.113549.1.1.13",
            (_, Hash::Sha1) => "1.2.840.10045.4.1",
            (_, Hash::Sha256) => "1.2.840.10045.4.3.2",
            (_, Hash::Sha384) => "1.2.840.10045.4.3.3",
            (_, Hash::Sha512) => "1.2.840.10045.4.3.4",
            (_, Hash::Md5) => panic!("there is no ECDSA with MD5"),
        }
    }
}

/// Checks a handshake signature of the client's against its SubjectPublicKeyInfo.
pub fn verify_handshake(spki: &[u8], scheme: u16, message: &[u8], signature: &[u8]) -> bool {
    let digest = Hash::of_scheme(scheme).digest(message);
    match scheme {
        0x0403 => {
            let key = p256::PublicKey::from_public_key_der(spki).unwrap();
            p256::ecdsa::Signature::from_der(signature).is_ok_and(|signature| {
                p256::ecdsa::VerifyingKey::from(key)
                    .verify_prehash(&digest, &signature)
                    .is_ok()
            })
        }
        0x0503 => {
            let key = p384::PublicKey::from_public_key_der(spki).unwrap();
            p384::ecdsa::Signature::from_der(signature).is_ok_and(|signature| {
                p384::ecdsa::VerifyingKey::from(key)
                    .verify_prehash(&digest, &signature)
                    .is_ok()
            })
        }
        0x0807 => {
            let key = ed25519_dalek::VerifyingKey::from_public_key_der(spki).unwrap();
            ed25519_dalek::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify_strict(message, &signature).is_ok())
        }
        0x0401 | 0x0501 | 0x0601 => {
            let key = RsaPublicKey::from_public_key_der(spki).unwrap();
            key.verify(Hash::of_scheme(scheme).pkcs1(), &digest, signature)
                .is_ok()
        }
        0x0804..=0x0806 => {
            let key = RsaPublicKey::from_public_key_der(spki).unwrap();
            key.verify(Hash::of_scheme(scheme).pss(), &digest, signature)
                .is_ok()
        }
        _ => false,
    }
}

/// Making RSA keys takes seconds and a random number generator; these were made once.
fn rsa_key(bits: usize, number: u8) -> Arc<RsaPrivateKey> {
    static KEYS: [OnceLock<Arc<RsaPrivateKey>>; 6] = [const { OnceLock::new() }; 6];
    let index = match (bits, number % 3) {
        (2048, 0) => 0,
        (2048, 1) => 1,
        (2048, _) => 2,
        (1024, _) => 3,
        (3072, _) => 4,
        (4096, _) => 5,
        _ => panic!("no RSA key of {bits} bits at hand"),
    };
    let pem = [
        include_str!("../data/rsa2048-a.key.pem"),
        include_str!("../data/rsa2048-b.key.pem"),
        include_str!("../data/rsa2048-c.key.pem"),
        include_str!("../data/rsa1024.key.pem"),
        include_str!("../data/rsa3072.key.pem"),
        include_str!("../data/rsa4096.key.pem"),
    ];
    KEYS[index]
        .get_or_init(|| Arc::new(RsaPrivateKey::from_pkcs8_pem(pem[index]).unwrap()))
        .clone()
}
