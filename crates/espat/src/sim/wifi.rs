//! Simulated access points and the station that joins them.
//!
//! Nothing sleeps: a join yields where a radio would wait, and `WIFI CONNECTED` comes before
//! `WIFI GOT IP` as on the chip. The addresses are those of the documentation's transcripts.
//! [`Control`] changes what is around the station while it runs.
//!
//! spec: at-commands B.3 (`AT+CWJAP`, `AT+CWLAP`), A.18.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::net::Ipv4Addr;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use at_grammar::types::Mac;
use at_modem::Unsupported;
use at_modem::wifi::{
    AccessPoint, Encryption, Ipv4Config, Join, JoinError, SoftAp, Ssid, Wifi, WifiEvent,
};
use futures_lite::future::yield_now;

use super::events::{Event, Events};

mod control;
mod lease;
mod own_ap;
mod spec;

pub use control::{Control, ControlError};
pub use lease::Lease;
pub use spec::{ApError, ApSpec};

/// What the station has once it joined without `--address`, from the documentation's transcripts.
const ADDRESS: Ipv4Config = Ipv4Config {
    address: Ipv4Addr::new(192, 168, 3, 112),
    gateway: Ipv4Addr::new(192, 168, 3, 1),
    netmask: Ipv4Addr::new(255, 255, 255, 0),
};

/// Hardware address of the station without `--mac`; locally administered, so no other device has it.
const MAC: [u8; 6] = [0x02, 0xe5, 0x70, 0xa7, 0xff, 0x01];

/// The name of the open access point that is always there.
const DEFAULT_SSID: &[u8] = b"iot";

/// The 2.4 GHz channels that do not overlap.
const CHANNELS: [u8; 3] = [1, 6, 11];

/// An access point and whether its radio is on.
struct Ap {
    facts: AccessPoint,
    password: Vec<u8>,
    present: bool,
}

impl Ap {
    fn new(index: usize, spec: &ApSpec) -> Self {
        // Never more than a command line holds; the numbers only have to differ and look real.
        let number = u16::try_from(index).unwrap_or(u16::MAX);
        let [high, low] = number.to_be_bytes();
        let weaker = i8::try_from(number.saturating_mul(5).min(50)).unwrap_or_default();
        Self {
            facts: AccessPoint {
                ssid: spec.ssid.clone(),
                bssid: [0x02, 0xe5, 0x70, 0xa7, high, low],
                channel: CHANNELS
                    .iter()
                    .copied()
                    .cycle()
                    .nth(index)
                    .unwrap_or_default(),
                rssi: (-40_i8).saturating_sub(weaker),
                encryption: spec.encryption(),
            },
            password: spec.password.clone(),
            present: true,
        }
    }

    fn is_open(&self) -> bool {
        self.facts.encryption == Encryption::Open
    }
}

/// The station: what it is joined to, and what it will go back to.
enum Station {
    /// Nothing is wanted.
    Idle,
    /// A join got as far as the association with access point `ap`.
    Associated { ap: usize },
    /// Joined, with an address.
    Up { ap: usize },
    /// Joined to `ap`, and the address was taken away.
    Addressless { ap: usize },
    /// Access point `ap` went away; the station comes back with it.
    Lost { ap: usize },
}

struct State {
    /// What the station gets from an access point, and the address it has from the factory.
    home: (Ipv4Config, [u8; 6]),
    aps: Vec<Ap>,
    station: Station,
    /// Who is told of changes.
    events: Events,
    /// What was told last.
    told: String,
    /// What the station has once it joined.
    config: Ipv4Config,
    mac: [u8; 6],
    own: own_ap::OwnAp,
    /// What mDNS would answer; shown on the control port.
    announced: Option<String>,
    /// Changes that no command caused, oldest first.
    unasked: VecDeque<WifiEvent>,
    /// Counts how often an address was lost, so that old sockets know they are old.
    epoch: u64,
    wakers: Vec<Waker>,
}

impl State {
    fn associated(&self) -> Option<&Ap> {
        match self.station {
            Station::Associated { ap } | Station::Up { ap } | Station::Addressless { ap } => {
                self.aps.get(ap)
            }
            Station::Idle | Station::Lost { .. } => None,
        }
    }

    fn is_up(&self) -> bool {
        matches!(self.station, Station::Up { .. })
    }

    /// Moves the station; sockets of an address that is left end here.
    fn turn(&mut self, station: Station) {
        if self.is_up() {
            self.epoch = self.epoch.wrapping_add(1);
        }
        self.station = station;
    }

    /// The station in one word.
    fn word(&self) -> &'static str {
        match self.station {
            Station::Idle => "idle",
            Station::Associated { .. } => "joining",
            Station::Up { .. } => "up",
            Station::Addressless { .. } => "addressless",
            Station::Lost { .. } => "lost",
        }
    }

    /// The name of the network it is in.
    fn ssid(&self) -> String {
        let ap = self.associated();
        ap.map_or_else(String::new, |ap| ap.facts.ssid.escape_ascii().to_string())
    }

    /// Its address, or 0.0.0.0.
    fn shown_address(&self) -> Ipv4Addr {
        if self.is_up() {
            self.config.address
        } else {
            Ipv4Addr::UNSPECIFIED
        }
    }

    fn summary(&self) -> String {
        format!("{} {} {}", self.word(), self.ssid(), self.shown_address())
    }

    /// Says what has changed, if anything has.
    fn tell(&mut self) {
        let summary = self.summary();
        if summary != self.told {
            self.told = summary;
            let event = Event::new("station").with("state", self.word());
            let event = event.with("ssid", self.ssid());
            self.events
                .tell(&event.with("address", self.shown_address()));
        }
    }

    fn listen(&mut self, context: &Context<'_>) {
        if !self
            .wakers
            .iter()
            .any(|waker| waker.will_wake(context.waker()))
        {
            self.wakers.push(context.waker().clone());
        }
    }

    /// The access point that `request` means, or why there is none.
    fn choose(&self, request: &Join<'_>) -> Result<usize, JoinError> {
        let (index, ap) = self
            .aps
            .iter()
            .enumerate()
            .filter(|(_, ap)| ap.present && ap.facts.ssid == *request.ssid)
            .filter(|(_, ap)| request.bssid.is_none_or(|bssid| bssid == ap.facts.bssid))
            // The chip drops open networks from its scan, so the host sees 3, not 4.
            // It does the same where a password is given: then only protected networks fit.
            .find(|(_, ap)| {
                let secure = request.secure_only || !request.password.0.is_empty();
                !(secure && ap.is_open())
            })
            .ok_or(JoinError::NotFound)?;
        if ap.is_open() || ap.password == request.password.0 {
            Ok(index)
        } else {
            Err(JoinError::WrongPassword)
        }
    }
}

/// The station of the simulator. Clones are the same station.
#[derive(Clone)]
pub struct SimWifi {
    state: Rc<RefCell<State>>,
}

impl fmt::Debug for SimWifi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimWifi")
            .field("address", &self.address())
            .finish_non_exhaustive()
    }
}

impl SimWifi {
    /// A station that sees the access points of `specs`, and the open `iot` unless one of them has
    /// that name. Earlier ones are stronger.
    #[must_use]
    pub fn new(specs: &[ApSpec]) -> Self {
        let default = ApSpec {
            ssid: Ssid::from_slice(DEFAULT_SSID).unwrap_or_default(),
            password: Vec::new(),
        };
        let named = specs.iter().any(|spec| spec.ssid == default.ssid);
        let aps = (!named)
            .then_some(&default)
            .into_iter()
            .chain(specs)
            .enumerate()
            .map(|(index, spec)| Ap::new(index, spec))
            .collect();
        Self {
            state: Rc::new(RefCell::new(State {
                home: (ADDRESS, MAC),
                aps,
                station: Station::Idle,
                events: Events::default(),
                told: String::new(),
                config: ADDRESS,
                mac: MAC,
                own: own_ap::OwnAp::default(),
                announced: None,
                unasked: VecDeque::new(),
                epoch: 0,
                wakers: Vec::new(),
            })),
        }
    }

    /// With a hardware address of its own, and the address that access points give it.
    #[must_use]
    pub fn with_identity(self, mac: Option<[u8; 6]>, address: Option<Ipv4Addr>) -> Self {
        self.change(|state| {
            let mac = mac.unwrap_or(MAC);
            let config = address.map_or(ADDRESS, |address| {
                let [a, b, c, _] = address.octets();
                Ipv4Config {
                    address,
                    gateway: Ipv4Addr::new(a, b, c, 1),
                    netmask: Ipv4Addr::new(255, 255, 255, 0),
                }
            });
            state.home = (config, mac);
            (state.config, state.mac) = state.home;
        });
        self
    }

    /// With these told of what changes: `station` and `guest`.
    #[must_use]
    pub fn with_events(self, events: Events) -> Self {
        self.change(|state| {
            state.told = state.summary();
            state.events = events;
        });
        self
    }

    /// A handle that makes access points vanish and come back.
    #[must_use]
    pub fn control(&self) -> Control {
        Control { wifi: self.clone() }
    }

    /// The name that mDNS answers to from now on, if any.
    pub(super) fn announce(&self, name: Option<String>) {
        self.change(|state| state.announced = name);
    }

    /// The power is gone: no network is joined, and no event is reported.
    pub(super) fn lose_power(&self) {
        self.change(|state| {
            state.turn(Station::Idle);
            state.own.stop();
            state.announced = None;
            state.unasked.clear();
            (state.config, state.mac) = state.home;
        });
    }

    /// Changes the state and wakes all who wait for a change.
    fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state.borrow_mut();
        let result = change(&mut state);
        state.tell();
        let wakers = std::mem::take(&mut state.wakers);
        drop(state);
        for waker in wakers {
            waker.wake();
        }
        result
    }
}

impl Wifi for SimWifi {
    async fn join(
        &self,
        request: Join<'_>,
        mut progress: impl AsyncFnMut(WifiEvent),
    ) -> Result<(), JoinError> {
        self.leave().await;
        yield_now().await;
        self.change(|state| {
            let ap = state.choose(&request)?;
            state.turn(Station::Associated { ap });
            Ok(())
        })?;
        progress(WifiEvent::Connected).await;
        yield_now().await;
        self.change(|state| match state.station {
            Station::Associated { ap } => {
                state.turn(Station::Up { ap });
                Ok(())
            }
            // It vanished between the association and the address.
            Station::Idle
            | Station::Up { .. }
            | Station::Addressless { .. }
            | Station::Lost { .. } => {
                state.turn(Station::Idle);
                Err(JoinError::Failed)
            }
        })?;
        progress(WifiEvent::GotIp).await;
        Ok(())
    }

    async fn leave(&self) {
        self.change(|state| {
            state.turn(Station::Idle);
            state.unasked.clear();
        });
    }

    async fn scan(&self, mut found: impl FnMut(&AccessPoint)) {
        let count = self.state.borrow().aps.len();
        for index in 0..count {
            yield_now().await;
            let facts = {
                let state = self.state.borrow();
                state
                    .aps
                    .get(index)
                    .filter(|ap| ap.present)
                    .map(|ap| ap.facts.clone())
            };
            if let Some(facts) = facts {
                found(&facts);
            }
        }
    }

    async fn event(&self) -> WifiEvent {
        poll_fn(|context| {
            let mut state = self.state.borrow_mut();
            state.unasked.pop_front().map_or_else(
                || {
                    state.listen(context);
                    Poll::Pending
                },
                Poll::Ready,
            )
        })
        .await
    }

    fn association(&self) -> Option<AccessPoint> {
        self.state.borrow().associated().map(|ap| ap.facts.clone())
    }

    fn address(&self) -> Option<Ipv4Config> {
        let state = self.state.borrow();
        state.is_up().then_some(state.config)
    }

    fn mac(&self) -> [u8; 6] {
        self.state.borrow().mac
    }

    fn soft_ap_mac(&self) -> [u8; 6] {
        let state = self.state.borrow();
        state
            .own
            .mac
            .unwrap_or_else(|| own_ap::mac_beside(state.mac))
    }

    async fn set_soft_ap(&self, config: Option<SoftAp<'_>>) -> Result<(), Unsupported> {
        self.change(|state| {
            let left = match config {
                Some(config) => state.own.start(&config),
                None => state.own.stop(),
            };
            state.unasked.extend(left);
        });
        Ok(())
    }

    fn stations(&self, mut found: impl FnMut([u8; 6], Ipv4Addr)) {
        let stations = self.state.borrow().own.stations.clone();
        for (mac, address) in stations {
            found(mac, address);
        }
    }

    async fn deauthenticate(&self, station: Option<[u8; 6]>) {
        self.change(|state| {
            let left = state.own.deauthenticate(station);
            state.unasked.extend(left);
        });
    }

    /// Sockets of the old address end.
    async fn set_address(&self, address: Option<Ipv4Config>) -> Result<(), Unsupported> {
        self.change(|state| {
            let config = address.unwrap_or(state.home.0);
            if config != state.config {
                state.config = config;
                if let Station::Up { ap } = state.station {
                    state.turn(Station::Up { ap });
                }
            }
        });
        Ok(())
    }

    async fn set_mac(&self, soft_ap: bool, mac: [u8; 6]) -> Result<(), Unsupported> {
        self.change(|state| {
            if soft_ap {
                state.own.mac = Some(mac);
            } else {
                state.mac = mac;
            }
        });
        Ok(())
    }

    /// The simulated network has no DHCP server that could use it.
    fn set_hostname(&self, _: &str) -> Result<(), Unsupported> {
        Ok(())
    }
}

/// Six pairs of hexadecimal digits, with colons.
pub(super) fn parse_mac(text: &str) -> Result<[u8; 6], String> {
    text.parse()
        .map(|Mac(mac)| mac)
        .map_err(|_| format!("{text} is no hardware address"))
}

#[cfg(test)]
mod tests;
