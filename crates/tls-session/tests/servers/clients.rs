//! Certificates of clients (duties D.3).

use tls_session::reason::{
    Cause, CertificateError, ClientError, PeerRole, ProfileError, ProofError,
};
use tls_session::verify::Version;
use tls_session::{
    Accepted, Acceptor, ClientAuth, Clock as Time, Profile, ServerPolicy, Stage, Timestamp,
};

use tls_doubles::keys::{Key, KeyKind};
use tls_doubles::pki::{CLIENT_AUTH, Ca, Extra, Family, Issued, NOW, SERVER_AUTH, Site, Spec};
use x509_cert::ext::pkix::KeyUsages;

use crate::host::{Visit, acceptor, exchange};
use crate::openings::VERSIONS;
use crate::visitor::Visits;

/// A CA of clients, and a server that asks for its certificates.
struct Lab {
    root: Issued,
    acceptor: Acceptor,
}

impl Lab {
    fn new() -> Self {
        Self::with(Spec::ca("Client Root"), |_| ())
    }

    fn with(root: Spec, change: impl FnOnce(&mut ServerPolicy<'_>)) -> Self {
        let root = Issued::self_signed(root, Key::new(KeyKind::P256, 20));
        let family = Family::new(KeyKind::P256);
        let anchors: &[&[u8]] = &[&root.der];
        let acceptor = acceptor(&family.site(), Some(anchors), change);
        Self { root, acceptor }
    }

    /// Judges clients by the strict profile.
    fn strict(root: Spec) -> Self {
        Self::with(root, |policy| {
            if let ClientAuth::Required(anchors) = policy.clients {
                policy.clients = ClientAuth::Required(anchors.under(Profile::Strict));
            }
        })
    }

    fn client(&self, spec: Spec) -> Site {
        Site::new(&self.root.issue(spec, Key::new(KeyKind::P256, 30)), &[])
    }

    /// What becomes of this client in a version, and the alert that it got.
    fn meets(
        &self,
        version: Version,
        site: Option<&Site>,
        time: Option<Time>,
    ) -> (Result<Accepted, tls_session::Reason>, Option<u8>) {
        let visits = Visits {
            identity: site.cloned(),
            ..Visits::only(version)
        };
        let mut visit = Visit::new(visits.visitor(), &self.acceptor);
        if let Some(time) = time {
            visit = visit.at(time);
        }
        let (result, wire) = visit.with(async |mut session, wire| {
            let accepted = session.accepted();
            let shown = session.certificate().expect("reported about the client");
            assert_eq!(shown.subject.as_str(), "CN=meter-7");
            exchange(&mut session, wire, 100).await.map(|()| accepted)
        });
        let alert = wire.server().alert();
        assert_eq!(wire.server().app, b"");
        (result.and_then(|inner| inner), alert)
    }
}

fn client() -> Spec {
    Spec::client("meter-7")
}

#[test]
fn duty_163_a_client_with_the_right_certificate_is_named() {
    let lab = Lab::new();
    let path = Accepted::Path {
        anchor: 0,
        intermediates: 0,
    };
    for version in VERSIONS {
        for eku in [
            Some(vec![CLIENT_AUTH]),
            Some(vec![SERVER_AUTH, CLIENT_AUTH]),
            Some(vec!["2.5.29.37.0", CLIENT_AUTH]),
            None,
        ] {
            let site = lab.client(Spec { eku, ..client() });
            let (result, _) = lab.meets(version, Some(&site), None);
            assert_eq!(result, Ok(path), "{version:?}");
        }
    }
}

/// subjectKeyIdentifier (14) or authorityKeyIdentifier (35).
fn key_id(oid: &'static str, value: &[u8]) -> Extra {
    Extra {
        oid,
        critical: false,
        value: value.to_vec(),
    }
}

#[test]
fn the_strict_profile_holds_for_clients() {
    let own = key_id("2.5.29.14", &[4, 1, 1]);
    let issuer = key_id("2.5.29.35", &[0x30, 3, 0x80, 1, 1]);
    let root = Spec {
        extra: vec![own],
        ..Spec::ca("Client Root")
    };
    let client = Spec {
        extra: vec![issuer],
        ..client()
    };
    let open = Spec {
        eku: None,
        ..client.clone()
    };
    let any = Spec {
        eku: Some(vec![CLIENT_AUTH, "2.5.29.37.0"]),
        ..client.clone()
    };
    let nameless = Spec {
        extra: vec![],
        ..client.clone()
    };
    let plain = Spec {
        key_usage: None,
        ..root.clone()
    };
    let cases = [
        (&root, &client, None),
        (&root, &open, Some((ProfileError::NoPurpose, 43))),
        (&root, &any, Some((ProfileError::AnyPurpose, 43))),
        (&root, &nameless, Some((ProfileError::NoAuthorityKeyId, 46))),
        (&plain, &client, Some((ProfileError::NoKeyUsage, 46))),
    ];
    for (root, client, expected) in cases {
        let strict = Lab::strict(root.clone());
        let lenient = Lab::with(root.clone(), |_| ());
        for version in VERSIONS {
            let (result, _) = lenient.meets(version, Some(&lenient.client(client.clone())), None);
            assert!(result.is_ok(), "{version:?} {client:?}");
            let site = strict.client(client.clone());
            let (result, alert) = strict.meets(version, Some(&site), None);
            let refused = result.err().map(|reason| (reason.cause, reason.peer));
            let expected = expected.map(|(cause, alert)| (Cause::Profile(cause), alert));
            assert_eq!(
                refused,
                expected.map(|(cause, _)| (cause, PeerRole::Client))
            );
            if let Some((_, expected)) = expected {
                assert_eq!(alert, Some(expected), "{version:?} {refused:?}");
            }
        }
    }
}

/// anyExtendedKeyUsage is enough of a client, wherever it stands in its path; another purpose alone is not.
#[test]
fn duty_167_any_purpose_is_a_purpose_of_clients() {
    const ANY: &str = "2.5.29.37.0";
    let lab = Lab::new();
    for version in VERSIONS {
        for (of_ca, of_client, accepted) in [
            (None, ANY, true),
            (Some(ANY), ANY, true),
            (Some(ANY), CLIENT_AUTH, true),
            (Some(CLIENT_AUTH), ANY, true),
            (Some(SERVER_AUTH), ANY, false),
            (Some(ANY), SERVER_AUTH, false),
        ] {
            let middle = Spec {
                eku: of_ca.map(|purpose| vec![purpose]),
                ..Spec::ca("Client Middle")
            };
            let middle = lab.root.issue(middle, Key::new(KeyKind::P256, 21));
            let leaf = Spec {
                eku: Some(vec![of_client]),
                ..client()
            };
            let leaf = middle.issue(leaf, Key::new(KeyKind::P256, 30));
            let site = Site::new(&leaf, &[&middle]);
            let (result, alert) = lab.meets(version, Some(&site), None);
            if accepted {
                assert!(result.is_ok(), "{of_ca:?} {of_client} {result:?}");
                continue;
            }
            let reason = result.unwrap_err();
            assert_eq!(reason.cause, CertificateError::ExtendedKeyUsage.into());
            assert_eq!(reason.depth, u8::from(of_client == ANY), "{of_ca:?}");
            assert_eq!(alert, Some(43), "{version:?}");
        }
    }
}

#[test]
fn duty_166_a_chain_may_have_intermediates_and_a_pin_stands_for_itself() {
    let lab = Lab::new();
    let middle = lab
        .root
        .issue(Spec::ca("Client Middle"), Key::new(KeyKind::P256, 21));
    let leaf = middle.issue(client(), Key::new(KeyKind::P256, 30));
    let with = Site::new(&leaf, &[&middle]);
    let without = Site::new(&leaf, &[]);
    let own = Issued::self_signed(
        Spec {
            ca: Ca::Absent,
            ..client()
        },
        Key::new(KeyKind::P256, 31),
    );
    let pinned = acceptor(
        &Family::new(KeyKind::P256).site(),
        Some(&[&lab.root.der, &own.der]),
        |_| (),
    );
    for version in VERSIONS {
        let (result, _) = lab.meets(version, Some(&with), None);
        let path = Accepted::Path {
            anchor: 0,
            intermediates: 1,
        };
        assert_eq!(result, Ok(path), "{version:?}");
        let (result, alert) = lab.meets(version, Some(&without), None);
        let reason = result.unwrap_err();
        assert_eq!(reason.cause, CertificateError::NotTrusted.into());
        assert_eq!(reason.wanted.as_str(), "CN=Client Middle");
        assert_eq!(alert, Some(48));
        let visits = Visits::only(version).shows(&Site::new(&own, &[]));
        let (result, _) =
            Visit::new(visits.visitor(), &pinned).with(async |session, _| session.accepted());
        assert_eq!(result, Ok(Accepted::Pin { anchor: 1 }), "{version:?}");
    }
}

#[test]
fn duty_165_a_client_without_a_certificate_gets_no_session() {
    let lab = Lab::new();
    for version in VERSIONS {
        let (result, alert) = lab.meets(version, None, None);
        let reason = result.unwrap_err();
        assert_eq!(reason.cause, ClientError::NoClientCertificate.into());
        assert_eq!((reason.mbedtls(), reason.verify_flags()), (-0x7480, 0x40));
        assert_eq!(reason.to_string(), "client showed no certificate");
        assert_eq!(
            (reason.peer, reason.stage),
            (PeerRole::Client, Stage::Certificate)
        );
        assert_eq!(alert, Some(116), "{version:?}");
    }
}

/// What is wrong with the certificate, the number and the alert that say it.
#[test]
#[expect(clippy::too_many_lines, reason = "a row per fault")]
fn duty_166_to_169_each_fault_of_a_certificate_has_its_reason_and_alert() {
    let lab = Lab::new();
    let date = |seconds: u64| Timestamp::from_unix(i64::try_from(seconds).unwrap());
    let stranger = Issued::self_signed(Spec::ca("Client Root"), Key::new(KeyKind::P256, 40));
    let other = Issued::self_signed(Spec::ca("Other Root"), Key::new(KeyKind::P256, 41));
    let key = || Key::new(KeyKind::P256, 30);
    let small = lab.root.issue(client(), Key::new(KeyKind::Rsa(1024), 0));
    let site = |issued: &Issued| Site::new(issued, &[]);
    let rows: [(&str, Site, Cause, u8); 10] = [
        (
            "another key of the same name",
            site(&stranger.issue(client(), key())),
            CertificateError::CertificateSignature.into(),
            48,
        ),
        (
            "another CA",
            site(&other.issue(client(), key())),
            CertificateError::NotTrusted.into(),
            48,
        ),
        (
            "self-signed",
            site(&Issued::self_signed(
                Spec {
                    ca: Ca::Absent,
                    ..client()
                },
                key(),
            )),
            CertificateError::NotTrusted.into(),
            48,
        ),
        (
            "expired",
            lab.client(Spec {
                not_after: NOW - 1,
                ..client()
            }),
            CertificateError::Expired {
                not_after: date(NOW - 1),
                now: date(NOW),
            }
            .into(),
            45,
        ),
        (
            "of tomorrow",
            lab.client(Spec {
                not_before: NOW + 1,
                ..client()
            }),
            CertificateError::NotYetValid {
                not_before: date(NOW + 1),
                now: date(NOW),
            }
            .into(),
            45,
        ),
        (
            "serverAuth alone",
            lab.client(Spec {
                eku: Some(vec![SERVER_AUTH]),
                ..client()
            }),
            CertificateError::ExtendedKeyUsage.into(),
            43,
        ),
        (
            "keyUsage without digitalSignature",
            lab.client(Spec {
                key_usage: Some(KeyUsages::KeyEncipherment.into()),
                ..client()
            }),
            CertificateError::ClientKeyUsage.into(),
            43,
        ),
        (
            "CA:TRUE",
            lab.client(Spec {
                ca: Ca::Yes { path_len: None },
                ..client()
            }),
            CertificateError::LeafIsCa.into(),
            46,
        ),
        (
            "RSA of 1024 bits",
            site(&small),
            CertificateError::KeySize { bits: 1024 }.into(),
            43,
        ),
        (
            "version 1",
            lab.client(Spec::v1("meter-7")),
            CertificateError::OldVersion.into(),
            46,
        ),
    ];
    for (what, site, cause, alert) in rows {
        for version in VERSIONS {
            let (result, heard) = lab.meets(version, Some(&site), None);
            let reason = result.expect_err(what);
            assert_eq!(reason.cause, cause, "{what} {version:?}");
            assert_eq!(reason.peer, PeerRole::Client, "{what}");
            assert_eq!(heard, Some(alert), "{what} {version:?}");
            assert!(!reason.to_string().contains("server"), "{reason}");
        }
    }
}

#[test]
fn duty_169_without_a_clock_no_client_is_believed() {
    let lab = Lab::new();
    let site = lab.client(client());
    let now = Timestamp::from_unix(100);
    let floor = Timestamp::from_unix(200);
    for (time, cause) in [
        (Time::Unset, CertificateError::ClockNotSet),
        (
            Time::BeforeFloor { now, floor },
            CertificateError::ClockBeforeFloor { now, floor },
        ),
    ] {
        for version in VERSIONS {
            let (result, alert) = lab.meets(version, Some(&site), Some(time));
            assert_eq!(result.unwrap_err().cause, cause.into());
            assert_eq!(alert, Some(45));
        }
    }
}

#[test]
fn duty_171_a_client_proves_that_it_holds_its_key() {
    let lab = Lab::new();
    let site = lab.client(client());
    for version in VERSIONS {
        let visits = Visits {
            forges: true,
            ..Visits::only(version)
        };
        let visit = Visit::new(visits.shows(&site).visitor(), &lab.acceptor);
        let (reason, wire) = visit.refused();
        let cause = match version {
            Version::Tls12 => ProofError::BadEcSignature,
            Version::Tls13 => ProofError::BadSignature,
        };
        assert_eq!(reason.cause, cause.into());
        assert_eq!(reason.stage, Stage::Signature);
        let words = "client's handshake signature does not verify";
        assert_eq!(reason.to_string(), words);
        assert_eq!(wire.server().alert(), Some(51), "{version:?}");
    }
}

/// The CA that clients choose a certificate by.
#[test]
fn duty_164_the_names_of_the_ca_are_shown() {
    let lab = Lab::new();
    let visit = Visit::new(Visits::only(Version::Tls12).visitor(), &lab.acceptor);
    let (_, wire) = visit.refused();
    let name = b"Client Root";
    let mut windows = wire
        .server()
        .came()
        .windows(name.len())
        .map(<[u8]>::to_vec)
        .collect::<Vec<_>>();
    windows.retain(|window| window == name);
    assert_eq!(windows.len(), 1);
}

/// 17 certificates, and more bytes than are taken: refused by their number, without a signature being checked.
#[test]
fn duty_173_a_chain_of_too_many_certificates_is_refused() {
    let lab = Lab::new();
    let leaf = lab.client(client());
    for version in VERSIONS {
        for (count, code) in [(17, "too_large"), (60, "too_large")] {
            let mut site = leaf.clone();
            while site.chain.len() < count {
                site.chain.push(lab.root.der.clone());
            }
            let (result, _) = lab.meets(version, Some(&site), None);
            let reason = result.unwrap_err();
            assert_eq!(reason.cause.code(), code, "{version:?} {reason}");
        }
    }
}

/// A certificate that nobody asked for is none that is believed; rustls's own client does not send one.
#[test]
fn duty_172_without_being_asked_a_client_shows_none() {
    let lab = Lab::new();
    let family = Family::new(KeyKind::P256);
    let open = acceptor(&family.site(), None, |_| ());
    let site = lab.client(client());
    for version in VERSIONS {
        let visit = Visit::new(Visits::only(version).shows(&site).visitor(), &open);
        let (result, _) = visit.with(async |session, _| {
            assert_eq!(session.certificate(), None);
            session.accepted()
        });
        assert_eq!(result, Ok(Accepted::NotAsked));
    }
}
