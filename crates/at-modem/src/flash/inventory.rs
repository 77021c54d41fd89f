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
use cert_bin::content::{self, BrokenObject, Encoding, KeyForm, ObjectKind, PrivateKey, Shape};
use cert_bin::mistake::{Mistake, read_image};
use cert_bin::public::{MAX_PUBLIC_KEY_INFO, public_key_info};
use core::ops::Range;
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
    /// A code that never changes.
    pub(crate) code: &'static str,
    /// What is wrong and what to do.
    pub(crate) text: &'static str,
    /// From the start of the partition.
    pub(crate) offset: usize,
}

impl Bad {
    /// With the sentence that goes with the code.
    pub(crate) fn new(code: &'static str, offset: usize) -> Self {
        let text = text_of(code);
        Self { code, text, offset }
    }
}

/// What a code of `AT+PKI?` means; empty for those of the NVS, which name the damage.
fn text_of(code: &str) -> &'static str {
    let mistake = || Mistake::ALL.iter().find(|mistake| mistake.code() == code);
    match code {
        "erased" => "nothing is written there: use espat pki pack, and AT+SYSFLASH or espat push",
        "empty" => "the item has no content: the file that was packed was empty",
        "unreadable" => "flash cannot be read",
        "key_not_used" => {
            "no command looks under this name: client_ca.0, client_ca.1 and so on are used"
        }
        "embedded_nul" => "a NUL byte hides the text behind it",
        "damaged" => "it cannot be read: openssl x509 -text or openssl pkey -text says why",
        "wrong_kind" => "neither a certificate nor a private key",
        "data_crc" | "chunk_missing" | "length_mismatch" | "no_terminator" | "too_many_chunks" => {
            "the value is damaged: write it again"
        }
        "invalid_key" => {
            "the parts of the key contradict each other: openssl pkey -check says which"
        }
        "unsupported_key" => {
            "a key of a kind that is not supported: P-256, P-384, Ed25519 and RSA are"
        }
        "key_too_large" => "an RSA key of more than 4096 bits",
        "buffer_too_small" => "larger than can be looked at here; a session may read it",
        _ => mistake().map_or("", |it| it.text()),
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
            let fact = Fact::BadImage(Bad::new(bad.code(), bad.offset));
            return Some((fact, false));
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
        read(bytes, kind, range.clone()).map_err(|code| Bad::new(code, range.start))
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
    let useless = mistake.map(Mistake::code).or_else(|| useless(content));
    let objects = content::objects(content)
        .filter(move |_| useless.is_none())
        .filter_map(move |object| judge(object, start).transpose());
    useless
        .map(|code| Err(Bad::new(code, start)))
        .into_iter()
        .chain(objects)
        .map(move |what| Place {
            item: number,
            label,
            what,
        })
}

/// Content that holds no object anybody would find.
fn useless(content: &[u8]) -> Option<&'static str> {
    let shape = Shape::of(content);
    if content.is_empty() {
        Some("empty")
    } else if shape.embedded_nul {
        Some("embedded_nul")
    } else if shape.encoding == Encoding::None {
        Some("not_pem_or_der")
    } else {
        None
    }
}

/// `Ok(None)` for what says nothing that its neighbour does not say.
fn judge(
    object: Result<content::Object<'_>, BrokenObject>,
    start: usize,
) -> Result<Option<(Readable, Range<usize>)>, Bad> {
    let bad = |code, range: Range<usize>| Err(Bad::new(code, start.saturating_add(range.start)));
    let object = match object {
        Ok(object) => object,
        Err(broken) => return bad("damaged", broken.range),
    };
    let kind = match object.kind {
        ObjectKind::Certificate => Readable::Certificate,
        ObjectKind::PrivateKey(form) => Readable::PrivateKey(form),
        ObjectKind::EcParameters => return Ok(None),
        ObjectKind::EncryptedPrivateKey => return bad("encrypted_key", object.range),
        _ => return bad("wrong_kind", object.range),
    };
    let range = start.saturating_add(object.range.start)..start.saturating_add(object.range.end);
    Ok(Some((kind, range)))
}

/// Looks into one object; an error is its code.
fn read(bytes: &mut [u8], kind: Readable, range: Range<usize>) -> Result<Content, &'static str> {
    const LOST: &str = "damaged";
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
        None => object.decode_into(scratch).map_err(|error| error.code())?.0,
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
            let public = public_key_info(&key, &mut public).map_err(|error| error.code())?;
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
