//! Why there is no program.

use core::fmt;

use crate::AccessError;

/// Why a partition holds no program that the bootloader would start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ImageError<E> {
    /// It is erased.
    Erased,
    /// It begins with something else.
    NoImage {
        /// Its first byte.
        magic: u8,
    },
    /// There are no segments, or more than 16.
    Segments {
        /// As many.
        count: u8,
    },
    /// The image is longer than its partition.
    Truncated {
        /// Bytes of the partition.
        size: u32,
    },
    /// The first segment does not begin with an application descriptor: a bootloader, or a program of another kind.
    NoDescriptor,
    /// The checksum of the segments is wrong.
    Checksum,
    /// The image has no digest.
    NoDigest,
    /// The digest is not that of the bytes before it.
    Digest,
    /// The flash cannot be read.
    Flash(AccessError<E>),
}

impl<E: fmt::Debug> fmt::Display for ImageError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Erased => f.write_str("no program: the slot is erased"),
            Self::NoImage { magic } => write!(f, "no program: it begins with {magic:#04x}"),
            Self::Segments { count } => write!(f, "a program of {count} segments"),
            Self::Truncated { size } => write!(f, "the program ends behind its {size} bytes"),
            Self::NoDescriptor => f.write_str("a program without an application descriptor"),
            Self::Checksum => f.write_str("the program's checksum is wrong"),
            Self::NoDigest => f.write_str("a program without a digest"),
            Self::Digest => f.write_str("the program's digest is wrong"),
            Self::Flash(error) => error.fmt(f),
        }
    }
}

impl<E: fmt::Debug> core::error::Error for ImageError<E> {}
