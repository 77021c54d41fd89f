//! Settings of links and of what they run over, and the records of those that are stored.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use at_grammar::types::{Family, Protocol};
use heapless::Vec;

use crate::link::{HostText, MAX_NAME};

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
    /// Linger, no-delay, send timeout, keep-alive; numbers little-endian.
    pub(crate) fn encode(self) -> [u8; 11] {
        let [l0, l1, l2, l3] = self.linger.to_le_bytes();
        let [s0, s1, s2, s3] = self.send_timeout.to_le_bytes();
        let [k0, k1] = self.keep_alive.to_le_bytes();
        [
            l0,
            l1,
            l2,
            l3,
            u8::from(self.no_delay),
            s0,
            s1,
            s2,
            s3,
            k0,
            k1,
        ]
    }

    pub(crate) fn decode(record: &[u8]) -> Option<Self> {
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
pub(crate) const DNS_RECORD: usize = 1 + 3 * 17;

impl DnsSettings {
    /// Manual or not, then each server as its length in bytes and its octets.
    pub(crate) fn encode(&self) -> Vec<u8, DNS_RECORD> {
        let mut record = Vec::new();
        let mut put = |bytes: &[u8]| {
            // The capacity is the sum of the longest parts.
            let _ = record.extend_from_slice(bytes);
        };
        put(&[u8::from(self.manual)]);
        for server in &self.servers {
            match server {
                IpAddr::V4(address) => {
                    put(&[4]);
                    put(&address.octets());
                }
                IpAddr::V6(address) => {
                    put(&[16]);
                    put(&address.octets());
                }
            }
        }
        record
    }

    pub(crate) fn decode(record: &[u8]) -> Option<Self> {
        let (&manual, mut rest) = record.split_first()?;
        let mut servers = Vec::new();
        while let Some((&len, tail)) = rest.split_first() {
            let (octets, tail) = tail.split_at_checked(usize::from(len))?;
            let server = match len {
                4 => IpAddr::V4(Ipv4Addr::from(<[u8; 4]>::try_from(octets).ok()?)),
                16 => IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(octets).ok()?)),
                _ => return None,
            };
            servers.push(server).ok()?;
            rest = tail;
        }
        Some(Self {
            manual: manual != 0,
            servers,
        })
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
pub(crate) const TRANSPARENT_RECORD: usize = 1 + 1 + 2 + 2 + MAX_NAME;

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
        let mut record = Vec::new();
        let parts: [&[u8]; 4] = [
            &[kind, family],
            &port.to_le_bytes(),
            &extra.to_le_bytes(),
            host,
        ];
        for part in parts {
            // The capacity is the sum of the longest parts.
            let _ = record.extend_from_slice(part);
        }
        record
    }

    pub(crate) fn decode(record: &[u8]) -> Option<Self> {
        let (&[kind, family, p0, p1, e0, e1], host) = record.split_first_chunk::<6>()?;
        let family = match family {
            4 => Family::V4,
            6 => Family::V6,
            _ => return None,
        };
        let port = u16::from_le_bytes([p0, p1]);
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
            extra: u16::from_le_bytes([e0, e1]),
        })
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
