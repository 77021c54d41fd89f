//! One connection: what the interpreter and the task that owns the socket say to each other.
//!
//! ```text
//! interpreter ── open ──▶ task: CA, name, TCP, TLS ── opened ──▶ interpreter
//!             ── send ──▶ task: payload buffer     ── sent ────▶
//!             ── close ─▶ task                     ── closed ──▶
//!                         task ── +IPD, CLOSED ──▶ AT port
//! ```
//!
//! The task lives as long as the modem runs, so no read or write of a session is dropped half-way
//! because the host had something to say.

use core::cell::{Cell, RefCell};
use core::net::SocketAddr;

use at_grammar::reply::{PkiItem, Remote};
use at_grammar::types::AuthMode;
use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embassy_sync::signal::Signal;
use heapless::{String, Vec};
use tls_session::{Cause, Reason};

use crate::secret::Psk;

pub(crate) mod credentials;
mod open;
mod pump;

pub(crate) use open::run;

/// Most payload bytes of one `+IPD`, as the newer manual has it.
pub(crate) const MAX_IPD: usize = 2920;

/// Longest host name, SNI and CN.
pub(crate) const MAX_NAME: usize = 64;

/// Host name, SNI or CN.
pub(crate) type HostText = String<MAX_NAME>;

/// ALPN entries: at most five, as long as a command line lets them be.
pub(crate) type AlpnList = Vec<Vec<u8, 64>, 5>;

/// TLS settings of a link, taken when it is opened.
#[derive(Debug, Clone)]
pub(crate) struct TlsSettings {
    /// What is checked and what is shown, as `CIPSSLCCONF` says.
    pub(crate) auth: AuthMode,
    /// Position of the CA item in `client_ca`.
    pub(crate) ca: u8,
    /// Position of our certificate in `client_cert`, and of its key in `client_key`.
    pub(crate) pki: u8,
    /// The name that the certificate must carry.
    pub(crate) name: Option<HostText>,
    /// The name sent in ClientHello.
    pub(crate) sni: Option<HostText>,
    pub(crate) alpn: AlpnList,
    /// The server must know this key; no certificate of it plays a part then.
    pub(crate) psk: Option<Psk>,
}

/// A connection to be opened.
#[derive(Debug, Clone)]
pub(crate) struct OpenRequest {
    pub(crate) tls: Option<TlsSettings>,
    pub(crate) host: HostText,
    pub(crate) port: u16,
    /// Handshake only: what the server shows goes into the payload buffer, and the link stays closed.
    pub(crate) probe: bool,
}

/// What a server showed to a probe.
#[derive(Debug, Clone)]
pub(crate) struct Probed {
    /// Where each of its certificates ends in the payload buffer.
    pub(crate) ends: Vec<usize, { tls_session::verify::MAX_CHAIN }>,
    /// Certificates that did not fit.
    pub(crate) dropped: u32,
    /// The policy they were judged under.
    pub(crate) policy: String<MAX_POLICY>,
    /// The verdict.
    pub(crate) verdict: Result<(), Reason>,
}

/// Longest text of a policy: four words and a name.
pub(crate) const MAX_POLICY: usize = 112;

/// Who wants a link closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CloseBy {
    /// A command, which prints `CLOSED` itself.
    Host,
    /// The network interface went away.
    Interface,
}

/// An open connection, as `AT+CIPSTATUS` shows it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LinkStatus {
    pub(crate) tls: bool,
    pub(crate) remote: SocketAddr,
}

/// One link's mailbox.
pub(crate) struct Link {
    pub(crate) id: u8,
    pub(crate) open: Signal<NoopRawMutex, OpenRequest>,
    pub(crate) opened: Signal<NoopRawMutex, Result<(), Reason>>,
    pub(crate) close: Signal<NoopRawMutex, CloseBy>,
    /// Whether it was closed by the command that waits for this.
    pub(crate) closed: Signal<NoopRawMutex, bool>,
    /// This many bytes of the payload buffer are to be sent.
    pub(crate) send: Signal<NoopRawMutex, usize>,
    /// Whether they were.
    pub(crate) sent: Signal<NoopRawMutex, bool>,
    /// `None` while closed.
    pub(crate) status: Cell<Option<LinkStatus>>,
    /// The host has read that the link is open: data may be printed.
    pub(crate) announced: Signal<NoopRawMutex, ()>,
    /// `AT+CIPDINFO`.
    pub(crate) show_remote: Cell<bool>,
    /// A send was asked for and not answered.
    pub(crate) sending: Cell<bool>,
    /// What a probe found, in the payload buffer.
    pub(crate) probed: RefCell<Option<Probed>>,
    /// Why the last attempt or session ended.
    pub(crate) reason: RefCell<Option<Reason>>,
}

impl Link {
    pub(crate) const fn new(id: u8) -> Self {
        Self {
            id,
            open: Signal::new(),
            opened: Signal::new(),
            close: Signal::new(),
            closed: Signal::new(),
            send: Signal::new(),
            sent: Signal::new(),
            status: Cell::new(None),
            announced: Signal::new(),
            show_remote: Cell::new(false),
            sending: Cell::new(false),
            probed: RefCell::new(None),
            reason: RefCell::new(None),
        }
    }

    /// A link whose task was dropped is closed, and what was asked of it is void.
    pub(crate) fn forget(&self) {
        self.open.reset();
        self.opened.reset();
        self.close.reset();
        self.closed.reset();
        self.send.reset();
        self.sent.reset();
        self.announced.reset();
        self.status.set(None);
        self.sending.set(false);
    }

    /// Opens the connection. The AT port is served meanwhile by whoever else is polled.
    pub(crate) async fn connect(&self, request: OpenRequest) -> Result<(), Reason> {
        self.opened.reset();
        self.close.reset();
        self.closed.reset();
        self.announced.reset();
        self.open.signal(request);
        self.opened.wait().await
    }

    /// Closes an open connection and waits until it is. False if it ended by itself meanwhile, and
    /// said so.
    pub(crate) async fn disconnect(&self) -> bool {
        self.closed.reset();
        self.close.signal(CloseBy::Host);
        self.closed.wait().await
    }

    /// Sends the first `len` bytes of the payload buffer; false if the network did not take them.
    pub(crate) async fn transmit(&self, len: usize) -> bool {
        if self.status.get().is_none() {
            return false;
        }
        self.sent.reset();
        self.sending.set(true);
        self.send.signal(len);
        let sent = self.sent.wait().await;
        self.sending.set(false);
        sent
    }

    /// The sender to show in `+IPD`, if `AT+CIPDINFO=1`.
    pub(crate) fn shown_remote(&self) -> Option<Remote> {
        let status = self.status.get().filter(|_| self.show_remote.get())?;
        Some(Remote {
            ip: status.remote.ip(),
            port: status.remote.port(),
        })
    }

    pub(crate) fn remember(&self, reason: Reason) {
        espat_log::info!(
            "link {}: {} refused or ended, mbedtls {}, flags {}",
            self.id,
            reason.stage.word(),
            reason.mbedtls(),
            reason.verify_flags()
        );
        *self.reason.borrow_mut() = Some(reason);
    }

    /// The item for want of which the last attempt failed.
    pub(crate) const fn lacks(reason: &Reason) -> Option<PkiItem> {
        match reason.cause {
            Cause::CaErased | Cause::CaMissing { .. } | Cause::CaUnreadable => Some(PkiItem::Ca),
            Cause::CertErased | Cause::CertMissing { .. } | Cause::CertUnreadable => {
                Some(PkiItem::Certificate)
            }
            Cause::KeyErased
            | Cause::KeyMissing { .. }
            | Cause::KeyUnreadable
            | Cause::KeyEncrypted
            | Cause::KeyUnsupported => Some(PkiItem::PrivateKey),
            _ => None,
        }
    }
}
