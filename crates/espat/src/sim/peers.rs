//! The far side of the modem's connections, where a test wants another one than the server gives.
//!
//! ```text
//! peer stall [N]              N more bytes of each peer arrive, then none until `peer go`
//! peer close|reset [PEER]     its end, as of a server that finishes or breaks off
//! tls alert NAME              the next connection's first answer is this alert, and the end
//! tls stall                   the next connection's peer says nothing until `peer go`
//! ```
//!
//! All of it stands between socket and modem: the server itself sees nothing but what the modem does then.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::{Future, poll_fn};
use std::rc::{Rc, Weak};
use std::task::{Poll, Waker};

/// Alerts of TLS (RFC 8446 §6, RFC 5246 §7.2) that a server sends instead of its hello.
const ALERTS: [(&str, u8); 14] = [
    ("close_notify", 0),
    ("unexpected_message", 10),
    ("handshake_failure", 40),
    ("bad_certificate", 42),
    ("certificate_unknown", 46),
    ("illegal_parameter", 47),
    ("unknown_ca", 48),
    ("access_denied", 49),
    ("decode_error", 50),
    ("protocol_version", 70),
    ("insufficient_security", 71),
    ("internal_error", 80),
    ("unrecognized_name", 112),
    ("no_application_protocol", 120),
];

/// The number of an alert, by its name or as a number.
///
/// # Errors
///
/// A sentence with the names.
pub fn alert(text: &str) -> Result<u8, String> {
    let known = ALERTS.iter().find(|(name, _)| *name == text);
    let number = known.map(|(_, number)| *number).or(text.parse().ok());
    number.ok_or_else(|| {
        let names: Vec<&str> = ALERTS.iter().map(|(name, _)| *name).collect();
        format!(
            "{text} is neither a number from 0 to 255 nor one of {}",
            names.join(", ")
        )
    })
}

/// One record of TLS with a fatal alert; `close_notify` is a warning.
fn alert_record(number: u8) -> [u8; 7] {
    let level = if number == 0 { 1 } else { 2 };
    [21, 3, 3, 0, 2, level, number]
}

/// Who waits for a change, and how many there were.
#[derive(Debug, Default)]
struct Changes {
    count: Cell<u64>,
    waiting: RefCell<Vec<Waker>>,
}

impl Changes {
    fn note(&self) {
        self.count.set(self.count.get().wrapping_add(1));
        for waker in self.waiting.take() {
            waker.wake();
        }
    }

    /// Ends with the first change after this call. Dropping it loses nothing.
    fn next(&self) -> impl Future<Output = ()> {
        let seen = self.count.get();
        poll_fn(move |context| {
            if self.count.get() != seen {
                return Poll::Ready(());
            }
            let mut waiting = self.waiting.borrow_mut();
            if !waiting.iter().any(|it| it.will_wake(context.waker())) {
                waiting.push(context.waker().clone());
            }
            Poll::Pending
        })
    }
}

/// How a peer ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It sends no more.
    Closed,
    /// It breaks off.
    Reset,
}

/// The peers of all connections. Clones are the same.
#[derive(Debug, Clone, Default)]
pub struct Peers(Rc<State>);

#[derive(Debug, Default)]
struct State {
    open: RefCell<Vec<Weak<Peer>>>,
    /// How the next connection begins.
    next: RefCell<Option<Next>>,
    /// New connections have so much left before they stall.
    stall: Cell<Option<usize>>,
}

#[derive(Debug, Clone, Copy)]
enum Next {
    Alert(u8),
    Stall,
}

/// The far side of one connection.
#[derive(Debug)]
pub struct Peer {
    name: String,
    end: Cell<Option<End>>,
    /// What it says instead of its own words, before it ends.
    instead: RefCell<VecDeque<u8>>,
    /// How many bytes may still pass; all, if it does not stall.
    left: Cell<Option<usize>>,
    /// The modem has spoken.
    asked: Cell<bool>,
    received: Cell<u64>,
    sent: Cell<u64>,
    changes: Changes,
}

/// What a reader of a connection gets now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Nothing, until something changes.
    Held,
    /// Bytes of [`Peer::take_instead`].
    Instead,
    /// At most so many bytes of the socket.
    Open(usize),
    /// The end.
    Ended(End),
}

impl Peers {
    /// A connection to `name`, as events and `peer close` call it.
    pub fn connected(&self, name: String) -> Rc<Peer> {
        let next = self.0.next.take();
        let stalls = matches!(next, Some(Next::Stall)).then_some(0);
        let peer = Rc::new(Peer {
            name,
            end: Cell::new(None),
            instead: RefCell::default(),
            left: Cell::new(stalls.or(self.0.stall.get())),
            asked: Cell::new(false),
            received: Cell::new(0),
            sent: Cell::new(0),
            changes: Changes::default(),
        });
        if let Some(Next::Alert(number)) = next {
            peer.instead.borrow_mut().extend(alert_record(number));
            peer.end.set(Some(End::Closed));
        }
        let mut open = self.0.open.borrow_mut();
        open.retain(|other| other.strong_count() > 0);
        open.push(Rc::downgrade(&peer));
        peer
    }

    fn each(&self, mut act: impl FnMut(&Peer)) {
        for peer in self.0.open.borrow().iter().filter_map(Weak::upgrade) {
            act(&peer);
            peer.changes.note();
        }
    }

    /// After `left` more bytes of each peer nothing arrives.
    pub fn stall(&self, left: usize) {
        self.0.stall.set(Some(left));
        self.each(|peer| peer.left.set(Some(left)));
    }

    /// What was held back arrives.
    pub fn go(&self) {
        self.0.stall.set(None);
        self.each(|peer| peer.left.set(None));
    }

    /// The peer of this name ends, or every one.
    ///
    /// # Errors
    ///
    /// A sentence: there is none.
    pub fn end(&self, name: Option<&str>, end: End) -> Result<(), String> {
        let mut found = false;
        self.each(|peer| {
            if name.is_none_or(|name| peer.name.eq_ignore_ascii_case(name)) {
                peer.end.set(Some(end));
                found = true;
            }
        });
        if found {
            return Ok(());
        }
        Err(name.map_or_else(
            || "there is no connection".to_owned(),
            |name| format!("no connection has the peer {name}"),
        ))
    }

    /// The first answer of the next connection's peer is this alert.
    pub fn alert_next(&self, number: u8) {
        self.0.next.replace(Some(Next::Alert(number)));
    }

    /// The next connection's peer says nothing.
    pub fn stall_next(&self) {
        self.0.next.replace(Some(Next::Stall));
    }
}

impl Peer {
    /// As [`Peers::connected`] was told.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What a reader gets.
    pub fn way(&self) -> Way {
        match (self.end.get(), self.left.get()) {
            // An answer to nothing would be no answer.
            (Some(_), _) if !self.instead.borrow().is_empty() => {
                if self.asked.get() {
                    Way::Instead
                } else {
                    Way::Held
                }
            }
            (Some(end), _) => Way::Ended(end),
            (None, Some(0)) => Way::Held,
            (None, left) => Way::Open(left.unwrap_or(usize::MAX)),
        }
    }

    /// The next bytes that the peer says instead of its own.
    pub fn take_instead(&self, into: &mut [u8]) -> usize {
        let mut instead = self.instead.borrow_mut();
        let count = into.len().min(instead.len());
        for (place, byte) in into.iter_mut().zip(instead.drain(..count)) {
            *place = byte;
        }
        count
    }

    /// Ends with the next change of the way.
    pub fn changed(&self) -> impl Future<Output = ()> {
        self.changes.next()
    }

    /// So many bytes arrived.
    pub fn note_received(&self, count: usize) {
        add(&self.received, count);
        self.left
            .set(self.left.get().map(|left| left.saturating_sub(count)));
    }

    /// So many bytes were sent.
    pub fn note_sent(&self, count: usize) {
        add(&self.sent, count);
        if count > 0 && !self.asked.replace(true) {
            self.changes.note();
        }
    }

    /// Bytes that arrived, and that were sent.
    pub fn traffic(&self) -> (u64, u64) {
        (self.received.get(), self.sent.get())
    }

    /// Whether writing fails.
    pub fn is_reset(&self) -> bool {
        self.end.get() == Some(End::Reset)
    }
}

fn add(to: &Cell<u64>, count: usize) {
    let count = u64::try_from(count).unwrap_or(u64::MAX);
    to.set(to.get().saturating_add(count));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alert_answers_the_next_connection_and_no_other() {
        let peers = Peers::default();
        let before = peers.connected("a:1".to_owned());
        peers.alert_next(alert("handshake_failure").unwrap());
        let peer = peers.connected("b:2".to_owned());
        let after = peers.connected("c:3".to_owned());
        assert_eq!(peer.way(), Way::Held, "nobody has asked");
        peer.note_sent(100);
        let mut record = [0; 16];
        assert_eq!(peer.way(), Way::Instead);
        assert_eq!(peer.take_instead(&mut record), 7);
        // RFC 8446 §5.1 and §6: type 21, version, length 2, level 2, description 40.
        assert_eq!(record.get(..7), Some(&[21, 3, 3, 0, 2, 2, 40][..]));
        assert_eq!(peer.way(), Way::Ended(End::Closed));
        for other in [before, after] {
            assert_eq!(other.way(), Way::Open(usize::MAX));
        }
    }

    #[test]
    fn a_stall_lets_so_many_bytes_pass_and_holds_the_rest_until_it_ends() {
        let peers = Peers::default();
        let old = peers.connected("a:1".to_owned());
        peers.stall(5);
        let new = peers.connected("b:2".to_owned());
        for peer in [&old, &new] {
            assert_eq!(peer.way(), Way::Open(5));
            peer.note_received(3);
            assert_eq!(peer.way(), Way::Open(2));
            peer.note_received(2);
            assert_eq!(peer.way(), Way::Held);
        }
        peers.go();
        peers.stall_next();
        let third = peers.connected("c:3".to_owned());
        assert_eq!([old.way(), third.way()], [Way::Open(usize::MAX), Way::Held]);
        let changed = third.changed();
        peers.go();
        async_io::block_on(changed);
        assert_eq!(third.way(), Way::Open(usize::MAX));
    }

    #[test]
    fn a_peer_ends_by_its_name_or_with_all() {
        let peers = Peers::default();
        let none = peers.end(None, End::Reset);
        assert_eq!(none, Err("there is no connection".to_owned()));
        let one = peers.connected("Broker.local:8883".to_owned());
        let other = peers.connected("10.0.0.1:80".to_owned());
        let unknown = peers.end(Some("10.0.0.1:81"), End::Closed);
        assert_eq!(
            unknown,
            Err("no connection has the peer 10.0.0.1:81".to_owned())
        );
        peers.end(Some("broker.LOCAL:8883"), End::Closed).unwrap();
        assert_eq!(one.way(), Way::Ended(End::Closed));
        assert_eq!(other.way(), Way::Open(usize::MAX));
        peers.end(None, End::Reset).unwrap();
        assert!(one.is_reset() && other.is_reset());
        drop((one, other));
        assert!(peers.end(None, End::Reset).is_err());
    }

    #[test]
    fn alerts_have_names_and_numbers() {
        assert_eq!(alert("unknown_ca"), Ok(48));
        assert_eq!(alert("255"), Ok(255));
        for text in ["256", "-1", "unknown", ""] {
            assert!(alert(text).unwrap_err().contains("handshake_failure"));
        }
        assert_eq!(alert_record(0), [21, 3, 3, 0, 2, 1, 0]);
    }
}
