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
    }
}

impl CapacityError {
    pub(crate) fn too_large(what: Limit, needed: usize, limit: usize) -> Self {
        Self::TooLarge {
            what,
            needed: u32::try_from(needed).unwrap_or(u32::MAX),
            limit: u32::try_from(limit).unwrap_or(u32::MAX),
        }
    }
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
            Self::Anchors => "CA certificates",
            Self::ClientChain => "bytes of our certificate messages",
            Self::PublicKey => "public key bytes",
            Self::RecordBuffer => "record bytes",
            Self::IdleRecords => "records without data",
            Self::Protocol => "application protocol bytes",
        })
    }
}
