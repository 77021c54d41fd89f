//! The modem's settings: what flash keeps, what only RAM keeps, and how the former is written.
//!
//! Each stored setting is one record (spec: at-commands A.22):
//!
//! | key | bytes |
//! |---|---|
//! | `sysmsg` | bit field |
//! | `cwmode` | mode |
//! | `cwautoconn` | 0 or 1 |
//! | `cwjap` | length and bytes of the SSID, length and bytes of the passphrase, secure-only, BSSID or nothing |
//! | `cipsntpcfg` | 0 or 1, minutes east of Greenwich (i16), length and bytes of each server |
//! | `sslpolicy` | dialect |
//! | `last_time` | seconds since 1970 (i64) that SNTP told; not a setting, and stored whatever `AT+SYSSTORE` says |
//! | `cipsslcconf.<link>` | mode, number of certificate and key, number of CA |
//! | `cipv6` | 0 or 1 |
//! | `ciptcpopt.<link>`, `cipdns`, `savetranslink` | see `config/link.rs` |
//! | `cipreconnintv` | units of 100 ms (u16) |
//! | `uart` | bits per second (u32), data bits, stop bits, parity, flow control |
//! | the other ones of Wi-Fi | see `config/radio.rs` |

use at_grammar::Mux;
use at_grammar::commands::basic::{Baud, UartConfig};
use at_grammar::types::{
    AuthMode, Bounded, Dialect, FlowControl, Parity, ReceiveMode, SleepMode, StopBits, SysMsg,
    WifiMode, ZoneOffset,
};
use embedded_storage_async::nor_flash::NorFlash;
use heapless::Vec;
use partition_store::{FlashStore, Key, PartitionStore, Settings};
use tls_session::Timestamp;

use crate::filter::Filters;
use crate::link::{AlpnList, HostText, MAX_NAME};
use crate::secret::Psk;
use crate::state::LINKS;
use crate::wifi::Ssid;

mod link;
mod radio;

use link::TRANSPARENT_RECORD;
pub(crate) use link::{DNS_DEFAULTS, DnsSettings, SendLarge, TcpSettings, TransparentLink};
pub(crate) use radio::{
    CountrySettings, JoinOptions, RadioSettings, Reconnect, SoftApSettings, encode_address,
    encode_patience, encode_pool,
};

/// Passphrase bytes.
pub(crate) type Passphrase = Vec<u8, 64>;

/// A network to join.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct StationConfig {
    pub(crate) ssid: Ssid,
    pub(crate) password: Passphrase,
    pub(crate) bssid: Option<[u8; 6]>,
    pub(crate) secure_only: bool,
}

/// Longest record of a [`StationConfig`].
const STATION_RECORD: usize = 1 + 32 + 1 + 64 + 1 + 6;

impl StationConfig {
    pub(crate) fn encode(&self) -> Vec<u8, STATION_RECORD> {
        let mut record = Vec::new();
        let mut put = |bytes: &[u8]| {
            // The capacity is the sum of the longest parts.
            let _ = record.extend_from_slice(bytes);
        };
        put(&[u8::try_from(self.ssid.len()).unwrap_or(0)]);
        put(&self.ssid);
        put(&[u8::try_from(self.password.len()).unwrap_or(0)]);
        put(&self.password);
        put(&[u8::from(self.secure_only)]);
        if let Some(bssid) = &self.bssid {
            put(bssid);
        }
        record
    }

    pub(crate) fn decode(record: &[u8]) -> Option<Self> {
        let (&len, rest) = record.split_first()?;
        let (ssid, rest) = rest.split_at_checked(usize::from(len))?;
        let (&len, rest) = rest.split_first()?;
        let (password, rest) = rest.split_at_checked(usize::from(len))?;
        let (&secure, rest) = rest.split_first()?;
        let bssid = match rest {
            [] => None,
            rest => Some(<[u8; 6]>::try_from(rest).ok()?),
        };
        Some(Self {
            ssid: Vec::from_slice(ssid).ok()?,
            password: Vec::from_slice(password).ok()?,
            bssid,
            secure_only: secure != 0,
        })
    }
}

/// `AT+CIPSSLCCONF` of one link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SslConf {
    pub(crate) auth: AuthMode,
    pub(crate) pki: u8,
    pub(crate) ca: u8,
}

impl SslConf {
    pub(crate) const fn encode(self) -> [u8; 3] {
        [self.auth.code(), self.pki, self.ca]
    }

    fn decode(record: &[u8]) -> Option<Self> {
        let &[auth, pki, ca] = record else {
            return None;
        };
        Some(Self {
            auth: AuthMode::from_code(auth)?,
            pki,
            ca,
        })
    }
}

/// `AT+CIPSNTPCFG` and `AT+CIPSNTPINTV`.
#[derive(Debug, Clone)]
pub(crate) struct SntpSettings {
    pub(crate) enabled: bool,
    pub(crate) zone: ZoneOffset,
    pub(crate) servers: Vec<HostText, 3>,
    /// Seconds between questions.
    pub(crate) interval: u32,
}

/// Longest record of [`SntpSettings`].
const SNTP_RECORD: usize = 1 + 2 + 3 * (1 + MAX_NAME);

impl SntpSettings {
    pub(crate) fn encode(&self) -> Vec<u8, SNTP_RECORD> {
        let mut record = Vec::new();
        let mut put = |bytes: &[u8]| {
            // The capacity is the sum of the longest parts.
            let _ = record.extend_from_slice(bytes);
        };
        put(&[u8::from(self.enabled)]);
        put(&self.zone.minutes().to_le_bytes());
        for server in &self.servers {
            put(&[u8::try_from(server.len()).unwrap_or(0)]);
            put(server.as_bytes());
        }
        record
    }

    /// The stored part; the interval is never stored.
    fn decode(record: &[u8], interval: u32) -> Option<Self> {
        let (&[enabled, low, high], mut rest) = record.split_first_chunk::<3>()?;
        let zone = ZoneOffset::from_minutes(i16::from_le_bytes([low, high]))?;
        let mut servers = Vec::new();
        while let Some((&len, tail)) = rest.split_first() {
            let (server, tail) = tail.split_at_checked(usize::from(len))?;
            let server = HostText::try_from(core::str::from_utf8(server).ok()?).ok()?;
            servers.push(server).ok()?;
            rest = tail;
        }
        Some(Self {
            enabled: enabled != 0,
            zone,
            servers,
            interval,
        })
    }
}

/// Everything a command can set.
#[derive(Clone)]
pub(crate) struct Config {
    // Stored.
    pub(crate) mode: WifiMode,
    pub(crate) auto_connect: bool,
    pub(crate) station: Option<StationConfig>,
    pub(crate) ssl: [SslConf; LINKS],
    pub(crate) sysmsg: SysMsg,
    pub(crate) sntp: SntpSettings,
    pub(crate) dialect: Dialect,
    pub(crate) ipv6: bool,
    pub(crate) tcp: [TcpSettings; LINKS],
    /// `AT+CIPRECONNINTV`, in units of 100 ms.
    pub(crate) reconnect_interval: u16,
    pub(crate) dns: DnsSettings,
    pub(crate) transparent: Option<TransparentLink>,
    /// `AT+UART_DEF`; `None` where the port starts as it is.
    pub(crate) uart_default: Option<UartConfig>,
    /// Stored in part.
    pub(crate) radio: RadioSettings,
    /// A time that SNTP told, in this life or an earlier one.
    pub(crate) known_time: Option<Timestamp>,
    // Gone after a restart.
    pub(crate) echo: bool,
    pub(crate) syslog: bool,
    pub(crate) sysstore: bool,
    pub(crate) common_name: [HostText; LINKS],
    pub(crate) sni: [HostText; LINKS],
    pub(crate) alpn: [AlpnList; LINKS],
    pub(crate) psk: [Option<Psk>; LINKS],
    pub(crate) filters: Filters,
    pub(crate) mux: Mux,
    pub(crate) data_info: bool,
    /// `AT+CIPMODE`.
    pub(crate) passthrough: bool,
    pub(crate) receive: [ReceiveMode; LINKS],
    pub(crate) send_large: SendLarge,
    /// Milliseconds that a block of data mode waits for more: `AT+TRANSINTVL`.
    pub(crate) gather: u16,
    /// `AT+CIPCONNPERSIST`.
    pub(crate) persist: [bool; LINKS],
    /// `AT+CIPSERVERMAXCONN`.
    pub(crate) server_max: u8,
    /// `AT+CIPSTO`, in seconds; 0 for never.
    pub(crate) server_timeout: u16,
    pub(crate) uart: UartConfig,
    pub(crate) sleep: SleepMode,
}

impl Config {
    /// What a module has that was never configured, and of TLS the strictest, until flash was read.
    pub(crate) fn defaults() -> Self {
        let none = SslConf {
            auth: AuthMode::None,
            pki: 0,
            ca: 0,
        };
        Self {
            mode: WifiMode::Off,
            auto_connect: true,
            station: None,
            ssl: [none; LINKS],
            sysmsg: SysMsg::NONE,
            echo: true,
            syslog: false,
            sysstore: true,
            common_name: Default::default(),
            sni: Default::default(),
            alpn: Default::default(),
            psk: Default::default(),
            sntp: SntpSettings {
                enabled: false,
                zone: ZoneOffset::UTC,
                servers: Vec::new(),
                interval: 3600,
            },
            dialect: Dialect::Strict,
            known_time: None,
            ipv6: false,
            tcp: [TcpSettings::default(); LINKS],
            reconnect_interval: 1,
            dns: DnsSettings::default(),
            transparent: None,
            uart_default: None,
            radio: RadioSettings::defaults(),
            filters: Filters::default(),
            mux: Mux::Single,
            data_info: false,
            passthrough: false,
            receive: [ReceiveMode::Active; LINKS],
            send_large: SendLarge::default(),
            gather: 20,
            persist: [false; LINKS],
            server_max: 5,
            server_timeout: 0,
            uart: UartConfig {
                baud: Baud::clamped(115_200),
                data_bits: Bounded::clamped(8),
                stop_bits: StopBits::One,
                parity: Parity::None,
                flow_control: FlowControl::None,
            },
            sleep: SleepMode::Off,
        }
    }

    /// Reads what flash has. What cannot be read keeps its default, with a line in the log.
    pub(crate) async fn load<F: NorFlash>(&mut self, store: &mut FlashStore<F>) {
        let mut settings = match Settings::open(store.settings_region()).await {
            Ok((settings, _)) => settings,
            Err(_) => {
                espat_log::error!("settings cannot be opened: defaults apply, and TLS is strict");
                return;
            }
        };
        let mut buffer = [0; STATION_RECORD];
        self.dialect = match settings.get(Key::TLS_POLICY, &mut buffer).await {
            Ok(None) => Dialect::EspAt,
            Ok(Some(record)) => record
                .first()
                .and_then(|code| Dialect::from_code(*code))
                .unwrap_or(Dialect::Strict),
            // Whoever asked for strictness and cannot be read is not given less.
            Err(_) => Dialect::Strict,
        };
        if let Ok(Some(record)) = settings.get(Key::LAST_KNOWN_TIME, &mut buffer).await {
            let seconds = <[u8; 8]>::try_from(record).map(i64::from_le_bytes);
            self.known_time = seconds.ok().map(Timestamp::from_unix);
        }
        if let Some(bits) = byte(&mut settings, Key::SYSTEM_MESSAGES).await {
            self.sysmsg = SysMsg::new(bits).unwrap_or(self.sysmsg);
        }
        if let Some(mode) = byte(&mut settings, Key::WIFI_MODE).await {
            self.mode = WifiMode::from_code(mode).unwrap_or(self.mode);
        }
        if let Some(auto) = byte(&mut settings, Key::AUTO_CONNECT).await {
            self.auto_connect = auto != 0;
        }
        if let Ok(Some(record)) = settings.get(Key::STATION, &mut buffer).await {
            self.station = StationConfig::decode(record);
        }
        let mut buffer = [0; SNTP_RECORD];
        if let Ok(Some(record)) = settings.get(Key::SNTP, &mut buffer).await
            && let Some(sntp) = SntpSettings::decode(record, self.sntp.interval)
        {
            self.sntp = sntp;
        }
        self.load_links(&mut settings).await;
        self.radio.load(&mut settings).await;
        if let Ok(Some(record)) = settings.get(Key::UART, &mut buffer).await
            && let Some(uart) = decode_uart(record)
        {
            self.uart_default = Some(uart);
            self.uart = uart;
        }
        for (place, link) in self.ssl.iter_mut().zip(0_u8..) {
            let Some(key) = Key::tls(link) else { continue };
            if let Ok(Some(record)) = settings.get(key, &mut buffer).await {
                *place = SslConf::decode(record).unwrap_or(*place);
            }
        }
    }

    /// What `AT+CIPV6`, `CIPTCPOPT`, `CIPDNS`, `CIPRECONNINTV` and `SAVETRANSLINK` left.
    async fn load_links<F: NorFlash>(&mut self, settings: &mut Settings<'_, F>) {
        if let Some(on) = byte(settings, Key::IPV6).await {
            self.ipv6 = on != 0;
        }
        let mut buffer = [0; TRANSPARENT_RECORD];
        for (place, link) in self.tcp.iter_mut().zip(0_u8..) {
            let Some(key) = Key::tcp_options(link) else {
                continue;
            };
            if let Ok(Some(record)) = settings.get(key, &mut buffer).await {
                *place = TcpSettings::decode(record).unwrap_or(*place);
            }
        }
        if let Ok(Some(record)) = settings.get(Key::DNS, &mut buffer).await
            && let Some(dns) = DnsSettings::decode(record)
        {
            self.dns = dns;
        }
        if let Ok(Some(record)) = settings.get(Key::RECONNECT_INTERVAL, &mut buffer).await
            && let Ok(units) = <[u8; 2]>::try_from(record)
        {
            self.reconnect_interval = u16::from_le_bytes(units).max(1);
        }
        if let Ok(Some(record)) = settings.get(Key::TRANSPARENT_LINK, &mut buffer).await {
            self.transparent = TransparentLink::decode(record);
        }
    }

    /// The earliest time it can be. Servers differ by seconds, so a time that one of them told
    /// counts with a minute less.
    pub(crate) fn floor(&self, built: Timestamp) -> Timestamp {
        const SLACK: i64 = 60;
        let known = self.known_time.map_or(i64::MIN, Timestamp::as_unix);
        built.max(Timestamp::from_unix(known.saturating_sub(SLACK)))
    }

    /// Whether the stored network is to be joined without a command.
    pub(crate) fn joins_unasked(&self) -> bool {
        self.auto_connect && self.station_role() && self.station.is_some()
    }

    /// Whether the mode has a station.
    pub(crate) fn station_role(&self) -> bool {
        self.has_station()
    }
}

/// `AT+UART_DEF` as a record.
pub(crate) fn encode_uart(uart: &UartConfig) -> [u8; 8] {
    let [a, b, c, d] = uart.baud.get().to_le_bytes();
    let bits = u8::try_from(uart.data_bits.get()).unwrap_or(8);
    [
        a,
        b,
        c,
        d,
        bits,
        uart.stop_bits.code(),
        uart.parity.code(),
        uart.flow_control.code(),
    ]
}

fn decode_uart(record: &[u8]) -> Option<UartConfig> {
    let &[a, b, c, d, bits, stop, parity, flow] = record else {
        return None;
    };
    Some(UartConfig {
        baud: Baud::new(u32::from_le_bytes([a, b, c, d]))?,
        data_bits: Bounded::new(u32::from(bits))?,
        stop_bits: StopBits::from_code(stop)?,
        parity: Parity::from_code(parity)?,
        flow_control: FlowControl::from_code(flow)?,
    })
}

/// A record of one byte.
async fn byte<F: NorFlash>(settings: &mut Settings<'_, F>, key: Key) -> Option<u8> {
    let mut buffer = [0; 1];
    match settings.get(key, &mut buffer).await {
        Ok(Some(record)) => record.first().copied(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;

    #[test]
    fn a_time_record_reads_back() {
        for minutes in [-720, -210, 0, 15, 840] {
            for count in 0..=3 {
                let name = HostText::try_from("a".repeat(20 * count + 4).as_str()).unwrap();
                let sntp = SntpSettings {
                    enabled: count > 0,
                    zone: ZoneOffset::from_minutes(minutes).unwrap(),
                    servers: core::iter::repeat_n(name, count).collect(),
                    interval: 60,
                };
                let record = sntp.encode();
                let back = SntpSettings::decode(&record, 60).unwrap();
                assert_eq!(std::format!("{back:?}"), std::format!("{sntp:?}"));
                for len in 0..record.len() {
                    // Shorter is refused, or a list of fewer servers.
                    let short = SntpSettings::decode(&record[..len], 60);
                    assert!(
                        short.is_none_or(|short| short.servers.len() < count),
                        "{len}"
                    );
                }
            }
        }
        assert!(SntpSettings::decode(&[1, 0xff, 0x7f], 60).is_none());
    }

    #[test]
    fn a_station_record_reads_back() {
        for ssid_len in [0, 1, 31, 32] {
            for password_len in [0, 8, 63, 64] {
                for bssid in [None, Some([1, 2, 3, 4, 5, 6])] {
                    let station = StationConfig {
                        ssid: std::vec![0xff; ssid_len].into_iter().collect(),
                        password: std::vec![b'p'; password_len].into_iter().collect(),
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
}
