//! The PC's sockets and names, as the simulated station reaches them.
//!
//! ```text
//! modem ── resolve "cn.ntp.org.cn" ──▶ HostNet ── in a --map ──▶ 198.18.0.1 (made up, stable)
//! modem ── send to 198.18.0.1:123 ───▶ HostNet ── that --map ──▶ 127.0.0.1:11123
//! modem ◀─ from 198.18.0.1:123 ─────── HostNet ◀── the answer ── 127.0.0.1:11123
//! ```
//!
//! What no `--map` names goes to the real network. Without an IPv4 address of the station nothing is
//! reached, and what is open when the address is lost ends with it.

use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Poll, Waker};

use at_grammar::commands::mdns::{Service, ServiceProtocol};
use at_modem::{NetExtras, PingError, TcpOptions, Unsupported};
use edge_nal::{AddrType, Dns, TcpBind, TcpConnect, UdpBind};
use edge_nal_std::Stack;
use embedded_io_async::ErrorKind;
use futures_lite::future::or;

use super::bench::Bench;
use super::events::Event;
use super::wifi::{Lease, SimWifi};

mod listener;
mod map;
mod ping;
mod tcp;
mod udp;

pub use listener::HostListener;
pub use map::{Host, Map, MapError, MapTable};
pub use tcp::HostTcp;
pub use udp::HostUdp;

/// Why the network did not do what was asked.
#[derive(Debug)]
#[non_exhaustive]
pub enum NetError {
    /// The station has no IPv4 address.
    NoAddress,
    /// The station lost its address while the socket was open.
    AddressLost,
    /// The name is in a `--map`, but not with this port.
    NotMapped {
        /// The port that was asked for.
        port: u16,
    },
    /// The name has no address of the wanted kind.
    Lookup(io::Error),
    /// The PC's network said so.
    Io(io::Error),
}

impl fmt::Display for NetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoAddress => f.write_str("the station has no IPv4 address"),
            Self::AddressLost => f.write_str("the station lost its IPv4 address"),
            Self::NotMapped { port } => {
                write!(
                    f,
                    "no --map of this name has port {port}: connection refused"
                )
            }
            Self::Lookup(error) => write!(f, "the name was not resolved: {error}"),
            Self::Io(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for NetError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Lookup(error) | Self::Io(error) => Some(error),
            Self::NoAddress | Self::AddressLost | Self::NotMapped { .. } => None,
        }
    }
}

impl embedded_io_async::Error for NetError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::NoAddress => ErrorKind::NotConnected,
            Self::AddressLost => ErrorKind::ConnectionAborted,
            Self::NotMapped { .. } => ErrorKind::ConnectionRefused,
            Self::Lookup(_) => ErrorKind::NotFound,
            Self::Io(error) => match error.kind() {
                // The nearest of the traits' kinds, which know no routes.
                io::ErrorKind::HostUnreachable
                | io::ErrorKind::NetworkUnreachable
                | io::ErrorKind::NetworkDown => ErrorKind::AddrNotAvailable,
                kind => kind.into(),
            },
        }
    }
}

impl From<io::Error> for NetError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// The network behind the simulated station.
#[derive(Debug, Clone)]
pub struct HostNet {
    maps: MapTable,
    wifi: SimWifi,
    bench: Bench,
}

impl HostNet {
    /// A network that `wifi` opens and closes, with some places moved by `maps`.
    #[must_use]
    pub fn new(maps: MapTable, wifi: SimWifi) -> Self {
        Self {
            maps,
            wifi,
            bench: Bench::default(),
        }
    }

    /// The maps whose target was given by name, and what it is.
    pub fn resolved_maps(&self) -> impl Iterator<Item = &Map> {
        self.maps.named_targets()
    }

    /// With delays and names that a test changes.
    #[must_use]
    pub fn with_bench(self, bench: Bench) -> Self {
        Self { bench, ..self }
    }

    async fn open(&self, remote: SocketAddr, peer: &str) -> Result<HostTcp, NetError> {
        let lease = self.lease_to(remote.ip())?;
        let target = self.maps.redirect(remote)?;
        if target != remote {
            ::log::info!("{peer} is {target} by --map");
        }
        let socket = while_leased(&lease, TcpConnect::connect(&Stack::new(), target)).await?;
        self.bench.delay().await;
        let socket = HostTcp::new(socket, lease, self.bench.clone(), peer.to_owned());
        socket.map_err(NetError::Io)
    }

    fn lease(&self) -> Result<Lease, NetError> {
        self.wifi.lease().ok_or(NetError::NoAddress)
    }

    fn lease_to(&self, remote: IpAddr) -> Result<Lease, NetError> {
        self.wifi.lease_to(remote).ok_or(NetError::NoAddress)
    }
}

impl TcpConnect for HostNet {
    type Error = NetError;
    type Socket<'a> = HostTcp;

    /// Dropping it closes the half-open connection.
    async fn connect(&self, remote: SocketAddr) -> Result<HostTcp, NetError> {
        let peer = self.maps.label(remote);
        let result = self.open(remote, &peer).await;
        let event = Event::new("connect").with("peer", &peer);
        self.bench.tell(&match &result {
            Ok(socket) => {
                let via = socket
                    .peer()
                    .map_or_else(|_| String::new(), |it| it.to_string());
                event.with("via", via).with("result", "open")
            }
            Err(error) => event.with("result", "failed").with("why", error),
        });
        result
    }
}

impl TcpBind for HostNet {
    type Error = NetError;
    type Accept<'a> = HostListener;

    /// Waits for nothing, so dropping it loses nothing.
    async fn bind(&self, local: SocketAddr) -> Result<HostListener, NetError> {
        HostListener::bind(local, self).await
    }
}

/// What edge-nal has no API for, on the PC's network.
#[derive(Debug, Clone, Copy)]
pub struct HostExtras;

impl NetExtras<HostNet> for HostExtras {
    /// A mapped place answers if the place it is mapped to does.
    async fn ping(&self, net: &HostNet, to: IpAddr) -> Result<(), PingError> {
        let lease = net.lease_to(to).map_err(|_| PingError::Failed)?;
        let target = net.maps.redirect_host(to);
        while_leased(&lease, ping::echo(target))
            .await
            .map_err(|error| {
                ::log::debug!("no echo from {target}: {error}");
                PingError::Failed
            })
    }

    /// Nothing is multicast on the PC's network; the control port's `status` shows it.
    fn set_mdns(&self, net: &HostNet, service: Option<&Service<'_>>) -> Result<(), Unsupported> {
        net.wifi.announce(service.map(|service| {
            let protocol = match service.protocol {
                ServiceProtocol::Tcp => "_tcp",
                ServiceProtocol::Udp => "_udp",
            };
            let Service {
                host,
                service,
                port,
                ..
            } = service;
            format!("{host}.{service}.{protocol}:{port}")
        }));
        Ok(())
    }

    fn set_options(&self, socket: &HostTcp, options: TcpOptions) {
        socket.set_options(options);
    }

    fn local_port(&self, socket: &HostTcp) -> Option<u16> {
        socket.local_port()
    }
}

impl UdpBind for HostNet {
    type Error = NetError;
    type Socket<'a> = HostUdp;

    /// Waits for nothing, so dropping it loses nothing.
    async fn bind(&self, local: SocketAddr) -> Result<HostUdp, NetError> {
        // Where it sends is not known yet.
        let lease = self.wifi.lease_anywhere().ok_or(NetError::NoAddress)?;
        HostUdp::bind(local, self.maps.clone(), lease)
            .inspect_err(|error| listener::complain(local.port(), local, error))
    }
}

impl Dns for HostNet {
    type Error = NetError;

    /// Dropping it leaves the PC's resolver running; its answer is ignored.
    async fn get_host_by_name(&self, host: &str, kind: AddrType) -> Result<IpAddr, NetError> {
        let result = self.resolve(host, kind).await;
        let event = Event::new("dns").with("name", host);
        self.bench.tell(&match &result {
            Ok(address) => event.with("address", address),
            Err(error) => event.with("failed", error),
        });
        result
    }

    /// No command asks for it. Dropping it loses nothing.
    async fn get_host_by_address(&self, _: IpAddr, _: &mut [u8]) -> Result<usize, NetError> {
        Err(NetError::Lookup(io::ErrorKind::Unsupported.into()))
    }
}

impl HostNet {
    async fn resolve(&self, host: &str, kind: AddrType) -> Result<IpAddr, NetError> {
        let lease = self.lease()?;
        self.bench.delay().await;
        if self.bench.is_unknown(host) {
            let words = "the control port said so";
            return Err(NetError::Lookup(io::Error::new(
                io::ErrorKind::NotFound,
                words,
            )));
        }
        let fits = |address: &IpAddr| match kind {
            AddrType::IPv4 => address.is_ipv4(),
            AddrType::IPv6 => address.is_ipv6(),
            AddrType::Either => true,
        };
        let known = host.parse().ok().or_else(|| self.maps.resolve(host));
        let found = match known {
            Some(address) => Some(address).filter(fits),
            None => {
                let name = host.to_owned();
                let lookup = in_thread(move || {
                    let addresses = (name.as_str(), 0_u16).to_socket_addrs()?;
                    Ok::<_, io::Error>(addresses.map(|address| address.ip()).collect::<Vec<_>>())
                });
                let addresses = while_leased(&lease, async { lookup.await? })
                    .await
                    .map_err(|error| match error {
                        NetError::Io(error) => NetError::Lookup(error),
                        other => other,
                    })?;
                addresses.into_iter().find(fits)
            }
        };
        found.ok_or_else(|| {
            let words = "no address of the wanted kind";
            NetError::Lookup(io::Error::new(io::ErrorKind::NotFound, words))
        })
    }
}

/// What `operation` says, unless the address is lost before.
async fn while_leased<T>(
    lease: &Lease,
    operation: impl Future<Output = io::Result<T>>,
) -> Result<T, NetError> {
    let lost = async {
        lease.lost().await;
        Err(NetError::AddressLost)
    };
    or(lost, async { operation.await.map_err(NetError::Io) }).await
}

/// What a thread leaves for the future that waits for it.
struct Slot<T> {
    result: Option<T>,
    waker: Option<Waker>,
}

/// Runs what would block in a thread of its own. Dropping it lets the thread run out unheard.
async fn in_thread<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> io::Result<T> {
    let slot = Arc::new(Mutex::new(Slot {
        result: None,
        waker: None,
    }));
    let theirs = Arc::clone(&slot);
    std::thread::Builder::new()
        .name("resolver".to_owned())
        .spawn(move || {
            let result = work();
            let mut slot = theirs.lock().unwrap_or_else(PoisonError::into_inner);
            slot.result = Some(result);
            if let Some(waker) = slot.waker.take() {
                waker.wake();
            }
        })?;
    Ok(poll_fn(|context| {
        let mut slot = slot.lock().unwrap_or_else(PoisonError::into_inner);
        slot.result.take().map_or_else(
            || {
                slot.waker = Some(context.waker().clone());
                Poll::Pending
            },
            Poll::Ready,
        )
    })
    .await)
}

#[cfg(test)]
mod tests;
