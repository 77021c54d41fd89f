//! Links, names and the time (spec: at-commands B.4).

use core::net::IpAddr;

use at_grammar::commands::sntp::{DEFAULT_SERVERS, SntpConfig, SntpInterval, SntpLine};
use at_grammar::commands::tcpip::{DataInfo, LinkLine, OpenLink, Opening, Resolve, SendData};
use at_grammar::reply::{LinkConn, Remote};
use at_grammar::types::{
    Family, HostName, IpPreference, LocalTime, Protocol, ReceiveMode, StatusCode, Terminal,
    Transport,
};
use at_grammar::{AtStr, Info, LinkId, Mux, Reply};
use edge_nal::{AddrType, Dns};
use embassy_time::{Duration, with_timeout};
use partition_store::Key;
use tls_session::{Cause, Reason, Stage};

use super::ssl::reason_line;
use super::{Done, Failed, NOT_HERE, error, only_link, policy};
use crate::link::{CloseBy, HostText, Link, LinkStatus, OpenRequest};
use crate::platform::Platform;
use crate::state::{Phase, Shared};
use crate::wifi::Wifi;

/// A name that takes longer has no address for us.
const RESOLVE_PATIENCE: Duration = Duration::from_secs(10);

fn transport(status: &LinkStatus) -> Transport {
    let protocol = if status.tls {
        Protocol::Ssl
    } else {
        Protocol::Tcp
    };
    let family = if status.remote.is_ipv4() {
        Family::V4
    } else {
        Family::V6
    };
    Transport::new(protocol, family)
}

pub(super) async fn open<P: Platform>(
    shared: &Shared<'_, P>,
    request: &OpenLink<'_>,
) -> Result<Done, Failed> {
    let id = only_link(request.link).ok_or(NOT_HERE)?;
    let link = shared.links.get(id.index()).ok_or(NOT_HERE)?;
    let tls = match (request.family, request.opening) {
        (Family::V4, Opening::Tcp { .. }) => false,
        (Family::V4, Opening::Ssl { .. }) => true,
        // UDP and IPv6 are not in this release.
        _ => return Err(NOT_HERE),
    };
    if link.status.get().is_some() {
        let mut print = shared.print().await;
        print.reply(&Reply::AlreadyConnected).await;
        error(&mut print, shared.syslog(), NOT_HERE.0).await;
        return Ok(Done::Printed);
    }
    shared.takes_long();
    let host = request.host.to_text();
    let tls = match tls {
        true => Some(policy::settings(&shared.config.borrow(), id, &host).ok_or(NOT_HERE)?),
        false => None,
    };
    let refused = tls
        .as_ref()
        .is_some_and(|tls| policy::is_refused(shared.config.borrow().dialect, tls));
    let result = if refused {
        let reason = Reason::new(Stage::Setup, Cause::StrictPolicy);
        link.remember(reason.clone());
        Err(reason)
    } else if shared.wifi.address().is_none() {
        let reason =
            Reason::new(Stage::Tcp, Cause::Unreachable).wanting("an IP address of the station");
        link.remember(reason.clone());
        Err(reason)
    } else {
        let connect = link.connect(OpenRequest {
            tls,
            host,
            port: request.port.get(),
            probe: false,
        });
        match request.timeout.filter(|timeout| timeout.get() > 0) {
            None => connect.await,
            Some(timeout) => give_up(link, connect, timeout.get()).await,
        }
    };
    match result {
        Ok(()) => {
            announce(shared, link, id).await;
            Ok(Done::Printed)
        }
        Err(reason) => {
            let syslog = shared.config.borrow().syslog;
            let mut print = shared.print().await;
            if let Some(item) = Link::lacks(&reason) {
                print.reply(&Reply::NotFound(item)).await;
            }
            if syslog {
                reason_line(&mut print, id, &reason).await;
                // The certificate's flags where it was at fault, the TLS number otherwise.
                let number = match i32::try_from(reason.verify_flags()) {
                    Ok(flags) if flags != 0 => flags,
                    _ => reason.mbedtls(),
                };
                print.reply(&Reply::Errno(number)).await;
            }
            error(&mut print, syslog, Failed::with(0).0).await;
            Ok(Done::Printed)
        }
    }
}

/// `<timeout>` of the command, on top of the deadlines there are.
async fn give_up(
    link: &Link,
    connect: impl Future<Output = Result<(), Reason>>,
    ms: u32,
) -> Result<(), Reason> {
    match with_timeout(Duration::from_millis(u64::from(ms)), connect).await {
        Ok(result) => result,
        Err(_) => {
            link.close.signal(CloseBy::Interface);
            // The link's task answers every request.
            match link.opened.wait().await {
                Ok(()) => Ok(()),
                Err(reason) => {
                    let reason = Reason {
                        cause: Cause::Timeout { ms },
                        ..reason
                    };
                    link.remember(reason.clone());
                    Err(reason)
                }
            }
        }
    }
}

/// `CONNECT` and `OK` as one message; only then may the link print data.
async fn announce<P: Platform>(shared: &Shared<'_, P>, link: &Link, id: LinkId) {
    let mut station = shared.station.get();
    station.had_link = true;
    shared.station.set(station);
    let connected = match link.status.get() {
        Some(status) if shared.config.borrow().sysmsg.detailed_connect() => {
            Reply::LinkConn(LinkConn {
                established: true,
                link: id,
                transport: transport(&status),
                terminal: Terminal::Client,
                remote: Remote {
                    ip: status.remote.ip(),
                    port: status.remote.port(),
                },
                local_port: 0,
            })
        }
        _ => Reply::Connect(None),
    };
    shared.print().await.replies(&[connected, Reply::Ok]).await;
    link.announced.signal(());
}

pub(super) async fn close<P: Platform>(shared: &Shared<'_, P>) -> Result<Done, Failed> {
    let link = shared.links.first().ok_or(NOT_HERE)?;
    if link.status.get().is_none() {
        return Err(Failed::with(0));
    }
    shared.takes_long();
    if link.disconnect().await {
        shared
            .print()
            .await
            .replies(&[Reply::Closed(None), Reply::Ok])
            .await;
    } else {
        // The peer was faster, and its CLOSED is printed.
        shared.print().await.reply(&Reply::Ok).await;
    }
    Ok(Done::Printed)
}

pub(super) async fn send<P: Platform>(
    shared: &Shared<'_, P>,
    request: &SendData<'_>,
) -> Result<Done, Failed> {
    let id = only_link(request.link).ok_or(NOT_HERE)?;
    let link = shared.links.get(id.index()).ok_or(NOT_HERE)?;
    if request.remote.is_some() || link.status.get().is_none() {
        return Err(Failed::with(0));
    }
    let announced = request.length.get();
    let len = usize::try_from(announced).map_err(|_| Failed::with(0))?;
    // Kept until `Recv`: nothing may come between prompt and data.
    let mut print = shared.print().await;
    print.reply(&Reply::OkPrompt).await;
    shared.set_phase(Phase::Payload(len));
    {
        let mut payload = shared.payload.lock().await;
        let mut have = 0_usize;
        while have < len {
            let into = payload.get_mut(have..len).unwrap_or_default();
            have = have.saturating_add(shared.intake.read(into).await);
        }
    }
    shared.takes_long();
    print.reply(&Reply::Recv(announced)).await;
    if link.status.get().is_none() {
        // The link closed meanwhile: SEND FAIL, and only then its CLOSED.
        print.reply(&Reply::SendFail).await;
        return Ok(Done::Printed);
    }
    drop(print);
    let sent = link.transmit(len).await;
    shared
        .print()
        .await
        .reply(if sent {
            &Reply::SendOk
        } else {
            &Reply::SendFail
        })
        .await;
    Ok(Done::Printed)
}

pub(super) async fn status<P: Platform>(
    shared: &Shared<'_, P>,
    with_code: bool,
) -> Result<Done, Failed> {
    let mut print = shared.print().await;
    if with_code {
        print.reply(&Reply::Status(status_code(shared))).await;
    }
    for (link, id) in shared.links.iter().zip((0_u8..).filter_map(LinkId::new)) {
        let Some(status) = link.status.get() else {
            continue;
        };
        let line = LinkLine {
            link: id,
            transport: transport(&status),
            remote_ip: status.remote.ip(),
            remote_port: status.remote.port(),
            // The socket traits do not tell it.
            local_port: 0,
            terminal: Terminal::Client,
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

fn status_code<P: Platform>(shared: &Shared<'_, P>) -> StatusCode {
    let station = shared.station.get();
    if !shared.config.borrow().station_role() {
        StatusCode::NoStation
    } else if shared.any_link_open() {
        StatusCode::Linked
    } else if shared.wifi.address().is_some() {
        if station.had_link {
            StatusCode::AllClosed
        } else {
            StatusCode::GotIp
        }
    } else if station.tried || station.joining {
        StatusCode::NotConnected
    } else {
        StatusCode::Idle
    }
}

pub(super) async fn resolve<P: Platform>(
    shared: &Shared<'_, P>,
    request: &Resolve<'_>,
) -> Result<Done, Failed> {
    let host = request.host.to_text();
    if let Ok(address) = host.parse::<IpAddr>() {
        return shared.one_line(Info::Cipdomain(address)).await;
    }
    if shared.wifi.address().is_none() {
        return Err(Failed::with(0));
    }
    shared.takes_long();
    let kind = match request.preference {
        IpPreference::V6Only => AddrType::IPv6,
        _ => AddrType::IPv4,
    };
    let patience = match request.timeout.get() {
        0 => RESOLVE_PATIENCE,
        ms => Duration::from_millis(u64::from(ms)),
    };
    match with_timeout(patience, shared.net.get_host_by_name(&host, kind)).await {
        Ok(Ok(address)) => shared.one_line(Info::Cipdomain(address)).await,
        _ => Err(Failed::with(0)),
    }
}

pub(super) async fn data_info<P: Platform>(shared: &Shared<'_, P>) -> Result<Done, Failed> {
    let on = shared.config.borrow().data_info;
    shared.one_line(Info::Cipdinfo(DataInfo(on))).await
}

pub(super) fn set_data_info<P: Platform>(shared: &Shared<'_, P>, on: bool) -> Result<Done, Failed> {
    shared.config.borrow_mut().data_info = on;
    for link in &shared.links {
        link.show_remote.set(on);
    }
    Ok(Done::Ok)
}

pub(super) async fn mux<P: Platform>(shared: &Shared<'_, P>) -> Result<Done, Failed> {
    shared.one_line(Info::Cipmux(Mux::Single)).await
}

/// One link is all there is.
pub(super) fn set_mux(mux: Mux) -> Result<Done, Failed> {
    match mux {
        Mux::Single => Ok(Done::Ok),
        Mux::Multiple => Err(NOT_HERE),
    }
}

pub(super) async fn receive_mode<P: Platform>(shared: &Shared<'_, P>) -> Result<Done, Failed> {
    shared
        .one_line(Info::Ciprecvmode(ReceiveMode::Active))
        .await
}

pub(super) fn set_receive_mode(mode: ReceiveMode) -> Result<Done, Failed> {
    match mode {
        ReceiveMode::Active => Ok(Done::Ok),
        ReceiveMode::Passive => Err(NOT_HERE),
    }
}

/// Stored, so that the time comes by itself after power-on, as newer firmware has it.
pub(super) async fn set_time_config<P: Platform>(
    shared: &Shared<'_, P>,
    request: &SntpConfig<'_>,
) -> Result<Done, Failed> {
    let mut sntp = shared.config.borrow().sntp.clone();
    sntp.enabled = request.enable;
    if let Some(zone) = request.zone {
        sntp.zone = zone;
    }
    sntp.servers.clear();
    for server in request.servers.iter().flatten() {
        // As many places as parameters.
        let _ = sntp.servers.push(server.to_text());
    }
    if sntp.servers.is_empty() {
        for server in DEFAULT_SERVERS {
            if let Ok(server) = HostText::try_from(server) {
                let _ = sntp.servers.push(server);
            }
        }
    }
    shared.store_if_wanted(Key::SNTP, &sntp.encode()).await?;
    shared.config.borrow_mut().sntp = sntp;
    shared.servers_renewed.set(true);
    shared.sync_time.signal(());
    Ok(Done::Ok)
}

pub(super) async fn time_config<P: Platform>(shared: &Shared<'_, P>) -> Result<Done, Failed> {
    let sntp = shared.config.borrow().sntp.clone();
    let mut servers = [None; 3];
    for (place, server) in servers.iter_mut().zip(&sntp.servers) {
        *place = HostName::new(AtStr::plain(server.as_bytes())).ok();
    }
    shared
        .one_line(Info::Cipsntpcfg(SntpLine {
            enable: sntp.enabled,
            hours: Some(sntp.zone.whole_hours()),
            servers,
        }))
        .await
}

pub(super) async fn time<P: Platform>(shared: &Shared<'_, P>) -> Result<Done, Failed> {
    let zone = shared.config.borrow().sntp.zone;
    let time = LocalTime::new(shared.clock.seconds_or_uptime(), zone);
    shared.one_line(Info::Cipsntptime(time)).await
}

pub(super) async fn time_interval<P: Platform>(shared: &Shared<'_, P>) -> Result<Done, Failed> {
    let interval = SntpInterval::clamped(shared.config.borrow().sntp.interval);
    shared.one_line(Info::Cipsntpintv(interval)).await
}

pub(super) fn set_time_interval<P: Platform>(
    shared: &Shared<'_, P>,
    seconds: SntpInterval,
) -> Result<Done, Failed> {
    shared.config.borrow_mut().sntp.interval = seconds.get();
    shared.interval_changed.signal(());
    Ok(Done::Ok)
}
