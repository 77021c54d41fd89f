//! What a server shows, and what it asks of its clients.

use core::fmt;

use super::{Anchors, MasterSecret, Versions};
use crate::identity::Identity;
use crate::version::Version;

/// Whether clients must prove who they are. There is no default.
#[derive(Debug, Clone, Copy)]
pub enum ClientAuth<'a> {
    /// No certificate is asked for: whoever reaches the port gets a session.
    NotAsked,
    /// A client without a certificate that leads to one of these, valid now and for the use of a client, gets no
    /// session.
    Required(Anchors<'a>),
}

/// Everything a session with a client must be before it may carry a byte.
///
/// The clock is not part of it: a server outlives a reading of the time.
#[derive(Debug, Clone, Copy)]
pub struct ServerPolicy<'a> {
    /// Who we are. There is one identity, whatever name a client asks for.
    pub identity: &'a Identity<'a>,
    /// Who clients must be.
    pub clients: ClientAuth<'a>,
    /// Versions taken.
    pub versions: Versions,
    /// Cipher suites taken, by their IANA numbers; empty for all that there are.
    pub suites: &'a [u16],
    /// What is asked of the keys of TLS 1.2.
    pub master_secret: MasterSecret,
}

impl<'a> ServerPolicy<'a> {
    /// TLS 1.2 and 1.3, all suites.
    #[must_use]
    pub const fn new(identity: &'a Identity<'a>, clients: ClientAuth<'a>) -> Self {
        Self {
            identity,
            clients,
            versions: Versions::ALL,
            suites: &[],
            master_secret: MasterSecret::Asked,
        }
    }
}

/// `client=none`, or `client=must,chain,dates`, with `,rfc5280` for [`Profile::Strict`](super::Profile::Strict); behind it what [`Policy`](super::Policy) prints of versions and keys.
impl fmt::Display for ServerPolicy<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.clients {
            ClientAuth::NotAsked => f.write_str("client=none")?,
            ClientAuth::Required(anchors) => {
                f.write_str("client=must,chain,dates")?;
                f.write_str(anchors.profile().as_suffix())?;
            }
        }
        match (self.versions.min(), self.versions.max()) {
            (Version::Tls12, Version::Tls13) => {}
            (Version::Tls12, Version::Tls12) => f.write_str(",tls1.2")?,
            (Version::Tls13, _) => f.write_str(",tls1.3")?,
        }
        if self.master_secret == MasterSecret::Required {
            f.write_str(",extended-master-secret")?;
        }
        Ok(())
    }
}
