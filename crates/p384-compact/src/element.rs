//! What a field element and a scalar have in common.

/// Defines `$name`, a number modulo `$hex` in Montgomery form, with the traits that `primeorder` requires.
///
/// The modulus must be 3 modulo 4, and `$generator` one of its multiplicative group.
macro_rules! element {
    ($(#[$doc:meta])* $name:ident, $hex:expr, $generator:expr) => {
        use core::iter::{Product, Sum};
        use core::ops::{AddAssign, MulAssign, Neg, SubAssign};

        use elliptic_curve::bigint::U384;
        use elliptic_curve::ff::PrimeField;
        use elliptic_curve::subtle::{
            Choice, ConstantTimeEq, CtOption,
        };

        use crate::montgomery::{Modulus, Words};
        use crate::{FieldBytes, NistP384};

        pub(crate) const MODULUS: Modulus = Modulus::new($hex);
        /// One copy in memory.
        static SHARED: Modulus = MODULUS;

        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialOrd, Ord)]
        pub struct $name(U384);

        primeorder::impl_mont_field_element!(
            NistP384,
            $name,
            FieldBytes,
            U384,
            MODULUS.value,
            Words,
            leave,
            enter,
            add,
            subtract,
            multiply,
            negate,
            square
        );

        const fn enter(a: &Words) -> Words {
            SHARED.enter(a)
        }

        const fn leave(a: &Words) -> Words {
            SHARED.leave(a)
        }

        const fn add(a: &Words, b: &Words) -> Words {
            SHARED.add(a, b)
        }

        const fn subtract(a: &Words, b: &Words) -> Words {
            SHARED.subtract(a, b)
        }

        const fn multiply(a: &Words, b: &Words) -> Words {
            SHARED.multiply(a, b)
        }

        const fn square(a: &Words) -> Words {
            SHARED.multiply(a, a)
        }

        const fn negate(a: &Words) -> Words {
            SHARED.subtract(&U384::ZERO.to_words(), a)
        }

        impl $name {
            const fn inverse(&self) -> Self {
                Self(SHARED.invert(&self.0))
            }

            /// `1/self`; none for 0.
            pub fn invert(&self) -> CtOption<Self> {
                CtOption::new(self.inverse(), !self.is_zero())
            }

            /// A root of `self`, or none: `self^((m+1)/4)`, for a modulus m of 3 modulo 4.
            pub fn sqrt(&self) -> CtOption<Self> {
                let exponent = MODULUS.value.shr_vartime(2).wrapping_add(&U384::ONE);
                let mut root = Self::ONE;
                for bit in (0..U384::BITS).rev() {
                    root = root.square();
                    if exponent.bit_vartime(bit) {
                        root = root.multiply(self);
                    }
                }
                CtOption::new(root, root.square().ct_eq(self))
            }
        }

        impl PrimeField for $name {
            type Repr = FieldBytes;

            const MODULUS: &'static str = $hex;
            const NUM_BITS: u32 = 384;
            const CAPACITY: u32 = 383;
            const TWO_INV: Self = Self::from_u64(2).inverse();
            const MULTIPLICATIVE_GENERATOR: Self = Self::from_u64($generator);
            // m - 1 is twice an odd number, hence -1.
            const S: u32 = 1;
            const ROOT_OF_UNITY: Self = Self::ZERO.sub(&Self::ONE);
            const ROOT_OF_UNITY_INV: Self = Self::ROOT_OF_UNITY;
            const DELTA: Self = Self::MULTIPLICATIVE_GENERATOR.square();

            fn from_repr(bytes: FieldBytes) -> CtOption<Self> {
                Self::from_bytes(&bytes)
            }

            fn to_repr(&self) -> FieldBytes {
                self.to_bytes()
            }

            fn is_odd(&self) -> Choice {
                self.is_odd()
            }
        }
    };
}
