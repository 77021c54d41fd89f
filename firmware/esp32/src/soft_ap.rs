//! Our own access point over esp-radio: its network, its DHCP leases, and its stations.
//!
//! ```text
//! esp-radio's second interface ─ Nic ─ IP stack ─┬─ modem_net::dhcp
//!                                                └─ sockets of modem_net::Net, beside the station's
//! ```
//!
//! While it is up the radio is a station as well, whether there is a network for it or not: so an access
//! point that comes or goes does not touch the station's network.

use core::cell::{Cell, RefCell};
use core::net::Ipv4Addr;

use at_modem::Unsupported;
use at_modem::wifi::{self, Encryption, WifiEvent};
use embassy_executor::Spawner;
use embassy_futures::join::join;
use embassy_net::{ConfigV4, Ipv4Cidr, Stack, StaticConfigV4};
use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embassy_sync::channel::Channel;
use embassy_sync::signal::Signal;
use embassy_time::{Duration, Timer};
use esp_radio::wifi::ap::AccessPointConfig;
use esp_radio::wifi::sta::StationConfig;
use esp_radio::wifi::{AuthenticationMethodConfig, Config, Interface, Password, WifiController};
use heapless::Vec;
use modem_net::dhcp::{self, Mac, Pool, Server};
use static_cell::StaticCell;

use crate::convert::protocols;
use crate::net;
use crate::nic::Nic;
use crate::radio::Station;
use crate::stations::{self, Mode, STATIONS};

/// How often the driver's list of stations is read: esp-radio reports a change only to the holder of the
/// radio, which may be a join, for 15 s. A station that leaves for less is not reported.
const POLL_INTERVAL: Duration = Duration::from_millis(200);

/// A station of our access point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct ApStation {
    mac: Mac,
    /// The address that was reported to the host.
    address: Option<Ipv4Addr>,
}

/// Our access point, up or down.
pub(crate) struct SoftAp {
    pub(crate) stack: Stack<'static>,
    pub(crate) mac: &'static Cell<[u8; 6]>,
    /// What it is; `None` while it is down.
    config: RefCell<Option<AccessPointConfig>>,
    /// What the station is, which esp-radio takes together with it.
    station: RefCell<StationConfig>,
    /// Bits 1 for 802.11b, 2 for g, 4 for n.
    pub(crate) protocols: Cell<u8>,
    server: RefCell<Server<STATIONS>>,
    stations: RefCell<Vec<ApStation, STATIONS>>,
    up: Signal<NoopRawMutex, ()>,
    /// Room for each station to come and go between two turns of the main thread.
    pub(crate) events: Channel<NoopRawMutex, WifiEvent, { 2 * STATIONS }>,
}

/// Starts the second IP stack; the radio must be there.
pub(crate) fn start(spawner: &Spawner) -> SoftAp {
    static MAC: StaticCell<Cell<[u8; 6]>> = StaticCell::new();
    let interface = Interface::access_point();
    let mac: &Cell<_> = MAC.init(Cell::new(interface.mac_address()));
    let (stack, runner) = net::own_stack(Nic { interface, mac });
    crate::spawn(spawner, net::run(runner));
    SoftAp {
        stack,
        mac,
        config: RefCell::new(None),
        station: RefCell::new(StationConfig::default()),
        protocols: Cell::new(7),
        server: RefCell::new(Server::new()),
        stations: RefCell::new(Vec::new()),
        up: Signal::new(),
        events: Channel::new(),
    }
}

/// Leases addresses and reports stations that come and go. Never ends.
#[embassy_executor::task]
pub(crate) async fn keep(station: &'static Station) {
    // Made at run time: it is not all zero, and would be in flash as well.
    static MEMORY: StaticCell<dhcp::Memory> = StaticCell::new();
    let own = &station.own;
    let memory = MEMORY.init_with(dhcp::Memory::new);
    let lend = dhcp::serve(own.stack, memory, &own.server, |mac, address| {
        own.bound(mac, address);
    });
    let watch = async {
        loop {
            own.poll();
            if own.config.borrow().is_none() {
                own.up.wait().await;
            }
            Timer::after(POLL_INTERVAL).await;
        }
    };
    join(lend, watch).await;
}

impl SoftAp {
    /// The station's part of a configuration, with ours.
    pub(crate) fn whole(&self, station: StationConfig) -> Config {
        self.station.replace(station.clone());
        match &*self.config.borrow() {
            Some(config) => Config::AccessPointStation(station, config.clone()),
            None => Config::Station(station),
        }
    }

    /// Starts it, changes it or stops it. After a change every station must associate again.
    pub(crate) fn set(
        &self,
        radio: &mut WifiController<'static>,
        wanted: Option<wifi::SoftAp<'_>>,
    ) -> Result<(), Unsupported> {
        let config = match &wanted {
            Some(wanted) => Some(configuration(wanted, self.protocols.get())?),
            None => None,
        };
        let was_up = self.config.replace(config).is_some();
        let done = match &wanted {
            Some(_) => self.start(radio),
            None if was_up => stations::set_mode(radio, Mode::Station),
            None => Ok(()),
        };
        if done.is_err() {
            self.config.replace(None);
        }
        self.address(wanted.as_ref().filter(|_| done.is_ok()));
        self.poll();
        self.up.signal(());
        done
    }

    fn start(&self, radio: &mut WifiController<'static>) -> Result<(), Unsupported> {
        // The driver's own call does not change the station; esp-radio would stop both first.
        stations::set_mode(radio, Mode::Both)?;
        let station = self.station.borrow().clone();
        let started = radio.set_config(&self.whole(station));
        started.map_err(|error| {
            defmt::warn!("no access point: {}", error);
            self.config.replace(None);
            // Then esp-radio has stopped the radio.
            let _ = radio.set_config(&self.whole(StationConfig::default()));
            Unsupported
        })
    }

    /// Sets our own address and the pool of the DHCP server.
    fn address(&self, wanted: Option<&wifi::SoftAp<'_>>) {
        let pool = wanted.and_then(|wanted| {
            let leases = wanted.leases?;
            Some(Pool {
                server: wanted.address.address,
                router: wanted.address.gateway,
                netmask: wanted.address.netmask,
                first: leases.start,
                last: leases.end,
                seconds: u32::from(leases.minutes).saturating_mul(60),
            })
        });
        self.server.borrow_mut().lend(pool);
        self.stack.set_config_v4(match wanted {
            Some(wanted) => {
                let own = wanted.address;
                ConfigV4::Static(StaticConfigV4 {
                    address: Ipv4Cidr::from_netmask(own.address, own.netmask)
                        .unwrap_or_else(|_| Ipv4Cidr::new(own.address, 24)),
                    // Nothing beyond it is reached through a station.
                    gateway: None,
                    dns_servers: Vec::new(),
                })
            }
            None => ConfigV4::None,
        });
    }

    /// Reads the driver's list and reports the changes.
    fn poll(&self) {
        let there = if self.config.borrow().is_some() {
            stations::stations()
        } else {
            Vec::new()
        };
        let mut known = self.stations.borrow_mut();
        known.retain(|station| {
            let stays = there.contains(&station.mac);
            if !stays {
                self.server.borrow_mut().left(station.mac);
                self.report(WifiEvent::StationLeft { mac: station.mac });
            }
            stays
        });
        for mac in there {
            if !known.iter().any(|station| station.mac == mac) {
                // As many as the radio can have.
                let _ = known.push(ApStation { mac, address: None });
                self.report(WifiEvent::StationJoined { mac });
            }
        }
    }

    /// A station has got its address, or kept it.
    fn bound(&self, mac: Mac, address: Ipv4Addr) {
        // It is there before it has an address.
        self.poll();
        let mut known = self.stations.borrow_mut();
        if let Some(station) = known.iter_mut().find(|station| station.mac == mac)
            && station.address.replace(address) != Some(address)
        {
            self.report(WifiEvent::StationAddressed { mac, address });
        }
    }

    fn report(&self, event: WifiEvent) {
        if self.events.try_send(event).is_err() {
            defmt::warn!("an event of a station is lost");
        }
    }

    /// Calls `found` for each station with a lease.
    pub(crate) fn stations(&self, mut found: impl FnMut([u8; 6], Ipv4Addr)) {
        let known = self.stations.borrow().clone();
        for station in known {
            let address = self.server.borrow().address_of(station.mac);
            if let Some(address) = address {
                found(station.mac, address);
            }
        }
    }

    /// Deauthenticates one station, or all.
    pub(crate) fn deauthenticate(&self, station: Option<Mac>) {
        if self.config.borrow().is_some() {
            stations::deauthenticate(station);
            self.poll();
        }
    }
}

fn configuration(wanted: &wifi::SoftAp<'_>, bits: u8) -> Result<AccessPointConfig, Unsupported> {
    let password = || Password::try_from(wanted.password.0).map_err(|_| Unsupported);
    let authentication = match wanted.encryption {
        Encryption::Open => AuthenticationMethodConfig::Open,
        Encryption::WpaPsk => AuthenticationMethodConfig::Wpa(password()?),
        Encryption::Wpa2Psk => AuthenticationMethodConfig::Wpa2Personal(password()?),
        Encryption::WpaWpa2Psk => AuthenticationMethodConfig::WpaWpa2Personal(password()?),
        _ => return Err(Unsupported),
    };
    Ok(AccessPointConfig::default()
        .with_ssid(wanted.ssid.try_into().map_err(|_| Unsupported)?)
        .with_ssid_hidden(wanted.hidden)
        .with_channel(wanted.channel)
        .with_protocols(protocols(bits))
        .with_authentication(authentication)
        .with_max_connections(wanted.max_stations.into()))
}
