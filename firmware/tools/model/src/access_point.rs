//! The radio's own access point: how it is set, and who is in its network.

use crate::air::{self, NOT_FOUND, Network, OPEN, TOO_MANY};
use crate::driver::Sizes;

/// Numbers of `wifi_event_t`.
const JOINED: u32 = 14;
const GONE: u32 = 15;

/// `wifi_sta_info_t`: hardware address, strength, protocols.
const STATION: [u8; 12] = [0, 0, 0, 0, 0, 0, 0xd6, 0, 0, 0, 0, 0];

pub(crate) struct AccessPoint {
    mac: [u8; 6],
    name: Vec<u8>,
    passphrase: Vec<u8>,
    channel: u8,
    method: u32,
    hidden: bool,
    max_stations: usize,
    /// By number, from 1 on.
    stations: Vec<Option<[u8; 6]>>,
}

impl AccessPoint {
    /// `station`: the chip's first hardware address. Its second is made of that as esp-hal makes it.
    pub(crate) const fn new(station: [u8; 6]) -> Self {
        let [first, b, c, d, e, f] = station;
        let local = first | 2;
        let first = if local == first { local ^ 4 } else { local };
        Self {
            mac: [first, b, c, d, e, f],
            name: Vec::new(),
            passphrase: Vec::new(),
            channel: 1,
            method: OPEN,
            hidden: false,
            max_stations: 0,
            stations: Vec::new(),
        }
    }

    /// `wifi_ap_config_t`, up to the number of stations.
    pub(crate) fn configure(&mut self, bytes: &[u8]) {
        let text = |bytes: &[u8]| -> Vec<u8> {
            let text = bytes.iter().take_while(|byte| **byte != 0);
            text.copied().collect()
        };
        self.name = bytes[..usize::from(bytes[96]).min(32)].to_vec();
        self.passphrase = text(&bytes[32..96]);
        self.channel = bytes[97];
        self.method = u32::from(bytes[100]);
        self.hidden = bytes[104] != 0;
        self.max_stations = usize::from(bytes[105]);
    }

    pub(crate) fn network(&self) -> Network {
        Network {
            name: self.name.clone(),
            method: self.method,
            bssid: self.mac,
            channel: self.channel,
        }
    }

    /// What a station sees that does not know the name.
    pub(crate) fn seen(&self) -> Option<Network> {
        (!self.hidden).then(|| self.network())
    }

    /// A station associates: returns the event for the program, or the reason for the station.
    pub(crate) fn admit(
        &mut self,
        mac: [u8; 6],
        name: &[u8],
        passphrase: &[u8],
    ) -> Result<(u32, Vec<u8>), u8> {
        if name != self.name {
            return Err(NOT_FOUND);
        }
        air::verdict(self.method, &self.passphrase, passphrase)?;
        if self.stations.iter().flatten().count() >= self.max_stations {
            return Err(TOO_MANY);
        }
        let free = self.stations.iter().position(Option::is_none);
        let place = free.unwrap_or(self.stations.len());
        self.stations
            .resize(self.stations.len().max(place + 1), None);
        self.stations[place] = Some(mac);
        let number = place as u8 + 1;
        Ok((JOINED, [&mac[..], &[number, 0]].concat()))
    }

    /// A station leaves: returns the event for the program.
    pub(crate) fn left(&mut self, mac: [u8; 6], reason: u8) -> Option<(u32, Vec<u8>)> {
        let place = self
            .stations
            .iter()
            .position(|station| *station == Some(mac))?;
        self.stations[place] = None;
        let number = place as u8 + 1;
        Some((GONE, [&mac[..], &[number, 0, reason, 0]].concat()))
    }

    pub(crate) fn number_of(&self, mac: [u8; 6]) -> Option<u16> {
        let place = self
            .stations
            .iter()
            .position(|station| *station == Some(mac))?;
        Some(place as u16 + 1)
    }

    /// The station of this number; all for 0.
    pub(crate) fn numbered(&self, number: u16) -> Vec<[u8; 6]> {
        let stations = self.stations.iter().zip(1..);
        stations
            .filter(|(_, each)| number == 0 || *each == number)
            .filter_map(|(station, _)| *station)
            .collect()
    }

    /// `wifi_sta_list_t`
    pub(crate) fn list(&self, sizes: &Sizes) -> Vec<u8> {
        let count = sizes.station_count as usize;
        let stations = self.stations.iter().flatten().take(count / STATION.len());
        let mut bytes = Vec::new();
        for mac in stations.clone() {
            bytes.extend_from_slice(mac);
            bytes.extend_from_slice(&STATION[mac.len()..]);
        }
        bytes.resize(count, 0);
        bytes.extend((stations.count() as u32).to_le_bytes());
        bytes.resize(sizes.stations as usize, 0);
        bytes
    }

    /// Whether a frame comes from one of its stations.
    pub(crate) fn admits(&self, frame: &[u8]) -> bool {
        let from = frame.get(6..12);
        let mut stations = self.stations.iter().flatten();
        stations.any(|mac| Some(&mac[..]) == from)
    }

    /// Whether a frame goes to one of its stations, or to all.
    pub(crate) fn reaches(&self, frame: &[u8]) -> bool {
        let Some(to) = frame.first_chunk::<6>() else {
            return false;
        };
        let mut stations = self.stations.iter().flatten();
        stations.any(|mac| mac == to || to[0] & 1 != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::air::WPA2;

    const STATIONS: [[u8; 6]; 3] = [[2, 0, 0, 0, 0, 1], [2, 0, 0, 0, 0, 2], [2, 0, 0, 0, 0, 3]];

    fn two_at_most() -> AccessPoint {
        let mut own = AccessPoint::new([2, 0, 0, 0, 0, 9]);
        let mut config = vec![0; 106];
        config[..4].copy_from_slice(b"ours");
        config[32..40].copy_from_slice(b"12345678");
        config[96..98].copy_from_slice(&[4, 11]);
        config[100] = WPA2 as u8;
        config[105] = 2;
        own.configure(&config);
        own
    }

    #[test]
    fn stations_are_numbered_and_counted() {
        let mut own = two_at_most();
        assert_eq!(own.network().bssid, [6, 0, 0, 0, 0, 9]);
        let [one, two, three] = STATIONS;
        for mac in [one, two] {
            assert!(own.admit(mac, b"ours", b"12345678").is_ok());
        }
        assert_eq!(own.admit(three, b"ours", b"12345678"), Err(TOO_MANY));
        assert_eq!(own.admit(three, b"other", b"12345678"), Err(NOT_FOUND));
        assert_eq!(own.number_of(two), Some(2));
        let (event, data) = own.left(one, 8).unwrap();
        assert_eq!((event, &data[6..]), (GONE, &[1, 0, 8, 0][..]));
        // A number that is free again is given again.
        let (event, data) = own.admit(three, b"ours", b"12345678").unwrap();
        assert_eq!((event, &data[6..]), (JOINED, &[1, 0][..]));
        assert_eq!(own.numbered(0), [three, two]);
        assert_eq!(own.numbered(2), [two]);
        let sizes = Sizes {
            stations: 184,
            station_count: 180,
            ..Sizes::default()
        };
        let list = own.list(&sizes);
        assert_eq!(
            (&list[..6], &list[12..18], &list[180..]),
            (&three[..], &two[..], &[2, 0, 0, 0][..])
        );
    }

    #[test]
    fn frames_are_of_its_stations_and_for_them() {
        let mut own = two_at_most();
        let [one, two, _] = STATIONS;
        own.admit(one, b"ours", b"12345678").unwrap();
        for (mac, known) in [(one, true), (two, false)] {
            assert_eq!(own.admits(&[&[0; 6], &mac[..]].concat()), known);
            assert_eq!(own.reaches(&mac), known);
        }
        assert!(own.reaches(&[0xff; 6]));
        own.left(one, 8);
        assert!(!own.reaches(&[0xff; 6]));
    }
}
