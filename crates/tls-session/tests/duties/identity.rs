//! Duties 26 to 28: who we are, for a server that asks.
//!
//! The scripted server checks no client; what it saw is judged here with the primitives directly.

use tls_session::identity::{ClientKey, IdentityMemory};
use tls_session::reason::{
    CapacityError, CertificateError, NegotiationError, ProofError, SetupError, StreamError,
};
use tls_session::{Accepted, Cause, Identity, Policy, Stage};

use crate::client::{Attempt, chain};
use tls_doubles::io::{End, Faults, Wire};
use tls_doubles::keys::{Key, KeyKind, verify_handshake};
use tls_doubles::message::{CERTIFICATE, CERTIFICATE_VERIFY, ENCRYPTED_EXTENSIONS, Message};
use tls_doubles::pki::{Family, Issued, Spec, spki_of};
use tls_doubles::script::{Packing, Script, Step, Wrap};

const KINDS: [KeyKind; 6] = [
    KeyKind::P256,
    KeyKind::P384,
    KeyKind::Ed25519,
    KeyKind::Rsa(2048),
    KeyKind::Rsa(3072),
    KeyKind::Rsa(4096),
];

/// The parts of a private key, owned.
pub(crate) struct Parts(Vec<Vec<u8>>);

impl Parts {
    pub(crate) fn of(key: &Key) -> Self {
        Self(key.private_parts())
    }

    pub(crate) fn key(&self, of: &Key) -> ClientKey<'_> {
        match of {
            Key::P256(_) => ClientKey::P256(&self.0[0]),
            Key::P384(_) => ClientKey::P384(&self.0[0]),
            Key::Ed25519(_) => ClientKey::Ed25519(&self.0[0]),
            Key::Rsa(_) => ClientKey::Rsa {
                modulus: &self.0[0],
                public_exponent: &self.0[1],
                primes: [&self.0[2], &self.0[3]],
                exponents: [&self.0[4], &self.0[5]],
                coefficient: &self.0[6],
            },
        }
    }
}

/// A client of `kind` under an intermediate of its own.
pub(crate) fn client(kind: KeyKind) -> (Issued, Issued) {
    let root = Issued::self_signed(Spec::ca("Client Root"), Key::new(KeyKind::P256, 20));
    let intermediate = root.issue(Spec::ca("Client Intermediate"), Key::new(KeyKind::P256, 21));
    let leaf = intermediate.issue(Spec::client("meter-7"), Key::new(kind, 0));
    (leaf, intermediate)
}

/// Opens a session as the owner of `key` and returns what the server saw: chain, scheme.
#[track_caller]
fn shown(shown: &[&[u8]], key: &Key, script: Script) -> Result<(Vec<Vec<u8>>, u16), Cause> {
    let family = Family::new(KeyKind::P256);
    let anchors: &[&[u8]] = &[&family.root.der];
    let parts = Parts::of(key);
    let mut memory = IdentityMemory::<4096>::new();
    let identity = Identity::new(shown, parts.key(key), &mut memory)?;
    let policy = Policy {
        identity: Some(&identity),
        ..chain(anchors)
    };
    assert!(policy.to_string().ends_with(",identity"), "{policy}");
    let (result, wire) =
        Attempt::new(script, policy).with(async |session, _| session.close().await);
    let server = wire.server();
    assert_eq!(server.seen().violations, [], "{result:?}");
    result
        .and_then(|closed| closed)
        .map_err(|reason| reason.cause)?;
    assert!(server.seen().finished);
    let chain = server.seen().certificate.clone().unwrap();
    let proof = server.seen().proof.as_ref().unwrap();
    assert!(
        verify_handshake(
            &spki_of(&chain[0]),
            proof.scheme,
            &proof.signed,
            &proof.signature
        ),
        "the proof does not verify"
    );
    Ok((chain, proof.scheme))
}

fn asking() -> Script {
    Script::good(&Family::new(KeyKind::P256).site()).asks_certificate()
}

#[test]
fn duty_26_every_kind_of_key_proves_itself_with_and_without_intermediates() {
    for kind in KINDS {
        let (leaf, intermediate) = client(kind);
        let alone: &[&[u8]] = &[&leaf.der];
        let both: &[&[u8]] = &[&leaf.der, &intermediate.der];
        // The leaf goes first, wherever it stands in the item.
        let turned: &[&[u8]] = &[&intermediate.der, &leaf.der];
        for (given, expected) in [
            (alone, vec![leaf.der.clone()]),
            (both, vec![leaf.der.clone(), intermediate.der.clone()]),
            (turned, vec![leaf.der.clone(), intermediate.der.clone()]),
        ] {
            let (chain, scheme) = shown(given, &leaf.key, asking()).unwrap();
            assert_eq!(chain, expected, "{kind:?}");
            assert_eq!(scheme, leaf.key.scheme(), "{kind:?}");
        }
    }
}

/// However the server lays its flight into records, the client's answer is the same.
#[test]
fn duty_26_the_proof_covers_the_transcript_however_it_came() {
    for packing in [Packing::Each, Packing::Coalesced] {
        for padding in [0, 1, 200] {
            for kind in [KeyKind::P256, KeyKind::Rsa(2048)] {
                let (leaf, intermediate) = client(kind);
                let script = asking().wrap(Wrap {
                    packing,
                    padding,
                    ..Wrap::default()
                });
                let given: &[&[u8]] = &[&leaf.der, &intermediate.der];
                let (chain, _) = shown(given, &leaf.key, script).unwrap();
                assert_eq!(chain.len(), 2, "{packing:?} {padding}");
            }
        }
    }
}

/// An RSA key signs with the first of its three schemes that the server takes; schemes that nobody
/// knows and more than 25 of them do no harm.
#[test]
fn duty_26_the_scheme_is_one_that_the_server_takes() {
    let (rsa, _) = client(KeyKind::Rsa(2048));
    let (p384, _) = client(KeyKind::P384);
    let many: Vec<u16> = (0x0a00..0x0a40).chain([0x0806]).collect();
    for (schemes, key, expected) in [
        (vec![0x0804, 0x0805], &rsa, Ok(0x0804)),
        (vec![0x0806, 0x0805], &rsa, Ok(0x0805)),
        (many, &rsa, Ok(0x0806)),
        (vec![0x0403, 0x0503], &p384, Ok(0x0503)),
        (
            vec![0x0403],
            &rsa,
            Err(Cause::Negotiation(NegotiationError::ClientSignatureScheme)),
        ),
        (
            vec![0x0401, 0x0501],
            &rsa,
            Err(Cause::Negotiation(NegotiationError::ClientSignatureScheme)),
        ),
        (
            vec![0x0403, 0x0804],
            &p384,
            Err(Cause::Negotiation(NegotiationError::ClientSignatureScheme)),
        ),
    ] {
        let script = Script::good(&Family::new(KeyKind::P256).site()).after(
            ENCRYPTED_EXTENSIONS,
            Step::Send(Message::CertificateRequest(schemes.clone())),
        );
        let result = shown(&[&key.der], &key.key, script);
        assert_eq!(result.map(|(_, scheme)| scheme), expected, "{schemes:04x?}");
    }
}

/// The flight with a CertificateRequest in it, cut short, silent and with a flipped bit at every
/// byte: no session, and never a proof of ours for a server that was not proven first.
#[test]
fn duty_26_nothing_is_shown_before_the_server_has_proved_itself() {
    let family = Family::new(KeyKind::P256);
    let anchors: &[&[u8]] = &[&family.root.der];
    let (leaf, intermediate) = client(KeyKind::P256);
    let parts = Parts::of(&leaf.key);
    let mut memory = IdentityMemory::<4096>::new();
    let ders: &[&[u8]] = &[&leaf.der, &intermediate.der];
    let identity = Identity::new(ders, parts.key(&leaf.key), &mut memory).unwrap();
    let policy = Policy {
        identity: Some(&identity),
        ..chain(anchors)
    };
    let (result, wire) = Attempt::new(asking(), policy).with(async |_, wire: &Wire| wire.sent());
    drop(wire);
    let len = result.unwrap();
    for at in 0..len {
        for faults in [
            Faults {
                flip: Some(at * 8 + at % 8),
                ..Faults::default()
            },
            Faults {
                cut: Some((at, End::Eof)),
                ..Faults::default()
            },
            Faults {
                cut: Some((at, End::Stall)),
                ..Faults::default()
            },
        ] {
            let (result, wire) = Attempt::new(asking(), policy)
                .faults(faults)
                .with(async |_, _| ());
            let reason = result.unwrap_err();
            assert_ne!(reason.stage, Stage::Data, "{at}: {reason:?}");
            assert_eq!(wire.server().seen().certificate, None, "{at}");
            assert_eq!(wire.server().seen().proof, None, "{at}");
            assert_eq!(wire.server().seen().app, b"", "{at}");
        }
    }
}

/// A server that asks and then ends the handshake without having shown, or proved, who it is.
#[test]
fn duty_26_nothing_is_shown_to_a_server_that_shows_nothing() {
    let family = Family::new(KeyKind::P256);
    let anchors: &[&[u8]] = &[&family.root.der];
    let (leaf, _) = client(KeyKind::P256);
    let parts = Parts::of(&leaf.key);
    let mut memory = IdentityMemory::<4096>::new();
    let ders: &[&[u8]] = &[&leaf.der];
    let identity = Identity::new(ders, parts.key(&leaf.key), &mut memory).unwrap();
    for policy in [chain(anchors), Policy::danger_any_peer()] {
        let policy = Policy {
            identity: Some(&identity),
            ..policy
        };
        for (script, expected) in [
            (
                asking().without(CERTIFICATE).without(CERTIFICATE_VERIFY),
                Cause::Certificate(CertificateError::NoCertificate),
            ),
            (
                asking().without(CERTIFICATE_VERIFY),
                Cause::Proof(ProofError::NoSignature),
            ),
        ] {
            let (result, wire) = Attempt::new(script, policy).with(async |_, _| ());
            assert_eq!(result.unwrap_err().cause, expected);
            let server = wire.server();
            assert_eq!(server.seen().certificate, None);
            // Not even that its Finished held: ClientHello is all that was said.
            assert_eq!(server.seen().records.len(), 1);
        }
    }
}

/// An identity at hand is not shown to a server that does not ask.
#[test]
fn duty_26_who_is_not_asked_does_not_tell() {
    let family = Family::new(KeyKind::P256);
    let anchors: &[&[u8]] = &[&family.root.der];
    let (leaf, _) = client(KeyKind::P256);
    let parts = Parts::of(&leaf.key);
    let mut memory = IdentityMemory::<4096>::new();
    let ders: &[&[u8]] = &[&leaf.der];
    let identity = Identity::new(ders, parts.key(&leaf.key), &mut memory).unwrap();
    let policy = Policy {
        identity: Some(&identity),
        ..chain(anchors)
    };
    let accepted = Attempt::new(Script::good(&family.site()), policy).exchange();
    assert!(matches!(accepted, Ok(Accepted::Path { .. })));
}

/// In mode 0 and 2 there is no identity: an empty Certificate, and the server's word is reported.
#[test]
fn duty_28_the_servers_answer_to_an_empty_certificate_is_reported() {
    let family = Family::new(KeyKind::P256);
    let anchors: &[&[u8]] = &[&family.root.der];
    for policy in [chain(anchors), Policy::danger_any_peer()] {
        let script = asking().then(Step::AwaitFinished).then(Step::Alert {
            level: 2,
            description: 116,
        });
        let (result, wire) = Attempt::new(script, policy).with(async |mut session, _| {
            let (mut rx, _) = session.split();
            embedded_io_async::Read::read(&mut rx, &mut [0; 8]).await
        });
        let reason = result.unwrap().unwrap_err();
        assert_eq!(reason.cause, Cause::Stream(StreamError::PeerAlert(116)));
        assert_eq!(reason.stage, Stage::Data);
        assert_eq!(
            reason.to_string(),
            "server alert: certificate required (116): server wants a certificate from us, and got none"
        );
        assert_eq!(wire.server().seen().certificate, Some(Vec::new()));
    }
}

#[test]
fn duty_27_what_does_not_belong_together_is_refused_before_connecting() {
    let mut keys: Vec<(KeyKind, Issued)> = KINDS.map(|kind| (kind, client(kind).0)).into();
    // Another key of each kind that has one.
    for kind in [KeyKind::P256, KeyKind::P384, KeyKind::Ed25519] {
        let (_, intermediate) = client(KeyKind::P256);
        keys.push((
            kind,
            intermediate.issue(Spec::client("other"), Key::new(kind, 9)),
        ));
    }
    for (index, (_, owner)) in keys.iter().enumerate() {
        for (other, (_, shown)) in keys.iter().enumerate() {
            let parts = Parts::of(&owner.key);
            let mut memory = IdentityMemory::<4096>::new();
            let result = Identity::new(&[&shown.der], parts.key(&owner.key), &mut memory);
            assert_eq!(
                result.err(),
                (index != other).then_some(Cause::Setup(SetupError::KeyMismatch)),
                "{index} {other}"
            );
        }
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "one claim, case after case")]
fn duty_27_a_key_that_is_none_is_refused() {
    let (leaf, _) = client(KeyKind::P256);
    let ders: &[&[u8]] = &[&leaf.der];
    let order = hex::decode("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");
    let order = order.unwrap();
    let small = vec![0xff; 128];
    let even = vec![0xfe; 256];
    let odd = vec![0xff; 256];
    let rsa = |modulus, public_exponent, prime| ClientKey::Rsa {
        modulus,
        public_exponent,
        primes: [prime, modulus],
        exponents: [&[3], &[3]],
        coefficient: &[1],
    };
    for (key, cause) in [
        (
            ClientKey::P256(&[]),
            Cause::Setup(SetupError::KeyUnreadable),
        ),
        (
            ClientKey::P256(&[0; 32]),
            Cause::Setup(SetupError::KeyUnreadable),
        ),
        (
            ClientKey::P256(&order),
            Cause::Setup(SetupError::KeyUnreadable),
        ),
        (
            ClientKey::P256(&[1; 48]),
            Cause::Setup(SetupError::KeyUnreadable),
        ),
        (
            ClientKey::P384(&[0; 48]),
            Cause::Setup(SetupError::KeyUnreadable),
        ),
        (
            ClientKey::P384(&[1; 49]),
            Cause::Setup(SetupError::KeyUnreadable),
        ),
        (
            ClientKey::Ed25519(&[1; 31]),
            Cause::Setup(SetupError::KeyUnreadable),
        ),
        (
            rsa(&[], &[3], &[3]),
            Cause::Setup(SetupError::KeyUnreadable),
        ),
        (
            rsa(&small, &[3], &[3]),
            Cause::Setup(SetupError::KeyUnsupported),
        ),
        (
            rsa(&even, &[3], &[3]),
            Cause::Setup(SetupError::KeyUnreadable),
        ),
        (
            rsa(&odd, &[1], &[3]),
            Cause::Setup(SetupError::KeyUnreadable),
        ),
        (
            rsa(&odd, &[1, 0, 0, 0, 1], &[3]),
            Cause::Setup(SetupError::KeyUnsupported),
        ),
        (
            rsa(&odd, &[4], &[3]),
            Cause::Setup(SetupError::KeyUnreadable),
        ),
        (
            rsa(&odd, &[3], &[]),
            Cause::Setup(SetupError::KeyInconsistent),
        ),
        (
            rsa(&odd, &[3], &[1]),
            Cause::Setup(SetupError::KeyInconsistent),
        ),
    ] {
        let mut memory = IdentityMemory::<4096>::new();
        let result = Identity::new(ders, key, &mut memory);
        assert_eq!(result.err(), Some(cause), "{key:?}");
    }
    let parts = Parts::of(&leaf.key);
    for chain in [&[][..], &[&b"junk"[..]], &[&leaf.der, &b"junk"[..]]] {
        let mut memory = IdentityMemory::<4096>::new();
        let result = Identity::new(chain, parts.key(&leaf.key), &mut memory);
        assert_eq!(result.err(), Some(Cause::Setup(SetupError::CertUnreadable)));
    }
}

/// An exponent or coefficient that does not fit the certified key shows when it signs: nothing goes out.
#[test]
fn duty_27_a_wrong_rsa_exponent_never_leaves() {
    let (leaf, _) = client(KeyKind::Rsa(2048));
    let family = Family::new(KeyKind::P256);
    let anchors: &[&[u8]] = &[&family.root.der];
    let ders: &[&[u8]] = &[&leaf.der];
    // dP, dQ and qInv.
    for part in 4..7 {
        let mut parts = Parts::of(&leaf.key);
        let last = parts.0[part].len() - 1;
        parts.0[part][last] ^= 2;
        let mut memory = IdentityMemory::<4096>::new();
        let identity = Identity::new(ders, parts.key(&leaf.key), &mut memory).unwrap();
        let policy = Policy {
            identity: Some(&identity),
            ..chain(anchors)
        };
        let (result, wire) = Attempt::new(asking(), policy).with(async |_, _| ());
        assert_eq!(
            result.unwrap_err().cause,
            Cause::Setup(SetupError::KeyInconsistent),
            "{part}"
        );
        assert_eq!(wire.server().seen().proof, None, "{part}");
    }
}

/// Primes that do not make the certified modulus are refused before connecting.
#[test]
fn duty_27_wrong_rsa_primes_are_refused_at_once() {
    let (leaf, _) = client(KeyKind::Rsa(2048));
    for part in 2..4 {
        let mut parts = Parts::of(&leaf.key);
        parts.0[part][3] ^= 1;
        let mut memory = IdentityMemory::<4096>::new();
        let made = Identity::new(&[&leaf.der], parts.key(&leaf.key), &mut memory);
        assert_eq!(made.err(), Some(Cause::Setup(SetupError::KeyInconsistent)));
    }
}

/// Memory that is too small is said with the size that is needed, which is enough.
#[test]
fn an_identity_says_how_much_memory_it_needs() {
    for kind in [KeyKind::P256, KeyKind::Rsa(2048)] {
        let (leaf, intermediate) = client(kind);
        let ders: &[&[u8]] = &[&leaf.der, &intermediate.der];
        let parts = Parts::of(&leaf.key);
        let mut memory = IdentityMemory::<64>::new();
        let Err(Cause::Capacity(CapacityError::TooLarge { needed, limit, .. })) =
            Identity::new(ders, parts.key(&leaf.key), &mut memory)
        else {
            panic!("64 bytes were enough");
        };
        assert_eq!(limit, 64);
        let signature = match kind {
            KeyKind::Rsa(bits) => bits / 8 + 8,
            _ => 0,
        };
        let sum = leaf.der.len() + intermediate.der.len() + 2 * 5 + 24 + signature;
        assert_eq!(usize::try_from(needed).unwrap(), sum, "{kind:?}");
    }
}

/// Three RSA-4096 certificates do not fit a record of ours: said before connecting.
#[test]
fn a_chain_that_fits_no_record_is_refused_before_connecting() {
    let family = Family::new(KeyKind::Rsa(4096));
    let ders: &[&[u8]] = &[
        &family.leaf.der,
        &family.intermediate.der,
        &family.root.der,
        &family.root.der,
    ];
    let parts = Parts::of(&family.leaf.key);
    let mut memory = IdentityMemory::<8192>::new();
    let identity = Identity::new(ders, parts.key(&family.leaf.key), &mut memory).unwrap();
    let anchors: &[&[u8]] = &[&family.root.der];
    let policy = Policy {
        identity: Some(&identity),
        ..chain(anchors)
    };
    let (result, wire) = Attempt::new(asking(), policy).with(async |_, _| ());
    let reason = result.unwrap_err();
    assert_eq!(reason.stage, Stage::Setup);
    assert!(
        matches!(reason.cause, Cause::Capacity(CapacityError::TooLarge { needed, limit: 4096, .. }) if needed > 4096),
        "{reason:?}"
    );
    assert_eq!(wire.server().seen().hello, None);
}
