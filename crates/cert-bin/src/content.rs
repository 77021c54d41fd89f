//! What is inside one item: PEM blocks or DER (spec: cert-bin 3.2, 4).
//!
//! The TLS library of the original firmware is lenient in some ways and strict in others, and this module
//! follows it: a byte order mark, CR LF, text around the blocks, a missing last newline and NULs at the
//! end do not matter; a NUL in front of a block hides the block; several certificates in one item
//! are one set. RFC 7468 parsers are stricter than that about text and line widths, so the
//! framing is our own ([`pem`]) and only the base64 is a library's.
//!
//! PEM decodes into a buffer of the caller, for which the length of the content is always enough. Where it
//! is too small, the error says what it takes.

pub(crate) mod der;
mod fault;
pub mod key;
mod kind;
pub mod pem;
mod shape;

use core::fmt;
use core::ops::Range;

use heapless::Vec;

use crate::hidden::Hidden;

pub use fault::{BrokenObject, ObjectFault};
pub use key::{KeyForm, PrivateKey, RsaFactors};
pub use kind::ObjectKind;
pub use shape::{Encoding, Shape};

/// Upper bound of what the PEM blocks of one item decode to: three quarters of the longest content.
pub const MAX_DECODED: usize = 49_152;

/// One object of an item. It is not decoded yet.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Object<'a> {
    /// What it claims to be.
    pub kind: ObjectKind,
    /// The bytes of the content it takes, markers included.
    pub range: Range<usize>,
    body: Body<'a>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Body<'a> {
    /// Base64 text between the markers.
    Pem(&'a [u8]),
    Der(&'a [u8]),
}

/// Without the bytes: they may be a private key.
impl fmt::Debug for Body<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pem(text) => f.debug_tuple("Pem").field(&Hidden(text)).finish(),
            Self::Der(der) => f.debug_tuple("Der").field(&Hidden(der)).finish(),
        }
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for Body<'_> {
    fn format(&self, f: defmt::Formatter<'_>) {
        match self {
            Self::Pem(text) => defmt::write!(f, "Pem({})", Hidden(text)),
            Self::Der(der) => defmt::write!(f, "Der({})", Hidden(der)),
        }
    }
}

impl<'a> Object<'a> {
    /// The DER bytes, where the content holds them as they are.
    #[must_use]
    pub const fn der(&self) -> Option<&'a [u8]> {
        match self.body {
            Body::Der(der) => Some(der),
            Body::Pem(_) => None,
        }
    }

    /// Length of the DER form.
    ///
    /// # Errors
    ///
    /// [`ObjectFault::Base64`] when the text is not base64.
    pub fn der_len(&self) -> Result<usize, ObjectFault> {
        match self.body {
            Body::Der(der) => Ok(der.len()),
            Body::Pem(text) => pem::decoded_len(text),
        }
    }

    /// The DER form in the start of `buf`, and the rest of `buf`. DER content is copied as well.
    ///
    /// # Errors
    ///
    /// [`ContentError::Damaged`] or [`ContentError::BufferTooSmall`].
    pub fn decode_into<'b>(
        &self,
        buf: &'b mut [u8],
    ) -> Result<(&'b [u8], &'b mut [u8]), ContentError> {
        let needed = self.len_or_error()?;
        let have = buf.len();
        let (into, rest) = buf
            .split_at_mut_checked(needed)
            .ok_or(ContentError::BufferTooSmall { needed, have })?;
        match self.body {
            Body::Der(der) => into.copy_from_slice(der),
            Body::Pem(text) => pem::decode(text, into).map_err(|fault| self.damaged(fault))?,
        }
        Ok((into, rest))
    }

    /// The DER form without copying it where it needs no decoding, and how much of `buf` it took.
    pub(crate) fn der_or_decode<'b>(
        &self,
        buf: &'b mut [u8],
    ) -> Result<(&'b [u8], usize), ContentError>
    where
        'a: 'b,
    {
        match self.body {
            Body::Der(der) => Ok((der, 0)),
            Body::Pem(_) => {
                let (der, _) = self.decode_into(buf)?;
                Ok((der, der.len()))
            }
        }
    }

    fn len_or_error(&self) -> Result<usize, ContentError> {
        self.der_len().map_err(|fault| self.damaged(fault))
    }

    fn damaged(&self, fault: ObjectFault) -> ContentError {
        ContentError::Damaged {
            at: self.range.start,
            fault,
        }
    }
}

/// The objects of an item in file order: PEM blocks, or one DER structure, or nothing.
///
/// A block that cannot be framed comes out as an error, and the walk goes on behind it. Empty content
/// and content that is neither PEM nor DER have no objects; [`Shape::of`] distinguishes them.
#[must_use]
pub fn objects(content: &[u8]) -> Objects<'_> {
    let state = match shape::encoding(content) {
        Encoding::Pem => Walk::Pem(pem::Blocks::new(content)),
        Encoding::Der => Walk::Der(content),
        Encoding::None => Walk::Done,
    };
    Objects { state }
}

/// See [`objects`].
#[derive(Clone)]
pub struct Objects<'a> {
    state: Walk<'a>,
}

impl fmt::Debug for Objects<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Objects").finish_non_exhaustive()
    }
}

#[derive(Clone)]
enum Walk<'a> {
    Pem(pem::Blocks<'a>),
    Der(&'a [u8]),
    Done,
}

impl<'a> Iterator for Objects<'a> {
    type Item = Result<Object<'a>, BrokenObject>;

    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.state {
            Walk::Pem(blocks) => blocks.next().map(|block| {
                let block = block?;
                Ok(Object {
                    kind: block.kind(),
                    range: block.range,
                    body: Body::Pem(block.body),
                })
            }),
            Walk::Der(content) => {
                let content = *content;
                self.state = Walk::Done;
                Some(match der::object(content) {
                    Ok((kind, object)) => Ok(Object {
                        kind,
                        range: 0..object.len(),
                        body: Body::Der(object),
                    }),
                    Err(fault) => Err(BrokenObject {
                        range: 0..content.len(),
                        fault,
                    }),
                })
            }
            Walk::Done => None,
        }
    }
}

/// The certificates of one item, decoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificates<'b, const N: usize> {
    /// DER, in file order.
    pub der: Vec<&'b [u8], N>,
    /// Certificate blocks left out because they cannot be read. Firmware goes on without them, and so may a
    /// modem: a missing trust anchor trusts less, never more. Worth a line in the log.
    pub unreadable: usize,
}

/// Decodes every certificate of one item into `buf`: the set a connection trusts, or a chain to present.
///
/// Blocks of other kinds are passed over, as the original firmware does. What a certificate says is not
/// looked at.
///
/// # Errors
///
/// Nothing usable inside ([`ContentError`] says why), more than `N` certificates, or a buffer
/// too small for all of them (with the size it takes).
pub fn decode_certificates<'b, const N: usize>(
    content: &[u8],
    buf: &'b mut [u8],
) -> Result<Certificates<'b, N>, ContentError> {
    usable(content)?;
    let mut found = 0_usize;
    let mut needed = 0_usize;
    let mut unreadable = 0_usize;
    let mut first_fault = None;
    for certificate in certificates_in(content) {
        match certificate.and_then(|object| object.len_or_error()) {
            Ok(len) => {
                found = found.saturating_add(1);
                needed = needed.saturating_add(len);
            }
            Err(fault) => {
                unreadable = unreadable.saturating_add(1);
                first_fault = first_fault.or(Some(fault));
            }
        }
    }
    if found == 0 {
        return Err(first_fault.unwrap_or(ContentError::NoCertificate));
    }
    let have = buf.len();
    if needed > have {
        return Err(ContentError::BufferTooSmall { needed, have });
    }
    let mut der = Vec::new();
    let mut left = buf;
    for object in certificates_in(content).flatten() {
        if object.der_len().is_err() {
            continue;
        }
        let (one, rest) = object.decode_into(left)?;
        left = rest;
        der.push(one)
            .map_err(|_| ContentError::TooManyCertificates { found, capacity: N })?;
    }
    if unreadable > 0 {
        espat_log::warn!("{} unreadable certificate blocks left out", unreadable);
    }
    Ok(Certificates { der, unreadable })
}

/// Decodes the first readable certificate of one item into the start of `buf`; also gives the rest of `buf`.
///
/// # Errors
///
/// No certificate inside, damage, or a buffer too small (with the size it takes).
pub fn decode_first_certificate<'b>(
    content: &[u8],
    buf: &'b mut [u8],
) -> Result<(&'b [u8], &'b mut [u8]), ContentError> {
    usable(content)?;
    let mut fault = None;
    for certificate in certificates_in(content) {
        match certificate.and_then(|object| object.len_or_error().map(|_| object)) {
            Ok(object) => return object.decode_into(buf),
            Err(error) => fault = fault.or(Some(error)),
        }
    }
    Err(fault.unwrap_or(ContentError::NoCertificate))
}

/// Decodes the private key of one item into `buf`, the first that is there.
///
/// The buffer then holds the key in the clear; clearing it is the caller's business.
///
/// # Errors
///
/// No key inside, an encrypted one, damage, or a buffer too small (with the size it takes).
pub fn decode_private_key<'b>(
    content: &[u8],
    buf: &'b mut [u8],
) -> Result<PrivateKey<'b>, ContentError> {
    usable(content)?;
    let mut fault = None;
    for object in objects(content) {
        match object {
            Ok(object) => match object.kind {
                ObjectKind::PrivateKey(form) => {
                    let at = object.range.start;
                    let (der, _) = object.decode_into(buf)?;
                    return PrivateKey::parse(form, der)
                        .map_err(|fault| ContentError::Damaged { at, fault });
                }
                ObjectKind::EncryptedPrivateKey => {
                    fault = fault.or(Some(ContentError::EncryptedKey));
                }
                _ => {}
            },
            Err(broken) => fault = fault.or(Some(ContentError::from(broken))),
        }
    }
    Err(fault.unwrap_or(ContentError::NoPrivateKey))
}

/// Copies only the PEM blocks of `content` to the start of `out`, with LF line ends and a last newline:
/// without text around them, byte order mark, CRs and NULs. Returns the length.
///
/// # Errors
///
/// [`ContentError::NotPemOrDer`] when there is no PEM in it, [`ContentError::Damaged`] when a block is, and
/// [`ContentError::BufferTooSmall`]; the length of `content` plus one is always enough.
pub fn strip(content: &[u8], out: &mut [u8]) -> Result<usize, ContentError> {
    if shape::encoding(content) != Encoding::Pem {
        return Err(ContentError::NotPemOrDer);
    }
    let have = out.len();
    let mut slots = out.iter_mut();
    let mut written = 0_usize;
    let mut complete = true;
    for block in pem::Blocks::new(content) {
        let block = block.map_err(ContentError::from)?;
        let text = content.get(block.range).unwrap_or_default();
        let text = text.trim_ascii_end().iter().filter(|&&byte| byte != b'\r');
        for &byte in text.chain(b"\n") {
            written = written.saturating_add(1);
            match slots.next() {
                Some(slot) => *slot = byte,
                None => complete = false,
            }
        }
    }
    if complete {
        Ok(written)
    } else {
        Err(ContentError::BufferTooSmall {
            needed: written,
            have,
        })
    }
}

/// Certificates, and whatever cannot be framed: it may have been one.
fn certificates_in(content: &[u8]) -> impl Iterator<Item = Result<Object<'_>, ContentError>> {
    objects(content)
        .filter(|object| match object {
            Ok(object) => object.kind == ObjectKind::Certificate,
            Err(_) => true,
        })
        .map(|object| object.map_err(ContentError::from))
}

/// Refuses what the firmware cannot look into at all.
fn usable(content: &[u8]) -> Result<(), ContentError> {
    let shape = Shape::of(content);
    if content.is_empty() {
        Err(ContentError::Empty)
    } else if shape.embedded_nul {
        Err(ContentError::EmbeddedNul)
    } else if shape.encoding == Encoding::None {
        Err(ContentError::NotPemOrDer)
    } else {
        Ok(())
    }
}

/// Why the content of an item cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ContentError {
    /// No content.
    Empty,
    /// No PEM block and no DER structure.
    NotPemOrDer,
    /// A NUL among the text; C code stops reading there.
    EmbeddedNul,
    /// Readable, but there is no certificate in it.
    NoCertificate,
    /// Readable, but there is no private key in it.
    NoPrivateKey,
    /// The private key is under a password.
    EncryptedKey,
    /// An object cannot be read.
    Damaged {
        /// Where it starts.
        at: usize,
        /// What is wrong.
        fault: ObjectFault,
    },
    /// More certificates than the caller has room for.
    TooManyCertificates {
        /// How many there are.
        found: usize,
        /// How many fit.
        capacity: usize,
    },
    /// The buffer is too small.
    BufferTooSmall {
        /// Bytes it takes.
        needed: usize,
        /// Bytes it has.
        have: usize,
    },
}

impl From<BrokenObject> for ContentError {
    fn from(broken: BrokenObject) -> Self {
        Self::Damaged {
            at: broken.range.start,
            fault: broken.fault,
        }
    }
}

impl ContentError {
    /// A stable word for scripts; the content codes of the lint where there is one.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::NotPemOrDer => "not_pem_or_der",
            Self::EmbeddedNul => "embedded_nul",
            Self::NoCertificate | Self::NoPrivateKey => "wrong_kind",
            Self::EncryptedKey => "encrypted_key",
            Self::Damaged { .. } => "damaged",
            Self::TooManyCertificates { .. } => "too_many_certificates",
            Self::BufferTooSmall { .. } => "buffer_too_small",
        }
    }
}

impl fmt::Display for ContentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Empty => f.write_str("no content"),
            Self::NotPemOrDer => f.write_str("neither PEM nor DER"),
            Self::EmbeddedNul => f.write_str("a NUL byte hides the rest of the text"),
            Self::NoCertificate => f.write_str("no certificate inside"),
            Self::NoPrivateKey => f.write_str("no private key inside"),
            Self::EncryptedKey => f.write_str("the private key is encrypted"),
            Self::Damaged { at, fault } => write!(f, "object at byte {at}: {fault}"),
            Self::TooManyCertificates { found, capacity } => {
                write!(f, "{found} certificates, room for {capacity}")
            }
            Self::BufferTooSmall { needed, have } => {
                write!(f, "decoding takes {needed} bytes, the buffer has {have}")
            }
        }
    }
}

impl core::error::Error for ContentError {}
