//! Tables to bytes, as ESP-IDF's `gen_esp32part.py` writes them.

use core::fmt;

use md5::{Digest, Md5};

use super::{MD5_MAGIC, TABLE_SIZE};
use crate::entry::{ENTRY_SIZE, Partition};

/// Why a table was not written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum TableWriteError {
    /// The output has room for fewer than [`TABLE_SIZE`] bytes.
    OutputTooSmall {
        /// Bytes a table takes.
        needed: usize,
    },
    /// More entries than a table holds beside its end marker.
    TooManyEntries {
        /// Entries that fit.
        capacity: usize,
    },
}

impl fmt::Display for TableWriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutputTooSmall { needed } => write!(f, "a table needs {needed} bytes"),
            Self::TooManyEntries { capacity } => write!(f, "a table holds {capacity} entries"),
        }
    }
}

impl core::error::Error for TableWriteError {}

/// Whether a table ends in a checksum of its entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Checksum {
    /// It ends in their MD5: the default of ESP-IDF, and ESP-AT's secondary table.
    Md5,
    /// It has none: ESP-AT's primary table.
    None,
}

/// The records of a table, without the erased rest: entries, then the checksum where wanted.
#[derive(Clone)]
pub struct Records<I> {
    entries: I,
    sum: Option<Md5>,
}

impl<I: Iterator<Item = Partition>> Records<I> {
    /// The records for these partitions.
    #[must_use]
    pub fn new(entries: impl IntoIterator<IntoIter = I>, checksum: Checksum) -> Self {
        Self {
            entries: entries.into_iter(),
            sum: match checksum {
                Checksum::Md5 => Some(Md5::new()),
                Checksum::None => None,
            },
        }
    }
}

impl<I> fmt::Debug for Records<I> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Records")
            .field("md5_to_come", &self.sum.is_some())
            .finish_non_exhaustive()
    }
}

impl<I: Iterator<Item = Partition>> Iterator for Records<I> {
    type Item = [u8; ENTRY_SIZE];

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(entry) = self.entries.next() {
            let bytes = entry.to_bytes();
            if let Some(sum) = &mut self.sum {
                sum.update(bytes);
            }
            return Some(bytes);
        }
        let digest: [u8; 16] = self.sum.take()?.finalize().into();
        let mut bytes = [0; ENTRY_SIZE];
        for (to, from) in bytes.iter_mut().zip(MD5_MAGIC.iter().chain(&digest)) {
            *to = *from;
        }
        Some(bytes)
    }
}

/// Writes a table of [`TABLE_SIZE`] bytes to the start of `out` and returns that number.
///
/// # Errors
/// `out` is shorter than that, or the entries are too many; `out` is then partly written.
pub fn write_table(
    entries: impl IntoIterator<Item = Partition>,
    checksum: Checksum,
    out: &mut [u8],
) -> Result<usize, TableWriteError> {
    let out = out
        .get_mut(..TABLE_SIZE)
        .ok_or(TableWriteError::OutputTooSmall { needed: TABLE_SIZE })?;
    out.fill(0xff);
    // The last record stays erased: it is the end marker.
    let capacity = TABLE_SIZE / ENTRY_SIZE - 1;
    let (slots, _) = out.as_chunks_mut::<ENTRY_SIZE>();
    let mut slots = slots.iter_mut().take(capacity);
    for record in Records::new(entries, checksum) {
        let slot = slots.next().ok_or(TableWriteError::TooManyEntries {
            capacity: capacity - usize::from(checksum == Checksum::Md5),
        })?;
        *slot = record;
    }
    Ok(TABLE_SIZE)
}
