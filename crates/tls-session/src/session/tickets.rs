//! Tickets, by which a session to a server that was met before costs no signature.

use crate::resumption::Fields;

#[cfg(feature = "rustls")]
use tls_provider::sync::Arc;

#[cfg(feature = "rustls")]
use crate::engine::rustls::store::{self, Key, Store};
#[cfg(feature = "rustls")]
use crate::policy::Policy;
#[cfg(feature = "rustls")]
use crate::resumption::digest;

/// The tickets of a program, in RAM alone. A copy is a reference to the same tickets.
///
/// A ticket is used for the server, under the policy, it was received under, and for no other: whatever changes in
/// either, the handshake is a full one. It is used once, for 24 hours at most since the server signed, and not after a
/// certificate of its path has expired or a clock was set back. Its secret is wiped when it goes.
///
/// Only rustls resumes: in a build without it there are never any.
#[derive(Clone)]
pub struct Tickets {
    #[cfg(feature = "rustls")]
    pub(crate) store: Arc<Store>,
}

impl core::fmt::Debug for Tickets {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Tickets")
    }
}

impl Tickets {
    /// Servers whose tickets are kept, each under one policy; that of the oldest ticket is forgotten for another.
    #[cfg(feature = "rustls")]
    pub const MAX_SERVERS: usize = store::MAX_SERVERS;
    /// Tickets that are kept of each.
    #[cfg(feature = "rustls")]
    pub const MAX_PER_SERVER: usize = store::MAX_PER_SERVER;
    /// Bytes that are kept, with the chain of a server for each of its tickets.
    #[cfg(feature = "rustls")]
    pub const MAX_BYTES: usize = store::MAX_BYTES;
    /// Seconds since a server's signature for which its tickets are used.
    #[cfg(feature = "rustls")]
    pub const MAX_AGE: u64 = store::MAX_AGE;

    /// None yet. `uptime` counts seconds from the start of the program, whatever becomes of a wall clock.
    #[must_use]
    pub fn new(uptime: fn() -> u64) -> Self {
        #[cfg(not(feature = "rustls"))]
        let _ = uptime;
        Self {
            #[cfg(feature = "rustls")]
            store: Arc::new(Store::new(uptime)),
        }
    }

    /// Forgets all tickets, also those that sessions which are open now will receive.
    ///
    /// For whoever changes what sessions are checked by: a ticket that does not fit is never used in any case.
    pub fn forget_all(&self) {
        #[cfg(feature = "rustls")]
        self.store.forget_all();
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        #[cfg(feature = "rustls")]
        return self.store.count();
        #[cfg(not(feature = "rustls"))]
        0
    }
}

/// Lets a session to one server be resumed, or begin a series of sessions that can be: for
/// [`Connection::with_resumption`](crate::Connection::with_resumption).
#[derive(Clone, Debug)]
pub struct Resumption {
    #[cfg_attr(
        not(feature = "rustls"),
        expect(dead_code, reason = "only rustls resumes")
    )]
    pub(crate) tickets: Tickets,
    #[cfg_attr(
        not(feature = "rustls"),
        expect(dead_code, reason = "only rustls resumes")
    )]
    pub(crate) target: [u8; 32],
}

impl Resumption {
    /// To the server of that name or address, as it was asked for, and that port. `context` is whatever else a ticket is
    /// bound to; empty for nothing.
    #[must_use]
    pub fn new(tickets: Tickets, host: &str, port: u16, context: &[u8]) -> Self {
        let mut target = Fields::new();
        target.field(host.as_bytes());
        target.field(&port.to_be_bytes());
        target.field(context);
        Self {
            tickets,
            target: target.finish(),
        }
    }

    /// Seconds for which the next session under this policy could be resumed; `None` if it could not.
    #[cfg(feature = "rustls")]
    #[must_use]
    pub fn seconds_left(&self, policy: &Policy<'_>) -> Option<u64> {
        let key = Key::of(&self.target, &digest(policy));
        self.tickets.store.seconds_left(key, policy.peer.clock())
    }
}
