//! The client: one session of the engine, from ClientHello to close_notify.

use core::cell::Cell;
use core::pin::pin;

use embassy_futures::select::{Either, select};
use embedded_hal_async::delay::DelayNs;
use embedded_io_async::{ErrorType, Read, Write};
use embedded_tls::{
    CryptoProvider, CryptoRngCore, TlsConfig, TlsConnection, TlsContext, TlsError, TlsReader,
    TlsWriter,
};

use embedded_tls::read_buffer::ReadBuffer;

use super::handle::Handle;
use super::shown::record_len;
use super::state::{Expect, Shared};
use super::suite::{Phase, Suite};
use super::verifier::{Lent, Provider, Verifier};
use crate::engine::{Attempt, Engine, MAX_IDLE_RECORDS, QUIET_MS, check_protocols};
use crate::evidence::Evidence;
use crate::policy::{PeerAuth, Policy};
use crate::progress::Progress;
use crate::reason::{
    CapacityError, Cause, EngineError, Limit, ProofError, ProtocolViolation, Reason, Stage,
    StreamError,
};
use crate::transport::{Connection, Transport};
use crate::verify::Version;

const _: () = assert!(
    crate::engine::OVERHEAD == 5 + embedded_tls::TLS_RECORD_OVERHEAD,
    "what the engine keeps free"
);

/// The only suite that the engine has with this cipher.
pub(crate) const SUITE: u16 = 0x1301;

/// Whether the engine can do what the policy asks for.
pub(crate) fn takes(policy: &Policy<'_>) -> bool {
    policy.versions.contains(Version::Tls13)
        && (policy.suites.is_empty() || policy.suites.contains(&SUITE))
}

/// A session of the engine.
pub(crate) struct Client<'m, T: Transport> {
    engine: TlsConnection<'m, Handle<'m, T>, Suite>,
    connection: &'m Connection<T>,
    /// Bytes of the buffer for outgoing records.
    outgoing: usize,
    writing: Cell<bool>,
    closed: Cell<bool>,
}

impl<'m, T: Transport + 'm> Client<'m, T> {
    /// Takes its memory. Nothing is sent yet.
    pub(crate) fn new(
        connection: &'m Connection<T>,
        incoming: &'m mut [u8],
        outgoing: &'m mut [u8],
    ) -> Self {
        connection.shared.record_limit.set(incoming.len());
        Self {
            outgoing: outgoing.len(),
            engine: TlsConnection::new(Handle(connection), incoming, outgoing),
            connection,
            writing: Cell::new(false),
            closed: Cell::new(false),
        }
    }

    /// Performs the handshake with this provider.
    ///
    /// The provider is lent: moved into the engine's futures it would be copied, and each copy costs stack.
    pub(super) async fn handshake_with<P: CryptoProvider<CipherSuite = Suite>>(
        &mut self,
        policy: &Policy<'_>,
        handshake_ms: u32,
        provider: &mut P,
    ) -> Result<Evidence, Reason> {
        let shared = &self.connection.shared;
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
        let handshake = self.engine.open(TlsContext::new(&config, Lent(provider)));
        let (delay, clock) = (&self.connection.delay, self.connection.clock);
        let progress = &shared.progress;
        match Progress::in_time(delay, handshake_ms, clock, pin!(handshake)).await {
            Some(Ok(())) => {}
            Some(Err(error)) => return Err(progress.reason_or(engine_cause(error))),
            None => {
                let late = StreamError::HandshakeTimeout { ms: handshake_ms };
                return Err(progress.reason_or(late));
            }
        }
        if let Some(reason) = progress.reason() {
            return Err(reason);
        }
        shared.in_record.set(false);
        shared.expect.set(Expect::Encrypted(Phase::Data));
        // The engine demands neither Certificate nor CertificateVerify, and skips its verifier if there is none to be
        // had: what it saw is what our own parts recorded.
        Ok(shared.evidence())
    }
}

impl<'m, T: Transport + 'm> Engine<'m, T> for Client<'m, T> {
    type Reader<'s>
        = Rx<'s, 'm, T>
    where
        Self: 's;
    type Writer<'s>
        = Tx<'s, 'm, T>
    where
        Self: 's;

    async fn handshake<G: CryptoRngCore>(
        &mut self,
        attempt: Attempt<'_, '_>,
        rng: G,
    ) -> Result<Evidence, Reason> {
        let Attempt {
            policy,
            deadlines,
            witness,
        } = attempt;
        check_sizes(policy, self.outgoing).map_err(|error| Reason::new(Stage::Setup, error))?;
        let verifier = Verifier::new(policy, &self.connection.shared, witness);
        let mut provider = Provider::new(verifier, rng);
        self.handshake_with(policy, deadlines.handshake_ms, &mut provider)
            .await
    }

    fn split(&mut self) -> (Rx<'_, 'm, T>, Tx<'_, 'm, T>) {
        let shared = &self.connection.shared;
        let (rx, tx) = self.engine.split();
        (
            Rx {
                engine: rx,
                shared,
                delay: &self.connection.delay,
                closed: &self.closed,
            },
            Tx {
                engine: tx,
                shared,
                writing: &self.writing,
            },
        )
    }
}

impl<'m, T: Transport + 'm> Client<'m, T> {
    /// What is left to do is the engine's `close`.
    ///
    /// # Errors
    ///
    /// Why the session had ended already.
    pub(crate) fn into_closing(
        self,
    ) -> Result<(TlsConnection<'m, Handle<'m, T>, Suite>, &'m Progress), Reason> {
        let progress = &self.connection.shared.progress;
        if let Some(reason) = progress.reason() {
            return Err(reason);
        }
        if self.writing.get() {
            return Err(progress.reason_or(StreamError::WriteAbandoned));
        }
        Ok((self.engine, progress))
    }
}

/// How the engine's `close` ended.
pub(crate) fn closed<S>(
    outcome: Result<S, (S, TlsError)>,
    progress: &Progress,
) -> Result<(), Reason> {
    match outcome {
        Ok(_) => Ok(()),
        Err((_, error)) => Err(progress.reason_or(engine_cause(error))),
    }
}

/// Whether what is to be sent fits its places. `out` is the size of the buffer for outgoing records.
fn check_sizes(policy: &Policy<'_>, out: usize) -> Result<(), CapacityError> {
    if let Some(needed) = policy.identity.map(record_len)
        && needed > out
    {
        return Err(CapacityError::too_large(Limit::ClientChain, needed, out));
    }
    check_protocols(policy)
}

/// Receives application data.
pub(crate) struct Rx<'s, 'm, T: Transport> {
    engine: TlsReader<'s, Handle<'m, T>, Suite>,
    shared: &'s Shared,
    delay: &'s T::Delay,
    closed: &'s Cell<bool>,
}

impl<'s, 'm: 's, T: Transport + 'm> Rx<'s, 'm, T> {
    /// The next record. [`QUIET_MS`] without one make the server's records without data forgotten.
    async fn next(&mut self, idle: &mut u32) -> Result<ReadBuffer<'_>, Reason> {
        let mut next = pin!(self.engine.read_buffered());
        let mut delay = self.delay.clone();
        // Only where there is something to forget: an idle session waits without a timer.
        let record = if *idle > 0
            && let Either::First(record) = select(next.as_mut(), delay.delay_ms(QUIET_MS)).await
        {
            record
        } else {
            *idle = 0;
            next.await
        };
        record.map_err(|error| self.shared.progress.reason_or(engine_cause(error)))
    }
}

impl<T: Transport> ErrorType for Rx<'_, '_, T> {
    type Error = Reason;
}

impl<'s, 'm: 's, T: Transport + 'm> Read for Rx<'s, 'm, T> {
    /// Waits for data; 0 means that the server closed the session in good order.
    ///
    /// Dropping the future between records loses nothing; inside one it ends the session
    /// ([`StreamError::ReadAbandoned`]).
    async fn read(&mut self, buf: &mut [u8]) -> Result<usize, Reason> {
        let (shared, closed) = (self.shared, self.closed);
        if buf.is_empty() || closed.get() {
            return Ok(0);
        }
        if let Some(reason) = shared.progress.reason() {
            return Err(reason);
        }
        if shared.in_record.get() {
            return Err(shared
                .progress
                .reason_or(Cause::Stream(StreamError::ReadAbandoned)));
        }
        let mut idle = 0_u32;
        while idle <= MAX_IDLE_RECORDS {
            let mut record = self.next(&mut idle).await?;
            idle = idle.saturating_add(1);
            shared.in_record.set(false);
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
                            closed.set(true);
                            return Ok(0);
                        }
                        Err(cause) => return Err(shared.progress.reason_or(cause)),
                    }
                }
                // The engine hands out nothing empty.
                None => {}
            }
        }
        Err(shared
            .progress
            .reason_or(Cause::Capacity(CapacityError::TooLarge {
                what: Limit::IdleRecords,
                needed: idle,
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
pub(crate) struct Tx<'s, 'm, T: Transport> {
    engine: TlsWriter<'s, Handle<'m, T>, Suite>,
    shared: &'s Shared,
    writing: &'s Cell<bool>,
}

impl<T: Transport> Tx<'_, '_, T> {
    /// Marks the session as being written to, so that a write that never comes back ends it: the
    /// engine counts a record only once it is out, and would use its nonce again.
    fn begin(&self) -> Result<(), Reason> {
        if let Some(reason) = self.shared.progress.reason() {
            return Err(reason);
        }
        if self.writing.replace(true) {
            return Err(self
                .shared
                .progress
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
            Err(error) => Err(self.shared.progress.reason_or(engine_cause(error))),
        }
    }
}

impl<T: Transport> ErrorType for Tx<'_, '_, T> {
    type Error = Reason;
}

impl<'s, 'm: 's, T: Transport + 'm> Write for Tx<'s, 'm, T> {
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
