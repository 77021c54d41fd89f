//! The station without a command: its events, joining at boot, joining again.

use at_grammar::types::Mac;
use at_grammar::{Reply, reply};
use embassy_futures::select::{Either, select};
use embassy_time::{Duration, Timer, with_timeout};

use super::owners::PortOwners;
use crate::links::Links;
use crate::links::state::{CloseBy, Event};
use crate::platform::Platform;
use crate::settings::Settings;
use crate::settings::radio::{Reconnect, StationConfig};
use crate::station::{Station, StationTask};
use crate::time::Time;
use crate::wifi::{JoinError, Wifi, WifiEvent};

/// `<jap_timeout>` where none was given, and of a join that no command asked for.
pub(crate) const JOIN_TIMEOUT: Duration = Duration::from_secs(15);

/// What the station's tasks need.
pub(crate) struct StationOwners<'a, P: Platform> {
    pub(crate) wifi: &'a P::Wifi,
    pub(crate) station: &'a Station,
    pub(crate) time: &'a Time,
    pub(crate) links: &'a Links<'a>,
    pub(crate) host: PortOwners<'a>,
}

pub(super) async fn events<P: Platform>(owners: &StationOwners<'_, P>) {
    loop {
        let event = owners.wifi.event().await;
        if event == WifiEvent::Disconnected {
            owners.station.note_lost();
        }
        changed(owners, event).await;
    }
}

/// What is printed, if anything.
const fn message(event: WifiEvent) -> Option<Reply<'static>> {
    Some(match event {
        WifiEvent::Connected => Reply::Wifi(reply::WifiEvent::Connected),
        WifiEvent::GotIp => Reply::Wifi(reply::WifiEvent::GotIp),
        WifiEvent::Disconnected => Reply::Wifi(reply::WifiEvent::Disconnect),
        WifiEvent::StationJoined { mac } => Reply::StationJoined(Mac(mac)),
        WifiEvent::StationAddressed { mac, address } => Reply::StationGotIp(Mac(mac), address),
        WifiEvent::StationLeft { mac } => Reply::StationLeft(Mac(mac)),
        // ESP-AT prints nothing.
        WifiEvent::LostIp => return None,
    })
}

/// Joins the stored network when asked to, and again when it is lost, as often as `AT+CWRECONNCFG`
/// says and unless a command takes the station over.
///
/// ```text
/// boot, AT+CWMODE ──▶ join ── done ──▶ wait
///                     ▲  │ failed
///           interval ─┴──┘ until <count> attempts
///               ▲
/// lost ─────────┘ unless the interval is 0, or the radio finds the network by itself
/// ```
pub(super) async fn join_stored<P: Platform>(owners: &StationOwners<'_, P>) {
    let station = &owners.station;
    loop {
        let mut pause = match station.next_task().await {
            StationTask::Idle | StationTask::JoinStored => None,
            StationTask::Reconnect => match reconnect_pause(owners.host.settings, 0) {
                Some(pause) => Some(pause),
                None => continue,
            },
        };
        let mut tries = 0_u16;
        loop {
            if let Some(pause) = pause {
                let wait = select(Timer::after(pause), station.join_asked());
                if let Either::Second(()) = select(wait, station.taken_over()).await {
                    break;
                }
            }
            let Some(stored) = may_join(owners) else {
                break;
            };
            if join_once(owners, &stored).await {
                break;
            }
            tries = tries.saturating_add(1);
            pause = reconnect_pause(owners.host.settings, tries);
            if pause.is_none() {
                break;
            }
        }
    }
}

/// One attempt; whether it is the last one: because there is a network, or a command wants the station.
async fn join_once<P: Platform>(owners: &StationOwners<'_, P>, stored: &StationConfig) -> bool {
    owners.station.note_joining(true);
    let join = owners.wifi.join(stored.request(), async |event| {
        changed(owners, event).await;
    });
    let join = async {
        with_timeout(JOIN_TIMEOUT, join)
            .await
            .unwrap_or(Err(JoinError::Timeout))
    };
    let result = select(join, owners.station.taken_over()).await;
    owners.station.note_joining(false);
    match result {
        Either::First(Ok(())) => true,
        Either::First(Err(error)) => {
            espat_log::warn!("joining the stored network failed, code {}", error.code());
            owners.wifi.leave().await;
            false
        }
        // The command says itself what it does with the station.
        Either::Second(()) => true,
    }
}

/// The network to join without a command, if there is one, a station, and nobody else at it.
fn may_join<P: Platform>(owners: &StationOwners<'_, P>) -> Option<StationConfig> {
    let busy = owners.wifi.association().is_some() || owners.station.is_joining();
    owners.host.settings.read(|values| {
        let wanted = values.radio.has_station() && !busy;
        let stored = values.radio.station.as_ref();
        stored.filter(|_| wanted).cloned()
    })
}

/// How long to wait before another attempt after so many; `None` for no other.
fn reconnect_pause(settings: &Settings, tries: u16) -> Option<Duration> {
    let (Reconnect { interval, count }, has_station) =
        settings.read(|values| (values.radio.reconnect, values.radio.has_station()));
    let wanted = interval > 0 && (count == 0 || tries < count) && has_station;
    wanted.then(|| Duration::from_secs(u64::from(interval)))
}

/// Prints a change of the station and does what follows from it.
pub(crate) async fn changed<P: Platform>(owners: &StationOwners<'_, P>, event: WifiEvent) {
    if let Some(message) = message(event) {
        let mut print = owners
            .host
            .port
            .print_unsolicited(owners.host.settings)
            .await;
        if owners.host.port.says_status(owners.host.settings) {
            print.reply(&message).await;
        }
    }
    match event {
        WifiEvent::GotIp => owners.time.ask_now(),
        WifiEvent::Disconnected | WifiEvent::LostIp => {
            let persist = owners.host.settings.read(|values| values.links.persist);
            for (link, keep) in owners.links.each().iter().zip(persist) {
                if !keep {
                    let _ = link.apply(Event::Close(CloseBy::Interface));
                }
            }
        }
        WifiEvent::Connected
        | WifiEvent::StationJoined { .. }
        | WifiEvent::StationAddressed { .. }
        | WifiEvent::StationLeft { .. } => {}
    }
}
