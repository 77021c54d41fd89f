//! Bytes of pages and entries, read and written without flash.
//!
//! ```text
//! page    0       4          8         9       28    32               64            4096
//!         | state | sequence | version | FF .. | CRC | 126 × 2 bits   | 126 × entry |
//! entry   0           1      2      3       4     8            24      32
//!         | namespace | type | span | chunk | CRC | key, 16    | value |   little-endian
//! ```
//!
//! spec: cert-bin 9.3

use crc::Table;

use super::label::{Label, ValueKind};
use crate::crc::CRC;

/// Entries of a page.
pub(super) const ENTRIES: u8 = 126;
/// Bytes of an entry.
pub(super) const ENTRY: usize = 32;
/// Bytes of a page's header.
pub(super) const HEADER: usize = 32;
/// Where the state of the entries lies.
pub(super) const BITMAP_AT: u32 = 32;
/// Where entry 0 lies.
const ENTRIES_AT: u32 = 64;
/// Maximum number of bytes of a value that one page can hold: all entries but the one that announces it.
pub(super) const MAX_DATA: u16 = 4000;

/// Pages with values of several chunks, and those of before.
const VERSIONS: [u8; 2] = [0xfe, 0xff];

/// A checksum in the making.
pub(super) struct Sum(crc::Digest<'static, u32, Table<1>>);

impl Sum {
    pub(super) fn new() -> Self {
        Self(CRC.digest())
    }

    pub(super) fn add(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(super) fn end(self) -> u32 {
        self.0.finalize()
    }
}

/// What a page says it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PageState {
    /// New entries go here.
    Active,
    /// Nothing is added to it.
    Full,
    /// What it holds is being copied to another.
    Freeing,
}

impl PageState {
    pub(super) const fn bytes(self) -> [u8; 4] {
        match self {
            Self::Active => [0xfe, 0xff, 0xff, 0xff],
            Self::Full => [0xfc, 0xff, 0xff, 0xff],
            Self::Freeing => [0xf8, 0xff, 0xff, 0xff],
        }
    }
}

/// A sector as its first bytes say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sector {
    Page {
        state: PageState,
        sequence: u32,
        /// Of the version that is written today.
        current: bool,
    },
    /// A page of a version that is not known: not to be touched.
    Foreign,
    /// Blank, or nothing that can be read: free to be erased and used.
    Spare,
}

impl Sector {
    pub(super) fn parse(header: &[u8; HEADER]) -> Self {
        let [s0, s1, s2, s3, q0, q1, q2, q3, version, ..] = *header;
        let states = [PageState::Active, PageState::Full, PageState::Freeing];
        let state = states
            .into_iter()
            .find(|state| state.bytes() == [s0, s1, s2, s3]);
        let mut sum = Sum::new();
        sum.add(header.get(4..28).unwrap_or_default());
        let stored = header.last_chunk().copied().map(u32::from_le_bytes);
        match state {
            Some(state) if stored == Some(sum.end()) => {
                if !VERSIONS.contains(&version) {
                    return Self::Foreign;
                }
                Self::Page {
                    state,
                    sequence: u32::from_le_bytes([q0, q1, q2, q3]),
                    current: version == 0xfe,
                }
            }
            _ => Self::Spare,
        }
    }
}

/// The header of a new page.
pub(super) fn page_header(sequence: u32) -> [u8; HEADER] {
    let mut header = [0xff; HEADER];
    let [q0, q1, q2, q3] = sequence.to_le_bytes();
    let start = [0xfe, 0xff, 0xff, 0xff, q0, q1, q2, q3, 0xfe];
    for (to, from) in header.iter_mut().zip(start) {
        *to = from;
    }
    let mut sum = Sum::new();
    sum.add(header.get(4..28).unwrap_or_default());
    if let Some(last) = header.last_chunk_mut() {
        *last = sum.end().to_le_bytes();
    }
    header
}

/// What has become of an entry's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EntryState {
    Empty,
    Written,
    /// Or a mark that no writer sets.
    Erased,
}

/// The marks of a page's 126 entries.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bitmap(pub(super) [u8; 32]);

impl Bitmap {
    pub(super) fn state(&self, entry: u8) -> EntryState {
        let byte = self.0.get(usize::from(entry / 4)).copied().unwrap_or(0);
        match byte >> (entry % 4 * 2) & 0b11 {
            0b11 => EntryState::Empty,
            0b10 => EntryState::Written,
            _ => EntryState::Erased,
        }
    }

    /// Whether `span` entries from `entry` on are there and written.
    pub(super) fn is_whole(&self, entry: u8, span: u8) -> bool {
        (entry..entry.saturating_add(span)).all(|entry| self.state(entry) == EntryState::Written)
    }

    /// Entries that are marked as written.
    pub(super) fn written(&self) -> u32 {
        // Of each pair of bits the upper one alone: 0b10.
        let written = |byte: &u8| ((byte >> 1) & !byte & 0x55).count_ones();
        let (first, last) = (self.0.iter().take(31), self.0.last());
        // The last byte has two entries, and bits that stand for none.
        let last = last.map_or(0, |byte| written(&(byte | 0xf0)));
        first.map(written).sum::<u32>().saturating_add(last)
    }

    /// The first entry behind all that were ever marked.
    pub(super) fn end(&self) -> u8 {
        let marked = |entry: &u8| self.state(*entry) != EntryState::Empty;
        (0..ENTRIES)
            .rev()
            .find(marked)
            .map_or(0, |last| last.saturating_add(1))
    }
}

/// Where an entry lies, from the start of its page.
pub(super) fn entry_offset(entry: u8) -> u32 {
    let size = u32::try_from(ENTRY).unwrap_or(0);
    ENTRIES_AT.saturating_add(u32::from(entry).saturating_mul(size))
}

/// What an item is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ItemType {
    /// A namespace and its number.
    Namespace,
    /// A number in the entry itself.
    Number(ValueKind),
    /// 64 bits, which the AT port has no type for.
    Wide,
    Text,
    /// Binary, all in one page, as version 1 has it.
    OldBinary,
    /// A part of a binary value.
    Chunk,
    /// What makes chunks a value.
    Index,
    /// Not known, or not in order. It is kept, and never read.
    Unknown,
}

impl ItemType {
    /// Whether the item by itself stands for the value of its key.
    pub(super) const fn is_value(self) -> bool {
        match self {
            Self::Namespace | Self::Chunk | Self::Unknown => false,
            Self::Number(_) | Self::Wide | Self::Text | Self::OldBinary | Self::Index => true,
        }
    }

    /// What the AT port calls it.
    pub(super) const fn kind(self) -> Option<ValueKind> {
        match self {
            Self::Number(kind) => Some(kind),
            Self::Text => Some(ValueKind::Text),
            Self::OldBinary | Self::Index => Some(ValueKind::Binary),
            Self::Namespace | Self::Wide | Self::Chunk | Self::Unknown => None,
        }
    }
}

/// The first entry of an item, its checksum right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) namespace: u8,
    pub(super) kind: ItemType,
    pub(super) span: u8,
    pub(super) chunk: u8,
    /// `None` where the name cannot stand on the AT port.
    pub(super) key: Option<Label>,
    pub(super) value: [u8; 8],
}

impl Entry {
    /// `None` where the checksum is wrong or the item would not fit behind `entry`.
    pub(super) fn parse(bytes: &[u8; ENTRY], entry: u8) -> Option<Self> {
        let [namespace, number, span, chunk, c0, c1, c2, c3, rest @ ..] = *bytes;
        let mut sum = Sum::new();
        sum.add(&[namespace, number, span, chunk]);
        sum.add(&rest);
        let fits = span >= 1 && entry.checked_add(span).is_some_and(|end| end <= ENTRIES);
        if u32::from_le_bytes([c0, c1, c2, c3]) != sum.end() || !fits {
            return None;
        }
        let (key, value) = (rest.first_chunk::<16>()?, rest.last_chunk::<8>()?);
        let mut this = Self {
            namespace,
            kind: ItemType::Unknown,
            span,
            chunk,
            key: Label::from_field(*key),
            value: *value,
        };
        this.kind = this.judge(number);
        Some(this)
    }

    fn judge(&self, number: u8) -> ItemType {
        let single = self.span == 1;
        let data = |least: u16| {
            let (size, _) = self.data();
            let entries = size.div_ceil(32).checked_add(1);
            (least..=MAX_DATA).contains(&size) && entries == Some(u16::from(self.span))
        };
        let kind = match (number, self.namespace) {
            (0x01, 0) => {
                let [number, ..] = self.value;
                return if single && (1..=254).contains(&number) {
                    ItemType::Namespace
                } else {
                    ItemType::Unknown
                };
            }
            (_, 0) => return ItemType::Unknown,
            (0x21, _) if data(1) => return ItemType::Text,
            (0x41, _) if data(0) => return ItemType::OldBinary,
            (0x42, _) if data(0) && self.chunk != 0xff => return ItemType::Chunk,
            (0x48, _) if single => return ItemType::Index,
            (0x08 | 0x18, _) if single => return ItemType::Wide,
            (0x01, _) => ValueKind::U8,
            (0x11, _) => ValueKind::I8,
            (0x02, _) => ValueKind::U16,
            (0x12, _) => ValueKind::I16,
            (0x04, _) => ValueKind::U32,
            (0x14, _) => ValueKind::I32,
            _ => return ItemType::Unknown,
        };
        if single {
            ItemType::Number(kind)
        } else {
            ItemType::Unknown
        }
    }

    /// Bytes of data behind the entry, and their checksum.
    pub(super) fn data(&self) -> (u16, u32) {
        let [s0, s1, _, _, c0, c1, c2, c3] = self.value;
        (
            u16::from_le_bytes([s0, s1]),
            u32::from_le_bytes([c0, c1, c2, c3]),
        )
    }

    /// Of an index: all bytes, and the chunks that hold them (how many, the first one's number).
    pub(super) fn index(&self) -> (u32, u8, u8) {
        let [s0, s1, s2, s3, count, start, ..] = self.value;
        (u32::from_le_bytes([s0, s1, s2, s3]), count, start)
    }

    /// Of an index: whether it speaks of a chunk with this number.
    pub(super) fn has_chunk(&self, number: u8) -> bool {
        let (_, count, start) = self.index();
        number.checked_sub(start).is_some_and(|place| place < count)
    }

    /// The number in the entry.
    pub(super) fn number(&self, kind: ValueKind) -> Option<i64> {
        let [b0, b1, b2, b3, ..] = self.value;
        Some(match kind {
            ValueKind::U8 => i64::from(b0),
            ValueKind::I8 => i64::from(i8::from_le_bytes([b0])),
            ValueKind::U16 => i64::from(u16::from_le_bytes([b0, b1])),
            ValueKind::I16 => i64::from(i16::from_le_bytes([b0, b1])),
            ValueKind::U32 => i64::from(u32::from_le_bytes([b0, b1, b2, b3])),
            ValueKind::I32 => i64::from(i32::from_le_bytes([b0, b1, b2, b3])),
            ValueKind::Text | ValueKind::Binary => return None,
        })
    }
}

/// An item that is to be written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Draft {
    pub(super) namespace: u8,
    /// The number of the type in flash.
    pub(super) number: u8,
    pub(super) span: u8,
    pub(super) chunk: u8,
    pub(super) key: Label,
    pub(super) value: [u8; 8],
}

impl Draft {
    /// A number, index or namespace: one entry.
    pub(super) fn single(namespace: u8, number: u8, key: Label, value: [u8; 8]) -> Self {
        Self {
            namespace,
            number,
            span: 1,
            chunk: 0xff,
            key,
            value,
        }
    }

    /// The item's first entry.
    pub(super) fn bytes(&self) -> [u8; ENTRY] {
        let mut bytes = [0; ENTRY];
        let start = [self.namespace, self.number, self.span, self.chunk];
        let rest = self.key.field().into_iter().chain(self.value);
        let mut sum = Sum::new();
        sum.add(&start);
        sum.add(&self.key.field());
        sum.add(&self.value);
        let all = start.into_iter().chain(sum.end().to_le_bytes()).chain(rest);
        for (to, from) in bytes.iter_mut().zip(all) {
            *to = from;
        }
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_entries_are_counted_as_they_are_found_one_by_one() {
        for seed in 0..=u8::MAX {
            let mut byte = seed;
            let bitmap = Bitmap(core::array::from_fn(|_| {
                byte = byte.wrapping_mul(167).wrapping_add(seed | 1);
                byte
            }));
            let written = |entry: &u8| bitmap.state(*entry) == EntryState::Written;
            let found = (0..ENTRIES).filter(written).count();
            assert_eq!(usize::try_from(bitmap.written()), Ok(found), "{seed}");
        }
        assert_eq!(Bitmap([0b1010_1010; 32]).written(), u32::from(ENTRIES));
    }
}
