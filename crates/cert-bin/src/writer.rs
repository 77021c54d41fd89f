//! Writer of the PKI image (spec: cert-bin 2.2, 2.3, 6.2).
//!
//! Items come out as the original tool orders them: grouped by kind, the groups in the order in which
//! each kind is first named, the files of a group in the order given; ids count from 0 within a group. The
//! same list therefore gives the same bytes as that tool, except where it writes something that
//! cannot be read back: those inputs are refused here.
//!
//! Only sizes are judged here. What the content is worth is [`lint`](crate::lint)'s business.
//!
//! On flash the 8 header bytes should be written last: until then a reader sees a bad magic instead of half an image.

use crate::hidden::Hidden;
use crate::image::{HEADER_LEN, ITEM_HEADER_LEN, ItemKind, MAGIC, padding_len};
use core::fmt;

/// The longest content an item header can declare.
pub const MAX_CONTENT_LEN: usize = 0xFFFF;
/// Maximum number of items of one kind: the id is one byte.
pub const MAX_PER_KIND: usize = 256;
/// The usual size of a certificate partition.
pub const USUAL_PARTITION_SIZE: u32 = 8192;

/// An item to be packed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct NewItem<'a> {
    /// How to label it.
    pub kind: ItemKind,
    /// The file, stored as it is.
    pub content: &'a [u8],
}

/// Without the content: it may be a private key.
impl fmt::Debug for NewItem<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NewItem")
            .field("kind", &self.kind)
            .field("content", &Hidden(self.content))
            .finish()
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for NewItem<'_> {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "{}: {}", self.kind, Hidden(self.content));
    }
}

impl<'a> From<crate::Item<'a>> for NewItem<'a> {
    fn from(item: crate::Item<'a>) -> Self {
        Self {
            kind: item.kind,
            content: item.content,
        }
    }
}

/// Checks every limit, then writes the image to the start of `out`; returns its size.
///
/// # Errors
///
/// See [`ImageWriter::new`] and [`ImageWriter::write`].
pub fn write_image(items: &[NewItem<'_>], out: &mut [u8]) -> Result<usize, WriteError> {
    ImageWriter::new(items)?.write(out)
}

/// A list of items that is known to fit the format.
#[derive(Debug, Clone, Copy)]
pub struct ImageWriter<'a> {
    items: &'a [NewItem<'a>],
    count: u16,
    list_len: u32,
    size: usize,
}

impl<'a> ImageWriter<'a> {
    /// Checks the items against the format's limits.
    ///
    /// # Errors
    ///
    /// [`WriteError::NoItems`], [`WriteError::Empty`], [`WriteError::TooLong`] or
    /// [`WriteError::TooManyOfOneType`]; the first that applies, in the order of the items.
    pub fn new(items: &'a [NewItem<'a>]) -> Result<Self, WriteError> {
        if let Some(index) = items.iter().position(|item| item.content.is_empty()) {
            return Err(WriteError::Empty { index });
        }
        Self::with_empty_items(items)
    }

    /// Like [`new`](Self::new), but lets empty items through, as the original tool does.
    ///
    /// Firmware fails to load such an item. This exists to reproduce an image, not to make one.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new), without [`WriteError::Empty`].
    pub fn with_empty_items(items: &'a [NewItem<'a>]) -> Result<Self, WriteError> {
        if items.is_empty() {
            return Err(WriteError::NoItems);
        }
        if let Some((index, item)) = items
            .iter()
            .enumerate()
            .find(|(_, item)| item.content.len() > MAX_CONTENT_LEN)
        {
            return Err(WriteError::TooLong {
                index,
                length: item.content.len(),
            });
        }
        for kind in ItemKind::ALL {
            let count = items.iter().filter(|item| item.kind == kind).count();
            if count > MAX_PER_KIND {
                return Err(WriteError::TooManyOfOneType { kind, count });
            }
        }
        let size = image_size(items);
        Ok(Self {
            items,
            // 1 ..= 768 items of at most 64 KiB, by the checks above: neither field saturates.
            count: u16::try_from(items.len()).unwrap_or(u16::MAX),
            list_len: u32::try_from(size.saturating_sub(HEADER_LEN)).unwrap_or(u32::MAX),
            size,
        })
    }

    /// Size of the image in bytes, always a multiple of 4.
    #[must_use]
    pub const fn size(&self) -> usize {
        self.size
    }

    /// Refuses an image that is larger than the partition it is meant for.
    ///
    /// # Errors
    ///
    /// [`WriteError::TooBigForPartition`].
    pub fn fitting(self, partition_size: u32) -> Result<Self, WriteError> {
        if usize::try_from(partition_size).is_ok_and(|partition| self.size > partition) {
            return Err(WriteError::TooBigForPartition {
                size: self.size,
                partition_size,
            });
        }
        Ok(self)
    }

    /// The items as they will stand in the image, with their ids.
    pub fn ordered(&self) -> impl Iterator<Item = (u8, NewItem<'a>)> + use<'a> {
        let items = self.items;
        kinds_as_named(items)
            .into_iter()
            .flatten()
            .flat_map(move |kind| {
                items
                    .iter()
                    .filter(move |item| item.kind == kind)
                    // The limit per kind is the number of ids, so the ids never run out first.
                    .zip(0_u8..=u8::MAX)
                    .map(|(item, id)| (id, *item))
            })
    }

    /// Writes the image to the start of `out`; returns its size. `out` is untouched on error.
    ///
    /// # Errors
    ///
    /// [`WriteError::BufferTooSmall`] with the size needed.
    pub fn write(&self, out: &mut [u8]) -> Result<usize, WriteError> {
        let have = out.len();
        let too_small = WriteError::BufferTooSmall {
            needed: self.size,
            have,
        };
        let mut sink = Sink {
            left: out.get_mut(..self.size).ok_or(too_small)?,
        };
        sink.put(&MAGIC.to_le_bytes()).ok_or(too_small)?;
        sink.put(&self.count.to_le_bytes()).ok_or(too_small)?;
        sink.put(&self.list_len.to_le_bytes()).ok_or(too_small)?;
        for (id, item) in self.ordered() {
            let length = u16::try_from(item.content.len()).map_err(|_| too_small)?;
            sink.put(&[item.kind.type_byte(), id]).ok_or(too_small)?;
            sink.put(&length.to_le_bytes()).ok_or(too_small)?;
            sink.put(item.content).ok_or(too_small)?;
            let padding = padding_len(item.content.len());
            sink.put([0xFF; 3].get(..padding).unwrap_or_default())
                .ok_or(too_small)?;
        }
        Ok(self.size)
    }
}

/// Size of the image that holds `items`, whether or not the format can hold them.
///
/// Saturates instead of overflowing.
#[must_use]
pub fn image_size(items: &[NewItem<'_>]) -> usize {
    items.iter().fold(HEADER_LEN, |size, item| {
        let content = item.content.len();
        size.saturating_add(ITEM_HEADER_LEN)
            .saturating_add(content)
            .saturating_add(padding_len(content))
    })
}

/// The kinds in the order in which the list first names them.
fn kinds_as_named(items: &[NewItem<'_>]) -> [Option<ItemKind>; 3] {
    let mut order = [None; 3];
    for item in items {
        for slot in &mut order {
            match slot {
                Some(kind) if *kind == item.kind => break,
                Some(_) => {}
                None => {
                    *slot = Some(item.kind);
                    break;
                }
            }
        }
    }
    order
}

/// The unwritten rest of the output.
struct Sink<'o> {
    left: &'o mut [u8],
}

impl Sink<'_> {
    fn put(&mut self, bytes: &[u8]) -> Option<()> {
        let (into, left) = core::mem::take(&mut self.left).split_at_mut_checked(bytes.len())?;
        into.copy_from_slice(bytes);
        self.left = left;
        Some(())
    }
}

/// Why an image cannot be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum WriteError {
    /// The list is empty.
    NoItems,
    /// An item has no content.
    Empty {
        /// Position in the list given.
        index: usize,
    },
    /// An item's length does not fit its 16-bit field.
    TooLong {
        /// Position in the list given.
        index: usize,
        /// Its length.
        length: usize,
    },
    /// More items of one kind than there are ids.
    TooManyOfOneType {
        /// The kind.
        kind: ItemKind,
        /// How many there are.
        count: usize,
    },
    /// The image is larger than its partition.
    TooBigForPartition {
        /// Size of the image.
        size: usize,
        /// Size of the partition.
        partition_size: u32,
    },
    /// The caller's buffer is smaller than the image.
    BufferTooSmall {
        /// Size of the image.
        needed: usize,
        /// Size of the buffer.
        have: usize,
    },
}

impl WriteError {
    /// A stable word for scripts.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match *self {
            Self::NoItems => "no_items",
            Self::Empty { .. } => "empty",
            Self::TooLong { .. } => "too_long",
            Self::TooManyOfOneType { .. } => "too_many_of_one_type",
            Self::TooBigForPartition { partition_size, .. } => too_big_code(partition_size),
            Self::BufferTooSmall { .. } => "buffer_too_small",
        }
    }
}

/// The usual partition has its own word, because scripts already look for it.
pub(crate) const fn too_big_code(partition_size: u32) -> &'static str {
    if partition_size == USUAL_PARTITION_SIZE {
        "too_big_for_8k_partition"
    } else {
        "too_big_for_partition"
    }
}

impl fmt::Display for WriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::NoItems => f.write_str("no items to pack"),
            Self::Empty { index } => write!(f, "file {index} is empty"),
            Self::TooLong { index, length } => write!(
                f,
                "file {index} has {length} bytes, an item holds {MAX_CONTENT_LEN}"
            ),
            Self::TooManyOfOneType { kind, count } => write!(
                f,
                "{count} items of kind {kind}, an image holds {MAX_PER_KIND}"
            ),
            Self::TooBigForPartition {
                size,
                partition_size,
            } => write!(
                f,
                "image of {size} bytes for a partition of {partition_size}"
            ),
            Self::BufferTooSmall { needed, have } => {
                write!(f, "image needs {needed} bytes, the buffer has {have}")
            }
        }
    }
}

impl core::error::Error for WriteError {}
