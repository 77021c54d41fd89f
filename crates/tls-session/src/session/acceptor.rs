//! What the sessions of a server share.

#[cfg(feature = "rustls")]
use tls_provider::sync::Arc;

#[cfg(feature = "rustls")]
use crate::engine::rustls::served::Served;
use crate::evidence::Demand;
use crate::policy::ServerPolicy;
use crate::reason::Cause;
#[cfg(not(feature = "rustls"))]
use crate::reason::SetupError;

/// Longest name that a client asks for: a DNS name (RFC 1035 §3.1).
pub const MAX_NAME: usize = 253;

/// A server's policy with memory of its own, on the heap: its clients come long after the credentials were read.
///
/// A copy is a reference to the same memory. The private key is wiped with the last one.
#[derive(Clone)]
pub struct Acceptor {
    #[cfg(feature = "rustls")]
    pub(crate) served: Arc<Served>,
    /// Without an engine for servers there is none.
    #[cfg(not(feature = "rustls"))]
    pub(crate) never: core::convert::Infallible,
}

impl core::fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Acceptor")
    }
}

impl Acceptor {
    /// Whether this build has an engine for servers: feature `rustls`.
    pub const IS_HERE: bool = cfg!(feature = "rustls");

    /// The alert internal_error as a record, for a client that gets no session at all: sent before anything else, it needs no
    /// keys.
    pub const INTERNAL_ERROR: [u8; 7] = [21, 3, 3, 0, 2, 2, 80];

    /// Copies a policy.
    ///
    /// # Errors
    ///
    /// [`SetupError::NoServer`](crate::reason::SetupError::NoServer) in a build without an engine for it,
    /// [`SetupError::NoSuite`](crate::reason::SetupError::NoSuite) where nothing is left to agree on.
    #[cfg(feature = "rustls")]
    pub fn new(policy: &ServerPolicy<'_>) -> Result<Self, Cause> {
        let served = Arc::new(Served::new(policy)?);
        Ok(Self { served })
    }

    /// What decides how much heap a session needs.
    #[cfg(feature = "rustls")]
    pub(crate) fn needs(&self) -> crate::budget::ServerNeeds {
        self.served.needs()
    }

    /// Copies a policy.
    ///
    /// # Errors
    ///
    /// [`SetupError::NoServer`]: this build has no engine for it.
    #[cfg(not(feature = "rustls"))]
    pub fn new(_: &ServerPolicy<'_>) -> Result<Self, Cause> {
        Err(SetupError::NoServer.into())
    }

    /// What evidence has to cover.
    pub(super) fn demand(&self) -> Demand<'_> {
        #[cfg(feature = "rustls")]
        return self.served.demand();
        #[cfg(not(feature = "rustls"))]
        match self.never {}
    }
}
