//! The server, plain or with TLS: one listening port, and the links that its clients opened (spec: at-commands B.4).
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
use embassy_futures::select::{Either4, select3, select4};
use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embassy_sync::signal::Signal;
use embassy_time::{Duration, Instant, Timer, with_timeout};
use embedded_io_async::Error as _;

use super::Sessions;
use super::link::{CLOSE_TIMEOUT, hang_up, over};
use super::owners::LinkOwners;
use super::present::print_connected;
use super::stream::pump;
use super::tls::SessionOwners;
use super::tls_server::{self, Client, HANDSHAKES, Job};
#[cfg(feature = "rustls")]
use super::turns::Turns;
use crate::links::Link;
use crate::links::server::Listening;
use crate::links::state::{Connection, Event};
use crate::platform::Platform;
#[cfg(feature = "rustls")]
use crate::tls::credentials::Handshake;
use crate::tls::credentials::Handshakes;
use crate::why::{Stage, Why};
use tls_session::Acceptor;
#[cfg(not(feature = "rustls"))]
use tls_session::reason::SetupError;
use tls_session::reason::StreamError;
use wiped_place::Place;

/// Most sessions with clients of a server.
const SESSIONS: usize = if cfg!(feature = "rustls") {
    LinkId::COUNT
} else {
    0
};

/// How long a listener that failed rests.
const ACCEPT_PAUSE: Duration = Duration::from_secs(1);

/// Serves for as long as it is polled.
pub(crate) async fn run<P: Platform, M: Sessions>(
    memory: &M::Memory,
    owners: &SessionOwners<'_, '_, P>,
) {
    let server = &owners.links.links.server;
    let (_, handshakes) = M::parts(memory);
    loop {
        let listening = server.start.wait().await;
        let any: IpAddr = match listening.family {
            Family::V4 => Ipv4Addr::UNSPECIFIED.into(),
            Family::V6 => Ipv6Addr::UNSPECIFIED.into(),
        };
        // Before the port is there: nothing is left to the first client.
        let acceptor = match credentials(owners, handshakes, listening).await {
            Ok(acceptor) => acceptor,
            Err(why) => {
                server.started.signal(Err(why));
                continue;
            }
        };
        match TcpBind::bind(owners.links.net, SocketAddr::new(any, listening.port)).await {
            Ok(listener) => {
                server.changed.reset();
                server.begin(acceptor);
                // Before anything else sees that it is not.
                server.listening.set(Some(listening));
                server.started.signal(Ok(()));
                serve::<P, M, _>(memory, owners, &listener, listening).await;
            }
            Err(error) => server.started.signal(Err(not_bound(&error))),
        }
    }
}

fn not_bound(error: &impl embedded_io_async::Error) -> Why {
    Why::new(Stage::Tcp, StreamError::from(error.kind()))
}

/// What the sessions of a server with TLS share; `None` without TLS.
#[cfg(feature = "rustls")]
async fn credentials<P: Platform>(
    owners: &SessionOwners<'_, '_, P>,
    handshakes: &Handshakes,
    listening: Listening,
) -> Result<Option<Acceptor>, Why> {
    let Some(terms) = listening.tls else {
        return Ok(None);
    };
    let mut handshake = Handshake::begin(handshakes).await;
    let keys = owners.server_keys;
    let acceptor = handshake.acceptor(owners.flash, owners.scratch, terms, keys);
    let acceptor = acceptor.await;
    acceptor
        .map(Some)
        .map_err(|cause| Why::new(Stage::Setup, cause))
}

/// As the other; this build has no engine for a server.
#[cfg(not(feature = "rustls"))]
async fn credentials<P: Platform>(
    _: &SessionOwners<'_, '_, P>,
    _: &Handshakes,
    listening: Listening,
) -> Result<Option<Acceptor>, Why> {
    match listening.tls {
        Some(_) => Err(Why::new(Stage::Setup, SetupError::NoServer)),
        None => Ok(None),
    }
}

/// Hands a client to the task of its link.
type Slot<S> = Signal<NoopRawMutex, (Connection, S)>;

/// Where clients go: to the task of a link, or with TLS to one that has memory for a session.
struct Places<'p, 'c, S> {
    links: &'p [Slot<S>; LinkId::COUNT],
    sessions: &'p [Job<'c, S>; SESSIONS],
}

/// One listener's life: until it was stopped and none of its links is left.
async fn serve<P: Platform, M: Sessions, A: TcpAccept>(
    memory: &M::Memory,
    owners: &SessionOwners<'_, '_, P>,
    listener: &A,
    listening: Listening,
) {
    let slots: [Slot<A::Socket<'_>>; LinkId::COUNT] = [const { Signal::new() }; LinkId::COUNT];
    let jobs: [Job<'_, A::Socket<'_>>; SESSIONS] = [const { Job::new() }; SESSIONS];
    let links = owners.links;
    let [link0, link1, link2, link3, link4] = links.links.each();
    let [slot0, slot1, slot2, slot3, slot4] = &slots;
    let mut places = (
        pin!(Place::empty()),
        pin!(Place::empty()),
        pin!(Place::empty()),
        pin!(Place::empty()),
        pin!(Place::empty()),
    );
    let clients = join5(
        places.0.as_mut().fill(|| clients_of(link0, links, slot0)),
        places.1.as_mut().fill(|| clients_of(link1, links, slot1)),
        places.2.as_mut().fill(|| clients_of(link2, links, slot2)),
        places.3.as_mut().fill(|| clients_of(link3, links, slot3)),
        places.4.as_mut().fill(|| clients_of(link4, links, slot4)),
    );
    #[cfg(not(feature = "rustls"))]
    let of_sessions = core::future::pending::<()>();
    #[cfg(feature = "rustls")]
    let (records, _) = M::parts(memory);
    #[cfg(feature = "rustls")]
    let turns = Turns::new();
    #[cfg(feature = "rustls")]
    let of_sessions = M::each(|number| {
        let (records, job) = (records.get(number), jobs.get(number));
        tls_server::clients_of(owners, records, job, &turns)
    });
    let mut slot = pin!(Place::empty());
    let accept_loop = slot.as_mut().fill(|| {
        let places = Places {
            links: &slots,
            sessions: &jobs,
        };
        accept_loop::<P, M, _>(memory, owners, listener, listening, places)
    });
    select3(clients, of_sessions, accept_loop).await;
}

/// Accepts clients, or resets them.
#[expect(clippy::too_many_lines, reason = "an arm per event of the listener")]
async fn accept_loop<'s, 'c, P: Platform, M: Sessions, A: TcpAccept>(
    memory: &M::Memory,
    owners: &SessionOwners<'c, '_, P>,
    listener: &'s A,
    listening: Listening,
    places: Places<'_, 'c, A::Socket<'s>>,
) {
    let links = owners.links;
    let server = &links.links.server;
    // A client that waits for a place.
    let mut waiting = None;
    loop {
        let open = server.listening.get().is_some();
        if !open {
            if let Some((_, socket)) = waiting.take() {
                turn_away(socket).await;
            }
            let under_way = places
                .sessions
                .iter()
                .filter(|job| job.since.get().is_some());
            under_way.for_each(|job| job.give_way.signal(()));
            if !links.links.each().iter().any(Link::is_accepted) {
                return;
            }
        }
        if let Some(client) = waiting.take() {
            waiting = hand_over(owners, &places, listening, client).await;
        }
        let next = async {
            match waiting {
                None => listener.accept().await,
                Some(_) => core::future::pending().await,
            }
        };
        let turn = async {
            match waiting {
                None => core::future::pending().await,
                Some(_) => tls_server::end_oldest(places.sessions).await,
            }
        };
        match select4(next, server.start.wait(), server.changed.wait(), turn).await {
            Either4::First(Ok(client)) if open => match lowest_free(links) {
                Some(_) if listening.tls.is_some() => waiting = Some(client),
                Some(link) => {
                    let (remote, socket) = client;
                    let connection = Connection {
                        protocol: Protocol::Tcp,
                        terminal: Terminal::Server,
                        remote,
                        local_port: listening.port,
                        udp: None,
                    };
                    // From here on the link is taken, and no other client gets it.
                    link.begin(Event::Accepted(connection));
                    if let Some(slot) = places.links.get(link.id.index()) {
                        slot.signal((connection, socket));
                    }
                }
                None => {
                    turn_away(client.1).await;
                    have_connections(links).await;
                }
            },
            Either4::First(Ok((_, socket))) => turn_away(socket).await,
            Either4::First(Err(error)) => {
                espat_log::warn!(
                    "no client can be accepted: {}",
                    StreamError::from(error.kind()).code()
                );
                Timer::after(ACCEPT_PAUSE).await;
            }
            Either4::Second(again) => {
                let open = server.listening.get().is_some();
                let left = links.links.each().iter().any(Link::is_accepted);
                if open || (left && again != listening) {
                    // The old links hold the old listener.
                    let held = Why::new(Stage::Tcp, StreamError::Transport);
                    server.started.signal(Err(held));
                } else if left {
                    let (_, handshakes) = M::parts(memory);
                    match credentials(owners, handshakes, again).await {
                        Ok(acceptor) => {
                            server.begin(acceptor);
                            server.listening.set(Some(listening));
                            server.started.signal(Ok(()));
                        }
                        Err(why) => server.started.signal(Err(why)),
                    }
                } else {
                    // Nothing is left of this one: the next begins.
                    server.start.signal(again);
                    return;
                }
            }
            // Looked at above.
            Either4::Third(()) | Either4::Fourth(()) => {}
        }
    }
}

/// Gives a client a place for its handshake; returns it where all are taken, or resets it where none can become free.
async fn hand_over<'c, P: Platform, S: TcpShutdown>(
    owners: &SessionOwners<'c, '_, P>,
    places: &Places<'_, 'c, S>,
    listening: Listening,
    (remote, socket): (SocketAddr, S),
) -> Option<(SocketAddr, S)> {
    let jobs = places.sessions.iter();
    let under_way = jobs.filter(|job| job.since.get().is_some()).count();
    let free = owners.tls.free_for_client();
    match free.filter(|_| under_way < HANDSHAKES) {
        Some((number, slot)) => {
            if let Some(job) = places.sessions.get(number) {
                job.since.set(Some(Instant::now()));
                job.client.signal(Client {
                    remote,
                    local_port: listening.port,
                    socket,
                    claim: slot.claim(),
                });
            }
            None
        }
        None if under_way > 0 => Some((remote, socket)),
        // Sessions that are open have all the memory.
        None => {
            turn_away(socket).await;
            if let Err(why) = owners.tls.free() {
                tls_server::note_refusal(owners, why, remote).await;
            }
            None
        }
    }
}

/// The link that the next client gets, if it gets one.
pub(super) fn lowest_free<'l, P: Platform>(owners: &LinkOwners<'l, P>) -> Option<&'l Link<'l>> {
    let links = owners.links.each();
    let taken = links.iter().filter(|link| link.is_accepted()).count();
    let most = owners
        .host
        .settings
        .read(|values| values.links.max_connections);
    let free = links.iter().find(|link| link.is_free());
    free.filter(|_| taken < usize::from(most))
}

/// `Have 5 Connections`.
pub(super) async fn have_connections<P: Platform>(owners: &LinkOwners<'_, P>) {
    let host = &owners.host;
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
        let _ = link.apply(Event::Announced);
        let end = {
            let (rx, tx) = socket.split();
            pump(link, &owners.host, rx, tx, |error| {
                Why::new(Stage::Data, StreamError::from(error.kind()))
            })
            .await
        };
        hang_up(&mut socket).await;
        drop(socket);
        over(link, owners, end).await;
        owners.links.server.changed.signal(());
    }
}
