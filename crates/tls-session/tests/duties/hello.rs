//! Duty 21: what the server answers to ClientHello (RFC 8446 §4.1.3, §4.1.4).

use p256::elliptic_curve::sec1::ToEncodedPoint;
use tls_session::reason::{CapacityError, HelloField, Limit, NegotiationError, ProtocolViolation};
use tls_session::{Cause, Stage};

use crate::client::{Attempt, chain};
use crate::records::{family, good, refused};
use tls_doubles::message::{
    ENCRYPTED_EXTENSIONS, Hello, HelloExtension, Message, SECP256R1, SECP384R1, SERVER_HELLO,
    TLS_1_3, X25519,
};
use tls_doubles::record::HANDSHAKE;
use tls_doubles::script::{Packing, Script, Step, Wrap};

#[test]
#[expect(clippy::too_many_lines, reason = "one claim, case after case")]
fn duty_21_parameters_that_were_not_offered_are_named() {
    let family = family();
    let cases: Vec<(Hello, Cause, &str)> = vec![
        (
            Hello::older(0x0303),
            Cause::Negotiation(NegotiationError::ServerVersion(0x0303)),
            "server speaks TLS 1.2 at most",
        ),
        (
            Hello::older(0x0302),
            Cause::Negotiation(NegotiationError::ServerVersion(0x0302)),
            "server speaks TLS 1.1 at most",
        ),
        (
            Hello::older(0x0300),
            Cause::Negotiation(NegotiationError::ServerVersion(0x0300)),
            "server speaks SSL 3.0 at most",
        ),
        (
            Hello::retry(X25519),
            Cause::Negotiation(NegotiationError::ServerGroup(X25519)),
            "server wants group X25519 (0x001d)",
        ),
        (
            Hello::retry(SECP384R1),
            Cause::Negotiation(NegotiationError::ServerGroup(SECP384R1)),
            "server wants group P-384 (0x0018)",
        ),
        // A retry that asks for what it has, and one that has another reason.
        (
            Hello::retry(SECP256R1),
            Cause::Negotiation(NegotiationError::ServerRetry),
            "server asks for a second ClientHello without a reason",
        ),
        (
            cookie(vec![]),
            Cause::Negotiation(NegotiationError::ServerRetryCookie),
            "server asks for a second ClientHello with a cookie, which is not done here",
        ),
        (
            cookie(vec![HelloExtension::SelectedGroup(SECP384R1)]),
            Cause::Negotiation(NegotiationError::ServerGroup(SECP384R1)),
            "server wants group P-384 (0x0018)",
        ),
        // A cookie in a hello that is none of a retry.
        (
            Hello {
                random: Hello::good().random,
                ..cookie(vec![HelloExtension::OurShare { group: SECP256R1 }])
            },
            Cause::Protocol(ProtocolViolation::HelloField(HelloField::Extension(44))),
            "ServerHello extension 44 is not legal here",
        ),
        (
            Hello::suite(0x1302),
            Cause::Negotiation(NegotiationError::CipherSuite(0x1302)),
            "server chose cipher suite 0x1302, which was not offered",
        ),
        (
            Hello::suite(0x00ff),
            Cause::Negotiation(NegotiationError::CipherSuite(0x00ff)),
            "server chose cipher suite 0x00ff, which was not offered",
        ),
        (
            Hello::with(vec![
                HelloExtension::SupportedVersion(TLS_1_3),
                HelloExtension::OurShare { group: X25519 },
            ]),
            Cause::Negotiation(NegotiationError::ServerGroup(X25519)),
            "server wants group X25519 (0x001d)",
        ),
        (
            Hello::with(vec![HelloExtension::SupportedVersion(TLS_1_3)]),
            Cause::Protocol(ProtocolViolation::HelloField(HelloField::KeyShare)),
            "ServerHello KeyShare is not what was offered",
        ),
        (
            Hello::with(vec![HelloExtension::OurShare { group: SECP256R1 }]),
            Cause::Negotiation(NegotiationError::ServerVersion(0x0303)),
            "server speaks TLS 1.2 at most",
        ),
        (
            Hello {
                session_id: Some(vec![1; 32]),
                ..Hello::good()
            },
            Cause::Protocol(ProtocolViolation::HelloField(HelloField::SessionId)),
            "ServerHello SessionId is not what was offered",
        ),
        (
            Hello {
                compression: 1,
                ..Hello::good()
            },
            Cause::Protocol(ProtocolViolation::HelloField(HelloField::Compression)),
            "ServerHello Compression is not what was offered",
        ),
        (
            Hello {
                trailing: vec![0],
                ..Hello::good()
            },
            Cause::Protocol(ProtocolViolation::MessageLength(2)),
            "ServerHello contradicts its own length",
        ),
    ];
    for (hello, cause, words) in cases {
        let script = Script::hello(&family.site(), hello);
        let reason = refused(&family, &script);
        assert_eq!(reason.cause, cause);
        assert_eq!(reason.stage, Stage::Hello);
        assert_eq!(reason.to_string(), words);
    }
}

/// HelloRetryRequest with a cookie and these extensions.
fn cookie(more: Vec<HelloExtension>) -> Hello {
    let mut list = vec![
        HelloExtension::SupportedVersion(TLS_1_3),
        HelloExtension::Raw(44, vec![0, 3, 1, 2, 3]),
    ];
    list.extend(more);
    Hello {
        extensions: Some(list),
        ..Hello::retry(SECP256R1)
    }
}

#[test]
fn duty_21_a_share_is_an_uncompressed_point_of_the_curve() {
    let family = family();
    let good = p256::SecretKey::from_slice(&[0x42; 32])
        .unwrap()
        .public_key();
    let compressed = good.to_encoded_point(true).as_bytes().to_vec();
    let point = good.to_encoded_point(false).as_bytes().to_vec();
    let mut beside = point.clone();
    beside[64] ^= 1;
    let mut hybrid = point.clone();
    hybrid[0] = 6;
    // x is the prime of the field: no number of it.
    let prime = "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff";
    let mut large = point.clone();
    hex::decode_to_slice(prime, &mut large[1..33]).unwrap();
    for value in [
        compressed,
        beside,
        hybrid,
        large,
        vec![4; 65],
        vec![0; 65],
        vec![0],
        point[..64].to_vec(),
        [&point[..], &[0]].concat(),
        Vec::new(),
    ] {
        let hello = Hello::with(vec![
            HelloExtension::SupportedVersion(TLS_1_3),
            HelloExtension::Share {
                group: SECP256R1,
                value,
            },
        ]);
        let script = Script::hello(&family.site(), hello).until(ENCRYPTED_EXTENSIONS, Step::Close);
        let reason = refused(&family, &script);
        let wrong = ProtocolViolation::HelloField(HelloField::KeyShare);
        assert_eq!(
            (reason.stage, reason.cause),
            (Stage::Hello, Cause::Protocol(wrong))
        );
    }
}

/// Whatever it asks for, there is one ClientHello: the second thing it says is not even read.
#[test]
fn duty_21_a_retry_is_not_followed_once_or_twice() {
    let family = family();
    let anchors: &[&[u8]] = &[&family.root.der];
    for hello in [
        Hello::retry(X25519),
        Hello::retry(SECP256R1),
        cookie(vec![]),
    ] {
        let again = Step::Send(Message::ServerHello(hello.clone()));
        let good = Step::Send(Message::ServerHello(Hello::good()));
        let first = Script::hello(&family.site(), hello);
        for script in [
            first.clone().after(SERVER_HELLO, again),
            first.after(SERVER_HELLO, good),
        ] {
            let (result, wire) = Attempt::new(script, chain(anchors)).with(async |_, _| ());
            let reason = result.unwrap_err();
            assert!(
                matches!(
                    reason.cause,
                    Cause::Negotiation(
                        NegotiationError::ServerGroup(X25519)
                            | NegotiationError::ServerRetry
                            | NegotiationError::ServerRetryCookie
                    )
                ),
                "{reason:?}"
            );
            assert_eq!(wire.server().seen().records.len(), 1);
        }
    }
}

/// Every extension twice, alone, and in company that has no place there.
#[test]
fn duty_21_extensions_of_the_hello_are_ours_and_come_once() {
    let family = family();
    let version = HelloExtension::SupportedVersion(TLS_1_3);
    let share = HelloExtension::OurShare { group: SECP256R1 };
    let both = [version.clone(), share.clone()];
    let extension =
        |kind| Cause::Protocol(ProtocolViolation::HelloField(HelloField::Extension(kind)));
    let psk = Cause::Protocol(ProtocolViolation::HelloField(HelloField::PreSharedKey));
    let with = |more: HelloExtension| [&both[..], &[more]].concat();
    let mut cases = vec![
        (with(version), extension(43)),
        (with(share), extension(51)),
        (with(HelloExtension::Raw(41, vec![0, 0])), psk),
        (
            (0..40)
                .map(|kind| HelloExtension::Raw(kind, vec![]))
                .collect(),
            extension(4),
        ),
    ];
    for kind in [
        0, 1, 5, 10, 13, 16, 18, 23, 35, 42, 44, 45, 0x0a0a, 0xff01, 0xffff,
    ] {
        cases.push((with(HelloExtension::Raw(kind, vec![])), extension(kind)));
    }
    for (list, cause) in cases {
        let script = Script::hello(&family.site(), Hello::with(list));
        assert_eq!(refused(&family, &script).cause, cause);
    }
}

/// An older server has its whole flight in one record, longer than any hello that is taken here.
#[test]
fn duty_21_an_older_server_is_named_whatever_follows_its_hello() {
    let family = family();
    for version in [0x0301, 0x0303] {
        for more in [1, 4, 400, 16_000] {
            let mut flight = Hello::older(version).encode(&[], &[]);
            flight.extend(vec![11; more]);
            let record = Step::Record {
                kind: HANDSHAKE,
                version: 0x0303,
                body: flight,
            };
            let script = good(&family).before(SERVER_HELLO, record);
            let reason = refused(&family, &script);
            assert_eq!(
                reason.cause,
                Cause::Negotiation(NegotiationError::ServerVersion(version)),
                "{more}"
            );
        }
    }
}

/// The client sends no session id, so there is none to echo.
#[test]
fn duty_21_no_session_id_is_echoed() {
    let family = family();
    for len in [1, 31, 32, 33, 255] {
        let hello = Hello {
            session_id: Some(vec![0; len]),
            ..Hello::good()
        };
        let reason = refused(&family, &Script::hello(&family.site(), hello));
        assert_eq!(
            reason.cause,
            Cause::Protocol(ProtocolViolation::HelloField(HelloField::SessionId))
        );
    }
}

/// In records of any size, and nothing else in any of them.
#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn a_hello_that_does_not_end_or_is_not_alone() {
    let family = family();
    let huge = |declared: u32| {
        let [_, high, middle, low] = declared.to_be_bytes();
        Step::cut_record(HANDSHAKE, 6, &[SERVER_HELLO, high, middle, low, 3, 3])
    };
    for declared in [509, 4096, 1 << 14, 0x00ff_ffff] {
        let reason = refused(&family, &good(&family).before(SERVER_HELLO, huge(declared)));
        assert_eq!(
            reason.cause,
            Cause::Capacity(CapacityError::TooLarge {
                what: Limit::ServerHello,
                needed: declared + 4,
                limit: 512
            })
        );
    }
    // A message behind it in its record, and a second one of its kind.
    let wrap = Wrap {
        encrypt: false,
        inner: HANDSHAKE,
        packing: Packing::Coalesced,
        ..Wrap::default()
    };
    let extra = Step::SendIn(Message::Bytes(vec![SERVER_HELLO, 0, 0, 0]), wrap);
    let reason = refused(&family, &good(&family).after(SERVER_HELLO, extra));
    assert_eq!(
        reason.cause,
        Cause::Protocol(ProtocolViolation::RecordHere(HANDSHAKE))
    );
    let hello = Hello {
        trailing: vec![8, 0, 0, 2, 0, 0],
        ..Hello::good()
    };
    let key = p256::SecretKey::from_slice(&[0x42; 32]).unwrap();
    let point = key.public_key().to_encoded_point(false);
    let mut bytes = hello.encode(&[], point.as_bytes());
    bytes[3] -= 6;
    let script = good(&family).replace(SERVER_HELLO, Step::Send(Message::Bytes(bytes)));
    let script = script.until(ENCRYPTED_EXTENSIONS, Step::Close);
    let reason = refused(&family, &script);
    assert_eq!(
        reason.cause,
        Cause::Protocol(ProtocolViolation::TrailingBytes)
    );
    // An empty record between its pieces.
    let script = good(&family).before(
        SERVER_HELLO,
        Step::Bytes(vec![
            HANDSHAKE,
            3,
            3,
            0,
            1,
            SERVER_HELLO,
            HANDSHAKE,
            3,
            3,
            0,
            0,
        ]),
    );
    let reason = refused(&family, &script);
    assert_eq!(
        reason.cause,
        Cause::Protocol(ProtocolViolation::RecordLength(0))
    );
}
