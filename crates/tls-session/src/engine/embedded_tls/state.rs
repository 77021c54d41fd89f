//! What guard, verifier and session know of each other: the phase and the evidence.

use core::cell::Cell;

use super::suite::Phase;
use crate::evidence::{Application, Evidence, Finished, Negotiated, Peer};
use crate::progress::Progress;
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
    pub(crate) progress: Progress,
    pub(crate) expect: Cell<Expect>,
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
}

impl Shared {
    pub(crate) const fn new() -> Self {
        Self {
            progress: Progress::new(),
            expect: Cell::new(Expect::Hello),
            record_limit: Cell::new(0),
            peer: Cell::new(Peer::Nobody),
            application: Cell::new(Application::Unnamed),
            psk_offered: Cell::new(false),
            psk_taken: Cell::new(false),
            finished: Cell::new(false),
            in_record: Cell::new(false),
        }
    }

    /// What was agreed on: the engine speaks one version, suite and group.
    pub(crate) const fn negotiated(&self) -> Negotiated {
        Negotiated {
            version: Version::Tls13,
            suite: 0x1301,
            group: 0x0017,
            extended_master_secret: true,
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
}
