//! Data both ways over one open link, plain or TLS, until somebody ends it.

use at_grammar::Reply;
use at_grammar::reply::{Ipd, MAX_IPD_HEADER};
use embassy_futures::select::{Either3, select3};
use embassy_time::{Duration, with_timeout};
use embedded_io_async::{Read, Write};
use tls_session::{Cause, Reason, Stage};

use super::{CloseBy, Link, MAX_IPD};
use crate::output::Output;
use crate::state::Payload;

/// How long data may wait for room in the network stack before the send has failed.
const SEND_PATIENCE: Duration = Duration::from_secs(30);

/// Who ended a link.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(
    clippy::large_enum_variant,
    reason = "one value per link, moved twice in its life"
)]
pub(super) enum End {
    /// The host, by command.
    Host,
    /// The peer, in good order.
    Peer,
    /// Something failed.
    Failed(Reason),
}

/// Runs until the link ends. `reason` turns a transport's error into why.
pub(super) async fn pump<R: Read, W: Write<Error = R::Error>>(
    link: &Link,
    output: &Output,
    payload: &Payload,
    rx: R,
    tx: W,
    reason: impl Fn(R::Error) -> Reason,
) -> End {
    let receive = receive(link, output, rx);
    let send = send(link, payload, tx, &reason);
    match select3(receive, send, link.close.wait()).await {
        Either3::First(Ok(())) => End::Peer,
        Either3::First(Err(error)) => End::Failed(reason(error)),
        Either3::Second(failed) => End::Failed(failed),
        Either3::Third(CloseBy::Host) => End::Host,
        Either3::Third(CloseBy::Interface) => End::Failed(Reason::new(Stage::Data, Cause::Closed)),
    }
}

/// Prints what arrives as `+IPD`, until the peer closes.
///
/// Header and data enter the ring together, so a close by command cuts no message.
async fn receive<R: Read>(link: &Link, output: &Output, mut rx: R) -> Result<(), R::Error> {
    let mut message = heapless::Vec::<u8, { MAX_IPD_HEADER + MAX_IPD }>::new();
    let mut data = [0; MAX_IPD];
    loop {
        let count = rx.read(&mut data).await?;
        if count == 0 {
            return Ok(());
        }
        message.clear();
        let head = Reply::Ipd(Ipd {
            link: None,
            len: u32::try_from(count).unwrap_or(u32::MAX),
            remote: link.shown_remote(),
        });
        let data = data.get(..count).unwrap_or_default();
        if head.write_to(&mut message).is_ok() && message.extend_from_slice(data).is_ok() {
            output.turn().await.put(&message).await;
        }
    }
}

/// Sends what the interpreter left in the payload buffer, each time it says so.
async fn send<W: Write>(
    link: &Link,
    payload: &Payload,
    mut tx: W,
    reason: &impl Fn(W::Error) -> Reason,
) -> Reason {
    loop {
        let len = link.send.wait().await;
        let data = payload.lock().await;
        let write = async {
            tx.write_all(data.get(..len).unwrap_or_default()).await?;
            tx.flush().await
        };
        let failed = match with_timeout(SEND_PATIENCE, write).await {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(reason(error)),
            Err(_) => Some(Reason::new(
                Stage::Data,
                Cause::Timeout {
                    ms: u32::try_from(SEND_PATIENCE.as_millis()).unwrap_or(u32::MAX),
                },
            )),
        };
        link.sent.signal(failed.is_none());
        if let Some(reason) = failed {
            return reason;
        }
    }
}
