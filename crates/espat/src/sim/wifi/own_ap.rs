//! Our own access point, and the stations in it.

use std::net::Ipv4Addr;

use at_modem::wifi::{Ipv4Config, SoftAp, WifiEvent};

/// A hardware address and the IPv4 address it was given.
pub(super) type ApStation = ([u8; 6], Ipv4Addr);

/// Our own access point; switched off without a network.
#[derive(Debug, Default)]
pub(super) struct OwnAp {
    /// Its own address, and the network of its stations.
    pub(super) network: Option<Ipv4Config>,
    /// Stations that may be associated at the same time.
    max_stations: usize,
    pub(super) stations: Vec<ApStation>,
    /// Chosen by the host.
    pub(super) mac: Option<[u8; 6]>,
    /// Counts how often it was stopped, so that old sockets know they are old.
    pub(super) epoch: u64,
}

impl OwnAp {
    /// Starts or changes it. Every station must associate again; returns an event for each that was associated.
    pub(super) fn start(&mut self, config: &SoftAp<'_>) -> Vec<WifiEvent> {
        let left = self.deauthenticate(None);
        // Only another address makes sockets of the old one useless.
        if self.network.is_some_and(|old| old != config.address) {
            self.epoch = self.epoch.wrapping_add(1);
        }
        self.network = Some(config.address);
        self.max_stations = config.max_stations.into();
        left
    }

    /// Switches it off; returns an event for each station that was associated.
    pub(super) fn stop(&mut self) -> Vec<WifiEvent> {
        let left = self.deauthenticate(None);
        if self.network.take().is_some() {
            self.epoch = self.epoch.wrapping_add(1);
        }
        left
    }

    /// Whether an address is in its network.
    pub(super) fn contains(&self, address: Ipv4Addr) -> bool {
        self.network.is_some_and(|own| {
            let network = |address: Ipv4Addr| u32::from(address) & u32::from(own.netmask);
            network(address) == network(own.address)
        })
    }

    /// Whether another station can associate.
    pub(super) fn has_room(&self) -> bool {
        self.network.is_some() && self.stations.len() < self.max_stations
    }

    /// Disassociates one station, or all of them; returns the events that follow.
    pub(super) fn deauthenticate(&mut self, station: Option<[u8; 6]>) -> Vec<WifiEvent> {
        let leaves = |other: &ApStation| station.is_none_or(|mac| other.0 == mac);
        let gone = self.stations.extract_if(.., |other| leaves(other));
        gone.map(|(mac, _)| WifiEvent::StationLeft { mac })
            .collect()
    }
}

/// The address of our access point beside that of the station.
pub(super) fn mac_beside([first, rest @ .., last]: [u8; 6]) -> [u8; 6] {
    let [second, third, fourth, fifth] = rest;
    [first, second, third, fourth, fifth, last.wrapping_add(1)]
}
