//! Sessions as clients really speak them.

use embedded_io_async::{Read, Write};
use tls_session::reason::{ClientError, NegotiationError, Offer, PeerRole, StreamError};
use tls_session::verify::Version;
use tls_session::{Accepted, MasterSecret, Stage, Versions};

use tls_doubles::io::Faults;
use tls_doubles::keys::KeyKind;
use tls_doubles::pki::Family;

use crate::host::{Visit, acceptor, exchange};
use crate::visitor::Visits;

const KINDS: [KeyKind; 4] = [
    KeyKind::P256,
    KeyKind::P384,
    KeyKind::Ed25519,
    KeyKind::Rsa(2048),
];
pub(crate) const VERSIONS: [Version; 2] = [Version::Tls12, Version::Tls13];

/// AES-128-GCM, AES-256-GCM and ChaCha20-Poly1305 with a kind of key.
fn suites(version: Version, kind: KeyKind) -> [u16; 3] {
    match (version, kind) {
        (Version::Tls13, _) => [0x1301, 0x1302, 0x1303],
        (Version::Tls12, KeyKind::Rsa(_)) => [0xc02f, 0xc030, 0xcca8],
        (Version::Tls12, _) => [0xc02b, 0xc02c, 0xcca9],
    }
}

#[test]
fn duty_127_every_kind_of_key_serves_every_version_suite_and_group() {
    for kind in KINDS {
        let family = Family::new(kind);
        let acceptor = acceptor(&family.site(), None, |_| ());
        for version in VERSIONS {
            for suite in suites(version, kind) {
                for group in [23_u16, 29, 24] {
                    let visits = Visits {
                        suites: vec![suite],
                        groups: vec![group],
                        ..Visits::only(version)
                    };
                    let visit = Visit::new(visits.visitor(), &acceptor);
                    let (result, _) = visit.with(async |mut session, wire| {
                        let opened = *session.peer();
                        assert_eq!(opened.accepted(), Accepted::NotAsked);
                        let negotiated = opened.negotiated();
                        assert_eq!(negotiated.version, version);
                        assert_eq!((negotiated.suite, negotiated.group), (suite, group));
                        assert!(negotiated.extended_master_secret);
                        assert_eq!(session.certificate(), None);
                        let name = session.server_name();
                        assert_eq!(name.as_deref(), Some("module.local"));
                        exchange(&mut session, wire, 1000).await
                    });
                    assert_eq!(result, Ok(Ok(())), "{kind:?} {version:?} {suite:x} {group}");
                }
            }
        }
    }
}

/// Data of three sizes with a new key between them, then both say close_notify, the client first.
#[test]
fn duty_160_and_178_a_whole_life() {
    let family = Family::new(KeyKind::P256);
    let acceptor = acceptor(&family.site(), None, |_| ());
    for version in VERSIONS {
        let visit = Visit::new(Visits::only(version).visitor(), &acceptor);
        let (result, wire) = visit.with(async |mut session, wire| {
            for len in [1, 1 << 14, 100_000] {
                if version == Version::Tls13 {
                    wire.server_mut().update_key();
                }
                exchange(&mut session, wire, len).await?;
            }
            wire.server_mut().send_close_notify();
            {
                let (mut rx, mut tx) = session.split();
                assert_eq!(rx.read(&mut [0; 8]).await?, 0);
                if version == Version::Tls13 {
                    // Ours is open still.
                    tx.write_all(b"bye").await?;
                    tx.flush().await?;
                }
            }
            session.close().await
        });
        assert_eq!(result, Ok(Ok(())), "{version:?}");
        assert!(wire.server().close_notify, "{version:?}");
    }
}

/// An end without close_notify is distinguished from one with it.
#[test]
fn duty_178_a_client_that_hangs_up_is_named() {
    let family = Family::new(KeyKind::P256);
    let acceptor = acceptor(&family.site(), None, |_| ());
    for version in VERSIONS {
        let visit = Visit::new(Visits::only(version).visitor(), &acceptor);
        let (result, _) = visit.with(async |mut session, wire| {
            wire.server_mut().close();
            let (mut rx, _) = session.split();
            rx.read(&mut [0; 8]).await
        });
        let reason = result.unwrap().unwrap_err();
        assert_eq!(reason.cause, StreamError::PeerEof.into());
        assert_eq!(reason.to_string(), "client closed without close_notify");
        assert_eq!((reason.peer, reason.stage), (PeerRole::Client, Stage::Data));
    }
}

#[test]
fn duty_146_the_newest_common_version_is_taken_or_none() {
    let family = Family::new(KeyKind::P256);
    let versions = |min, max| Versions::new(min, max).unwrap();
    let (old, new) = (Version::Tls12, Version::Tls13);
    for (ours, theirs, expected) in [
        ((old, new), vec![old, new], Some(new)),
        ((old, new), vec![old], Some(old)),
        ((old, old), vec![old, new], Some(old)),
        ((new, new), vec![old, new], Some(new)),
        ((new, new), vec![old], None),
        ((old, old), vec![new], None),
    ] {
        let acceptor = acceptor(&family.site(), None, |policy| {
            policy.versions = versions(ours.0, ours.1);
        });
        let visits = Visits {
            versions: theirs.clone(),
            ..Visits::new()
        };
        let (result, wire) = Visit::new(visits.visitor(), &acceptor)
            .with(async |session, _| session.peer().negotiated().version);
        match expected {
            Some(version) => assert_eq!(result, Ok(version), "{ours:?} {theirs:?}"),
            None => {
                let reason = result.unwrap_err();
                let cause = ClientError::PolicyVersion {
                    client: theirs[0].wire(),
                    min: ours.0.wire(),
                    max: ours.1.wire(),
                };
                assert_eq!(reason.cause, cause.into());
                assert_eq!(wire.server().alert(), Some(70));
            }
        }
    }
}

#[test]
fn duty_148_to_150_what_is_not_in_common_is_named() {
    let ecdsa = Family::new(KeyKind::P256);
    let acceptor = acceptor(&ecdsa.site(), None, |policy| {
        policy.suites = &[0xc02b, 0x1301];
    });
    let offered = |suite: u16| ClientError::NoCommonSuite(Offer::new([suite]));
    for (version, suite, cause) in [
        // For RSA keys alone.
        (Version::Tls12, 0xc02f, offered(0xc02f)),
        (Version::Tls12, 0xc02c, offered(0xc02c)),
        (Version::Tls13, 0x1302, offered(0x1302)),
    ] {
        let visits = Visits {
            suites: vec![suite],
            ..Visits::only(version)
        };
        let (reason, wire) = Visit::new(visits.visitor(), &acceptor).refused();
        // Behind it stands the number by which TLS 1.2 is asked for renegotiation_info.
        assert_eq!(reason.cause.code(), cause.code(), "{reason}");
        let text = reason.to_string();
        assert!(
            text.contains(&format!("client offers {suite:04x}")),
            "{text}"
        );
        assert_eq!(wire.server().alert(), Some(40), "{suite:x}");
    }
    for version in VERSIONS {
        let visits = Visits {
            schemes: vec![0x0804, 0x0401],
            ..Visits::only(version)
        };
        let (reason, wire) = Visit::new(visits.visitor(), &acceptor).refused();
        let cause = ClientError::NoCommonScheme(Offer::new([0x0804, 0x0401]));
        // In TLS 1.2 it is the suites that name the key's kind first.
        if version == Version::Tls13 {
            assert_eq!(reason.cause, cause.into());
        }
        assert_eq!(reason.cause.code(), "nothing_in_common", "{reason}");
        assert_eq!(wire.server().alert(), Some(40));
    }
}

/// Its first share is of a group that we have not; a second hello follows.
#[test]
fn duty_151_a_share_for_another_group_costs_a_retry() {
    let family = Family::new(KeyKind::P256);
    let acceptor = acceptor(&family.site(), None, |_| ());
    for groups in [vec![23_u16, 29], vec![24, 23], vec![29, 24, 23]] {
        let visits = Visits {
            groups: groups.clone(),
            ..Visits::only(Version::Tls13)
        };
        let visit = Visit::new(visits.visitor(), &acceptor);
        let (result, _) =
            visit.with(async |mut session, wire| exchange(&mut session, wire, 10).await);
        assert_eq!(result, Ok(Ok(())), "{groups:?}");
    }
}

#[test]
fn duty_154_and_155_name_and_protocols_choose_nothing() {
    let family = Family::new(KeyKind::P256);
    let acceptor = acceptor(&family.site(), None, |_| ());
    for version in VERSIONS {
        for (name, seen) in [
            ("broker.local", Some("broker.local")),
            ("BROKER.Local", Some("broker.local")),
            ("192.168.4.1", None),
        ] {
            let visits = Visits {
                name,
                alpn: vec![b"h2".to_vec(), b"http/1.1".to_vec()],
                ..Visits::only(version)
            };
            let visit = Visit::new(visits.visitor(), &acceptor);
            let (result, wire) = visit.with(async |mut session, wire| {
                let name = session.server_name().map(|name| name.to_string());
                exchange(&mut session, wire, 10).await.map(|()| name)
            });
            assert_eq!(result, Ok(Ok(seen.map(str::to_owned))), "{name}");
            assert_eq!(wire.server().client().alpn_protocol(), None);
        }
    }
}

#[test]
fn duty_161_a_strict_server_wants_keys_that_are_bound_to_the_handshake() {
    let family = Family::new(KeyKind::P256);
    for (master_secret, taken) in [(MasterSecret::Asked, true), (MasterSecret::Required, false)] {
        let acceptor = acceptor(&family.site(), None, |policy| {
            policy.master_secret = master_secret;
        });
        // Its extension under a number that nobody knows: then the transcripts differ, so only the refusal can be seen.
        let visitor = Visits::only(Version::Tls12).visitor();
        let visitor = visitor.edited(|mut record| {
            let name = [0, 23, 0, 0];
            if record[5] == 1
                && let Some(at) = record.windows(4).position(|window| window == name)
            {
                record[at] = 0x7f;
            }
            record
        });
        let (reason, _) = Visit::new(visitor, &acceptor).refused();
        let cause = NegotiationError::NoExtendedMasterSecret.into();
        assert_eq!(reason.cause == cause, !taken, "{reason}");
    }
}

#[test]
fn duty_153_a_hello_in_small_pieces_is_taken() {
    let family = Family::new(KeyKind::P256);
    let acceptor = acceptor(&family.site(), None, |_| ());
    for version in VERSIONS {
        for chunk in [1, 7] {
            let faults = Faults {
                chunk,
                hesitant: true,
                ..Faults::default()
            };
            let visit = Visit::new(Visits::only(version).visitor(), &acceptor).faults(faults);
            let (result, _) =
                visit.with(async |mut session, wire| exchange(&mut session, wire, 10).await);
            assert_eq!(result, Ok(Ok(())), "{version:?} {chunk}");
        }
    }
}
