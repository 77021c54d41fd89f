//! Certificates that are wrong, or odd, in one way each: the table of duties 6, 7 and 14.
//!
//! Shared by the test binaries that ask a verifier alone, and engines.

pub(crate) mod strict;

use tls_session::Cause;
use tls_session::reason::CertificateError;
use x509_cert::ext::pkix::KeyUsages;

use tls_doubles::keys::{Key, KeyKind};
use tls_doubles::pki::{CLIENT_AUTH, Ca, Extra, Issued, SERVER_AUTH, Spec};

pub(crate) const ANY_PURPOSE: &str = "2.5.29.37.0";
pub(crate) const CODE_SIGNING: &str = "1.3.6.1.5.5.7.3.3";

pub(crate) fn key(number: u8) -> Key {
    Key::new(KeyKind::P256, number)
}

/// Leaf, intermediate, root; each made from what it says.
pub(crate) fn three(leaf: Spec, middle: Spec, root: Spec) -> [Issued; 3] {
    let root = Issued::self_signed(root, key(1));
    let middle = root.issue(middle, key(3));
    let leaf = middle.issue(leaf, key(2));
    [leaf, middle, root]
}

pub(crate) fn leaf() -> Spec {
    Spec::leaf("broker.local")
}

pub(crate) fn middle() -> Spec {
    Spec::ca("Middle")
}

pub(crate) fn root() -> Spec {
    Spec::ca("Root")
}

pub(crate) fn extra(oid: &'static str, critical: bool, value: &[u8]) -> Vec<Extra> {
    vec![Extra {
        oid,
        critical,
        value: value.to_vec(),
    }]
}

/// An extension nobody knows.
pub(crate) fn unknown(critical: bool) -> Vec<Extra> {
    extra("1.3.6.1.4.1.55738.666.1", critical, &[5, 0])
}

/// Which certificate of the three is changed; its depth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Leaf,
    Middle,
    Root,
}
pub(crate) use Place::{Leaf, Middle, Root};

impl Place {
    pub(crate) fn made(self, change: impl Fn(Spec) -> Spec) -> [Issued; 3] {
        let specs = match self {
            Leaf => [change(leaf()), middle(), root()],
            Middle => [leaf(), change(middle()), root()],
            Root => [leaf(), middle(), change(root())],
        };
        let [leaf, middle, root] = specs;
        three(leaf, middle, root)
    }

    pub(crate) const fn depth(self) -> u8 {
        match self {
            Leaf => 0,
            Middle => 1,
            Root => 2,
        }
    }
}

pub(crate) type Change = fn(Spec) -> Spec;

/// A certificate changed in one way, and the reason it is refused for.
pub(crate) const REFUSED: &[(Place, Change, Cause)] = &[
    // Duty 6.
    (
        Middle,
        |s| Spec {
            ca: Ca::Absent,
            ..s
        },
        Cause::Certificate(CertificateError::NotCa),
    ),
    (
        Middle,
        |s| Spec { ca: Ca::No, ..s },
        Cause::Certificate(CertificateError::NotCa),
    ),
    (
        Root,
        |s| Spec { ca: Ca::No, ..s },
        Cause::Certificate(CertificateError::NotCa),
    ),
    (
        Middle,
        crl_only,
        Cause::Certificate(CertificateError::KeyUsage),
    ),
    (
        Root,
        crl_only,
        Cause::Certificate(CertificateError::KeyUsage),
    ),
    (
        Root,
        |s| Spec {
            ca: Ca::Yes { path_len: Some(0) },
            ..s
        },
        Cause::Certificate(CertificateError::PathLen),
    ),
    // Duty 7: purposes.
    (
        Leaf,
        client_only,
        Cause::Certificate(CertificateError::ExtendedKeyUsage),
    ),
    (
        Middle,
        client_only,
        Cause::Certificate(CertificateError::ExtendedKeyUsage),
    ),
    (
        Root,
        client_only,
        Cause::Certificate(CertificateError::ExtendedKeyUsage),
    ),
    (
        Leaf,
        |s| Spec {
            eku: Some(vec![CODE_SIGNING, CLIENT_AUTH]),
            ..s
        },
        Cause::Certificate(CertificateError::ExtendedKeyUsage),
    ),
    (
        Leaf,
        |s| Spec {
            eku: Some(vec![ANY_PURPOSE]),
            ..s
        },
        Cause::Certificate(CertificateError::ExtendedKeyUsage),
    ),
    // Duty 7: critical extensions.
    (
        Leaf,
        unknown_critical,
        Cause::Certificate(CertificateError::CriticalExtension),
    ),
    (
        Middle,
        unknown_critical,
        Cause::Certificate(CertificateError::CriticalExtension),
    ),
    (
        Root,
        unknown_critical,
        Cause::Certificate(CertificateError::CriticalExtension),
    ),
    (
        Leaf,
        critical_key_id,
        Cause::Certificate(CertificateError::CriticalExtension),
    ),
    (
        Root,
        critical_key_id,
        Cause::Certificate(CertificateError::CriticalExtension),
    ),
    (
        Middle,
        policy_constraints,
        Cause::Certificate(CertificateError::CriticalExtension),
    ),
    (
        Middle,
        |s| Spec {
            extra: extra("2.5.29.54", false, &[2, 1, 0]),
            ..s
        },
        Cause::Certificate(CertificateError::CriticalExtension),
    ),
    // Extensions out of place, or empty.
    (
        Leaf,
        |s| Spec {
            permitted_dns: vec!["broker.local".to_owned()],
            ..s
        },
        Cause::Certificate(CertificateError::ExtensionMisuse),
    ),
    (
        Leaf,
        |s| Spec {
            key_usage: Some(KeyUsages::DigitalSignature | KeyUsages::KeyCertSign),
            ..s
        },
        Cause::Certificate(CertificateError::ExtensionMisuse),
    ),
    (
        Middle,
        no_constraints,
        Cause::Certificate(CertificateError::ExtensionMisuse),
    ),
    (
        Root,
        no_constraints,
        Cause::Certificate(CertificateError::ExtensionMisuse),
    ),
    (
        Leaf,
        |s| Spec {
            key_usage: Some(KeyUsages::CRLSign.into()),
            ..s
        },
        Cause::Certificate(CertificateError::ServerKeyUsage),
    ),
    // A key of a curve signs; only an RSA key could have been used to encipher.
    (
        Leaf,
        |s| Spec {
            key_usage: Some(KeyUsages::KeyEncipherment.into()),
            ..s
        },
        Cause::Certificate(CertificateError::ServerKeyUsage),
    ),
    (
        Leaf,
        |s| Spec {
            key_usage: Some(KeyUsages::KeyCertSign.into()),
            ..s
        },
        Cause::Certificate(CertificateError::ServerKeyUsage),
    ),
    // Issuers without a name; the certificate below has an empty issuer.
    (
        Middle,
        |s| Spec { cn: None, ..s },
        Cause::Certificate(CertificateError::NamelessIssuer),
    ),
    (
        Root,
        |s| Spec { cn: None, ..s },
        Cause::Certificate(CertificateError::NamelessIssuer),
    ),
];

pub(crate) fn crl_only(spec: Spec) -> Spec {
    Spec {
        key_usage: Some(KeyUsages::CRLSign.into()),
        ..spec
    }
}

pub(crate) fn client_only(spec: Spec) -> Spec {
    Spec {
        eku: Some(vec![CLIENT_AUTH]),
        ..spec
    }
}

pub(crate) fn unknown_critical(spec: Spec) -> Spec {
    Spec {
        extra: unknown(true),
        ..spec
    }
}

/// subjectKeyIdentifier, which has to be non-critical.
pub(crate) fn critical_key_id(spec: Spec) -> Spec {
    Spec {
        extra: extra("2.5.29.14", true, &[4, 2, 1, 2]),
        ..spec
    }
}

/// requireExplicitPolicy 0, and not critical as it should be.
pub(crate) fn policy_constraints(spec: Spec) -> Spec {
    Spec {
        extra: extra("2.5.29.36", false, &[0x30, 3, 0x80, 1, 0]),
        ..spec
    }
}

pub(crate) fn no_constraints(spec: Spec) -> Spec {
    Spec {
        extra: extra("2.5.29.30", true, &[0x30, 0]),
        ..spec
    }
}

/// A certificate changed in a way that openssl and private CAs produce, and that harms nobody.
pub(crate) const ACCEPTED: &[(Place, Change)] = &[
    (Leaf, |s| s),
    (Leaf, |s| Spec {
        ca: Ca::Absent,
        ..s
    }),
    (Leaf, |s| Spec {
        key_usage: None,
        ..s
    }),
    (Leaf, |s| Spec { eku: None, ..s }),
    (Leaf, |s| Spec { cn: None, ..s }),
    (Leaf, |s| Spec {
        eku: Some(vec![CLIENT_AUTH, SERVER_AUTH]),
        ..s
    }),
    (Leaf, |s| Spec {
        extra: unknown(false),
        ..s
    }),
    (Middle, |s| Spec {
        key_usage: None,
        ..s
    }),
    (Middle, |s| Spec {
        eku: Some(vec![SERVER_AUTH]),
        ..s
    }),
    (Middle, |s| Spec {
        ca: Ca::Yes { path_len: Some(0) },
        extra: unknown(false),
        ..s
    }),
    (Root, |s| Spec {
        ca: Ca::Absent,
        ..s
    }),
    (Root, |s| Spec {
        key_usage: None,
        ..s
    }),
    (Root, |s| Spec {
        ca: Ca::Absent,
        key_usage: None,
        ..s
    }),
    (Root, |s| Spec {
        ca: Ca::Yes { path_len: Some(1) },
        extra: unknown(false),
        ..s
    }),
    (Root, |s| Spec {
        eku: Some(vec![ANY_PURPOSE]),
        ..s
    }),
    // What an anchor says of policies is no input to a path (RFC 5280 §6.1.1).
    (Root, policy_constraints),
];
