//! Clients of a server with TLS: the handshake, which is no link yet, and the link that comes of it.
//!
//! ```text
//! client ─▶ place ─▶ handshake ─┬─▶ lowest free link ─▶ 0,CONNECT
//!                     │         └─▶ alert, end: AT+SSLWHY? of link -1
//!                     └─ gives way to the next client after a second, if all places are taken
//! ```

#[cfg(feature = "rustls")]
use alloc::boxed::Box;
use core::cell::Cell;
use core::net::SocketAddr;
#[cfg(feature = "rustls")]
use core::pin::Pin;
use core::pin::pin;

use at_grammar::types::{Protocol, Terminal};
use edge_nal::{TcpShutdown, TcpSplit};
use embassy_futures::select::{Either, select};
use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embassy_sync::signal::Signal;
use embassy_time::{Duration, Instant, Timer, with_timeout};
use embedded_io_async::Read;
#[cfg(feature = "rustls")]
use embedded_io_async::Write as _;
#[cfg(feature = "rustls")]
use tls_session::Acceptor;
use tls_session::{Deadlines, Session, Transport};
use wiped_place::Place;

use super::link::{CLOSE_TIMEOUT, hang_up, over};
use super::present::print_connected;
use super::server::{have_connections, lowest_free};
use super::stream::{End, pump};
use super::tls::SessionOwners;
use super::turns::{Turn, Turns};
use super::why::reason_line;
use crate::buffers::{RecordMemory, Records};
use crate::links::Link;
use crate::links::state::{CloseBy, Connection, Event};
use crate::platform::{Board, Platform, ReasonOf};
use crate::tls::sessions::{Claim, Peer};
use crate::why::log_text;
use crate::why::{ModemError, Stage, Why};
use tls_session::reason::{StreamError, mbedtls_text};

/// Handshakes at once. They are no links yet, so clients that say nothing cannot take all of those.
pub(super) const HANDSHAKES: usize = 3;

/// How long a handshake has before it gives way to the next client, where all places are taken.
const TURN: Duration = Duration::from_secs(1);

/// A client that was accepted.
pub(super) struct Client<'c, S> {
    pub(super) remote: SocketAddr,
    pub(super) local_port: u16,
    pub(super) socket: S,
    /// The memory for its session.
    pub(super) claim: Claim<'c>,
}

/// Hands clients to the task that has the memory for one session.
pub(super) struct Job<'c, S> {
    pub(super) client: Signal<NoopRawMutex, Client<'c, S>>,
    /// Since when a handshake has been under way.
    pub(super) since: Cell<Option<Instant>>,
    /// The handshake is to end.
    pub(super) give_way: Signal<NoopRawMutex, ()>,
}

impl<S> Job<'_, S> {
    pub(super) const fn new() -> Self {
        Self {
            client: Signal::new(),
            since: Cell::new(None),
            give_way: Signal::new(),
        }
    }
}

/// Waits until the oldest handshake has had its turn, and ends it. For ever where there is none.
pub(super) async fn end_oldest<S>(jobs: &[Job<'_, S>]) {
    let under_way = jobs.iter().filter_map(|job| Some((job.since.get()?, job)));
    if let Some((since, job)) = under_way.min_by_key(|(since, _)| *since) {
        Timer::at(since.saturating_add(TURN)).await;
        job.give_way.signal(());
    }
    // Its task says when the place is free.
    core::future::pending::<()>().await;
}

/// The clients that get this memory, one after another.
#[cfg(feature = "rustls")]
pub(super) async fn clients_of<P: Platform, S: TcpSplit + TcpShutdown>(
    owners: &SessionOwners<'_, '_, P>,
    records: Option<&Records>,
    job: Option<&Job<'_, S>>,
    turns: &Turns,
) {
    let (Some(records), Some(job)) = (records, job) else {
        return core::future::pending().await;
    };
    let server = &owners.links.links.server;
    loop {
        let client = job.client.wait().await;
        job.give_way.reset();
        let remote = client.remote;
        let make = |client| serve(owners, records, (job, turns), client);
        let aside = bytes_on_heap(&make);
        espat_log::info!("heap of a client's task: {} bytes", aside);
        let refused = match owners.check_heap_for_client(aside) {
            Ok(()) => on_heap(|| make(client)).await,
            Err(why) => {
                turn_down(client).await;
                Err(why)
            }
        };
        job.since.set(None);
        if let Err(why) = refused {
            note_refusal(owners, why, remote).await;
        }
        server.changed.signal(());
    }
}

/// A future that takes memory only while there is a client, and leaves nothing of it there.
#[cfg(feature = "rustls")]
fn on_heap<'f, F: Future + 'f>(
    make: impl FnOnce() -> F + 'f,
) -> Pin<Box<dyn Future<Output = F::Output> + 'f>> {
    Box::pin(async move {
        let mut place = pin!(Place::empty());
        place.as_mut().fill(make).await
    })
}

/// Bytes that [`on_heap`] takes for it: the future, what it is made of, and a little for the words of the place.
#[cfg(feature = "rustls")]
const fn bytes_on_heap<A, F: Future>(_: &impl Fn(A) -> F) -> usize {
    size_of::<F>() + 2 * size_of::<A>() + 64
}

/// Says to a client by an alert that there is no heap for its session.
#[cfg(feature = "rustls")]
async fn turn_down<S: TcpSplit + TcpShutdown>(client: Client<'_, S>) {
    let mut socket = client.socket;
    let say = async {
        let (_, mut tx) = socket.split();
        // The reason stands, whether or not the client hears of it.
        if tx.write_all(&Acceptor::INTERNAL_ERROR).await.is_ok() {
            let _ = tx.flush().await;
        }
    };
    let _ = with_timeout(CLOSE_TIMEOUT, say).await;
    hang_up(&mut socket).await;
    drain(&mut socket).await;
}

/// One client from its handshake to the end of its link. `Err` if no session came to be.
async fn serve<P: Platform, S: TcpSplit + TcpShutdown>(
    owners: &SessionOwners<'_, '_, P>,
    records: &Records,
    (job, turns): (&Job<'_, S>, &Turns),
    client: Client<'_, S>,
) -> Result<(), Why> {
    let Client {
        remote,
        local_port,
        mut socket,
        claim,
    } = client;
    let server = &owners.links.links.server;
    let outcome = {
        let mut records = records.take().await;
        let (rx, tx) = socket.split();
        let links = owners.links.links;
        let others = || links.each().iter().any(|link| link.is_open());
        let turn = Turn::new(turns, &job.since, &others);
        let stream = owners.connection(rx, tx, Some(&turn));
        let (rng, clock) = (owners.links.rng.clone(), owners.clock.reading());
        let deadlines = Deadlines::default();
        let opened = {
            // The server is asked for it as long as the handshake takes.
            let Some(acceptor) = server.acceptor() else {
                return Err(Why::new(Stage::Setup, StreamError::Closed));
            };
            let mut place = pin!(Place::empty());
            let records: &mut RecordMemory = &mut records;
            let accept = place
                .as_mut()
                .fill(|| Session::accept(&stream, records, &acceptor, clock, deadlines, rng));
            select(accept, job.give_way.wait()).await
        };
        turn.end();
        job.since.set(None);
        server.changed.signal(());
        match opened {
            Either::First(Ok(session)) => {
                Ok(linked(owners, session, (remote, local_port), &claim).await)
            }
            Either::First(Err(reason)) => Err(Why::from(reason)),
            Either::Second(()) => {
                let stage = Stage::Tls(tls_session::Stage::Hello);
                Err(Why::new(stage, ModemError::GaveWay))
            }
        }
    };
    part(socket, outcome.is_err()).await;
    // Before the host hears of it, so that it can open the next one.
    drop(claim);
    match outcome? {
        Some((link, end)) => over(link, owners.links, end).await,
        None => have_connections(owners.links).await,
    }
    Ok(())
}

/// The session's link, from `CONNECT` to its end. `None` if no link is free for it.
async fn linked<'o, P: Platform, T: Transport>(
    owners: &'o SessionOwners<'_, '_, P>,
    mut session: Session<'_, T>,
    (remote, local_port): (SocketAddr, u16),
    claim: &Claim<'_>,
) -> Option<(&'o Link<'o>, End)> {
    let Some(link) = lowest_free(owners.links) else {
        say_end(session).await;
        return None;
    };
    let connection = Connection {
        protocol: Protocol::Ssl,
        terminal: Terminal::Server,
        remote,
        local_port,
        udp: None,
    };
    link.begin(Event::Accepted(connection));
    claim.begin(link.id, peer_of(&session));
    espat_log::info!("link {}: session with a client open", link.id.get());
    owners.links.station.note_link();
    print_connected(link.id, &connection, &owners.links.host).await;
    let _ = link.apply(Event::Announced);
    let end = talk(owners, link, &mut session).await;
    if matches!(end, End::Asked(CloseBy::Command) | End::Peer | End::Idle(_)) {
        say_end(session).await;
    }
    Some((link, end))
}

/// Data both ways, until somebody ends it.
async fn talk<P: Platform, T: Transport>(
    owners: &SessionOwners<'_, '_, P>,
    link: &Link<'_>,
    session: &mut Session<'_, T>,
) -> End {
    let (rx, tx) = session.split();
    let mut place = pin!(Place::empty());
    let pump = place
        .as_mut()
        .fill(|| pump(link, &owners.links.host, rx, tx, Why::from));
    pump.await
}

/// The end of a connection.
async fn part<S: TcpSplit + TcpShutdown>(mut socket: S, refused: bool) {
    hang_up(&mut socket).await;
    if refused {
        drain(&mut socket).await;
    }
}

/// close_notify, to a client that may not listen.
async fn say_end<T: Transport>(session: Session<'_, T>) {
    let mut place = pin!(Place::empty());
    let close = place.as_mut().fill(|| session.close());
    let _ = with_timeout(CLOSE_TIMEOUT, close).await;
}

/// Reads what the client sent meanwhile: closed with that unread, the stack would reset the connection, and the client
/// might never see the alert.
async fn drain(socket: &mut impl TcpSplit) {
    let (mut rx, _) = socket.split();
    let rest = async {
        let mut piece = [0; 64];
        while let Ok(1..) = rx.read(&mut piece).await {}
    };
    let _ = with_timeout(CLOSE_TIMEOUT, rest).await;
}

/// What is reported about the peer.
fn peer_of<T: Transport>(session: &Session<'_, T>) -> Peer {
    let name = session.server_name().unwrap_or_default();
    Peer {
        negotiated: session.peer().negotiated(),
        // One that is too long for us is left out.
        sni: name.as_str().try_into().unwrap_or_default(),
        alpn: heapless::Vec::new(),
        certificate: session.certificate(),
        // A client proves itself each time.
        resumed: false,
    }
}

/// Keeps why a client was refused; a host that asked for it reads it, once in a second.
pub(super) async fn note_refusal<P: Platform>(
    owners: &SessionOwners<'_, '_, P>,
    why: Why,
    remote: SocketAddr,
) {
    let (server, host) = (&owners.links.links.server, &owners.links.host);
    espat_log::info!(
        "a client was refused: {} [{}], mbedtls -{:#06x} {}",
        log_text(&why).as_str(),
        why.code(),
        why.mbedtls().unsigned_abs(),
        mbedtls_text(why.mbedtls())
    );
    let client = ReasonOf::Client(Some(remote));
    owners.links.board.note_reason(client, &why);
    server.keep_refusal(why, Some(remote));
    let wanted = host.settings.read(|values| values.port.syslog);
    if !wanted || !host.port.says_status(host.settings) || !server.may_show(Instant::now()) {
        return;
    }
    if let Some(refusal) = server.last() {
        let mut print = host.port.print_unsolicited(host.settings).await;
        reason_line(&mut print, None, &refusal.why, &refusal).await;
    }
}
