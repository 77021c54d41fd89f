//! What firmware 1.x for the ESP8266 said otherwise.
//!
//! ```text
//! AT+CWMODE_CUR=1      set, and forgotten at the next start       answered +CWMODE_CUR:1
//! AT+CWMODE_DEF=1      set, and stored                            answered +CWMODE_DEF:1
//! AT+CIPSSLSIZE=4096   room for a TLS record
//! ```
//!
//! Hosts of that time say nothing else, so a modem may be asked to understand it; unless it is, the
//! names are unknown. `AT+UART_CUR` and `AT+UART_DEF` are commands of their own in every firmware.
//! Some answers have another form, too: [`Reply::write_in`](crate::Reply::write_in).

use crate::types::Bounded;

/// Which names are known, and which form answers have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Dialect {
    /// Those of ESP-AT.
    #[default]
    EspAt,
    /// Those of firmware 1.x, too.
    Legacy,
}

/// What stands after a name of firmware 1.x, and what it means for the setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Suffix {
    /// `_CUR`: it is not stored.
    Current,
    /// `_DEF`: it is stored.
    Default,
}

impl Suffix {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Current, Self::Default];

    /// As the name has it.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Current => "_CUR",
            Self::Default => "_DEF",
        }
    }

    /// Whether a setting is stored.
    #[must_use]
    pub const fn stores(self) -> bool {
        matches!(self, Self::Default)
    }

    /// The name before the suffix, where `name` ends in one, in any case.
    pub(crate) fn split(name: &[u8]) -> Option<(&[u8], Self)> {
        Self::ALL.into_iter().find_map(|suffix| {
            let text = suffix.text().as_bytes();
            let (name, end) = name.split_at_checked(name.len().checked_sub(text.len())?)?;
            end.eq_ignore_ascii_case(text).then_some((name, suffix))
        })
    }
}

/// Bytes of room for a TLS record: `AT+CIPSSLSIZE`.
pub type SslBuffer = Bounded<2048, 4096>;
