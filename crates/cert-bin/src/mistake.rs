//! What went wrong before the bytes got here: files of another kind, and uploads that changed them.
//!
//! A parser says at which byte its input is wrong. This module recognises the mistake behind it, so that a person reads
//! what to do. It is asked only after a parser has refused its input: what it says is likely, not proven.

use core::fmt;

use crate::content::{self, ObjectFault, ObjectKind, der, pem};
use crate::image::{HEADER_LEN, ITEM_HEADER_LEN, Image, ItemKind, MAGIC};

/// How many places of a partition are tried for an image at another offset.
const MAX_TRIES: usize = 8;
/// A run of erased bytes of this length inside an item is no content.
const ERASED_RUN: usize = 16;
/// So many bytes of a text are looked at.
const SAMPLE: usize = 2048;

macro_rules! mistakes {
    ($($(#[$of_row:meta])* $row:ident => $code:literal, $text:literal;)+) => {
        /// A likely mistake. `Display` says what the bytes are and what to do.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[cfg_attr(feature = "defmt", derive(defmt::Format))]
        #[non_exhaustive]
        pub enum Mistake { $($(#[$of_row])* $row),+ }

        impl Mistake {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$row),+];

            /// A stable word for scripts.
            #[must_use]
            pub const fn code(self) -> &'static str {
                match self { $(Self::$row => $code),+ }
            }

            /// What the bytes are, and what to do.
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self { $(Self::$row => $text),+ }
            }
        }
    };
}

mistakes! {
    /// A PEM file was written where an image belongs.
    PemNotImage => "pem_not_image", "PEM text, not an image: use espat pki pack";
    /// A DER file was written where an image belongs.
    DerNotImage => "der_not_image", "a DER file, not an image: use espat pki pack";
    /// The bytes were sent as hex digits.
    HexText => "hex_text", "hex digits as text: send the bytes themselves (xxd -r -p makes them)";
    /// The text between the markers alone.
    Base64Text => "base64_text", "base64 without its BEGIN and END lines: use the whole PEM file";
    /// Each LF became CR LF on the way.
    TextTransfer => "text_transfer", "the upload turned LF into CR LF: send the file in binary mode";
    /// The image does not start at the start of the partition.
    WrongOffset => "wrong_offset", "the image is not at offset 0 of the partition: erase, and write it there";
    /// Flash was written twice without an erase: each bit is 1 only if both had it.
    NotErased => "not_erased", "written over old data: erase the partition first, then write again";
    /// The end is missing.
    Truncated => "truncated", "the end is missing: erase, and write the whole file";
    /// An image where one certificate or key belongs.
    ImageInValue => "image_in_value", "a PKI image, where the bare PEM or DER file belongs: use that file";
    /// Pages of the NVS of ESP-IDF.
    NvsPartition => "nvs_partition", "pages of an NVS partition, not an image: that file belongs in mfg_nvs";
    /// A program.
    AppImage => "app_image", "a firmware image, not certificates: write an image of espat pki pack";
    /// A partition table.
    PartitionTable => "partition_table", "a partition table, not certificates: write an image of espat pki pack";
    /// A key where a certificate belongs.
    KeyNotCertificate => "key_not_certificate",
        "a private key, where a certificate belongs: write it to the partition of keys";
    /// A certificate where a key belongs.
    CertificateNotKey => "certificate_not_key",
        "a certificate, where a private key belongs: write it to the partition of certificates";
    /// Text of two bytes per character.
    Utf16 => "utf16_text", "UTF-16 text (an editor's \"Unicode\"): save it as UTF-8";
    /// Old line ends.
    CrLineEnds => "cr_line_ends", "line ends are a carriage return (CR) alone: save it with LF";
    /// Pasted out of source text or JSON.
    EscapedLineEnds => "escaped_line_ends", "line ends are written as \\n, backslash and n: put real line ends there";
    /// The END line is missing.
    NoEnd => "no_end_line", "BEGIN without its END line: the end of the file is missing";
    /// A marker that lost a dash, or whose dashes were replaced.
    BrokenDashes => "broken_dashes", "a BEGIN or END line without five dashes (-----) on each side";
    /// `openssl x509 -trustout`.
    TrustedCertificate => "trusted_certificate",
        "labelled TRUSTED CERTIFICATE, which only OpenSSL reads: openssl x509 -in FILE makes a plain one";
    /// A `.p7b`.
    Pkcs7 => "pkcs7", "labelled PKCS7 (.p7b): openssl pkcs7 -print_certs takes the certificates out";
    /// A `.p12` or `.pfx`.
    Pkcs12 => "pkcs12", "a PKCS#12 file (.p12, .pfx): openssl pkcs12 -nodes takes certificate and key out";
    /// A key of `ssh-keygen`.
    OpenSshKey => "openssh_key", "labelled OPENSSH PRIVATE KEY: ssh-keygen -p -m PEM -f FILE converts it";
    /// A key under a password.
    EncryptedKey => "encrypted_key",
        "the key is ENCRYPTED, and there is no password here: openssl pkey -in key.pem -out plain.pem";
    /// What one sends to a CA.
    CertificateRequest => "certificate_request", "a CERTIFICATE REQUEST: use the certificate that the CA made of it";
    /// Half a key.
    PublicKey => "public_key", "a PUBLIC KEY alone: use the certificate, or the private key";
    /// What a download brought that failed.
    WebPage => "web_page", "a web page, not a certificate: download the file itself";
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl core::error::Error for Mistake {}

impl Mistake {
    /// What a certificate partition holds instead of an image, or what happened to the image.
    #[must_use]
    pub fn of_image(bytes: &[u8]) -> Option<Self> {
        if starts_with_magic(bytes) {
            return of_damaged_image(bytes);
        }
        if bytes.starts_with(&[0xAA, 0x50]) {
            return Some(Self::PartitionTable);
        }
        if is_nvs(bytes) {
            return Some(Self::NvsPartition);
        }
        if has_image_behind(bytes) {
            return Some(Self::WrongOffset);
        }
        let written = without_erased_end(bytes);
        if pem::is_present(written) {
            return Some(Self::PemNotImage);
        }
        if der::is_likely(written) {
            return Some(Self::DerNotImage);
        }
        // A segment count, an SPI mode and an entry point follow.
        if let [0xE9, 1..=16, 0..=5, ..] = bytes {
            return Some(Self::AppImage);
        }
        of_text(written)
    }

    /// Whether the upload went wrong, rather than the file.
    #[must_use]
    pub const fn is_upload(self) -> bool {
        matches!(
            self,
            Self::PemNotImage
                | Self::DerNotImage
                | Self::HexText
                | Self::TextTransfer
                | Self::WrongOffset
                | Self::NotErased
                | Self::Truncated
                | Self::ImageInValue
                | Self::NvsPartition
                | Self::AppImage
                | Self::PartitionTable
        )
    }

    /// What one certificate or key file is instead, where `wanted` says which of both belongs there.
    #[must_use]
    pub fn of_content(content: &[u8], wanted: ItemKind) -> Option<Self> {
        if starts_with_magic(content) {
            return Some(Self::ImageInValue);
        }
        if is_utf16(content) {
            return Some(Self::Utf16);
        }
        let written = without_erased_end(content).len();
        if written > 0 && content.len().saturating_sub(written) >= ERASED_RUN {
            return Some(Self::Truncated);
        }
        let mut usable = false;
        let mut found = None;
        for object in content::objects(content).flatten() {
            let kind = object.kind;
            usable |= match wanted {
                ItemKind::Key => matches!(kind, ObjectKind::PrivateKey(_)),
                ItemKind::Ca | ItemKind::Cert => kind == ObjectKind::Certificate,
            };
            found = found.or_else(|| instead(kind, wanted));
        }
        if usable {
            // There is one, so only its inside can be wrong.
            return overwritten(content).then_some(Self::NotErased);
        }
        found
            .or_else(|| of_label(content))
            .or_else(|| of_text(content))
            .or_else(|| of_broken_pem(content))
            .or_else(|| is_pkcs12(content).then_some(Self::Pkcs12))
    }
}

/// What an object is where something else was wanted.
const fn instead(kind: ObjectKind, wanted: ItemKind) -> Option<Mistake> {
    Some(match (kind, wanted) {
        (ObjectKind::PrivateKey(_), ItemKind::Ca | ItemKind::Cert) => Mistake::KeyNotCertificate,
        (ObjectKind::Certificate, ItemKind::Key) => Mistake::CertificateNotKey,
        (ObjectKind::EncryptedPrivateKey, _) => Mistake::EncryptedKey,
        (ObjectKind::CertificateRequest, _) => Mistake::CertificateRequest,
        (ObjectKind::PublicKey, _) => Mistake::PublicKey,
        _ => return None,
    })
}

fn starts_with_magic(bytes: &[u8]) -> bool {
    bytes.len() > HEADER_LEN && bytes.starts_with(&MAGIC.to_le_bytes())
}

/// An image by its first bytes that cannot be read.
fn of_damaged_image(bytes: &[u8]) -> Option<Mistake> {
    if is_image_without_crs(bytes) {
        return Some(Mistake::TextTransfer);
    }
    if overwritten(bytes) {
        return Some(Mistake::NotErased);
    }
    let list_len = bytes.get(4..HEADER_LEN)?.first_chunk::<4>()?;
    let declared = usize::try_from(u32::from_le_bytes(*list_len)).ok()?;
    let end = HEADER_LEN.checked_add(declared)?;
    let written = without_erased_end(bytes).len();
    // Less than an item says nothing about what was meant to follow.
    let begun = written
        > HEADER_LEN
            .saturating_add(ITEM_HEADER_LEN)
            .saturating_add(ERASED_RUN);
    (begun && written.saturating_add(ERASED_RUN) < end).then_some(Mistake::Truncated)
}

/// Labels of PEM that nothing here reads, but that a person can do something about.
fn of_label(content: &[u8]) -> Option<Mistake> {
    pem::Blocks::new(content)
        .flatten()
        .find_map(|block| match block.label {
            b"TRUSTED CERTIFICATE" | b"X509 TRUSTED CERTIFICATE" => {
                Some(Mistake::TrustedCertificate)
            }
            b"PKCS7" | b"CMS" | b"PKCS #7 SIGNED DATA" => Some(Mistake::Pkcs7),
            b"OPENSSH PRIVATE KEY" => Some(Mistake::OpenSshKey),
            _ => None,
        })
}

/// Text without a block that can be framed.
fn of_text(content: &[u8]) -> Option<Mistake> {
    let text = content.trim_ascii();
    if is_utf16(text) {
        return Some(Mistake::Utf16);
    }
    if text.starts_with(b"<") {
        return Some(Mistake::WebPage);
    }
    let hex = |byte: &u8| {
        byte.is_ascii_hexdigit() || byte.is_ascii_whitespace() || b":,x\\".contains(byte)
    };
    if text.len() >= 32 && text.iter().all(hex) {
        return Some(Mistake::HexText);
    }
    // A DER SEQUENCE of more than 255 bytes.
    let base64 = |byte: &u8| {
        byte.is_ascii_alphanumeric() || byte.is_ascii_whitespace() || b"+/=".contains(byte)
    };
    (text.starts_with(b"MI") && text.len() >= 32 && text.iter().all(base64))
        .then_some(Mistake::Base64Text)
}

/// BEGIN or END is there, and no block comes of it.
fn of_broken_pem(content: &[u8]) -> Option<Mistake> {
    let has = |marker: &[u8]| content.windows(marker.len()).any(|it| it == marker);
    if !has(b"BEGIN ") {
        return None;
    }
    if !content.contains(&b'\n') {
        if has(b"\\n") {
            return Some(Mistake::EscapedLineEnds);
        }
        if content.contains(&b'\r') {
            return Some(Mistake::CrLineEnds);
        }
    }
    if overwritten(content) {
        return Some(Mistake::NotErased);
    }
    match pem::Blocks::new(content).next() {
        None
        | Some(Err(content::BrokenObject {
            fault: ObjectFault::Marker,
            ..
        })) => Some(Mistake::BrokenDashes),
        Some(Err(content::BrokenObject {
            fault: ObjectFault::NoEnd,
            ..
        })) => {
            let end = has(b"END ");
            Some(if end {
                Mistake::BrokenDashes
            } else {
                Mistake::NoEnd
            })
        }
        Some(Err(content::BrokenObject {
            fault: ObjectFault::LabelMismatch,
            ..
        })) if !has(b"-----END ") || ends_without_dashes(content) => Some(Mistake::BrokenDashes),
        _ => None,
    }
}

/// The last line is an END line that lacks a dash at its end.
fn ends_without_dashes(content: &[u8]) -> bool {
    !content.trim_ascii_end().ends_with(b"-----")
}

/// A byte order mark, or every other byte of the start is zero.
fn is_utf16(content: &[u8]) -> bool {
    let marked = content.starts_with(&[0xFF, 0xFE]) || content.starts_with(&[0xFE, 0xFF]);
    let start = content.first_chunk::<8>();
    let wide = start.is_some_and(|start| {
        matches!(start, [a, 0, b, 0, c, 0, d, 0] | [0, a, 0, b, 0, c, 0, d]
            if [a, b, c, d].into_iter().all(|&byte| byte.is_ascii_graphic()))
    });
    wide || (marked && content.get(2..).is_some_and(|rest| rest.contains(&0)))
}

/// PFX (RFC 7292 §4): SEQUENCE { version INTEGER 3, SEQUENCE { … } }.
fn is_pkcs12(content: &[u8]) -> bool {
    der::outer(content).is_ok()
        && matches!(
            content,
            [0x30, 0x82, _, _, 2, 1, 3, 0x30, ..]
                | [0x30, 0x81, _, 2, 1, 3, 0x30, ..]
                | [0x30, 0x80, 2, 1, 3, 0x30, ..]
        )
}

/// A page header of ESP-IDF: a state whose bits only fall, a sequence number, the version of the format.
fn is_nvs(bytes: &[u8]) -> bool {
    let state = matches!(bytes.first(), Some(0xFE | 0xFC | 0xF8));
    let rest = bytes.get(1..4) == Some(&[0xFF; 3]);
    let version = matches!(bytes.get(8), Some(0xFE | 0xFF));
    state && rest && version
}

fn without_erased_end(bytes: &[u8]) -> &[u8] {
    let erased = bytes.iter().rev().take_while(|&&byte| byte == 0xFF).count();
    bytes
        .get(..bytes.len().saturating_sub(erased))
        .unwrap_or_default()
}

fn has_image_behind(bytes: &[u8]) -> bool {
    let magic = MAGIC.to_le_bytes();
    (1..bytes.len())
        .filter(|&at| bytes.get(at..).is_some_and(|rest| rest.starts_with(&magic)))
        .take(MAX_TRIES)
        .any(|at| {
            bytes
                .get(at..)
                .is_some_and(|rest| Image::parse(rest).is_ok())
        })
}

/// Flash that is written twice holds the AND of both: of two base64 texts mostly bytes that no base64 has.
fn overwritten(bytes: &[u8]) -> bool {
    let marker = b"-----BEGIN ";
    let Some(start) = bytes.windows(marker.len()).position(|it| it == marker) else {
        return false;
    };
    let text = bytes.get(start..).unwrap_or_default();
    let text = text.get(..SAMPLE).unwrap_or(text);
    let mut len = 0_usize;
    let mut foreign = 0_usize;
    for &byte in text.iter().take_while(|&&byte| byte < 0x80) {
        len = len.saturating_add(1);
        let belongs = byte.is_ascii_alphanumeric() || b"+/=- \r\n".contains(&byte);
        foreign = foreign.saturating_add(usize::from(!belongs));
    }
    len >= 64 && foreign.saturating_mul(8) > len
}

/// Whether the bytes are an image once each CR in front of an LF is taken out.
fn is_image_without_crs(bytes: &[u8]) -> bool {
    let mut bytes = WithoutCrs {
        rest: bytes,
        removed: 0,
    };
    let Some([_, _, c0, c1, rest @ ..]) = bytes.array::<HEADER_LEN>() else {
        return false;
    };
    let mut left = u32::from_le_bytes(rest);
    for _ in 0..u16::from_le_bytes([c0, c1]) {
        let Some([kind, _, n0, n1]) = bytes.array::<ITEM_HEADER_LEN>() else {
            return false;
        };
        let n = u32::from(u16::from_le_bytes([n0, n1]));
        let whole = n.next_multiple_of(4).saturating_add(4);
        if ItemKind::from_type(kind).is_none() || left < n.saturating_add(4) {
            return false;
        }
        left = left.saturating_sub(whole);
        if !(0..whole.saturating_sub(4)).all(|_| bytes.next().is_some()) {
            return false;
        }
    }
    left == 0 && bytes.removed > 0
}

/// Bytes of an upload in text mode, as they were before it.
struct WithoutCrs<'a> {
    rest: &'a [u8],
    removed: usize,
}

impl WithoutCrs<'_> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let mut taken = [0; N];
        for byte in &mut taken {
            *byte = self.next()?;
        }
        Some(taken)
    }
}

impl Iterator for WithoutCrs<'_> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        if let Some(rest) = self.rest.strip_prefix(b"\r\n") {
            self.rest = rest;
            self.removed = self.removed.saturating_add(1);
            return Some(b'\n');
        }
        let (&byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(byte)
    }
}
