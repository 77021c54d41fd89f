//! Ed25519 (RFC 8032), strict: keys and signatures of small order are refused.

use ed25519_dalek::{Signature, VerifyingKey};
use rustls_pki_types::InvalidSignature;

/// Longest message: a to-be-signed certificate of the handshake's largest record would be 16 KiB,
/// but the algorithm hashes twice, so the parts must be contiguous; chains pass one part.
pub(super) fn verify(
    key: &[u8],
    message: &[&[u8]],
    signature: &[u8],
) -> Result<(), InvalidSignature> {
    let key = <&[u8; 32]>::try_from(key).map_err(|_| InvalidSignature)?;
    let key = VerifyingKey::from_bytes(key).map_err(|_| InvalidSignature)?;
    let signature = <&[u8; 64]>::try_from(signature).map_err(|_| InvalidSignature)?;
    let signature = Signature::from_bytes(signature);
    match message {
        [whole] => key.verify_strict(whole, &signature),
        // The handshake's message is at most 64 + 33 + 1 + 64 bytes in three parts.
        parts => {
            let mut joined = heapless::Vec::<u8, 192>::new();
            for part in parts {
                joined
                    .extend_from_slice(part)
                    .map_err(|_| InvalidSignature)?;
            }
            key.verify_strict(&joined, &signature)
        }
    }
    .map_err(|_| InvalidSignature)
}
