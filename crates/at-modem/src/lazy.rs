//! A future that is made where it stays.
//!
//! A future that is made in an `async fn` and then put elsewhere (into `join_array`, into `pin!`) leaves
//! a place of its size in the frame of whoever made it, below everything that is called later. Those of
//! the links are large. This one is made by a call of its own, at its first poll, so that its way
//! through the stack is over before it runs.

use core::pin::Pin;
use core::task::{Context, Poll};

use pin_project_lite::pin_project;

pin_project! {
    /// Runs the future that `make` gives.
    #[project = LazyProjection]
    pub(crate) enum Lazy<M, F> {
        Begin {
            make: Option<M>,
        },
        Running {
            #[pin]
            future: F,
        },
    }
}

/// The future that `make` gives, made at the first poll.
pub(crate) const fn lazy<M, F>(make: M) -> Lazy<M, F>
where
    M: FnOnce() -> F,
    F: Future,
{
    Lazy::Begin { make: Some(make) }
}

#[inline(never)]
fn begin<M: FnOnce() -> F, F>(mut lazy: Pin<&mut Lazy<M, F>>, make: M) {
    lazy.set(Lazy::Running { future: make() });
}

impl<M: FnOnce() -> F, F: Future> Future for Lazy<M, F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        if let LazyProjection::Begin { make } = self.as_mut().project()
            && let Some(make) = make.take()
        {
            begin(self.as_mut(), make);
        }
        match self.project() {
            LazyProjection::Running { future } => future.poll(context),
            // Its maker has panicked.
            LazyProjection::Begin { .. } => Poll::Pending,
        }
    }
}
