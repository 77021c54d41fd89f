//! Polls a future by hand: no executor, no thread, no time.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use crate::clock::Clock;

/// A future that asks to be polled this often without end has gone mad.
const MAX_POLLS: usize = 2_000_000;

/// A future came to its end, or nothing but the outside world can move it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome<T> {
    Ready(T),
    Stalled,
}

impl<T> Outcome<T> {
    /// The value; a stall fails the test.
    #[track_caller]
    pub fn ready(self) -> T {
        match self {
            Self::Ready(value) => value,
            Self::Stalled => panic!("the future waits for something that does not come"),
        }
    }
}

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Polls until the future is ready, or pending without having been woken.
pub fn run<F: Future>(mut future: Pin<&mut F>) -> Outcome<F::Output> {
    let woken = Arc::new(Woken(AtomicBool::new(false)));
    let waker = Waker::from(woken.clone());
    for _ in 0..MAX_POLLS {
        if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return Outcome::Ready(value);
        }
        if !woken.0.swap(false, Ordering::Relaxed) {
            return Outcome::Stalled;
        }
    }
    panic!("still busy after {MAX_POLLS} polls")
}

/// [`run`], and whenever nothing moves, lets time pass until the next delay ends.
pub fn run_until_stalled_then_advance<F: Future>(
    mut future: Pin<&mut F>,
    clock: &Clock,
) -> Outcome<F::Output> {
    loop {
        if let Outcome::Ready(value) = run(future.as_mut()) {
            return Outcome::Ready(value);
        }
        if !clock.advance_to_next() {
            return Outcome::Stalled;
        }
    }
}

/// Polls at most `count` times; the caller may then drop the future, for "dropped at every await".
pub fn poll_n<F: Future>(mut future: Pin<&mut F>, count: usize) -> Poll<F::Output> {
    let mut context = Context::from_waker(Waker::noop());
    for _ in 0..count {
        if let Poll::Ready(value) = future.as_mut().poll(&mut context) {
            return Poll::Ready(value);
        }
    }
    Poll::Pending
}
