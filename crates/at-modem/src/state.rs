//! What all parts of a running modem share, on one task: cells, not locks.

use core::cell::{Cell, RefCell};

use at_grammar::reply::{LinkConn, Remote};
use at_grammar::types::ReceiveMode;
use at_grammar::{LinkId, Reply, Suffix};
use embassy_time::Duration;
use partition_store::FlashStore;

use crate::buffers::Queues;
use crate::changes::Changes;
use crate::clock::WallClock;
use crate::flash::Flash;
use crate::links::Link;
use crate::links::server::Server;
use crate::links::state::{Connection, Request};
use crate::net::TcpOptions;
use crate::platform::Platform;
use crate::port::Port;
use crate::port::outlet::{Outlet, RingReader};
use crate::port::printer::Printer;
use crate::scratch::Scratch;
use crate::settings::links::TcpSettings;
use crate::settings::{Settings, Values};
use crate::station::Station;
use crate::time::Time;
use crate::tls::sessions::{Probed, Slot, no_memory};
use crate::user_ram::UserRam;
use crate::why::Why;

/// Links there are, each with settings of its own.
pub(crate) const LINKS: usize = LinkId::COUNT;

/// How what arrives on a link reaches the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// `+IPD` and the data.
    Active,
    /// `+IPD` and their number; the host fetches them.
    Passive,
    /// As they are: `AT+CIPMODE=1`.
    Raw,
}

/// What a modem is given, the flash apart.
pub(crate) struct Outside<'a, P: Platform> {
    pub(crate) net: &'a P::Net,
    pub(crate) extras: &'a P::Extras,
    pub(crate) wifi: &'a P::Wifi,
    pub(crate) rng: P::Rng,
    /// `None` for the modem's own.
    pub(crate) clock: Option<&'a WallClock>,
    pub(crate) board: &'a P::Board,
    pub(crate) commands: &'a P::Commands,
    pub(crate) identity: crate::Identity,
    pub(crate) legacy: bool,
}

pub(crate) struct Shared<'a, P: Platform> {
    pub(crate) net: &'a P::Net,
    pub(crate) extras: &'a P::Extras,
    pub(crate) wifi: &'a P::Wifi,
    pub(crate) flash: Flash<P::Flash>,
    pub(crate) rng: P::Rng,
    pub(crate) clock: &'a WallClock,
    pub(crate) board: &'a P::Board,
    pub(crate) commands: &'a P::Commands,
    pub(crate) identity: crate::Identity,
    pub(crate) legacy: bool,
    pub(crate) port: Port<'a>,
    pub(crate) links: [Link<'a>; LINKS],
    /// One of them has changed.
    pub(crate) links_changed: &'a Changes,
    pub(crate) server: Server,
    /// What was asked for last: passthrough opens it again.
    pub(crate) again: RefCell<Option<Request>>,
    /// What a probe found.
    pub(crate) probed: RefCell<Option<Probed<'a>>>,
    pub(crate) scratch: &'a Scratch,
    /// Tasks for TLS sessions: the first so many as the caller gave memory for.
    pub(crate) sessions: [Slot; LINKS],
    pub(crate) session_count: Cell<usize>,
    pub(crate) settings: Settings,
    pub(crate) user_ram: RefCell<UserRam>,
    /// The suffix of the running command's name.
    pub(crate) suffix: Cell<Option<Suffix>>,
    pub(crate) station: Station,
    pub(crate) time: Time,
}

impl<'a, P: Platform> Shared<'a, P> {
    pub(crate) fn new(
        parts: Outside<'a, P>,
        queues: &'a mut Queues,
        store: FlashStore<P::Flash>,
        settings: Settings,
    ) -> (Self, RingReader<'a>) {
        let Queues {
            output,
            payload,
            scratch,
            inboxes,
            link_changes,
            clock: own_clock,
        } = queues;
        let (outlet, ring) = Outlet::new(output);
        let (payload, scratch, inboxes) = (&*payload, &*scratch, &*inboxes);
        let link_changes = &*link_changes;
        for inbox in inboxes {
            // A life before this one may have left something.
            inbox.reset();
        }
        let [a, b, c, d, e] = LinkId::ALL;
        let [for_a, for_b, for_c, for_d, for_e] = inboxes;
        let Outside {
            net,
            extras,
            wifi,
            rng,
            clock,
            board,
            commands,
            identity,
            legacy,
        } = parts;
        let shared = Self {
            net,
            extras,
            wifi,
            flash: Flash::new(store),
            rng,
            clock: clock.unwrap_or(own_clock),
            board,
            commands,
            identity,
            legacy,
            port: Port::new(outlet, payload),
            links: [
                Link::new(a, for_a, link_changes),
                Link::new(b, for_b, link_changes),
                Link::new(c, for_c, link_changes),
                Link::new(d, for_d, link_changes),
                Link::new(e, for_e, link_changes),
            ],
            links_changed: link_changes,
            server: Server::new(),
            again: RefCell::new(None),
            probed: RefCell::new(None),
            scratch,
            sessions: [const { Slot::new() }; LINKS],
            session_count: Cell::new(0),
            settings,
            user_ram: RefCell::new(UserRam::new()),
            suffix: Cell::new(None),
            station: Station::new(),
            time: Time::new(),
        };
        (shared, ring)
    }
}

impl<P: Platform> Shared<'_, P> {
    /// The number of a link as messages carry it: with `AT+CIPMUX=1` only.
    pub(crate) fn label(&self, link: LinkId) -> Option<LinkId> {
        self.settings.read(|values| values.links.label(link))
    }

    /// Whether changes of links and station may be said: in passthrough only with `AT+SYSMSG` bit 2.
    pub(crate) fn says_status(&self) -> bool {
        !self.port.is_data_mode()
            || self
                .settings
                .read(|values| values.port.sysmsg.reports_in_passthrough())
    }

    /// How what arrives on `link` reaches the host.
    pub(crate) fn delivery(&self, link: &Link<'_>) -> Delivery {
        self.settings.read(|values| {
            let receive = values.links.receive.get(link.id.index());
            match (values.links.passthrough, receive) {
                (true, _) => Delivery::Raw,
                (false, Some(ReceiveMode::Passive)) => Delivery::Passive,
                (false, _) => Delivery::Active,
            }
        })
    }

    /// `AT+CIPTCPOPT` for a new connection of this link.
    pub(crate) fn tcp_options(&self, link: &Link<'_>) -> TcpOptions {
        let tcp = self.tcp_settings(link.id);
        TcpOptions {
            // Negative is off.
            linger: u32::try_from(tcp.linger)
                .ok()
                .map(|seconds| u16::try_from(seconds).unwrap_or(u16::MAX)),
            no_delay: tcp.no_delay,
            keep_alive: tcp.keep_alive,
        }
    }

    /// `AT+CIPTCPOPT` of a link.
    pub(crate) fn tcp_settings(&self, link: LinkId) -> TcpSettings {
        let tcp = |values: &Values| values.links.tcp.get(link.index()).copied();
        self.settings.read(tcp).unwrap_or_default()
    }

    /// `so_sndtimeo`, where it is set.
    pub(crate) fn send_timeout(&self, link: &Link<'_>) -> Option<Duration> {
        let tcp = self.tcp_settings(link.id);
        (tcp.send_timeout > 0).then(|| Duration::from_millis(u64::from(tcp.send_timeout)))
    }

    /// A task for one more TLS session.
    pub(crate) fn free_session(&self) -> Result<&Slot, Why> {
        let count = self.session_count.get();
        let free = self.sessions.iter().take(count).find(|slot| slot.is_free());
        free.ok_or_else(|| no_memory(count))
    }

    /// Prints `CLOSED` for a link.
    pub(crate) async fn print_closed(&self, link: LinkId) {
        let mut print = self.print_unsolicited().await;
        if self.says_status() {
            print.reply(&Reply::Closed(self.label(link))).await;
        }
    }

    /// The message that a link is open, as `AT+SYSMSG` bit 1 wants it.
    pub(crate) fn connected(&self, link: LinkId, connection: &Connection) -> Reply<'static> {
        if self
            .settings
            .read(|values| values.port.sysmsg.detailed_connect())
        {
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
            Reply::Connect(self.label(link))
        }
    }

    /// Prints `CONNECT` for a link that no command opened.
    pub(crate) async fn print_connected(&self, link: LinkId, connection: &Connection) {
        let mut print = self.print_unsolicited().await;
        if self.says_status() {
            print.reply(&self.connected(link, connection)).await;
        }
    }

    /// The port went away in the middle of anything: nothing of it is left for the next one.
    pub(crate) fn forget_port(&self) {
        self.port.forget();
        self.probed.replace(None);
        self.server.forget();
        for slot in &self.sessions {
            slot.forget();
        }
        for link in &self.links {
            link.forget();
        }
    }

    /// Whether any link is open.
    pub(crate) fn any_link_open(&self) -> bool {
        self.links.iter().any(Link::is_open)
    }
}

impl<P: Platform> Shared<'_, P> {
    /// Waits for the right to write.
    pub(crate) async fn print(&self) -> Printer<'_> {
        Printer::new(
            self.port.outlet.turn().await,
            &self.settings,
            self.suffix.get(),
        )
    }

    /// As [`Self::print`], for what no command asked for.
    pub(crate) async fn print_unsolicited(&self) -> Printer<'_> {
        Printer::new(self.port.outlet.unsolicited().await, &self.settings, None)
    }
}
