//! Keys as a user of the crate has them: one byte each, some numbered by link.

use std::fmt;

use partition_store::settings::Owner;

pub(crate) const OWNER: Owner = Owner {
    magic: *b"espatset",
    version: 1,
};

/// Links that have settings of their own.
pub(crate) const LINKS: u8 = 5;

/// What a record is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key(u8);

impl partition_store::settings::Key for Key {
    const LEN: usize = 1;

    fn encode(&self, into: &mut [u8]) {
        partition_store::settings::Key::encode(&self.0, into);
    }
}

impl Key {
    pub(crate) const UART: Self = Self(0x02);
    pub(crate) const LAST_KNOWN_TIME: Self = Self(0x03);
    pub(crate) const WIFI_MODE: Self = Self(0x10);
    pub(crate) const STATION: Self = Self(0x11);
    pub(crate) const DNS: Self = Self(0x24);
    pub(crate) const SNTP: Self = Self(0x26);

    /// How many keys there are for [`Key::user`].
    pub(crate) const USER_KEYS: u8 = 64;

    /// Every key that has a name of its own: three groups.
    pub(crate) fn named() -> impl Iterator<Item = Self> {
        (0x01..=0x04)
            .chain(0x10..=0x1a)
            .chain(0x20..=0x28)
            .map(Self)
    }

    pub(crate) fn tls(link: u8) -> Option<Self> {
        (link < LINKS).then(|| Self(0x30 + link))
    }

    pub(crate) fn tcp_options(link: u8) -> Option<Self> {
        (link < LINKS).then(|| Self(0x38 + link))
    }

    pub(crate) fn user(number: u8) -> Option<Self> {
        (number < Self::USER_KEYS).then(|| Self(0x80 + number))
    }

    pub(crate) const fn number(self) -> u8 {
        self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#04x}", self.0)
    }
}
