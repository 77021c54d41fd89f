//! What an engine is.

use embedded_io_async::{Read, Write};
use rand_core::CryptoRngCore;

use crate::evidence::Evidence;
#[cfg(feature = "rustls")]
use crate::heap::Loan;
use crate::policy::Policy;
use crate::reason::Reason;
use crate::session::Deadlines;
use crate::transport::Transport;

/// The caller's memory for the records of one session. Empty buffers: it is the heap.
pub(crate) struct Memory<'m> {
    pub(crate) incoming: &'m mut [u8],
    pub(crate) outgoing: &'m mut [u8],
    /// For buffers on the heap that stay as long as the session.
    #[cfg(feature = "rustls")]
    pub(crate) lent: &'m mut [Loan; 2],
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
