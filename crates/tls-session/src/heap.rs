//! The heap that sessions of rustls take from, and who was promised how much of it.
//!
//! A session is let in only if all that it may need ([`Budget`]) is free and not promised to another. So rustls's
//! requests, each of which would end the program if it failed, do not fail. A [`Heap`] with a reserve covers errors of
//! that arithmetic: the session ends with `no_memory`, and the program goes on.
//!
//! Where records are on the heap too ([`HeapMemory`](crate::HeapMemory)), open sessions share what one record takes each way.
//! A handshake may take those bytes: it is over in time, or times out.

mod loan;

pub(crate) use loan::Loan;

use core::cell::{Cell, RefCell};
use core::task::Waker;

use critical_section::Mutex;
use embassy_sync::waitqueue::MultiWakerRegistration;

use crate::budget::{
    BUFFERS, Budget, Caps, Direction, Own, Records, ServerNeeds, budget, server_budget,
};
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

/// Whether an open session gets bytes for a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lends {
    Now,
    /// When others have given theirs back.
    Later,
    /// Nobody has any, and there are not enough.
    Never(CapacityError),
}

/// Tasks that wait for bytes at the same time without waking each other in between.
const WAITING: usize = 8;

/// Who was promised how much of a heap. One for all sessions of a program.
pub struct Ledger {
    heap: &'static dyn Heap,
    caps: Caps,
    kept: Mutex<Cell<Kept>>,
    /// Goes before a session is refused.
    tickets: Mutex<RefCell<Option<Tickets>>>,
    /// Who waits for bytes for a record.
    waiting: Mutex<RefCell<MultiWakerRegistration<WAITING>>>,
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
    /// Bytes of a record each way, where open sessions have them on the heap.
    records: Records,
    /// Bytes of records under way. They are no longer free.
    lent: Records,
}

impl Kept {
    const NOTHING: Self = Self {
        handshakes: 0,
        open: 0,
        call: 0,
        records: Records::NONE,
        lent: Records::NONE,
    };

    /// Bytes that no record may take.
    const fn calls(&self) -> usize {
        self.handshakes.saturating_add(self.call)
    }
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
            kept: Mutex::new(Cell::new(Kept::NOTHING)),
            tickets: Mutex::new(RefCell::new(None)),
            waiting: Mutex::new(RefCell::new(MultiWakerRegistration::new())),
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

    /// Bytes that are kept for sessions that are there: for handshakes under way, for a call of an open one, and for a
    /// record each way where those are on the heap.
    #[must_use]
    pub fn promised(&self) -> usize {
        let kept = self.kept();
        let records = kept.records.less(kept.lent).sum();
        kept.calls().saturating_add(records)
    }

    fn kept(&self) -> Kept {
        critical_section::with(|section| self.kept.borrow(section).get())
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
            self.waiting.borrow_ref_mut(section).wake();
        });
    }

    /// Has a task woken when somebody has given bytes back.
    pub(crate) fn wake_later(&self, waker: &Waker) {
        critical_section::with(|section| self.waiting.borrow_ref_mut(section).register(waker));
    }

    /// Whether a session may take so many bytes for a record. `own` are those that it has in that direction.
    pub(crate) fn lends(&self, direction: Direction, bytes: usize, own: usize) -> Lends {
        loop {
            match self.lends_now(direction, bytes, own) {
                Lends::Now => return Lends::Now,
                _ if self.evict() => {}
                other => return other,
            }
        }
    }

    fn lends_now(&self, direction: Direction, bytes: usize, own: usize) -> Lends {
        let kept = self.kept();
        // What goes out never waits for what came in: that may wait for the host.
        let aside = match direction {
            Direction::In => kept.records.less(kept.lent).outgoing,
            Direction::Out => 0,
        };
        let taken = kept.calls().saturating_add(aside);
        let (spare, largest) = (self.heap.free().saturating_sub(taken), self.heap.largest());
        if bytes <= spare && bytes <= largest {
            return Lends::Now;
        }
        if kept.lent.of(direction) > own || kept.handshakes > 0 {
            return Lends::Later;
        }
        Lends::Never(match bytes > spare {
            true => CapacityError::no_memory(bytes, spare),
            false => CapacityError::no_block(bytes, largest),
        })
    }

    /// A session has taken so many bytes for a record.
    pub(crate) fn lent(&self, direction: Direction, bytes: usize) {
        self.change(|kept| {
            let lent = kept.lent.of_mut(direction);
            *lent = lent.saturating_add(bytes);
        });
    }

    /// They are free again.
    pub(crate) fn given_back(&self, direction: Direction, bytes: usize) {
        self.change(|kept| {
            let lent = kept.lent.of_mut(direction);
            *lent = lent.saturating_sub(bytes);
        });
    }

    /// Whether there are two blocks for a session's whole life.
    pub(crate) fn check_buffers(&self, lengths: [usize; 2]) -> Result<(), CapacityError> {
        let [incoming, outgoing] = lengths;
        self.fits(
            &Budget {
                handshake: incoming.saturating_add(outgoing),
                idle: incoming.saturating_add(outgoing),
                block: incoming.max(outgoing),
                records: Records::NONE,
            },
            0,
        )
    }

    /// Whether a session under this policy would be let in now, before anything is connected. `buffer` is that of its
    /// incoming records, 0 where they are on the heap.
    ///
    /// # Errors
    ///
    /// [`CapacityError::NoMemory`] or [`CapacityError::NoBlock`], with both numbers.
    pub fn check(&self, policy: &Policy<'_>, buffer: usize) -> Result<(), CapacityError> {
        // These sessions are the other engine's, which takes nothing but its buffers.
        let without = matches!(policy.peer, PeerAuth::PreSharedKey(_));
        if without || policy.engine != EngineRule::Best {
            return match buffer {
                0 => self.check_buffers(BUFFERS),
                _ => Ok(()),
            };
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
        let kept = self.kept();
        let (free, largest) = (self.heap.free(), self.heap.largest());
        // While the handshake lasts, no open session needs to have room for a record.
        let spare = free.saturating_sub(kept.calls());
        let needed = budget.handshake.saturating_add(aside);
        if spare < needed {
            return Err(CapacityError::no_memory(needed, spare));
        }
        // Afterwards one of them must.
        let spare = spare.saturating_add(kept.lent.sum());
        let records = budget.records.max(kept.records).sum();
        let needed = budget.idle.saturating_add(records).saturating_add(aside);
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
                records: admitted.budget.records,
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
    /// Those of a record each way.
    records: Records,
}

impl Promise {
    /// The handshake is over, and what the session holds is no longer free. Each of its calls takes `call` bytes at most.
    pub(crate) fn open(&mut self, call: usize) {
        if let Some(bytes) = self.handshake.take() {
            let records = self.records;
            self.ledger.change(|kept| {
                kept.handshakes = kept.handshakes.saturating_sub(bytes);
                kept.open = kept.open.saturating_add(1);
                kept.call = kept.call.max(call);
                kept.records = kept.records.max(records);
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
                    (kept.call, kept.records) = (0, Records::NONE);
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
