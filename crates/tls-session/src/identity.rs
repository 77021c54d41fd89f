//! Who we are, for a peer that asks: a certificate chain, and the key that belongs to it.
//!
//! ```text
//! memory   room for a header | certificate_list (RFC 8446 §4.4.2) | room for a long signature's message
//! ```
//!
//! The chain stands in the form in which it is sent, with room at both ends: an engine that sends a message in one
//! piece writes around it, and needs no second copy.

use core::cell::{Ref, RefCell};

use heapless::Vec;
use rand_core::CryptoRngCore;
use x509_facts::{Certificate, KeyKind};

use crate::reason::{CapacityError, Cause, Limit, SetupError};
use crate::version::Version;

#[cfg(feature = "rustls")]
mod owned;
mod rsa;
mod signer;

#[cfg(feature = "rustls")]
pub(crate) use owned::OwnedIdentity;
use signer::Signer;

/// Longest signature: RSA of 4096 bits.
pub const MAX_SIGNATURE: usize = 512;

/// A signature as it goes over the wire: DER for ECDSA.
pub type Signature = Vec<u8, MAX_SIGNATURE>;

/// Bytes in front of the chain: handshake header, context, length of the list, and an engine's mark.
pub(crate) const HEADER_ROOM: usize = 24;
/// Bytes of CertificateVerify without the signature: handshake header, scheme, length.
pub(crate) const VERIFY_HEADER: usize = 8;

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
    /// An RSA key of 2048 to 4096 bits with two primes, as PKCS#1 has it (RFC 8017 A.1.2) without its private
    /// exponent.
    Rsa {
        /// The modulus n.
        modulus: &'a [u8],
        /// The public exponent e.
        public_exponent: &'a [u8],
        /// The primes p and q, either of which may be the larger.
        primes: [&'a [u8]; 2],
        /// The private exponents modulo `p - 1` and `q - 1`: dP and dQ.
        exponents: [&'a [u8]; 2],
        /// The inverse of q modulo p: qInv.
        coefficient: &'a [u8],
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

/// Whether a private key of this kind can sign here.
#[must_use]
pub fn can_sign(kind: KeyKind) -> bool {
    crate::alg::check_key(kind).is_ok()
}

/// The caller's memory for an identity: its chain, and what an engine writes around it.
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

/// A certificate chain and the key that belongs to it.
pub struct Identity<'a> {
    signer: Signer<'a>,
    memory: &'a RefCell<[u8]>,
    /// Where the list ends in the memory; it begins at [`HEADER_ROOM`].
    list_end: usize,
}

/// The kind of key alone.
impl core::fmt::Debug for Identity<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Identity")
            .field("key", &self.signer)
            .finish_non_exhaustive()
    }
}

impl<'a> Identity<'a> {
    /// Takes DER certificates and a key that belongs to one of them. That one is sent first, the
    /// others behind it in their order.
    ///
    /// `memory` holds the chain until the handshake is over.
    ///
    /// # Errors
    ///
    /// [`SetupError::CertUnreadable`], [`SetupError::KeyUnreadable`], [`SetupError::KeyUnsupported`],
    /// [`SetupError::KeyInconsistent`], [`SetupError::KeyMismatch`], and [`CapacityError::TooLarge`] where `memory` is too small.
    pub fn new<const N: usize>(
        chain: &[&[u8]],
        key: ClientKey<'a>,
        memory: &'a mut IdentityMemory<N>,
    ) -> Result<Self, Cause> {
        let signer = Signer::new(key)?;
        let leaf = position_of_leaf(chain, &signer)?;
        let list: usize = chain.iter().map(|der| der.len().saturating_add(5)).sum();
        let after = match signer.long_signature() {
            Some(len) => VERIFY_HEADER.saturating_add(len),
            None => 0,
        };
        let needed = HEADER_ROOM.saturating_add(list).saturating_add(after);
        let bytes = memory.0.get_mut();
        let too_large = CapacityError::too_large(Limit::ClientChain, needed, bytes.len());
        if needed > bytes.len() {
            return Err(too_large.into());
        }
        let mut out = Layout {
            bytes,
            at: HEADER_ROOM,
        };
        let others = chain.iter().enumerate().filter(|(at, _)| *at != leaf);
        for der in chain
            .get(leaf)
            .into_iter()
            .chain(others.map(|(_, der)| der))
        {
            out.entry(der).ok_or(too_large)?;
        }
        let list_end = out.at;
        Ok(Self {
            signer,
            memory: &memory.0,
            list_end,
        })
    }

    /// Kind of the key.
    #[must_use]
    pub const fn key_kind(&self) -> KeyKind {
        self.signer.kind()
    }

    /// The chain, our own certificate first.
    #[must_use]
    pub fn chain(&self) -> CertificateList<'_> {
        CertificateList(Ref::map(self.memory.borrow(), |memory| {
            memory.get(HEADER_ROOM..self.list_end).unwrap_or_default()
        }))
    }

    /// Signature schemes (RFC 8446 §4.2.3) that the key can make in a version, the preferred first.
    #[must_use]
    pub const fn schemes(&self, version: Version) -> &'static [u16] {
        self.signer.schemes(version)
    }

    /// Bytes of the key that a copy of this takes beside its own size.
    #[cfg(feature = "rustls")]
    pub(crate) fn key_bytes(&self) -> usize {
        match &self.signer {
            Signer::Rsa(key) => {
                // Five parts of half its length beside it, each in a block of its own.
                let (modulus, ..) = key.parts();
                modulus.len().saturating_mul(4)
            }
            Signer::P256(_) | Signer::P384(_) | Signer::Ed25519(_) => 0,
        }
    }

    /// Signs what a CertificateVerify covers.
    ///
    /// An RSA signature is verified before it is returned: of the secret parts the primes alone were compared with the
    /// modulus, and a faulty signature gives them away. Public keys were compared with the certificate when the
    /// identity was made.
    ///
    /// # Errors
    ///
    /// [`ClientSignatureScheme`](crate::reason::NegotiationError::ClientSignatureScheme) for a scheme of another key or version,
    /// [`SetupError::KeyInconsistent`] for a signature that does not verify, [`SetupError::KeyUnreadable`] where signing
    /// fails.
    pub fn sign(
        &self,
        version: Version,
        scheme: u16,
        message: &[u8],
        rng: &mut impl CryptoRngCore,
    ) -> Result<Signature, Cause> {
        self.signer.sign(version, scheme, message, rng)
    }

    /// Bytes of a signature that is longer than a curve's.
    pub(crate) const fn long_signature(&self) -> Option<usize> {
        self.signer.long_signature()
    }

    /// The chain and the room around it, for an engine to lay out its messages.
    pub(crate) const fn memory(&self) -> &'a RefCell<[u8]> {
        self.memory
    }

    /// Where the chain ends in [`Self::memory`].
    pub(crate) const fn list_end(&self) -> usize {
        self.list_end
    }
}

/// The certificates of an identity.
pub struct CertificateList<'i>(Ref<'i, [u8]>);

impl core::fmt::Debug for CertificateList<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "CertificateList({})", self.iter().count())
    }
}

impl CertificateList<'_> {
    /// DER certificates, our own first.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let mut rest = &self.0[..];
        core::iter::from_fn(move || {
            let (&[high, middle, low], after) = rest.split_first_chunk::<3>()?;
            let len = usize::try_from(u32::from_be_bytes([0, high, middle, low])).ok()?;
            let (der, after) = after.split_at_checked(len)?;
            // No extensions.
            rest = after.get(2..)?;
            Some(der)
        })
    }
}

/// The position of the certificate that the key belongs to.
fn position_of_leaf(chain: &[&[u8]], signer: &Signer<'_>) -> Result<usize, SetupError> {
    let mut leaf = None;
    for (position, der) in chain.iter().enumerate() {
        let certificate = Certificate::parse(der).map_err(|_| SetupError::CertUnreadable)?;
        if leaf.is_none() && signer.belongs_to(&certificate) {
            leaf = Some(position);
        }
    }
    if chain.is_empty() {
        return Err(SetupError::CertUnreadable);
    }
    leaf.ok_or(SetupError::KeyMismatch)
}

/// Three bytes of length, as TLS writes them.
pub(crate) fn u24(value: usize) -> Option<[u8; 3]> {
    match u32::try_from(value).ok()?.to_be_bytes() {
        [0, high, middle, low] => Some([high, middle, low]),
        _ => None,
    }
}

/// A writer into memory of known size.
pub(crate) struct Layout<'l> {
    pub(crate) bytes: &'l mut [u8],
    pub(crate) at: usize,
}

impl Layout<'_> {
    pub(crate) fn put(&mut self, bytes: &[u8]) -> Option<()> {
        let end = self.at.checked_add(bytes.len())?;
        self.bytes.get_mut(self.at..end)?.copy_from_slice(bytes);
        self.at = end;
        Some(())
    }

    /// A CertificateEntry without extensions.
    fn entry(&mut self, der: &[u8]) -> Option<()> {
        self.put(&u24(der.len())?)?;
        self.put(der)?;
        self.put(&[0, 0])
    }
}
