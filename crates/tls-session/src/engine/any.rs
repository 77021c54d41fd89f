//! The engine that a policy chose, and its two directions.

use embedded_io_async::{Read, Write};
use rand_core::CryptoRngCore;

#[cfg(feature = "embedded-tls")]
use super::embedded_tls;
use super::{Attempt, Engine};
use crate::evidence::Evidence;
use crate::policy::Policy;
use crate::reason::Reason;
use crate::transport::{Connection, Transport};

/// The engine of one session.
pub(crate) enum Any<'m, T: Transport> {
    #[cfg(feature = "embedded-tls")]
    Embedded(embedded_tls::client::Client<'m, T>),
}

/// Its receiving half.
pub(crate) enum AnyReader<'s, 'm, T: Transport> {
    #[cfg(feature = "embedded-tls")]
    Embedded(embedded_tls::client::Rx<'s, 'm, T>),
}

/// Its sending half.
pub(crate) enum AnyWriter<'s, 'm, T: Transport> {
    #[cfg(feature = "embedded-tls")]
    Embedded(embedded_tls::client::Tx<'s, 'm, T>),
}

/// Runs the same expression on whichever engine it is.
macro_rules! on {
    ($any:expr, $kind:ident, $engine:ident => $run:expr) => {
        match $any {
            #[cfg(feature = "embedded-tls")]
            $kind::Embedded($engine) => $run,
        }
    };
}

impl<'m, T: Transport + 'm> Any<'m, T> {
    /// Chooses by policy. Nothing is sent yet.
    ///
    /// # Errors
    ///
    /// Why no engine of this build can do what the policy asks for.
    pub(crate) fn new(
        connection: &'m Connection<T>,
        incoming: &'m mut [u8],
        outgoing: &'m mut [u8],
        _policy: &Policy<'_>,
    ) -> Result<Self, Reason> {
        let client = embedded_tls::client::Client::new(connection, incoming, outgoing);
        Ok(Self::Embedded(client))
    }

    pub(crate) async fn handshake<G: CryptoRngCore>(
        &mut self,
        attempt: Attempt<'_, '_>,
        rng: G,
    ) -> Result<Evidence, Reason> {
        on!(self, Self, engine => engine.handshake(attempt, rng).await)
    }

    pub(crate) fn split(&mut self) -> (AnyReader<'_, 'm, T>, AnyWriter<'_, 'm, T>) {
        match self {
            #[cfg(feature = "embedded-tls")]
            Self::Embedded(client) => {
                let (rx, tx) = client.split();
                (AnyReader::Embedded(rx), AnyWriter::Embedded(tx))
            }
        }
    }

    /// Says close_notify.
    ///
    /// Awaits the engine's own future: one more function in between would copy the session once more.
    pub(crate) async fn close(self) -> Result<(), Reason> {
        match self {
            #[cfg(feature = "embedded-tls")]
            Self::Embedded(client) => {
                let (engine, progress) = client.into_closing()?;
                embedded_tls::client::closed(engine.close().await, progress)
            }
        }
    }
}

impl<'s, 'm: 's, T: Transport + 'm> AnyReader<'s, 'm, T> {
    pub(crate) async fn read(&mut self, buf: &mut [u8]) -> Result<usize, Reason> {
        on!(self, Self, reader => reader.read(buf).await)
    }
}

impl<'s, 'm: 's, T: Transport + 'm> AnyWriter<'s, 'm, T> {
    pub(crate) async fn write(&mut self, buf: &[u8]) -> Result<usize, Reason> {
        on!(self, Self, writer => writer.write(buf).await)
    }

    pub(crate) async fn flush(&mut self) -> Result<(), Reason> {
        on!(self, Self, writer => writer.flush().await)
    }
}
