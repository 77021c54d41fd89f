//! Strings of command lines and replies, where they lie.
//!
//! Inside the quotes of a command line a backslash means the next byte, whatever it is; replies
//! are never escaped (ESP-AT command set, A.6.2). [`AtStr`] borrows either kind and compares and
//! counts what is meant, not how it was spelled.

use core::fmt;

use crate::sink::{Full, Sink};

/// A string as it stands in a line, or plain bytes to be written as one.
#[derive(Clone, Copy)]
pub struct AtStr<'a> {
    raw: &'a [u8],
    escaped: bool,
}

impl<'a> AtStr<'a> {
    /// Bytes that mean themselves.
    #[must_use]
    pub const fn plain(bytes: &'a [u8]) -> Self {
        Self {
            raw: bytes,
            escaped: false,
        }
    }

    /// What stood between the quotes of a command line; `escaped` if there is a backslash in it.
    pub(crate) const fn from_line(raw: &'a [u8], escaped: bool) -> Self {
        Self { raw, escaped }
    }

    /// The bytes meant, escapes undone.
    #[must_use]
    pub const fn bytes(&self) -> Bytes<'a> {
        Bytes {
            rest: self.raw,
            escaped: self.escaped,
        }
    }

    /// How many bytes are meant.
    #[must_use]
    pub fn len(&self) -> usize {
        if self.escaped {
            self.bytes().count()
        } else {
            self.raw.len()
        }
    }

    /// Whether nothing stands between the quotes.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.raw.is_empty()
    }

    /// The bytes where they lie, if none of them was escaped.
    #[must_use]
    pub const fn as_plain(&self) -> Option<&'a [u8]> {
        if self.escaped { None } else { Some(self.raw) }
    }

    /// Copies the bytes meant.
    ///
    /// # Errors
    ///
    /// [`Full`], with the length in bytes, if it is more than `N`.
    pub fn copy<const N: usize>(&self) -> Result<heapless::Vec<u8, N>, Full> {
        let mut copy = heapless::Vec::new();
        for byte in self.bytes() {
            copy.push(byte).map_err(|_| Full { needed: self.len() })?;
        }
        Ok(copy)
    }

    /// Compares the bytes meant, capital or not.
    #[must_use]
    pub fn eq_ignore_ascii_case(&self, other: &[u8]) -> bool {
        self.bytes()
            .map(|byte| byte.to_ascii_lowercase())
            .eq(other.iter().map(u8::to_ascii_lowercase))
    }

    /// Writes `"…"` as a command line spells it.
    pub(crate) fn write_escaped(&self, out: &mut dyn Sink) -> Result<(), Full> {
        out.put(b"\"")?;
        for byte in self.bytes() {
            if matches!(byte, b'"' | b'\\' | b',') {
                out.put(b"\\")?;
            }
            out.put(&[byte])?;
        }
        out.put(b"\"")
    }

    /// Writes `"…"` as a reply spells it: as it is.
    pub(crate) fn write_quoted(&self, out: &mut dyn Sink) -> Result<(), Full> {
        out.put(b"\"")?;
        self.write_raw(out)?;
        out.put(b"\"")
    }

    /// Writes the bytes meant.
    pub(crate) fn write_raw(&self, out: &mut dyn Sink) -> Result<(), Full> {
        match self.as_plain() {
            Some(plain) => out.put(plain),
            None => self.bytes().try_for_each(|byte| out.put(&[byte])),
        }
    }
}

/// Any string.
impl<'a> From<&'a str> for AtStr<'a> {
    fn from(text: &'a str) -> Self {
        Self::plain(text.as_bytes())
    }
}

impl<'a> From<&'a [u8]> for AtStr<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::plain(bytes)
    }
}

impl PartialEq for AtStr<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.bytes().eq(other.bytes())
    }
}

impl Eq for AtStr<'_> {}

impl PartialEq<[u8]> for AtStr<'_> {
    fn eq(&self, other: &[u8]) -> bool {
        self.bytes().eq(other.iter().copied())
    }
}

impl PartialEq<&str> for AtStr<'_> {
    fn eq(&self, other: &&str) -> bool {
        *self == *other.as_bytes()
    }
}

impl fmt::Debug for AtStr<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

/// Printable ASCII as it is, other bytes as `\x..`.
impl fmt::Display for AtStr<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.bytes()
            .try_for_each(|byte| core::ascii::escape_default(byte).fmt(f))
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for AtStr<'_> {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "{=[u8]:a}", self.raw);
    }
}

/// The bytes of an [`AtStr`].
#[derive(Debug, Clone)]
pub struct Bytes<'a> {
    rest: &'a [u8],
    escaped: bool,
}

impl Iterator for Bytes<'_> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        let (&first, rest) = self.rest.split_first()?;
        self.rest = rest;
        if self.escaped && first == b'\\' {
            let (&second, rest) = self.rest.split_first()?;
            self.rest = rest;
            return Some(second);
        }
        Some(first)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        let max = self.rest.len();
        (if self.escaped { max / 2 } else { max }, Some(max))
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::string::ToString;

    #[test]
    fn a_backslash_means_the_next_byte() {
        for (raw, meant) in [
            (&br"ab\\\,c"[..], &br"ab\,c"[..]),
            (br#"0123456789\"\\"#, br#"0123456789"\"#),
            (br"comma\,backslash\\ssid", br"comma,backslash\ssid"),
            (br"\n", b"n"),
            (b"", b""),
        ] {
            let text = AtStr::from_line(raw, raw.contains(&b'\\'));
            assert_eq!(text, *meant);
            assert_eq!(text.len(), meant.len());
            assert_eq!(text.copy::<32>().unwrap(), meant);
            assert_eq!(text, AtStr::plain(meant));
        }
        assert_eq!(AtStr::from_line(br"a\\b", true).as_plain(), None);
        assert_eq!(AtStr::from_line(b"ab", false).as_plain(), Some(&b"ab"[..]));
    }

    #[test]
    fn what_does_not_fit_names_its_size() {
        assert_eq!(AtStr::from("abcd").copy::<3>(), Err(Full { needed: 4 }));
    }

    #[test]
    fn display_is_printable() {
        assert_eq!(AtStr::plain(b"a\xff\r\n").to_string(), r"a\xff\r\n");
    }
}
