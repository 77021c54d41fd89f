//! What is odd about a readable image (spec: cert-bin 6.1).

use super::{Image, Item, ItemKind, Items, MAX_SAFE_COUNT, padding_len};
use core::fmt;

/// Something that no reader trips over, but that a careful writer does not produce.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ImageWarning {
    /// The original firmware reads this count as a negative number and prints false `NO … FOUND` lines.
    CountOver127 {
        /// Items in the image.
        count: u16,
    },
    /// An item without content; the original firmware fails to load it.
    EmptyItem {
        /// Position of the item.
        index: u16,
    },
    /// The list ends inside the padding of its last item.
    PaddingMissing {
        /// Position of the item.
        index: u16,
    },
    /// A padding byte is not 0xFF.
    PaddingNotFf {
        /// Position of the item.
        index: u16,
    },
    /// An earlier item has the same kind and id.
    DuplicateId {
        /// Position of the later item.
        index: u16,
        /// Its kind.
        kind: ItemKind,
        /// Its id.
        id: u8,
    },
    /// The k-th item of its kind does not have id k (modulo 256).
    IdOutOfSequence {
        /// Position of the item.
        index: u16,
        /// Its kind.
        kind: ItemKind,
        /// Its id.
        id: u8,
        /// The id it should have.
        expected: u8,
    },
    /// More than one kind in the image; the original firmware picks by position and ignores the kind.
    MixedTypes,
    /// Behind the list there is something other than erased flash.
    TrailingData {
        /// First byte that is not 0xFF, from the start of the input.
        offset: usize,
    },
}

impl ImageWarning {
    /// A stable word for scripts.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::CountOver127 { .. } => "count_over_127",
            Self::EmptyItem { .. } => "empty_item",
            Self::PaddingMissing { .. } => "padding_missing",
            Self::PaddingNotFf { .. } => "padding_not_ff",
            Self::DuplicateId { .. } => "duplicate_id",
            Self::IdOutOfSequence { .. } => "id_out_of_sequence",
            Self::MixedTypes => "mixed_types",
            Self::TrailingData { .. } => "trailing_data",
        }
    }

    /// Position of the item meant, where it is about one.
    #[must_use]
    pub const fn index(&self) -> Option<u16> {
        match *self {
            Self::EmptyItem { index }
            | Self::PaddingMissing { index }
            | Self::PaddingNotFf { index }
            | Self::DuplicateId { index, .. }
            | Self::IdOutOfSequence { index, .. } => Some(index),
            Self::CountOver127 { .. } | Self::MixedTypes | Self::TrailingData { .. } => None,
        }
    }
}

impl fmt::Display for ImageWarning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::CountOver127 { count } => write!(
                f,
                "{count} items; from 128 on the original firmware reports them as missing"
            ),
            Self::EmptyItem { index } => write!(f, "item {index} is empty"),
            Self::PaddingMissing { index } => {
                write!(f, "the list ends inside the padding of item {index}")
            }
            Self::PaddingNotFf { index } => write!(f, "padding of item {index} is not 0xff"),
            Self::DuplicateId { index, kind, id } => {
                write!(f, "item {index} repeats {kind} id {id}")
            }
            Self::IdOutOfSequence {
                index,
                kind,
                id,
                expected,
            } => write!(f, "item {index} is {kind} id {id}, expected id {expected}"),
            Self::MixedTypes => f.write_str(
                "more than one kind of item; the original firmware picks by position and ignores the kind",
            ),
            Self::TrailingData { offset } => write!(f, "other data follows at offset {offset}"),
        }
    }
}

/// The warnings of an [`Image`]: the count, then each item, then the image as a whole.
#[derive(Debug, Clone)]
pub struct Warnings<'a> {
    count: Option<u16>,
    items: Items<'a>,
    index: u16,
    /// Warnings about the item just looked at; one item can have all four.
    pending: [Option<ImageWarning>; 4],
    seen: [SeenIds; 3],
    trailing: Option<usize>,
    mixed_reported: bool,
}

impl<'a> Warnings<'a> {
    pub(super) fn new(image: &Image<'a>) -> Self {
        Self {
            count: (image.count > MAX_SAFE_COUNT).then_some(image.count),
            items: image.items(),
            index: 0,
            pending: [None; 4],
            seen: [SeenIds::default(); 3],
            trailing: image.trailing,
            mixed_reported: false,
        }
    }

    fn look_at(&mut self, item: &Item<'_>) {
        let index = self.index;
        let Item { kind, id, .. } = *item;
        let [ca, cert, key] = &mut self.seen;
        let seen = match kind {
            ItemKind::Ca => ca,
            ItemKind::Cert => cert,
            ItemKind::Key => key,
        };
        let expected = seen.next_id;
        let id_warning = if seen.insert(id) {
            (id != expected).then_some(ImageWarning::IdOutOfSequence {
                index,
                kind,
                id,
                expected,
            })
        } else {
            Some(ImageWarning::DuplicateId { index, kind, id })
        };
        self.pending = [
            item.content
                .is_empty()
                .then_some(ImageWarning::EmptyItem { index }),
            (item.padding.len() < padding_len(item.content.len()))
                .then_some(ImageWarning::PaddingMissing { index }),
            item.padding
                .iter()
                .any(|&byte| byte != 0xFF)
                .then_some(ImageWarning::PaddingNotFf { index }),
            id_warning,
        ];
        self.index = index.saturating_add(1);
    }
}

impl Iterator for Warnings<'_> {
    type Item = ImageWarning;

    fn next(&mut self) -> Option<ImageWarning> {
        if let Some(count) = self.count.take() {
            return Some(ImageWarning::CountOver127 { count });
        }
        loop {
            if let Some(warning) = self.pending.iter_mut().find_map(Option::take) {
                return Some(warning);
            }
            let Some(item) = self.items.next() else { break };
            self.look_at(&item);
        }
        if !self.mixed_reported {
            self.mixed_reported = true;
            if self.seen.iter().filter(|seen| seen.any).count() > 1 {
                return Some(ImageWarning::MixedTypes);
            }
        }
        self.trailing
            .take()
            .map(|offset| ImageWarning::TrailingData { offset })
    }
}

/// The ids met for one kind: a bit for each.
#[derive(Debug, Clone, Copy, Default)]
struct SeenIds {
    bits: [u32; 8],
    /// Position within the kind, modulo 256: the id the next item should have.
    next_id: u8,
    any: bool,
}

impl SeenIds {
    /// False when the id was there already.
    fn insert(&mut self, id: u8) -> bool {
        self.next_id = self.next_id.wrapping_add(1);
        self.any = true;
        let bit = 1_u32 << (id % 32);
        let Some(word) = self.bits.get_mut(usize::from(id / 32)) else {
            return false;
        };
        let new = *word & bit == 0;
        *word |= bit;
        new
    }
}
