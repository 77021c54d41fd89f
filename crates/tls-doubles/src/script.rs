//! What the server sends, in order, and in which records.
//!
//! A script starts correct and is then edited: `Script::good(&site).without(CERTIFICATE_VERIFY)`.

use crate::message::{CERTIFICATE, ENCRYPTED_EXTENSIONS, FINISHED, Hello, Message, SERVER_HELLO};
use crate::pki::Site;
use crate::record::{ALERT, APPLICATION_DATA, CHANGE_CIPHER_SPEC, HANDSHAKE, TLS_1_2};

/// How messages are laid into records. Records never span a change of keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Packing {
    /// Each message in records of its own.
    Each,
    /// As many messages as fit into one record.
    Coalesced,
    /// All messages as one stream, cut into records of so many bytes.
    Pieces(usize),
}

/// How the records of handshake messages are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wrap {
    pub packing: Packing,
    /// Zeros after the content type.
    pub padding: usize,
    /// Whether to encrypt once there are keys.
    pub encrypt: bool,
    /// Type in the header of an encrypted record.
    pub outer: u8,
    /// Type of the content.
    pub inner: u8,
    /// Version in the header.
    pub version: u16,
    /// A change_cipher_spec before each record.
    pub ccs_before_each: bool,
}

impl Default for Wrap {
    /// Correct: a record per message.
    fn default() -> Self {
        Self {
            packing: Packing::Each,
            padding: 0,
            encrypt: true,
            outer: APPLICATION_DATA,
            inner: HANDSHAKE,
            version: TLS_1_2,
            ccs_before_each: false,
        }
    }
}

/// One thing the server does.
#[derive(Debug, Clone)]
pub enum Step {
    /// Sends a message in records as [`Script::wrap`] says, together with its neighbours.
    Send(Message),
    /// Sends a message in records of its own.
    SendIn(Message, Wrap),
    /// Encrypts content of a type in one record.
    Inner { kind: u8, content: Vec<u8> },
    /// Encrypts these bytes as TLSInnerPlaintext, content type and padding included.
    InnerBytes(Vec<u8>),
    /// A record as it stands, never encrypted.
    Record {
        kind: u8,
        version: u16,
        body: Vec<u8>,
    },
    /// Bytes that need not be a record.
    Bytes(Vec<u8>),
    /// An alert, encrypted once there are keys.
    Alert { level: u8, description: u8 },
    /// Goes on only when the client's Finished was right.
    AwaitFinished,
    /// Says nothing more, ever, and leaves the connection open.
    Stall,
    /// Closes the connection after what was sent.
    Close,
}

impl Step {
    /// An alert that is not encrypted, whatever the phase.
    pub fn plain_alert(level: u8, description: u8) -> Self {
        Self::Record {
            kind: ALERT,
            version: TLS_1_2,
            body: vec![level, description],
        }
    }

    pub fn change_cipher_spec() -> Self {
        Self::Record {
            kind: CHANGE_CIPHER_SPEC,
            version: TLS_1_2,
            body: vec![1],
        }
    }

    /// A record of type `kind` with a length field of `declared` and no more of it than `body`.
    pub fn cut_record(kind: u8, declared: u16, body: &[u8]) -> Self {
        let mut bytes = vec![kind, 3, 3];
        bytes.extend(declared.to_be_bytes());
        bytes.extend(body);
        Self::Bytes(bytes)
    }

    /// Handshake type of the message sent by this step.
    fn kind(&self) -> Option<u8> {
        match self {
            Self::Send(message) | Self::SendIn(message, _) => message.kind(),
            _ => None,
        }
    }
}

/// What is changed about the bytes of a message once it is made. What follows, proof and Finished, is
/// about the message as it was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// The bits of `mask` in the byte at `at` are the others.
    Flip { at: usize, mask: u8 },
    /// Ends after so many bytes; `honest` adapts the length in the header.
    Cut { len: usize, honest: bool },
    /// One byte more before the one at `at`, and a length that says so.
    Grow { at: usize, byte: u8 },
}

impl Change {
    /// `None` where the message has no such byte.
    pub fn apply(self, message: &[u8]) -> Option<Vec<u8>> {
        let mut bytes = message.to_vec();
        let honest = match self {
            Self::Flip { at, mask } => {
                *bytes.get_mut(at)? ^= mask;
                false
            }
            Self::Cut { len, honest } => {
                if len >= bytes.len() {
                    return None;
                }
                bytes.truncate(len);
                honest
            }
            Self::Grow { at, byte } => {
                if at > bytes.len() {
                    return None;
                }
                bytes.insert(at, byte);
                true
            }
        };
        if let (true, Some(body)) = (honest, bytes.len().checked_sub(4)) {
            let len = u32::try_from(body).unwrap().to_be_bytes();
            bytes[1..4].copy_from_slice(&len[1..]);
        }
        Some(bytes)
    }
}

/// All that the server does of itself. Editing names a message by its handshake type; the first
/// of that type is meant, and one that is not there is an error in the test.
#[derive(Debug, Clone)]
pub struct Script {
    pub steps: Vec<Step>,
    pub wrap: Wrap,
    /// The pre-shared key of the key schedule.
    pub psk: Option<Vec<u8>>,
    /// Changes messages of this handshake type.
    pub change: Option<(u8, Change)>,
}

impl Script {
    /// A correct server for `site`.
    pub fn good(site: &Site) -> Self {
        Self::of(vec![
            Message::ServerHello(Hello::good()),
            Message::EncryptedExtensions(Vec::new()),
            Message::Certificate(site.chain.clone()),
            Message::certificate_verify(&site.key),
            Message::Finished,
        ])
    }

    /// These messages in this order.
    pub fn of(messages: Vec<Message>) -> Self {
        Self {
            steps: messages.into_iter().map(Step::Send).collect(),
            wrap: Wrap::default(),
            psk: None,
            change: None,
        }
    }

    /// A correct server that knows this pre-shared key.
    pub fn psk(key: &[u8]) -> Self {
        let script = Self::of(vec![
            Message::ServerHello(Hello::takes_psk(0)),
            Message::EncryptedExtensions(Vec::new()),
            Message::Finished,
        ]);
        Self {
            psk: Some(key.to_vec()),
            ..script
        }
    }

    /// Correct until this hello in its place.
    pub fn hello(site: &Site, hello: Hello) -> Self {
        Self::good(site).replace(SERVER_HELLO, Step::Send(Message::ServerHello(hello)))
    }

    fn position(&self, kind: u8) -> usize {
        let mut kinds = self.steps.iter().map(Step::kind);
        kinds
            .position(|found| found == Some(kind))
            .unwrap_or_else(|| panic!("script has no message {kind}"))
    }

    pub fn without(mut self, kind: u8) -> Self {
        self.steps.remove(self.position(kind));
        self
    }

    pub fn replace(mut self, kind: u8, step: Step) -> Self {
        let at = self.position(kind);
        self.steps[at] = step;
        self
    }

    pub fn before(mut self, kind: u8, step: Step) -> Self {
        self.steps.insert(self.position(kind), step);
        self
    }

    pub fn after(mut self, kind: u8, step: Step) -> Self {
        self.steps.insert(self.position(kind) + 1, step);
        self
    }

    /// Appends a step.
    pub fn then(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }

    /// Everything before the first message of this type, then nothing.
    pub fn until(mut self, kind: u8, end: Step) -> Self {
        self.steps.truncate(self.position(kind));
        self.then(end)
    }

    /// Changes messages of this handshake type.
    pub fn changed(self, kind: u8, change: Change) -> Self {
        Self {
            change: Some((kind, change)),
            ..self
        }
    }

    pub fn twice(self, kind: u8) -> Self {
        let step = self.steps[self.position(kind)].clone();
        self.after(kind, step)
    }

    pub fn swap(mut self, one: u8, other: u8) -> Self {
        let (one, other) = (self.position(one), self.position(other));
        self.steps.swap(one, other);
        self
    }

    /// Sets how all records are made.
    pub fn wrap(mut self, wrap: Wrap) -> Self {
        self.wrap = wrap;
        self
    }

    /// Sets how the records of one message are made.
    pub fn wrap_one(mut self, kind: u8, wrap: Wrap) -> Self {
        let at = self.position(kind);
        if let Step::Send(message) | Step::SendIn(message, _) = self.steps[at].clone() {
            self.steps[at] = Step::SendIn(message, wrap);
        }
        self
    }

    /// Asks the client for a certificate.
    pub fn asks_certificate(self) -> Self {
        // ecdsa_secp256r1_sha256, ecdsa_secp384r1_sha384, ed25519, rsa_pss_rsae_sha256
        let schemes = vec![0x0403, 0x0503, 0x0807, 0x0804];
        self.after(
            ENCRYPTED_EXTENSIONS,
            Step::Send(Message::CertificateRequest(schemes)),
        )
    }

    pub fn selects_alpn(self, protocol: &[u8]) -> Self {
        self.replace(
            ENCRYPTED_EXTENSIONS,
            Step::Send(Message::selects_alpn(protocol)),
        )
    }

    /// Shows this chain and proves possession of the site's key all the same.
    pub fn shows(self, chain: Vec<Vec<u8>>) -> Self {
        self.replace(CERTIFICATE, Step::Send(Message::Certificate(chain)))
    }

    /// Finished over some other transcript.
    pub fn wrong_finished(self) -> Self {
        self.replace(FINISHED, Step::Send(Message::WrongFinished))
    }
}
