//! Every large buffer of a modem, each with one job, handed over once.

use at_grammar::LinkId;
use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embassy_sync::mutex::Mutex;

use crate::changes::Changes;
use crate::clock::WallClock;
use crate::links::Inbox;
use crate::port::outlet::Ring;
use crate::port::{MAX_SEND, PayloadBuffer};
use crate::scratch::Scratch;
use crate::tls::credentials::{HandshakeMemory, Handshakes};

/// Queues and buffers of a modem with `TLS` sessions at once, 1 to 5.
///
/// 57 KB, 13 KB for the credentials of a handshake, and 22 KB for each session. Links without TLS need
/// none of the latter; a TLS link that finds all sessions taken is refused by name.
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

/// Records of one session: whoever has its slot has them, a link of ours or a client's.
pub(crate) type Records = Mutex<NoopRawMutex, tls_session::Memory>;

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
                records: [const { Mutex::new(tls_session::Memory::new()) }; TLS],
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
