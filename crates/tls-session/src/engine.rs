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
use crate::reason::Reason;
use crate::session::Deadlines;
use crate::transport::Transport;

mod any;
#[cfg(not(feature = "embedded-tls"))]
mod bare;
#[cfg(feature = "embedded-tls")]
pub(crate) mod embedded_tls;

pub(crate) use any::{Any, AnyReader, AnyWriter};
// What stands beside a connection.
#[cfg(not(feature = "embedded-tls"))]
pub(crate) use bare::{Incoming, Shared};
#[cfg(feature = "embedded-tls")]
pub(crate) use embedded_tls::{guard::Incoming, state::Shared};

/// Bytes of the outgoing buffer that hold no content: the record's header, and the expansion by the cipher, for which
/// `embedded_tls` keeps 128 bytes free.
pub(crate) const OVERHEAD: usize = 5 + 128;

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
