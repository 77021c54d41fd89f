//! ECDSA over P-256 and P-384 with a hash of any length (FIPS 186-5 §6.4: the leftmost bits count).

mod jacobian;
mod public;

#[cfg(feature = "p384-compact")]
use p384_compact as p384;
use rustls_pki_types::InvalidSignature;

use public::PublicCheck;

// Not inlined, as the other: its frame would be part of a check with another algorithm.
#[inline(never)]
pub(super) fn verify_p256(
    key: &[u8],
    hash: &[u8],
    signature: &[u8],
) -> Result<(), InvalidSignature> {
    use p256::ecdsa::{Signature, VerifyingKey};
    let key = VerifyingKey::from_sec1_bytes(key).map_err(|_| InvalidSignature)?;
    let signature = Signature::from_der(signature).map_err(|_| InvalidSignature)?;
    PublicCheck::new(&key, hash, &signature)?.run()
}

#[inline(never)]
pub(super) fn verify_p384(
    key: &[u8],
    hash: &[u8],
    signature: &[u8],
) -> Result<(), InvalidSignature> {
    use p384::ecdsa::{Signature, VerifyingKey};
    let key = VerifyingKey::from_sec1_bytes(key).map_err(|_| InvalidSignature)?;
    let signature = Signature::from_der(signature).map_err(|_| InvalidSignature)?;
    PublicCheck::new(&key, hash, &signature)?.run()
}
