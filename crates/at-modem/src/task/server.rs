//! The TCP server: one listening port, and the links that its clients opened (spec: at-commands B.4).
//!
//! ```text
//! AT+CIPSERVER=1 ─▶ listening ── client ─▶ lowest free link ─▶ 0,CONNECT
//!                      │           └─ none is free, or CIPSERVERMAXCONN ─▶ Have 5 Connections, reset
//! AT+CIPSERVER=0 ─▶ draining: clients are reset; over when the last accepted link is
//! ```
//!
//! Accepted sockets belong to their listener, so a listener lasts as long as they do. The same port
//! can be opened again meanwhile; another one only when the old links are gone.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use core::pin::pin;

use at_grammar::types::{Family, Protocol, Terminal};
use at_grammar::{LinkId, Reply};
use edge_nal::{TcpAccept, TcpBind, TcpShutdown, TcpSplit};
use embassy_futures::join::join5;
use embassy_futures::select::{Either3, select, select3};
use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embassy_sync::signal::Signal;
use embassy_time::{Duration, Timer, with_timeout};
use embedded_io_async::Error as _;

use super::link::{CLOSE_TIMEOUT, hang_up, over};
use super::owners::LinkOwners;
use super::present::print_connected;
use super::stream::pump;
use crate::links::Link;
use crate::links::server::Listening;
use crate::links::state::{Connection, Event};
use crate::platform::Platform;
use crate::why::{Stage, Why};
use tls_session::reason::StreamError;
use wiped_place::Place;

/// How long a listener that failed rests.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// Serves for as long as it is polled.
pub(crate) async fn run<P: Platform>(owners: &LinkOwners<'_, P>) {
    let server = &owners.links.server;
    loop {
        let listening = server.start.wait().await;
        let any: IpAddr = match listening.family {
            Family::V4 => Ipv4Addr::UNSPECIFIED.into(),
            Family::V6 => Ipv6Addr::UNSPECIFIED.into(),
        };
        match TcpBind::bind(owners.net, SocketAddr::new(any, listening.port)).await {
            Ok(acceptor) => {
                server.changed.reset();
                // Before anything else sees that it is not.
                server.listening.set(Some(listening));
                server.started.signal(Ok(()));
                serve(owners, &acceptor, listening).await;
            }
            Err(error) => server.started.signal(Err(StreamError::from(error.kind()))),
        }
    }
}

/// Hands a client to the task of its link.
type Slot<S> = Signal<NoopRawMutex, (Connection, S)>;

/// One listener's life: until it was stopped and none of its links is left.
async fn serve<P: Platform, A: TcpAccept>(
    owners: &LinkOwners<'_, P>,
    acceptor: &A,
    listening: Listening,
) {
    let slots: [Slot<A::Socket<'_>>; LinkId::COUNT] = [const { Signal::new() }; LinkId::COUNT];
    let [link0, link1, link2, link3, link4] = owners.links.each();
    let [slot0, slot1, slot2, slot3, slot4] = &slots;
    let mut places = (
        pin!(Place::empty()),
        pin!(Place::empty()),
        pin!(Place::empty()),
        pin!(Place::empty()),
        pin!(Place::empty()),
    );
    let clients = join5(
        places.0.as_mut().fill(|| clients_of(link0, owners, slot0)),
        places.1.as_mut().fill(|| clients_of(link1, owners, slot1)),
        places.2.as_mut().fill(|| clients_of(link2, owners, slot2)),
        places.3.as_mut().fill(|| clients_of(link3, owners, slot3)),
        places.4.as_mut().fill(|| clients_of(link4, owners, slot4)),
    );
    let mut slot = pin!(Place::empty());
    let accept_loop = slot
        .as_mut()
        .fill(|| accept_loop(owners, acceptor, listening, &slots));
    select(clients, accept_loop).await;
}

/// Accepts clients, or resets them.
#[expect(clippy::too_many_lines, reason = "an arm per event of the listener")]
async fn accept_loop<'s, P: Platform, A: TcpAccept>(
    owners: &LinkOwners<'_, P>,
    acceptor: &'s A,
    listening: Listening,
    slots: &[Slot<A::Socket<'s>>; LinkId::COUNT],
) {
    let (server, host) = (&owners.links.server, &owners.host);
    loop {
        let open = server.listening.get().is_some();
        if !open && !owners.links.each().iter().any(Link::is_accepted) {
            return;
        }
        match select3(
            acceptor.accept(),
            server.start.wait(),
            server.changed.wait(),
        )
        .await
        {
            Either3::First(Ok((remote, socket))) if open => {
                let taken = owners
                    .links
                    .each()
                    .iter()
                    .filter(|link| link.is_accepted())
                    .count();
                let most = usize::from(host.settings.read(|values| values.links.max_connections));
                let free = owners
                    .links
                    .each()
                    .iter()
                    .zip(slots)
                    .find(|(link, _)| link.is_free());
                match free.filter(|_| taken < most) {
                    Some((link, slot)) => {
                        let connection = Connection {
                            protocol: Protocol::Tcp,
                            terminal: Terminal::Server,
                            remote,
                            local_port: listening.port,
                            udp: None,
                        };
                        // From here on the link is taken, and no other client gets it.
                        link.begin(Event::Accepted(connection));
                        slot.signal((connection, socket));
                    }
                    None => {
                        turn_away(socket).await;

                        let open = owners
                            .links
                            .each()
                            .iter()
                            .filter(|link| link.is_open())
                            .count();
                        let have = Reply::HaveConnections(u8::try_from(open).unwrap_or(u8::MAX));
                        let mut print = host.port.print_unsolicited(host.settings).await;
                        if host.port.says_status(host.settings) {
                            print.reply(&have).await;
                        }
                    }
                }
            }
            Either3::First(Ok((_, socket))) => turn_away(socket).await,
            Either3::First(Err(error)) => {
                espat_log::warn!(
                    "no client can be accepted: {}",
                    StreamError::from(error.kind()).code()
                );
                Timer::after(ACCEPT_PAUSE).await;
            }
            Either3::Second(again) => {
                let open = server.listening.get().is_some();
                let left = owners.links.each().iter().any(Link::is_accepted);
                if open || (left && again != listening) {
                    // The old links hold the old listener.
                    server.started.signal(Err(StreamError::Transport));
                } else if left {
                    server.listening.set(Some(listening));
                    server.started.signal(Ok(()));
                } else {
                    // Nothing is left of this one: the next begins.
                    server.start.signal(again);
                    return;
                }
            }
            // Looked at above.
            Either3::Third(()) => {}
        }
    }
}

/// A reset, not an end in good order: the client sees that nobody was there.
async fn turn_away(mut socket: impl TcpShutdown) {
    let _ = with_timeout(CLOSE_TIMEOUT, socket.abort()).await;
}

/// The clients that get this link, one after another.
async fn clients_of<P: Platform, S: TcpSplit + TcpShutdown>(
    link: &Link<'_>,
    owners: &LinkOwners<'_, P>,
    slot: &Slot<S>,
) {
    loop {
        let (connection, mut socket) = slot.wait().await;
        owners.station.note_link();
        print_connected(link.id, &connection, &owners.host).await;
        let _ = link.tell(Event::Announced);
        let end = {
            let (rx, tx) = socket.split();
            pump(link, &owners.host, rx, tx, |error| {
                Why::new(Stage::Data, StreamError::from(error.kind()))
            })
            .await
        };
        hang_up(&mut socket).await;
        drop(socket);
        over(link, &owners.host, end).await;
        owners.links.server.changed.signal(());
    }
}
