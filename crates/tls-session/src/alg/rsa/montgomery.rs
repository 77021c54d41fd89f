//! Modular powers of public numbers, in the space of five of them (Montgomery 1985).
//!
//! Fixed-width integers would do the same with each width's temporaries on the stack, more than a
//! chip's task has; here one loop over slices serves every width. Its running time depends on
//! the numbers: never for anything secret.

use crypto_bigint::{Limb, Word};

use super::MAX;
use super::limbs::{montgomery_product, negative_inverse, read, write};

const LIMBS: usize = MAX / Limb::BYTES;

/// `base^exponent mod modulus`. All three byte strings are big-endian and equally long.
///
/// None if they are not, or longer than [`MAX`]; if the modulus is even or at most 1, the base not
/// below it, or the exponent even or below 3. `out` is then unspecified.
pub(super) fn power(
    modulus: &[u8],
    base_bytes: &[u8],
    exponent: u32,
    out: &mut [u8],
) -> Option<()> {
    let mut space = [[Limb::ZERO; LIMBS]; 5];
    let [modulus_space, base_space, factor, a, b] = &mut space;
    if base_bytes.len() != modulus.len() || out.len() != modulus.len() {
        return None;
    }
    let len = modulus.len().div_ceil(Limb::BYTES);
    let modulus_space = modulus_space.get_mut(..len)?;
    let base = base_space.get_mut(..len)?;
    read(modulus, modulus_space)?;
    read(base_bytes, base)?;
    let modulus = Modulus::new(modulus_space)?;
    let base = &*base;
    if exponent < 3 || exponent & 1 == 0 || !less(base, modulus.limbs) {
        return None;
    }
    let (factor, a, b) = (factor.get_mut(..len)?, a.get_mut(..len)?, b.get_mut(..len)?);

    let (square, other) = modulus.radix_squared(a, b)?;
    modulus.multiply(square, base, factor);
    square.copy_from_slice(factor);
    // Square and multiply from the top bit down.
    let (mut power, mut next) = (square, other);
    for bit in (0..exponent.ilog2()).rev() {
        modulus.multiply(power, power, next);
        core::mem::swap(&mut power, &mut next);
        if exponent >> bit & 1 == 1 {
            // The last factor is not in Montgomery form, and takes the result out of it.
            modulus.multiply(power, if bit == 0 { base } else { factor }, next);
            core::mem::swap(&mut power, &mut next);
        }
    }
    write(power, out);
    Some(())
}

fn less(a: &[Limb], b: &[Limb]) -> bool {
    a.iter()
        .rev()
        .map(|limb| limb.0)
        .lt(b.iter().rev().map(|limb| limb.0))
}

/// An odd number above 1. The radix R is 2 to the bits of its limbs.
struct Modulus<'l> {
    limbs: &'l [Limb],
    /// `-1 / limbs[0]` modulo 2 to the bits of a limb.
    inverse: Limb,
}

impl<'l> Modulus<'l> {
    fn new(limbs: &'l [Limb]) -> Option<Self> {
        let (first, rest) = limbs.split_first()?;
        let above_one = first.0 > 1 || rest.iter().any(|limb| limb.0 != 0);
        if first.0 & 1 == 0 || !above_one {
            return None;
        }
        Some(Self {
            limbs,
            inverse: negative_inverse(*first),
        })
    }

    /// R² modulo this, in one of two spaces as long as this, and the other space.
    fn radix_squared<'s>(
        &self,
        mut power: &'s mut [Limb],
        mut next: &'s mut [Limb],
    ) -> Option<(&'s mut [Limb], &'s mut [Limb])> {
        // The highest power of two below the modulus, which is 2^(n - 1) where it has n bits.
        power.fill(Limb::ZERO);
        let highest = self.limbs.iter().rposition(|limb| limb.0 != 0)?;
        let top = self.limbs.get(highest)?.0.ilog2();
        power.get_mut(highest)?.0 = 1 << top;
        // Doubled up to 2R.
        let bits = self.limbs.len() * Limb::BITS;
        let have = highest * Limb::BITS + usize::try_from(top).ok()?;
        for _ in have..=bits {
            self.double(power);
        }
        // Montgomery's product of R·2^a and R·2^b is R·2^(a + b); this makes R·2^bits.
        for bit in (0..bits.ilog2()).rev() {
            self.multiply(power, power, next);
            core::mem::swap(&mut power, &mut next);
            if bits >> bit & 1 == 1 {
                self.double(power);
            }
        }
        Some((power, next))
    }

    /// Doubles a number below this, modulo this.
    fn double(&self, number: &mut [Limb]) {
        let mut carry = 0;
        for limb in number.iter_mut() {
            let out = limb.0 >> (Limb::BITS - 1);
            limb.0 = limb.0 << 1 | carry;
            carry = out;
        }
        self.reduce(number, carry);
    }

    /// Subtracts this once from `number`, whose top limb is `carry`, if it is not below this.
    fn reduce(&self, number: &mut [Limb], carry: Word) {
        if carry == 0 && less(number, self.limbs) {
            return;
        }
        let mut borrow = Limb::ZERO;
        for (limb, subtrahend) in number.iter_mut().zip(self.limbs) {
            (*limb, borrow) = limb.sbb(*subtrahend, borrow);
        }
    }

    /// `a · b / R` modulo this, of two numbers below this. All slices are as long as this.
    fn multiply(&self, a: &[Limb], b: &[Limb], product: &mut [Limb]) {
        let top = montgomery_product(a, b, self.limbs, self.inverse, product);
        self.reduce(product, top.0);
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::vec::Vec;

    use crypto_bigint::modular::runtime_mod::{DynResidue, DynResidueParams};
    use crypto_bigint::{Encoding, U64, U4096};
    use rand_core::RngCore;

    use super::*;
    use tls_doubles::rng::TestRng;

    fn ours(modulus: &[u8], base: &[u8], exponent: u32) -> Option<Vec<u8>> {
        let mut out = std::vec![0xee; modulus.len()];
        power(modulus, base, exponent, &mut out).map(|()| out)
    }

    fn wide(bytes: &[u8]) -> U4096 {
        let mut padded = [0; MAX];
        padded[MAX - bytes.len()..].copy_from_slice(bytes);
        U4096::from_be_bytes(padded)
    }

    /// The same by the fixed-width integers of an independent implementation.
    fn theirs(modulus: Fixed, base: &[u8], exponent: u32) -> Vec<u8> {
        let result = DynResidue::new(&wide(base), modulus)
            .pow_bounded_exp(&U64::from_u32(exponent), 32)
            .retrieve();
        result.to_be_bytes()[MAX - base.len()..].to_vec()
    }

    type Fixed = DynResidueParams<{ U4096::LIMBS }>;

    /// Odd, and of exactly so many bits.
    fn modulus(rng: &mut TestRng, bits: usize, fill: Option<u8>) -> Vec<u8> {
        let mut bytes = std::vec![fill.unwrap_or_default(); bits.div_ceil(8)];
        if fill.is_none() {
            rng.fill_bytes(&mut bytes);
        }
        let top = (bits - 1) % 8;
        bytes[0] = bytes[0] & ((1 << top) - 1) | 1 << top;
        *bytes.last_mut().unwrap() |= 1;
        bytes
    }

    fn minus(number: &[u8], less: u8) -> Vec<u8> {
        let mut bytes = number.to_vec();
        // The last byte is odd, so that one or none can be taken without borrowing.
        *bytes.last_mut().unwrap() -= less;
        bytes
    }

    #[test]
    fn powers_agree_with_fixed_width_integers() {
        let mut rng = TestRng::new(5);
        // Around the edges of bytes and of limbs of 32 and 64 bits, with limbs of all ones and zeros.
        for bits in [
            2, 8, 31, 32, 33, 63, 64, 65, 127, 128, 129, 1000, 2048, 2049, 3071, 3072, 4064, 4095,
            4096,
        ] {
            for fill in [None, None, Some(0x00), Some(0xff)] {
                let modulus = modulus(&mut rng, bits, fill);
                let fixed = Fixed::new(&wide(&modulus));
                let mut random = modulus.clone();
                rng.fill_bytes(&mut random);
                random[0] = 0;
                let mut one = std::vec![0; modulus.len()];
                *one.last_mut().unwrap() = 1;
                let zero = std::vec![0; modulus.len()];
                for base in [zero, one, random, minus(&modulus, 1)] {
                    if base >= modulus {
                        continue;
                    }
                    for exponent in [3, 5, 17, 0x1_0001, 0x1_0003, u32::MAX] {
                        assert_eq!(
                            ours(&modulus, &base, exponent).unwrap(),
                            theirs(fixed, &base, exponent),
                            "{bits} bits, {fill:02x?}, base {base:02x?}, exponent {exponent}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn what_is_out_of_range_has_no_power() {
        let n = [0x0f; 16];
        assert!(ours(&n, &minus(&n, 1), 3).is_some());
        for (modulus, base, exponent) in [
            // Not below the modulus.
            (&n[..], n.to_vec(), 3),
            (&n, std::vec![0xff; 16], 3),
            // Not as long.
            (&n, std::vec![1; 15], 3),
            (&n, std::vec![0; 17], 3),
            (&[], std::vec![], 3),
            (&[0x0f; MAX + 1], std::vec![1; MAX + 1], 3),
            // An even exponent, or one that changes nothing.
            (&n, std::vec![1; 16], 0),
            (&n, std::vec![1; 16], 1),
            (&n, std::vec![1; 16], 2),
            (&n, std::vec![1; 16], 0x1_0000),
            // An even modulus, zero, one.
            (&[0x0e; 16], std::vec![1; 16], 3),
            (&[0], std::vec![0], 3),
            (&[1], std::vec![0], 3),
        ] {
            assert_eq!(ours(modulus, &base, exponent), None, "{modulus:02x?}");
        }
    }
}
