//! ECDSA's check of a signature (FIPS 186-5 §6.4.2), everything in which is public.

use ecdsa::hazmat::VerifyPrimitive;
use ecdsa::{Error, Signature};
use elliptic_curve::bigint::ArrayEncoding;
use elliptic_curve::ops::{Invert, Reduce};
use elliptic_curve::point::{AffineCoordinates, Double};

use crate::{AffinePoint, FieldBytes, NistP384, ProjectivePoint, Scalar};

impl VerifyPrimitive<NistP384> for AffinePoint {
    // Not inlined: its frame, 2 KB of points, would be part of every caller's frame.
    #[inline(never)]
    fn verify_prehashed(
        &self,
        hash: &FieldBytes,
        signature: &Signature<NistP384>,
    ) -> Result<(), Error> {
        let (r, s) = signature.split_scalars();
        let inverse = *Invert::invert(&s);
        let sum = sum_of_products(
            &(Scalar::reduce_bytes(hash) * inverse),
            &(*r * inverse),
            &ProjectivePoint::from(*self),
        );
        if Scalar::reduce_bytes(&sum.to_affine().x()) == *r {
            Ok(())
        } else {
            Err(Error::new())
        }
    }
}

/// `a·G + b·point` with one chain of doublings for both, two bits of each at a time. Time and memory
/// access depend on `a` and `b`, which are public.
fn sum_of_products(a: &Scalar, b: &Scalar, point: &ProjectivePoint) -> ProjectivePoint {
    // [i + 4j] is i·G + j·point.
    let mut multiples = [ProjectivePoint::IDENTITY; 16];
    let mut first = ProjectivePoint::IDENTITY;
    for row in multiples.chunks_exact_mut(4) {
        let mut multiple = first;
        for place in row {
            *place = multiple;
            multiple += ProjectivePoint::GENERATOR;
        }
        first += point;
    }
    let [a, b] = [a, b].map(|scalar| scalar.to_canonical().to_be_byte_array());
    let mut sum = ProjectivePoint::IDENTITY;
    for (a, b) in a.into_iter().zip(b) {
        for shift in [6, 4, 2, 0] {
            sum = sum.double().double();
            match usize::from((a >> shift & 3) | (b >> shift & 3) << 2) {
                0 => {}
                which => sum += multiples.get(which).unwrap_or(&ProjectivePoint::IDENTITY),
            }
        }
    }
    sum
}
