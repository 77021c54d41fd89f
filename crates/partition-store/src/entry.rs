//! One entry of a partition table.
//!
//! ```text
//! 0     2      3         4        8      12                 28
//! | AA 50 | type | subtype | offset | size | name, 16 bytes | flags |     little-endian
//! ```
//!
//! spec: cert-bin 8.1

use core::fmt;

use crate::name::PartitionName;

/// Bytes of one entry.
pub const ENTRY_SIZE: usize = 32;

/// First two bytes of an entry.
pub(crate) const ENTRY_MAGIC: [u8; 2] = [0xaa, 0x50];

/// What kind of thing a partition holds: byte 2 of its entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum PartitionKind {
    /// 0: a program.
    App,
    /// 1: data that ESP-IDF knows (NVS, PHY calibration, a file system, ...).
    Data,
    /// Any other number: 0x40 to 0xFE are for applications.
    Custom(u8),
}

impl PartitionKind {
    /// The kind with this number.
    #[must_use]
    pub const fn from_number(number: u8) -> Self {
        match number {
            0 => Self::App,
            1 => Self::Data,
            other => Self::Custom(other),
        }
    }

    /// The number in the table.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::App => 0,
            Self::Data => 1,
            Self::Custom(number) => number,
        }
    }
}

/// Bit 0 of the flags: the partition is encrypted.
pub const FLAG_ENCRYPTED: u32 = 1;
/// Bit 1 of the flags: the partition is read-only (newer ESP-IDF).
pub const FLAG_READ_ONLY: u32 = 1 << 1;

/// One partition: an entry of a table. Its range does not overflow 32 bits; that is checked where
/// entries are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Partition {
    name: PartitionName,
    kind: PartitionKind,
    subtype: u8,
    offset: u32,
    size: u32,
    flags: u32,
}

impl Partition {
    /// A partition of `size` bytes at flash address `offset`, without flags; `None` where its end
    /// has no 32-bit address.
    #[must_use]
    pub const fn new(
        name: PartitionName,
        kind: PartitionKind,
        subtype: u8,
        offset: u32,
        size: u32,
    ) -> Option<Self> {
        if offset.checked_add(size).is_none() {
            return None;
        }
        Some(Self {
            name,
            kind,
            subtype,
            offset,
            size,
            flags: 0,
        })
    }

    /// The same partition with these flags.
    #[must_use]
    pub const fn with_flags(self, flags: u32) -> Self {
        Self { flags, ..self }
    }

    /// Name, by which everything finds it; subtypes and addresses differ between layouts.
    #[must_use]
    pub const fn name(&self) -> &PartitionName {
        &self.name
    }

    /// Kind: "type" in the documents of ESP-IDF.
    #[must_use]
    pub const fn kind(&self) -> PartitionKind {
        self.kind
    }

    /// Subtype; what it means depends on the kind.
    #[must_use]
    pub const fn subtype(&self) -> u8 {
        self.subtype
    }

    /// Absolute flash address of the first byte.
    #[must_use]
    pub const fn offset(&self) -> u32 {
        self.offset
    }

    /// Bytes.
    #[must_use]
    pub const fn size(&self) -> u32 {
        self.size
    }

    /// Flags as they stand in the table.
    #[must_use]
    pub const fn flags(&self) -> u32 {
        self.flags
    }

    /// Absolute flash address behind the last byte.
    #[must_use]
    pub const fn end(&self) -> u32 {
        // The constructors admit no sum that overflows.
        self.offset.saturating_add(self.size)
    }

    /// Whether the two share a byte.
    #[must_use]
    pub const fn overlaps(&self, other: &Self) -> bool {
        self.offset < other.end() && other.offset < self.end()
    }

    /// The multiple that `offset` should be of: programs are mapped in pages of 64 KiB, all else
    /// is erased in sectors of 4 KiB.
    #[must_use]
    pub const fn alignment(&self) -> u32 {
        match self.kind {
            PartitionKind::App => 0x1_0000,
            PartitionKind::Data | PartitionKind::Custom(_) => 0x1000,
        }
    }

    /// The entry in a table.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; ENTRY_SIZE] {
        let [offset, size, flags] =
            [self.offset, self.size, self.flags].map(|number| number.to_le_bytes());
        let mut bytes = [0; ENTRY_SIZE];
        let fields: [&[u8]; 6] = [
            &ENTRY_MAGIC,
            &[self.kind.number(), self.subtype],
            &offset,
            &size,
            &self.name.field(),
            &flags,
        ];
        for (to, from) in bytes.iter_mut().zip(fields.into_iter().flatten()) {
            *to = *from;
        }
        bytes
    }

    /// The entry in `bytes`, magic already seen.
    pub(crate) fn from_bytes(bytes: &[u8; ENTRY_SIZE]) -> Result<Self, EntryFault> {
        let [
            _,
            _,
            kind,
            subtype,
            o0,
            o1,
            o2,
            o3,
            s0,
            s1,
            s2,
            s3,
            name @ ..,
            f0,
            f1,
            f2,
            f3,
        ] = *bytes;
        let name = PartitionName::from_field(name).ok_or(EntryFault::Name)?;
        let offset = u32::from_le_bytes([o0, o1, o2, o3]);
        let size = u32::from_le_bytes([s0, s1, s2, s3]);
        Self::new(
            name,
            PartitionKind::from_number(kind),
            subtype,
            offset,
            size,
        )
        .map(|partition| partition.with_flags(u32::from_le_bytes([f0, f1, f2, f3])))
        .ok_or(EntryFault::Range { offset, size })
    }
}

/// What is wrong inside an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum EntryFault {
    Name,
    Range { offset: u32, size: u32 },
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            name,
            kind,
            subtype,
            offset,
            size,
            ..
        } = self;
        write!(
            f,
            "{name} (type {}, subtype {subtype}) at {offset:#x}, {size:#x} bytes",
            kind.number()
        )
    }
}
