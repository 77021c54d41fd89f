//! The modem's sockets and names over embassy-net.
//!
//! ```text
//! at_modem::Network ◀── Net ─┬─ tcp   a fixed number of sockets that stay in the stack
//!                            ├─ UDP   edge-nal-embassy
//!                            └─ DNS, ping   the stack itself
//! ```
//!
//! A TCP socket that is dropped goes back to the pool and stays in the stack, so that its FIN still
//! leaves and buffers need no unsafe code. One that still winds down is taken over only when no
//! other is free.
//!
//! It refuses: IPv6 and reverse look-ups.
#![no_std]

mod tcp;

use core::cell::RefCell;
use core::net::{IpAddr, SocketAddr};

use at_modem::{Network, PingError, TcpOptions};
use edge_nal::AddrType;
use edge_nal_embassy::{Udp, UdpBuffers, UdpError, UdpSocket};
use embassy_net::Stack;
use embassy_net::dns::DnsQueryType;
use embassy_net::icmp::PacketMetadata;
use embassy_net::icmp::ping::{PingManager, PingParams};
use embassy_time::Duration;
use embedded_io_async::ErrorKind;

pub use tcp::{Acceptor, Socket, SocketRead, SocketWrite, TcpError, TcpMemory};

/// Largest UDP payload of an Ethernet frame; the buffers hold one datagram of that size, or several
/// small ones.
pub const UDP_PAYLOAD: usize = 1472;

/// Buffers of `N` UDP sockets.
pub type UdpMemory<const N: usize> = UdpBuffers<N, UDP_PAYLOAD, UDP_PAYLOAD, 4>;

/// Payload of an echo request, as ping programs send it.
const PING_BYTES: usize = 32;

/// The modem waits for an answer as long as it likes; this only ends a forgotten one.
const PING_LIMIT: Duration = Duration::from_secs(60);

/// Sockets and names of one stack.
pub struct Net<'d> {
    stack: Stack<'d>,
    tcp: tcp::Pool<'d>,
    udp: Udp<'d>,
}

impl core::fmt::Debug for Net<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Net").finish_non_exhaustive()
    }
}

impl<'d> Net<'d> {
    /// Puts `TCP` sockets into the stack, which must have room for them, `UDP` more, and one each
    /// for DHCP, DNS and a ping.
    pub fn new<const TCP: usize, const TX: usize, const RX: usize, const UDP: usize>(
        stack: Stack<'d>,
        tcp: &'d mut TcpMemory<TCP, TX, RX>,
        udp: &'d UdpMemory<UDP>,
    ) -> Self {
        Self {
            stack,
            tcp: RefCell::new(tcp.sockets(stack)),
            udp: Udp::new(stack, udp),
        }
    }
}

impl<'d> edge_nal::TcpConnect for Net<'d> {
    type Error = TcpError;
    type Socket<'a>
        = Socket<'a, 'd>
    where
        Self: 'a;

    async fn connect(&self, remote: SocketAddr) -> Result<Socket<'_, 'd>, TcpError> {
        Socket::connect(&self.tcp, remote).await
    }
}

impl<'d> edge_nal::TcpBind for Net<'d> {
    type Error = TcpError;
    type Accept<'a>
        = Acceptor<'a, 'd>
    where
        Self: 'a;

    async fn bind(&self, local: SocketAddr) -> Result<Acceptor<'_, 'd>, TcpError> {
        Ok(Acceptor::new(&self.tcp, local.port()))
    }
}

impl edge_nal::UdpBind for Net<'_> {
    type Error = UdpError;
    type Socket<'a>
        = UdpSocket<'a>
    where
        Self: 'a;

    async fn bind(&self, local: SocketAddr) -> Result<UdpSocket<'_>, UdpError> {
        self.udp.bind(local).await
    }
}

/// Why a name was not resolved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DnsError {
    /// No answer, or one without an address.
    NotFound,
    /// Not a name that can be asked for, or asked the other way round.
    Unsupported,
}

impl core::fmt::Display for DnsError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::NotFound => "the name was not resolved",
            Self::Unsupported => "this is not asked here",
        })
    }
}

impl core::error::Error for DnsError {}

impl embedded_io_async::Error for DnsError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::NotFound => ErrorKind::NotFound,
            Self::Unsupported => ErrorKind::Unsupported,
        }
    }
}

impl edge_nal::Dns for Net<'_> {
    type Error = DnsError;

    async fn get_host_by_name(&self, host: &str, kind: AddrType) -> Result<IpAddr, DnsError> {
        if kind == AddrType::IPv6 {
            return Err(DnsError::Unsupported);
        }
        let found = self
            .stack
            .dns_query(host, DnsQueryType::A)
            .await
            .map_err(|_| DnsError::NotFound)?;
        found
            .first()
            .map(|address| (*address).into())
            .ok_or(DnsError::NotFound)
    }

    async fn get_host_by_address(&self, _: IpAddr, _: &mut [u8]) -> Result<usize, DnsError> {
        Err(DnsError::Unsupported)
    }
}

impl Network for Net<'_> {
    async fn ping(&self, to: IpAddr) -> Result<(), PingError> {
        let mut metadata = [[PacketMetadata::EMPTY; 1]; 2];
        // The echo header has eight bytes.
        let mut buffers = [[0; PING_BYTES + 8]; 2];
        let [rx_metadata, tx_metadata] = &mut metadata;
        let [rx, tx] = &mut buffers;
        let mut manager = PingManager::new(self.stack, rx_metadata, rx, tx_metadata, tx);
        let mut params = PingParams::new(to);
        params
            .set_payload(&[b'a'; PING_BYTES])
            .set_count(1)
            // Else a single one would take a second, whenever its answer came.
            .set_rate_limit(Duration::from_ticks(0))
            .set_timeout(PING_LIMIT);
        match manager.ping(&params).await {
            Ok(_) => Ok(()),
            Err(_) => Err(PingError::Failed),
        }
    }

    fn local_port(socket: &Socket<'_, '_>) -> Option<u16> {
        socket.local_port()
    }

    fn set_options(socket: &Socket<'_, '_>, options: TcpOptions) {
        socket.set_options(options);
    }
}
