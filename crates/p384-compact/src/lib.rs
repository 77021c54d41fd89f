//! ECDSA over NIST P-384 (FIPS 186-5, SP 800-186 §3.2.1.4) with little code.
//!
//! The crate `p384` computes with unrolled multiplications: 90 KB on a 32-bit chip. Here there is one
//! loop for the field and the scalars. Points, encodings, RFC 6979 and the making of signatures are the
//! same crates as below `p384` (`primeorder`, `elliptic-curve`, `ecdsa`), and the types have the same
//! names.
//!
//! ```text
//! ecdsa::{SigningKey, VerifyingKey, Signature}     SecretKey, PublicKey
//!        └────────── ecdsa ──────────┴─ elliptic-curve ─┘
//!                        primeorder: points
//!                field: modulo p    scalar: modulo n
//!                        montgomery: loops
//! ```
//!
//! No operation's time or memory access depends on a secret: the exponent of
//! [`sqrt`](elliptic_curve::ff::Field::sqrt) and the distance of a shift are public, and so is all that
//! a signature is checked with.
#![no_std]

#[macro_use]
mod element;
mod field;
mod montgomery;
mod scalar;
mod verify;

use elliptic_curve::bigint::{ArrayEncoding, U384};
use elliptic_curve::consts::U48;
use elliptic_curve::point::{PointCompaction, PointCompression};
use elliptic_curve::{
    Curve, CurveArithmetic, FieldBytesEncoding, PrimeCurve, PrimeCurveArithmetic,
};
use primeorder::PrimeCurveParams;
use primeorder::point_arithmetic::EquationAIsMinusThree;

pub use elliptic_curve;
pub use field::FieldElement;
pub use scalar::Scalar;

/// The curve.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct NistP384;

/// 48 bytes, big-endian: a coordinate or a scalar.
pub type FieldBytes = elliptic_curve::FieldBytes<NistP384>;
/// A point in affine form.
pub type AffinePoint = primeorder::AffinePoint<NistP384>;
/// A point in projective form.
pub type ProjectivePoint = primeorder::ProjectivePoint<NistP384>;
/// A point that is a public key.
pub type PublicKey = elliptic_curve::PublicKey<NistP384>;
/// A scalar that is a private key.
pub type SecretKey = elliptic_curve::SecretKey<NistP384>;

/// Signatures, and the keys that make and check them.
pub mod ecdsa {
    use super::{NistP384, Scalar};
    use ::ecdsa::hazmat::{DigestPrimitive, SignPrimitive};

    /// Two scalars.
    pub type Signature = ::ecdsa::Signature<NistP384>;
    /// A private key; it signs as RFC 6979 says, with SHA-384.
    pub type SigningKey = ::ecdsa::SigningKey<NistP384>;
    /// A public key.
    pub type VerifyingKey = ::ecdsa::VerifyingKey<NistP384>;

    impl DigestPrimitive for NistP384 {
        type Digest = sha2::Sha384;
    }

    impl SignPrimitive<NistP384> for Scalar {}
}

impl Curve for NistP384 {
    type FieldBytesSize = U48;
    type Uint = U384;
    const ORDER: U384 = scalar::MODULUS.value;
}

impl PrimeCurve for NistP384 {}

impl PointCompression for NistP384 {
    const COMPRESS_POINTS: bool = false;
}

impl PointCompaction for NistP384 {
    const COMPACT_POINTS: bool = false;
}

impl FieldBytesEncoding<NistP384> for U384 {
    fn decode_field_bytes(bytes: &FieldBytes) -> Self {
        Self::from_be_byte_array(*bytes)
    }

    fn encode_field_bytes(&self) -> FieldBytes {
        self.to_be_byte_array()
    }
}

impl CurveArithmetic for NistP384 {
    type AffinePoint = AffinePoint;
    type ProjectivePoint = ProjectivePoint;
    type Scalar = Scalar;
}

impl PrimeCurveArithmetic for NistP384 {
    type CurveGroup = ProjectivePoint;
}

/// The numbers of SP 800-186 §3.2.1.4.
impl PrimeCurveParams for NistP384 {
    type FieldElement = FieldElement;
    type PointArithmetic = EquationAIsMinusThree;

    const EQUATION_A: FieldElement = FieldElement::ZERO.sub(&FieldElement::from_u64(3));
    const EQUATION_B: FieldElement = FieldElement::from_hex(concat!(
        "b3312fa7e23ee7e4988e056be3f82d19181d9c6efe814112",
        "0314088f5013875ac656398d8a2ed19d2a85c8edd3ec2aef"
    ));
    const GENERATOR: (FieldElement, FieldElement) = (
        FieldElement::from_hex(concat!(
            "aa87ca22be8b05378eb1c71ef320ad746e1d3b628ba79b98",
            "59f741e082542a385502f25dbf55296c3a545e3872760ab7"
        )),
        FieldElement::from_hex(concat!(
            "3617de4a96262c6f5d9e98bf9292dc29f8f41dbd289a147c",
            "e9da3113b5f0b8c00a60b1ce1d7e819d7a431d7c90ea0e5f"
        )),
    );
}

/// The code of the README, compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
