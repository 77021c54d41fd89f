//! ECDSA's check of a signature (FIPS 186-5 §6.4.2) in variable time.
//!
//! ```text
//! VerifyingKey, hash, Signature ─▶ PublicCheck { a, b, Q, r } ─▶ a·G + b·Q, one chain of doublings ─▶ X = r·Z²?
//! ```
//!
//! What is computed here shows in the time that it takes. [`PublicCheck`] is the only way in, and it is made of
//! a public key, a hash and a signature alone: no scalar of a private key or of a key exchange has a type that
//! could get here. Signing and key exchange use the constant-time multiplication of the curves' crates.

use ecdsa::hazmat::bits2field;
use ecdsa::{Signature, SignatureSize, VerifyingKey};
use p256::elliptic_curve::generic_array::ArrayLength;
use p256::elliptic_curve::ops::{Invert, Reduce};
use p256::elliptic_curve::sec1::{FromEncodedPoint, ModulusSize, ToEncodedPoint};
use p256::elliptic_curve::{AffinePoint, Field as _, FieldBytes, PrimeField, Scalar};
use primeorder::PrimeCurveParams;
use rustls_pki_types::InvalidSignature;

use super::jacobian::Point;

/// Bits of a digit. With 5 a table has 8 points, and a digit that is not 0 comes every sixth bit: 4 and 6 take more
/// additions in all.
const WIDTH: usize = 5;
/// Odd multiples of a point: 1, 3, … 15.
const MULTIPLES: usize = 1 << (WIDTH - 2);

/// Bits of the longest scalar, and one that a digit below 0 may carry into.
const MAX_DIGITS: usize = 384 + 1;

/// A signature to be checked, of numbers that everybody may know.
pub(super) struct PublicCheck<C: PrimeCurveParams> {
    /// What the base point is multiplied by.
    a: Scalar<C>,
    /// What the public key is multiplied by.
    b: Scalar<C>,
    key: Point<C::FieldElement>,
    r: Scalar<C>,
}

impl<C> PublicCheck<C>
where
    C: PrimeCurveParams,
    AffinePoint<C>: FromEncodedPoint<C> + ToEncodedPoint<C>,
    C::FieldBytesSize: ModulusSize,
    SignatureSize<C>: ArrayLength<u8>,
{
    /// Steps 1 to 4. A hash shorter than half of the curve's size is refused.
    pub(super) fn new(
        key: &VerifyingKey<C>,
        hash: &[u8],
        signature: &Signature<C>,
    ) -> Result<Self, InvalidSignature> {
        let hash = bits2field::<C>(hash).map_err(|_| InvalidSignature)?;
        // Neither is 0: the type has no such signature.
        let (r, s) = signature.split_scalars();
        let inverse = *Invert::invert_vartime(&s);
        Ok(Self {
            a: <Scalar<C> as Reduce<C::Uint>>::reduce_bytes(&hash) * inverse,
            b: *r * inverse,
            key: point_of::<C>(key).ok_or(InvalidSignature)?,
            r: *r,
        })
    }

    /// Steps 5 and 6.
    // Not inlined: its frame, 2 KB of points, would be part of every caller's frame.
    #[inline(never)]
    pub(super) fn run(&self) -> Result<(), InvalidSignature> {
        // Plain arrays, filled where they lie: a struct of both would be made elsewhere and copied.
        let mut digits = [0; 2 * MAX_DIGITS];
        let mut multiples = [Point::INFINITY; 2 * MULTIPLES];
        let (x, y) = C::GENERATOR;
        let points = [&Point::of(x, y), &self.key];
        for (multiples, point) in multiples.chunks_exact_mut(MULTIPLES).zip(points) {
            set_multiples(multiples, point);
        }
        for (digits, scalar) in digits.chunks_exact_mut(MAX_DIGITS).zip([self.a, self.b]) {
            let bytes: FieldBytes<C> = scalar.into();
            set_digits(digits, &bytes);
        }
        let sum = sum_of_products(&digits, &multiples);
        if candidates::<C>(&self.r).any(|x| sum.has_x(&x)) {
            Ok(())
        } else {
            Err(InvalidSignature)
        }
    }
}

/// The point of a public key.
fn point_of<C>(key: &VerifyingKey<C>) -> Option<Point<C::FieldElement>>
where
    C: PrimeCurveParams,
    AffinePoint<C>: FromEncodedPoint<C> + ToEncodedPoint<C>,
    C::FieldBytesSize: ModulusSize,
{
    let point = key.as_affine().to_encoded_point(false);
    let of = |bytes: &FieldBytes<C>| Option::from(C::FieldElement::from_repr(bytes.clone()));
    Some(Point::of(of(point.x()?)?, of(point.y()?)?))
}

/// The coordinates that are `r` modulo the order: `r` itself, and `r` + order where that is below the field's modulus.
fn candidates<C: PrimeCurveParams>(r: &Scalar<C>) -> impl Iterator<Item = C::FieldElement> {
    let small: FieldBytes<C> = (*r).into();
    let mut large = small.clone();
    // r + (order - 1) + 1
    let less: FieldBytes<C> = (-Scalar::<C>::ONE).into();
    let mut carry = true;
    for (byte, other) in large.iter_mut().zip(&less).rev() {
        (*byte, carry) = byte.carrying_add(*other, carry);
    }
    let large = Some(large).filter(|_| !carry);
    let numbers = [Some(small), large].into_iter().flatten();
    numbers.filter_map(|number| Option::from(C::FieldElement::from_repr(number)))
}

/// 1, 3, … 15 times `point`.
// Not inlined: its points are gone before the sum needs its own.
#[inline(never)]
fn set_multiples<F: PrimeField>(multiples: &mut [Point<F>], point: &Point<F>) {
    let mut double = point.clone();
    double.double();
    let mut next = point.clone();
    for multiple in multiples {
        *multiple = next.clone();
        next.add(&double, false);
    }
}

/// The sum of both products, with one chain of doublings (Straus).
fn sum_of_products<F: PrimeField>(
    digits: &[i8; 2 * MAX_DIGITS],
    multiples: &[Point<F>; 2 * MULTIPLES],
) -> Point<F> {
    let mut sum = Point::INFINITY;
    let used = digits.chunks_exact(MAX_DIGITS).map(used).max();
    for at in (0..used.unwrap_or(0)).rev() {
        sum.double();
        let terms = digits.chunks_exact(MAX_DIGITS);
        for (digits, multiples) in terms.zip(multiples.chunks_exact(MULTIPLES)) {
            let digit = digits.get(at).copied().unwrap_or(0);
            let multiple = multiples.get(usize::from(digit.unsigned_abs() / 2));
            if let Some(multiple) = multiple.filter(|_| digit != 0) {
                sum.add(multiple, digit < 0);
            }
        }
    }
    sum
}

/// How many digits there are without zeros at the top.
fn used(digits: &[i8]) -> usize {
    let last = digits.iter().rposition(|digit| *digit != 0);
    last.map_or(0, |last| last.saturating_add(1))
}

/// The number as digits that are 0 or odd and within ±15, the lowest first: of [`WIDTH`] in a row at most one is not 0.
/// All of `digits` are 0 before.
fn set_digits(digits: &mut [i8], big_endian: &[u8]) {
    let bit = |at: usize| {
        let byte = big_endian.iter().rev().nth(at / 8).copied().unwrap_or(0);
        byte >> (at % 8) & 1
    };
    let mut carry = 0;
    let mut at = 0;
    while let Some(place) = digits.get_mut(at) {
        if bit(at) == carry {
            at = at.saturating_add(1);
            continue;
        }
        let window = (0..WIDTH).zip(at..).map(|(shift, at)| bit(at) << shift);
        // Odd, and at most 31.
        let value = window.fold(carry, u8::saturating_add);
        carry = value >> (WIDTH - 1);
        *place = value
            .cast_signed()
            .wrapping_sub(i8::from(carry == 1) << WIDTH);
        at = at.saturating_add(WIDTH);
    }
}

#[cfg(test)]
mod tests;
