//! Who has the memory for a TLS session, and what a probe found with it.

use core::cell::{Cell, RefCell};

use at_grammar::LinkId;
use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embassy_sync::signal::Signal;
use heapless::{String, Vec};

use embassy_time::Instant;
use tls_session::evidence::Negotiated;
use tls_session::{PeerCertificate, Tickets};

use crate::scratch::ScratchGuard;
use crate::settings::HostText;
use crate::why::{ModemError, Stage, Why};

/// A task that has the memory for a session, and what it is to do.
pub(crate) struct Slot {
    /// The link whose request is asked for.
    pub(crate) job: Signal<NoopRawMutex, LinkId>,
    /// From the job until the session is over.
    pub(crate) busy: Cell<bool>,
    /// Whom its open session is with, and for which link.
    peer: RefCell<Option<(LinkId, Peer)>>,
}

/// The other end of a session, for `AT+SSLPEER?`.
#[derive(Debug, Clone)]
pub(crate) struct Peer {
    pub(crate) negotiated: Negotiated,
    /// The name that was sent in ClientHello.
    pub(crate) sni: HostText,
    /// The application protocol that was chosen.
    pub(crate) alpn: Vec<u8, 64>,
    /// `None` with a pre-shared key.
    pub(crate) certificate: Option<PeerCertificate>,
    /// The session resumes an earlier one.
    pub(crate) resumed: bool,
}

impl Slot {
    /// A session is open.
    pub(crate) fn begin(&self, link: LinkId, peer: Peer) {
        self.peer.replace(Some((link, peer)));
    }

    /// It is over.
    pub(crate) fn end(&self) {
        // A `None` that is moved brings what the stack had along: none where there is one.
        if self.peer.borrow().is_some() {
            self.peer.replace(None);
        }
    }

    const fn new() -> Self {
        Self {
            job: Signal::new(),
            busy: Cell::new(false),
            peer: RefCell::new(None),
        }
    }

    /// A slot whose task was dropped is free.
    fn forget(&self) {
        self.job.reset();
        self.end();
        self.busy.set(false);
    }

    const fn is_free(&self) -> bool {
        !self.busy.get()
    }

    /// Takes it for a client of our server, until the claim is dropped.
    pub(crate) fn claim(&self) -> Claim<'_> {
        self.busy.set(true);
        Claim(self)
    }

    /// Gives a link's request to the task.
    pub(crate) fn give(&self, link: LinkId) {
        self.busy.set(true);
        self.job.signal(link);
    }
}

/// A slot that a client has, or that is being handed to it. Dropped at any time, the slot is free again.
pub(crate) struct Claim<'s>(&'s Slot);

impl Claim<'_> {
    /// The client's session is open, on this link.
    pub(crate) fn begin(&self, link: LinkId, peer: Peer) {
        self.0.begin(link, peer);
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        self.0.end();
        self.0.busy.set(false);
    }
}

/// All of them, and what a probe found.
pub(crate) struct TlsSessions<'s> {
    slots: [Slot; LinkId::COUNT],
    /// How many of the slots have a task.
    count: usize,
    probed: RefCell<Option<Probed<'s>>>,
    /// For sessions of links to servers.
    tickets: Tickets,
}

impl<'s> TlsSessions<'s> {
    pub(crate) fn new(count: usize) -> Self {
        Self {
            slots: [const { Slot::new() }; LinkId::COUNT],
            count,
            probed: RefCell::new(None),
            tickets: Tickets::new(|| Instant::now().as_secs()),
        }
    }

    /// The tickets of all links.
    pub(crate) const fn tickets(&self) -> &Tickets {
        &self.tickets
    }

    pub(crate) const fn slots(&self) -> &[Slot; LinkId::COUNT] {
        &self.slots
    }

    /// A slot for a client of our server, and its number.
    pub(crate) fn free_for_client(&self) -> Option<(usize, &Slot)> {
        let slots = self.slots.iter().take(self.count).enumerate();
        // From the end: our own links begin at the front.
        slots.rev().find(|(_, slot)| slot.is_free())
    }

    /// A task for one more session.
    pub(crate) fn free(&self) -> Result<&Slot, Why> {
        let mut slots = self.slots.iter().take(self.count);
        slots
            .find(|slot| slot.is_free())
            .ok_or_else(|| no_memory(self.count))
    }

    /// Whom a link's session is with.
    pub(crate) fn peer(&self, link: LinkId) -> Option<Peer> {
        let peers = self.slots.iter().map(|slot| slot.peer.borrow());
        peers
            .filter_map(|peer| peer.clone())
            .find_map(|(of, peer)| (of == link).then_some(peer))
    }

    /// Keeps what a probe found for the command that asked.
    pub(crate) fn keep_probed(&self, probed: Probed<'s>) {
        self.probed.replace(Some(probed));
    }

    /// What a probe found since this was called last.
    pub(crate) fn take_probed(&self) -> Option<Probed<'s>> {
        self.probed.take()
    }

    /// Tasks were dropped: all slots are free, and nobody waits for a probe. The next host begins without tickets.
    pub(crate) fn forget(&self) {
        if self.probed.borrow().is_some() {
            self.probed.replace(None);
        }
        self.tickets.forget_all();
        for slot in &self.slots {
            slot.forget();
        }
    }
}

/// No task for a session is free.
fn no_memory(sessions: usize) -> Why {
    let limit = u32::try_from(sessions).unwrap_or(u32::MAX);
    Why::new(
        Stage::Setup,
        ModemError::TooManySessions {
            needed: limit.saturating_add(1),
            limit,
        },
    )
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

/// Longest text of a policy: six words and a name.
pub(crate) const MAX_POLICY: usize = 144;
