//! Arithmetic modulo a secret odd number, in Montgomery form.
//!
//! No branch and no address depends on a value: the time follows from the number of limbs and from the widths of
//! the key's parts alone. Public numbers have a quicker type of their own, which secrets never reach
//! (`alg/rsa/montgomery.rs`).

use core::hint::black_box;

use crypto_bigint::{Limb, Word};
use subtle::{ConditionallySelectable, ConstantTimeEq};

use crate::alg::rsa::limbs::{montgomery_product, negative_inverse};

/// A secret modulus. The radix R is 2 to the bits of its limbs; every slice below is as long as it.
pub(super) struct Prime<'l> {
    limbs: &'l [Limb],
    inverse: Limb,
}

impl<'l> Prime<'l> {
    /// For a number that is even, or 1, the results mean nothing.
    pub(super) fn new(limbs: &'l [Limb]) -> Option<Self> {
        let inverse = negative_inverse(*limbs.first()?);
        Some(Self { limbs, inverse })
    }

    /// R and R², each modulo this.
    pub(super) fn radix(&self, radix: &mut [Limb], squared: &mut [Limb]) -> Option<()> {
        let (lowest, rest) = squared.split_first_mut()?;
        *lowest = Limb::ONE;
        rest.fill(Limb::ZERO);
        let bits = self.limbs.len().checked_mul(Limb::BITS)?;
        for _ in 0..bits {
            self.double(squared);
        }
        radix.copy_from_slice(squared);
        for _ in 0..bits {
            self.double(squared);
        }
        Some(())
    }

    /// `a · b / R`, of any `a` below R and a `b` below this.
    pub(super) fn multiply(&self, a: &[Limb], b: &[Limb], product: &mut [Limb]) {
        let top = montgomery_product(a, b, self.limbs, self.inverse, product);
        self.reduce(product, top);
    }

    /// `a / R`, of any `a` below R: out of Montgomery form. `one` is the caller's space.
    pub(super) fn leave(&self, a: &[Limb], one: &mut [Limb], result: &mut [Limb]) -> Option<()> {
        one.fill(Limb::ZERO);
        *one.first_mut()? = Limb::ONE;
        self.multiply(a, one, result);
        Some(())
    }

    /// `a + b`, of two numbers below this, in the place of `a`.
    pub(super) fn add(&self, a: &mut [Limb], b: &[Limb]) {
        let mut carry = Limb::ZERO;
        for (a, b) in a.iter_mut().zip(b) {
            (*a, carry) = a.adc(*b, carry);
        }
        self.reduce(a, carry);
    }

    /// `a - b`, of two numbers below this, in the place of `a`.
    pub(super) fn subtract(&self, a: &mut [Limb], b: &[Limb]) {
        let mut borrow = Limb::ZERO;
        for (a, b) in a.iter_mut().zip(b) {
            (*a, borrow) = a.sbb(*b, borrow);
        }
        // All ones where it went below zero.
        let mask = black_box(borrow);
        let mut carry = Limb::ZERO;
        for (a, modulus) in a.iter_mut().zip(self.limbs) {
            (*a, carry) = a.adc(*modulus & mask, carry);
        }
    }

    fn double(&self, number: &mut [Limb]) {
        let mut carry = Limb::ZERO;
        for limb in number.iter_mut() {
            (*limb, carry) = limb.adc(*limb, carry);
        }
        self.reduce(number, carry);
    }

    /// Takes this once off `number`, whose next limb is `top`, where that is not below this.
    fn reduce(&self, number: &mut [Limb], top: Limb) {
        let mut borrow = Limb::ZERO;
        for (limb, modulus) in number.iter().zip(self.limbs) {
            (_, borrow) = limb.sbb(*modulus, borrow);
        }
        (_, borrow) = top.sbb(Limb::ZERO, borrow);
        let mask = black_box(!borrow);
        let mut borrow = Limb::ZERO;
        for (limb, modulus) in number.iter_mut().zip(self.limbs) {
            (*limb, borrow) = limb.sbb(*modulus & mask, borrow);
        }
    }
}

/// Copies the entry at a secret `index`. Every entry is read.
pub(super) fn select(table: &[&mut [Limb]], index: Word, into: &mut [Limb]) {
    into.fill(Limb::ZERO);
    for (at, entry) in (0..).zip(table) {
        let at: Word = at;
        let mask = Limb(Word::conditional_select(&0, &Word::MAX, at.ct_eq(&index)));
        for (into, limb) in into.iter_mut().zip(entry.iter()) {
            *into = *into | (*limb & mask);
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::vec::Vec;

    use crypto_bigint::modular::runtime_mod::{DynResidue, DynResidueParams};
    use crypto_bigint::{Random, U1024};
    use tls_doubles::rng::TestRng;

    use super::*;

    /// The result of `then`, which gets space of the width.
    fn ours(then: impl FnOnce(&mut [Limb])) -> U1024 {
        let mut result = U1024::ZERO;
        then(result.as_limbs_mut());
        result
    }

    /// Odd numbers at the edges of limbs, and others.
    fn moduli(rng: &mut TestRng) -> Vec<U1024> {
        let one = U1024::ONE;
        let mut all = std::vec![U1024::MAX, U1024::from(3_u8), U1024::from(u64::MAX)];
        all.extend([31, 32, 63, 64, 1000, 1023].map(|bit| one.shl_vartime(bit) | one));
        all.extend((0..8).map(|_| U1024::random(rng) | one));
        all
    }

    #[test]
    fn results_are_those_of_fixed_width_integers() {
        let mut rng = TestRng::new(3);
        for modulus in moduli(&mut rng) {
            let prime = Prime::new(modulus.as_limbs()).unwrap();
            let params = DynResidueParams::new(&modulus);
            let residue = |number: &U1024| DynResidue::new(number, params);
            let (mut radix, mut squared) = (U1024::ZERO, U1024::ZERO);
            prime
                .radix(radix.as_limbs_mut(), squared.as_limbs_mut())
                .unwrap();
            assert_eq!(radix, *residue(&U1024::ONE).as_montgomery(), "{modulus}");
            assert_eq!(squared, *residue(&radix).as_montgomery(), "{modulus}");

            let below = |number: U1024| residue(&number).retrieve();
            let most = modulus.wrapping_sub(&U1024::ONE);
            let mut numbers = std::vec![U1024::ZERO, U1024::ONE, most, below(U1024::MAX)];
            numbers.extend((0..4).map(|_| below(U1024::random(&mut rng))));
            for a in &numbers {
                let mut one = U1024::ZERO;
                let left = ours(|result| {
                    let one = one.as_limbs_mut();
                    prime.leave(a.as_limbs(), one, result).unwrap();
                });
                let theirs = DynResidue::from_montgomery(*a, params).retrieve();
                assert_eq!(left, theirs, "{modulus} {a}");
                for b in &numbers {
                    let product = ours(|it| prime.multiply(a.as_limbs(), b.as_limbs(), it));
                    let theirs = DynResidue::from_montgomery(*a, params)
                        .mul(&DynResidue::from_montgomery(*b, params));
                    assert_eq!(product, *theirs.as_montgomery(), "{modulus} {a} {b}");
                    let mut sum = *a;
                    prime.add(sum.as_limbs_mut(), b.as_limbs());
                    assert_eq!(sum, a.add_mod(b, &modulus), "{modulus} {a} {b}");
                    let mut difference = *a;
                    prime.subtract(difference.as_limbs_mut(), b.as_limbs());
                    assert_eq!(difference, a.sub_mod(b, &modulus), "{modulus} {a} {b}");
                }
            }
            // The first factor may be any number of the width.
            let entered = ours(|it| prime.multiply(U1024::MAX.as_limbs(), squared.as_limbs(), it));
            assert_eq!(entered, *residue(&U1024::MAX).as_montgomery(), "{modulus}");
        }
    }

    #[test]
    fn the_selected_entry_is_copied() {
        let mut numbers = std::vec![[Limb::ZERO; 3]; 16];
        for (number, value) in numbers.iter_mut().zip(1..) {
            *number = [Limb(value), Limb(Word::MAX - value), Limb(value << 8)];
        }
        let expected = numbers.clone();
        let table: Vec<&mut [Limb]> = numbers.iter_mut().map(|it| &mut it[..]).collect();
        for (index, expected) in (0..).zip(&expected) {
            let mut into = [Limb(9); 3];
            select(&table, index, &mut into);
            assert_eq!(into, *expected);
        }
    }
}
