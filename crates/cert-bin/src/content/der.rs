//! What a DER structure is, judged by its shape: certificates and keys carry no label in this form.

use der::{AnyRef, Decode, Header, Reader, SliceReader, Tag, TagNumber, Tagged};

use super::fault::ObjectFault;
use super::key::KeyForm;
use super::kind::ObjectKind;

/// Whether content without a PEM block was meant to be DER: a SEQUENCE that starts with a SEQUENCE, an
/// INTEGER or an OBJECT IDENTIFIER, cut short or not. Text that happens to start with `0` is not.
pub(crate) fn is_likely(content: &[u8]) -> bool {
    let inner = match *content {
        [0x30, 0x81, _, inner, ..]
        | [0x30, 0x82, _, _, inner, ..]
        | [0x30, 0x83, _, _, _, inner, ..]
        | [0x30, 0x00..=0x7F, inner, ..] => inner,
        _ => return false,
    };
    matches!(inner, 0x30 | 0x02 | 0x06)
}

/// The structure at the start of `content`, behind which there may only be NULs.
pub(crate) fn outer(content: &[u8]) -> Result<&[u8], ObjectFault> {
    let cut = ObjectFault::Truncated {
        declared: 0,
        available: content.len(),
    };
    let mut reader = SliceReader::new(content).map_err(|_| cut)?;
    let header = Header::decode(&mut reader).map_err(|_| cut)?;
    if header.tag != Tag::Sequence {
        return Err(ObjectFault::Structure);
    }
    let length = |length: der::Length| usize::try_from(length).map_err(|_| cut);
    let declared = length(reader.position())?.saturating_add(length(header.length)?);
    let (object, behind) = content
        .split_at_checked(declared)
        .ok_or(ObjectFault::Truncated {
            declared,
            available: content.len(),
        })?;
    if behind.iter().any(|&byte| byte != 0) {
        return Err(ObjectFault::Trailing { left: behind.len() });
    }
    Ok(object)
}

/// The one object of DER content and what it is.
pub(super) fn object(content: &[u8]) -> Result<(ObjectKind, &[u8]), ObjectFault> {
    let object = outer(content)?;
    Ok((classify(object).ok_or(ObjectFault::Structure)?, object))
}

/// `None` if the parts of the structure cannot be identified.
fn classify(object: &[u8]) -> Option<ObjectKind> {
    let parts = Parts::of(AnyRef::from_der(object).ok()?)?;
    Some(match parts.tags() {
        [Tag::Integer, Tag::Sequence, Tag::OctetString, ..] => {
            ObjectKind::PrivateKey(KeyForm::Pkcs8)
        }
        [Tag::Integer, Tag::OctetString, ..] => ObjectKind::PrivateKey(KeyForm::Sec1),
        [Tag::Integer, Tag::Integer, Tag::Integer, Tag::Integer, ..] => {
            ObjectKind::PrivateKey(KeyForm::Pkcs1)
        }
        [Tag::Integer, Tag::Integer] => ObjectKind::PublicKey,
        [Tag::Sequence, Tag::OctetString] => ObjectKind::EncryptedPrivateKey,
        [Tag::Sequence, Tag::BitString] => ObjectKind::PublicKey,
        [Tag::Sequence, Tag::Sequence, Tag::BitString] => classify_signed(parts.first?)?,
        _ => ObjectKind::Other,
    })
}

/// What is signed: a certificate, a request or a revocation list.
fn classify_signed(to_be_signed: AnyRef<'_>) -> Option<ObjectKind> {
    const ATTRIBUTES: Tag = Tag::ContextSpecific {
        constructed: true,
        number: TagNumber::N0,
    };
    let parts = Parts::of(to_be_signed)?;
    let is_time = |tag: &Tag| matches!(tag, Tag::UtcTime | Tag::GeneralizedTime);
    Some(match parts.tags() {
        [Tag::Integer, Tag::Sequence, Tag::Sequence]
        | [Tag::Integer, Tag::Sequence, Tag::Sequence, ATTRIBUTES] => {
            ObjectKind::CertificateRequest
        }
        // A certificate keeps its dates one level deeper.
        tags if tags.iter().any(is_time) => ObjectKind::Other,
        _ => ObjectKind::Certificate,
    })
}

/// The tags of the first parts of a SEQUENCE. Ten are enough to distinguish the structures.
struct Parts<'a> {
    tags: heapless::Vec<Tag, 10>,
    first: Option<AnyRef<'a>>,
}

impl<'a> Parts<'a> {
    fn of(sequence: AnyRef<'a>) -> Option<Self> {
        if sequence.tag() != Tag::Sequence {
            return None;
        }
        let mut reader = SliceReader::new(sequence.value()).ok()?;
        let mut parts = Self {
            tags: heapless::Vec::new(),
            first: None,
        };
        while !reader.is_finished() {
            let part = AnyRef::decode(&mut reader).ok()?;
            parts.first = parts.first.or(Some(part));
            if parts.tags.push(part.tag()).is_err() {
                break;
            }
        }
        Some(parts)
    }

    fn tags(&self) -> &[Tag] {
        &self.tags
    }
}
