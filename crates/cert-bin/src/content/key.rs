//! Private keys: PKCS#8 (RFC 5208), PKCS#1 (RFC 8017) and SEC1 (RFC 5915), without an allocator.

use core::fmt;

use der::Decode;
use der::asn1::OctetStringRef;
use der::oid::ObjectIdentifier;
use pkcs1::RsaPrivateKey;
use pkcs8::PrivateKeyInfo;
use sec1::EcPrivateKey;
use x509_facts::KeyKind;

use super::fault::ObjectFault;

pub(crate) const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
pub(crate) const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
pub(crate) const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
pub(crate) const P384: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.34");
const P521: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.132.0.35");
pub(crate) const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");
const ED448: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.113");

/// The syntax a private key is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum KeyForm {
    /// Any algorithm, with its name beside the key.
    Pkcs8,
    /// RSA only.
    Pkcs1,
    /// Elliptic curves only.
    Sec1,
}

impl KeyForm {
    /// `pkcs8`, `pkcs1` or `sec1`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pkcs8 => "pkcs8",
            Self::Pkcs1 => "pkcs1",
            Self::Sec1 => "sec1",
        }
    }
}

/// A private key in DER. `Debug` prints its kind, never its value.
#[derive(Clone, Copy)]
pub struct PrivateKey<'a> {
    /// How it is written.
    pub form: KeyForm,
    /// What it is for.
    pub kind: KeyKind,
    der: &'a [u8],
    material: Material<'a>,
}

/// The secret parts of an RSA key, big-endian without leading zeros, as RFC 8017 A.1.2 names them. They were not
/// compared with the modulus.
#[derive(Clone, Copy)]
pub struct RsaFactors<'a> {
    /// prime1 and prime2: p and q.
    pub primes: [&'a [u8]; 2],
    /// exponent1 and exponent2: dP and dQ.
    pub exponents: [&'a [u8]; 2],
    /// coefficient: qInv.
    pub coefficient: &'a [u8],
}

/// No part.
impl fmt::Debug for RsaFactors<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RsaFactors").finish_non_exhaustive()
    }
}

/// The parts of a key that its public half follows from.
#[derive(Clone, Copy)]
enum Material<'a> {
    /// Big-endian, without leading zeros.
    Rsa {
        modulus: &'a [u8],
        exponent: &'a [u8],
        private: RsaFactors<'a>,
    },
    /// A scalar or a seed, by the key's kind.
    Secret(&'a [u8]),
}

impl<'a> PrivateKey<'a> {
    /// Reads one key of the given form.
    ///
    /// # Errors
    ///
    /// [`ObjectFault::Structure`] when it is not one.
    pub fn parse(form: KeyForm, der: &'a [u8]) -> Result<Self, ObjectFault> {
        let (kind, material) = match form {
            KeyForm::Pkcs8 => pkcs8(der),
            KeyForm::Pkcs1 => rsa(der),
            KeyForm::Sec1 => ec(der, None),
        }
        .map_err(|_| ObjectFault::Structure)?;
        Ok(Self {
            form,
            kind,
            der,
            material,
        })
    }

    /// The whole key in DER.
    #[must_use]
    pub const fn der(&self) -> &'a [u8] {
        self.der
    }

    /// Modulus and public exponent of an RSA key, big-endian without leading zeros.
    #[must_use]
    pub const fn rsa_public(&self) -> Option<(&'a [u8], &'a [u8])> {
        match self.material {
            Material::Rsa {
                modulus, exponent, ..
            } => Some((modulus, exponent)),
            Material::Secret(_) => None,
        }
    }

    /// The secret parts of an RSA key. Of a key with more than two primes the first two are there.
    #[must_use]
    pub const fn rsa_factors(&self) -> Option<RsaFactors<'a>> {
        match self.material {
            Material::Rsa { private, .. } => Some(private),
            Material::Secret(_) => None,
        }
    }

    /// The scalar (NIST curves) or seed (Edwards curves) of an elliptic-curve key, as it is stored but for zeros in front
    /// that the curve has no room for. Its length is not checked against the curve otherwise.
    #[must_use]
    pub const fn curve_secret(&self) -> Option<&'a [u8]> {
        match self.material {
            Material::Secret(secret) => Some(secret),
            Material::Rsa { .. } => None,
        }
    }
}

impl fmt::Debug for PrivateKey<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrivateKey")
            .field("form", &self.form)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for PrivateKey<'_> {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "PrivateKey({}, {})", self.form, self.kind);
    }
}

type Parsed<'a> = Result<(KeyKind, Material<'a>), der::Error>;

fn pkcs8(der: &[u8]) -> Parsed<'_> {
    let info = PrivateKeyInfo::from_der(der)?;
    match info.algorithm.oid {
        RSA => rsa(info.private_key),
        EC => {
            let curve = info
                .algorithm
                .parameters
                .and_then(|parameters| parameters.decode_as::<ObjectIdentifier>().ok());
            ec(info.private_key, curve)
        }
        ED25519 => edwards(KeyKind::Ed25519, info.private_key),
        ED448 => edwards(KeyKind::Ed448, info.private_key),
        _ => Ok((KeyKind::Other, Material::Secret(info.private_key))),
    }
}

/// RFC 8410: the seed is an OCTET STRING inside the OCTET STRING.
fn edwards(kind: KeyKind, private_key: &[u8]) -> Parsed<'_> {
    let seed = OctetStringRef::from_der(private_key)?;
    Ok((kind, Material::Secret(seed.as_bytes())))
}

fn rsa(der: &[u8]) -> Parsed<'_> {
    let key = RsaPrivateKey::from_der(der)?;
    let modulus = key.modulus.as_bytes();
    let material = Material::Rsa {
        modulus,
        exponent: key.public_exponent.as_bytes(),
        private: RsaFactors {
            primes: [key.prime1.as_bytes(), key.prime2.as_bytes()],
            exponents: [key.exponent1.as_bytes(), key.exponent2.as_bytes()],
            coefficient: key.coefficient.as_bytes(),
        },
    };
    Ok((
        KeyKind::Rsa {
            bits: bit_len(modulus),
        },
        material,
    ))
}

fn ec(der: &[u8], curve: Option<ObjectIdentifier>) -> Parsed<'_> {
    let key = EcPrivateKey::from_der(der)?;
    let named = key
        .parameters
        .and_then(|parameters| parameters.named_curve());
    // RFC 5915 §3: as many octets as the order of the curve has.
    let (kind, len) = match curve.or(named) {
        Some(P256) => (KeyKind::P256, 32),
        Some(P384) => (KeyKind::P384, 48),
        Some(P521) => (KeyKind::P521, 66),
        _ => (KeyKind::Other, usize::MAX),
    };
    Ok((kind, Material::Secret(without_sign(key.private_key, len))))
}

/// Takes off zeros in front of more than `len` octets: some writers store the number as an INTEGER, with a sign octet.
fn without_sign(mut number: &[u8], len: usize) -> &[u8] {
    while let [0, rest @ ..] = number
        && rest.len() >= len
    {
        number = rest;
    }
    number
}

/// Bits of a big-endian number without leading zeros.
fn bit_len(number: &[u8]) -> u32 {
    let Some((first, rest)) = number.split_first() else {
        return 0;
    };
    let first_bits = u8::BITS.saturating_sub(first.leading_zeros());
    u32::try_from(rest.len())
        .unwrap_or(u32::MAX)
        .saturating_mul(u8::BITS)
        .saturating_add(first_bits)
}
