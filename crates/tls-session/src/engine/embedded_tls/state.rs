//! What guard, verifier and session know of each other: the phase, the evidence, the first reason.

use crate::reason::{Cause, Reason, Stage};
use core::cell::{Cell, RefCell};

use super::suite::Phase;
use crate::evidence::{Application, Evidence, Finished, Negotiated, Peer};
use crate::verify::Version;

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
    /// What the server has proved of itself.
    pub(crate) peer: Cell<Peer>,
    /// What was agreed on, once it was said.
    pub(crate) application: Cell<Application>,
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
            peer: Cell::new(Peer::Nobody),
            application: Cell::new(Application::Unnamed),
            psk_offered: Cell::new(false),
            psk_taken: Cell::new(false),
            finished: Cell::new(false),
            in_record: Cell::new(false),
            reason: RefCell::new(None),
        }
    }

    /// What was agreed on: the engine speaks one version only.
    pub(crate) const fn negotiated(&self) -> Negotiated {
        Negotiated {
            version: Version::Tls13,
            application: self.application.get(),
        }
    }

    /// What was seen of the handshake so far.
    pub(crate) fn evidence(&self) -> Evidence {
        Evidence {
            peer: self.peer.get(),
            finished: self.finished.get().then_some(Finished::held()),
            negotiated: self.negotiated(),
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
