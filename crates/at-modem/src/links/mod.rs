//! The five links: their states, and what commands and tasks do with them.
//!
//! ```text
//! command ── apply(Open), until(not Opening) ──▶ state ◀── until(Opening), apply(Connected) ── task
//!         ── apply(Send), until(not Sending) ──▶       ◀── until(Sending), apply(SendDone) ───
//!         ── apply(Close), until it ended ─────▶       ◀── until(Closing), apply(Released) ───
//! ```
//!
//! Nobody leaves a value for another to take: both look at the same state, so no answer is lost or left
//! over when one of them is dropped.

use core::cell::{Cell, RefCell};
use core::net::SocketAddr;

use at_grammar::reply::{LinkConn, Remote};
use at_grammar::types::Terminal;
use at_grammar::{LinkId, Reply};
use heapless::String;

use crate::changes::Changes;
use crate::settings::Settings;
use crate::why::{ModemError, Stage, Why, log_text};
use tls_session::reason::mbedtls_text;

pub(crate) mod inbox;
pub(crate) mod server;
pub(crate) mod state;

pub(crate) use inbox::Inbox;
use server::Server;
use state::{CloseBy, Connection, Event, LinkState, OutOfTurn, Outbound, Outgoing, Print, Request};

/// Most payload bytes of one `+IPD`, as the newer manual has it, and of one block of a passthrough.
pub(crate) const MAX_IPD: usize = 2920;

/// All of them, and the server that opens some.
pub(crate) struct Links<'a> {
    each: [Link<'a>; LinkId::COUNT],
    /// One of them has changed.
    changes: &'a Changes,
    pub(crate) server: Server,
    /// What was asked for last: passthrough opens it again.
    last_request: RefCell<Option<Request>>,
    /// The last command about TLS, where it was refused for its text.
    pub(crate) refused_line: RefCell<Option<RefusedLine>>,
}

/// A command about TLS that was refused before anything was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RefusedLine {
    /// The link it is about; `None` where the line does not say.
    pub(crate) link: Option<LinkId>,
    /// Its name.
    pub(crate) command: &'static str,
    /// What is wrong with it.
    pub(crate) cause: ModemError,
    /// The character that cannot stand there, counted from 1 in the line; `None` where each can.
    pub(crate) at: Option<usize>,
    /// The parameter at fault, as it stands in the line; empty where none is, and where it may be a secret.
    pub(crate) given: String<MAX_GIVEN>,
    /// What the parameter may be; empty where the sentence says so.
    pub(crate) allowed: &'static str,
}

/// Most bytes of a refused parameter that are shown.
pub(crate) const MAX_GIVEN: usize = 24;

impl RefusedLine {
    /// The same as the reason of a link.
    pub(crate) fn why(&self) -> Why {
        let why = Why::new(Stage::Setup, self.cause).wanting(self.allowed);
        let Self { given, command, .. } = self;
        match (self.at, given.is_empty()) {
            (None, true) => why.finding(command),
            (None, false) => why.finding(format_args!("{given} in {command}")),
            (Some(at), true) => why.finding(format_args!("character {at} of {command}")),
            (Some(at), false) => why.finding(format_args!("{given} in {command}, character {at}")),
        }
    }
}

impl<'a> Links<'a> {
    pub(crate) fn new(inboxes: &'a [Inbox; LinkId::COUNT], changes: &'a Changes) -> Self {
        for inbox in inboxes {
            // A life before this one may have left something.
            inbox.reset();
        }
        let [a, b, c, d, e] = LinkId::ALL;
        let [for_a, for_b, for_c, for_d, for_e] = inboxes;
        Self {
            each: [
                Link::new(a, for_a, changes),
                Link::new(b, for_b, changes),
                Link::new(c, for_c, changes),
                Link::new(d, for_d, changes),
                Link::new(e, for_e, changes),
            ],
            changes,
            server: Server::new(),
            last_request: RefCell::new(None),
            refused_line: RefCell::new(None),
        }
    }

    pub(crate) const fn each(&self) -> &[Link<'a>; LinkId::COUNT] {
        &self.each
    }

    pub(crate) fn get(&self, id: LinkId) -> Option<&Link<'a>> {
        self.each.get(id.index())
    }

    /// Whether any link is open.
    pub(crate) fn any_open(&self) -> bool {
        self.each.iter().any(Link::is_open)
    }

    /// Waits until `ready` returns something, looking again after each change of a link.
    pub(crate) async fn until<T>(&self, ready: impl FnMut() -> Option<T>) -> T {
        self.changes.until(ready).await
    }

    /// Keeps what passthrough opens again.
    pub(crate) fn keep_request(&self, request: Request) {
        self.last_request.replace(Some(request));
    }

    /// What was asked for last.
    pub(crate) fn last_request(&self) -> Option<Request> {
        self.last_request.borrow().clone()
    }

    /// Tasks were dropped: there is no server, and all links are closed.
    pub(crate) fn forget(&self) {
        self.server.forget();
        self.refused_line.replace(None);
        for link in &self.each {
            link.forget();
        }
    }
}

/// The message that a link is open, as `AT+SYSMSG` bit 1 wants it.
pub(crate) fn connected(
    settings: &Settings,
    link: LinkId,
    connection: &Connection,
) -> Reply<'static> {
    settings.read(|values| {
        if values.port.sysmsg.detailed_connect() {
            Reply::LinkConn(LinkConn {
                established: true,
                link,
                transport: connection.transport(),
                terminal: connection.terminal,
                remote: Remote {
                    ip: connection.remote.ip(),
                    port: connection.remote.port(),
                },
                local_port: connection.local_port,
            })
        } else {
            Reply::Connect(values.links.label(link))
        }
    })
}

/// One link.
pub(crate) struct Link<'a> {
    pub(crate) id: LinkId,
    state: RefCell<LinkState>,
    /// How many connections of this link are over, their `CLOSED` printed.
    ends: Cell<u32>,
    /// One of the links has changed.
    changes: &'a Changes,
    /// What arrived.
    pub(crate) inbox: &'a Inbox,
}

impl<'a> Link<'a> {
    pub(crate) const fn new(id: LinkId, inbox: &'a Inbox, changes: &'a Changes) -> Self {
        Self {
            id,
            state: RefCell::new(LinkState::CLOSED),
            ends: Cell::new(0),
            changes,
            inbox,
        }
    }

    /// The one way to change a link. Returns what is to be printed.
    ///
    /// # Errors
    ///
    /// The event came too early or too late, and changed nothing.
    pub(crate) fn apply(&self, event: Event) -> Result<Option<Print>, OutOfTurn> {
        // Whoever could go on once a result was seen could so when it came: nobody need look again.
        let is_news = !matches!(event, Event::SendSeen);
        let print = self.state.borrow_mut().on(event)?;
        if is_news {
            self.changes.note();
        }
        Ok(print)
    }

    /// Looks at the state. `read` must not come back here to change it.
    pub(crate) fn read<T>(&self, read: impl FnOnce(&LinkState) -> T) -> T {
        read(&self.state.borrow())
    }

    /// Waits until `ready` returns something. Dropping it loses nothing.
    pub(crate) async fn until<T>(&self, mut ready: impl FnMut(&LinkState) -> Option<T>) -> T {
        self.changes.until(|| self.read(&mut ready)).await
    }

    /// A link whose task was dropped is closed, and what was asked of it is void.
    pub(crate) fn forget(&self) {
        let _ = self.apply(Event::Forget);
        self.inbox.reset();
    }

    /// Neither open nor being opened.
    pub(crate) fn is_free(&self) -> bool {
        self.read(|state| matches!(state, LinkState::Closed { .. }))
    }

    pub(crate) fn is_open(&self) -> bool {
        self.connection().is_some()
    }

    /// Open, and by a client of our server.
    pub(crate) fn is_accepted(&self) -> bool {
        self.connection()
            .is_some_and(|connection| connection.terminal == Terminal::Server)
    }

    pub(crate) fn connection(&self) -> Option<Connection> {
        self.read(|state| state.connection().copied())
    }

    /// The sender to show with data, if `AT+CIPDINFO=1`.
    pub(crate) fn shown_sender(
        &self,
        settings: &Settings,
        from: Option<SocketAddr>,
    ) -> Option<Remote> {
        if !settings.read(|values| values.links.data_info.is_on()) {
            return None;
        }
        let peer = self.connection().map(|connection| connection.remote);
        from.or(peer).map(|remote| Remote {
            ip: remote.ip(),
            port: remote.port(),
        })
    }

    /// What is asked for, while nothing came of it yet.
    pub(crate) fn request(&self) -> Option<Request> {
        self.read(|state| match state {
            LinkState::Opening { request, .. } => Some(request.clone()),
            _ => None,
        })
    }

    /// Why the last attempt or connection ended.
    pub(crate) fn last(&self) -> Option<Why> {
        self.read(|state| state.last().cloned())
    }

    /// What became of [`Event::Open`]. With `Ok` the link waits for [`Event::Announced`].
    pub(crate) async fn opened(&self) -> Result<(), Why> {
        let opened = self.until(|state| match state {
            LinkState::Opening { .. } => None,
            LinkState::Refused { reason } => Some(Err(reason.clone())),
            _ => Some(Ok(())),
        });
        let result = opened.await;
        if result.is_err() {
            let _ = self.apply(Event::Seen);
        }
        result
    }

    /// Gives up an attempt to open that was dropped; the link is closed afterwards.
    pub(crate) async fn give_up(&self) {
        let before = self.ends();
        let _ = self.apply(Event::Close(CloseBy::Interface));
        if self.opened().await.is_ok() && self.is_open() {
            // It had come to be in the meantime.
            let _ = self.apply(Event::Announced);
            self.ended(before).await;
        }
    }

    /// A connection begins, ours or a client's.
    pub(crate) fn begin(&self, event: Event) {
        self.inbox.reset();
        let _ = self.apply(event);
    }

    /// Waits until the host has read that the link is open.
    pub(crate) async fn announced(&self) {
        self.until(|state| (!matches!(state, LinkState::Ready { .. })).then_some(()))
            .await;
    }

    /// Waits until the attempt to open the link is given up.
    pub(crate) async fn cancelled(&self) {
        self.until(|state| match state {
            LinkState::Opening { cancelled, .. } => cancelled.map(|_| ()),
            _ => None,
        })
        .await;
    }

    /// Waits until somebody wants the connection closed.
    pub(crate) async fn close_asked(&self) -> CloseBy {
        self.until(|state| match state {
            LinkState::Closing {
                ended: state::Ended::By(by),
                ..
            } => Some(*by),
            _ => None,
        })
        .await
    }

    /// Connections that are over.
    pub(crate) const fn ends(&self) -> u32 {
        self.ends.get()
    }

    /// One more is, and the host has read it.
    pub(crate) fn note_end(&self) {
        self.ends.set(self.ends.get().wrapping_add(1));
        self.changes.note();
    }

    /// Waits until a connection is over that was not when [`Self::ends`] returned `before`.
    pub(crate) async fn ended(&self, before: u32) {
        self.changes
            .until(|| (self.ends.get() != before).then_some(()))
            .await;
    }

    /// Closes an open connection and waits until it is. False if it ended by itself meanwhile, and
    /// `CLOSED` was printed.
    pub(crate) async fn disconnect(&self) -> bool {
        let before = self.ends();
        let _ = self.apply(Event::Close(CloseBy::Command));
        let ours = self.read(|state| match state {
            LinkState::Closing { ended, .. } => *ended == state::Ended::By(CloseBy::Command),
            LinkState::Ready { cancelled, .. } => *cancelled == Some(CloseBy::Command),
            _ => false,
        });
        self.ended(before).await;
        ours
    }

    /// Sends bytes of the payload buffer; false if the network did not take them.
    ///
    /// Dropping it leaves the link sending; the next call waits for that.
    pub(crate) async fn transmit(&self, outgoing: Outgoing) -> bool {
        // An earlier send may be under way, or `CONNECT` not be printed yet.
        self.until(|state| match state {
            LinkState::Ready { .. }
            | LinkState::Open {
                outbound: Outbound::Sending(_),
                ..
            } => None,
            _ => Some(()),
        })
        .await;
        let _ = self.apply(Event::SendSeen);
        if self.apply(Event::Send(outgoing)).is_err() {
            return false;
        }
        let sent = self.until(|state| match state {
            LinkState::Open { outbound, .. } => match outbound {
                Outbound::Sending(_) => None,
                Outbound::Done { sent } => Some(*sent),
                Outbound::Idle => Some(false),
            },
            _ => Some(false),
        });
        let sent = sent.await;
        let _ = self.apply(Event::SendSeen);
        sent
    }

    /// Waits while a send is under way.
    pub(crate) async fn sent(&self) {
        self.until(|state| match state {
            LinkState::Open {
                outbound: Outbound::Sending(_),
                ..
            } => None,
            _ => Some(()),
        })
        .await;
    }

    /// What a command wants sent.
    pub(crate) async fn outgoing(&self) -> Outgoing {
        self.until(|state| match state {
            LinkState::Open {
                outbound: Outbound::Sending(outgoing),
                ..
            } => Some(*outgoing),
            _ => None,
        })
        .await
    }

    /// Keeps why an attempt was refused.
    pub(crate) fn refuse(&self, reason: Why) {
        self.log(&reason);
        let _ = self.apply(Event::Refused(reason));
    }

    pub(crate) fn log(&self, reason: &Why) {
        espat_log::info!(
            "link {}: {} refused or ended: {} [{}], mbedtls -{:#06x} {}, flags {:#010x}",
            self.id.get(),
            reason.stage.as_str(),
            log_text(reason).as_str(),
            reason.code(),
            reason.mbedtls().unsigned_abs(),
            mbedtls_text(reason.mbedtls()),
            reason.verify_flags()
        );
    }
}
