//! The fields of an information line, for the side that reads replies.
//!
//! Replies are never escaped, so a string may hold quotes and commas. A string ends at the first
//! quote that a comma or the end follows; where a line allows better, it cuts from its end.

use core::net::IpAddr;

use crate::args::{Field, FieldWriter, Given};
use crate::sink::Full;
use crate::text::AtStr;

/// What follows `+NAME:`.
pub trait InfoLine<'a>: Sized {
    /// Whether the line ends in CRLF. Where it does not, the result follows at once.
    const CLOSED: bool = true;

    /// Writes everything between the colon and the line's end.
    ///
    /// # Errors
    ///
    /// [`Full`], with the size that was needed, if the sink has no room.
    fn write_fields(&self, out: &mut FieldWriter<'_>) -> Result<(), Full>;

    /// Reads the same; `None` where the line is of another kind.
    fn read_fields(fields: &mut Fields<'a>) -> Option<Self>;
}

impl<'a, T: Field<'a>> InfoLine<'a> for T {
    fn write_fields(&self, out: &mut FieldWriter<'_>) -> Result<(), Full> {
        out.value(self)
    }

    fn read_fields(fields: &mut Fields<'a>) -> Option<Self> {
        fields.next()
    }
}

/// Fields of one line, taken from left to right.
#[derive(Debug, Clone)]
pub struct Fields<'a> {
    rest: &'a [u8],
    /// Another field follows, possibly an empty one.
    more: bool,
}

impl<'a> Fields<'a> {
    pub(crate) const fn new(rest: &'a [u8]) -> Self {
        Self { rest, more: true }
    }

    /// Whether every field was taken.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        !self.more
    }

    /// Whether the next field is a string in quotes.
    #[must_use]
    pub fn at_text(&self) -> bool {
        self.rest.starts_with(b"\"")
    }

    /// All that is left, as it stands.
    pub fn take_all(&mut self) -> &'a [u8] {
        self.more = false;
        core::mem::take(&mut self.rest)
    }

    fn advance(&mut self, len: usize) -> Option<&'a [u8]> {
        let (field, rest) = self.rest.split_at_checked(len)?;
        match rest {
            [] => {
                self.rest = rest;
                self.more = false;
            }
            [b',', rest @ ..] => self.rest = rest,
            _ => return None,
        }
        Some(field)
    }

    /// An unquoted field, as it stands.
    pub fn word(&mut self) -> Option<&'a [u8]> {
        if !self.more {
            return None;
        }
        let len = self
            .rest
            .iter()
            .position(|&byte| byte == b',')
            .unwrap_or(self.rest.len());
        self.advance(len)
    }

    /// A number; `0x` marks a hexadecimal one, `-` may stand before either.
    pub fn number<T: TryFrom<i64>>(&mut self) -> Option<T> {
        let word = core::str::from_utf8(self.word()?).ok()?;
        let (negative, digits) = match word.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, word),
        };
        let (radix, digits) = match digits.strip_prefix("0x") {
            Some(digits) => (16, digits),
            None => (10, digits),
        };
        if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        let value = i64::from_str_radix(digits, radix).ok()?;
        T::try_from(if negative {
            value.checked_neg()?
        } else {
            value
        })
        .ok()
    }

    /// A string in quotes.
    pub fn quoted(&mut self) -> Option<AtStr<'a>> {
        let inner = self.rest.strip_prefix(b"\"")?;
        let len = (0..inner.len()).find(|&at| {
            let mut from = inner.iter().skip(at);
            from.next() == Some(&b'"') && matches!(from.next(), None | Some(b','))
        })?;
        self.string(len)
    }

    /// A string in quotes that ends where `tail` fields are left before the line's end.
    ///
    /// For strings of any content, when none of those fields holds a comma.
    pub fn quoted_before(&mut self, tail: usize) -> Option<AtStr<'a>> {
        self.rest.strip_prefix(b"\"")?;
        let end = match tail.checked_sub(1) {
            None => self.rest.len(),
            Some(skipped) => {
                let mut commas = self
                    .rest
                    .iter()
                    .enumerate()
                    .rev()
                    .filter(|(_, byte)| **byte == b',');
                commas.nth(skipped)?.0
            }
        };
        // Both quotes count.
        self.string(end.checked_sub(2)?)
    }

    fn string(&mut self, len: usize) -> Option<AtStr<'a>> {
        let field = self.advance(len.checked_add(2)?)?;
        let inner = field.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
        Some(AtStr::plain(inner))
    }

    /// A field of any parameter type.
    #[expect(
        clippy::should_implement_trait,
        reason = "each call names another type, so this is no iterator"
    )]
    pub fn next<T: Field<'a>>(&mut self) -> Option<T> {
        let given = if self.rest.starts_with(b"\"") {
            Given::Text(self.quoted()?)
        } else {
            Given::Int(self.number()?)
        };
        T::read(given).ok()
    }

    /// An IP address, in quotes or, as firmware 1.x writes it, without.
    pub(crate) fn address(&mut self) -> Option<IpAddr> {
        if self.at_text() {
            return self.next();
        }
        core::str::from_utf8(self.word()?).ok()?.parse().ok()
    }

    /// A field that may be left off at the end.
    pub fn last<T: Field<'a>>(&mut self) -> Option<Option<T>> {
        if self.is_empty() {
            Some(None)
        } else {
            self.next().map(Some)
        }
    }
}
