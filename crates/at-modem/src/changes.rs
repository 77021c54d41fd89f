//! Waiting for a condition over shared state.
//!
//! A signal keeps a value until somebody takes it, so it has to be reset before each wait, and a value
//! that was left over answers the wrong question. Here no value is stored: the state itself is the
//! answer, and a change only makes those who wait look at it again.
//!
//! ```text
//! state.set(…); changes.note()  ─▶  every `until` evaluates its condition once more
//! ```

use core::cell::RefCell;
use core::future::poll_fn;
use core::task::Poll;

use embassy_sync::waitqueue::MultiWakerRegistration;

/// Tasks that can wait without waking each other. A modem is one task; a caller that splits its
/// futures over several may have more, which costs wakes and loses none.
const WAKERS: usize = 4;

/// Wakes everybody who waits for a condition, each time the state behind it has changed.
pub(crate) struct Changes(RefCell<MultiWakerRegistration<WAKERS>>);

impl Changes {
    /// Nobody waits.
    pub(crate) const fn new() -> Self {
        Self(RefCell::new(MultiWakerRegistration::new()))
    }

    /// The state has changed. Call it after the change: a waker may run at once.
    pub(crate) fn note(&self) {
        // Taken out before waking, so that a waker that runs at once may register here again.
        let mut waiting = self.0.replace(MultiWakerRegistration::new());
        waiting.wake();
    }

    /// Waits until `ready` returns something.
    ///
    /// `ready` is called at each poll: it must be cheap, must not print, and must not call
    /// [`Self::note`]. Any number of futures may wait. Dropping one loses nothing.
    pub(crate) async fn until<T>(&self, mut ready: impl FnMut() -> Option<T>) -> T {
        poll_fn(|context| match ready() {
            Some(value) => Poll::Ready(value),
            None => {
                self.0.borrow_mut().register(context.waker());
                Poll::Pending
            }
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use core::cell::Cell;
    use core::pin::{Pin, pin};
    use core::sync::atomic::{AtomicUsize, Ordering};
    use core::task::{Context, Waker};
    use std::boxed::Box;
    use std::sync::Arc;
    use std::task::Wake;
    use std::vec::Vec;

    /// A waker that counts.
    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    impl Count {
        fn of(&self) -> usize {
            self.0.load(Ordering::Relaxed)
        }
    }

    #[test]
    fn what_is_so_already_is_not_waited_for() {
        let changes = Changes::new();
        let mut context = Context::from_waker(Waker::noop());
        let wait = pin!(changes.until(|| Some(7)));
        assert_eq!(wait.poll(&mut context), Poll::Ready(7));
    }

    #[test]
    fn every_waiter_sees_a_change_however_many_there_are() {
        for waiters in 0..=3 * WAKERS {
            let (changes, state) = (Changes::new(), Cell::new(0));
            let counts: Vec<Arc<Count>> = (0..waiters).map(|_| Arc::default()).collect();
            let mut futures: Vec<Pin<Box<dyn Future<Output = i32>>>> = Vec::new();
            for count in &counts {
                let wait = changes.until(|| Some(state.get()).filter(|state| *state > 0));
                let mut wait: Pin<Box<dyn Future<Output = i32>>> = Box::pin(wait);
                let waker = Waker::from(count.clone());
                assert!(
                    wait.as_mut()
                        .poll(&mut Context::from_waker(&waker))
                        .is_pending()
                );
                futures.push(wait);
            }
            state.set(5);
            changes.note();
            for (future, count) in futures.iter_mut().zip(&counts) {
                assert!(count.of() > 0, "one of {waiters} was not woken");
                let waker = Waker::from(count.clone());
                let polled = future.as_mut().poll(&mut Context::from_waker(&waker));
                assert_eq!(polled, Poll::Ready(5), "{waiters}");
            }
        }
    }

    #[test]
    fn a_change_that_is_not_the_awaited_one_keeps_waiting() {
        let (changes, state) = (Changes::new(), Cell::new(0));
        let count = Arc::<Count>::default();
        let waker = Waker::from(count.clone());
        let mut context = Context::from_waker(&waker);
        let mut wait = pin!(changes.until(|| (state.get() == 3).then_some(())));
        for value in 0..3 {
            state.set(value);
            changes.note();
            assert!(wait.as_mut().poll(&mut context).is_pending());
            assert_eq!(
                count.of(),
                value,
                "one wake for each change after the first poll"
            );
        }
        state.set(3);
        changes.note();
        assert!(wait.as_mut().poll(&mut context).is_ready());
    }

    /// Every poll is the last one of its future: the next waiter finds what the dropped one would have.
    #[test]
    fn a_wait_that_is_dropped_loses_nothing() {
        for drops in 0..5 {
            let (changes, state) = (Changes::new(), Cell::new(None));
            let mut context = Context::from_waker(Waker::noop());
            for round in 0..drops {
                let wait = pin!(changes.until(|| state.get()));
                assert!(wait.poll(&mut context).is_pending(), "{round}");
            }
            state.set(Some(9));
            changes.note();
            let wait = pin!(changes.until(|| state.get()));
            assert_eq!(wait.poll(&mut context), Poll::Ready(9), "{drops} dropped");
        }
    }
}
