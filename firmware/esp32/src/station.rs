//! The station over esp-radio: `at_modem::wifi::Wifi`.
//!
//! ```text
//! join ── connect ─▶ Connected ── DHCP ─▶ GotIp ── `association::keep` ─▶ Disconnected, LostIp
//! ```
//!
//! Whether there is a network is what the IP stack says of its link, whether there is an address
//! what it says of DHCP. WPA3 is not in esp-radio's supplicant.

use core::cell::{Cell, RefCell};

#[cfg(feature = "soft-ap")]
use at_modem::wifi;
use at_modem::wifi::{
    AccessPoint, Encryption, Ipv4Config, Join, JoinError, RadioConfig, Ssid, Wifi, WifiEvent,
};
use at_modem::{SleepMode, Unsupported};
use embassy_executor::Spawner;
#[cfg(feature = "soft-ap")]
use embassy_futures::select::{Either, select};
use embassy_net::Stack;
use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embassy_sync::channel::Channel;
use embassy_sync::mutex::Mutex;
use embassy_sync::signal::Signal;
use esp_hal::peripherals::WIFI;
use esp_radio::wifi::sta::StationConfig;
use esp_radio::wifi::{Config, ControllerConfig, Interface, PowerSaveMode, WifiController};
use static_cell::StaticCell;

use crate::chip::TIGHT;
use crate::convert::{AssociationSettings, associated, configuration, failure_of, reason};
use crate::nic::{self, Country, Nic};
#[cfg(feature = "soft-ap")]
use crate::soft_ap::{self, SoftAp};
use crate::{association, net, scan};

pub(crate) type Driver = Nic;

/// A radio in a busy place fails now and then; a third failure is an answer.
const TRIES: usize = 3;
/// Buffers that the radio receives into, 1,608 bytes each: 10 are usual; what comes while flash is
/// written finds 6.
const STATIC_RX: u8 = 6;
/// Frames at once on their way to the IP stack, 1,712 bytes each at most: 5 in esp-radio's queue, 6 in
/// an aggregate, one at work. The usual 32 may ask for 55 KB of a heap that the radio has to itself.
const DYNAMIC_RX: u16 = if TIGHT { 7 } else { 12 };

/// The radio as a station.
pub(crate) struct Station {
    pub(crate) radio: Mutex<NoopRawMutex, WifiController<'static>>,
    pub(crate) stack: Stack<'static>,
    pub(crate) mac: &'static Cell<[u8; 6]>,
    /// What was joined, as far as the stack's link is up.
    pub(crate) joined: RefCell<Option<AccessPoint>>,
    /// A network was joined, and neither left nor lost since.
    pub(crate) kept: Cell<bool>,
    pub(crate) changed: Signal<NoopRawMutex, ()>,
    pub(crate) events: Channel<NoopRawMutex, WifiEvent, 4>,
    pub(crate) power: Cell<PowerSaveMode>,
    /// `None`: DHCP.
    pub(crate) fixed: Cell<Option<Ipv4Config>>,
    pub(crate) name: RefCell<heapless::String<32>>,
    pub(crate) settings: Cell<AssociationSettings>,
    pub(crate) country: Cell<Country>,
    #[cfg(feature = "soft-ap")]
    pub(crate) own: SoftAp,
}

/// Starts radio and IP stack.
/// A call of its own: inlined, what it makes would lie under every later poll of the main task.
#[inline(never)]
pub(crate) fn start(spawner: &Spawner, wifi: WIFI<'static>) -> (&'static Station, Stack<'static>) {
    let buffers = ControllerConfig::default()
        .with_static_rx_buf_num(STATIC_RX)
        .with_dynamic_rx_buf_num(DYNAMIC_RX);
    let radio = defmt::unwrap!(WifiController::new(wifi, buffers));
    let interface = Interface::station();
    static MAC: StaticCell<Cell<[u8; 6]>> = StaticCell::new();
    let mac: &Cell<_> = MAC.init(Cell::new(interface.mac_address()));
    let (stack, runner) = net::stack(Nic { interface, mac });
    crate::spawn(spawner, net::run(runner));
    static STATION: StaticCell<Station> = StaticCell::new();
    let station = STATION.init(Station {
        radio: Mutex::new(radio),
        stack,
        mac,
        joined: RefCell::new(None),
        kept: Cell::new(false),
        changed: Signal::new(),
        events: Channel::new(),
        power: Cell::new(PowerSaveMode::None),
        fixed: Cell::new(None),
        name: RefCell::new(heapless::String::new()),
        settings: Cell::new(AssociationSettings::DEFAULT),
        country: Cell::new(Country::DEFAULT),
        #[cfg(feature = "soft-ap")]
        own: soft_ap::start(spawner),
    });
    #[cfg(feature = "soft-ap")]
    crate::spawn(spawner, soft_ap::keep(station));
    crate::spawn(spawner, association::keep(station));
    (station, stack)
}

impl Station {
    /// The configuration of the radio with this station.
    fn whole(&self, station: StationConfig) -> Config {
        #[cfg(feature = "soft-ap")]
        return self.own.whole(station);
        #[cfg(not(feature = "soft-ap"))]
        Config::Station(station)
    }

    pub(crate) fn set_sleep(&self, mode: SleepMode) -> Result<(), Unsupported> {
        let power = match mode {
            SleepMode::Off => PowerSaveMode::None,
            SleepMode::ModemByBeacon => PowerSaveMode::Minimum,
            SleepMode::ModemByListenInterval => PowerSaveMode::Maximum,
            // The chip would lose what the host sends while it sleeps.
            SleepMode::Light => return Err(Unsupported),
        };
        self.power.set(power);
        match self.radio.try_lock() {
            Ok(mut radio) => radio.set_power_saving(power).map_err(|_| Unsupported),
            // It is on its way into a network, and applies it there.
            Err(_) => Ok(()),
        }
    }
}

impl Wifi for Station {
    async fn join(
        &self,
        request: Join<'_>,
        mut progress: impl AsyncFnMut(WifiEvent),
    ) -> Result<(), JoinError> {
        self.kept.set(false);
        self.changed.signal(());
        let config = configuration(&request, self.settings.get())?;
        {
            let mut radio = self.radio.lock().await;
            self.part(&mut radio).await;
            self.configure();
            if let Err(error) = radio.set_config(&self.whole(config)) {
                // Then esp-radio has stopped the radio, which scans need as well.
                let _ = radio.set_config(&self.whole(StationConfig::default()));
                return Err(failure_of(error));
            }
            let mut tries = 1..=TRIES;
            let info = loop {
                let last = tries.next().is_none_or(|number| number == TRIES);
                match radio.connect_async().await {
                    Ok(info) => break info,
                    Err(error) => {
                        let why = reason(&error);
                        defmt::info!("joining failed: {}", error);
                        if last || why == JoinError::WrongPassword {
                            return Err(why);
                        }
                    }
                }
            };
            let _ = radio.set_power_saving(self.power.get());
            let wanted = AccessPoint {
                ssid: Ssid::from_slice(request.ssid).unwrap_or_default(),
                bssid: info.bssid,
                channel: info.channel,
                rssi: 0,
                encryption: Encryption::Open,
            };
            self.joined.replace(Some(associated(wanted, &info)));
        }
        progress(WifiEvent::Connected).await;
        if !self.lease().await {
            self.joined.replace(None);
            return Err(JoinError::Failed);
        }
        self.kept.set(true);
        self.changed.signal(());
        progress(WifiEvent::GotIp).await;
        Ok(())
    }

    async fn leave(&self) {
        self.kept.set(false);
        self.changed.signal(());
        let mut radio = self.radio.lock().await;
        self.part(&mut radio).await;
        self.events.clear();
    }

    async fn scan(&self, found: impl FnMut(&AccessPoint)) {
        let mut radio = self.radio.lock().await;
        scan::scan(&mut radio, self.country.get(), found).await;
    }

    async fn event(&self) -> WifiEvent {
        #[cfg(feature = "soft-ap")]
        return match select(self.events.receive(), self.own.events.receive()).await {
            Either::First(event) | Either::Second(event) => event,
        };
        #[cfg(not(feature = "soft-ap"))]
        self.events.receive().await
    }

    fn association(&self) -> Option<AccessPoint> {
        let mut joined = self.joined.borrow().clone()?;
        // The strength of the last beacon, unless the radio is busy.
        if let Ok(radio) = self.radio.try_lock()
            && let Ok(rssi) = radio.rssi()
        {
            joined.rssi = i8::try_from(rssi).unwrap_or(i8::MIN);
        }
        Some(joined)
    }

    fn address(&self) -> Option<Ipv4Config> {
        // A fixed one is there without a network, too.
        self.stack.is_link_up().then(|| net::address(self.stack))?
    }

    fn mac(&self) -> [u8; 6] {
        self.mac.get()
    }

    #[cfg(feature = "soft-ap")]
    fn soft_ap_mac(&self) -> [u8; 6] {
        self.own.mac.get()
    }

    #[cfg(feature = "soft-ap")]
    async fn set_soft_ap(&self, wanted: Option<wifi::SoftAp<'_>>) -> Result<(), Unsupported> {
        let mut radio = self.radio.lock().await;
        self.own.set(&mut radio, wanted)
    }

    #[cfg(feature = "soft-ap")]
    fn stations(&self, found: impl FnMut([u8; 6], core::net::Ipv4Addr)) {
        self.own.stations(found);
    }

    #[cfg(feature = "soft-ap")]
    async fn deauthenticate(&self, station: Option<[u8; 6]>) {
        self.own.deauthenticate(station);
    }

    /// Between two networks only: an access point knows a station by its address.
    async fn set_mac(&self, soft_ap: bool, mac: [u8; 6]) -> Result<(), Unsupported> {
        let radio = self.radio.lock().await;
        if soft_ap || self.joined.borrow().is_some() {
            return Err(Unsupported);
        }
        nic::set_mac(&radio, mac)?;
        self.mac.set(mac);
        Ok(())
    }

    async fn set_address(&self, address: Option<Ipv4Config>) -> Result<(), Unsupported> {
        self.fixed.set(address);
        self.configure();
        Ok(())
    }

    /// Power and country at once, the settings of an association from the next one on.
    fn set_radio(&self, config: &RadioConfig<'_>) -> Result<(), Unsupported> {
        self.settings.set(AssociationSettings {
            listen_interval: config.listen_interval.into(),
            protocols: config.station_protocols,
        });
        #[cfg(feature = "soft-ap")]
        self.own.protocols.set(config.soft_ap_protocols);
        let mut radio = self.radio.try_lock().map_err(|_| Unsupported)?;
        let country = Country {
            code: config
                .country
                .as_bytes()
                .try_into()
                .map_err(|_| Unsupported)?,
            first_channel: config.first_channel,
            channels: config.channels,
            is_fixed: config.country_is_fixed,
        };
        if self.country.replace(country) != country {
            nic::set_country(&radio, country)?;
        }
        let power = i8::try_from(config.power).map_err(|_| Unsupported)?;
        radio.set_max_tx_power(power).map_err(|_| Unsupported)
    }

    /// From the next network on.
    fn set_hostname(&self, name: &str) -> Result<(), Unsupported> {
        let name = heapless::String::try_from(name).map_err(|_| Unsupported)?;
        self.name.replace(name);
        Ok(())
    }
}
