//! What holds for links however they were opened (spec: at-commands B.4, CIPV6, CIPTCPOPT, CIPDNS).

use at_grammar::commands::network::{DNS_SERVERS, DnsServers};
use at_grammar::commands::options::{
    Linger, PersistenceLine, SendTimeout, SetPersistence, SetTcpOptions, TcpOptionsLine,
};
use at_grammar::commands::tcpip::KeepAlive;
use at_grammar::types::{Bounded, LinkTarget};
use at_grammar::{Info, LinkId, Mux, Reply};

use super::{one_line, store_if_wanted};
use crate::answer::{CommandError, Done, Failure};
use crate::cx::Cx;
use crate::net::NetExtras;
use crate::platform::Platform;
use crate::settings::key::Key;
use crate::settings::links::{DNS_DEFAULTS, DnsSettings, TcpSettings};

pub(super) async fn ipv6<P: Platform>(cx: &Cx<'_, '_, P>) -> Result<Done, CommandError> {
    let on = cx.settings.read(|values| values.links.ipv6);
    one_line(cx, Info::Cipv6(on)).await
}

pub(super) async fn set_ipv6<P: Platform>(
    cx: &Cx<'_, '_, P>,
    on: bool,
) -> Result<Done, CommandError> {
    store_if_wanted(cx, Key::IPV6, &[u8::from(on)]).await?;
    cx.settings.change(|values| values.links.ipv6 = on);
    Ok(Done::Ok)
}

pub(super) async fn tcp<P: Platform>(cx: &Cx<'_, '_, P>) -> Result<Done, CommandError> {
    let all = cx.settings.read(|values| values.links.tcp);
    let mut print = cx.port.print(cx.settings).await;
    for (link, tcp) in LinkId::ALL.into_iter().zip(all) {
        print
            .info(Info::Ciptcpopt(TcpOptionsLine {
                link,
                linger: u32::try_from(tcp.linger).map_or(Linger::Off, |seconds| {
                    Linger::Seconds(Bounded::clamped(seconds))
                }),
                no_delay: tcp.no_delay,
                send_timeout: SendTimeout::clamped(tcp.send_timeout),
                keep_alive: KeepAlive::clamped(u32::from(tcp.keep_alive)),
            }))
            .await;
    }
    print.reply(&Reply::Ok).await;
    Ok(Done::Printed)
}

/// Counts for connections that are opened afterwards; the send timeout at once.
pub(super) async fn set_tcp<P: Platform>(
    cx: &Cx<'_, '_, P>,
    request: &SetTcpOptions,
) -> Result<Done, CommandError> {
    let target = request.link.unwrap_or(LinkTarget::One(LinkId::ZERO));
    for link in LinkId::ALL
        .into_iter()
        .filter(|link| target.includes(*link))
    {
        let old = cx.settings.read(|values| values.links.tcp_of(link));
        let new = TcpSettings {
            linger: request.linger.map_or(old.linger, |linger| match linger {
                Linger::Off => -1,
                Linger::Seconds(seconds) => i32::try_from(seconds.get()).unwrap_or(i32::MAX),
            }),
            no_delay: request.no_delay.unwrap_or(old.no_delay),
            send_timeout: request.send_timeout.map_or(old.send_timeout, Bounded::get),
            keep_alive: request.keep_alive.map_or(old.keep_alive, |seconds| {
                u16::try_from(seconds.get()).unwrap_or(u16::MAX)
            }),
        };
        if let Some(key) = Key::tcp_options(link.get()) {
            store_if_wanted(cx, key, &new.encode()).await?;
        }
        cx.settings.change(|values| {
            if let Some(place) = values.links.tcp.get_mut(link.index()) {
                *place = new;
            }
        });
    }
    Ok(Done::Ok)
}

pub(super) async fn dns<P: Platform>(cx: &Cx<'_, '_, P>) -> Result<Done, CommandError> {
    let line = cx.settings.read(|values| {
        let dns = &values.links.dns;
        let mut servers = [None; DNS_SERVERS];
        for (place, server) in servers.iter_mut().zip(&dns.servers) {
            *place = Some(*server);
        }
        DnsServers {
            manual: dns.manual,
            servers,
        }
    });
    one_line(cx, Info::Cipdns(line)).await
}

/// Omitted places are the defaults; no server stands twice.
pub(super) async fn set_dns<P: Platform>(
    cx: &Cx<'_, '_, P>,
    request: &DnsServers,
) -> Result<Done, CommandError> {
    let mut dns = DnsSettings {
        manual: request.manual,
        ..DnsSettings::default()
    };
    if request.manual {
        dns.servers.clear();
        let defaults = DNS_DEFAULTS.into_iter().map(Some).chain([None]);
        for server in request
            .servers
            .iter()
            .zip(defaults)
            .filter_map(|(given, default)| given.or(default))
        {
            if dns.servers.contains(&server) {
                return Err(Failure::Refused.into());
            }
            // As many places as parameters.
            let _ = dns.servers.push(server);
        }
    }
    store_if_wanted(cx, Key::DNS, &dns.encode()).await?;
    cx.settings.change(|values| values.links.dns = dns);
    use_dns(cx);
    Ok(Done::Ok)
}

/// Hands the list to the network stack. Without DHCP it has no other source of name servers.
pub(crate) fn use_dns<P: Platform>(cx: &Cx<'_, '_, P>) {
    let (dns, dhcp) = cx
        .settings
        .read(|values| (values.links.dns.clone(), values.radio.dhcp));
    let servers = if dns.manual || !dhcp.station() {
        dns.servers.as_slice()
    } else {
        &[]
    };
    let set = cx.extras.set_dns_servers(cx.net, servers);
    if set.is_err() && dns.manual {
        espat_log::warn!("this network stack takes no name servers: AT+CIPDNS has no effect");
    }
}

/// Whether links outlast the loss of the interface they run over.
pub(super) async fn persistence<P: Platform>(cx: &Cx<'_, '_, P>) -> Result<Done, CommandError> {
    let line = cx.settings.read(|values| {
        let persist = values.links.persist;
        match values.links.mux {
            Mux::Single => PersistenceLine::Single(persist.first().copied().unwrap_or(false)),
            Mux::Multiple => PersistenceLine::Multiple(persist),
        }
    });
    one_line(cx, Info::Cipconnpersist(line)).await
}

pub(super) fn set_persistence<P: Platform>(
    cx: &Cx<'_, '_, P>,
    request: SetPersistence,
) -> Result<Done, CommandError> {
    let target = request.link.unwrap_or(LinkTarget::One(LinkId::ZERO));
    cx.settings.change(|values| {
        for (link, place) in LinkId::ALL.into_iter().zip(&mut values.links.persist) {
            if target.includes(link) {
                *place = request.keep;
            }
        }
    });
    Ok(Done::Ok)
}
