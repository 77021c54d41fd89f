//! How much heap a session of rustls may need, known before it begins.
//!
//! ```text
//! heap of a handshake = base + what the peer may send + our anchors + three times our identity
//!                     + where TLS 1.2 is offered with an identity: three times all handshake bytes
//! ```
//!
//! What the peer may send has caps ([`Caps`]), checked before rustls sees a byte of it. The rest is ours and known. The
//! constants are measured, on processors of 32 and of 64 bits, and a test on each compares the bound with what sessions
//! took: `tests/budget.rs`, and the scenario `engines` of the emulated board.

#[cfg(feature = "rustls")]
use alloc::vec::Vec;

use crate::policy::{PeerAuth, Policy, Versions};
use crate::sizes::FULL_RECORD;
use crate::verify::Version;

/// What a peer may make a session hold, in bytes. One for the whole program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Caps {
    /// All handshake messages of one flight: certificates and the list of authorities are most of it.
    pub flight: usize,
    /// A NewSessionTicket message.
    pub ticket: usize,
    /// All that a client of ours sends behind its first ClientHello until the handshake is over: its certificates are most
    /// of it.
    pub client: usize,
}

impl Caps {
    /// The largest: 24 KiB for a flight or what a client sends, 8 KiB for a ticket.
    pub const FULL: Self = Self {
        flight: 24 * 1024,
        ticket: 8 * 1024,
        client: 24 * 1024,
    };

    /// For processors with little RAM: chains of public authorities have 2 to 5 KiB, a list of authorities for client
    /// certificates the rest. Clients show two certificates, rarely three.
    pub const SMALL: Self = Self {
        flight: 8 * 1024,
        ticket: 4 * 1024,
        client: 4 * 1024,
    };

    /// Most bytes of a ClientHello.
    #[must_use]
    pub const fn hello(&self) -> usize {
        self.flight / 3
    }

    /// Most bytes that incomplete messages may take as records: a flight in records of 64 bytes, with 22 more for each.
    #[must_use]
    pub const fn records(&self) -> usize {
        self.flight + self.flight / 2
    }

    /// Most names of authorities in a CertificateRequest: a usual one has 50 to 150 bytes.
    #[must_use]
    pub const fn names(&self) -> usize {
        16 + self.flight / 128
    }
}

/// What of a server decides how much heap its sessions need.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ServerNeeds {
    /// What each session copies.
    pub(crate) own: Own,
    /// Whether a client is asked for a certificate.
    pub(crate) asks: bool,
    pub(crate) versions: Versions,
}

/// What a session copies of ours, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Own {
    /// Anchors, names and application protocols.
    pub anchors: usize,
    /// Certificates and key of a client identity; 0 for none.
    pub identity: usize,
}

impl Own {
    /// What a session under this policy copies.
    #[must_use]
    pub fn of(policy: &Policy<'_>) -> Self {
        let anchors: usize = match &policy.peer {
            PeerAuth::Chain { anchors, .. } => {
                let anchors = anchors.certificates().iter();
                anchors.map(|der| der.len().saturating_add(BLOCK)).sum()
            }
            PeerAuth::PreSharedKey(_) | PeerAuth::DangerAnyPeer => 0,
        };
        let names = policy.sni.map_or(0, |name| name.len().saturating_mul(2));
        let protocols: usize = policy.alpn.iter().map(|name| name.len() + BLOCK).sum();
        Self {
            anchors: anchors.saturating_add(names).saturating_add(protocols),
            identity: policy.identity.map_or(0, |identity| {
                let chain = identity.chain();
                let chain: usize = chain
                    .iter()
                    .map(|der| der.len().saturating_add(BLOCK))
                    .sum();
                chain.saturating_add(identity.key_bytes())
            }),
        }
    }

    /// What a session with a client copies of a server's certificates and of the names of its anchors.
    #[cfg(feature = "rustls")]
    pub(crate) fn of_server<'n>(chain: &[Vec<u8>], hints: impl Iterator<Item = &'n [u8]>) -> Self {
        let kept = |len: usize| len.saturating_add(BLOCK);
        Self {
            // Once in a list of the engine's, once in its message.
            anchors: hints.map(|name| kept(name.len()).saturating_mul(2)).sum(),
            identity: chain.iter().map(|der| kept(der.len())).sum(),
        }
    }
}

/// Most bytes of heap that a session takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Budget {
    /// Until its handshake is over.
    pub handshake: usize,
    /// While it is open, between its calls.
    pub idle: usize,
    /// In one piece.
    pub block: usize,
    /// For a record each way of an open session, where they are on the heap: open sessions share them.
    pub records: Records,
}

/// Bytes of heap for records of open sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Records {
    /// For one that is received.
    pub incoming: usize,
    /// For what is sealed at once.
    pub outgoing: usize,
}

impl Records {
    /// Where they are in buffers of the caller.
    pub const NONE: Self = Self {
        incoming: 0,
        outgoing: 0,
    };

    /// Both.
    #[must_use]
    pub const fn sum(self) -> usize {
        self.incoming.saturating_add(self.outgoing)
    }

    pub(crate) const fn of(self, direction: Direction) -> usize {
        match direction {
            Direction::In => self.incoming,
            Direction::Out => self.outgoing,
        }
    }

    pub(crate) const fn of_mut(&mut self, direction: Direction) -> &mut usize {
        match direction {
            Direction::In => &mut self.incoming,
            Direction::Out => &mut self.outgoing,
        }
    }

    /// What is left of them.
    pub(crate) const fn less(self, other: Self) -> Self {
        Self {
            incoming: self.incoming.saturating_sub(other.incoming),
            outgoing: self.outgoing.saturating_sub(other.outgoing),
        }
    }

    /// The larger one of each.
    pub(crate) const fn max(self, other: Self) -> Self {
        Self {
            incoming: max(self.incoming, other.incoming),
            outgoing: max(self.outgoing, other.outgoing),
        }
    }
}

/// Which way a record goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    In,
    Out,
}

/// Bytes of the buffers of a session for its whole life, where its engine needs that: the largest record in, and out what
/// fits two of ours.
pub(crate) const BUFFERS: [usize; 2] = [FULL_RECORD, 4096];

/// For a record each way: the largest with room for an alert's header behind it, and one of ours with what may have to be
/// sent before it.
pub(crate) const RECORDS: Records = Records {
    incoming: BUFFERS[0] + 5,
    outgoing: BUFFERS[1] / 2 + 288,
};

/// Entries of a ClientHello that are kept one by one: names, protocols, shares, pre-shared keys. Honest clients send
/// fewer than ten.
pub(crate) const MAX_ENTRIES: usize = 32;
/// Numbers in the lists of a ClientHello: suites, groups, schemes, versions. Honest clients send fewer than a hundred.
pub(crate) const MAX_NUMBERS: usize = 320;

/// Pointers of 8 bytes.
const WIDE: bool = usize::BITS > 32;
/// What a block takes beside its content: the allocator's, rounding, and twice the vector that names it.
pub const BLOCK: usize = if WIDE { 72 } else { 36 };
/// What sessions take beside what depends on either side's bytes: measured, all else of a bound is computed.
///
/// `cargo xtask stack` measures the same on riscv32, and fails where a session took more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fixed {
    /// Bytes of a handshake with a server: measured are 7,700, and on riscv32 6,257 (TLS 1.3 with resumption).
    pub handshake: usize,
    /// Bytes of an open session with a server: measured are 6,500, and on riscv32 4,291.
    pub idle: usize,
    /// Bytes of a handshake with a client: measured are 8,300, and on riscv32 6,335.
    pub server: usize,
    /// Bytes of an open session with a client: measured are 6,200, and on riscv32 4,384.
    pub server_idle: usize,
}

/// On this processor: what was measured, and about a quarter on it, or a twentieth on one of 32 bits.
pub const FIXED: Fixed = if WIDE {
    Fixed {
        handshake: 9_600,
        idle: 8_100,
        server: 10_400,
        server_idle: 7_700,
    }
} else {
    Fixed {
        handshake: 6_600,
        idle: 4_600,
        server: 6_700,
        server_idle: 4_600,
    }
};

/// Our own messages in TLS 1.2, beside the identity.
const OURS: usize = 1024;
/// A call of an open session beside the chain: a new key, an alert.
const CALL: usize = if WIDE { 2048 } else { 1024 };

/// Bytes that certificates of so many take: they are copied one by one.
#[must_use]
pub const fn copied(chain: usize) -> usize {
    chain + chain / 8
}

/// What a session may need; `buffer` is that of its incoming records, 0 where they are on the heap.
///
/// A program's allocator adds headers and leaves gaps, which are in these numbers: a session fits if they are free.
#[must_use]
pub const fn budget(caps: &Caps, versions: Versions, own: Own, buffer: usize) -> Budget {
    let chain = copied(caps.flight);
    let names = caps.names() * BLOCK;
    let buffers = Buffers::of(caps, buffer);
    let (again, transcript) = match versions.min() {
        Version::Tls13 => (names, 0),
        // At its end rustls copies the chain for a session store, by when the names are gone; and for a signature of
        // ours it keeps all handshake bytes, in a vector that doubles.
        Version::Tls12 if own.identity > 0 => {
            (max(names, chain), caps.flight + own.identity + OURS)
        }
        Version::Tls12 => (max(names, chain), 0),
    };
    let ours = own.anchors + 3 * own.identity;
    Budget {
        handshake: FIXED.handshake + chain + again + ours + 3 * transcript + buffers.handshake,
        idle: FIXED.idle + chain,
        block: max(max(caps.flight, buffers.block), 2 * transcript),
        records: buffers.records,
    }
}

/// What records take.
struct Buffers {
    handshake: usize,
    block: usize,
    records: Records,
}

impl Buffers {
    /// `buffer` is that of the caller.
    const fn of(caps: &Caps, buffer: usize) -> Self {
        let needed = caps.records();
        match buffer {
            // One for all messages of the handshake each way.
            0 => Self {
                handshake: needed + BUFFERS[1] + 2 * BLOCK,
                block: needed,
                records: RECORDS,
            },
            // Both the old and the new buffer are there while it grows.
            _ if needed > buffer => Self {
                handshake: 2 * needed,
                block: needed,
                records: Records::NONE,
            },
            _ => Self {
                handshake: 0,
                block: 0,
                records: Records::NONE,
            },
        }
    }
}

/// What a session with a client may need; `buffer` as above. `own` is what it shows, `asks` whether the client must show a certificate.
///
/// What all sessions of a server share is not in it.
#[must_use]
pub const fn server_budget(
    caps: &Caps,
    versions: Versions,
    own: Own,
    asks: bool,
    buffer: usize,
) -> Budget {
    // Shares, names and the like are copied once; a number becomes one of four bytes in a vector that doubles.
    let hello = max(
        2 * caps.hello(),
        caps.hello() + caps.hello() / 2 + MAX_ENTRIES * BLOCK + 12 * MAX_NUMBERS,
    );
    let chain = if asks { caps.client } else { 0 };
    let transcript = match versions.min() {
        Version::Tls12 if asks => caps.hello() + caps.client + own.identity + OURS,
        Version::Tls12 | Version::Tls13 => 0,
    };
    let buffers = Buffers::of(caps, buffer);
    let shown = chain + chain / 2 + 3 * transcript;
    let ours = own.anchors + 4 * own.identity + own.identity / 2;
    Budget {
        handshake: FIXED.server + ours + max(hello, shown) + buffers.handshake,
        idle: FIXED.server_idle + copied(chain),
        block: max(max(caps.hello(), chain), max(buffers.block, 2 * transcript)),
        records: buffers.records,
    }
}

/// What one call of an open session takes for a while. For each ticket rustls copies the chain for a session store.
#[must_use]
pub const fn call(chain: usize) -> usize {
    CALL + copied(chain)
}

const fn max(one: usize, other: usize) -> usize {
    if one > other { one } else { other }
}
