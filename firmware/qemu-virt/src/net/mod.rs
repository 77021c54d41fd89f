//! Sockets, names and echo requests of embassy-net, as the modem asks for them.
//!
//! ```text
//! pool of idle sockets ── connect, accept, bind ─▶ Connection, Datagrams ── drop ─▶ pool
//! ```
//!
//! A socket lives as long as the program, with its buffers; a connection borrows it. One that is
//! dropped while it is open is reset, one that was closed says its farewell from the pool.

mod tcp;
mod udp;

use core::cell::RefCell;
use core::fmt;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};

use at_modem::{Network, PingError, TcpOptions};
use edge_nal::{AddrType, Dns};
use embassy_net::dns::DnsQueryType;
use embassy_net::icmp::PacketMetadata;
use embassy_net::icmp::ping::{PingManager, PingParams};
use embassy_net::{IpEndpoint, Stack, tcp::ConnectError};
use embassy_time::Duration;
use embedded_io_async::ErrorKind;
use heapless::Deque;

use crate::wire::{Lease, Wire};

pub(crate) use tcp::{Connection, TCP, TcpMemory};
pub(crate) use udp::{UDP, UdpMemory};

/// Sockets of embassy-net's own, beside ours: DHCP, DNS, and one echo request.
pub(crate) const SOCKETS: usize = TCP + UDP + 3;

/// Why the network did not do what was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NetError {
    /// The station has no address, or lost it.
    NoAddress,
    /// All sockets of this kind are in use.
    NoSocket,
    /// Nobody listens there.
    Refused,
    /// The peer reset the connection.
    Reset,
    /// No answer.
    TimedOut,
    /// No way leads there.
    NoRoute,
    /// The socket is not in a state for this, or the datagram does not fit.
    Unfit,
    /// The name has no address.
    NoSuchName,
    /// This stack cannot.
    Unsupported,
}

impl fmt::Display for NetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoAddress => "the station has no address",
            Self::NoSocket => "no socket is free",
            Self::Refused => "connection refused",
            Self::Reset => "connection reset",
            Self::TimedOut => "no answer",
            Self::NoRoute => "no route",
            Self::Unfit => "not possible now",
            Self::NoSuchName => "no such name",
            Self::Unsupported => "not supported",
        })
    }
}

impl core::error::Error for NetError {}

impl embedded_io_async::Error for NetError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::NoAddress => ErrorKind::NotConnected,
            Self::NoSocket => ErrorKind::OutOfMemory,
            Self::Refused => ErrorKind::ConnectionRefused,
            Self::Reset => ErrorKind::ConnectionReset,
            Self::TimedOut => ErrorKind::TimedOut,
            Self::NoRoute => ErrorKind::AddrNotAvailable,
            Self::Unfit => ErrorKind::InvalidInput,
            Self::NoSuchName => ErrorKind::NotFound,
            Self::Unsupported => ErrorKind::Unsupported,
        }
    }
}

impl From<ConnectError> for NetError {
    fn from(error: ConnectError) -> Self {
        match error {
            ConnectError::ConnectionReset => Self::Refused,
            ConnectError::TimedOut => Self::TimedOut,
            ConnectError::NoRoute => Self::NoRoute,
            ConnectError::InvalidState => Self::Unfit,
        }
    }
}

/// The network of the board.
pub(crate) struct Net {
    stack: Stack<'static>,
    wire: &'static Wire,
    tcp: RefCell<Deque<embassy_net::tcp::TcpSocket<'static>, TCP>>,
    udp: RefCell<Deque<embassy_net::udp::UdpSocket<'static>, UDP>>,
}

impl Net {
    /// With all sockets there will be.
    pub(crate) fn new(
        stack: Stack<'static>,
        wire: &'static Wire,
        tcp: &'static mut [TcpMemory; TCP],
        udp: &'static mut [UdpMemory; UDP],
    ) -> Self {
        let (mut idle_tcp, mut idle_udp) = (Deque::new(), Deque::new());
        for memory in tcp {
            // There is room for each.
            let _ = idle_tcp.push_back(memory.socket(stack));
        }
        for memory in udp {
            let _ = idle_udp.push_back(memory.socket(stack));
        }
        Self {
            stack,
            wire,
            tcp: RefCell::new(idle_tcp),
            udp: RefCell::new(idle_udp),
        }
    }

    fn lease(&self) -> Result<Lease<'_>, NetError> {
        self.wire.lease().ok_or(NetError::NoAddress)
    }
}

impl Dns for Net {
    type Error = NetError;

    /// Dropping it gives the question up.
    async fn get_host_by_name(&self, host: &str, kind: AddrType) -> Result<IpAddr, NetError> {
        if let Ok(address) = host.parse::<Ipv4Addr>() {
            return Ok(address.into());
        }
        if kind == AddrType::IPv6 {
            return Err(NetError::NoSuchName);
        }
        let query = self.stack.dns_query(host, DnsQueryType::A);
        let found = self.lease()?.hold(query).await.ok_or(NetError::NoAddress)?;
        let first = found.ok().and_then(|addresses| addresses.first().copied());
        first.map(Into::into).ok_or(NetError::NoSuchName)
    }

    async fn get_host_by_address(&self, _: IpAddr, _: &mut [u8]) -> Result<usize, NetError> {
        Err(NetError::Unsupported)
    }
}

impl Network for Net {
    /// Dropping it gives the answer up.
    async fn ping(&self, to: IpAddr) -> Result<(), PingError> {
        const PAYLOAD: &[u8] = b"espat";
        let lease = self.lease().map_err(|_| PingError::Failed)?;
        let (mut rx_meta, mut tx_meta) = ([PacketMetadata::EMPTY; 1], [PacketMetadata::EMPTY; 1]);
        let (mut rx, mut tx) = ([0; 64], [0; 64]);
        let mut params = PingParams::new(to);
        params
            .set_payload(PAYLOAD)
            .set_count(1)
            .set_rate_limit(Duration::MIN)
            // The caller waits as long as it likes.
            .set_timeout(Duration::from_secs(60));
        let mut manager =
            PingManager::new(self.stack, &mut rx_meta, &mut rx, &mut tx_meta, &mut tx);
        match lease.hold(manager.ping(&params)).await {
            Some(Ok(_)) => Ok(()),
            Some(Err(_)) | None => Err(PingError::Failed),
        }
    }

    fn local_port(socket: &Connection<'_>) -> Option<u16> {
        socket.local_port()
    }

    fn set_options(socket: &Connection<'_>, options: TcpOptions) {
        socket.set_options(options);
    }
}

fn endpoint(address: SocketAddr) -> Result<IpEndpoint, NetError> {
    match address {
        SocketAddr::V4(address) => Ok(address.into()),
        SocketAddr::V6(_) => Err(NetError::NoRoute),
    }
}

fn socket_address(endpoint: IpEndpoint) -> SocketAddr {
    SocketAddr::new(endpoint.addr.into(), endpoint.port)
}
