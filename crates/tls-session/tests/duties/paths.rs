//! Duties 6, 7, 13 and 14 in full: every rule of RFC 5280 on a path, one certificate wrong at a
//! time, asked of the verifier alone.

use std::collections::BTreeSet;
use tls_session::reason::{CertificateError, flags};

use tls_session::{Accepted, Cause, PeerAuth, Profile, Reason, verify_server};
use x509_cert::ext::pkix::KeyUsages;

use crate::cases::{
    ACCEPTED, ANY_PURPOSE, Change, REFUSED, client_only, key, leaf, middle, root, strict, three,
    unknown, unknown_critical,
};
use crate::client::{chain, named};
use tls_doubles::keys::KeyKind;
use tls_doubles::pki::{Ca, Family, Issued, Spec};

pub(crate) fn verdict(
    [leaf, middle, root]: &[Issued; 3],
    name: Option<&str>,
) -> Result<Accepted, Reason> {
    let anchors: &[&[u8]] = &[&root.der];
    let policy = chain(anchors);
    let policy = match name {
        Some(name) => named(policy, name),
        None => policy,
    };
    verify_server(&policy, &[&leaf.der, &middle.der])
}

pub(crate) const ONE_BETWEEN: Accepted = Accepted::Path {
    anchor: 0,
    intermediates: 1,
};

#[test]
fn duties_6_and_7_each_rule_has_its_reason_and_its_culprit() {
    for (index, (place, change, expected)) in REFUSED.iter().enumerate() {
        let made = place.made(change);
        let reason = verdict(&made, None).expect_err("must be refused");
        assert_eq!(reason.cause, *expected, "{index}: {place:?}");
        assert_eq!(
            reason.depth,
            place.depth(),
            "{index}: {place:?} {expected:?}"
        );
        // Mbed TLS has a number of its own for a chain that is good, but for another use.
        let other_use = matches!(
            reason.cause,
            Cause::Certificate(
                CertificateError::ExtendedKeyUsage | CertificateError::ServerKeyUsage
            )
        );
        assert_eq!(reason.mbedtls(), if other_use { -0x7a00 } else { -0x2700 });
        assert_ne!(reason.verify_flags(), 0);
        assert_ne!(reason.cause.to_string(), "");
    }
    // All the words differ, so that a reader can distinguish them.
    let causes: BTreeSet<String> = REFUSED.iter().map(|row| format!("{:?}", row.2)).collect();
    let words: BTreeSet<String> = REFUSED.iter().map(|row| row.2.to_string()).collect();
    let codes: BTreeSet<&str> = REFUSED.iter().map(|row| row.2.code()).collect();
    assert_eq!(causes.len(), words.len());
    assert_eq!(causes.len(), codes.len());
}

/// The verdict on a chain for `broker.local`, by the strict profile.
fn strictly([leaf, middle, root]: &[Issued; 3]) -> Result<Accepted, Reason> {
    let anchors: &[&[u8]] = &[&root.der];
    let mut policy = named(chain(anchors), "broker.local");
    if let PeerAuth::Chain { anchors, .. } = &mut policy.peer {
        *anchors = anchors.under(Profile::Strict);
    }
    verify_server(&policy, &[&leaf.der, &middle.der])
}

#[test]
fn the_strict_profile_names_the_culprit_and_what_it_allows_is_no_reason() {
    for (index, (place, change, expected)) in strict::REFUSED.iter().enumerate() {
        let made = strict::made(Some(*place), *change);
        assert_eq!(verdict(&made, Some("broker.local")), Ok(ONE_BETWEEN));
        let reason = strictly(&made).expect_err("must be refused");
        assert_eq!(reason.cause, (*expected).into(), "{index}: {place:?}");
        assert_eq!(reason.depth, place.depth(), "{index}: {place:?}");
        assert_ne!(reason.verify_flags(), 0);
    }
    for (index, (place, change)) in strict::ACCEPTED.iter().enumerate() {
        let made = strict::made(Some(*place), *change);
        assert_eq!(strictly(&made), Ok(ONE_BETWEEN), "{index}: {place:?}");
    }
}

#[test]
fn what_private_cas_leave_out_is_no_reason() {
    for (index, (place, change)) in ACCEPTED.iter().enumerate() {
        let made = place.made(change);
        let accepted = verdict(&made, Some("broker.local"));
        assert_eq!(accepted, Ok(ONE_BETWEEN), "{index}: {place:?}");
    }
}

#[test]
fn duty_50_an_rsa_key_may_say_that_it_enciphers() {
    let leaf = Spec {
        key_usage: Some(KeyUsages::KeyEncipherment.into()),
        ..leaf()
    };
    let family = Family::with(KeyKind::Rsa(2048), leaf);
    let shown = [&family.leaf.der[..], &family.intermediate.der];
    let anchors: &[&[u8]] = &[&family.root.der];
    let accepted = verify_server(&named(chain(anchors), "broker.local"), &shown);
    assert_eq!(accepted, Ok(ONE_BETWEEN));
}

#[test]
fn duty_6_path_len_is_counted_exactly() {
    for limit in 0..4_u8 {
        let with_limit = |spec: Spec| Spec {
            ca: Ca::Yes {
                path_len: Some(limit),
            },
            ..spec
        };
        for count in 0..5_u8 {
            // `count` intermediates below an anchor or an intermediate with the limit.
            let top = Issued::self_signed(with_limit(root()), key(1));
            let free = Issued::self_signed(root(), key(1));
            let limited = free.issue(with_limit(Spec::ca("Limited")), key(9));
            for (anchor, start) in [(&top, &top), (&free, &limited)] {
                let mut issuers = vec![start.clone()];
                for number in 0..count {
                    let above = issuers.last().unwrap();
                    let name = format!("CA {number}");
                    issuers.push(above.issue(Spec::ca(&name), key(10 + number)));
                }
                let leaf = issuers.last().unwrap().issue(leaf(), key(2));
                let mut sent: Vec<&[u8]> = vec![&leaf.der];
                sent.extend(issuers.iter().map(|issued| &issued.der[..]));
                let anchors: &[&[u8]] = &[&anchor.der];
                let result = verify_server(&chain(anchors), &sent);
                if count <= limit {
                    assert!(result.is_ok(), "{limit} {count}: {result:?}");
                } else {
                    let reason = result.unwrap_err();
                    assert_eq!(
                        reason.cause,
                        Cause::Certificate(CertificateError::PathLen),
                        "{limit} {count}"
                    );
                    assert_eq!(reason.verify_flags(), flags::NOT_TRUSTED);
                }
            }
        }
    }
}

#[test]
fn duty_6_a_self_issued_ca_does_not_count_below_the_anchor() {
    let top = Issued::self_signed(
        Spec {
            ca: Ca::Yes { path_len: Some(0) },
            ..root()
        },
        key(1),
    );
    // A new key for the same name, signed with the old one: a rollover.
    let renewed = top.issue(root(), key(4));
    let leaf = renewed.issue(leaf(), key(2));
    let anchors: &[&[u8]] = &[&top.der];
    assert_eq!(
        verify_server(&chain(anchors), &[&leaf.der, &renewed.der]),
        Ok(ONE_BETWEEN)
    );
}

#[test]
fn duty_7_the_issuers_name_must_be_the_cas() {
    // The right key signs, but the certificate says another issuer.
    let root = Issued::self_signed(root(), key(1));
    let odd = root.issue(
        Spec {
            issuer_cn: Some("Somebody Else".to_owned()),
            ..leaf()
        },
        key(2),
    );
    let anchors: &[&[u8]] = &[&root.der];
    let reason = verify_server(&chain(anchors), &[&odd.der]).unwrap_err();
    assert_eq!(
        reason.cause,
        Cause::Certificate(CertificateError::NotTrusted)
    );
    assert_eq!(reason.subject.as_str(), "CN=broker.local");
    assert_eq!(reason.wanted.as_str(), "CN=Somebody Else");
}

#[test]
fn duty_13_a_pin_has_a_purpose_too() {
    let pinned = |change: Change| {
        let own = Issued::self_signed(change(leaf()), key(4));
        let anchors: &[&[u8]] = &[&own.der];
        verify_server(&named(chain(anchors), "broker.local"), &[&own.der])
            .map_err(|reason| reason.cause)
    };
    let cases: &[(Change, Result<Accepted, Cause>)] = &[
        (|s| s, Ok(Accepted::Pin { anchor: 0 })),
        (|s| Spec { eku: None, ..s }, Ok(Accepted::Pin { anchor: 0 })),
        (
            |s| Spec {
                eku: Some(vec![ANY_PURPOSE]),
                ..s
            },
            Ok(Accepted::Pin { anchor: 0 }),
        ),
        // What it could issue does not matter.
        (
            |s| Spec {
                key_usage: Some(KeyUsages::KeyCertSign.into()),
                ca: Ca::Yes { path_len: Some(0) },
                ..s
            },
            Ok(Accepted::Pin { anchor: 0 }),
        ),
        (
            |s| Spec {
                extra: unknown(false),
                ..s
            },
            Ok(Accepted::Pin { anchor: 0 }),
        ),
        (
            client_only,
            Err(Cause::Certificate(CertificateError::ExtendedKeyUsage)),
        ),
        (
            unknown_critical,
            Err(Cause::Certificate(CertificateError::CriticalExtension)),
        ),
    ];
    for (index, (change, expected)) in cases.iter().enumerate() {
        assert_eq!(pinned(*change), *expected, "{index}");
    }
}

#[test]
fn duty_14_only_an_anchor_may_be_old_or_bare() {
    let old = || Spec::v1("Old");
    let bare = || Spec {
        ca: Ca::Absent,
        key_usage: None,
        ..Spec::ca("Bare")
    };
    // As the anchor above an intermediate; as the intermediate; as the anchor although it is one.
    for (spec, cause) in [
        (old(), Cause::Certificate(CertificateError::OldVersion)),
        (bare(), Cause::Certificate(CertificateError::NotCa)),
    ] {
        let made = three(leaf(), middle(), spec.clone());
        assert_eq!(verdict(&made, None), Ok(ONE_BETWEEN));
        let made = three(leaf(), spec, root());
        let reason = verdict(&made, None).unwrap_err();
        assert_eq!((reason.cause, reason.depth), (cause, 1));
        let [leaf, middle, _] = &made;
        let anchors: &[&[u8]] = &[&middle.der];
        assert!(verify_server(&chain(anchors), &[&leaf.der]).is_ok());
    }
}
