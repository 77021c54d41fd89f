//! Resumption of one session: the ticket that it offers, and those that it receives.
//!
//! rustls sees a store of this session alone ([`Bound`]), which gives one ticket out, once. What rustls puts into it stays
//! there until the step is over and the evidence was found to cover the policy; then it goes to the program's store.

use core::cell::RefCell;

use critical_section::Mutex;
use rustls::NamedGroup;
use rustls::client::{ClientSessionStore, Tls12ClientSessionValue, Tls13ClientSessionValue};
use rustls::pki_types::{ServerName, UnixTime};
use rustls::time_provider::TimeProvider;
use tls_provider::sync::Arc;
use tls_provider::{STORABLE, Tickets};

use super::judge::{Attempt, Judge};
use super::store::{Entry, Facts, Key, MAX_AGE, MAX_PER_SERVER, Store, Value};
use crate::evidence::Peer;
use crate::heap::Ledger;
use crate::policy::{Clock, Policy, Versions};
use crate::resumption::{Dates, Resumed, digest};
use crate::verify::{PeerCertificate, Version};

/// Longest lifetime of a ticket, in seconds (RFC 9846 §4.7.1).
const MAX_LIFETIME: u32 = 7 * 24 * 60 * 60;

/// Without a ticket rustls makes a share for the first of [`GROUPS`](tls_provider::GROUPS).
const FIRST_SHARE: NamedGroup = NamedGroup::secp256r1;
/// What is tried with a ticket: an exchange on P-256 takes more than twice as many instructions, and is most of what a
/// resumed session of TLS 1.3 costs.
const RESUMED_SHARE: NamedGroup = NamedGroup::X25519;

/// The group for which the next hello to a server has a share, if it offers a ticket. `last` is the one of the last hello
/// with a ticket, `taken` that of the session, where it had an exchange.
///
/// A server that took another group than the one with a share asked for it in a HelloRetryRequest (RFC 9846 §4.1.4), a
/// round trip that it is spared the next time.
fn next_share(last: Option<NamedGroup>, taken: Option<NamedGroup>) -> NamedGroup {
    match taken {
        Some(taken) if taken != last.unwrap_or(FIRST_SHARE) => taken,
        _ => last.unwrap_or(RESUMED_SHARE),
    }
}

/// rustls ages tickets by the time since the start: a wall clock may be set.
#[derive(Debug)]
pub(super) struct Uptime(pub(super) fn() -> u64);

impl TimeProvider for Uptime {
    fn current_time(&self) -> Option<UnixTime> {
        let since = core::time::Duration::from_secs((self.0)());
        Some(UnixTime::since_unix_epoch(since))
    }
}

/// What a handshake begins with.
pub(super) struct Offer {
    store: Arc<Store>,
    key: Key,
    policy: [u8; 32],
    generation: u32,
    /// The time of the policy's clock, where it checks dates.
    now: Option<x509_facts::Timestamp>,
    ticket: Option<Entry>,
}

impl Offer {
    /// Takes a ticket of that server under that policy, if there is one. `versions` are those that are offered.
    pub(super) fn new(
        store: &Arc<Store>,
        target: &[u8; 32],
        policy: &Policy<'_>,
        versions: Versions,
    ) -> Self {
        let clock = policy.peer.clock();
        let policy = digest(policy);
        let key = Key::of(target, &policy);
        Self {
            generation: store.generation(),
            ticket: store.take(key, clock, versions.contains(Version::Tls12)),
            store: store.clone(),
            key,
            policy,
            now: match clock {
                Clock::At(now) => Some(now),
                Clock::Unset | Clock::BeforeFloor { .. } => None,
            },
        }
    }
}

/// What rustls gave, and what it may take.
#[derive(Default)]
struct Slots {
    offered: Option<Value>,
    older: Option<Tls12ClientSessionValue>,
    newer: heapless::Vec<Tls13ClientSessionValue, MAX_PER_SERVER>,
}

/// The store that rustls sees.
pub(super) struct Bound {
    slots: Mutex<RefCell<Slots>>,
}

impl core::fmt::Debug for Bound {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Bound")
    }
}

impl Bound {
    fn with<V>(&self, then: impl FnOnce(&mut Slots) -> V) -> V {
        critical_section::with(|section| then(&mut self.slots.borrow_ref_mut(section)))
    }
}

/// The name is the store's, so rustls's is not looked at.
impl ClientSessionStore for Bound {
    /// It is kept with the ticket.
    fn set_kx_hint(&self, _: ServerName<'static>, _: NamedGroup) {}

    /// The first of the groups it is.
    fn kx_hint(&self, _: &ServerName<'_>) -> Option<NamedGroup> {
        None
    }

    fn set_tls12_session(&self, _: ServerName<'static>, value: Tls12ClientSessionValue) {
        self.with(|slots| slots.older = Some(value));
    }

    fn tls12_session(&self, _: &ServerName<'_>) -> Option<Tls12ClientSessionValue> {
        self.with(|slots| match slots.offered.take() {
            Some(Value::Tls12(value)) => Some(value),
            other => {
                slots.offered = other;
                None
            }
        })
    }

    /// It was taken out before.
    fn remove_tls12_session(&self, _: &ServerName<'static>) {}

    fn insert_tls13_ticket(&self, _: ServerName<'static>, value: Tls13ClientSessionValue) {
        self.with(|slots| {
            if slots.newer.is_full() {
                slots.newer.remove(0);
            }
            // There is a place.
            let _ = slots.newer.push(value);
        });
    }

    fn take_tls13_ticket(&self, _: &ServerName<'static>) -> Option<Tls13ClientSessionValue> {
        self.with(|slots| match slots.offered.take() {
            Some(Value::Tls13(value)) => Some(value),
            other => {
                slots.offered = other;
                None
            }
        })
    }
}

/// The facts of the ticket that was offered, and its bytes.
struct Offered {
    facts: Arc<Facts>,
    bytes: usize,
}

/// Resumption of one session.
pub(super) struct Resume {
    store: Arc<Store>,
    key: Key,
    policy: [u8; 32],
    generation: u32,
    now: Option<x509_facts::Timestamp>,
    judge: Arc<Judge>,
    bound: Arc<Bound>,
    offered: Option<Offered>,
    /// What tickets of this session will stand on.
    facts: Option<Arc<Facts>>,
    /// The group of the key share in our hello, if a ticket is offered.
    share: Option<NamedGroup>,
    /// The group of the next one.
    next_share: NamedGroup,
    /// Lifetime and length of the tickets of 1.3 that have come and are not kept yet.
    noted: Option<Tickets>,
    /// The evidence covers the policy.
    is_open: bool,
}

impl Resume {
    /// Sits down on the judge of the ticket, whose address rustls compares; or on one of its own, without the ticket, where
    /// another handshake has that.
    pub(super) fn new(offer: Offer, attempt: &Arc<Attempt>) -> Self {
        let ticket = offer.ticket.filter(|ticket| ticket.judge.seat(attempt));
        let share = ticket.as_ref().map(|ticket| ticket.share);
        let (judge, offered, value) = match ticket {
            None => (Arc::new(Judge::of(attempt)), None, None),
            Some(Entry {
                judge,
                facts,
                bytes,
                value,
                ..
            }) => (judge, Some(Offered { facts, bytes }), Some(value)),
        };
        let slots = Slots {
            offered: value,
            ..Slots::default()
        };
        Self {
            store: offer.store,
            key: offer.key,
            policy: offer.policy,
            generation: offer.generation,
            now: offer.now,
            judge,
            bound: Arc::new(Bound {
                slots: Mutex::new(RefCell::new(slots)),
            }),
            offered,
            facts: None,
            share,
            next_share: next_share(share, None),
            noted: None,
            is_open: false,
        }
    }

    pub(super) const fn judge(&self) -> &Arc<Judge> {
        &self.judge
    }

    /// The group that stands first in a hello with a ticket.
    pub(super) const fn share(&self) -> Option<NamedGroup> {
        self.share
    }

    pub(super) fn bound(&self) -> Arc<Bound> {
        self.bound.clone()
    }

    pub(super) fn time(&self) -> Uptime {
        Uptime(self.store.clock())
    }

    /// What the peer proved by taking the ticket.
    pub(super) fn proof(&self) -> Peer {
        let Some(Offered { facts, .. }) = &self.offered else {
            return Peer::Nobody;
        };
        let age = self.store.uptime().saturating_sub(facts.since);
        Peer::Resumed(Resumed {
            policy: facts.policy,
            accepted: facts.accepted,
            dates: facts.dates,
            age: u32::try_from(age).unwrap_or(u32::MAX),
        })
    }

    /// The certificate of the session that is resumed.
    pub(super) fn certificate(&self) -> Option<PeerCertificate> {
        let offered = self.offered.as_ref()?;
        offered.facts.certificate.clone()
    }

    /// Bytes of its chain.
    pub(super) fn chain_bytes(&self) -> usize {
        let offered = self.offered.as_ref();
        offered.map_or(0, |offered| offered.facts.chain)
    }

    /// The handshake is over, with an exchange of that group if it had one.
    pub(super) fn exchanged(&mut self, taken: Option<NamedGroup>) {
        self.next_share = next_share(self.share, taken);
    }

    /// The handshake is over: a server that took the ticket is still the one that signed then.
    pub(super) fn resumed(&mut self) {
        self.facts = self.offered.as_ref().map(|offered| offered.facts.clone());
    }

    /// The handshake is over, and the server has proved itself in it.
    pub(super) fn verified(&mut self, attempt: &Attempt) {
        self.offered = None;
        let Some(verdict) = attempt.verdict() else {
            return;
        };
        let dates = match (self.now, verdict.not_after()) {
            (Some(verified), Some(not_after)) => Some(Dates {
                verified,
                not_after,
            }),
            _ => None,
        };
        self.facts = Some(Arc::new(Facts {
            policy: self.policy,
            accepted: verdict.accepted(),
            dates,
            certificate: attempt.certificate(),
            since: self.store.uptime(),
            chain: attempt.chain_bytes(),
        }));
    }

    /// The evidence covers the policy: tickets of the session may be kept.
    pub(super) const fn open(&mut self) {
        self.is_open = true;
    }

    /// Looks at the record that rustls has just processed: only with a note has it tickets that can be kept.
    pub(super) fn look(&mut self, record: &[u8]) {
        match tls_provider::tickets(record) {
            Some(tickets) => self.noted = Some(tickets),
            None if self.noted.is_none() => self.bound.with(|slots| slots.newer.clear()),
            None => {}
        }
    }

    /// Gives what has come to the program's store. The heap did not run out in the step before.
    pub(super) fn settle(&mut self, ledger: Option<&'static Ledger>, older: Older) {
        let noted = self.noted.take();
        if !self.is_open {
            self.bound.with(|slots| slots.newer.clear());
            return;
        }
        let Some(facts) = self.facts.clone() else {
            return;
        };
        let (session, tickets) = self
            .bound
            .with(|slots| (slots.older.take(), core::mem::take(&mut slots.newer)));
        if ledger.is_some_and(Ledger::is_short) {
            // Sessions that were let in go first.
            return;
        }
        if let Some(tickets_noted) = noted {
            let bytes = usize::try_from(tickets_noted.bytes).unwrap_or(usize::MAX);
            for value in tickets {
                let value = Value::Tls13(value);
                self.keep(&facts, value, (bytes, tickets_noted.lifetime));
            }
        }
        if let Some(session) = session.filter(|_| older.binds_keys) {
            // Without a new ticket it is the one that was offered.
            let offered = self.offered.as_ref().map_or(0, |offered| offered.bytes);
            let bytes = if older.bytes > 0 {
                older.bytes
            } else {
                offered
            };
            if bytes <= STORABLE {
                // The hint is rustls's to keep to; 0 is none (RFC 5077 §3.3).
                self.keep(&facts, Value::Tls12(session), (bytes, MAX_LIFETIME));
            }
        }
    }

    fn keep(&self, facts: &Arc<Facts>, value: Value, (bytes, lifetime): (usize, u32)) {
        let lifetime = u64::from(lifetime.min(MAX_LIFETIME));
        let until = self.store.uptime().saturating_add(lifetime);
        let entry = Entry {
            key: self.key,
            facts: facts.clone(),
            judge: self.judge.clone(),
            value,
            share: self.next_share,
            bytes,
            until: until.min(facts.since.saturating_add(MAX_AGE)),
        };
        self.store.insert(entry, self.generation);
    }
}

/// What is known of the ticket of TLS 1.2.
#[derive(Clone, Copy)]
pub(super) struct Older {
    /// Its bytes; 0 for none.
    pub(super) bytes: usize,
    /// The keys are bound to the handshake (RFC 7627): others are never used again.
    pub(super) binds_keys: bool,
}
