//! Distinguished names (RFC 5280 §4.1.2.4) and how they are shown.
//!
//! ```text
//! Name = SEQUENCE OF RDN      least specific first: C, O, OU, CN
//! RDN  = SET OF Attribute     one, as a rule
//! Attribute = SEQUENCE { type OBJECT IDENTIFIER, value ANY }
//! ```

use core::fmt;

use crate::error::{CertificateError, Fault, Field};
use crate::oid::{self, DottedOid};
use crate::reader::{Cursor, OID, SEQUENCE, SET, Tlv};

/// Maximum number of RDNs in a name. Showing the last one first walks the name once for each.
pub const MAX_NAME_PARTS: usize = 32;

const UTF8_STRING: u8 = 0x0c;
const NUMERIC_STRING: u8 = 0x12;
const PRINTABLE_STRING: u8 = 0x13;
const TELETEX_STRING: u8 = 0x14;
const IA5_STRING: u8 = 0x16;
const VISIBLE_STRING: u8 = 0x1a;
const UNIVERSAL_STRING: u8 = 0x1c;
const BMP_STRING: u8 = 0x1e;

/// A distinguished name. Two names are equal when their octets are.
///
/// `Display` puts the most specific part first, as in `CN=Root RSA a, O=AT vectors a`. The parts of
/// a multi-valued RDN are joined by `+`. Control characters, characters that change the reading
/// order or show nothing, `"`, `\`, `,`, `+`, and octets that are not text are written as `\xHH`, so
/// the text stays in its line and between its quotes, and one attribute cannot pose as two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Name<'a> {
    der: &'a [u8],
    parts: &'a [u8],
}

impl<'a> Name<'a> {
    pub(crate) fn read(element: &Tlv<'a>) -> Result<Self, CertificateError> {
        let mut parts = element.inner();
        let mut count = 0;
        while !parts.is_empty() {
            if count == MAX_NAME_PARTS {
                return Err(parts.error(Fault::TooMany));
            }
            let part = parts.expect(SET)?;
            let mut attributes = part.inner();
            if attributes.is_empty() {
                return Err(part.error(Fault::Length));
            }
            while !attributes.is_empty() {
                Attribute::read(&mut attributes)?;
            }
            count += 1;
        }
        Ok(Self {
            der: element.whole,
            parts: element.value,
        })
    }

    /// The whole SEQUENCE, header included.
    #[must_use]
    pub const fn as_der(&self) -> &'a [u8] {
        self.der
    }

    /// The content of that SEQUENCE.
    #[must_use]
    pub const fn as_content(&self) -> &'a [u8] {
        self.parts
    }

    /// A name without any attribute; allowed for a subject that has alternative names.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// The most specific common name: of several, the last.
    #[must_use]
    pub fn common_name(&self) -> Option<Text<'a>> {
        self.attributes()
            .filter(|attribute| attribute.oid == oid::COMMON_NAME)
            .last()
            .map(|attribute| attribute.value)
    }

    /// All attributes in file order, the least specific first.
    #[must_use]
    pub const fn attributes(&self) -> Attributes<'a> {
        Attributes {
            parts: Cursor::new(self.parts, Field::Subject),
            part: Cursor::new(&[], Field::Subject),
        }
    }

    /// The same name, though string types, letter case (of ASCII) or blanks may differ (RFC 5280 §7.1).
    #[must_use]
    pub fn is_same_as(&self, other: &Name<'_>) -> bool {
        if self.der == other.der {
            return true;
        }
        let (mut ours, mut theirs) = (self.parts(), other.parts());
        loop {
            match (ours.next(), theirs.next()) {
                (None, None) => return true,
                (Some(our), Some(their)) => {
                    if !same_part(our, their) {
                        return false;
                    }
                }
                _ => return false,
            }
        }
    }

    /// The content of each RDN, in file order.
    fn parts(&self) -> impl Iterator<Item = Cursor<'a>> {
        let mut parts = Cursor::new(self.parts, Field::Subject);
        core::iter::from_fn(move || parts.expect(SET).ok().map(|part| part.inner()))
    }
}

/// Two RDNs: the same attributes in the same order, which DER fixes but for the values.
fn same_part(mut our: Cursor<'_>, mut their: Cursor<'_>) -> bool {
    loop {
        if our.is_empty() || their.is_empty() {
            return our.is_empty() && their.is_empty();
        }
        match (Attribute::read(&mut our), Attribute::read(&mut their)) {
            (Ok(a), Ok(b)) if a.oid == b.oid && a.value.is_same_as(&b.value) => {}
            _ => return false,
        }
    }
}

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.parts().count();
        for index in (0..count).rev() {
            let Some(mut part) = self.parts().nth(index) else {
                break;
            };
            if index + 1 != count {
                f.write_str(", ")?;
            }
            let mut first = true;
            while let Ok(attribute) = Attribute::read(&mut part) {
                if !first {
                    f.write_str("+")?;
                }
                first = false;
                match oid::attribute_label(attribute.oid) {
                    Some(label) => write!(f, "{label}={}", attribute.value)?,
                    None => write!(f, "{}={}", DottedOid(attribute.oid), attribute.value)?,
                }
            }
        }
        Ok(())
    }
}

/// One part of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Attribute<'a> {
    /// Content octets of the attribute type's object identifier; see [`DottedOid`].
    pub oid: &'a [u8],
    /// The value.
    pub value: Text<'a>,
}

impl<'a> Attribute<'a> {
    fn read(part: &mut Cursor<'a>) -> Result<Self, CertificateError> {
        let mut fields = part.expect(SEQUENCE)?.inner();
        let oid = fields.expect(OID)?.oid()?;
        let value = fields.any()?;
        fields.finish()?;
        Ok(Self {
            oid,
            value: Text {
                tag: value.tag,
                bytes: value.value,
            },
        })
    }
}

/// The attributes of a name, in file order.
#[derive(Debug, Clone)]
pub struct Attributes<'a> {
    parts: Cursor<'a>,
    part: Cursor<'a>,
}

impl<'a> Iterator for Attributes<'a> {
    type Item = Attribute<'a>;

    fn next(&mut self) -> Option<Attribute<'a>> {
        if self.part.is_empty() {
            self.part = self.parts.expect(SET).ok()?.inner();
        }
        Attribute::read(&mut self.part).ok()
    }
}

/// An attribute value, in whichever of the many string types it is stored.
///
/// `Display` is escaped as described at [`Name`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Text<'a> {
    tag: u8,
    bytes: &'a [u8],
}

impl<'a> Text<'a> {
    /// The text as stored, unescaped, if its type is ASCII or UTF-8 and its octets are valid.
    ///
    /// It may hold any character, NUL and line ends included: compare it whole, never print it.
    #[must_use]
    pub const fn as_str(&self) -> Option<&'a str> {
        match self.tag {
            UTF8_STRING | NUMERIC_STRING | PRINTABLE_STRING | IA5_STRING | VISIBLE_STRING => {
                match core::str::from_utf8(self.bytes) {
                    Ok(text) => Some(text),
                    Err(_) => None,
                }
            }
            _ => None,
        }
    }

    /// The content octets.
    #[must_use]
    pub const fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    fn is_same_as(&self, other: &Text<'_>) -> bool {
        if self == other {
            return true;
        }
        match (Folded::of(*self), Folded::of(*other)) {
            (Some(ours), Some(theirs)) => ours.eq(theirs),
            _ => false,
        }
    }
}

/// The characters of a text as RFC 5280 §7.1 compares them: lower case, no blanks at the ends, one between words.
struct Folded<'a> {
    stored: Stored<'a>,
    started: bool,
    held: Option<u32>,
}

/// The characters of a text as they are stored.
enum Stored<'a> {
    Utf8(core::str::Chars<'a>),
    Latin1(core::slice::Iter<'a, u8>),
    Bmp(core::slice::Iter<'a, [u8; 2]>),
    Universal(core::slice::Iter<'a, [u8; 4]>),
}

impl<'a> Folded<'a> {
    /// `None` for what is not text, which is equal only to the same octets.
    fn of(text: Text<'a>) -> Option<Self> {
        let stored = match text.tag {
            TELETEX_STRING => Stored::Latin1(text.bytes.iter()),
            BMP_STRING => match text.bytes.as_chunks::<2>() {
                (units, []) => Stored::Bmp(units.iter()),
                _ => return None,
            },
            UNIVERSAL_STRING => match text.bytes.as_chunks::<4>() {
                (units, []) => Stored::Universal(units.iter()),
                _ => return None,
            },
            _ => Stored::Utf8(text.as_str()?.chars()),
        };
        Some(Self {
            stored,
            started: false,
            held: None,
        })
    }

    /// The next character, as its number: what is no character is equal to itself alone.
    fn stored(&mut self) -> Option<u32> {
        match &mut self.stored {
            Stored::Utf8(chars) => chars.next().map(u32::from),
            Stored::Latin1(octets) => octets.next().map(|&octet| u32::from(octet)),
            Stored::Bmp(units) => units.next().map(|&unit| u16::from_be_bytes(unit).into()),
            Stored::Universal(units) => units.next().map(|&unit| u32::from_be_bytes(unit)),
        }
    }
}

impl Iterator for Folded<'_> {
    type Item = u32;

    fn next(&mut self) -> Option<u32> {
        const BLANK: u32 = 0x20;
        if let Some(held) = self.held.take() {
            return Some(held);
        }
        let mut blank = false;
        loop {
            let c = self.stored()?;
            if c == BLANK {
                blank = true;
                continue;
            }
            // `A` to `Z`, as OpenSSL and Mbed TLS fold them.
            let c = if matches!(c, 0x41..=0x5a) {
                c | 0x20
            } else {
                c
            };
            let between = blank && self.started;
            self.started = true;
            if between {
                self.held = Some(c);
                return Some(BLANK);
            }
            return Some(c);
        }
    }
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.tag {
            UTF8_STRING | NUMERIC_STRING | PRINTABLE_STRING | IA5_STRING | VISIBLE_STRING => {
                self.bytes.utf8_chunks().try_for_each(|chunk| {
                    chunk
                        .valid()
                        .chars()
                        .try_for_each(|c| write_escaped(f, c))?;
                    write_octets(f, chunk.invalid())
                })
            }
            // T.61 proper has a code of its own; what is found in certificates is Latin-1.
            TELETEX_STRING => self
                .bytes
                .iter()
                .try_for_each(|&octet| write_escaped(f, char::from(octet))),
            BMP_STRING => {
                let (pairs, odd) = self.bytes.as_chunks::<2>();
                let units = pairs.iter().map(|&pair| u16::from_be_bytes(pair));
                char::decode_utf16(units).try_for_each(|c| match c {
                    Ok(c) => write_escaped(f, c),
                    Err(lone) => write_octets(f, &lone.unpaired_surrogate().to_be_bytes()),
                })?;
                write_octets(f, odd)
            }
            UNIVERSAL_STRING => {
                let (quads, odd) = self.bytes.as_chunks::<4>();
                quads.iter().try_for_each(|quad| {
                    match char::from_u32(u32::from_be_bytes(*quad)) {
                        Some(c) => write_escaped(f, c),
                        None => write_octets(f, quad),
                    }
                })?;
                write_octets(f, odd)
            }
            _ => {
                f.write_str("#")?;
                self.bytes
                    .iter()
                    .try_for_each(|octet| write!(f, "{octet:02X}"))
            }
        }
    }
}

/// Writes `c`, or its UTF-8 octets as `\xHH` where it could harm the line it is put in.
pub(crate) fn write_escaped(f: &mut fmt::Formatter<'_>, c: char) -> fmt::Result {
    if c.is_control() || matches!(c, '"' | '\\' | ',' | '+') || is_invisible(c) {
        let mut octets = [0; 4];
        write_octets(f, c.encode_utf8(&mut octets).as_bytes())
    } else {
        fmt::Write::write_char(f, c)
    }
}

fn write_octets(f: &mut fmt::Formatter<'_>, octets: &[u8]) -> fmt::Result {
    octets
        .iter()
        .try_for_each(|octet| write!(f, "\\x{octet:02X}"))
}

/// Characters that show nothing, end a line or reorder it (Unicode: Cf, Zl, Zp and tags).
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e007f}')
}
