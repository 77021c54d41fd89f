//! What went wrong before the bytes got here: files of another kind, and uploads that changed them.
//!
//! A parser says at which byte its input is wrong. This module recognises the mistake behind it, so that a person reads
//! what to do. What it says is likely, not proven.

use core::fmt;

use crate::content::{self, Encoding, ObjectFault, ObjectKind, Shape, der, pem};
use crate::image::{HEADER_LEN, Image, ImageError, ItemKind, MAGIC};

mod image;
mod text;

/// A run of erased bytes of this length inside an item is no content.
const ERASED_RUN: usize = 16;

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
    /// An image as base64, as JSON and terminals carry it.
    Base64Image => "base64_image", "base64 text of an image: decode it first (base64 -d), and send the bytes";
    /// A PEM file that was put into base64 once more, as Kubernetes keeps secrets.
    Base64Pem => "base64_pem", "base64 text of a PEM file: decode it first (base64 -d)";
    /// Each byte from 0x80 on became two or three.
    Utf8Transfer => "utf8_transfer",
        "the upload sent the bytes as text in UTF-8: send them as they are, from a file opened in binary mode";
    /// Each LF became CR LF on the way.
    TextTransfer => "text_transfer", "the upload turned LF into CR LF: send the file in binary mode";
    /// The image does not start at the start of the partition.
    WrongOffset => "wrong_offset", "the image is not at offset 0 of the partition: erase, and write it there";
    /// Flash was written twice without an erase: each bit is 1 only if both had it.
    NotErased => "not_erased", "written over old data: erase the partition first, then write again";
    /// Fewer bytes came than were announced, and what was sent next was taken for the rest.
    CommandInData => "command_in_data",
        "an AT command stands in the data: fewer bytes arrived than <length> said; erase, and send all of them";
    /// Zeros alone.
    Zeros => "zeros", "zeros, not an image: erase the partition, and write an image of espat pki pack";
    /// The eight bytes in front of the items are erased flash.
    NoHeader => "no_header", "the header is missing, items are there: an interrupted upload; erase, and write it again";
    /// It begins as an image, and what follows makes no sense.
    DamagedImage => "damaged_image",
        "the image contradicts itself: erase the partition, and write the whole file in binary mode";
    /// It begins as nothing that is known here.
    NotAnImage => "not_an_image",
        "not an image, which begins with F1 F1: erase the partition, and write an image of espat pki pack";
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
    /// All partitions of a flash in one file.
    FlashDump => "flash_dump",
        "a dump of a whole flash, not of a partition: espat flash-image --inspect FILE shows where that lies";
    /// ZIP, gzip, 7z, tar.
    Archive => "archive", "an archive (ZIP, gzip, 7z): unpack it, and use the file in it";
    /// What Java keeps certificates in.
    JavaKeystore => "java_keystore", "a Java keystore (.jks): keytool -exportcert -rfc takes a certificate out";
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
    EscapedLineEnds => "escaped_line_ends", "line ends are written as \\n, backslash and n: put real line ends there, without quotes";
    /// Line ends were taken out, or became blanks.
    NoLineEnds => "no_line_ends",
        "no line ends: BEGIN and END lines stand alone, with the base64 between them";
    /// Pasted with the indentation of YAML or source text.
    Indented => "indented_lines", "lines begin with blanks: take them out (sed 's/^[[:blank:]]*//' FILE)";
    /// What `openssl x509 -text -noout` prints.
    CertificateText => "certificate_text",
        "the text of a certificate without the certificate: openssl x509 -in FILE writes its PEM";
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
    /// A list of certificates that are withdrawn.
    RevocationList => "revocation_list", "a revocation list (X509 CRL), not a certificate: use the CA's certificate";
    /// `openssl ecparam` without `-genkey`.
    EcParameters => "ec_parameters", "EC PARAMETERS alone, without a key: openssl ecparam -genkey makes one";
    /// A `.ppk`.
    PuttyKey => "putty_key", "a PuTTY key (.ppk): puttygen FILE -O private-openssh, then ssh-keygen -p -m PEM";
    /// Half a key.
    PublicKey => "public_key", "a PUBLIC KEY alone: use the certificate, or the private key";
    /// Nothing that is known.
    NotPemOrDer => "not_pem_or_der", "neither PEM nor DER: export the certificate or key as PEM (Base64) or DER";
    /// What a download brought that failed.
    WebPage => "web_page", "a web page, not a certificate: download the file itself";
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl core::error::Error for Mistake {}

/// Why a certificate partition, or an image file, is of no use.
///
/// `Display` says what to do, then what the reader stumbled over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct BadImage {
    /// What the reader refuses; `None` where the table is whole and the contents behind it are changed.
    pub error: Option<ImageError>,
    /// The mistake behind it; `None` where there is nothing at all: erased flash, an empty file.
    pub mistake: Option<Mistake>,
    /// The first wrong byte; 0 where all of it is at fault.
    pub offset: usize,
}

impl BadImage {
    /// A stable word for scripts: the mistake's, or `erased`, `empty_input`.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match (self.mistake, self.error) {
            (Some(mistake), _) => mistake.code(),
            (None, Some(error)) => error.code(),
            (None, None) => Mistake::DamagedImage.code(),
        }
    }

    /// Nothing was ever written there.
    #[must_use]
    pub const fn is_blank(&self) -> bool {
        matches!(
            self.error,
            Some(ImageError::Erased | ImageError::EmptyInput)
        )
    }
}

impl fmt::Display for BadImage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.mistake, self.error) {
            (Some(mistake), Some(error)) => {
                write!(
                    f,
                    "{mistake} [{}] ({error} [{}])",
                    mistake.code(),
                    error.code()
                )
            }
            (Some(mistake), None) => write!(f, "{mistake} [{}]", mistake.code()),
            (None, Some(error)) => write!(f, "{error} [{}]", error.code()),
            (None, None) => f.write_str(self.code()),
        }
    }
}

impl core::error::Error for BadImage {}

/// Reads an image as sessions and tools do: [`Image::parse`], which knows the table alone, and the mistakes behind what
/// it refuses. An upload in text mode that left the table whole is refused, too.
///
/// # Errors
///
/// What is wrong, and the mistake behind it.
pub fn read_image(bytes: &[u8]) -> Result<Image<'_>, BadImage> {
    match Image::parse(bytes) {
        Ok(image) => match image::text_mode_behind(&image, bytes) {
            Some(offset) => Err(BadImage {
                error: None,
                mistake: Some(Mistake::TextTransfer),
                offset,
            }),
            None => Ok(image),
        },
        Err(error) => Err(BadImage {
            error: Some(error),
            mistake: Mistake::behind(error, bytes),
            offset: error.offset_in(bytes),
        }),
    }
}

impl Mistake {
    /// What a certificate partition holds instead of an image, or what happened to the image; `None` for a good one, and
    /// where nothing was written.
    #[must_use]
    pub fn of_image(bytes: &[u8]) -> Option<Self> {
        read_image(bytes).err()?.mistake
    }

    fn behind(error: ImageError, bytes: &[u8]) -> Option<Self> {
        Some(match error {
            ImageError::EmptyInput | ImageError::Erased => return None,
            _ if bytes.starts_with(&MAGIC.to_le_bytes()) => image::damage(bytes),
            _ => instead_of_image(bytes),
        })
    }

    /// What the content of an item or value in flash is instead, where `wanted` says which kind belongs there: as
    /// [`Mistake::of_content`], with what the way into flash may have done to it.
    #[must_use]
    pub fn of_item(content: &[u8], wanted: ItemKind) -> Option<Self> {
        match Self::of_content(content, wanted) {
            // The length was that of the file, which became longer on the way.
            Some(Self::NoEnd | Self::BrokenDashes | Self::NotPemOrDer) | None
                if text::is_cut_in_text_mode(content) =>
            {
                Some(Self::TextTransfer)
            }
            Some(Self::NoEnd | Self::BrokenDashes | Self::NotPemOrDer | Self::Truncated) | None
                if text::has_command(content) =>
            {
                Some(Self::CommandInData)
            }
            mistake => mistake,
        }
    }

    /// What one certificate or key file is instead, where `wanted` says which of both belongs there.
    #[must_use]
    pub fn of_content(content: &[u8], wanted: ItemKind) -> Option<Self> {
        if starts_with_magic(content) {
            return Some(Self::ImageInValue);
        }
        if text::is_utf16(content) {
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
            if text::is_indented(content) {
                return Some(Self::Indented);
            }
            let is_damaged = pem::is_present(content) || text::is_unreadable_der(content);
            return (is_damaged && image::overwritten(content)).then_some(Self::NotErased);
        }
        let parameters = || {
            let mut all = content::objects(content).flatten();
            all.any(|object| object.kind == ObjectKind::EcParameters)
                .then_some(Self::EcParameters)
        };
        found
            .or_else(|| text::of_label(content))
            .or_else(parameters)
            .or_else(|| text::of_text(content))
            .or_else(|| text::of_broken_pem(content))
            .or_else(|| of_binary(content))
            .or_else(|| (content.len() >= ERASED_RUN && is_zeros(content)).then_some(Self::Zeros))
            .or_else(|| image::overwritten(content).then_some(Self::NotErased))
            .or_else(|| {
                let is_nothing = Shape::of(content).encoding == Encoding::None;
                (is_nothing && !content.is_empty()).then_some(Self::NotPemOrDer)
            })
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

/// What bytes are that do not begin as an image.
fn instead_of_image(bytes: &[u8]) -> Mistake {
    let written = without_erased_end(bytes);
    if is_zeros(written) {
        return Mistake::Zeros;
    }
    let table = [0xAA, 0x50];
    if bytes
        .get(0x8000..)
        .is_some_and(|rest| rest.starts_with(&table))
    {
        return Mistake::FlashDump;
    }
    if bytes.starts_with(&table) {
        return Mistake::PartitionTable;
    }
    if is_nvs(bytes) {
        return Mistake::NvsPartition;
    }
    if image::lacks_header(bytes) {
        return Mistake::NoHeader;
    }
    if image::lies_behind(bytes) {
        return Mistake::WrongOffset;
    }
    if text::is_image_in_utf8(bytes) {
        return Mistake::Utf8Transfer;
    }
    // Digits of an offset look like the tag of a SEQUENCE.
    if text::is_hex(written.trim_ascii()) {
        return Mistake::HexText;
    }
    if let Some(mistake) = raw_file(written) {
        return mistake;
    }
    // A segment count, an SPI mode and an entry point follow.
    if let [0xE9, 1..=16, 0..=5, ..] = bytes {
        return Mistake::AppImage;
    }
    text::of_text(written)
        .or_else(|| of_binary(written))
        .unwrap_or(Mistake::NotAnImage)
}

/// A file of one certificate or key, written without an image around it.
fn raw_file(written: &[u8]) -> Option<Mistake> {
    if pem::is_present(written) {
        let cut = matches!(
            pem::Blocks::new(written).last(),
            Some(Err(content::BrokenObject {
                fault: ObjectFault::NoEnd,
                ..
            }))
        );
        return Some(if cut {
            Mistake::Truncated
        } else {
            Mistake::PemNotImage
        });
    }
    if !der::is_likely(written) || is_pkcs12(written) || is_pkcs7(written) {
        return None;
    }
    // A few bytes at the end of a signature may well be 0xFF.
    let lacking = match der::outer(written) {
        Err(ObjectFault::Truncated { declared, .. }) => declared.saturating_sub(written.len()),
        _ => 0,
    };
    Some(if lacking >= ERASED_RUN {
        Mistake::Truncated
    } else {
        Mistake::DerNotImage
    })
}

/// Containers of other programs.
fn of_binary(content: &[u8]) -> Option<Mistake> {
    if is_pkcs12(content) {
        return Some(Mistake::Pkcs12);
    }
    if is_pkcs7(content) {
        return Some(Mistake::Pkcs7);
    }
    let starts = |magic: &[u8]| content.starts_with(magic);
    if starts(b"PK\x03\x04") || starts(&[0x1F, 0x8B]) || starts(b"7z\xBC\xAF") {
        return Some(Mistake::Archive);
    }
    (starts(&[0xFE, 0xED, 0xFE, 0xED]) || starts(&[0xCE, 0xCE, 0xCE, 0xCE]))
        .then_some(Mistake::JavaKeystore)
}

fn starts_with_magic(bytes: &[u8]) -> bool {
    bytes.len() > HEADER_LEN && bytes.starts_with(&MAGIC.to_le_bytes())
}

/// Whether there is something, and all of it is zero.
fn is_zeros(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|&byte| byte == 0)
}

/// PFX (RFC 7292 §4): SEQUENCE { version INTEGER 3, SEQUENCE { … } }.
fn is_pkcs12(content: &[u8]) -> bool {
    matches!(
        content,
        [0x30, 0x82, _, _, 2, 1, 3, 0x30, ..]
            | [0x30, 0x81, _, 2, 1, 3, 0x30, ..]
            | [0x30, 0x80, 2, 1, 3, 0x30, ..]
    )
}

/// ContentInfo (RFC 5652 §3) with signedData: the object identifier 1.2.840.113549.1.7.2.
fn is_pkcs7(content: &[u8]) -> bool {
    const SIGNED_DATA: [u8; 11] = [
        0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x07, 0x02,
    ];
    let inner = match content {
        [0x30, 0x82, _, _, inner @ ..] | [0x30, 0x81, _, inner @ ..] | [0x30, 0x80, inner @ ..] => {
            inner
        }
        _ => return false,
    };
    inner.starts_with(&SIGNED_DATA)
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
