//! A radio by the names of its driver: what esp-radio asks of Espressif's libraries is answered here, and those
//! libraries do not run. Below them are registers that no manual describes.
//!
//! ```text
//! esp-radio ─ esp_wifi_connect_internal ─▶ here ─ event, frame ─▶ esp_event_post, receive callback
//! ```
//!
//! Two networks are in the air: `iot`, open, and `locked`, WPA2 with [`PASSPHRASE`]; a third may be another
//! model's (`air`). What the driver would report from a thread of its own is reported between two instructions of
//! the program, with interrupts off.

use std::collections::VecDeque;

use crate::access_point::AccessPoint;
use crate::air::{self, BEACON_TIMEOUT, From, LEFT, Message, NOT_FOUND, Network, OPEN};
use crate::bus::{Bus, RADIO_RAM};
use crate::cpu::{Context, Cpu};
use crate::driver::Sizes;
use crate::records::{self, STRENGTH, put, text};
use crate::surroundings::{self, BSSID, CHANNEL, CHANNELS, NETWORKS};
use crate::timers::CORE;

/// Where a call that was begun here returns to: in the ROM, so that it is seen.
pub(crate) const RETURN: u32 = 0x4005_fff0;

const PASSPHRASE: &[u8] = b"correct horse";

/// All that the program calls.
pub(crate) const FUNCTIONS: [&str; 29] = [
    "esp_wifi_init_internal",
    "esp_wifi_deinit_internal",
    "esp_supplicant_init",
    "esp_supplicant_deinit",
    "esp_wifi_set_tx_done_cb",
    "esp_wifi_internal_reg_rxcb",
    "esp_wifi_set_mode",
    "esp_wifi_get_mode",
    "esp_wifi_start",
    "esp_wifi_stop",
    "esp_wifi_set_config",
    "esp_wifi_get_config",
    "esp_wifi_set_protocols",
    "esp_wifi_set_country",
    "esp_wifi_set_max_tx_power",
    "esp_wifi_set_ps",
    "esp_wifi_set_mac",
    "esp_wifi_connect_internal",
    "esp_wifi_disconnect_internal",
    "esp_wifi_scan_start",
    "esp_wifi_scan_get_ap_num",
    "esp_wifi_scan_get_ap_record",
    "esp_wifi_clear_ap_list",
    "esp_wifi_sta_get_rssi",
    "esp_wifi_internal_tx",
    "esp_wifi_internal_free_rx_buffer",
    "esp_wifi_ap_get_sta_list",
    "esp_wifi_ap_get_sta_aid",
    "esp_wifi_deauth_sta",
];

/// Numbers of `wifi_event_t`.
const SCAN_DONE: u32 = 1;
const STATION_STARTED: u32 = 2;
const STATION_STOPPED: u32 = 3;
const CONNECTED: u32 = 4;
const DISCONNECTED: u32 = 5;
const AP_STARTED: u32 = 12;
const AP_STOPPED: u32 = 13;

/// Bits of `wifi_mode_t`.
const STATION: u32 = 1;
const ACCESS_POINT: u32 = 2;

const MILLISECOND: u64 = CORE / 1000;
const JOINING: u64 = 80 * MILLISECOND;
/// Of one channel.
const SCANNING: u64 = 60 * MILLISECOND;
/// How long another model is waited for: it has its share of this machine's time, no more.
const ANSWERING: u64 = 3000 * MILLISECOND;

/// Received frames that the program has not given back.
const BUFFERS: usize = 12;
const BUFFER: u32 = 2048;

enum Task {
    Event(u32, Vec<u8>),
    /// For the station, or for the access point.
    Frame(From, Vec<u8>),
    /// A frame is in the air.
    Sent,
    /// No other model has answered: one of the two networks is joined.
    Join,
}

/// Where a station's frames go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Joined {
    No,
    /// One of the two networks.
    Network,
    /// Another model.
    Peer,
}

pub(crate) struct Radio {
    event_post: u32,
    sizes: Sizes,
    /// For the station and for the access point.
    received: [u32; 2],
    sent: u32,
    mode: u32,
    started: bool,
    mac: [u8; 6],
    /// As they were set: a program asks, and sets what is new.
    configs: [Vec<u8>; 2],
    name: Vec<u8>,
    passphrase: Vec<u8>,
    joined: Joined,
    /// The network of the station, or the one it tries.
    network: Network,
    own: AccessPoint,
    /// Another model's access point; not used if there is no other model.
    peer: Option<Network>,
    has_peer: bool,
    /// For the other model.
    pub(crate) said: Vec<Vec<u8>>,
    /// What happens later, and when.
    later: Vec<(u64, Task)>,
    tasks: VecDeque<Task>,
    buffers: [bool; BUFFERS],
    /// Networks of the last scan that were not asked for yet, with their strengths in dBm.
    found: Vec<(Network, i8)>,
    /// The channel of the last scan; 0 for all.
    scanned: u8,
    /// How many networks there are besides.
    pub(crate) crowd: u8,
    interrupted: Option<Context>,
    /// How long the first association lasts, in milliseconds.
    pub(crate) lose_after: Option<u64>,
    /// Frames that found no buffer.
    pub(crate) lost: u64,
}

impl Radio {
    /// `event_post`: the program's function that takes events.
    pub(crate) const fn new(
        event_post: u32,
        sizes: Sizes,
        mac: [u8; 6],
        has_peer: bool,
        lose_after: Option<u64>,
    ) -> Self {
        Self {
            event_post,
            sizes,
            received: [0; 2],
            sent: 0,
            mode: 0,
            started: false,
            mac,
            configs: [const { Vec::new() }; 2],
            name: Vec::new(),
            passphrase: Vec::new(),
            joined: Joined::No,
            network: Network {
                name: Vec::new(),
                method: OPEN,
                bssid: BSSID,
                channel: CHANNEL,
            },
            own: AccessPoint::new(mac),
            peer: None,
            has_peer,
            said: Vec::new(),
            later: Vec::new(),
            tasks: VecDeque::new(),
            buffers: [false; BUFFERS],
            found: Vec::new(),
            scanned: 0,
            crowd: 0,
            interrupted: None,
            lose_after,
            lost: 0,
        }
    }

    /// Does what the driver's function does; gives what it returns: 0 is well.
    #[expect(clippy::too_many_lines, reason = "an arm per function of the driver")]
    pub(crate) fn call(&mut self, name: &str, cpu: &Cpu, bus: &mut Bus) -> i32 {
        let [a0, a1, a2] = [cpu.x[10], cpu.x[11], cpu.x[12]];
        match name {
            "esp_wifi_set_tx_done_cb" => self.sent = a0,
            "esp_wifi_internal_reg_rxcb" => {
                if let Some(received) = self.received.get_mut(a0 as usize) {
                    *received = a1;
                }
            }
            "esp_wifi_set_mode" => self.set_mode(a0),
            "esp_wifi_get_mode" => return put(bus, a0, &self.mode.to_le_bytes()),
            "esp_wifi_start" => {
                self.started = true;
                self.turn(0, self.mode);
            }
            "esp_wifi_stop" => {
                let on = self.on();
                self.started = false;
                self.turn(on, 0);
            }
            "esp_wifi_set_config" => {
                let Some((config, len)) = self
                    .configs
                    .get_mut(a0 as usize)
                    .zip(self.sizes.configs.get(a0 as usize))
                else {
                    return -1;
                };
                *config = (0..*len)
                    .map(|at| bus.load8(a1 + at).unwrap_or(0))
                    .collect();
                if a0 == 0 {
                    self.name = text(bus, a1, 32);
                    self.passphrase = text(bus, a1 + 32, 64);
                } else {
                    self.configure_own();
                }
            }
            "esp_wifi_get_config" => {
                let config = self.configs.get(a0 as usize);
                return config.map_or(-1, |config| put(bus, a1, config));
            }
            "esp_wifi_set_mac" if a0 == 0 => {
                self.mac = std::array::from_fn(|at| bus.load8(a1 + at as u32).unwrap_or(0));
            }
            "esp_wifi_connect_internal" => self.join(bus.now),
            "esp_wifi_disconnect_internal" => {
                self.later.retain(|(_, task)| {
                    !matches!(task, Task::Join | Task::Event(CONNECTED | DISCONNECTED, _))
                });
                self.leave(LEFT);
            }
            "esp_wifi_scan_start" => {
                self.say(&Message::Probe);
                // `wifi_scan_config_t`; zero means all.
                self.scanned = bus.load8(a0 + 8).unwrap_or(0);
                let channels = if self.scanned == 0 { CHANNELS } else { 1 };
                let end = bus.now + u64::from(channels) * SCANNING;
                self.later.push((end, Task::Event(SCAN_DONE, Vec::new())));
            }
            "esp_wifi_scan_get_ap_num" => {
                return put(bus, a0, &(self.found.len() as u16).to_le_bytes());
            }
            "esp_wifi_scan_get_ap_record" => {
                let Some((network, strength)) = self.found.pop() else {
                    return -1;
                };
                let record = records::found(&network, strength, self.sizes.record);
                return put(bus, a0, &record);
            }
            "esp_wifi_clear_ap_list" => self.found.clear(),
            "esp_wifi_sta_get_rssi" if self.joined != Joined::No => {
                return put(bus, a0, &i32::from(STRENGTH).to_le_bytes());
            }
            "esp_wifi_sta_get_rssi" => return -1,
            "esp_wifi_internal_tx" => {
                let frame: Option<Vec<u8>> = (0..a2 & 0xffff)
                    .map(|index| bus.load8(a1 + index).ok())
                    .collect();
                if let Some(frame) = frame {
                    self.send(a0, frame, bus);
                }
                self.tasks.push_back(Task::Sent);
            }
            "esp_wifi_internal_free_rx_buffer" => {
                let index = (a0 as usize).wrapping_sub(1);
                if let Some(taken) = self.buffers.get_mut(index) {
                    *taken = false;
                }
            }
            "esp_wifi_ap_get_sta_list" => return put(bus, a0, &self.own.list(&self.sizes)),
            "esp_wifi_ap_get_sta_aid" => {
                let mac = std::array::from_fn(|at| bus.load8(a0 + at as u32).unwrap_or(0));
                let Some(number) = self.own.number_of(mac) else {
                    return -1;
                };
                return put(bus, a1, &number.to_le_bytes());
            }
            "esp_wifi_deauth_sta" => {
                for mac in self.own.numbered(a0 as u16) {
                    self.deauthenticate(mac, LEFT);
                }
            }
            _ => {}
        }
        0
    }

    fn event(&mut self, number: u32, data: Vec<u8>) {
        self.tasks.push_back(Task::Event(number, data));
    }

    fn say(&mut self, message: &Message) {
        if self.has_peer {
            self.said.push(message.encode());
        }
    }

    /// The interfaces that are up, as bits of a mode.
    const fn on(&self) -> u32 {
        if self.started { self.mode } else { 0 }
    }

    fn set_mode(&mut self, mode: u32) {
        let old = self.on();
        self.mode = mode;
        self.turn(old, self.on());
    }

    /// Interfaces come up and go down.
    fn turn(&mut self, old: u32, new: u32) {
        if old & !new & STATION != 0 {
            if self.joined != Joined::No {
                self.leave(LEFT);
            }
            self.event(STATION_STOPPED, Vec::new());
        }
        if old & !new & ACCESS_POINT != 0 {
            self.all_away(BEACON_TIMEOUT);
            self.event(AP_STOPPED, Vec::new());
        }
        if new & !old & STATION != 0 {
            self.event(STATION_STARTED, Vec::new());
        }
        if new & !old & ACCESS_POINT != 0 {
            self.event(AP_STARTED, Vec::new());
        }
        if (old ^ new) & ACCESS_POINT != 0 {
            self.beacon();
        }
    }

    fn beacon(&mut self) {
        let on = self.on() & ACCESS_POINT != 0;
        let seen = on.then(|| self.own.seen()).flatten();
        self.say(&Message::Beacon(seen));
    }

    /// The access point is another one: every station must associate again.
    fn configure_own(&mut self) {
        self.all_away(BEACON_TIMEOUT);
        let [_, config] = &self.configs;
        self.own.configure(config);
        self.beacon();
    }

    fn all_away(&mut self, reason: u8) {
        for mac in self.own.numbered(0) {
            self.deauthenticate(mac, reason);
        }
    }

    fn deauthenticate(&mut self, mac: [u8; 6], reason: u8) {
        let from = From::AccessPoint;
        self.say(&Message::Left { from, mac, reason });
        self.gone(mac, reason);
    }

    fn gone(&mut self, mac: [u8; 6], reason: u8) {
        if let Some((number, data)) = self.own.left(mac, reason) {
            self.event(number, data);
        }
    }

    fn send(&mut self, interface: u32, frame: Vec<u8>, bus: &mut Bus) {
        let from = match (interface, self.joined) {
            (0, Joined::No) => return,
            (0, Joined::Network) => {
                bus.sent.push(frame);
                return;
            }
            (0, Joined::Peer) => From::Station,
            _ if self.own.reaches(&frame) => From::AccessPoint,
            _ => return,
        };
        self.say(&Message::Frame { from, frame });
    }

    fn join(&mut self, now: u64) {
        self.network.name.clone_from(&self.name);
        if self.has_peer {
            self.say(&Message::Join {
                mac: self.mac,
                name: self.name.clone(),
                passphrase: self.passphrase.clone(),
            });
            self.later.push((now + ANSWERING, Task::Join));
        } else {
            self.join_network(now);
        }
    }

    fn join_network(&mut self, now: u64) {
        let found = NETWORKS.iter().find(|(name, _)| *name == self.name);
        let (method, end) = match found {
            Some((_, method)) => (*method, air::verdict(*method, PASSPHRASE, &self.passphrase)),
            None => (OPEN, Err(NOT_FOUND)),
        };
        self.network = Network {
            name: self.name.clone(),
            method,
            bssid: BSSID,
            channel: CHANNEL,
        };
        let end = match end {
            Ok(()) => Task::Event(CONNECTED, records::connected(&self.network)),
            Err(reason) => Task::Event(DISCONNECTED, records::disconnected(&self.network, reason)),
        };
        self.later.push((now + JOINING, end));
    }

    fn leave(&mut self, reason: u8) {
        if self.joined == Joined::Peer {
            let (from, mac) = (From::Station, self.mac);
            self.say(&Message::Left { from, mac, reason });
        }
        self.joined = Joined::No;
        let lost = records::disconnected(&self.network, reason);
        self.event(DISCONNECTED, lost);
    }

    /// A frame for the station, from the network.
    pub(crate) fn receive(&mut self, frame: &[u8]) {
        if self.joined == Joined::Network {
            self.tasks
                .push_back(Task::Frame(From::AccessPoint, frame.to_vec()));
        }
    }

    /// What another model says.
    #[expect(clippy::too_many_lines, reason = "an arm per message")]
    pub(crate) fn hear(&mut self, bytes: &[u8], now: u64) {
        let tries = self
            .later
            .iter()
            .any(|(_, task)| matches!(task, Task::Join));
        match Message::decode(bytes) {
            Some(Message::Probe) => self.beacon(),
            Some(Message::Beacon(peer)) => self.peer = peer,
            Some(Message::Join {
                mac,
                name,
                passphrase,
            }) => {
                // It may not have heard that it was lost.
                self.gone(mac, LEFT);
                let admitted = if self.on() & ACCESS_POINT != 0 {
                    self.own.admit(mac, &name, &passphrase)
                } else {
                    Err(NOT_FOUND)
                };
                match admitted {
                    Ok((number, data)) => {
                        self.say(&Message::Joined(self.own.network()));
                        self.event(number, data);
                    }
                    Err(reason) => self.say(&Message::Refused(reason)),
                }
            }
            Some(Message::Joined(network)) if tries => {
                self.later.retain(|(_, task)| !matches!(task, Task::Join));
                self.network = network;
                self.joined = Joined::Peer;
                self.event(CONNECTED, records::connected(&self.network));
            }
            Some(Message::Refused(NOT_FOUND)) if tries => {
                self.later.retain(|(_, task)| !matches!(task, Task::Join));
                self.join_network(now);
            }
            Some(Message::Refused(reason)) if tries => {
                self.later.retain(|(_, task)| !matches!(task, Task::Join));
                self.event(DISCONNECTED, records::disconnected(&self.network, reason));
            }
            Some(Message::Left {
                from: From::AccessPoint,
                mac,
                reason,
            }) if self.joined == Joined::Peer && (mac == self.mac || mac[0] & 1 != 0) => {
                self.joined = Joined::No;
                self.event(DISCONNECTED, records::disconnected(&self.network, reason));
            }
            Some(Message::Left {
                from: From::Station,
                mac,
                reason,
            }) => self.gone(mac, reason),
            Some(Message::Frame { from, frame }) => {
                let heard = match from {
                    From::Station => self.own.admits(&frame),
                    From::AccessPoint => self.joined == Joined::Peer,
                };
                if heard {
                    self.tasks.push_back(Task::Frame(from, frame));
                }
            }
            _ => {}
        }
    }

    /// The chip restarts: the stations of its access point are lost.
    pub(crate) fn restarts(&mut self) -> Vec<Vec<u8>> {
        self.say(&Message::Beacon(None));
        self.say(&Message::Left {
            from: From::AccessPoint,
            mac: [0xff; 6],
            reason: BEACON_TIMEOUT,
        });
        std::mem::take(&mut self.said)
    }

    /// Reports pending events to the program, if it can be interrupted here.
    pub(crate) fn poll(&mut self, cpu: &mut Cpu, bus: &mut Bus) {
        let now = bus.now;
        let (due, later) = std::mem::take(&mut self.later)
            .into_iter()
            .partition(|(at, _)| *at <= now);
        self.later = later;
        self.tasks.extend(due.into_iter().map(|(_, task)| task));
        if self.interrupted.is_some() || !cpu.interruptible(bus) {
            return;
        }
        let Some(task) = self.tasks.pop_front() else {
            return;
        };
        let (function, args) = match task {
            Task::Event(number, data) => {
                let data = self.apply(number, data, now);
                put(bus, RADIO_RAM, &data);
                (self.event_post, [0, number, RADIO_RAM, data.len() as u32])
            }
            Task::Frame(from, frame) => {
                let Some(index) = self.buffers.iter().position(|taken| !taken) else {
                    self.lost += 1;
                    return;
                };
                self.buffers[index] = true;
                let at = RADIO_RAM + BUFFER * (index as u32 + 1);
                put(bus, at, &frame);
                let [station, access_point] = self.received;
                let received = match from {
                    From::AccessPoint => station,
                    From::Station => access_point,
                };
                (received, [at, frame.len() as u32, index as u32 + 1, 0])
            }
            Task::Sent => (self.sent, [0, RADIO_RAM, RADIO_RAM, 1]),
            Task::Join => {
                self.join_network(now);
                return;
            }
        };
        if function != 0 {
            self.interrupted = Some(cpu.interrupt(function, args, RETURN));
        }
    }

    /// Applies an event that is being reported; returns its data.
    fn apply(&mut self, number: u32, data: Vec<u8>, now: u64) -> Vec<u8> {
        match number {
            CONNECTED => {
                if let Some(millis) = self.lose_after.take() {
                    let lost = Task::Event(
                        DISCONNECTED,
                        records::disconnected(&self.network, BEACON_TIMEOUT),
                    );
                    self.later.push((now + millis * MILLISECOND, lost));
                }
                if self.joined == Joined::No {
                    self.joined = Joined::Network;
                }
            }
            DISCONNECTED => self.joined = Joined::No,
            SCAN_DONE => {
                self.found = surroundings::on(self.scanned, self.peer.as_ref(), self.crowd);
                let mut done = vec![0; 4];
                done.extend([self.found.len() as u8, 1]);
                return done;
            }
            _ => {}
        }
        data
    }

    /// The function has returned.
    pub(crate) fn resume(&mut self, cpu: &mut Cpu) {
        if let Some(context) = self.interrupted.take() {
            cpu.resume(context);
        }
    }
}
