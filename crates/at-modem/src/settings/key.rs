//! The records of the modem's settings: their keys, and the header of their partition.
//!
//! Key numbers and the header are the on-flash format; see `docs/formats/partition-tables.md`. Numbers
//! 0x80 to 0xBF are left to other users of the partition.
//!
//! spec: at-commands A.22 (which commands store)

use core::fmt;

use partition_store::settings::Owner;

/// The header of the settings partition.
pub(crate) const OWNER: Owner = Owner {
    magic: *b"espatset",
    version: 1,
};

/// The records in flash.
pub(crate) type Store<'a, F> = partition_store::Settings<'a, F, Key>;

/// Links that have settings of their own. Without `AT+CIPMUX=1` there is only link 0.
const LINKS: u8 = 5;

/// What a record is about: one byte, fixed for good.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Key(u8);

impl partition_store::settings::Key for Key {
    const LEN: usize = 1;

    fn encode(&self, into: &mut [u8]) {
        into.fill(self.0);
    }
}

macro_rules! keys {
    ($($(#[doc = $doc:literal])+ $name:ident = $number:literal, $word:literal;)+) => {
        impl Key {
            $($(#[doc = $doc])+ pub(crate) const $name: Self = Self($number);)+

            /// Every key that has a name of its own, in order of its number.
            pub(crate) const NAMED: &'static [(Self, &'static str)] = &[$((Self::$name, $word)),+];
        }
    };
}

keys! {
    /// `AT+SYSMSG`.
    SYSTEM_MESSAGES = 0x01, "sysmsg";
    /// `AT+UART_DEF`; stored whatever `AT+SYSSTORE` says.
    UART = 0x02, "uart";
    /// Last time of day that was known, for a clock that must not run backwards.
    LAST_KNOWN_TIME = 0x03, "last_time";
    /// `AT+SSLPOLICY`.
    TLS_POLICY = 0x04, "sslpolicy";
    /// `AT+SSLRESUME`.
    TLS_RESUME = 0x05, "sslresume";
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
const TLS_VERSIONS: u8 = 0x40;

impl Key {
    /// `AT+CIPSSLCCONF` of a link.
    #[must_use]
    pub(crate) const fn tls(link: u8) -> Option<Self> {
        Self::numbered(TLS, link, LINKS)
    }

    /// `AT+SSLVERSION` of a link.
    #[must_use]
    pub(crate) const fn tls_versions(link: u8) -> Option<Self> {
        Self::numbered(TLS_VERSIONS, link, LINKS)
    }

    /// `AT+CIPTCPOPT` of a link.
    #[must_use]
    pub(crate) const fn tcp_options(link: u8) -> Option<Self> {
        Self::numbered(TCP_OPTIONS, link, LINKS)
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
    pub(crate) const fn number(self) -> u8 {
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
        } else if let Some(link) = within(TLS_VERSIONS, LINKS) {
            write!(f, "sslversion.{link}")
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

#[cfg(test)]
mod tests {
    extern crate alloc;
    extern crate std;
    use alloc::string::ToString;
    use alloc::vec;
    use alloc::vec::Vec;
    use std::collections::BTreeSet;

    use embassy_futures::block_on;
    use partition_store::mock::{MemFlash, Rewrite};
    use partition_store::settings::Opened;
    use partition_store::{Partition, PartitionKind, PartitionName, Region};

    use super::{Key, LINKS, OWNER, Store};

    fn every_key() -> Vec<Key> {
        let per_link = (0..LINKS).flat_map(|link| {
            [
                Key::tls(link),
                Key::tcp_options(link),
                Key::tls_versions(link),
            ]
        });
        let named = Key::NAMED.iter().map(|(key, _)| Some(*key));
        named.chain(per_link).map(Option::unwrap).collect()
    }

    #[test]
    fn no_two_keys_share_a_number_or_a_name() {
        let all = every_key();
        let numbers: BTreeSet<_> = all.iter().map(|key| key.number()).collect();
        let names: BTreeSet<_> = all.iter().map(ToString::to_string).collect();
        assert_eq!(numbers.len(), all.len());
        assert_eq!(names.len(), all.len());
    }

    #[test]
    fn a_link_out_of_range_has_no_key() {
        assert_eq!(Key::tls(LINKS), None);
        assert_eq!(Key::tcp_options(255), None);
    }

    /// Flash written by one release is read by the next: no number may ever change.
    #[test]
    fn the_numbers_are_those_on_flash() {
        let numbers: Vec<u8> = every_key().iter().map(|key| key.number()).collect();
        let groups = (0x01..=0x05).chain(0x10..=0x1a).chain(0x20..=0x28);
        let per_link = (0..5).flat_map(|link| [0x30 + link, 0x38 + link, 0x40 + link]);
        assert_eq!(numbers, groups.chain(per_link).collect::<Vec<u8>>());
        for (key, number) in [
            (Key::SYSTEM_MESSAGES, 0x01),
            (Key::TLS_POLICY, 0x04),
            (Key::TLS_RESUME, 0x05),
            (Key::WIFI_MODE, 0x10),
            (Key::STATION, 0x11),
            (Key::WIFI_CONFIG, 0x1a),
            (Key::STATION_ADDRESS, 0x20),
            (Key::SNTP, 0x26),
            (Key::TRANSPARENT_LINK, 0x28),
        ] {
            assert_eq!(key.number(), number);
        }
    }

    /// The image that `docs/formats/partition-tables.md` shows, as the first release wrote it.
    #[test]
    fn an_image_of_the_first_release_is_read_and_written_alike() {
        let size: u32 = 0x4000;
        let mut golden = vec![0xff; usize::try_from(size).unwrap()];
        golden[..16].copy_from_slice(b"espatset\x01\0\0\0\xfe\xff\xff\xff");
        let page = [
            0, 0, 0, 0, 0x4a, 0x4e, 0x5d, 0xda, 0x03, 0, 0xb6, 0xe0, 0x10, 0x01, 0x31, 0,
        ];
        golden[0x1000..0x1010].copy_from_slice(&page);

        let name = PartitionName::new("nvs").unwrap();
        let partition = Partition::new(name, PartitionKind::Data, 2, 0, size).unwrap();
        let holding = |bytes: Vec<u8>| MemFlash::holding(bytes).on_rewrite(Rewrite::And);
        let mut old = holding(golden.clone());
        let region = Region::open(&mut old, &partition).unwrap();
        let (mut settings, opened) = block_on(Store::open(region, OWNER)).unwrap();
        assert_eq!(opened, Opened::Ready);
        let mut buffer = [0; 8];
        let mode = block_on(settings.get(Key::WIFI_MODE, &mut buffer)).unwrap();
        assert_eq!(mode, Some(&b"1"[..]));
        assert_eq!(
            block_on(settings.get(Key::UART, &mut buffer)).unwrap(),
            None
        );
        assert_eq!(old.bytes(), golden);

        let mut new = holding(vec![0xff; golden.len()]);
        let region = Region::open(&mut new, &partition).unwrap();
        let (mut settings, _) = block_on(Store::open(region, OWNER)).unwrap();
        block_on(settings.set(Key::WIFI_MODE, b"1")).unwrap();
        assert_eq!(new.bytes(), golden);
    }
}
