//! Sessions as servers really speak them: every version, suite, group and kind of key.

use embedded_io_async::{Read, Write};
use tls_session::evidence::Application;
use tls_session::reason::{NegotiationError, SetupError, StreamError};
use tls_session::verify::Version;
use tls_session::{Accepted, EngineRule, Policy, PreSharedKey, Reason, Stage};

use tls_doubles::io::Wire;
use tls_doubles::keys::KeyKind;
use tls_doubles::pki::Family;
use tls_doubles::script::Script;
use tls_doubles::server::Server;

use crate::client::{Attempt, TestSession, chain, exchange, named, only};
use crate::peer::{Peer, Serves};

pub(crate) const KINDS: [KeyKind; 4] = [
    KeyKind::P256,
    KeyKind::P384,
    KeyKind::Ed25519,
    KeyKind::Rsa(2048),
];
pub(crate) const VERSIONS: [Version; 2] = [Version::Tls12, Version::Tls13];
/// P-256, X25519, P-384.
const GROUPS: [u16; 3] = [23, 29, 24];

/// AES-128-GCM, AES-256-GCM and ChaCha20-Poly1305 with a kind of key.
fn suites(version: Version, kind: KeyKind) -> [u16; 3] {
    match (version, kind) {
        (Version::Tls13, _) => [0x1301, 0x1302, 0x1303],
        (Version::Tls12, KeyKind::Rsa(_)) => [0xc02f, 0xc030, 0xcca8],
        (Version::Tls12, _) => [0xc02b, 0xc02c, 0xcca9],
    }
}

/// Data of three sizes, then both say close_notify, the server first.
async fn whole_life(mut session: TestSession<'_>, wire: &Wire<Peer>) -> Result<(), Reason> {
    for len in [1, 1 << 14, 100_000] {
        exchange(&mut session, wire, len).await?;
    }
    wire.server_mut().send_close_notify();
    {
        let (mut rx, mut tx) = session.split();
        for _ in 0..2 {
            assert_eq!(rx.read(&mut [0; 8]).await?, 0);
        }
        // Our side may go on (RFC 9846 §6.1).
        tx.write_all(b"final data").await?;
        tx.flush().await?;
    }
    assert_eq!(wire.server().app, b"final data");
    session.close().await
}

#[test]
fn every_version_suite_group_and_key_opens_carries_data_and_closes() {
    for kind in KINDS {
        let family = Family::new(kind);
        let anchors: &[&[u8]] = &[&family.root.der];
        for version in VERSIONS {
            for suite in suites(version, kind) {
                for group in GROUPS {
                    let serves = Serves {
                        suites: vec![suite],
                        groups: vec![group],
                        ..Serves::only(&family.site(), version)
                    };
                    let policy = named(chain(anchors), "broker.local");
                    let attempt = Attempt::new(serves.peer(), policy);
                    let case = format!("{kind:?} {version:?} {suite:x} {group}");
                    let (result, wire) = attempt.with(async |session, wire| {
                        let expected = Accepted::Path {
                            anchor: 0,
                            intermediates: 1,
                        };
                        assert_eq!(session.accepted(), expected);
                        let agreed = session.peer().negotiated();
                        assert_eq!(
                            (agreed.version, agreed.suite, agreed.group),
                            (version, suite, group)
                        );
                        assert!(agreed.extended_master_secret);
                        assert_eq!(agreed.application, Application::Unnamed);
                        let certificate = session.certificate().unwrap();
                        assert_eq!(certificate.subject.as_str(), "CN=broker.local");
                        whole_life(session, wire).await
                    });
                    assert_eq!(result, Ok(Ok(())), "{case}");
                    let peer = wire.server();
                    assert_eq!((peer.suite(), peer.group()), (suite, group), "{case}");
                    assert!(peer.close_notify && peer.error.is_none(), "{case}");
                }
            }
        }
    }
}

#[test]
fn duty_29_a_policy_of_one_version_offers_that_one_alone() {
    let family = Family::new(KeyKind::P256);
    let anchors: &[&[u8]] = &[&family.root.der];
    for version in VERSIONS {
        let policy = Policy {
            versions: only(version),
            ..chain(anchors)
        };
        let attempt = Attempt::new(Serves::new(&family.site()).peer(), policy);
        let (result, wire) = attempt.with(async |mut session, wire| {
            assert_eq!(session.peer().negotiated().version, version);
            exchange(&mut session, wire, 100).await?;
            session.close().await
        });
        assert_eq!(result, Ok(Ok(())), "{version:?}");
        assert!(wire.server().close_notify);

        // A server of the other version finds nothing to choose, and says so with alert 70.
        let other = match version {
            Version::Tls12 => Version::Tls13,
            Version::Tls13 => Version::Tls12,
        };
        let (reason, _) =
            Attempt::new(Serves::only(&family.site(), other).peer(), policy).refused();
        let wire = version.wire();
        let none = NegotiationError::NoCommonVersion {
            min: wire,
            max: wire,
        };
        assert_eq!((reason.stage, reason.cause), (Stage::Hello, none.into()));
    }
}

#[test]
fn the_suites_of_a_policy_are_the_only_ones() {
    let family = Family::new(KeyKind::P256);
    let anchors: &[&[u8]] = &[&family.root.der];
    for (offered, expected) in [
        (&[0x1302_u16][..], Some(0x1302)),
        (&[0xc02c], Some(0xc02c)),
        (&[0xcca9, 0x1303], Some(0x1303)),
        // RSA alone, and the server has no such key.
        (&[0xc02f], None),
    ] {
        let policy = Policy {
            suites: offered,
            ..chain(anchors)
        };
        let attempt = Attempt::new(Serves::new(&family.site()).peer(), policy);
        let (result, _) = attempt.with(async |mut session, wire| {
            exchange(&mut session, wire, 100).await?;
            Ok::<_, Reason>(session.peer().negotiated().suite)
        });
        match expected {
            Some(suite) => assert_eq!(result, Ok(Ok(suite))),
            None => {
                let cause = result.unwrap_err().cause;
                assert_eq!(cause, NegotiationError::NoCommonSuite.into());
            }
        }
    }
    // None that the build knows.
    let policy = Policy {
        suites: &[0x002f],
        ..chain(anchors)
    };
    let (reason, _) = Attempt::new(Serves::new(&family.site()).peer(), policy).refused();
    assert_eq!(
        (reason.stage, reason.cause),
        (Stage::Setup, SetupError::NoSuite.into())
    );
}

#[test]
fn the_chosen_application_protocol_is_reported() {
    let family = Family::new(KeyKind::P256);
    let anchors: &[&[u8]] = &[&family.root.der];
    let offered: [&[u8]; 2] = [b"h2", b"mqtt"];
    for version in VERSIONS {
        for (theirs, expected) in [
            (vec![b"mqtt".to_vec()], Ok(Application::Offered(1))),
            (
                vec![b"h2".to_vec(), b"mqtt".to_vec()],
                Ok(Application::Offered(0)),
            ),
            (vec![], Ok(Application::Unnamed)),
            // no_application_protocol (120).
            (vec![b"amqp".to_vec()], Err(StreamError::PeerAlert(120))),
        ] {
            let serves = Serves {
                alpn: theirs,
                ..Serves::only(&family.site(), version)
            };
            let policy = Policy {
                alpn: &offered,
                sni: Some("broker.local"),
                ..chain(anchors)
            };
            let (result, wire) = Attempt::new(serves.peer(), policy)
                .with(async |session, _| session.peer().negotiated().application);
            let result = result.map_err(|reason| reason.cause);
            assert_eq!(result, expected.map_err(Into::into), "{version:?}");
            if result.is_ok() {
                let server = wire.server();
                assert_eq!(server.server().server_name(), Some("broker.local"));
            }
        }
    }
}

#[cfg(feature = "embedded-tls")]
#[test]
fn the_policy_chooses_the_engine() {
    let family = Family::new(KeyKind::P256);
    let anchors: &[&[u8]] = &[&family.root.der];
    // embedded-tls offers P-256 alone, so a server with X25519 alone distinguishes the engines.
    let serves = Serves {
        groups: vec![29],
        ..Serves::new(&family.site())
    };
    for (engine, opens) in [(EngineRule::Best, true), (EngineRule::WithoutHeap, false)] {
        let policy = Policy {
            engine,
            ..chain(anchors)
        };
        let (result, _) = Attempt::new(serves.peer(), policy).with(async |_, _| ());
        assert_eq!(result.is_ok(), opens, "{engine:?}: {result:?}");
    }
    // rustls has no pre-shared keys of its user's.
    let key = PreSharedKey::new(b"meter 7", b"0123456789abcdef").unwrap();
    let server = Server::new(Script::psk(b"0123456789abcdef"));
    let (result, _) = Attempt::new(server, Policy::pre_shared_key(key))
        .with(async |session, _| session.accepted());
    assert_eq!(result, Ok(Accepted::PreSharedKey));
}

#[cfg(not(feature = "embedded-tls"))]
#[test]
fn duty_66_without_embedded_tls_there_are_no_pre_shared_keys_and_no_session_without_heap() {
    let family = Family::new(KeyKind::P256);
    let anchors: &[&[u8]] = &[&family.root.der];
    let key = PreSharedKey::new(b"meter 7", b"0123456789abcdef").unwrap();
    let server = Server::new(Script::psk(b"0123456789abcdef"));
    let (reason, wire) = Attempt::new(server, Policy::pre_shared_key(key)).refused();
    assert_eq!(reason.cause, SetupError::PskEngine.into());
    assert_eq!(wire.written(), 0);
    let policy = Policy {
        engine: EngineRule::WithoutHeap,
        ..chain(anchors)
    };
    let (reason, wire) = Attempt::new(Serves::new(&family.site()).peer(), policy).refused();
    assert_eq!(reason.cause, SetupError::NoEngine.into());
    assert_eq!(wire.written(), 0);
}
