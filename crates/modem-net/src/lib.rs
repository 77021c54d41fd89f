//! The modem's sockets and names over embassy-net.
//!
//! ```text
//! edge-nal, NetExtras ◀── Net ─┬─ tcp   a fixed number of sockets that stay in the stack
//!                            ├─ udp   edge-nal-embassy, a socket in each stack
//!                            ├─ dns   names, from the servers of `AT+CIPDNS` or DHCP's
//!                            └─ ping  the stack itself
//! dhcp ─ leases addresses to the stations of our own access point
//! ```
//!
//! A board with an access point of its own has a second stack for it: [`Net::beside`]. What goes to an
//! address in that stack's network leaves there, everything else leaves through the first; servers and
//! datagram sockets receive from both.
//!
//! A TCP socket that is dropped goes back to the pool and stays in the stack, so that its FIN still
//! leaves and buffers need no unsafe code. One that is still closing is reused only when no
//! other is free.
//!
//! It refuses: IPv6 and reverse look-ups.
#![cfg_attr(not(test), no_std)]

pub mod dhcp;
mod dns;
mod tcp;
mod udp;

use core::cell::RefCell;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};

use at_modem::{NetExtras, PingError, TcpOptions, Unsupported};
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

pub use tcp::{DualListener, Listener, Socket, SocketRead, SocketWrite, TcpError, TcpMemory};
pub use udp::Datagrams;

/// Largest UDP payload of an Ethernet frame; the buffers hold one datagram of that size, or several
/// small ones.
pub const UDP_PAYLOAD: usize = 1472;

/// Buffers of `N` UDP sockets.
pub type UdpMemory<const N: usize> = UdpBuffers<N, UDP_PAYLOAD, UDP_PAYLOAD, 4>;

/// Buffers of the socket for DNS queries: one datagram each way.
pub type NameMemory = UdpBuffers<1, 512, 512, 1>;

/// Payload of an echo request, as ping programs send it.
const PING_BYTES: usize = 32;

/// The modem has its own timeout; this one only ends a ping that was dropped.
const PING_LIMIT: Duration = Duration::from_secs(60);

/// Time for one name server to answer.
const DNS_TIMEOUT: Duration = Duration::from_secs(2);
/// Queries to each server.
const DNS_ROUNDS: usize = 2;
const DNS_PORT: u16 = 53;

/// Sockets of one stack.
struct Side<'d> {
    stack: Stack<'d>,
    tcp: tcp::Pool<'d>,
    udp: Udp<'d>,
}

impl<'d> Side<'d> {
    fn new<const TCP: usize, const TX: usize, const RX: usize, const UDP: usize>(
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

    /// Whether an address is in this stack's network. In none while it has no address of its own.
    fn contains(&self, address: IpAddr) -> bool {
        let IpAddr::V4(address) = address else {
            return false;
        };
        let config = self.stack.config_v4();
        config.is_some_and(|config| config.address.contains_addr(&address))
    }
}

/// Sockets and names of one stack, or of two.
pub struct Net<'d, const STACKS: usize = 1> {
    /// The first takes what belongs to none of the others.
    sides: [Side<'d>; STACKS],
    names: Udp<'d>,
    random: fn() -> u16,
    /// Name servers set by a command; empty means those from DHCP.
    servers: RefCell<Vec<Ipv4Addr, 3>>,
    /// One query at a time.
    answer: Mutex<NoopRawMutex, dns::Message>,
}

impl<const STACKS: usize> core::fmt::Debug for Net<'_, STACKS> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Net").finish_non_exhaustive()
    }
}

impl<'d> Net<'d> {
    /// Puts `TCP` sockets into the stack, which must have room for them, `UDP` more, and one each
    /// for DHCP, names and a ping. `random` makes the identifiers of DNS queries hard to guess.
    #[must_use]
    pub fn new<const TCP: usize, const TX: usize, const RX: usize, const UDP: usize>(
        stack: Stack<'d>,
        tcp: &'d mut TcpMemory<TCP, TX, RX>,
        udp: &'d UdpMemory<UDP>,
        names: &'d NameMemory,
        random: fn() -> u16,
    ) -> Self {
        Self {
            sides: [Side::new(stack, tcp, udp)],
            names: Udp::new(stack, names),
            random,
            servers: RefCell::new(Vec::new()),
            answer: Mutex::new([0; _]),
        }
    }

    /// The same with a second stack, which must have room for `TCP` sockets, `UDP` more and a ping.
    /// DNS queries leave through the first.
    #[must_use]
    pub fn beside<const TCP: usize, const TX: usize, const RX: usize, const UDP: usize>(
        self,
        stack: Stack<'d>,
        tcp: &'d mut TcpMemory<TCP, TX, RX>,
        udp: &'d UdpMemory<UDP>,
    ) -> Net<'d, 2> {
        let [first] = self.sides;
        Net {
            sides: [first, Side::new(stack, tcp, udp)],
            names: self.names,
            random: self.random,
            servers: self.servers,
            answer: self.answer,
        }
    }
}

impl<'d, const STACKS: usize> Net<'d, STACKS> {
    /// The stack that leads to `remote`, as a place in `sides`.
    fn place_of(&self, remote: IpAddr) -> usize {
        let mut others = self.sides.iter().skip(1);
        let beside = others.position(|side| side.contains(remote));
        beside.map_or(0, |place| place.saturating_add(1))
    }

    /// The stack that leads to `remote`. `None` where there is no stack at all.
    fn to(&self, remote: IpAddr) -> Option<&Side<'d>> {
        self.sides.get(self.place_of(remote))
    }

    /// Queries one server after the other.
    async fn ask(&self, host: &str) -> Result<IpAddr, DnsError> {
        let mut answer = self.answer.lock().await;
        let query = dns::query((self.random)(), host).ok_or(DnsError::Unsupported)?;
        let any = SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0));
        let mut socket = self.names.bind(any).await.map_err(|_| DnsError::NotFound)?;
        let mut servers = self.servers.borrow().clone();
        if let [first, ..] = &self.sides[..]
            && let Some(config) = first.stack.config_v4()
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
                    let found = dns::answered(&query, answer.get(..length)?);
                    if from == server && found.is_some() {
                        break found;
                    }
                }
            };
            if let Ok(Some(found)) = with_timeout(DNS_TIMEOUT, exchange).await {
                return found.map(IpAddr::V4).ok_or(DnsError::NotFound);
            }
        }
        Err(DnsError::NotFound)
    }
}

impl<'d, const STACKS: usize> edge_nal::TcpConnect for Net<'d, STACKS> {
    type Error = TcpError;
    type Socket<'a>
        = Socket<'a, 'd>
    where
        Self: 'a;

    async fn connect(&self, remote: SocketAddr) -> Result<Socket<'_, 'd>, TcpError> {
        let side = self.to(remote.ip()).ok_or(TcpError::NoRoute)?;
        Socket::connect(&side.tcp, remote).await
    }
}

impl<'d> edge_nal::TcpBind for Net<'d> {
    type Error = TcpError;
    type Accept<'a>
        = Listener<'a, 'd>
    where
        Self: 'a;

    async fn bind(&self, local: SocketAddr) -> Result<Listener<'_, 'd>, TcpError> {
        let [side] = &self.sides;
        Ok(Listener::new(&side.tcp, local.port()))
    }
}

impl<'d> edge_nal::TcpBind for Net<'d, 2> {
    type Error = TcpError;
    type Accept<'a>
        = DualListener<'a, 'd>
    where
        Self: 'a;

    async fn bind(&self, local: SocketAddr) -> Result<DualListener<'_, 'd>, TcpError> {
        let sides = self.sides.each_ref();
        Ok(DualListener(
            sides.map(|side| Listener::new(&side.tcp, local.port())),
        ))
    }
}

impl edge_nal::UdpBind for Net<'_> {
    type Error = UdpError;
    type Socket<'a>
        = UdpSocket<'a>
    where
        Self: 'a;

    async fn bind(&self, local: SocketAddr) -> Result<UdpSocket<'_>, UdpError> {
        let [side] = &self.sides;
        side.udp.bind(local).await
    }
}

impl<'d> edge_nal::UdpBind for Net<'d, 2> {
    type Error = UdpError;
    type Socket<'a>
        = Datagrams<'a, 'd>
    where
        Self: 'a;

    async fn bind(&self, local: SocketAddr) -> Result<Datagrams<'_, 'd>, UdpError> {
        Datagrams::bind(self, local)
    }
}

/// Why a name was not resolved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum DnsError {
    /// No answer, or one without an address.
    NotFound,
    /// Not a valid name, or a reverse look-up.
    Unsupported,
}

impl core::fmt::Display for DnsError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::NotFound => "the name was not resolved",
            Self::Unsupported => "this kind of look-up is not supported",
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

impl<const STACKS: usize> edge_nal::Dns for Net<'_, STACKS> {
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

/// Ping, ports, options and name servers: what edge-nal has no API for.
#[derive(Debug, Clone, Copy)]
pub struct Extras;

impl<'d, const STACKS: usize> NetExtras<Net<'d, STACKS>> for Extras
where
    Net<'d, STACKS>: edge_nal::TcpBind + edge_nal::UdpBind,
{
    async fn ping(&self, net: &Net<'d, STACKS>, to: IpAddr) -> Result<(), PingError> {
        let mut metadata = [[PacketMetadata::EMPTY; 1]; 2];
        // The echo header has eight bytes.
        let mut buffers = [[0; PING_BYTES + 8]; 2];
        let [rx_metadata, tx_metadata] = &mut metadata;
        let [rx, tx] = &mut buffers;
        let side = net.to(to).ok_or(PingError::Failed)?;
        let mut manager = PingManager::new(side.stack, rx_metadata, rx, tx_metadata, tx);
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

    fn local_port(&self, socket: &Socket<'_, 'd>) -> Option<u16> {
        socket.local_port()
    }

    fn set_options(&self, socket: &Socket<'_, 'd>, options: TcpOptions) {
        socket.set_options(options);
    }

    fn set_dns_servers(
        &self,
        net: &Net<'d, STACKS>,
        servers: &[IpAddr],
    ) -> Result<(), Unsupported> {
        let mut list = net.servers.borrow_mut();
        list.clear();
        for server in servers {
            if let IpAddr::V4(server) = server {
                // As many places as parameters of the command.
                let _ = list.push(*server);
            }
        }
        Ok(())
    }
}

/// The code of the README, compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
