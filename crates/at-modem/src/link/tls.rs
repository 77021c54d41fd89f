//! A TLS session of a link: its policy, its handshake, and the dry run.

use edge_nal::TcpSplit;
use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embassy_sync::mutex::MutexGuard;
use embassy_time::{Delay, with_timeout};
use heapless::Vec;
use tls_session::cause::Limit;
use tls_session::policy::MAX_ANCHORS;
use tls_session::{
    Anchors, Cause, Chain, Deadlines, GuardedTransport, Identity, NameRule, PeerAuth, PeerName,
    Policy, PreSharedKey, Reason, Session, Stage,
};

use super::open::{CLOSE_PATIENCE, unless_closed};
use super::pump::{End, pump};
use super::{Link, OpenRequest, Probed, TlsSettings, credentials};
use crate::platform::Platform;
use crate::state::{Memory, Shared};

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

/// Opens a session over what `connect` connects, and serves it until it ends.
///
/// `Err` if no session came to be. The socket is left to the caller.
pub(super) async fn serve<P: Platform, S: TcpSplit>(
    link: &Link,
    shared: &Shared<'_, P>,
    memory: Memory<'_>,
    (request, tls): (&OpenRequest, &TlsSettings),
    connect: impl Future<Output = Result<(S, u16), Reason>>,
    begin: impl FnOnce(u16),
) -> Result<(End, S), Reason> {
    let mut records = free(memory)?;
    let mut credentials = Wiped(memory.credentials.lock().await);
    let items = items(shared, tls, &mut credentials.0).await?;
    let anchors = items.anchors.as_slice();
    let alpn: Vec<&[u8], 5> = tls.alpn.iter().map(Vec::as_slice).collect();
    let policy = Policy {
        identity: items.identity.as_ref(),
        ..policy(shared, tls, anchors, &alpn)?
    };
    let (mut socket, local_port) = connect.await?;
    let end = {
        let rng = shared.rng.clone();
        let (rx, tx) = socket.split();
        let guarded = GuardedTransport::new(rx, tx, Delay);
        if request.probe {
            let probed = probe(shared, &guarded, &mut records, &policy, rng);
            let probed = unless_closed(link, Stage::Hello, probed).await?;
            link.probed.replace(Some(probed));
            // The one that asked reads it from there.
            return Err(Reason::new(Stage::Data, Cause::Closed));
        }
        let open = Session::open(&guarded, &mut records, &policy, Deadlines::default(), rng);
        let mut session = unless_closed(link, Stage::Hello, open).await??;
        // The handshake is all they were for.
        drop(items);
        drop(credentials);
        espat_log::info!("link {}: session open", link.id.get());
        begin(local_port);
        link.announced.wait().await;
        let end = {
            let (rx, tx) = session.split();
            pump(link, shared, rx, tx, |reason| reason).await
        };
        if end == End::Host || end == End::Peer {
            // Best effort: the session is over either way.
            let _ = with_timeout(CLOSE_PATIENCE, session.close()).await;
        }
        end
    };
    Ok((end, socket))
}

/// Credentials that are forgotten however the handshake ends.
struct Wiped<'m>(MutexGuard<'m, NoopRawMutex, credentials::CredentialMemory>);

impl Drop for Wiped<'_> {
    fn drop(&mut self) {
        self.0.wipe();
    }
}

/// Memory for one more session.
fn free<'m>(memory: Memory<'m>) -> Result<Records<'m>, Reason> {
    let free = memory.sessions.iter().find_map(|one| one.try_lock().ok());
    free.ok_or_else(|| {
        let limit = u32::try_from(memory.sessions.len()).unwrap_or(u32::MAX);
        Reason::new(
            Stage::Setup,
            Cause::TooLarge {
                what: Limit::Sessions,
                needed: limit.saturating_add(1),
                limit,
            },
        )
    })
}

type Records<'m> = MutexGuard<'m, NoopRawMutex, tls_session::Memory>;

/// A dry run: what the server shows, and what the policy makes of it.
async fn probe<'m, P: Platform, R, T>(
    shared: &Shared<'_, P>,
    transport: &'m GuardedTransport<R, T, Delay>,
    memory: &'m mut tls_session::Memory,
    policy: &Policy<'_>,
    rng: P::Rng,
) -> Probed
where
    R: embedded_io_async::Read + 'm,
    T: embedded_io_async::Write + 'm,
{
    // Free: the command that waits for this carries no payload.
    let mut buffer = shared.payload.lock().await;
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
    Probed {
        ends: ends.collect(),
        dropped: u32::try_from(chain.dropped()).unwrap_or(u32::MAX),
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
    let peer = if tls.auth.verifies_server() {
        PeerAuth::Chain(Anchors::new(ders).map_err(setup)?)
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
    let name = match &tls.name {
        Some(name) => NameRule::MustMatch {
            name: PeerName::new(name).map_err(setup)?,
            legacy_cn: true,
        },
        None => NameRule::NotAsked,
    };
    Ok(Policy {
        peer,
        name,
        clock: shared.clock.reading(),
        sni: tls.sni.as_deref(),
        alpn,
        identity: None,
    })
}
