//! A station whose access point does what the test says.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::net::Ipv4Addr;
use std::rc::Rc;

use at_modem::Unsupported;
use at_modem::wifi::{
    AccessPoint, Encryption, Ipv4Config, Join, JoinError, Leases, RadioConfig, SoftAp, Ssid, Wifi,
    WifiEvent,
};

use super::{Listener, until};

/// What becomes of a join.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    Address,
    Refusal(JoinError),
    /// Associated, and no address ever comes.
    NoAddress,
    Silence,
}

/// What a join asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) ssid: Vec<u8>,
    pub(crate) password: Vec<u8>,
    pub(crate) bssid: Option<[u8; 6]>,
    pub(crate) secure_only: bool,
}

#[derive(Debug)]
struct State {
    answer: Answer,
    asked: Vec<Asked>,
    events: VecDeque<WifiEvent>,
    association: Option<AccessPoint>,
    address: Option<Ipv4Config>,
    around: Vec<AccessPoint>,
    scan_held: bool,
    /// Neither access point nor settings are there.
    refuses: bool,
    soft_ap: Option<OwnAp>,
    fixed: Option<Ipv4Config>,
    macs: [Option<[u8; 6]>; 2],
    hostname: Option<String>,
    tuned: Option<Tuned>,
    stations: Vec<([u8; 6], Ipv4Addr)>,
    deauthenticated: Vec<Option<[u8; 6]>>,
    listener: Listener,
}

/// What our access point offers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OwnAp {
    pub(crate) ssid: Vec<u8>,
    pub(crate) password: Vec<u8>,
    pub(crate) channel: u8,
    pub(crate) encryption: Encryption,
    pub(crate) max_stations: u8,
    pub(crate) hidden: bool,
    pub(crate) address: Ipv4Config,
    pub(crate) leases: Option<Leases>,
}

/// Power, protocols of both, country and channels, inactivity timeouts of both, listen interval.
pub(crate) type Tuned = (u8, u8, u8, String, bool, u8, u8, u16, u16, u8);

/// A station; clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Radio(Rc<RefCell<State>>);

const ADDRESS: Ipv4Config = Ipv4Config {
    address: Ipv4Addr::new(192, 168, 3, 112),
    gateway: Ipv4Addr::new(192, 168, 3, 1),
    netmask: Ipv4Addr::new(255, 255, 255, 0),
};

pub(crate) fn access_point(ssid: &[u8], last: u8, encryption: Encryption) -> AccessPoint {
    AccessPoint {
        ssid: Ssid::from_slice(ssid).unwrap(),
        bssid: [2, 0, 0, 0, 0, last],
        channel: 6,
        rssi: -40,
        encryption,
    }
}

impl Radio {
    pub(crate) fn new() -> Self {
        Self(Rc::new(RefCell::new(State {
            answer: Answer::Address,
            asked: Vec::new(),
            events: VecDeque::new(),
            association: None,
            address: None,
            around: Vec::new(),
            scan_held: false,
            refuses: false,
            soft_ap: None,
            fixed: None,
            macs: [None; 2],
            hostname: None,
            tuned: None,
            stations: Vec::new(),
            deauthenticated: Vec::new(),
            listener: Listener::default(),
        })))
    }

    /// What every join gets from now on, one that waits included.
    pub(crate) fn answers(&self, answer: Answer) {
        let mut state = self.0.borrow_mut();
        state.answer = answer;
        state.listener.notify();
    }

    /// Every join so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.0.borrow().asked.clone()
    }

    pub(crate) fn joined(&self) -> bool {
        self.0.borrow().association.is_some()
    }

    /// The access point goes away.
    pub(crate) fn lose(&self) {
        let mut state = self.0.borrow_mut();
        state.association = None;
        state.address = None;
        state.events.push_back(WifiEvent::Disconnected);
        state.listener.notify();
    }

    /// The radio reconnects by itself.
    pub(crate) fn find_again(&self, ssid: &[u8]) {
        let mut state = self.0.borrow_mut();
        state.association = Some(access_point(ssid, 1, Encryption::Open));
        state.address = Some(ADDRESS);
        state
            .events
            .extend([WifiEvent::Connected, WifiEvent::GotIp]);
        state.listener.notify();
    }

    /// It has no access point from now on, and takes no settings.
    pub(crate) fn refuses(&self) {
        self.0.borrow_mut().refuses = true;
    }

    pub(crate) fn soft_ap(&self) -> Option<OwnAp> {
        self.0.borrow().soft_ap.clone()
    }

    pub(crate) fn hostname(&self) -> Option<String> {
        self.0.borrow().hostname.clone()
    }

    pub(crate) fn tuned(&self) -> Option<Tuned> {
        self.0.borrow().tuned.clone()
    }

    /// A change that nobody asked for.
    pub(crate) fn happens(&self, event: WifiEvent) {
        let mut state = self.0.borrow_mut();
        state.events.push_back(event);
        state.listener.notify();
    }

    /// Who is in our access point.
    pub(crate) fn set_stations(&self, stations: Vec<([u8; 6], Ipv4Addr)>) {
        self.0.borrow_mut().stations = stations;
    }

    pub(crate) fn deauthenticated(&self) -> Vec<Option<[u8; 6]>> {
        self.0.borrow().deauthenticated.clone()
    }

    fn works(&self) -> Result<(), Unsupported> {
        if self.0.borrow().refuses {
            Err(Unsupported)
        } else {
            Ok(())
        }
    }

    /// What a scan finds.
    pub(crate) fn surround(&self, around: Vec<AccessPoint>) {
        self.0.borrow_mut().around = around;
    }

    pub(crate) fn hold_scan(&self, held: bool) {
        let mut state = self.0.borrow_mut();
        state.scan_held = held;
        state.listener.notify();
    }
}

impl Wifi for Radio {
    async fn join(
        &self,
        request: Join<'_>,
        mut progress: impl AsyncFnMut(WifiEvent),
    ) -> Result<(), JoinError> {
        self.0.borrow_mut().asked.push(Asked {
            ssid: request.ssid.to_vec(),
            password: request.password.0.to_vec(),
            bssid: request.bssid,
            secure_only: request.secure_only,
        });
        let answer = until(|context| {
            let mut state = self.0.borrow_mut();
            state.listener.listen(context);
            (state.answer != Answer::Silence).then_some(state.answer)
        })
        .await;
        if let Answer::Refusal(error) = answer {
            return Err(error);
        }
        self.0.borrow_mut().association = Some(access_point(request.ssid, 1, Encryption::Open));
        progress(WifiEvent::Connected).await;
        until(|context| {
            let mut state = self.0.borrow_mut();
            state.listener.listen(context);
            (state.answer != Answer::NoAddress).then_some(())
        })
        .await;
        {
            let mut state = self.0.borrow_mut();
            state.address = state.fixed.or(Some(ADDRESS));
        }
        progress(WifiEvent::GotIp).await;
        Ok(())
    }

    async fn leave(&self) {
        let mut state = self.0.borrow_mut();
        state.association = None;
        state.address = None;
    }

    async fn scan(&self, found: impl FnMut(&AccessPoint)) {
        until(|context| {
            let mut state = self.0.borrow_mut();
            state.listener.listen(context);
            (!state.scan_held).then_some(())
        })
        .await;
        let around = self.0.borrow().around.clone();
        around.iter().for_each(found);
    }

    async fn event(&self) -> WifiEvent {
        until(|context| {
            let mut state = self.0.borrow_mut();
            state.listener.listen(context);
            state.events.pop_front()
        })
        .await
    }

    fn association(&self) -> Option<AccessPoint> {
        self.0.borrow().association.clone()
    }

    fn address(&self) -> Option<Ipv4Config> {
        self.0.borrow().address
    }

    fn mac(&self) -> [u8; 6] {
        self.0.borrow().macs[0].unwrap_or([0x02, 0, 0, 0xab, 0xcd, 0xef])
    }

    fn soft_ap_mac(&self) -> [u8; 6] {
        self.0.borrow().macs[1].unwrap_or([0x02, 0, 0, 0xab, 0xcd, 0xf0])
    }

    async fn set_soft_ap(&self, config: Option<SoftAp<'_>>) -> Result<(), Unsupported> {
        self.works()?;
        self.0.borrow_mut().soft_ap = config.map(|ap| OwnAp {
            ssid: ap.ssid.to_vec(),
            password: ap.password.0.to_vec(),
            channel: ap.channel,
            encryption: ap.encryption,
            max_stations: ap.max_stations,
            hidden: ap.hidden,
            address: ap.address,
            leases: ap.leases,
        });
        Ok(())
    }

    fn stations(&self, mut found: impl FnMut([u8; 6], Ipv4Addr)) {
        for (mac, address) in self.0.borrow().stations.clone() {
            found(mac, address);
        }
    }

    async fn deauthenticate(&self, station: Option<[u8; 6]>) {
        self.0.borrow_mut().deauthenticated.push(station);
    }

    async fn set_address(&self, address: Option<Ipv4Config>) -> Result<(), Unsupported> {
        self.works()?;
        let mut state = self.0.borrow_mut();
        state.fixed = address;
        if state.association.is_some() {
            state.address = address.or(Some(ADDRESS));
        }
        Ok(())
    }

    async fn set_mac(&self, soft_ap: bool, mac: [u8; 6]) -> Result<(), Unsupported> {
        self.works()?;
        self.0.borrow_mut().macs[usize::from(soft_ap)] = Some(mac);
        Ok(())
    }

    fn set_radio(&self, config: &RadioConfig<'_>) -> Result<(), Unsupported> {
        self.works()?;
        self.0.borrow_mut().tuned = Some((
            config.power,
            config.station_protocols,
            config.soft_ap_protocols,
            config.country.to_owned(),
            config.country_is_fixed,
            config.first_channel,
            config.channels,
            config.soft_ap_inactive_timeout,
            config.station_inactive_timeout,
            config.listen_interval,
        ));
        Ok(())
    }

    fn set_hostname(&self, name: &str) -> Result<(), Unsupported> {
        self.works()?;
        self.0.borrow_mut().hostname = Some(name.to_owned());
        Ok(())
    }
}
