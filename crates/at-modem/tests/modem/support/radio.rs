//! A station whose access point does what the test says.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::net::Ipv4Addr;
use std::rc::Rc;

use at_modem::wifi::{AccessPoint, Encryption, Ipv4Config, Join, JoinError, Ssid, Wifi, WifiEvent};

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
    listener: Listener,
}

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
            listener: Listener::default(),
        })))
    }

    /// What every join gets from now on, one that waits included.
    pub(crate) fn answers(&self, answer: Answer) {
        let mut state = self.0.borrow_mut();
        state.answer = answer;
        state.listener.tell();
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
        state.listener.tell();
    }

    /// The radio reconnects by itself.
    pub(crate) fn find_again(&self, ssid: &[u8]) {
        let mut state = self.0.borrow_mut();
        state.association = Some(access_point(ssid, 1, Encryption::Open));
        state.address = Some(ADDRESS);
        state
            .events
            .extend([WifiEvent::Connected, WifiEvent::GotIp]);
        state.listener.tell();
    }

    /// What a scan finds.
    pub(crate) fn surround(&self, around: Vec<AccessPoint>) {
        self.0.borrow_mut().around = around;
    }

    pub(crate) fn hold_scan(&self, held: bool) {
        let mut state = self.0.borrow_mut();
        state.scan_held = held;
        state.listener.tell();
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
        self.0.borrow_mut().address = Some(ADDRESS);
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
        [0x02, 0, 0, 0xab, 0xcd, 0xef]
    }
}
