//! How far a session is, and why it is over: what every engine keeps beside a connection.

use core::cell::{Cell, RefCell};

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
