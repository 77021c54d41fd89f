//! The station as commands and its task see it: what is to be joined, and what has happened.

use core::cell::Cell;

use crate::changes::Changes;

/// What the task of the station is to do next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StationTask {
    /// Nothing.
    Idle,
    /// Join the stored network.
    JoinStored,
    /// The network was lost: join it again, as `AT+CWRECONNCFG` wants it.
    Reconnect,
}

/// The station's state.
pub(crate) struct Station {
    task: Cell<StationTask>,
    /// A command has taken the station over: a join that no command asked for ends.
    taken_over: Cell<bool>,
    /// A join was tried since start.
    tried: Cell<bool>,
    joining: Cell<bool>,
    /// A link existed since start: `AT+CIPSTATUS` prints another code then.
    had_link: Cell<bool>,
    changes: Changes,
}

impl Station {
    pub(crate) const fn new() -> Self {
        Self {
            task: Cell::new(StationTask::Idle),
            taken_over: Cell::new(false),
            tried: Cell::new(false),
            joining: Cell::new(false),
            had_link: Cell::new(false),
            changes: Changes::new(),
        }
    }

    /// The stored network is to be joined.
    pub(crate) fn join_stored(&self) {
        self.taken_over.set(false);
        self.task.set(StationTask::JoinStored);
        self.changes.note();
    }

    /// A command wants the station: what is under way or to be done without a command is void.
    pub(crate) fn take_over(&self) {
        self.task.set(StationTask::Idle);
        self.taken_over.set(true);
        self.changes.note();
    }

    /// The network was lost.
    pub(crate) fn note_lost(&self) {
        if self.task.get() == StationTask::Idle {
            self.task.set(StationTask::Reconnect);
            self.changes.note();
        }
    }

    /// Waits for something to do, and takes it.
    pub(crate) async fn next_task(&self) -> StationTask {
        let next = || Some(self.task.get()).filter(|task| *task != StationTask::Idle);
        let task = self.changes.until(next).await;
        self.task.set(StationTask::Idle);
        // What a command stopped before is not what was lost now.
        self.taken_over.set(false);
        task
    }

    /// Waits until the stored network is to be joined, and takes that.
    pub(crate) async fn join_asked(&self) {
        let asked = || (self.task.get() == StationTask::JoinStored).then_some(());
        self.changes.until(asked).await;
        self.task.set(StationTask::Idle);
    }

    /// Waits until a command has taken the station over.
    pub(crate) async fn taken_over(&self) {
        self.changes
            .until(|| self.taken_over.get().then_some(()))
            .await;
        self.taken_over.set(false);
    }

    /// A join begins or is over.
    pub(crate) fn note_joining(&self, joining: bool) {
        self.tried.set(true);
        self.joining.set(joining);
    }

    pub(crate) const fn is_joining(&self) -> bool {
        self.joining.get()
    }

    pub(crate) const fn has_tried(&self) -> bool {
        self.tried.get()
    }

    /// There is a link.
    pub(crate) fn note_link(&self) {
        self.had_link.set(true);
    }

    pub(crate) const fn had_link(&self) -> bool {
        self.had_link.get()
    }
}
