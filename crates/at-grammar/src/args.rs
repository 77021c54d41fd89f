//! The parameter list of a set command, in both directions.
//!
//! ```text
//! params  := param { "," param }
//! param   := (empty) | integer | string
//! integer := ["+"|"-"] digits | "0x" hexdigits        signed, 32 bits, no octal
//! string  := '"' { char | "\" any } '"'               a comma inside is data
//! ```
//!
//! Follows the ESP-AT command set, A.2 and A.6. The whole list is read before any value is looked
//! at, so the order of complaints is fixed: what cannot be read, then the number of parameters,
//! then the values from left to right.

use crate::error::{ArgError, FieldError};
use crate::sink::{Full, Sink};
use crate::text::AtStr;

/// State of `AT+CIPMUX`, 0 or 1: it decides whether a command begins with a link number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Mux {
    /// One link; its number is never given.
    Single,
    /// Several links; their number always comes first.
    Multiple,
}

/// The parameters of a list as they stand in it, whether or not they can be read: what lies between commas that are in no
/// string and behind no backslash (spec: at-commands A.6). An empty list has one parameter, which is empty.
///
/// ```
/// let parameters = at_grammar::split(br#""SSL","a\",b",8883"#);
/// let expected: [&[u8]; 3] = [br#""SSL""#, br#""a\",b""#, b"8883"];
/// assert!(parameters.eq(expected));
/// ```
pub fn split(params: &[u8]) -> impl Iterator<Item = &[u8]> {
    let (mut quoted, mut escaped) = (false, false);
    params.split(move |&byte| {
        let was_escaped = escaped;
        escaped = !escaped && byte == b'\\';
        quoted ^= byte == b'"' && !was_escaped;
        byte == b',' && !quoted && !was_escaped
    })
}

/// A value as given, before it has a type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Given<'a> {
    /// A number.
    Int(i32),
    /// A string, escapes still in it.
    Text(AtStr<'a>),
}

/// A type of parameter: bytes become it at the edge, and it can be written back.
pub trait Field<'a>: Sized {
    /// Takes the value or says what is wrong with it.
    ///
    /// # Errors
    ///
    /// [`FieldError`]: what kind of value or which range would do.
    fn read(given: Given<'a>) -> Result<Self, FieldError>;

    /// Writes the value so that [`read`](Self::read) yields it again.
    ///
    /// # Errors
    ///
    /// [`Full`], with the size that was needed, if the sink has no room.
    fn write(&self, out: &mut dyn Sink) -> Result<(), Full>;
}

impl<'a> Field<'a> for Mux {
    fn read(given: Given<'a>) -> Result<Self, FieldError> {
        bool::read(given).map(|multiple| {
            if multiple {
                Self::Multiple
            } else {
                Self::Single
            }
        })
    }

    fn write(&self, out: &mut dyn Sink) -> Result<(), Full> {
        (*self == Self::Multiple).write(out)
    }
}

impl<'a> Field<'a> for AtStr<'a> {
    fn read(given: Given<'a>) -> Result<Self, FieldError> {
        match given {
            Given::Text(text) => Ok(text),
            Given::Int(_) => Err(FieldError::Kind),
        }
    }

    fn write(&self, out: &mut dyn Sink) -> Result<(), Full> {
        self.write_escaped(out)
    }
}

/// Parameters of a set command, taken from left to right.
#[derive(Debug, Clone)]
pub struct Args<'a> {
    /// What is left; `None` after the last parameter.
    rest: Option<&'a [u8]>,
    given: u8,
    index: u8,
    /// Parameters before those a command counts: 1 where a link number came first.
    base: u8,
    mux: Mux,
    legacy: bool,
}

enum Lexeme<'a> {
    Omitted,
    Int(i32),
    Overflow,
    Text(AtStr<'a>),
}

/// A parameter, and what follows it.
type Lexed<'a> = (&'a [u8], Lexeme<'a>);

/// What `input` begins with. It is read byte by byte, not by combinators: half of the work on a command line is here.
fn param(input: &[u8]) -> Lexed<'_> {
    let lexed = match input {
        [b'"', body @ ..] => text(body),
        [b'0', b'x', digits @ ..] if digits.first().is_some_and(u8::is_ascii_hexdigit) => {
            number(digits, 16, false)
        }
        [b'-', digits @ ..] => number(digits, 10, true),
        [b'+', digits @ ..] | digits => number(digits, 10, false),
    };
    lexed.unwrap_or((input, Lexeme::Omitted))
}

/// Where a list stops being one, and whether quotes of a text may be missing there.
pub(crate) fn unreadable(params: &[u8]) -> Option<(usize, bool)> {
    let mut left = params;
    loop {
        let (rest, lexeme) = param(left);
        match rest {
            [] => return None,
            [b',', next @ ..] => left = next,
            _ => {
                // Text that begins like a number is text without quotes.
                let opens = !matches!(lexeme, Lexeme::Text(_));
                return Some((params.len().checked_sub(rest.len())?, opens));
            }
        }
    }
}

/// A string, its opening quote taken; `None` if nothing closes it.
fn text(body: &[u8]) -> Option<Lexed<'_>> {
    let special = |byte: &u8| matches!(byte, b'"' | b'\\');
    let mut end = body.iter().position(special)?;
    let escapes = body.get(end) == Some(&b'\\');
    while body.get(end) == Some(&b'\\') {
        // Whatever follows it is data.
        let next = end.saturating_add(2);
        end = next.saturating_add(body.get(next..)?.iter().position(special)?);
    }
    let (raw, rest) = body.split_at_checked(end)?;
    let (_, rest) = rest.split_first()?;
    Some((rest, Lexeme::Text(AtStr::from_line(raw, escapes))))
}

/// Digits to a number, which is an overflow beyond 32 bits; `None` if there are none.
fn number(input: &[u8], radix: u32, negative: bool) -> Option<Lexed<'_>> {
    let mut rest = input;
    // At its end it is an overflow, whatever the sign.
    let mut size = 0_u32;
    while let [byte, behind @ ..] = rest {
        let Some(digit) = char::from(*byte).to_digit(radix) else {
            break;
        };
        size = size.saturating_mul(radix).saturating_add(digit);
        rest = behind;
    }
    if rest.len() == input.len() {
        return None;
    }
    // -2147483648 has no positive twin.
    let value = match negative {
        true => 0_i32.checked_sub_unsigned(size),
        false => i32::try_from(size).ok(),
    };
    Some((rest, value.map_or(Lexeme::Overflow, Lexeme::Int)))
}

impl<'a> Args<'a> {
    /// Reads the whole list once, so that only values can be at fault afterwards.
    ///
    /// # Errors
    /// A parameter that is neither number nor string.
    pub fn parse(params: &'a [u8], mux: Mux) -> Result<Self, ArgError> {
        let mut args = Self {
            rest: Some(params),
            given: 0,
            index: 0,
            base: 0,
            mux,
            legacy: false,
        };
        let mut scan = args.clone();
        while scan.rest.is_some() {
            scan.next()?;
        }
        args.given = scan.index;
        Ok(args)
    }

    /// Says that the command's name had a suffix of firmware 1.x.
    pub(crate) const fn set_legacy(&mut self, legacy: bool) {
        self.legacy = legacy;
    }

    fn next(&mut self) -> Result<Option<Given<'a>>, ArgError> {
        let index = self.index;
        let Some(input) = self.rest else {
            return Err(self.count_error(index.saturating_add(1)));
        };
        let (rest, lexeme) = param(input);
        self.rest = match rest {
            [] => None,
            [b',', rest @ ..] => Some(rest),
            _ => return Err(ArgError::Syntax { index }),
        };
        self.index = index.saturating_add(1);
        match lexeme {
            Lexeme::Omitted => Ok(None),
            Lexeme::Int(value) => Ok(Some(Given::Int(value))),
            Lexeme::Text(text) => Ok(Some(Given::Text(text))),
            Lexeme::Overflow => Err(ArgError::Overflow { index }),
        }
    }

    const fn count_error(&self, needed: u8) -> ArgError {
        ArgError::Count {
            needed,
            given: self.given,
        }
    }

    /// State of `AT+CIPMUX` for this line.
    #[must_use]
    pub const fn mux(&self) -> Mux {
        self.mux
    }

    /// Whether the command was named as firmware 1.x names it, where that has other parameters.
    #[must_use]
    pub const fn is_legacy(&self) -> bool {
        self.legacy
    }

    /// How many parameters there are, places left empty included.
    pub(crate) const fn given(&self) -> u8 {
        self.given
    }

    /// Everything after the last parameter that was taken, as it stands.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.rest.unwrap_or_default()
    }

    /// Whether all parameters were taken.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rest.is_none()
    }

    /// Checks the number of parameters, a link number not counted.
    ///
    /// # Errors
    ///
    /// [`ArgError`]: fewer than `min` or more than `max` were given.
    pub fn takes(&self, min: u8, max: u8) -> Result<(), ArgError> {
        let min = min.saturating_add(self.base);
        let max = max.saturating_add(self.base);
        if self.given < min {
            Err(self.count_error(min))
        } else if self.given > max {
            Err(self.count_error(max))
        } else {
            Ok(())
        }
    }

    /// A number that says which link is meant; comes first, and only with [`Mux::Multiple`]. It is
    /// not counted by [`takes`](Self::takes).
    pub(crate) fn link_as<T: Field<'a>>(&mut self) -> Result<Option<T>, ArgError> {
        match self.mux {
            Mux::Single => Ok(None),
            Mux::Multiple => {
                let link = self.required()?;
                self.base = self.index;
                Ok(Some(link))
            }
        }
    }

    /// A parameter without default.
    ///
    /// # Errors
    ///
    /// [`ArgError::Missing`] without a value, [`ArgError::Value`] if it is not one of `T`; both with its index.
    pub fn required<T: Field<'a>>(&mut self) -> Result<T, ArgError> {
        let index = self.index;
        match self.next()? {
            Some(given) => T::read(given).map_err(|error| ArgError::Value { index, error }),
            None => Err(ArgError::Missing { index }),
        }
    }

    /// A parameter that may be left empty, or off at the end.
    ///
    /// # Errors
    ///
    /// [`ArgError::Value`] if there is a value and it is not one of `T`.
    pub fn optional<T: Field<'a>>(&mut self) -> Result<Option<T>, ArgError> {
        let index = self.index;
        if self.is_empty() {
            return Ok(None);
        }
        match self.next()? {
            Some(given) => T::read(given)
                .map(Some)
                .map_err(|error| ArgError::Value { index, error }),
            None => Ok(None),
        }
    }

    /// A parameter with a default.
    ///
    /// # Errors
    ///
    /// As [`optional`](Self::optional).
    pub fn or<T: Field<'a>>(&mut self, default: T) -> Result<T, ArgError> {
        Ok(self.optional()?.unwrap_or(default))
    }

    /// Two parameters that are given together or not at all.
    ///
    /// # Errors
    ///
    /// As [`optional`](Self::optional) for the first and, if it is there, [`required`](Self::required) for the second.
    pub fn pair<A: Field<'a>, B: Field<'a>>(&mut self) -> Result<Option<(A, B)>, ArgError> {
        let index = self.index;
        match self.optional()? {
            Some(first) => Ok(Some((first, self.required()?))),
            None if self.optional::<B>()?.is_some() => Err(ArgError::Missing { index }),
            None => Ok(None),
        }
    }

    /// Number of the next parameter, from 0.
    #[must_use]
    pub const fn index(&self) -> u8 {
        self.index
    }

    /// Complains that so many parameters were needed, a link number not counted.
    #[must_use]
    pub const fn needs(&self, count: u8) -> ArgError {
        self.count_error(count.saturating_add(self.base))
    }

    /// Complains that the parameter just taken is out of range, because of one before it.
    #[must_use]
    pub const fn range_error(&self) -> ArgError {
        ArgError::Value {
            index: self.index.saturating_sub(1),
            error: FieldError::Range,
        }
    }

    /// Nothing may be left.
    ///
    /// # Errors
    /// Something is left.
    pub fn finish(self) -> Result<(), ArgError> {
        if self.is_empty() {
            Ok(())
        } else {
            Err(self.count_error(self.index))
        }
    }
}

/// Writes parameters or reply fields from left to right; places left empty at the end are left off.
pub struct FieldWriter<'s> {
    out: &'s mut dyn Sink,
    /// Commas that the next value needs before it.
    owed: usize,
}

impl core::fmt::Debug for FieldWriter<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("FieldWriter")
            .field("owed", &self.owed)
            .finish_non_exhaustive()
    }
}

impl<'s> FieldWriter<'s> {
    pub(crate) fn new(out: &'s mut dyn Sink) -> Self {
        Self { out, owed: 0 }
    }

    /// A value.
    ///
    /// # Errors
    ///
    /// [`Full`], with the size that was needed, if the sink has no room.
    pub fn value<'a, T: Field<'a>>(&mut self, value: &T) -> Result<(), Full> {
        self.comma()?;
        value.write(self.out)
    }

    fn comma(&mut self) -> Result<(), Full> {
        for _ in 0..self.owed {
            self.out.put(b",")?;
        }
        self.owed = 1;
        Ok(())
    }

    /// A place left empty.
    pub fn omit(&mut self) {
        self.owed = self.owed.saturating_add(1);
    }

    /// A value or a place left empty.
    ///
    /// # Errors
    ///
    /// [`Full`], with the size that was needed, if the sink has no room.
    pub fn optional<'a, T: Field<'a>>(&mut self, value: Option<&T>) -> Result<(), Full> {
        match value {
            Some(value) => self.value(value),
            None => {
                self.omit();
                Ok(())
            }
        }
    }

    /// A value with a default; the default is left out.
    ///
    /// # Errors
    ///
    /// [`Full`], with the size that was needed, if the sink has no room.
    pub fn unless<'a, T: Field<'a> + PartialEq>(
        &mut self,
        value: &T,
        default: &T,
    ) -> Result<(), Full> {
        self.optional((value != default).then_some(value))
    }

    /// Bytes that belong to no field; no comma is written before or after them.
    pub(crate) fn raw(&mut self, bytes: &[u8]) -> Result<(), Full> {
        self.out.put(bytes)
    }

    /// A string as replies spell it: never escaped.
    ///
    /// # Errors
    ///
    /// [`Full`], with the size that was needed, if the sink has no room.
    pub fn quoted(&mut self, text: &AtStr<'_>) -> Result<(), Full> {
        self.comma()?;
        text.write_quoted(self.out)
    }

    /// A string as it is, without quotes.
    pub(crate) fn bare(&mut self, text: &AtStr<'_>) -> Result<(), Full> {
        self.comma()?;
        text.write_raw(self.out)
    }

    /// A string in which nothing can end a field or a line: a quote becomes `'`, a control
    /// character a blank.
    ///
    /// # Errors
    ///
    /// [`Full`], with the size that was needed, if the sink has no room.
    pub fn cleaned(&mut self, text: &AtStr<'_>) -> Result<(), Full> {
        self.labelled("", text)
    }

    /// A label and a string, cleaned, in the same quotes.
    ///
    /// # Errors
    ///
    /// [`Full`], with the size that was needed, if the sink has no room.
    pub fn labelled(&mut self, label: &str, text: &AtStr<'_>) -> Result<(), Full> {
        self.comma()?;
        self.out.put(b"\"")?;
        self.out.put(label.as_bytes())?;
        for byte in text.bytes() {
            self.out.put(&[match byte {
                b'"' => b'\'',
                0..=0x1f | 0x7f => b' ',
                byte => byte,
            }])?;
        }
        self.out.put(b"\"")
    }

    /// Anything that prints as it stands on the wire.
    ///
    /// # Errors
    ///
    /// [`Full`], with the size that was needed, if the sink has no room.
    pub fn show(&mut self, value: impl core::fmt::Display) -> Result<(), Full> {
        self.comma()?;
        crate::sink::show(self.out, value)
    }

    /// A number the way Mbed TLS writes its errors: `-0x2700`.
    ///
    /// # Errors
    ///
    /// [`Full`], with the size that was needed, if the sink has no room.
    pub fn signed_hex(&mut self, number: i32) -> Result<(), Full> {
        let sign = if number < 0 { "-" } else { "" };
        self.show(format_args!("{sign}{:#06x}", number.unsigned_abs()))
    }

    /// The link number before everything else, where there is one.
    ///
    /// # Errors
    ///
    /// [`Full`], with the size that was needed, if the sink has no room.
    pub fn link<'a, T: Field<'a>>(&mut self, link: Option<&T>) -> Result<(), Full> {
        link.map_or(Ok(()), |link| self.value(link))
    }
}
