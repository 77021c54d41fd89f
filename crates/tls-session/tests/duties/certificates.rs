//! Duties 8 to 16: dates, names, pins, anchors, keys.

use tls_session::reason::{CertificateError, SetupError, flags};
use tls_session::{Accepted, Cause, Clock, Policy, Timestamp, verify_server};

use crate::authentication::{KINDS, cause, pair};
use crate::client::{Attempt, chain, chain_at, chain_by, named};
use tls_doubles::keys::{Hash, Key, KeyKind};
use tls_doubles::pki::{Ca, Family, Issued, NOT_AFTER, NOT_BEFORE, NOW, Site, Spec};
use tls_doubles::script::Script;

#[test]
fn duty_8_dates_are_exact_to_the_second() {
    let (root, leaf) = pair(Spec {
        not_before: NOW - 100,
        not_after: NOW + 100,
        ..Spec::leaf("broker.local")
    });
    let anchors: &[&[u8]] = &[&root.der];
    let site = Site::new(&leaf, &[]);
    let at = |now: u64| Attempt::new(Script::good(&site), chain_at(anchors, now));
    for now in [NOW - 100, NOW, NOW + 100] {
        assert!(at(now).exchange().is_ok(), "{now}");
    }
    let date = |seconds: u64| Timestamp::from_unix(i64::try_from(seconds).unwrap());
    for now in [NOT_BEFORE, NOW - 160, NOW - 101] {
        let reason = at(now).refused();
        assert_eq!(
            cause(&reason),
            Cause::Certificate(CertificateError::NotYetValid {
                not_before: date(NOW - 100),
                now: date(now),
            })
        );
        assert_eq!(
            (reason.mbedtls(), reason.verify_flags()),
            (-0x2700, flags::FUTURE)
        );
        assert_eq!(reason.wanted.as_str(), date(NOW - 100).to_string());
        assert_eq!(reason.subject.as_str(), "CN=broker.local");
    }
    for now in [NOW + 101, NOW + 160, NOT_AFTER] {
        let reason = at(now).refused();
        assert_eq!(
            cause(&reason),
            Cause::Certificate(CertificateError::Expired {
                not_after: date(NOW + 100),
                now: date(now),
            })
        );
        assert_eq!(
            (reason.mbedtls(), reason.verify_flags()),
            (-0x2700, flags::EXPIRED)
        );
        assert_eq!(reason.wanted.as_str(), date(NOW + 100).to_string());
    }
}

#[test]
fn duty_8_the_dates_of_intermediate_and_anchor_count() {
    let old = |cn: &str| Spec {
        not_after: NOW - 1,
        ..Spec::ca(cn)
    };
    let root = Issued::self_signed(old("Old Root"), Key::new(KeyKind::P256, 1));
    let leaf = root.issue(Spec::leaf("broker.local"), Key::new(KeyKind::P256, 2));
    let anchors: &[&[u8]] = &[&root.der];
    let reason = Attempt::new(Script::good(&Site::new(&leaf, &[])), chain(anchors)).refused();
    assert!(
        matches!(
            reason.cause,
            Cause::Certificate(CertificateError::Expired { .. })
        ),
        "{reason:?}"
    );
    assert_eq!((reason.depth, reason.subject.as_str()), (1, "CN=Old Root"));

    let root = Issued::self_signed(Spec::ca("Root"), Key::new(KeyKind::P256, 1));
    let middle = root.issue(old("Old Middle"), Key::new(KeyKind::P256, 3));
    let leaf = middle.issue(Spec::leaf("broker.local"), Key::new(KeyKind::P256, 2));
    let anchors: &[&[u8]] = &[&root.der];
    let reason =
        Attempt::new(Script::good(&Site::new(&leaf, &[&middle])), chain(anchors)).refused();
    assert!(
        matches!(
            reason.cause,
            Cause::Certificate(CertificateError::Expired { .. })
        ),
        "{reason:?}"
    );
    assert_eq!(
        (reason.depth, reason.subject.as_str()),
        (1, "CN=Old Middle")
    );

    // An expired anchor beside its renewal (same name, same key) harms nothing.
    let expired = Issued::self_signed(old("Root"), Key::new(KeyKind::P256, 1));
    let leaf = root.issue(Spec::leaf("broker.local"), Key::new(KeyKind::P256, 2));
    for (anchors, position) in [
        ([&expired.der[..], &root.der], 1),
        ([&root.der[..], &expired.der], 0),
    ] {
        let accepted =
            Attempt::new(Script::good(&Site::new(&leaf, &[])), chain(&anchors)).exchange();
        assert_eq!(
            accepted,
            Ok(Accepted::Path {
                anchor: position,
                intermediates: 0
            })
        );
    }
}

#[test]
fn duty_9_an_unset_clock_is_its_own_reason() {
    for spec in [
        Spec::leaf("broker.local"),
        Spec {
            not_after: NOW - 1,
            ..Spec::leaf("broker.local")
        },
        Spec {
            not_before: NOW + 1,
            ..Spec::leaf("broker.local")
        },
    ] {
        let (root, leaf) = pair(spec);
        let stranger = Issued::self_signed(Spec::ca("Another Root"), Key::new(KeyKind::P256, 9));
        for anchor in [&root, &stranger] {
            let anchors: &[&[u8]] = &[&anchor.der];
            let policy = chain_by(anchors, Clock::Unset);
            let reason = Attempt::new(Script::good(&Site::new(&leaf, &[])), policy).refused();
            assert_eq!(
                cause(&reason),
                Cause::Certificate(CertificateError::ClockNotSet)
            );
            assert_eq!(
                (reason.mbedtls(), reason.verify_flags()),
                (-0x2700, flags::FUTURE)
            );
            assert_eq!(reason.to_string(), "clock not set: dates cannot be checked");
        }
    }
}

/// Whatever the dates say, and of a pin as of a chain.
#[test]
fn duty_9_a_clock_before_its_floor_is_another_reason() {
    let date = |seconds: u64| Timestamp::from_unix(i64::try_from(seconds).unwrap());
    // It says a time at which all of them are good, or one of them.
    let clock = Clock::BeforeFloor {
        now: date(NOW),
        floor: date(NOW + 50),
    };
    for spec in [
        Spec::leaf("broker.local"),
        Spec {
            not_after: NOW - 1,
            ..Spec::leaf("broker.local")
        },
        Spec {
            not_before: NOW + 1,
            ..Spec::leaf("broker.local")
        },
    ] {
        let (root, leaf) = pair(spec);
        for anchors in [&[&root.der[..]][..], &[&leaf.der]] {
            for (clock, expected, wanted) in [
                (
                    clock,
                    Cause::Certificate(CertificateError::ClockBeforeFloor {
                        now: date(NOW),
                        floor: date(NOW + 50),
                    }),
                    Some(date(NOW + 50)),
                ),
                (
                    Clock::Unset,
                    Cause::Certificate(CertificateError::ClockNotSet),
                    None,
                ),
            ] {
                let policy = chain_by(anchors, clock);
                let reason = Attempt::new(Script::good(&Site::new(&leaf, &[])), policy).refused();
                assert_eq!(cause(&reason), expected);
                assert_eq!(
                    (reason.mbedtls(), reason.verify_flags()),
                    (-0x2700, flags::FUTURE)
                );
                if let Some(wanted) = wanted {
                    assert_eq!(reason.wanted.as_str(), wanted.to_string());
                }
            }
        }
    }
    // Where no date is checked, there is no clock to ask.
    let (_, leaf) = pair(Spec::leaf("broker.local"));
    let policy = Policy::danger_any_peer();
    let accepted = Attempt::new(Script::good(&Site::new(&leaf, &[])), policy).exchange();
    assert_eq!(accepted, Ok(Accepted::DangerUnchecked));
}

#[test]
fn duty_10_a_name_is_matched_against_sans_and_the_cn_only_without_any() {
    let cn_only = Spec {
        dns: Vec::new(),
        ..Spec::leaf("broker.local")
    };
    let other_san = Spec {
        dns: vec!["other.local".to_owned()],
        ..Spec::leaf("broker.local")
    };
    let wildcard = Spec {
        dns: vec!["*.local".to_owned(), "*.a.example".to_owned()],
        ..Spec::leaf("x")
    };
    let wildcard_cn = Spec {
        dns: Vec::new(),
        ..Spec::leaf("*.example.test")
    };
    let cases: &[(&Spec, &str, bool)] = &[
        (&cn_only, "broker.local", true),
        (&cn_only, "BROKER.local", true),
        (&cn_only, "other.local", false),
        (&other_san, "other.local", true),
        (&other_san, "broker.local", false),
        (&wildcard, "b.a.example", true),
        (&wildcard, "c.b.a.example", false),
        (&wildcard, "a.example", false),
        (&wildcard_cn, "a.example.test", true),
        (&wildcard_cn, "b.a.example.test", false),
        (&wildcard_cn, "example.test", false),
    ];
    for (spec, name, matches) in cases {
        let (root, leaf) = pair((*spec).clone());
        let anchors: &[&[u8]] = &[&root.der];
        let result = Attempt::new(
            Script::good(&Site::new(&leaf, &[])),
            named(chain(anchors), name),
        )
        .exchange();
        match result {
            Ok(_) => assert!(matches, "{name} was accepted"),
            Err(reason) => {
                assert!(!matches, "{name}: {reason:?}");
                assert_eq!(
                    reason.cause,
                    Cause::Certificate(CertificateError::NameMismatch)
                );
                assert_eq!(
                    (reason.mbedtls(), reason.verify_flags()),
                    (-0x2700, flags::CN_MISMATCH)
                );
                assert_eq!(reason.wanted.as_str(), *name);
            }
        }
    }
}

#[test]
fn duty_11_an_address_is_matched_against_address_sans() {
    let (root, leaf) = pair(Spec {
        ip: vec![
            "192.168.3.129".parse().unwrap(),
            "2001:db8::7".parse().unwrap(),
        ],
        dns: vec!["broker.local".to_owned(), "10.0.0.1".to_owned()],
        ..Spec::leaf("192.168.3.1")
    });
    let anchors: &[&[u8]] = &[&root.der];
    for (name, matches) in [
        ("192.168.3.129", true),
        ("2001:db8::7", true),
        ("2001:0db8:0:0:0:0:0:7", true),
        ("broker.local", true),
        // A CN and a dNSName that look like addresses are not.
        ("192.168.3.1", false),
        ("10.0.0.1", false),
        ("2001:db8::8", false),
    ] {
        let result = Attempt::new(
            Script::good(&Site::new(&leaf, &[])),
            named(chain(anchors), name),
        )
        .exchange();
        assert_eq!(result.is_ok(), matches, "{name}: {result:?}");
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "one claim, case after case")]
fn duty_13_a_pinned_certificate_needs_no_issuer() {
    let key = || Key::new(KeyKind::P256, 4);
    let specs = [
        Spec::leaf("broker.local"),
        // `openssl req -x509` makes a CA of every self-signed certificate.
        Spec {
            key_usage: None,
            eku: None,
            ca: Ca::Yes { path_len: None },
            ..Spec::leaf("broker.local")
        },
        Spec::v1("broker.local"),
    ];
    for spec in specs {
        let own = Issued::self_signed(spec.clone(), key());
        let anchors: &[&[u8]] = &[&own.der];
        let site = Site::new(&own, &[]);
        let accepted =
            Attempt::new(Script::good(&site), named(chain(anchors), "broker.local")).exchange();
        assert_eq!(accepted, Ok(Accepted::Pin { anchor: 0 }));
        // Name and dates are still checked.
        let reason =
            Attempt::new(Script::good(&site), named(chain(anchors), "other.local")).refused();
        assert_eq!(
            cause(&reason),
            Cause::Certificate(CertificateError::NameMismatch)
        );
        let reason = Attempt::new(Script::good(&site), chain_at(anchors, NOT_AFTER + 1)).refused();
        assert!(matches!(
            reason.cause,
            Cause::Certificate(CertificateError::Expired { .. })
        ));
        let reason = Attempt::new(Script::good(&site), chain_at(anchors, NOT_BEFORE - 1)).refused();
        assert!(matches!(
            reason.cause,
            Cause::Certificate(CertificateError::NotYetValid { .. })
        ));
        // Another certificate for the same name and key is not the pin.
        let twin = Issued::self_signed(
            Spec {
                not_after: NOT_AFTER - 1,
                ..spec
            },
            key(),
        );
        let reason = Attempt::new(Script::good(&Site::new(&twin, &[])), chain(anchors)).refused();
        assert!(
            matches!(
                reason.cause,
                Cause::Certificate(CertificateError::NotTrusted)
                    | Cause::Certificate(CertificateError::OldVersion)
                    | Cause::Certificate(CertificateError::NotCa)
                    | Cause::Certificate(CertificateError::KeyUsage)
            ),
            "{reason:?}"
        );
    }
    // A leaf that is an anchor is a pin, and no authority.
    let (_, leaf) = pair(Spec::leaf("broker.local"));
    let below = leaf.issue(Spec::leaf("below.local"), Key::new(KeyKind::P256, 5));
    let anchors: &[&[u8]] = &[&leaf.der];
    assert!(
        Attempt::new(Script::good(&Site::new(&leaf, &[])), chain(anchors))
            .exchange()
            .is_ok()
    );
    let reason = Attempt::new(Script::good(&Site::new(&below, &[&leaf])), chain(anchors)).refused();
    assert_eq!(cause(&reason), Cause::Certificate(CertificateError::NotCa));
}

#[test]
fn duty_14_a_v1_or_bare_root_is_an_anchor() {
    let bare = Spec {
        ca: Ca::Absent,
        key_usage: None,
        ..Spec::ca("Old Root")
    };
    for spec in [Spec::v1("Old Root"), bare] {
        let root = Issued::self_signed(spec, Key::new(KeyKind::P256, 1));
        let leaf = root.issue(Spec::leaf("broker.local"), Key::new(KeyKind::P256, 2));
        let anchors: &[&[u8]] = &[&root.der];
        let accepted =
            Attempt::new(Script::good(&Site::new(&leaf, &[])), chain(anchors)).exchange();
        assert!(accepted.is_ok(), "{accepted:?}");
    }
}

#[test]
fn duty_15_every_certificate_of_an_item_is_an_anchor() {
    let families: Vec<Family> = [KeyKind::P256, KeyKind::P384, KeyKind::Ed25519]
        .map(Family::new)
        .into();
    let anchors: Vec<&[u8]> = families.iter().map(|family| &family.root.der[..]).collect();
    for (position, family) in families.iter().enumerate() {
        let accepted = Attempt::new(Script::good(&family.site()), chain(&anchors)).exchange();
        assert_eq!(
            accepted,
            Ok(Accepted::Path {
                anchor: position,
                intermediates: 1
            })
        );
    }
    // One that cannot be read does no harm to the others.
    let with_junk: Vec<&[u8]> = [&b"junk"[..]]
        .into_iter()
        .chain(anchors.iter().copied())
        .collect();
    let accepted = Attempt::new(Script::good(&families[0].site()), chain(&with_junk)).exchange();
    assert_eq!(
        accepted,
        Ok(Accepted::Path {
            anchor: 1,
            intermediates: 1
        })
    );
    let reason = Attempt::new(Script::good(&families[0].site()), chain(&[b"junk"])).refused();
    assert_eq!(cause(&reason), Cause::Setup(SetupError::CaUnreadable));
}

#[test]
fn duty_16_every_key_and_hash_that_is_good_enough() {
    for kind in KINDS {
        let family = Family::new(kind);
        let anchors: &[&[u8]] = &[&family.root.der];
        let result = Attempt::new(
            Script::good(&family.site()),
            named(chain(anchors), "broker.local"),
        )
        .exchange();
        assert!(result.is_ok(), "{kind:?}: {result:?}");
    }
    for kind in [KeyKind::P256, KeyKind::P384, KeyKind::Rsa(2048)] {
        for hash in [Hash::Sha256, Hash::Sha384, Hash::Sha512] {
            let root = Issued::self_signed(Spec::ca("Test Root"), Key::new(kind, 1));
            let leaf = root.issue(
                Spec {
                    hash,
                    ..Spec::leaf("broker.local")
                },
                Key::new(KeyKind::P256, 2),
            );
            let result = verify_server(&chain(&[&root.der]), &[&leaf.der]);
            assert!(result.is_ok(), "{kind:?} {hash:?}: {result:?}");
        }
    }
}

#[test]
fn duty_16_weak_keys_and_hashes_have_their_own_reason() {
    for hash in [Hash::Md5, Hash::Sha1] {
        let root = Issued::self_signed(Spec::ca("Test Root"), Key::new(KeyKind::Rsa(2048), 1));
        let leaf = root.issue(
            Spec {
                hash,
                ..Spec::leaf("broker.local")
            },
            Key::new(KeyKind::P256, 2),
        );
        let reason = verify_server(&chain(&[&root.der]), &[&leaf.der]).unwrap_err();
        assert_eq!(
            reason.cause,
            Cause::Certificate(CertificateError::SignatureAlgorithm),
            "{hash:?}"
        );
        assert_eq!(reason.verify_flags(), flags::BAD_MD);
    }
    let weak = Key::new(KeyKind::Rsa(1024), 1);
    // As the server's key, as an intermediate's, as the anchor's.
    let root = Issued::self_signed(Spec::ca("Test Root"), Key::new(KeyKind::P256, 1));
    let leaf = root.issue(Spec::leaf("broker.local"), weak.clone());
    let middle = root.issue(Spec::ca("Middle"), weak.clone());
    let below = middle.issue(Spec::leaf("broker.local"), Key::new(KeyKind::P256, 2));
    let weak_root = Issued::self_signed(Spec::ca("Weak Root"), weak);
    let under_weak = weak_root.issue(Spec::leaf("broker.local"), Key::new(KeyKind::P256, 2));
    for (anchor, chain_of, depth) in [
        (&root, vec![&leaf], 0),
        (&root, vec![&below, &middle], 1),
        (&weak_root, vec![&under_weak], 1),
    ] {
        let ders: Vec<&[u8]> = chain_of.iter().map(|issued| &issued.der[..]).collect();
        let reason = verify_server(&chain(&[&anchor.der]), &ders).unwrap_err();
        assert_eq!(
            reason.cause,
            Cause::Certificate(CertificateError::KeySize { bits: 1024 })
        );
        assert_eq!(reason.verify_flags(), flags::BAD_KEY);
        assert_eq!(reason.depth, depth);
    }
    // Not even a server that need not say who it is may use it.
    let reason = verify_server(&Policy::danger_any_peer(), &[&leaf.der]).unwrap_err();
    assert_eq!(
        reason.cause,
        Cause::Certificate(CertificateError::KeySize { bits: 1024 })
    );
}
