//! `--map HOST:PORT=ADDR:PORT`: which places are elsewhere. Without a host it is the modem's own port.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs as _};
use std::str::FromStr;

use super::NetError;

/// RFC 2544 sets 198.18.0.0/15 aside for tests of networks; nothing real answers from there.
const SYNTHETIC: u32 = u32::from_be_bytes([198, 18, 0, 0]);

/// Addresses in that block, the first and the last left out.
const SYNTHETIC_COUNT: u32 = (1 << 17) - 2;

/// RFC 1035 §2.3.4, without the length bytes.
const NAME_MAX: usize = 253;

/// The place the modem's host asks for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Host {
    /// A name, in small letters and without a final dot.
    Name(String),
    /// An address.
    Address(IpAddr),
    /// The modem itself: where its own port is on the PC.
    Own,
}

impl Host {
    /// How names compare: letters of either case, with or without the root's dot.
    fn name(text: &str) -> String {
        text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase()
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Address(IpAddr::V4(address)) => address.fmt(f),
            Self::Address(IpAddr::V6(address)) => write!(f, "[{address}]"),
            Self::Own => Ok(()),
        }
    }
}

/// One `--map`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Map {
    /// What is asked for.
    pub host: Host,
    /// With which port.
    pub port: u16,
    /// Where it goes instead.
    pub target: SocketAddr,
    /// The name of that place, where the command line has one.
    pub target_name: Option<String>,
}

impl fmt::Display for Map {
    /// `broker.local:8883 is localhost:8883 (127.0.0.1:8883)`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{} is ", self.host, self.port)?;
        match &self.target_name {
            Some(name) => write!(f, "{name} ({})", self.target),
            None => self.target.fmt(f),
        }
    }
}

/// Why a `--map` was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum MapError {
    /// There is no `=`.
    NoTarget,
    /// What stands before `=` is not a name or address with a port.
    Source,
    /// What stands after `=` is not a name or an address with a port.
    Target,
    /// The name after `=` has no address.
    NoAddress {
        /// The name, with its port.
        name: String,
        /// What the PC's resolver says.
        why: String,
    },
    /// No peer can be reached at 0.0.0.0 or `[::]`, or at port 0; port 0 is not a port of ours either.
    Unreachable {
        /// The target.
        target: SocketAddr,
    },
    /// Two targets for one place.
    Twice {
        /// The place.
        host: Host,
        /// Its port.
        port: u16,
    },
    /// More names than there are addresses to make up.
    TooMany,
}

impl fmt::Display for MapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoTarget => f.write_str("no '='; expected HOST:PORT=ADDR:PORT"),
            Self::Source => f.write_str(
                "before '=' a name or an address with a port is expected, like example.org:443",
            ),
            Self::Target => f.write_str(
                "after '=' a name or an address with a port is expected, like 127.0.0.1:8443",
            ),
            Self::NoAddress { name, why } => write!(f, "{name} has no address: {why}"),
            Self::Unreachable { target } => write!(f, "nothing can be reached at {target}"),
            Self::Twice { host, port } => write!(f, "{host}:{port} is mapped twice"),
            Self::TooMany => f.write_str("too many names are mapped"),
        }
    }
}

impl std::error::Error for MapError {}

impl FromStr for Map {
    type Err = MapError;

    fn from_str(text: &str) -> Result<Self, MapError> {
        let (source, target) = text.split_once('=').ok_or(MapError::NoTarget)?;
        let (target, target_name) = parse_target(target)?;
        let (host, port) = source.rsplit_once(':').ok_or(MapError::Source)?;
        let port = parse_port(port).ok_or(MapError::Source)?;
        let host = parse_host(host).ok_or(MapError::Source)?;
        // The modem may listen everywhere, but nothing can be sent to everywhere.
        let nowhere = target.ip().is_unspecified() && host != Host::Own;
        if nowhere || target.port() == 0 {
            return Err(MapError::Unreachable { target });
        }
        Ok(Self {
            host,
            port,
            target,
            target_name,
        })
    }
}

fn parse_port(text: &str) -> Option<u16> {
    // `parse` alone would take "+80".
    Some(text)
        .filter(|port| port.bytes().all(|byte| byte.is_ascii_digit()))
        .and_then(|port| port.parse().ok())
        .filter(|&port| port != 0)
}

/// An address with a port, or a name with a port that the PC resolves now: IPv4 first, as the modem does.
fn parse_target(text: &str) -> Result<(SocketAddr, Option<String>), MapError> {
    if let Ok(target) = text.parse() {
        return Ok((target, None));
    }
    let (name, port) = text.rsplit_once(':').ok_or(MapError::Target)?;
    let port = parse_port(port).ok_or(MapError::Target)?;
    let Some(Host::Name(name)) = parse_host(name) else {
        return Err(MapError::Target);
    };
    let failed = |why: &str| MapError::NoAddress {
        name: text.to_owned(),
        why: why.to_owned(),
    };
    let found = (name.as_str(), port).to_socket_addrs();
    let mut found: Vec<SocketAddr> = found.map_err(|error| failed(&error.to_string()))?.collect();
    found.sort_by_key(SocketAddr::is_ipv6);
    match found.first() {
        Some(target) => Ok((*target, Some(text.to_owned()))),
        None => Err(failed("none was found")),
    }
}

fn parse_host(text: &str) -> Option<Host> {
    if text.is_empty() {
        return Some(Host::Own);
    }
    if let Some(rest) = text.strip_prefix('[') {
        let address = rest.strip_suffix(']')?.parse().ok()?;
        return Some(Host::Address(IpAddr::V6(address)));
    }
    if let Ok(address) = text.parse::<Ipv4Addr>() {
        return Some(Host::Address(address.into()));
    }
    let name = Host::name(text);
    let fits = (1..=NAME_MAX).contains(&name.len())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !b":/[]\"".contains(&byte));
    fits.then_some(Host::Name(name))
}

/// All `--map`s together.
#[derive(Debug, Clone, Default)]
pub struct MapTable {
    maps: Vec<Map>,
    /// Each mapped name with the address it resolves to.
    names: Vec<(String, Ipv4Addr)>,
}

impl MapTable {
    /// Gives each name an address, by the order in which names first occur.
    ///
    /// # Errors
    ///
    /// [`MapError::Twice`] and [`MapError::TooMany`].
    pub fn new(maps: Vec<Map>) -> Result<Self, MapError> {
        let mut free = (1..=SYNTHETIC_COUNT)
            .map(|number| Ipv4Addr::from(SYNTHETIC.saturating_add(number)))
            .filter(|&address| {
                maps.iter()
                    .all(|map| map.host != Host::Address(address.into()))
            });
        let mut names: Vec<(String, Ipv4Addr)> = Vec::new();
        for (index, map) in maps.iter().enumerate() {
            if maps
                .iter()
                .take(index)
                .any(|other| other.host == map.host && other.port == map.port)
            {
                return Err(MapError::Twice {
                    host: map.host.clone(),
                    port: map.port,
                });
            }
            if let Host::Name(name) = &map.host
                && names.iter().all(|(known, _)| known != name)
            {
                names.push((name.clone(), free.next().ok_or(MapError::TooMany)?));
            }
        }
        drop(free);
        Ok(Self { maps, names })
    }

    /// Those whose target was given by name, with what it is.
    pub(super) fn named_targets(&self) -> impl Iterator<Item = &Map> {
        self.maps.iter().filter(|map| map.target_name.is_some())
    }

    /// What the host calls a place: the mapped name of a made-up address, or the address.
    pub(super) fn label(&self, remote: SocketAddr) -> String {
        let name = self
            .names
            .iter()
            .find_map(|(name, address)| (IpAddr::V4(*address) == remote.ip()).then_some(name));
        match name {
            Some(name) => format!("{name}:{}", remote.port()),
            None => remote.to_string(),
        }
    }

    /// The made-up address of a mapped name.
    pub(super) fn resolve(&self, name: &str) -> Option<IpAddr> {
        let name = Host::name(name);
        self.names
            .iter()
            .find_map(|(known, address)| (*known == name).then_some(IpAddr::V4(*address)))
    }

    /// Where our own port is on the PC, if a `--map` says so.
    pub(super) fn own(&self, port: u16) -> Option<SocketAddr> {
        let own = |map: &&Map| map.host == Host::Own && map.port == port;
        self.maps.iter().find(own).map(|map| map.target)
    }

    /// Where a packet to `remote` goes.
    ///
    /// A mapped name answers only on its mapped ports; an address that is mapped with some ports is
    /// itself on the others.
    pub(super) fn redirect(&self, remote: SocketAddr) -> Result<SocketAddr, NetError> {
        let name = self
            .names
            .iter()
            .find_map(|(name, address)| (IpAddr::V4(*address) == remote.ip()).then_some(name));
        let is_meant = |host: &Host| match (host, name) {
            (Host::Name(host), Some(name)) => host == name,
            (Host::Address(host), None) => *host == remote.ip(),
            _ => false,
        };
        let target = self.maps.iter().find_map(|map| {
            (map.port == remote.port() && is_meant(&map.host)).then_some(map.target)
        });
        match (target, name) {
            (Some(target), _) => Ok(target),
            (None, None) => Ok(remote),
            (None, Some(_)) => Err(NetError::NotMapped {
                port: remote.port(),
            }),
        }
    }

    /// Where an echo request to `remote` goes: to a mapped place of any port.
    pub(super) fn redirect_host(&self, remote: IpAddr) -> IpAddr {
        let of_name = self.names.iter().find(|(_, own)| *own == remote);
        let found = self.maps.iter().find(|map| match (&map.host, of_name) {
            (Host::Name(host), Some((name, _))) => host == name,
            (Host::Address(host), None) => *host == remote,
            _ => false,
        });
        found.map_or(remote, |map| map.target.ip())
    }

    /// Whether some target needs a socket of the IPv6 (or the IPv4) kind.
    pub(super) fn has_target(&self, ipv6: bool) -> bool {
        self.maps
            .iter()
            .any(|map| map.host != Host::Own && map.target.is_ipv6() == ipv6)
    }
}
