//! RSASSA-PSS and RSASSA-PKCS1-v1_5 signatures (RFC 8017 §8.1.1, §8.2.1) with a private key, without an allocator.
//!
//! By the Chinese remainder theorem, in a time that depends on widths alone. No signature is returned that the public
//! key does not verify.

mod crt;
mod prime;
#[cfg(test)]
mod tests;

use crate::reason::{Cause, SetupError};
use heapless::Vec;
use rand_core::CryptoRngCore;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

pub(super) use self::crt::Factors;
use super::MAX_SIGNATURE;
use crate::alg::rsa::{PublicKey, bits_of, recover};
use crate::alg::{Hash, RSA_BITS};

/// An RSA key that can sign.
pub(crate) struct PrivateKey<'a> {
    public: PublicKey<'a>,
    factors: Factors<'a>,
}

fn stripped(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number.get(zeros..).unwrap_or_default()
}

impl<'a> PrivateKey<'a> {
    /// Compares the factors with the modulus. Whether the other parts belong to them shows when they sign.
    pub(super) fn new(
        modulus: &'a [u8],
        public_exponent: &[u8],
        factors: Factors<'a>,
    ) -> Result<Self, Cause> {
        let modulus = stripped(modulus);
        let bits = bits_of(modulus).ok_or(SetupError::KeyUnreadable)?;
        if !RSA_BITS.contains(&bits) {
            return Err(Cause::Setup(SetupError::KeyUnsupported));
        }
        let mut exponent = 0_u32;
        for byte in stripped(public_exponent) {
            exponent = exponent
                .checked_mul(256)
                .ok_or(Cause::Setup(SetupError::KeyUnsupported))?;
            exponent |= u32::from(*byte);
        }
        let public = PublicKey::new(modulus, exponent).map_err(|_| SetupError::KeyUnreadable)?;
        let factors = Factors {
            primes: factors.primes.map(stripped),
            exponents: factors.exponents.map(stripped),
            coefficient: stripped(factors.coefficient),
        };
        if !factors.are_of(modulus) {
            return Err(Cause::Setup(SetupError::KeyInconsistent));
        }
        Ok(Self { public, factors })
    }

    /// Modulus, public exponent and the secret parts.
    #[cfg(feature = "rustls")]
    pub(super) const fn parts(&self) -> (&'a [u8], u32, Factors<'a>) {
        (self.public.modulus(), self.public.exponent(), self.factors)
    }

    pub(super) const fn bits(&self) -> u32 {
        self.public.bits()
    }

    /// Bytes of the modulus, and of each signature.
    pub(super) const fn len(&self) -> usize {
        self.public.modulus().len()
    }

    /// Whether `public` (RSAPublicKey, DER) is the other half.
    pub(super) fn belongs_to(&self, public: &[u8]) -> bool {
        PublicKey::parse(public).is_ok_and(|public| public == self.public)
    }

    /// A salt as long as the hash, as RFC 8446 §4.2.3 asks.
    pub(super) fn sign_pss(
        &self,
        hash: Hash,
        message: &[&[u8]],
        rng: &mut impl CryptoRngCore,
    ) -> Result<Vec<u8, MAX_SIGNATURE>, Cause> {
        let mut salt = [0; 64];
        let salt = salt
            .get_mut(..hash.len())
            .ok_or(Cause::Setup(SetupError::KeyUnreadable))?;
        rng.fill_bytes(salt);
        self.sign_salted(hash, message, salt)
    }

    pub(super) fn sign_salted(
        &self,
        hash: Hash,
        message: &[&[u8]],
        salt: &[u8],
    ) -> Result<Vec<u8, MAX_SIGNATURE>, Cause> {
        let mut padded = [0; MAX_SIGNATURE];
        self.pad_pss(hash, message, salt, &mut padded)
            .ok_or(SetupError::KeyUnreadable)?;
        self.private_operation(&padded)
    }

    fn pad_pss(
        &self,
        hash: Hash,
        message: &[&[u8]],
        salt: &[u8],
        padded: &mut [u8; MAX_SIGNATURE],
    ) -> Option<()> {
        let em_bits = self.bits().checked_sub(1)?;
        let em_len = usize::try_from(em_bits.div_ceil(8)).ok()?;
        let digest = hash.of(message);
        let again = hash.of(&[&[0; 8], digest.as_slice(), salt]);

        // EM = maskedDB | H | bc, at the end of the widest modulus.
        let encoded = padded.get_mut(MAX_SIGNATURE.checked_sub(em_len)?..)?;
        let (trailer, body) = encoded.split_last_mut()?;
        *trailer = 0xbc;
        let (db, seed) = body.split_at_mut_checked(body.len().checked_sub(hash.len())?)?;
        seed.copy_from_slice(again.as_slice());
        let salt_at = db.len().checked_sub(salt.len())?;
        *db.get_mut(salt_at.checked_sub(1)?)? = 1;
        db.get_mut(salt_at..)?.copy_from_slice(salt);
        for (counter, block) in (0_u32..).zip(db.chunks_mut(hash.len())) {
            let mask = hash.of(&[seed, &counter.to_be_bytes()]);
            for (byte, mask) in block.iter_mut().zip(mask.as_slice()) {
                *byte ^= mask;
            }
        }
        let unused = u32::try_from(em_len)
            .ok()?
            .checked_mul(8)?
            .checked_sub(em_bits)?;
        *db.first_mut()? &= 0xff_u8.checked_shr(unused)?;
        Some(())
    }

    /// EMSA-PKCS1-v1_5 (RFC 8017 §9.2): what TLS 1.2 servers ask for that do not know PSS.
    pub(super) fn sign_pkcs1(
        &self,
        hash: Hash,
        message: &[&[u8]],
    ) -> Result<Vec<u8, MAX_SIGNATURE>, Cause> {
        let mut padded = [0; MAX_SIGNATURE];
        self.pad_pkcs1(hash, message, &mut padded)
            .ok_or(SetupError::KeyUnreadable)?;
        self.private_operation(&padded)
    }

    fn pad_pkcs1(
        &self,
        hash: Hash,
        message: &[&[u8]],
        padded: &mut [u8; MAX_SIGNATURE],
    ) -> Option<()> {
        let encoded = padded.get_mut(MAX_SIGNATURE.checked_sub(self.len())?..)?;
        let digest = hash.of(message);
        let info = hash.digest_info();
        let (padding, rest) = encoded.split_at_mut_checked(
            encoded
                .len()
                .checked_sub(info.len())?
                .checked_sub(hash.len())?,
        )?;
        // 00 01 FF … FF 00, with eight times FF at least: RSA of 2048 bits leaves 202 for SHA-512.
        let (first, padding) = padding.split_first_chunk_mut::<2>()?;
        let (last, padding) = padding.split_last_mut()?;
        *first = [0, 1];
        padding.fill(0xff);
        *last = 0;
        let (place, value) = rest.split_at_mut_checked(info.len())?;
        place.copy_from_slice(info);
        value.copy_from_slice(digest.as_slice());
        Some(())
    }

    /// The signature of a padded message, which stands at the end of `padded`. It is verified: a wrong part of the key,
    /// or a fault of the processor, makes a signature that gives the factors away.
    fn private_operation(
        &self,
        padded: &[u8; MAX_SIGNATURE],
    ) -> Result<Vec<u8, MAX_SIGNATURE>, Cause> {
        let from = MAX_SIGNATURE.saturating_sub(self.len());
        let padded = padded.get(from..).unwrap_or_default();
        let mut buffer = Zeroizing::new([0; MAX_SIGNATURE]);
        let signature = buffer.get_mut(from..).unwrap_or_default();
        self.factors
            .power(padded, signature)
            .ok_or(SetupError::KeyInconsistent)?;
        if !self.verifies(signature, padded) {
            return Err(SetupError::KeyInconsistent.into());
        }
        Vec::from_slice(signature).map_err(|_| SetupError::KeyUnsupported.into())
    }

    /// On its own: its buffers and those of the private operation are not on the stack at once.
    #[inline(never)]
    fn verifies(&self, signature: &[u8], padded: &[u8]) -> bool {
        let mut buffer = [0; MAX_SIGNATURE];
        let recovered = recover(&self.public, signature, &mut buffer);
        recovered.is_ok_and(|recovered| bool::from((*recovered).ct_eq(padded)))
    }
}
