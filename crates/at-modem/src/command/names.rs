//! Names, and who answers (spec: at-commands B.4, CIPDOMAIN, PING).

use core::net::IpAddr;

use at_grammar::commands::network::PingLine;
use at_grammar::commands::tcpip::Resolve;
use at_grammar::types::{HostName, IpPreference};
use at_grammar::{Info, Reply};
use edge_nal::{AddrType, Dns};
use embassy_time::{Duration, Instant, with_timeout};

use super::error;
use super::{network_is_up, one_line, syslog};
use crate::answer::{CommandError, Done, Failure};
use crate::cx::Cx;
use crate::net::{NetExtras, PingError};
use crate::platform::Platform;

/// A name that takes longer has no address for us.
const RESOLVE_TIMEOUT: Duration = Duration::from_secs(10);

pub(super) async fn resolve<P: Platform>(
    cx: &Cx<'_, '_, P>,
    request: &Resolve<'_>,
) -> Result<Done, CommandError> {
    let host = request.host.to_text();
    if let Ok(address) = host.parse::<IpAddr>() {
        return one_line(cx, Info::Cipdomain(address)).await;
    }
    if !network_is_up(cx) {
        return Err(Failure::Refused.into());
    }
    cx.port.takes_long();
    let kind = match request.preference {
        IpPreference::V6Only => AddrType::IPv6,
        _ => AddrType::IPv4,
    };
    let timeout = match request.timeout.get() {
        0 => RESOLVE_TIMEOUT,
        ms => Duration::from_millis(u64::from(ms)),
    };
    match with_timeout(timeout, cx.net.get_host_by_name(&host, kind)).await {
        Ok(Ok(address)) => one_line(cx, Info::Cipdomain(address)).await,
        _ => Err(Failure::Refused.into()),
    }
}

/// An echo that takes longer is lost.
const PING_TIMEOUT: Duration = Duration::from_secs(5);

/// `AT+PING`: IPv4 first.
pub(super) async fn ping<P: Platform>(
    cx: &Cx<'_, '_, P>,
    host: &HostName<'_>,
) -> Result<Done, CommandError> {
    if !network_is_up(cx) {
        return Err(Failure::Refused.into());
    }
    cx.port.takes_long();
    let host = host.to_text();
    let answered = async {
        let address = match host.parse::<IpAddr>() {
            Ok(address) => address,
            Err(_) => {
                let lookup = cx.net.get_host_by_name(&host, AddrType::IPv4);
                let found = with_timeout(RESOLVE_TIMEOUT, lookup).await;
                found.map_err(|_| ())?.map_err(|_| ())?
            }
        };
        let sent = Instant::now();
        match with_timeout(PING_TIMEOUT, cx.extras.ping(cx.net, address)).await {
            Ok(Ok(())) => Ok(sent.elapsed().as_millis()),
            Ok(Err(PingError::Unsupported)) => {
                espat_log::warn!("this network stack sends no echo requests");
                Err(())
            }
            Ok(Err(PingError::Failed)) | Err(_) => Err(()),
        }
    };
    match answered.await {
        Ok(ms) => {
            let ms = u32::try_from(ms).unwrap_or(u32::MAX);
            one_line(cx, Info::Ping(PingLine::Answered(ms))).await
        }
        Err(()) => {
            let mut print = cx.port.print(cx.settings).await;
            print
                .reply(&Reply::Info(Info::Ping(PingLine::Timeout)))
                .await;
            error(&mut print, syslog(cx), CommandError::from(Failure::Refused)).await;
            Ok(Done::Printed)
        }
    }
}
