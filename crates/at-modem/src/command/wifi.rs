//! Station commands (spec: at-commands B.3).

use at_grammar::commands::wifi::{
    AddressLine, JoinAp, JoinLine, Joined, ScanColumns, ScanLine, ScanRequest, SetWifiMode,
    StationAddress, StationLine,
};
use at_grammar::types::{Bounded, Encryption, JoinFailure, Mac, StationState, WifiCipher};
use at_grammar::{AtStr, Info, Reply};
use embassy_futures::yield_now;
use embassy_time::{Duration, with_timeout};

use super::error;
use super::{one_line, store_always, store_if_wanted, syslog, tune, with_soft_ap};
use crate::answer::{CommandError, Done, Failure};
use crate::cx::Cx;
use crate::links::Link;
use crate::platform::Platform;
use crate::settings::key::Key;
use crate::settings::radio::{JoinOptions, StationConfig, encode_wifi_config};
use crate::task::owners::PortOwners;
pub(super) use crate::task::station::JOIN_TIMEOUT;
use crate::task::station::{StationOwners, changed};
use crate::wifi::{AccessPoint, JoinError, Strongest, Wifi, WifiEvent};

pub(super) async fn mode<P: Platform>(cx: &Cx<'_, '_, P>) -> Result<Done, CommandError> {
    let mode = cx.settings.read(|values| values.radio.mode);
    one_line(cx, Info::Cwmode(mode)).await
}

pub(super) async fn set_mode<P: Platform>(
    cx: &Cx<'_, '_, P>,
    request: SetWifiMode,
) -> Result<Done, CommandError> {
    let (had, has) = (
        cx.settings.read(|values| values.radio.has_station()),
        request.mode.has_station(),
    );
    let old = cx.settings.read(|values| values.radio.mode);
    if old.has_soft_ap() != request.mode.has_soft_ap() {
        cx.port.takes_long();
        with_soft_ap(cx, |radio| radio.mode = request.mode).await?;
    }
    let stored = store_if_wanted(cx, Key::WIFI_MODE, &[request.mode.code()]).await;
    if stored.is_err() {
        // A mode that cannot be stored is not taken.
        with_soft_ap(cx, |radio| radio.mode = old).await?;
        return stored.map(|()| Done::Ok);
    }
    cx.settings
        .change(|values| values.radio.mode = request.mode);
    if had && !has {
        leave(cx).await;
    }
    if has
        && !had
        && request.auto_connect
        && cx.settings.read(|values| values.radio.station.is_some())
    {
        cx.station.join_stored();
    }
    Ok(Done::Ok)
}

/// Ends a join that no command asked for: from here on the station is the command's.
async fn take_over<P: Platform>(cx: &Cx<'_, '_, P>) {
    cx.station.take_over();
    // The join is dropped where it runs.
    yield_now().await;
}

const fn station_owners<'a, P: Platform>(cx: &Cx<'a, '_, P>) -> StationOwners<'a, P> {
    StationOwners {
        wifi: cx.wifi,
        station: cx.station,
        time: cx.time,
        links: cx.links,
        host: PortOwners {
            port: cx.port,
            settings: cx.settings,
        },
    }
}

/// Leaves the network, if there is one, and says so.
pub(super) async fn leave<P: Platform>(cx: &Cx<'_, '_, P>) {
    take_over(cx).await;
    let joined = cx.wifi.association().is_some();
    cx.wifi.leave().await;
    if !joined {
        return;
    }
    let before = cx.links.each().each_ref().map(Link::ends);
    changed(&station_owners(cx), WifiEvent::Disconnected).await;
    let persist = cx.settings.read(|values| values.links.persist);
    for ((link, keep), before) in cx.links.each().iter().zip(persist).zip(before) {
        // `CLOSED` comes before anything of the next network.
        if link.is_open() && !keep {
            link.ended(before).await;
        }
    }
}

pub(super) fn needs_station<P: Platform>(cx: &Cx<'_, '_, P>) -> Result<(), CommandError> {
    if cx.settings.read(|values| values.radio.has_station()) {
        Ok(())
    } else {
        Err(Failure::Refused.into())
    }
}

pub(super) async fn state<P: Platform>(cx: &Cx<'_, '_, P>) -> Result<Done, CommandError> {
    let association = cx.wifi.association();
    let target = cx.settings.read(|values| {
        values
            .radio
            .station
            .as_ref()
            .map(|station| station.ssid.clone())
    });
    let state = match (&association, cx.wifi.address()) {
        (Some(_), Some(_)) => StationState::GotIp,
        (Some(_), None) => StationState::Associated,
        (None, _) if cx.station.is_joining() => StationState::Connecting,
        (None, _) if cx.station.has_tried() => StationState::Disconnected,
        (None, _) => StationState::Idle,
    };
    let ssid = match (association, state) {
        (Some(access_point), _) => access_point.ssid,
        (None, StationState::Idle) => crate::wifi::Ssid::new(),
        (None, _) => target.unwrap_or_default(),
    };
    one_line(
        cx,
        Info::Cwstate(StationLine {
            state,
            ssid: AtStr::plain(&ssid),
        }),
    )
    .await
}

pub(super) async fn join<P: Platform>(
    cx: &Cx<'_, '_, P>,
    request: &JoinAp<'_>,
) -> Result<Done, CommandError> {
    let timeout = Duration::from_secs(u64::from(request.timeout.get()));
    let station = match (&request.ssid, &request.password) {
        (None, None) => return join_again(cx, timeout).await,
        (None, Some(_)) => return Err(Failure::Refused.into()),
        (Some(ssid), password) => StationConfig {
            ssid: ssid.to_bytes(),
            password: password
                .map(|password| password.to_bytes())
                .unwrap_or_default()
                .into(),
            bssid: request.bssid.map(|Mac(bytes)| bytes),
            secure_only: request.threshold.get() > 0,
        },
    };
    let interval = u16::try_from(request.reconnect.get()).unwrap_or(u16::MAX);
    let done = join_this(cx, &station, timeout, Some(interval)).await?;
    if done == Done::Ok {
        let options = JoinOptions {
            threshold: u8::try_from(request.threshold.get()).unwrap_or(u8::MAX),
            scan_mode: request.scan_mode,
            pmf: request.pmf,
        };
        let (config, changed) = cx.settings.change(|values| {
            values.radio.join = options;
            let config = &mut values.radio.wifi_config;
            let changed = config.listen != request.listen;
            config.listen = request.listen;
            (*config, changed)
        });
        if changed {
            tune(cx);
            store_if_wanted(cx, Key::WIFI_CONFIG, &encode_wifi_config(&config)).await?;
        }
    }
    Ok(done)
}

pub(super) async fn join_again<P: Platform>(
    cx: &Cx<'_, '_, P>,
    timeout: Duration,
) -> Result<Done, CommandError> {
    let station = cx
        .settings
        .read(|values| values.radio.station.clone().ok_or(Failure::Refused))?;
    join_this(cx, &station, timeout, None).await
}

async fn join_this<P: Platform>(
    cx: &Cx<'_, '_, P>,
    station: &StationConfig,
    timeout: Duration,
    interval: Option<u16>,
) -> Result<Done, CommandError> {
    needs_station(cx)?;
    cx.port.takes_long();
    leave(cx).await;
    cx.station.note_joining(true);
    let join = cx.wifi.join(station.request(), async |event| {
        changed(&station_owners(cx), event).await;
    });
    let result = with_timeout(timeout, join)
        .await
        .unwrap_or(Err(JoinError::Timeout));
    cx.station.note_joining(false);
    match result {
        Ok(()) => {
            // A network that was joined is kept even if it cannot be stored; the failure is reported.
            let record = station.encode();
            cx.settings
                .change(|values| values.radio.station = Some(station.clone()));
            store_if_wanted(cx, Key::STATION, &record).await?;
            if let Some(interval) = interval {
                let reconnect = cx.settings.change(|values| {
                    values.radio.reconnect.interval = interval;
                    values.radio.reconnect
                });
                store_if_wanted(cx, Key::RECONNECT, &reconnect.encode()).await?;
            }
            Ok(Done::Ok)
        }
        Err(why) => {
            cx.wifi.leave().await;
            let code = JoinFailure::from_code(why.code()).unwrap_or(JoinFailure::Failed);
            let mut print = cx.port.print(cx.settings).await;
            print.info(Info::Cwjap(JoinLine::Failed(code))).await;
            let why = CommandError::Own(u16::from(why.code()));
            error(&mut print, syslog(cx), why).await;
            Ok(Done::Printed)
        }
    }
}

pub(super) async fn joined<P: Platform>(cx: &Cx<'_, '_, P>) -> Result<Done, CommandError> {
    let Some(access_point) = cx.wifi.association() else {
        cx.port
            .print(cx.settings)
            .await
            .replies(&[Reply::NoAp, Reply::Ok])
            .await;
        return Ok(Done::Printed);
    };
    let (options, reconnect, listen, secure) = cx.settings.read(|values| {
        let radio = &values.radio;
        let station = radio.station.as_ref();
        let secure = station.is_some_and(|station| station.secure_only);
        (
            radio.join,
            radio.reconnect,
            radio.wifi_config.listen,
            secure,
        )
    });
    // After a restart only this is known of the threshold.
    let threshold = options.threshold.max(u8::from(secure));
    one_line(
        cx,
        Info::Cwjap(JoinLine::Joined(Joined {
            ssid: AtStr::plain(&access_point.ssid),
            bssid: Mac(access_point.bssid),
            channel: access_point.channel,
            rssi: access_point.rssi,
            threshold: Bounded::clamped(u32::from(threshold)),
            reconnect: Bounded::clamped(u32::from(reconnect.interval)),
            listen,
            scan_mode: options.scan_mode,
            pmf: options.pmf,
        })),
    )
    .await
}

/// Lines of `+CWLAP` for a scan, at most; 44 bytes each.
const LISTED: usize = 64;

pub(super) async fn scan<P: Platform>(
    cx: &Cx<'_, '_, P>,
    request: Option<&ScanRequest<'_>>,
) -> Result<Done, CommandError> {
    needs_station(cx)?;
    cx.port.takes_long();
    let options = cx.settings.read(|values| values.radio.scan);
    let mut found = Strongest::<LISTED>::new();
    cx.wifi
        .scan(|access_point| {
            let wanted = request.is_none_or(|request| {
                request
                    .ssid
                    .is_none_or(|ssid| ssid.to_bytes() == access_point.ssid)
                    && request
                        .bssid
                        .is_none_or(|Mac(bssid)| bssid == access_point.bssid)
                    && (request.channel.get() == 0
                        || request.channel.get() == u32::from(access_point.channel))
            });
            let encryption = u32::from(access_point.encryption.number());
            let wanted = wanted
                && access_point.rssi >= options.rssi.get()
                && u32::from(options.encryptions) >> encryption & 1 == 1;
            if wanted {
                found.add(access_point);
            }
        })
        .await;
    if found.left_out() > 0 {
        espat_log::warn!(
            "more than {} access points: the {} weakest are left out",
            LISTED,
            found.left_out()
        );
    }
    if options.sort {
        found.sort();
    }
    let mut print = cx.port.print(cx.settings).await;
    for access_point in found.iter() {
        let line = scan_line(access_point, options.columns);
        print.info(Info::Cwlap(line)).await;
    }
    print.reply(&Reply::Ok).await;
    Ok(Done::Printed)
}

fn scan_line(access_point: &AccessPoint, columns: ScanColumns) -> ScanLine<'_> {
    let cipher = match access_point.encryption.number() {
        0 => WifiCipher::None,
        1 => WifiCipher::Wep40,
        _ => WifiCipher::Ccmp,
    };
    ScanLine {
        columns,
        encryption: Encryption::from_code(access_point.encryption.number())
            .unwrap_or(Encryption::Open),
        ssid: AtStr::plain(&access_point.ssid),
        rssi: access_point.rssi,
        bssid: Mac(access_point.bssid),
        channel: access_point.channel,
        freq_offset: -1,
        freqcal: -1,
        pairwise: cipher,
        group: cipher,
        bgn: 7,
        wps: false,
    }
}

/// `OK` first, then `WIFI DISCONNECT`: captures show both orders, and drivers take either.
pub(super) async fn quit<P: Platform>(cx: &Cx<'_, '_, P>) -> Result<Done, CommandError> {
    cx.port.takes_long();
    take_over(cx).await;
    let joined = cx.wifi.association().is_some();
    cx.wifi.leave().await;
    cx.port.print(cx.settings).await.reply(&Reply::Ok).await;
    if joined {
        changed(&station_owners(cx), WifiEvent::Disconnected).await;
    }
    Ok(Done::Printed)
}

pub(super) async fn auto_connect<P: Platform>(cx: &Cx<'_, '_, P>) -> Result<Done, CommandError> {
    let on = cx.settings.read(|values| values.radio.auto_connect);
    one_line(cx, Info::Cwautoconn(on)).await
}

pub(super) async fn set_auto_connect<P: Platform>(
    cx: &Cx<'_, '_, P>,
    on: bool,
) -> Result<Done, CommandError> {
    store_always(cx, Key::AUTO_CONNECT, &[u8::from(on)]).await?;
    cx.settings.change(|values| values.radio.auto_connect = on);
    Ok(Done::Ok)
}

pub(super) async fn addresses<P: Platform>(cx: &Cx<'_, '_, P>) -> Result<Done, CommandError> {
    let mut print = cx.port.print(cx.settings).await;
    if cx.settings.read(|values| values.radio.has_soft_ap()) {
        let own = cx
            .settings
            .read(|values| values.radio.soft_ap_address.address);
        print.info(Info::Cifsr(AddressLine::ApIp(own))).await;
        print
            .info(Info::Cifsr(AddressLine::ApMac(Mac(cx.wifi.soft_ap_mac()))))
            .await;
    }
    if cx.settings.read(|values| values.radio.has_station()) {
        let address = cx
            .wifi
            .address()
            .map_or(core::net::Ipv4Addr::UNSPECIFIED, |config| config.address);
        print.info(Info::Cifsr(AddressLine::StaIp(address))).await;
        print
            .info(Info::Cifsr(AddressLine::StaMac(Mac(cx.wifi.mac()))))
            .await;
    }
    print.reply(&Reply::Ok).await;
    Ok(Done::Printed)
}

pub(super) async fn station_address<P: Platform>(cx: &Cx<'_, '_, P>) -> Result<Done, CommandError> {
    let none = core::net::Ipv4Addr::UNSPECIFIED;
    let fixed = cx.settings.read(|values| values.radio.station_address);
    let own = cx.wifi.address().or(fixed);
    let (address, gateway, netmask) = own.map_or((none, none, none), |config| {
        (config.address, config.gateway, config.netmask)
    });
    cx.port
        .print(cx.settings)
        .await
        .replies(&[
            Reply::Info(Info::Cipsta(StationAddress::Ip(address))),
            Reply::Info(Info::Cipsta(StationAddress::Gateway(gateway))),
            Reply::Info(Info::Cipsta(StationAddress::Netmask(netmask))),
            Reply::Ok,
        ])
        .await;
    Ok(Done::Printed)
}
