//! What happens around the station: access points come and go, addresses are lost, stations join our own access point.

use std::fmt;
use std::net::Ipv4Addr;

use at_grammar::types::Mac;
use at_modem::wifi::WifiEvent;
use serde_json::{Value, json};

use crate::sim::events::Event;

use super::{Ap, ApSpec, SimWifi, Station};

/// Changes what is around the station. Clones control the same air.
#[derive(Debug, Clone)]
pub struct Control {
    pub(super) wifi: SimWifi,
}

/// Why nothing changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ControlError {
    /// No access point has this name.
    NoSuchAp,
    /// There is one of this name already.
    Exists,
    /// The station is in no network.
    NotJoined,
    /// Our own access point is off, or full.
    NoRoom,
    /// Its network has no such address.
    Elsewhere,
    /// No such station is in our network.
    NoSuchStation,
}

impl fmt::Display for ControlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoSuchAp => "no access point has this name",
            Self::Exists => "there is one of this name already",
            Self::NotJoined => "the station is in no network",
            Self::NoRoom => "the modem's own access point is off, or full",
            Self::Elsewhere => "this address is not in the network of the modem's access point",
            Self::NoSuchStation => "no such station is in our network",
        })
    }
}

impl std::error::Error for ControlError {}

impl Control {
    /// Puts up another access point, weaker than those there are.
    ///
    /// # Errors
    ///
    /// [`ControlError::Exists`].
    pub fn add(&self, spec: &ApSpec) -> Result<(), ControlError> {
        self.wifi.change(|state| {
            if state.aps.iter().any(|ap| ap.facts.ssid == spec.ssid) {
                return Err(ControlError::Exists);
            }
            let ap = Ap::new(state.aps.len(), spec);
            state.aps.push(ap);
            Ok(())
        })
    }

    /// Takes an access point away for good.
    ///
    /// # Errors
    ///
    /// [`ControlError::NoSuchAp`].
    pub fn remove(&self, ssid: &[u8]) -> Result<(), ControlError> {
        self.vanish(ssid)?;
        self.each(ssid, |ap| ap.facts.ssid.clear())
    }

    /// Switches off every access point of that name; a station that was joined reports the loss.
    ///
    /// # Errors
    ///
    /// [`ControlError::NoSuchAp`].
    pub fn vanish(&self, ssid: &[u8]) -> Result<(), ControlError> {
        self.each(ssid, |ap| ap.present = false)?;
        self.wifi.change(|state| {
            let gone = state.associated().is_some_and(|ap| !ap.present);
            match state.station {
                Station::Up { ap } | Station::Addressless { ap } if gone => {
                    state.turn(Station::Lost { ap });
                    state.unasked.push_back(WifiEvent::Disconnected);
                }
                // The join that is under way reports it.
                Station::Associated { .. } if gone => state.turn(Station::Idle),
                _ => {}
            }
        });
        Ok(())
    }

    /// Switches them on again; a station that lost one of them joins it again unasked.
    ///
    /// # Errors
    ///
    /// [`ControlError::NoSuchAp`].
    pub fn appear(&self, ssid: &[u8]) -> Result<(), ControlError> {
        self.each(ssid, |ap| ap.present = true)?;
        self.wifi.change(|state| {
            if let Station::Lost { ap } = state.station
                && state.aps.get(ap).is_some_and(|ap| ap.present)
            {
                state.turn(Station::Up { ap });
                state
                    .unasked
                    .extend([WifiEvent::Connected, WifiEvent::GotIp]);
            }
        });
        Ok(())
    }

    /// Gives an access point another password, or none: who is in stays in.
    ///
    /// # Errors
    ///
    /// [`ControlError::NoSuchAp`].
    pub fn protect(&self, spec: &ApSpec) -> Result<(), ControlError> {
        self.each(&spec.ssid, |ap| {
            ap.password.clone_from(&spec.password);
            ap.facts.encryption = spec.encryption();
        })
    }

    /// Sets how strong an access point is, in dBm.
    ///
    /// # Errors
    ///
    /// [`ControlError::NoSuchAp`].
    pub fn signal(&self, ssid: &[u8], dbm: i8) -> Result<(), ControlError> {
        self.each(ssid, |ap| ap.facts.rssi = dbm)
    }

    /// The station stays in its network without an address; its sockets end.
    ///
    /// # Errors
    ///
    /// [`ControlError::NotJoined`], also without an address.
    pub fn lose_address(&self) -> Result<(), ControlError> {
        self.wifi.change(|state| match state.station {
            Station::Up { ap } => {
                state.turn(Station::Addressless { ap });
                state.unasked.push_back(WifiEvent::LostIp);
                Ok(())
            }
            _ => Err(ControlError::NotJoined),
        })
    }

    /// Ends every connection, as a router does that restarts; addresses stay.
    ///
    /// # Errors
    ///
    /// None; the type is that of the others.
    pub fn reset_connections(&self) -> Result<(), ControlError> {
        self.wifi.change(|state| {
            state.epoch = state.epoch.wrapping_add(1);
            state.own.epoch = state.own.epoch.wrapping_add(1);
            Ok(())
        })
    }

    /// The station gets an address: this one, or the one it had. Sockets of another one end.
    ///
    /// # Errors
    ///
    /// [`ControlError::NotJoined`].
    pub fn get_address(&self, address: Option<Ipv4Addr>) -> Result<(), ControlError> {
        self.wifi.change(|state| match state.station {
            Station::Up { ap } | Station::Addressless { ap } => {
                state.turn(Station::Up { ap });
                if let Some(address) = address {
                    state.config.address = address;
                }
                state.unasked.push_back(WifiEvent::GotIp);
                Ok(())
            }
            _ => Err(ControlError::NotJoined),
        })
    }

    /// A station joins our own access point and is given this address.
    ///
    /// # Errors
    ///
    /// [`ControlError::NoRoom`], [`ControlError::Elsewhere`], [`ControlError::Exists`].
    pub fn add_station(&self, mac: [u8; 6], address: Ipv4Addr) -> Result<(), ControlError> {
        self.wifi.change(|state| {
            if !state.own.has_room() {
                return Err(ControlError::NoRoom);
            }
            if !state.own.contains(address) {
                return Err(ControlError::Elsewhere);
            }
            let taken = |other: &([u8; 6], Ipv4Addr)| other.0 == mac || other.1 == address;
            if state.own.stations.iter().any(taken) {
                return Err(ControlError::Exists);
            }
            state.own.stations.push((mac, address));
            let event = Event::new("guest").with("mac", Mac(mac));
            let event = event.with("address", address);
            state.events.tell(&event.with("state", "joined"));
            state.unasked.extend([
                WifiEvent::StationJoined { mac },
                WifiEvent::StationAddressed { mac, address },
            ]);
            Ok(())
        })
    }

    /// A station leaves our own access point.
    ///
    /// # Errors
    ///
    /// [`ControlError::NoSuchStation`].
    pub fn remove_station(&self, mac: [u8; 6]) -> Result<(), ControlError> {
        self.wifi.change(|state| {
            let left = state.own.deauthenticate(Some(mac));
            if left.is_empty() {
                return Err(ControlError::NoSuchStation);
            }
            let event = Event::new("guest").with("mac", Mac(mac));
            state.events.tell(&event.with("state", "left"));
            state.unasked.extend(left);
            Ok(())
        })
    }

    /// One line of `name=value` about everything around the station.
    #[must_use]
    pub fn status(&self) -> String {
        let state = self.wifi.state.borrow();
        let aps: Vec<String> = state
            .aps
            .iter()
            .filter(|ap| !ap.facts.ssid.is_empty())
            .map(|ap| {
                let there = if ap.present { "up" } else { "down" };
                let ssid = ap.facts.ssid.escape_ascii();
                format!("\"{ssid}\",{},{there}", ap.facts.rssi)
            })
            .collect();
        format!(
            "station={} ssid=\"{}\" address={} aps={} stations={} mdns=\"{}\"",
            state.word(),
            state.ssid(),
            state.shown_address(),
            aps.join(";"),
            state.own.stations.len(),
            state.announced.as_deref().unwrap_or_default()
        )
    }

    /// The same as a JSON object.
    #[must_use]
    pub fn status_json(&self) -> Value {
        let state = self.wifi.state.borrow();
        let aps = state.aps.iter().filter(|ap| !ap.facts.ssid.is_empty());
        let aps: Vec<Value> = aps
            .map(|ap| {
                json!({
                    "ssid": ap.facts.ssid.escape_ascii().to_string(),
                    "dbm": ap.facts.rssi,
                    "up": ap.present,
                })
            })
            .collect();
        json!({
            "station": state.word(),
            "ssid": state.ssid(),
            "address": state.shown_address().to_string(),
            "aps": aps,
            "stations": state.own.stations.len(),
            "mdns": state.announced.as_deref().unwrap_or_default(),
        })
    }

    fn each(&self, ssid: &[u8], mut change: impl FnMut(&mut Ap)) -> Result<(), ControlError> {
        self.wifi.change(|state| {
            let mut found = Err(ControlError::NoSuchAp);
            for ap in &mut state.aps {
                if !ssid.is_empty() && ap.facts.ssid == *ssid {
                    change(ap);
                    found = Ok(());
                }
            }
            found
        })
    }
}
