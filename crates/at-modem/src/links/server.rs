//! The server as commands see it.

use core::cell::{Cell, RefCell};
use core::net::SocketAddr;

use at_grammar::types::Family;
use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embassy_sync::signal::Signal;
use embassy_time::{Duration, Instant};
use tls_session::{Acceptor, MasterSecret, Profile};

use crate::why::Why;

/// What `AT+CIPSERVER` says of the sessions of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ServerTerms {
    /// `<ca_enable>`: clients must show a certificate.
    pub(crate) verify_client: bool,
    pub(crate) master_secret: MasterSecret,
    /// The form that certificates of clients must have.
    pub(crate) profile: Profile,
}

/// What the server listens on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Listening {
    pub(crate) port: u16,
    pub(crate) family: Family,
    /// `None` for a server of plain TCP.
    pub(crate) tls: Option<ServerTerms>,
}

/// Why the server refused its last client, or was not started.
#[derive(Debug, Clone)]
pub(crate) struct Refusal {
    pub(crate) why: Why,
    /// The client; `None` where there was no server yet.
    pub(crate) remote: Option<SocketAddr>,
    /// Clients refused since the server was started.
    pub(crate) count: u32,
}

/// The text of the reason, and behind it the client.
impl core::fmt::Display for Refusal {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        self.why.fmt(f)?;
        match self.remote {
            Some(remote) => write!(f, " ({remote}, {} refused)", self.count),
            None => Ok(()),
        }
    }
}

/// What commands ask of the server, and what it answers.
pub(crate) struct Server {
    /// `None` while there is no server.
    pub(crate) listening: Cell<Option<Listening>>,
    pub(crate) start: Signal<NoopRawMutex, Listening>,
    pub(crate) started: Signal<NoopRawMutex, Result<(), Why>>,
    /// The listener is to stop, an accepted link is over, or a handshake.
    pub(crate) changed: Signal<NoopRawMutex, ()>,
    /// Credentials of a server with TLS, from its start to its end.
    acceptor: RefCell<Option<Acceptor>>,
    last: RefCell<Option<Refusal>>,
    /// When the last one was reported to the host.
    shown: Cell<Option<Instant>>,
}

impl Server {
    pub(crate) const fn new() -> Self {
        Self {
            listening: Cell::new(None),
            start: Signal::new(),
            started: Signal::new(),
            changed: Signal::new(),
            acceptor: RefCell::new(None),
            last: RefCell::new(None),
            shown: Cell::new(None),
        }
    }

    /// Whether a refusal may be reported to the host: a scanner must not fill its port.
    pub(crate) fn may_show(&self, now: Instant) -> bool {
        let pause = Duration::from_secs(1);
        let may = self
            .shown
            .get()
            .is_none_or(|shown| shown.saturating_add(pause) <= now);
        if may {
            self.shown.set(Some(now));
        }
        may
    }

    /// A server whose task was dropped is none.
    pub(crate) fn forget(&self) {
        self.listening.set(None);
        self.acceptor.replace(None);
        self.start.reset();
        self.started.reset();
        self.changed.reset();
    }

    /// Starts listening.
    pub(crate) async fn start(&self, listening: Listening) -> Result<(), Why> {
        self.started.reset();
        self.start.signal(listening);
        let started = self.started.wait().await;
        match &started {
            Ok(()) => self.listening.set(Some(listening)),
            Err(why) => self.keep_refusal(why.clone(), None),
        }
        started
    }

    /// Takes no clients any more. Links that are open stay; the private key is wiped.
    pub(crate) fn stop(&self) {
        self.listening.set(None);
        self.acceptor.replace(None);
        self.changed.signal(());
    }

    /// What the sessions of a server with TLS share.
    pub(crate) fn acceptor(&self) -> Option<Acceptor> {
        self.acceptor.borrow().clone()
    }

    /// A server with these credentials begins; nobody was refused yet.
    pub(crate) fn begin(&self, acceptor: Option<Acceptor>) {
        self.acceptor.replace(acceptor);
        self.last.replace(None);
    }

    /// Why the last client was refused, or the server not started.
    pub(crate) fn last(&self) -> Option<Refusal> {
        self.last.borrow().clone()
    }

    /// Keeps why a client was refused.
    pub(crate) fn keep_refusal(&self, why: Why, remote: Option<SocketAddr>) {
        let before = self.last.borrow().as_ref().map_or(0, |last| last.count);
        let count = match remote {
            Some(_) => before.saturating_add(1),
            None => before,
        };
        self.last.replace(Some(Refusal { why, remote, count }));
    }
}
