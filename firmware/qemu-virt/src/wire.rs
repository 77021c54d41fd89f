//! What stands in for a radio: the wire is always there, so every network name can be joined.
//!
//! Joining asks for an address by DHCP, leaving gives it up.

use core::cell::RefCell;
use core::net::Ipv4Addr;

use at_modem::wifi::{AccessPoint, Encryption, Ipv4Config, Join, JoinError, Ssid, Wifi, WifiEvent};
use embassy_net::{ConfigV4, DhcpConfig, HardwareAddress, Stack};

use crate::virtio::ARRIVED;

/// The far end of the wire, as a scan would show it. Made up, and marked as such (bit 1 of the first byte).
const BSSID: [u8; 6] = [0x02, 0, 0, 0, 0, 1];

/// The station.
pub struct Wire {
    stack: Stack<'static>,
    joined: RefCell<Option<Ssid>>,
}

impl Wire {
    pub(crate) const fn new(stack: Stack<'static>) -> Self {
        Self {
            stack,
            joined: RefCell::new(None),
        }
    }

    fn configure(&self, config: ConfigV4) {
        self.stack.set_config_v4(config);
        // The stack does not look at it by itself; it does when a frame arrives.
        ARRIVED.wake();
    }
}

impl Wifi for Wire {
    async fn join(
        &self,
        request: Join<'_>,
        mut progress: impl AsyncFnMut(WifiEvent),
    ) -> Result<(), JoinError> {
        self.leave().await;
        // A wire encrypts nothing.
        if request.secure_only || request.bssid.is_some_and(|bssid| bssid != BSSID) {
            return Err(JoinError::NotFound);
        }
        let ssid = Ssid::from_slice(request.ssid).map_err(|_| JoinError::NotFound)?;
        log::warn!(
            "no radio on this board: \"{}\" is the wire, and no password was asked for",
            ssid.escape_ascii()
        );
        self.joined.replace(Some(ssid));
        progress(WifiEvent::Connected).await;
        self.configure(ConfigV4::Dhcp(DhcpConfig::default()));
        self.stack.wait_config_up().await;
        progress(WifiEvent::GotIp).await;
        Ok(())
    }

    async fn leave(&self) {
        self.configure(ConfigV4::None);
        self.joined.replace(None);
    }

    async fn scan(&self, mut found: impl FnMut(&AccessPoint)) {
        if let Some(joined) = self.association() {
            found(&joined);
        }
    }

    /// A wire has no events.
    async fn event(&self) -> WifiEvent {
        core::future::pending().await
    }

    fn association(&self) -> Option<AccessPoint> {
        let ssid = self.joined.borrow().clone()?;
        Some(AccessPoint {
            ssid,
            bssid: BSSID,
            channel: 1,
            rssi: 0,
            encryption: Encryption::Open,
        })
    }

    fn address(&self) -> Option<Ipv4Config> {
        self.joined.borrow().as_ref()?;
        let config = self.stack.config_v4()?;
        Some(Ipv4Config {
            address: config.address.address(),
            gateway: config.gateway.unwrap_or(Ipv4Addr::UNSPECIFIED),
            netmask: config.address.netmask(),
        })
    }

    fn mac(&self) -> [u8; 6] {
        let HardwareAddress::Ethernet(address) = self.stack.hardware_address();
        address.0
    }
}
