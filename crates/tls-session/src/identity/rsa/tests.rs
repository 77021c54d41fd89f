//! Known answers from an independent implementation, and keys whose parts do not belong together.

extern crate std;

use std::string::{String, ToString};
use std::vec::Vec;

use super::{Factors, PrivateKey};
use crate::alg::Hash;
use crate::reason::{Cause, SetupError};

const MESSAGE: &[&[u8]] = &[b"known answer"];

/// A line of `data/keys.txt`: n, e, p, q, dP, dQ, qInv.
#[derive(Clone)]
struct Parts {
    name: String,
    numbers: Vec<Vec<u8>>,
}

impl Parts {
    fn all() -> Vec<Self> {
        let lines = include_str!("data/keys.txt").lines();
        lines
            .filter(|line| !line.starts_with('#'))
            .map(|line| {
                let (name, numbers) = line.split_once(' ').unwrap();
                let numbers = numbers.split(' ').map(|hex| hex::decode(hex).unwrap());
                Self {
                    name: name.to_string(),
                    numbers: numbers.collect(),
                }
            })
            .collect()
    }

    fn named(name: &str) -> Self {
        let mut all = Self::all().into_iter();
        all.find(|parts| parts.name == name).unwrap()
    }

    fn key(&self) -> Result<PrivateKey<'_>, Cause> {
        let [n, e, p, q, d_p, d_q, q_inv] = self.numbers.as_slice() else {
            panic!("{} has {} parts", self.name, self.numbers.len());
        };
        let factors = Factors {
            primes: [p, q],
            exponents: [d_p, d_q],
            coefficient: q_inv,
        };
        PrivateKey::new(n, e, factors)
    }

    fn flipped(&self, part: usize, bit: usize) -> Self {
        let mut flipped = self.clone();
        let number = &mut flipped.numbers[part];
        let last = number.len() - 1;
        number[last - bit / 8] ^= 1 << (bit % 8);
        flipped
    }

    fn bits(&self, part: usize) -> usize {
        self.numbers[part].len() * 8
    }
}

const INCONSISTENT: Cause = Cause::Setup(SetupError::KeyInconsistent);

/// All widths and both paddings; primes in either order, of unequal lengths, and of lengths that fill no limb.
#[test]
fn signatures_are_those_of_an_independent_implementation() {
    let mut count = 0;
    for line in include_str!("data/known_answers.txt").lines() {
        let &[padding, name, hash, salt, expected] = line.split(' ').collect::<Vec<_>>().as_slice()
        else {
            assert!(line.starts_with('#'), "{line}");
            continue;
        };
        let parts = Parts::named(name);
        let key = parts.key().unwrap();
        let hash = match hash {
            "sha256" => Hash::Sha256,
            "sha384" => Hash::Sha384,
            _ => Hash::Sha512,
        };
        let signature = match padding {
            "pkcs1" => key.sign_pkcs1(hash, MESSAGE),
            _ => key.sign_salted(hash, MESSAGE, &hex::decode(salt).unwrap()),
        };
        assert_eq!(hex::encode(signature.unwrap()), expected, "{line:.40}");
        count += 1;
    }
    assert_eq!(count, 42);
}

/// RFC 8017 §5.1.2 needs every part, and a wrong one makes a signature that reveals the factors.
#[test]
fn a_flipped_bit_in_any_part_gives_no_signature() {
    for name in ["2048", "2048-p-below-q", "3072", "4096"] {
        let parts = Parts::named(name);
        // The primes are compared with the modulus at once.
        let stride = if name == "2048" { 1 } else { 13 };
        for part in [0, 2, 3] {
            for bit in (0..parts.bits(part)).step_by(stride) {
                let refused = parts.flipped(part, bit).key().map(drop).unwrap_err();
                let out_of_range = part == 0 && (bit == 0 || bit == parts.bits(0) - 1);
                assert!(
                    refused == INCONSISTENT || out_of_range,
                    "{name} {part} {bit}"
                );
            }
        }
        // The others show when they sign.
        for part in [4, 5, 6] {
            let bits = parts.bits(part);
            for bit in (0..bits).step_by(bits / 7).chain([bits - 1]) {
                let flipped = parts.flipped(part, bit);
                let key = flipped.key().unwrap();
                let signatures = [
                    key.sign_pkcs1(Hash::Sha256, MESSAGE),
                    key.sign_salted(Hash::Sha256, MESSAGE, &[7; 32]),
                ];
                for signature in signatures {
                    assert_eq!(signature, Err(INCONSISTENT), "{name} {part} {bit}");
                }
            }
        }
    }
}

/// Old tools leave parts out as zeros; keys of three primes have a modulus that two do not make.
#[test]
fn parts_that_are_missing_or_of_another_key_are_refused() {
    let parts = Parts::named("2048");
    let other = Parts::named("e-is-3");
    for part in 2..7 {
        for number in [
            Vec::new(),
            std::vec![0],
            std::vec![1],
            other.numbers[part].clone(),
        ] {
            let mut wrong = parts.clone();
            wrong.numbers[part] = number;
            let signed = wrong
                .key()
                .and_then(|key| key.sign_pkcs1(Hash::Sha256, MESSAGE));
            assert_eq!(signed, Err(INCONSISTENT), "{part}");
        }
    }
    // The modulus and 1, in either order; and wider than any half.
    for (p, q) in [(0, 1), (1, 0)] {
        let mut wrong = parts.clone();
        let modulus = [parts.numbers[0].clone(), std::vec![1]];
        (wrong.numbers[2], wrong.numbers[3]) = (modulus[p].clone(), modulus[q].clone());
        assert_eq!(wrong.key().map(drop), Err(INCONSISTENT));
        wrong.numbers[2] = std::vec![0xff; 513];
        assert_eq!(wrong.key().map(drop), Err(INCONSISTENT));
    }
}

/// As some files have them.
#[test]
fn leading_zeros_change_nothing() {
    let mut parts = Parts::named("2048");
    let expected = parts.key().unwrap().sign_pkcs1(Hash::Sha256, MESSAGE);
    for number in &mut parts.numbers {
        number.splice(0..0, [0, 0, 0]);
    }
    let signed = parts.key().unwrap().sign_pkcs1(Hash::Sha256, MESSAGE);
    assert_eq!(signed, expected);
}
