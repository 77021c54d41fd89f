//! Known answers from an independent implementation, and what happens when a bit of them changes.

extern crate std;

use std::string::{String, ToString};
use std::vec::Vec;

use super::{Hash, SignatureKind};

struct Answer {
    kind: String,
    hash: Option<Hash>,
    key: Vec<u8>,
    message: Vec<u8>,
    signature: Vec<u8>,
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

fn answers() -> Vec<Answer> {
    include_str!("data/known_answers.txt")
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let fields: Vec<&str> = line.split(' ').collect();
            Answer {
                kind: fields[0].to_string(),
                hash: match fields[1] {
                    "sha256" => Some(Hash::Sha256),
                    "sha384" => Some(Hash::Sha384),
                    "sha512" => Some(Hash::Sha512),
                    _ => None,
                },
                key: unhex(fields[2]),
                message: fields[3].replace('_', " ").into_bytes(),
                signature: unhex(fields[4]),
            }
        })
        .collect()
}

fn kind(answer: &Answer) -> Option<SignatureKind> {
    Some(match (answer.kind.as_str(), answer.hash) {
        ("pkcs1" | "weak", Some(hash)) => SignatureKind::RsaPkcs1(hash),
        ("p256", Some(hash)) => SignatureKind::P256(hash),
        ("p384", Some(hash)) => SignatureKind::P384(hash),
        ("ed25519", None) => SignatureKind::Ed25519,
        (pss, Some(hash)) if pss.starts_with("pss") => SignatureKind::RsaPss(hash),
        _ => return None,
    })
}

#[test]
fn known_answers_verify_and_no_other() {
    let mut count = 0;
    for answer in answers() {
        let kind = kind(&answer).unwrap();
        let verdict = kind.verify(&answer.key, &[&answer.message], &answer.signature);
        // RSA below 2048 bits, and PSS with a salt of another length than the hash.
        let expected = !(answer.kind == "weak" || answer.kind.starts_with("pss-salt"));
        assert_eq!(
            verdict.is_ok(),
            expected,
            "{} {:?}",
            answer.kind,
            answer.hash
        );
        count += 1;
    }
    assert_eq!(count, 35);
}

#[test]
fn the_parts_of_a_message_are_one_message() {
    for answer in answers()
        .iter()
        .filter(|answer| ["pss", "p256", "ed25519"].contains(&answer.kind.as_str()))
    {
        let kind = kind(answer).unwrap();
        for at in 0..answer.message.len() {
            let (head, tail) = answer.message.split_at(at);
            assert!(
                kind.verify(&answer.key, &[head, tail], &answer.signature)
                    .is_ok()
            );
        }
    }
}

#[test]
fn a_changed_message_signature_or_key_does_not_verify() {
    // RSA of 4096 bits is slow without optimisation: its bytes are sampled, all others are swept.
    for answer in answers()
        .iter()
        .filter(|answer| answer.kind != "weak" && !answer.kind.starts_with("pss-"))
    {
        let kind = kind(answer).unwrap();
        let step = if answer.signature.len() > 256 { 61 } else { 7 };
        for at in (0..answer.signature.len()).step_by(step) {
            let mut signature = answer.signature.clone();
            signature[at] ^= 0x10;
            assert!(
                kind.verify(&answer.key, &[&answer.message], &signature)
                    .is_err(),
                "{} {at}",
                answer.kind
            );
        }
        for at in 0..3 {
            let mut message = answer.message.clone();
            message[at] ^= 1;
            assert!(
                kind.verify(&answer.key, &[&message], &answer.signature)
                    .is_err()
            );
        }
        for len in [0, 1, answer.signature.len() - 1] {
            assert!(
                kind.verify(&answer.key, &[&answer.message], &answer.signature[..len])
                    .is_err()
            );
        }
        let mut longer = answer.signature.clone();
        longer.push(0);
        assert!(
            kind.verify(&answer.key, &[&answer.message], &longer)
                .is_err()
        );
        for len in (0..answer.key.len()).step_by(13) {
            assert!(
                kind.verify(&answer.key[..len], &[&answer.message], &answer.signature)
                    .is_err()
            );
        }
    }
}

#[test]
fn an_rsa_key_must_be_one() {
    let answers = answers();
    let good = answers
        .iter()
        .find(|answer| answer.kind == "pkcs1")
        .unwrap();
    let kind = kind(good).unwrap();
    let verify = |key: &[u8]| kind.verify(key, &[&good.message], &good.signature);
    assert!(verify(&good.key).is_ok());
    // SEQUENCE (4) INTEGER (4 + 257) INTEGER 65537 (2 + 3)
    let exponent = good.key.len() - 3;
    for bad in [[0_u8, 0, 1], [1, 0, 0], [0, 0, 0], [0x81, 0, 1]] {
        let mut key = good.key.clone();
        key[exponent..].copy_from_slice(&bad);
        assert!(verify(&key).is_err(), "exponent {bad:?}");
    }
    let mut even = good.key.clone();
    even[exponent - 3] &= 0xfe;
    assert!(verify(&even).is_err(), "even modulus");
    for at in 0..12 {
        for bit in 0..8 {
            let mut key = good.key.clone();
            key[at] ^= 1 << bit;
            // No panic; and no other key verifies.
            assert!(verify(&key).is_err(), "byte {at} bit {bit}");
        }
    }
}
