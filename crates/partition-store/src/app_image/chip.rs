//! The number of a chip in the header of an image.

use core::fmt;

/// A chip, as Espressif numbers them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ChipId(u16);

impl ChipId {
    /// Names as `AT+GMR` has them, without hyphens.
    const NAMES: [(u16, &'static str); 9] = [
        (0, "ESP32"),
        (2, "ESP32S2"),
        (5, "ESP32C3"),
        (9, "ESP32S3"),
        (12, "ESP32C2"),
        (13, "ESP32C6"),
        (16, "ESP32H2"),
        (20, "ESP32C61"),
        (23, "ESP32C5"),
    ];

    /// The chip with this number, known or not.
    #[must_use]
    pub const fn new(number: u16) -> Self {
        Self(number)
    }

    /// Its number.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }

    /// The chip with this name: `ESP32C3`. Upper case, without hyphens.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        let mut names = Self::NAMES.into_iter();
        names
            .find(|(_, known)| *known == name)
            .map(|(number, _)| Self(number))
    }
}

impl fmt::Display for ChipId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut names = Self::NAMES.into_iter();
        match names.find(|(number, _)| *number == self.0) {
            Some((_, name)) => f.write_str(name),
            None => write!(f, "chip {}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::ChipId;

    #[test]
    fn every_name_is_that_of_its_number() {
        for (number, name) in ChipId::NAMES {
            assert_eq!(ChipId::named(name), Some(ChipId::new(number)));
            assert_eq!(std::format!("{}", ChipId::new(number)), name);
        }
        assert_eq!(ChipId::named("ESP32-C3"), None);
        assert_eq!(std::format!("{}", ChipId::new(7)), "chip 7");
    }
}
