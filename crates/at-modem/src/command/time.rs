//! The time from the network (spec: at-commands B.4, CIPSNTP*).

use at_grammar::commands::sntp::{DEFAULT_SERVERS, SntpConfig, SntpInterval, SntpLine};
use at_grammar::types::{HostName, LocalTime};
use at_grammar::{AtStr, Info};

use super::{one_line, store_if_wanted};
use crate::answer::{CommandError, Done};
use crate::cx::Cx;
use crate::platform::Platform;
use crate::settings::HostText;
use crate::settings::key::Key;

/// Stored, so that the time comes by itself after power-on, as newer firmware has it.
pub(super) async fn set_time_config<P: Platform>(
    cx: &Cx<'_, '_, P>,
    request: &SntpConfig<'_>,
) -> Result<Done, CommandError> {
    let mut sntp = cx.settings.read(|values| values.time.clone());
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
    store_if_wanted(cx, Key::SNTP, &sntp.encode()).await?;
    cx.settings.change(|values| {
        // What was learnt while this was stored stays.
        let known = values.time.known;
        values.time = sntp;
        values.time.known = known;
    });
    cx.time.servers_changed();
    Ok(Done::Ok)
}

pub(super) async fn time_config<P: Platform>(cx: &Cx<'_, '_, P>) -> Result<Done, CommandError> {
    let sntp = cx.settings.read(|values| values.time.clone());
    let mut servers = [None; 3];
    for (place, server) in servers.iter_mut().zip(&sntp.servers) {
        *place = HostName::new(AtStr::plain(server.as_bytes())).ok();
    }
    one_line(
        cx,
        Info::Cipsntpcfg(SntpLine {
            enable: sntp.enabled,
            hours: Some(sntp.zone.whole_hours()),
            servers,
        }),
    )
    .await
}

pub(super) async fn time<P: Platform>(cx: &Cx<'_, '_, P>) -> Result<Done, CommandError> {
    let zone = cx.settings.read(|values| values.time.zone);
    let time = LocalTime::new(cx.clock.seconds_or_uptime(), zone);
    one_line(cx, Info::Cipsntptime(time)).await
}

pub(super) async fn time_interval<P: Platform>(cx: &Cx<'_, '_, P>) -> Result<Done, CommandError> {
    let interval = SntpInterval::clamped(cx.settings.read(|values| values.time.interval));
    one_line(cx, Info::Cipsntpintv(interval)).await
}

pub(super) fn set_time_interval<P: Platform>(
    cx: &Cx<'_, '_, P>,
    seconds: SntpInterval,
) -> Result<Done, CommandError> {
    cx.settings
        .change(|values| values.time.interval = seconds.get());
    cx.time.interval_changed();
    Ok(Done::Ok)
}
