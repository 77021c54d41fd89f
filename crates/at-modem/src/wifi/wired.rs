//! A board without a radio: its network is a cable, or the PC's, and is always there.

use core::cell::RefCell;
use core::net::Ipv4Addr;

use super::{AccessPoint, Encryption, Ipv4Config, Join, JoinError, Ssid, Wifi, WifiEvent};

/// Made up, and marked as such: the locally administered bit of the first byte is set.
const BSSID: [u8; 6] = [0x02, 0, 0, 0, 0, 1];
const MAC: [u8; 6] = [0x02, 0, 0, 0, 0, 2];

/// A station that is a cable. It has its address from the start; every open network is there, so that
/// hosts which join one first work as they are. Passwords are not looked at.
#[derive(Debug)]
pub struct Wired {
    address: Ipv4Config,
    joined: RefCell<Option<Ssid>>,
}

impl Wired {
    /// A cable at whose end the board has this address, alone in its network.
    #[must_use]
    pub const fn new(address: Ipv4Addr) -> Self {
        Self::configured(Ipv4Config {
            address,
            gateway: Ipv4Addr::UNSPECIFIED,
            netmask: Ipv4Addr::BROADCAST,
        })
    }

    /// A cable with all that `AT+CIPSTA?` shows.
    #[must_use]
    pub const fn configured(address: Ipv4Config) -> Self {
        Self {
            address,
            joined: RefCell::new(None),
        }
    }
}

impl Wifi for Wired {
    async fn join(
        &self,
        request: Join<'_>,
        mut progress: impl AsyncFnMut(WifiEvent),
    ) -> Result<(), JoinError> {
        self.joined.replace(None);
        // A cable encrypts nothing.
        if request.secure_only || request.bssid.is_some_and(|bssid| bssid != BSSID) {
            return Err(JoinError::NotFound);
        }
        let ssid = Ssid::from_slice(request.ssid).map_err(|_| JoinError::NotFound)?;
        self.joined.replace(Some(ssid));
        progress(WifiEvent::Connected).await;
        progress(WifiEvent::GotIp).await;
        Ok(())
    }

    async fn leave(&self) {
        self.joined.replace(None);
    }

    async fn scan(&self, mut found: impl FnMut(&AccessPoint)) {
        if let Some(joined) = self.association() {
            found(&joined);
        }
    }

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
        Some(self.address)
    }

    fn mac(&self) -> [u8; 6] {
        MAC
    }
}
