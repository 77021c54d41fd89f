//! Scanning for access points.

use at_modem::wifi::{AccessPoint, Encryption};
use esp_hal::time::Duration;
use esp_radio::wifi::ap::AccessPointInfo;
use esp_radio::wifi::scan::{ScanConfig, ScanTypeConfig};
use esp_radio::wifi::{WifiController, WifiError};

use crate::convert::{bytes_of, encryption};
use crate::nic::Country;

/// Milliseconds on a channel: with an answer at least, without one at most.
const DWELL: (u64, u64) = (60, 120);

/// Networks of one channel, at most. More do not fit into the time: an answer takes 2 ms of it.
const FOUND: usize = 64;

/// Bytes of the heap that the driver takes for a network until it has been handed over.
const IN_DRIVER: usize = 96;

/// Reports each access point; one that is heard on two channels twice. Dropping it ends the scan.
///
/// The driver keeps what it finds on the heap until the end of a scan, without a limit, and esp-radio
/// copies it there; so each channel is a scan of its own.
pub(crate) async fn scan(
    radio: &mut WifiController<'static>,
    country: Country,
    mut found: impl FnMut(&AccessPoint),
) {
    let first = country.first_channel;
    let mut failure = None;
    for channel in first..first.saturating_add(country.channels) {
        match on_channel(radio, channel, &mut found).await {
            Ok(()) => {}
            Err(error) => failure = Some((channel, error)),
        }
    }
    if let Some((channel, error)) = failure {
        defmt::warn!("scanning channel {} failed: {}", channel, error);
    }
}

async fn on_channel(
    radio: &mut WifiController<'static>,
    channel: u8,
    found: &mut impl FnMut(&AccessPoint),
) -> Result<(), WifiError> {
    let (min, max) = DWELL;
    let kind = ScanTypeConfig::Active {
        min: Duration::from_millis(min),
        max: Duration::from_millis(max),
    };
    let config = ScanConfig::default()
        .with_scan_type(kind)
        .with_channel(channel)
        .with_max(room());
    for each in radio.scan_async(&config).await? {
        found(&AccessPoint {
            ssid: bytes_of(&each.ssid),
            bssid: each.bssid,
            channel: each.channel,
            rssi: each.signal_strength,
            encryption: each.auth_method.map_or(Encryption::Open, encryption),
        });
    }
    Ok(())
}

/// How many networks of a channel are copied: half of the free heap is for them, the rest for what is
/// received meanwhile. esp-radio's list grows by doubling, so for a moment it is there one and a half
/// times.
fn room() -> usize {
    let each = IN_DRIVER + size_of::<AccessPointInfo>() * 3 / 2;
    FOUND.min(esp_alloc::HEAP.free() / 2 / each)
}
