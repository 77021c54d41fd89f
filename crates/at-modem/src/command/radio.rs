//! How the radio is to be: reconnecting, scanning, addresses, names (spec: at-commands B.3).
//!
//! A setting is tried on the radio first, then stored, then kept: what a board cannot do is
//! refused and leaves nothing behind.

use at_grammar::commands::station::{
    Country, HostnameLine, ReconnectLine, ScanOptions, SetDhcp, SetReconnect, SetWifiConfig,
    StaticAddress, WifiConfigLine,
};
use at_grammar::types::{
    Bounded, CountryCode, DhcpInterfaces, Mac, OwnMac, StationName, WifiProtocol,
};
use at_grammar::{AtStr, Info};

use super::softap::complete;
use super::wifi;
use super::{apply_soft_ap, one_line, store_if_wanted, use_dns, with_soft_ap};
use crate::answer::{CommandError, Done, Failure};
use crate::cx::Cx;
use crate::platform::Platform;
use crate::settings::key::Key;
use crate::settings::radio::{
    CountrySettings, RadioValues, Reconnect, encode_address, encode_wifi_config,
};
use crate::wifi::{RadioConfig, Wifi};

pub(super) async fn up<P: Platform>(cx: &Cx<'_, '_, P>) -> Result<Done, CommandError> {
    let up = cx.settings.read(|values| values.radio.up);
    one_line(cx, Info::Cwinit(up)).await
}

/// Without a driver there is neither station nor access point, whatever `AT+CWMODE` says.
pub(super) async fn set_up<P: Platform>(
    cx: &Cx<'_, '_, P>,
    up: bool,
) -> Result<Done, CommandError> {
    if cx.settings.read(|values| values.radio.up) == up {
        return Ok(Done::Ok);
    }
    cx.port.takes_long();
    if !up {
        wifi::leave(cx).await;
    }
    with_soft_ap(cx, |radio| radio.up = up)
        .await
        .map(|()| Done::Ok)
}

pub(super) async fn reconnect<P: Platform>(cx: &Cx<'_, '_, P>) -> Result<Done, CommandError> {
    let Reconnect { interval, count } = cx.settings.read(|values| values.radio.reconnect);
    one_line(
        cx,
        Info::Cwreconncfg(ReconnectLine {
            interval: Bounded::clamped(u32::from(interval)),
            count: Bounded::clamped(u32::from(count)),
        }),
    )
    .await
}

pub(super) async fn set_reconnect<P: Platform>(
    cx: &Cx<'_, '_, P>,
    request: SetReconnect,
) -> Result<Done, CommandError> {
    let short = |number: u32| u16::try_from(number).unwrap_or(u16::MAX);
    let reconnect = Reconnect {
        interval: short(request.interval.get()),
        count: short(request.count.get()),
    };
    store_if_wanted(cx, Key::RECONNECT, &reconnect.encode()).await?;
    let join = cx.settings.change(|values| {
        let radio = &mut values.radio;
        radio.reconnect = reconnect;
        request.now && radio.has_station() && radio.station.is_some()
    });
    if join && cx.wifi.association().is_none() {
        cx.station.join_stored();
    }
    Ok(Done::Ok)
}

pub(super) fn set_scan<P: Platform>(
    cx: &Cx<'_, '_, P>,
    options: ScanOptions,
) -> Result<Done, CommandError> {
    cx.settings.change(|values| values.radio.scan = options);
    Ok(Done::Ok)
}

pub(super) async fn dhcp<P: Platform>(cx: &Cx<'_, '_, P>) -> Result<Done, CommandError> {
    let interfaces = cx.settings.read(|values| values.radio.dhcp);
    one_line(cx, Info::Cwdhcp(interfaces)).await
}

/// DHCP takes a fixed address away. Without it the station keeps the address it has, if any.
pub(super) async fn set_dhcp<P: Platform>(
    cx: &Cx<'_, '_, P>,
    request: SetDhcp,
) -> Result<Done, CommandError> {
    if request.interfaces.ethernet() {
        return Err(Failure::NotOnThisBoard.into());
    }
    let (old, fixed) = cx
        .settings
        .read(|values| (values.radio.dhcp, values.radio.station_address));
    let new = old.with(request.interfaces, request.enable);
    if new.station() != old.station() {
        let address = if new.station() {
            None
        } else {
            fixed.or(cx.wifi.address())
        };
        if address.is_some() || new.station() {
            cx.wifi
                .set_address(address)
                .await
                .map_err(|_| Failure::NotOnThisBoard)?;
        }
    }
    if new.soft_ap() != old.soft_ap() {
        with_soft_ap(cx, |radio| {
            radio.dhcp = old.with(DhcpInterfaces::SOFT_AP, new.soft_ap());
        })
        .await?;
    }
    store_if_wanted(cx, Key::DHCP, &[new.bits()]).await?;
    if new.station() && fixed.is_some() {
        store_if_wanted(cx, Key::STATION_ADDRESS, &[]).await?;
    }
    cx.settings.change(|values| {
        values.radio.dhcp = new;
        if new.station() {
            values.radio.station_address = None;
        }
    });
    use_dns(cx);
    Ok(Done::Ok)
}

pub(super) async fn set_station_address<P: Platform>(
    cx: &Cx<'_, '_, P>,
    request: &StaticAddress,
) -> Result<Done, CommandError> {
    let address = complete(request);
    cx.wifi
        .set_address(Some(address))
        .await
        .map_err(|_| Failure::NotOnThisBoard)?;
    let dhcp = cx.settings.read(|values| values.radio.dhcp);
    let dhcp = dhcp.with(DhcpInterfaces::STATION, false);
    store_if_wanted(cx, Key::STATION_ADDRESS, &encode_address(&address)).await?;
    store_if_wanted(cx, Key::DHCP, &[dhcp.bits()]).await?;
    cx.settings.change(|values| {
        values.radio.station_address = Some(address);
        values.radio.dhcp = dhcp;
    });
    use_dns(cx);
    Ok(Done::Ok)
}

pub(super) async fn mac<P: Platform>(
    cx: &Cx<'_, '_, P>,
    soft_ap: bool,
) -> Result<Done, CommandError> {
    one_line(
        cx,
        if soft_ap {
            Info::Cipapmac(Mac(cx.wifi.soft_ap_mac()))
        } else {
            Info::Cipstamac(Mac(cx.wifi.mac()))
        },
    )
    .await
}

pub(super) async fn set_mac<P: Platform>(
    cx: &Cx<'_, '_, P>,
    soft_ap: bool,
    mac: OwnMac,
) -> Result<Done, CommandError> {
    let Mac(mac) = mac.get();
    cx.wifi
        .set_mac(soft_ap, mac)
        .await
        .map_err(|_| Failure::NotOnThisBoard)?;
    let key = if soft_ap {
        Key::SOFT_AP_MAC
    } else {
        Key::STATION_MAC
    };
    store_if_wanted(cx, key, &mac).await?;
    cx.settings.change(|values| {
        let place = if soft_ap {
            &mut values.radio.soft_ap_mac
        } else {
            &mut values.radio.station_mac
        };
        *place = Some(mac);
    });
    // A radio may have been restarted for it.
    tune(cx);
    Ok(Done::Ok)
}

pub(super) async fn protocol<P: Platform>(
    cx: &Cx<'_, '_, P>,
    soft_ap: bool,
) -> Result<Done, CommandError> {
    let line = cx.settings.read(|values| {
        if soft_ap {
            Info::Cwapproto(values.radio.soft_ap_protocol)
        } else {
            Info::Cwstaproto(values.radio.station_protocol)
        }
    });
    one_line(cx, line).await
}

pub(super) async fn set_protocol<P: Platform>(
    cx: &Cx<'_, '_, P>,
    soft_ap: bool,
    protocol: WifiProtocol,
) -> Result<Done, CommandError> {
    let key = if soft_ap {
        Key::SOFT_AP_PROTOCOLS
    } else {
        Key::STATION_PROTOCOLS
    };
    store_if_wanted(cx, key, &[protocol.code()]).await?;
    cx.settings.change(|values| {
        let place = if soft_ap {
            &mut values.radio.soft_ap_protocol
        } else {
            &mut values.radio.station_protocol
        };
        *place = protocol;
    });
    tune(cx);
    Ok(Done::Ok)
}

pub(super) async fn hostname<P: Platform>(cx: &Cx<'_, '_, P>) -> Result<Done, CommandError> {
    wifi::needs_station(cx)?;
    let name = cx.settings.read(|values| values.radio.hostname.clone());
    let name = StationName::new(name.as_str()).map_err(|_| Failure::Refused)?;
    one_line(cx, Info::Cwhostname(HostnameLine(name))).await
}

pub(super) fn set_hostname<P: Platform>(
    cx: &Cx<'_, '_, P>,
    name: &StationName<'_>,
) -> Result<Done, CommandError> {
    wifi::needs_station(cx)?;
    let name = name.to_text();
    cx.wifi
        .set_hostname(&name)
        .map_err(|_| Failure::NotOnThisBoard)?;
    cx.settings.change(|values| values.radio.hostname = name);
    Ok(Done::Ok)
}

pub(super) async fn country<P: Platform>(cx: &Cx<'_, '_, P>) -> Result<Done, CommandError> {
    let CountrySettings {
        policy,
        code,
        start,
        count,
    } = cx.settings.read(|values| values.radio.country.clone());
    let code = CountryCode::new(AtStr::from(code.as_str())).map_err(|_| Failure::Refused)?;
    one_line(
        cx,
        Info::Cwcountry(Country {
            policy,
            code,
            start: Bounded::clamped(u32::from(start)),
            count: Bounded::clamped(u32::from(count)),
        }),
    )
    .await
}

pub(super) fn set_country<P: Platform>(
    cx: &Cx<'_, '_, P>,
    request: &Country<'_>,
) -> Result<Done, CommandError> {
    let short = |number: u32| u8::try_from(number).unwrap_or(u8::MAX);
    cx.settings.change(|values| {
        values.radio.country = CountrySettings {
            policy: request.policy,
            code: request.code.to_text(),
            start: short(request.start.get()),
            count: short(request.count.get()),
        }
    });
    tune(cx);
    Ok(Done::Ok)
}

pub(super) async fn wifi_config<P: Platform>(cx: &Cx<'_, '_, P>) -> Result<Done, CommandError> {
    let line = cx.settings.read(|values| values.radio.wifi_config);
    one_line(cx, Info::Cwconfig(line)).await
}

pub(super) async fn set_wifi_config<P: Platform>(
    cx: &Cx<'_, '_, P>,
    request: &SetWifiConfig,
) -> Result<Done, CommandError> {
    let old = cx.settings.read(|values| values.radio.wifi_config);
    let new = WifiConfigLine {
        ap_inactive: request.ap_inactive.unwrap_or(old.ap_inactive),
        station_inactive: request.station_inactive.unwrap_or(old.station_inactive),
        listen: request.listen.unwrap_or(old.listen),
    };
    store_if_wanted(cx, Key::WIFI_CONFIG, &encode_wifi_config(&new)).await?;
    cx.settings.change(|values| values.radio.wifi_config = new);
    tune(cx);
    Ok(Done::Ok)
}

/// The settings of the radio, without networks and addresses.
fn radio_config(radio: &RadioValues) -> RadioConfig<'_> {
    let short = |number: u32| u16::try_from(number).unwrap_or(u16::MAX);
    RadioConfig {
        power: radio.power,
        station_protocols: radio.station_protocol.code(),
        soft_ap_protocols: radio.soft_ap_protocol.code(),
        country: &radio.country.code,
        country_is_fixed: radio.country.policy.code() != 0,
        first_channel: radio.country.start,
        channels: radio.country.count,
        soft_ap_inactive_timeout: short(radio.wifi_config.ap_inactive.get()),
        station_inactive_timeout: short(radio.wifi_config.station_inactive.get()),
        listen_interval: u8::try_from(radio.wifi_config.listen.get()).unwrap_or(u8::MAX),
    }
}

/// Applies the settings of the radio.
pub(super) fn tune<P: Platform>(cx: &Cx<'_, '_, P>) {
    let tuned = cx
        .settings
        .read(|values| cx.wifi.set_radio(&radio_config(&values.radio)));
    if tuned.is_err() {
        espat_log::debug!("this radio is not tuned: the setting is only kept");
    }
}

/// Makes the radio what flash says it is, before the first command.
pub(crate) async fn start_radio<P: Platform>(cx: &Cx<'_, '_, P>) {
    let radio = cx.settings.read(|values| values.radio.clone());
    for (soft_ap, mac) in [(false, radio.station_mac), (true, radio.soft_ap_mac)] {
        if let Some(mac) = mac
            && cx.wifi.set_mac(soft_ap, mac).await.is_err()
        {
            espat_log::warn!("this radio keeps its hardware address");
        }
    }
    tune(cx);
    // Refusals count where something is asked for: DHCP is what a radio has anyway.
    let fixed = radio.station_address.is_some();
    if cx.wifi.set_address(radio.station_address).await.is_err() && fixed {
        espat_log::warn!("this radio takes no fixed address");
    }
    if apply_soft_ap(cx).await.is_err() {
        espat_log::warn!("this radio has no access point");
    }
}
