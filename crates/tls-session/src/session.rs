//! A session that exists only if everything its policy asked for was recorded.
//!
//! ```text
//! Connection::new ─▶ Session::open ─┬─▶ Err(Reason)            nothing of the application was sent
//!                                         └─▶ Session ─▶ split ─▶ Reader / Writer, at the same time
//! ```
//!
//! One owner; after any error the session is dead, and says the same reason again.

use crate::reason::{
    CapacityError, Cause, EngineError, Limit, ProofError, ProtocolViolation, Reason, Stage,
    StreamError,
};
use core::cell::Cell;

use crate::engine::embedded_tls::facts::MAX_PROTOCOL;
use crate::engine::embedded_tls::guard::Handle;
use crate::engine::embedded_tls::shown::record_len;
use crate::engine::embedded_tls::state::{Expect, Shared};
use crate::engine::embedded_tls::suite::{Phase, Suite};
use crate::engine::embedded_tls::verifier::{Provider, Verifier};
use crate::evidence::Opened;
use crate::policy::{PeerAuth, Policy};
use crate::transport::{Connection, Transport};
use crate::verify::Accepted;
use embassy_futures::select::{Either, select};
use embedded_hal_async::delay::DelayNs;
use embedded_io_async::{ErrorType, Read, Write};
use embedded_tls::{
    CryptoProvider, CryptoRngCore, TlsConfig, TlsConnection, TlsContext, TlsError, TlsReader,
    TlsWriter,
};

mod chain;

pub use chain::Chain;

/// Bytes of the largest incoming record: 2^14 of content and 256 of expansion (RFC 8446 §5.2).
pub const FULL_RECORD: usize = 16_640;

/// Bytes for the largest outgoing record: 2^14 of content (RFC 8446 §5.1) and what the engine keeps free.
pub const FULL_OUTGOING: usize = (1 << 14) + OVERHEAD;

/// Bytes of `OUT` that hold no content: the record's header, and what the engine keeps free.
const OVERHEAD: usize = 5 + embedded_tls::TLS_RECORD_OVERHEAD;

/// Records in a row without data, after which a server is only keeping us busy.
const MAX_IDLE_RECORDS: u32 = 64;

/// The caller's memory for one session.
///
/// `IN` bounds the largest record the server may send: at [`FULL_RECORD`] none is too large. `OUT`
/// bounds what goes into one record of ours, minus 133 bytes of overhead, and must hold ClientHello;
/// beyond [`FULL_OUTGOING`] a record would be longer than TLS allows.
pub struct Memory<const IN: usize = FULL_RECORD, const OUT: usize = 4096> {
    incoming: [u8; IN],
    outgoing: [u8; OUT],
}

impl<const IN: usize, const OUT: usize> Memory<IN, OUT> {
    /// All zero.
    #[must_use]
    pub const fn new() -> Self {
        const {
            // ClientHello with the longest server name and a line full of ALPN stays below this.
            assert!(OUT >= 1024, "ClientHello must fit");
            assert!(OUT <= FULL_OUTGOING, "no record may be longer");
            assert!(
                IN >= 1024,
                "the server's Finished and a small certificate must fit"
            );
        }
        Self {
            incoming: [0; IN],
            outgoing: [0; OUT],
        }
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

/// How long a handshake may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Deadlines {
    /// Milliseconds without a byte from or to the peer.
    pub step_ms: u32,
    /// Milliseconds from ClientHello to the end.
    pub handshake_ms: u32,
}

impl Default for Deadlines {
    /// 10 s per step, as ESP-AT waits per packet; 30 s in all.
    fn default() -> Self {
        Self {
            step_ms: 10_000,
            handshake_ms: 30_000,
        }
    }
}

/// An authenticated session.
pub struct Session<'m, T: Transport> {
    connection: TlsConnection<'m, Handle<'m, T>, Suite>,
    shared: &'m Shared,
    opened: Opened,
    writing: Cell<bool>,
    closed: Cell<bool>,
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
    /// Dropping the future ends the attempt; the transport cannot be used for another.
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
        let verifier = Verifier::new(policy, &connection.shared, None);
        let provider = Provider::new(verifier, rng);
        Self::open_with(connection, memory, policy, deadlines, provider).await
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
        let mut keep = |der: &[u8]| chain.push(der);
        let verifier = Verifier::new(policy, &connection.shared, Some(&mut keep));
        let provider = Provider::new(verifier, rng);
        let session = Self::open_with(connection, memory, policy, deadlines, provider).await?;
        let accepted = session.accepted();
        session.shared.step_ms.set(deadlines.step_ms);
        // The verdict stands, whether or not the server hears the end in time.
        let _ = session.close().await;
        Ok(accepted)
    }

    async fn open_with<
        P: CryptoProvider<CipherSuite = Suite>,
        const IN: usize,
        const OUT: usize,
    >(
        connection: &'m Connection<T>,
        memory: &'m mut Memory<IN, OUT>,
        policy: &Policy<'_>,
        deadlines: Deadlines,
        provider: P,
    ) -> Result<Self, Reason> {
        let shared = &connection.shared;
        if !shared.claim() {
            return Err(Reason::new(Stage::Setup, Cause::Stream(StreamError::Dead)));
        }
        check_sizes(policy, OUT).map_err(|error| Reason::new(Stage::Setup, error))?;
        shared.step_ms.set(deadlines.step_ms);
        shared.record_limit.set(IN);

        let mut config = TlsConfig::new().enable_rsa_signatures();
        if let PeerAuth::PreSharedKey(psk) = policy.peer {
            config = config.with_psk(psk.key(), &[psk.identity()]);
            shared.psk_offered.set(true);
        }
        if let Some(name) = policy.sni {
            config = config.with_server_name(name);
        }
        if !policy.alpn.is_empty() {
            config = config.with_alpn(policy.alpn);
        }
        let mut engine = TlsConnection::new(
            Handle(connection),
            &mut memory.incoming,
            &mut memory.outgoing,
        );
        {
            let handshake = engine.open(TlsContext::new(&config, provider));
            let mut delay = connection.delay.clone();
            match select(handshake, delay.delay_ms(deadlines.handshake_ms)).await {
                Either::First(Ok(())) => {}
                Either::First(Err(error)) => return Err(shared.reason_or(engine_cause(error))),
                Either::Second(()) => {
                    return Err(shared.reason_or(Cause::Stream(StreamError::Timeout {
                        ms: deadlines.handshake_ms,
                    })));
                }
            }
        }
        let opened = settle(shared, policy)?;
        shared.in_record.set(false);
        shared.step_ms.set(0);
        shared.stage.set(Stage::Data);
        shared.expect.set(Expect::Encrypted(Phase::Data));
        Ok(Self {
            connection: engine,
            shared,
            opened,
            writing: Cell::new(false),
            closed: Cell::new(false),
        })
    }

    /// How the server's chain was accepted.
    #[must_use]
    pub const fn accepted(&self) -> Accepted {
        self.opened.accepted()
    }

    /// What is known of the server.
    #[must_use]
    pub const fn peer(&self) -> &Opened {
        &self.opened
    }

    /// Both directions, to be used at the same time.
    pub fn split(&mut self) -> (Reader<'_, 'm, T>, Writer<'_, 'm, T>) {
        let (rx, tx) = self.connection.split();
        (
            Reader {
                engine: rx,
                shared: self.shared,
                closed: &self.closed,
            },
            Writer {
                engine: tx,
                shared: self.shared,
                writing: &self.writing,
            },
        )
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
    pub async fn close(self) -> Result<(), Reason> {
        if let Some(reason) = self.shared.reason() {
            return Err(reason);
        }
        if self.writing.get() {
            return Err(self
                .shared
                .reason_or(Cause::Stream(StreamError::WriteAbandoned)));
        }
        match self.connection.close().await {
            Ok(_) => Ok(()),
            Err((_, error)) => Err(self.shared.reason_or(engine_cause(error))),
        }
    }
}

/// Whether what is to be sent fits its places. `out` is the size of the buffer for outgoing records.
fn check_sizes(policy: &Policy<'_>, out: usize) -> Result<(), CapacityError> {
    if let Some(needed) = policy.identity.map(record_len)
        && needed > out
    {
        return Err(CapacityError::too_large(Limit::ClientChain, needed, out));
    }
    let legal = 1..=MAX_PROTOCOL;
    match policy
        .alpn
        .iter()
        .find(|protocol| !legal.contains(&protocol.len()))
    {
        Some(protocol) => {
            let needed = protocol.len();
            Err(CapacityError::too_large(
                Limit::Protocol,
                needed,
                MAX_PROTOCOL,
            ))
        }
        None => Ok(()),
    }
}

/// The engine said yes; did everything happen that makes it a yes?
///
/// The engine demands neither Certificate nor CertificateVerify, and skips its verifier if there is
/// none to be had, so its word alone counts for nothing.
fn settle(shared: &Shared, policy: &Policy<'_>) -> Result<Opened, Reason> {
    if let Some(reason) = shared.reason() {
        return Err(reason);
    }
    let opened = shared.evidence().covers(policy);
    opened.map_err(|cause| shared.reason_or(cause))
}

/// Receives application data.
pub struct Reader<'s, 'm, T: Transport> {
    engine: TlsReader<'s, Handle<'m, T>, Suite>,
    shared: &'s Shared,
    closed: &'s Cell<bool>,
}

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
    /// Dropping the future between records loses nothing; inside one it ends the session
    /// ([`StreamError::ReadAbandoned`]).
    async fn read(&mut self, buf: &mut [u8]) -> Result<usize, Reason> {
        if buf.is_empty() || self.closed.get() {
            return Ok(0);
        }
        if let Some(reason) = self.shared.reason() {
            return Err(reason);
        }
        if self.shared.in_record.get() {
            return Err(self
                .shared
                .reason_or(Cause::Stream(StreamError::ReadAbandoned)));
        }
        for _ in 0..MAX_IDLE_RECORDS {
            let mut record = match self.engine.read_buffered().await {
                Ok(record) => record,
                Err(error) => return Err(self.shared.reason_or(engine_cause(error))),
            };
            self.shared.in_record.set(false);
            // What is left of a record: content, and its type behind (suite.rs).
            match record.peek_all().split_last() {
                Some((23, [])) => {
                    record.pop_all();
                }
                Some((23, content)) => {
                    let count = content.len().min(buf.len());
                    return Ok(record.pop_into(buf.get_mut(..count).unwrap_or_default()));
                }
                Some((kind, content)) => {
                    let verdict = judge(*kind, content);
                    record.pop_all();
                    match verdict {
                        Ok(Control::Ignore) => {}
                        Ok(Control::CloseNotify) => {
                            self.closed.set(true);
                            return Ok(0);
                        }
                        Err(cause) => return Err(self.shared.reason_or(cause)),
                    }
                }
                // The engine hands out nothing empty.
                None => {}
            }
        }
        Err(self
            .shared
            .reason_or(Cause::Capacity(CapacityError::TooLarge {
                what: Limit::IdleRecords,
                needed: MAX_IDLE_RECORDS.saturating_add(1),
                limit: MAX_IDLE_RECORDS,
            })))
    }
}

enum Control {
    Ignore,
    CloseNotify,
}

/// What a record that is not application data means after the handshake.
fn judge(kind: u8, content: &[u8]) -> Result<Control, Cause> {
    match (kind, content) {
        (21, [_, 0]) => Ok(Control::CloseNotify),
        // user_canceled: a close_notify follows (RFC 8446 §6.1).
        (21, [_, 90]) => Ok(Control::Ignore),
        (21, [_, description]) => Err(Cause::Stream(StreamError::PeerAlert(*description))),
        (21, _) => Err(Cause::Protocol(ProtocolViolation::AlertLength)),
        (22, messages) => tickets_only(messages),
        (0, []) => Err(Cause::Protocol(ProtocolViolation::EmptyRecord)),
        // No record decrypts to content of type 0 (suite.rs).
        (0, _) => Err(Cause::Protocol(ProtocolViolation::PlaintextLength)),
        (other, _) => Err(Cause::Protocol(ProtocolViolation::InnerType(other))),
    }
}

/// NewSessionTicket is ignored, KeyUpdate ends the session by name, all else is illegal: no
/// post-handshake authentication was offered.
fn tickets_only(mut rest: &[u8]) -> Result<Control, Cause> {
    const TICKET: u8 = 4;
    const KEY_UPDATE: u8 = 24;
    if rest.is_empty() {
        return Err(Cause::Protocol(ProtocolViolation::EmptyRecord));
    }
    while let Some(&kind) = rest.first() {
        match kind {
            TICKET => {}
            KEY_UPDATE => return Err(Cause::Protocol(ProtocolViolation::KeyUpdate)),
            other => return Err(Cause::Protocol(ProtocolViolation::PostHandshake(other))),
        }
        let available = u16::try_from(rest.len()).unwrap_or(u16::MAX);
        let Some((&[_, high, middle, low], body)) = rest.split_first_chunk::<4>() else {
            return Err(Cause::Protocol(ProtocolViolation::SplitMessage {
                message: kind,
                needed: None,
                available,
            }));
        };
        let len = u32::from_be_bytes([0, high, middle, low]);
        let after = usize::try_from(len).ok().and_then(|len| body.get(len..));
        let Some(after) = after else {
            return Err(Cause::Protocol(ProtocolViolation::SplitMessage {
                message: kind,
                needed: len.checked_add(4),
                available,
            }));
        };
        rest = after;
    }
    Ok(Control::Ignore)
}

/// Sends application data.
pub struct Writer<'s, 'm, T: Transport> {
    engine: TlsWriter<'s, Handle<'m, T>, Suite>,
    shared: &'s Shared,
    writing: &'s Cell<bool>,
}

impl<T: Transport> core::fmt::Debug for Writer<'_, '_, T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Writer")
    }
}

impl<T: Transport> Writer<'_, '_, T> {
    /// Marks the session as being written to, so that a write that never comes back ends it: the
    /// engine counts a record only once it is out, and would use its nonce again.
    fn begin(&self) -> Result<(), Reason> {
        if let Some(reason) = self.shared.reason() {
            return Err(reason);
        }
        if self.writing.replace(true) {
            return Err(self
                .shared
                .reason_or(Cause::Stream(StreamError::WriteAbandoned)));
        }
        Ok(())
    }

    fn end<V>(&self, result: Result<V, TlsError>) -> Result<V, Reason> {
        match result {
            Ok(value) => {
                self.writing.set(false);
                Ok(value)
            }
            Err(error) => Err(self.shared.reason_or(engine_cause(error))),
        }
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
        if buf.is_empty() {
            return Ok(0);
        }
        self.begin()?;
        let result = self.engine.write(buf).await;
        self.end(result)
    }

    /// Sends what was taken so far. Dropping it ends the session, as with `write`.
    async fn flush(&mut self) -> Result<(), Reason> {
        self.begin()?;
        let result = self.engine.flush().await;
        self.end(result)
    }
}

/// The engine's error where nobody else said why.
fn engine_cause(error: TlsError) -> Cause {
    Cause::Protocol(ProtocolViolation::Engine(match error {
        TlsError::CryptoError => return Cause::Protocol(ProtocolViolation::BadRecordMac),
        TlsError::HandshakeAborted(_, _) | TlsError::AbortHandshake(_, _) => EngineError::Aborted,
        TlsError::ConnectionClosed | TlsError::IoError | TlsError::Io(_) => {
            return Cause::Stream(StreamError::Transport);
        }
        TlsError::InvalidHandshake => EngineError::InvalidHandshake,
        TlsError::InvalidRecord | TlsError::UnknownContentType => EngineError::InvalidRecord,
        TlsError::InvalidCertificate | TlsError::InvalidCertificateEntry => {
            EngineError::InvalidCertificate
        }
        TlsError::InvalidCertificateRequest => EngineError::InvalidCertificateRequest,
        // What the engine says of Finished alone: the other signature is ours to check.
        TlsError::InvalidSignature => return Cause::Proof(ProofError::BadFinished),
        TlsError::InvalidKeyShare => EngineError::InvalidKeyShare,
        TlsError::InvalidExtensionsLength | TlsError::UnknownExtensionType => {
            EngineError::Extension
        }
        TlsError::InsufficientSpace | TlsError::OutOfMemory | TlsError::EncodeError => {
            EngineError::Space
        }
        TlsError::ParseError(_) | TlsError::DecodeError => EngineError::Decode,
        _ => EngineError::Other,
    }))
}

#[cfg(test)]
mod tests;
