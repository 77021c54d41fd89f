//! Servers, and people on the way, that change, cut and reorder. No session comes of it, nothing panics, nothing of the
//! application leaves, and every attempt ends by its deadline.

use tls_session::reason::StreamError;
use tls_session::verify::Version;
use tls_session::{Cause, Policy, Reason, Stage};

use tls_doubles::io::{End, Faults};
use tls_doubles::keys::KeyKind;
use tls_doubles::message::{
    CERTIFICATE, CERTIFICATE_REQUEST, CERTIFICATE_VERIFY, ENCRYPTED_EXTENSIONS, FINISHED, Hello,
    Message, SERVER_HELLO,
};
use tls_doubles::pki::Family;
use tls_doubles::script::{Change, Packing, Script, Step, Wrap};
use tls_doubles::server::Server;

use crate::client::{Attempt, chain, only};
use crate::openings::VERSIONS;
use crate::peer::{Serves, messages, records};

/// Everything that the server sends up to its Finished; the same length every time, because the keys are Ed25519.
fn flight(version: Version) -> Vec<u8> {
    let (result, wire) = attempt(version, Faults::default());
    result.unwrap();
    let sent = wire.server().sent_bytes().to_vec();
    assert_eq!(wire.sent(), sent.len());
    sent
}

type Done = (Result<(), Reason>, tls_doubles::io::Wire<crate::peer::Peer>);

fn attempt(version: Version, faults: Faults) -> Done {
    let family = Family::new(KeyKind::Ed25519);
    let anchors: &[&[u8]] = &[&family.root.der];
    let serves = Serves {
        tickets: 0,
        ..Serves::only(&family.site(), version)
    };
    let attempt = Attempt::new(serves.peer(), chain(anchors)).faults(faults);
    let (result, wire) = attempt.with(async |_, _| ());
    assert_eq!(wire.server().app, b"");
    (result, wire)
}

/// Minor version in the header of a record: nobody reads it. In TLS 1.2 it is authenticated with an encrypted record, here
/// the last.
fn says_nothing(version: Version, flight: &[u8]) -> Vec<usize> {
    let mut places = Vec::new();
    let mut at = 0;
    for record in records(flight) {
        places.push(at + 2);
        at += record.len();
    }
    if version == Version::Tls12 {
        places.pop();
    }
    places
}

#[test]
fn every_byte_of_the_flight_counts() {
    for version in VERSIONS {
        let flight = flight(version);
        let free = says_nothing(version, &flight);
        for at in 0..flight.len() {
            for bit in [at % 8, (at + 3) % 8] {
                let faults = Faults {
                    flip: Some(8 * at + bit),
                    ..Faults::default()
                };
                let (result, _) = attempt(version, faults);
                let is_free = free.contains(&at);
                assert_eq!(
                    result.is_ok(),
                    is_free,
                    "{version:?} {at} {bit}: {result:?}"
                );
            }
        }
    }
}

#[test]
fn duty_23_and_67_the_stream_may_end_at_every_byte() {
    for version in VERSIONS {
        let flight = flight(version);
        for at in 0..flight.len() {
            for end in [End::Stall, End::Eof, End::Error] {
                let faults = Faults {
                    cut: Some((at, end)),
                    ..Faults::default()
                };
                let (result, wire) = attempt(version, faults);
                let reason = result.unwrap_err();
                let expected = match end {
                    End::Stall => StreamError::Timeout { ms: 10_000 },
                    End::Eof => StreamError::PeerEof,
                    End::Error => StreamError::Reset,
                };
                assert_eq!(reason.cause, expected.into(), "{version:?} {at}");
                assert_ne!(reason.stage, Stage::Data);
                // In TLS 1.2 our Finished goes first, and the server is satisfied with it.
                if version == Version::Tls13 {
                    assert!(!wire.server().opened(), "{at}");
                }
            }
        }
    }
}

/// Every sequence of the four messages of TLS 1.2, up to five long. Only the right one opens.
#[test]
fn no_order_of_messages_but_the_right_one_opens_in_1_2() {
    let family = Family::new(KeyKind::Ed25519);
    let anchors: &[&[u8]] = &[&family.root.der];
    let mut opened = 0;
    for len in 0..=5_u32 {
        for index in 0..4_usize.pow(len) {
            let order: Vec<usize> = (0..len)
                .map(|place| index / 4_usize.pow(place) % 4)
                .collect();
            let serves = Serves::only(&family.site(), Version::Tls12);
            let sequence = order.clone();
            let peer = serves.peer().edited(move |record| {
                let all = messages(&record);
                if all.len() < 4 {
                    return record;
                }
                assert_eq!(all.len(), 4);
                let mut out = Vec::new();
                for number in &sequence {
                    let message = &record[all[*number].1.clone()];
                    out.extend([22, 3, 3]);
                    out.extend(u16::try_from(message.len()).unwrap().to_be_bytes());
                    out.extend(message);
                }
                out
            });
            let (result, wire) = Attempt::new(peer, chain(anchors)).with(async |_, _| ());
            let right = order == [0, 1, 2, 3];
            // What comes behind ServerHelloDone is refused when it is read, after our Finished.
            assert_eq!(result.is_ok(), right, "{order:?}: {result:?}");
            assert_eq!(wire.server().app, b"");
            opened += usize::from(right);
        }
    }
    assert_eq!(opened, 1);
}

/// The same for TLS 1.3, by a server that knows its keys.
#[test]
fn no_order_of_messages_but_the_right_ones_opens_in_1_3() {
    let family = Family::new(KeyKind::P256);
    let site = family.site();
    let make = |number: usize| match number {
        0 => Message::EncryptedExtensions(vec![]),
        1 => Message::CertificateRequest(vec![0x0403]),
        2 => Message::Certificate(site.chain.clone()),
        3 => Message::certificate_verify(&site.key),
        _ => Message::Finished,
    };
    let mut opened = 0;
    for packing in [Packing::Each, Packing::Coalesced] {
        for len in 0..=4_u32 {
            for index in 0..5_usize.pow(len) {
                let order: Vec<usize> = (0..len)
                    .map(|place| index / 5_usize.pow(place) % 5)
                    .collect();
                let mut all = vec![Message::ServerHello(Hello::good())];
                all.extend(order.iter().map(|number| make(*number)));
                let wrap = Wrap {
                    packing,
                    ..Wrap::default()
                };
                let script = Script::of(all).then(Step::Close).wrap(wrap);
                let (result, wire) = Attempt::new(Server::new(script), Policy::danger_any_peer())
                    .with(async |_, _| ());
                let right = order == [0, 2, 3, 4];
                assert_eq!(result.is_ok(), right, "{packing:?} {order:?}: {result:?}");
                assert_eq!(wire.server().seen().app, b"");
                opened += usize::from(right);
            }
        }
    }
    assert_eq!(opened, 2);
}

/// Whether rustls, or TLS, leaves it open what stands there.
fn is_open(message: u8, at: usize) -> bool {
    match message {
        // Random.
        SERVER_HELLO => (6..38).contains(&at),
        // supported_groups, which nobody reads: type and content; unknown schemes.
        ENCRYPTED_EXTENSIONS => at >= 6,
        CERTIFICATE_REQUEST => at >= 7,
        _ => false,
    }
}

/// Signed and counted as they were sent, so only a look at each field finds the change.
#[test]
fn a_change_of_any_byte_under_good_keys_opens_nothing() {
    let family = Family::new(KeyKind::P256);
    let anchors: &[&[u8]] = &[&family.root.der];
    let good = Script::good(&family.site()).asks_certificate();
    for message in [
        SERVER_HELLO,
        ENCRYPTED_EXTENSIONS,
        CERTIFICATE_REQUEST,
        CERTIFICATE,
        CERTIFICATE_VERIFY,
        FINISHED,
    ] {
        for at in 0.. {
            let mut there = false;
            let changes = [
                Change::Flip {
                    at,
                    mask: 1 << (at % 8),
                },
                Change::Flip { at, mask: 0xff },
                Change::Cut {
                    len: at,
                    honest: true,
                },
                Change::Cut {
                    len: at,
                    honest: false,
                },
                Change::Grow { at, byte: 0 },
            ];
            // Certificates are long, and each byte of theirs is signed.
            let count = if message == CERTIFICATE {
                1
            } else {
                changes.len()
            };
            for change in changes.into_iter().take(count) {
                let script = good.clone().changed(message, change);
                let script = script.then(Step::AwaitFinished).then(Step::Close);
                let attempt = Attempt::new(Server::new(script), chain(anchors));
                let (result, wire) = attempt.with(async |_, _| ());
                let server = wire.server();
                there |= server.changed();
                assert_eq!(server.seen().app, b"");
                // A request that does not come at all is no loss.
                let is_missing = matches!(change, Change::Cut { len: 0, .. });
                if result.is_ok() && server.changed() && !is_missing {
                    assert!(is_open(message, at), "{message} {change:?}");
                }
            }
            if !there {
                break;
            }
        }
    }
}

/// What a ServerHello of TLS 1.2 may not say, where we offered 1.3 (RFC 9846 §4.2.3).
#[test]
fn duty_32_both_marks_of_a_downgrade_are_refused() {
    let family = Family::new(KeyKind::P256);
    let anchors: &[&[u8]] = &[&family.root.der];
    for mark in [*b"DOWNGRD\x01", *b"DOWNGRD\x00"] {
        for policy in [
            chain(anchors),
            Policy {
                versions: only(Version::Tls12),
                ..chain(anchors)
            },
        ] {
            let serves = Serves::only(&family.site(), Version::Tls12);
            let peer = serves.peer().edited(move |mut record| {
                if record[0] == 22 && record[5] == 2 {
                    // Type, length, version, and the last eight bytes of the random.
                    record[5 + 6 + 24..5 + 6 + 32].copy_from_slice(&mark);
                }
                record
            });
            let (result, wire) = Attempt::new(peer, policy).with(async |_, _| ());
            let reason = result.unwrap_err();
            if policy.versions.contains(Version::Tls13) {
                assert_eq!(reason.cause.code(), "downgrade");
                assert_eq!(wire.server().alert(), Some(47));
            } else {
                // Then it is a random like others, and the server signed another one.
                assert_eq!(reason.cause.code(), "handshake_signature");
            }
        }
    }
}

/// Alerts in the clear before ServerHello, and the words for them.
#[test]
fn duty_33_an_alert_instead_of_a_hello_is_explained() {
    let family = Family::new(KeyKind::P256);
    let anchors: &[&[u8]] = &[&family.root.der];
    for (versions, number, words) in [
        (
            None,
            40,
            "server alert: handshake failure (40): it takes none of ECDHE with AES-GCM or ChaCha20 \
             (old servers do not), or its key is not RSA, P-256, P-384 or Ed25519: offered TLS 1.2-1.3, P-256 X25519 P-384, all suites, no SNI",
        ),
        (None, 70, "server takes no version from TLS 1.2 to TLS 1.3"),
        (
            Some(Version::Tls13),
            70,
            "server takes no version from TLS 1.3 to TLS 1.3",
        ),
        (
            None,
            80,
            "server alert: internal error (80): the log of the server has the reason",
        ),
    ] {
        let policy = Policy {
            versions: versions.map_or(tls_session::Versions::ALL, only),
            ..chain(anchors)
        };
        let script = Script::of(Vec::new()).then(Step::plain_alert(2, number));
        let (reason, _) = Attempt::new(Server::new(script), policy).refused();
        assert_eq!(
            (reason.stage, reason.to_string().as_str()),
            (Stage::Hello, words)
        );
    }
    // Not one that the server means.
    let script = Script::of(Vec::new())
        .then(Step::plain_alert(1, 0))
        .then(Step::Close);
    let (reason, _) = Attempt::new(Server::new(script), chain(anchors)).refused();
    assert!(matches!(reason.cause, Cause::Stream(_)), "{reason:?}");
}

/// By a server that asks once and goes on as if it had not: for each group, under each rule for versions.
#[test]
fn duty_70_and_71_a_retry_that_changes_nothing_or_is_not_meant_is_refused() {
    let family = Family::new(KeyKind::P256);
    let anchors: &[&[u8]] = &[&family.root.der];
    for versions in [
        tls_session::Versions::ALL,
        only(Version::Tls12),
        only(Version::Tls13),
    ] {
        let policy = Policy {
            versions,
            ..chain(anchors)
        };
        for group in [23, 29, 24, 25, 30, 0, 0xfefe] {
            for twice in [false, true] {
                let script = Script::hello(&family.site(), Hello::retry(group));
                let script = match twice {
                    true => script.twice(SERVER_HELLO),
                    false => script,
                };
                let script = script.then(Step::Close);
                let attempt = Attempt::new(Server::new(script), policy);
                let (reason, wire) = attempt.refused();
                assert_ne!(reason.stage, Stage::Data, "{versions:?} {group}");
                assert_eq!(wire.server().seen().app, b"");
                let code = reason.cause.code();
                match (versions.contains(Version::Tls13), group) {
                    (true, 23) => assert_eq!(code, "server_retry"),
                    (true, 25 | 30 | 0 | 0xfefe) => assert_eq!(code, "server_group"),
                    (true, _) => {}
                    (false, _) => assert_eq!(code, "policy_version", "{reason:?}"),
                }
            }
        }
    }
}
