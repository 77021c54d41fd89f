//! What points are multiplied by.

use core::ops::{Shr, ShrAssign};

use elliptic_curve::ScalarPrimitive;
use elliptic_curve::bigint::{ArrayEncoding, Limb};
use elliptic_curve::ops::{Invert, Reduce};
use elliptic_curve::scalar::{FromUintUnchecked, IsHigh};
use elliptic_curve::subtle::{ConditionallySelectable, ConstantTimeGreater};

element!(
    /// A number modulo `n`, the order of the curve's group.
    Scalar,
    concat!(
        "ffffffffffffffffffffffffffffffffffffffffffffffff",
        "c7634d81f4372ddf581a0db248b0a77aecec196accc52973"
    ),
    2
);

impl AsRef<Scalar> for Scalar {
    fn as_ref(&self) -> &Self {
        self
    }
}

impl FromUintUnchecked for Scalar {
    type Uint = U384;

    fn from_uint_unchecked(number: U384) -> Self {
        Self::from_uint_unchecked(number)
    }
}

impl Invert for Scalar {
    type Output = CtOption<Self>;

    fn invert(&self) -> CtOption<Self> {
        self.invert()
    }
}

impl IsHigh for Scalar {
    fn is_high(&self) -> Choice {
        self.to_canonical()
            .ct_gt(&const { MODULUS.value.shr_vartime(1) })
    }
}

impl Reduce<U384> for Scalar {
    type Bytes = FieldBytes;

    fn reduce(number: U384) -> Self {
        // Below 2^384, hence below 2n.
        let (less, borrow) = number.sbb(&MODULUS.value, Limb::ZERO);
        let below = borrow.ct_eq(&Limb::MAX);
        Self::from_uint_unchecked(U384::conditional_select(&less, &number, below))
    }

    fn reduce_bytes(bytes: &FieldBytes) -> Self {
        Self::reduce(U384::from_be_byte_array(*bytes))
    }
}

impl Shr<usize> for Scalar {
    type Output = Self;

    /// Of the number itself, not of its Montgomery form.
    fn shr(self, distance: usize) -> Self {
        Self::from_uint_unchecked(self.to_canonical().shr_vartime(distance))
    }
}

impl ShrAssign<usize> for Scalar {
    fn shr_assign(&mut self, distance: usize) {
        *self = *self >> distance;
    }
}

impl From<ScalarPrimitive<NistP384>> for Scalar {
    fn from(scalar: ScalarPrimitive<NistP384>) -> Self {
        Self::from_uint_unchecked(*scalar.as_uint())
    }
}

impl From<Scalar> for ScalarPrimitive<NistP384> {
    fn from(scalar: Scalar) -> Self {
        // A scalar is below n; 0 is never taken.
        Self::new(scalar.to_canonical()).unwrap_or(Self::ZERO)
    }
}

impl From<Scalar> for FieldBytes {
    fn from(scalar: Scalar) -> Self {
        scalar.to_bytes()
    }
}

impl From<Scalar> for U384 {
    fn from(scalar: Scalar) -> Self {
        scalar.to_canonical()
    }
}
