//! A large future, made where it stays.
//!
//! A future that is made in an `async fn` and then handed on (to `join_array`, to `pin!`, to `.await`)
//! leaves room of its size in the frame of whoever made it, below everything that is called later:
//! those of the links were 54 KB of stack under every handshake. So the place comes first, empty, and a
//! call of its own fills it, whose frame is gone before the future runs:
//!
//! ```text
//! let mut slot = pin!(None);
//! place(slot.as_mut(), || serve(shared)).await;
//! ```

use core::pin::Pin;
use core::task::{Context, Poll};

/// A future in its place.
pub(crate) struct Placed<'p, F>(Pin<&'p mut Option<F>>);

/// Puts the future that `make` gives into `slot`.
#[inline(never)]
pub(crate) fn place<F: Future>(
    mut slot: Pin<&mut Option<F>>,
    make: impl FnOnce() -> F,
) -> Placed<'_, F> {
    slot.set(Some(make()));
    Placed(slot)
}

impl<F: Future> Future for Placed<'_, F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        match self.0.as_mut().as_pin_mut() {
            Some(future) => future.poll(context),
            // A slot is never emptied.
            None => Poll::Pending,
        }
    }
}
