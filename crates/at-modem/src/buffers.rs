//! Every large buffer of a modem, each with one job, handed over once.

#[cfg(not(feature = "heap-records"))]
use core::ops::{Deref, DerefMut};

use at_grammar::LinkId;
#[cfg(not(feature = "heap-records"))]
use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embassy_sync::mutex::Mutex;
#[cfg(not(feature = "heap-records"))]
use embassy_sync::mutex::MutexGuard;

use crate::changes::Changes;
use crate::clock::WallClock;
use crate::links::Inbox;
use crate::port::outlet::Ring;
use crate::port::{MAX_SEND, PayloadBuffer};
use crate::scratch::Scratch;
use crate::tls::credentials::{HandshakeMemory, Handshakes};

/// Queues and buffers of a modem with `TLS` sessions at once, 1 to 5.
///
/// 57 KB, 13 KB for the credentials of a handshake, and 21 KB for the records of each session; with `heap-records`
/// those are on the heap instead, while they are under way. A TLS link that finds all sessions taken is refused by name.
///
/// It belongs in a static of the caller, or in a box, not on a stack. All of it is zero at first, so
/// that a static takes no place in flash.
pub struct ModemBuffers<const TLS: usize> {
    pub(crate) queues: Queues,
    pub(crate) sessions: SessionMemory<TLS>,
}

/// What every modem needs, however many TLS sessions it has.
pub(crate) struct Queues {
    /// From the modem to the port.
    pub(crate) output: Ring,
    /// Bytes after a prompt, and nothing else.
    pub(crate) payload: PayloadBuffer,
    /// An image, value or chain that is looked at as a whole.
    pub(crate) scratch: Scratch,
    /// What arrived on each link.
    pub(crate) inboxes: [Inbox; LinkId::COUNT],
    /// Wakes whoever waits for a link.
    pub(crate) link_changes: Changes,
    /// For a board that brings no clock.
    pub(crate) clock: WallClock,
}

/// Records of one session.
#[cfg(not(feature = "heap-records"))]
pub(crate) type RecordMemory = tls_session::Memory;
/// Records of one session: there while they are under way.
#[cfg(feature = "heap-records")]
pub(crate) type RecordMemory = tls_session::HeapMemory;

/// Those of one slot: whoever has the slot has them, a link of ours or a client's.
pub(crate) struct Records(
    #[cfg(not(feature = "heap-records"))] Mutex<NoopRawMutex, RecordMemory>,
    #[cfg(feature = "heap-records")] (),
);

impl Records {
    const fn new() -> Self {
        #[cfg(not(feature = "heap-records"))]
        return Self(Mutex::new(RecordMemory::new()));
        #[cfg(feature = "heap-records")]
        Self(())
    }

    /// For one session. What is on the heap is free again when this is dropped.
    #[cfg(not(feature = "heap-records"))]
    pub(crate) async fn take(&self) -> RecordsInUse<'_> {
        RecordsInUse(self.0.lock().await)
    }

    /// For one session. What is on the heap is free again when this is dropped.
    #[cfg(feature = "heap-records")]
    #[expect(
        clippy::unused_async,
        reason = "without the feature there is one memory for each slot"
    )]
    pub(crate) async fn take(&self) -> RecordMemory {
        let Self(()) = self;
        RecordMemory::new()
    }
}

/// The records of a session, until they are dropped and wiped.
#[cfg(not(feature = "heap-records"))]
pub(crate) struct RecordsInUse<'r>(MutexGuard<'r, NoopRawMutex, RecordMemory>);

#[cfg(not(feature = "heap-records"))]
impl Deref for RecordsInUse<'_> {
    type Target = RecordMemory;

    fn deref(&self) -> &RecordMemory {
        &self.0
    }
}

#[cfg(not(feature = "heap-records"))]
impl DerefMut for RecordsInUse<'_> {
    fn deref_mut(&mut self) -> &mut RecordMemory {
        &mut self.0
    }
}

#[cfg(not(feature = "heap-records"))]
impl Drop for RecordsInUse<'_> {
    fn drop(&mut self) {
        self.0.wipe();
    }
}

/// Records of TLS sessions, and what handshakes read from flash; those take turns.
pub(crate) struct SessionMemory<const TLS: usize> {
    pub(crate) records: [Records; TLS],
    pub(crate) handshakes: Handshakes,
}

impl<const TLS: usize> ModemBuffers<TLS> {
    /// Bytes of it that are there for TLS.
    pub const TLS_BYTES: usize = size_of::<SessionMemory<TLS>>();

    /// All zero.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            queues: Queues {
                output: Ring::new(),
                payload: Mutex::new([0; MAX_SEND]),
                scratch: Scratch::new(),
                inboxes: [const { Inbox::new() }; LinkId::COUNT],
                link_changes: Changes::new(),
                clock: WallClock::new(),
            },
            sessions: SessionMemory {
                records: [const { Records::new() }; TLS],
                handshakes: Mutex::new(HandshakeMemory::new()),
            },
        }
    }
}

impl<const TLS: usize> Default for ModemBuffers<TLS> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const TLS: usize> core::fmt::Debug for ModemBuffers<TLS> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "ModemBuffers<{TLS}>")
    }
}
