//! RSA public operations (RFC 8017): the `rsa` crate needs an allocator, and a client that only
//! verifies needs one modular power with a small exponent.

pub(crate) mod limbs;
mod montgomery;

use rustls_pki_types::InvalidSignature;
use subtle::ConstantTimeEq;

use super::{Hash, RSA_BITS};

/// Bytes of the largest modulus.
pub(crate) const MAX: usize = 512;

/// RSAPublicKey (RFC 8017 A.1.1), checked.
#[derive(PartialEq, Eq)]
pub(crate) struct PublicKey<'a> {
    /// Big-endian, without leading zeros.
    modulus: &'a [u8],
    bits: u32,
    exponent: u32,
}

impl<'a> PublicKey<'a> {
    pub(crate) fn parse(der: &'a [u8]) -> Result<Self, InvalidSignature> {
        let (content, rest) = value(der, 0x30)?;
        let (modulus, content) = value(content, 0x02)?;
        let (exponent, content) = value(content, 0x02)?;
        if !rest.is_empty() || !content.is_empty() {
            return Err(InvalidSignature);
        }
        let (modulus, exponent) = (unsigned(modulus)?, unsigned(exponent)?);

        let mut value = 0_u32;
        if exponent.len() > 4 {
            return Err(InvalidSignature);
        }
        for byte in exponent {
            value = value << 8 | u32::from(*byte);
        }
        Self::new(modulus, value)
    }

    /// Checks a modulus without leading zeros, and an exponent.
    pub(crate) fn new(modulus: &'a [u8], exponent: u32) -> Result<Self, InvalidSignature> {
        let bits = bits_of(modulus).ok_or(InvalidSignature)?;
        let odd = modulus.last().is_some_and(|last| last & 1 == 1);
        // An exponent of 1 would accept anything; an even one is no exponent.
        if !RSA_BITS.contains(&bits) || !odd || exponent < 3 || exponent & 1 == 0 {
            return Err(InvalidSignature);
        }
        Ok(Self {
            modulus,
            bits,
            exponent,
        })
    }

    pub(crate) const fn bits(&self) -> u32 {
        self.bits
    }

    pub(crate) const fn modulus(&self) -> &'a [u8] {
        self.modulus
    }

    #[cfg(feature = "rustls")]
    pub(crate) const fn exponent(&self) -> u32 {
        self.exponent
    }
}

/// Bits of a number without leading zeros.
pub(crate) fn bits_of(number: &[u8]) -> Option<u32> {
    let first = number.first()?;
    let bytes = u32::try_from(number.len()).ok()?;
    bytes.checked_mul(8)?.checked_sub(first.leading_zeros())
}

/// Splits off one DER value of the given tag.
fn value(der: &[u8], tag: u8) -> Result<(&[u8], &[u8]), InvalidSignature> {
    let (&found, rest) = der.split_first().ok_or(InvalidSignature)?;
    let (&first, rest) = rest.split_first().ok_or(InvalidSignature)?;
    if found != tag {
        return Err(InvalidSignature);
    }
    let (len, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81 => match rest.split_first() {
            Some((&len @ 0x80.., rest)) => (usize::from(len), rest),
            _ => return Err(InvalidSignature),
        },
        0x82 => match rest.split_first_chunk::<2>() {
            Some((len, rest)) if len[0] != 0 => (usize::from(u16::from_be_bytes(*len)), rest),
            _ => return Err(InvalidSignature),
        },
        _ => return Err(InvalidSignature),
    };
    rest.split_at_checked(len).ok_or(InvalidSignature)
}

/// Takes the sign byte off a positive DER INTEGER; refuses zero, negative and padded ones.
fn unsigned(content: &[u8]) -> Result<&[u8], InvalidSignature> {
    match content {
        [0, rest @ ..] => match rest {
            [0x80..=0xff, ..] => Ok(rest),
            _ => Err(InvalidSignature),
        },
        [0x01..=0x7f, ..] => Ok(content),
        _ => Err(InvalidSignature),
    }
}

/// RSAVP1: the encoded message under a signature, in as many bytes as the modulus has.
pub(crate) fn recover<'o>(
    key: &PublicKey<'_>,
    signature: &[u8],
    out: &'o mut [u8; MAX],
) -> Result<&'o mut [u8], InvalidSignature> {
    // RFC 8017 §8.1.2 and §8.2.2, step 1: exactly as long as the modulus.
    if signature.len() != key.modulus.len() {
        return Err(InvalidSignature);
    }
    let out = out.get_mut(..key.modulus.len()).ok_or(InvalidSignature)?;
    // §5.2.2: a signature representative out of range is refused in there.
    montgomery::power(key.modulus, signature, key.exponent, out).ok_or(InvalidSignature)?;
    Ok(out)
}

/// DigestInfo up to the hash (RFC 8017 §9.2, note 1).
pub(super) const fn digest_info(hash: Hash) -> &'static [u8] {
    match hash {
        Hash::Sha256 => &[
            0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02,
            0x01, 0x05, 0x00, 0x04, 0x20,
        ],
        Hash::Sha384 => &[
            0x30, 0x41, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02,
            0x02, 0x05, 0x00, 0x04, 0x30,
        ],
        Hash::Sha512 => &[
            0x30, 0x51, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02,
            0x03, 0x05, 0x00, 0x04, 0x40,
        ],
    }
}

/// RSASSA-PKCS1-v1_5 (RFC 8017 §8.2.2): the whole encoded message is compared, nothing is parsed.
pub(super) fn verify_pkcs1(
    hash: Hash,
    key: &[u8],
    digest: &[u8],
    signature: &[u8],
) -> Result<(), InvalidSignature> {
    let key = PublicKey::parse(key)?;
    let mut buffer = [0; MAX];
    let encoded = recover(&key, signature, &mut buffer)?;

    let info = digest_info(hash);
    let tail = info
        .len()
        .checked_add(digest.len())
        .ok_or(InvalidSignature)?;
    // 00 01 FF…FF 00 DigestInfo, with at least eight FF.
    let padding = encoded
        .len()
        .checked_sub(tail)
        .and_then(|left| left.checked_sub(3))
        .ok_or(InvalidSignature)?;
    if padding < 8 {
        return Err(InvalidSignature);
    }
    let expected = [0_u8, 1]
        .into_iter()
        .chain(core::iter::repeat_n(0xff, padding))
        .chain([0])
        .chain(info.iter().copied())
        .chain(digest.iter().copied());
    if encoded.iter().copied().eq(expected) {
        Ok(())
    } else {
        Err(InvalidSignature)
    }
}

/// RSASSA-PSS (RFC 8017 §8.1.2, §9.1.2) with MGF1 of the same hash and a salt as long as the hash,
/// as RFC 8446 §4.2.3 asks.
pub(super) fn verify_pss(
    hash: Hash,
    key: &[u8],
    digest: &[u8],
    signature: &[u8],
) -> Result<(), InvalidSignature> {
    let key = PublicKey::parse(key)?;
    let mut buffer = [0; MAX];
    let encoded = recover(&key, signature, &mut buffer)?;

    // emBits = modBits - 1; where that makes emLen a byte shorter, the first byte is zero.
    let em_bits = key.bits.checked_sub(1).ok_or(InvalidSignature)?;
    let em_len = usize::try_from(em_bits.div_ceil(8)).map_err(|_| InvalidSignature)?;
    let skip = encoded.len().checked_sub(em_len).ok_or(InvalidSignature)?;
    let (lead, encoded) = encoded.split_at_mut_checked(skip).ok_or(InvalidSignature)?;
    if lead.iter().any(|byte| *byte != 0) {
        return Err(InvalidSignature);
    }

    let [body @ .., 0xbc] = encoded else {
        return Err(InvalidSignature);
    };
    let db_len = body.len().checked_sub(hash.len()).ok_or(InvalidSignature)?;
    let (db, seed) = body.split_at_mut_checked(db_len).ok_or(InvalidSignature)?;

    let unused = u32::try_from(em_len)
        .ok()
        .and_then(|len| len.checked_mul(8))
        .and_then(|bits| bits.checked_sub(em_bits))
        .ok_or(InvalidSignature)?;
    let keep = 0xff_u8.checked_shr(unused).unwrap_or(0);
    if db.first().is_none_or(|first| first & !keep != 0) {
        return Err(InvalidSignature);
    }

    for (counter, block) in (0_u32..).zip(db.chunks_mut(hash.len())) {
        let mask = hash.of(&[seed, &counter.to_be_bytes()]);
        for (byte, mask) in block.iter_mut().zip(mask.as_slice()) {
            *byte ^= mask;
        }
    }
    if let Some(first) = db.first_mut() {
        *first &= keep;
    }

    // DB = 00…00 01 salt
    let salt_at = db.len().checked_sub(hash.len()).ok_or(InvalidSignature)?;
    let (padding, salt) = db.split_at_checked(salt_at).ok_or(InvalidSignature)?;
    let [zeros @ .., 1] = padding else {
        return Err(InvalidSignature);
    };
    if zeros.iter().any(|byte| *byte != 0) {
        return Err(InvalidSignature);
    }

    let again = hash.of(&[&[0; 8], digest, salt]);
    if bool::from(again.as_slice().ct_eq(seed)) {
        Ok(())
    } else {
        Err(InvalidSignature)
    }
}
