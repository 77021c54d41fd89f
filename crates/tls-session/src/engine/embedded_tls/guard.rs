//! The transport under the engine: admits only records that are legal in this phase.
//!
//! ```text
//! TCP ──▶ header (5 bytes, whole) ──▶ admit ──┬─ handshake, in the clear: collected, checked (hello.rs), handed on
//!                                             ├─ change_cipher_spec: dropped (RFC 8446 §5)
//!                                             ├─ alert: before ServerHello a reason, later a refusal
//!                                             └─ application_data: header marked (suite.rs), body handed through
//! ```
//!
//! A header reaches the engine only once all of it is here, so a reader that is dropped between
//! records loses nothing.

use crate::reason::{
    CapacityError, Cause, Limit, NegotiationError, ProtocolViolation, Stage, StreamError,
};
use embedded_hal_async::delay::DelayNs;
use embedded_io_async::{Error as _, Read};
use heapless::Vec;

use super::hello;
use super::state::{Expect, Shared};
use super::suite::Phase;
use crate::progress::Refused;

const HEADER: usize = 5;
/// ServerHello of TLS 1.3 with one P-256 share takes about 125 bytes; other hellos are refused
/// anyway, but their words need them whole.
const MAX_HELLO: usize = 512;
/// Largest TLSCiphertext (RFC 8446 §5.2).
const MAX_CIPHERTEXT: u16 = (1 << 14) + 256;
/// Smallest: one byte of inner type and the tag. The engine unwraps on less.
const MIN_CIPHERTEXT: u16 = 17;
/// A server has reason to send one. RFC 8446 §5 has any number dropped; OpenSSL drops as many.
const MAX_CCS: u8 = 32;

pub(super) fn refuse(shared: &Shared, cause: impl Into<Cause>) -> Refused {
    shared.progress.refuse(cause)
}

/// Where in the stream of records the next byte stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// `have` bytes of a header are here.
    Header,
    /// Collecting `left` bytes of a plaintext handshake record.
    Hello { left: usize },
    /// Swallowing or reading a short plaintext record: `left` of its bytes are still to come.
    Short { kind: u8, left: usize },
    /// `plain` is whole and checked: the engine gets it.
    Serve,
    /// The engine takes `left` bytes of ciphertext straight from the transport.
    Body { left: usize },
}

/// The receiving half, and where it stands in the stream of records.
pub(crate) struct Incoming<R> {
    pub(crate) io: R,
    header: [u8; HEADER],
    have: usize,
    state: State,
    /// Bytes made here for the engine: a marked header, or a whole ServerHello record.
    plain: Vec<u8, { HEADER + MAX_HELLO }>,
    served: usize,
    change_cipher_specs: u8,
}

impl<R> Incoming<R> {
    pub(crate) const fn new(io: R) -> Self {
        Self {
            io,
            header: [0; HEADER],
            have: 0,
            state: State::Header,
            plain: Vec::new(),
            served: 0,
            change_cipher_specs: 0,
        }
    }
}

impl<R: Read> Incoming<R> {
    /// Dropping this loses nothing while no record has been begun.
    pub(super) async fn read(
        &mut self,
        shared: &Shared,
        delay: &(impl DelayNs + Clone),
        buf: &mut [u8],
    ) -> Result<usize, Refused> {
        if buf.is_empty() {
            return Ok(0);
        }
        loop {
            match self.state {
                State::Serve => {
                    let ready = self.plain.get(self.served..).unwrap_or_default();
                    let count = ready.len().min(buf.len());
                    if let (Some(to), Some(from)) = (buf.get_mut(..count), ready.get(..count)) {
                        to.copy_from_slice(from);
                    }
                    self.served = self.served.saturating_add(count);
                    shared.in_record.set(true);
                    if self.served >= self.plain.len() {
                        self.plain.clear();
                        self.served = 0;
                        self.state = State::Header;
                        if let Expect::Encrypted(_) = shared.expect.get() {
                            self.state = State::Body {
                                left: self.body_len(),
                            };
                        } else {
                            // The ServerHello is out; what follows is encrypted.
                            shared.expect.set(Expect::Encrypted(Phase::Handshake));
                            // A pre-shared key leaves nothing but the key confirmation to come.
                            shared.progress.stage.set(if shared.psk_taken.get() {
                                Stage::Finished
                            } else {
                                Stage::Certificate
                            });
                        }
                    }
                    return Ok(count);
                }
                State::Body { left } => {
                    let want = left.min(buf.len());
                    let into = buf.get_mut(..want).unwrap_or_default();
                    let count = pull(&mut self.io, shared, delay, into).await?;
                    let left = left.saturating_sub(count);
                    self.state = if left == 0 {
                        State::Header
                    } else {
                        State::Body { left }
                    };
                    return Ok(count);
                }
                State::Header => self.header(shared, delay).await?,
                State::Hello { left } => self.hello(shared, delay, left).await?,
                State::Short { kind, left } => self.short(shared, delay, kind, left).await?,
            }
        }
    }

    fn body_len(&self) -> usize {
        let [_, _, _, high, low] = self.header;
        usize::from(u16::from_be_bytes([high, low]))
    }

    async fn header(
        &mut self,
        shared: &Shared,
        delay: &(impl DelayNs + Clone),
    ) -> Result<(), Refused> {
        while self.have < HEADER {
            let into = self.header.get_mut(self.have..).unwrap_or_default();
            let count = pull(&mut self.io, shared, delay, into).await?;
            self.have = self.have.saturating_add(count);
        }
        self.have = 0;
        self.state = self.admit(shared).map_err(|cause| refuse(shared, cause))?;
        Ok(())
    }

    fn admit(&mut self, shared: &Shared) -> Result<State, Cause> {
        let [kind, major, minor, _, _] = self.header;
        let len = self.body_len();
        let version = u16::from_be_bytes([major, minor]);
        let wire_len = u16::try_from(len).unwrap_or(u16::MAX);
        if !matches!(kind, 20..=23) {
            return Err(match shared.expect.get() {
                Expect::Hello if self.plain.is_empty() => ProtocolViolation::RecordType(kind),
                _ => ProtocolViolation::RecordHere(kind),
            }
            .into());
        }
        let expect = shared.expect.get();
        if !is_legal_version(version, expect) {
            return Err(Cause::Protocol(ProtocolViolation::RecordVersion(version)));
        }
        match (kind, expect) {
            // Nothing may stand between the pieces of a message (RFC 8446 §5.1).
            (20, Expect::Hello) if !self.plain.is_empty() => {
                Err(Cause::Protocol(ProtocolViolation::RecordHere(kind)))
            }
            (20, Expect::Hello | Expect::Encrypted(Phase::Handshake)) => {
                self.change_cipher_specs = self.change_cipher_specs.saturating_add(1);
                if len != 1 || self.change_cipher_specs > MAX_CCS {
                    return Err(Cause::Protocol(ProtocolViolation::ChangeCipherSpec));
                }
                Ok(State::Short { kind, left: len })
            }
            (21, _) => {
                if len != 2 {
                    return Err(Cause::Protocol(ProtocolViolation::RecordLength(wire_len)));
                }
                Ok(State::Short { kind, left: len })
            }
            (22, Expect::Hello) => {
                // A plaintext fragment may not be empty (RFC 8446 §5.1).
                if len == 0 || wire_len > 1 << 14 {
                    return Err(Cause::Protocol(ProtocolViolation::RecordLength(wire_len)));
                }
                Ok(State::Hello { left: len })
            }
            (23, Expect::Encrypted(phase)) => self.admit_ciphertext(phase, shared),
            _ => Err(Cause::Protocol(ProtocolViolation::RecordHere(kind))),
        }
    }

    /// An encrypted record of legal length: its header is marked for the cipher.
    fn admit_ciphertext(&mut self, phase: Phase, shared: &Shared) -> Result<State, Cause> {
        let [kind, _, _, len_high, len_low] = self.header;
        let wire_len = u16::from_be_bytes([len_high, len_low]);
        if !(MIN_CIPHERTEXT..=MAX_CIPHERTEXT).contains(&wire_len) {
            return Err(ProtocolViolation::RecordLength(wire_len).into());
        }
        let (len, limit) = (usize::from(wire_len), shared.record_limit.get());
        if len > limit {
            return Err(CapacityError::too_large(Limit::RecordBuffer, len, limit).into());
        }
        let [mark_high, mark_low] = phase.mark();
        self.plain.clear();
        // Five bytes always fit.
        let _ = self
            .plain
            .extend_from_slice(&[kind, mark_high, mark_low, len_high, len_low]);
        self.served = 0;
        Ok(State::Serve)
    }

    /// Collects a ServerHello, over as many records as it takes, and checks it.
    async fn hello(
        &mut self,
        shared: &Shared,
        delay: &(impl DelayNs + Clone),
        left: usize,
    ) -> Result<(), Refused> {
        if self.plain.is_empty() {
            // Room for the record header that the engine will see.
            let _ = self.plain.extend_from_slice(&[0; HEADER]);
        }
        let mut left = left;
        loop {
            let message = self.plain.get(HEADER..).unwrap_or_default();
            let missing = missing_of_hello(message).map_err(|cause| refuse(shared, cause))?;
            if missing == 0 {
                break;
            }
            if left == 0 {
                // A record in the clear ends where the next header begins.
                self.state = State::Header;
                return Ok(());
            }
            let mut piece = [0; 64];
            let want = left.min(missing).min(piece.len());
            let into = piece.get_mut(..want).unwrap_or_default();
            let count = pull(&mut self.io, shared, delay, into).await?;
            left = left.saturating_sub(count);
            self.state = State::Hello { left };
            // No more than is missing, which fits.
            let _ = self
                .plain
                .extend_from_slice(piece.get(..count).unwrap_or_default());
        }
        let message = self.plain.get(HEADER..).unwrap_or_default();
        let psk = shared.psk_offered.get();
        // First of all: an older server may have its whole flight in this record.
        hello::check(message, psk).map_err(|cause| refuse(shared, cause))?;
        if left > 0 {
            // Keys change after ServerHello: nothing may share its record (RFC 8446 §5.1).
            return Err(refuse(
                shared,
                Cause::Protocol(ProtocolViolation::TrailingBytes),
            ));
        }
        shared.psk_taken.set(psk);
        let len = u16::try_from(message.len())
            .unwrap_or(u16::MAX)
            .to_be_bytes();
        let [high, low] = len;
        if let Some(header) = self.plain.get_mut(..HEADER) {
            header.copy_from_slice(&[22, 3, 3, high, low]);
        }
        self.served = 0;
        self.state = State::Serve;
        Ok(())
    }

    /// Takes a record of one or two bytes in the clear.
    async fn short(
        &mut self,
        shared: &Shared,
        delay: &(impl DelayNs + Clone),
        kind: u8,
        left: usize,
    ) -> Result<(), Refused> {
        let mut left = left;
        while left > 0 {
            let mut byte = [0];
            let count = pull(&mut self.io, shared, delay, &mut byte).await?;
            left = left.saturating_sub(count);
            self.state = State::Short { kind, left };
            let [byte] = byte;
            if kind == 20 && byte != 1 {
                return Err(refuse(
                    shared,
                    Cause::Protocol(ProtocolViolation::ChangeCipherSpec),
                ));
            }
            if kind == 21 && left == 0 {
                let cause = match (shared.expect.get(), byte) {
                    (Expect::Hello, 0) => Cause::Stream(StreamError::PeerCloseNotify),
                    // With a pre-shared key it can mean the key.
                    (Expect::Hello, 40) if !shared.psk_offered.get() => {
                        Cause::Negotiation(NegotiationError::NothingInCommon)
                    }
                    (Expect::Hello, description) => {
                        Cause::Stream(StreamError::PeerAlert(description))
                    }
                    (Expect::Encrypted(_), description) => {
                        Cause::Protocol(ProtocolViolation::PlaintextAlert(description))
                    }
                };
                return Err(refuse(shared, cause));
            }
        }
        self.state = State::Header;
        Ok(())
    }
}

/// RFC 8446 §5.1: 3.3, but for 3.1 in records around the first hello.
const fn is_legal_version(version: u16, expect: Expect) -> bool {
    match expect {
        Expect::Hello => matches!(version, 0x0301..=0x0303),
        Expect::Encrypted(_) => version == 0x0303,
    }
}

/// How many bytes more make a whole ServerHello.
fn missing_of_hello(message: &[u8]) -> Result<usize, Cause> {
    if let Some(kind) = message.first().filter(|kind| **kind != 2) {
        return Err(Cause::Protocol(ProtocolViolation::Message(*kind)));
    }
    let Some(&[_, high, middle, low]) = message.first_chunk::<4>() else {
        return Ok(4_usize.saturating_sub(message.len()));
    };
    let declared = u32::from_be_bytes([0, high, middle, low]).saturating_add(4);
    match usize::try_from(declared) {
        Ok(whole @ ..=MAX_HELLO) => Ok(whole.saturating_sub(message.len())),
        _ => Err(Cause::Capacity(CapacityError::TooLarge {
            what: Limit::ServerHello,
            needed: declared,
            limit: u32::try_from(MAX_HELLO).unwrap_or(u32::MAX),
        })),
    }
}

/// Reads at least one byte, or refuses.
async fn pull(
    io: &mut impl Read,
    shared: &Shared,
    delay: &(impl DelayNs + Clone),
    into: &mut [u8],
) -> Result<usize, Refused> {
    match shared.progress.limited(delay, io.read(into)).await? {
        Ok(0) => Err(refuse(shared, Cause::Stream(StreamError::PeerEof))),
        Ok(count) => Ok(count.min(into.len())),
        Err(error) => Err(refuse(shared, StreamError::from(error.kind()))),
    }
}
