//! Handshake messages of a server (RFC 8446 §4), right and wrong.

use crate::codec::{extensions, u16_list, vec8, vec16, vec24};
use crate::keys::Key;

pub const CLIENT_HELLO: u8 = 1;
pub const SERVER_HELLO: u8 = 2;
pub const NEW_SESSION_TICKET: u8 = 4;
pub const ENCRYPTED_EXTENSIONS: u8 = 8;
pub const CERTIFICATE: u8 = 11;
pub const CERTIFICATE_REQUEST: u8 = 13;
pub const CERTIFICATE_VERIFY: u8 = 15;
pub const FINISHED: u8 = 20;
pub const KEY_UPDATE: u8 = 24;

pub const SECP256R1: u16 = 0x0017;
pub const SECP384R1: u16 = 0x0018;
pub const X25519: u16 = 0x001d;

pub const AES_128_GCM_SHA256: u16 = 0x1301;
pub const TLS_1_3: u16 = 0x0304;

const SUPPORTED_VERSIONS: u16 = 43;
const KEY_SHARE: u16 = 51;
const SIGNATURE_ALGORITHMS: u16 = 13;
const ALPN: u16 = 16;
const COOKIE: u16 = 44;

/// Puts the header before a message.
pub fn frame(kind: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![kind];
    out.extend(vec24(body));
    out
}

/// The random value that makes a ServerHello a HelloRetryRequest.
const RETRY: &str = "cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c";

/// One extension of ServerHello.
#[derive(Debug, Clone)]
pub enum HelloExtension {
    SupportedVersion(u16),
    /// Our point under the number of `group`: of secp384r1 for that one, else of secp256r1.
    OurShare {
        group: u16,
    },
    /// These bytes as public value for `group`.
    Share {
        group: u16,
        value: Vec<u8>,
    },
    /// key_share of a HelloRetryRequest.
    SelectedGroup(u16),
    /// cookie of a HelloRetryRequest.
    Cookie(Vec<u8>),
    Raw(u16, Vec<u8>),
}

/// ServerHello field by field.
#[derive(Debug, Clone)]
pub struct Hello {
    pub legacy_version: u16,
    pub random: [u8; 32],
    /// `None` echoes the client's.
    pub session_id: Option<Vec<u8>>,
    pub suite: u16,
    pub compression: u8,
    /// `None` leaves even the length of the list away.
    pub extensions: Option<Vec<HelloExtension>>,
    pub trailing: Vec<u8>,
}

impl Hello {
    /// A correct one.
    pub fn good() -> Self {
        Self {
            legacy_version: 0x0303,
            random: [0x5a; 32],
            session_id: None,
            suite: AES_128_GCM_SHA256,
            compression: 0,
            extensions: Some(vec![
                HelloExtension::SupportedVersion(TLS_1_3),
                HelloExtension::OurShare { group: SECP256R1 },
            ]),
            trailing: Vec::new(),
        }
    }

    /// As a server that knows nothing after TLS 1.2 answers; `version` says which it is.
    pub fn older(version: u16) -> Self {
        Self {
            legacy_version: version,
            session_id: Some(vec![0x77; 32]),
            suite: 0xc02f,
            // renegotiation_info, extended_master_secret
            extensions: Some(vec![
                HelloExtension::Raw(0xff01, vec![0]),
                HelloExtension::Raw(23, vec![]),
            ]),
            ..Self::good()
        }
    }

    /// HelloRetryRequest for `group`.
    pub fn retry(group: u16) -> Self {
        Self::retry_with(vec![HelloExtension::SelectedGroup(group)])
    }

    /// HelloRetryRequest with these extensions beside its version.
    pub fn retry_with(mut extensions: Vec<HelloExtension>) -> Self {
        let mut random = [0; 32];
        hex::decode_to_slice(RETRY, &mut random).unwrap();
        extensions.insert(0, HelloExtension::SupportedVersion(TLS_1_3));
        Self {
            random,
            ..Self::with(extensions)
        }
    }

    /// Correct, with our point of secp384r1.
    pub fn secp384r1() -> Self {
        Self::with(vec![
            HelloExtension::SupportedVersion(TLS_1_3),
            HelloExtension::OurShare { group: SECP384R1 },
        ])
    }

    /// The group whose point it shows.
    pub fn group(&self) -> u16 {
        let list = self.extensions.iter().flatten();
        let mut groups = list.filter_map(|extension| match extension {
            HelloExtension::OurShare { group } => Some(*group),
            _ => None,
        });
        groups.next().unwrap_or(SECP256R1)
    }

    /// Correct but for the cipher suite; what follows is under AES-128-GCM all the same.
    pub fn suite(suite: u16) -> Self {
        Self {
            suite,
            ..Self::good()
        }
    }

    /// Takes the pre-shared key of this number.
    pub fn takes_psk(number: u16) -> Self {
        Self::with(vec![
            HelloExtension::SupportedVersion(TLS_1_3),
            HelloExtension::OurShare { group: SECP256R1 },
            HelloExtension::Raw(41, number.to_be_bytes().to_vec()),
        ])
    }

    /// Correct but for these extensions.
    pub fn with(extensions: Vec<HelloExtension>) -> Self {
        Self {
            extensions: Some(extensions),
            ..Self::good()
        }
    }

    /// The message, header included. `point` is our public value.
    pub fn encode(&self, client_session_id: &[u8], point: &[u8]) -> Vec<u8> {
        let mut body = self.legacy_version.to_be_bytes().to_vec();
        body.extend(self.random);
        body.extend(vec8(
            self.session_id.as_deref().unwrap_or(client_session_id),
        ));
        body.extend(self.suite.to_be_bytes());
        body.push(self.compression);
        if let Some(list) = &self.extensions {
            let list: Vec<_> = list.iter().map(|item| item.encode(point)).collect();
            body.extend(vec16(&extensions(&list)));
        }
        body.extend(&self.trailing);
        frame(SERVER_HELLO, &body)
    }
}

impl HelloExtension {
    fn encode(&self, point: &[u8]) -> (u16, Vec<u8>) {
        let share = |group: u16, value: &[u8]| {
            let mut out = group.to_be_bytes().to_vec();
            out.extend(vec16(value));
            (KEY_SHARE, out)
        };
        match self {
            Self::SupportedVersion(version) => (SUPPORTED_VERSIONS, version.to_be_bytes().to_vec()),
            Self::OurShare { group } => share(*group, point),
            Self::Share { group, value } => share(*group, value),
            Self::SelectedGroup(group) => (KEY_SHARE, group.to_be_bytes().to_vec()),
            Self::Cookie(cookie) => (COOKIE, vec16(cookie)),
            Self::Raw(kind, data) => (*kind, data.clone()),
        }
    }
}

/// What the signature of CertificateVerify is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Over {
    /// The transcript, as it must be.
    Transcript,
    /// The transcript of some other session.
    OtherTranscript,
    /// The right transcript under the client's context string.
    ClientContext,
    /// The right thing, with one bit of the signature flipped.
    Damaged,
}

/// A message the server puts into its flight.
#[derive(Debug, Clone)]
pub enum Message {
    ServerHello(Hello),
    /// A HelloRetryRequest, which waits for another ClientHello.
    Retry(Hello),
    EncryptedExtensions(Vec<(u16, Vec<u8>)>),
    /// Asks for a certificate under these signature schemes.
    CertificateRequest(Vec<u16>),
    /// Leaf first.
    Certificate(Vec<Vec<u8>>),
    CertificateVerify {
        key: Key,
        scheme: u16,
        over: Over,
    },
    Finished,
    /// Finished over some other transcript.
    WrongFinished,
    /// Any message: type and body.
    Raw(u8, Vec<u8>),
    /// Bytes where a message should be, header and all.
    Bytes(Vec<u8>),
}

impl Message {
    /// CertificateVerify with the scheme that fits the key.
    pub fn certificate_verify(key: &Key) -> Self {
        Self::CertificateVerify {
            key: key.clone(),
            scheme: key.scheme(),
            over: Over::Transcript,
        }
    }

    /// EncryptedExtensions that select this protocol.
    pub fn selects_alpn(protocol: &[u8]) -> Self {
        Self::EncryptedExtensions(vec![(ALPN, vec16(&vec8(protocol)))])
    }

    /// The handshake type, `None` for bytes.
    pub fn kind(&self) -> Option<u8> {
        Some(match self {
            Self::ServerHello(_) | Self::Retry(_) => SERVER_HELLO,
            Self::EncryptedExtensions(_) => ENCRYPTED_EXTENSIONS,
            Self::CertificateRequest(_) => CERTIFICATE_REQUEST,
            Self::Certificate(_) => CERTIFICATE,
            Self::CertificateVerify { .. } => CERTIFICATE_VERIFY,
            Self::Finished | Self::WrongFinished => FINISHED,
            Self::Raw(kind, _) => *kind,
            Self::Bytes(_) => return None,
        })
    }
}

pub fn certificate(chain: &[Vec<u8>]) -> Vec<u8> {
    let mut entries = Vec::new();
    for der in chain {
        entries.extend(vec24(der));
        entries.extend(vec16(&[]));
    }
    let mut body = vec8(&[]);
    body.extend(vec24(&entries));
    frame(CERTIFICATE, &body)
}

pub fn certificate_request(schemes: &[u16]) -> Vec<u8> {
    let mut body = vec8(&[]);
    let schemes = vec16(&u16_list(schemes));
    body.extend(vec16(&extensions(&[(SIGNATURE_ALGORITHMS, schemes)])));
    frame(CERTIFICATE_REQUEST, &body)
}

/// What a CertificateVerify signs (RFC 8446 §4.4.3).
pub fn to_be_signed(server: bool, transcript: &[u8; 32]) -> Vec<u8> {
    let who = if server { "server" } else { "client" };
    let mut out = vec![b' '; 64];
    out.extend(format!("TLS 1.3, {who} CertificateVerify").as_bytes());
    out.push(0);
    out.extend(transcript);
    out
}

pub fn certificate_verify(key: &Key, scheme: u16, over: Over, transcript: &[u8; 32]) -> Vec<u8> {
    let signed = match over {
        Over::Transcript | Over::Damaged => to_be_signed(true, transcript),
        Over::OtherTranscript => to_be_signed(true, &[0x11; 32]),
        Over::ClientContext => to_be_signed(false, transcript),
    };
    let mut signature = key.sign_handshake(scheme, &signed);
    if over == Over::Damaged {
        *signature.last_mut().unwrap() ^= 1;
    }
    let mut body = scheme.to_be_bytes().to_vec();
    body.extend(vec16(&signature));
    frame(CERTIFICATE_VERIFY, &body)
}

/// NewSessionTicket number `number`.
pub fn ticket(number: u8) -> Vec<u8> {
    let mut body = 7200_u32.to_be_bytes().to_vec();
    body.extend([1, 2, 3, number]);
    body.extend(vec8(&[number]));
    body.extend(vec16(&[number; 32]));
    body.extend(vec16(&[]));
    frame(NEW_SESSION_TICKET, &body)
}
