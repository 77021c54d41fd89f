//! Our side of the key exchange: always the same secret, of P-256 or P-384.

use p256::elliptic_curve::sec1::ToEncodedPoint;

use crate::message::SECP384R1;

pub(crate) enum Exchange {
    P256(p256::SecretKey),
    P384(p384::SecretKey),
}

impl Exchange {
    /// For secp384r1, or else of secp256r1.
    pub(crate) fn of(group: u16) -> Self {
        match group {
            SECP384R1 => Self::P384(p384::SecretKey::from_slice(&[0x42; 48]).unwrap()),
            _ => Self::P256(p256::SecretKey::from_slice(&[0x42; 32]).unwrap()),
        }
    }

    /// Our public value, uncompressed.
    pub(crate) fn point(&self) -> Vec<u8> {
        match self {
            Self::P256(key) => key.public_key().to_encoded_point(false).as_bytes().to_vec(),
            Self::P384(key) => key.public_key().to_encoded_point(false).as_bytes().to_vec(),
        }
    }

    /// The secret that is shared with the owner of `share`; `None` if that is no point.
    pub(crate) fn shared(&self, share: &[u8]) -> Option<Vec<u8>> {
        match self {
            Self::P256(key) => {
                let peer = p256::PublicKey::from_sec1_bytes(share).ok()?;
                let secret = p256::ecdh::diffie_hellman(key.to_nonzero_scalar(), peer.as_affine());
                Some(secret.raw_secret_bytes().to_vec())
            }
            Self::P384(key) => {
                let peer = p384::PublicKey::from_sec1_bytes(share).ok()?;
                let secret = p384::ecdh::diffie_hellman(key.to_nonzero_scalar(), peer.as_affine());
                Some(secret.raw_secret_bytes().to_vec())
            }
        }
    }
}
