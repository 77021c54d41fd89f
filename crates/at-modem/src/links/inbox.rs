//! What arrived on a link and the host has not been given: a stream of bytes, or datagrams.
//!
//! ```text
//! socket ─▶ bytes (5760) ─┬─ active ─────▶ +IPD,4:test
//!                         ├─ passive ────▶ +IPD,4 … AT+CIPRECVDATA
//!                         └─ passthrough ▶ test
//! ```
//!
//! One size for all: the TCP window of the reference firmware (spec: at-commands A.7). A stream waits
//! for room, so the peer's window closes; a datagram that does not fit is lost, as UDP has it.

use core::cell::{Cell, RefCell};
use core::net::SocketAddr;

use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embassy_sync::pipe::Pipe;
use embassy_sync::signal::Signal;
use embassy_time::{Duration, Instant};
use heapless::Deque;

/// Bytes that wait for the host at most.
pub(crate) const CAPACITY: usize = 5760;

/// Datagrams that wait for the host at most.
const DATAGRAMS: usize = 16;

/// Zeros that are written at a time.
const WIPE: usize = 256;

/// How long after a read nothing is announced: hosts take an `+IPD` in the burst of the read's `OK`
/// for a part of the answer.
const QUIET: Duration = Duration::from_millis(30);

/// A datagram, or what is left of it.
#[derive(Debug, Clone, Copy)]
struct Datagram {
    left: usize,
    from: SocketAddr,
}

/// What arrived on one link.
pub(crate) struct Inbox {
    bytes: Pipe<NoopRawMutex, CAPACITY>,
    /// Something was written into it since it was wiped last.
    holds_data: Cell<bool>,
    /// Empty for a stream.
    datagrams: RefCell<Deque<Datagram, DATAGRAMS>>,
    /// Something arrived or was read, the peer finished, or the mode of delivery changed.
    changed: Signal<NoopRawMutex, ()>,
    /// No more will arrive.
    finished: Cell<bool>,
    /// Buffered bytes were reported to the host, which has read none since.
    announced: Cell<bool>,
    /// Nothing is announced before.
    quiet_until: Cell<Option<Instant>>,
    /// When something arrived last.
    heard: Cell<Instant>,
}

impl Inbox {
    pub(crate) const fn new() -> Self {
        Self {
            bytes: Pipe::new(),
            holds_data: Cell::new(false),
            datagrams: RefCell::new(Deque::new()),
            changed: Signal::new(),
            finished: Cell::new(false),
            announced: Cell::new(false),
            quiet_until: Cell::new(None),
            heard: Cell::new(Instant::MIN),
        }
    }

    /// For a new connection, and after one: nothing of what arrived stays in memory.
    pub(crate) fn reset(&self) {
        self.bytes.clear();
        if self.holds_data.replace(false) {
            // From its start to its end.
            while self
                .bytes
                .try_write(&[0; WIPE])
                .is_ok_and(|count| count > 0)
            {}
            self.bytes.clear();
        }
        self.datagrams.borrow_mut().clear();
        self.changed.reset();
        self.finished.set(false);
        self.announced.set(false);
        self.quiet_until.set(None);
        self.heard.set(Instant::now());
    }

    /// Takes all of `bytes`, waiting for room. Dropping it loses what was not taken.
    pub(crate) async fn push(&self, mut bytes: &[u8]) {
        self.holds_data.set(true);
        self.heard.set(Instant::now());
        while !bytes.is_empty() {
            let taken = self.bytes.write(bytes).await;
            bytes = bytes.get(taken..).unwrap_or_default();
            self.changed.signal(());
        }
    }

    /// Takes a datagram, or says that there is no room for it.
    pub(crate) fn push_datagram(&self, bytes: &[u8], from: SocketAddr) -> bool {
        self.heard.set(Instant::now());
        let mut datagrams = self.datagrams.borrow_mut();
        if self.bytes.free_capacity() < bytes.len() || datagrams.is_full() {
            return false;
        }
        let left = bytes.len();
        if left == 0 || datagrams.push_back(Datagram { left, from }).is_err() {
            // Nothing to hand on.
            return true;
        }
        self.holds_data.set(true);
        let mut rest = bytes;
        while let Ok(taken @ 1..) = self.bytes.try_write(rest) {
            rest = rest.get(taken..).unwrap_or_default();
        }
        self.changed.signal(());
        true
    }

    /// No more will arrive.
    pub(crate) fn finish(&self) {
        self.finished.set(true);
        self.changed.signal(());
    }

    /// Nothing waits and nothing will come, and the host has had time to read what it was given last.
    pub(crate) fn is_over(&self) -> bool {
        self.finished.get() && self.is_empty() && self.quiet().is_none()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Bytes that wait.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// When something arrived last.
    pub(crate) fn heard(&self) -> Instant {
        self.heard.get()
    }

    /// How much of what waits may be handed on at once, and who sent it if it is a datagram's.
    pub(crate) fn front(&self, limit: usize) -> (usize, Option<SocketAddr>) {
        match self.datagrams.borrow().front() {
            Some(datagram) => (datagram.left.min(limit), Some(datagram.from)),
            None => (self.len().min(limit), None),
        }
    }

    /// Moves bytes out, never over the end of a datagram.
    pub(crate) fn take(&self, into: &mut [u8]) -> usize {
        let (limit, _) = self.front(into.len());
        let into = into.get_mut(..limit).unwrap_or_default();
        let taken = self.bytes.try_read(into).unwrap_or(0);
        let mut datagrams = self.datagrams.borrow_mut();
        if let Some(datagram) = datagrams.front_mut() {
            datagram.left = datagram.left.saturating_sub(taken);
            if datagram.left == 0 {
                let _ = datagrams.pop_front();
            }
        }
        taken
    }

    /// Buffered bytes were reported to the host.
    pub(crate) fn note_announced(&self) {
        self.announced.set(true);
    }

    /// The host has read, and has been answered.
    pub(crate) fn note_read(&self) {
        self.announced.set(false);
        self.quiet_until
            .set(Some(Instant::now().saturating_add(QUIET)));
        self.changed.signal(());
    }

    /// Whether buffered bytes must be reported to the host.
    pub(crate) fn is_to_be_announced(&self) -> bool {
        !self.announced.get() && !self.is_empty() && self.quiet().is_none()
    }

    /// Until when nothing is announced, if that is not over.
    pub(crate) fn quiet(&self) -> Option<Instant> {
        self.quiet_until
            .get()
            .filter(|until| *until > Instant::now())
    }

    /// The mode of delivery changed: what waits is judged again.
    pub(crate) fn look_again(&self) {
        self.changed.signal(());
    }

    /// Waits for a change. One caller at a time.
    pub(crate) async fn changed(&self) {
        self.changed.wait().await;
    }
}
