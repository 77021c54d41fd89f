//! Names of partitions: 1 to 16 printable characters, as they stand in a table and on the AT port.
//!
//! spec: cert-bin 8.1 (16 bytes padded with NUL; ESP-IDF's own tools allow 15)

use core::fmt;

/// A partition's name.
///
/// What a name may hold is decided by where it ends up: between the quotes of an `AT+SYSFLASH?`
/// line. So it is printable ASCII without `"` and `\`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartitionName([u8; Self::MAX]);

impl PartitionName {
    /// The longest name, in bytes.
    pub const MAX: usize = 16;

    /// A name from text; `None` where [`PartitionName`] says it cannot be one.
    #[must_use]
    pub const fn new(text: &str) -> Option<Self> {
        let mut field = [0; Self::MAX];
        let mut from = text.as_bytes();
        let mut to: &mut [u8] = &mut field;
        while let Some((byte, rest)) = from.split_first() {
            // A NUL would end the name early, and the rest of the text would be lost.
            let (Some((slot, more)), 1..) = (to.split_first_mut(), *byte) else {
                return None;
            };
            *slot = *byte;
            from = rest;
            to = more;
        }
        Self::from_field(field)
    }

    /// The name in a table's field: what is before the first NUL.
    pub(crate) const fn from_field(field: [u8; Self::MAX]) -> Option<Self> {
        let mut clean = [0; Self::MAX];
        let mut from: &[u8] = &field;
        let mut to: &mut [u8] = &mut clean;
        while let (Some((byte, rest)), Some((slot, more))) =
            (from.split_first(), to.split_first_mut())
        {
            match *byte {
                0 => break,
                b'"' | b'\\' => return None,
                0x20..=0x7e => *slot = *byte,
                _ => return None,
            }
            from = rest;
            to = more;
        }
        // Nothing was taken: the name is empty.
        if from.len() == Self::MAX {
            return None;
        }
        Some(Self(clean))
    }

    /// The field of a table entry, padded with NUL.
    pub(crate) const fn field(&self) -> [u8; Self::MAX] {
        self.0
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let length = self.0.iter().take_while(|byte| **byte != 0).count();
        let text = self.0.get(..length).unwrap_or_default();
        // Only printable ASCII gets in.
        core::str::from_utf8(text).unwrap_or_default()
    }
}

impl PartialEq<str> for PartitionName {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for PartitionName {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl fmt::Display for PartitionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for PartitionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for PartitionName {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "{=str}", self.as_str());
    }
}

#[cfg(test)]
mod tests {
    use super::PartitionName;

    #[test]
    fn a_name_holds_one_to_sixteen_printable_characters() {
        for text in ["a", "client_ca", "exactly16bytesAB", "with space", "~"] {
            assert_eq!(PartitionName::new(text).unwrap().as_str(), text);
        }
        for text in [
            "",
            "exactly17bytesABC",
            "a\"b",
            "a\\b",
            "a\nb",
            "a\0b",
            "a\0",
            "\0",
            "\u{e9}",
            "\x7f",
        ] {
            assert_eq!(PartitionName::new(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_field_ends_at_its_first_nul() {
        let name = PartitionName::from_field(*b"nvs\0old rest\xff\xff\xff\xff").unwrap();
        assert_eq!(name, "nvs");
        assert_eq!(name.field(), *b"nvs\0\0\0\0\0\0\0\0\0\0\0\0\0");
        assert_eq!(PartitionName::from_field([0; 16]), None);
        assert_eq!(PartitionName::from_field([0xff; 16]), None);
    }
}
