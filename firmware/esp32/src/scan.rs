//! Scanning for access points.

use at_modem::wifi::{AccessPoint, Encryption};
use esp_hal::time::Duration;
use esp_radio::wifi::WifiController;
use esp_radio::wifi::scan::{ScanConfig, ScanTypeConfig};

use crate::chip::TIGHT;
use crate::convert::{bytes_of, encryption};

/// Milliseconds on a channel: with an answer at least, without one at most.
const DWELL: (u64, u64) = (60, 120);

/// Results that esp-radio keeps at once: 64 are 3 KB of its heap.
const FOUND: usize = if TIGHT { 32 } else { 64 };

/// Reports each access point. Dropping it ends the scan.
pub(crate) async fn scan(radio: &mut WifiController<'static>, mut found: impl FnMut(&AccessPoint)) {
    let (min, max) = DWELL;
    let config = ScanConfig::default().with_scan_type(ScanTypeConfig::Active {
        min: Duration::from_millis(min),
        max: Duration::from_millis(max),
    });
    let config = config.with_max(FOUND);
    match radio.scan_async(&config).await {
        Ok(list) => {
            for each in &list {
                found(&AccessPoint {
                    ssid: bytes_of(&each.ssid),
                    bssid: each.bssid,
                    channel: each.channel,
                    rssi: each.signal_strength,
                    encryption: each.auth_method.map_or(Encryption::Open, encryption),
                });
            }
        }
        Err(error) => defmt::warn!("scanning failed: {}", error),
    }
}
