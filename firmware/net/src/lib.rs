//! The modem's sockets and names over embassy-net.
//!
//! ```text
//! at_modem::Network ◀── Net ─┬─ tcp   a fixed number of sockets that stay in the stack
//!                            ├─ UDP   edge-nal-embassy
//!                            ├─ dns   names, from the servers of `AT+CIPDNS` or DHCP's
//!                            └─ ping  the stack itself
//! ```
//!
//! A TCP socket that is dropped goes back to the pool and stays in the stack, so that its FIN still
//! leaves and buffers need no unsafe code. One that still winds down is taken over only when no
//! other is free.
//!
//! It refuses: IPv6 and reverse look-ups.
#![cfg_attr(not(test), no_std)]

mod dns;
mod tcp;

use core::cell::RefCell;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};

use at_modem::{Network, PingError, TcpOptions};
use edge_nal::{AddrType, UdpBind, UdpReceive, UdpSend};
use edge_nal_embassy::{Udp, UdpBuffers, UdpError, UdpSocket};
use embassy_net::Stack;
use embassy_net::icmp::PacketMetadata;
use embassy_net::icmp::ping::{PingManager, PingParams};
use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embassy_sync::mutex::Mutex;
use embassy_time::{Duration, with_timeout};
use embedded_io_async::ErrorKind;
use heapless::Vec;

pub use tcp::{Acceptor, Socket, SocketRead, SocketWrite, TcpError, TcpMemory};

/// Largest UDP payload of an Ethernet frame; the buffers hold one datagram of that size, or several
/// small ones.
pub const UDP_PAYLOAD: usize = 1472;

/// Buffers of `N` UDP sockets.
pub type UdpMemory<const N: usize> = UdpBuffers<N, UDP_PAYLOAD, UDP_PAYLOAD, 4>;

/// Buffers of the socket that asks for names: one datagram each way.
pub type NameMemory = UdpBuffers<1, 512, 512, 1>;

/// Payload of an echo request, as ping programs send it.
const PING_BYTES: usize = 32;

/// The modem waits for an answer as long as it likes; this only ends a forgotten one.
const PING_LIMIT: Duration = Duration::from_secs(60);

/// How long one name server is waited for.
const DNS_PATIENCE: Duration = Duration::from_secs(2);
/// How often each is asked.
const DNS_ROUNDS: usize = 2;
const DNS_PORT: u16 = 53;

/// Sockets and names of one stack.
pub struct Net<'d> {
    stack: Stack<'d>,
    tcp: tcp::Pool<'d>,
    udp: Udp<'d>,
    names: Udp<'d>,
    random: fn() -> u16,
    /// Name servers of a command; none for those that DHCP told.
    servers: RefCell<Vec<Ipv4Addr, 3>>,
    /// One question at a time.
    answer: Mutex<NoopRawMutex, dns::Message>,
}

impl core::fmt::Debug for Net<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Net").finish_non_exhaustive()
    }
}

impl<'d> Net<'d> {
    /// Puts `TCP` sockets into the stack, which must have room for them, `UDP` more, and one each
    /// for DHCP, names and a ping. `random` makes questions for names hard to guess.
    pub fn new<const TCP: usize, const TX: usize, const RX: usize, const UDP: usize>(
        stack: Stack<'d>,
        tcp: &'d mut TcpMemory<TCP, TX, RX>,
        udp: &'d UdpMemory<UDP>,
        names: &'d NameMemory,
        random: fn() -> u16,
    ) -> Self {
        Self {
            stack,
            tcp: RefCell::new(tcp.sockets(stack)),
            udp: Udp::new(stack, udp),
            names: Udp::new(stack, names),
            random,
            servers: RefCell::new(Vec::new()),
            answer: Mutex::new([0; _]),
        }
    }

    /// Asks one server after the other.
    async fn ask(&self, host: &str) -> Result<IpAddr, DnsError> {
        let mut answer = self.answer.lock().await;
        let query = dns::query((self.random)(), host).ok_or(DnsError::Unsupported)?;
        let any = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        let mut socket = self.names.bind(any).await.map_err(|_| DnsError::NotFound)?;
        let mut servers = self.servers.borrow().clone();
        if let Some(config) = self.stack.config_v4()
            && servers.is_empty()
        {
            servers = config.dns_servers;
        }
        for server in core::iter::repeat_n(servers, DNS_ROUNDS).flatten() {
            let server = SocketAddr::from((server, DNS_PORT));
            let exchange = async {
                socket.send(server, &query).await.ok()?;
                loop {
                    let (length, from) = socket.receive(&mut *answer).await.ok()?;
                    let heard = dns::answered(&query, answer.get(..length)?);
                    if from == server && heard.is_some() {
                        break heard;
                    }
                }
            };
            if let Ok(Some(heard)) = with_timeout(DNS_PATIENCE, exchange).await {
                return heard.map(IpAddr::V4).ok_or(DnsError::NotFound);
            }
        }
        Err(DnsError::NotFound)
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
        match host.parse() {
            Ok(address) => Ok(address),
            Err(_) => self.ask(host).await,
        }
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

    fn set_dns_servers(&self, servers: &[IpAddr]) -> bool {
        let mut list = self.servers.borrow_mut();
        list.clear();
        for server in servers {
            if let IpAddr::V4(server) = server {
                // As many places as parameters of the command.
                let _ = list.push(*server);
            }
        }
        true
    }
}
