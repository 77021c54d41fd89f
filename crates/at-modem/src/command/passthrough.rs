//! Data mode: what the host says goes to a link as it comes (spec: at-commands A.15, A.16, CIPSENDL).
//!
//! ```text
//! AT+CIPSEND ─▶ OK > ─▶ blocks of 2920, or what came in TRANSINTVL ─▶ link ── "+++" ─▶ commands
//!                                                  └ gone ─▶ again each CIPRECONNINTV (client)
//!                                                            the next client (server)
//! ```

use core::num::NonZeroUsize;
use core::pin::pin;

use at_grammar::commands::passthrough::{RetryInterval, SavedLink, SendInterval};
use at_grammar::commands::tcpip::{
    Opening, ReportSize, SendProgress, SendStream, SendStreamLine, SetSendStream, TransmitSize,
};
use at_grammar::types::{Bounded, Protocol, TransferMode, UdpMode};
use at_grammar::{Info, LinkId, Mux, Reply};
use embassy_futures::select::{Either, select};
use embassy_time::{Duration, Timer, with_timeout};

use super::links::connect;
use super::send::target;
use super::server;
use super::{keep_alive, link_of, one_line, store_always, store_if_wanted};
use crate::answer::{CommandError, Done, Failure};
use crate::cx::Cx;
use crate::links::Link;
use crate::links::MAX_IPD;
use crate::links::server::Listening;
use crate::links::state::{Carrier, Event, Outgoing, Request, Target};
use crate::platform::{Board, Platform, ReasonOf};
use crate::port::{GRACE, Mode, Payload};
use crate::settings::key::Key;
use crate::settings::links::{SendLarge, TransparentLink};
use crate::task::owners::PortOwners;
use crate::task::print_connected;

pub(super) async fn mode<P: Platform>(cx: &Cx<'_, '_, P>) -> Result<Done, CommandError> {
    let mode = if cx.settings.read(|values| values.links.passthrough) {
        TransferMode::Passthrough
    } else {
        TransferMode::Normal
    };
    one_line(cx, Info::Cipmode(mode)).await
}

/// Passthrough needs one link whose peer stays: the only one there can be, or a server's only one.
pub(super) fn set_mode<P: Platform>(
    cx: &Cx<'_, '_, P>,
    mode: TransferMode,
) -> Result<Done, CommandError> {
    let on = mode == TransferMode::Passthrough;
    if on {
        let follows = cx.links.each().iter().any(|link| {
            let udp = link.connection().and_then(|connection| connection.udp);
            udp.is_some_and(|mode| mode != UdpMode::Fixed)
        });
        let several = cx
            .settings
            .read(|values| values.links.mux == Mux::Multiple && values.links.max_connections != 1);
        if several || follows {
            return Err(Failure::Refused.into());
        }
    }
    cx.settings.change(|values| values.links.passthrough = on);
    for link in cx.links.each() {
        link.inbox.look_again();
    }
    Ok(Done::Ok)
}

/// `AT+CIPSEND` without length.
pub(super) async fn begin<P: Platform>(cx: &Cx<'_, '_, P>) -> Result<Done, CommandError> {
    if !cx.settings.read(|values| values.links.passthrough) {
        return Err(Failure::Refused.into());
    }
    let open = only_open(cx).ok_or(Failure::Refused)?;
    let request = cx.links.last_request();
    let again = match request.filter(|_| !open.is_accepted()) {
        Some(request) => Again::Client(request),
        None => Again::Server(None),
    };
    cx.port
        .print(cx.settings)
        .await
        .reply(&Reply::OkPrompt)
        .await;
    pass(cx, again).await;
    Ok(Done::Printed)
}

/// The open link, if it is the only one.
fn only_open<'s, P: Platform>(cx: &'s Cx<'_, '_, P>) -> Option<&'s Link<'s>> {
    let mut open = cx.links.each().iter().filter(|link| link.is_open());
    open.next().filter(|_| open.next().is_none())
}

/// Whether the host found the way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    Out,
    LinkLost,
}

/// How a link comes to be that is not there.
#[derive(Debug)]
enum Again {
    /// We open it.
    Client(Request),
    /// A client does. The port is still to be listened on, where it is given.
    Server(Option<Listening>),
}

/// Until `+++`.
async fn pass<P: Platform>(cx: &Cx<'_, '_, P>, mut again: Again) {
    cx.port.set_data_mode(true);
    cx.port.expect(Payload::Endless);
    loop {
        let ended = match (only_open(cx), &mut again) {
            (Some(link), _) => blocks(cx, link).await,
            (None, Again::Client(request)) => reconnect(cx, request).await,
            (None, Again::Server(listening)) => wait_for_client(cx, listening).await,
        };
        if ended == Ended::Out {
            break;
        }
    }
    cx.port.set_data_mode(false);
    // What the host sends from here on is a command.
    cx.port.set_mode(Mode::Hold);
    if cx.settings.read(|values| values.port.sysmsg.reports_quit()) {
        cx.port.print(cx.settings).await.reply(&Reply::Quit).await;
    }
}

/// Sends what comes while the link lasts.
async fn blocks<P: Platform>(cx: &Cx<'_, '_, P>, link: &Link<'_>) -> Ended {
    while link.is_open() {
        let (len, escaped) = gather(cx, MAX_IPD, || link.is_open()).await;
        if len > 0 {
            let mut transmit = pin!(link.transmit(Outgoing { len, to: None }));
            let sent = select(&mut transmit, cx.port.escaped()).await;
            if let Either::Second(()) = sent {
                // The host gets out even when the peer takes nothing.
                let _ = with_timeout(GRACE, transmit).await;
                return Ended::Out;
            }
        }
        if escaped {
            return Ended::Out;
        }
    }
    Ended::LinkLost
}

/// Collects a block in the payload buffer: `limit` bytes, or what comes until the interval after the
/// first byte is over; with an interval of 0 what is there by now. Returns early when `goes_on` says
/// no. Second: whether the host has ended the payload.
async fn gather<P: Platform>(
    cx: &Cx<'_, '_, P>,
    limit: usize,
    goes_on: impl Fn() -> bool,
) -> (usize, bool) {
    let port = cx.port;
    port.open_block(limit).await;
    let over = cx.links.until(|| (!goes_on()).then_some(()));
    if let Either::Second(()) = select(port.has(1), over).await {
        return (port.close_block(), port.is_escaped());
    }
    let interval = cx.settings.read(|values| values.links.gather_interval);
    if interval > 0 {
        let interval = Duration::from_millis(u64::from(interval));
        select(port.has(limit), Timer::after(interval)).await;
    }
    (port.close_block(), port.is_escaped())
}

/// Opens the link again, after a pause of `AT+CIPRECONNINTV`.
async fn reconnect<P: Platform>(cx: &Cx<'_, '_, P>, request: &Request) -> Ended {
    if let Either::Second(()) = select(pause(cx), cx.port.escaped()).await {
        return Ended::Out;
    }
    let Some(link) = cx.links.each().first() else {
        return Ended::Out;
    };
    if link.is_open() {
        return Ended::LinkLost;
    }
    let attempt = connect(cx, link, request.clone(), None);
    match select(attempt, cx.port.escaped()).await {
        Either::First(Ok(())) => {
            cx.station.note_link();
            if let Some(connection) = link.connection() {
                let (port, settings) = (cx.port, cx.settings);
                let host = PortOwners { port, settings };
                print_connected(link.id, &connection, &host).await;
            }
            let _ = link.apply(Event::Announced);
            Ended::LinkLost
        }
        Either::First(Err(reason)) => {
            cx.board.note_reason(ReasonOf::Refused(link.id), &reason);
            Ended::LinkLost
        }
        Either::Second(()) => {
            link.give_up().await;
            Ended::Out
        }
    }
}

/// `AT+CIPRECONNINTV`.
async fn pause<P: Platform>(cx: &Cx<'_, '_, P>) {
    let units = u64::from(cx.settings.read(|values| values.links.reconnect_interval));
    Timer::after(Duration::from_millis(units.saturating_mul(100))).await;
}

async fn wait_for_client<P: Platform>(
    cx: &Cx<'_, '_, P>,
    listening: &mut Option<Listening>,
) -> Ended {
    if let Some(wanted) = *listening {
        // Without a network there may be no port yet.
        if server::start(cx, wanted).await.is_err() {
            return match select(pause(cx), cx.port.escaped()).await {
                Either::First(()) => Ended::LinkLost,
                Either::Second(()) => Ended::Out,
            };
        }
        *listening = None;
    }
    let client = || only_open(cx).map(|_| ());
    match select(cx.links.until(client), cx.port.escaped()).await {
        Either::First(()) => Ended::LinkLost,
        Either::Second(()) => Ended::Out,
    }
}

/// `AT+CIPSENDL`: sent while it arrives, with reports.
pub(super) async fn send_large<P: Platform>(
    cx: &Cx<'_, '_, P>,
    request: &SendStream<'_>,
) -> Result<Done, CommandError> {
    let link = link_of(cx, request.link.unwrap_or(LinkId::ZERO))?;
    let to = target(cx, link, request.remote.as_ref()).await?;
    let total = request.length.get();
    let len = usize::try_from(total).map_err(|_| Failure::Refused)?;
    let len = NonZeroUsize::new(len).ok_or(Failure::Refused)?;
    let SendLarge { report, block } = cx.settings.read(|values| values.links.send_large);
    let payload = Payload::Cancellable(len);
    let hold = cx.port.prompt(cx.settings, payload).await;
    let (mut sent, mut received) = (0_u32, 0_u32);
    let mut reported = None;
    let mut result = Reply::SendOk;
    while received < total {
        let left = usize::try_from(total.saturating_sub(received)).unwrap_or(usize::MAX);
        let limit = usize::from(block).min(left);
        // A link that is gone does not end it: what the host has announced is no command.
        let (len, out) = gather(cx, limit, || true).await;
        let count = u32::try_from(len).unwrap_or(u32::MAX);
        received = received.saturating_add(count);
        if len > 0 && link.transmit(Outgoing { len, to }).await {
            let before = sent;
            sent = sent.saturating_add(count);
            if before.checked_div(report) != sent.checked_div(report) {
                progress(cx, sent, received).await;
                reported = Some(sent);
            }
        }
        if out {
            result = Reply::SendlCancelled;
            break;
        }
    }
    cx.port.takes_long();
    if sent < total && result == Reply::SendOk {
        result = Reply::SendFail;
    }
    if reported != Some(sent) {
        progress(cx, sent, received).await;
    }
    cx.port.print(cx.settings).await.reply(&result).await;
    drop(hold);
    Ok(Done::Printed)
}

async fn progress<P: Platform>(cx: &Cx<'_, '_, P>, sent: u32, received: u32) {
    let line = Info::Cipsendl(SendProgress { sent, received });
    cx.port.print(cx.settings).await.info(line).await;
}

pub(super) async fn send_large_config<P: Platform>(
    cx: &Cx<'_, '_, P>,
) -> Result<Done, CommandError> {
    let SendLarge { report, block } = cx.settings.read(|values| values.links.send_large);
    let line = SendStreamLine {
        report: ReportSize::clamped(report),
        transmit: TransmitSize::clamped(u32::from(block)),
    };
    one_line(cx, Info::Cipsendlcfg(line)).await
}

pub(super) fn set_send_large<P: Platform>(
    cx: &Cx<'_, '_, P>,
    request: SetSendStream,
) -> Result<Done, CommandError> {
    cx.settings.change(|values| {
        let large = &mut values.links.send_large;
        large.report = request.report.get();
        if let Some(transmit) = request.transmit {
            large.block = u16::try_from(transmit.get()).unwrap_or(large.block);
        }
    });
    Ok(Done::Ok)
}

pub(super) async fn interval<P: Platform>(cx: &Cx<'_, '_, P>) -> Result<Done, CommandError> {
    let ms = SendInterval::clamped(u32::from(
        cx.settings.read(|values| values.links.gather_interval),
    ));
    one_line(cx, Info::Transintvl(ms)).await
}

pub(super) fn set_interval<P: Platform>(
    cx: &Cx<'_, '_, P>,
    ms: SendInterval,
) -> Result<Done, CommandError> {
    cx.settings.change(|values| {
        values.links.gather_interval = u16::try_from(ms.get()).unwrap_or(u16::MAX);
    });
    Ok(Done::Ok)
}

pub(super) async fn retry<P: Platform>(cx: &Cx<'_, '_, P>) -> Result<Done, CommandError> {
    let units = RetryInterval::clamped(u32::from(
        cx.settings.read(|values| values.links.reconnect_interval),
    ));
    one_line(cx, Info::Cipreconnintv(units)).await
}

pub(super) async fn set_retry<P: Platform>(
    cx: &Cx<'_, '_, P>,
    units: RetryInterval,
) -> Result<Done, CommandError> {
    let units = u16::try_from(units.get()).unwrap_or(u16::MAX);
    let record = units.to_le_bytes();
    store_if_wanted(cx, Key::RECONNECT_INTERVAL, &record).await?;
    cx.settings
        .change(|values| values.links.reconnect_interval = units);
    Ok(Done::Ok)
}

/// Stored in any case; it counts from the next start on.
pub(super) async fn save<P: Platform>(
    cx: &Cx<'_, '_, P>,
    request: &SavedLink<'_>,
) -> Result<Done, CommandError> {
    let link = match request {
        SavedLink::Off => None,
        SavedLink::Client(client) => {
            let (protocol, extra) = match client.opening {
                Opening::Tcp { keep_alive } => (Protocol::Tcp, keep_alive.map(Bounded::get)),
                Opening::Ssl { keep_alive } => (Protocol::Ssl, keep_alive.map(Bounded::get)),
                Opening::Udp { local_port, .. } => {
                    (Protocol::Udp, local_port.map(|port| u32::from(port.get())))
                }
            };
            Some(TransparentLink::Client {
                protocol,
                family: client.family,
                host: client.host.to_text(),
                port: client.port.get(),
                extra: u16::try_from(extra.unwrap_or(0)).unwrap_or(u16::MAX),
            })
        }
        SavedLink::Server(server) if server.transport.is_tls() => {
            return Err(Failure::Refused.into());
        }
        SavedLink::Server(server) => Some(TransparentLink::Server {
            family: server.transport.get().family,
            port: server.port.get(),
        }),
    };
    let record = link
        .as_ref()
        .map(TransparentLink::encode)
        .unwrap_or_default();
    store_always(cx, Key::TRANSPARENT_LINK, &record).await?;
    cx.settings.change(|values| values.links.transparent = link);
    Ok(Done::Ok)
}

/// What `AT+SAVETRANSLINK` asked for at this start: data mode from the beginning, until `+++`.
pub(crate) async fn begin_saved<P: Platform>(cx: &Cx<'_, '_, P>, saved: &TransparentLink) {
    let again = match saved {
        TransparentLink::Client {
            protocol,
            family,
            host,
            port,
            extra,
        } => {
            cx.settings.change(|values| values.links.passthrough = true);
            let carrier = match protocol {
                Protocol::Tcp => Carrier::Tcp,
                Protocol::Udp => Carrier::Udp {
                    local_port: Some(*extra).filter(|port| *port > 0),
                    mode: UdpMode::Fixed,
                },
                Protocol::Ssl => Carrier::Tls,
            };
            if *protocol != Protocol::Udp {
                keep_alive(cx, LinkId::ZERO, u32::from(*extra));
            }
            Again::Client(Request {
                carrier,
                target: Target {
                    family: *family,
                    host: host.clone(),
                    port: *port,
                },
                probe: false,
            })
        }
        TransparentLink::Server { family, port } => {
            cx.settings.change(|values| {
                values.links.mux = Mux::Multiple;
                values.links.max_connections = 1;
                values.links.passthrough = true;
            });
            Again::Server(Some(Listening {
                port: *port,
                family: *family,
                tls: None,
            }))
        }
    };
    pass(cx, again).await;
}
