//! Settings of the radio, and the records of those that are stored.
//!
//! | key | bytes, numbers little-endian |
//! |---|---|
//! | `cwmode` | mode |
//! | `cwautoconn` | 0 or 1 |
//! | `cwjap` | length and bytes of the SSID, length and bytes of the passphrase, secure-only, BSSID or nothing |
//! | `cwreconncfg` | seconds between attempts (u16), attempts (u16) |
//! | `cwsap` | length and bytes of the SSID, length and bytes of the passphrase, channel, `ecn`, maximum of stations, hidden |
//! | `cipstamac`, `cipapmac` | six bytes |
//! | `cwstaproto`, `cwapproto` | bit mask |
//! | `cipsta`, `cipap` | address, gateway, mask; or nothing, once DHCP has the station again |
//! | `cwdhcp` | bit mask |
//! | `cwdhcps` | minutes (u16), first, last; or nothing, once they follow from the address again |
//! | `cwconfig` | seconds (u16) that stations of ours and access points may be silent, listen interval |

use core::net::Ipv4Addr;

use at_grammar::commands::softap::{LeasePool, LeaseTime};
use at_grammar::commands::station::{ScanOptions, WifiConfigLine};
use at_grammar::types::{
    Bounded, CountryPolicy, DhcpInterfaces, Pmf, ScanMode, SleepMode, SoftApSecurity, WifiMode,
    WifiProtocol,
};
use embedded_storage_async::nor_flash::NorFlash;
use heapless::{String, Vec};

use super::key::Key;
use super::record::{Put, Store, Take, byte};
use crate::secret::Wiped;
use crate::wifi::{Encryption, Ipv4Config, Join, Leases, Password, SoftAp, Ssid};

/// Passphrase bytes.
pub(crate) type Passphrase = Wiped<64>;

/// A network to join.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct StationConfig {
    pub(crate) ssid: Ssid,
    pub(crate) password: Passphrase,
    pub(crate) bssid: Option<[u8; 6]>,
    pub(crate) secure_only: bool,
}

/// Longest record of a [`StationConfig`], and of all in this file.
const RECORD: usize = 1 + 32 + 1 + 64 + 1 + 6;

impl StationConfig {
    pub(crate) fn encode(&self) -> Wiped<RECORD> {
        let record = Put::new()
            .text(&self.ssid)
            .text(&self.password)
            .bytes(&[u8::from(self.secure_only)]);
        record
            .bytes(self.bssid.as_ref().map_or(&[], |bssid| &bssid[..]))
            .finish()
            .into()
    }

    fn decode(record: &[u8]) -> Option<Self> {
        let mut record = Take(record);
        let (ssid, password) = (record.text()?, record.text()?);
        let secure_only = record.byte()? != 0;
        let bssid = match record.0 {
            [] => None,
            rest => Some(<[u8; 6]>::try_from(rest).ok()?),
        };
        Some(Self {
            ssid: Vec::from_slice(ssid).ok()?,
            password: Passphrase::from_slice(password)?,
            bssid,
            secure_only,
        })
    }

    /// The radio's view of it.
    pub(crate) fn request(&self) -> Join<'_> {
        Join {
            ssid: &self.ssid,
            password: Password(&self.password),
            bssid: self.bssid,
            secure_only: self.secure_only,
        }
    }
}

/// `AT+CWRECONNCFG`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Reconnect {
    /// Seconds; 0 for not at all.
    pub(crate) interval: u16,
    /// Attempts; 0 for no end.
    pub(crate) count: u16,
}

impl Reconnect {
    pub(crate) const fn encode(self) -> [u8; 4] {
        let [i0, i1] = self.interval.to_le_bytes();
        let [c0, c1] = self.count.to_le_bytes();
        [i0, i1, c0, c1]
    }

    fn decode(record: &[u8]) -> Option<Self> {
        let &[i0, i1, c0, c1] = record else {
            return None;
        };
        Some(Self {
            interval: u16::from_le_bytes([i0, i1]),
            count: u16::from_le_bytes([c0, c1]),
        })
    }
}

/// `AT+CWSAP`.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct SoftApSettings {
    pub(crate) ssid: Ssid,
    pub(crate) password: Passphrase,
    pub(crate) channel: u8,
    pub(crate) security: SoftApSecurity,
    pub(crate) max_stations: u8,
    pub(crate) hidden: bool,
}

/// Longest record of [`SoftApSettings`].
const SOFT_AP_RECORD: usize = 1 + 32 + 1 + 64 + 4;

impl SoftApSettings {
    /// An open network that is named after the chip, as ESP-AT has it until `AT+CWSAP` comes.
    fn of([.., a, b, c]: [u8; 6]) -> Self {
        let mut name = String::<16>::new();
        // Ten bytes.
        let _ = core::fmt::write(&mut name, format_args!("ESP_{a:02X}{b:02X}{c:02X}"));
        Self {
            ssid: Ssid::from_slice(name.as_bytes()).unwrap_or_default(),
            password: Passphrase::new(),
            channel: 1,
            security: SoftApSecurity::Open,
            max_stations: 10,
            hidden: false,
        }
    }

    pub(crate) fn encode(&self) -> Wiped<SOFT_AP_RECORD> {
        let (security, hidden) = (self.security.code(), u8::from(self.hidden));
        Put::new()
            .text(&self.ssid)
            .text(&self.password)
            .bytes(&[self.channel, security, self.max_stations, hidden])
            .finish()
            .into()
    }

    fn decode(record: &[u8]) -> Option<Self> {
        let mut record = Take(record);
        let (ssid, password) = (record.text()?, record.text()?);
        let &[channel, security, max_stations, hidden] = record.0 else {
            return None;
        };
        Some(Self {
            ssid: Vec::from_slice(ssid).ok()?,
            password: Passphrase::from_slice(password)?,
            channel,
            security: SoftApSecurity::from_code(security)?,
            max_stations,
            hidden: hidden != 0,
        })
    }

    const fn encryption(&self) -> Encryption {
        match self.security {
            SoftApSecurity::Open => Encryption::Open,
            SoftApSecurity::WpaPsk => Encryption::WpaPsk,
            SoftApSecurity::Wpa2Psk => Encryption::Wpa2Psk,
            SoftApSecurity::WpaWpa2Psk => Encryption::WpaWpa2Psk,
        }
    }
}

/// Everything our access point is started with.
pub(crate) struct AccessPointSettings {
    ap: SoftApSettings,
    address: Ipv4Config,
    leases: Option<Leases>,
}

impl AccessPointSettings {
    /// The radio's view of it.
    pub(crate) fn request(&self) -> SoftAp<'_> {
        SoftAp {
            ssid: &self.ap.ssid,
            password: Password(&self.ap.password),
            channel: self.ap.channel,
            encryption: self.ap.encryption(),
            max_stations: self.ap.max_stations,
            hidden: self.ap.hidden,
            address: self.address,
            leases: self.leases,
        }
    }
}

/// Address, gateway and mask as a record.
pub(crate) fn encode_address(config: &Ipv4Config) -> [u8; 12] {
    let [a, b, c, d] = config.address.octets();
    let [e, f, g, h] = config.gateway.octets();
    let [i, j, k, l] = config.netmask.octets();
    [a, b, c, d, e, f, g, h, i, j, k, l]
}

fn decode_address(record: &[u8]) -> Option<Ipv4Config> {
    let &[a, b, c, d, e, f, g, h, i, j, k, l] = record else {
        return None;
    };
    Some(Ipv4Config {
        address: Ipv4Addr::new(a, b, c, d),
        gateway: Ipv4Addr::new(e, f, g, h),
        netmask: Ipv4Addr::new(i, j, k, l),
    })
}

/// `AT+CWDHCPS` as a record.
pub(crate) fn encode_pool(pool: &LeasePool) -> [u8; 10] {
    let [m0, m1] = u16::try_from(pool.lease.get())
        .unwrap_or(u16::MAX)
        .to_le_bytes();
    let [a, b, c, d] = pool.start.octets();
    let [e, f, g, h] = pool.end.octets();
    [m0, m1, a, b, c, d, e, f, g, h]
}

fn decode_pool(record: &[u8]) -> Option<LeasePool> {
    let &[m0, m1, a, b, c, d, e, f, g, h] = record else {
        return None;
    };
    Some(LeasePool {
        lease: LeaseTime::new(u32::from(u16::from_le_bytes([m0, m1])))?,
        start: Ipv4Addr::new(a, b, c, d),
        end: Ipv4Addr::new(e, f, g, h),
    })
}

/// `AT+CWCONFIG` as a record.
pub(crate) fn encode_wifi_config(config: &WifiConfigLine) -> [u8; 5] {
    let short = |number: u32| u16::try_from(number).unwrap_or(u16::MAX).to_le_bytes();
    let [a0, a1] = short(config.ap_inactive.get());
    let [s0, s1] = short(config.station_inactive.get());
    let listen = u8::try_from(config.listen.get()).unwrap_or(u8::MAX);
    [a0, a1, s0, s1, listen]
}

fn decode_wifi_config(record: &[u8]) -> Option<WifiConfigLine> {
    let &[a0, a1, s0, s1, listen] = record else {
        return None;
    };
    let long = |bytes| u32::from(u16::from_le_bytes(bytes));
    Some(WifiConfigLine {
        ap_inactive: Bounded::new(long([a0, a1]))?,
        station_inactive: Bounded::new(long([s0, s1]))?,
        listen: Bounded::new(u32::from(listen))?,
    })
}

/// What `AT+CWJAP` said beside the network, for `AT+CWJAP?`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct JoinOptions {
    pub(crate) threshold: u8,
    pub(crate) scan_mode: ScanMode,
    pub(crate) pmf: Pmf,
}

/// `AT+CWCOUNTRY`.
#[derive(Debug, Clone)]
pub(crate) struct CountrySettings {
    pub(crate) policy: CountryPolicy,
    pub(crate) code: String<3>,
    pub(crate) start: u8,
    pub(crate) count: u8,
}

/// Everything the Wi-Fi family can set.
#[derive(Clone)]
pub(crate) struct RadioValues {
    // Stored.
    pub(crate) mode: WifiMode,
    /// `AT+CWAUTOCONN`.
    pub(crate) auto_connect: bool,
    pub(crate) station: Option<StationConfig>,
    pub(crate) reconnect: Reconnect,
    /// `None`: named after the chip.
    pub(crate) soft_ap: Option<SoftApSettings>,
    pub(crate) station_mac: Option<[u8; 6]>,
    pub(crate) soft_ap_mac: Option<[u8; 6]>,
    pub(crate) station_protocol: WifiProtocol,
    pub(crate) soft_ap_protocol: WifiProtocol,
    /// `None`: from DHCP.
    pub(crate) station_address: Option<Ipv4Config>,
    pub(crate) soft_ap_address: Ipv4Config,
    pub(crate) dhcp: DhcpInterfaces,
    /// `None`: they follow from our address.
    pub(crate) pool: Option<LeasePool>,
    pub(crate) wifi_config: WifiConfigLine,
    // Gone after a restart.
    /// `AT+CWINIT`.
    pub(crate) up: bool,
    pub(crate) scan: ScanOptions,
    pub(crate) hostname: String<32>,
    pub(crate) country: CountrySettings,
    /// In steps of 0.25 dBm.
    pub(crate) power: u8,
    pub(crate) join: JoinOptions,
    /// `AT+SLEEP`.
    pub(crate) sleep: SleepMode,
}

impl RadioValues {
    pub(super) fn new() -> Self {
        let own = Ipv4Addr::new(192, 168, 4, 1);
        Self {
            mode: WifiMode::Off,
            auto_connect: true,
            station: None,
            // `AT+CWJAP` makes it 1.
            reconnect: Reconnect {
                interval: 0,
                count: 0,
            },
            soft_ap: None,
            station_mac: None,
            soft_ap_mac: None,
            station_protocol: WifiProtocol::Bgn,
            soft_ap_protocol: WifiProtocol::Bgn,
            station_address: None,
            soft_ap_address: Ipv4Config {
                address: own,
                gateway: own,
                netmask: Ipv4Addr::new(255, 255, 255, 0),
            },
            dhcp: DhcpInterfaces::BOTH,
            pool: None,
            wifi_config: WifiConfigLine::DEFAULT,
            up: true,
            scan: ScanOptions::DEFAULT,
            hostname: String::try_from("espressif").unwrap_or_default(),
            country: CountrySettings {
                policy: CountryPolicy::FollowAp,
                code: String::try_from("CN").unwrap_or_default(),
                start: 1,
                count: 13,
            },
            power: 78,
            join: JoinOptions {
                threshold: 0,
                scan_mode: ScanMode::Fast,
                pmf: Pmf::DEFAULT,
            },
            sleep: SleepMode::Off,
        }
    }

    /// What flash has. What cannot be read keeps its default.
    pub(super) async fn load<F: NorFlash>(&mut self, store: &mut Store<'_, F>) {
        if let Some(mode) = byte(store, Key::WIFI_MODE).await {
            self.mode = WifiMode::from_code(mode).unwrap_or(self.mode);
        }
        if let Some(auto) = byte(store, Key::AUTO_CONNECT).await {
            self.auto_connect = auto != 0;
        }
        let mut buffer = [0; RECORD];
        if let Ok(Some(record)) = store.get(Key::STATION, &mut buffer).await {
            self.station = StationConfig::decode(record);
        }
        if let Ok(Some(record)) = store.get(Key::RECONNECT, &mut buffer).await {
            self.reconnect = Reconnect::decode(record).unwrap_or(self.reconnect);
        }
        if let Ok(Some(record)) = store.get(Key::SOFT_AP, &mut buffer).await {
            self.soft_ap = SoftApSettings::decode(record);
        }
        if let Ok(Some(record)) = store.get(Key::STATION_MAC, &mut buffer).await {
            self.station_mac = record.try_into().ok();
        }
        if let Ok(Some(record)) = store.get(Key::SOFT_AP_MAC, &mut buffer).await {
            self.soft_ap_mac = record.try_into().ok();
        }
        if let Some(bits) = byte(store, Key::STATION_PROTOCOLS).await {
            self.station_protocol = WifiProtocol::from_code(bits).unwrap_or(self.station_protocol);
        }
        if let Some(bits) = byte(store, Key::SOFT_AP_PROTOCOLS).await {
            self.soft_ap_protocol = WifiProtocol::from_code(bits).unwrap_or(self.soft_ap_protocol);
        }
        if let Ok(Some(record)) = store.get(Key::STATION_ADDRESS, &mut buffer).await {
            self.station_address = decode_address(record);
        }
        if let Ok(Some(record)) = store.get(Key::SOFT_AP_ADDRESS, &mut buffer).await {
            self.soft_ap_address = decode_address(record).unwrap_or(self.soft_ap_address);
        }
        if let Some(bits) = byte(store, Key::DHCP).await {
            self.dhcp = DhcpInterfaces::new(bits).unwrap_or(self.dhcp);
        }
        if let Ok(Some(record)) = store.get(Key::DHCP_SERVER, &mut buffer).await {
            self.pool = decode_pool(record);
        }
        if let Ok(Some(record)) = store.get(Key::WIFI_CONFIG, &mut buffer).await {
            self.wifi_config = decode_wifi_config(record).unwrap_or(self.wifi_config);
        }
    }

    /// Our access point on a chip with this address.
    pub(crate) fn soft_ap(&self, mac: [u8; 6]) -> SoftApSettings {
        self.soft_ap
            .clone()
            .unwrap_or_else(|| SoftApSettings::of(mac))
    }

    /// What our access point lends: as set, or the hundred addresses after its own.
    pub(crate) fn lends(&self) -> LeasePool {
        self.pool.unwrap_or_else(|| {
            let own = self.soft_ap_address.address.to_bits();
            // 192.168.4.2 to 192.168.4.101, as the reference firmware has it.
            LeasePool {
                lease: LeaseTime::clamped(120),
                start: Ipv4Addr::from_bits(own.saturating_add(1)),
                end: Ipv4Addr::from_bits(own.saturating_add(100)),
            }
        })
    }

    /// Our access point on a chip with this address, if there is to be one.
    pub(crate) fn access_point(&self, mac: [u8; 6]) -> Option<AccessPointSettings> {
        self.has_soft_ap().then(|| AccessPointSettings {
            ap: self.soft_ap(mac),
            address: self.soft_ap_address,
            leases: self.leases(),
        })
    }

    /// As [`Self::lends`], if our access point has DHCP at all.
    fn leases(&self) -> Option<Leases> {
        let pool = self.lends();
        self.dhcp.soft_ap().then(|| Leases {
            minutes: u16::try_from(pool.lease.get()).unwrap_or(u16::MAX),
            start: pool.start,
            end: pool.end,
        })
    }
}

impl RadioValues {
    /// Whether there is a station, and a driver under it.
    pub(crate) fn has_station(&self) -> bool {
        self.mode.has_station() && self.up
    }

    /// Whether there is an access point of ours, and a driver under it.
    pub(crate) fn has_soft_ap(&self) -> bool {
        self.mode.has_soft_ap() && self.up
    }

    /// Whether the stored network is to be joined without a command.
    pub(crate) fn joins_unasked(&self) -> bool {
        self.auto_connect && self.has_station() && self.station.is_some()
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;

    #[test]
    fn a_station_record_reads_back() {
        for ssid_len in [0, 1, 31, 32] {
            for password_len in [0, 8, 63, 64] {
                for bssid in [None, Some([1, 2, 3, 4, 5, 6])] {
                    let station = StationConfig {
                        ssid: std::vec![0xff; ssid_len].into_iter().collect(),
                        password: Passphrase::from_slice(&std::vec![b'p'; password_len]).unwrap(),
                        bssid,
                        secure_only: bssid.is_some(),
                    };
                    let record = station.encode();
                    assert!(StationConfig::decode(&record).as_ref() == Some(&station));
                    for len in 0..record.len() {
                        // Shorter is refused, or was a whole record without BSSID.
                        let short = StationConfig::decode(&record[..len]);
                        assert!(short.is_none_or(|short| short.bssid.is_none()), "{len}");
                    }
                }
            }
        }
    }

    #[test]
    fn records_read_back_and_shorter_ones_are_refused() {
        for (ssid, password) in [(1, 0), (1, 8), (32, 63), (32, 64)] {
            let ap = SoftApSettings {
                ssid: std::vec![0xff; ssid].into_iter().collect(),
                password: Passphrase::from_slice(&std::vec![b'p'; password]).unwrap(),
                channel: 14,
                security: SoftApSecurity::WpaWpa2Psk,
                max_stations: 10,
                hidden: true,
            };
            let record = ap.encode();
            assert!(SoftApSettings::decode(&record) == Some(ap));
            for len in 0..record.len() {
                assert!(SoftApSettings::decode(&record[..len]).is_none(), "{len}");
            }
        }
        let reconnect = Reconnect {
            interval: 7200,
            count: 1000,
        };
        assert_eq!(Reconnect::decode(&reconnect.encode()), Some(reconnect));
        assert_eq!(Reconnect::decode(&[0; 3]), None);
        let address = RadioValues::new().soft_ap_address;
        assert_eq!(decode_address(&encode_address(&address)), Some(address));
        assert_eq!(decode_address(&[]), None);
        let pool = RadioValues::new().lends();
        assert_eq!(decode_pool(&encode_pool(&pool)), Some(pool));
        assert_eq!(decode_pool(&[0; 10]), None);
        let wifi_config = WifiConfigLine::DEFAULT;
        assert_eq!(
            decode_wifi_config(&encode_wifi_config(&wifi_config)),
            Some(wifi_config)
        );
        assert_eq!(decode_wifi_config(&[0; 5]), None);
    }
}
