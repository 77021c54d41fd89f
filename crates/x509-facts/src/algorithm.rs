//! Keys and signatures by their algorithm identifiers (RFC 3279, RFC 4055, RFC 5480, RFC 8410).

use core::fmt;

use der::asn1::{BitStringRef, UintRef};

use crate::error::{CertificateError, Fault, Field};
use crate::oid::{self, DottedOid};
use crate::reader::{BIT_STRING, Cursor, INTEGER, OID, SEQUENCE, Tlv};

/// What kind of public key a certificate holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum KeyKind {
    /// RSA (rsaEncryption); `bits` counts from the modulus's highest one bit.
    Rsa {
        /// Size of the modulus.
        bits: u32,
    },
    /// ECDSA or ECDH on NIST P-256.
    P256,
    /// ECDSA or ECDH on NIST P-384.
    P384,
    /// ECDSA or ECDH on NIST P-521.
    P521,
    /// Ed25519.
    Ed25519,
    /// Ed448.
    Ed448,
    /// Another algorithm or curve.
    Other,
}

impl fmt::Display for KeyKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rsa { bits } => return write!(f, "rsa-{bits}"),
            Self::P256 => "p-256",
            Self::P384 => "p-384",
            Self::P521 => "p-521",
            Self::Ed25519 => "ed25519",
            Self::Ed448 => "ed448",
            Self::Other => "other",
        })
    }
}

/// The hash of a signature algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
#[expect(missing_docs, reason = "each variant is the standard name of a hash")]
pub enum Hash {
    Md5,
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Md5 => "md5",
            Self::Sha1 => "sha1",
            Self::Sha224 => "sha224",
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
        })
    }
}

/// How a certificate is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum SignatureAlgorithm {
    /// RSASSA-PKCS1-v1_5.
    RsaPkcs1(Hash),
    /// RSASSA-PSS; its parameters are not read.
    RsaPss,
    /// ECDSA. The curve is the issuer key's.
    Ecdsa(Hash),
    /// Ed25519.
    Ed25519,
    /// Ed448.
    Ed448,
    /// Another algorithm.
    Other,
}

impl fmt::Display for SignatureAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::RsaPkcs1(hash) => return write!(f, "rsa-{hash}"),
            Self::RsaPss => "rsa-pss",
            Self::Ecdsa(hash) => return write!(f, "ecdsa-{hash}"),
            Self::Ed25519 => "ed25519",
            Self::Ed448 => "ed448",
            Self::Other => "other",
        })
    }
}

/// An AlgorithmIdentifier: SEQUENCE { algorithm, parameters ANY OPTIONAL }.
///
/// `Display` names algorithm and parameters, such as `ecdsa-sha256 with NULL parameters`, `rsa-pss with a salt of 222
/// bytes` or `elliptic curve 1.3.132.0.10`.
#[derive(Debug, Clone, Copy)]
pub struct AlgorithmIdentifier<'a> {
    content: &'a [u8],
    oid: &'a [u8],
    parameters: Option<Tlv<'a>>,
}

impl<'a> AlgorithmIdentifier<'a> {
    pub(crate) fn read(element: &Tlv<'a>) -> Result<Self, CertificateError> {
        let mut fields = element.inner();
        let oid = fields.expect(OID)?.oid()?;
        let parameters = if fields.is_empty() {
            None
        } else {
            Some(fields.any()?)
        };
        fields.finish()?;
        Ok(Self {
            content: element.value,
            oid,
            parameters,
        })
    }

    /// One without octets, for what has been checked and is there.
    pub(crate) const EMPTY: Self = Self {
        content: &[],
        oid: &[],
        parameters: None,
    };

    /// The content octets of the SEQUENCE: two identifiers mean the same if these are equal.
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.content
    }

    /// Content octets of the algorithm's object identifier; see [`DottedOid`].
    #[must_use]
    pub const fn oid(&self) -> &'a [u8] {
        self.oid
    }

    /// Length of the salt of RSASSA-PSS, if this is one with readable parameters (RFC 4055 §3.1).
    #[must_use]
    pub fn pss_salt(&self) -> Option<u32> {
        const HASH: u8 = 0xa0;
        const MASK: u8 = 0xa1;
        const SALT: u8 = 0xa2;
        /// DEFAULT 20.
        const DEFAULT: u32 = 20;
        if self.signature() != SignatureAlgorithm::RsaPss {
            return None;
        }
        let mut fields = self.parameters.filter(|it| it.tag == SEQUENCE)?.inner();
        fields.optional(HASH).ok()?;
        fields.optional(MASK).ok()?;
        match fields.optional(SALT).ok()? {
            Some(explicit) => explicit.inner().expect(INTEGER).ok()?.decode().ok(),
            None => Some(DEFAULT),
        }
    }

    pub(crate) fn signature(&self) -> SignatureAlgorithm {
        match self.oid {
            oid::ED25519 => return SignatureAlgorithm::Ed25519,
            oid::ED448 => return SignatureAlgorithm::Ed448,
            oid::ECDSA_WITH_SHA1 => return SignatureAlgorithm::Ecdsa(Hash::Sha1),
            _ => {}
        }
        match self.oid.split_last() {
            Some((4, oid::PKCS_1)) => SignatureAlgorithm::RsaPkcs1(Hash::Md5),
            Some((5, oid::PKCS_1)) => SignatureAlgorithm::RsaPkcs1(Hash::Sha1),
            Some((10, oid::PKCS_1)) => SignatureAlgorithm::RsaPss,
            Some((11, oid::PKCS_1)) => SignatureAlgorithm::RsaPkcs1(Hash::Sha256),
            Some((12, oid::PKCS_1)) => SignatureAlgorithm::RsaPkcs1(Hash::Sha384),
            Some((13, oid::PKCS_1)) => SignatureAlgorithm::RsaPkcs1(Hash::Sha512),
            Some((14, oid::PKCS_1)) => SignatureAlgorithm::RsaPkcs1(Hash::Sha224),
            Some((1, oid::ECDSA_WITH_SHA2)) => SignatureAlgorithm::Ecdsa(Hash::Sha224),
            Some((2, oid::ECDSA_WITH_SHA2)) => SignatureAlgorithm::Ecdsa(Hash::Sha256),
            Some((3, oid::ECDSA_WITH_SHA2)) => SignatureAlgorithm::Ecdsa(Hash::Sha384),
            Some((4, oid::ECDSA_WITH_SHA2)) => SignatureAlgorithm::Ecdsa(Hash::Sha512),
            _ => SignatureAlgorithm::Other,
        }
    }

    /// Explicit curve parameters are [`KeyKind::Other`]: RFC 5480 §2.1.1 forbids them.
    fn key(&self, key: &Tlv<'_>, octets: &[u8]) -> Result<KeyKind, CertificateError> {
        Ok(match self.oid {
            oid::RSA_ENCRYPTION => KeyKind::Rsa {
                bits: modulus_bits(octets).ok_or_else(|| key.error(Fault::Value))?,
            },
            oid::EC_PUBLIC_KEY => match self.parameters {
                Some(curve) if curve.tag == OID => match curve.oid()? {
                    oid::P256 => KeyKind::P256,
                    oid::P384 => KeyKind::P384,
                    oid::P521 => KeyKind::P521,
                    _ => KeyKind::Other,
                },
                _ => KeyKind::Other,
            },
            oid::ED25519 => KeyKind::Ed25519,
            oid::ED448 => KeyKind::Ed448,
            _ => KeyKind::Other,
        })
    }
}

impl fmt::Display for AlgorithmIdentifier<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const NULL: u8 = 0x05;
        let signature = self.signature();
        let rsa = matches!(signature, SignatureAlgorithm::RsaPkcs1(_));
        match (self.oid, self.parameters) {
            (oid::EC_PUBLIC_KEY, Some(curve)) if curve.tag == OID => {
                return match curve.value {
                    oid::P256 => f.write_str("elliptic curve p-256"),
                    oid::P384 => f.write_str("elliptic curve p-384"),
                    oid::P521 => f.write_str("elliptic curve p-521"),
                    other => write!(f, "elliptic curve {}", DottedOid(other)),
                };
            }
            (oid::EC_PUBLIC_KEY, Some(curve)) if curve.tag == SEQUENCE => {
                return f.write_str("elliptic curve given by explicit parameters, not by name");
            }
            (oid::EC_PUBLIC_KEY, _) => return f.write_str("elliptic curve without a name"),
            (oid::RSA_ENCRYPTION, _) => f.write_str("rsaEncryption")?,
            (oid::ED25519, _) => f.write_str("ed25519")?,
            (oid::ED448, _) => f.write_str("ed448")?,
            _ if signature != SignatureAlgorithm::Other => signature.fmt(f)?,
            (other, _) => DottedOid(other).fmt(f)?,
        }
        let null_belongs = rsa || self.oid == oid::RSA_ENCRYPTION;
        match (self.parameters, self.pss_salt()) {
            (_, Some(salt)) => write!(f, " with a salt of {salt} bytes"),
            (None, _) if null_belongs => f.write_str(" without its NULL parameters"),
            (Some(found), _) if found.tag == NULL && !null_belongs => {
                f.write_str(" with NULL parameters")
            }
            (Some(found), _) if found.tag != NULL => f.write_str(" with parameters"),
            _ => Ok(()),
        }
    }
}

/// The algorithm of a SubjectPublicKeyInfo.
pub(crate) fn key_algorithm(spki: &[u8]) -> Option<AlgorithmIdentifier<'_>> {
    let mut outer = Cursor::new(spki, Field::KeyInfo);
    let mut fields = outer.expect(SEQUENCE).ok()?.inner();
    AlgorithmIdentifier::read(&fields.expect(SEQUENCE).ok()?).ok()
}

/// SubjectPublicKeyInfo: SEQUENCE { algorithm, subjectPublicKey BIT STRING }.
pub(crate) fn read_key_info<'a>(
    element: &Tlv<'a>,
) -> Result<(KeyKind, &'a [u8]), CertificateError> {
    let mut fields = element.inner();
    let algorithm = AlgorithmIdentifier::read(&fields.expect(SEQUENCE)?)?;
    let key = fields.expect(BIT_STRING)?;
    fields.finish()?;
    let octets = whole_octets(&key)?;
    Ok((algorithm.key(&key, octets)?, octets))
}

/// Content of a BIT STRING that holds octets: no unused bits.
pub(crate) fn whole_octets<'a>(element: &Tlv<'a>) -> Result<&'a [u8], CertificateError> {
    element
        .decode::<BitStringRef<'a>>()?
        .as_bytes()
        .ok_or_else(|| element.error(Fault::Value))
}

/// RSAPublicKey: SEQUENCE { modulus INTEGER, publicExponent INTEGER }, both positive (RFC 8017 A.1.1).
fn modulus_bits(octets: &[u8]) -> Option<u32> {
    let mut outer = Cursor::new(octets, Field::KeyInfo);
    let key = outer.expect(SEQUENCE).ok()?;
    outer.finish().ok()?;
    let mut fields = key.inner();
    let modulus: UintRef<'_> = fields.expect(INTEGER).ok()?.decode().ok()?;
    let exponent: UintRef<'_> = fields.expect(INTEGER).ok()?.decode().ok()?;
    fields.finish().ok()?;

    let highest = modulus.as_bytes().first().filter(|&&octet| octet != 0)?;
    exponent.as_bytes().first().filter(|&&octet| octet != 0)?;
    u32::try_from(modulus.as_bytes().len())
        .ok()?
        .checked_mul(8)?
        .checked_sub(highest.leading_zeros())
}
