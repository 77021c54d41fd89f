//! Which networks are in the air, and how strong.

use crate::air::{Network, OPEN, WPA2};
use crate::records::STRENGTH;

/// As many channels as there are without 5 GHz.
pub(crate) const CHANNELS: u8 = 13;

/// Of the networks that are always there.
pub(crate) const BSSID: [u8; 6] = [0x02, 0xa9, 0, 0, 0, 1];
pub(crate) const CHANNEL: u8 = 6;
pub(crate) const NETWORKS: [(&[u8], u32); 2] = [(b"iot", OPEN), (b"locked", WPA2)];

/// Networks on a channel, or on all for 0, with their strengths in dBm: those that are always there,
/// another model's, and a crowd of so many.
pub(crate) fn on(channel: u8, peer: Option<&Network>, crowd: u8) -> Vec<(Network, i8)> {
    let always = NETWORKS.map(|(name, method)| Network {
        name: name.to_vec(),
        method,
        bssid: BSSID,
        channel: CHANNEL,
    });
    let near = always.into_iter().chain(peer.cloned());
    let near = near.map(|network| (network, STRENGTH));
    near.chain((0..crowd).map(far))
        .filter(|(network, _)| [0, network.channel].contains(&channel))
        .collect()
}

/// One of a crowd of networks: each on another channel than the one before, from -30 to -89 dBm.
fn far(number: u8) -> (Network, i8) {
    let network = Network {
        name: format!("crowd-{number}").into_bytes(),
        method: WPA2,
        bssid: [0x02, 0xcc, 0, 0, 0, number],
        channel: 1 + number % CHANNELS,
    };
    let weaker = i16::from(number) * 37 % 60;
    (network, -30 - weaker as i8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_network_is_on_one_channel_and_all_are_on_all() {
        let all = on(0, None, 199);
        assert_eq!(all.len(), 201);
        let each: usize = (1..=CHANNELS)
            .map(|channel| on(channel, None, 199).len())
            .sum();
        assert_eq!(each, all.len());
        assert!(
            all.iter()
                .all(|(_, strength)| (-89..=-30).contains(strength))
        );
    }
}
