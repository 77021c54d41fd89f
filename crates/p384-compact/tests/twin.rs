//! Every result is that of the crate `p384`, whose arithmetic is another one.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test says no by panicking"
)]

use elliptic_curve::bigint::{ArrayEncoding, U384};
use elliptic_curve::ff::PrimeField;
use elliptic_curve::ops::Reduce;
use elliptic_curve::sec1::ToEncodedPoint;
use p384::ecdsa::signature::hazmat::{PrehashSigner, PrehashVerifier};
use p384_compact::elliptic_curve;
use proptest::prelude::*;

type Bytes = [u8; 48];

/// Where carries are: 0, 1, both moduli and their neighbours, all ones.
fn edges() -> Vec<Bytes> {
    let moduli = [
        concat!(
            "ffffffffffffffffffffffffffffffffffffffffffffffff",
            "fffffffffffffffeffffffff0000000000000000ffffffff"
        ),
        concat!(
            "ffffffffffffffffffffffffffffffffffffffffffffffff",
            "c7634d81f4372ddf581a0db248b0a77aecec196accc52973"
        ),
    ];
    let mut numbers = vec![U384::ZERO, U384::ONE, U384::from(2_u8), U384::MAX];
    for modulus in moduli.map(U384::from_be_hex) {
        numbers.push(modulus);
        for distance in [1_u8, 2] {
            numbers.push(modulus.wrapping_sub(&U384::from(distance)));
            numbers.push(modulus.wrapping_add(&U384::from(distance)));
        }
        numbers.push(modulus.shr_vartime(1));
    }
    numbers
        .into_iter()
        .map(|it| it.to_be_byte_array().into())
        .collect()
}

fn number() -> impl Strategy<Value = Bytes> {
    prop_oneof![
        3 => prop::collection::vec(any::<u8>(), 48).prop_map(|bytes| bytes.try_into().unwrap()),
        // Long runs of one bit.
        1 => (0_usize..384, any::<bool>()).prop_map(|(bits, ones)| {
            let low = U384::MAX.shr_vartime(bits);
            let number = if ones { low } else { !low };
            number.to_be_byte_array().into()
        }),
        1 => prop::sample::select(edges()),
    ]
}

fn bytes<F: PrimeField>(number: F) -> Vec<u8>
where
    F::Repr: AsRef<[u8]>,
{
    number.to_repr().as_ref().to_vec()
}

/// What a field can do, as bytes: with one arithmetic, and with the other.
fn all<F: PrimeField>(a: F, b: F) -> Vec<Option<Vec<u8>>>
where
    F::Repr: AsRef<[u8]>,
{
    let some = |number| Some(bytes(number));
    vec![
        some(a + b),
        some(a - b),
        some(a * b),
        some(-a),
        some(a.square()),
        some(a.double()),
        some(a.cube()),
        Option::from(a.invert()).map(bytes::<F>),
        // Either root is right.
        Option::<F>::from(a.sqrt()).map(|root| bytes(root.square())),
        Some(vec![a.is_odd().unwrap_u8(), a.is_zero().unwrap_u8()]),
        some(F::TWO_INV),
        some(F::ROOT_OF_UNITY),
        some(F::ROOT_OF_UNITY_INV),
        some(F::DELTA),
        some(F::MULTIPLICATIVE_GENERATOR),
    ]
}

fn scalars_agree(a: Bytes, b: Bytes) {
    let ours = |bytes: Bytes| p384_compact::Scalar::reduce_bytes(&bytes.into());
    let theirs = |bytes: Bytes| p384::Scalar::reduce_bytes(&bytes.into());
    assert_eq!(bytes(ours(a)), bytes(theirs(a)));
    assert_eq!(all(ours(a), ours(b)), all(theirs(a), theirs(b)));
    assert_eq!(
        p384_compact::Scalar::from_repr(a.into())
            .is_some()
            .unwrap_u8(),
        p384::Scalar::from_repr(a.into()).is_some().unwrap_u8()
    );
}

/// The field of the other crate is not public: points show it.
fn points_agree(secret: Bytes) {
    let ours = p384_compact::SecretKey::from_slice(&secret);
    let theirs = p384::SecretKey::from_slice(&secret);
    assert_eq!(ours.is_ok(), theirs.is_ok());
    let (Ok(ours), Ok(theirs)) = (ours, theirs) else {
        return;
    };
    for compressed in [false, true] {
        let ours = ours.public_key().to_encoded_point(compressed);
        let theirs = theirs.public_key().to_encoded_point(compressed);
        assert_eq!(ours.as_bytes(), theirs.as_bytes());
        // A compressed point takes a root.
        let read = p384_compact::PublicKey::from_sec1_bytes(theirs.as_bytes()).unwrap();
        assert_eq!(
            read.to_encoded_point(false).as_bytes(),
            p384::PublicKey::from_sec1_bytes(theirs.as_bytes())
                .unwrap()
                .to_encoded_point(false)
                .as_bytes()
        );
    }
}

fn signatures_agree(secret: Bytes, hash: &[u8], flip: usize) {
    let (Ok(ours), Ok(theirs)) = (
        p384_compact::ecdsa::SigningKey::from_slice(&secret),
        p384::ecdsa::SigningKey::from_slice(&secret),
    ) else {
        return;
    };
    let signature: p384_compact::ecdsa::Signature = ours.sign_prehash(hash).unwrap();
    let twin: p384::ecdsa::Signature = theirs.sign_prehash(hash).unwrap();
    assert_eq!(signature.to_bytes(), twin.to_bytes());

    let public = theirs.verifying_key().to_encoded_point(false);
    let key = p384_compact::ecdsa::VerifyingKey::from_sec1_bytes(public.as_bytes()).unwrap();
    assert!(key.verify_prehash(hash, &signature).is_ok());
    let mut bent: Bytes = signature.to_bytes()[..48].try_into().unwrap();
    bent[flip / 8 % 48] ^= 1 << (flip % 8);
    let rest: Bytes = signature.to_bytes()[48..].try_into().unwrap();
    if let Ok(bent) = p384_compact::ecdsa::Signature::from_scalars(bent, rest) {
        assert!(key.verify_prehash(hash, &bent).is_err());
    }
}

#[test]
fn at_the_edges_every_result_is_the_same() {
    for a in edges() {
        points_agree(a);
        for b in edges() {
            scalars_agree(a, b);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn with_any_scalars_every_result_is_the_same(a in number(), b in number()) {
        scalars_agree(a, b);
    }

    #[test]
    fn any_private_key_has_the_same_public_key(secret in number()) {
        points_agree(secret);
    }

    #[test]
    fn signatures_are_the_same_and_a_bent_one_is_refused(
        secret in number(),
        hash in prop::collection::vec(any::<u8>(), 32..=64),
        flip in 0_usize..384,
    ) {
        signatures_agree(secret, &hash, flip);
    }
}

#[test]
fn coordinates_obey_the_laws_of_a_field() {
    use p384_compact::FieldElement;
    let numbers: Vec<FieldElement> = edges()
        .into_iter()
        .filter_map(|bytes| FieldElement::from_repr(bytes.into()).into())
        .collect();
    assert_eq!(numbers.len(), 12);
    for a in &numbers {
        assert_eq!(FieldElement::from_repr(a.to_repr()).unwrap(), *a);
        assert_eq!(*a - a, FieldElement::ZERO);
        match Option::<FieldElement>::from(a.invert()) {
            Some(inverse) => assert_eq!(inverse * a, FieldElement::ONE),
            None => assert_eq!(*a, FieldElement::ZERO),
        }
        // -1 has no root modulo p: of a and -a one has.
        let roots = [a.sqrt(), (-*a).sqrt()].map(Option::<FieldElement>::from);
        let squares = [*a, -*a];
        for (root, square) in roots.iter().zip(squares) {
            assert!(root.is_none_or(|root| root.square() == square));
        }
        assert_eq!(
            roots.iter().flatten().count(),
            if a.is_zero().into() { 2 } else { 1 }
        );
        for b in &numbers {
            assert_eq!(*a * b, *b * a);
            assert_eq!((*a + b) * a, a.square() + *a * b);
            assert_eq!(*a + b - b, *a);
        }
    }
}
