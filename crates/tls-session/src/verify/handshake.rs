//! The proof that a peer holds the key of its certificate (RFC 8446 §4.4.3, RFC 5246 §4.7).

use heapless::Vec;
use x509_facts::{Certificate, KeyKind, Timestamp};

use super::{Accepted, judge_server, verify_client};
use crate::alg::{Hash, SignatureKind};
use crate::policy::{Anchors, Clock, Policy};
use crate::reason::{CapacityError, Cause, CertificateError, Limit, ProofError, Reason, Stage};
use crate::version::Version;

/// RSAPublicKey of 4096 bits with a 32-bit exponent takes 526 bytes.
const MAX_KEY: usize = 544;

/// A chain that was accepted, and the key that its owner has yet to prove.
///
/// The key stays with the verdict, so that no proof can be taken for another certificate's.
#[derive(Debug, Clone)]
pub struct Verdict {
    accepted: Accepted,
    not_after: Option<Timestamp>,
    kind: KeyKind,
    key: Vec<u8, MAX_KEY>,
}

impl Verdict {
    /// Judges the certificates a server sent, its own first, under a policy.
    ///
    /// # Errors
    ///
    /// As `verify_server`; [`CapacityError::TooLarge`] for a key that cannot be kept.
    pub fn of_server(policy: &Policy<'_>, chain: &[&[u8]]) -> Result<Self, Reason> {
        Self::of(judge_server(policy, chain)?, chain)
    }

    /// Judges the certificates that a client of ours sent, its own first.
    ///
    /// # Errors
    ///
    /// As [`verify_client`]; [`CapacityError::TooLarge`] for a key that cannot be kept.
    pub fn of_client(anchors: Anchors<'_>, clock: Clock, chain: &[&[u8]]) -> Result<Self, Reason> {
        Self::of((verify_client(anchors, clock, chain)?, None), chain)
    }

    fn of(
        (accepted, not_after): (Accepted, Option<Timestamp>),
        chain: &[&[u8]],
    ) -> Result<Self, Reason> {
        let refuse = |cause| Reason::new(Stage::Certificate, cause);
        let leaf = chain
            .first()
            .and_then(|der| Certificate::parse(der).ok())
            .ok_or_else(|| refuse(Cause::from(CertificateError::Malformed)))?;
        let key = leaf.public_key();
        Ok(Self {
            accepted,
            not_after,
            kind: leaf.key_kind(),
            key: Vec::from_slice(key).map_err(|_| {
                refuse(CapacityError::too_large(Limit::PublicKey, key.len(), MAX_KEY).into())
            })?,
        })
    }

    /// How the chain was accepted.
    #[must_use]
    pub const fn accepted(&self) -> Accepted {
        self.accepted
    }

    /// When the first certificate of the path expires, where the dates of a server's chain were checked.
    #[must_use]
    pub const fn not_after(&self) -> Option<Timestamp> {
        self.not_after
    }
}

/// A signature of a handshake, and what it covers.
#[derive(Debug, Clone, Copy)]
pub struct Signed<'m> {
    /// The version that was negotiated.
    pub version: Version,
    /// SignatureScheme, or SignatureAndHashAlgorithm in TLS 1.2.
    pub scheme: u16,
    /// The covered bytes, in pieces.
    pub message: &'m [&'m [u8]],
    /// The signature.
    pub signature: &'m [u8],
}

/// The peer holds the key of the chain that was accepted. Made by [`verify_handshake`] alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Possession {
    accepted: Accepted,
}

impl Possession {
    /// How the chain was accepted.
    #[must_use]
    pub const fn accepted(&self) -> Accepted {
        self.accepted
    }

    #[cfg(test)]
    pub(crate) const fn of(accepted: Accepted) -> Self {
        Self { accepted }
    }
}

/// Verifies the signature of a handshake with the key of an accepted chain.
///
/// # Errors
///
/// [`ProofError::SignatureScheme`] for a scheme that does not fit key and version,
/// [`ProofError::BadSignature`] and its like in TLS 1.2 for a signature that does not verify.
pub fn verify_handshake(verdict: &Verdict, signed: &Signed<'_>) -> Result<Possession, ProofError> {
    algorithm(signed.version, verdict.kind, signed.scheme)?
        .verify(&verdict.key, signed.message, signed.signature)
        .map_err(|_| match (signed.version, verdict.kind) {
            (Version::Tls13, _) => ProofError::BadSignature,
            (Version::Tls12, KeyKind::Rsa { .. }) => ProofError::BadRsaSignature,
            (Version::Tls12, _) => ProofError::BadEcSignature,
        })?;
    Ok(Possession {
        accepted: verdict.accepted,
    })
}

/// The algorithm of a handshake signature, if `scheme` fits the key.
///
/// TLS 1.3 ties each curve to one hash and has no PKCS#1 v1.5 (RFC 8446 §4.2.3); TLS 1.2 takes any SHA-2 with any
/// curve, PKCS#1 v1.5, and PSS, too (RFC 8446 §4.2.3, RFC 8422 §5.10 for Ed25519).
pub(crate) const fn algorithm(
    version: Version,
    key: KeyKind,
    scheme: u16,
) -> Result<SignatureKind, ProofError> {
    match (version, key, scheme) {
        (_, KeyKind::P256, 0x0403) => Ok(SignatureKind::P256(Hash::Sha256)),
        (Version::Tls12, KeyKind::P256, 0x0503) => Ok(SignatureKind::P256(Hash::Sha384)),
        (Version::Tls12, KeyKind::P256, 0x0603) => Ok(SignatureKind::P256(Hash::Sha512)),
        (_, KeyKind::P384, 0x0503) => Ok(SignatureKind::P384(Hash::Sha384)),
        (Version::Tls12, KeyKind::P384, 0x0403) => Ok(SignatureKind::P384(Hash::Sha256)),
        (Version::Tls12, KeyKind::P384, 0x0603) => Ok(SignatureKind::P384(Hash::Sha512)),
        (_, KeyKind::Ed25519, 0x0807) => Ok(SignatureKind::Ed25519),
        (_, KeyKind::Rsa { .. }, 0x0804) => Ok(SignatureKind::RsaPss(Hash::Sha256)),
        (_, KeyKind::Rsa { .. }, 0x0805) => Ok(SignatureKind::RsaPss(Hash::Sha384)),
        (_, KeyKind::Rsa { .. }, 0x0806) => Ok(SignatureKind::RsaPss(Hash::Sha512)),
        (Version::Tls12, KeyKind::Rsa { .. }, 0x0401) => Ok(SignatureKind::RsaPkcs1(Hash::Sha256)),
        (Version::Tls12, KeyKind::Rsa { .. }, 0x0501) => Ok(SignatureKind::RsaPkcs1(Hash::Sha384)),
        (Version::Tls12, KeyKind::Rsa { .. }, 0x0601) => Ok(SignatureKind::RsaPkcs1(Hash::Sha512)),
        (_, _, other) => Err(ProofError::SignatureScheme(other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_version_has_its_own_pairs_of_key_and_scheme() {
        let rsa = KeyKind::Rsa { bits: 2048 };
        let both: [&[u16]; 4] = [&[0x0403], &[0x0503], &[0x0807], &[0x0804, 0x0805, 0x0806]];
        let only_12: [&[u16]; 4] = [
            &[0x0503, 0x0603],
            &[0x0403, 0x0603],
            &[],
            &[0x0401, 0x0501, 0x0601],
        ];
        let keys = [KeyKind::P256, KeyKind::P384, KeyKind::Ed25519, rsa];
        for ((key, both), only_12) in keys.into_iter().zip(both).zip(only_12) {
            for scheme in 0..=u16::MAX {
                let in_13 = algorithm(Version::Tls13, key, scheme).is_ok();
                let in_12 = algorithm(Version::Tls12, key, scheme).is_ok();
                assert_eq!(in_13, both.contains(&scheme), "{scheme:04x}");
                let expected = both.contains(&scheme) || only_12.contains(&scheme);
                assert_eq!(in_12, expected, "{scheme:04x}");
            }
        }
    }
}
