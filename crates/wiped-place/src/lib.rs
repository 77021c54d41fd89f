#![doc = include_str!("../README.md")]
#![no_std]

use core::fmt;
use core::future::Future;
use core::marker::PhantomPinned;
use core::mem::MaybeUninit;
use core::pin::Pin;
use core::ptr;
use core::slice;
use core::task::{Context, Poll};

use zeroize::Zeroize as _;

/// Memory for one future at a time, wiped each time that one ends.
///
/// It takes the size of the future, and its alignment more.
pub struct Place<F> {
    future: MaybeUninit<F>,
    /// Whether `future` is initialised.
    is_full: bool,
    _pinned: PhantomPinned,
}

impl<F> Place<F> {
    /// Without a future.
    #[must_use]
    pub const fn empty() -> Self {
        Self {
            future: MaybeUninit::uninit(),
            is_full: false,
            _pinned: PhantomPinned,
        }
    }

    /// Puts the future here that `make` returns. One that was left here is dropped and wiped before.
    ///
    /// Not inlined: `make`'s frame, which may hold a copy of the future, is gone before the future runs.
    #[inline(never)]
    pub fn fill(mut self: Pin<&mut Self>, make: impl FnOnce() -> F) -> Placed<'_, F> {
        self.as_mut().wipe();
        #[expect(unsafe_code, reason = "a field behind a pin")]
        // SAFETY: nothing is moved out of `this`. `future` is empty, so no pinned value is overwritten.
        let this = unsafe { self.as_mut().get_unchecked_mut() };
        this.future.write(make());
        this.is_full = true;
        Placed(self)
    }

    /// The future, if one is here.
    fn future(self: Pin<&mut Self>) -> Option<Pin<&mut F>> {
        #[expect(unsafe_code, reason = "a field behind a pin")]
        // SAFETY: `is_full` says that `future` is initialised. It is pinned as `self` is: it is never moved out, and `wipe`,
        // which `drop` calls, drops it where it is.
        unsafe {
            let this = self.get_unchecked_mut();
            this.is_full
                .then(|| Pin::new_unchecked(this.future.assume_init_mut()))
        }
    }

    /// Drops the future, if one is here, and writes zeros over all of its memory.
    fn wipe(self: Pin<&mut Self>) {
        #[expect(unsafe_code, reason = "a field behind a pin")]
        // SAFETY: nothing is moved out of `this`.
        let this = unsafe { self.get_unchecked_mut() };
        // Before the call: if the future's own `drop` panics, it is not dropped again.
        if core::mem::replace(&mut this.is_full, false) {
            #[expect(unsafe_code, reason = "a value dropped where it is pinned")]
            // SAFETY: it is initialised, and is not used again.
            unsafe {
                ptr::drop_in_place(this.future.as_mut_ptr());
            }
            // As a slice: of a single value, zeroize would first make another one of the same size on the stack.
            slice::from_mut(&mut this.future).zeroize();
        }
    }
}

impl<F> Drop for Place<F> {
    fn drop(&mut self) {
        #[expect(unsafe_code, reason = "drop of a pinned type")]
        // SAFETY: `self` is not moved after this, and a `Place` that was pinned is never moved before.
        unsafe { Pin::new_unchecked(self) }.wipe();
    }
}

impl<F> Default for Place<F> {
    fn default() -> Self {
        Self::empty()
    }
}

impl<F> fmt::Debug for Place<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Place")
            .field("is_full", &self.is_full)
            .finish_non_exhaustive()
    }
}

/// A future in its [`Place`]. When it is dropped, as after an `.await`, its memory is wiped.
#[must_use = "a future does nothing unless it is awaited"]
pub struct Placed<'p, F>(Pin<&'p mut Place<F>>);

impl<F: Future> Future for Placed<'_, F> {
    type Output = F::Output;

    /// Not inlined: a caller that has several places keeps no stack for one future while another is polled.
    #[inline(never)]
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        match self.0.as_mut().future() {
            Some(future) => future.poll(context),
            // A `Placed` empties its place only when it is dropped.
            None => Poll::Pending,
        }
    }
}

impl<F> Drop for Placed<'_, F> {
    fn drop(&mut self) {
        self.0.as_mut().wipe();
    }
}

impl<F> fmt::Debug for Placed<'_, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Placed").field(&self.0).finish()
    }
}
