//! The engine that a policy chose, and its two directions.

use embedded_io_async::{Read, Write};
use rand_core::CryptoRngCore;

#[cfg(feature = "embedded-tls")]
use super::embedded_tls;
#[cfg(feature = "rustls")]
use super::rustls;
use super::{Engine, Memory};
#[cfg(all(feature = "embedded-tls", feature = "rustls"))]
use crate::budget::BUFFERS;
#[cfg(all(feature = "embedded-tls", feature = "rustls"))]
use crate::heap::Loan;
#[cfg(feature = "rustls")]
use crate::policy::EngineRule;
use crate::policy::{Clock, PeerAuth, Policy};
#[cfg(feature = "embedded-tls")]
use crate::reason::{EngineError, ProtocolViolation};
use crate::reason::{Reason, SetupError, Stage};
use crate::session::{Acceptor, MAX_NAME};
use crate::transport::{Connection, Transport};

/// The engine of one session.
#[cfg_attr(
    all(feature = "embedded-tls", feature = "rustls"),
    expect(
        clippy::large_enum_variant,
        reason = "the larger one is for builds without an allocator, and has no box"
    )
)]
pub(crate) enum Any<'m, T: Transport> {
    #[cfg(feature = "embedded-tls")]
    Embedded(embedded_tls::client::Client<'m, T>),
    #[cfg(feature = "rustls")]
    Rustls(rustls::client::Client<'m, T>),
}

/// Its receiving half.
pub(crate) enum AnyReader<'s, 'm, T: Transport> {
    #[cfg(feature = "embedded-tls")]
    Embedded(embedded_tls::client::Rx<'s, 'm, T>),
    #[cfg(feature = "rustls")]
    Rustls(rustls::client::Rx<'s, 'm, T>),
}

/// Its sending half.
pub(crate) enum AnyWriter<'s, 'm, T: Transport> {
    #[cfg(feature = "embedded-tls")]
    Embedded(embedded_tls::client::Tx<'s, 'm, T>),
    #[cfg(feature = "rustls")]
    Rustls(rustls::client::Tx<'s, 'm, T>),
}

/// Runs the same expression on whichever engine it is.
macro_rules! on {
    ($any:expr, $kind:ident, $engine:ident => $run:expr) => {
        match $any {
            #[cfg(feature = "embedded-tls")]
            $kind::Embedded($engine) => $run,
            #[cfg(feature = "rustls")]
            $kind::Rustls($engine) => $run,
        }
    };
}

/// The buffers of an engine that keeps them, on the heap where the caller has none.
#[cfg(all(feature = "embedded-tls", feature = "rustls"))]
fn for_life<'m>(
    ledger: Option<&'static crate::heap::Ledger>,
    memory: Memory<'m>,
) -> Result<(&'m mut [u8], &'m mut [u8]), Reason> {
    if !memory.incoming.is_empty() {
        return Ok((memory.incoming, memory.outgoing));
    }
    let pair = Loan::pair(ledger, BUFFERS);
    *memory.lent = pair.map_err(|error| Reason::new(Stage::Setup, error))?;
    let [incoming, outgoing] = memory.lent;
    Ok((incoming.bytes_mut(), outgoing.bytes_mut()))
}

impl<'m, T: Transport + 'm> Any<'m, T> {
    /// Chooses by policy. Nothing is sent yet.
    ///
    /// # Errors
    ///
    /// Why no engine of this build can do what the policy asks for.
    pub(crate) fn new(
        connection: &'m Connection<T>,
        memory: Memory<'m>,
        policy: &Policy<'_>,
    ) -> Result<Self, Reason> {
        // External pre-shared keys are in embedded-tls alone; all else is better served by rustls.
        #[cfg(feature = "rustls")]
        if policy.engine == EngineRule::Best && !matches!(policy.peer, PeerAuth::PreSharedKey(_)) {
            let client = rustls::client::Client::new(connection, memory.incoming, memory.outgoing);
            return Ok(Self::Rustls(client));
        }
        #[cfg(feature = "embedded-tls")]
        if embedded_tls::client::takes(policy) {
            #[cfg(feature = "rustls")]
            let (incoming, outgoing) = for_life(connection.ledger, memory)?;
            #[cfg(not(feature = "rustls"))]
            let Memory { incoming, outgoing } = memory;
            let client = embedded_tls::client::Client::new(connection, incoming, outgoing);
            return Ok(Self::Embedded(client));
        }
        let error = match policy.peer {
            PeerAuth::PreSharedKey(_) => SetupError::PskEngine,
            PeerAuth::Chain { .. } | PeerAuth::DangerAnyPeer => SetupError::NoEngine,
        };
        Err(Reason::new(Stage::Setup, error))
    }

    /// For a session with a client. Nothing is sent yet.
    #[cfg(feature = "rustls")]
    pub(crate) fn server<G: CryptoRngCore>(
        connection: &'m Connection<T>,
        memory: Memory<'m>,
        acceptor: &Acceptor,
        clock: Clock,
        rng: G,
    ) -> Result<Self, Reason> {
        let mut engine = rustls::client::Client::new(connection, memory.incoming, memory.outgoing);
        engine.serve(&acceptor.served, clock, rng);
        Ok(Self::Rustls(engine))
    }

    /// There is no acceptor in a build without rustls.
    #[cfg(not(feature = "rustls"))]
    pub(crate) fn server<G: CryptoRngCore>(
        _: &'m Connection<T>,
        _: Memory<'m>,
        acceptor: &Acceptor,
        _: Clock,
        _: G,
    ) -> Result<Self, Reason> {
        match acceptor.never {}
    }

    /// The name that a client asked for.
    pub(crate) fn server_name(&self) -> Option<heapless::String<MAX_NAME>> {
        match self {
            #[cfg(feature = "embedded-tls")]
            Self::Embedded(_) => None,
            #[cfg(feature = "rustls")]
            Self::Rustls(engine) => engine.server_name()?.as_str().try_into().ok(),
        }
    }

    pub(crate) fn split(&mut self) -> (AnyReader<'_, 'm, T>, AnyWriter<'_, 'm, T>) {
        match self {
            #[cfg(feature = "embedded-tls")]
            Self::Embedded(client) => {
                let (rx, tx) = client.split();
                (AnyReader::Embedded(rx), AnyWriter::Embedded(tx))
            }
            #[cfg(feature = "rustls")]
            Self::Rustls(client) => {
                let (rx, tx) = client.split();
                (AnyReader::Rustls(rx), AnyWriter::Rustls(tx))
            }
        }
    }

    /// The evidence covers the policy: tickets of the session may be kept.
    pub(crate) fn keep_tickets(&mut self) {
        match self {
            // It takes none.
            #[cfg(feature = "embedded-tls")]
            Self::Embedded(_) => {}
            #[cfg(feature = "rustls")]
            Self::Rustls(client) => client.keep_tickets(),
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
            #[cfg(feature = "rustls")]
            Self::Rustls(mut client) => client.close().await,
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

    /// Says close_notify, where the engine can go on without its writer.
    pub(crate) async fn finish(&mut self) -> Result<(), Reason> {
        match self {
            // close_notify is the last thing that it does: `close` takes the session.
            #[cfg(feature = "embedded-tls")]
            Self::Embedded(_) => Err(Reason::new(
                Stage::Data,
                ProtocolViolation::Engine(EngineError::Unsupported),
            )),
            #[cfg(feature = "rustls")]
            Self::Rustls(writer) => writer.finish().await,
        }
    }
}
