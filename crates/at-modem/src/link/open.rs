//! The task of one link: from a request to an open connection, and back to waiting.

use core::net::{IpAddr, SocketAddr};

use edge_nal::{AddrType, Dns, TcpConnect, TcpShutdown, TcpSplit};
use embassy_futures::select::{Either, select};
use embassy_time::{Delay, Duration, with_timeout};
use embedded_io_async::Error as _;
use heapless::Vec;
use tls_session::cause::Limit;
use tls_session::guard::transport_cause;
use tls_session::{
    Anchors, Cause, Chain, Deadlines, GuardedTransport, NameRule, PeerAuth, PeerName, Policy,
    PreSharedKey, Reason, Session, Stage,
};

use super::pump::{End, pump};
use super::{Link, LinkStatus, OpenRequest, Probed, TlsSettings, credentials};
use crate::platform::Platform;
use crate::state::{Memory, Shared};

/// Resolving a name.
const DNS_PATIENCE: Duration = Duration::from_secs(10);
/// A TCP connect: longer than the three SYN retries of the reference firmware's stack.
const TCP_PATIENCE: Duration = Duration::from_secs(20);
/// close_notify and FIN: a peer that does not take them is left behind.
const CLOSE_PATIENCE: Duration = Duration::from_secs(1);

/// Serves one link for as long as it is polled.
pub(crate) async fn run<P: Platform>(link: &Link, shared: &Shared<'_, P>, memory: Memory<'_>) {
    loop {
        let request = link.open.wait().await;
        let end = attempt(link, shared, memory, &request).await;
        let was_open = link.status.replace(None).is_some();
        if link.sending.get() {
            link.sent.signal(false);
        }
        match end {
            Ok(End::Host) => link.closed.signal(true),
            Ok(ended) => {
                if let End::Failed(reason) = ended {
                    link.remember(reason);
                } else {
                    link.remember(Reason::new(Stage::Data, Cause::PeerCloseNotify));
                }
                shared.print_closed(link.id).await;
                // A close that came while the peer closed is answered as well.
                link.closed.signal(false);
            }
            Err(reason) => {
                link.remember(reason.clone());
                if was_open {
                    link.closed.signal(false);
                } else {
                    link.opened.signal(Err(reason));
                }
            }
        }
    }
}

/// `Err` if no connection came to be.
async fn attempt<P: Platform>(
    link: &Link,
    shared: &Shared<'_, P>,
    memory: Memory<'_>,
    request: &OpenRequest,
) -> Result<End, Reason> {
    // What is missing here is known before the first packet.
    let mut credentials = memory.credentials.lock().await;
    let (identity_place, certificates) = credentials.parts();
    let mut ders: Vec<&[u8], { tls_session::policy::MAX_ANCHORS }> = Vec::new();
    let mut identity = None;
    if let Some(tls) = &request.tls {
        let setup = |cause| Reason::new(Stage::Setup, cause);
        // A server that knows the key has no use for our certificate (RFC 8446 §4.3.2).
        let by_key = tls.psk.is_some() && !tls.auth.verifies_server();
        if tls.auth.sends_certificate() && !by_key {
            let load =
                credentials::load_identity(shared, tls.pki, identity_place, &mut certificates[..]);
            identity = Some(load.await.map_err(setup)?);
        }
        if tls.auth.verifies_server() {
            ders = credentials::load(shared, tls.ca, certificates)
                .await
                .map_err(setup)?;
        }
    }
    let alpn: Vec<&[u8], 5> = request
        .tls
        .iter()
        .flat_map(|tls| tls.alpn.iter().map(Vec::as_slice))
        .collect();
    let policy = match &request.tls {
        Some(tls) => Some(Policy {
            identity: identity.as_ref(),
            ..policy(shared, tls, &ders, &alpn)?
        }),
        None => None,
    };

    let resolve = resolve(shared, &request.host, request.port);
    let remote = unless_closed(link, Stage::Dns, resolve).await??;
    let connect = with_timeout(TCP_PATIENCE, shared.net.connect(remote));
    let tcp = |cause| Reason::new(Stage::Tcp, cause);
    let mut socket = match unless_closed(link, Stage::Tcp, connect).await? {
        Ok(Ok(socket)) => socket,
        Ok(Err(error)) => return Err(tcp(transport_cause(error.kind()))),
        Err(_) => {
            return Err(tcp(Cause::Timeout {
                ms: millis(TCP_PATIENCE),
            }));
        }
    };

    let open = |tls| {
        link.reason.replace(None);
        link.send.reset();
        link.status.set(Some(LinkStatus { tls, remote }));
        link.opened.signal(Ok(()));
    };
    let end = match policy {
        None => {
            open(false);
            link.announced.wait().await;
            let (rx, tx) = socket.split();
            pump(link, &shared.output, &shared.payload, rx, tx, |error| {
                Reason::new(Stage::Data, transport_cause(error.kind()))
            })
            .await
        }
        Some(policy) => {
            let (rx, tx) = socket.split();
            let guarded = GuardedTransport::new(rx, tx, Delay);
            let rng = shared.rng.clone();
            let mut session_memory = memory
                .sessions
                .iter()
                .find_map(|memory| memory.try_lock().ok())
                .ok_or_else(|| no_memory(memory.sessions.len()))?;
            if request.probe {
                let probed = probe(shared, &guarded, &mut session_memory, &policy, rng);
                let probed = unless_closed(link, Stage::Hello, probed).await?;
                link.probed.replace(Some(probed));
                // The one that asked reads it from there.
                return Err(Reason::new(Stage::Data, Cause::Closed));
            }
            let handshake = Session::open(
                &guarded,
                &mut session_memory,
                &policy,
                Deadlines::default(),
                rng,
            );
            let mut session = unless_closed(link, Stage::Hello, handshake).await??;
            // The handshake is all they were for.
            drop((ders, identity));
            credentials.wipe();
            drop(credentials);
            espat_log::info!("link {}: session open", link.id);
            open(true);
            link.announced.wait().await;
            let end = {
                let (rx, tx) = session.split();
                pump(link, &shared.output, &shared.payload, rx, tx, |reason| {
                    reason
                })
                .await
            };
            if end == End::Host || end == End::Peer {
                // Best effort: the session is over either way.
                let _ = with_timeout(CLOSE_PATIENCE, session.close()).await;
            }
            end
        }
    };
    // The socket goes with or without the peer's consent.
    let _ = with_timeout(CLOSE_PATIENCE, socket.close(edge_nal::Close::Write)).await;
    Ok(end)
}

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

/// Waits for a step of opening, unless the link is closed meanwhile.
async fn unless_closed<T>(
    link: &Link,
    stage: Stage,
    step: impl Future<Output = T>,
) -> Result<T, Reason> {
    match select(step, link.close.wait()).await {
        Either::First(output) => Ok(output),
        Either::Second(_) => Err(Reason::new(stage, Cause::Closed)),
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

async fn resolve<P: Platform>(
    shared: &Shared<'_, P>,
    host: &str,
    port: u16,
) -> Result<SocketAddr, Reason> {
    let dns = |cause| Reason::new(Stage::Dns, cause).wanting(host);
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(SocketAddr::new(address, port));
    }
    match with_timeout(
        DNS_PATIENCE,
        shared.net.get_host_by_name(host, AddrType::IPv4),
    )
    .await
    {
        Ok(Ok(address)) => Ok(SocketAddr::new(address, port)),
        Ok(Err(_)) => Err(dns(Cause::HostNotFound)),
        Err(_) => Err(dns(Cause::Timeout {
            ms: millis(DNS_PATIENCE),
        })),
    }
}

fn millis(duration: Duration) -> u32 {
    u32::try_from(duration.as_millis()).unwrap_or(u32::MAX)
}

/// All session memory is taken by other links.
fn no_memory(sessions: usize) -> Reason {
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
