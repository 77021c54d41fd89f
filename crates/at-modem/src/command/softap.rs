//! Our own access point and who is in it (spec: at-commands B.3).

use core::net::Ipv4Addr;

use at_grammar::commands::softap::{AssociatedStation, LeasePool, SetLeasePool, SoftAp};
use at_grammar::commands::station::StaticAddress;
use at_grammar::commands::wifi::StationAddress;
use at_grammar::types::{Bounded, Mac, Password, Ssid};
use at_grammar::{Info, Reply};
use heapless::Vec;

use super::{one_line, store_if_wanted};
use crate::answer::{CommandError, Done, Failure};
use crate::cx::Cx;
use crate::platform::Platform;
use crate::settings::key::Key;
use crate::settings::radio::{
    AccessPointSettings, RadioValues, SoftApSettings, encode_address, encode_pool,
};
use crate::wifi::{Ipv4Config, Wifi};

/// Stations that are listed: as many as `<max_conn>` allows.
const MAX_STATIONS: usize = 10;

fn needs_soft_ap<P: Platform>(cx: &Cx<'_, '_, P>) -> Result<(), CommandError> {
    if cx.settings.read(|values| values.radio.has_soft_ap()) {
        Ok(())
    } else {
        Err(Failure::Refused.into())
    }
}

pub(super) async fn show<P: Platform>(cx: &Cx<'_, '_, P>) -> Result<Done, CommandError> {
    needs_soft_ap(cx)?;
    let ap = cx
        .settings
        .read(|values| values.radio.soft_ap(cx.wifi.soft_ap_mac()));
    one_line(
        cx,
        Info::Cwsap(SoftAp {
            ssid: Ssid::new(&ap.ssid[..]).map_err(|_| Failure::Refused)?,
            password: Password::new(&ap.password[..]).map_err(|_| Failure::Refused)?,
            channel: Bounded::clamped(u32::from(ap.channel)),
            security: ap.security,
            max_stations: Bounded::clamped(u32::from(ap.max_stations)),
            hidden: ap.hidden,
        }),
    )
    .await
}

pub(super) async fn configure<P: Platform>(
    cx: &Cx<'_, '_, P>,
    request: &SoftAp<'_>,
) -> Result<Done, CommandError> {
    needs_soft_ap(cx)?;
    cx.port.takes_long();
    let short = |number: u32| u8::try_from(number).unwrap_or(u8::MAX);
    let ap = SoftApSettings {
        ssid: request.ssid.to_bytes(),
        password: request.password.to_bytes().into(),
        channel: short(request.channel.get()),
        security: request.security,
        max_stations: short(request.max_stations.get()),
        hidden: request.hidden,
    };
    let record = ap.encode();
    with_soft_ap(cx, |radio| radio.soft_ap = Some(ap.clone())).await?;
    store_if_wanted(cx, Key::SOFT_AP, &record).await?;
    Ok(Done::Ok)
}

pub(super) async fn stations<P: Platform>(cx: &Cx<'_, '_, P>) -> Result<Done, CommandError> {
    let mut stations = Vec::<AssociatedStation, MAX_STATIONS>::new();
    if cx.settings.read(|values| values.radio.has_soft_ap()) {
        cx.wifi.stations(|mac, ip| {
            if stations
                .push(AssociatedStation { ip, mac: Mac(mac) })
                .is_err()
            {
                espat_log::warn!("more than {} stations: the rest is left out", MAX_STATIONS);
            }
        });
    }
    let mut print = cx.port.print(cx.settings).await;
    for station in stations {
        print.info(Info::Cwlif(station)).await;
    }
    print.reply(&Reply::Ok).await;
    Ok(Done::Printed)
}

pub(super) async fn deauthenticate<P: Platform>(
    cx: &Cx<'_, '_, P>,
    station: Option<Mac>,
) -> Result<Done, CommandError> {
    needs_soft_ap(cx)?;
    cx.wifi.deauthenticate(station.map(|Mac(mac)| mac)).await;
    Ok(Done::Ok)
}

pub(super) async fn pool<P: Platform>(cx: &Cx<'_, '_, P>) -> Result<Done, CommandError> {
    let pool = cx.settings.read(|values| values.radio.lends());
    one_line(cx, Info::Cwdhcps(pool)).await
}

/// Whether the pool lies in the network of our access point, beside its own address.
fn fits(pool: &LeasePool, own: &Ipv4Config) -> bool {
    let network = |ip: Ipv4Addr| ip.to_bits() & own.netmask.to_bits();
    network(pool.start) == network(own.address)
        && network(pool.end) == network(own.address)
        && !(pool.start..=pool.end).contains(&own.address)
}

pub(super) async fn set_pool<P: Platform>(
    cx: &Cx<'_, '_, P>,
    request: SetLeasePool,
) -> Result<Done, CommandError> {
    let pool = match request {
        SetLeasePool::Manual(pool) => Some(pool),
        SetLeasePool::Automatic => None,
    };
    if let Some(pool) = &pool
        && !cx
            .settings
            .read(|values| fits(pool, &values.radio.soft_ap_address))
    {
        return Err(Failure::Refused.into());
    }
    with_soft_ap(cx, |radio| radio.pool = pool).await?;
    store_pool(cx, pool.as_ref()).await?;
    Ok(Done::Ok)
}

async fn store_pool<P: Platform>(
    cx: &Cx<'_, '_, P>,
    pool: Option<&LeasePool>,
) -> Result<(), CommandError> {
    match pool {
        Some(pool) => {
            let record = encode_pool(pool);
            store_if_wanted(cx, Key::DHCP_SERVER, &record).await
        }
        None => store_if_wanted(cx, Key::DHCP_SERVER, &[]).await,
    }
}

pub(super) async fn address<P: Platform>(cx: &Cx<'_, '_, P>) -> Result<Done, CommandError> {
    let own = cx.settings.read(|values| values.radio.soft_ap_address);
    cx.port
        .print(cx.settings)
        .await
        .replies(&[
            Reply::Info(Info::Cipap(StationAddress::Ip(own.address))),
            Reply::Info(Info::Cipap(StationAddress::Gateway(own.gateway))),
            Reply::Info(Info::Cipap(StationAddress::Netmask(own.netmask))),
            Reply::Ok,
        ])
        .await;
    Ok(Done::Printed)
}

/// Gateway and mask where the line leaves them out: the address itself, and its old class.
pub(super) fn complete(request: &StaticAddress) -> Ipv4Config {
    let class_c = Ipv4Addr::new(255, 255, 255, 0);
    let (gateway, netmask) = request.network.unwrap_or((request.ip, class_c));
    Ipv4Config {
        address: request.ip,
        gateway,
        netmask,
    }
}

/// A pool that does not fit the new network is forgotten: stations get what follows from the address.
pub(super) async fn set_address<P: Platform>(
    cx: &Cx<'_, '_, P>,
    request: &StaticAddress,
) -> Result<Done, CommandError> {
    needs_soft_ap(cx)?;
    cx.port.takes_long();
    let own = complete(request);
    let old = cx.settings.read(|values| values.radio.pool);
    let pool = old.filter(|pool| fits(pool, &own));
    with_soft_ap(cx, |radio| {
        radio.soft_ap_address = own;
        radio.pool = pool;
    })
    .await?;
    store_if_wanted(cx, Key::SOFT_AP_ADDRESS, &encode_address(&own)).await?;
    if pool != old {
        store_pool(cx, None).await?;
    }
    Ok(Done::Ok)
}

/// Makes our access point what the settings say. Fails where one is wanted and there can be none.
pub(super) async fn apply_soft_ap<P: Platform>(cx: &Cx<'_, '_, P>) -> Result<(), CommandError> {
    let mac = cx.wifi.soft_ap_mac();
    let wanted = cx.settings.read(|values| values.radio.access_point(mac));
    start_soft_ap(cx, wanted).await
}

async fn start_soft_ap<P: Platform>(
    cx: &Cx<'_, '_, P>,
    wanted: Option<AccessPointSettings>,
) -> Result<(), CommandError> {
    match &wanted {
        Some(wanted) => cx
            .wifi
            .set_soft_ap(Some(wanted.request()))
            .await
            .map_err(|_| Failure::NotOnThisBoard.into()),
        None => {
            // A radio without access point has none to stop.
            let _ = cx.wifi.set_soft_ap(None).await;
            Ok(())
        }
    }
}

/// Changes settings that our access point follows, once it has followed. If it cannot, they are as
/// they were.
pub(super) async fn with_soft_ap<P: Platform>(
    cx: &Cx<'_, '_, P>,
    change: impl Fn(&mut RadioValues),
) -> Result<(), CommandError> {
    let mac = cx.wifi.soft_ap_mac();
    let wanted = cx.settings.read(|values| {
        let mut radio = values.radio.clone();
        change(&mut radio);
        radio.access_point(mac)
    });
    start_soft_ap(cx, wanted).await?;
    cx.settings.change(|values| change(&mut values.radio));
    Ok(())
}
