//! Duties 1 to 6: whether the server proved who it is, and who may say so.

use tls_session::reason::{CertificateError, ProofError, ProtocolViolation, flags};
use tls_session::{Accepted, Cause, Policy, Reason, Stage};

use crate::client::{Attempt, chain, named};
use tls_doubles::keys::{Key, KeyKind};
use tls_doubles::message::{CERTIFICATE, CERTIFICATE_VERIFY, ENCRYPTED_EXTENSIONS, Message, Over};
use tls_doubles::pki::{Ca, Family, Issued, NOW, Site, Spec};
use tls_doubles::script::{Packing, Script, Step, Wrap};

pub(crate) const KINDS: [KeyKind; 6] = [
    KeyKind::P256,
    KeyKind::P384,
    KeyKind::Ed25519,
    KeyKind::Rsa(2048),
    KeyKind::Rsa(3072),
    KeyKind::Rsa(4096),
];

pub(crate) fn cause(reason: &Reason) -> Cause {
    reason.cause
}

/// Root and a leaf straight under it.
pub(crate) fn pair(leaf: Spec) -> (Issued, Issued) {
    let root = Issued::self_signed(Spec::ca("Test Root"), Key::new(KeyKind::P256, 1));
    let leaf = root.issue(leaf, Key::new(KeyKind::P256, 2));
    (root, leaf)
}

fn policies<'a>(anchors: &'a [&'a [u8]]) -> [Policy<'a>; 3] {
    [
        chain(anchors),
        named(chain(anchors), "broker.local"),
        Policy::danger_any_peer(),
    ]
}

#[test]
fn duty_1_no_certificate_no_session_in_any_mode() {
    let family = Family::new(KeyKind::P256);
    let anchors: &[&[u8]] = &[&family.root.der];
    for policy in policies(anchors) {
        for packing in [Packing::Each, Packing::Coalesced] {
            let script = Script::good(&family.site())
                .without(CERTIFICATE)
                .without(CERTIFICATE_VERIFY)
                .wrap(Wrap {
                    packing,
                    ..Wrap::default()
                });
            let reason = Attempt::new(script, policy).refused();
            assert_eq!(
                cause(&reason),
                Cause::Certificate(CertificateError::NoCertificate)
            );
            assert_eq!(reason.verify_flags(), flags::MISSING);
        }
    }
}

#[test]
fn duty_1_an_empty_certificate_message_is_no_certificate() {
    let family = Family::new(KeyKind::P256);
    let anchors: &[&[u8]] = &[&family.root.der];
    for policy in policies(anchors) {
        for script in [
            Script::good(&family.site()).shows(Vec::new()),
            Script::good(&family.site())
                .shows(Vec::new())
                .without(CERTIFICATE_VERIFY),
        ] {
            let reason = Attempt::new(script, policy).refused();
            assert_eq!(
                cause(&reason),
                Cause::Certificate(CertificateError::NoCertificate)
            );
        }
    }
}

#[test]
fn duty_2_a_chain_without_proof_of_its_key_is_a_replay() {
    let family = Family::new(KeyKind::P256);
    let anchors: &[&[u8]] = &[&family.root.der];
    for policy in policies(anchors) {
        let script = Script::good(&family.site()).without(CERTIFICATE_VERIFY);
        let reason = Attempt::new(script, policy).refused();
        assert_eq!(cause(&reason), Cause::Proof(ProofError::NoSignature));
        assert_eq!(reason.stage, Stage::Signature);
    }
}

#[test]
fn duty_2_a_proof_of_another_key_or_transcript_is_none() {
    for kind in KINDS {
        let family = Family::new(kind);
        let anchors: &[&[u8]] = &[&family.root.der];
        // There is one RSA key of each larger size.
        let other = match kind {
            KeyKind::Rsa(_) => Key::new(KeyKind::Rsa(2048), 1),
            kind => Key::new(kind, 1),
        };
        for (key, over) in [
            (&family.leaf.key, Over::OtherTranscript),
            (&family.leaf.key, Over::ClientContext),
            (&family.leaf.key, Over::Damaged),
            (&other, Over::Transcript),
        ] {
            for policy in policies(anchors) {
                let proof = Message::CertificateVerify {
                    scheme: key.scheme(),
                    key: key.clone(),
                    over,
                };
                let script =
                    Script::good(&family.site()).replace(CERTIFICATE_VERIFY, Step::Send(proof));
                let reason = Attempt::new(script, policy).refused();
                assert_eq!(
                    cause(&reason),
                    Cause::Proof(ProofError::BadSignature),
                    "{kind:?} {over:?}"
                );
                assert_eq!(reason.stage, Stage::Signature);
            }
        }
    }
}

#[test]
fn duty_2_a_scheme_must_fit_the_key() {
    // rsa_pkcs1_sha256, ecdsa_sha1, p256 with a P-384 key and the other way round, unknown to TLS 1.3
    for (kind, scheme) in [
        (KeyKind::Rsa(2048), 0x0401),
        (KeyKind::Rsa(2048), 0x0809),
        (KeyKind::Rsa(2048), 0x0403),
        (KeyKind::P256, 0x0503),
        (KeyKind::P256, 0x0203),
        (KeyKind::P384, 0x0403),
        (KeyKind::Ed25519, 0x0403),
        (KeyKind::P256, 0x0804),
    ] {
        let family = Family::new(kind);
        let anchors: &[&[u8]] = &[&family.root.der];
        let proof = Message::CertificateVerify {
            scheme,
            key: family.leaf.key.clone(),
            over: Over::Transcript,
        };
        let script = Script::good(&family.site()).replace(CERTIFICATE_VERIFY, Step::Send(proof));
        let reason = Attempt::new(script, chain(anchors)).refused();
        assert_eq!(
            cause(&reason),
            Cause::Proof(ProofError::SignatureScheme(scheme)),
            "{kind:?}"
        );
    }
}

#[test]
fn duty_3_messages_twice_or_out_of_order() {
    let family = Family::new(KeyKind::P256);
    let anchors: &[&[u8]] = &[&family.root.der];
    let good = || Script::good(&family.site());
    let wrong = |violation| Cause::Protocol(violation);
    // What, and why: each message in a record of its own, and all in one.
    let twice = |message| [wrong(ProtocolViolation::MessageTwice(message)); 2];
    let cases: [(Script, [Cause; 2]); 6] = [
        (good().twice(CERTIFICATE), twice(CERTIFICATE)),
        (good().twice(CERTIFICATE_VERIFY), twice(CERTIFICATE_VERIFY)),
        (
            good().swap(CERTIFICATE, CERTIFICATE_VERIFY),
            [
                wrong(ProtocolViolation::Message(CERTIFICATE_VERIFY)),
                wrong(ProtocolViolation::Message(CERTIFICATE)),
            ],
        ),
        (
            good().after(
                CERTIFICATE_VERIFY,
                Step::Send(Message::Certificate(family.site().chain)),
            ),
            [
                wrong(ProtocolViolation::MessageTwice(CERTIFICATE)),
                wrong(ProtocolViolation::Message(CERTIFICATE)),
            ],
        ),
        (
            good().after(
                CERTIFICATE_VERIFY,
                Step::Send(Message::Certificate(vec![family.root.der.clone()])),
            ),
            [
                wrong(ProtocolViolation::MessageTwice(CERTIFICATE)),
                wrong(ProtocolViolation::Message(CERTIFICATE)),
            ],
        ),
        // The proof alone, of a certificate that never comes.
        (
            good().without(CERTIFICATE),
            [wrong(ProtocolViolation::Message(CERTIFICATE_VERIFY)); 2],
        ),
    ];
    for (script, expected) in cases {
        for policy in policies(anchors) {
            for (packing, expected) in [Packing::Each, Packing::Coalesced]
                .into_iter()
                .zip(expected)
            {
                let script = script.clone().wrap(Wrap {
                    packing,
                    ..Wrap::default()
                });
                let reason = Attempt::new(script, policy).refused();
                assert_eq!(cause(&reason), expected, "{packing:?}");
            }
        }
    }
}

#[test]
fn duty_3_a_wrong_finished_is_refused() {
    let family = Family::new(KeyKind::P256);
    let anchors: &[&[u8]] = &[&family.root.der];
    for policy in policies(anchors) {
        let reason = Attempt::new(Script::good(&family.site()).wrong_finished(), policy).refused();
        assert_eq!(
            (reason.stage, cause(&reason)),
            (Stage::Finished, Cause::Proof(ProofError::BadFinished))
        );
    }
}

#[test]
fn duty_5_a_chain_must_end_at_the_anchor() {
    let family = Family::new(KeyKind::P256);
    let stranger = Issued::self_signed(Spec::ca("Another Root"), Key::new(KeyKind::P256, 9));
    let anchors: &[&[u8]] = &[&stranger.der];
    let reason = Attempt::new(Script::good(&family.site()), chain(anchors)).refused();
    assert_eq!(
        cause(&reason),
        Cause::Certificate(CertificateError::NotTrusted)
    );
    assert_eq!(
        (reason.mbedtls(), reason.verify_flags()),
        (-0x2700, flags::NOT_TRUSTED)
    );
    assert_eq!(reason.depth, 1);
    assert_eq!(reason.subject.as_str(), "CN=Test Intermediate");
    assert_eq!(reason.wanted.as_str(), "CN=Test Root");

    // The same name, another key.
    let impostor = Issued::self_signed(Spec::ca("Test Root"), Key::new(KeyKind::P256, 9));
    let anchors: &[&[u8]] = &[&impostor.der];
    let reason = Attempt::new(Script::good(&family.site()), chain(anchors)).refused();
    assert_eq!(
        cause(&reason),
        Cause::Certificate(CertificateError::CertificateSignature)
    );
    assert_eq!(reason.verify_flags(), flags::NOT_TRUSTED);

    // The intermediate is not sent.
    let anchors: &[&[u8]] = &[&family.root.der];
    let script = Script::good(&Site::new(&family.leaf, &[]));
    let reason = Attempt::new(script, chain(anchors)).refused();
    assert_eq!(
        cause(&reason),
        Cause::Certificate(CertificateError::NotTrusted)
    );
    assert_eq!(reason.wanted.as_str(), "CN=Test Intermediate");
}

#[test]
fn duty_5_any_order_strays_and_an_intermediate_as_anchor_are_accepted() {
    let family = Family::new(KeyKind::P256);
    let second = family
        .intermediate
        .issue(Spec::ca("Second"), Key::new(KeyKind::P256, 5));
    let leaf = second.issue(Spec::leaf("broker.local"), Key::new(KeyKind::P256, 6));
    let stray = Issued::self_signed(Spec::ca("Stray"), Key::new(KeyKind::P256, 8));
    let sites = [
        Site::new(&leaf, &[&second, &family.intermediate]),
        Site::new(&leaf, &[&family.intermediate, &second]),
        Site::new(
            &leaf,
            &[&stray, &family.intermediate, &family.root, &second, &stray],
        ),
        Site {
            chain: vec![
                leaf.der.clone(),
                b"not a certificate".to_vec(),
                second.der.clone(),
                family.intermediate.der.clone(),
            ],
            key: leaf.key.clone(),
        },
    ];
    for site in &sites {
        let anchors: &[&[u8]] = &[&family.root.der];
        let accepted =
            Attempt::new(Script::good(site), named(chain(anchors), "broker.local")).exchange();
        assert_eq!(
            accepted,
            Ok(Accepted::Path {
                anchor: 0,
                intermediates: 2
            })
        );
        let anchors: &[&[u8]] = &[&stray.der, &second.der];
        let accepted = Attempt::new(Script::good(site), chain(anchors)).exchange();
        assert_eq!(
            accepted,
            Ok(Accepted::Path {
                anchor: 1,
                intermediates: 0
            })
        );
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "one claim, case after case")]
fn duty_6_only_authorities_issue() {
    let root = Issued::self_signed(Spec::ca("Test Root"), Key::new(KeyKind::P256, 1));
    let anchors: &[&[u8]] = &[&root.der];
    let between = |spec: Spec| {
        let middle = root.issue(spec, Key::new(KeyKind::P256, 3));
        let leaf = middle.issue(Spec::leaf("broker.local"), Key::new(KeyKind::P256, 2));
        Site::new(&leaf, &[&middle])
    };
    let cases = [
        (
            Spec {
                ca: Ca::No,
                ..Spec::ca("Middle")
            },
            Cause::Certificate(CertificateError::NotCa),
        ),
        (
            Spec {
                ca: Ca::Absent,
                ..Spec::ca("Middle")
            },
            Cause::Certificate(CertificateError::NotCa),
        ),
        (
            Spec {
                key_usage: Spec::leaf("x").key_usage,
                ..Spec::ca("Middle")
            },
            Cause::Certificate(CertificateError::KeyUsage),
        ),
        (
            Spec::v1("Middle"),
            Cause::Certificate(CertificateError::OldVersion),
        ),
    ];
    for (spec, expected) in cases {
        let reason = Attempt::new(Script::good(&between(spec)), chain(anchors)).refused();
        assert_eq!(cause(&reason), expected);
        assert_eq!(reason.depth, 1, "{expected:?}");
        assert_eq!(reason.subject.as_str(), "CN=Middle");
    }

    // pathLen 0 in the root, then in the intermediate, each with one CA too many below.
    let strict = Issued::self_signed(
        Spec {
            ca: Ca::Yes { path_len: Some(0) },
            ..Spec::ca("Strict Root")
        },
        Key::new(KeyKind::P256, 1),
    );
    let middle = strict.issue(Spec::ca("Middle"), Key::new(KeyKind::P256, 3));
    let leaf = middle.issue(Spec::leaf("broker.local"), Key::new(KeyKind::P256, 2));
    let anchors: &[&[u8]] = &[&strict.der];
    let reason =
        Attempt::new(Script::good(&Site::new(&leaf, &[&middle])), chain(anchors)).refused();
    assert_eq!(
        cause(&reason),
        Cause::Certificate(CertificateError::PathLen)
    );

    let first = root.issue(
        Spec {
            ca: Ca::Yes { path_len: Some(0) },
            ..Spec::ca("First")
        },
        Key::new(KeyKind::P256, 3),
    );
    let second = first.issue(Spec::ca("Second"), Key::new(KeyKind::P256, 4));
    let leaf = second.issue(Spec::leaf("broker.local"), Key::new(KeyKind::P256, 2));
    let anchors: &[&[u8]] = &[&root.der];
    let reason = Attempt::new(
        Script::good(&Site::new(&leaf, &[&second, &first])),
        chain(anchors),
    )
    .refused();
    assert_eq!(
        cause(&reason),
        Cause::Certificate(CertificateError::PathLen)
    );
    // And exactly as many as allowed.
    let leaf = first.issue(Spec::leaf("broker.local"), Key::new(KeyKind::P256, 2));
    assert!(
        Attempt::new(Script::good(&Site::new(&leaf, &[&first])), chain(anchors))
            .exchange()
            .is_ok()
    );
}

#[test]
fn any_peer_means_any_certificate_but_a_real_key() {
    let family = Family::with(
        KeyKind::P256,
        Spec {
            not_after: NOW - 1,
            ..Spec::leaf("someone.else")
        },
    );
    let accepted = Attempt::new(Script::good(&family.site()), Policy::danger_any_peer()).exchange();
    assert_eq!(accepted, Ok(Accepted::DangerUnchecked));
    // The engine would not miss them.
    let script = Script::good(&family.site()).without(ENCRYPTED_EXTENSIONS);
    let reason = Attempt::new(script, Policy::danger_any_peer()).refused();
    assert_eq!(
        cause(&reason),
        Cause::Protocol(ProtocolViolation::MissingMessage(ENCRYPTED_EXTENSIONS))
    );
}
