//! The verdict is that of the ordinary verification of the curves' crates, which multiplies in constant time.

use p256::ecdsa::signature::hazmat::{PrehashSigner, PrehashVerifier};
use p256::elliptic_curve::point::DecompressPoint;
use p256::elliptic_curve::{Field, PrimeField};
use rand_core::{CryptoRng, RngCore};

use super::*;

extern crate std;
use std::vec::Vec;

/// Numbers that look random and are the same in every run (xorshift64*).
struct Dice(u64);

impl RngCore for Dice {
    fn next_u32(&mut self) -> u32 {
        u32::try_from(self.next_u64() >> 32).unwrap()
    }

    fn next_u64(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn fill_bytes(&mut self, into: &mut [u8]) {
        into.fill_with(|| self.next_u64().to_be_bytes()[0]);
    }

    fn try_fill_bytes(&mut self, into: &mut [u8]) -> Result<(), rand_core::Error> {
        self.fill_bytes(into);
        Ok(())
    }
}

impl CryptoRng for Dice {}

const fn random() -> Dice {
    Dice(0x9e37_79b9_7f4a_7c15)
}

/// The tests of one curve.
macro_rules! curve {
    ($name:ident, $curve:ident, $len:literal) => {
        mod $name {
            use super::*;
            use $curve::ecdsa::{Signature, SigningKey, VerifyingKey};
            use $curve::{AffinePoint, ProjectivePoint, Scalar};

            /// What both verifications say of it, which is the same.
            #[track_caller]
            fn verdict(key: &VerifyingKey, hash: &[u8], signature: &Signature) -> bool {
                let ordinary = key.verify_prehash(hash, signature).is_ok();
                let ours = PublicCheck::new(key, hash, signature).and_then(|check| check.run());
                assert_eq!(ours.is_ok(), ordinary, "{signature:?}");
                ordinary
            }

            fn scalar(number: u64) -> Scalar {
                Scalar::from(number)
            }

            fn signature(r: Scalar, s: Scalar) -> Option<Signature> {
                Signature::from_scalars(r.to_repr(), s.to_repr()).ok()
            }

            /// The public key for which `(r, s)` is a signature of `hash`, where `point` has the x-coordinate r
            /// (SEC 1 §4.1.6).
            fn recovered(
                point: ProjectivePoint,
                r: Scalar,
                s: Scalar,
                hash: Scalar,
            ) -> VerifyingKey {
                let inverse = r.invert().unwrap();
                let key = (point * s - ProjectivePoint::GENERATOR * hash) * inverse;
                VerifyingKey::from_affine(key.to_affine()).unwrap()
            }

            #[test]
            fn a_signature_is_taken_and_with_any_bit_changed_it_is_not() {
                let mut random = random();
                for round in 0..4_usize {
                    let key = SigningKey::random(&mut random);
                    let public = VerifyingKey::from(&key);
                    let mut hash = [0; 64];
                    random.fill_bytes(&mut hash);
                    let hash = &hash[..[$len / 2, 32, 48, 64][round % 4]];
                    let signed: Signature = key.sign_prehash(hash).unwrap();
                    assert!(verdict(&public, hash, &signed));
                    for bit in (round..2 * $len * 8).step_by(37) {
                        let mut bytes = signed.to_bytes();
                        bytes[bit / 8] ^= 1 << (bit % 8);
                        if let Ok(bent) = Signature::from_slice(&bytes) {
                            assert!(!verdict(&public, hash, &bent), "bit {bit}");
                        }
                    }
                    let mut other = hash.to_vec();
                    other[0] ^= 1;
                    assert!(!verdict(&public, &other, &signed));
                    // The other s is the same signature.
                    let (r, s) = signed.split_scalars();
                    assert!(verdict(&public, hash, &signature(*r, -*s).unwrap()));
                }
            }

            #[test]
            fn edges_of_r_s_hash_and_key_have_the_ordinary_verdict() {
                let edges: Vec<Scalar> = [1, 31, 32]
                    .map(scalar)
                    .into_iter()
                    .chain([-scalar(1), Scalar::TWO_INV])
                    .collect();
                for secret in &edges {
                    let key = (ProjectivePoint::GENERATOR * secret).to_affine();
                    let key = VerifyingKey::from_affine(key).unwrap();
                    for hash in edges.iter().chain(&[Scalar::ZERO]) {
                        for r in &edges {
                            for s in [scalar(1), -scalar(1), *r, *hash + r * secret] {
                                if let Some(signature) = signature(*r, s) {
                                    verdict(&key, &hash.to_repr(), &signature);
                                }
                            }
                        }
                    }
                }
            }

            #[test]
            fn a_sum_at_infinity_is_refused() {
                let mut random = random();
                let key = SigningKey::random(&mut random);
                let public = VerifyingKey::from(&key);
                // e + r·d = 0
                let r = Scalar::random(&mut random);
                let hash = -(r * **key.as_nonzero_scalar());
                let signature = signature(r, Scalar::random(&mut random)).unwrap();
                assert!(!verdict(&public, &hash.to_repr(), &signature));
            }

            fn point(
                point: ProjectivePoint,
            ) -> Point<<$curve::$name as PrimeCurveParams>::FieldElement> {
                match VerifyingKey::from_affine(point.to_affine()) {
                    Ok(key) => point_of::<$curve::$name>(&key).unwrap(),
                    // A key is not the point at infinity.
                    Err(_) => Point::INFINITY,
                }
            }

            /// Whether `found` is `expected`: by x of both, and by x of both plus G, which tells a point from its negative.
            fn is_same(
                mut found: Point<<$curve::$name as PrimeCurveParams>::FieldElement>,
                expected: ProjectivePoint,
            ) -> bool {
                let x = |point: ProjectivePoint| {
                    let encoded = point.to_affine().to_encoded_point(false);
                    encoded.x().map(|x| PrimeField::from_repr(*x).unwrap())
                };
                [expected, expected + ProjectivePoint::GENERATOR]
                    .into_iter()
                    .all(|expected| {
                        let is = match x(expected) {
                            Some(x) => found.has_x(&x),
                            None => (0..50_u32).all(|x| !found.has_x(&x.into())),
                        };
                        found.add(&point(ProjectivePoint::GENERATOR), false);
                        is
                    })
            }

            #[test]
            fn sums_that_meet_themselves_are_right() {
                // Q = ±G and small a, b: additions of a point to itself and to its inverse.
                for key in [ProjectivePoint::GENERATOR, -ProjectivePoint::GENERATOR] {
                    for a in 0..20 {
                        for b in 0..20 {
                            let mut multiples = [Point::INFINITY; 2 * MULTIPLES];
                            let (base, other) = multiples.split_at_mut(MULTIPLES);
                            set_multiples(base, &point(ProjectivePoint::GENERATOR));
                            set_multiples(other, &point(key));
                            let mut digits = [0; 2 * MAX_DIGITS];
                            set_digits(&mut digits[..MAX_DIGITS], &scalar(a).to_repr());
                            set_digits(&mut digits[MAX_DIGITS..], &scalar(b).to_repr());
                            let sum = ProjectivePoint::GENERATOR * scalar(a) + key * scalar(b);
                            let found = sum_of_products(&digits, &multiples);
                            assert!(is_same(found, sum), "{a} {b}");
                        }
                    }
                }
            }

            #[test]
            fn points_at_infinity_change_nothing() {
                let base = point(ProjectivePoint::GENERATOR);
                let mut sum = Point::INFINITY;
                sum.double();
                sum.add(&Point::INFINITY, true);
                assert!(is_same(sum.clone(), ProjectivePoint::IDENTITY));
                sum.add(&base, true);
                sum.add(&Point::INFINITY, false);
                assert!(is_same(sum.clone(), -ProjectivePoint::GENERATOR));
                // To its negative, in other coordinates than those.
                let mut double = base.clone();
                double.double();
                sum.double();
                sum.add(&double, false);
                assert!(is_same(sum.clone(), ProjectivePoint::IDENTITY));
                sum.add(&double, false);
                sum.add(&double, false);
                assert!(is_same(sum, ProjectivePoint::GENERATOR * scalar(4)));
            }

            #[test]
            fn a_coordinate_beyond_the_order_is_reduced() {
                // r + n is the x-coordinate of a point for some small r: found by trying (Wycheproof has such a case).
                let order = (-Scalar::ONE).to_repr();
                let mut found = 0;
                for small in 1..64_u64 {
                    // x = (n - 1) + small + 1
                    let mut x = order;
                    let mut carry = small + 1;
                    for byte in x.iter_mut().rev() {
                        carry += u64::from(*byte);
                        *byte = carry.to_le_bytes()[0];
                        carry >>= 8;
                    }
                    let Some(point) =
                        Option::<AffinePoint>::from(AffinePoint::decompress(&x, 0.into()))
                    else {
                        continue;
                    };
                    let (r, s, hash) = (scalar(small), scalar(7), scalar(11));
                    let key = recovered(point.into(), r, s, hash);
                    assert!(verdict(&key, &hash.to_repr(), &signature(r, s).unwrap()));
                    found += 1;
                }
                assert!(found > 8, "{found}");
            }

            #[test]
            fn zero_and_numbers_from_the_order_on_are_no_signature() {
                let good = scalar(1).to_repr();
                let zero = Scalar::ZERO.to_repr();
                let mut order = (-Scalar::ONE).to_repr();
                *order.last_mut().unwrap() += 1;
                let ones = [0xff; $len].into();
                for bad in [zero, order, ones] {
                    assert!(Signature::from_scalars(bad, good).is_err());
                    assert!(Signature::from_scalars(good, bad).is_err());
                }
            }
        }
    };
}

#[expect(non_snake_case, reason = "the name of the curve's type")]
mod curves {
    use super::*;
    curve!(NistP256, p256, 32);
    curve!(NistP384, p384, 48);
}

#[cfg(feature = "p384-compact")]
#[expect(non_snake_case, reason = "the name of the curve's type")]
mod compact {
    use super::*;
    curve!(NistP384, p384_compact, 48);
}

#[test]
fn digits_are_sparse_and_have_the_number_as_their_sum() {
    let mut random = random();
    for len in [1, 2, 8] {
        for round in 0..2000_u64 {
            let mut bytes = [0; 8];
            match round {
                0 => bytes = [0xff; 8],
                1..256 => bytes = round.to_be_bytes(),
                _ => random.fill_bytes(&mut bytes),
            }
            let bytes = &bytes[8 - len..];
            let number = bytes
                .iter()
                .fold(0, |sum, byte| sum << 8 | i128::from(*byte));
            let mut digits = [0; MAX_DIGITS];
            set_digits(&mut digits, bytes);
            let sum: i128 = (0..)
                .zip(&digits)
                .take(100)
                .map(|(at, digit)| i128::from(*digit) << at)
                .sum();
            assert_eq!(sum, number);
            for five in digits.windows(5) {
                assert!(
                    five.iter().filter(|digit| **digit != 0).count() <= 1,
                    "{five:?}"
                );
                assert!(
                    five.iter()
                        .all(|digit| *digit == 0 || digit % 2 != 0 && digit.abs() < 16)
                );
            }
        }
    }
}
