//! Who has the memory for a TLS session, and what a probe found with it.

use core::cell::Cell;

use at_grammar::LinkId;
use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embassy_sync::signal::Signal;
use heapless::{String, Vec};

use crate::scratch::ScratchGuard;
use crate::why::{ModemError, Stage, Why};

/// A task that has the memory for a session, and what it is to do.
pub(crate) struct Slot {
    /// The link whose request is asked for.
    pub(crate) job: Signal<NoopRawMutex, LinkId>,
    /// From the job until the session is over.
    pub(crate) busy: Cell<bool>,
}

impl Slot {
    pub(crate) const fn new() -> Self {
        Self {
            job: Signal::new(),
            busy: Cell::new(false),
        }
    }

    /// A slot whose task was dropped is free.
    pub(crate) fn forget(&self) {
        self.job.reset();
        self.busy.set(false);
    }

    pub(crate) const fn is_free(&self) -> bool {
        !self.busy.get()
    }

    /// Gives a link's request to the task.
    pub(crate) fn give(&self, link: LinkId) {
        self.busy.set(true);
        self.job.signal(link);
    }
}

/// No task for a session is free.
pub(crate) fn no_memory(sessions: usize) -> Why {
    let limit = u32::try_from(sessions).unwrap_or(u32::MAX);
    Why::new(
        Stage::Setup,
        ModemError::TooManySessions {
            needed: limit.saturating_add(1),
            limit,
        },
    )
}

/// What a server showed to a probe.
pub(crate) struct Probed<'s> {
    /// Its certificates, one after another; nobody else has the memory until this is dropped.
    pub(crate) chain: ScratchGuard<'s>,
    /// Where each of them ends.
    pub(crate) ends: Vec<usize, { tls_session::verify::MAX_CHAIN }>,
    /// Certificates that did not fit.
    pub(crate) dropped: u32,
    /// The policy they were judged under.
    pub(crate) policy: String<MAX_POLICY>,
    /// The verdict.
    pub(crate) verdict: Result<(), Why>,
}

/// Longest text of a policy: four words and a name.
pub(crate) const MAX_POLICY: usize = 112;
