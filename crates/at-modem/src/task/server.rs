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

use at_grammar::Reply;
use at_grammar::types::{Family, Protocol, Terminal};
use edge_nal::{TcpAccept, TcpBind, TcpShutdown, TcpSplit};
use embassy_futures::join::join5;
use embassy_futures::select::{Either3, select, select3};
use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embassy_sync::signal::Signal;
use embassy_time::{Duration, Timer, with_timeout};
use embedded_io_async::Error as _;

use super::link::{CLOSE_TIMEOUT, hang_up, over};
use super::stream::pump;
use crate::links::Link;
use crate::links::server::Listening;
use crate::links::state::{Connection, Event};
use crate::place::place;
use crate::platform::Platform;
use crate::state::{LINKS, Shared};
use crate::why::{Stage, Why};
use tls_session::reason::StreamError;

/// How long a listener that failed rests.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// Serves for as long as it is polled.
pub(crate) async fn run<P: Platform>(shared: &Shared<'_, P>) {
    let server = &shared.server;
    loop {
        let listening = server.start.wait().await;
        let any: IpAddr = match listening.family {
            Family::V4 => Ipv4Addr::UNSPECIFIED.into(),
            Family::V6 => Ipv6Addr::UNSPECIFIED.into(),
        };
        match TcpBind::bind(shared.net, SocketAddr::new(any, listening.port)).await {
            Ok(acceptor) => {
                server.changed.reset();
                // Before anything else sees that it is not.
                server.listening.set(Some(listening));
                server.started.signal(Ok(()));
                serve(shared, &acceptor, listening).await;
            }
            Err(error) => server.started.signal(Err(StreamError::from(error.kind()))),
        }
    }
}

/// Hands a client to the task of its link.
type Slot<S> = Signal<NoopRawMutex, (Connection, S)>;

/// One listener's life: until it was stopped and none of its links is left.
async fn serve<P: Platform, A: TcpAccept>(
    shared: &Shared<'_, P>,
    acceptor: &A,
    listening: Listening,
) {
    let slots: [Slot<A::Socket<'_>>; LINKS] = [const { Signal::new() }; LINKS];
    let [link0, link1, link2, link3, link4] = &shared.links;
    let [slot0, slot1, slot2, slot3, slot4] = &slots;
    let mut places = (pin!(None), pin!(None), pin!(None), pin!(None), pin!(None));
    let clients = join5(
        place(places.0.as_mut(), || clients_of(link0, shared, slot0)),
        place(places.1.as_mut(), || clients_of(link1, shared, slot1)),
        place(places.2.as_mut(), || clients_of(link2, shared, slot2)),
        place(places.3.as_mut(), || clients_of(link3, shared, slot3)),
        place(places.4.as_mut(), || clients_of(link4, shared, slot4)),
    );
    let mut slot = pin!(None);
    let accept_loop = place(slot.as_mut(), || {
        accept_loop(shared, acceptor, listening, &slots)
    });
    select(clients, accept_loop).await;
}

/// Accepts clients, or resets them.
#[expect(clippy::too_many_lines, reason = "an arm per event of the listener")]
async fn accept_loop<'s, P: Platform, A: TcpAccept>(
    shared: &Shared<'_, P>,
    acceptor: &'s A,
    listening: Listening,
    slots: &[Slot<A::Socket<'s>>; LINKS],
) {
    let server = &shared.server;
    loop {
        let open = server.listening.get().is_some();
        if !open && !shared.links.iter().any(Link::is_accepted) {
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
                let taken = shared
                    .links
                    .iter()
                    .filter(|link| link.is_accepted())
                    .count();
                let most = usize::from(shared.settings.read(|values| values.links.max_connections));
                let free = shared
                    .links
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

                        let open = shared.links.iter().filter(|link| link.is_open()).count();
                        let have = Reply::HaveConnections(u8::try_from(open).unwrap_or(u8::MAX));
                        let mut print = shared.print_unsolicited().await;
                        if shared.says_status() {
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
                let left = shared.links.iter().any(Link::is_accepted);
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
    shared: &Shared<'_, P>,
    slot: &Slot<S>,
) {
    loop {
        let (connection, mut socket) = slot.wait().await;
        shared.station.note_link();
        shared.print_connected(link.id, &connection).await;
        let _ = link.tell(Event::Announced);
        let end = {
            let (rx, tx) = socket.split();
            pump(link, shared, rx, tx, |error| {
                Why::new(Stage::Data, StreamError::from(error.kind()))
            })
            .await
        };
        hang_up(&mut socket).await;
        drop(socket);
        over(link, shared, end).await;
        shared.server.changed.signal(());
    }
}
