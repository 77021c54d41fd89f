//! Record and handshake engines behind one seam. Only [`session`](crate::session) runs them; what they saw comes back
//! as [`Evidence`].
//!
//! ```text
//! session ─▶ Any ─┬─▶ embedded_tls   TLS 1.3, pre-shared keys, no allocator
//!                 └─▶ rustls         TLS 1.2 and 1.3, allocates
//! ```
//!
//! The policy chooses at run time; no public type depends on which engines are built in.

use embedded_io_async::{Read, Write};
use rand_core::CryptoRngCore;

use crate::evidence::Evidence;
use crate::policy::Policy;
use crate::reason::{CapacityError, Limit, Reason};
use crate::session::Deadlines;
use crate::transport::Transport;

mod any;
#[cfg(not(feature = "embedded-tls"))]
mod bare;
#[cfg(feature = "embedded-tls")]
pub(crate) mod embedded_tls;
#[cfg(feature = "rustls")]
pub(crate) mod rustls;

pub(crate) use any::{Any, AnyReader, AnyWriter};
// What stands beside a connection.
#[cfg(not(feature = "embedded-tls"))]
pub(crate) use bare::{Incoming, Shared};
#[cfg(feature = "embedded-tls")]
pub(crate) use embedded_tls::{guard::Incoming, state::Shared};

/// Bytes of the outgoing buffer that hold no content: the record's header, and the expansion by the cipher, for which
/// `embedded_tls` keeps 128 bytes free.
pub(crate) const OVERHEAD: usize = 5 + 128;

/// Records in a row without data, after which a server is only keeping us busy.
pub(crate) const MAX_IDLE_RECORDS: u32 = 64;

/// Milliseconds without a record after which the count begins again: an idle link gets a ticket now and then, for days.
pub(crate) const QUIET_MS: u32 = 30_000;

/// Longest name of an application protocol that is offered: the registry has none of half that length.
pub(crate) const MAX_PROTOCOL: usize = 64;

/// Whether the application protocols can be offered.
pub(crate) fn check_protocols(policy: &Policy<'_>) -> Result<(), CapacityError> {
    let legal = 1..=MAX_PROTOCOL;
    match policy.alpn.iter().find(|name| !legal.contains(&name.len())) {
        Some(name) => Err(CapacityError::too_large(
            Limit::Protocol,
            name.len(),
            MAX_PROTOCOL,
        )),
        None => Ok(()),
    }
}

/// The cipher suites of all engines of this build.
pub(crate) fn suites() -> impl Iterator<Item = u16> {
    #[cfg(feature = "rustls")]
    // Those of the other engine are among them.
    return tls_provider::SUITES
        .iter()
        .map(|suite| suite.suite().into());
    #[cfg(not(feature = "rustls"))]
    return core::iter::once(embedded_tls::client::SUITE);
}

/// Is shown each certificate of the server before it is judged.
pub(crate) type Witness<'w> = dyn Fn(&[u8]) + 'w;

/// What one handshake is to be.
pub(crate) struct Attempt<'p, 'c> {
    pub(crate) policy: &'p Policy<'c>,
    pub(crate) deadlines: Deadlines,
    pub(crate) witness: Option<&'p Witness<'p>>,
}

/// What an engine is. Private, so that it can change with each.
///
/// The memory is the caller's and the value stays where it is during the handshake: an engine that is returned from its
/// handshake would be copied, and each copy costs stack.
pub(crate) trait Engine<'m, T: Transport + 'm>: Sized {
    /// Receives application data.
    type Reader<'s>: Read<Error = Reason>
    where
        Self: 's;
    /// Sends application data.
    type Writer<'s>: Write<Error = Reason>
    where
        Self: 's;

    /// When this is ready, nothing of the application has left or come in.
    async fn handshake<G: CryptoRngCore>(
        &mut self,
        attempt: Attempt<'_, '_>,
        rng: G,
    ) -> Result<Evidence, Reason>;

    fn split(&mut self) -> (Self::Reader<'_>, Self::Writer<'_>);
}
