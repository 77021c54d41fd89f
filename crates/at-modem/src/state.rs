//! What all parts of a running modem share, on one task: cells, not locks.

use core::cell::{Cell, RefCell};

use at_grammar::Reply;
use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embassy_sync::mutex::Mutex;
use embassy_sync::pipe::Pipe;
use embassy_sync::signal::Signal;
use partition_store::{FlashStore, PartitionStore};

use crate::clock::WallClock;
use crate::config::Config;
use crate::link::Link;
use crate::link::credentials::CredentialMemory;
use crate::output::Output;
use crate::platform::Platform;

/// Links of this release.
pub(crate) const LINKS: usize = 1;
/// Link ids that settings exist for.
pub(crate) const LINK_IDS: usize = 5;
/// Most bytes of one `CIPSEND`.
pub(crate) const MAX_SEND: usize = 8192;

/// Payload of the running command: what `CIPSEND` sends, or a partition image being read.
pub(crate) type Payload = Mutex<NoopRawMutex, [u8; MAX_SEND]>;

/// Room for TLS sessions: the caller's, because the caller knows what the chip can spare.
///
/// `TLS` sessions can be open at once, 1 to 5. Links without TLS need none of it; a TLS link that finds
/// all of it taken is refused by name.
pub struct ModemMemory<const TLS: usize> {
    sessions: [SessionMemory; TLS],
    credentials: Mutex<NoopRawMutex, CredentialMemory>,
}

/// The records of one session.
pub(crate) type SessionMemory = Mutex<NoopRawMutex, tls_session::Memory>;

/// A [`ModemMemory`] of any size.
#[derive(Clone, Copy)]
pub(crate) struct Memory<'m> {
    pub(crate) sessions: &'m [SessionMemory],
    /// One handshake runs at a time, for one command does.
    pub(crate) credentials: &'m Mutex<NoopRawMutex, CredentialMemory>,
}

impl<const TLS: usize> ModemMemory<TLS> {
    /// All zero.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            sessions: [const { Mutex::new(tls_session::Memory::new()) }; TLS],
            credentials: Mutex::new(CredentialMemory::new()),
        }
    }

    pub(crate) const fn parts(&self) -> Memory<'_> {
        Memory {
            sessions: &self.sessions,
            credentials: &self.credentials,
        }
    }
}

impl<const TLS: usize> Default for ModemMemory<TLS> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const TLS: usize> core::fmt::Debug for ModemMemory<TLS> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "ModemMemory<{TLS}>")
    }
}

/// What input means while a command runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// The command ends by itself at once; input waits in the buffer.
    Instant,
    /// The command waits for something outside: input is answered with `busy p...`.
    Long,
    /// This many bytes of input are the command's payload.
    Payload(usize),
}

/// Station state as `AT+CIPSTATUS` tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Station {
    /// A join was tried since start.
    pub(crate) tried: bool,
    /// A join is on its way.
    pub(crate) joining: bool,
    /// A link existed since the last address.
    pub(crate) had_link: bool,
}

/// What a modem is given, the flash apart.
pub(crate) struct Outside<'a, P: Platform> {
    pub(crate) net: &'a P::Net,
    pub(crate) wifi: &'a P::Wifi,
    pub(crate) rng: P::Rng,
    pub(crate) clock: &'a WallClock,
    pub(crate) board: &'a P::Board,
    pub(crate) identity: crate::Identity,
}

pub(crate) struct Shared<'a, P: Platform> {
    pub(crate) net: &'a P::Net,
    pub(crate) wifi: &'a P::Wifi,
    pub(crate) store: Mutex<NoopRawMutex, FlashStore<P::Flash>>,
    pub(crate) rng: P::Rng,
    pub(crate) clock: &'a WallClock,
    pub(crate) board: &'a P::Board,
    pub(crate) identity: crate::Identity,
    pub(crate) output: Output,
    pub(crate) links: [Link; LINKS],
    pub(crate) payload: Payload,
    /// Payload bytes on their way from the port to the command.
    pub(crate) intake: Pipe<NoopRawMutex, 512>,
    pub(crate) phase: Cell<Phase>,
    pub(crate) phase_changed: Signal<NoopRawMutex, ()>,
    pub(crate) config: RefCell<Config>,
    pub(crate) station: Cell<Station>,
    /// `AT+CIPSNTPCFG` came, or the network did.
    pub(crate) sync_time: Signal<NoopRawMutex, ()>,
    /// `AT+CIPSNTPCFG` came: what the servers said before counts no longer.
    pub(crate) servers_renewed: Cell<bool>,
    /// `AT+CIPSNTPINTV` came.
    pub(crate) interval_changed: Signal<NoopRawMutex, ()>,
    /// The stored network is to be joined.
    pub(crate) join_stored: Signal<NoopRawMutex, ()>,
    /// A command takes the station over.
    pub(crate) stop_joining: Signal<NoopRawMutex, ()>,
}

impl<'a, P: Platform> Shared<'a, P> {
    pub(crate) fn new(parts: Outside<'a, P>, store: FlashStore<P::Flash>, config: Config) -> Self {
        let Outside {
            net,
            wifi,
            rng,
            clock,
            board,
            identity,
        } = parts;
        Self {
            net,
            wifi,
            store: Mutex::new(store),
            rng,
            clock,
            board,
            identity,
            output: Output::new(),
            links: [Link::new(0)],
            payload: Mutex::new([0; MAX_SEND]),
            intake: Pipe::new(),
            phase: Cell::new(Phase::Instant),
            phase_changed: Signal::new(),
            config: RefCell::new(config),
            station: Cell::new(Station::default()),
            sync_time: Signal::new(),
            servers_renewed: Cell::new(false),
            interval_changed: Signal::new(),
            join_stored: Signal::new(),
            stop_joining: Signal::new(),
        }
    }
}

impl<P: Platform> Shared<'_, P> {
    pub(crate) fn set_phase(&self, phase: Phase) {
        self.phase.set(phase);
        self.phase_changed.signal(());
    }

    /// Prints `CLOSED` for a link.
    pub(crate) async fn print_closed(&self, _link: u8) {
        self.print().await.reply(&Reply::Closed(None)).await;
    }

    /// Notes that a join begins or is over.
    pub(crate) fn note_joining(&self, joining: bool) {
        let mut station = self.station.get();
        station.tried = true;
        station.joining = joining;
        self.station.set(station);
    }

    /// The port went away in the middle of anything: nothing of it is left for the next one.
    pub(crate) fn forget_port(&self) {
        self.intake.clear();
        for link in &self.links {
            link.forget();
        }
    }

    /// Whether any link is open.
    pub(crate) fn any_link_open(&self) -> bool {
        self.links.iter().any(|link| link.status.get().is_some())
    }
}

impl<P: Platform> Shared<'_, P> {
    /// The first bytes of a user partition, as many as fit. `None` if it is not there or cannot be read.
    pub(crate) async fn read_partition<'b>(
        &self,
        name: &str,
        into: &'b mut [u8],
    ) -> Option<&'b [u8]> {
        let mut store = self.store.lock().await;
        let mut region = store.user_region(name).ok()?;
        let size = usize::try_from(region.size()).ok()?;
        let len = size.min(into.len());
        let into = into.get_mut(..len)?;
        region.read_at(0, into).await.ok()?;
        Some(into)
    }
}
