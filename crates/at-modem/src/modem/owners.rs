//! The owners of a modem's state, and who is given which of them.

use core::cell::RefCell;

use at_grammar::Dialect;
use partition_store::FlashStore;

use crate::buffers::Queues;
use crate::clock::WallClock;
use crate::cx::Cx;
use crate::flash::Flash;
use crate::links::Links;
use crate::platform::Platform;
use crate::port::Port;
use crate::port::outlet::{Outlet, RingReader};
use crate::scratch::Scratch;
use crate::settings::Settings;
use crate::station::Station;
use crate::task::owners::{LinkOwners, PortOwners};
use crate::task::station::StationOwners;
use crate::task::time::TimeOwners;
use crate::task::tls::SessionOwners;
use crate::time::Time;
use crate::tls::sessions::TlsSessions;
use crate::user_ram::UserRam;

/// What a modem is given, the flash apart.
pub(super) struct Outside<'a, P: Platform> {
    pub(super) net: &'a P::Net,
    pub(super) extras: &'a P::Extras,
    pub(super) wifi: &'a P::Wifi,
    pub(super) rng: P::Rng,
    /// `None` for the modem's own.
    pub(super) clock: Option<&'a WallClock>,
    pub(super) board: &'a P::Board,
    pub(super) commands: &'a P::Commands,
    pub(super) product: crate::ProductInfo,
    pub(super) legacy: bool,
}

/// Nobody but [`Modem`](super::Modem) has this: the others get references to what they need.
pub(super) struct Owners<'a, P: Platform> {
    net: &'a P::Net,
    extras: &'a P::Extras,
    pub(super) wifi: &'a P::Wifi,
    rng: P::Rng,
    board: &'a P::Board,
    commands: &'a P::Commands,
    product: crate::ProductInfo,
    pub(super) clock: &'a WallClock,
    scratch: &'a Scratch,
    pub(super) settings: Settings,
    pub(super) flash: Flash<P::Flash>,
    pub(super) port: Port<'a>,
    pub(super) links: Links<'a>,
    tls: TlsSessions<'a>,
    pub(super) station: Station,
    time: Time,
    user_ram: RefCell<UserRam>,
}

impl<'a, P: Platform> Owners<'a, P> {
    /// With the reader of what the port is to get.
    pub(super) fn new(
        outside: Outside<'a, P>,
        queues: &'a mut Queues,
        sessions: usize,
        store: FlashStore<P::Flash>,
    ) -> (Self, RingReader<'a>) {
        let (outlet, ring) = Outlet::new(&mut queues.output);
        let dialect = if outside.legacy {
            Dialect::Legacy
        } else {
            Dialect::EspAt
        };
        let owners = Self {
            net: outside.net,
            extras: outside.extras,
            wifi: outside.wifi,
            rng: outside.rng,
            board: outside.board,
            commands: outside.commands,
            product: outside.product,
            clock: outside.clock.unwrap_or(&queues.clock),
            scratch: &queues.scratch,
            settings: Settings::new(),
            flash: Flash::new(store),
            port: Port::new(outlet, &queues.payload, dialect),
            links: Links::new(&queues.inboxes, &queues.link_changes),
            tls: TlsSessions::new(sessions),
            station: Station::new(),
            time: Time::new(),
            user_ram: RefCell::new(UserRam::new()),
        };
        (owners, ring)
    }

    /// The port went away in the middle of anything: nothing of it is left for the next one.
    pub(super) fn forget_port(&self) {
        self.port.forget();
        self.tls.forget();
        self.links.forget();
    }

    /// For commands.
    pub(super) const fn cx(&self) -> Cx<'_, 'a, P> {
        Cx {
            net: self.net,
            extras: self.extras,
            wifi: self.wifi,
            board: self.board,
            commands: self.commands,
            clock: self.clock,
            product: &self.product,
            settings: &self.settings,
            flash: &self.flash,
            port: &self.port,
            links: &self.links,
            station: &self.station,
            time: &self.time,
            tls: &self.tls,
            scratch: self.scratch,
            user_ram: &self.user_ram,
        }
    }

    const fn host(&self) -> PortOwners<'_> {
        PortOwners {
            port: &self.port,
            settings: &self.settings,
        }
    }

    /// For the tasks of links, and of the server.
    pub(super) const fn for_links(&self) -> LinkOwners<'_, P> {
        LinkOwners {
            net: self.net,
            extras: self.extras,
            rng: &self.rng,
            links: &self.links,
            station: &self.station,
            board: self.board,
            host: self.host(),
        }
    }

    /// For the tasks of TLS sessions.
    pub(super) fn for_sessions<'r>(
        &'r self,
        links: &'r LinkOwners<'r, P>,
    ) -> SessionOwners<'r, 'a, P> {
        SessionOwners {
            links,
            flash: &self.flash,
            clock: self.clock,
            scratch: self.scratch,
            tls: &self.tls,
            #[cfg(feature = "rustls")]
            server_keys: match crate::platform::Board::serves_with_slow_keys(self.board) {
                true => crate::tls::credentials::ServerKeys::Any,
                false => crate::tls::credentials::ServerKeys::Quick,
            },
            #[cfg(feature = "rustls")]
            ledger: crate::platform::Board::ledger(self.board),
        }
    }

    /// For the tasks of the station.
    pub(super) const fn for_station(&self) -> StationOwners<'_, P> {
        StationOwners {
            wifi: self.wifi,
            station: &self.station,
            time: &self.time,
            links: &self.links,
            host: self.host(),
        }
    }

    /// For the task of the time.
    pub(super) const fn for_time(&self) -> TimeOwners<'_, P> {
        TimeOwners {
            net: self.net,
            wifi: self.wifi,
            rng: &self.rng,
            clock: self.clock,
            flash: &self.flash,
            time: &self.time,
            host: self.host(),
        }
    }
}
