//! What stands in for a radio: the wire is always there, so every network name can be joined.
//!
//! Joining asks for an address by DHCP, leaving gives it up; whatever was open with it ends.

use core::cell::{Cell, RefCell};
use core::future::poll_fn;
use core::net::Ipv4Addr;
use core::pin::pin;
use core::task::Poll;

use at_modem::wifi::{AccessPoint, Encryption, Ipv4Config, Join, JoinError, Ssid, Wifi, WifiEvent};
use embassy_net::{ConfigV4, DhcpConfig, HardwareAddress, Stack};
use embassy_sync::waitqueue::MultiWakerRegistration;

use crate::virtio::ARRIVED;

/// Sockets and whoever else may wait for the end of an address. One more than that only wakes all.
const WAITING: usize = 16;

/// The far end of the wire, as a scan would show it. Made up, and marked as such (bit 1 of the first byte).
const BSSID: [u8; 6] = [0x02, 0, 0, 0, 0, 1];

/// The station.
pub(crate) struct Wire {
    stack: Stack<'static>,
    joined: RefCell<Option<Ssid>>,
    /// Counts the addresses that were given up, so that old sockets know they are old.
    epoch: Cell<u32>,
    waiting: RefCell<MultiWakerRegistration<WAITING>>,
}

impl Wire {
    pub(crate) const fn new(stack: Stack<'static>) -> Self {
        Self {
            stack,
            joined: RefCell::new(None),
            epoch: Cell::new(0),
            waiting: RefCell::new(MultiWakerRegistration::new()),
        }
    }

    fn configure(&self, config: ConfigV4) {
        self.stack.set_config_v4(config);
        // The stack does not look at it by itself; it does when a frame arrives.
        ARRIVED.wake();
    }

    /// The present address as something that can be lost. `None` without one.
    pub(crate) fn lease(&self) -> Option<Lease<'_>> {
        self.address().map(|_| Lease {
            wire: self,
            epoch: self.epoch.get(),
        })
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
        if self.joined.take().is_some() {
            self.epoch.set(self.epoch.get().wrapping_add(1));
            self.waiting.borrow_mut().wake();
        }
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

/// An address while it lasts.
#[derive(Clone, Copy)]
pub(crate) struct Lease<'a> {
    wire: &'a Wire,
    epoch: u32,
}

impl Lease<'_> {
    /// What `work` comes to, or `None` as soon as the address is lost. Dropping it drops `work`.
    pub(crate) async fn hold<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let mut work = pin!(work);
        poll_fn(|context| {
            if self.wire.epoch.get() != self.epoch {
                return Poll::Ready(None);
            }
            self.wire.waiting.borrow_mut().register(context.waker());
            work.as_mut().poll(context).map(Some)
        })
        .await
    }
}
