//! The TCP server as commands see it.

use core::cell::Cell;

use at_grammar::types::Family;
use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embassy_sync::signal::Signal;
use tls_session::reason::StreamError;

/// What the server listens on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Listening {
    pub(crate) port: u16,
    pub(crate) family: Family,
}

/// What commands ask of the server, and what it answers.
pub(crate) struct Server {
    /// `None` while there is no server.
    pub(crate) listening: Cell<Option<Listening>>,
    pub(crate) start: Signal<NoopRawMutex, Listening>,
    pub(crate) started: Signal<NoopRawMutex, Result<(), StreamError>>,
    /// The listener is to stop, or an accepted link is over.
    pub(crate) changed: Signal<NoopRawMutex, ()>,
}

impl Server {
    pub(crate) const fn new() -> Self {
        Self {
            listening: Cell::new(None),
            start: Signal::new(),
            started: Signal::new(),
            changed: Signal::new(),
        }
    }

    /// A server whose task was dropped is none.
    pub(crate) fn forget(&self) {
        self.listening.set(None);
        self.start.reset();
        self.started.reset();
        self.changed.reset();
    }

    /// Starts listening.
    pub(crate) async fn start(&self, listening: Listening) -> Result<(), StreamError> {
        self.started.reset();
        self.start.signal(listening);
        let started = self.started.wait().await;
        if started.is_ok() {
            self.listening.set(Some(listening));
        }
        started
    }

    /// Takes no clients any more. Links that are open stay.
    pub(crate) fn stop(&self) {
        self.listening.set(None);
        self.changed.signal(());
    }
}
