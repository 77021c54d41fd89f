//! Sending on a link, with the data after a prompt (spec: at-commands A.9.4, B.4, CIPSEND*).
//!
//! ```text
//! AT+CIPSEND=4 ─▶ OK > ─▶ test ─▶ Recv 4 bytes ─▶ SEND OK
//!                 └─────── nothing unsolicited ────────┘
//! ```

use core::net::SocketAddr;
use core::num::NonZeroUsize;
use core::pin::pin;

use at_grammar::commands::tcpip::SendData;
use at_grammar::types::{Family, HostName, Port, Protocol};
use at_grammar::{LinkId, Reply};
use embassy_futures::select::{Either, select};
use embassy_time::{Duration, Timer};

use super::link_of;
use crate::answer::{CommandError, Done, Failure};
use crate::cx::Cx;
use crate::links::Link;
use crate::links::state::Outgoing;
use crate::platform::Platform;
use crate::port::Payload;
use crate::port::outlet::Hold;
use crate::task::resolve;

/// How long a send keeps everything unsolicited back once its data are there. A peer that sends
/// nothing more before we read would otherwise never take the rest.
const HOLD: Duration = Duration::from_secs(2);

/// `AT+CIPSEND=<length>` and `AT+CIPSENDEX`, which differ in how the data end.
pub(super) async fn send<P: Platform>(
    cx: &Cx<'_, '_, P>,
    request: &SendData<'_>,
    quoted: bool,
) -> Result<Done, CommandError> {
    let link = link_of(cx, request.link.unwrap_or(LinkId::ZERO))?;
    let len = usize::try_from(request.length.get()).map_err(|_| Failure::Refused)?;
    let length = NonZeroUsize::new(len).ok_or(Failure::Refused)?;
    let to = target(cx, link, request.remote.as_ref()).await?;
    let payload = match quoted {
        true => Payload::Quoted(length),
        false => Payload::Cancellable(length),
    };
    let hold = cx.port.prompt(cx.settings, payload).await;
    let have = cx.port.collect(len).await;
    cx.port.takes_long();
    if have < len && !quoted {
        cx.port
            .print(cx.settings)
            .await
            .reply(&Reply::SendCanceled)
            .await;
        return Ok(Done::Printed);
    }
    let received = Reply::Recv(u32::try_from(have).unwrap_or(u32::MAX));
    cx.port.print(cx.settings).await.reply(&received).await;
    let (sent, _hold) = transmit(link, Outgoing { len: have, to }, hold).await;
    let result = if sent { Reply::SendOk } else { Reply::SendFail };
    cx.port.print(cx.settings).await.reply(&result).await;
    Ok(Done::Printed)
}

/// Where this one datagram goes, if not to the peer; and whether the link can be sent to at all.
pub(super) async fn target<P: Platform>(
    cx: &Cx<'_, '_, P>,
    link: &Link<'_>,
    remote: Option<&(HostName<'_>, Port)>,
) -> Result<Option<SocketAddr>, CommandError> {
    let connection = link.connection().ok_or(Failure::Refused)?;
    let Some((host, port)) = remote else {
        return Ok(None);
    };
    if connection.protocol != Protocol::Udp {
        return Err(Failure::Refused.into());
    }
    cx.port.takes_long();
    let family = if connection.remote.is_ipv4() {
        Family::V4
    } else {
        Family::V6
    };
    let resolve = resolve(cx.net, &host.to_text(), port.get(), family).await;
    resolve.map(Some).map_err(|_| Failure::Refused.into())
}

/// Whether it was sent; and the hold, unless that took too long.
async fn transmit<'h>(
    link: &Link<'_>,
    outgoing: Outgoing,
    hold: Hold<'h>,
) -> (bool, Option<Hold<'h>>) {
    if outgoing.len == 0 {
        return (link.is_open(), Some(hold));
    }
    let mut transmit = pin!(link.transmit(outgoing));
    match select(&mut transmit, Timer::after(HOLD)).await {
        Either::First(sent) => (sent, Some(hold)),
        Either::Second(()) => {
            drop(hold);
            (transmit.await, None)
        }
    }
}
