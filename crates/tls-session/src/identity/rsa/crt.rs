//! RSA private operations by the Chinese remainder theorem (RFC 8017 §5.1.2, 2.b): two powers of half the width.
//!
//! ```text
//! m1 = message^dP mod p      m2 = message^dQ mod q
//! result = m2 + q · ((m1 - m2) · qInv mod p)
//! ```
//!
//! One wrong bit in one of the halves makes a result that gives the factors away (Boneh, DeMillo, Lipton 1997), so
//! the caller must not let one out that does not verify.

use crypto_bigint::Limb;
use subtle::ConstantTimeEq;
use zeroize::Zeroize as _;

use super::prime::{Prime, select};
use crate::alg::rsa::MAX;
use crate::alg::rsa::limbs::{multiply_add, read, write};

/// Limbs of the widest prime.
const HALF: usize = MAX / 2 / Limb::BYTES;

/// Limbs of the widest modulus.
const WHOLE: usize = 2 * HALF;

/// Bits of an exponent that are taken at a time: a table of 16 numbers, 4 KiB.
const WINDOW: usize = 4;

/// A number as wide as a prime.
type Number = [Limb; HALF];

/// Numbers that are wiped when this is dropped. It borrows them, because an owner's array would be moved into it, and
/// be on the stack twice.
struct Wiped<'l, const N: usize>(&'l mut [Number; N]);

impl<const N: usize> Drop for Wiped<'_, N> {
    fn drop(&mut self) {
        self.0.as_flattened_mut().zeroize();
    }
}

/// The secret parts of an RSA key of two primes, big-endian.
#[derive(Clone, Copy)]
pub(crate) struct Factors<'a> {
    /// p and q, without leading zeros.
    pub(in crate::identity) primes: [&'a [u8]; 2],
    /// dP and dQ, without leading zeros.
    pub(in crate::identity) exponents: [&'a [u8]; 2],
    /// qInv, the inverse of q modulo p, without leading zeros.
    pub(in crate::identity) coefficient: &'a [u8],
}

impl Factors<'_> {
    /// Limbs of the wider prime.
    fn limbs(&self) -> usize {
        let [p, q] = self.primes;
        p.len().max(q.len()).div_ceil(Limb::BYTES)
    }

    /// Whether the primes are two numbers above 1 whose product is `modulus`.
    pub(super) fn are_of(&self, modulus: &[u8]) -> bool {
        // With one of them 1 the other were the modulus, and a half would be the whole.
        self.primes.iter().all(|prime| prime.len() > 1) && self.product_is(modulus) == Some(true)
    }

    /// On its own: its numbers are on the stack for as long as it runs.
    #[inline(never)]
    fn product_is(&self, modulus: &[u8]) -> Option<bool> {
        let mut space = [[Limb::ZERO; HALF]; 6];
        let Wiped([p, q, wide @ ..]) = &mut Wiped(&mut space);
        let (product, expected) = wide.as_flattened_mut().split_at_mut_checked(WHOLE)?;
        let len = self.limbs();
        let (p, q) = (p.get_mut(..len)?, q.get_mut(..len)?);
        let [prime1, prime2] = self.primes;
        read(prime1, p)?;
        read(prime2, q)?;
        add_product(p, q, product)?;
        read(modulus, expected)?;
        Some((*product).ct_eq(expected).into())
    }

    /// `message^d`, of a message below the modulus and as long as it. None where the parts have no such widths; where
    /// they contradict each other, something else.
    #[inline(never)]
    pub(super) fn power(&self, message: &[u8], out: &mut [u8]) -> Option<()> {
        let len = self.limbs();
        let mut space = [[Limb::ZERO; HALF]; 9];
        let mut table = [[Limb::ZERO; HALF]; 1 << WINDOW];
        let Wiped([result @ .., a, b, c, d, e, f, g]) = &mut Wiped(&mut space);
        let Wiped(table) = &mut Wiped(&mut table);
        let mut cut = [a, b, c, d, e, f, g].map(|it| it.get_mut(..len));
        let mut next = cut.iter_mut().filter_map(Option::take);
        let (prime, second) = (next.next()?, next.next()?);
        let mut room = Room {
            table: table
                .each_mut()
                .map(|it| it.get_mut(..len).unwrap_or_default()),
            squared: next.next()?,
            exponent: next.next()?,
            factor: next.next()?,
            power: next.next()?,
            other: next.next()?,
        };
        let ([p, q], [d_p, d_q]) = (self.primes, self.exponents);

        read(q, prime)?;
        let modulus = Prime::new(prime)?;
        room.raise(&modulus, message, d_q)?;
        modulus.leave(room.power, room.factor, second)?;

        read(p, prime)?;
        let modulus = Prime::new(prime)?;
        room.raise(&modulus, message, d_p)?;
        // m2 may be above p: this brings it below, and into the form of m1.
        modulus.multiply(second, room.squared, room.other);
        modulus.subtract(room.power, room.other);
        // One factor is in Montgomery form, so the product is not.
        read(self.coefficient, room.factor)?;
        modulus.multiply(room.factor, room.power, room.other);

        let result = result.as_flattened_mut();
        result.get_mut(..len)?.copy_from_slice(second);
        read(q, prime)?;
        add_product(room.other, prime, result)?;
        write(result, out);
        Some(())
    }
}

/// Adds `a · b`, two numbers of the same length, to a number of that length in `sum`.
fn add_product(a: &[Limb], b: &[Limb], sum: &mut [Limb]) -> Option<()> {
    for (at, a) in a.iter().enumerate() {
        let carry = multiply_add(*a, b, sum.get_mut(at..)?);
        *sum.get_mut(at.checked_add(b.len())?)? = carry;
    }
    Some(())
}

/// What a power takes beside its prime; each number is as long as that.
struct Room<'s> {
    /// The powers 0 to 15 of the base.
    table: [&'s mut [Limb]; 1 << WINDOW],
    /// R² modulo the prime, after a power.
    squared: &'s mut [Limb],
    exponent: &'s mut [Limb],
    /// The entry of the table that is needed.
    factor: &'s mut [Limb],
    power: &'s mut [Limb],
    other: &'s mut [Limb],
}

impl Room<'_> {
    /// `message^exponent` modulo a prime, in Montgomery form, in [`Self::power`].
    fn raise(&mut self, prime: &Prime<'_>, message: &[u8], exponent: &[u8]) -> Option<()> {
        self.tabulate(prime, message)?;
        read(exponent, self.exponent)?;
        self.power.copy_from_slice(self.table.first()?);
        for limb in self.exponent.iter().rev() {
            for shift in (0..Limb::BITS).step_by(WINDOW).rev() {
                for _ in 0..WINDOW {
                    prime.multiply(self.power, self.power, self.other);
                    core::mem::swap(&mut self.power, &mut self.other);
                }
                select(&self.table, limb.0 >> shift & 0xf, self.factor);
                prime.multiply(self.power, self.factor, self.other);
                core::mem::swap(&mut self.power, &mut self.other);
            }
        }
        Some(())
    }

    /// Fills the table.
    fn tabulate(&mut self, prime: &Prime<'_>, message: &[u8]) -> Option<()> {
        let [one, base, ..] = &mut self.table;
        prime.radix(one, self.squared)?;
        // message = high · R + low, and each product with R² brings an R in.
        let low = base.len().checked_mul(Limb::BYTES)?;
        let (high, low) = message.split_at_checked(message.len().checked_sub(low)?)?;
        read(high, self.power)?;
        prime.multiply(self.power, self.squared, self.other);
        prime.multiply(self.other, self.squared, base);
        read(low, self.power)?;
        prime.multiply(self.power, self.squared, self.other);
        prime.add(base, self.other);
        for index in 2..self.table.len() {
            let (before, rest) = self.table.split_at_mut_checked(index)?;
            let ([_, base, ..], Some(last), Some(next)) =
                (&*before, before.last(), rest.first_mut())
            else {
                return None;
            };
            prime.multiply(last, base, next);
        }
        Some(())
    }
}
