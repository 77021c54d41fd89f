//! The findings of the lint and their stable codes.

use core::fmt;

use x509_facts::Timestamp;

use crate::content::ObjectFault;
use crate::image::ItemKind;
use crate::mistake::Mistake;
use crate::writer::{MAX_CONTENT_LEN, MAX_PER_KIND, too_big_code};

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Level {
    /// It will not work.
    Error,
    /// It works, and is probably not meant.
    Warning,
}

/// One thing found, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Finding {
    /// Position of the item; `None` when it is about the image as a whole.
    pub index: Option<usize>,
    /// What it is.
    pub problem: Problem,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(index) = self.index {
            write!(f, "item {index}: ")?;
        }
        self.problem.fmt(f)
    }
}

/// Everything the lint can say. `certificate` counts the certificates of one content from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Problem {
    /// There is nothing to pack.
    NoItems,
    /// No content.
    Empty,
    /// Neither PEM nor DER.
    NotPemOrDer,
    /// An object cannot be read.
    Damaged {
        /// Where it starts in the content.
        at: usize,
        /// What is wrong with it.
        fault: ObjectFault,
    },
    /// Another kind of file, or an upload that went wrong.
    Mistaken(Mistake),
    /// A NUL inside the text hides what is behind it.
    EmbeddedNul,
    /// Readable, but not what the label says.
    WrongKind,
    /// The key is under a password, and a device has nobody to ask.
    EncryptedKey,
    /// The device's TLS library knows none of the algorithms.
    UnsupportedByDevice,
    /// The content does not fit its 16-bit length.
    TooLong {
        /// Its length.
        length: usize,
    },
    /// More items of one kind than ids.
    TooManyOfOneType {
        /// The kind.
        kind: ItemKind,
        /// How many.
        count: usize,
    },
    /// The image is larger than its partition.
    TooBigForPartition {
        /// Size of the image.
        size: usize,
        /// Size of the partition.
        partition_size: u32,
    },

    /// The validity has ended.
    Expired {
        /// Which certificate of the content.
        certificate: usize,
        /// When it ended.
        not_after: Timestamp,
    },
    /// The validity has not begun.
    NotYetValid {
        /// Which certificate of the content.
        certificate: usize,
        /// When it begins.
        not_before: Timestamp,
    },
    /// X.509 before version 3: nothing in it says what it may be used for.
    X509V1 {
        /// Which certificate of the content.
        certificate: usize,
    },
    /// In a ca role, and says of itself that it is no authority (or does not say that it is).
    NotACa {
        /// Which certificate of the content.
        certificate: usize,
    },
    /// In a cert role, and says of itself that it is an authority.
    LeafIsACa,
    /// A server's certificate in which no client finds a name.
    NoSan,
    /// More than one certificate: trusted together, or a chain.
    SeveralCertificates {
        /// How many.
        count: usize,
    },
    /// Some of the certificates or keys use algorithms that the device does not know; it goes on without them.
    PartlyUnsupported {
        /// How many.
        unsupported: usize,
    },
    /// Objects of another kind beside the wanted one; a key in a certificate partition leaks.
    MixedContent,
    /// Items of several kinds in one image; firmware picks by position.
    MixedTypes,
    /// The same content as an earlier item.
    DuplicateContent {
        /// The first item that has it.
        first: usize,
    },
    /// The label does not belong into this partition. The original firmware does not look at it.
    TypeNotExpected {
        /// What belongs there.
        expected: ItemKind,
        /// What is there.
        found: ItemKind,
    },
    /// Items that no firmware ever picks from this partition.
    OnlyFirstItemUsed {
        /// How many items there are.
        count: usize,
    },
    /// Starts with a byte order mark.
    Bom,
    /// CR LF line ends.
    Crlf,
    /// Ends with a NUL, which the firmware adds anyway.
    TrailingNul,
    /// The last line has no end.
    NoFinalNewline,
    /// Text outside the PEM blocks.
    TextOutsideBlocks,
}

impl Problem {
    /// A stable word for scripts.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match *self {
            Self::NoItems => "no_items",
            Self::Empty => "empty",
            Self::NotPemOrDer => "not_pem_or_der",
            Self::Damaged { .. } => "damaged",
            Self::Mistaken(mistake) => mistake.code(),
            Self::EmbeddedNul => "embedded_nul",
            Self::WrongKind => "wrong_kind",
            Self::EncryptedKey => "encrypted_key",
            Self::UnsupportedByDevice => "unsupported_by_device",
            Self::TooLong { .. } => "too_long",
            Self::TooManyOfOneType { .. } => "too_many_of_one_type",
            Self::TooBigForPartition { partition_size, .. } => too_big_code(partition_size),
            Self::Expired { .. } => "expired",
            Self::NotYetValid { .. } => "not_yet_valid",
            Self::X509V1 { .. } => "x509_v1",
            Self::NotACa { .. } => "not_a_ca",
            Self::LeafIsACa => "leaf_is_a_ca",
            Self::NoSan => "no_san",
            Self::SeveralCertificates { .. } => "several_certificates",
            Self::PartlyUnsupported { .. } => "partly_unsupported",
            Self::MixedContent => "mixed_content",
            Self::MixedTypes => "mixed_types",
            Self::DuplicateContent { .. } => "duplicate_content",
            Self::TypeNotExpected { .. } => "type_not_expected",
            Self::OnlyFirstItemUsed { .. } => "only_first_item_used",
            Self::Bom => "bom",
            Self::Crlf => "crlf",
            Self::TrailingNul => "trailing_nul",
            Self::NoFinalNewline => "no_final_newline",
            Self::TextOutsideBlocks => "text_outside_blocks",
        }
    }

    /// Whether a careful writer refuses because of it.
    #[must_use]
    pub const fn level(&self) -> Level {
        match self {
            Self::NoItems
            | Self::Empty
            | Self::NotPemOrDer
            | Self::Damaged { .. }
            | Self::Mistaken(_)
            | Self::EmbeddedNul
            | Self::WrongKind
            | Self::EncryptedKey
            | Self::UnsupportedByDevice
            | Self::TooLong { .. }
            | Self::TooManyOfOneType { .. }
            | Self::TooBigForPartition { .. } => Level::Error,
            Self::Expired { .. }
            | Self::NotYetValid { .. }
            | Self::X509V1 { .. }
            | Self::NotACa { .. }
            | Self::LeafIsACa
            | Self::NoSan
            | Self::SeveralCertificates { .. }
            | Self::PartlyUnsupported { .. }
            | Self::MixedContent
            | Self::MixedTypes
            | Self::DuplicateContent { .. }
            | Self::TypeNotExpected { .. }
            | Self::OnlyFirstItemUsed { .. }
            | Self::Bom
            | Self::Crlf
            | Self::TrailingNul
            | Self::NoFinalNewline
            | Self::TextOutsideBlocks => Level::Warning,
        }
    }

    /// Whether a force switch may override it. Doubts about content may be wrong; what does not fit the
    /// format or the partition cannot be written whoever wants it.
    #[must_use]
    pub const fn can_be_forced(&self) -> bool {
        !matches!(
            self,
            Self::NoItems
                | Self::Empty
                | Self::TooLong { .. }
                | Self::TooManyOfOneType { .. }
                | Self::TooBigForPartition { .. }
        )
    }
}

impl fmt::Display for Problem {
    #[expect(clippy::too_many_lines, reason = "a row per problem")]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::NoItems => f.write_str("nothing to pack"),
            Self::Empty => f.write_str("empty"),
            Self::NotPemOrDer => f.write_str("neither PEM nor DER"),
            Self::Damaged { at, fault } => write!(f, "damaged object at byte {at}: {fault}"),
            Self::Mistaken(mistake) => mistake.fmt(f),
            Self::EmbeddedNul => f.write_str("a NUL byte hides the text behind it from the device"),
            Self::WrongKind => f.write_str("the content is not what the item is labelled"),
            Self::EncryptedKey => f.write_str(Mistake::EncryptedKey.text()),
            Self::UnsupportedByDevice => {
                f.write_str("the TLS library of the original firmware does not know the algorithm")
            }
            Self::TooLong { length } => {
                write!(f, "{length} bytes, an item holds {MAX_CONTENT_LEN}")
            }
            Self::TooManyOfOneType { kind, count } => {
                write!(
                    f,
                    "{count} items of kind {kind}, an image holds {MAX_PER_KIND}"
                )
            }
            Self::TooBigForPartition {
                size,
                partition_size,
            } => write!(
                f,
                "image of {size} bytes for a partition of {partition_size}"
            ),
            Self::Expired {
                certificate,
                not_after,
            } => write!(f, "certificate {certificate} expired at {not_after}"),
            Self::NotYetValid {
                certificate,
                not_before,
            } => write!(
                f,
                "certificate {certificate} is not valid before {not_before}"
            ),
            Self::X509V1 { certificate } => {
                write!(
                    f,
                    "certificate {certificate} is X.509 before version 3: openssl x509 -req needs -extfile to make version 3"
                )
            }
            Self::NotACa { certificate } => {
                write!(
                    f,
                    "certificate {certificate} is not a certificate authority"
                )
            }
            Self::LeafIsACa => f.write_str("the certificate to present is a certificate authority"),
            Self::NoSan => f.write_str("server certificate without a subject alternative name"),
            Self::SeveralCertificates { count } => write!(f, "{count} certificates in one item"),
            Self::PartlyUnsupported { unsupported } => write!(
                f,
                "{unsupported} of the objects use an algorithm that the original firmware does not know"
            ),
            Self::MixedContent => f.write_str("objects of several kinds in one item"),
            Self::MixedTypes => {
                f.write_str("several kinds of items; the original firmware picks by position")
            }
            Self::DuplicateContent { first } => write!(f, "same content as item {first}"),
            Self::TypeNotExpected { expected, found } => {
                write!(f, "labelled {found}, the partition is for {expected}")
            }
            Self::OnlyFirstItemUsed { count } => write!(
                f,
                "{count} items, but only the first is ever used from this partition"
            ),
            Self::Bom => f.write_str("starts with a byte order mark"),
            Self::Crlf => f.write_str("CR LF line ends"),
            Self::TrailingNul => f.write_str("ends with a NUL byte"),
            Self::NoFinalNewline => f.write_str("the last line has no end"),
            Self::TextOutsideBlocks => f.write_str("text outside the PEM blocks"),
        }
    }
}
