//! A cursor over DER elements that knows where in the certificate it stands (X.690 §8.1, §10.1).
//!
//! Tags are kept as their identifier octet, because names and general names may hold kinds that
//! crate `der` has no name for; lengths and primitive values are decoded by that crate.

use der::{Decode, ErrorKind, Length, Reader, SliceReader};

use crate::error::{CertificateError, Fault, Field};

pub(crate) const BOOLEAN: u8 = 0x01;
pub(crate) const INTEGER: u8 = 0x02;
pub(crate) const BIT_STRING: u8 = 0x03;
pub(crate) const OCTET_STRING: u8 = 0x04;
pub(crate) const OID: u8 = 0x06;
pub(crate) const UTC_TIME: u8 = 0x17;
pub(crate) const GENERALIZED_TIME: u8 = 0x18;
pub(crate) const SEQUENCE: u8 = 0x30;
pub(crate) const SET: u8 = 0x31;

/// The low five bits of an identifier octet: the tag number, or this when it needs more octets.
const TAG_NUMBER: u8 = 0x1f;

/// One element.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Tlv<'a> {
    pub(crate) tag: u8,
    /// Identifier, length and content octets.
    pub(crate) whole: &'a [u8],
    /// Content octets.
    pub(crate) value: &'a [u8],
    /// Where `whole` starts in the certificate.
    at: usize,
    field: Field,
}

impl<'a> Tlv<'a> {
    /// The elements inside.
    pub(crate) fn inner(&self) -> Cursor<'a> {
        let header = self.whole.len() - self.value.len();
        Cursor {
            rest: self.value,
            at: self.at + header,
            field: self.field,
        }
    }

    pub(crate) fn error(&self, fault: Fault) -> CertificateError {
        CertificateError::new(self.field, fault, self.at)
    }

    /// Decodes the whole element as one of `der`'s own types.
    pub(crate) fn decode<T: Decode<'a>>(&self) -> Result<T, CertificateError> {
        T::from_der(self.whole).map_err(|_| self.error(Fault::Value))
    }

    /// Content of an OBJECT IDENTIFIER: at least one arc, and the last one complete.
    pub(crate) fn oid(&self) -> Result<&'a [u8], CertificateError> {
        if self.tag != OID {
            return Err(self.error(Fault::Tag));
        }
        match self.value.last() {
            Some(last) if last & 0x80 == 0 => Ok(self.value),
            _ => Err(self.error(Fault::Value)),
        }
    }
}

/// Reads elements one after the other.
#[derive(Debug, Clone)]
pub(crate) struct Cursor<'a> {
    rest: &'a [u8],
    at: usize,
    field: Field,
}

impl<'a> Cursor<'a> {
    /// A cursor at the start of a certificate, or over octets whose place no longer matters.
    pub(crate) const fn new(bytes: &'a [u8], field: Field) -> Self {
        Self {
            rest: bytes,
            at: 0,
            field,
        }
    }

    /// Blames `field` for what is wrong from here on.
    pub(crate) fn enter(&mut self, field: Field) -> &mut Self {
        self.field = field;
        self
    }

    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) fn error(&self, fault: Fault) -> CertificateError {
        CertificateError::new(self.field, fault, self.at)
    }

    /// The next element, whatever it is.
    pub(crate) fn any(&mut self) -> Result<Tlv<'a>, CertificateError> {
        let Some((&tag, after_tag)) = self.rest.split_first() else {
            return Err(self.error(Fault::Truncated));
        };
        if tag & TAG_NUMBER == TAG_NUMBER {
            return Err(self.error(Fault::Tag));
        }
        let decoded = SliceReader::new(after_tag).and_then(|mut reader| {
            let length = usize::try_from(Length::decode(&mut reader)?)?;
            Ok((length, usize::try_from(reader.position())?))
        });
        let (length, length_octets) = decoded.map_err(|error| {
            self.error(match error.kind() {
                ErrorKind::Incomplete { .. } => Fault::Truncated,
                _ => Fault::Length,
            })
        })?;

        let element = after_tag
            .get(length_octets..)
            .and_then(|content| content.get(..length))
            .zip(self.rest.split_at_checked(1 + length_octets + length));
        let Some((value, (whole, rest))) = element else {
            return Err(self.error(Fault::Truncated));
        };
        let tlv = Tlv {
            tag,
            whole,
            value,
            at: self.at,
            field: self.field,
        };
        self.at += whole.len();
        self.rest = rest;
        Ok(tlv)
    }

    /// The next element, which must have this tag.
    pub(crate) fn expect(&mut self, tag: u8) -> Result<Tlv<'a>, CertificateError> {
        match self.rest.first() {
            Some(&found) if found != tag => Err(self.error(Fault::Tag)),
            _ => self.any(),
        }
    }

    /// The next element if it has this tag.
    pub(crate) fn optional(&mut self, tag: u8) -> Result<Option<Tlv<'a>>, CertificateError> {
        match self.rest.first() {
            Some(&found) if found == tag => self.any().map(Some),
            _ => Ok(None),
        }
    }

    /// Nothing may be left.
    pub(crate) fn finish(&self) -> Result<(), CertificateError> {
        if self.is_empty() {
            Ok(())
        } else {
            Err(self.error(Fault::Trailing))
        }
    }
}
