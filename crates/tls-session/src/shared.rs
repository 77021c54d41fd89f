//! What guard, verifier and session know of each other: the phase, the evidence, the first reason.

use crate::reason::{Cause, CertificateError, ProofError, Reason, Stage};
use core::cell::{Cell, RefCell};

use crate::suite::Phase;
use crate::verify::Accepted;

/// Which records are legal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expect {
    /// ServerHello or an alert, in the clear.
    Hello,
    /// Encrypted records of this phase.
    Encrypted(Phase),
}

/// One session's state outside the engine. Everything here is `Cell`: one task owns a session.
pub(crate) struct Shared {
    /// Set by the first session; a transport carries one.
    used: Cell<bool>,
    pub(crate) expect: Cell<Expect>,
    pub(crate) stage: Cell<Stage>,
    /// Milliseconds one step of the handshake may wait for the peer; 0 for no limit.
    pub(crate) step_ms: Cell<u32>,
    /// Bytes of the engine's buffer for one incoming record.
    pub(crate) record_limit: Cell<usize>,
    /// How the server's chain was accepted.
    pub(crate) chain: Cell<Option<Accepted>>,
    /// The server proved that it holds the key of its certificate.
    pub(crate) signature: Cell<bool>,
    /// A pre-shared key was offered: the server must take it.
    pub(crate) psk_offered: Cell<bool>,
    /// The server took it.
    pub(crate) psk_taken: Cell<bool>,
    /// The server's Finished held: it has the session's keys.
    pub(crate) finished: Cell<bool>,
    /// The engine has begun to take a record and has not finished.
    pub(crate) in_record: Cell<bool>,
    reason: RefCell<Option<Reason>>,
}

impl Shared {
    pub(crate) const fn new() -> Self {
        Self {
            used: Cell::new(false),
            expect: Cell::new(Expect::Hello),
            stage: Cell::new(Stage::Hello),
            step_ms: Cell::new(0),
            record_limit: Cell::new(0),
            chain: Cell::new(None),
            signature: Cell::new(false),
            psk_offered: Cell::new(false),
            psk_taken: Cell::new(false),
            finished: Cell::new(false),
            in_record: Cell::new(false),
            reason: RefCell::new(None),
        }
    }

    /// What the server has proved of itself, if its Finished holds: nothing of ours is shown to a server
    /// that has proved nothing.
    pub(crate) fn proved(&self) -> Result<Accepted, Cause> {
        if self.psk_offered.get() {
            // Finished holds under a key schedule that the pre-shared key went into.
            return if self.psk_taken.get() && self.chain.get().is_none() {
                Ok(Accepted::PreSharedKey)
            } else {
                Err(Cause::Proof(ProofError::PskNotTaken))
            };
        }
        let accepted = self
            .chain
            .get()
            .ok_or(Cause::Certificate(CertificateError::NoCertificate))?;
        if self.signature.get() {
            Ok(accepted)
        } else {
            Err(Cause::Proof(ProofError::NoSignature))
        }
    }

    /// True for the first caller only.
    pub(crate) fn claim(&self) -> bool {
        !self.used.replace(true)
    }

    /// Ends the session for this cause, unless another came first.
    pub(crate) fn refuse(&self, cause: impl Into<Cause>) {
        self.refuse_with(Reason::new(self.stage.get(), cause));
    }

    pub(crate) fn refuse_with(&self, reason: Reason) {
        let mut first = self.reason.borrow_mut();
        if first.is_none() {
            *first = Some(reason);
        }
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
}
