//! Names (spec: at-commands B.4, CIPDOMAIN).

use core::net::IpAddr;

use at_grammar::Info;
use at_grammar::commands::tcpip::Resolve;
use at_grammar::types::IpPreference;
use edge_nal::{AddrType, Dns};
use embassy_time::{Duration, with_timeout};

use super::{Done, Failed};
use crate::platform::Platform;
use crate::state::Shared;

/// A name that takes longer has no address for us.
const RESOLVE_PATIENCE: Duration = Duration::from_secs(10);

pub(super) async fn resolve<P: Platform>(
    shared: &Shared<'_, P>,
    request: &Resolve<'_>,
) -> Result<Done, Failed> {
    let host = request.host.to_text();
    if let Ok(address) = host.parse::<IpAddr>() {
        return shared.one_line(Info::Cipdomain(address)).await;
    }
    if !shared.network_is_up() {
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
