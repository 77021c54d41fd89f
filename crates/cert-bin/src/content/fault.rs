//! What is wrong with an object.

use core::fmt;
use core::ops::Range;

use x509_facts::CertificateError;

/// What is wrong with one object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ObjectFault {
    /// A BEGIN line that does not end as one.
    Marker,
    /// BEGIN without END.
    NoEnd,
    /// END names something else than BEGIN.
    LabelMismatch,
    /// Not base64 between the markers.
    Base64 {
        /// Where, from the start of the text between the markers.
        at: usize,
    },
    /// DER that ends too early.
    Truncated {
        /// Bytes its outer header declares, header included; 0 when the header itself is cut.
        declared: usize,
        /// Bytes there are.
        available: usize,
    },
    /// Bytes behind the DER structure, other than NULs.
    Trailing {
        /// How many.
        left: usize,
    },
    /// Not the structure it claims to be.
    Structure,
    /// Not a certificate, though it looks like one.
    Certificate(CertificateError),
}

impl fmt::Display for ObjectFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Marker => f.write_str("incomplete BEGIN line"),
            Self::NoEnd => f.write_str("BEGIN without END"),
            Self::LabelMismatch => f.write_str("END does not match BEGIN"),
            Self::Base64 { at } => write!(f, "bad base64 at byte {at} behind the BEGIN line"),
            Self::Truncated {
                declared,
                available,
            } => write!(f, "cut short: {declared} bytes declared, {available} there"),
            Self::Trailing { left } => write!(f, "{left} bytes behind the end"),
            Self::Structure => f.write_str("not the structure it claims to be"),
            Self::Certificate(error) => write!(f, "no certificate: {error}"),
        }
    }
}

impl core::error::Error for ObjectFault {}

/// An object that cannot be read, and where it starts.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct BrokenObject {
    /// The bytes of the content it takes.
    pub range: Range<usize>,
    /// What is wrong.
    pub fault: ObjectFault,
}
