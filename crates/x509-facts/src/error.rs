//! Where a certificate cannot be read, and how.

use core::fmt;

/// Why [`Certificate::parse`](crate::Certificate::parse) refused its input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct CertificateError {
    /// The part of the certificate that was being read.
    pub field: Field,
    /// What is wrong with it.
    pub fault: Fault,
    /// Where, in octets from the first octet of the certificate. For [`Fault::Truncated`], the start
    /// of the element that does not fit.
    pub offset: usize,
    /// The extension that was being read, by the name RFC 5280 gives it; `None` outside the extensions, and in one
    /// that has no name here.
    pub extension: Option<&'static str>,
}

impl CertificateError {
    pub(crate) const fn new(field: Field, fault: Fault, offset: usize) -> Self {
        Self {
            field,
            fault,
            offset,
            extension: None,
        }
    }

    /// The same, in this extension.
    pub(crate) const fn inside(mut self, extension: Option<&'static str>) -> Self {
        self.extension = extension;
        self
    }
}

impl fmt::Display for CertificateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.extension {
            Some(name) => write!(f, "extension {name}")?,
            None => self.field.fmt(f)?,
        }
        write!(f, " {} at offset {}", self.fault, self.offset)
    }
}

impl core::error::Error for CertificateError {}

/// A part of a certificate, in the order of its encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Field {
    /// The outermost SEQUENCE, or what follows it.
    Outer,
    /// The SEQUENCE that is signed (tbsCertificate), or what follows its last field.
    Tbs,
    /// version.
    Version,
    /// serialNumber.
    Serial,
    /// One of the two signature algorithm identifiers.
    SignatureAlgorithm,
    /// issuer.
    Issuer,
    /// validity.
    Validity,
    /// subject.
    Subject,
    /// subjectPublicKeyInfo.
    KeyInfo,
    /// issuerUniqueID or subjectUniqueID.
    UniqueId,
    /// extensions, or the content of one of them.
    Extensions,
    /// The signature's BIT STRING.
    Signature,
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Outer => "certificate",
            Self::Tbs => "signed part",
            Self::Version => "version",
            Self::Serial => "serial number",
            Self::SignatureAlgorithm => "signature algorithm",
            Self::Issuer => "issuer",
            Self::Validity => "validity",
            Self::Subject => "subject",
            Self::KeyInfo => "public key",
            Self::UniqueId => "unique identifier",
            Self::Extensions => "extensions",
            Self::Signature => "signature",
        })
    }
}

/// What is wrong with a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Fault {
    /// The element is missing, or reaches beyond the octets that enclose it.
    Truncated,
    /// Another kind of element was expected here, or none.
    Tag,
    /// The length is indefinite, longer than need be, beyond 256 MiB, or impossible for the kind.
    Length,
    /// The content is not a value of its kind.
    Value,
    /// Octets are left over after the last element.
    Trailing,
    /// The same extension occurs twice.
    Duplicate,
    /// The inner and the outer signature algorithm differ.
    Mismatch,
    /// More elements than this crate reads.
    TooMany,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Truncated => "is missing or cut short",
            Self::Tag => "has an unexpected element",
            Self::Length => "has a bad length",
            Self::Value => "has a bad value",
            Self::Trailing => "is followed by more octets",
            Self::Duplicate => "is repeated",
            Self::Mismatch => "differs from the signed one",
            Self::TooMany => "has too many elements",
        })
    }
}
