//! Links: opening, closing, listing (spec: at-commands B.4, CIPSTART to CIPCLOSE, CIPMUX, CIPMODE).

use at_grammar::commands::tcpip::{LinkLine, OpenFreeLink, OpenLink, Opening};
use at_grammar::types::{Bounded, Family, LinkTarget, StatusCode, UdpMode};
use at_grammar::{Dialect, Info, LinkId, Mux, Reply};
use embassy_time::{Duration, with_timeout};

use super::error;
use super::{one_line, syslog};
use crate::answer::{CommandError, Done, Failure};
use crate::cx::Cx;
use crate::links::Link;
use crate::links::connected;
use crate::links::state::{Carrier, CloseBy, Event, Request, Target};
use crate::platform::{Board, Platform, ReasonOf};
use crate::task::why::reason_line;
use crate::tls::sessions::Slot;
use crate::tls::terms::terms_of;
use crate::why::{ModemError, Stage, Why};
use crate::wifi::Wifi;
use tls_session::reason::StreamError;

/// `ALREADY CONNECTED` and `ERROR`.
async fn already_connected<P: Platform>(cx: &Cx<'_, '_, P>) -> Result<Done, CommandError> {
    let mut print = cx.port.print(cx.settings).await;
    print.reply(&Reply::AlreadyConnected).await;
    error(&mut print, syslog(cx), CommandError::from(Failure::Refused)).await;
    Ok(Done::Printed)
}

pub(super) async fn open<P: Platform>(
    cx: &Cx<'_, '_, P>,
    request: &OpenLink<'_>,
) -> Result<Done, CommandError> {
    let id = request.link.unwrap_or(LinkId::ZERO);
    let link = link_of(cx, id)?;
    if link.is_open() {
        return already_connected(cx).await;
    }
    open_on(cx, link, request).await
}

/// `AT+CIPSTARTEX`: the lowest free link.
pub(super) async fn open_next<P: Platform>(
    cx: &Cx<'_, '_, P>,
    request: &OpenFreeLink<'_>,
) -> Result<Done, CommandError> {
    if cx.settings.read(|values| values.links.mux) == Mux::Single {
        return Err(Failure::Refused.into());
    }
    let free = cx.links.each().iter().find(|link| link.is_free());
    let link = free.ok_or(Failure::Refused)?;
    open_on(cx, link, &request.at(link.id)).await
}

async fn open_on<P: Platform>(
    cx: &Cx<'_, '_, P>,
    link: &Link<'_>,
    request: &OpenLink<'_>,
) -> Result<Done, CommandError> {
    if request.family == Family::V6 && !cx.settings.read(|values| values.links.ipv6) {
        espat_log::warn!("IPv6 is off: AT+CIPV6=1");
        return Err(Failure::Refused.into());
    }
    let follows = matches!( request.opening, Opening::Udp { mode, ..} if mode != UdpMode::Fixed);
    if follows && cx.settings.read(|values| values.links.passthrough) {
        espat_log::warn!("passthrough needs a peer that stays");
        return Err(Failure::Refused.into());
    }
    cx.port.takes_long();
    let host = request.host.to_text();
    let timeout = request.timeout.map(Bounded::get);
    if let Opening::Tcp {
        keep_alive: Some(seconds),
    }
    | Opening::Ssl {
        keep_alive: Some(seconds),
    } = request.opening
    {
        keep_alive(cx, link.id, seconds.get());
    }
    let carrier = match request.opening {
        Opening::Tcp { .. } => Carrier::Tcp,
        Opening::Ssl { .. } => Carrier::Tls,
        Opening::Udp { local_port, mode } => Carrier::Udp {
            local_port: local_port.map(core::num::NonZeroU16::get),
            mode,
        },
    };
    let request = Request {
        carrier,
        target: Target {
            family: request.family,
            host,
            port: request.port.get(),
        },
        probe: false,
    };
    match connect(cx, link, request, timeout).await {
        Ok(()) => {
            announce(cx, link).await;
            Ok(Done::Printed)
        }
        Err(reason) => {
            cx.board.note_reason(ReasonOf::Refused(link.id), &reason);
            refused(cx, link, &reason).await;
            Ok(Done::Printed)
        }
    }
}

/// Opens a link, unless its settings or the state of the network forbid it.
pub(super) async fn connect<P: Platform>(
    cx: &Cx<'_, '_, P>,
    link: &Link<'_>,
    request: Request,
    timeout: Option<u32>,
) -> Result<(), Why> {
    let host = &request.target.host;
    let allowed = match request.carrier {
        Carrier::Tls => check_tls(cx, link.id, host),
        Carrier::Tcp | Carrier::Udp { .. } => no_url(host),
    };
    let refusal = if let Err(reason) = allowed {
        Some(reason)
    } else if !network_is_up(cx) {
        Some(Why::new(Stage::Tcp, ModemError::NoNetwork))
    } else {
        None
    };
    if let Some(reason) = refusal {
        link.refuse(reason.clone());
        return Err(reason);
    }
    let session = match request.carrier {
        Carrier::Tls => Some(cx.tls.free().inspect_err(|reason| {
            link.refuse(reason.clone());
        })?),
        Carrier::Tcp | Carrier::Udp { .. } => None,
    };
    cx.links.keep_request(request.clone());
    let connect = ask(link, request, session);
    match timeout.filter(|timeout| *timeout > 0) {
        None => connect.await,
        Some(ms) => give_up(link, connect, ms).await,
    }
}

/// Whether the host and the settings of a link allow a session.
pub(super) fn check_tls<P: Platform>(
    cx: &Cx<'_, '_, P>,
    link: LinkId,
    host: &str,
) -> Result<(), Why> {
    no_url(host)?;
    cx.settings.read(|values| {
        let terms = terms_of(&values.tls, link, host);
        terms.map(drop).map_err(Why::from)
    })
}

/// Refuses `https://host`, `host/path` and `host:443`: no name, and no address of IPv6.
fn no_url(host: &str) -> Result<(), Why> {
    let has_port = host.contains(':') && host.parse::<core::net::Ipv6Addr>().is_err();
    if has_port || host.contains('/') {
        return Err(Why::new(Stage::Setup, ModemError::HostIsUrl).finding(host));
    }
    Ok(())
}

/// Opens the connection, in the task of `session` if there is one, else in the link's own.
pub(super) async fn ask(
    link: &Link<'_>,
    request: Request,
    session: Option<&Slot>,
) -> Result<(), Why> {
    if link.apply(Event::Open(request)).is_err() {
        // Somebody else has it.
        return Err(Why::new(Stage::Setup, StreamError::Closed));
    }
    if let Some(slot) = session {
        slot.give(link.id);
    }
    link.opened().await
}

/// Says why a link was not opened, and `ERROR`.
async fn refused<P: Platform>(cx: &Cx<'_, '_, P>, link: &Link<'_>, reason: &Why) {
    let syslog = syslog(cx);
    let mut print = cx.port.print(cx.settings).await;
    if let Some(item) = reason.missing_credential() {
        print.reply(&Reply::NotFound(item)).await;
    }
    if syslog {
        reason_line(&mut print, Some(link.id), reason, reason).await;
        // The certificate's flags where it was at fault, the TLS number otherwise.
        let number = match i32::try_from(reason.verify_flags()) {
            Ok(flags) if flags != 0 => flags,
            _ => reason.mbedtls(),
        };
        print.reply(&Reply::Errno(number)).await;
    }
    error(&mut print, syslog, CommandError::from(Failure::Refused)).await;
}

/// `<timeout>` of the command, on top of the deadlines there are.
async fn give_up(
    link: &Link<'_>,
    connect: impl Future<Output = Result<(), Why>>,
    ms: u32,
) -> Result<(), Why> {
    match with_timeout(Duration::from_millis(u64::from(ms)), connect).await {
        Ok(result) => result,
        Err(_) => {
            let _ = link.apply(Event::Close(CloseBy::Interface));
            // The link's task answers every request.
            match link.opened().await {
                Ok(()) => Ok(()),
                Err(reason) => {
                    let reason = Why {
                        cause: StreamError::Timeout { ms }.into(),
                        ..reason
                    };
                    link.refuse(reason.clone());
                    Err(reason)
                }
            }
        }
    }
}

/// `CONNECT` and `OK` as one message; only then may the link print data.
async fn announce<P: Platform>(cx: &Cx<'_, '_, P>, link: &Link<'_>) {
    cx.station.note_link();
    let connection = link.connection();
    let connected = connection.map(|connection| connected(cx.settings, link.id, &connection));
    let connected = connected.unwrap_or(Reply::Connect(
        cx.settings.read(|values| values.links.label(link.id)),
    ));
    cx.port
        .print(cx.settings)
        .await
        .replies(&[connected, Reply::Ok])
        .await;
    let _ = link.apply(Event::Announced);
}

/// `AT+CIPCLOSE`: the only link; with several, the first that is open.
pub(super) async fn close_only<P: Platform>(cx: &Cx<'_, '_, P>) -> Result<Done, CommandError> {
    match cx.links.each().iter().find(|link| link.is_open()) {
        Some(open) => close(cx, LinkTarget::One(open.id)).await,
        None => not_open(cx).await,
    }
}

/// `ERROR`, and before it what hosts of 1.x take for a link that is closed already.
async fn not_open<P: Platform>(cx: &Cx<'_, '_, P>) -> Result<Done, CommandError> {
    let refused = CommandError::from(Failure::Refused);
    if cx.port.dialect() == Dialect::EspAt {
        return Err(refused);
    }
    let mut print = cx.port.print(cx.settings).await;
    print.reply(&Reply::Unlink).await;
    error(&mut print, syslog(cx), refused).await;
    Ok(Done::Printed)
}

/// All of them: `OK` even if none was open.
pub(super) async fn close<P: Platform>(
    cx: &Cx<'_, '_, P>,
    target: LinkTarget,
) -> Result<Done, CommandError> {
    if let LinkTarget::One(id) = target
        && !link_of(cx, id)?.is_open()
    {
        return not_open(cx).await;
    }
    cx.port.takes_long();
    close_where(cx, |link| target.includes(link.id)).await;
    cx.port.print(cx.settings).await.reply(&Reply::Ok).await;
    Ok(Done::Printed)
}

/// Closes the open links among them, and says so for each that did not end by itself meanwhile.
pub(super) async fn close_where<P: Platform>(
    cx: &Cx<'_, '_, P>,
    which: impl Fn(&Link<'_>) -> bool,
) {
    for link in cx.links.each().iter().filter(|link| which(link)) {
        if link.is_open() && link.disconnect().await {
            let closed = Reply::Closed(cx.settings.read(|values| values.links.label(link.id)));
            cx.port.print(cx.settings).await.reply(&closed).await;
        }
    }
}

pub(super) async fn status<P: Platform>(
    cx: &Cx<'_, '_, P>,
    with_code: bool,
) -> Result<Done, CommandError> {
    let mut print = cx.port.print(cx.settings).await;
    if with_code {
        print.reply(&Reply::Status(status_code(cx))).await;
    }
    for link in cx.links.each() {
        let Some(connection) = link.connection() else {
            continue;
        };
        let line = LinkLine {
            link: link.id,
            transport: connection.transport(),
            remote_ip: connection.remote.ip(),
            remote_port: connection.remote.port(),
            local_port: connection.local_port,
            terminal: connection.terminal,
        };
        print
            .info(if with_code {
                Info::Cipstatus(line)
            } else {
                Info::Cipstate(line)
            })
            .await;
    }
    print.reply(&Reply::Ok).await;
    Ok(Done::Printed)
}

fn status_code<P: Platform>(cx: &Cx<'_, '_, P>) -> StatusCode {
    if !cx.settings.read(|values| values.radio.has_station()) {
        StatusCode::NoStation
    } else if cx.links.any_open() {
        StatusCode::Linked
    } else if cx.wifi.address().is_some() {
        if cx.station.had_link() {
            StatusCode::AllClosed
        } else {
            StatusCode::GotIp
        }
    } else if cx.station.has_tried() || cx.station.is_joining() {
        StatusCode::NotConnected
    } else {
        StatusCode::Idle
    }
}

pub(super) async fn mux<P: Platform>(cx: &Cx<'_, '_, P>) -> Result<Done, CommandError> {
    let mux = cx.settings.read(|values| values.links.mux);
    one_line(cx, Info::Cipmux(mux)).await
}

/// Only without links; several not in passthrough, a single one not with a server.
pub(super) fn set_mux<P: Platform>(cx: &Cx<'_, '_, P>, mux: Mux) -> Result<Done, CommandError> {
    if cx.settings.read(|values| values.links.mux) == mux {
        return Ok(Done::Ok);
    }
    let refused = cx.links.any_open()
        || match mux {
            Mux::Multiple => cx.settings.read(|values| values.links.passthrough),
            Mux::Single => cx.links.server.listening.get().is_some(),
        };
    if refused {
        return Err(Failure::Refused.into());
    }
    cx.settings.change(|values| values.links.mux = mux);
    Ok(Done::Ok)
}

/// The link of a number.
pub(super) fn link_of<'a, P: Platform>(
    cx: &Cx<'a, '_, P>,
    id: LinkId,
) -> Result<&'a Link<'a>, CommandError> {
    cx.links.get(id).ok_or(Failure::Refused.into())
}

/// Whether anything can be reached: the station has an address, or there is a soft-AP.
pub(super) fn network_is_up<P: Platform>(cx: &Cx<'_, '_, P>) -> bool {
    cx.wifi.address().is_some() || cx.settings.read(|values| values.radio.mode.has_soft_ap())
}

/// `<keep_alive>` of `AT+CIPSTART`, which `AT+CIPTCPOPT` shows as well: the last one counts.
pub(super) fn keep_alive<P: Platform>(cx: &Cx<'_, '_, P>, link: LinkId, seconds: u32) {
    cx.settings.change(|values| {
        if let Some(tcp) = values.links.tcp.get_mut(link.index()) {
            tcp.keep_alive = u16::try_from(seconds).unwrap_or(u16::MAX);
        }
    });
}
