//! What both directions of a session work on: the engine, and what it has sealed.

use alloc::boxed::Box;
use core::cell::{Cell, RefCell};
use core::future::poll_fn;
use core::task::Poll;

use embassy_futures::select::select;
use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embassy_sync::mutex::Mutex;
use embedded_hal_async::delay::DelayNs;
use embedded_io_async::{Error as _, Write};

use super::core::Core;
use super::sealed::{LastAlert, Sealed, loan};
use crate::budget::Direction;
use crate::heap::{self, Lends, Loan};
use crate::progress::{Progress, Refused};
use crate::reason::{CapacityError, Cause, StreamError};
use crate::transport::{Connection, Transport};

/// Milliseconds for an alert that says why we refuse.
const CLOSE_MS: u32 = 1000;

/// What is to be sent.
pub(super) struct Outgoing<'m>(pub(super) Sealed<'m>);

impl Drop for Outgoing<'_> {
    fn drop(&mut self) {
        self.0.wipe();
    }
}

/// What both directions work on.
pub(super) struct Halves<'s, 'm, T: Transport> {
    pub(super) connection: &'m Connection<T>,
    pub(super) core: &'s RefCell<Option<Box<Core>>>,
    pub(super) outgoing: &'s Mutex<NoopRawMutex, Outgoing<'m>>,
    pub(super) last_alert: &'s Cell<Option<LastAlert>>,
}

impl<T: Transport> Clone for Halves<'_, '_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: Transport> Copy for Halves<'_, '_, T> {}

impl<T: Transport> Halves<'_, '_, T> {
    pub(super) const fn progress(&self) -> &Progress {
        &self.connection.shared.progress
    }

    /// Runs one synchronous step of the engine. If the heap ran out in it the session is over, and what it held is free.
    pub(super) fn with<V>(&self, then: impl FnOnce(&mut Core) -> V) -> Result<V, Refused> {
        let mut place = self.core.borrow_mut();
        let Some(core) = place.as_deref_mut() else {
            return Err(self.progress().refuse(StreamError::Dead));
        };
        let (value, outcome) = heap::run(self.connection.ledger, || then(core));
        match outcome {
            Ok(()) => {
                core.settle();
                Ok(value)
            }
            Err(error) => {
                // The call itself was served from the reserve, so the engine can still seal. What that takes fails like the rest.
                let (alert, _) = heap::run(self.connection.ledger, || core.last_alert());
                self.last_alert.set(alert);
                let refused = self.progress().refuse(error);
                *place = None;
                Err(refused)
            }
        }
    }

    /// Sends what was sealed.
    pub(super) async fn send(&self, out: &mut Outgoing<'_>) -> Result<(), Refused> {
        let progress = self.progress();
        let mut tx = self.connection.outgoing.lock().await;
        while !out.0.waiting().is_empty() {
            let write = tx.write(out.0.waiting());
            match progress.limited(&self.connection.delay, write).await? {
                Ok(0) => return Err(progress.refuse(StreamError::PeerEof)),
                Ok(count) => out.0.sent(count),
                Err(error) => return Err(progress.refuse(StreamError::from(error.kind()))),
            }
        }
        Ok(())
    }

    /// Makes sure that there is room to seal so many bytes of data, where there is no buffer of the caller's. What was
    /// sealed before is sent first; bytes that others have are waited for.
    pub(super) async fn make_room(
        &self,
        out: &mut Outgoing<'_>,
        content: usize,
    ) -> Result<(), Refused> {
        let len = loan(content);
        if !out.0.is_on_heap() || out.0.room().len() >= len {
            return Ok(());
        }
        self.send(out).await?;
        let ledger = self.connection.ledger;
        poll_fn(|context| {
            if let Some(ledger) = ledger {
                ledger.wake_later(context.waker());
            }
            let error = match ledger.map(|at| at.lends(Direction::Out, len, 0)) {
                Some(Lends::Later) => return Poll::Pending,
                Some(Lends::Never(error)) => error,
                Some(Lends::Now) | None => match Loan::take(ledger, Direction::Out, len) {
                    Ok(loan) => {
                        out.0.lend(loan);
                        return Poll::Ready(Ok(()));
                    }
                    Err(error) => error,
                },
            };
            Poll::Ready(Err(self.without_bytes(error)))
        })
        .await
    }

    /// Ends the session for bytes that it does not get. What the engine takes to say so may fail like the rest, and is
    /// served from the reserve.
    pub(super) fn without_bytes(&self, error: CapacityError) -> Refused {
        let mut place = self.core.borrow_mut();
        if let Some(core) = place.as_deref_mut() {
            let (alert, _) = heap::run(self.connection.ledger, || core.last_alert());
            self.last_alert.set(alert);
        }
        *place = None;
        self.progress().refuse(error)
    }

    pub(super) async fn flush(&self) -> Result<(), Refused> {
        let progress = self.progress();
        let mut tx = self.connection.outgoing.lock().await;
        match progress.limited(&self.connection.delay, tx.flush()).await? {
            Ok(()) => Ok(()),
            Err(error) => Err(progress.refuse(StreamError::from(error.kind()))),
        }
    }

    /// Says close_notify, behind all that was sealed before.
    pub(super) async fn close_notify(&self) -> Result<(), Refused> {
        let mut out = self.outgoing.lock().await;
        self.send(&mut out).await?;
        let sealed = self.with(|core| core.close_notify(&mut out.0))?;
        sealed.map_err(|cause| self.progress().refuse(cause))?;
        self.send(&mut out).await?;
        self.flush().await
    }

    /// Sends what the other direction has sealed meanwhile: whoever has the outgoing buffer does it before he
    /// gives it back, so order of sealing is order on the wire.
    pub(super) async fn send_control(&self, out: &mut Outgoing<'_>) -> Result<(), Refused> {
        while self.with(|core| core.has_control())? {
            let taken = self.with(|core| core.take_control(&mut out.0))?;
            taken.map_err(|cause| self.progress().refuse(cause))?;
            self.send(out).await?;
        }
        Ok(())
    }

    /// Says why, to a peer that may not listen. Nothing is written to a stream that has failed, and nothing behind a record
    /// that was not written whole.
    pub(super) async fn send_alert(&self) {
        let reason = self.progress().reason().map(|reason| reason.cause);
        match reason {
            // The stream works; rustls may have something to say of an alert that is none.
            Some(Cause::Stream(StreamError::PeerAlert(_))) => {}
            Some(Cause::Stream(_)) => return,
            _ => {}
        }
        // Whoever has the buffer sends it.
        let Ok(mut out) = self.outgoing.try_lock() else {
            return;
        };
        let mut delay = self.connection.delay.clone();
        let is_dead = self.core.borrow().is_none();
        match self.last_alert.take() {
            Some(LastAlert::Plain(alert)) => out.0.replace(&alert),
            Some(LastAlert::Sealed(alert)) => {
                // Without room for it there is none.
                let _ = out.0.append(&alert);
            }
            None => {}
        }
        let say = async {
            if !is_dead {
                self.send_control(&mut out).await?;
            }
            self.send(&mut out).await?;
            self.flush().await
        };
        // The reason stands, whether or not the peer hears it.
        let _ = select(say, delay.delay_ms(CLOSE_MS)).await;
    }
}
