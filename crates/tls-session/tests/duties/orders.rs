//! Duties 1 to 3 and 26, for every flight there is: all sequences of the five messages, by a server that
//! holds its keys and is not asked who it is.

use tls_session::identity::IdentityMemory;
use tls_session::{Accepted, Identity, Policy};

use crate::client::Attempt;
use crate::identity::{Parts, client};
use tls_doubles::keys::KeyKind;
use tls_doubles::message::{Hello, Message};
use tls_doubles::pki::Family;
use tls_doubles::script::{Packing, Script, Step, Wrap};

/// What a server may send between ServerHello and Finished, and what it may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sent {
    Extensions,
    Request,
    Certificate,
    Proof,
    Finished,
}

use Sent::{Certificate, Extensions, Finished, Proof, Request};

const ALL: [Sent; 5] = [Extensions, Request, Certificate, Proof, Finished];

/// Whether a handshake ends well before anything else comes.
fn good(sequence: &[Sent]) -> bool {
    sequence.starts_with(&[Extensions, Certificate, Proof, Finished])
        || sequence.starts_with(&[Extensions, Request, Certificate, Proof, Finished])
}

/// Sequence number `index` of this length.
fn sequence(len: u32, index: usize) -> Vec<Sent> {
    let digits = (0..len).map(|place| index / ALL.len().pow(place) % ALL.len());
    digits.map(|digit| ALL[digit]).collect()
}

#[test]
fn no_sequence_of_messages_but_the_right_ones_opens_a_session_or_is_shown_anything() {
    let family = Family::new(KeyKind::P256);
    let site = family.site();
    let (leaf, _) = client(KeyKind::P256);
    let parts = Parts::of(&leaf.key);
    let mut memory = IdentityMemory::<4096>::new();
    let ders: &[&[u8]] = &[&leaf.der];
    let identity = Identity::new(ders, parts.key(&leaf.key), &mut memory).unwrap();
    let policy = Policy {
        identity: Some(&identity),
        ..Policy::danger_any_peer()
    };
    let message = |sent: &Sent| match sent {
        Extensions => Message::EncryptedExtensions(vec![]),
        Request => Message::CertificateRequest(vec![0x0403]),
        Certificate => Message::Certificate(site.chain.clone()),
        Proof => Message::certificate_verify(&site.key),
        Finished => Message::Finished,
    };
    let mut opened = 0;
    for (packing, longest) in [(Packing::Each, 5), (Packing::Coalesced, 4)] {
        for len in 0..=longest {
            for index in 0..ALL.len().pow(len) {
                let sequence = sequence(len, index);
                let mut messages = vec![Message::ServerHello(Hello::good())];
                messages.extend(sequence.iter().map(message));
                let wrap = Wrap {
                    packing,
                    ..Wrap::default()
                };
                let script = Script::of(messages).then(Step::Close).wrap(wrap);
                let (result, wire) =
                    Attempt::new(script, policy).with(async |session, _| session.accepted());
                let server = wire.server();
                let seen = server.seen();
                if good(&sequence) {
                    opened += 1;
                    assert_eq!(result, Ok(Accepted::DangerUnchecked), "{sequence:?}");
                    let asked = sequence.get(1) == Some(&Request);
                    assert_eq!(seen.certificate.is_some(), asked, "{sequence:?}");
                } else {
                    assert!(result.is_err(), "{sequence:?}, {packing:?}");
                    // ClientHello is all that was ever said.
                    assert_eq!(seen.records.len(), 1, "{sequence:?}, {packing:?}");
                }
            }
        }
    }
    // The two, the first with each message behind it, and the first in one record.
    assert_eq!(opened, 2 + ALL.len() + 1);
}
