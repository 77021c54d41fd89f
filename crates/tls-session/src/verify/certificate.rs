//! What is kept of a peer's certificate once it was accepted.

use sha2::{Digest, Sha256};
use x509_facts::{Certificate, Timestamp};

use super::name::Names;
use crate::reason::{Text, cut};

/// The certificate of a peer, in a few bytes: the chain itself is gone when the handshake is over.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct PeerCertificate {
    /// Its subject, RFC 4514, cut at [`TEXT_LEN`](crate::reason::TEXT_LEN) bytes.
    pub subject: Text,
    /// Its subjectAltName, like `DNS:a.local, IP:192.0.2.1`: as many names as fit, then how many more. Empty for none.
    pub names: Text,
    /// SHA-256 of the DER.
    pub sha256: [u8; 32],
    /// When it expires.
    pub not_after: Timestamp,
}

impl PeerCertificate {
    /// Reads a certificate; `None` for one that cannot be read.
    #[must_use]
    pub fn of(der: &[u8]) -> Option<Self> {
        let facts = Certificate::parse(der).ok()?;
        Some(Self {
            subject: cut(facts.subject()),
            names: cut(Names::all(&facts)),
            sha256: Sha256::digest(der).into(),
            not_after: facts.validity().not_after,
        })
    }
}
