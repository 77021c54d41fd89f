//! What is larger than this build takes.

use core::fmt;

crate::reasons! {
    /// What is larger than this build takes.
    #[cfg_attr(feature = "defmt", derive(defmt::Format))]
    pub enum CapacityError {
        /// Something is larger than its limit.
        TooLarge {
            /// What.
            what: Limit,
            /// The size needed.
            needed: u32,
            /// The size there is.
            limit: u32,
        } => "too_large", -0x7200, 0, "{what} of {needed}, at most {limit} here";
        /// The heap has less than a session may need.
        NoMemory {
            /// Bytes that it may need.
            needed: u32,
            /// Bytes that are free, and promised to no other session.
            free: u32,
        } => "no_memory", -0x7F00, 0, "{needed} bytes of heap needed, {free} free";
        /// The heap is in pieces too small for a session.
        NoBlock {
            /// Bytes that it may need in one piece.
            needed: u32,
            /// Bytes of the largest piece.
            largest: u32,
        } => "no_memory", -0x7F00, 0, "{needed} bytes of heap needed in one piece, the largest has {largest}";
        /// A request of the engine's found no room, although its session had been let in.
        HeapExhausted {
            /// Bytes of the request.
            needed: u32,
            /// Bytes that were free, none of them in a piece large enough.
            free: u32,
        } => "no_memory", -0x7F00, 0, "the heap ran out: {needed} bytes needed, {free} free in pieces";
    }
}

impl CapacityError {
    pub(crate) fn too_large(what: Limit, needed: usize, limit: usize) -> Self {
        Self::TooLarge {
            what,
            needed: count(needed),
            limit: count(limit),
        }
    }

    #[cfg(feature = "rustls")]
    pub(crate) fn no_memory(needed: usize, free: usize) -> Self {
        Self::NoMemory {
            needed: count(needed),
            free: count(free),
        }
    }

    #[cfg(feature = "rustls")]
    pub(crate) fn no_block(needed: usize, largest: usize) -> Self {
        Self::NoBlock {
            needed: count(needed),
            largest: count(largest),
        }
    }

    #[cfg(feature = "rustls")]
    pub(crate) fn exhausted(needed: usize, free: usize) -> Self {
        Self::HeapExhausted {
            needed: count(needed),
            free: count(free),
        }
    }
}

fn count(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}

/// A kind of size that has a limit here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Limit {
    /// Bytes of the ServerHello message.
    ServerHello,
    /// Bytes of the ClientHello message.
    ClientHello,
    /// Bytes of a handshake message of the encrypted flight: it must fit one record.
    HandshakeMessage,
    /// Bytes of the handshake messages of one flight.
    Flight,
    /// Certificates in the server's chain.
    ChainLength,
    /// Entries of a list in a handshake message, other than certificates.
    Entries,
    /// Certificates in the CA item.
    Anchors,
    /// Bytes of our Certificate and CertificateVerify messages together.
    ClientChain,
    /// Bytes of the server's SubjectPublicKeyInfo.
    PublicKey,
    /// Bytes of the buffer for incoming records.
    RecordBuffer,
    /// Records in a row that bring no data.
    IdleRecords,
    /// Bytes of an application protocol to offer, of which there must be one at least.
    Protocol,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ServerHello => "ServerHello bytes",
            Self::ClientHello => "ClientHello bytes",
            Self::HandshakeMessage => "handshake message bytes",
            Self::Flight => "handshake bytes in a row",
            Self::ChainLength => "server certificates",
            Self::Entries => "handshake message entries",
            Self::Anchors => "CA certificates",
            Self::ClientChain => "bytes of our certificate messages",
            Self::PublicKey => "public key bytes",
            Self::RecordBuffer => "record bytes",
            Self::IdleRecords => "records without data",
            Self::Protocol => "application protocol bytes",
        })
    }
}
