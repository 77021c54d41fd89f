//! A session that exists only if everything its policy asked for was recorded.
//!
//! ```text
//! Connection::new ─▶ Session::open ─┬─▶ Err(Reason)            nothing of the application was sent
//!                                         └─▶ Session ─▶ split ─▶ Reader / Writer, at the same time
//! ```
//!
//! One owner; after any error the session is dead, and says the same reason again.

use crate::engine::{self, Any, AnyReader, AnyWriter, Attempt, Engine as _, Witness};
use crate::evidence::{Evidence, Opened};
#[cfg(feature = "rustls")]
use crate::heap::Loan;
use crate::policy::{Clock, Policy};
use crate::progress::Progress;
#[cfg(feature = "embedded-tls")]
use crate::reason::SetupError;
use crate::reason::{Reason, Stage, StreamError};
use crate::transport::{Connection, Transport};
use crate::verify::{Accepted, PeerCertificate};
use core::cell::RefCell;
use embedded_io_async::{ErrorType, Read, Write};
use rand_core::CryptoRngCore;
use zeroize::Zeroize as _;

mod acceptor;
mod chain;
mod deadlines;
mod offer;
mod tickets;

pub use acceptor::{Acceptor, MAX_NAME};
pub use chain::Chain;
pub use deadlines::Deadlines;
pub use tickets::{Resumption, Tickets};

pub use crate::sizes::FULL_RECORD;

/// Bytes for the largest outgoing record: 2^14 of content (RFC 8446 §5.1) and what the engine keeps free.
pub const FULL_OUTGOING: usize = (1 << 14) + engine::OVERHEAD;

/// The caller's memory for one session.
///
/// `IN` bounds the largest record the server may send: at [`FULL_RECORD`] none is too large. `OUT`
/// bounds what goes into one record of ours, minus 133 bytes of overhead, and must hold ClientHello;
/// beyond [`FULL_OUTGOING`] a record would be longer than TLS allows.
///
/// With rustls both may be 0: `HeapMemory`.
pub struct Memory<const IN: usize = FULL_RECORD, const OUT: usize = 4096> {
    incoming: [u8; IN],
    outgoing: [u8; OUT],
    /// For an engine that keeps its buffers as long as its session lasts.
    #[cfg(feature = "rustls")]
    lent: [Loan; 2],
}

/// Memory for one session whose records are on the heap, each only while it is under way: an idle session of rustls has
/// none. One of embedded-tls has 20,736 bytes as long as this lives.
///
/// With a [`Ledger`](crate::Ledger) all that a handshake may need, records included, is promised before it begins, and
/// what one record each way takes is kept for the sessions that are open. Two large records at a time may find less:
/// then one waits until the other was taken by the caller or, if only fragments are free, ends with `no_memory`.
#[cfg(feature = "rustls")]
pub type HeapMemory = Memory<0, 0>;

impl<const IN: usize, const OUT: usize> Memory<IN, OUT> {
    /// All zero.
    #[must_use]
    pub const fn new() -> Self {
        const {
            let on_heap = cfg!(feature = "rustls") && IN == 0 && OUT == 0;
            // ClientHello with the longest server name and a line full of ALPN stays below this.
            assert!(on_heap || OUT >= 1024, "ClientHello must fit");
            assert!(OUT <= FULL_OUTGOING, "no record may be longer");
            assert!(
                on_heap || IN >= 1024,
                "the server's Finished and a small certificate must fit"
            );
        }
        Self {
            incoming: [0; IN],
            outgoing: [0; OUT],
            #[cfg(feature = "rustls")]
            lent: [Loan::NONE; 2],
        }
    }

    /// As an engine takes it.
    const fn parts(&mut self) -> engine::Memory<'_> {
        engine::Memory {
            incoming: &mut self.incoming,
            outgoing: &mut self.outgoing,
            #[cfg(feature = "rustls")]
            lent: &mut self.lent,
        }
    }

    /// Overwrites all of it with zeros: records of a session that is over were plaintext.
    pub fn wipe(&mut self) {
        self.incoming.as_mut_slice().zeroize();
        self.outgoing.as_mut_slice().zeroize();
    }
}

impl<const IN: usize, const OUT: usize> Default for Memory<IN, OUT> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const IN: usize, const OUT: usize> core::fmt::Debug for Memory<IN, OUT> {
    /// Sizes only: the contents were plaintext.
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Memory({IN} + {OUT})")
    }
}

/// The cipher suites of this build by their IANA numbers, the preferred first.
pub fn suites() -> impl Iterator<Item = u16> {
    engine::suites()
}

/// An authenticated session.
pub struct Session<'m, T: Transport> {
    engine: Any<'m, T>,
    progress: &'m Progress,
    opened: Opened,
}

impl<T: Transport> core::fmt::Debug for Session<'_, T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Session")
            .field("opened", &self.opened)
            .finish_non_exhaustive()
    }
}

impl<'m, T: Transport + 'm> Session<'m, T> {
    /// Performs the handshake and returns a session only if all that `policy` asks for was seen.
    ///
    /// `rng` must be a cryptographic source: the session's secrecy rests on it.
    ///
    /// Dropping the future ends the attempt; the connection cannot be used for another.
    ///
    /// # Errors
    ///
    /// Why the server, or the way to it, was refused.
    pub async fn open<G: CryptoRngCore, const IN: usize, const OUT: usize>(
        connection: &'m Connection<T>,
        memory: &'m mut Memory<IN, OUT>,
        policy: &Policy<'_>,
        deadlines: Deadlines,
        rng: G,
    ) -> Result<Self, Reason> {
        Self::attempt(connection, memory, policy, deadlines, rng, None).await
    }

    /// Performs the handshake and closes at once: a dry run that keeps what the server showed in
    /// `chain`, whatever the policy makes of it. Nothing of an application is sent.
    ///
    /// Dropping the future ends the attempt; `chain` may hold a part of what was sent.
    ///
    /// # Errors
    ///
    /// As [`Self::open`].
    pub async fn probe<G: CryptoRngCore, const IN: usize, const OUT: usize>(
        connection: &'m Connection<T>,
        memory: &'m mut Memory<IN, OUT>,
        policy: &Policy<'_>,
        deadlines: Deadlines,
        rng: G,
        chain: &mut Chain<'_>,
    ) -> Result<Accepted, Reason> {
        let chain = RefCell::new(chain);
        let keep = |der: &[u8]| chain.borrow_mut().push(der);
        let witness: Option<&Witness<'_>> = Some(&keep);
        let session = Self::attempt(connection, memory, policy, deadlines, rng, witness).await?;
        let accepted = session.accepted();
        let progress = &connection.shared.progress;
        progress.step_ms.set(deadlines.step_ms);
        // The verdict stands, whether or not the server hears the end in time.
        let _ = session.close().await;
        Ok(accepted)
    }

    /// Performs the handshake with a client and returns a session only if all that the policy of `acceptor` asks for was
    /// seen: with a certificate demanded, a client without one gets no session.
    ///
    /// `clock` is what is known of the time now. `rng` must be a cryptographic source.
    ///
    /// Dropping the future ends the attempt; the connection cannot be used for another.
    ///
    /// # Errors
    ///
    /// Why the client was refused, or why it refused us.
    pub async fn accept<G: CryptoRngCore, const IN: usize, const OUT: usize>(
        connection: &'m Connection<T>,
        memory: &'m mut Memory<IN, OUT>,
        acceptor: &Acceptor,
        clock: Clock,
        deadlines: Deadlines,
        rng: G,
    ) -> Result<Self, Reason> {
        let progress = &connection.shared.progress;
        if !progress.claim() {
            return Err(Reason::new(Stage::Setup, StreamError::Dead));
        }
        progress.step_ms.set(deadlines.step_ms);
        let mut engine = Any::server(connection, memory.parts(), acceptor, clock, rng)?;
        let evidence: Result<Evidence, Reason> = match &mut engine {
            #[cfg(feature = "rustls")]
            Any::Rustls(engine) => engine.conduct(deadlines, None, &[]).await,
            #[cfg(feature = "embedded-tls")]
            Any::Embedded(_) => Err(Reason::new(Stage::Setup, SetupError::NoServer)),
        };
        let opened = evidence?.covers_demand(&acceptor.demand());
        let opened = opened.map_err(|cause| progress.reason_or(cause))?;
        progress.step_ms.set(0);
        progress.stage.set(Stage::Data);
        Ok(Self {
            engine,
            progress,
            opened,
        })
    }

    async fn attempt<G: CryptoRngCore, const IN: usize, const OUT: usize>(
        connection: &'m Connection<T>,
        memory: &'m mut Memory<IN, OUT>,
        policy: &Policy<'_>,
        deadlines: Deadlines,
        rng: G,
        witness: Option<&Witness<'_>>,
    ) -> Result<Self, Reason> {
        let progress = &connection.shared.progress;
        if !progress.claim() {
            return Err(Reason::new(Stage::Setup, StreamError::Dead));
        }
        progress.step_ms.set(deadlines.step_ms);
        let mut engine = Any::new(connection, memory.parts(), policy)?;
        let attempt = Attempt {
            policy,
            deadlines,
            witness,
        };
        // Not in a function of `Any`: a future less for the compiler to follow.
        let evidence: Result<Evidence, Reason> = match &mut engine {
            #[cfg(feature = "embedded-tls")]
            Any::Embedded(engine) => engine.handshake(attempt, rng).await,
            #[cfg(feature = "rustls")]
            Any::Rustls(engine) => engine.handshake(attempt, rng).await,
        };
        let evidence = evidence.map_err(|reason| offer::shown(reason, policy))?;
        let opened = evidence.covers(policy);
        let opened = opened.map_err(|cause| offer::shown(progress.reason_or(cause), policy))?;
        engine.keep_tickets();
        progress.step_ms.set(0);
        progress.stage.set(Stage::Data);
        Ok(Self {
            engine,
            progress,
            opened,
        })
    }

    /// The name that a client asked for. It is information only: one identity is shown, whatever the name.
    #[must_use]
    pub fn server_name(&self) -> Option<heapless::String<MAX_NAME>> {
        self.engine.server_name()
    }

    /// How the peer's chain was accepted.
    #[must_use]
    pub const fn accepted(&self) -> Accepted {
        self.opened.accepted()
    }

    /// What is known of the peer.
    #[must_use]
    pub const fn peer(&self) -> &Opened {
        &self.opened
    }

    /// The peer's certificate; `None` where a pre-shared key stood for it, or none was asked for.
    #[must_use]
    pub fn certificate(&self) -> Option<PeerCertificate> {
        self.progress.certificate()
    }

    /// Both directions, to be used at the same time.
    pub fn split(&mut self) -> (Reader<'_, 'm, T>, Writer<'_, 'm, T>) {
        let (reader, writer) = self.engine.split();
        (Reader(reader), Writer(writer))
    }

    /// Says close_notify. The socket is the caller's to close.
    ///
    /// Waits for as long as the transport takes: whoever has a deadline drops the future.
    ///
    /// Dropping the future may leave the alert unsent; the server then sees a truncated session.
    ///
    /// # Errors
    ///
    /// Why the session had ended already, or why the alert could not be sent.
    pub fn close(self) -> impl Future<Output = Result<(), Reason>> {
        self.engine.close()
    }
}

/// Receives application data.
pub struct Reader<'s, 'm, T: Transport>(AnyReader<'s, 'm, T>);

impl<T: Transport> core::fmt::Debug for Reader<'_, '_, T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Reader")
    }
}

impl<T: Transport> ErrorType for Reader<'_, '_, T> {
    type Error = Reason;
}

impl<'s, 'm: 's, T: Transport + 'm> Read for Reader<'s, 'm, T> {
    /// Waits for data; 0 means that the server closed the session in good order.
    ///
    /// Dropping the future between records loses nothing; inside one it may end the session
    /// ([`StreamError::ReadAbandoned`]).
    async fn read(&mut self, buf: &mut [u8]) -> Result<usize, Reason> {
        self.0.read(buf).await
    }
}

/// Sends application data.
pub struct Writer<'s, 'm, T: Transport>(AnyWriter<'s, 'm, T>);

impl<T: Transport> core::fmt::Debug for Writer<'_, '_, T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Writer")
    }
}

impl<'s, 'm: 's, T: Transport + 'm> Writer<'s, 'm, T> {
    /// Sends what was taken so far and then close_notify: nothing more comes from this side. Data of the server can still be
    /// read (RFC 9846 §6.1). [`Session::close`] sends no second close_notify.
    ///
    /// Many servers close the session at once when they read a close_notify, and in TLS 1.2 they must.
    ///
    /// Dropping the future ends the session, as with `write`.
    ///
    /// # Errors
    ///
    /// * [`EngineError::Unsupported`](crate::reason::EngineError::Unsupported) where the engine is embedded-tls, which
    ///   closes both directions at once. The session goes on.
    /// * [`StreamError::Closed`] if it was called before; later writes return the same.
    /// * Why the session had ended already, or why the alert could not be sent.
    pub async fn finish(&mut self) -> Result<(), Reason> {
        self.0.finish().await
    }
}

impl<T: Transport> ErrorType for Writer<'_, '_, T> {
    type Error = Reason;
}

impl<'s, 'm: 's, T: Transport + 'm> Write for Writer<'s, 'm, T> {
    /// Takes bytes into the record being filled, and sends it when it is full.
    ///
    /// Dropping the future before it is ready ends the session ([`StreamError::WriteAbandoned`]).
    async fn write(&mut self, buf: &[u8]) -> Result<usize, Reason> {
        self.0.write(buf).await
    }

    /// Sends what was taken so far. Dropping it ends the session, as with `write`.
    async fn flush(&mut self) -> Result<(), Reason> {
        self.0.flush().await
    }
}
