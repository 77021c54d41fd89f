//! Names, and who answers (spec: at-commands B.4, CIPDOMAIN, PING).

use core::net::IpAddr;

use at_grammar::commands::network::PingLine;
use at_grammar::commands::tcpip::Resolve;
use at_grammar::types::{HostName, IpPreference};
use at_grammar::{Info, Reply};
use edge_nal::{AddrType, Dns};
use embassy_time::{Duration, Instant, with_timeout};

use super::error;
use crate::answer::{CommandError, Done, Failure};
use crate::net::{NetExtras, PingError};
use crate::platform::Platform;
use crate::state::Shared;

/// A name that takes longer has no address for us.
const RESOLVE_TIMEOUT: Duration = Duration::from_secs(10);

pub(super) async fn resolve<P: Platform>(
    shared: &Shared<'_, P>,
    request: &Resolve<'_>,
) -> Result<Done, CommandError> {
    let host = request.host.to_text();
    if let Ok(address) = host.parse::<IpAddr>() {
        return shared.one_line(Info::Cipdomain(address)).await;
    }
    if !shared.network_is_up() {
        return Err(Failure::Refused.into());
    }
    shared.takes_long();
    let kind = match request.preference {
        IpPreference::V6Only => AddrType::IPv6,
        _ => AddrType::IPv4,
    };
    let timeout = match request.timeout.get() {
        0 => RESOLVE_TIMEOUT,
        ms => Duration::from_millis(u64::from(ms)),
    };
    match with_timeout(timeout, shared.net.get_host_by_name(&host, kind)).await {
        Ok(Ok(address)) => shared.one_line(Info::Cipdomain(address)).await,
        _ => Err(Failure::Refused.into()),
    }
}

/// An echo that takes longer is lost.
const PING_TIMEOUT: Duration = Duration::from_secs(5);

/// `AT+PING`: IPv4 first.
pub(super) async fn ping<P: Platform>(
    shared: &Shared<'_, P>,
    host: &HostName<'_>,
) -> Result<Done, CommandError> {
    if !shared.network_is_up() {
        return Err(Failure::Refused.into());
    }
    shared.takes_long();
    let host = host.to_text();
    let answered = async {
        let address = match host.parse::<IpAddr>() {
            Ok(address) => address,
            Err(_) => {
                let lookup = shared.net.get_host_by_name(&host, AddrType::IPv4);
                let found = with_timeout(RESOLVE_TIMEOUT, lookup).await;
                found.map_err(|_| ())?.map_err(|_| ())?
            }
        };
        let sent = Instant::now();
        match with_timeout(PING_TIMEOUT, shared.extras.ping(shared.net, address)).await {
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
            shared.one_line(Info::Ping(PingLine::Answered(ms))).await
        }
        Err(()) => {
            let mut print = shared.print().await;
            print
                .reply(&Reply::Info(Info::Ping(PingLine::Timeout)))
                .await;
            error(
                &mut print,
                shared.syslog(),
                CommandError::from(Failure::Refused),
            )
            .await;
            Ok(Done::Printed)
        }
    }
}
