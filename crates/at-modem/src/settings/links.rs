//! Settings of links and of what they run over, and the records of those that are stored.
//!
//! | key | bytes, numbers little-endian |
//! |---|---|
//! | `cipv6` | 0 or 1 |
//! | `ciptcpopt.<link>` | linger (i32), no-delay, send timeout (u32), keep-alive (u16) |
//! | `cipdns` | manual, then each server as its length in bytes and its octets |
//! | `cipreconnintv` | units of 100 ms (u16) |
//! | `savetranslink` | kind, IP version, port (u16), extra (u16), host |

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use at_grammar::commands::tcpip::DataInfo;
use at_grammar::types::{Family, Protocol, ReceiveMode};
use at_grammar::{LinkId, Mux};
use embassy_time::Duration;
use embedded_storage_async::nor_flash::NorFlash;
use heapless::Vec;

use super::key::Key;
use super::record::{HostText, MAX_NAME, Put, Store, Take, byte};
use crate::net::TcpOptions;

/// How what arrives on a link reaches the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// `+IPD` and the data.
    Active,
    /// `+IPD` and their number; the host fetches them.
    Passive,
    /// As they are: `AT+CIPMODE=1`.
    Raw,
}

/// `AT+CIPTCPOPT` of one link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TcpSettings {
    /// Seconds; negative is off.
    pub(crate) linger: i32,
    pub(crate) no_delay: bool,
    /// Milliseconds; 0 for no limit of its own.
    pub(crate) send_timeout: u32,
    /// Seconds; 0 is off.
    pub(crate) keep_alive: u16,
}

impl Default for TcpSettings {
    fn default() -> Self {
        Self {
            linger: -1,
            no_delay: false,
            send_timeout: 0,
            keep_alive: 0,
        }
    }
}

impl TcpSettings {
    /// The options of a socket.
    pub(crate) fn options(self) -> TcpOptions {
        TcpOptions {
            // Negative is off.
            linger: u32::try_from(self.linger)
                .ok()
                .map(|seconds| u16::try_from(seconds).unwrap_or(u16::MAX)),
            no_delay: self.no_delay,
            keep_alive: self.keep_alive,
        }
    }

    /// `so_sndtimeo`, where it is set.
    pub(crate) fn send_timeout(self) -> Option<Duration> {
        let ms = u64::from(self.send_timeout);
        (ms > 0).then(|| Duration::from_millis(ms))
    }

    /// Linger, no-delay, send timeout, keep-alive; numbers little-endian.
    pub(crate) fn encode(self) -> [u8; 11] {
        let [l0, l1, l2, l3] = self.linger.to_le_bytes();
        let [s0, s1, s2, s3] = self.send_timeout.to_le_bytes();
        let [k0, k1] = self.keep_alive.to_le_bytes();
        let no_delay = u8::from(self.no_delay);
        [l0, l1, l2, l3, no_delay, s0, s1, s2, s3, k0, k1]
    }

    fn decode(record: &[u8]) -> Option<Self> {
        let &[l0, l1, l2, l3, no_delay, s0, s1, s2, s3, k0, k1] = record else {
            return None;
        };
        Some(Self {
            linger: i32::from_le_bytes([l0, l1, l2, l3]),
            no_delay: no_delay != 0,
            send_timeout: u32::from_le_bytes([s0, s1, s2, s3]),
            keep_alive: u16::from_le_bytes([k0, k1]),
        })
    }
}

/// `AT+CIPSENDLCFG`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SendLarge {
    /// Bytes between two reports.
    pub(crate) report: u32,
    /// Bytes sent at once.
    pub(crate) block: u16,
}

impl Default for SendLarge {
    fn default() -> Self {
        Self {
            report: 1024,
            block: 2920,
        }
    }
}

/// Name servers that are used without DHCP's word (spec: at-commands B.4, CIPDNS).
pub(crate) const DNS_DEFAULTS: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::new(208, 67, 222, 222)),
    IpAddr::V4(Ipv4Addr::new(8, 8, 8, 8)),
];

/// `AT+CIPDNS`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DnsSettings {
    /// The list below instead of DHCP's.
    pub(crate) manual: bool,
    pub(crate) servers: Vec<IpAddr, 3>,
}

impl Default for DnsSettings {
    fn default() -> Self {
        Self {
            manual: false,
            servers: DNS_DEFAULTS.into_iter().collect(),
        }
    }
}

/// Longest record of [`DnsSettings`].
const DNS_RECORD: usize = 1 + 3 * 17;

impl DnsSettings {
    /// Manual or not, then each server as its length in bytes and its octets.
    pub(crate) fn encode(&self) -> Vec<u8, DNS_RECORD> {
        let record = Put::new().bytes(&[u8::from(self.manual)]);
        let put = |record: Put<DNS_RECORD>, server: &IpAddr| match server {
            IpAddr::V4(address) => record.text(&address.octets()),
            IpAddr::V6(address) => record.text(&address.octets()),
        };
        self.servers.iter().fold(record, put).finish()
    }

    fn decode(record: &[u8]) -> Option<Self> {
        let mut record = Take(record);
        let manual = record.byte()? != 0;
        let mut servers = Vec::new();
        while !record.is_empty() {
            let octets = record.text()?;
            let server = match octets.len() {
                4 => IpAddr::V4(Ipv4Addr::from(<[u8; 4]>::try_from(octets).ok()?)),
                16 => IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(octets).ok()?)),
                _ => return None,
            };
            servers.push(server).ok()?;
        }
        Some(Self { manual, servers })
    }
}

/// `AT+SAVETRANSLINK`: what passthrough begins with after a start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TransparentLink {
    Client {
        protocol: Protocol,
        family: Family,
        host: HostText,
        port: u16,
        /// TCP: seconds; UDP: the local port; 0 for none.
        extra: u16,
    },
    Server {
        family: Family,
        port: u16,
    },
}

/// Longest record of [`TransparentLink`].
const TRANSPARENT_RECORD: usize = 1 + 1 + 2 + 2 + MAX_NAME;

impl TransparentLink {
    /// Kind, IP version, port, extra, host; numbers little-endian.
    pub(crate) fn encode(&self) -> Vec<u8, TRANSPARENT_RECORD> {
        let (kind, family, port, extra, host) = match self {
            Self::Client {
                protocol,
                family,
                host,
                port,
                extra,
            } => {
                let kind = match protocol {
                    Protocol::Tcp => 0,
                    Protocol::Udp => 1,
                    Protocol::Ssl => 2,
                };
                (kind, *family, *port, *extra, host.as_bytes())
            }
            Self::Server { family, port } => (3, *family, *port, 0, &[][..]),
        };
        let family = match family {
            Family::V4 => 4,
            Family::V6 => 6,
        };
        Put::new()
            .bytes(&[kind, family])
            .bytes(&port.to_le_bytes())
            .bytes(&extra.to_le_bytes())
            .bytes(host)
            .finish()
    }

    fn decode(record: &[u8]) -> Option<Self> {
        let mut record = Take(record);
        let [kind, family] = record.array()?;
        let (port, extra) = (record.u16()?, record.u16()?);
        let host = record.0;
        let family = match family {
            4 => Family::V4,
            6 => Family::V6,
            _ => return None,
        };
        let protocol = match kind {
            0 => Protocol::Tcp,
            1 => Protocol::Udp,
            2 => Protocol::Ssl,
            3 if host.is_empty() => return Some(Self::Server { family, port }),
            _ => return None,
        };
        Some(Self::Client {
            protocol,
            family,
            host: HostText::try_from(core::str::from_utf8(host).ok()?).ok()?,
            port,
            extra,
        })
    }
}

/// Settings of links, of the server, and of what they run over.
pub(crate) struct LinkValues {
    // Stored.
    pub(crate) ipv6: bool,
    pub(crate) tcp: [TcpSettings; LinkId::COUNT],
    pub(crate) dns: DnsSettings,
    /// `AT+CIPRECONNINTV`, in units of 100 ms.
    pub(crate) reconnect_interval: u16,
    pub(crate) transparent: Option<TransparentLink>,
    // Gone after a restart.
    pub(crate) mux: Mux,
    /// `AT+CIPDINFO`: received data carry their sender.
    pub(crate) data_info: DataInfo,
    /// `AT+CIPMODE`.
    pub(crate) passthrough: bool,
    pub(crate) receive: [ReceiveMode; LinkId::COUNT],
    pub(crate) send_large: SendLarge,
    /// `AT+TRANSINTVL`: milliseconds that a block of data mode waits for more bytes.
    pub(crate) gather_interval: u16,
    /// `AT+CIPCONNPERSIST`.
    pub(crate) persist: [bool; LinkId::COUNT],
    /// `AT+CIPSERVERMAXCONN`.
    pub(crate) max_connections: u8,
    /// `AT+CIPSTO`, in seconds; 0 for never.
    pub(crate) server_timeout: u16,
}

impl LinkValues {
    pub(super) fn new() -> Self {
        Self {
            ipv6: false,
            tcp: [TcpSettings::default(); LinkId::COUNT],
            dns: DnsSettings::default(),
            reconnect_interval: 1,
            transparent: None,
            mux: Mux::Single,
            data_info: DataInfo::Off,
            passthrough: false,
            receive: [ReceiveMode::Active; LinkId::COUNT],
            send_large: SendLarge::default(),
            gather_interval: 20,
            persist: [false; LinkId::COUNT],
            max_connections: 5,
            server_timeout: 0,
        }
    }

    pub(super) async fn load<F: NorFlash>(&mut self, store: &mut Store<'_, F>) {
        if let Some(on) = byte(store, Key::IPV6).await {
            self.ipv6 = on != 0;
        }
        let mut buffer = [0; TRANSPARENT_RECORD];
        for (place, link) in self.tcp.iter_mut().zip(0_u8..) {
            let Some(key) = Key::tcp_options(link) else {
                continue;
            };
            if let Ok(Some(record)) = store.get(key, &mut buffer).await {
                *place = TcpSettings::decode(record).unwrap_or(*place);
            }
        }
        if let Ok(Some(record)) = store.get(Key::DNS, &mut buffer).await
            && let Some(dns) = DnsSettings::decode(record)
        {
            self.dns = dns;
        }
        if let Ok(Some(record)) = store.get(Key::RECONNECT_INTERVAL, &mut buffer).await
            && let Ok(units) = <[u8; 2]>::try_from(record)
        {
            self.reconnect_interval = u16::from_le_bytes(units).max(1);
        }
        if let Ok(Some(record)) = store.get(Key::TRANSPARENT_LINK, &mut buffer).await {
            self.transparent = TransparentLink::decode(record);
        }
    }

    /// How what arrives on a link reaches the host.
    pub(crate) fn delivery(&self, link: LinkId) -> Delivery {
        match (self.passthrough, self.receive.get(link.index())) {
            (true, _) => Delivery::Raw,
            (false, Some(ReceiveMode::Passive)) => Delivery::Passive,
            (false, _) => Delivery::Active,
        }
    }

    /// `AT+CIPTCPOPT` of a link.
    pub(crate) fn tcp_of(&self, link: LinkId) -> TcpSettings {
        self.tcp.get(link.index()).copied().unwrap_or_default()
    }

    /// The number of a link as messages carry it: with `AT+CIPMUX=1` only.
    pub(crate) fn label(&self, link: LinkId) -> Option<LinkId> {
        match self.mux {
            Mux::Single => None,
            Mux::Multiple => Some(link),
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;

    #[test]
    fn every_record_reads_back_and_none_panics() {
        let tcp = TcpSettings {
            linger: -1,
            no_delay: true,
            send_timeout: 70_000,
            keep_alive: 7200,
        };
        assert_eq!(TcpSettings::decode(&tcp.encode()), Some(tcp));
        let dns = DnsSettings {
            manual: true,
            servers: [
                "192.168.1.1".parse().unwrap(),
                "2001:db8::1".parse().unwrap(),
                "8.8.8.8".parse().unwrap(),
            ]
            .into_iter()
            .collect(),
        };
        assert_eq!(DnsSettings::decode(&dns.encode()), Some(dns.clone()));
        let host = |text: &str| HostText::try_from(text).unwrap();
        let mut links = std::vec![TransparentLink::Server {
            family: Family::V6,
            port: 333
        }];
        for (protocol, text) in [
            (Protocol::Tcp, "a.example"),
            (Protocol::Udp, "10.0.0.1"),
            (Protocol::Ssl, &*"h".repeat(64)),
        ] {
            links.push(TransparentLink::Client {
                protocol,
                family: Family::V4,
                host: host(text),
                port: 65535,
                extra: 7,
            });
        }
        for link in &links {
            assert_eq!(TransparentLink::decode(&link.encode()).as_ref(), Some(link));
        }
        // Whatever flash holds is a record or none.
        for len in 0..80 {
            for fill in [0, 1, 3, 4, 6, 16, 0xff] {
                let record = std::vec![fill; len];
                let _ = TcpSettings::decode(&record);
                let _ = DnsSettings::decode(&record);
                let _ = TransparentLink::decode(&record);
            }
        }
        for len in 0..tcp.encode().len() {
            assert_eq!(TcpSettings::decode(&tcp.encode()[..len]), None);
        }
    }
}
