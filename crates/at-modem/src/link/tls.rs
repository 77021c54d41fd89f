//! TLS sessions: the tasks that have memory for one each, its policy, its handshake, the dry run.

use core::pin::pin;

use core::cell::Cell;

use at_grammar::LinkId;
use at_grammar::types::Protocol;
use edge_nal::TcpSplit;
use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embassy_sync::mutex::MutexGuard;
use embassy_sync::signal::Signal;
use embassy_time::{Delay, with_timeout};
use heapless::Vec;
use tls_session::cause::Limit;
use tls_session::policy::MAX_ANCHORS;
use tls_session::{
    Anchors, Cause, Chain, CommonName, Deadlines, GuardedTransport, Identity, NameRule, PeerAuth,
    PeerName, Policy, PreSharedKey, Reason, Session, Stage,
};

use super::open::{CLOSE_PATIENCE, begin, conclude, connect, hang_up, look_up, unless_closed};
use super::pump::{End, pump};
use super::{Link, OpenRequest, Probed, TlsSettings, credentials};
use crate::place::place;
use crate::platform::Platform;
use crate::scratch::Scratch;
use crate::state::{Credentials, Shared};

/// What a handshake needs of the partitions: known to be there before the first packet.
struct Items<'m> {
    anchors: Vec<&'m [u8], MAX_ANCHORS>,
    identity: Option<Identity<'m>>,
}

async fn items<'m, P: Platform>(
    shared: &Shared<'_, P>,
    tls: &TlsSettings,
    memory: &'m mut credentials::CredentialMemory,
) -> Result<Items<'m>, Reason> {
    let setup = |cause| Reason::new(Stage::Setup, cause);
    let (place, certificates) = memory.parts();
    // A server that knows the key has no use for our certificate (RFC 8446 §4.3.2).
    let by_key = tls.psk.is_some() && !tls.auth.verifies_server();
    let mut items = Items {
        anchors: Vec::new(),
        identity: None,
    };
    if tls.auth.sends_certificate() && !by_key {
        let load = credentials::load_identity(shared, tls.pki, place, &mut certificates[..]);
        items.identity = Some(load.await.map_err(setup)?);
    }
    if tls.auth.verifies_server() {
        items.anchors = credentials::load(shared, tls.ca, certificates)
            .await
            .map_err(setup)?;
    }
    Ok(items)
}

/// A task that has the memory for a session, and what it is to do.
pub(crate) struct Slot {
    /// The link whose request is asked for.
    job: Signal<NoopRawMutex, LinkId>,
    /// From the job until the session is over.
    busy: Cell<bool>,
}

impl Slot {
    pub(crate) const fn new() -> Self {
        Self {
            job: Signal::new(),
            busy: Cell::new(false),
        }
    }

    /// A slot whose task was dropped is free.
    pub(crate) fn forget(&self) {
        self.job.reset();
        self.busy.set(false);
    }

    pub(crate) const fn is_free(&self) -> bool {
        !self.busy.get()
    }

    /// Gives a link's request to the task.
    pub(super) fn give(&self, link: LinkId) {
        self.busy.set(true);
        self.job.signal(link);
    }
}

/// No task for a session is free.
pub(crate) fn no_memory(sessions: usize) -> Reason {
    let limit = u32::try_from(sessions).unwrap_or(u32::MAX);
    Reason::new(
        Stage::Setup,
        Cause::TooLarge {
            what: Limit::Sessions,
            needed: limit.saturating_add(1),
            limit,
        },
    )
}

/// Serves one session after another for as long as it is polled.
pub(crate) async fn run<P: Platform>(
    slot: &Slot,
    shared: &Shared<'_, P>,
    records: &mut tls_session::Memory,
    credentials: &Credentials,
) {
    loop {
        let id = slot.job.wait().await;
        let request = shared.asked.take();
        let Some((link, request)) = shared.links.get(id.index()).zip(request) else {
            slot.busy.set(false);
            continue;
        };
        let result = {
            let records = &mut *records;
            let mut place_of_it = pin!(None);
            let attempt = place(place_of_it.as_mut(), || {
                attempt(link, shared, &request, records, credentials)
            });
            attempt.await
        };
        // Before the host hears of it, so that it can open the next one; and not again afterwards, when
        // the next one may be here already.
        slot.busy.set(false);
        conclude(link, shared, result).await;
    }
}

/// `Err` if no session came to be.
async fn attempt<P: Platform>(
    link: &Link<'_>,
    shared: &Shared<'_, P>,
    request: &OpenRequest,
    records: &mut tls_session::Memory,
    credentials: &Credentials,
) -> Result<End, Reason> {
    let Some(tls) = request.tls() else {
        return Err(Reason::new(Stage::Setup, Cause::Transport));
    };
    let mut credentials = Wiped(credentials.lock().await);
    let items = items(shared, tls, &mut credentials.0).await?;
    let anchors = items.anchors.as_slice();
    let alpn: Vec<&[u8], 5> = tls.alpn.iter().map(Vec::as_slice).collect();
    let policy = Policy {
        identity: items.identity.as_ref(),
        ..policy(shared, tls, anchors, &alpn)?
    };
    let remote = look_up(link, shared, &request.target).await?;
    let (mut socket, local_port) = connect(link, shared, remote).await?;
    let end = {
        let rng = shared.rng.clone();
        let (rx, tx) = socket.split();
        let guarded = GuardedTransport::new(rx, tx, Delay);
        if request.probe {
            let mut slot = pin!(None);
            let probed = place(slot.as_mut(), || {
                probe(shared, &guarded, records, &policy, rng)
            });
            let probed = unless_closed(link, Stage::Hello, probed).await?;
            shared.probed.replace(Some(probed));
            // The one that asked reads it from there.
            return Err(Reason::new(Stage::Data, Cause::Closed));
        }
        let opened = {
            let mut slot = pin!(None);
            let open = place(slot.as_mut(), || {
                Session::open(&guarded, records, &policy, Deadlines::default(), rng)
            });
            unless_closed(link, Stage::Hello, open).await
        };
        let mut session = opened??;
        // The handshake is all they were for.
        drop(items);
        drop(credentials);
        espat_log::info!("link {}: session open", link.id.get());
        begin(link, shared, Protocol::Ssl, (remote, local_port), None);
        link.announced.wait().await;
        let end = {
            let (rx, tx) = session.split();
            let mut slot = pin!(None);
            let pump = place(slot.as_mut(), || {
                pump(link, shared, rx, tx, |reason| reason)
            });
            pump.await
        };
        if end == End::Host || end == End::Peer {
            // Best effort: the session is over either way.
            let mut slot = pin!(None);
            let close = place(slot.as_mut(), || session.close());
            let _ = with_timeout(CLOSE_PATIENCE, close).await;
        }
        end
    };
    hang_up(&mut socket).await;
    Ok(end)
}

/// Credentials that are forgotten however the handshake ends.
struct Wiped<'m>(MutexGuard<'m, NoopRawMutex, credentials::CredentialMemory>);

impl Drop for Wiped<'_> {
    fn drop(&mut self) {
        self.0.wipe();
    }
}

/// A dry run: what the server shows, and what the policy makes of it.
async fn probe<'s, 'm, P: Platform, R, T>(
    shared: &Shared<'s, P>,
    transport: &'m GuardedTransport<R, T, Delay>,
    memory: &'m mut tls_session::Memory,
    policy: &Policy<'_>,
    rng: P::Rng,
) -> Probed<'s>
where
    R: embedded_io_async::Read + 'm,
    T: embedded_io_async::Write + 'm,
{
    let scratch: &'s Scratch = shared.scratch;
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
        verdict: verdict.map(drop),
    }
}

/// What a session of these settings must be.
fn policy<'p, P: Platform>(
    shared: &Shared<'_, P>,
    tls: &'p TlsSettings,
    ders: &'p [&'p [u8]],
    alpn: &'p [&'p [u8]],
) -> Result<Policy<'p>, Reason> {
    let setup = |cause| Reason::new(Stage::Setup, cause);
    let name = name_rule(tls);
    let peer = if tls.auth.verifies_server() {
        PeerAuth::Chain {
            anchors: Anchors::new(ders).map_err(setup)?,
            name: name.map_err(setup)?,
            clock: shared.clock.reading(),
        }
    } else if let Some(psk) = &tls.psk {
        let psk = PreSharedKey::new(&psk.identity, psk.key.reveal());
        PeerAuth::PreSharedKey(psk.map_err(setup)?)
    } else {
        espat_log::warn!(
            "no check of the server's certificate: mode {}",
            tls.auth.code()
        );
        PeerAuth::DangerAnyPeer
    };
    // Text that is no name is refused in every mode, checked or not.
    name.map_err(setup)?;
    Ok(Policy {
        peer,
        sni: tls.sni.as_deref(),
        alpn,
        identity: None,
    })
}

/// ESP-AT checks the name only where one is configured; `AT+SSLPOLICY?` then prints `name=none`.
fn name_rule(tls: &TlsSettings) -> Result<NameRule<'_>, Cause> {
    match &tls.name {
        Some(name) => Ok(NameRule::MustMatch {
            name: PeerName::new(name)?,
            common_name: CommonName::CountsWithoutSan,
        }),
        None => Ok(NameRule::DangerAnyName),
    }
}
