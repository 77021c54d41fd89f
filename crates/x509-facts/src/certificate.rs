//! The walk through one certificate (RFC 5280 §4.1), in the order of its encoding.

use crate::algorithm::{
    AlgorithmIdentifier, KeyKind, SignatureAlgorithm, key_algorithm, read_key_info, whole_octets,
};
use crate::error::{CertificateError, Fault, Field};
use crate::extensions::{
    BasicConstraints, ExtendedKeyUsage, Extensions, KeyUsage, Known, NameConstraints,
    SubjectAltNames,
};
use crate::name::Name;
use crate::reader::{BIT_STRING, Cursor, INTEGER, SEQUENCE, Tlv};
use crate::time::Validity;

/// version: \[0\] EXPLICIT.
const VERSION: u8 = 0xa0;
/// issuerUniqueID: \[1\] IMPLICIT BIT STRING.
const ISSUER_UNIQUE_ID: u8 = 0x81;
/// subjectUniqueID: \[2\] IMPLICIT BIT STRING.
const SUBJECT_UNIQUE_ID: u8 = 0x82;
/// extensions: \[3\] EXPLICIT.
const EXTENSIONS: u8 = 0xa3;

/// One certificate, wholly checked; no accessor can fail.
///
/// It borrows its octets and is small enough to copy: about 160 octets on a 32-bit machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Certificate<'a> {
    der: &'a [u8],
    version: u8,
    serial: &'a [u8],
    signature_algorithm: SignatureAlgorithm,
    issuer: Name<'a>,
    validity: Validity,
    subject: Name<'a>,
    spki: &'a [u8],
    key_kind: KeyKind,
    public_key: &'a [u8],
    known: Known<'a>,
}

impl<'a> Certificate<'a> {
    /// Reads exactly one certificate.
    ///
    /// # Errors
    ///
    /// [`CertificateError`] names the first thing that cannot be read; octets after the certificate
    /// are [`Fault::Trailing`] in [`Field::Outer`].
    pub fn parse(der: &'a [u8]) -> Result<Self, CertificateError> {
        let (certificate, rest) = Self::parse_prefix(der)?;
        if rest.is_empty() {
            Ok(certificate)
        } else {
            Err(CertificateError::new(
                Field::Outer,
                Fault::Trailing,
                certificate.der.len(),
            ))
        }
    }

    /// Reads the certificate at the start of `der`, and returns what follows it.
    ///
    /// # Errors
    ///
    /// [`CertificateError`] names the first thing that cannot be read.
    pub fn parse_prefix(der: &'a [u8]) -> Result<(Self, &'a [u8]), CertificateError> {
        let mut input = Cursor::new(der, Field::Outer);
        let outer = input.expect(SEQUENCE)?;
        let mut fields = outer.inner();
        let tbs = fields.enter(Field::Tbs).expect(SEQUENCE)?;
        let algorithm = fields.enter(Field::SignatureAlgorithm).expect(SEQUENCE)?;
        let signature = fields.enter(Field::Signature).expect(BIT_STRING)?;
        fields.enter(Field::Outer).finish()?;

        let certificate = Self::read(outer.whole, &tbs, &algorithm)?;
        whole_octets(&signature)?;
        Ok((certificate, input.rest()))
    }

    fn read(
        der: &'a [u8],
        tbs: &Tlv<'a>,
        outer_algorithm: &Tlv<'a>,
    ) -> Result<Self, CertificateError> {
        let mut fields = tbs.inner();
        let version = read_version(fields.enter(Field::Version))?;

        let serial = fields.enter(Field::Serial).expect(INTEGER)?;
        if serial.value.is_empty() {
            return Err(serial.error(Fault::Length));
        }

        let algorithm = fields.enter(Field::SignatureAlgorithm).expect(SEQUENCE)?;
        // RFC 5280 §4.1.1.2: only the inner one is signed, so the outer one must not say otherwise.
        if algorithm.whole != outer_algorithm.whole {
            return Err(outer_algorithm.error(Fault::Mismatch));
        }
        let signature_algorithm = AlgorithmIdentifier::read(&algorithm)?.signature();

        let issuer = Name::read(&fields.enter(Field::Issuer).expect(SEQUENCE)?)?;
        let validity = Validity::read(&fields.enter(Field::Validity).expect(SEQUENCE)?)?;
        let subject = Name::read(&fields.enter(Field::Subject).expect(SEQUENCE)?)?;
        let spki = fields.enter(Field::KeyInfo).expect(SEQUENCE)?;
        let (key_kind, public_key) = read_key_info(&spki)?;

        fields.enter(Field::UniqueId);
        for tag in [ISSUER_UNIQUE_ID, SUBJECT_UNIQUE_ID] {
            if let Some(id) = fields.optional(tag)?
                && version < 2
            {
                return Err(id.error(Fault::Tag));
            }
        }

        let known = match fields.enter(Field::Extensions).optional(EXTENSIONS)? {
            Some(explicit) if version < 3 => return Err(explicit.error(Fault::Tag)),
            Some(explicit) => Known::read(&explicit)?,
            None => Known::default(),
        };
        fields.enter(Field::Tbs).finish()?;

        Ok(Self {
            der,
            version,
            serial: serial.value,
            signature_algorithm,
            issuer,
            validity,
            subject,
            spki: spki.whole,
            key_kind,
            public_key,
            known,
        })
    }

    /// The certificate's own octets.
    #[must_use]
    pub const fn der(&self) -> &'a [u8] {
        self.der
    }

    /// 1, 2 or 3.
    #[must_use]
    pub const fn version(&self) -> u8 {
        self.version
    }

    /// The serial number as stored: big-endian two's complement, so a leading 00 may be there, and a
    /// first octet from 80 up is a negative number. Never empty.
    #[must_use]
    pub const fn serial(&self) -> &'a [u8] {
        self.serial
    }

    /// Who signed it, by its own account.
    #[must_use]
    pub const fn issuer(&self) -> Name<'a> {
        self.issuer
    }

    /// Whose key it is.
    #[must_use]
    pub const fn subject(&self) -> Name<'a> {
        self.subject
    }

    /// From when to when. Nothing says that the first comes before the second.
    #[must_use]
    pub const fn validity(&self) -> Validity {
        self.validity
    }

    /// The whole SubjectPublicKeyInfo, header included: what a pin is a hash of.
    #[must_use]
    pub const fn spki(&self) -> &'a [u8] {
        self.spki
    }

    /// The octets of subjectPublicKey's BIT STRING: an RSAPublicKey, a curve point, and so on.
    #[must_use]
    pub const fn public_key(&self) -> &'a [u8] {
        self.public_key
    }

    /// What kind of key that is. A curve point is not checked.
    #[must_use]
    pub const fn key_kind(&self) -> KeyKind {
        self.key_kind
    }

    /// How it is signed.
    #[must_use]
    pub const fn signature_algorithm(&self) -> SignatureAlgorithm {
        self.signature_algorithm
    }

    /// The algorithm identifier of the key, parameters included.
    #[must_use]
    pub fn key_algorithm(&self) -> AlgorithmIdentifier<'a> {
        // Read once already, so it is there.
        key_algorithm(self.spki).unwrap_or(AlgorithmIdentifier::EMPTY)
    }

    /// The algorithm identifier of the signature, parameters included.
    #[must_use]
    pub fn signature_identifier(&self) -> AlgorithmIdentifier<'a> {
        let read = || {
            let outer = Cursor::new(self.der, Field::Outer).expect(SEQUENCE)?;
            let mut fields = outer.inner();
            fields.expect(SEQUENCE)?;
            AlgorithmIdentifier::read(&fields.expect(SEQUENCE)?)
        };
        // Read once already, so it is there.
        read().unwrap_or(AlgorithmIdentifier::EMPTY)
    }

    /// basicConstraints, if there.
    #[must_use]
    pub const fn basic_constraints(&self) -> Option<BasicConstraints> {
        self.known.basic_constraints
    }

    /// keyUsage, if there.
    #[must_use]
    pub const fn key_usage(&self) -> Option<KeyUsage> {
        self.known.key_usage
    }

    /// extendedKeyUsage, if there.
    #[must_use]
    pub const fn extended_key_usage(&self) -> Option<ExtendedKeyUsage<'a>> {
        self.known.extended_key_usage
    }

    /// subjectAltName, if there; the list may be empty.
    #[must_use]
    pub fn subject_alt_names(&self) -> Option<SubjectAltNames<'a>> {
        self.known.subject_alt_names()
    }

    /// nameConstraints, if there.
    #[must_use]
    pub const fn name_constraints(&self) -> Option<NameConstraints> {
        self.known.name_constraints
    }

    /// keyIdentifier of authorityKeyIdentifier, if there.
    #[must_use]
    pub const fn authority_key_id(&self) -> Option<&'a [u8]> {
        self.known.authority_key_id
    }

    /// subjectKeyIdentifier, if there.
    #[must_use]
    pub const fn subject_key_id(&self) -> Option<&'a [u8]> {
        self.known.subject_key_id
    }

    /// All extensions in file order, those this crate does not know included.
    #[must_use]
    pub fn extensions(&self) -> Extensions<'a> {
        self.known.all()
    }

    /// Subject and issuer are the same octets. Says nothing about who signed it.
    #[must_use]
    pub fn is_self_issued(&self) -> bool {
        self.subject == self.issuer
    }

    /// What basicConstraints says about being a CA; `None` without basicConstraints.
    #[must_use]
    pub fn is_ca(&self) -> Option<bool> {
        self.basic_constraints().map(|constraints| constraints.ca)
    }
}

/// \[0\] EXPLICIT INTEGER { v1(0), v2(1), v3(2) } DEFAULT v1.
///
/// An explicit v1 is not DER, but has one meaning only.
fn read_version(fields: &mut Cursor<'_>) -> Result<u8, CertificateError> {
    let Some(explicit) = fields.optional(VERSION)? else {
        return Ok(1);
    };
    let mut wrapper = explicit.inner();
    let number = wrapper.expect(INTEGER)?;
    wrapper.finish()?;
    match number.decode::<u8>()? {
        version @ 0..=2 => Ok(version + 1),
        _ => Err(number.error(Fault::Value)),
    }
}
