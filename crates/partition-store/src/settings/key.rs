//! Keys of settings.
//!
//! spec: at-commands A.22 (which commands store)

use core::fmt;

use sequential_storage::map::{Key as MapKey, SerializationError};

/// Links that have settings of their own. Without `AT+CIPMUX=1` there is only link 0.
pub const LINKS: u8 = 5;

/// What a record is about: one byte, fixed for good.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key(u8);

macro_rules! keys {
    ($($(#[doc = $doc:literal])+ $name:ident = $number:literal, $word:literal;)+) => {
        impl Key {
            $($(#[doc = $doc])+ pub const $name: Self = Self($number);)+

            /// Every key that has a name of its own, in order of its number.
            pub const NAMED: &'static [(Self, &'static str)] = &[$((Self::$name, $word)),+];
        }
    };
}

keys! {
    /// `AT+SYSMSG`.
    SYSTEM_MESSAGES = 0x01, "sysmsg";
    /// `AT+UART_DEF`; stored whatever `AT+SYSSTORE` says.
    UART = 0x02, "uart";
    /// Last time of day that was known, for a clock that must not run backwards. Ours.
    LAST_KNOWN_TIME = 0x03, "last_time";
    /// `AT+SSLPOLICY`. Ours.
    TLS_POLICY = 0x04, "sslpolicy";
    /// `AT+CWMODE`.
    WIFI_MODE = 0x10, "cwmode";
    /// `AT+CWJAP`: network, password, options.
    STATION = 0x11, "cwjap";
    /// `AT+CWAUTOCONN`; stored whatever `AT+SYSSTORE` says.
    AUTO_CONNECT = 0x12, "cwautoconn";
    /// `AT+CWRECONNCFG`.
    RECONNECT = 0x13, "cwreconncfg";
    /// `AT+CWSAP`.
    SOFT_AP = 0x14, "cwsap";
    /// `AT+CIPSTAMAC`.
    STATION_MAC = 0x15, "cipstamac";
    /// `AT+CIPAPMAC`.
    SOFT_AP_MAC = 0x16, "cipapmac";
    /// `AT+CWSTAPROTO`.
    STATION_PROTOCOLS = 0x17, "cwstaproto";
    /// `AT+CWAPPROTO`.
    SOFT_AP_PROTOCOLS = 0x18, "cwapproto";
    /// `AT+CWJEAP`.
    ENTERPRISE = 0x19, "cwjeap";
    /// `AT+CWCONFIG`.
    WIFI_CONFIG = 0x1a, "cwconfig";
    /// `AT+CIPSTA`.
    STATION_ADDRESS = 0x20, "cipsta";
    /// `AT+CIPAP`.
    SOFT_AP_ADDRESS = 0x21, "cipap";
    /// `AT+CWDHCP`.
    DHCP = 0x22, "cwdhcp";
    /// `AT+CWDHCPS`.
    DHCP_SERVER = 0x23, "cwdhcps";
    /// `AT+CIPDNS`.
    DNS = 0x24, "cipdns";
    /// `AT+CIPV6`.
    IPV6 = 0x25, "cipv6";
    /// `AT+CIPSNTPCFG`.
    SNTP = 0x26, "cipsntpcfg";
    /// `AT+CIPRECONNINTV`.
    RECONNECT_INTERVAL = 0x27, "cipreconnintv";
    /// `AT+SAVETRANSLINK`; stored whatever `AT+SYSSTORE` says.
    TRANSPARENT_LINK = 0x28, "savetranslink";
}

/// First of the keys per link.
const TLS: u8 = 0x30;
const TCP_OPTIONS: u8 = 0x38;
/// First of the keys that this crate gives no meaning to.
const USER: u8 = 0x80;

impl Key {
    /// How many keys there are for [`Key::user`].
    pub const USER_KEYS: u8 = 64;

    /// `AT+CIPSSLCCONF` of a link.
    #[must_use]
    pub const fn tls(link: u8) -> Option<Self> {
        Self::numbered(TLS, link, LINKS)
    }

    /// `AT+CIPTCPOPT` of a link.
    #[must_use]
    pub const fn tcp_options(link: u8) -> Option<Self> {
        Self::numbered(TCP_OPTIONS, link, LINKS)
    }

    /// A key for what a firmware of its own wants to keep.
    #[must_use]
    pub const fn user(number: u8) -> Option<Self> {
        Self::numbered(USER, number, Self::USER_KEYS)
    }

    const fn numbered(first: u8, number: u8, count: u8) -> Option<Self> {
        if number < count {
            Some(Self(first.saturating_add(number)))
        } else {
            None
        }
    }

    /// The number under which flash has it.
    #[must_use]
    pub const fn number(self) -> u8 {
        self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let within = |first: u8, count: u8| self.0.checked_sub(first).filter(|n| *n < count);
        let named = Self::NAMED.iter().find(|(key, _)| key == self);
        if let Some((_, word)) = named {
            f.write_str(word)
        } else if let Some(link) = within(TLS, LINKS) {
            write!(f, "cipsslcconf.{link}")
        } else if let Some(link) = within(TCP_OPTIONS, LINKS) {
            write!(f, "ciptcpopt.{link}")
        } else if let Some(number) = within(USER, Self::USER_KEYS) {
            write!(f, "user.{number}")
        } else {
            write!(f, "{:#04x}", self.0)
        }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({self})")
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for Key {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "Key({=u8:#x})", self.0);
    }
}

impl MapKey for Key {
    fn serialize_into(&self, buffer: &mut [u8]) -> Result<usize, SerializationError> {
        let first = buffer
            .first_mut()
            .ok_or(SerializationError::BufferTooSmall)?;
        *first = self.0;
        Ok(1)
    }

    fn deserialize_from(buffer: &[u8]) -> Result<(Self, usize), SerializationError> {
        let number = buffer.first().ok_or(SerializationError::BufferTooSmall)?;
        Ok((Self(*number), 1))
    }
}

#[cfg(test)]
mod tests {
    extern crate alloc;
    extern crate std;
    use alloc::string::ToString;
    use std::collections::BTreeSet;

    use super::{Key, LINKS};

    #[test]
    fn no_two_keys_share_a_number_or_a_name() {
        let per_link = (0..LINKS).flat_map(|link| [Key::tls(link), Key::tcp_options(link)]);
        let user = (0..Key::USER_KEYS).map(Key::user);
        let named = Key::NAMED.iter().map(|(key, _)| Some(*key));
        let all: std::vec::Vec<Key> = named
            .chain(per_link)
            .chain(user)
            .map(Option::unwrap)
            .collect();
        let numbers: BTreeSet<_> = all.iter().map(|key| key.number()).collect();
        let names: BTreeSet<_> = all.iter().map(ToString::to_string).collect();
        assert_eq!(numbers.len(), all.len());
        assert_eq!(names.len(), all.len());
    }

    #[test]
    fn a_link_or_user_key_out_of_range_is_none() {
        assert_eq!(Key::tls(LINKS), None);
        assert_eq!(Key::tcp_options(255), None);
        assert_eq!(Key::user(Key::USER_KEYS), None);
    }
}
