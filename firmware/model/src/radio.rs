//! A radio by the names of its driver: what esp-radio asks of Espressif's libraries is answered here, and those
//! libraries do not run. Below them are registers that no manual describes.
//!
//! ```text
//! esp-radio ─ esp_wifi_connect_internal ─▶ here ─ event, frame ─▶ esp_event_post, receive callback
//! ```
//!
//! Two networks are in the air: `iot`, open, and `locked`, WPA2 with [`PASSPHRASE`]. What the driver would
//! tell from a thread of its own is told between two instructions of the program, with interrupts off.

use std::collections::VecDeque;

use crate::bus::{Bus, RADIO_RAM};
use crate::cpu::{Context, Cpu};
use crate::timers::CORE;

/// Where a call that was begun here returns to: in the ROM, so that it is seen.
pub(crate) const RETURN: u32 = 0x4005_fff0;

const PASSPHRASE: &[u8] = b"correct horse";
const BSSID: [u8; 6] = [0x02, 0xa9, 0, 0, 0, 1];
const CHANNEL: u8 = 6;
const RSSI: i8 = -42;

/// All that the program calls.
pub(crate) const FUNCTIONS: [&str; 26] = [
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
];

/// Numbers of `wifi_event_t`.
const SCAN_DONE: u32 = 1;
const STARTED: u32 = 2;
const STOPPED: u32 = 3;
const CONNECTED: u32 = 4;
const DISCONNECTED: u32 = 5;

/// Numbers of `wifi_err_reason_t`.
const LEFT: u8 = 8;
const HANDSHAKE_TIMEOUT: u8 = 15;
const BEACON_TIMEOUT: u8 = 200;
const NOT_FOUND: u8 = 201;

/// Numbers of `wifi_auth_mode_t`.
const OPEN: u32 = 0;
const WPA2: u32 = 3;

const NETWORKS: [(&[u8], u32); 2] = [(b"iot", OPEN), (b"locked", WPA2)];

const MILLISECOND: u64 = CORE / 1000;
const JOINING: u64 = 80 * MILLISECOND;
const SCANNING: u64 = 400 * MILLISECOND;

/// Received frames that the program has not given back.
const BUFFERS: usize = 12;
const BUFFER: u32 = 2048;

enum Task {
    Event(u32, Vec<u8>),
    Frame(Vec<u8>),
    /// A frame is in the air.
    Sent,
}

pub(crate) struct Radio {
    event_post: u32,
    received: u32,
    sent: u32,
    mode: u32,
    name: Vec<u8>,
    passphrase: Vec<u8>,
    joined: bool,
    /// What happens later, and when.
    later: Vec<(u64, Task)>,
    tasks: VecDeque<Task>,
    buffers: [bool; BUFFERS],
    /// Networks of the last scan that were not asked for yet.
    found: usize,
    interrupted: Option<Context>,
    /// How long the first association lasts, in milliseconds.
    pub(crate) lose_after: Option<u64>,
    /// Frames that found no buffer.
    pub(crate) lost: u64,
}

impl Radio {
    /// `event_post`: the program's function that takes events.
    pub(crate) const fn new(event_post: u32, lose_after: Option<u64>) -> Self {
        Self {
            event_post,
            received: 0,
            sent: 0,
            mode: 0,
            name: Vec::new(),
            passphrase: Vec::new(),
            joined: false,
            later: Vec::new(),
            tasks: VecDeque::new(),
            buffers: [false; BUFFERS],
            found: 0,
            interrupted: None,
            lose_after,
            lost: 0,
        }
    }

    /// Does what the driver's function does; gives what it returns: 0 is well.
    pub(crate) fn call(&mut self, name: &str, cpu: &Cpu, bus: &mut Bus) -> i32 {
        let [a0, a1, a2] = [cpu.x[10], cpu.x[11], cpu.x[12]];
        match name {
            "esp_wifi_set_tx_done_cb" => self.sent = a0,
            // The station's is interface 0.
            "esp_wifi_internal_reg_rxcb" if a0 == 0 => self.received = a1,
            "esp_wifi_set_mode" => self.mode = a0,
            "esp_wifi_get_mode" => return put(bus, a0, &self.mode.to_le_bytes()),
            "esp_wifi_start" => self.event(STARTED, Vec::new()),
            "esp_wifi_stop" => {
                self.leave(LEFT);
                self.event(STOPPED, Vec::new());
            }
            "esp_wifi_set_config" => {
                self.name = text(bus, a1, 32);
                self.passphrase = text(bus, a1 + 32, 64);
            }
            "esp_wifi_connect_internal" => self.join(bus.now),
            "esp_wifi_disconnect_internal" => {
                self.later
                    .retain(|(_, task)| !matches!(task, Task::Event(CONNECTED | DISCONNECTED, _)));
                let lost = self.joined_event(LEFT);
                self.joined = false;
                self.event(DISCONNECTED, lost);
            }
            "esp_wifi_scan_start" => {
                self.found = NETWORKS.len();
                let mut done = vec![0; 4];
                done.extend([self.found as u8, 1]);
                self.later
                    .push((bus.now + SCANNING, Task::Event(SCAN_DONE, done)));
            }
            "esp_wifi_scan_get_ap_num" => {
                return put(bus, a0, &(self.found as u16).to_le_bytes());
            }
            "esp_wifi_scan_get_ap_record" => {
                let Some((name, method)) = self.found.checked_sub(1).map(|at| NETWORKS[at]) else {
                    return -1;
                };
                self.found -= 1;
                return put(bus, a0, &record(name, method));
            }
            "esp_wifi_clear_ap_list" => self.found = 0,
            "esp_wifi_sta_get_rssi" if self.joined => {
                return put(bus, a0, &i32::from(RSSI).to_le_bytes());
            }
            "esp_wifi_sta_get_rssi" => return -1,
            "esp_wifi_internal_tx" => {
                let frame: Option<Vec<u8>> = (0..a2 & 0xffff)
                    .map(|index| bus.load8(a1 + index).ok())
                    .collect();
                if self.joined {
                    bus.sent.extend(frame);
                }
                self.tasks.push_back(Task::Sent);
            }
            "esp_wifi_internal_free_rx_buffer" => {
                let index = (a0 as usize).wrapping_sub(1);
                if let Some(taken) = self.buffers.get_mut(index) {
                    *taken = false;
                }
            }
            _ => {}
        }
        0
    }

    fn event(&mut self, number: u32, data: Vec<u8>) {
        self.tasks.push_back(Task::Event(number, data));
    }

    fn join(&mut self, now: u64) {
        let method = NETWORKS
            .iter()
            .find(|(name, _)| *name == self.name)
            .map(|(_, method)| *method);
        let end = match method {
            Some(OPEN) if self.passphrase.is_empty() => {
                Task::Event(CONNECTED, self.association(OPEN))
            }
            Some(WPA2) if self.passphrase == PASSPHRASE => {
                Task::Event(CONNECTED, self.association(WPA2))
            }
            Some(WPA2) if !self.passphrase.is_empty() => {
                Task::Event(DISCONNECTED, self.joined_event(HANDSHAKE_TIMEOUT))
            }
            // Also one that is less safe, or safer, than what is asked for.
            _ => Task::Event(DISCONNECTED, self.joined_event(NOT_FOUND)),
        };
        self.later.push((now + JOINING, end));
    }

    fn leave(&mut self, reason: u8) {
        if self.joined {
            self.joined = false;
            let lost = self.joined_event(reason);
            self.event(DISCONNECTED, lost);
        }
    }

    /// `wifi_event_sta_connected_t`
    fn association(&self, method: u32) -> Vec<u8> {
        let mut data = padded(&self.name, 32);
        data.push(self.name.len() as u8);
        data.extend(BSSID);
        data.push(CHANNEL);
        data.extend(method.to_le_bytes());
        data.extend([1, 0, 0, 0]);
        data
    }

    /// `wifi_event_sta_disconnected_t`
    fn joined_event(&self, reason: u8) -> Vec<u8> {
        let mut data = padded(&self.name, 32);
        data.push(self.name.len() as u8);
        data.extend(BSSID);
        data.extend([reason, RSSI as u8]);
        data
    }

    /// A frame for the station.
    pub(crate) fn receive(&mut self, frame: &[u8]) {
        if self.joined {
            self.tasks.push_back(Task::Frame(frame.to_vec()));
        }
    }

    /// Tells the program what there is to tell, if it can be interrupted here.
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
                if number == CONNECTED
                    && let Some(millis) = self.lose_after.take()
                {
                    let lost = Task::Event(DISCONNECTED, self.joined_event(BEACON_TIMEOUT));
                    self.later.push((now + millis * MILLISECOND, lost));
                }
                self.joined = match number {
                    CONNECTED => true,
                    DISCONNECTED => false,
                    _ => self.joined,
                };
                put(bus, RADIO_RAM, &data);
                (self.event_post, [0, number, RADIO_RAM, data.len() as u32])
            }
            Task::Frame(frame) => {
                let Some(index) = self.buffers.iter().position(|taken| !taken) else {
                    self.lost += 1;
                    return;
                };
                self.buffers[index] = true;
                let at = RADIO_RAM + BUFFER * (index as u32 + 1);
                put(bus, at, &frame);
                (self.received, [at, frame.len() as u32, index as u32 + 1, 0])
            }
            Task::Sent => (self.sent, [0, RADIO_RAM, RADIO_RAM, 1]),
        };
        if function != 0 {
            self.interrupted = Some(cpu.interrupt(function, args, RETURN));
        }
    }

    /// The function has returned.
    pub(crate) fn resume(&mut self, cpu: &mut Cpu) {
        if let Some(context) = self.interrupted.take() {
            cpu.resume(context);
        }
    }
}

fn put(bus: &mut Bus, at: u32, bytes: &[u8]) -> i32 {
    for (index, byte) in bytes.iter().enumerate() {
        if bus.store8(at + index as u32, *byte).is_err() {
            return -1;
        }
    }
    0
}

/// A text that a zero ends, or its field.
fn text(bus: &mut Bus, at: u32, len: u32) -> Vec<u8> {
    (0..len)
        .map(|index| bus.load8(at + index).unwrap_or(0))
        .take_while(|byte| *byte != 0)
        .collect()
}

fn padded(text: &[u8], len: usize) -> Vec<u8> {
    let mut bytes = text.to_vec();
    bytes.resize(len, 0);
    bytes
}

/// `wifi_ap_record_t`, up to what it says of the country.
fn record(name: &[u8], method: u32) -> Vec<u8> {
    let mut bytes = BSSID.to_vec();
    bytes.extend(padded(name, 33));
    bytes.push(CHANNEL);
    bytes.extend([0; 4]);
    bytes.extend([RSSI as u8, 0, 0, 0]);
    bytes.extend(method.to_le_bytes());
    bytes.extend([0; 20]);
    bytes
}
