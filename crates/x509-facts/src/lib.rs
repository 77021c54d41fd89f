//! The facts of one X.509 certificate, without allocation and without copies.
//!
//! [`Certificate::parse`] checks the whole encoding once; afterwards no accessor can fail. It reads
//! what RFC 5280 §4.1 lays down and the seven extensions that a TLS client and a lint ask about:
//! basicConstraints, keyUsage, extendedKeyUsage, subjectAltName, nameConstraints (their number only)
//! and the two key identifiers.
//!
//! ```text
//! Certificate ── tbsCertificate ── version, serial, signature, issuer, validity, subject,
//!      │                           subjectPublicKeyInfo, [unique ids], [extensions]
//!      ├─ signatureAlgorithm       must repeat tbsCertificate.signature, octet for octet
//!      └─ signature                shape only
//! ```
//!
//! ```
//! use x509_facts::{Certificate, CertificateError};
//!
//! fn subject(der: &[u8]) -> Result<String, CertificateError> {
//!     let certificate = Certificate::parse(der)?;
//!     Ok(certificate.subject().to_string())
//! }
//!
//! // What is not DER of a certificate is an error that names the field and the offset.
//! assert!(subject(&[0x30, 0x82, 0x01]).is_err());
//! ```
//!
//! It decides nothing: no signature, chain, date or name is verified here. Hence the rule for odd
//! input: an encoding that cannot be read in one way only is an error; a value that a profile merely
//! forbids (a negative serial, a CA without keyCertSign, an empty list of names) is a fact to report.
//!
//! All octets are taken to be hostile. Nothing recurses, and the work is linear in the input: the
//! two things that are walked more than once, extensions and name parts, are capped by
//! [`MAX_EXTENSIONS`] and [`MAX_NAME_PARTS`]. What is displayed is escaped, so that a peer's octets
//! can neither break a line nor leave the quotes they are put in; a caller with little room must
//! still bound the length.
//!
//! # Modules
//!
//! `certificate` the walk through tbsCertificate · `name` distinguished names and their escaped
//! display · `extensions` · `algorithm` keys and signatures by object identifier · `time` dates ·
//! `oid` · `error` · `reader` the TLV cursor, on crate `der`.
//!
//! # Features
//!
//! `defmt`: `defmt::Format` on the data types. Off by default.
#![no_std]

#[cfg(test)]
extern crate std;

mod algorithm;
mod certificate;
mod error;
mod extensions;
mod name;
mod oid;
mod reader;
mod time;

pub use algorithm::{AlgorithmIdentifier, Hash, KeyKind, SignatureAlgorithm};
pub use certificate::Certificate;
pub use error::{CertificateError, Fault, Field};
pub use extensions::{
    BasicConstraints, ExtendedKeyUsage, Extension, Extensions, GeneralName, KeyUsage,
    MAX_EXTENSIONS, NameConstraints, Oids, SubjectAltNames,
};
pub use name::{Attribute, Attributes, MAX_NAME_PARTS, Name, Text};
pub use oid::{DottedOid, extension_label};
pub use time::{Civil, Timestamp, TimestampError, Validity};

/// The code of the README, compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
