//! RSASSA-PSS and RSASSA-PKCS1-v1_5 signatures (RFC 8017 §8.1.1, §8.2.1) with a private key, without an allocator.
//!
//! One modular power with the private exponent, in Montgomery form with a fixed window, whose time
//! depends on the width alone (crypto-bigint). The Chinese remainder theorem would be four times
//! quicker; it is left out because a single fault in it gives the key away, and because it needs
//! four secrets more. The caller checks each signature before it is sent.

use crate::reason::{Cause, SetupError};
use crypto_bigint::modular::runtime_mod::{DynResidue, DynResidueParams};
use crypto_bigint::{Encoding, U2048, U3072, U4096};
use heapless::Vec;
use rand_core::CryptoRngCore;
use zeroize::{Zeroize, Zeroizing};

use super::MAX_SIGNATURE;
use super::signer::rsa_bits_taken;
use crate::alg::Hash;
use crate::alg::rsa::PublicKey;

/// An RSA key that can sign.
pub(crate) struct PrivateKey<'a> {
    /// Big-endian, without leading zeros.
    modulus: &'a [u8],
    bits: u32,
    public_exponent: u32,
    private_exponent: &'a [u8],
}

fn stripped(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number.get(zeros..).unwrap_or_default()
}

macro_rules! private_operation {
    ($name:ident, $uint:ty, $bytes:literal) => {
        fn $name(
            modulus: &[u8],
            exponent: &[u8],
            base: &[u8; MAX_SIGNATURE],
            out: &mut [u8; MAX_SIGNATURE],
        ) -> Option<()> {
            let number = |bytes: &[u8]| -> Option<$uint> {
                let mut padded = Zeroizing::new([0; $bytes]);
                let from = padded.len().checked_sub(bytes.len())?;
                padded.get_mut(from..)?.copy_from_slice(bytes);
                Some(<$uint>::from_be_bytes(*padded))
            };
            let modulus = number(modulus)?;
            let base = number(base.get(MAX_SIGNATURE.checked_sub($bytes)?..)?)?;
            let mut exponent = number(exponent)?;
            if base >= modulus {
                return None;
            }
            // The modulus is odd (checked when it was read), which is all this asks for.
            let base = DynResidue::new(&base, DynResidueParams::new(&modulus));
            let power = base.pow(&exponent).retrieve().to_be_bytes();
            exponent.zeroize();
            out.get_mut(MAX_SIGNATURE.checked_sub($bytes)?..)?
                .copy_from_slice(&power);
            Some(())
        }
    };
}

private_operation!(private_2048, U2048, 256);
private_operation!(private_3072, U3072, 384);
private_operation!(private_4096, U4096, 512);

impl<'a> PrivateKey<'a> {
    pub(super) fn new(
        modulus: &'a [u8],
        public_exponent: &[u8],
        private_exponent: &'a [u8],
    ) -> Result<Self, Cause> {
        let (modulus, private_exponent) = (stripped(modulus), stripped(private_exponent));
        let first = modulus
            .first()
            .ok_or(Cause::Setup(SetupError::KeyUnreadable))?;
        let bits = u32::try_from(modulus.len())
            .ok()
            .and_then(|bytes| bytes.checked_mul(8))
            .and_then(|bits| bits.checked_sub(first.leading_zeros()))
            .ok_or(Cause::Setup(SetupError::KeyUnreadable))?;
        if !rsa_bits_taken(bits) {
            return Err(Cause::Setup(SetupError::KeyUnsupported));
        }
        let mut exponent = 0_u32;
        for byte in stripped(public_exponent) {
            exponent = exponent
                .checked_mul(256)
                .ok_or(Cause::Setup(SetupError::KeyUnsupported))?;
            exponent |= u32::from(*byte);
        }
        let odd = |number: &[u8]| number.last().is_some_and(|last| last & 1 == 1);
        if !odd(modulus)
            || !odd(private_exponent)
            || exponent < 3
            || private_exponent.len() > modulus.len()
        {
            return Err(Cause::Setup(SetupError::KeyUnreadable));
        }
        Ok(Self {
            modulus,
            bits,
            public_exponent: exponent,
            private_exponent,
        })
    }

    /// Modulus, public exponent and private exponent.
    #[cfg(feature = "rustls")]
    pub(super) const fn parts(&self) -> (&'a [u8], u32, &'a [u8]) {
        (self.modulus, self.public_exponent, self.private_exponent)
    }

    pub(super) const fn bits(&self) -> u32 {
        self.bits
    }

    /// Bytes of the modulus, and of each signature.
    pub(super) const fn len(&self) -> usize {
        self.modulus.len()
    }

    /// Whether `public` (RSAPublicKey, DER) is the other half.
    pub(super) fn belongs_to(&self, public: &[u8]) -> bool {
        PublicKey::parse(public).is_ok_and(|public| {
            public.modulus() == self.modulus && public.exponent() == self.public_exponent
        })
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
            .ok_or(Cause::Setup(SetupError::KeyUnreadable))
    }

    pub(super) fn sign_salted(
        &self,
        hash: Hash,
        message: &[&[u8]],
        salt: &[u8],
    ) -> Option<Vec<u8, MAX_SIGNATURE>> {
        let mut padded = [0; MAX_SIGNATURE];
        let em_bits = self.bits.checked_sub(1)?;
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

        let signature = self.private_operation(&padded);
        padded.zeroize();
        signature
    }

    /// EMSA-PKCS1-v1_5 (RFC 8017 §9.2): what TLS 1.2 servers ask for that do not know PSS.
    pub(super) fn sign_pkcs1(
        &self,
        hash: Hash,
        message: &[&[u8]],
    ) -> Option<Vec<u8, MAX_SIGNATURE>> {
        let mut padded = [0; MAX_SIGNATURE];
        let encoded = padded.get_mut(MAX_SIGNATURE.checked_sub(self.modulus.len())?..)?;
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
        self.private_operation(&padded)
    }

    fn private_operation(&self, padded: &[u8; MAX_SIGNATURE]) -> Option<Vec<u8, MAX_SIGNATURE>> {
        let mut signature = [0; MAX_SIGNATURE];
        let operation = match self.modulus.len() {
            ..=256 => private_2048,
            257..=384 => private_3072,
            _ => private_4096,
        };
        operation(self.modulus, self.private_exponent, padded, &mut signature)?;
        let from = MAX_SIGNATURE.checked_sub(self.modulus.len())?;
        Vec::from_slice(signature.get(from..)?).ok()
    }
}
