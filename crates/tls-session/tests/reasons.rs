//! Every reason with its code, its Mbed TLS number, its verify flags and its text, against a file: hosts and
//! scripts read them.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use tls_session::reason::{
    CapacityError, Cause, CertificateError, ClientError, EngineError, HelloField, Limit,
    NegotiationError, Offer, ProfileError, ProofError, ProtocolViolation, SetupError, Speaks,
    StreamError,
};

use tls_session::{Reason, Stage, Timestamp};

const GOLDEN: &str = include_str!("data/reasons.txt");

/// Date and time in a reason.
const fn date() -> Timestamp {
    Timestamp::from_unix(1_900_000_000)
}

/// Bytes of records and messages that TLS does not allow.
#[expect(clippy::too_many_lines, reason = "a row per reason")]
fn protocol() -> Vec<Cause> {
    let mut all: Vec<Cause> = vec![
        Cause::Protocol(ProtocolViolation::RecordType(72)),
        Cause::Protocol(ProtocolViolation::RecordHere(22)),
        Cause::Protocol(ProtocolViolation::RecordVersion(0x0302)),
        Cause::Protocol(ProtocolViolation::RecordLength(16_641)),
        Cause::Protocol(ProtocolViolation::PlaintextLength),
        Cause::Protocol(ProtocolViolation::EmptyRecord),
        Cause::Protocol(ProtocolViolation::AlertLength),
        Cause::Protocol(ProtocolViolation::ChangeCipherSpec),
        Cause::Protocol(ProtocolViolation::InnerType(9)),
        Cause::Protocol(ProtocolViolation::TrailingBytes),
        Cause::Protocol(ProtocolViolation::Extension {
            message: 8,
            kind: 51,
        }),
        Cause::Protocol(ProtocolViolation::RequestContext),
        Cause::Protocol(ProtocolViolation::SplitMessage {
            message: 11,
            needed: Some(5000),
            available: 4096,
        }),
        Cause::Protocol(ProtocolViolation::SplitMessage {
            message: 4,
            needed: None,
            available: 3,
        }),
        Cause::Protocol(ProtocolViolation::BadRecordMac),
        Cause::Protocol(ProtocolViolation::KeyUpdate),
        Cause::Protocol(ProtocolViolation::PostHandshake(13)),
        Cause::Protocol(ProtocolViolation::Renegotiation),
        Cause::Protocol(ProtocolViolation::KeyUpdateFlood),
        Cause::Protocol(ProtocolViolation::TicketFlood),
        Cause::Protocol(ProtocolViolation::TooManyAlerts),
        Cause::Protocol(ProtocolViolation::UnsupportedExtension),
        Cause::Protocol(ProtocolViolation::KeyLimit),
    ];
    all.extend(
        [42, 43, 50, 83, 99].map(|kind| Cause::Protocol(ProtocolViolation::RecordType(kind))),
    );
    for message in [0, 1, 2, 4, 5, 8, 11, 12, 13, 14, 15, 20, 22, 24, 254, 255] {
        all.push(Cause::Protocol(ProtocolViolation::Message(message)));
        all.push(Cause::Protocol(ProtocolViolation::MessageTwice(message)));
        all.push(Cause::Protocol(ProtocolViolation::MessageLength(message)));
        all.push(Cause::Protocol(ProtocolViolation::MissingMessage(message)));
    }
    for field in [
        HelloField::Version,
        HelloField::SessionId,
        HelloField::Compression,
        HelloField::SupportedVersions,
        HelloField::KeyShare,
        HelloField::PreSharedKey,
        HelloField::Extension(16),
    ] {
        all.push(Cause::Protocol(ProtocolViolation::HelloField(field)));
    }
    for error in [
        EngineError::Decode,
        EngineError::InvalidHandshake,
        EngineError::InvalidRecord,
        EngineError::InvalidCertificate,
        EngineError::InvalidCertificateRequest,
        EngineError::InvalidKeyShare,
        EngineError::Extension,
        EngineError::Space,
        EngineError::Aborted,
        EngineError::Random,
        EngineError::Unsupported,
        EngineError::Other,
    ] {
        all.push(Cause::Protocol(ProtocolViolation::Engine(error)));
    }
    all
}

/// Alerts, versions, groups and suites by every number that has a name, and one that has none.
fn negotiated() -> Vec<Cause> {
    let mut all: Vec<Cause> = vec![
        Cause::Negotiation(NegotiationError::NothingInCommon),
        Cause::Negotiation(NegotiationError::NoCommonSuite),
        Cause::Negotiation(NegotiationError::PolicyVersion {
            server: 0x0303,
            policy: 0x0304,
        }),
        Cause::Negotiation(NegotiationError::NoCommonVersion {
            min: 0x0303,
            max: 0x0304,
        }),
        Cause::Negotiation(NegotiationError::Downgrade),
        Cause::Negotiation(NegotiationError::NoExtendedMasterSecret),
        Cause::Negotiation(NegotiationError::KeyExchange),
        Cause::Negotiation(NegotiationError::ServerRetryCookie),
        Cause::Negotiation(NegotiationError::ServerRetry),
        Cause::Negotiation(NegotiationError::CipherSuite(0x1302)),
        Cause::Proof(ProofError::PskNotTaken),
        Cause::Negotiation(NegotiationError::ApplicationProtocol),
        Cause::Negotiation(NegotiationError::ClientSignatureScheme),
    ];
    for alert in 0..=255 {
        all.push(Cause::Stream(StreamError::PeerAlert(alert)));
        all.push(Cause::Protocol(ProtocolViolation::PlaintextAlert(alert)));
    }
    for version in [0x0300, 0x0301, 0x0302, 0x0303, 0x7f1c] {
        all.push(Cause::Negotiation(NegotiationError::ServerVersion(version)));
    }
    for group in [
        0x0017, 0x0018, 0x0019, 0x001d, 0x001e, 0x0100, 0x01ff, 0x11ec, 0x1234,
    ] {
        all.push(Cause::Negotiation(NegotiationError::ServerGroup(group)));
    }
    all
}

/// Certificates and proofs.
fn authentication() -> Vec<Cause> {
    vec![
        Cause::Certificate(CertificateError::NoCertificate),
        Cause::Proof(ProofError::NoSignature),
        Cause::Proof(ProofError::BadSignature),
        Cause::Proof(ProofError::BadEcSignature),
        Cause::Proof(ProofError::BadRsaSignature),
        Cause::Proof(ProofError::UnofferedScheme),
        Cause::Proof(ProofError::SignatureScheme(0x0401)),
        Cause::Proof(ProofError::BadFinished),
        Cause::Certificate(CertificateError::Malformed),
        Cause::Certificate(CertificateError::NotTrusted),
        Cause::Certificate(CertificateError::CertificateSignature),
        Cause::Certificate(CertificateError::ClockNotSet),
        Cause::Certificate(CertificateError::ClockBeforeFloor {
            now: Timestamp::from_unix(0),
            floor: date(),
        }),
        Cause::Certificate(CertificateError::Expired {
            not_after: date(),
            now: date(),
        }),
        Cause::Certificate(CertificateError::NotYetValid {
            not_before: date(),
            now: date(),
        }),
        Cause::Certificate(CertificateError::NameMismatch),
        Cause::Certificate(CertificateError::NoName),
        Cause::Certificate(CertificateError::NotCa),
        Cause::Certificate(CertificateError::IssuerEncoding),
        Cause::Certificate(CertificateError::WrongOrder),
        Cause::Certificate(CertificateError::PathDepth {
            intermediates: 7,
            limit: 6,
        }),
        Cause::Certificate(CertificateError::LeafIsCa),
        Cause::Certificate(CertificateError::PathLen),
        Cause::Certificate(CertificateError::KeyUsage),
        Cause::Certificate(CertificateError::ExtendedKeyUsage),
        Cause::Certificate(CertificateError::CriticalExtension),
        Cause::Certificate(CertificateError::NameConstraint),
        Cause::Certificate(CertificateError::KeySize { bits: 1024 }),
        Cause::Certificate(CertificateError::KeyAlgorithm),
        Cause::Certificate(CertificateError::SignatureAlgorithm),
        Cause::Certificate(CertificateError::OldVersion),
        Cause::Certificate(CertificateError::TooMuchWork),
        Cause::Certificate(CertificateError::ServerKeyUsage),
        Cause::Certificate(CertificateError::ClientKeyUsage),
        Cause::Certificate(CertificateError::ExtensionMisuse),
        Cause::Certificate(CertificateError::NamelessIssuer),
    ]
}

/// What only the strict profile refuses.
fn profile() -> Vec<Cause> {
    let all = [
        ProfileError::SerialNotPositive,
        ProfileError::SerialTooLong { octets: 21 },
        ProfileError::NoBasicConstraints,
        ProfileError::BasicConstraintsNotCritical,
        ProfileError::NoKeyUsage,
        ProfileError::NoSubjectKeyId,
        ProfileError::NoAuthorityKeyId,
        ProfileError::KeyIdMismatch,
        ProfileError::NameConstraintsNotCritical,
        ProfileError::SanNotCritical,
        ProfileError::SanCritical,
        ProfileError::DnsNameSyntax,
        ProfileError::NoPurpose,
        ProfileError::AnyPurpose,
        ProfileError::CommonNameNotInSan,
    ];
    assert_eq!(all.len(), ProfileError::TABLE.len());
    all.map(Cause::Profile).to_vec()
}

const LIMITS: [Limit; 12] = [
    Limit::ServerHello,
    Limit::ClientHello,
    Limit::HandshakeMessage,
    Limit::Flight,
    Limit::ChainLength,
    Limit::Entries,
    Limit::Anchors,
    Limit::ClientChain,
    Limit::PublicKey,
    Limit::RecordBuffer,
    Limit::IdleRecords,
    Limit::Protocol,
];

/// Settings, the byte stream, sizes.
fn around() -> Vec<Cause> {
    let mut all: Vec<Cause> = vec![
        Cause::Setup(SetupError::CaUnreadable),
        Cause::Setup(SetupError::CertUnreadable),
        Cause::Setup(SetupError::KeyUnreadable),
        Cause::Setup(SetupError::KeyUnsupported),
        Cause::Setup(SetupError::KeyInconsistent),
        Cause::Setup(SetupError::KeyMismatch),
        Cause::Setup(SetupError::PskEmpty),
        Cause::Setup(SetupError::PskEngine),
        Cause::Setup(SetupError::NoEngine),
        Cause::Setup(SetupError::NoSuite),
        Cause::Setup(SetupError::NoServer),
        Cause::Setup(SetupError::NameInvalid),
        Cause::Stream(StreamError::ConnectionRefused),
        Cause::Stream(StreamError::Unreachable),
        Cause::Stream(StreamError::Reset),
        Cause::Stream(StreamError::Transport),
        Cause::Stream(StreamError::Timeout { ms: 10_000 }),
        Cause::Stream(StreamError::HandshakeTimeout { ms: 30_000 }),
        Cause::Stream(StreamError::Closed),
        Cause::Stream(StreamError::PeerEof),
        Cause::Stream(StreamError::PeerCloseNotify),
        Cause::Stream(StreamError::WriteAbandoned),
        Cause::Stream(StreamError::ReadAbandoned),
        Cause::Stream(StreamError::Dead),
    ];
    all.extend([
        Cause::Capacity(CapacityError::NoMemory {
            needed: 31_200,
            free: 18_432,
        }),
        Cause::Capacity(CapacityError::NoBlock {
            needed: 8192,
            largest: 4096,
        }),
        Cause::Capacity(CapacityError::HeapExhausted {
            needed: 1072,
            free: 900,
        }),
    ]);
    all.extend(LIMITS.map(|what| {
        Cause::Capacity(CapacityError::TooLarge {
            what,
            needed: 17,
            limit: 16,
        })
    }));
    all
}

/// What only clients of our server do.
fn clients() -> Vec<Cause> {
    let mut all: Vec<Cause> = vec![
        Cause::Client(ClientError::Ssl2Hello),
        Cause::Client(ClientError::ClientVersion(0x0301)),
        Cause::Client(ClientError::PolicyVersion {
            client: 0x0303,
            min: 0x0304,
            max: 0x0304,
        }),
        Cause::Client(ClientError::Fallback),
        Cause::Client(ClientError::NoCommonSuite(Offer::new([0x002f, 0xc02f]))),
        Cause::Client(ClientError::NoCommonGroup(Offer::new([0x0019, 0x1234]))),
        Cause::Client(ClientError::NoCommonScheme(Offer::new([]))),
        Cause::Client(ClientError::NoClientCertificate),
        Cause::Client(ClientError::RefusedUs(48)),
    ];
    for speaks in [
        Speaks::Http,
        Speaks::Mqtt,
        Speaks::Ssh,
        Speaks::Rtsp,
        Speaks::Proxy,
        Speaks::At,
        Speaks::Zeros,
        Speaks::Other([0x17, 0, 0xff, 1, 2]),
    ] {
        all.push(Cause::Client(ClientError::NotTls(speaks)));
    }
    all
}

/// The rows speak of a server; of a client they say so, and nothing of a server is left.
#[test]
fn of_a_client_every_reason_says_client() {
    let causes = [
        protocol(),
        negotiated(),
        authentication(),
        profile(),
        around(),
    ];
    for cause in causes.concat() {
        let reason = Reason::new(Stage::Hello, cause);
        let (of_server, of_client) = (reason.to_string(), reason.of_client().to_string());
        assert!(!of_client.contains("server"), "{of_client}");
        if cause.code() != "no_certificate" {
            assert_eq!(of_client, of_server.replace("server", "client"));
        }
    }
}

#[test]
fn code_number_flags_and_words_of_every_reason_stay_as_they_are() {
    let causes = [
        protocol(),
        negotiated(),
        authentication(),
        profile(),
        around(),
        clients(),
    ];
    let causes = causes.concat();
    let lines: BTreeSet<String> = causes
        .iter()
        .map(|cause| {
            let mut line = String::new();
            let number = cause.mbedtls().unsigned_abs();
            let flags = cause.verify_flags();
            write!(
                line,
                "{} -0x{number:04x} 0x{flags:08x} {cause}",
                cause.code()
            )
            .unwrap();
            line
        })
        .collect();
    let golden: BTreeSet<String> = GOLDEN.lines().map(str::to_owned).collect();
    let changed: Vec<_> = lines.symmetric_difference(&golden).collect();
    assert!(changed.is_empty(), "{changed:#?}");
}
