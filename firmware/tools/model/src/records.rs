//! Structures of the radio's driver, as they lie in the program's memory.

use crate::air::Network;
use crate::bus::Bus;

/// Of every signal, in dBm.
pub(crate) const STRENGTH: i8 = -42;

/// `wifi_event_sta_connected_t`
pub(crate) fn connected(network: &Network) -> Vec<u8> {
    let mut data = padded(&network.name, 32);
    data.push(network.name.len() as u8);
    data.extend(network.bssid);
    data.push(network.channel);
    data.extend(network.method.to_le_bytes());
    data.extend([1, 0, 0, 0]);
    data
}

/// `wifi_event_sta_disconnected_t`
pub(crate) fn disconnected(network: &Network, reason: u8) -> Vec<u8> {
    let mut data = padded(&network.name, 32);
    data.push(network.name.len() as u8);
    data.extend(network.bssid);
    data.extend([reason, STRENGTH as u8]);
    data
}

/// `wifi_ap_record_t` of so many bytes, up to what it says of the country.
pub(crate) fn found(network: &Network, strength: i8, size: u32) -> Vec<u8> {
    let mut bytes = network.bssid.to_vec();
    bytes.extend(padded(&network.name, 33));
    bytes.push(network.channel);
    bytes.extend([0; 4]);
    bytes.extend([strength as u8, 0, 0, 0]);
    bytes.extend(network.method.to_le_bytes());
    bytes.resize(size as usize, 0);
    bytes
}

/// Writes bytes to the program's memory: 0 is well.
pub(crate) fn put(bus: &mut Bus, at: u32, bytes: &[u8]) -> i32 {
    for (index, byte) in bytes.iter().enumerate() {
        if bus.store8(at + index as u32, *byte).is_err() {
            return -1;
        }
    }
    0
}

/// A text that a zero ends, or its field.
pub(crate) fn text(bus: &mut Bus, at: u32, len: u32) -> Vec<u8> {
    (0..len)
        .map(|index| bus.load8(at + index).unwrap_or(0))
        .take_while(|byte| *byte != 0)
        .collect()
}

fn padded(text: &[u8], len: usize) -> Vec<u8> {
    let mut bytes = text.to_vec();
    bytes.resize(len, 0);
    bytes
}
