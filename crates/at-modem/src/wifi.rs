//! The station interface the modem needs from a radio, a simulator or an Ethernet stand-in.

mod strongest;
mod wired;

use core::net::Ipv4Addr;

use heapless::Vec;

use crate::unsupported::Unsupported;

pub(crate) use strongest::Strongest;
pub use wired::Wired;

/// Bytes of a network name: any bytes, at most 32.
pub type Ssid = Vec<u8, 32>;

/// What `AT+CWJAP` asks for.
#[derive(Debug, Clone, Copy)]
pub struct Join<'a> {
    /// Network name.
    pub ssid: &'a [u8],
    /// Passphrase; empty for an open network. Never printed.
    pub password: Password<'a>,
    /// One access point of several with the same name.
    pub bssid: Option<[u8; 6]>,
    /// Refuse open and WEP networks (`pci_en`).
    pub secure_only: bool,
}

/// A password. `Debug` does not print it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Password<'a>(pub &'a [u8]);

impl core::fmt::Debug for Password<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Password(..)")
    }
}

/// Why a network was not joined. The numbers are those of `+CWJAP:<code>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum JoinError {
    /// No answer, or no address, in time.
    Timeout,
    /// The access point refused the passphrase.
    WrongPassword,
    /// No access point of that name (and BSSID) is there.
    NotFound,
    /// It failed in another way.
    Failed,
}

impl JoinError {
    /// 1 timeout, 2 wrong password, 3 not found, 4 failed.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Timeout => 1,
            Self::WrongPassword => 2,
            Self::NotFound => 3,
            Self::Failed => 4,
        }
    }
}

/// A change of the station.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum WifiEvent {
    /// Associated; no address yet.
    Connected,
    /// An IPv4 address is there.
    GotIp,
    /// The access point is gone.
    Disconnected,
    /// The IPv4 address is gone, the access point is not.
    LostIp,
    /// A station has joined our soft-AP.
    StationJoined {
        /// Its hardware address.
        mac: [u8; 6],
    },
    /// A station of our soft-AP got an address from us.
    StationAddressed {
        /// Its hardware address.
        mac: [u8; 6],
        /// What it got.
        address: Ipv4Addr,
    },
    /// A station has left our soft-AP.
    StationLeft {
        /// Its hardware address.
        mac: [u8; 6],
    },
}

/// How the encryption of a network is numbered in `+CWLAP`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[expect(missing_docs, reason = "the names say it")]
pub enum Encryption {
    Open,
    Wep,
    WpaPsk,
    Wpa2Psk,
    WpaWpa2Psk,
    Wpa2Enterprise,
    Wpa3Psk,
    Wpa2Wpa3Psk,
}

impl Encryption {
    /// The `ecn` field.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Open => 0,
            Self::Wep => 1,
            Self::WpaPsk => 2,
            Self::Wpa2Psk => 3,
            Self::WpaWpa2Psk => 4,
            Self::Wpa2Enterprise => 5,
            Self::Wpa3Psk => 6,
            Self::Wpa2Wpa3Psk => 7,
        }
    }
}

/// One access point that a scan found, or the one that was joined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessPoint {
    /// Network name.
    pub ssid: Ssid,
    /// Address of the access point.
    pub bssid: [u8; 6],
    /// Channel, 1 to 14.
    pub channel: u8,
    /// Signal strength in dBm.
    pub rssi: i8,
    /// What it asks for.
    pub encryption: Encryption,
}

/// IPv4 configuration of the station.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ipv4Config {
    /// Address of the station.
    pub address: Ipv4Addr,
    /// Default gateway.
    pub gateway: Ipv4Addr,
    /// Network mask.
    pub netmask: Ipv4Addr,
}

/// What our own access point offers: `AT+CWSAP`, `AT+CIPAP`.
#[derive(Debug, Clone, Copy)]
pub struct SoftAp<'a> {
    /// Network name.
    pub ssid: &'a [u8],
    /// Passphrase; empty for an open network. Never printed.
    pub password: Password<'a>,
    /// Channel, 1 to 14.
    pub channel: u8,
    /// Open, WPA, WPA2 or both.
    pub encryption: Encryption,
    /// Largest number of stations.
    pub max_stations: u8,
    /// Whether its name is kept out of beacons.
    pub hidden: bool,
    /// Its own address, and the network of its stations.
    pub address: Ipv4Config,
    /// Addresses for its stations; `None` without a DHCP server.
    pub leases: Option<Leases>,
}

/// The address pool of our access point's DHCP server: `AT+CWDHCPS`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Leases {
    /// Lease time, in minutes.
    pub minutes: u16,
    /// First address.
    pub start: Ipv4Addr,
    /// Last address.
    pub end: Ipv4Addr,
}

/// Settings of the radio, independent of the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RadioConfig<'a> {
    /// Maximum transmit power, in steps of 0.25 dBm: `AT+RFPOWER`.
    pub power: u8,
    /// Bits 1 for 802.11b, 2 for g, 4 for n: `AT+CWSTAPROTO`.
    pub station_protocols: u8,
    /// The same for our access point: `AT+CWAPPROTO`.
    pub soft_ap_protocols: u8,
    /// Country code: `AT+CWCOUNTRY`.
    pub country: &'a str,
    /// Whether the code of an access point is ignored.
    pub country_is_fixed: bool,
    /// First channel.
    pub first_channel: u8,
    /// Number of channels.
    pub channels: u8,
    /// Seconds until a silent station of ours is given up: `AT+CWCONFIG`.
    pub soft_ap_inactive_timeout: u16,
    /// Seconds until a silent access point is given up.
    pub station_inactive_timeout: u16,
    /// Beacons between two that the station listens to.
    pub listen_interval: u8,
}

/// A Wi-Fi station. Methods take `&self`: events are awaited while commands run.
pub trait Wifi {
    /// Joins a network and waits for an IPv4 address, at most as long as the caller waits.
    ///
    /// Reports [`WifiEvent::Connected`] and [`WifiEvent::GotIp`] to `progress` when they happen; the
    /// same changes do not come from [`Self::event`] as well. Dropping it leaves the station where
    /// it was; call [`Self::leave`].
    async fn join(
        &self,
        request: Join<'_>,
        progress: impl AsyncFnMut(WifiEvent),
    ) -> Result<(), JoinError>;

    /// Leaves the network and stops reconnecting. Nothing happens when there is none.
    async fn leave(&self);

    /// Looks for access points; `found` gets each, in any order. One that is heard on two channels may
    /// come twice. Dropping it ends the scan.
    async fn scan(&self, found: impl FnMut(&AccessPoint));

    /// Waits for a change that no command of ours caused. Dropping it loses nothing.
    async fn event(&self) -> WifiEvent;

    /// The access point of the association, if there is one.
    fn association(&self) -> Option<AccessPoint>;

    /// The address, if there is one.
    fn address(&self) -> Option<Ipv4Config>;

    /// Hardware address of the station.
    fn mac(&self) -> [u8; 6];

    /// Hardware address of our access point.
    fn soft_ap_mac(&self) -> [u8; 6] {
        // Locally administered, as Espressif derives it on chips with one address.
        let [first, b, c, d, e, f] = self.mac();
        [first | 0x02, b, c, d, e, f]
    }

    /// Starts, changes or with `None` stops our access point.
    async fn set_soft_ap(&self, _config: Option<SoftAp<'_>>) -> Result<(), Unsupported> {
        Err(Unsupported)
    }

    /// Calls `found` for each station of our access point that has a lease.
    fn stations(&self, _found: impl FnMut([u8; 6], Ipv4Addr)) {}

    /// Deauthenticates one station of our access point, or all.
    async fn deauthenticate(&self, _station: Option<[u8; 6]>) {}

    /// A fixed address for the station from now on, or with `None` DHCP again.
    async fn set_address(&self, _address: Option<Ipv4Config>) -> Result<(), Unsupported> {
        Err(Unsupported)
    }

    /// Another hardware address for the station, or for our access point.
    ///
    /// # Errors
    ///
    /// [`Unsupported`] if the chip cannot do it, as without an implementation.
    async fn set_mac(&self, _soft_ap: bool, _mac: [u8; 6]) -> Result<(), Unsupported> {
        Err(Unsupported)
    }

    /// Applies settings of the radio, at boot and after each change. On an error
    /// they are still stored and printed.
    ///
    /// # Errors
    ///
    /// [`Unsupported`] if the chip cannot do it, as without an implementation.
    fn set_radio(&self, _config: &RadioConfig<'_>) -> Result<(), Unsupported> {
        Err(Unsupported)
    }

    /// Sets the host name that is sent to DHCP servers.
    ///
    /// # Errors
    ///
    /// [`Unsupported`] if the chip cannot do it, as without an implementation.
    fn set_hostname(&self, _name: &str) -> Result<(), Unsupported> {
        Err(Unsupported)
    }
}
