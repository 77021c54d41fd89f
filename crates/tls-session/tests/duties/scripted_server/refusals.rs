//! Every way the server can be wrong, as OpenSSL names it.

use x509_cert::ext::pkix::KeyUsages;

use super::s_client;
use tls_doubles::keys::{Hash, Key, KeyKind};
use tls_doubles::message::{
    CERTIFICATE, CERTIFICATE_VERIFY, ENCRYPTED_EXTENSIONS, FINISHED, Hello, HelloExtension,
    Message, Over, SECP256R1, SECP384R1, TLS_1_3, X25519,
};
use tls_doubles::pki::{CLIENT_AUTH, Ca, Extra, Family, Issued, NOT_AFTER, NOT_BEFORE, Site, Spec};
use tls_doubles::record::{APPLICATION_DATA, HANDSHAKE};
use tls_doubles::script::{Script, Step, Wrap};
use tls_doubles::server::Server;

const UNEXPECTED_MESSAGE: u8 = 10;
const ILLEGAL_PARAMETER: u8 = 47;
const UNKNOWN_CA: u8 = 48;
const DECODE_ERROR: u8 = 50;
const DECRYPT_ERROR: u8 = 51;
const PROTOCOL_VERSION: u8 = 70;
const UNSUPPORTED_EXTENSION: u8 = 110;

/// Plays the script to OpenSSL; the client's alerts and words. No alert: it accepted.
fn refusal(root: &Issued, script: Script) -> (Vec<u8>, String) {
    let mut client = s_client(root, &[]);
    let mut server = Server::new(script);
    client.bridge(&mut server, |seen| seen.finished || !seen.alerts.is_empty());
    let (_, errors) = client.end();
    (server.seen().refusals(), errors)
}

/// Each way of being wrong is refused by OpenSSL with the alert that names it: so the server is
/// wrong in just that way.
fn all_refused(root: &Issued, cases: impl IntoIterator<Item = (&'static str, Script, u8)>) {
    let mut differ = Vec::new();
    for (name, script, alert) in cases {
        let (alerts, errors) = refusal(root, script);
        if alerts != [alert] {
            differ.push(format!("{name}: {alerts:?} for {alert}: {errors}"));
        }
    }
    assert!(differ.is_empty(), "{}", differ.join("\n"));
}

#[test]
#[expect(clippy::too_many_lines, reason = "one claim, case after case")]
fn openssl_refuses_a_wrong_hello() {
    let family = Family::new(KeyKind::P256);
    let site = family.site();
    let version = HelloExtension::SupportedVersion(TLS_1_3);
    let ours = HelloExtension::OurShare { group: SECP256R1 };
    let with =
        |list: &[&HelloExtension]| Hello::with(list.iter().map(|item| (*item).clone()).collect());
    let other_share = HelloExtension::Share {
        group: SECP384R1,
        value: vec![4; 97],
    };
    let cases = [
        ("TLS 1.2", Hello::older(0x0303), PROTOCOL_VERSION),
        ("TLS 1.0", Hello::older(0x0301), PROTOCOL_VERSION),
        ("suite 1302", Hello::suite(0x1302), ILLEGAL_PARAMETER),
        ("suite 1303", Hello::suite(0x1303), ILLEGAL_PARAMETER),
        ("suite 00ff", Hello::suite(0x00ff), ILLEGAL_PARAMETER),
        ("retry for X25519", Hello::retry(X25519), ILLEGAL_PARAMETER),
        (
            "retry for P-384",
            Hello::retry(SECP384R1),
            ILLEGAL_PARAMETER,
        ),
        ("no key share", with(&[&version]), 109),
        ("no version", with(&[&ours]), PROTOCOL_VERSION),
        (
            "version 1.4",
            with(&[&HelloExtension::SupportedVersion(0x0305), &ours]),
            ILLEGAL_PARAMETER,
        ),
        (
            "our point as X25519",
            with(&[&version, &HelloExtension::OurShare { group: X25519 }]),
            ILLEGAL_PARAMETER,
        ),
        (
            "P-384 point",
            with(&[&version, &other_share]),
            ILLEGAL_PARAMETER,
        ),
        (
            "version twice",
            with(&[&version, &ours, &version]),
            ILLEGAL_PARAMETER,
        ),
        (
            "ALPN in hello",
            with(&[&version, &ours, &HelloExtension::Raw(16, vec![])]),
            UNSUPPORTED_EXTENSION,
        ),
        (
            "session id",
            Hello {
                session_id: Some(vec![1; 32]),
                ..Hello::good()
            },
            ILLEGAL_PARAMETER,
        ),
        (
            "compression",
            Hello {
                compression: 1,
                ..Hello::good()
            },
            ILLEGAL_PARAMETER,
        ),
        (
            "no extensions",
            Hello {
                extensions: None,
                ..Hello::good()
            },
            PROTOCOL_VERSION,
        ),
        (
            "trailing byte",
            Hello {
                trailing: vec![0],
                ..Hello::good()
            },
            DECODE_ERROR,
        ),
    ];
    let cases = cases.map(|(name, hello, alert)| (name, Script::hello(&site, hello), alert));
    all_refused(&family.root, cases);
}

#[test]
#[expect(clippy::too_many_lines, reason = "one claim, case after case")]
fn openssl_refuses_a_wrong_flight() {
    let family = Family::new(KeyKind::P256);
    let site = family.site();
    let good = || Script::good(&site);
    let rsa = Family::new(KeyKind::Rsa(2048));
    let verify = |family: &Family, scheme, over| {
        Script::good(&family.site()).replace(
            CERTIFICATE_VERIFY,
            Step::Send(Message::CertificateVerify {
                key: family.leaf.key.clone(),
                scheme,
                over,
            }),
        )
    };
    let other_key = good().replace(
        CERTIFICATE_VERIFY,
        Step::Send(Message::certificate_verify(&family.root.key)),
    );
    let plaintext = Wrap {
        encrypt: false,
        ..Wrap::default()
    };
    let as_data = Wrap {
        inner: APPLICATION_DATA,
        ..Wrap::default()
    };
    let as_handshake = Wrap {
        outer: HANDSHAKE,
        ..Wrap::default()
    };
    let cases = [
        (
            "no certificate",
            good().without(CERTIFICATE).without(CERTIFICATE_VERIFY),
            UNEXPECTED_MESSAGE,
        ),
        (
            "no proof",
            good().without(CERTIFICATE_VERIFY),
            UNEXPECTED_MESSAGE,
        ),
        (
            "certificate twice",
            good().twice(CERTIFICATE),
            UNEXPECTED_MESSAGE,
        ),
        (
            "proof twice",
            good().twice(CERTIFICATE_VERIFY),
            UNEXPECTED_MESSAGE,
        ),
        (
            "proof first",
            good().swap(CERTIFICATE, CERTIFICATE_VERIFY),
            UNEXPECTED_MESSAGE,
        ),
        (
            "other transcript",
            verify(&family, 0x0403, Over::OtherTranscript),
            DECRYPT_ERROR,
        ),
        (
            "client's context",
            verify(&family, 0x0403, Over::ClientContext),
            DECRYPT_ERROR,
        ),
        (
            "damaged",
            verify(&family, 0x0403, Over::Damaged),
            DECRYPT_ERROR,
        ),
        (
            "other scheme",
            verify(&family, 0x0503, Over::Transcript),
            ILLEGAL_PARAMETER,
        ),
        ("other key", other_key, DECRYPT_ERROR),
        ("wrong finished", good().wrong_finished(), DECRYPT_ERROR),
        ("other chain", good().shows(rsa.site().chain), UNKNOWN_CA),
        ("empty chain", good().shows(Vec::new()), DECODE_ERROR),
        (
            "plaintext certificate",
            good().wrap_one(CERTIFICATE, plaintext),
            UNEXPECTED_MESSAGE,
        ),
        (
            "certificate as data",
            good().wrap_one(CERTIFICATE, as_data),
            UNEXPECTED_MESSAGE,
        ),
        (
            "encrypted in a handshake record",
            good().wrap_one(CERTIFICATE, as_handshake),
            UNEXPECTED_MESSAGE,
        ),
        (
            "unknown message",
            good().before(FINISHED, Step::Send(Message::Raw(99, vec![1]))),
            UNEXPECTED_MESSAGE,
        ),
        (
            "message header alone",
            good().before(FINISHED, Step::Send(Message::Bytes(vec![CERTIFICATE, 0]))),
            UNEXPECTED_MESSAGE,
        ),
    ];
    all_refused(&family.root, cases);
    let pkcs1 = verify(&rsa, 0x0401, Over::Transcript);
    all_refused(&rsa.root, [("PKCS#1 v1.5", pkcs1, ILLEGAL_PARAMETER)]);
}

/// Releases of OpenSSL differ in the alert for these; `doubles` looks at the bytes.
#[test]
fn openssl_refuses_a_wrong_record() {
    let family = Family::new(KeyKind::P256);
    let good = || Script::good(&family.site());
    let before_ee = |step| good().before(ENCRYPTED_EXTENSIONS, step);
    let record = |kind, body: Vec<u8>| Step::Record {
        kind,
        version: 0x0303,
        body,
    };
    let cases = [
        (
            "data before Finished",
            before_ee(Step::Inner {
                kind: APPLICATION_DATA,
                content: vec![1],
            }),
        ),
        (
            "unknown inner type",
            before_ee(Step::Inner {
                kind: 99,
                content: vec![1],
            }),
        ),
        (
            "empty handshake",
            before_ee(Step::Inner {
                kind: HANDSHAKE,
                content: vec![],
            }),
        ),
        ("only padding", before_ee(Step::InnerBytes(vec![0; 9]))),
        ("nothing but tag", before_ee(Step::InnerBytes(vec![]))),
        (
            "too large inside",
            before_ee(Step::InnerBytes(vec![HANDSHAKE; (1 << 14) + 2])),
        ),
        (
            "too large outside",
            before_ee(record(APPLICATION_DATA, vec![0; (1 << 14) + 257])),
        ),
        (
            "not ciphertext",
            before_ee(record(APPLICATION_DATA, vec![7; 40])),
        ),
        (
            "record of no length",
            before_ee(record(APPLICATION_DATA, vec![])),
        ),
        ("unknown record type", before_ee(record(99, vec![1]))),
        ("wrong change_cipher_spec", before_ee(record(20, vec![2]))),
    ];
    for (name, script) in cases {
        let (alerts, errors) = refusal(&family.root, script);
        assert_eq!(alerts.len(), 1, "{name}: {errors}");
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "one claim, case after case")]
fn openssl_names_what_is_wrong_with_a_certificate() {
    let leaf = || Spec::leaf("broker.local");
    let unknown = Extra {
        oid: "1.2.3.4",
        critical: true,
        value: vec![5, 0],
    };
    let leaves = [
        (
            Spec {
                not_after: NOT_BEFORE + 1,
                ..leaf()
            },
            "certificate has expired",
        ),
        (
            Spec {
                not_before: NOT_AFTER + 1,
                not_after: NOT_AFTER + 2,
                ..leaf()
            },
            "certificate is not yet valid",
        ),
        (Spec::leaf("other.local"), "hostname mismatch"),
        (
            Spec {
                dns: vec![],
                ip: vec![[127, 0, 0, 1].into()],
                cn: None,
                ..leaf()
            },
            "hostname mismatch",
        ),
        (
            Spec {
                eku: Some(vec![CLIENT_AUTH]),
                ..leaf()
            },
            "certificate purpose",
        ),
        (
            Spec {
                extra: vec![unknown],
                ..leaf()
            },
            "unhandled critical extension",
        ),
        (
            Spec {
                issuer_cn: Some("Nobody".into()),
                ..leaf()
            },
            "unable to get local issuer certificate",
        ),
        (
            Spec {
                damaged: true,
                ..leaf()
            },
            "certificate signature failure",
        ),
    ];
    let authorities = [
        (
            Spec {
                ca: Ca::No,
                ..Spec::ca("I")
            },
            "invalid CA certificate",
        ),
        (
            Spec {
                ca: Ca::Absent,
                ..Spec::ca("I")
            },
            "invalid CA certificate",
        ),
        (Spec::v1("I"), "invalid CA certificate"),
        (
            Spec {
                key_usage: Some(KeyUsages::CRLSign.into()),
                ..Spec::ca("I")
            },
            "invalid CA certificate",
        ),
        (
            Spec {
                permitted_dns: vec!["example.com".into()],
                ..Spec::ca("I")
            },
            "permitted subtree violation",
        ),
        (
            Spec {
                excluded_dns: vec!["local".into()],
                ..Spec::ca("I")
            },
            "excluded subtree violation",
        ),
        (
            Spec {
                hash: Hash::Sha1,
                ..Spec::ca("I")
            },
            "CA signature digest algorithm too weak",
        ),
        (
            Spec {
                hash: Hash::Md5,
                ..Spec::ca("I")
            },
            "CA signature digest algorithm too weak",
        ),
    ];
    let family = Family::new(KeyKind::P256);
    let mut cases = Vec::new();
    for (spec, words) in leaves {
        cases.push((Family::with(KeyKind::P256, spec), words));
    }
    for (spec, words) in authorities {
        // ECDSA has no MD5.
        let kind = if spec.hash == Hash::Sha256 {
            KeyKind::P256
        } else {
            KeyKind::Rsa(2048)
        };
        let root = Family::new(kind).root;
        let intermediate = root.issue(spec, family.intermediate.key.clone());
        let leaf = intermediate.issue(leaf(), family.leaf.key.clone());
        cases.push((
            Family {
                root,
                intermediate,
                leaf,
            },
            words,
        ));
    }
    // The root allows nothing below its intermediate that could sign.
    let path_len = Some(0);
    let root = Spec {
        ca: Ca::Yes { path_len },
        ..Spec::ca("Short Root")
    };
    let root = Issued::self_signed(root, family.root.key.clone());
    let first = root.issue(Spec::ca("First"), Key::new(KeyKind::P256, 5));
    let second = first.issue(Spec::ca("Second"), Key::new(KeyKind::P256, 6));
    let leaf = second.issue(leaf(), family.leaf.key.clone());
    let site = Site::new(&leaf, &[&second, &first]);
    let (_, errors) = refusal(&root, Script::good(&site));
    assert!(
        errors.contains("path length constraint exceeded"),
        "{errors}"
    );

    let mut differ = Vec::new();
    for (family, words) in cases {
        let (_, errors) = refusal(&family.root, Script::good(&family.site()));
        if !errors.contains(words) {
            differ.push(format!("{words}: {errors}"));
        }
    }
    assert!(differ.is_empty(), "{}", differ.join("\n"));
}
