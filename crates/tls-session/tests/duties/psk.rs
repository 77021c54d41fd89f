//! Pre-shared keys (RFC 8446 §2.2, §4.2.11): the server that knows the key is authenticated by that,
//! and nobody else is.

use tls_session::reason::{
    HelloField, NegotiationError, ProofError, ProtocolViolation, StreamError,
};
use tls_session::{Accepted, Cause, Policy, PreSharedKey, Stage};

use crate::client::Attempt;
use tls_doubles::io::Faults;
use tls_doubles::keys::KeyKind;
use tls_doubles::message::{
    ENCRYPTED_EXTENSIONS, FINISHED, Hello, HelloExtension, Message, SECP256R1, TLS_1_3, X25519,
};
use tls_doubles::pki::Family;
use tls_doubles::script::{Packing, Script, Step, Wrap};

const KEY: &[u8] = b"0123456789abcdef0123456789abcdef";

fn policy() -> Policy<'static> {
    Policy::pre_shared_key(PreSharedKey::new(b"meter-7", KEY).unwrap())
}

#[test]
fn a_server_that_knows_the_key_is_accepted() {
    for key in [&b"k"[..], KEY, &[0xff; 64], &[0x5a; 200]] {
        let policy = Policy::pre_shared_key(PreSharedKey::new(b"meter-7", key).unwrap());
        for packing in [Packing::Each, Packing::Coalesced] {
            let script = Script::psk(key).wrap(Wrap {
                packing,
                ..Wrap::default()
            });
            let (accepted, wire) =
                Attempt::new(script.clone(), policy).with(async |session, _| session.accepted());
            assert_eq!(accepted, Ok(Accepted::PreSharedKey));
            let hello = wire.server().seen().hello.clone().unwrap();
            let offered = hello.pre_shared_keys().unwrap();
            assert_eq!(offered.len(), 1);
            assert_eq!(offered[0].0, b"meter-7");
            assert!(wire.server().seen().binders_right);
            assert_eq!(
                Attempt::new(script, policy).exchange(),
                Ok(Accepted::PreSharedKey)
            );
        }
    }
}

/// A server with a certificate, even a good one, is not what the policy asks for.
#[test]
fn a_server_that_does_not_take_the_key_is_refused() {
    let family = Family::new(KeyKind::P256);
    let reason = Attempt::new(Script::good(&family.site()), policy()).refused();
    assert_eq!(reason.cause, Cause::Proof(ProofError::PskNotTaken));
    assert_eq!(reason.stage, Stage::Hello);
    assert_eq!(
        reason.to_string(),
        "server did not take the pre-shared key: identity 'meter-7'"
    );
}

#[test]
fn a_server_that_does_not_know_the_key_cannot_speak() {
    for key in [&b"0123456789abcdef0123456789abcdeF"[..], b"x", &[]] {
        let reason = Attempt::new(Script::psk(key), policy()).refused();
        assert_eq!(
            reason.cause,
            Cause::Protocol(ProtocolViolation::BadRecordMac),
            "{key:?}"
        );
        assert_eq!(reason.stage, Stage::Finished);
    }
    let mut none = Script::psk(KEY);
    none.psk = None;
    let reason = Attempt::new(none, policy()).refused();
    assert_eq!(
        reason.cause,
        Cause::Protocol(ProtocolViolation::BadRecordMac)
    );
}

#[test]
fn a_key_that_was_not_offered_cannot_be_taken() {
    for number in [1, 2, 0xffff] {
        let mut script = Script::psk(KEY);
        script.steps[0] = Step::Send(Message::ServerHello(Hello::takes_psk(number)));
        let reason = Attempt::new(script, policy()).refused();
        assert_eq!(
            reason.cause,
            Cause::Protocol(ProtocolViolation::HelloField(HelloField::PreSharedKey)),
            "{number}"
        );
    }
}

/// The key alone, without an exchange (psk_ke), was not offered: what it protects could be read by
/// whoever learns it later. A retry is as little as ever.
#[test]
fn the_key_is_taken_with_an_exchange_or_not_at_all() {
    let version = HelloExtension::SupportedVersion(TLS_1_3);
    let key = HelloExtension::Raw(41, vec![0, 0]);
    let field = |field| Cause::Protocol(ProtocolViolation::HelloField(field));
    for (hello, expected) in [
        (
            Hello::with(vec![version.clone(), key.clone()]),
            field(HelloField::KeyShare),
        ),
        (
            Hello::with(vec![
                version.clone(),
                HelloExtension::OurShare { group: SECP256R1 },
                key.clone(),
                key,
            ]),
            field(HelloField::Extension(41)),
        ),
        (
            Hello::retry(X25519),
            Cause::Negotiation(NegotiationError::ServerGroup(X25519)),
        ),
        (
            Hello::retry(SECP256R1),
            Cause::Negotiation(NegotiationError::ServerRetry),
        ),
        (
            Hello::suite(0x1302),
            Cause::Negotiation(NegotiationError::CipherSuite(0x1302)),
        ),
        (
            Hello::older(0x0303),
            Cause::Negotiation(NegotiationError::ServerVersion(0x0303)),
        ),
    ] {
        let mut script = Script::psk(KEY);
        script.steps[0] = Step::Send(Message::ServerHello(hello));
        let reason = Attempt::new(script, policy()).refused();
        assert_eq!((reason.stage, reason.cause), (Stage::Hello, expected));
    }
}

/// Certificates have no place beside a pre-shared key, whatever they say.
#[test]
fn no_certificate_beside_the_key() {
    let family = Family::new(KeyKind::P256);
    let site = family.site();
    let shows = || Step::Send(Message::Certificate(site.chain.clone()));
    let proves = || Step::Send(Message::certificate_verify(&site.key));
    let asks = || Step::Send(Message::CertificateRequest(vec![0x0403]));
    for (steps, message) in [
        (vec![shows(), proves()], 11),
        (vec![shows()], 11),
        (vec![proves()], 15),
        (vec![asks()], 13),
    ] {
        let mut script = Script::psk(KEY);
        for step in steps {
            script = script.before(FINISHED, step);
        }
        let reason = Attempt::new(script, policy()).refused();
        assert_eq!(
            reason.cause,
            Cause::Protocol(ProtocolViolation::Message(message))
        );
    }
}

#[test]
fn the_rest_of_the_flight_is_checked_as_ever() {
    for (script, cause) in [
        (
            Script::psk(KEY).without(ENCRYPTED_EXTENSIONS),
            Cause::Protocol(ProtocolViolation::MissingMessage(ENCRYPTED_EXTENSIONS)),
        ),
        (
            Script::psk(KEY).twice(ENCRYPTED_EXTENSIONS),
            Cause::Protocol(ProtocolViolation::MessageTwice(ENCRYPTED_EXTENSIONS)),
        ),
        (
            Script::psk(KEY).selects_alpn(b"mqtt"),
            Cause::Negotiation(NegotiationError::ApplicationProtocol),
        ),
    ] {
        assert_eq!(Attempt::new(script, policy()).refused().cause, cause);
    }
    let alpn: &[&[u8]] = &[b"x-amzn-mqtt-ca", b"mqtt"];
    let with_alpn = Policy { alpn, ..policy() };
    let script = Script::psk(KEY).selects_alpn(b"mqtt");
    let accepted = Attempt::new(script, with_alpn).exchange();
    assert_eq!(accepted, Ok(Accepted::PreSharedKey));
    // Finished is what proves the key.
    let script = Script::psk(KEY).without(FINISHED).then(Step::Close);
    let reason = Attempt::new(script, policy()).refused();
    assert_eq!(reason.cause, Cause::Stream(StreamError::PeerEof));
    let wrong = Script::psk(KEY).replace(FINISHED, Step::Send(Message::WrongFinished));
    let reason = Attempt::new(wrong, policy()).refused();
    assert_eq!(
        (reason.stage, reason.cause),
        (Stage::Finished, Cause::Proof(ProofError::BadFinished))
    );
}

/// No flipped bit of the server's bytes gives a session.
#[test]
fn no_changed_byte_passes() {
    let (result, wire) = Attempt::new(Script::psk(KEY), policy()).with(async |_, _| ());
    assert_eq!(result, Ok(()));
    let len = wire.sent();
    assert!(len > 150, "{len}");
    for at in 0..len {
        let faults = Faults {
            flip: Some(at * 8 + at % 8),
            ..Faults::default()
        };
        let script = Script::psk(KEY).then(Step::Close);
        let reason = Attempt::new(script, policy()).faults(faults).refused();
        assert_ne!(
            reason.cause,
            Cause::Stream(StreamError::Transport),
            "byte {at}"
        );
    }
}
