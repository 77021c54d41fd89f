//! How far a session is, and why it is over: what every engine keeps beside a connection.

use core::cell::{Cell, RefCell};
use core::future::poll_fn;
use core::pin::Pin;

use embassy_futures::select::{Either, select};
use embedded_hal_async::delay::DelayNs;

use crate::reason::{Cause, PeerRole, Reason, Stage, StreamError};
use crate::verify::PeerCertificate;

/// The session is over; its [`Progress`] knows why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refused;

impl core::fmt::Display for Refused {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("refused")
    }
}

impl core::error::Error for Refused {}

impl embedded_io_async::Error for Refused {
    fn kind(&self) -> embedded_io_async::ErrorKind {
        embedded_io_async::ErrorKind::Other
    }
}

/// The stage of one session, its deadline per step, and the first reason against it. Everything here is `Cell`: one
/// task owns a session.
pub(crate) struct Progress {
    /// Set by the first session; a connection carries one.
    used: Cell<bool>,
    pub(crate) stage: Cell<Stage>,
    pub(crate) peer: Cell<PeerRole>,
    /// Milliseconds one step may wait for the peer; 0 for no limit.
    pub(crate) step_ms: Cell<u32>,
    reason: RefCell<Option<Reason>>,
    /// The peer's certificate, once it was accepted.
    certificate: RefCell<Option<PeerCertificate>>,
}

impl Progress {
    pub(crate) const fn new() -> Self {
        Self {
            used: Cell::new(false),
            stage: Cell::new(Stage::Hello),
            peer: Cell::new(PeerRole::Server),
            step_ms: Cell::new(0),
            reason: RefCell::new(None),
            certificate: RefCell::new(None),
        }
    }

    /// True for the first caller only.
    pub(crate) fn claim(&self) -> bool {
        !self.used.replace(true)
    }

    /// Ends the session for this cause, unless another came first.
    pub(crate) fn refuse(&self, cause: impl Into<Cause>) -> Refused {
        self.refuse_with(Reason::new(self.stage.get(), cause))
    }

    /// Ends the session for this reason, unless another came first.
    pub(crate) fn refuse_with(&self, reason: Reason) -> Refused {
        let mut first = self.reason.borrow_mut();
        if first.is_none() {
            *first = Some(match self.peer.get() {
                PeerRole::Server => reason,
                PeerRole::Client => reason.of_client(),
            });
        }
        Refused
    }

    /// Why the session is over; `None` while it lives.
    pub(crate) fn reason(&self) -> Option<Reason> {
        self.reason.borrow().clone()
    }

    /// The reason, or this one if nobody gave any.
    pub(crate) fn reason_or(&self, cause: impl Into<Cause>) -> Reason {
        let cause = cause.into();
        self.refuse(cause);
        self.reason()
            .unwrap_or(Reason::new(self.stage.get(), cause))
    }

    /// Keeps what is reported about the peer's certificate.
    pub(crate) fn keep_certificate(&self, certificate: Option<PeerCertificate>) {
        *self.certificate.borrow_mut() = certificate;
    }

    /// The peer's certificate, once it was accepted.
    pub(crate) fn certificate(&self) -> Option<PeerCertificate> {
        self.certificate.borrow().clone()
    }

    /// A handshake that takes no more than `ms` of the peer's time. What `steps` computes is not the peer's, and `clock`
    /// tells how much that was; without one it counts, too. `None` if the time is over.
    pub(crate) async fn in_time<F: Future>(
        delay: &(impl DelayNs + Clone),
        ms: u32,
        clock: Option<fn() -> u64>,
        mut steps: Pin<&mut F>,
    ) -> Option<F::Output> {
        let computed = Cell::new(0_u64);
        let mut steps = poll_fn(|context| {
            let begin = clock.map(|clock| clock());
            let polled = steps.as_mut().poll(context);
            if let (Some(clock), Some(begin)) = (clock, begin) {
                let took = clock().saturating_sub(begin);
                computed.set(computed.get().saturating_add(took));
            }
            polled
        });
        let mut granted = ms;
        loop {
            let mut delay = delay.clone();
            match select(&mut steps, delay.delay_ms(granted)).await {
                Either::First(output) => return Some(output),
                // Ours is added, and what is computed in that time again.
                Either::Second(()) => match u32::try_from(computed.take()).unwrap_or(u32::MAX) {
                    0 => return None,
                    more => granted = more,
                },
            }
        }
    }

    /// Waits for the peer no longer than one step may take.
    pub(crate) async fn limited<F: Future>(
        &self,
        delay: &(impl DelayNs + Clone),
        step: F,
    ) -> Result<F::Output, Refused> {
        let ms = self.step_ms.get();
        if ms == 0 {
            return Ok(step.await);
        }
        let mut delay = delay.clone();
        match select(step, delay.delay_ms(ms)).await {
            Either::First(output) => Ok(output),
            Either::Second(()) => Err(self.refuse(StreamError::Timeout { ms })),
        }
    }
}
