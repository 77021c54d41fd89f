//! Certificates that RFC 5280 or RFC 9525 forbids in one way each, and that the lenient profile accepts.

use tls_session::reason::ProfileError;

use tls_doubles::pki::{Ca, Extra, Issued, SERVER_AUTH, Spec};

use super::{ANY_PURPOSE, Change, Leaf, Middle, Place, Root, extra, leaf, middle, root, three};

/// subjectKeyIdentifier and authorityKeyIdentifier, of one octet each.
pub(crate) fn key_ids(own: u8, issuer: Option<u8>) -> Vec<Extra> {
    let mut both = extra("2.5.29.14", false, &[4, 1, own]);
    if let Some(issuer) = issuer {
        both.extend(extra("2.5.29.35", false, &[0x30, 3, 0x80, 1, issuer]));
    }
    both
}

/// Leaf, intermediate and root as the standards have them, one of them changed.
pub(crate) fn made(place: Option<Place>, change: Change) -> [Issued; 3] {
    let specs = [
        (Leaf, leaf(), key_ids(2, Some(3))),
        (Middle, middle(), key_ids(3, Some(1))),
        (Root, root(), key_ids(1, None)),
    ];
    let [leaf, middle, root] = specs.map(|(here, spec, extra)| {
        let spec = Spec { extra, ..spec };
        if place == Some(here) {
            change(spec)
        } else {
            spec
        }
    });
    three(leaf, middle, root)
}

fn and(spec: Spec, more: Vec<Extra>) -> Spec {
    let extra = [spec.extra, more].concat();
    Spec { extra, ..spec }
}

fn without_constraints(spec: Spec) -> Spec {
    let ca = Ca::Absent;
    Spec { ca, ..spec }
}

fn not_critical(spec: Spec) -> Spec {
    let constraints = extra("2.5.29.19", false, &[0x30, 3, 1, 1, 0xff]);
    and(without_constraints(spec), constraints)
}

fn without_usage(spec: Spec) -> Spec {
    let key_usage = None;
    Spec { key_usage, ..spec }
}

fn without_ids(spec: Spec) -> Spec {
    let extra = vec![];
    Spec { extra, ..spec }
}

/// Names under `local` alone.
fn loose_names(spec: Spec) -> Spec {
    let local = [&[0x30, 11, 0xa0, 9, 0x30, 7, 0x82, 5][..], b"local"].concat();
    and(spec, extra("2.5.29.30", false, &local))
}

/// `broker.local` in a subjectAltName that is critical.
fn critical_names(spec: Spec) -> Spec {
    let name = [&[0x30, 14, 0x82, 12][..], b"broker.local"].concat();
    let dns = vec![];
    and(Spec { dns, ..spec }, extra("2.5.29.17", true, &name))
}

fn also(spec: Spec, name: &str) -> Spec {
    let dns = [spec.dns, vec![name.to_owned()]].concat();
    Spec { dns, ..spec }
}

fn called(spec: Spec, cn: &str) -> Spec {
    let cn = Some(cn.to_owned());
    Spec { cn, ..spec }
}

fn purposes(spec: Spec, eku: Option<Vec<&'static str>>) -> Spec {
    Spec { eku, ..spec }
}

/// A certificate changed in one way, and the reason it is refused for.
pub(crate) const REFUSED: &[(Place, Change, ProfileError)] = &[
    (Root, without_constraints, ProfileError::NoBasicConstraints),
    (Root, |_| Spec::v1("Root"), ProfileError::NoBasicConstraints),
    (
        Middle,
        not_critical,
        ProfileError::BasicConstraintsNotCritical,
    ),
    (
        Root,
        not_critical,
        ProfileError::BasicConstraintsNotCritical,
    ),
    (Middle, without_usage, ProfileError::NoKeyUsage),
    (Root, without_usage, ProfileError::NoKeyUsage),
    (Leaf, without_ids, ProfileError::NoAuthorityKeyId),
    (
        Middle,
        |s| Spec {
            extra: key_ids(3, None),
            ..s
        },
        ProfileError::NoAuthorityKeyId,
    ),
    (Root, without_ids, ProfileError::NoSubjectKeyId),
    (
        Middle,
        |s| Spec {
            extra: extra("2.5.29.35", false, &[0x30, 3, 0x80, 1, 1]),
            ..s
        },
        ProfileError::NoSubjectKeyId,
    ),
    (
        Leaf,
        |s| Spec {
            extra: key_ids(2, Some(4)),
            ..s
        },
        ProfileError::KeyIdMismatch,
    ),
    (
        Middle,
        |s| Spec {
            extra: key_ids(3, Some(9)),
            ..s
        },
        ProfileError::KeyIdMismatch,
    ),
    (
        Root,
        |s| Spec {
            extra: key_ids(1, Some(2)),
            ..s
        },
        ProfileError::KeyIdMismatch,
    ),
    (
        Middle,
        loose_names,
        ProfileError::NameConstraintsNotCritical,
    ),
    (Root, loose_names, ProfileError::NameConstraintsNotCritical),
    (
        Leaf,
        |s| Spec { cn: None, ..s },
        ProfileError::SanNotCritical,
    ),
    (Leaf, critical_names, ProfileError::SanCritical),
    (Leaf, |s| also(s, "a_b.local"), ProfileError::DnsNameSyntax),
    (
        Leaf,
        |s| also(s, "broker.local."),
        ProfileError::DnsNameSyntax,
    ),
    (Leaf, |s| also(s, "-a.local"), ProfileError::DnsNameSyntax),
    (Leaf, |s| also(s, "a.*.local"), ProfileError::DnsNameSyntax),
    (Leaf, |s| purposes(s, None), ProfileError::NoPurpose),
    (
        Leaf,
        |s| purposes(s, Some(vec![SERVER_AUTH, ANY_PURPOSE])),
        ProfileError::AnyPurpose,
    ),
    (
        Leaf,
        |s| called(s, "other.local"),
        ProfileError::CommonNameNotInSan,
    ),
    (
        Leaf,
        |s| called(s, "Broker.local"),
        ProfileError::CommonNameNotInSan,
    ),
    (
        Leaf,
        |s| called(s, "192.0.2.1"),
        ProfileError::CommonNameNotInSan,
    ),
];

/// A certificate changed in a way that the standards allow.
pub(crate) const ACCEPTED: &[(Place, Change)] = &[
    (Leaf, |s| s),
    (Leaf, without_usage),
    (Leaf, without_constraints),
    (Leaf, |s| called(s, "sensor 7 in hall 2.1")),
    (Leaf, |s| called(s, "sensor7")),
    (Leaf, |s| also(s, "*.cell-4.local")),
    (Leaf, |s| critical_names(Spec { cn: None, ..s })),
    (Leaf, |s| {
        let ip = vec!["192.0.2.1".parse().unwrap()];
        called(Spec { ip, ..s }, "192.0.2.1")
    }),
    (Leaf, |s| {
        let ip = vec!["2001:db8::1".parse().unwrap()];
        called(Spec { ip, ..s }, "2001:db8::1")
    }),
    (Root, |s| Spec {
        extra: key_ids(1, Some(1)),
        ..s
    }),
];
