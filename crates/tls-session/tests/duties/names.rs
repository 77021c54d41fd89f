//! Duties 7, 10 and 12: which names a certificate may speak for, and which it does.

use tls_session::reason::{CertificateError, flags};
use tls_session::{Cause, CommonName, PeerName, verify_server};

use crate::cases::{extra, leaf, middle, root, three};
use crate::client::{chain, named_as};
use crate::paths::{ONE_BETWEEN, verdict};
use tls_doubles::pki::Spec;

/// Puts name constraints into an issuer.
type Constrain = Box<dyn Fn(Spec) -> Spec>;

/// One iPAddress subtree, permitted.
fn permitted_network(address: [u8; 4], mask: [u8; 4]) -> Vec<u8> {
    let mut value = vec![0x30, 14, 0xa0, 12, 0x30, 10, 0x87, 8];
    value.extend(address);
    value.extend(mask);
    value
}

#[test]
#[expect(clippy::too_many_lines, reason = "one claim, case after case")]
fn duty_7_name_constraints_hold_wherever_they_stand() {
    let site = |dns: &[&str], ip: &[&str]| Spec {
        dns: dns.iter().map(|&name| name.to_owned()).collect(),
        ip: ip.iter().map(|text| text.parse().unwrap()).collect(),
        ..leaf()
    };
    let permit = |name: &str| {
        let permitted_dns = vec![name.to_owned()];
        move |spec: Spec| Spec {
            permitted_dns: permitted_dns.clone(),
            ..spec
        }
    };
    let exclude = |name: &str| {
        let excluded_dns = vec![name.to_owned()];
        move |spec: Spec| Spec {
            excluded_dns: excluded_dns.clone(),
            ..spec
        }
    };
    let network = |address, mask| {
        move |spec: Spec| Spec {
            extra: extra("2.5.29.30", true, &permitted_network(address, mask)),
            ..spec
        }
    };
    let cases: Vec<(Spec, Constrain, bool)> = vec![
        (site(&["a.test"], &[]), Box::new(permit("a.test")), true),
        (site(&["x.a.test"], &[]), Box::new(permit("a.test")), true),
        (site(&["X.A.TEST"], &[]), Box::new(permit("a.test")), true),
        (site(&["xa.test"], &[]), Box::new(permit("a.test")), false),
        (site(&["test"], &[]), Box::new(permit("a.test")), false),
        // Every name counts, not only the one asked for.
        (
            site(&["a.test", "b.test"], &[]),
            Box::new(permit("a.test")),
            false,
        ),
        (site(&["b.test"], &[]), Box::new(exclude("a.test")), true),
        (site(&["x.a.test"], &[]), Box::new(exclude("a.test")), false),
        // A wildcard reaches what is excluded, and more than what is permitted.
        (
            site(&["*.test.x"], &[]),
            Box::new(exclude("a.test.x")),
            false,
        ),
        (
            site(&["*.test.x"], &[]),
            Box::new(permit("a.test.x")),
            false,
        ),
        (site(&["*.test.x"], &[]), Box::new(permit("test.x")), true),
        // Constraints on names say nothing of addresses, and the other way round.
        (site(&[], &["10.0.0.1"]), Box::new(permit("a.test")), true),
        (
            site(&["a.test"], &[]),
            Box::new(network([10, 0, 0, 0], [255, 0, 0, 0])),
            true,
        ),
        (
            site(&[], &["10.9.9.9"]),
            Box::new(network([10, 0, 0, 0], [255, 0, 0, 0])),
            true,
        ),
        (
            site(&[], &["11.0.0.1"]),
            Box::new(network([10, 0, 0, 0], [255, 0, 0, 0])),
            false,
        ),
        // No mask: bits with gaps.
        (
            site(&[], &["10.0.0.1"]),
            Box::new(network([10, 0, 0, 0], [255, 0, 255, 0])),
            false,
        ),
    ];
    for (spec, constrain, good) in &cases {
        for made in [
            three(spec.clone(), constrain(middle()), root()),
            three(spec.clone(), middle(), constrain(root())),
        ] {
            match verdict(&made, None) {
                Ok(_) => assert!(good, "accepted: {spec:?}"),
                Err(reason) => {
                    assert!(!good, "{reason:?}: {spec:?}");
                    assert_eq!(
                        reason.cause,
                        Cause::Certificate(CertificateError::NameConstraint),
                        "{spec:?}"
                    );
                    assert_eq!(reason.verify_flags(), flags::OTHER);
                }
            }
        }
    }
}

#[test]
fn duty_10_the_cn_is_no_way_around_name_constraints() {
    let cn_only = || Spec {
        dns: Vec::new(),
        ..leaf()
    };
    let constrain = |spec: Spec| Spec {
        permitted_dns: vec!["allowed.test".to_owned()],
        ..spec
    };
    for made in [
        three(cn_only(), constrain(middle()), root()),
        three(cn_only(), middle(), constrain(root())),
    ] {
        let reason = verdict(&made, Some("broker.local")).unwrap_err();
        assert_eq!(
            reason.cause,
            Cause::Certificate(CertificateError::NameConstraint)
        );
        assert_eq!(reason.wanted.as_str(), "broker.local");
        // Another name is another name.
        let reason = verdict(&made, Some("other.local")).unwrap_err();
        assert_eq!(
            reason.cause,
            Cause::Certificate(CertificateError::NameMismatch)
        );
    }
    let made = three(cn_only(), middle(), root());
    assert_eq!(verdict(&made, Some("broker.local")), Ok(ONE_BETWEEN));
}

#[test]
#[expect(clippy::too_many_lines, reason = "one claim, case after case")]
fn duty_12_names_are_matched_as_rfc_9525_says() {
    let long = format!("{}.{}.example", "a".repeat(63), "b".repeat(63));
    let longest = format!("{}.{}", vec!["c".repeat(49); 4].join("."), "d".repeat(53));
    assert_eq!(longest.len(), 253);
    let spec = Spec {
        dns: [
            "first.example",
            "second.example",
            "third.example",
            "fourth.example",
            "fifth.EXAMPLE",
            &long,
            &longest,
            "*.wild.example",
            "ba*.part.example",
            "*z.part.example",
            "x.*.inner.example",
            "*.*.two.example",
            "*",
            "*.com",
            "dotted.example.",
            "xn--bcher-kva.example",
            "*.idn.example",
            "xn--*-kva.example",
            "*.7.8.9",
            "10.0.0.1",
        ]
        .map(str::to_owned)
        .into(),
        ..leaf()
    };
    let made = three(spec, middle(), root());
    let longer = long.replacen('a', "b", 1);
    let cases: &[(&str, bool)] = &[
        // Each of them, however late it comes and however long it is.
        ("first.example", true),
        ("fourth.example", true),
        ("fifth.example", true),
        (&long, true),
        (&longest, true),
        (&longer, false),
        ("sixth.example", false),
        ("example", false),
        ("x.first.example", false),
        // Letter case.
        ("FOURTH.Example", true),
        ("Any.WILD.example", true),
        // A trailing dot in the name asked for is the same name; in the certificate it is none.
        ("first.example.", true),
        ("any.wild.example.", true),
        ("dotted.example", false),
        ("dotted.example.", false),
        // `*` is the whole leftmost label, exactly one, and not the only one.
        ("any.wild.example", true),
        ("two.labels.wild.example", false),
        ("wild.example", false),
        ("baz.part.example", false),
        ("abz.part.example", false),
        ("x.any.inner.example", false),
        ("any.any.two.example", false),
        ("host", false),
        ("host.com", false),
        // International names as A-labels.
        ("xn--bcher-kva.example", true),
        ("XN--BCHER-KVA.example", true),
        ("xn--bcher-kva.idn.example", true),
        ("xn--bliss-kva.example", false),
        // An address is no DNS name, with `*` or without.
        ("1.7.8.9", false),
        ("10.0.0.1", false),
    ];
    for (name, matches) in cases {
        match verdict(&made, Some(name)) {
            Ok(_) => assert!(matches, "{name} was accepted"),
            Err(reason) => {
                assert!(!matches, "{name}: {reason:?}");
                assert_eq!(
                    reason.cause,
                    Cause::Certificate(CertificateError::NameMismatch),
                    "{name}"
                );
            }
        }
    }
    // What is no name cannot even be asked for.
    for name in [
        "*.wild.example",
        "*",
        "bücher.example",
        "a_b c",
        "a..example",
    ] {
        assert!(PeerName::new(name).is_err(), "{name}");
    }
}

#[test]
fn duty_12_the_cn_obeys_the_same_rules() {
    let cases: &[(&str, &str, bool)] = &[
        ("broker.local", "broker.local", true),
        ("Broker.LOCAL", "broker.local", true),
        ("broker.local", "broker.local.", true),
        ("broker.local.", "broker.local", false),
        ("*.example.test", "a.example.test", true),
        ("*.example.test", "a.example.test.", true),
        ("*.example.test", "example.test", false),
        ("*.example.test", "b.a.example.test", false),
        ("*.test", "a.test", false),
        ("*", "host", false),
        ("a*.example.test", "ab.example.test", false),
        ("*.*.example.test", "b.a.example.test", false),
        ("*.7.8.9", "1.7.8.9", false),
    ];
    for (cn, name, matches) in cases {
        let spec = Spec {
            dns: Vec::new(),
            ..Spec::leaf(cn)
        };
        let [leaf, middle, root] = three(spec, middle(), root());
        for common_name in [CommonName::CountsWithoutSan, CommonName::Ignored] {
            let anchors: &[&[u8]] = &[&root.der];
            let policy = named_as(chain(anchors), name, common_name);
            let result = verify_server(&policy, &[&leaf.der, &middle.der]);
            let expected = match (common_name, matches) {
                (CommonName::CountsWithoutSan, true) => Ok(ONE_BETWEEN),
                (CommonName::CountsWithoutSan, false) => {
                    Err(Cause::Certificate(CertificateError::NameMismatch))
                }
                (CommonName::Ignored, _) => Err(Cause::Certificate(CertificateError::NoName)),
            };
            assert_eq!(
                result.map_err(|reason| reason.cause),
                expected,
                "{cn} {name} {common_name:?}"
            );
        }
    }
}
