//! Object identifiers as they are stored (X.690 §8.19): content octets, compared as such.

use core::fmt;

pub(crate) const RSA_ENCRYPTION: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1, 1];
/// pkcs-1: the last arc is the algorithm.
pub(crate) const PKCS_1: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 1];
pub(crate) const EC_PUBLIC_KEY: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1];
pub(crate) const ECDSA_WITH_SHA1: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 1];
/// ecdsa-with-SHA2: the last arc is the hash.
pub(crate) const ECDSA_WITH_SHA2: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3];
pub(crate) const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
pub(crate) const P384: &[u8] = &[0x2b, 0x81, 0x04, 0, 34];
pub(crate) const P521: &[u8] = &[0x2b, 0x81, 0x04, 0, 35];
pub(crate) const ED25519: &[u8] = &[0x2b, 0x65, 112];
pub(crate) const ED448: &[u8] = &[0x2b, 0x65, 113];

pub(crate) const SUBJECT_KEY_ID: &[u8] = &[0x55, 0x1d, 14];
pub(crate) const KEY_USAGE: &[u8] = &[0x55, 0x1d, 15];
pub(crate) const SUBJECT_ALT_NAME: &[u8] = &[0x55, 0x1d, 17];
pub(crate) const BASIC_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 19];
pub(crate) const NAME_CONSTRAINTS: &[u8] = &[0x55, 0x1d, 30];
pub(crate) const AUTHORITY_KEY_ID: &[u8] = &[0x55, 0x1d, 35];
pub(crate) const EXTENDED_KEY_USAGE: &[u8] = &[0x55, 0x1d, 37];

pub(crate) const ANY_EXTENDED_KEY_USAGE: &[u8] = &[0x55, 0x1d, 37, 0];
pub(crate) const SERVER_AUTH: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 1];
pub(crate) const CLIENT_AUTH: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 2];

/// id-at: the last arc is the attribute.
const ATTRIBUTE_TYPE: &[u8] = &[0x55, 4];
pub(crate) const COMMON_NAME: &[u8] = &[0x55, 4, 3];
const EMAIL_ADDRESS: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 9, 1];
/// pilotAttributeType: the last arc is the attribute.
const PILOT: &[u8] = &[0x09, 0x92, 0x26, 0x89, 0x93, 0xf2, 0x2c, 0x64, 1];

/// The usual short form of an attribute type, as RFC 4514 §3 and OpenSSL have it.
pub(crate) fn attribute_label(oid: &[u8]) -> Option<&'static str> {
    if oid == EMAIL_ADDRESS {
        return Some("emailAddress");
    }
    let (&last, parent) = oid.split_last()?;
    match (parent, last) {
        (ATTRIBUTE_TYPE, 3) => Some("CN"),
        (ATTRIBUTE_TYPE, 4) => Some("SN"),
        (ATTRIBUTE_TYPE, 5) => Some("serialNumber"),
        (ATTRIBUTE_TYPE, 6) => Some("C"),
        (ATTRIBUTE_TYPE, 7) => Some("L"),
        (ATTRIBUTE_TYPE, 8) => Some("ST"),
        (ATTRIBUTE_TYPE, 9) => Some("street"),
        (ATTRIBUTE_TYPE, 10) => Some("O"),
        (ATTRIBUTE_TYPE, 11) => Some("OU"),
        (ATTRIBUTE_TYPE, 12) => Some("title"),
        (ATTRIBUTE_TYPE, 42) => Some("GN"),
        (ATTRIBUTE_TYPE, 46) => Some("dnQualifier"),
        (PILOT, 1) => Some("UID"),
        (PILOT, 25) => Some("DC"),
        _ => None,
    }
}

/// The name that RFC 5280 (and RFC 6960, RFC 7633) gives an extension, by the content octets of its object identifier.
#[must_use]
pub fn extension_label(oid: &[u8]) -> Option<&'static str> {
    /// id-ce: the last arc is the extension.
    const STANDARD: &[u8] = &[0x55, 0x1d];
    /// id-pe: likewise.
    const PRIVATE: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 1];
    let (&last, parent) = oid.split_last()?;
    Some(match (parent, last) {
        (STANDARD, 9) => "subjectDirectoryAttributes",
        (STANDARD, 14) => "subjectKeyIdentifier",
        (STANDARD, 15) => "keyUsage",
        (STANDARD, 16) => "privateKeyUsagePeriod",
        (STANDARD, 17) => "subjectAltName",
        (STANDARD, 18) => "issuerAltName",
        (STANDARD, 19) => "basicConstraints",
        (STANDARD, 30) => "nameConstraints",
        (STANDARD, 31) => "cRLDistributionPoints",
        (STANDARD, 32) => "certificatePolicies",
        (STANDARD, 33) => "policyMappings",
        (STANDARD, 35) => "authorityKeyIdentifier",
        (STANDARD, 36) => "policyConstraints",
        (STANDARD, 37) => "extendedKeyUsage",
        (STANDARD, 46) => "freshestCRL",
        (STANDARD, 54) => "inhibitAnyPolicy",
        (PRIVATE, 1) => "authorityInfoAccess",
        (PRIVATE, 11) => "subjectInfoAccess",
        (PRIVATE, 24) => "tlsFeature",
        _ => return None,
    })
}

/// Displays the content octets of an object identifier as `1.2.840.113549`.
///
/// An arc beyond 64 bits makes it `oid:` and the octets in hexadecimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DottedOid<'a>(pub &'a [u8]);

impl DottedOid<'_> {
    /// The arcs as stored (the first two still in one), or `None` for one that is cut or too big.
    fn arcs(&self) -> impl Iterator<Item = Option<u64>> {
        let mut rest = self.0;
        core::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            let mut arc = 0_u64;
            while let Some((&octet, after)) = rest.split_first() {
                rest = after;
                let Some(shifted) = arc.checked_mul(0x80) else {
                    break;
                };
                arc = shifted | u64::from(octet & 0x7f);
                if octet & 0x80 == 0 {
                    return Some(Some(arc));
                }
            }
            rest = &[];
            Some(None)
        })
    }
}

impl fmt::Display for DottedOid<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.arcs().any(|arc| arc.is_none()) {
            f.write_str("oid:")?;
            return self.0.iter().try_for_each(|octet| write!(f, "{octet:02X}"));
        }
        let mut arcs = self.arcs().flatten();
        if let Some(first) = arcs.next() {
            // X.690 §8.19.4: the first octets hold 40 times the first arc, 0 to 2, plus the second.
            let root = (first / 40).min(2);
            write!(f, "{root}.{}", first - 40 * root)?;
        }
        arcs.try_for_each(|arc| write!(f, ".{arc}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    #[test]
    fn object_identifiers_are_dotted() {
        let table: &[(&[u8], &str)] = &[
            (RSA_ENCRYPTION, "1.2.840.113549.1.1.1"),
            (P384, "1.3.132.0.34"),
            (PILOT, "0.9.2342.19200300.100.1"),
            (ANY_EXTENDED_KEY_USAGE, "2.5.29.37.0"),
            (&[0x88, 0x37, 3], "2.999.3"),
            (&[0x7f], "2.47"),
            (&[], ""),
            (&[0x2a, 0x86], "oid:2A86"),
            (
                &[
                    0x2a, 0x81, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f,
                ],
                "1.2.18446744073709551615",
            ),
            (
                &[
                    0x2a, 0x82, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00,
                ],
                "oid:2A82808080808080808000",
            ),
        ];
        for (octets, expected) in table {
            assert_eq!(DottedOid(octets).to_string(), *expected);
        }
    }
}
