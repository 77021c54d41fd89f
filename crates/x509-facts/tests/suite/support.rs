//! Certificates for the tests: read from files, or made octet by octet.

use std::path::{Path, PathBuf};

use serde_json::Value;
use x509_facts::{Certificate, Fault, Field};

/// The folder with `manifest.json` and `inputs/`: the whole set of vectors where it is at hand.
pub(crate) fn vectors() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let candidates = [
        std::env::var_os("ESPAT_VECTORS").map(PathBuf::from),
        Some(here.join("../../../shared/vectors/pki")),
        Some(kept()),
    ];
    let mut found = candidates.into_iter().flatten();
    found
        .find(|folder| folder.join("manifest.json").is_file())
        .unwrap()
}

/// The folder of vectors that is part of the repository.
pub(crate) fn kept() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data")
}

pub(crate) fn manifest(folder: &Path) -> Value {
    let text = std::fs::read(folder.join("manifest.json")).unwrap();
    serde_json::from_slice(&text).unwrap()
}

/// The DER of each certificate in a file that the manifest lists.
pub(crate) fn certificates(folder: &Path, input: &Value) -> Vec<Vec<u8>> {
    let bytes = std::fs::read(folder.join(input["file"].as_str().unwrap())).unwrap();
    if input["encoding"] == "der" {
        return vec![bytes];
    }
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let (begin, end) = ("-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----");
    let blocks = text.split(begin).skip(1);
    blocks
        .map(|block| {
            let body = block.split(end).next().unwrap();
            pem_rfc7468::decode_vec(format!("{begin}{body}{end}\n").as_bytes())
                .unwrap()
                .1
        })
        .collect()
}

/// The certificates that are kept as DER, with their files' names: each algorithm, version 1 and 3.
pub(crate) fn kept_der() -> Vec<(String, Vec<u8>)> {
    let folder = kept();
    let manifest = manifest(&folder);
    let inputs = manifest["inputs"].as_array().unwrap().iter();
    let all: Vec<_> = inputs
        .filter(|input| input["encoding"] == "der")
        .map(|input| {
            (
                input["file"].to_string(),
                certificates(&folder, input).remove(0),
            )
        })
        .collect();
    assert!(all.len() >= 7);
    all
}

/// Text that may stand on a terminal and between quotes: printable, and `\` only before `xHH`.
pub(crate) fn is_safe(text: &str) -> bool {
    let escapes_are_whole = text.split('\\').skip(1).all(|after| {
        let mut chars = after.chars();
        chars.next() == Some('x')
            && chars.next().is_some_and(|c| c.is_ascii_hexdigit())
            && chars.next().is_some_and(|c| c.is_ascii_hexdigit())
    });
    escapes_are_whole && !text.chars().any(|c| c.is_control() || c == '"')
}

/// One DER element around `content`.
pub(crate) fn tlv(tag: u8, content: &[&[u8]]) -> Vec<u8> {
    let content = content.concat();
    let length = content.len();
    let octets = length.to_be_bytes();
    let significant = &octets[octets.iter().take_while(|&&octet| octet == 0).count()..];
    let mut out = vec![tag];
    if length < 0x80 {
        out.push(u8::try_from(length).unwrap());
    } else {
        out.push(0x80 | u8::try_from(significant.len()).unwrap());
        out.extend_from_slice(significant);
    }
    out.extend_from_slice(&content);
    out
}

pub(crate) fn seq(content: &[&[u8]]) -> Vec<u8> {
    tlv(0x30, content)
}

pub(crate) fn oid(content: &[u8]) -> Vec<u8> {
    tlv(0x06, &[content])
}

/// A name with one attribute of type `2.5.4.<kind>`.
pub(crate) fn name(kind: u8, tag: u8, value: &[u8]) -> Vec<u8> {
    let attribute = seq(&[&oid(&[0x55, 4, kind]), &tlv(tag, &[value])]);
    seq(&[&tlv(0x31, &[&attribute])])
}

/// An extension of type `2.5.29.<kind>`.
pub(crate) fn extension(kind: u8, value: &[u8]) -> Vec<u8> {
    seq(&[&oid(&[0x55, 0x1d, kind]), &tlv(0x04, &[value])])
}

/// A certificate in parts, each a whole element, to be changed one by one.
#[derive(Clone)]
pub(crate) struct Parts {
    pub(crate) version: Vec<u8>,
    pub(crate) serial: Vec<u8>,
    pub(crate) algorithm: Vec<u8>,
    pub(crate) issuer: Vec<u8>,
    pub(crate) validity: Vec<u8>,
    pub(crate) subject: Vec<u8>,
    pub(crate) key_info: Vec<u8>,
    pub(crate) unique_ids: Vec<u8>,
    pub(crate) extensions: Vec<Vec<u8>>,
    pub(crate) outer_algorithm: Vec<u8>,
    pub(crate) signature: Vec<u8>,
}

impl Parts {
    /// Version 3, Ed25519, no extensions.
    pub(crate) fn plain() -> Self {
        let ed25519 = seq(&[&oid(&[0x2b, 0x65, 112])]);
        let date = tlv(0x17, &[b"240101000000Z"]);
        Self {
            version: tlv(0xa0, &[&[2, 1, 2]]),
            serial: vec![2, 1, 7],
            algorithm: ed25519.clone(),
            issuer: name(3, 0x0c, b"issuer"),
            validity: seq(&[&date, &date]),
            subject: name(3, 0x0c, b"subject"),
            key_info: seq(&[&ed25519, &tlv(3, &[&[0; 33]])]),
            unique_ids: Vec::new(),
            extensions: Vec::new(),
            outer_algorithm: ed25519,
            signature: tlv(3, &[&[0; 65]]),
        }
    }

    pub(crate) fn der(&self) -> Vec<u8> {
        let list: Vec<&[u8]> = self.extensions.iter().map(Vec::as_slice).collect();
        let extensions = match list.as_slice() {
            [] => Vec::new(),
            list => tlv(0xa3, &[&seq(list)]),
        };
        let tbs = seq(&[
            &self.version,
            &self.serial,
            &self.algorithm,
            &self.issuer,
            &self.validity,
            &self.subject,
            &self.key_info,
            &self.unique_ids,
            &extensions,
        ]);
        seq(&[&tbs, &self.outer_algorithm, &self.signature])
    }

    /// The plain certificate after `change`.
    pub(crate) fn with(change: impl FnOnce(&mut Self)) -> Vec<u8> {
        let mut parts = Self::plain();
        change(&mut parts);
        parts.der()
    }
}

/// Field and fault of what is refused.
pub(crate) fn refusal(der: &[u8]) -> Option<(Field, Fault)> {
    let error = Certificate::parse(der).err()?;
    Some((error.field, error.fault))
}

/// The plain certificate with one extension, of type `2.5.29.<kind>`.
pub(crate) fn with_extension(kind: u8, value: &[u8]) -> Vec<u8> {
    Parts::with(|parts| parts.extensions = vec![extension(kind, value)])
}
