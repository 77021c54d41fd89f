//! The synchronous part: one record in, one answer. It never awaits, so no borrow of it crosses an await.

use alloc::vec::Vec;

use rustls::client::UnbufferedClientConnection;
use rustls::server::UnbufferedServerConnection;
use rustls::{Error, HandshakeKind, ProtocolVersion};
use tls_provider::Alert;
use tls_provider::sync::Arc;

use super::config::{configure, not_begun, server_name};
use super::drive::{Step, What, ask_for, process, seal, space};
use super::errors::{Place, cause};
use super::judge::{Attempt, Judge, Seat};
use super::resume::{Offer, Older, Resume};
use super::sealed::{AROUND, LastAlert, Sealed, chunk, fragment};
use super::served::Served;
use super::side::Side;
use super::suites::offered;
use super::watch::{HEADER, Watch};
use crate::budget::{Caps, Direction};
use crate::evidence::{Application, Evidence, Finished, Negotiated, Peer};
use crate::heap::{Ledger, Lends};
use crate::policy::{Clock, Policy, Versions};
use crate::reason::{
    CapacityError, Cause, ClientError, EngineError, Limit, NegotiationError, ProtocolViolation,
    Reason, SetupError, Stage,
};
use crate::verify::{PeerCertificate, Version};

/// Room for what is sent while data are received: an alert, or the refusal to renegotiate.
const CONTROL: usize = 96;
/// Bytes of a record that a decrypter leaves as they are: those of a nonce.
const NONCE: usize = 8;

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
    /// What makes the handshake's questions reach the attempt; gone with the handshake.
    seat: Option<Seat>,
    /// For a session that may be resumed.
    resume: Option<Resume>,
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
        offer: Option<Offer>,
    ) -> Result<Self, Cause> {
        let offered = offered(policy.versions, policy.suites).ok_or(SetupError::NoSuite)?;
        let attempt = Attempt::new(policy, keep, offered.contains(Version::Tls12))?;
        let attempt = Arc::new(attempt);
        let resume = offer.map(|offer| Resume::new(offer, &attempt));
        let seat = Seat {
            judge: match &resume {
                Some(resume) => resume.judge().clone(),
                None => Arc::new(Judge::of(&attempt)),
            },
            attempt: attempt.clone(),
        };
        let chunk = chunk(room);
        let config = configure(policy, &seat.judge, resume.as_ref(), fragment(chunk))?;
        let name = server_name(policy)?;
        let connection = UnbufferedClientConnection::new(Arc::new(config), name);
        let connection = connection.map_err(|error| not_begun(&error))?;
        let watch = Watch::new(offered.contains(Version::Tls13), resume.is_some());
        let side = Side::Client(connection);
        let core = Self::new(side, attempt, watch, (offered, chunk));
        Ok(Self {
            without,
            seat: Some(seat),
            resume,
            ..core
        })
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
        let config = Served::configure(served, versions, &attempt, fragment(chunk))?;
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
            seat: None,
            resume: None,
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
        let resumed = self.is_resumed();
        let group = self.connection.common().negotiated_key_exchange_group();
        if let Some(resume) = &mut self.resume {
            resume.exchanged(group.map(|group| group.name()));
            match resumed {
                true => resume.resumed(),
                false => resume.verified(&self.attempt),
            }
        }
        self.attempt.forget();
        self.seat = None;
        self.keep_pending(incomplete)
    }

    /// Whether the server took a ticket.
    fn is_resumed(&self) -> bool {
        self.connection.common().handshake_kind() == Some(HandshakeKind::Resumed)
    }

    /// The peer's certificate, that of the session that is resumed among them, and the bytes of its chain.
    pub(super) fn certificate(&self) -> (Option<PeerCertificate>, usize) {
        match &self.resume {
            Some(resume) if self.is_resumed() => (resume.certificate(), resume.chain_bytes()),
            _ => (self.attempt.certificate(), self.attempt.chain_bytes()),
        }
    }

    /// Bytes that a ticket may take for a while.
    pub(super) const fn ticket_bytes(&self) -> usize {
        match self.resume {
            Some(_) => tls_provider::STORABLE,
            None => 0,
        }
    }

    /// The evidence covers the policy: tickets may be kept.
    pub(super) const fn open(&mut self) {
        if let Some(resume) = &mut self.resume {
            resume.open();
        }
    }

    /// After a step in which the heap did not run out: keeps the tickets that it brought.
    pub(super) fn settle(&mut self) {
        let older = Older {
            bytes: self.watch.ticket(),
            binds_keys: self.watch.binds_keys(),
        };
        if let Some(resume) = &mut self.resume {
            resume.settle(self.ledger, older);
        }
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
        if let Some(resume) = &mut self.resume {
            resume.look(record);
        }
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

    /// Whether it gets so many bytes for a record that is received, besides the `own` ones that it has: those of its
    /// handshake are promised.
    pub(super) fn lends(&self, bytes: usize, own: usize) -> Lends {
        match (self.stage, self.ledger) {
            (Stage::Data, Some(ledger)) => ledger.lends(Direction::In, bytes, own),
            _ => Lends::Now,
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
        let peer = match (self.is_resumed(), &self.resume) {
            (false, _) => self.attempt.proof(),
            (true, Some(resume)) => resume.proof(),
            (true, None) => Peer::Nobody,
        };
        Evidence {
            peer,
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
