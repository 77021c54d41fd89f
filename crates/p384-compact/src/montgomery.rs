//! Numbers of 384 bits modulo an odd one with its top bit set, in Montgomery form with `R = 2^384`.
//!
//! All of it is `const`, so that constants of the curve are computed by the compiler, and nothing is
//! generic, so that field and scalars share one copy.

use elliptic_curve::bigint::{Limb, U384, Word};

/// Little-endian.
pub(crate) type Words = [Word; U384::LIMBS];

/// A modulus, and what is computed from it once.
#[derive(Debug)]
pub(crate) struct Modulus {
    pub(crate) value: U384,
    /// `R² mod value`
    square: U384,
    /// `-1/value mod 2^(bits of a word)`
    inverse: Limb,
}

impl Modulus {
    /// From 96 hexadecimal digits.
    pub(crate) const fn new(hex: &str) -> Self {
        let value = U384::from_be_hex(hex);
        // R mod value, because value is above R/2; then doubled 384 times.
        let mut square = U384::ZERO.wrapping_sub(&value);
        let mut bits = 0;
        while bits < U384::BITS {
            square = square.add_mod(&square, &value);
            bits += 1;
        }
        let [word, ..] = *value.as_words();
        // Newton: each step doubles the number of bits that are right, three at first.
        const TWO: Word = 2;
        let mut inverse = word;
        let mut right = 3;
        while right < Limb::BITS {
            inverse = inverse.wrapping_mul(TWO.wrapping_sub(word.wrapping_mul(inverse)));
            right *= 2;
        }
        Self {
            value,
            square,
            inverse: Limb(inverse.wrapping_neg()),
        }
    }

    /// `a·b/R`: for each limb of `b` a multiple of `a` is added, and a multiple of the modulus that
    /// makes the lowest limb 0 (Koç, Acar, Kaliski 1996, "FIOS").
    #[inline(never)]
    const fn product(&self, a: &U384, b: &U384) -> U384 {
        let mut sum = [Limb::ZERO; U384::LIMBS + 1];
        let mut rest = b.as_limbs().as_slice();
        while let [factor, others @ ..] = rest {
            self.step(&mut sum, a, *factor);
            rest = others;
        }
        let [low @ .., top] = sum;
        // Below twice the modulus.
        let (less, borrow) = U384::new(low).sbb(&self.value, Limb::ZERO);
        let (_, borrow) = top.sbb(Limb::ZERO, borrow);
        let mask = U384::new([borrow; U384::LIMBS]);
        less.wrapping_add(&self.value.bitand(&mask))
    }

    /// `sum = (sum + a·factor + modulus·something) / 2^(bits of a word)`
    const fn step(&self, sum: &mut [Limb; U384::LIMBS + 1], a: &U384, factor: Limb) {
        let [mut a, mut modulus] = [a.as_limbs().as_slice(), self.value.as_limbs()];
        let (mut carry, mut other_carry, mut multiple) = (Limb::ZERO, Limb::ZERO, Limb::ZERO);
        let mut to = sum.as_mut_slice();
        if let ([sum, ..], [a_limb, a_rest @ ..], [limb, rest @ ..]) = (&to, a, modulus) {
            let low;
            (low, carry) = sum.mac(*a_limb, factor, Limb::ZERO);
            multiple = low.wrapping_mul(self.inverse);
            (_, other_carry) = low.mac(*limb, multiple, Limb::ZERO);
            (a, modulus) = (a_rest, rest);
        }
        while let ([a_limb, a_rest @ ..], [limb, rest @ ..]) = (a, modulus) {
            if let [into, from @ ..] = to {
                if let [sum, ..] = from {
                    let low;
                    (low, carry) = sum.mac(*a_limb, factor, carry);
                    (*into, other_carry) = low.mac(*limb, multiple, other_carry);
                }
                to = from;
            }
            (a, modulus) = (a_rest, rest);
        }
        if let [into, top] = to {
            (*into, *top) = top.adc(carry, other_carry);
        }
    }

    /// `a·b/R`
    pub(crate) const fn multiply(&self, a: &Words, b: &Words) -> Words {
        self.product(&U384::from_words(*a), &U384::from_words(*b))
            .to_words()
    }

    /// `a·R`
    pub(crate) const fn enter(&self, a: &Words) -> Words {
        self.product(&U384::from_words(*a), &self.square).to_words()
    }

    /// `a/R`
    pub(crate) const fn leave(&self, a: &Words) -> Words {
        self.product(&U384::from_words(*a), &U384::ONE).to_words()
    }

    /// `a+b`
    pub(crate) const fn add(&self, a: &Words, b: &Words) -> Words {
        U384::from_words(*a)
            .add_mod(&U384::from_words(*b), &self.value)
            .to_words()
    }

    /// `a-b`
    pub(crate) const fn subtract(&self, a: &Words, b: &Words) -> Words {
        U384::from_words(*a)
            .sub_mod(&U384::from_words(*b), &self.value)
            .to_words()
    }

    /// `R²/a`, the inverse in Montgomery form; anything for 0.
    pub(crate) const fn invert(&self, a: &U384) -> U384 {
        let (inverse, _) = a.inv_odd_mod(&self.value);
        self.product(&self.product(&inverse, &self.square), &self.square)
    }
}
