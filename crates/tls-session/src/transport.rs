//! The byte stream that a session runs on.

use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embassy_sync::mutex::Mutex;
use embedded_hal_async::delay::DelayNs;
use embedded_io_async::{Read, Write};

use crate::engine::{Incoming, Shared};
#[cfg(feature = "rustls")]
use crate::heap::Ledger;
use crate::session::Resumption;

/// The types of a connected stream, and of what measures deadlines; implemented for `(reader, writer, delay)`.
pub trait Transport {
    /// Receives.
    type Rx: Read;
    /// Sends.
    type Tx: Write;
    /// Measures deadlines.
    type Delay: DelayNs + Clone;
}

impl<R: Read, W: Write, D: DelayNs + Clone> Transport for (R, W, D) {
    type Rx = R;
    type Tx = W;
    type Delay = D;
}

/// A connected stream, and what a session must remember outside its engine.
///
/// Lives beside the session, because reader and writer share it. Carries one session.
pub struct Connection<T: Transport> {
    pub(crate) incoming: Mutex<NoopRawMutex, Incoming<T::Rx>>,
    pub(crate) outgoing: Mutex<NoopRawMutex, T::Tx>,
    pub(crate) delay: T::Delay,
    /// Milliseconds since some moment.
    pub(crate) clock: Option<fn() -> u64>,
    pub(crate) shared: Shared,
    #[cfg(feature = "rustls")]
    pub(crate) ledger: Option<&'static Ledger>,
    #[cfg(feature = "rustls")]
    pub(crate) resumption: Option<Resumption>,
}

impl<T: Transport> core::fmt::Debug for Connection<T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Connection").finish_non_exhaustive()
    }
}

impl<R: Read, W: Write, D: DelayNs + Clone> Connection<(R, W, D)> {
    /// Takes the halves of a connected socket, and something to measure deadlines with.
    #[must_use]
    pub const fn new(rx: R, tx: W, delay: D) -> Self {
        Self {
            incoming: Mutex::new(Incoming::new(rx)),
            outgoing: Mutex::new(tx),
            delay,
            clock: None,
            shared: Shared::new(),
            #[cfg(feature = "rustls")]
            ledger: None,
            #[cfg(feature = "rustls")]
            resumption: None,
        }
    }

    /// Lets the deadline of the handshake count the peer's time alone: what a slow processor computes is added to it.
    ///
    /// `clock` counts milliseconds from any moment on, while a future is polled too, and never goes back. Without it the
    /// deadline counts all time.
    #[must_use]
    pub const fn with_clock(mut self, clock: fn() -> u64) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Lets the session offer a ticket of an earlier one, and keep those that it gets.
    ///
    /// [`Session::open`](crate::Session::open) alone does so, where the engine is rustls.
    #[must_use]
    pub fn with_resumption(self, resumption: Resumption) -> Self {
        #[cfg(feature = "rustls")]
        return Self {
            resumption: Some(resumption),
            ..self
        };
        #[cfg(not(feature = "rustls"))]
        {
            let _ = resumption;
            self
        }
    }

    /// Lets the session begin only if the heap has what it may need, and end where the heap runs out.
    #[cfg(feature = "rustls")]
    #[must_use]
    pub const fn with_ledger(mut self, ledger: &'static Ledger) -> Self {
        self.ledger = Some(ledger);
        self
    }
}
