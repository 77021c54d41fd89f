//! A stand-in for the station, with a cable: every network is there, and none asks for a password.
//!
//! It says so in the log, each time. Only an image built with `openeth` has it.

use core::cell::RefCell;
use core::sync::atomic::{AtomicBool, Ordering};

use at_modem::wifi::{AccessPoint, Encryption, Ipv4Config, Join, JoinError, Ssid, Wifi, WifiEvent};
use at_modem::{SleepMode, Unsupported};
use embassy_executor::Spawner;
use embassy_net::Stack;
use esp_hal::peripherals::{ADC1, RNG};
use esp_hal::rng::TrngSource;
use static_cell::StaticCell;

use crate::net;
use crate::openeth::OpenEth;

pub(crate) type Driver = OpenEth;

/// The cable is in while a network is joined.
static CABLE: AtomicBool = AtomicBool::new(false);

/// A name for what the cable leads to.
const NAME: &[u8] = b"openeth";

/// The cable as a station.
pub(crate) struct Station {
    stack: Stack<'static>,
    mac: [u8; 6],
    joined: RefCell<Option<AccessPoint>>,
}

/// Starts controller and IP stack.
/// A call of its own: inlined, what it makes would lie under every later poll of the main task.
#[inline(never)]
pub(crate) fn start(
    spawner: &Spawner,
    rng: RNG<'static>,
    adc: ADC1<'static>,
) -> (&'static Station, Stack<'static>) {
    static NOISE: StaticCell<TrngSource<'static>> = StaticCell::new();
    static STATION: StaticCell<Station> = StaticCell::new();
    // There is no radio to make any.
    NOISE.init(TrngSource::new(rng, adc));
    let nic = defmt::unwrap!(
        OpenEth::start(|| CABLE.load(Ordering::Relaxed)),
        "no Ethernet controller: this image is for Espressif's QEMU, with -nic model=open_eth"
    );
    defmt::warn!("built with openeth: a cable stands in for the radio");
    let mac = nic.mac;
    let (stack, runner) = net::stack(nic);
    crate::spawn(spawner, net::run(runner));
    let station = STATION.init(Station {
        stack,
        mac,
        joined: RefCell::new(None),
    });
    (station, stack)
}

impl Station {
    /// There is nothing to save.
    pub(crate) fn set_sleep(&self, mode: SleepMode) -> Result<(), Unsupported> {
        match mode {
            SleepMode::Light => Err(Unsupported),
            _ => Ok(()),
        }
    }

    fn plug(&self, joined: Option<AccessPoint>) {
        CABLE.store(joined.is_some(), Ordering::Relaxed);
        self.joined.replace(joined);
        OpenEth::cable_changed();
    }

    fn access_point(&self, ssid: &[u8]) -> AccessPoint {
        AccessPoint {
            ssid: Ssid::from_slice(ssid).unwrap_or_default(),
            // Locally administered, so no other device has it.
            bssid: [0x02, 0, 0, 0, 0, 1],
            channel: 1,
            rssi: 0,
            encryption: Encryption::Open,
        }
    }
}

impl Wifi for Station {
    async fn join(
        &self,
        request: Join<'_>,
        mut progress: impl AsyncFnMut(WifiEvent),
    ) -> Result<(), JoinError> {
        self.leave().await;
        if request.secure_only {
            return Err(JoinError::NotFound);
        }
        defmt::warn!("no radio in this image: the cable is joined, whatever the name");
        self.plug(Some(self.access_point(request.ssid)));
        self.stack.wait_link_up().await;
        progress(WifiEvent::Connected).await;
        self.stack.wait_config_up().await;
        progress(WifiEvent::GotIp).await;
        Ok(())
    }

    async fn leave(&self) {
        self.plug(None);
        self.stack.wait_link_down().await;
        self.stack.wait_config_down().await;
    }

    async fn scan(&self, mut found: impl FnMut(&AccessPoint)) {
        defmt::warn!("no radio in this image: the cable is what is found");
        found(&self.access_point(NAME));
    }

    /// The cable does not come loose.
    async fn event(&self) -> WifiEvent {
        core::future::pending().await
    }

    fn association(&self) -> Option<AccessPoint> {
        self.joined.borrow().clone()
    }

    fn address(&self) -> Option<Ipv4Config> {
        net::address(self.stack)
    }

    fn mac(&self) -> [u8; 6] {
        self.mac
    }
}
