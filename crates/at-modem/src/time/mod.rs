//! When time servers are to be asked.

use core::cell::Cell;

use crate::changes::Changes;

/// What the task of the time looks at.
pub(crate) struct Time {
    /// How many reasons there were to ask now: `AT+CIPSNTPCFG`, and an address.
    reasons: Cell<u32>,
    /// `AT+CIPSNTPCFG` came: what the servers answered before counts no longer.
    servers_changed: Cell<bool>,
    changes: Changes,
}

impl Time {
    pub(crate) const fn new() -> Self {
        Self {
            reasons: Cell::new(0),
            servers_changed: Cell::new(false),
            changes: Changes::new(),
        }
    }

    /// The servers are to be asked now.
    pub(crate) fn ask_now(&self) {
        self.reasons.set(self.reasons.get().wrapping_add(1));
        self.changes.note();
    }

    /// Others are to be asked, now.
    pub(crate) fn servers_changed(&self) {
        self.servers_changed.set(true);
        self.ask_now();
    }

    /// Another interval counts from the last question on.
    pub(crate) fn interval_changed(&self) {
        self.changes.note();
    }

    /// Whether the servers changed since this was called last.
    pub(crate) fn take_servers_changed(&self) -> bool {
        self.servers_changed.take()
    }

    /// Reasons so far.
    pub(crate) const fn reasons(&self) -> u32 {
        self.reasons.get()
    }

    /// Waits for a reason that was not there when [`Self::reasons`] returned `seen`.
    pub(crate) async fn asked_since(&self, seen: u32) {
        self.changes
            .until(|| (self.reasons.get() != seen).then_some(()))
            .await;
    }

    /// Waits until `ready` returns something, looking again after each change.
    pub(crate) async fn until<T>(&self, ready: impl FnMut() -> Option<T>) -> T {
        self.changes.until(ready).await
    }
}
