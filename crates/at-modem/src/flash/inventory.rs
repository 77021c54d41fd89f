//! What one certificate partition, or one value of `mfg_nvs`, holds, reported object by object
//! (spec: cert-bin 2, 4, 6.1, 9.2).
//!
//! The bytes lie in a buffer of the caller. A PEM object is moved to the end of that
//! buffer and decoded into its start, so no second buffer is needed, the other objects are lost, and
//! the caller reads the partition again for each one. A PEM object may take 4 KiB that way, a DER object any size.
//!
//! Stack: the facts of one object, 250 bytes, are all that is returned. The public half of a private
//! key takes most: 1.2 KiB of buffers, and what P-384 needs.

use at_grammar::types::Sha256;
use cert_bin::ItemKind;
use cert_bin::content::{
    self, BrokenObject, ContentError, Encoding, KeyForm, ObjectKind, PrivateKey, Shape,
};
use cert_bin::mistake::{Mistake, read_image};
use cert_bin::public::{MAX_PUBLIC_KEY_INFO, PublicKeyError, public_key_info};
use core::ops::Range;
use partition_store::nvs::Damage;
use sha2::Digest;
use tls_session::reason::{Text, cut};
use x509_facts::Certificate;

/// One line about a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "one value at a time, printed and gone"
)]
pub(crate) enum Fact {
    /// No items, and the first wrong byte.
    BadImage(Bad),
    /// Part of an item.
    Object {
        item: u16,
        label: ItemKind,
        what: Result<Content, Bad>,
    },
}

/// A certificate, or the public half of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Content {
    /// Subject of the certificate; kind of the key.
    pub(crate) subject: Text,
    /// End of the certificate's validity; empty for a key.
    pub(crate) not_after: Text,
    /// Of the certificate; of the key's SubjectPublicKeyInfo.
    pub(crate) sha256: Sha256,
}

/// A part that is of no use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bad {
    pub(crate) why: Unusable,
    /// From the start of the partition.
    pub(crate) offset: usize,
}

/// Why a partition, a value or an object is of no use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unusable {
    /// Another kind of file, or one that its upload changed.
    Mistake(Mistake),
    /// Nothing was ever written there.
    Erased,
    /// Flash cannot be read.
    Unreadable,
    /// No command looks for a value of this name.
    KeyNotUsed,
    /// An item without content.
    Empty,
    /// Text that a NUL byte ends.
    EmbeddedNul,
    /// A certificate or key that cannot be read.
    Damaged,
    /// Readable, and neither certificate nor key.
    WrongKind,
    /// It does not fit the buffer of this command.
    TooLarge,
    /// A value of `mfg_nvs` that is damaged.
    Value(Damage),
    /// A private key whose public half cannot be computed.
    Key(PublicKeyError),
}

impl Unusable {
    /// A code that never changes.
    pub(crate) const fn code(self) -> &'static str {
        match self {
            Self::Mistake(mistake) => mistake.code(),
            Self::Erased => "erased",
            Self::Unreadable => "unreadable",
            Self::KeyNotUsed => "key_not_used",
            Self::Empty => "empty",
            Self::EmbeddedNul => "embedded_nul",
            Self::Damaged => "damaged",
            Self::WrongKind => "wrong_kind",
            Self::TooLarge => "buffer_too_small",
            Self::Value(damage) => damage.code(),
            Self::Key(error) => error.code(),
        }
    }

    /// What is wrong and what to do.
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::Mistake(mistake) => mistake.text(),
            Self::Erased => {
                "nothing is written there: use espat pki pack, and AT+SYSFLASH or espat push"
            }
            Self::Unreadable => "flash cannot be read",
            Self::KeyNotUsed => {
                "no command looks under this name: client_ca.0, client_ca.1 and so on are used"
            }
            Self::Empty => "the item has no content: the file that was packed was empty",
            Self::EmbeddedNul => "a NUL byte hides the text behind it",
            Self::Damaged => "it cannot be read: openssl x509 -text or openssl pkey -text says why",
            Self::WrongKind => "neither a certificate nor a private key",
            Self::TooLarge => "larger than can be looked at here; a session may read it",
            Self::Value(_) => "the value is damaged: write it again",
            Self::Key(PublicKeyError::InvalidKey) => {
                "the parts of the key contradict each other: openssl pkey -check says which"
            }
            Self::Key(PublicKeyError::Unsupported { .. }) => {
                "a key of a kind that is not supported: P-256, P-384, Ed25519 and RSA are"
            }
            Self::Key(PublicKeyError::TooLarge) => "an RSA key of more than 4096 bits",
            Self::Key(_) => "a key whose public half cannot be computed",
        }
    }
}

impl From<ContentError> for Unusable {
    fn from(error: ContentError) -> Self {
        match error {
            ContentError::BufferTooSmall { .. } => Self::TooLarge,
            _ => Self::Damaged,
        }
    }
}

/// Fact number `nth` about the partition in `bytes`, which are spent by it, and whether there is
/// another; `None` if there is none.
///
/// `wanted` is what the partition is for, where that is known.
pub(crate) fn fact(bytes: &mut [u8], wanted: Option<ItemKind>, nth: usize) -> Option<(Fact, bool)> {
    let found = match read_image(bytes) {
        Ok(image) => {
            let items = (0_u16..).zip(image.items());
            find(
                items.flat_map(|(number, item)| {
                    let start = item.offset.saturating_add(cert_bin::image::ITEM_HEADER_LEN);
                    let kind = wanted.unwrap_or(item.kind);
                    places((number, item.kind, kind), item.content, start)
                }),
                nth,
            )?
        }
        Err(bad) => {
            // Where no mistake is behind it, nothing was written.
            let why = bad.mistake.map_or(Unusable::Erased, Unusable::Mistake);
            let offset = bad.offset;
            return Some((Fact::BadImage(Bad { why, offset }), false));
        }
    };
    Some(fact_of(bytes, found))
}

/// Fact number `nth` about the value in the first `len` bytes of `buffer`, all of which are spent
/// by it: item `item` of a role of `label`. As [`fact`].
pub(crate) fn value_fact(
    buffer: &mut [u8],
    len: usize,
    (item, label): (u16, ItemKind),
    nth: usize,
) -> Option<(Fact, bool)> {
    let found = find(places((item, label, label), buffer.get(..len)?, 0), nth)?;
    Some(fact_of(buffer, found))
}

/// Looks into what was found.
fn fact_of(bytes: &mut [u8], (place, more): (Place, bool)) -> (Fact, bool) {
    let what = place.what.and_then(|(kind, range)| {
        let offset = range.start;
        read(bytes, kind, range).map_err(|why| Bad { why, offset })
    });
    let fact = Fact::Object {
        item: place.item,
        label: place.label,
        what,
    };
    (fact, more)
}

/// An object that says something by itself.
#[derive(Clone, Copy)]
enum Readable {
    Certificate,
    PrivateKey(KeyForm),
}

/// An object, where it lies.
struct Place {
    item: u16,
    label: ItemKind,
    what: Result<(Readable, Range<usize>), Bad>,
}

fn find(mut all: impl Iterator<Item = Place>, nth: usize) -> Option<(Place, bool)> {
    Some((all.nth(nth)?, all.next().is_some()))
}

/// The objects of one item, whose content begins at `start`: its number, what its label says and what belongs there.
fn places(
    (number, label, wanted): (u16, ItemKind, ItemKind),
    content: &[u8],
    start: usize,
) -> impl Iterator<Item = Place> {
    let mistake = Mistake::of_item(content, wanted);
    let useless = mistake.map(Unusable::Mistake).or_else(|| useless(content));
    let objects = content::objects(content)
        .filter(move |_| useless.is_none())
        .filter_map(move |object| judge(object, start).transpose());
    useless
        .map(|why| Err(Bad { why, offset: start }))
        .into_iter()
        .chain(objects)
        .map(move |what| Place {
            item: number,
            label,
            what,
        })
}

/// Content that holds no object anybody would find.
fn useless(content: &[u8]) -> Option<Unusable> {
    let shape = Shape::of(content);
    if content.is_empty() {
        Some(Unusable::Empty)
    } else if shape.embedded_nul {
        Some(Unusable::EmbeddedNul)
    } else if shape.encoding == Encoding::None {
        Some(Unusable::Mistake(Mistake::NotPemOrDer))
    } else {
        None
    }
}

/// `Ok(None)` for what says nothing that its neighbour does not say.
fn judge(
    object: Result<content::Object<'_>, BrokenObject>,
    start: usize,
) -> Result<Option<(Readable, Range<usize>)>, Bad> {
    let bad = |why, range: Range<usize>| {
        let offset = start.saturating_add(range.start);
        Err(Bad { why, offset })
    };
    let object = match object {
        Ok(object) => object,
        Err(broken) => return bad(Unusable::Damaged, broken.range),
    };
    let kind = match object.kind {
        ObjectKind::Certificate => Readable::Certificate,
        ObjectKind::PrivateKey(form) => Readable::PrivateKey(form),
        ObjectKind::EcParameters => return Ok(None),
        ObjectKind::EncryptedPrivateKey => {
            return bad(Unusable::Mistake(Mistake::EncryptedKey), object.range);
        }
        _ => return bad(Unusable::WrongKind, object.range),
    };
    let range = start.saturating_add(object.range.start)..start.saturating_add(object.range.end);
    Ok(Some((kind, range)))
}

/// Looks into one object.
fn read(bytes: &mut [u8], kind: Readable, range: Range<usize>) -> Result<Content, Unusable> {
    const LOST: Unusable = Unusable::Damaged;
    let len = range.len();
    let split = bytes.len().checked_sub(len).ok_or(LOST)?;
    if bytes.get(range.clone()).is_none() {
        return Err(LOST);
    }
    bytes.copy_within(range, split);
    let (scratch, object) = bytes.split_at_mut_checked(split).ok_or(LOST)?;
    let object = content::objects(object)
        .next()
        .and_then(Result::ok)
        .ok_or(LOST)?;
    let der = match object.der() {
        Some(der) => der,
        None => object.decode_into(scratch)?.0,
    };
    match kind {
        Readable::Certificate => {
            let certificate = Certificate::parse(der).map_err(|_| LOST)?;
            Ok(Content {
                subject: cut(certificate.subject()),
                not_after: cut(certificate.validity().not_after),
                sha256: hash(der),
            })
        }
        Readable::PrivateKey(form) => {
            let key = PrivateKey::parse(form, der).map_err(|_| LOST)?;
            let mut public = [0; MAX_PUBLIC_KEY_INFO];
            let public = public_key_info(&key, &mut public).map_err(Unusable::Key)?;
            Ok(Content {
                subject: cut(key.kind),
                not_after: Text::new(),
                sha256: hash(public),
            })
        }
    }
}

fn hash(bytes: &[u8]) -> Sha256 {
    Sha256(sha2::Sha256::digest(bytes).into())
}
