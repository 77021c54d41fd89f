//! Every reason with its code, its Mbed TLS number, its verify flags and its words, against a file: hosts and
//! scripts read them.

#![expect(
    clippy::unwrap_used,
    reason = "doubles and checks of tests: a panic is how they say no"
)]

use std::collections::BTreeSet;
use std::fmt::Write as _;

use tls_session::Timestamp;
use tls_session::cause::{Breach, Cause, EngineError, HelloField, Limit};

const GOLDEN: &str = include_str!("data/reasons.txt");

/// Date and time in a reason.
const fn date() -> Timestamp {
    Timestamp::from_unix(1_900_000_000)
}

/// Bytes of records and messages that TLS does not allow.
fn protocol() -> Vec<Cause> {
    let mut all: Vec<Cause> = vec![
        Cause::Protocol(Breach::RecordType(72)),
        Cause::Protocol(Breach::RecordHere(22)),
        Cause::Protocol(Breach::RecordVersion(0x0302)),
        Cause::Protocol(Breach::RecordLength(16_641)),
        Cause::Protocol(Breach::PlaintextLength),
        Cause::Protocol(Breach::EmptyRecord),
        Cause::Protocol(Breach::AlertLength),
        Cause::Protocol(Breach::ChangeCipherSpec),
        Cause::Protocol(Breach::InnerType(9)),
        Cause::Protocol(Breach::TrailingBytes),
        Cause::Protocol(Breach::Extension {
            message: 8,
            kind: 51,
        }),
        Cause::Protocol(Breach::RequestContext),
        Cause::SplitMessage {
            message: 11,
            needed: Some(5000),
            available: 4096,
        },
        Cause::SplitMessage {
            message: 4,
            needed: None,
            available: 3,
        },
        Cause::BadRecordMac,
        Cause::KeyUpdate,
        Cause::PostHandshake(13),
    ];
    for message in [0, 1, 2, 4, 5, 8, 11, 13, 15, 20, 24, 254, 255] {
        all.push(Cause::Protocol(Breach::Message(message)));
        all.push(Cause::Protocol(Breach::MessageTwice(message)));
        all.push(Cause::Protocol(Breach::MessageLength(message)));
        all.push(Cause::Protocol(Breach::MissingMessage(message)));
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
        all.push(Cause::Protocol(Breach::HelloField(field)));
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
        EngineError::Other,
    ] {
        all.push(Cause::Engine(error));
    }
    all
}

/// Alerts, versions, groups and suites by every number that has a name, and one that has none.
fn negotiated() -> Vec<Cause> {
    let mut all: Vec<Cause> = vec![
        Cause::NothingInCommon,
        Cause::ServerRetry { cookie: true },
        Cause::ServerRetry { cookie: false },
        Cause::CipherSuite(0x1302),
        Cause::PskNotTaken,
        Cause::ApplicationProtocol,
        Cause::ClientSignatureScheme,
    ];
    for alert in 0..=255 {
        all.push(Cause::PeerAlert(alert));
        all.push(Cause::Protocol(Breach::PlaintextAlert(alert)));
    }
    for version in [0x0300, 0x0301, 0x0302, 0x0303, 0x7f1c] {
        all.push(Cause::ServerVersion(version));
    }
    for group in [
        0x0017, 0x0018, 0x0019, 0x001d, 0x001e, 0x0100, 0x01ff, 0x11ec, 0x1234,
    ] {
        all.push(Cause::ServerGroup(group));
    }
    all
}

/// Certificates and proofs.
fn authentication() -> Vec<Cause> {
    vec![
        Cause::NoCertificate,
        Cause::NoSignature,
        Cause::BadSignature,
        Cause::SignatureScheme(0x0401),
        Cause::BadFinished,
        Cause::Malformed,
        Cause::NotTrusted,
        Cause::CertificateSignature,
        Cause::ClockNotSet,
        Cause::ClockBeforeFloor {
            now: Timestamp::from_unix(0),
            floor: date(),
        },
        Cause::Expired { not_after: date() },
        Cause::NotYetValid { not_before: date() },
        Cause::NameMismatch,
        Cause::NoName,
        Cause::NotCa,
        Cause::LeafIsCa,
        Cause::PathLen,
        Cause::KeyUsage,
        Cause::ExtendedKeyUsage,
        Cause::CriticalExtension,
        Cause::NameConstraint,
        Cause::KeySize { bits: 1024 },
        Cause::KeyAlgorithm,
        Cause::SignatureAlgorithm,
        Cause::OldVersion,
        Cause::TooMuchWork,
        Cause::ServerKeyUsage,
        Cause::ExtensionMisuse,
        Cause::NamelessIssuer,
    ]
}

/// Settings, the byte stream, sizes.
fn around() -> Vec<Cause> {
    let mut all: Vec<Cause> = vec![
        Cause::CaErased,
        Cause::CaMissing {
            number: 3,
            available: 2,
        },
        Cause::CaUnreadable,
        Cause::CertErased,
        Cause::CertMissing {
            number: 3,
            available: 2,
        },
        Cause::CertUnreadable,
        Cause::KeyErased,
        Cause::KeyMissing {
            number: 3,
            available: 2,
        },
        Cause::KeyUnreadable,
        Cause::KeyEncrypted,
        Cause::KeyUnsupported,
        Cause::KeyMismatch,
        Cause::PskEmpty,
        Cause::StrictPolicy,
        Cause::NameInvalid,
        Cause::HostNotFound,
        Cause::ConnectionRefused,
        Cause::Unreachable,
        Cause::Reset,
        Cause::Transport,
        Cause::Timeout { ms: 10_000 },
        Cause::Closed,
        Cause::PeerEof,
        Cause::PeerCloseNotify,
        Cause::WriteAbandoned,
        Cause::ReadAbandoned,
        Cause::Dead,
    ];
    for what in [
        Limit::ServerHello,
        Limit::HandshakeMessage,
        Limit::ChainLength,
        Limit::Anchors,
        Limit::ClientChain,
        Limit::PublicKey,
        Limit::RecordBuffer,
        Limit::IdleRecords,
        Limit::Sessions,
        Limit::Protocol,
    ] {
        all.push(Cause::TooLarge {
            what,
            needed: 17,
            limit: 16,
        });
    }
    all
}

#[test]
fn code_number_flags_and_words_of_every_reason_stay_as_they_are() {
    let causes = [protocol(), negotiated(), authentication(), around()].concat();
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
