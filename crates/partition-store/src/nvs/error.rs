//! Why a value was not read or written.

use core::fmt;

use crate::region::AccessError;

/// What is wrong with a value that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Damage {
    /// A checksum over its bytes is wrong.
    Checksum,
    /// A part of it is missing.
    ChunkMissing,
    /// Its parts do not add up to the length it says.
    Length,
    /// A text without the NUL that ends it.
    NoTerminator,
    /// It has more parts than a writer ever makes.
    TooManyChunks,
}

impl Damage {
    /// A word that never changes.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Checksum => "data_crc",
            Self::ChunkMissing => "chunk_missing",
            Self::Length => "length_mismatch",
            Self::NoTerminator => "no_terminator",
            Self::TooManyChunks => "too_many_chunks",
        }
    }
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Checksum => "its checksum is wrong",
            Self::ChunkMissing => "a part of it is missing",
            Self::Length => "its parts do not add up to its length",
            Self::NoTerminator => "it is text without an end",
            Self::TooManyChunks => "it is in too many parts",
        })
    }
}

/// Why NVS did not do as asked. Errors name sizes in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum NvsError<E> {
    /// The partition is encrypted, and there is no key.
    Encrypted,
    /// The partition has more sectors than this reader keeps count of.
    TooManyPages {
        /// Sectors.
        pages: u32,
        /// How many there may be.
        max: usize,
    },
    /// There is no such namespace.
    NoSuchNamespace,
    /// There is no such key in the namespace.
    NoSuchKey,
    /// The value is damaged.
    Damaged(Damage),
    /// The range leaves the value.
    BadRange {
        /// First byte, from the value's start.
        offset: u32,
        /// Bytes.
        length: u32,
        /// Bytes of the value.
        size: u32,
    },
    /// The number is not one of its type.
    NumberOutOfRange {
        /// The least that is.
        least: i64,
        /// The greatest that is.
        greatest: i64,
    },
    /// The type is one of numbers where text or binary is meant, or the other way round.
    WrongKind,
    /// A value of no bytes.
    Empty,
    /// The value is too long for its type.
    TooLong {
        /// Bytes.
        length: u32,
        /// How many there may be.
        max: u32,
    },
    /// Text with a NUL in it.
    EmbeddedNul {
        /// Where the first one is.
        offset: usize,
    },
    /// The caller's buffer does not hold the value.
    BufferTooSmall {
        /// Bytes it takes.
        needed: usize,
        /// Bytes it has.
        available: usize,
    },
    /// Not all bytes of the value have come.
    Incomplete {
        /// How many are missing.
        missing: usize,
    },
    /// The partition is full.
    NoRoom {
        /// Bytes of flash that the value takes.
        needed: u32,
        /// Bytes that are not in use. They need not lie together.
        available: u32,
    },
    /// All 254 numbers of namespaces are taken.
    TooManyNamespaces,
    /// The pages have been numbered to the end; erase the partition to start over.
    SequenceExhausted,
    /// Flash that ought to be blank is not, at this offset of the partition.
    NotBlank {
        /// Where.
        offset: u32,
    },
    /// The partition cannot be read, written or erased.
    Access(AccessError<E>),
}

impl<E> From<AccessError<E>> for NvsError<E> {
    fn from(error: AccessError<E>) -> Self {
        Self::Access(error)
    }
}

impl<E: fmt::Debug> fmt::Display for NvsError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Encrypted => f.write_str("partition is encrypted"),
            Self::TooManyPages { pages, max } => {
                write!(f, "{pages} sectors are more than the {max} there may be")
            }
            Self::NoSuchNamespace => f.write_str("no such namespace"),
            Self::NoSuchKey => f.write_str("no such key"),
            Self::Damaged(damage) => write!(f, "value is damaged: {damage}"),
            Self::BadRange {
                offset,
                length,
                size,
            } => write!(
                f,
                "{length} bytes from {offset} are not in a value of {size}"
            ),
            Self::NumberOutOfRange { least, greatest } => {
                write!(f, "number is not from {least} to {greatest}")
            }
            Self::WrongKind => f.write_str("type does not fit the value"),
            Self::Empty => f.write_str("value is empty"),
            Self::TooLong { length, max } => {
                write!(f, "{length} bytes are more than the {max} of the type")
            }
            Self::EmbeddedNul { offset } => write!(f, "text has a NUL at {offset}"),
            Self::BufferTooSmall { needed, available } => {
                write!(f, "value takes a buffer of {needed} bytes, not {available}")
            }
            Self::Incomplete { missing } => write!(f, "{missing} bytes have not come"),
            Self::NoRoom { needed, available } => {
                write!(
                    f,
                    "value takes {needed} bytes of flash, {available} are left"
                )
            }
            Self::TooManyNamespaces => f.write_str("no number is left for a namespace"),
            Self::SequenceExhausted => f.write_str("no number is left for a page"),
            Self::NotBlank { offset } => write!(f, "flash is not blank at {offset:#x}"),
            Self::Access(error) => write!(f, "{error}"),
        }
    }
}

impl<E: fmt::Debug> core::error::Error for NvsError<E> {}
