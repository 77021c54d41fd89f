//! Extensions (RFC 5280 §4.2): all of them in file order, seven of them by meaning.

use core::fmt;
use core::net::{Ipv4Addr, Ipv6Addr};

use der::asn1::BitStringRef;

use crate::error::{CertificateError, Fault, Field};
use crate::name::write_escaped;
use crate::oid;
use crate::reader::{BIT_STRING, BOOLEAN, Cursor, INTEGER, OCTET_STRING, OID, SEQUENCE, Tlv};

/// Maximum number of extensions that are read. Certificates of public authorities have about ten; each is
/// compared with every other to find duplicates, so the number must be bounded.
pub const MAX_EXTENSIONS: usize = 32;

/// Tag of GeneralName dNSName: \[2\] IMPLICIT IA5String.
const DNS_NAME: u8 = 0x82;
/// Tag of GeneralName iPAddress: \[7\] IMPLICIT OCTET STRING.
const IP_ADDRESS: u8 = 0x87;
/// Tag of AuthorityKeyIdentifier's keyIdentifier: \[0\] IMPLICIT OCTET STRING.
const KEY_IDENTIFIER: u8 = 0x80;
/// Tag of NameConstraints' permittedSubtrees: \[0\] IMPLICIT GeneralSubtrees.
const PERMITTED_SUBTREES: u8 = 0xa0;
/// Tag of NameConstraints' excludedSubtrees: \[1\] IMPLICIT GeneralSubtrees.
const EXCLUDED_SUBTREES: u8 = 0xa1;
/// Tag of GeneralSubtree's minimum: \[0\] IMPLICIT INTEGER.
const MINIMUM: u8 = 0x80;
/// Tag of GeneralSubtree's maximum: \[1\] IMPLICIT INTEGER.
const MAXIMUM: u8 = 0x81;

/// One extension, whatever it means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Extension<'a> {
    /// Content octets of the object identifier; see [`DottedOid`](crate::DottedOid).
    pub oid: &'a [u8],
    /// Whether who does not know it must refuse the certificate.
    pub critical: bool,
    /// Content of the OCTET STRING.
    pub value: &'a [u8],
}

/// All extensions in file order.
#[derive(Debug, Clone)]
pub struct Extensions<'a> {
    list: Cursor<'a>,
}

impl<'a> Iterator for Extensions<'a> {
    type Item = Extension<'a>;

    fn next(&mut self) -> Option<Extension<'a>> {
        let (extension, _) = read_extension(&mut self.list).ok()?;
        Some(extension)
    }
}

/// Extension: SEQUENCE { extnID, critical BOOLEAN DEFAULT FALSE, extnValue OCTET STRING }.
///
/// An explicit FALSE is not DER, but is common and has one meaning only.
fn read_extension<'a>(list: &mut Cursor<'a>) -> Result<(Extension<'a>, Tlv<'a>), CertificateError> {
    let mut fields = list.expect(SEQUENCE)?.inner();
    let oid = fields.expect(OID)?.oid()?;
    let critical = read_flag(&mut fields)?;
    let value = fields.expect(OCTET_STRING)?;
    fields.finish()?;
    let extension = Extension {
        oid,
        critical,
        value: value.value,
    };
    Ok((extension, value))
}

/// BOOLEAN DEFAULT FALSE.
fn read_flag(fields: &mut Cursor<'_>) -> Result<bool, CertificateError> {
    match fields.optional(BOOLEAN)? {
        Some(flag) => flag.decode(),
        None => Ok(false),
    }
}

/// What the extensions of a certificate say, checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub(crate) struct Known<'a> {
    list: &'a [u8],
    pub(crate) basic_constraints: Option<BasicConstraints>,
    pub(crate) key_usage: Option<KeyUsage>,
    pub(crate) extended_key_usage: Option<ExtendedKeyUsage<'a>>,
    alt_names: Option<&'a [u8]>,
    pub(crate) name_constraints: Option<NameConstraints>,
    pub(crate) authority_key_id: Option<&'a [u8]>,
    pub(crate) subject_key_id: Option<&'a [u8]>,
}

impl<'a> Known<'a> {
    /// `explicit`: the \[3\] element around the SEQUENCE OF Extension.
    pub(crate) fn read(explicit: &Tlv<'a>) -> Result<Self, CertificateError> {
        let mut wrapper = explicit.inner();
        let sequence = wrapper.expect(SEQUENCE)?;
        wrapper.finish()?;

        let mut known = Self {
            list: sequence.value,
            ..Self::default()
        };
        let mut list = sequence.inner();
        let mut count = 0;
        while !list.is_empty() {
            if count == MAX_EXTENSIONS {
                return Err(list.error(Fault::TooMany));
            }
            let start = list.clone();
            let (extension, value) = read_extension(&mut list)?;
            let mut earlier = known.all().take(count);
            let label = oid::extension_label(extension.oid);
            if earlier.any(|other| other.oid == extension.oid) {
                return Err(start.error(Fault::Duplicate).inside(label));
            }
            known
                .note(extension.oid, &value)
                .map_err(|error| error.inside(label))?;
            count += 1;
        }
        Ok(known)
    }

    fn note(&mut self, oid: &[u8], value: &Tlv<'a>) -> Result<(), CertificateError> {
        match oid {
            oid::BASIC_CONSTRAINTS => {
                self.basic_constraints = Some(BasicConstraints::read(&only(value, SEQUENCE)?)?);
            }
            oid::KEY_USAGE => self.key_usage = Some(KeyUsage::read(&only(value, BIT_STRING)?)?),
            oid::EXTENDED_KEY_USAGE => {
                self.extended_key_usage = Some(ExtendedKeyUsage::read(&only(value, SEQUENCE)?)?);
            }
            oid::SUBJECT_ALT_NAME => {
                let names = only(value, SEQUENCE)?;
                let mut list = names.inner();
                while !list.is_empty() {
                    GeneralName::read(&mut list)?;
                }
                self.alt_names = Some(names.value);
            }
            oid::NAME_CONSTRAINTS => {
                self.name_constraints = Some(NameConstraints::read(&only(value, SEQUENCE)?)?);
            }
            oid::SUBJECT_KEY_ID => {
                self.subject_key_id = Some(only(value, OCTET_STRING)?.value);
            }
            oid::AUTHORITY_KEY_ID => {
                let mut fields = only(value, SEQUENCE)?.inner();
                let key_id = fields.optional(KEY_IDENTIFIER)?;
                self.authority_key_id = key_id.map(|id| id.value);
                // authorityCertIssuer and authorityCertSerialNumber: nobody here asks for them.
                while !fields.is_empty() {
                    fields.any()?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    pub(crate) fn all(&self) -> Extensions<'a> {
        Extensions {
            list: Cursor::new(self.list, Field::Extensions),
        }
    }

    pub(crate) fn subject_alt_names(&self) -> Option<SubjectAltNames<'a>> {
        self.alt_names.map(|list| SubjectAltNames {
            list: Cursor::new(list, Field::Extensions),
        })
    }
}

/// The single element inside an extension's OCTET STRING.
fn only<'a>(value: &Tlv<'a>, tag: u8) -> Result<Tlv<'a>, CertificateError> {
    let mut content = value.inner();
    let element = content.expect(tag)?;
    content.finish()?;
    Ok(element)
}

/// basicConstraints (RFC 5280 §4.2.1.9).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct BasicConstraints {
    /// Whether the key may sign certificates.
    pub ca: bool,
    /// How many intermediate certificates may follow, if limited. Means something only with `ca`.
    pub path_len: Option<u32>,
}

impl BasicConstraints {
    fn read(element: &Tlv<'_>) -> Result<Self, CertificateError> {
        let mut fields = element.inner();
        let ca = read_flag(&mut fields)?;
        let path_len = match fields.optional(INTEGER)? {
            Some(length) => Some(length.decode::<u32>()?),
            None => None,
        };
        fields.finish()?;
        Ok(Self { ca, path_len })
    }
}

/// nameConstraints (RFC 5280 §4.2.1.10): how many subtrees, not which.
///
/// Neither kind at all is forbidden, and a fact to report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct NameConstraints {
    /// Number of permitted subtrees.
    pub permitted: usize,
    /// Number of excluded subtrees.
    pub excluded: usize,
}

impl NameConstraints {
    fn read(element: &Tlv<'_>) -> Result<Self, CertificateError> {
        let mut fields = element.inner();
        let permitted = Self::count(fields.optional(PERMITTED_SUBTREES)?)?;
        let excluded = Self::count(fields.optional(EXCLUDED_SUBTREES)?)?;
        fields.finish()?;
        Ok(Self {
            permitted,
            excluded,
        })
    }

    /// GeneralSubtrees: SEQUENCE OF SEQUENCE { base GeneralName, \[0\] minimum, \[1\] maximum }.
    fn count(subtrees: Option<Tlv<'_>>) -> Result<usize, CertificateError> {
        let Some(subtrees) = subtrees else {
            return Ok(0);
        };
        let mut list = subtrees.inner();
        let mut count = 0;
        while !list.is_empty() {
            let mut subtree = list.expect(SEQUENCE)?.inner();
            GeneralName::read(&mut subtree)?;
            subtree.optional(MINIMUM)?;
            subtree.optional(MAXIMUM)?;
            subtree.finish()?;
            count += 1;
        }
        Ok(count)
    }
}

/// keyUsage (RFC 5280 §4.2.1.3). Bits beyond the nine that have a name are dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct KeyUsage(u16);

impl KeyUsage {
    fn read(element: &Tlv<'_>) -> Result<Self, CertificateError> {
        let bits: BitStringRef<'_> = element.decode()?;
        let mut octets = bits.raw_bytes().iter().copied();
        let first = octets.next().unwrap_or(0);
        let second = octets.next().unwrap_or(0);
        // X.690 §11.2.1: unused bits are zero. Otherwise one could say a usage and not say it.
        let unused = (1_u16 << bits.unused_bits()) - 1;
        let last = bits.raw_bytes().last().copied().unwrap_or(0);
        if u16::from(last) & unused != 0 {
            return Err(element.error(Fault::Value));
        }
        Ok(Self(u16::from_be_bytes([first, second])))
    }

    /// Bit `number` of the BIT STRING, whose bit 0 is the highest.
    const fn has(self, number: u32) -> bool {
        self.0 & (0x8000 >> number) != 0
    }

    /// Bit 0: may sign other things than certificates and revocation lists, such as a TLS handshake.
    #[must_use]
    pub const fn digital_signature(self) -> bool {
        self.has(0)
    }

    /// Bit 1: contentCommitment, formerly nonRepudiation.
    #[must_use]
    pub const fn content_commitment(self) -> bool {
        self.has(1)
    }

    /// Bit 2: may encrypt keys.
    #[must_use]
    pub const fn key_encipherment(self) -> bool {
        self.has(2)
    }

    /// Bit 3: may encrypt data.
    #[must_use]
    pub const fn data_encipherment(self) -> bool {
        self.has(3)
    }

    /// Bit 4: may agree on keys.
    #[must_use]
    pub const fn key_agreement(self) -> bool {
        self.has(4)
    }

    /// Bit 5: may sign certificates.
    #[must_use]
    pub const fn key_cert_sign(self) -> bool {
        self.has(5)
    }

    /// Bit 6: may sign revocation lists.
    #[must_use]
    pub const fn crl_sign(self) -> bool {
        self.has(6)
    }

    /// Bit 7: with key agreement, may only encrypt.
    #[must_use]
    pub const fn encipher_only(self) -> bool {
        self.has(7)
    }

    /// Bit 8: with key agreement, may only decrypt.
    #[must_use]
    pub const fn decipher_only(self) -> bool {
        self.has(8)
    }
}

/// extendedKeyUsage (RFC 5280 §4.2.1.12): purposes by object identifier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ExtendedKeyUsage<'a> {
    list: &'a [u8],
}

impl<'a> ExtendedKeyUsage<'a> {
    fn read(element: &Tlv<'a>) -> Result<Self, CertificateError> {
        let mut list = element.inner();
        while !list.is_empty() {
            list.expect(OID)?.oid()?;
        }
        Ok(Self {
            list: element.value,
        })
    }

    /// serverAuth is listed. `any` is a separate question.
    #[must_use]
    pub fn server_auth(&self) -> bool {
        self.iter().any(|purpose| purpose == oid::SERVER_AUTH)
    }

    /// clientAuth is listed. `any` is a separate question.
    #[must_use]
    pub fn client_auth(&self) -> bool {
        self.iter().any(|purpose| purpose == oid::CLIENT_AUTH)
    }

    /// anyExtendedKeyUsage is listed.
    #[must_use]
    pub fn any(&self) -> bool {
        self.iter()
            .any(|purpose| purpose == oid::ANY_EXTENDED_KEY_USAGE)
    }

    /// The content octets of each purpose's object identifier, in file order.
    #[must_use]
    pub fn iter(&self) -> Oids<'a> {
        Oids {
            list: Cursor::new(self.list, Field::Extensions),
        }
    }
}

impl<'a> IntoIterator for ExtendedKeyUsage<'a> {
    type Item = &'a [u8];
    type IntoIter = Oids<'a>;

    fn into_iter(self) -> Oids<'a> {
        self.iter()
    }
}

/// Object identifiers, as content octets.
#[derive(Debug, Clone)]
pub struct Oids<'a> {
    list: Cursor<'a>,
}

impl<'a> Iterator for Oids<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        self.list.expect(OID).ok().map(|oid| oid.value)
    }
}

/// subjectAltName (RFC 5280 §4.2.1.6), in file order.
#[derive(Debug, Clone)]
pub struct SubjectAltNames<'a> {
    list: Cursor<'a>,
}

impl<'a> Iterator for SubjectAltNames<'a> {
    type Item = GeneralName<'a>;

    fn next(&mut self) -> Option<GeneralName<'a>> {
        GeneralName::read(&mut self.list).ok()
    }
}

/// One subject alternative name.
///
/// `Display` is escaped: `DNS:localhost`, `IP:127.0.0.1`, `IP:::1`, `other:6`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum GeneralName<'a> {
    /// dNSName as stored: ASCII, but not necessarily a host name, nor free of control characters.
    Dns(&'a str),
    /// dNSName with octets that are not ASCII, which an IA5String does not have. It names no host: international
    /// names are written as A-labels (`xn--…`, RFC 9525 §6.3).
    DnsNotAscii(&'a [u8]),
    /// iPAddress as stored: four or sixteen octets if it is a proper one.
    Ip(&'a [u8]),
    /// Another kind; its content is not read.
    Other {
        /// The context-specific tag number: 1 is rfc822Name, 6 a URI, and so on.
        tag: u8,
    },
}

impl<'a> GeneralName<'a> {
    fn read(list: &mut Cursor<'a>) -> Result<Self, CertificateError> {
        let name = list.any()?;
        match name.tag {
            DNS_NAME => match core::str::from_utf8(name.value) {
                Ok(text) if text.is_ascii() => Ok(Self::Dns(text)),
                _ => Ok(Self::DnsNotAscii(name.value)),
            },
            IP_ADDRESS => Ok(Self::Ip(name.value)),
            // 0xc0: class bits, of which context-specific is 0x80; 0x1f: tag number.
            tag => match (tag & 0xc0, tag & 0x1f) {
                // Kinds that are strings must not be in pieces.
                (0x80, 2 | 7) => Err(name.error(Fault::Tag)),
                (0x80, number) => Ok(Self::Other { tag: number }),
                _ => Err(name.error(Fault::Tag)),
            },
        }
    }
}

impl fmt::Display for GeneralName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(name) => {
                f.write_str("DNS:")?;
                name.chars().try_for_each(|c| write_escaped(f, c))
            }
            Self::DnsNotAscii(octets) => {
                f.write_str("DNS:")?;
                octets.iter().try_for_each(|&octet| match octet {
                    0x80.. => write!(f, "\\x{octet:02X}"),
                    ascii => write_escaped(f, char::from(ascii)),
                })
            }
            Self::Ip(octets) => {
                f.write_str("IP:")?;
                if let Ok(octets) = <[u8; 4]>::try_from(*octets) {
                    write!(f, "{}", Ipv4Addr::from(octets))
                } else if let Ok(octets) = <[u8; 16]>::try_from(*octets) {
                    write!(f, "{}", Ipv6Addr::from(octets))
                } else {
                    f.write_str("#")?;
                    octets.iter().try_for_each(|octet| write!(f, "{octet:02X}"))
                }
            }
            Self::Other { tag } => write!(f, "other:{tag}"),
        }
    }
}
