//! The synchronous part: one record in, one answer. It never awaits, so no borrow of it crosses an await.

use alloc::vec::Vec;
use core::ops::Range;

use rustls::client::UnbufferedClientConnection;
use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::{ConnectionState, EncryptError, UnbufferedStatus};
use rustls::{Error, ProtocolVersion};
use tls_provider::sync::Arc;
use tls_provider::{Alert, alert_request};

use super::config::{configure, not_begun, offered, server_name};
use super::errors::{Place, alert_left_out, cause, is_of_record};
use super::halves::LastAlert;
use super::judge::Attempt;
use super::sealed::{AROUND, Sealed, chunk};
use super::server::Served;
use super::side::{Records, Side};
use super::watch::{HEADER, Watch};
use crate::budget::Caps;
use crate::evidence::{Application, Evidence, Finished, Negotiated};
use crate::heap::Ledger;
use crate::policy::{Clock, Policy, Versions};
use crate::reason::{
    CapacityError, Cause, ClientError, EngineError, Limit, NegotiationError, ProtocolViolation,
    Reason, SetupError, Stage,
};
use crate::verify::Version;

/// Room for what is sent while data are received: an alert, or the refusal to renegotiate.
const CONTROL: usize = 96;
/// Bytes of a record that a decrypter leaves as they are: those of a nonce.
const NONCE: usize = 8;

/// What the caller does next.
pub(super) enum Step {
    /// What was sealed must go out before the next step over the same bytes.
    Send,
    /// Another record is needed.
    NeedRecord,
    /// Data stand here, counted from the first byte of the record.
    Data(Range<usize>),
    /// The session is open; the record brought no data.
    Open,
    /// The peer said close_notify.
    PeerClosed,
}

/// One session of rustls.
pub(super) struct Core {
    connection: Side,
    attempt: Arc<Attempt>,
    watch: Watch,
    offered: Versions,
    stage: Stage,
    chunk: usize,
    /// Why TLS 1.2 is not offered although the policy allows it.
    without: Option<CapacityError>,
    ledger: Option<&'static Ledger>,
    /// Sealed while somebody else had the outgoing buffer: goes out before anything that is sealed later.
    control: heapless::Vec<u8, CONTROL>,
    /// A copy of the bytes of an incomplete message: rustls has positions in them, and reads past the end of a shorter
    /// slice, whoever calls it.
    pending: Vec<u8>,
    /// rustls may have sealed its last alert: it takes it for a mistake of ours to ask for another.
    is_over: bool,
}

impl Core {
    /// Prepares a session; `room` is that of the outgoing buffer, and `without` says why the policy was narrowed to
    /// TLS 1.3.
    pub(super) fn begin(
        policy: &Policy<'_>,
        keep: bool,
        room: usize,
        without: Option<CapacityError>,
    ) -> Result<Self, Cause> {
        let attempt = Arc::new(Attempt::new(policy, keep)?);
        let chunk = chunk(room);
        // rustls counts content and header.
        let config = configure(
            policy,
            &attempt,
            chunk.saturating_sub(AROUND).saturating_add(5),
        )?;
        let offered = offered(policy.versions, policy.suites).ok_or(SetupError::NoSuite)?;
        let name = server_name(policy)?;
        let connection = UnbufferedClientConnection::new(Arc::new(config), name);
        let connection = connection.map_err(|error| not_begun(&error))?;
        let watch = Watch::new(offered.contains(Version::Tls13));
        let side = Side::Client(connection);
        let core = Self::new(side, attempt, watch, (offered, chunk));
        Ok(Self { without, ..core })
    }

    /// Prepares a session with a client, of these versions; `without` says why they are not all of the policy's.
    pub(super) fn accept(
        served: &Arc<Served>,
        (versions, without): (Versions, Option<CapacityError>),
        clock: Clock,
        room: usize,
    ) -> Result<Self, Cause> {
        let attempt = Arc::new(Attempt::of_client(served, clock));
        let chunk = chunk(room);
        // rustls counts content and header.
        let content = chunk.saturating_sub(AROUND).saturating_add(5);
        let config = Served::configure(served, versions, &attempt, content)?;
        let connection = UnbufferedServerConnection::new(Arc::new(config));
        let connection = connection.map_err(|error| not_begun(&error))?;
        let watch = Watch::of_client(versions);
        let core = Self::new(Side::Server(connection), attempt, watch, (versions, chunk));
        Ok(Self { without, ..core })
    }

    const fn new(
        connection: Side,
        attempt: Arc<Attempt>,
        watch: Watch,
        (offered, chunk): (Versions, usize),
    ) -> Self {
        Self {
            connection,
            attempt,
            watch,
            offered,
            stage: Stage::Hello,
            chunk,
            without: None,
            ledger: None,
            control: heapless::Vec::new(),
            pending: Vec::new(),
            is_over: false,
        }
    }

    /// The heap that it takes from.
    pub(super) const fn set_ledger(&mut self, ledger: Option<&'static Ledger>) {
        self.ledger = ledger;
    }

    pub(super) fn attempt(&self) -> &Attempt {
        &self.attempt
    }

    pub(super) const fn stage(&self) -> Stage {
        self.stage
    }

    pub(super) const fn chunk(&self) -> usize {
        self.chunk
    }

    pub(super) const fn watch(&self) -> &Watch {
        &self.watch
    }

    /// The handshake is over; these bytes of it are not done with.
    pub(super) fn begin_data(&mut self, incomplete: &[u8]) -> Result<(), Reason> {
        self.stage = Stage::Data;
        self.attempt.forget();
        self.keep_pending(incomplete)
    }

    /// Looks at a record before the engine does.
    pub(super) fn look(&mut self, record: &[u8]) -> Result<(), Cause> {
        let Some(([kind, ..], body)) = record.split_first_chunk::<HEADER>() else {
            return Ok(());
        };
        if self.stage != Stage::Data {
            let limit = self.caps().client;
            self.watch.count_client(body.len(), limit)?;
        }
        let looked = self.watch.record(*kind, body);
        looked.map_err(|cause| self.for_want_of_memory(cause))
    }

    /// Goes as far as `record` allows; returns how many of its bytes are consumed.
    ///
    /// `record` is what earlier steps left over, and at most one whole record behind it.
    pub(super) fn step(
        &mut self,
        record: &mut [u8],
        fresh: usize,
        out: &mut Sealed<'_>,
    ) -> Result<(usize, Step), Reason> {
        let before = content(record, fresh);
        let outcome = self.process(record, fresh, out);
        self.is_over |= outcome.is_err();
        self.note_stage();
        if let Some(reason) = self.attempt.reason() {
            return Err(reason);
        }
        outcome.map_err(|error| {
            let place = Place {
                stage: self.stage,
                hello: self.watch.hello(),
                client: self.watch.client(),
                offered: self.offered,
                decrypted: self.watch.is_encrypted() && content(record, fresh) != before,
            };
            let cause = self.for_want_of_memory(cause(&error, place));
            let stage = match cause {
                // The engine looks at some of its fields after it has accepted the suite.
                Cause::Protocol(ProtocolViolation::HelloField(_)) => Stage::Hello,
                _ => self.stage,
            };
            Reason::new(stage, cause)
        })
    }

    /// Where the peer speaks TLS 1.2 alone, and only memory kept us from it, that is the cause.
    const fn for_want_of_memory(&self, cause: Cause) -> Cause {
        match (self.without, cause) {
            (
                Some(error),
                Cause::Negotiation(
                    NegotiationError::NoCommonVersion { .. }
                    | NegotiationError::PolicyVersion { server: 0x0303, .. },
                )
                | Cause::Client(ClientError::PolicyVersion { client: 0x0303, .. }),
            ) => Cause::Capacity(error),
            (_, cause) => cause,
        }
    }

    fn process(
        &mut self,
        record: &mut [u8],
        fresh: usize,
        out: &mut Sealed<'_>,
    ) -> Result<(usize, Step), Error> {
        let (watch, chunk) = (&mut self.watch, self.chunk);
        match &mut self.connection {
            Side::Client(connection) => process(connection, (watch, chunk), (record, fresh), out),
            Side::Server(connection) => process(connection, (watch, chunk), (record, fresh), out),
        }
    }

    /// Makes rustls seal this alert, by a record at `at` of `bytes`, behind what it has positions in.
    fn ask_for(&mut self, alert: Alert, bytes: &mut [u8], at: usize, out: &mut Sealed<'_>) {
        if core::mem::replace(&mut self.is_over, true) {
            return;
        }
        match &mut self.connection {
            Side::Client(connection) => ask_for(connection, alert, (bytes, at), out),
            Side::Server(connection) => ask_for(connection, alert, (bytes, at), out),
        }
    }

    /// What the peer may make the session hold.
    pub(super) fn caps(&self) -> &Caps {
        self.ledger.map_or(&Caps::FULL, Ledger::caps)
    }

    /// Whether the session may take so many bytes of heap: those of its handshake are promised, later ones are not.
    pub(super) fn may_take(&self, bytes: usize) -> Result<(), CapacityError> {
        match (self.stage, self.ledger) {
            (Stage::Data, Some(ledger)) => ledger.allows(bytes),
            _ => Ok(()),
        }
    }

    /// Keeps what the other direction needs of an incomplete message.
    pub(super) fn keep_pending(&mut self, bytes: &[u8]) -> Result<(), Reason> {
        self.pending.clear();
        if self.stage == Stage::Data {
            if bytes.len() > self.pending.capacity() {
                let allowed = self.may_take(bytes.len());
                allowed.map_err(|error| Reason::new(self.stage, error))?;
            }
            if self.pending.try_reserve_exact(bytes.len()).is_err() {
                let error = CapacityError::too_large(
                    Limit::HandshakeMessage,
                    bytes.len(),
                    self.pending.capacity(),
                );
                return Err(Reason::new(self.stage, error));
            }
            self.pending.extend_from_slice(bytes);
        }
        Ok(())
    }

    /// An alert of ours, for what rustls never sees: a record whose header stands at `at` of `bytes`.
    pub(super) fn refuse(
        &mut self,
        cause: &Cause,
        bytes: &mut [u8],
        at: usize,
        out: &mut Sealed<'_>,
    ) {
        let alert = alert_of(cause);
        if let Some(record) = self.plain_alert(alert) {
            // Without room for it there is none.
            let _ = out.append(&record);
            return;
        }
        let alert = match alert {
            22 => Alert::RecordOverflow,
            80 => Alert::DecodeError,
            _ => Alert::UnexpectedMessage,
        };
        self.ask_for(alert, bytes, at, out);
    }

    /// An alert as a record, as long as we encrypt nothing.
    fn plain_alert(&self, alert: u8) -> Option<[u8; 7]> {
        let plain = self.stage != Stage::Data && self.watch.is_in_the_clear(self.stage);
        plain.then_some([21, 3, 3, 0, 2, 2, alert])
    }

    /// The alert of a session that ends because the heap ran out: internal_error as long as we encrypt nothing, and once the
    /// session is open decode_error, as for all that is our limit there. rustls seals none behind an incomplete message.
    pub(super) fn last_alert(&mut self) -> Option<LastAlert> {
        if let Some(alert) = self.plain_alert(80) {
            return Some(LastAlert::Plain(alert));
        }
        if self.stage != Stage::Data || self.is_over || !self.pending.is_empty() {
            return None;
        }
        let mut bytes = [0; CONTROL];
        let mut out = Sealed::new(&mut bytes);
        self.take_control(&mut out).ok()?;
        self.ask_for(Alert::DecodeError, &mut [0; HEADER], 0, &mut out);
        let sealed = heapless::Vec::from_slice(out.waiting()).ok()?;
        Some(LastAlert::Sealed(sealed))
    }

    /// An alert for records that were fine, each of them, where no message is incomplete.
    pub(super) fn refuse_flood(&mut self, out: &mut Sealed<'_>) {
        self.ask_for(Alert::UnexpectedMessage, &mut [0; HEADER], 0, out);
    }

    /// What follows ServerHello is another stage, once the engine has accepted that.
    fn note_stage(&mut self) {
        let connection = self.connection.common();
        let suite = connection.negotiated_cipher_suite();
        let is_accepted = match self.watch.hello().filter(|hello| !hello.is_retry) {
            _ if self.watch.is_of_client() => suite.is_some(),
            None => false,
            // After a retry there was another one.
            Some(hello) if hello.is_12() => {
                suite.is_some_and(|suite| u16::from(suite.suite()) == hello.suite)
            }
            Some(_) => connection.negotiated_key_exchange_group().is_some(),
        };
        if self.stage != Stage::Data && is_accepted {
            self.stage = self.attempt.stage();
        }
    }

    /// Seals up to a chunk of `data`; returns how many bytes of it.
    pub(super) fn seal(&mut self, data: &[u8], out: &mut Sealed<'_>) -> Result<usize, Cause> {
        self.take_control(out)?;
        let content = data.len().min(self.chunk.saturating_sub(AROUND));
        let data = data.get(..content).unwrap_or_default();
        let sealed = self.when_open(out, What::Data(data));
        // At the limit of a key there is a close_notify.
        self.is_over |= !matches!(sealed, Ok(true));
        match sealed? {
            true => Ok(content),
            false => Err(ProtocolViolation::Engine(EngineError::Other).into()),
        }
    }

    /// Seals close_notify, where rustls still takes it.
    pub(super) fn close_notify(&mut self, out: &mut Sealed<'_>) -> Result<(), Cause> {
        self.take_control(out)?;
        self.is_over = true;
        self.when_open(out, What::CloseNotify)?;
        Ok(())
    }

    /// Sends first what rustls has to send, then seals; `false` where the session takes nothing more.
    fn when_open(&mut self, out: &mut Sealed<'_>, what: What<'_>) -> Result<bool, Cause> {
        let pending = &mut self.pending;
        match &mut self.connection {
            Side::Client(connection) => seal(connection, pending, what, out),
            Side::Server(connection) => seal(connection, pending, what, out),
        }
    }

    /// Keeps what was sealed while the outgoing buffer belonged to somebody else.
    pub(super) fn keep_control(&mut self, sealed: &[u8]) -> Result<(), Cause> {
        self.control.extend_from_slice(sealed).map_err(|_| space())
    }

    pub(super) fn has_control(&self) -> bool {
        !self.control.is_empty()
    }

    /// Moves it to the outgoing buffer.
    pub(super) fn take_control(&mut self, out: &mut Sealed<'_>) -> Result<(), Cause> {
        out.append(&self.control).ok_or_else(space)?;
        self.control.clear();
        Ok(())
    }

    /// What was seen of the handshake; `alpn` was offered.
    pub(super) fn evidence(&self, alpn: &[&[u8]]) -> Evidence {
        let connection = self.connection.common();
        let version = match connection.protocol_version() {
            Some(ProtocolVersion::TLSv1_3) => Version::Tls13,
            _ => Version::Tls12,
        };
        let suite = connection.negotiated_cipher_suite();
        let group = connection.negotiated_key_exchange_group();
        let bound = self.watch.binds_keys();
        Evidence {
            peer: self.attempt.proof(),
            finished: (!connection.is_handshaking()).then(Finished::held),
            negotiated: Negotiated {
                version,
                suite: suite.map_or(0, |suite| suite.suite().into()),
                group: group.map_or(0, |group| group.name().into()),
                extended_master_secret: version == Version::Tls13 || bound,
                application: Application::find(connection.alpn_protocol(), alpn),
            },
        }
    }
}

/// Goes as far as `record` allows.
fn process<S: Records>(
    connection: &mut S,
    (watch, chunk): (&mut Watch, usize),
    (record, fresh): (&mut [u8], usize),
    out: &mut Sealed<'_>,
) -> Result<(usize, Step), Error> {
    let mut done = 0_usize;
    loop {
        let rest = record.get_mut(done..).unwrap_or_default();
        let UnbufferedStatus { discard, state, .. } = connection.records(rest);
        let next = match state {
            Ok(ConnectionState::EncodeTlsData(mut data)) => {
                let sealed = data.encode(out.room()).map_err(|_| Error::EncryptError)?;
                watch.sent(out.room().get(..sealed).unwrap_or_default());
                out.add(sealed);
                (out.room().len() < chunk).then_some(Step::Send)
            }
            Ok(ConnectionState::TransmitTlsData(data)) => {
                data.done();
                None
            }
            Ok(ConnectionState::BlockedHandshake) => Some(Step::NeedRecord),
            Ok(ConnectionState::ReadTraffic(mut traffic)) => {
                let mut place = None;
                while let Some(note) = traffic.next_record() {
                    place = tls_provider::plaintext(note?.payload);
                }
                match place {
                    Some(place) => Some(Step::Data(place)),
                    None => Some(Step::Open),
                }
            }
            Ok(ConnectionState::WriteTraffic(_)) => Some(Step::Open),
            Ok(ConnectionState::PeerClosed | ConnectionState::Closed) => Some(Step::PeerClosed),
            Ok(_) => return Err(Error::HandshakeNotComplete),
            Err(error) => {
                done = done.saturating_add(discard);
                let fresh = fresh.saturating_sub(done);
                let rest = record.get_mut(done..).unwrap_or_default();
                alert(connection, &error, (rest, fresh), out);
                return Err(error);
            }
        };
        done = done.saturating_add(discard);
        if let Some(step) = next {
            return Ok((done, step));
        }
    }
}

/// After an error, what rustls says of it to the peer; if that is nothing, an alert that it is asked for.
///
/// The record that was refused begins at `fresh`.
fn alert<S: Records>(
    connection: &mut S,
    error: &Error,
    (record, fresh): (&mut [u8], usize),
    out: &mut Sealed<'_>,
) {
    if drain(connection, record, out) {
        return;
    }
    let Some(alert) = alert_left_out(error) else {
        return;
    };
    match record.is_empty() {
        true => ask_for(connection, alert, (&mut [0; HEADER], 0), out),
        false if is_of_record(error) => ask_for(connection, alert, (record, fresh), out),
        // More messages of the record wait, and rustls would look at those first.
        false => {}
    }
}

/// Seals what rustls has to send; `false` for nothing. It must not be called without: it would look at the record
/// that was refused once more.
fn drain<S: Records>(connection: &mut S, record: &mut [u8], out: &mut Sealed<'_>) -> bool {
    let any = connection.common().wants_write();
    while connection.common().wants_write() {
        let UnbufferedStatus { state, .. } = connection.records(record);
        let Ok(ConnectionState::EncodeTlsData(mut data)) = state else {
            break;
        };
        let Ok(sealed) = data.encode(out.room()) else {
            break;
        };
        out.add(sealed);
    }
    any
}

/// Makes rustls seal this alert, by a record at `at` of `bytes`, behind what it has positions in.
fn ask_for<S: Records>(
    connection: &mut S,
    alert: Alert,
    (bytes, at): (&mut [u8], usize),
    out: &mut Sealed<'_>,
) {
    let end = at.saturating_add(HEADER);
    let Some(place) = bytes.get_mut(at..end) else {
        return;
    };
    place.copy_from_slice(&alert_request(alert));
    let bytes = bytes.get_mut(..end).unwrap_or_default();
    // It is an error, always.
    let _ = connection.records(bytes);
    drain(connection, bytes, out);
}

/// What is sealed.
#[derive(Clone, Copy)]
enum What<'d> {
    Data(&'d [u8]),
    CloseNotify,
}

/// Seals, behind what rustls has to send; `false` where the session takes nothing more.
fn seal<S: Records>(
    connection: &mut S,
    pending: &mut [u8],
    what: What<'_>,
    out: &mut Sealed<'_>,
) -> Result<bool, Cause> {
    loop {
        let UnbufferedStatus { state, .. } = connection.records(pending);
        match state {
            Ok(ConnectionState::EncodeTlsData(mut message)) => {
                let sealed = message.encode(out.room()).map_err(|_| space())?;
                out.add(sealed);
            }
            Ok(ConnectionState::TransmitTlsData(message)) => message.done(),
            Ok(ConnectionState::WriteTraffic(mut traffic)) => {
                let sealed = match what {
                    What::Data(data) => traffic.encrypt(data, out.room()),
                    What::CloseNotify => traffic.queue_close_notify(out.room()),
                };
                if sealed.is_err() {
                    // close_notify, where the key has come to its limit.
                    drain(connection, &mut [], out);
                }
                out.add(sealed.map_err(|error| exhausted(&error))?);
                return Ok(true);
            }
            // Said once; what follows says whether we may still send.
            Ok(ConnectionState::PeerClosed) => {}
            _ => return Ok(false),
        }
    }
}

/// The alert for what is refused before rustls sees it (RFC 9846 §6.2).
const fn alert_of(cause: &Cause) -> u8 {
    match cause {
        // unexpected_message
        Cause::Protocol(ProtocolViolation::RecordType(_) | ProtocolViolation::RecordHere(_)) => 10,
        // record_overflow
        Cause::Protocol(ProtocolViolation::RecordLength(_)) => 22,
        // handshake_failure (RFC 5746 §3.4)
        Cause::Protocol(ProtocolViolation::Renegotiation) => 40,
        // decode_error, as rustls says it of what is no TLS
        Cause::Client(ClientError::NotTls(_) | ClientError::Ssl2Hello) => 50,
        // inappropriate_fallback (RFC 7507 §3)
        Cause::Client(ClientError::Fallback) => 86,
        // illegal_parameter
        Cause::Negotiation(NegotiationError::Downgrade)
        | Cause::Protocol(ProtocolViolation::HelloField(_)) => 47,
        // protocol_version
        Cause::Protocol(ProtocolViolation::RecordVersion(_))
        | Cause::Client(ClientError::ClientVersion(_) | ClientError::PolicyVersion { .. }) => 70,
        // internal_error: it is our limit that was met.
        _ => 80,
    }
}

/// The first bytes of a record's content, behind its nonce.
fn content(record: &[u8], fresh: usize) -> [u8; 16] {
    let from = fresh.saturating_add(HEADER + NONCE);
    let bytes = record.get(from..).and_then(<[u8]>::first_chunk);
    bytes.copied().unwrap_or_default()
}

fn space() -> Cause {
    ProtocolViolation::Engine(EngineError::Space).into()
}

fn exhausted(error: &EncryptError) -> Cause {
    match error {
        EncryptError::EncryptExhausted => ProtocolViolation::KeyLimit.into(),
        EncryptError::InsufficientSize(_) => space(),
    }
}
