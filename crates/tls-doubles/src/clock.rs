//! A clock that a test moves by hand.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use embedded_hal_async::delay::DelayNs;

/// Time that passes only when a test says so.
#[derive(Debug, Clone, Default)]
pub struct Clock(Rc<ClockState>);

#[derive(Debug, Default)]
struct ClockState {
    now: Cell<u64>,
    next_id: Cell<u64>,
    /// Sleepers by id: when they wake, and whom.
    sleepers: RefCell<BTreeMap<u64, (u64, Waker)>>,
}

impl Clock {
    /// Milliseconds since the test began.
    pub fn now_ms(&self) -> u64 {
        self.0.now.get() / 1_000_000
    }

    /// A delay on this clock. Clones share it.
    pub fn delay(&self) -> Delay {
        Delay(self.clone())
    }

    pub fn advance_ms(&self, ms: u64) {
        self.set(self.0.now.get() + ms * 1_000_000);
    }

    /// Goes to the end of the earliest delay; false if nobody waits.
    pub fn advance_to_next(&self) -> bool {
        let next = {
            let sleepers = self.0.sleepers.borrow();
            sleepers.values().map(|(until, _)| *until).min()
        };
        if let Some(until) = next {
            self.set(until.max(self.0.now.get()));
        }
        next.is_some()
    }

    fn set(&self, now: u64) {
        self.0.now.set(now);
        for (until, waker) in self.0.sleepers.borrow().values() {
            if *until <= now {
                waker.wake_by_ref();
            }
        }
    }

    fn sleep(&self, ns: u64) -> Sleep {
        let id = self.0.next_id.get();
        self.0.next_id.set(id + 1);
        Sleep {
            clock: self.clone(),
            id,
            until: self.0.now.get() + ns,
        }
    }
}

/// A wait that is forgotten by the clock when dropped.
struct Sleep {
    clock: Clock,
    id: u64,
    until: u64,
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.clock.0.now.get() >= self.until {
            return Poll::Ready(());
        }
        let entry = (self.until, context.waker().clone());
        self.clock.0.sleepers.borrow_mut().insert(self.id, entry);
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        self.clock.0.sleepers.borrow_mut().remove(&self.id);
    }
}

/// `DelayNs` on a [`Clock`].
#[derive(Debug, Clone)]
pub struct Delay(Clock);

impl DelayNs for Delay {
    async fn delay_ns(&mut self, ns: u32) {
        self.0.sleep(u64::from(ns)).await;
    }

    async fn delay_us(&mut self, us: u32) {
        self.0.sleep(u64::from(us) * 1_000).await;
    }

    async fn delay_ms(&mut self, ms: u32) {
        self.0.sleep(u64::from(ms) * 1_000_000).await;
    }
}
