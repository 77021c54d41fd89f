//! One connection: what the interpreter and the task that owns the socket say to each other.
//!
//! ```text
//! interpreter ── open ──▶ task: CA, name, TCP, TLS ── opened ──▶ interpreter
//!             ── send ──▶ task: payload buffer     ── sent ────▶
//!             ── close ─▶ task                     ── closed ──▶
//!                         task ─▶ inbox ── +IPD, CLOSED ──▶ AT port
//! ```
//!
//! A link that we open belongs to its own task ([`run`]); with TLS, to one that has the memory for a
//! session ([`tls::run`]); one that a client opened, to the server's ([`server::run`]). Tasks live as long as the modem runs, so no read or write of a session is dropped
//! half-way because the host had something to say.

use core::cell::{Cell, RefCell};
use core::net::SocketAddr;

use at_grammar::LinkId;
use at_grammar::types::{Family, Protocol, Terminal, Transport, UdpMode};
use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embassy_sync::signal::Signal;
use heapless::{String, Vec};

use crate::scratch::ScratchGuard;
use crate::settings::HostText;
use crate::why::Why;

pub(crate) mod inbox;
mod open;
mod present;
mod pump;
pub(crate) mod server;
mod sessions;
pub(crate) mod tls;
mod udp;

pub(crate) use inbox::Inbox;
pub(crate) use open::{resolve, run};
pub(crate) use sessions::Serve;
pub use sessions::Sessions;

/// Most payload bytes of one `+IPD`, as the newer manual has it, and of one block of a passthrough.
pub(crate) const MAX_IPD: usize = 2920;

/// What a link runs over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Carrier {
    Tcp,
    Tls,
    Udp {
        /// Any, if none was named.
        local_port: Option<u16>,
        mode: UdpMode,
    },
}

/// Where a connection leads.
#[derive(Debug, Clone)]
pub(crate) struct Target {
    pub(crate) family: Family,
    pub(crate) host: HostText,
    pub(crate) port: u16,
}

/// A connection to be opened. It carries no TLS settings and no key: the handshake takes them from the
/// settings of its moment.
#[derive(Debug, Clone)]
pub(crate) struct OpenRequest {
    pub(crate) carrier: Carrier,
    pub(crate) target: Target,
    /// Handshake only: what the server shows is kept as [`Probed`], and the link stays closed.
    pub(crate) probe: bool,
}

/// What the running command asks a task to open; there is one command at a time.
pub(crate) type Asked = RefCell<Option<OpenRequest>>;

/// Bytes of the payload buffer on their way out.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Outgoing {
    pub(crate) len: usize,
    /// UDP: this one goes there.
    pub(crate) to: Option<SocketAddr>,
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
    pub(crate) protocol: Protocol,
    pub(crate) terminal: Terminal,
    /// The peer; with UDP whom the next datagram goes to.
    pub(crate) remote: SocketAddr,
    /// 0 where the network stack does not tell it.
    pub(crate) local_port: u16,
    /// UDP: what decides the peer.
    pub(crate) udp: Option<UdpMode>,
}

impl LinkStatus {
    pub(crate) const fn transport(&self) -> Transport {
        let family = if self.remote.is_ipv4() {
            Family::V4
        } else {
            Family::V6
        };
        Transport::new(self.protocol, family)
    }
}

/// One link's mailbox.
pub(crate) struct Link<'a> {
    pub(crate) id: LinkId,
    /// [`Asked`] has a request for this link.
    pub(crate) open: Signal<NoopRawMutex, ()>,
    pub(crate) opened: Signal<NoopRawMutex, Result<(), Why>>,
    /// Between `open` and `opened`.
    opening: Cell<bool>,
    pub(crate) close: Signal<NoopRawMutex, CloseBy>,
    /// Whether it was closed by the command that waits for this.
    pub(crate) closed: Signal<NoopRawMutex, bool>,
    /// Bytes of the payload buffer are to be sent.
    pub(crate) send: Signal<NoopRawMutex, Outgoing>,
    /// Whether they were.
    pub(crate) sent: Signal<NoopRawMutex, bool>,
    /// `None` while closed.
    pub(crate) status: Cell<Option<LinkStatus>>,
    /// The host has read that the link is open: data may be printed.
    pub(crate) announced: Signal<NoopRawMutex, ()>,
    /// What arrived.
    pub(crate) inbox: &'a Inbox,
    /// A send was asked for and not answered.
    pub(crate) sending: Cell<bool>,
    /// Why the last attempt or session ended.
    pub(crate) reason: RefCell<Option<Why>>,
}

impl<'a> Link<'a> {
    pub(crate) const fn new(id: LinkId, inbox: &'a Inbox) -> Self {
        Self {
            id,
            open: Signal::new(),
            opened: Signal::new(),
            opening: Cell::new(false),
            close: Signal::new(),
            closed: Signal::new(),
            send: Signal::new(),
            sent: Signal::new(),
            status: Cell::new(None),
            announced: Signal::new(),
            inbox,
            sending: Cell::new(false),
            reason: RefCell::new(None),
        }
    }

    /// A link whose task was dropped is closed, and what was asked of it is void.
    pub(crate) fn forget(&self) {
        self.open.reset();
        self.opened.reset();
        self.opening.set(false);
        self.close.reset();
        self.closed.reset();
        self.send.reset();
        self.sent.reset();
        self.announced.reset();
        self.inbox.reset();
        self.status.set(None);
        self.sending.set(false);
    }

    /// Neither open nor being opened.
    pub(crate) const fn is_free(&self) -> bool {
        self.status.get().is_none() && !self.opening.get()
    }

    pub(crate) fn is_open(&self) -> bool {
        self.status.get().is_some()
    }

    /// Open, and by a client of our server.
    pub(crate) fn is_accepted(&self) -> bool {
        self.status
            .get()
            .is_some_and(|status| status.terminal == Terminal::Server)
    }

    fn clear_signals(&self) {
        self.close.reset();
        self.closed.reset();
        self.send.reset();
        self.announced.reset();
    }

    /// Opens the connection, in the task of `session` if there is one, else in the link's own. The AT
    /// port is served meanwhile by whoever else is polled.
    pub(crate) async fn connect(
        &self,
        asked: &Asked,
        request: OpenRequest,
        session: Option<&tls::Slot>,
    ) -> Result<(), Why> {
        self.opened.reset();
        self.clear_signals();
        self.opening.set(true);
        asked.replace(Some(request));
        match session {
            Some(slot) => slot.give(self.id),
            None => self.open.signal(()),
        }
        self.opened().await
    }

    /// Gives up a [`Self::connect`] that was dropped; the link is closed afterwards.
    pub(crate) async fn give_up(&self) {
        self.close.signal(CloseBy::Interface);
        if self.opening.get() && self.opened().await.is_ok() {
            // It had come to be in the meantime.
            self.announced.signal(());
            self.closed.wait().await;
        }
    }

    /// What became of [`Self::connect`].
    pub(crate) async fn opened(&self) -> Result<(), Why> {
        let result = self.opened.wait().await;
        self.opening.set(false);
        result
    }

    /// A client has opened the connection.
    fn accept(&self, status: LinkStatus) {
        self.clear_signals();
        self.begin(status);
    }

    fn begin(&self, status: LinkStatus) {
        self.reason.replace(None);
        self.send.reset();
        self.inbox.reset();
        self.status.set(Some(status));
    }

    /// Closes an open connection and waits until it is. False if it ended by itself meanwhile, and
    /// said so.
    pub(crate) async fn disconnect(&self) -> bool {
        self.closed.reset();
        self.close.signal(CloseBy::Host);
        self.closed.wait().await
    }

    /// Sends bytes of the payload buffer; false if the network did not take them.
    ///
    /// Dropping it leaves the link sending; the next call waits for that.
    pub(crate) async fn transmit(&self, outgoing: Outgoing) -> bool {
        if self.sending.get() {
            self.sent.wait().await;
            self.sending.set(false);
        }
        if self.status.get().is_none() {
            return false;
        }
        self.sent.reset();
        self.sending.set(true);
        self.send.signal(outgoing);
        let sent = self.sent.wait().await;
        self.sending.set(false);
        sent
    }

    pub(crate) fn remember(&self, reason: Why) {
        espat_log::info!(
            "link {}: {} refused or ended, mbedtls {}, flags {}",
            self.id.get(),
            reason.stage.as_str(),
            reason.mbedtls(),
            reason.verify_flags()
        );
        *self.reason.borrow_mut() = Some(reason);
    }
}
