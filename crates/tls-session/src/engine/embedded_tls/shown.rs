//! Our certificate messages in a shape that the engine can send (RFC 8446 §4.4.2, §4.4.3).
//!
//! ```text
//! memory    MARK | Certificate, whole | CertificateVerify of an RSA key
//!           what the engine is handed as "the certificate" (envelope.rs)
//! ```
//!
//! The engine sends one certificate and takes 104 bytes of signature. So the whole Certificate message is laid out
//! around the chain of the identity, and a CertificateVerify that is longer follows it, but for its last bytes, which
//! the engine sends as the signature.

use core::cell::Ref;

use heapless::Vec;
use rand_core::CryptoRngCore;

use super::envelope::{CERTIFICATE, CERTIFICATE_FRAME, CERTIFICATE_VERIFY, MARK};
use super::facts::Schemes;
use super::transcript::Transcript;
use crate::identity::{HEADER_ROOM, Identity, Layout, VERIFY_HEADER, u24};
use crate::reason::{Cause, SetupError};
use crate::verify::Version;

// MARK, message header, empty context, length of the list.
const _: () = assert!(
    HEADER_ROOM == MARK.len() + 4 + 1 + 3,
    "the header has its place"
);

/// Signatures that the engine sends as they are: ECDSA in DER, Ed25519; or the end of a longer one.
#[derive(Clone)]
pub(crate) struct Proof(Vec<u8, 104>);

impl Proof {
    /// Bytes of a long signature that travel so.
    const TAIL: usize = 32;

    pub(crate) fn whole(signature: &[u8]) -> Option<Self> {
        Vec::from_slice(signature).ok().map(Self)
    }

    /// The last bytes of a signature whose other bytes are sent already.
    fn tail(bytes: &[u8]) -> Result<Self, Cause> {
        let mut proof = Vec::new();
        proof
            .extend_from_slice(&MARK)
            .and_then(|()| proof.extend_from_slice(bytes))
            .map_err(|_| SetupError::KeyUnreadable)?;
        Ok(Self(proof))
    }

    /// No signature; only for a session that is refused already.
    pub(crate) const fn none() -> Self {
        Self(Vec::new())
    }
}

impl AsRef<[u8]> for Proof {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// Bytes of the engine's buffer for outgoing records that the messages take.
pub(crate) fn record_len(identity: &Identity<'_>) -> usize {
    // Record header, inner type and tag.
    const AROUND: usize = 5 + 1 + 16;
    let verify = match identity.long_signature() {
        Some(len) => VERIFY_HEADER.saturating_add(len),
        None => 0,
    };
    identity
        .list_end()
        .saturating_add(verify)
        .saturating_add(CERTIFICATE_FRAME + AROUND)
}

/// The signature scheme for a server that takes these.
pub(crate) fn scheme(identity: &Identity<'_>, accepted: Schemes) -> Option<u16> {
    let schemes = identity.schemes(Version::Tls13).iter().copied();
    schemes
        .into_iter()
        .find(|scheme| accepted.contains(*scheme))
}

/// What the engine is to send as "the certificate", and what it is to send as "the signature" where that is known
/// already.
///
/// `transcript` hashes the messages up to and with the server's Finished.
pub(crate) fn certificate<'i>(
    identity: &'i Identity<'_>,
    scheme: u16,
    transcript: &Transcript,
    rng: &mut impl CryptoRngCore,
) -> Result<(Ref<'i, [u8]>, Option<Proof>), Cause> {
    let mut end = identity.list_end();
    header(identity).ok_or(SetupError::CertUnreadable)?;
    let mut tail = None;
    if identity.long_signature().is_some() {
        let hash = {
            let memory = identity.memory().borrow();
            transcript.value_with(memory.get(MARK.len()..end).unwrap_or_default())
        };
        let signature = identity.sign(Version::Tls13, scheme, &covered(&hash), rng)?;
        let (head, last) = signature
            .split_at_checked(signature.len().saturating_sub(Proof::TAIL))
            .ok_or(SetupError::KeyUnreadable)?;
        tail = Some(Proof::tail(last)?);
        end = verify(identity, scheme, signature.len(), head).ok_or(SetupError::KeyUnreadable)?;
    }
    let messages = Ref::map(identity.memory().borrow(), |memory| {
        memory.get(..end).unwrap_or_default()
    });
    Ok((messages, tail))
}

/// Writes what stands in front of the chain.
fn header(identity: &Identity<'_>) -> Option<()> {
    let list = identity.list_end().checked_sub(HEADER_ROOM)?;
    let mut memory = identity.memory().borrow_mut();
    let mut out = Layout {
        bytes: &mut memory,
        at: 0,
    };
    out.put(&MARK)?;
    out.put(&[CERTIFICATE])?;
    out.put(&u24(list.checked_add(4)?)?)?;
    out.put(&[0])?;
    out.put(&u24(list)?)
}

/// Writes CertificateVerify behind the chain, with the first bytes of a signature of `len`; returns where it ends.
fn verify(identity: &Identity<'_>, scheme: u16, len: usize, head: &[u8]) -> Option<usize> {
    let mut memory = identity.memory().borrow_mut();
    let mut out = Layout {
        bytes: &mut memory,
        at: identity.list_end(),
    };
    out.put(&[CERTIFICATE_VERIFY])?;
    out.put(&u24(len.checked_add(4)?)?)?;
    out.put(&scheme.to_be_bytes())?;
    out.put(&u16::try_from(len).ok()?.to_be_bytes())?;
    out.put(head)?;
    Some(out.at)
}

/// Bytes that a CertificateVerify of TLS 1.3 with SHA-256 covers.
const COVERED: usize = 64 + 34 + 32;

/// What a client's CertificateVerify covers (RFC 8446 §4.4.3).
fn covered(transcript: &[u8; 32]) -> [u8; COVERED] {
    let mut message = [0x20; COVERED];
    let parts: [&[u8]; 2] = [b"TLS 1.3, client CertificateVerify\0", transcript];
    let bytes = parts.into_iter().flatten();
    for (to, from) in message.iter_mut().skip(64).zip(bytes) {
        *to = *from;
    }
    message
}
