//! Who we are, for a server that asks: a certificate, the intermediates that lead to it, and its key
//! (RFC 8446 §4.4.2, §4.4.3).
//!
//! ```text
//! scratch   MARK | Certificate, whole | CertificateVerify of an RSA key
//!           what the engine is handed as "the certificate" (envelope.rs)
//! ```
//!
//! The engine sends one certificate and takes 104 bytes of signature. So the whole Certificate
//! message is laid out here beforehand, and a CertificateVerify that is longer follows it, but for
//! its last bytes, which the engine sends as the signature.

use crate::reason::{CapacityError, Cause, Limit, SetupError};
use core::cell::RefCell;

use rand_core::CryptoRngCore;
use x509_facts::{Certificate, KeyKind};

use crate::alg;
use crate::envelope::{CERTIFICATE, CERTIFICATE_FRAME, CERTIFICATE_VERIFY, MARK};
use crate::facts::Schemes;
use crate::transcript::Transcript;

mod rsa;
mod signer;

pub(crate) use signer::{Proof, Signer};

/// A private key as its parts, big-endian, without leading zeros or with as many as there are.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub enum ClientKey<'a> {
    /// The scalar, 32 bytes.
    P256(&'a [u8]),
    /// The scalar, 48 bytes.
    P384(&'a [u8]),
    /// The seed, 32 bytes.
    Ed25519(&'a [u8]),
    /// An RSA key of 2048 to 4096 bits.
    Rsa {
        /// The modulus.
        modulus: &'a [u8],
        /// The public exponent.
        public_exponent: &'a [u8],
        /// The private exponent.
        private_exponent: &'a [u8],
    },
}

/// The kind alone.
impl core::fmt::Debug for ClientKey<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::P256(_) => "P256",
            Self::P384(_) => "P384",
            Self::Ed25519(_) => "Ed25519",
            Self::Rsa { .. } => "Rsa",
        })
    }
}

/// The caller's memory for the messages of an identity.
///
/// The DER of the certificates, five bytes for each, and 24 more fit; for an RSA key 8 more and its
/// modulus.
pub struct IdentityMemory<const N: usize = 4096>(RefCell<[u8; N]>);

impl<const N: usize> IdentityMemory<N> {
    /// All zero.
    #[must_use]
    pub const fn new() -> Self {
        Self(RefCell::new([0; N]))
    }
}

impl<const N: usize> Default for IdentityMemory<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize> core::fmt::Debug for IdentityMemory<N> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "IdentityMemory({N})")
    }
}

/// A certificate chain and the key that belongs to it, ready to be shown.
pub struct Identity<'a> {
    signer: Signer<'a>,
    /// `MARK`, the Certificate message, room for a CertificateVerify.
    message: &'a RefCell<[u8]>,
    /// Where the Certificate message ends in it.
    certificate_end: usize,
}

/// The kind of key alone.
impl core::fmt::Debug for Identity<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Identity")
            .field("key", &self.signer)
            .finish_non_exhaustive()
    }
}

/// Message header and empty context, list length.
const HEAD: usize = MARK.len() + 4 + 1 + 3;
/// Header, scheme, length of the signature.
const VERIFY_HEAD: usize = 4 + 2 + 2;

impl<'a> Identity<'a> {
    /// Takes DER certificates and a key that belongs to one of them. That one is sent first, the
    /// others behind it in their order.
    ///
    /// `memory` holds the messages until the handshake is over.
    ///
    /// # Errors
    ///
    /// [`SetupError::CertUnreadable`], [`SetupError::KeyUnreadable`], [`SetupError::KeyUnsupported`],
    /// [`SetupError::KeyMismatch`], and [`CapacityError::TooLarge`] where `memory` is too small.
    pub fn new<const N: usize>(
        chain: &[&[u8]],
        key: ClientKey<'a>,
        memory: &'a mut IdentityMemory<N>,
    ) -> Result<Self, Cause> {
        let scratch = memory.0.get_mut();
        let signer = Signer::new(key)?;
        let mut leaf = None;
        for (position, der) in chain.iter().enumerate() {
            let certificate =
                Certificate::parse(der).map_err(|_| Cause::Setup(SetupError::CertUnreadable))?;
            if leaf.is_none() && signer.belongs_to(&certificate) {
                leaf = Some(position);
            }
        }
        if chain.is_empty() {
            return Err(Cause::Setup(SetupError::CertUnreadable));
        }
        let leaf = leaf.ok_or(Cause::Setup(SetupError::KeyMismatch))?;
        let first = chain.get(leaf).copied();
        let others = chain
            .iter()
            .enumerate()
            .filter(|(position, _)| *position != leaf)
            .map(|(_, der)| *der);

        let list: usize = chain.iter().map(|der| der.len().saturating_add(5)).sum();
        let after = match signer.long_signature() {
            Some(len) => VERIFY_HEAD.saturating_add(len),
            None => 0,
        };
        let needed = HEAD.saturating_add(list).saturating_add(after);
        let too_large = Cause::Capacity(CapacityError::too_large(
            Limit::ClientChain,
            needed,
            scratch.len(),
        ));
        if needed > scratch.len() {
            return Err(too_large);
        }
        let mut out = Layout {
            bytes: scratch,
            at: 0,
        };
        let laid_out = || -> Option<usize> {
            out.put(&MARK)?;
            out.put(&[CERTIFICATE])?;
            out.put(&u24(list.checked_add(4)?)?)?;
            out.put(&[0])?;
            out.put(&u24(list)?)?;
            for der in first.into_iter().chain(others) {
                out.put(&u24(der.len())?)?;
                out.put(der)?;
                out.put(&[0, 0])?;
            }
            Some(out.at)
        };
        let certificate_end = laid_out().ok_or(too_large)?;
        Ok(Self {
            signer,
            message: &memory.0,
            certificate_end,
        })
    }

    /// Kind of the key.
    #[must_use]
    pub const fn key_kind(&self) -> KeyKind {
        self.signer.kind()
    }

    /// Bytes of the engine's buffer for outgoing records that the messages take.
    pub(crate) fn record_len(&self) -> usize {
        // Record header, inner type and tag.
        const AROUND: usize = 5 + 1 + 16;
        let verify = match self.signer.long_signature() {
            Some(len) => VERIFY_HEAD.saturating_add(len),
            None => 0,
        };
        self.certificate_end
            .saturating_add(verify)
            .saturating_add(CERTIFICATE_FRAME + AROUND)
    }

    /// The signature scheme for a server that takes these.
    pub(crate) fn scheme(&self, accepted: Schemes) -> Option<u16> {
        self.signer
            .schemes()
            .iter()
            .copied()
            .find(|scheme| accepted.contains(*scheme))
    }

    /// What the engine is to send as "the certificate", and what it is to send as "the signature"
    /// where that is known already.
    ///
    /// `transcript` hashes the messages up to and with the server's Finished.
    pub(crate) fn certificate(
        &self,
        scheme: u16,
        transcript: &Transcript,
        rng: &mut impl CryptoRngCore,
    ) -> Result<(core::cell::Ref<'_, [u8]>, Option<Proof>), Cause> {
        let mut len = self.certificate_end;
        let mut tail = None;
        if self.signer.long_signature().is_some() {
            let mut message = self.message.borrow_mut();
            let certificate = message
                .get(MARK.len()..self.certificate_end)
                .unwrap_or_default();
            let hash = transcript.value_with(certificate);
            let covered = covered(&hash);
            let signature = self.signer.sign_long(scheme, &covered, rng)?;
            // The proof must hold with the key that the server will see, or a fault gave it away.
            let leaf = certificate
                .get(HEAD.saturating_sub(MARK.len()).saturating_add(3)..)
                .and_then(|der| Certificate::parse_prefix(der).ok())
                .ok_or(Cause::Setup(SetupError::CertUnreadable))?
                .0;
            alg::of_handshake(leaf.key_kind(), scheme)?
                .verify(leaf.public_key(), &covered, &signature)
                .map_err(|_| Cause::Setup(SetupError::KeyMismatch))?;
            let (head, proof) = signature
                .split_at_checked(signature.len().saturating_sub(Proof::TAIL))
                .ok_or(Cause::Setup(SetupError::KeyUnreadable))?;
            tail = Some(Proof::tail(proof)?);
            let mut out = Layout {
                bytes: &mut message[..],
                at: len,
            };
            let mut put = || -> Option<usize> {
                out.put(&[CERTIFICATE_VERIFY])?;
                out.put(&u24(signature.len().checked_add(4)?)?)?;
                out.put(&scheme.to_be_bytes())?;
                out.put(&u16::try_from(signature.len()).ok()?.to_be_bytes())?;
                out.put(head)?;
                Some(out.at)
            };
            len = put().ok_or(Cause::Setup(SetupError::KeyUnreadable))?;
        }
        let message = core::cell::Ref::map(self.message.borrow(), |message| {
            message.get(..len).unwrap_or_default()
        });
        Ok((message, tail))
    }

    /// Signs what the engine asks for, with a key whose signature it can take.
    pub(crate) fn sign_short(&self, message: &[u8]) -> Option<Proof> {
        self.signer.sign_short(message)
    }
}

/// What a client's CertificateVerify covers (RFC 8446 §4.4.3).
fn covered(transcript: &[u8; 32]) -> [&[u8]; 3] {
    [
        &[0x20; 64],
        b"TLS 1.3, client CertificateVerify\0",
        transcript,
    ]
}

fn u24(value: usize) -> Option<[u8; 3]> {
    match u32::try_from(value).ok()?.to_be_bytes() {
        [0, high, middle, low] => Some([high, middle, low]),
        _ => None,
    }
}

struct Layout<'l> {
    bytes: &'l mut [u8],
    at: usize,
}

impl Layout<'_> {
    fn put(&mut self, bytes: &[u8]) -> Option<()> {
        let end = self.at.checked_add(bytes.len())?;
        self.bytes.get_mut(self.at..end)?.copy_from_slice(bytes);
        self.at = end;
        Some(())
    }
}
