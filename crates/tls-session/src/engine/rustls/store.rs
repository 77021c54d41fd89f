//! Tickets of all sessions of a program, until one is used, is out of date, or is forgotten.
//!
//! ```text
//! Store ─ take ─▶ Offer ─▶ one handshake ─▶ rustls's tickets of the session ─ insert ─▶ Store
//! ```
//!
//! In RAM alone. A ticket leaves before it is used, whatever becomes of the session.

use alloc::vec::Vec;
use core::cell::RefCell;

use critical_section::Mutex;
use rustls::NamedGroup;
use rustls::client::{Tls12ClientSessionValue, Tls13ClientSessionValue};
use tls_provider::sync::Arc;

use super::judge::Judge;
use crate::policy::Clock;
use crate::resumption::{Dates, Fields};
use crate::verify::{Accepted, PeerCertificate};

/// Servers, each under one policy, whose tickets are kept.
pub(crate) const MAX_SERVERS: usize = 4;
/// Tickets that are kept of one server, the newest.
pub(crate) const MAX_PER_SERVER: usize = 2;
/// Bytes of all of them, with the chains that rustls keeps with each.
pub(crate) const MAX_BYTES: usize = 16 * 1024;
/// Seconds since the last signature of a server, after which it has to sign again.
pub(crate) const MAX_AGE: u64 = 24 * 60 * 60;
/// Seconds that a clock may be behind the one that counts from the start: SNTP corrects a clock that drifts.
const MAX_STEP_BACK: i64 = 60;
/// Bytes of a ticket beside its content and the chain.
const OVERHEAD: usize = 512;

/// What a ticket is bound to: the server that was asked for, and the policy.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key([u8; 32]);

impl Key {
    pub(crate) fn of(target: &[u8; 32], policy: &[u8; 32]) -> Self {
        let mut fields = Fields::new();
        fields.field(target);
        fields.field(policy);
        Self(fields.finish())
    }
}

/// What is known of a server from the handshake in which it proved itself.
pub(super) struct Facts {
    pub(super) policy: [u8; 32],
    pub(super) accepted: Accepted,
    /// `None` where the policy checks none.
    pub(super) dates: Option<Dates>,
    pub(super) certificate: Option<PeerCertificate>,
    /// Second of that handshake, from the start of the program.
    pub(super) since: u64,
    /// Bytes of its chain.
    pub(super) chain: usize,
}

impl Facts {
    /// Whether a session may be resumed on these facts.
    fn hold(&self, uptime: u64, clock: Clock) -> bool {
        let age = uptime.saturating_sub(self.since);
        let Some(dates) = self.dates else {
            return age <= MAX_AGE;
        };
        let Clock::At(now) = clock else {
            return false;
        };
        let counted = i64::try_from(age).unwrap_or(i64::MAX);
        let expected = dates.verified.as_unix().saturating_add(counted);
        age <= MAX_AGE
            && dates.hold(clock).is_ok()
            && now.as_unix().saturating_add(MAX_STEP_BACK) >= expected
    }
}

/// What rustls resumes a session with. Its secret is wiped when it is dropped.
pub(super) enum Value {
    Tls12(Tls12ClientSessionValue),
    Tls13(Tls13ClientSessionValue),
}

/// One ticket.
pub(super) struct Entry {
    pub(super) key: Key,
    pub(super) facts: Arc<Facts>,
    /// rustls compares its address.
    pub(super) judge: Arc<Judge>,
    pub(super) value: Value,
    /// The group of the key share in a hello that offers it.
    pub(super) share: NamedGroup,
    /// Bytes of the ticket.
    pub(super) bytes: usize,
    /// Second from which on it is not used, from the start of the program.
    pub(super) until: u64,
}

impl Entry {
    fn taken(&self) -> usize {
        let bytes = self.bytes.saturating_add(self.facts.chain);
        bytes.saturating_add(OVERHEAD)
    }
}

struct State {
    /// Changes when all tickets are forgotten: those of sessions that are open then are not kept.
    generation: u32,
    /// The oldest first.
    entries: Vec<Entry>,
}

/// The tickets.
pub(crate) struct Store {
    /// Seconds since the start of the program.
    uptime: fn() -> u64,
    state: Mutex<RefCell<State>>,
}

impl Store {
    pub(crate) const fn new(uptime: fn() -> u64) -> Self {
        let state = State {
            generation: 0,
            entries: Vec::new(),
        };
        Self {
            uptime,
            state: Mutex::new(RefCell::new(state)),
        }
    }

    fn with<V>(&self, then: impl FnOnce(&mut State) -> V) -> V {
        critical_section::with(|section| then(&mut self.state.borrow_ref_mut(section)))
    }

    pub(super) const fn clock(&self) -> fn() -> u64 {
        self.uptime
    }

    pub(super) fn uptime(&self) -> u64 {
        (self.uptime)()
    }

    pub(super) fn generation(&self) -> u32 {
        self.with(|state| state.generation)
    }

    /// Takes a ticket out: the newest of TLS 1.3, else the session of TLS 1.2 where that is offered.
    pub(super) fn take(&self, key: Key, clock: Clock, older: bool) -> Option<Entry> {
        let now = self.uptime();
        self.with(|state| {
            let holds = |entry: &Entry| now < entry.until && entry.facts.hold(now, clock);
            state
                .entries
                .retain(|entry| entry.key != key || holds(entry));
            let of = |newer: bool| {
                move |entry: &Entry| {
                    entry.key == key && newer == matches!(entry.value, Value::Tls13(_))
                }
            };
            let place = state.entries.iter().rposition(of(true));
            let place = place.or_else(|| {
                let place = state.entries.iter().rposition(of(false));
                place.filter(|_| older)
            })?;
            Some(state.entries.remove(place))
        })
    }

    /// Keeps a ticket, unless all were forgotten since the session began.
    pub(super) fn insert(&self, entry: Entry, generation: u32) {
        let key = entry.key;
        self.with(|state| {
            if state.generation != generation || entry.taken() > MAX_BYTES {
                return;
            }
            // A server that has changed to the other version keeps to it.
            let newer = matches!(entry.value, Value::Tls13(_));
            state
                .entries
                .retain(|old| old.key != key || newer && matches!(old.value, Value::Tls13(_)));
            if state.entries.iter().filter(|old| old.key == key).count() >= MAX_PER_SERVER {
                state.drop_oldest(|old| old.key == key);
            }
            while state.servers(key) > MAX_SERVERS
                || state.taken().saturating_add(entry.taken()) > MAX_BYTES
            {
                state.drop_oldest(|_| true);
            }
            if state.entries.try_reserve_exact(1).is_ok() {
                state.entries.push(entry);
            }
        });
    }

    /// Forgets all, also those that open sessions have yet to receive.
    pub(crate) fn forget_all(&self) {
        self.with(|state| {
            state.generation = state.generation.wrapping_add(1);
            state.entries = Vec::new();
        });
    }

    /// Forgets the oldest; `false` where there is none.
    pub(crate) fn forget_oldest(&self) -> bool {
        self.with(|state| state.drop_oldest(|_| true))
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.with(|state| state.entries.len())
    }

    /// Seconds for which the next session to that server could be resumed.
    pub(crate) fn seconds_left(&self, key: Key, clock: Clock) -> Option<u64> {
        let now = self.uptime();
        self.with(|state| {
            let entries = state.entries.iter().filter(|entry| entry.key == key);
            let entries = entries.filter(|entry| entry.facts.hold(now, clock));
            let left = entries.filter_map(|entry| entry.until.checked_sub(now));
            left.filter(|left| *left > 0).max()
        })
    }
}

impl State {
    fn drop_oldest(&mut self, which: impl FnMut(&Entry) -> bool) -> bool {
        let place = self.entries.iter().position(which);
        place.map(|place| self.entries.remove(place)).is_some()
    }

    fn taken(&self) -> usize {
        self.entries.iter().map(Entry::taken).sum()
    }

    /// Servers of the tickets, and this one.
    fn servers(&self, key: Key) -> usize {
        let mut keys: heapless::Vec<Key, { MAX_SERVERS + 1 }> = heapless::Vec::new();
        // One more than may be there, at most.
        let _ = keys.push(key);
        for entry in &self.entries {
            if !keys.contains(&entry.key) {
                let _ = keys.push(entry.key);
            }
        }
        keys.len()
    }
}
