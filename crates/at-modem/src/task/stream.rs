//! Data both ways over one open stream, plain or TLS, until somebody ends it.

use core::convert::Infallible;

use embassy_futures::join::join;
use embassy_futures::select::{Either, Either4, select, select4};
use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embassy_sync::signal::Signal;
use embassy_time::{Duration, Instant, Timer, with_timeout};
use embedded_io_async::{Read, Write};

use super::owners::PortOwners;
use super::present::present;
use crate::links::state::{CloseBy, Event};
use crate::links::{Inbox, Link};
use crate::settings::{Settings, Values};
use crate::why::{Stage, Why};
use tls_session::reason::StreamError;

/// How long data may wait for room in the network stack before the send has failed, where
/// `AT+CIPTCPOPT` says nothing else.
const SEND_TIMEOUT: Duration = Duration::from_secs(30);

/// One read of a socket. What several bring is one message all the same.
const CHUNK: usize = 512;

/// How a connection ended.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "one value per link, moved twice in its life"
)]
pub(super) enum End {
    /// Somebody wants it closed.
    Asked(CloseBy),
    /// The peer, in good order.
    Peer,
    /// A client of our server said nothing for so many milliseconds.
    Idle(u32),
    /// Something failed.
    Failed(Why),
}

impl End {
    /// After so many milliseconds.
    pub(super) fn timeout(ms: u32) -> Why {
        Why::new(Stage::Data, StreamError::Timeout { ms })
    }
}

/// What ends a stream. It becomes a [`Why`] only in the end: futures hold several, and a socket's error is small.
enum Failure<E> {
    Transport(E),
    /// After so many milliseconds.
    Timeout(u32),
}

/// Runs until the link ends. `reason` turns a transport's error into why.
///
/// What arrived before a failure is still given to the host.
pub(super) async fn pump<R: Read, W: Write<Error = R::Error>>(
    link: &Link<'_>,
    host: &PortOwners<'_>,
    rx: R,
    tx: W,
    reason: impl Fn(R::Error) -> Why,
) -> End {
    let failure = Signal::<NoopRawMutex, Failure<R::Error>>::new();
    let receive = async {
        let failed = match select(receive(link.inbox, rx), failure.wait()).await {
            Either::First(end) => end.err().map(Failure::Transport),
            Either::Second(failed) => Some(failed),
        };
        link.inbox.finish();
        failed
    };
    let send = async {
        let failed = send(link, host, tx).await;
        failure.signal(failed);
        refuse_sends(link).await
    };
    let incoming = async {
        let (failed, ()) = join(receive, present(link, host)).await;
        if failed.is_none() {
            // Its acknowledgement of our data and its end may come in one segment.
            link.sent().await;
        }
        failed
    };
    match select4(
        incoming,
        send,
        link.close_asked(),
        idle(link, host.settings),
    )
    .await
    {
        Either4::First(None) => End::Peer,
        Either4::First(Some(Failure::Transport(error))) => End::Failed(reason(error)),
        Either4::First(Some(Failure::Timeout(ms))) => End::Failed(End::timeout(ms)),
        Either4::Second(never) => match never {},
        Either4::Third(by) => End::Asked(by),
        Either4::Fourth(ms) => End::Idle(ms),
    }
}

/// Takes what arrives until the peer closes. A full inbox leaves it in the network stack.
async fn receive<R: Read>(inbox: &Inbox, mut rx: R) -> Result<(), R::Error> {
    let mut piece = [0; CHUNK];
    loop {
        let count = rx.read(&mut piece).await?;
        if count == 0 {
            return Ok(());
        }
        inbox.push(piece.get(..count).unwrap_or_default()).await;
    }
}

/// Sends what the interpreter left in the payload buffer, each time it says so.
async fn send<W: Write>(link: &Link<'_>, host: &PortOwners<'_>, mut tx: W) -> Failure<W::Error> {
    loop {
        let outgoing = link.outgoing().await;
        let data = host.port.payload.lock().await;
        let write = async {
            tx.write_all(data.get(..outgoing.len).unwrap_or_default())
                .await?;
            tx.flush().await
        };
        let tcp = |values: &Values| values.links.tcp_of(link.id);
        let timeout = host.settings.read(tcp).send_timeout();
        let timeout = timeout.unwrap_or(SEND_TIMEOUT);
        let failed = match with_timeout(timeout, write).await {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(Failure::Transport(error)),
            Err(_) => {
                let ms = u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX);
                Some(Failure::Timeout(ms))
            }
        };
        drop(data);
        let sent = failed.is_none();
        let _ = link.apply(Event::SendDone { sent });
        if let Some(failed) = failed {
            return failed;
        }
    }
}

/// Nothing more can be sent: says so to whoever asks.
async fn refuse_sends(link: &Link<'_>) -> Infallible {
    loop {
        link.outgoing().await;
        let _ = link.apply(Event::SendDone { sent: false });
    }
}

/// Waits until a client of our server has been silent for `AT+CIPSTO`; returns that in milliseconds.
async fn idle(link: &Link<'_>, settings: &Settings) -> u32 {
    // How soon a change of the setting is seen.
    const POLL_INTERVAL: Duration = Duration::from_secs(1);
    if !link.is_accepted() {
        core::future::pending::<()>().await;
    }
    loop {
        let seconds = settings.read(|values| values.links.server_timeout);
        let timeout = Duration::from_secs(u64::from(seconds));
        let end = link.inbox.heard().saturating_add(timeout);
        let now = Instant::now();
        if seconds > 0 && end <= now {
            return u32::from(seconds).saturating_mul(1000);
        }
        let poll = now.saturating_add(POLL_INTERVAL);
        Timer::at(if seconds > 0 { poll.min(end) } else { poll }).await;
    }
}
