//! The heap that sessions of rustls take from, and who was promised how much of it.
//!
//! A session is let in only if all that it may need ([`Budget`]) is free and not promised to another. So rustls's
//! requests, each of which would end the program if it failed, do not fail. A [`Heap`] with a reserve covers errors of
//! that arithmetic: the session ends with `no_memory`, and the program goes on.

use core::cell::{Cell, RefCell};

use critical_section::Mutex;

use crate::budget::{Budget, Caps, Own, ServerNeeds, budget, server_budget};
use crate::policy::{EngineRule, PeerAuth, Policy, Versions};
use crate::reason::CapacityError;
use crate::session::{Acceptor, Tickets};
use crate::verify::Version;

/// The heap of a program, as its allocator reports it.
pub trait Heap: Sync {
    /// Bytes that are free, in all.
    fn free(&self) -> usize;

    /// Bytes of the largest request that would be served.
    fn largest(&self) -> usize;

    /// A call of rustls begins: from here on a request that finds no room is served from a reserve.
    fn enter(&self) {}

    /// The call is over. Returns the bytes of the first request in it that found no room.
    fn leave(&self) -> Option<usize> {
        None
    }
}

/// Who was promised how much of a heap. One for all sessions of a program.
pub struct Ledger {
    heap: &'static dyn Heap,
    caps: Caps,
    kept: Mutex<Cell<Kept>>,
    /// Goes before a session is refused.
    tickets: Mutex<RefCell<Option<Tickets>>>,
}

/// What is kept for sessions that are there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Kept {
    /// Bytes of handshakes under way.
    handshakes: usize,
    /// Sessions that are open.
    open: usize,
    /// Most bytes of one of their calls, since there were none. Calls come one after another.
    call: usize,
}

impl core::fmt::Debug for Ledger {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Ledger")
            .field("caps", &self.caps)
            .field("promised", &self.promised())
            .finish_non_exhaustive()
    }
}

impl Ledger {
    /// Of this heap. `caps` count for all sessions of the program, whether they have a ledger or not.
    #[must_use]
    pub const fn new(heap: &'static dyn Heap, caps: Caps) -> Self {
        Self {
            heap,
            caps,
            kept: Mutex::new(Cell::new(Kept {
                handshakes: 0,
                open: 0,
                call: 0,
            })),
            tickets: Mutex::new(RefCell::new(None)),
        }
    }

    /// Has these forgotten, the oldest first, where a session would not be let in otherwise. Their bytes are taken from
    /// what is free, like those of a session.
    pub fn evict_first(&self, tickets: Tickets) {
        let former =
            critical_section::with(|section| self.tickets.borrow_ref_mut(section).replace(tickets));
        drop(former);
    }

    /// Makes room; `false` where there is nothing to forget.
    fn evict(&self) -> bool {
        let tickets = critical_section::with(|section| self.tickets.borrow_ref(section).clone());
        tickets.is_some_and(|tickets| tickets.store.forget_oldest())
    }

    /// Whether less is free than is kept for sessions that are there.
    pub(crate) fn is_short(&self) -> bool {
        self.heap.free() < self.promised()
    }

    /// What peers may make sessions hold.
    #[must_use]
    pub const fn caps(&self) -> &Caps {
        &self.caps
    }

    /// Bytes that are kept for sessions that are there: for handshakes under way, and for a call of an open one.
    #[must_use]
    pub fn promised(&self) -> usize {
        let kept = critical_section::with(|section| self.kept.borrow(section).get());
        kept.handshakes.saturating_add(kept.call)
    }

    /// Bytes that are free and kept for nobody.
    #[must_use]
    pub fn spare(&self) -> usize {
        self.heap.free().saturating_sub(self.promised())
    }

    fn change(&self, change: impl FnOnce(&mut Kept)) {
        critical_section::with(|section| {
            let place = self.kept.borrow(section);
            let mut kept = place.get();
            change(&mut kept);
            place.set(kept);
        });
    }

    /// Whether a session under this policy would be let in now, before anything is connected.
    ///
    /// # Errors
    ///
    /// [`CapacityError::NoMemory`] or [`CapacityError::NoBlock`], with both numbers.
    pub fn check(&self, policy: &Policy<'_>, buffer: usize) -> Result<(), CapacityError> {
        // These sessions are the other engine's, which takes nothing.
        let without = matches!(policy.peer, PeerAuth::PreSharedKey(_));
        if without || policy.engine != EngineRule::Best {
            return Ok(());
        }
        self.versions(policy, buffer).map(drop)
    }

    /// Whether a session with a client would be let in now. `aside` are bytes that the caller takes for it himself, in one
    /// piece.
    ///
    /// # Errors
    ///
    /// As [`Self::check`].
    pub fn check_client(
        &self,
        acceptor: &Acceptor,
        buffer: usize,
        aside: usize,
    ) -> Result<(), CapacityError> {
        self.client_versions(&acceptor.needs(), buffer, aside)
            .map(drop)
    }

    /// The versions for which there is heap, and what they need.
    fn versions(&self, policy: &Policy<'_>, buffer: usize) -> Result<Admitted, CapacityError> {
        let own = Own::of(policy);
        self.choose(offered(policy), 0, |versions| {
            budget(&self.caps, versions, own, buffer)
        })
    }

    /// The same, with a client.
    fn client_versions(
        &self,
        needs: &ServerNeeds,
        buffer: usize,
        aside: usize,
    ) -> Result<Admitted, CapacityError> {
        self.choose(needs.versions, aside, |versions| {
            server_budget(&self.caps, versions, needs.own, needs.asks, buffer)
        })
    }

    /// All of these versions, or TLS 1.3 alone where the heap has room for no other.
    fn choose(
        &self,
        versions: Versions,
        aside: usize,
        budget: impl Fn(Versions) -> Budget,
    ) -> Result<Admitted, CapacityError> {
        let all = budget(versions);
        let Err(error) = self.fits(&all, aside) else {
            return Ok(Admitted {
                versions,
                budget: all,
                without: None,
            });
        };
        let newer = budget(Versions::TLS13);
        if versions != Versions::TLS13
            && versions.contains(Version::Tls13)
            && newer.handshake < all.handshake
            && self.fits(&newer, aside).is_ok()
        {
            return Ok(Admitted {
                versions: Versions::TLS13,
                budget: newer,
                without: Some(error),
            });
        }
        Err(error)
    }

    fn fits(&self, budget: &Budget, aside: usize) -> Result<(), CapacityError> {
        loop {
            match self.fits_now(budget, aside) {
                Err(_) if self.evict() => {}
                outcome => return outcome,
            }
        }
    }

    fn fits_now(&self, budget: &Budget, aside: usize) -> Result<(), CapacityError> {
        let (spare, largest) = (self.spare(), self.heap.largest());
        let needed = budget.handshake.saturating_add(aside);
        if spare < needed {
            return Err(CapacityError::no_memory(needed, spare));
        }
        let block = budget.block.max(aside);
        if largest < block {
            return Err(CapacityError::no_block(block, largest));
        }
        Ok(())
    }

    /// Lets a session in, and promises it what it may need.
    pub(crate) fn admit(
        &'static self,
        policy: &Policy<'_>,
        buffer: usize,
    ) -> Result<(Admitted, Promise), CapacityError> {
        self.promise(|| self.versions(policy, buffer))
    }

    /// The same, with a client.
    pub(crate) fn admit_client(
        &'static self,
        needs: &ServerNeeds,
        buffer: usize,
    ) -> Result<(Admitted, Promise), CapacityError> {
        self.promise(|| self.client_versions(needs, buffer, 0))
    }

    fn promise(
        &'static self,
        choose: impl FnOnce() -> Result<Admitted, CapacityError>,
    ) -> Result<(Admitted, Promise), CapacityError> {
        let limit = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX);
        tls_provider::set_limits(limit(self.caps.flight), limit(self.caps.ticket));
        critical_section::with(|section| {
            let admitted = choose()?;
            let place = self.kept.borrow(section);
            let mut kept = place.get();
            let bytes = admitted.budget.handshake;
            kept.handshakes = kept.handshakes.saturating_add(bytes);
            place.set(kept);
            let promise = Promise {
                ledger: self,
                handshake: Some(bytes),
            };
            Ok((admitted, promise))
        })
    }

    /// Whether an open session may take so many bytes more.
    pub(crate) fn allows(&self, bytes: usize) -> Result<(), CapacityError> {
        let spare = self.spare();
        if bytes > spare {
            return Err(CapacityError::no_memory(bytes, spare));
        }
        Ok(())
    }

    /// Runs a call of rustls.
    pub(crate) fn run<V>(&self, call: impl FnOnce() -> V) -> (V, Result<(), CapacityError>) {
        self.heap.enter();
        let value = call();
        let outcome = match self.heap.leave() {
            None => Ok(()),
            Some(needed) => Err(CapacityError::exhausted(needed, self.heap.free())),
        };
        (value, outcome)
    }
}

/// A session that was let in.
#[derive(Debug)]
pub(crate) struct Admitted {
    /// Those of the policy, or TLS 1.3 alone.
    pub(crate) versions: Versions,
    pub(crate) budget: Budget,
    /// Why TLS 1.2 is left out.
    pub(crate) without: Option<CapacityError>,
}

/// Bytes that are kept for one session.
#[derive(Debug)]
pub(crate) struct Promise {
    ledger: &'static Ledger,
    /// Those of its handshake, until that is over.
    handshake: Option<usize>,
}

impl Promise {
    /// The handshake is over, and what the session holds is no longer free. Each of its calls takes `call` bytes at most.
    pub(crate) fn open(&mut self, call: usize) {
        if let Some(bytes) = self.handshake.take() {
            self.ledger.change(|kept| {
                kept.handshakes = kept.handshakes.saturating_sub(bytes);
                kept.open = kept.open.saturating_add(1);
                kept.call = kept.call.max(call);
            });
        }
    }
}

impl Drop for Promise {
    fn drop(&mut self) {
        self.ledger.change(|kept| match self.handshake {
            Some(bytes) => kept.handshakes = kept.handshakes.saturating_sub(bytes),
            None => {
                kept.open = kept.open.saturating_sub(1);
                if kept.open == 0 {
                    kept.call = 0;
                }
            }
        });
    }
}

/// The versions of a policy for which it names suites. One that offers nothing is refused later, and by that name.
fn offered(policy: &Policy<'_>) -> Versions {
    // TLS 1.3 has numbers of its own (RFC 8446 §B.4).
    let newer = |suite: &u16| suite.to_be_bytes().starts_with(&[0x13]);
    let all = policy.suites.is_empty();
    let versions = policy.versions;
    if !all && policy.suites.iter().all(newer) && versions.contains(Version::Tls13) {
        return Versions::TLS13;
    }
    if !all && !policy.suites.iter().any(newer) && versions.contains(Version::Tls12) {
        return Versions::TLS12;
    }
    versions
}

/// Runs a call of rustls, with the reserve of a ledger's heap behind it.
pub(crate) fn run<V>(
    ledger: Option<&'static Ledger>,
    call: impl FnOnce() -> V,
) -> (V, Result<(), CapacityError>) {
    match ledger {
        Some(ledger) => ledger.run(call),
        None => (call(), Ok(())),
    }
}
