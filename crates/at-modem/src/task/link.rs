//! The task of one link: from a request to an open connection, and back to waiting.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use core::pin::pin;

use at_grammar::types::{Family, Protocol, Terminal, UdpMode};
use edge_nal::{AddrType, Close, Dns, TcpConnect, TcpShutdown, TcpSplit, UdpBind};
use embassy_futures::select::{Either, select};
use embassy_time::{Duration, with_timeout};
use embedded_io_async::Error as _;
use rand_core::RngCore;

use super::owners::LinkOwners;
use super::present::print_closed;
use super::stream::{End, pump};
use super::udp;
use crate::links::Link;
use crate::links::state::{Carrier, Connection, Ended, Event, LinkState, Print, Target};
use crate::net::NetExtras;
use crate::platform::{Board, Platform, ReasonOf};
use crate::settings::Values;
use crate::why::{Cause, ModemError, Stage, Why};
use tls_session::reason::StreamError;
use wiped_place::Place;

/// Resolving a name.
const DNS_TIMEOUT: Duration = Duration::from_secs(10);
/// A TCP connect: longer than the three SYN retries of the reference firmware's stack.
const TCP_TIMEOUT: Duration = Duration::from_secs(20);
/// close_notify and FIN: a peer that does not take them is left behind.
pub(super) const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// A request without TLS, which takes less room.
struct Plain {
    target: Target,
    udp: Option<(Option<u16>, UdpMode)>,
}

impl Plain {
    /// Those with TLS go to a task that has the memory for it: `tls::run`.
    fn asked(state: &LinkState) -> Option<Self> {
        let LinkState::Opening { request, .. } = state else {
            return None;
        };
        let udp = match request.carrier {
            Carrier::Tcp => None,
            Carrier::Udp { local_port, mode } => Some((local_port, mode)),
            Carrier::Tls => return None,
        };
        Some(Self {
            target: request.target.clone(),
            udp,
        })
    }
}

/// Serves one link without TLS for as long as it is polled.
pub(crate) async fn run<P: Platform>(link: &Link<'_>, owners: &LinkOwners<'_, P>) {
    loop {
        let plain = link.until(Plain::asked).await;
        let result = {
            let mut slot = pin!(Place::empty());
            let attempt = slot.as_mut().fill(|| attempt(link, owners, &plain));
            attempt.await
        };
        conclude(link, owners, result).await;
    }
}

/// An attempt has failed, or what came of it is over.
pub(super) async fn conclude<P: Platform>(
    link: &Link<'_>,
    owners: &LinkOwners<'_, P>,
    result: Result<End, Why>,
) {
    match result {
        Ok(end) => over(link, owners, end).await,
        Err(reason) => link.refuse(reason),
    }
}

/// A connection is over and its socket is gone: the host reads it, unless a command prints it.
pub(super) async fn over<P: Platform>(link: &Link<'_>, owners: &LinkOwners<'_, P>, end: End) {
    // Where a command or the interface closed it, the state knows already.
    let _ = match end {
        End::Asked(_) => Ok(None),
        End::Peer => link.apply(Event::Ended(Ended::Peer)),
        End::Idle(ms) => link.apply(Event::Ended(Ended::Failed(End::timeout(ms)))),
        End::Failed(reason) => link.apply(Event::Ended(Ended::Failed(reason))),
    };
    let print = link.apply(Event::Released);
    link.inbox.reset();
    if let Some(reason) = link.last() {
        link.log(&reason);
        owners.board.note_reason(ReasonOf::Ended(link.id), &reason);
    }
    if print == Ok(Some(Print::Closed)) {
        print_closed(link.id, &owners.host).await;
    }
    link.note_end();
}

/// The connection is there: whoever asked for it looks at the state.
pub(super) fn begin(
    link: &Link<'_>,
    protocol: Protocol,
    (remote, local_port): (SocketAddr, u16),
    udp: Option<UdpMode>,
) {
    link.begin(Event::Connected(Connection {
        protocol,
        terminal: Terminal::Client,
        remote,
        local_port,
        udp,
    }));
}

/// Where the request leads.
pub(super) async fn look_up<P: Platform>(
    link: &Link<'_>,
    owners: &LinkOwners<'_, P>,
    target: &Target,
) -> Result<SocketAddr, Why> {
    let resolve = pin!(resolve(
        owners.net,
        &target.host,
        target.port,
        target.family
    ));
    unless_closed(link, Stage::Dns, resolve).await?
}

/// `Err` if no connection came to be.
async fn attempt<P: Platform>(
    link: &Link<'_>,
    owners: &LinkOwners<'_, P>,
    plain: &Plain,
) -> Result<End, Why> {
    let remote = look_up(link, owners, &plain.target).await?;
    match plain.udp {
        Some((local_port, mode)) => {
            let local_port = local_port.unwrap_or_else(|| any_port(owners.rng));
            let any: IpAddr = match plain.target.family {
                Family::V4 => Ipv4Addr::UNSPECIFIED.into(),
                Family::V6 => Ipv6Addr::UNSPECIFIED.into(),
            };
            let bind = UdpBind::bind(owners.net, SocketAddr::new(any, local_port)).await;
            let socket =
                bind.map_err(|error| Why::new(Stage::Tcp, StreamError::from(error.kind())))?;
            begin(link, Protocol::Udp, (remote, local_port), Some(mode));
            link.announced().await;
            let mut slot = pin!(Place::empty());
            let pump = slot
                .as_mut()
                .fill(|| udp::pump(link, &owners.host, socket, remote));
            Ok(pump.await)
        }
        None => {
            let (mut socket, local_port) = connect(link, owners, remote).await?;
            begin(link, Protocol::Tcp, (remote, local_port), None);
            link.announced().await;
            let end = {
                let (rx, tx) = socket.split();
                let reason = |error: <P::Net as TcpConnect>::Error| {
                    Why::new(Stage::Data, StreamError::from(error.kind()))
                };
                let mut slot = pin!(Place::empty());
                let pump = slot
                    .as_mut()
                    .fill(|| pump(link, &owners.host, rx, tx, reason));
                pump.await
            };
            hang_up(&mut socket).await;
            Ok(end)
        }
    }
}

/// The socket goes with or without the peer's consent.
pub(super) async fn hang_up(socket: &mut impl TcpShutdown) {
    let _ = with_timeout(CLOSE_TIMEOUT, socket.close(Close::Write)).await;
}

/// A TCP connection with the options of its link, and our port of it.
pub(super) async fn connect<'a, P: Platform>(
    link: &Link<'_>,
    owners: &LinkOwners<'a, P>,
    remote: SocketAddr,
) -> Result<(<P::Net as TcpConnect>::Socket<'a>, u16), Why> {
    let tcp = |cause| Why::new(Stage::Tcp, cause);
    let connect = pin!(with_timeout(TCP_TIMEOUT, owners.net.connect(remote)));
    match unless_closed(link, Stage::Tcp, connect).await? {
        Ok(Ok(socket)) => {
            let tcp = |values: &Values| values.links.tcp_of(link.id);
            let options = owners.host.settings.read(tcp).options();
            owners.extras.set_options(&socket, options);
            let local_port = owners.extras.local_port(&socket).unwrap_or(0);
            Ok((socket, local_port))
        }
        Ok(Err(error)) => Err(tcp(StreamError::from(error.kind()))),
        Err(_) => Err(tcp(StreamError::Timeout {
            ms: millis(TCP_TIMEOUT),
        })),
    }
}

/// A port of the dynamic range (RFC 6335 §6), so that it can be reported to the host.
fn any_port(rng: &(impl RngCore + Clone)) -> u16 {
    let [low, high, ..] = rng.clone().next_u32().to_le_bytes();
    u16::from_le_bytes([low, high]) | 0xc000
}

/// Waits for a step of opening, unless the link is closed meanwhile.
pub(super) async fn unless_closed<T>(
    link: &Link<'_>,
    stage: Stage,
    step: impl Future<Output = T>,
) -> Result<T, Why> {
    match select(step, link.cancelled()).await {
        Either::First(output) => Ok(output),
        Either::Second(()) => Err(Why::new(stage, StreamError::Closed)),
    }
}

/// Where `host` is: an address as it stands, a name as the name servers say.
pub(crate) async fn resolve(
    net: &impl Dns,
    host: &str,
    port: u16,
    family: Family,
) -> Result<SocketAddr, Why> {
    let dns = |cause: Cause| Why::new(Stage::Dns, cause).wanting(host);
    let wanted = |address: &IpAddr| address.is_ipv4() == (family == Family::V4);
    if let Ok(address) = host.parse::<IpAddr>() {
        return Some(address)
            .filter(wanted)
            .map(|address| SocketAddr::new(address, port))
            .ok_or_else(|| dns(ModemError::HostNotFound.into()));
    }
    let kind = match family {
        Family::V4 => AddrType::IPv4,
        Family::V6 => AddrType::IPv6,
    };
    match with_timeout(DNS_TIMEOUT, net.get_host_by_name(host, kind)).await {
        Ok(Ok(address)) if wanted(&address) => Ok(SocketAddr::new(address, port)),
        Ok(_) => Err(dns(ModemError::HostNotFound.into())),
        Err(_) => {
            let ms = millis(DNS_TIMEOUT);
            Err(dns(StreamError::Timeout { ms }.into()))
        }
    }
}

fn millis(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}
