//! Proof that the server holds its certificate's key, and has seen the same handshake.

use tls_session::reason::{ProofError, ProtocolViolation};
use tls_session::verify::Version;
use tls_session::{Cause, Policy, Stage};

use tls_doubles::keys::{Key, KeyKind};
use tls_doubles::message::{CERTIFICATE_VERIFY, Message, Over};
use tls_doubles::pki::{Family, Site};
use tls_doubles::script::{Script, Step};
use tls_doubles::server::Server;

use crate::client::{Attempt, chain};
use crate::openings::{KINDS, VERSIONS};
use crate::peer::{Serves, messages};

const SERVER_KEY_EXCHANGE: u8 = 12;

#[test]
fn duty_46_a_signature_of_another_handshake_or_key_is_refused_in_1_3() {
    for kind in KINDS {
        let family = Family::new(kind);
        let anchors: &[&[u8]] = &[&family.root.der];
        let other = Key::new(kind, 1);
        for (key, over) in [
            (&family.leaf.key, Over::OtherTranscript),
            (&family.leaf.key, Over::ClientContext),
            (&family.leaf.key, Over::Damaged),
            (&other, Over::Transcript),
        ] {
            for policy in [chain(anchors), Policy::danger_any_peer()] {
                let proof = Message::CertificateVerify {
                    scheme: key.scheme(),
                    key: key.clone(),
                    over,
                };
                let script =
                    Script::good(&family.site()).replace(CERTIFICATE_VERIFY, Step::Send(proof));
                let (reason, wire) = Attempt::new(Server::new(script), policy).refused();
                assert_eq!(reason.stage, Stage::Signature);
                assert_eq!(reason.cause, ProofError::BadSignature.into(), "{kind:?}");
                assert_eq!(reason.mbedtls(), -0x6e00);
                assert_eq!(wire.server().seen().refusals(), [51]);
                assert!(!wire.server().seen().finished);
            }
        }
    }
}

/// PKCS#1 v1.5, SHA-1, or the scheme of another kind of key (RFC 9846 §4.3.3).
#[test]
fn duty_47_and_48_a_scheme_that_does_not_fit_is_refused_in_1_3() {
    for kind in KINDS {
        let family = Family::new(kind);
        let anchors: &[&[u8]] = &[&family.root.der];
        for scheme in [
            0x0201, 0x0203, 0x0401, 0x0501, 0x0403, 0x0503, 0x0804, 0x0807, 0x0808, 0x0809, 0xfefe,
        ] {
            let key = family.leaf.key.clone();
            // A SHA-1 is too short for the double's P-384.
            if scheme == key.scheme() || kind == KeyKind::P384 && scheme < 0x0300 {
                continue;
            }
            let proof = Message::CertificateVerify {
                scheme,
                key,
                over: Over::Transcript,
            };
            let script =
                Script::good(&family.site()).replace(CERTIFICATE_VERIFY, Step::Send(proof));
            let (reason, wire) = Attempt::new(Server::new(script), chain(anchors)).refused();
            let is_scheme = matches!(
                reason.cause,
                Cause::Proof(ProofError::SignatureScheme(found)) if found == scheme
            ) || reason.cause == ProofError::UnofferedScheme.into();
            assert!(is_scheme, "{kind:?} {scheme:x}: {reason:?}");
            assert_eq!(reason.stage, Stage::Signature, "{kind:?} {scheme:x}");
            assert_eq!(wire.server().seen().refusals().len(), 1);
        }
    }
}

/// Each byte of the signature, of the parameters that it covers, and of what names it.
#[test]
fn duty_46_a_changed_key_exchange_is_refused_in_1_2() {
    for kind in KINDS {
        let family = Family::new(kind);
        let anchors: &[&[u8]] = &[&family.root.der];
        let expected = match kind {
            KeyKind::Rsa(_) => (ProofError::BadRsaSignature, -0x4380),
            _ => (ProofError::BadEcSignature, -0x4e00),
        };
        // From the end: within the signature of every kind.
        for back in [1, 2, 30, 60] {
            let peer = Serves::only(&family.site(), Version::Tls12);
            let peer = peer.peer().edited(move |mut record| {
                for (kind, place) in messages(&record) {
                    if kind == SERVER_KEY_EXCHANGE {
                        record[place.end - back] ^= 1;
                    }
                }
                record
            });
            let (reason, wire) = Attempt::new(peer, chain(anchors)).refused();
            assert_eq!(reason.stage, Stage::Signature, "{kind:?} {back}");
            assert_eq!(reason.cause, expected.0.into(), "{kind:?} {back}");
            assert_eq!(reason.mbedtls(), expected.1);
            let peer = wire.server();
            assert_eq!((peer.alert(), peer.opened()), (Some(51), false));
        }
    }
}

/// The key that signs is another than the certificate's.
#[test]
fn duty_2_and_46_a_chain_without_its_key_is_refused() {
    for kind in KINDS {
        let family = Family::new(kind);
        let anchors: &[&[u8]] = &[&family.root.der];
        let site = Site {
            key: Key::new(kind, 1),
            ..family.site()
        };
        for version in VERSIONS {
            for policy in [chain(anchors), Policy::danger_any_peer()] {
                let (reason, wire) =
                    Attempt::new(Serves::only(&site, version).peer(), policy).refused();
                assert_eq!(reason.stage, Stage::Signature, "{kind:?} {version:?}");
                assert_eq!(reason.cause.code(), "handshake_signature");
                let peer = wire.server();
                assert_eq!((peer.alert(), peer.opened()), (Some(51), false));
            }
        }
    }
}

/// In TLS 1.2 the suite says which kind of key signs; rustls asks before it asks us.
#[test]
fn duty_47_a_key_of_another_kind_than_the_suite_is_refused_in_1_2() {
    let (ec, rsa) = (Family::new(KeyKind::P256), Family::new(KeyKind::Rsa(2048)));
    for (shown, signs) in [(&ec, &rsa), (&rsa, &ec)] {
        let anchors: &[&[u8]] = &[&shown.root.der];
        let site = Site {
            key: signs.leaf.key.clone(),
            ..shown.site()
        };
        let (reason, wire) =
            Attempt::new(Serves::only(&site, Version::Tls12).peer(), chain(anchors)).refused();
        assert_eq!(reason.stage, Stage::Signature);
        assert_eq!(reason.cause.code(), "handshake_signature", "{reason:?}");
        assert!(!wire.server().opened());
    }
}

#[test]
fn duty_57_a_finished_that_does_not_hold_is_refused() {
    let family = Family::new(KeyKind::P256);
    let anchors: &[&[u8]] = &[&family.root.der];
    let script = Script::good(&family.site()).wrong_finished();
    let (reason, wire) = Attempt::new(Server::new(script), chain(anchors)).refused();
    assert_eq!(reason.stage, Stage::Finished);
    assert_eq!(reason.cause, ProofError::BadFinished.into());
    assert_eq!(wire.server().seen().refusals(), [51]);

    // The record itself changed on its way.
    for version in VERSIONS {
        let mut encrypted = 0;
        let peer =
            Serves::only(&family.site(), version)
                .peer()
                .edited(move |mut record: Vec<u8>| {
                    let is_finished = match version {
                        Version::Tls12 => record[0] == 22 && record.len() == 45,
                        Version::Tls13 => record[0] == 23,
                    };
                    encrypted += usize::from(is_finished);
                    if is_finished && encrypted == 1 {
                        *record.last_mut().unwrap() ^= 1;
                    }
                    record
                });
        let (reason, wire) = Attempt::new(peer, chain(anchors)).refused();
        assert_eq!(reason.cause, ProtocolViolation::BadRecordMac.into());
        assert_eq!(wire.server().alert(), Some(20), "{version:?}");
    }
}
