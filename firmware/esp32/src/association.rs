//! How long a network lasts: waiting for an address, noticing a loss, leaving.

use at_modem::wifi::WifiEvent;
use embassy_futures::select::{Either, select};
use embassy_net::{ConfigV4, Ipv4Cidr, StaticConfigV4};
use embassy_time::{Duration, with_timeout};
use esp_radio::wifi::WifiController;

use crate::net;
use crate::radio::Station;

/// The IP stack looks at its link whenever the radio wakes it.
const SEEN_WITHIN: Duration = Duration::from_secs(3);

/// Reports a network, or an address, that was lost and not left; the modem joins again.
#[embassy_executor::task]
pub(crate) async fn keep(station: &'static Station) -> ! {
    loop {
        if !station.kept.get() {
            station.changed.wait().await;
            continue;
        }
        select(
            station.stack.wait_link_down(),
            station.stack.wait_config_down(),
        )
        .await;
        // Leaving takes both down, too: `kept` distinguishes the two.
        if !station.kept.get() {
            continue;
        }
        if station.stack.is_link_up() {
            station.events.send(WifiEvent::LostIp).await;
            if station.lease().await && station.kept.get() {
                station.events.send(WifiEvent::GotIp).await;
            }
        } else if station.kept.replace(false) {
            defmt::info!("the network is lost");
            station.joined.replace(None);
            station.events.send(WifiEvent::Disconnected).await;
        }
    }
}

impl Station {
    /// Waits for an address, as long as there is a link. True if there is one.
    pub(crate) async fn lease(&self) -> bool {
        if with_timeout(SEEN_WITHIN, self.stack.wait_link_up())
            .await
            .is_err()
        {
            return false;
        }
        let got = select(self.stack.wait_config_up(), self.stack.wait_link_down()).await;
        matches!(got, Either::First(()))
    }

    /// Takes the link down and waits until the IP stack has seen it.
    pub(crate) async fn part(&self, radio: &mut WifiController<'static>) {
        self.joined.replace(None);
        // Not connected is as good as disconnected.
        let _ = with_timeout(SEEN_WITHIN, radio.disconnect_async()).await;
        let seen = async {
            self.stack.wait_link_down().await;
            if self.fixed.get().is_none() {
                self.stack.wait_config_down().await;
            }
        };
        if with_timeout(SEEN_WITHIN, seen).await.is_err() {
            defmt::warn!("the link does not go down");
        }
    }

    /// Configures the source of the stack's address.
    pub(crate) fn configure(&self) {
        let config = match self.fixed.get() {
            Some(fixed) => ConfigV4::Static(StaticConfigV4 {
                address: Ipv4Cidr::from_netmask(fixed.address, fixed.netmask)
                    .unwrap_or_else(|_| Ipv4Cidr::new(fixed.address, 24)),
                gateway: (!fixed.gateway.is_unspecified()).then_some(fixed.gateway),
                dns_servers: heapless::Vec::new(),
            }),
            None => {
                let mut dhcp = net::dhcp();
                dhcp.hostname = Some(self.name.borrow().clone()).filter(|name| !name.is_empty());
                ConfigV4::Dhcp(dhcp)
            }
        };
        self.stack.set_config_v4(config);
    }
}
