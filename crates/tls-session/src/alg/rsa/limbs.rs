//! Numbers as slices of limbs, the least significant first.
//!
//! The time of each function follows from lengths alone: public and private operations share them.

use core::cell::Cell;

use crypto_bigint::{Limb, Word};

/// Reads a big-endian number into all of `into`. None if it is too long.
pub(crate) fn read(bytes: &[u8], into: &mut [Limb]) -> Option<()> {
    let mut words = bytes.rchunks(Limb::BYTES);
    for limb in into {
        let bytes = words.next().unwrap_or_default();
        let value = bytes
            .iter()
            .fold(0, |value: Word, byte| value << 8 | Word::from(*byte));
        *limb = Limb(value);
    }
    words.next().is_none().then_some(())
}

/// Writes as many bytes as `out` has, big-endian, from the least significant on.
pub(crate) fn write(limbs: &[Limb], out: &mut [u8]) {
    for (bytes, limb) in out.rchunks_mut(Limb::BYTES).zip(limbs) {
        for (to, from) in bytes.iter_mut().rev().zip(limb.0.to_le_bytes()) {
            *to = from;
        }
    }
}

/// `-1 / odd` modulo 2 to the bits of a limb.
pub(crate) fn negative_inverse(odd: Limb) -> Limb {
    // An odd number is its own inverse modulo 8; each of Newton's steps doubles the bits.
    let mut inverse = odd;
    for _ in 0..5 {
        let error = Limb(2).wrapping_sub(odd.wrapping_mul(inverse));
        inverse = inverse.wrapping_mul(error);
    }
    Limb::ZERO.wrapping_sub(inverse)
}

/// Adds `a · b` to the limbs of `sum` that are as long as `b`; returns what is carried out of them.
pub(crate) fn multiply_add(a: Limb, b: &[Limb], sum: &mut [Limb]) -> Limb {
    let mut carry = Limb::ZERO;
    for (limb, b) in sum.iter_mut().zip(b) {
        (*limb, carry) = limb.mac(a, *b, carry);
    }
    carry
}

/// Montgomery's product without its last subtraction (Koç, Acar, Kaliski 1996, "CIOS"): `a · b / R` modulo
/// `modulus`, or that and once the modulus, where `a · b` is below `R · modulus`. Returns the limb above `product`.
///
/// R is 2 to the bits of the modulus's limbs, `inverse` the [`negative_inverse`] of its lowest limb. All slices are
/// equally long.
pub(crate) fn montgomery_product(
    a: &[Limb],
    b: &[Limb],
    modulus: &[Limb],
    inverse: Limb,
    product: &mut [Limb],
) -> Limb {
    product.fill(Limb::ZERO);
    let mut top = Limb::ZERO;
    for a in a {
        let carry = multiply_add(*a, b, product);
        let (middle, high) = top.adc(carry, Limb::ZERO);

        // product = (product + m · modulus) / 2^BITS, m such that nothing is lost.
        let cells = Cell::from_mut(&mut *product).as_slice_of_cells();
        let (Some(first), Some(last), Some(lowest)) =
            (cells.first(), cells.last(), modulus.first())
        else {
            return Limb::ZERO;
        };
        let m = first.get().wrapping_mul(inverse);
        let (_zero, mut carry) = first.get().mac(m, *lowest, Limb::ZERO);
        let pairs = cells.iter().zip(cells.iter().skip(1));
        for ((to, from), modulus) in pairs.zip(modulus.iter().skip(1)) {
            let (limb, out) = from.get().mac(m, *modulus, carry);
            to.set(limb);
            carry = out;
        }
        let (limb, carry) = middle.adc(carry, Limb::ZERO);
        last.set(limb);
        top = high.wrapping_add(carry);
    }
    top
}
