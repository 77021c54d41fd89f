//! A TLS 1.3 server over byte strings that plays a [`Script`] (RFC 8446 §2, §4, §5).
//!
//! ```text
//! client's bytes ─▶ receive ─▶ records ─▶ messages ─┬▶ ClientHello: plays the script
//!                                                   └▶ Finished: plays what waited for it
//! take_output ◀─ records ◀─ packing ◀─ messages ◀───┘
//! ```
//!
//! It never refuses: whatever a client does wrong is written down in [`Seen::violations`], so that a
//! client that should have stopped is caught going on.

use std::collections::VecDeque;

use crate::client_hello::ClientHello;
use crate::codec::Reader;
use crate::exchange::Exchange;
use crate::message::{self, Message, SECP256R1};
use crate::record::{
    ALERT, APPLICATION_DATA, CHANGE_CIPHER_SPEC, HANDSHAKE, Keys, MAX_PLAINTEXT, Schedule, TLS_1_2,
    TrafficSecret, binder, finished, hash, plain,
};
use crate::script::{Change, Packing, Script, Step, Wrap};
use crate::seen::{Alert, ClientProof, Seen, Violation};

/// Where the script stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Play {
    /// Before ClientHello.
    Waiting,
    Running,
    /// After a HelloRetryRequest.
    AwaitingHello,
    /// At [`Step::AwaitFinished`].
    AwaitingFinished,
    Stalled,
    Closed,
}

/// Secrets between ServerHello and the client's Finished.
struct Epoch {
    schedule: Schedule,
    /// Client's application secret, known after the server's Finished.
    client_application: Option<TrafficSecret>,
}

pub struct Server {
    steps: VecDeque<Step>,
    wrap: Wrap,
    psk: Option<Vec<u8>>,
    change: Option<(u8, Change)>,
    /// Whether a message was changed.
    changed: bool,
    play: Play,
    /// Messages not yet laid into records.
    pending: Vec<Vec<u8>>,
    out: Vec<u8>,
    incoming: Vec<u8>,
    /// Handshake messages of the client, not yet whole.
    messages: Vec<u8>,
    transcript: Vec<u8>,
    epoch: Option<Epoch>,
    write: Option<Keys>,
    read: Option<Keys>,
    seen: Seen,
}

impl Server {
    pub fn new(script: Script) -> Self {
        Self {
            steps: script.steps.into(),
            wrap: script.wrap,
            psk: script.psk,
            change: script.change,
            changed: false,
            play: Play::Waiting,
            pending: Vec::new(),
            out: Vec::new(),
            incoming: Vec::new(),
            messages: Vec::new(),
            transcript: Vec::new(),
            epoch: None,
            write: None,
            read: None,
            seen: Seen::default(),
        }
    }

    /// What the client has done so far.
    pub fn seen(&self) -> &Seen {
        &self.seen
    }

    /// The traffic secrets of the connection so far.
    pub fn secrets(&self) -> Vec<TrafficSecret> {
        let epoch = self.epoch.iter();
        epoch
            .flat_map(|epoch| {
                let handshake = [epoch.schedule.client, epoch.schedule.server];
                handshake.into_iter().chain(epoch.client_application)
            })
            .collect()
    }

    /// Whether what the script wanted changed was there to be changed.
    pub fn changed(&self) -> bool {
        self.changed
    }

    /// Whether the client reads end of file after what is in the output.
    pub fn closed(&self) -> bool {
        self.play == Play::Closed
    }

    /// Takes what is to be delivered to the client.
    pub fn take_output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }

    /// Feeds bytes that the client wrote.
    pub fn receive(&mut self, bytes: &[u8]) {
        self.incoming.extend(bytes);
        while let Some((header, rest)) = self.incoming.split_first_chunk::<5>() {
            let len = usize::from(u16::from_be_bytes([header[3], header[4]]));
            if rest.len() < len {
                break;
            }
            let header = *header;
            let body = rest[..len].to_vec();
            self.incoming.drain(..5 + len);
            self.seen.records.push((header[0], len));
            self.record(header, &body);
        }
    }

    fn record(&mut self, header: [u8; 5], body: &[u8]) {
        match (header[0], &mut self.read) {
            (CHANGE_CIPHER_SPEC, _) => self.seen.change_cipher_specs += 1,
            // A client that refuses ServerHello has no keys to encrypt its alert with.
            (ALERT, _) => self.alert(body, false),
            (HANDSHAKE, None) => self.handshake(body),
            (APPLICATION_DATA, Some(keys)) => match keys.open(&header, body) {
                Some((content, kind)) => self.content(kind, &content),
                None => self.seen.violations.push(Violation::BadMac),
            },
            (kind, _) => self.seen.violations.push(Violation::Record(kind)),
        }
    }

    fn content(&mut self, kind: u8, content: &[u8]) {
        match kind {
            ALERT => self.alert(content, true),
            HANDSHAKE => self.handshake(content),
            APPLICATION_DATA if self.seen.finished => self.seen.app.extend(content),
            _ => self.seen.violations.push(Violation::Content(kind)),
        }
    }

    fn alert(&mut self, content: &[u8], encrypted: bool) {
        match *content {
            [level, description] => self.seen.alerts.push(Alert {
                level,
                description,
                encrypted,
            }),
            _ => self.seen.violations.push(Violation::Content(ALERT)),
        }
    }

    fn handshake(&mut self, content: &[u8]) {
        self.messages.extend(content);
        loop {
            let mut reader = Reader(&self.messages);
            let Some((kind, body)) = reader
                .uint::<1>()
                .and_then(|kind| Some((u8::try_from(kind).ok()?, reader.vec::<3>()?)))
            else {
                return;
            };
            let body = body.to_vec();
            let whole: Vec<u8> = self.messages.drain(..4 + body.len()).collect();
            self.message(kind, &body, &whole);
        }
    }

    fn message(&mut self, kind: u8, body: &[u8], whole: &[u8]) {
        let before = hash(&self.transcript);
        let in_flight = self.epoch.is_some() && !self.seen.finished;
        match kind {
            message::CLIENT_HELLO
                if matches!(self.play, Play::Waiting | Play::AwaitingHello)
                    && self.epoch.is_none() =>
            {
                self.transcript.extend(whole);
                self.seen.first_hello = self.seen.hello.take();
                match ClientHello::parse(body) {
                    Some(hello) => self.seen.hello = Some(hello),
                    None => return self.seen.violations.push(Violation::Hello),
                }
                self.check_binders(whole);
                self.play = Play::Running;
                self.play();
            }
            message::CERTIFICATE if in_flight => {
                self.transcript.extend(whole);
                self.seen.certificate = read_certificate(body);
                if self.seen.certificate.is_none() {
                    self.seen.violations.push(Violation::Message(kind));
                }
            }
            message::CERTIFICATE_VERIFY if in_flight => {
                self.transcript.extend(whole);
                self.seen.proof = read_proof(body, &before);
                if self.seen.proof.is_none() {
                    self.seen.violations.push(Violation::Message(kind));
                }
            }
            message::FINISHED if in_flight => {
                self.transcript.extend(whole);
                self.client_finished(body, &before);
            }
            message::KEY_UPDATE if self.seen.finished => {
                self.seen.key_updates += 1;
                if let Some(keys) = &mut self.read {
                    keys.update();
                }
                match body {
                    [0] => {}
                    [1] => self.send_key_update(false),
                    _ => self.seen.violations.push(Violation::Message(kind)),
                }
            }
            _ => self.seen.violations.push(Violation::Message(kind)),
        }
    }

    /// The binders of all offered identities are under our key, if we have one.
    fn check_binders(&mut self, hello: &[u8]) {
        let Some(psk) = &self.psk else { return };
        let offered = self
            .seen
            .hello
            .as_ref()
            .and_then(ClientHello::pre_shared_keys);
        let Some(offered) = offered else { return };
        let len: usize = 2 + offered
            .iter()
            .map(|(_, binder)| 1 + binder.len())
            .sum::<usize>();
        let expected = binder(psk, &hello[..hello.len() - len]);
        self.seen.binders_right = offered.iter().all(|(_, binder)| *binder == expected);
    }

    fn client_finished(&mut self, verify_data: &[u8], transcript: &TrafficSecret) {
        let Some(epoch) = &self.epoch else { return };
        match epoch.client_application {
            Some(secret) if finished(&epoch.schedule.client, transcript) == *verify_data => {
                self.read = Some(Keys::new(secret));
                self.seen.finished = true;
            }
            _ => return self.seen.violations.push(Violation::Finished),
        }
        if self.play == Play::AwaitingFinished {
            self.play = Play::Running;
            self.play();
        }
    }

    /// Goes on with the script as far as it can.
    fn play(&mut self) {
        while self.play == Play::Running {
            let Some(step) = self.steps.pop_front() else {
                break;
            };
            if !matches!(step, Step::Send(_)) {
                self.flush();
            }
            match step {
                Step::Send(message) => self.send(&message, self.wrap),
                Step::SendIn(message, wrap) => {
                    self.send(&message, wrap);
                    self.flush_in(wrap);
                }
                Step::Inner { kind, content } => self.send_raw_inner(kind, &content),
                Step::InnerBytes(bytes) => self.seal(APPLICATION_DATA, TLS_1_2, &bytes),
                Step::Record {
                    kind,
                    version,
                    body,
                } => self.send_raw_record(kind, version, &body),
                Step::Bytes(bytes) => self.out.extend(bytes),
                Step::Alert { level, description } => self.send_alert(level, description),
                Step::AwaitFinished if self.seen.finished => {}
                Step::AwaitFinished => self.play = Play::AwaitingFinished,
                Step::Stall => self.play = Play::Stalled,
                Step::Close => self.play = Play::Closed,
            }
        }
        self.flush();
    }

    /// Encodes a message, and changes the keys after it where that is due.
    fn send(&mut self, message: &Message, wrap: Wrap) {
        let hello = self.seen.hello.clone().unwrap_or_default();
        let transcript = hash(&self.transcript);
        let bytes = match message {
            Message::ServerHello(fields) => {
                let exchange = Exchange::of(fields.group());
                fields.encode(&hello.session_id, &exchange.point())
            }
            Message::Retry(fields) => {
                // RFC 8446 §4.4.1: a message of its own stands for the ClientHello.
                self.transcript = message::frame(254, &transcript);
                fields.encode(&hello.session_id, &[])
            }
            Message::EncryptedExtensions(list) => message::frame(
                message::ENCRYPTED_EXTENSIONS,
                &super::codec::vec16(&super::codec::extensions(list)),
            ),
            Message::CertificateRequest(schemes) => message::certificate_request(schemes),
            Message::Certificate(chain) => message::certificate(chain),
            Message::CertificateVerify { key, scheme, over } => {
                message::certificate_verify(key, *scheme, *over, &transcript)
            }
            Message::Finished => self.finished_message(&transcript),
            Message::WrongFinished => self.finished_message(&[0x11; 32]),
            Message::Raw(kind, body) => message::frame(*kind, body),
            Message::Bytes(bytes) => bytes.clone(),
        };
        let bytes = match self.change {
            Some((kind, change)) if message.kind() == Some(kind) => match change.apply(&bytes) {
                Some(other) => {
                    self.changed = true;
                    other
                }
                None => bytes,
            },
            _ => bytes,
        };
        self.transcript.extend(&bytes);
        self.pending.push(bytes);
        match message {
            Message::ServerHello(fields) if self.epoch.is_none() => {
                self.flush_in(wrap);
                self.start_epoch(&hello, fields.group());
            }
            Message::Retry(_) => {
                self.flush_in(wrap);
                self.play = Play::AwaitingHello;
            }
            Message::Finished | Message::WrongFinished => {
                self.flush_in(wrap);
                self.start_application();
            }
            _ => {}
        }
    }

    fn finished_message(&self, transcript: &TrafficSecret) -> Vec<u8> {
        let epoch = self.epoch.as_ref().expect("Finished needs a ServerHello");
        message::frame(
            message::FINISHED,
            &finished(&epoch.schedule.server, transcript),
        )
    }

    fn start_epoch(&mut self, hello: &ClientHello, group: u16) {
        let share = hello.key_share(group);
        let Some(shared) = share.and_then(|share| Exchange::of(group).shared(share)) else {
            // A client sends a share of P-256, and of what a retry asked for; another group was the script's idea.
            if group == SECP256R1 || self.seen.first_hello.is_some() {
                self.seen.violations.push(Violation::NoKeyShare);
            }
            self.play = Play::Stalled;
            return;
        };
        let hellos = hash(&self.transcript);
        let schedule = Schedule::new(self.psk.as_deref(), &shared, &hellos);
        self.write = Some(Keys::new(schedule.server));
        self.read = Some(Keys::new(schedule.client));
        self.epoch = Some(Epoch {
            schedule,
            client_application: None,
        });
    }

    fn start_application(&mut self) {
        let transcript = hash(&self.transcript);
        let Some(epoch) = &mut self.epoch else { return };
        if epoch.client_application.is_none() {
            let (client, server) = epoch.schedule.application(&transcript);
            epoch.client_application = Some(client);
            self.write = Some(Keys::new(server));
        }
    }

    fn flush(&mut self) {
        self.flush_in(self.wrap);
    }

    /// Lays the waiting messages into records.
    fn flush_in(&mut self, wrap: Wrap) {
        let pending = std::mem::take(&mut self.pending);
        let (groups, piece) = match wrap.packing {
            Packing::Each => (pending, MAX_PLAINTEXT),
            Packing::Coalesced => (vec![pending.concat()], MAX_PLAINTEXT),
            Packing::Pieces(len) => (vec![pending.concat()], len),
        };
        for content in groups.iter().flat_map(|group| group.chunks(piece)) {
            if wrap.ccs_before_each {
                self.send_raw_record(CHANGE_CIPHER_SPEC, TLS_1_2, &[1]);
            }
            if wrap.encrypt && self.write.is_some() {
                let mut inner = content.to_vec();
                inner.push(wrap.inner);
                inner.resize(inner.len() + wrap.padding, 0);
                self.seal(wrap.outer, wrap.version, &inner);
            } else {
                self.send_raw_record(wrap.inner, wrap.version, content);
            }
        }
    }

    fn seal(&mut self, outer: u8, version: u16, inner: &[u8]) {
        let keys = self.write.as_mut().expect("no keys to encrypt with yet");
        self.out.extend(keys.seal(outer, version, inner));
    }

    /// Sends application data, in several records if need be.
    pub fn send_app(&mut self, data: &[u8]) {
        for content in data.chunks(MAX_PLAINTEXT) {
            self.send_raw_inner(APPLICATION_DATA, content);
        }
    }

    pub fn send_close_notify(&mut self) {
        self.send_alert(1, 0);
    }

    /// Sends an alert, encrypted once there are keys.
    pub fn send_alert(&mut self, level: u8, description: u8) {
        if self.write.is_some() {
            self.send_raw_inner(ALERT, &[level, description]);
        } else {
            self.send_raw_record(ALERT, TLS_1_2, &[level, description]);
        }
    }

    /// Sends KeyUpdate and changes the key; `request` asks the client to do the same.
    pub fn send_key_update(&mut self, request: bool) {
        let update = message::frame(message::KEY_UPDATE, &[u8::from(request)]);
        self.send_raw_inner(HANDSHAKE, &update);
        self.update_key();
    }

    /// Changes the key without saying so.
    pub fn update_key(&mut self) {
        if let Some(keys) = &mut self.write {
            keys.update();
        }
    }

    pub fn send_tickets(&mut self, count: u8) {
        for number in 0..count {
            self.send_raw_inner(HANDSHAKE, &message::ticket(number));
        }
    }

    /// Encrypts content of any type in one record.
    pub fn send_raw_inner(&mut self, kind: u8, content: &[u8]) {
        let mut inner = content.to_vec();
        inner.push(kind);
        self.seal(APPLICATION_DATA, TLS_1_2, &inner);
    }

    /// Sends a record as it stands.
    pub fn send_raw_record(&mut self, kind: u8, version: u16, body: &[u8]) {
        self.out.extend(plain(kind, version, body));
    }

    /// Closes the connection after what was sent.
    pub fn close(&mut self) {
        self.play = Play::Closed;
    }
}

fn read_certificate(body: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut reader = Reader(body);
    let _context = reader.vec::<1>()?;
    let mut list = Reader(reader.vec::<3>()?);
    let mut chain = Vec::new();
    while !list.is_empty() {
        chain.push(list.vec::<3>()?.to_vec());
        let _extensions = list.vec::<2>()?;
    }
    reader.is_empty().then_some(chain)
}

fn read_proof(body: &[u8], transcript: &TrafficSecret) -> Option<ClientProof> {
    let mut reader = Reader(body);
    let scheme = reader.u16()?;
    let signature = reader.vec::<2>()?.to_vec();
    reader.is_empty().then(|| ClientProof {
        scheme,
        signature,
        signed: message::to_be_signed(false, transcript),
    })
}
