//! Reader of the PKI image (spec: cert-bin 2.1, 6.1).
//!
//! ```text
//! 0       2       4               8                    all little-endian
//! | F1 F1 | count | list length   | items, back to back …
//!
//! item, at a multiple of 4:
//! 0      1    2       4            4 + n
//! | type | id | n     | content n  | 0 … 3 bytes 0xFF, up to the next multiple of 4
//! ```
//!
//! The list length counts everything after the 8 header bytes. There is no checksum, so the reader
//! asks for all the redundancy there is: the list must end exactly behind its last item. Bytes after
//! the list are not part of the image, because a partition is larger than what was written to it.

mod device;
mod warning;

use core::fmt;

use crate::hidden::Hidden;

pub use device::DeviceView;
pub use warning::{ImageWarning, Warnings};

/// The first two bytes of an image; the same value in both byte orders.
pub const MAGIC: u16 = 0xF1F1;
/// Length of the image header.
pub const HEADER_LEN: usize = 8;
/// Length of an item header.
pub const ITEM_HEADER_LEN: usize = 4;
/// From this count on the original firmware reads the count as a negative number (spec: cert-bin 2.3).
pub const MAX_SAFE_COUNT: u16 = 127;

/// What an item's label says it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum ItemKind {
    /// Certificates of authorities to trust.
    Ca,
    /// A certificate (chain) to present.
    Cert,
    /// The private key of a certificate.
    Key,
}

impl ItemKind {
    /// All kinds, in the order of their type bytes.
    pub const ALL: [Self; 3] = [Self::Ca, Self::Cert, Self::Key];

    /// The kind of a type byte.
    #[must_use]
    pub const fn from_type(byte: u8) -> Option<Self> {
        match byte {
            1 => Some(Self::Ca),
            2 => Some(Self::Cert),
            3 => Some(Self::Key),
            _ => None,
        }
    }

    /// The byte stored in the item header.
    #[must_use]
    pub const fn type_byte(self) -> u8 {
        match self {
            Self::Ca => 1,
            Self::Cert => 2,
            Self::Key => 3,
        }
    }

    /// The word the original tool uses: `ca`, `cert` or `key`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ca => "ca",
            Self::Cert => "cert",
            Self::Key => "key",
        }
    }

    /// The kind that [`name`](Self::name) gives.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

impl fmt::Display for ItemKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One certificate or key file inside an image. `Debug` prints the length of the content, never its bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Item<'a> {
    /// What the label says; the content may be something else.
    pub kind: ItemKind,
    /// Number within the kind, as stored. Firmware does not read it.
    pub id: u8,
    /// Where the item header starts, from the start of the image.
    pub offset: usize,
    /// The file exactly as it was packed.
    pub content: &'a [u8],
    /// The bytes that fill up to the next multiple of 4.
    pub padding: &'a [u8],
}

impl fmt::Debug for Item<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Item")
            .field("kind", &self.kind)
            .field("id", &self.id)
            .field("offset", &self.offset)
            .field("content", &Hidden(self.content))
            .finish_non_exhaustive()
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for Item<'_> {
    fn format(&self, f: defmt::Formatter<'_>) {
        let content = Hidden(self.content);
        defmt::write!(
            f,
            "{} {} at {}: {}",
            self.kind,
            self.id,
            self.offset,
            content
        );
    }
}

/// A checked image. Nothing below can fail or leave the input.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Image<'a> {
    /// Header and list.
    bytes: &'a [u8],
    count: u16,
    /// First byte behind the list that is not 0xFF.
    trailing: Option<usize>,
}

impl fmt::Debug for Image<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Image")
            .field("bytes", &Hidden(self.bytes))
            .field("count", &self.count)
            .finish_non_exhaustive()
    }
}

impl<'a> Image<'a> {
    /// Checks the whole image: an image file, or a partition read back with whatever follows the image.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong, in file order. What is odd but readable is a [`ImageWarning`].
    pub fn parse(input: &'a [u8]) -> Result<Self, ImageError> {
        if input.is_empty() {
            return Err(ImageError::EmptyInput);
        }
        if input.iter().all(|&byte| byte == 0xFF) {
            return Err(ImageError::Erased);
        }
        let Some((header, rest)) = input.split_first_chunk::<HEADER_LEN>() else {
            return Err(ImageError::TruncatedHeader { have: input.len() });
        };
        let Header {
            magic,
            count,
            list_len,
        } = Header::from_bytes(*header);
        if magic != MAGIC {
            return Err(ImageError::BadMagic { found: magic });
        }
        let list = usize::try_from(list_len)
            .ok()
            .and_then(|len| rest.get(..len))
            .ok_or(ImageError::ListLengthExceedsInput {
                declared: list_len,
                available: rest.len(),
            })?;
        if count == 0 {
            return Err(ImageError::NoItems);
        }
        let mut left = list;
        for index in 0..count {
            left = take_item(left, index)?.rest;
        }
        if !left.is_empty() {
            return Err(ImageError::UnlistedBytes { left: left.len() });
        }
        let end = HEADER_LEN.saturating_add(list.len());
        let (bytes, behind) = input.split_at_checked(end).unwrap_or((input, &[]));
        Ok(Self {
            bytes,
            count,
            trailing: behind
                .iter()
                .position(|&byte| byte != 0xFF)
                .map(|at| end.saturating_add(at)),
        })
    }

    /// Number of items.
    #[must_use]
    pub const fn count(&self) -> u16 {
        self.count
    }

    /// Header and list, without what follows them in the partition.
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The items in file order.
    #[must_use]
    pub fn items(&self) -> Items<'a> {
        Items {
            left: self.bytes.get(HEADER_LEN..).unwrap_or_default(),
            index: 0,
            count: self.count,
            offset: HEADER_LEN,
        }
    }

    /// What is odd about the image, in file order, found without allocation.
    #[must_use]
    pub fn warnings(&self) -> Warnings<'a> {
        Warnings::new(self)
    }

    /// The item at position `n`, **whatever its label says**.
    ///
    /// This is how the original firmware picks `<ca_number>` and `<pki_number>`: it walks `n` items from
    /// the start and asks neither for type nor id (spec: cert-bin 2.4, 3). A modem that wants to choose
    /// the same item as the original for the same partition uses this, and lets the content decide: a
    /// certificate found where a key was wanted is refused when it is decoded. A host tool warns about images
    /// in which position and label disagree ([`ImageWarning::MixedTypes`], [`ImageWarning::IdOutOfSequence`]).
    #[must_use]
    pub fn at(&self, n: usize) -> Option<Item<'a>> {
        self.items().nth(n)
    }

    /// The `n`-th item among those labelled `kind`, by position; ids are not asked.
    ///
    /// For tools. It equals [`at`](Self::at) exactly when the image holds one kind only, which is the
    /// only kind of image the original firmware can use fully.
    #[must_use]
    pub fn nth_of(&self, kind: ItemKind, n: usize) -> Option<Item<'a>> {
        self.items().filter(|item| item.kind == kind).nth(n)
    }

    /// The first item labelled with this kind and id.
    #[must_use]
    pub fn get(&self, kind: ItemKind, id: u8) -> Option<Item<'a>> {
        self.items().find(|item| item.kind == kind && item.id == id)
    }

    /// How many items carry this label.
    #[must_use]
    pub fn count_of(&self, kind: ItemKind) -> usize {
        self.items().filter(|item| item.kind == kind).count()
    }
}

/// The items of an [`Image`], in file order.
#[derive(Clone)]
pub struct Items<'a> {
    left: &'a [u8],
    index: u16,
    count: u16,
    offset: usize,
}

impl fmt::Debug for Items<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Items")
            .field("left", &Hidden(self.left))
            .field("index", &self.index)
            .finish_non_exhaustive()
    }
}

impl<'a> Iterator for Items<'a> {
    type Item = Item<'a>;

    fn next(&mut self) -> Option<Item<'a>> {
        if self.index >= self.count {
            return None;
        }
        // `Image::parse` has walked this list already; an error here cannot happen and would only end the walk.
        let taken = take_item(self.left, self.index).ok()?;
        let item = Item {
            kind: taken.kind,
            id: taken.id,
            offset: self.offset,
            content: taken.content,
            padding: taken.padding,
        };
        let used = self.left.len().saturating_sub(taken.rest.len());
        self.left = taken.rest;
        self.offset = self.offset.saturating_add(used);
        self.index = self.index.saturating_add(1);
        Some(item)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = usize::from(self.count.saturating_sub(self.index));
        (0, Some(left))
    }
}

/// The 8 bytes in front of the list.
#[derive(Clone, Copy)]
struct Header {
    magic: u16,
    count: u16,
    list_len: u32,
}

impl Header {
    const fn from_bytes(bytes: [u8; HEADER_LEN]) -> Self {
        let [m0, m1, c0, c1, l0, l1, l2, l3] = bytes;
        Self {
            magic: u16::from_le_bytes([m0, m1]),
            count: u16::from_le_bytes([c0, c1]),
            list_len: u32::from_le_bytes([l0, l1, l2, l3]),
        }
    }
}

/// An item and what follows it in the list.
struct Taken<'a> {
    kind: ItemKind,
    id: u8,
    content: &'a [u8],
    padding: &'a [u8],
    rest: &'a [u8],
}

/// Number of padding bytes behind `n` bytes of content.
pub(crate) const fn padding_len(n: usize) -> usize {
    match n % 4 {
        0 => 0,
        over => 4 - over,
    }
}

fn take_item(list: &[u8], index: u16) -> Result<Taken<'_>, ImageError> {
    let Some((&[type_byte, id, n0, n1], rest)) = list.split_first_chunk::<ITEM_HEADER_LEN>() else {
        return Err(ImageError::ItemHeaderMissing {
            index,
            left: list.len(),
        });
    };
    let kind = ItemKind::from_type(type_byte).ok_or(ImageError::UnknownType {
        index,
        found: type_byte,
    })?;
    let declared = u16::from_le_bytes([n0, n1]);
    let (content, rest) =
        rest.split_at_checked(usize::from(declared))
            .ok_or(ImageError::ItemOverrun {
                index,
                declared,
                available: rest.len(),
            })?;
    // Fewer padding bytes than due can only be met at the end of the list; that is a warning.
    let (padding, rest) = rest
        .split_at_checked(padding_len(content.len()))
        .unwrap_or((rest, &[]));
    Ok(Taken {
        kind,
        id,
        content,
        padding,
        rest,
    })
}

/// Why an image was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ImageError {
    /// There is not a single byte.
    EmptyInput,
    /// Every byte is 0xFF: nothing was ever written here.
    Erased,
    /// Shorter than the 8 header bytes.
    TruncatedHeader {
        /// Bytes there are.
        have: usize,
    },
    /// The first two bytes are not the magic.
    BadMagic {
        /// What they are, read little-endian.
        found: u16,
    },
    /// The list would end behind the input.
    ListLengthExceedsInput {
        /// List length in the header.
        declared: u32,
        /// Bytes behind the header.
        available: usize,
    },
    /// The header counts no items.
    NoItems,
    /// The list ends before an item that the header counts.
    ItemHeaderMissing {
        /// Position of the item.
        index: u16,
        /// Bytes left in the list: fewer than an item header.
        left: usize,
    },
    /// An item's type is none of ca, cert and key.
    UnknownType {
        /// Position of the item.
        index: u16,
        /// The type byte.
        found: u8,
    },
    /// An item's content would end behind the list.
    ItemOverrun {
        /// Position of the item.
        index: u16,
        /// Content length in the item header.
        declared: u16,
        /// Bytes left in the list.
        available: usize,
    },
    /// The list goes on behind its last item.
    UnlistedBytes {
        /// How many bytes.
        left: usize,
    },
}

impl ImageError {
    /// A stable word for scripts; it never changes with the wording of `Display`.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::EmptyInput => "empty_input",
            Self::Erased => "erased",
            Self::TruncatedHeader { .. } => "truncated_header",
            Self::BadMagic { .. } => "bad_magic",
            Self::ListLengthExceedsInput { .. } => "list_length_exceeds_input",
            Self::NoItems => "no_items",
            Self::ItemHeaderMissing { .. } => "item_header_missing",
            Self::UnknownType { .. } => "unknown_type",
            Self::ItemOverrun { .. } => "item_overrun",
            Self::UnlistedBytes { .. } => "unlisted_bytes",
        }
    }
}

impl ImageError {
    /// The first wrong byte of `input`, from which this error came; 0 where all of it is at fault.
    #[must_use]
    pub fn offset_in(&self, input: &[u8]) -> usize {
        match self {
            Self::EmptyInput | Self::Erased | Self::BadMagic { .. } => 0,
            Self::TruncatedHeader { have } => *have,
            Self::NoItems => 2,
            Self::ListLengthExceedsInput { .. } => 4,
            Self::ItemHeaderMissing { index, .. } | Self::UnknownType { index, .. } => {
                item_offset(input, *index)
            }
            // The length is the wrong one, behind type and id.
            Self::ItemOverrun { index, .. } => item_offset(input, *index).saturating_add(2),
            Self::UnlistedBytes { .. } => item_offset(input, u16::MAX),
        }
    }
}

/// Where item `index` starts, or the end of the last item before it that there is.
fn item_offset(input: &[u8], index: u16) -> usize {
    let Some((header, rest)) = input.split_first_chunk::<HEADER_LEN>() else {
        return 0;
    };
    let header = Header::from_bytes(*header);
    let list = usize::try_from(header.list_len)
        .ok()
        .and_then(|len| rest.get(..len))
        .unwrap_or(rest);
    let mut left = list;
    for at in 0..index.min(header.count) {
        match take_item(left, at) {
            Ok(taken) => left = taken.rest,
            Err(_) => break,
        }
    }
    HEADER_LEN.saturating_add(list.len().saturating_sub(left.len()))
}

impl fmt::Display for ImageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::EmptyInput => f.write_str("no bytes"),
            Self::Erased => f.write_str("erased flash, nothing written here"),
            Self::TruncatedHeader { have } => {
                write!(f, "header needs {HEADER_LEN} bytes, there are {have}")
            }
            Self::BadMagic { found } => {
                write!(f, "magic is 0x{found:04x} instead of 0x{MAGIC:04x}")
            }
            Self::ListLengthExceedsInput {
                declared,
                available,
            } => write!(
                f,
                "list of {declared} bytes declared, {available} bytes there"
            ),
            Self::NoItems => f.write_str("item count is zero"),
            Self::ItemHeaderMissing { index, left } => {
                write!(
                    f,
                    "item {index} is missing: {left} bytes left for its header"
                )
            }
            Self::UnknownType { index, found } => {
                write!(f, "item {index} has unknown type {found}")
            }
            Self::ItemOverrun {
                index,
                declared,
                available,
            } => write!(
                f,
                "item {index} declares {declared} bytes, {available} are left in the list"
            ),
            Self::UnlistedBytes { left } => {
                write!(f, "{left} bytes of the list belong to no item")
            }
        }
    }
}

impl core::error::Error for ImageError {}
