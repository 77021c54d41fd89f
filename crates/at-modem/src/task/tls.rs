//! TLS sessions: the tasks that have memory for one each, the handshake, the dry run.

use core::pin::pin;

use at_grammar::types::Protocol;
use edge_nal::TcpSplit;
use embassy_time::{Delay, Instant, with_timeout};
use embedded_io_async::{Read, Write};
use rand_core::CryptoRngCore;
#[cfg(feature = "rustls")]
use tls_session::Reason;
use tls_session::evidence::Application;
use tls_session::{Chain, Connection, Deadlines, Policy, Resumption, Session, Transport};

use super::link::{CLOSE_TIMEOUT, begin, conclude, connect, hang_up, look_up, unless_closed};
use super::owners::LinkOwners;
use super::stream::{End, pump};
use super::turns::{Paced, Turn};
use super::why::with_sntp;
use crate::buffers::{RecordMemory, Records};
use crate::clock::WallClock;
use crate::flash::Flash;
use crate::links::Link;
use crate::links::state::{CloseBy, Request, Target};
use crate::platform::Platform;
use crate::scratch::Scratch;
#[cfg(feature = "rustls")]
use crate::tls::credentials::ServerKeys;
use crate::tls::credentials::{Handshake, Handshakes};
use crate::tls::sessions::{Peer, Probed, Slot, TlsSessions};
use crate::tls::terms::terms_of;
use crate::why::{Stage, Why};
use tls_session::reason::StreamError;
use wiped_place::Place;

/// The halves of a socket, and what wakes a session that waits.
type Parts<'t, 'u, R, W> = (Paced<'t, 'u, R>, Paced<'t, 'u, W>, Delay);

/// What tasks of sessions need; `'s` is the life of the buffers.
pub(crate) struct SessionOwners<'a, 's, P: Platform> {
    pub(crate) links: &'a LinkOwners<'a, P>,
    pub(crate) flash: &'a Flash<P::Flash>,
    pub(crate) clock: &'a WallClock,
    pub(crate) scratch: &'s Scratch,
    pub(crate) tls: &'a TlsSessions<'s>,
    /// Keys that a server may have.
    #[cfg(feature = "rustls")]
    pub(crate) server_keys: ServerKeys,
    /// Who was promised how much of the heap.
    #[cfg(feature = "rustls")]
    pub(crate) ledger: Option<&'static tls_session::Ledger>,
}

impl<P: Platform> SessionOwners<'_, '_, P> {
    /// Whether the heap has what a session may need, before anything is connected.
    fn check_heap(&self, policy: &Policy<'_>) -> Result<(), Why> {
        #[cfg(feature = "rustls")]
        if let Some(ledger) = self.ledger {
            let checked = ledger.check(policy, RECORD_BUFFER);
            checked.map_err(|error| Reason::new(tls_session::Stage::Setup, error))?;
        }
        #[cfg(not(feature = "rustls"))]
        let _ = policy;
        Ok(())
    }

    /// The same, for a session with a client. `aside` are the bytes of its task.
    #[cfg(feature = "rustls")]
    pub(super) fn check_heap_for_client(&self, aside: usize) -> Result<(), Why> {
        if let (Some(ledger), Some(acceptor)) = (self.ledger, self.links.links.server.acceptor()) {
            let checked = ledger.check_client(&acceptor, RECORD_BUFFER, aside);
            let reason = |error| Reason::new(tls_session::Stage::Setup, error).of_client();
            checked.map_err(reason)?;
        }
        Ok(())
    }

    /// What a session to this server may be resumed with, unless `AT+SSLRESUME=0` forbids it.
    fn resumption(&self, target: &Target) -> Option<Resumption> {
        let (resume, mode) = self.links.host.settings.read(|values| {
            let tls = &values.tls;
            (tls.resume, tls.policy_mode)
        });
        let tickets = self.tls.tickets();
        let (host, port) = (&target.host, target.port);
        resume.then(|| Resumption::new(tickets.clone(), host, port, &[mode.code()]))
    }

    /// A connection to a server of that name.
    fn to_server<R: Read, W: Write>(
        &self,
        rx: R,
        tx: W,
        target: &Target,
    ) -> Connection<Parts<'static, 'static, R, W>> {
        let connection = self.connection(rx, tx, None);
        match self.resumption(target) {
            Some(resumption) => connection.with_resumption(resumption),
            None => connection,
        }
    }

    /// A connection, of a client if it takes turns.
    pub(super) fn connection<'t, 'u, R: Read, W: Write>(
        &self,
        rx: R,
        tx: W,
        turn: Option<&'u Turn<'t>>,
    ) -> Connection<Parts<'t, 'u, R, W>> {
        let (rx, tx) = (Paced(rx, turn), Paced(tx, turn));
        let connection = Connection::new(rx, tx, Delay).with_clock(|| Instant::now().as_millis());
        #[cfg(feature = "rustls")]
        if let Some(ledger) = self.ledger {
            return connection.with_ledger(ledger);
        }
        connection
    }
}

/// Bytes of a session's own buffer for incoming records; none where they are on the heap.
#[cfg(feature = "rustls")]
const RECORD_BUFFER: usize = match cfg!(feature = "heap-records") {
    true => 0,
    false => tls_session::FULL_RECORD,
};

/// Serves one session after another for as long as it is polled.
pub(crate) async fn run<P: Platform>(
    slot: &Slot,
    owners: &SessionOwners<'_, '_, P>,
    records: &Records,
    handshakes: &Handshakes,
) {
    #[cfg(feature = "rustls")]
    if let Some(ledger) = owners.ledger {
        ledger.evict_first(owners.tls.tickets().clone());
    }
    loop {
        let id = slot.job.wait().await;
        let link = owners.links.links.get(id);
        let Some((link, request)) = link.and_then(|link| Some((link, link.request()?))) else {
            slot.busy.set(false);
            continue;
        };
        let result = {
            let mut records = records.take().await;
            let records: &mut RecordMemory = &mut records;
            let mut place_of_it = pin!(Place::empty());
            let attempt = place_of_it
                .as_mut()
                .fill(|| attempt(link, slot, owners, (&request, records), handshakes));
            attempt.await
        };
        slot.end();
        // Before the host hears of it, so that it can open the next one; and not again afterwards, when
        // the next one may be here already.
        slot.busy.set(false);
        let settings = owners.links.host.settings;
        let result = result.map_err(|why| with_sntp(why, owners.clock, settings));
        conclude(link, owners.links, result).await;
    }
}

/// `Err` if no session came to be.
async fn attempt<P: Platform>(
    link: &Link<'_>,
    slot: &Slot,
    owners: &SessionOwners<'_, '_, P>,
    (request, records): (&Request, &mut RecordMemory),
    handshakes: &Handshakes,
) -> Result<End, Why> {
    let setup = |cause| Why::new(Stage::Setup, cause);
    let mut handshake = Handshake::begin(handshakes).await;
    owners.links.host.settings.read(|values| {
        let terms = terms_of(&values.tls, link.id, &request.target.host);
        terms.map(|terms| handshake.hold(&terms)).map_err(Why::from)
    })?;
    let loaded = {
        let mut slot = pin!(Place::empty());
        let load = slot
            .as_mut()
            .fill(|| handshake.load(owners.flash, owners.scratch));
        load.await.map_err(setup)?
    };
    let policy = loaded
        .policy(owners.clock.reading())
        .map_err(|cause| loaded.refusal(cause))?;
    owners.check_heap(&policy)?;
    let remote = look_up(link, owners.links, &request.target).await?;
    let (mut socket, local_port) = connect(link, owners.links, remote).await?;
    let end = {
        let (rx, tx) = socket.split();
        let guarded = owners.to_server(rx, tx, &request.target);
        if request.probe {
            return Err(dry_run(link, owners, &guarded, records, &policy).await);
        }
        let opened = {
            let rng = owners.links.rng.clone();
            let mut slot = pin!(Place::empty());
            let open = slot
                .as_mut()
                .fill(|| Session::open(&guarded, records, &policy, Deadlines::default(), rng));
            unless_closed(link, Stage::Tls(tls_session::Stage::Hello), open).await
        };
        let mut session = opened??;
        slot.begin(link.id, peer_of(&session, &policy));
        // The next handshake may begin, and nothing of this one is left.
        drop(loaded);
        drop(handshake);
        espat_log::info!("link {}: session open", link.id.get());
        begin(link, Protocol::Ssl, (remote, local_port), None);
        link.announced().await;
        let end = {
            let (rx, tx) = session.split();
            let mut slot = pin!(Place::empty());
            let pump = slot
                .as_mut()
                .fill(|| pump(link, &owners.links.host, rx, tx, Why::from));
            pump.await
        };
        if matches!(end, End::Asked(CloseBy::Command) | End::Peer) {
            // Best effort: the session is over either way.
            let mut slot = pin!(Place::empty());
            let close = slot.as_mut().fill(|| session.close());
            let _ = with_timeout(CLOSE_TIMEOUT, close).await;
        }
        end
    };
    hang_up(&mut socket).await;
    Ok(end)
}

/// What is reported about the peer.
fn peer_of<T: Transport>(session: &Session<'_, T>, policy: &Policy<'_>) -> Peer {
    let negotiated = session.peer().negotiated();
    let alpn = match negotiated.application {
        Application::Offered(position) => policy.alpn.get(position).copied(),
        Application::Unnamed | Application::NotOffered => None,
    };
    Peer {
        negotiated,
        // As long as in the settings, so they fit.
        sni: policy
            .sni
            .unwrap_or_default()
            .try_into()
            .unwrap_or_default(),
        alpn: heapless::Vec::from_slice(alpn.unwrap_or_default()).unwrap_or_default(),
        certificate: session.certificate(),
        resumed: session.peer().resumed().is_some(),
    }
}

/// `AT+SSLPROBE`: keeps what the server showed, and returns what ends the link, for nobody stays connected.
async fn dry_run<'m, P: Platform, R, T>(
    link: &Link<'_>,
    owners: &SessionOwners<'_, '_, P>,
    transport: &'m Connection<(R, T, Delay)>,
    memory: &'m mut RecordMemory,
    policy: &Policy<'_>,
) -> Why
where
    R: Read + 'm,
    T: Write + 'm,
{
    let rng = owners.links.rng.clone();
    let mut slot = pin!(Place::empty());
    let probed = slot
        .as_mut()
        .fill(|| probe(owners.scratch, transport, memory, policy, rng));
    match unless_closed(link, Stage::Tls(tls_session::Stage::Hello), probed).await {
        Ok(mut probed) => {
            let settings = owners.links.host.settings;
            let verdict = probed.verdict;
            probed.verdict = verdict.map_err(|why| with_sntp(why, owners.clock, settings));
            owners.tls.keep_probed(probed);
            // The one that asked reads it from there.
            Why::new(Stage::Data, StreamError::Closed)
        }
        Err(why) => why,
    }
}

/// A dry run: what the server shows, and what the policy makes of it.
async fn probe<'s, 'm, R, T>(
    scratch: &'s Scratch,
    transport: &'m Connection<(R, T, Delay)>,
    memory: &'m mut RecordMemory,
    policy: &Policy<'_>,
    rng: impl CryptoRngCore,
) -> Probed<'s>
where
    R: Read + 'm,
    T: Write + 'm,
{
    let mut buffer = scratch.lock().await;
    let mut chain = Chain::new(&mut buffer[..]);
    let deadlines = Deadlines::default();
    let verdict = Session::probe(transport, memory, policy, deadlines, rng, &mut chain).await;
    let mut end = 0_usize;
    let ends = chain.certificates().map(|der| {
        end = end.saturating_add(der.len());
        end
    });
    let mut text = heapless::String::new();
    // The longest fits; one that did not would be cut.
    let _ = core::fmt::write(&mut text, format_args!("{policy}"));
    let ends = ends.collect();
    let dropped = u32::try_from(chain.dropped()).unwrap_or(u32::MAX);
    Probed {
        chain: buffer,
        ends,
        dropped,
        policy: text,
        verdict: verdict.map(drop).map_err(Why::from),
    }
}
