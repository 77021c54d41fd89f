//! Names of namespaces and keys, and the types of values: what both sides of the AT port say.

use core::fmt;

use crate::name::PartitionName;

/// The name of a namespace or of a key: 1 to 15 printable characters without `"` and `\`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Label(PartitionName);

impl Label {
    /// The longest, in bytes.
    pub const MAX: usize = 15;

    /// A label from text; `None` where [`Label`] says it cannot be one.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        if text.len() > Self::MAX {
            return None;
        }
        PartitionName::new(text).map(Self)
    }

    /// `base`, a dot and a number: the key of item `number` of a role that has several.
    #[must_use]
    pub fn numbered(base: &str, number: u8) -> Option<Self> {
        let mut text = heapless::String::<{ Self::MAX }>::new();
        fmt::Write::write_fmt(&mut text, format_args!("{base}.{number}")).ok()?;
        Self::new(&text)
    }

    pub(super) fn from_field(field: [u8; 16]) -> Option<Self> {
        if !field.contains(&0) {
            return None;
        }
        PartitionName::from_field(field).map(Self)
    }

    pub(super) const fn field(&self) -> [u8; 16] {
        self.0.field()
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl PartialEq<str> for Label {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for Label {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::Format::format(self.as_str(), f);
    }
}

/// The type of a value, as `AT+SYSMFG` numbers them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum ValueKind {
    /// 1
    U8,
    /// 2
    I8,
    /// 3
    U16,
    /// 4
    I16,
    /// 5
    U32,
    /// 6
    I32,
    /// 7: text without NUL.
    Text,
    /// 8: any bytes.
    Binary,
}

impl ValueKind {
    /// Every one, in the order of their numbers.
    pub const ALL: [Self; 8] = [
        Self::U8,
        Self::I8,
        Self::U16,
        Self::I16,
        Self::U32,
        Self::I32,
        Self::Text,
        Self::Binary,
    ];

    /// The type with this number on the AT port.
    #[must_use]
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.number() == number)
    }

    /// Its number on the AT port, 1 to 8.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::U8 => 1,
            Self::I8 => 2,
            Self::U16 => 3,
            Self::I16 => 4,
            Self::U32 => 5,
            Self::I32 => 6,
            Self::Text => 7,
            Self::Binary => 8,
        }
    }

    /// The least and the greatest number of this type; `None` for text and binary.
    #[must_use]
    pub fn range(self) -> Option<(i64, i64)> {
        Some(match self {
            Self::U8 => (0, i64::from(u8::MAX)),
            Self::I8 => (i64::from(i8::MIN), i64::from(i8::MAX)),
            Self::U16 => (0, i64::from(u16::MAX)),
            Self::I16 => (i64::from(i16::MIN), i64::from(i16::MAX)),
            Self::U32 => (0, i64::from(u32::MAX)),
            Self::I32 => (i64::from(i32::MIN), i64::from(i32::MAX)),
            Self::Text | Self::Binary => return None,
        })
    }

    /// Its number in flash. Binary values are written as chunks and an index, which have others.
    pub(super) const fn in_flash(self) -> u8 {
        match self {
            Self::U8 => 0x01,
            Self::I8 => 0x11,
            Self::U16 => 0x02,
            Self::I16 => 0x12,
            Self::U32 => 0x04,
            Self::I32 => 0x14,
            Self::Text => 0x21,
            Self::Binary => 0x42,
        }
    }
}
