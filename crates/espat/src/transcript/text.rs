//! The text of a transcript line: literal bytes, and places in braces for what is not literal.
//!
//! | place | stands for | where |
//! |---|---|---|
//! | `{{`, `}}` | one brace | both |
//! | `{crlf}`, `{hex 0d 0a}` | these bytes | both |
//! | `{$name}`, `{#name}` | the bytes of a variable; how many they are, in decimal | both |
//! | `{noise 100 of 7}`, `{noise 100 at 50 of 7}` | bytes of the endless pseudo-random stream number 7 | both |
//! | `{number}`, `{number as name}` | an integer; kept under the name | expected |
//! | `{text}`, `{text as name}` | anything without line ends, up to what follows; kept | expected |
//! | `{any 12}`, `{any 12 as name}` | so many bytes; kept | expected |

use std::collections::BTreeMap;
use std::fmt;

/// Values of names, as bytes.
pub type Variables = BTreeMap<String, Vec<u8>>;

/// A parsed text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Text(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Bytes(Vec<u8>),
    Variable(String),
    Length(String),
    Noise { count: usize, at: u64, seed: u64 },
    Number(Option<String>),
    Run(Option<String>),
    Any(usize, Option<String>),
}

/// Why a text was not understood, or cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum TextError {
    /// A brace without its partner.
    Brace,
    /// This is in braces and means nothing.
    Place(String),
    /// No variable has this name.
    Unset(String),
    /// A place that stands for anything cannot be sent.
    NotSendable,
    /// `{number}` or `{text}` with nothing behind it never ends.
    Endless,
}

impl fmt::Display for TextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Brace => f.write_str("a brace without its partner; {{ and }} are literal"),
            Self::Place(place) => write!(f, "{{{place}}} means nothing"),
            Self::Unset(name) => write!(f, "nothing is called {name}"),
            Self::NotSendable => f.write_str("what stands for anything cannot be sent"),
            Self::Endless => f.write_str("a {number} or {text} with nothing behind it never ends"),
        }
    }
}

impl std::error::Error for TextError {}

/// What some input is to a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Match {
    /// The first `length` bytes are what was wanted; what was kept.
    Whole {
        /// How many bytes it took.
        length: usize,
        /// Values of the names in it.
        kept: Variables,
    },
    /// All of the input fits, and more is needed.
    Part,
    /// The byte at this position cannot be there.
    Not {
        /// Counted from the start of the input.
        at: usize,
    },
}

enum Stop {
    Short,
    Wrong(usize),
}

impl Text {
    /// Reads what stands in a line.
    ///
    /// # Errors
    ///
    /// [`TextError::Brace`] and [`TextError::Place`].
    pub fn parse(line: &str) -> Result<Self, TextError> {
        let mut text = Self::default();
        let mut left = line;
        while let Some(at) = left.find(['{', '}']) {
            let (literal, rest) = left.split_at_checked(at).ok_or(TextError::Brace)?;
            text.push_bytes(literal.as_bytes());
            if let Some(rest) = rest.strip_prefix("{{") {
                text.push_bytes(b"{");
                left = rest;
            } else if let Some(rest) = rest.strip_prefix("}}") {
                text.push_bytes(b"}");
                left = rest;
            } else {
                let (place, rest) = rest
                    .strip_prefix('{')
                    .and_then(|rest| rest.split_once('}'))
                    .ok_or(TextError::Brace)?;
                match place_of(place).ok_or_else(|| TextError::Place(place.to_owned()))? {
                    Piece::Bytes(bytes) => text.push_bytes(&bytes),
                    piece => text.0.push(piece),
                }
                left = rest;
            }
        }
        text.push_bytes(left.as_bytes());
        Ok(text)
    }

    /// These bytes and no others.
    #[must_use]
    pub fn literal(bytes: &[u8]) -> Self {
        let mut text = Self::default();
        text.push_bytes(bytes);
        text
    }

    /// Adds literal bytes at the end.
    pub fn push_bytes(&mut self, bytes: &[u8]) {
        match self.0.last_mut() {
            _ if bytes.is_empty() => {}
            Some(Piece::Bytes(last)) => last.extend_from_slice(bytes),
            _ => self.0.push(Piece::Bytes(bytes.to_vec())),
        }
    }

    /// Puts literal bytes before it.
    #[must_use]
    pub fn after(mut self, bytes: &[u8]) -> Self {
        let mut whole = Self::literal(bytes);
        for piece in self.0.drain(..) {
            match piece {
                Piece::Bytes(bytes) => whole.push_bytes(&bytes),
                piece => whole.0.push(piece),
            }
        }
        whole
    }

    /// The literal bytes it begins with.
    #[must_use]
    pub fn head(&self) -> &[u8] {
        match self.0.first() {
            Some(Piece::Bytes(bytes)) => bytes,
            _ => &[],
        }
    }

    /// All of it, if it is nothing but literal.
    #[must_use]
    pub fn as_literal(&self) -> Option<&[u8]> {
        match self.0.as_slice() {
            [] => Some(&[]),
            [Piece::Bytes(bytes)] => Some(bytes),
            _ => None,
        }
    }

    /// Whether this byte is among its literal bytes.
    #[must_use]
    pub fn has(&self, byte: u8) -> bool {
        self.0
            .iter()
            .any(|piece| matches!(piece, Piece::Bytes(bytes) if bytes.contains(&byte)))
    }

    /// The bytes to send.
    ///
    /// # Errors
    ///
    /// [`TextError::Unset`] and [`TextError::NotSendable`].
    pub fn expand(&self, variables: &Variables) -> Result<Vec<u8>, TextError> {
        let mut all = Vec::new();
        for piece in &self.0 {
            all.extend(known(piece, variables)?.ok_or(TextError::NotSendable)?);
        }
        Ok(all)
    }

    /// Compares as much as there is.
    ///
    /// # Errors
    ///
    /// [`TextError::Unset`] and [`TextError::Endless`].
    pub fn compare(&self, input: &[u8], variables: &Variables) -> Result<Match, TextError> {
        let mut kept = Variables::new();
        let mut at = 0_usize;
        let mut pieces = self.0.iter().peekable();
        while let Some(piece) = pieces.next() {
            let rest = input.get(at..).unwrap_or_default();
            let mut keep = |name: &Option<String>, length: usize| {
                if let Some(name) = name {
                    let value = rest.get(..length).unwrap_or_default();
                    kept.insert(name.clone(), value.to_vec());
                }
            };
            let taken = match piece {
                Piece::Number(name) => {
                    pieces.peek().ok_or(TextError::Endless)?;
                    take_number(rest).inspect(|length| keep(name, *length))
                }
                Piece::Run(name) => {
                    let next = match pieces.peek() {
                        Some(next) => known(next, variables)?,
                        None => None,
                    };
                    let next = next.filter(|next| !next.is_empty());
                    take_run(rest, &next.ok_or(TextError::Endless)?)
                        .inspect(|length| keep(name, *length))
                }
                Piece::Any(count, _) if rest.len() < *count => Err(Stop::Short),
                Piece::Any(count, name) => {
                    keep(name, *count);
                    Ok(*count)
                }
                piece => take_bytes(rest, &known(piece, variables)?.unwrap_or_default()),
            };
            match taken {
                Ok(length) => at = at.saturating_add(length),
                Err(Stop::Short) => return Ok(Match::Part),
                Err(Stop::Wrong(after)) => {
                    return Ok(Match::Not {
                        at: at.saturating_add(after),
                    });
                }
            }
        }
        Ok(Match::Whole { length: at, kept })
    }
}

/// What a piece is, if that is known beforehand.
fn known(piece: &Piece, variables: &Variables) -> Result<Option<Vec<u8>>, TextError> {
    let value = |name: &String| {
        variables
            .get(name)
            .ok_or_else(|| TextError::Unset(name.clone()))
    };
    Ok(match piece {
        Piece::Bytes(bytes) => Some(bytes.clone()),
        Piece::Variable(name) => Some(value(name)?.clone()),
        Piece::Length(name) => Some(value(name)?.len().to_string().into_bytes()),
        Piece::Noise { count, at, seed } => Some(noise(*seed, *at).take(*count).collect()),
        Piece::Number(_) | Piece::Run(_) | Piece::Any(..) => None,
    })
}

fn place_of(place: &str) -> Option<Piece> {
    if let Some(name) = place.strip_prefix('$') {
        return Some(Piece::Variable(name_of(name)?));
    }
    if let Some(name) = place.strip_prefix('#') {
        return Some(Piece::Length(name_of(name)?));
    }
    let words: Vec<&str> = place.split_ascii_whitespace().collect();
    Some(match words.as_slice() {
        ["crlf"] => Piece::Bytes(b"\r\n".to_vec()),
        ["hex", digits @ ..] => Piece::Bytes(unhex(&digits.concat())?),
        ["noise", count, "of", seed] => Piece::Noise {
            count: count.parse().ok()?,
            at: 0,
            seed: seed.parse().ok()?,
        },
        ["noise", count, "at", at, "of", seed] => Piece::Noise {
            count: count.parse().ok()?,
            at: at.parse().ok()?,
            seed: seed.parse().ok()?,
        },
        ["number"] => Piece::Number(None),
        ["number", "as", name] => Piece::Number(Some(name_of(name)?)),
        ["text"] => Piece::Run(None),
        ["text", "as", name] => Piece::Run(Some(name_of(name)?)),
        ["any", count] => Piece::Any(count.parse().ok()?, None),
        ["any", count, "as", name] => Piece::Any(count.parse().ok()?, Some(name_of(name)?)),
        _ => return None,
    })
}

/// A name: letters, digits, `-`, `_`, and dots within.
pub(super) fn name_of(text: &str) -> Option<String> {
    let fits = !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
    fits.then(|| text.to_owned())
}

fn unhex(digits: &str) -> Option<Vec<u8>> {
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    digits
        .as_bytes()
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => u8::try_from(digit(high)? * 16 + digit(low)?).ok(),
            _ => None,
        })
        .collect()
}

/// Stream number `seed` of pseudo-random bytes, from position `at` on (SplitMix64, one byte of each
/// word): both ends of a link can make it, and no two stretches of it are alike.
pub fn noise(seed: u64, at: u64) -> impl Iterator<Item = u8> {
    (at..).map(move |at| {
        let mut word = at
            .wrapping_add(seed.wrapping_mul(0xD1B5_4A32_D192_ED03))
            .wrapping_mul(0x9E37_79B9_7F4A_7C15);
        word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let [byte, ..] = (word ^ (word >> 31)).to_be_bytes();
        byte
    })
}

fn take_bytes(input: &[u8], wanted: &[u8]) -> Result<usize, Stop> {
    let differs = input.iter().zip(wanted).position(|(is, be)| is != be);
    match differs {
        Some(at) => Err(Stop::Wrong(at)),
        None if input.len() < wanted.len() => Err(Stop::Short),
        None => Ok(wanted.len()),
    }
}

fn take_number(input: &[u8]) -> Result<usize, Stop> {
    let sign = usize::from(input.first() == Some(&b'-'));
    let digits = input.iter().skip(sign);
    let digits = digits.take_while(|byte| byte.is_ascii_digit()).count();
    let end = sign.saturating_add(digits);
    match (digits, input.len() > end) {
        (_, false) => Err(Stop::Short),
        (0, true) => Err(Stop::Wrong(end)),
        (_, true) => Ok(end),
    }
}

/// Up to the first `next`; a line end before it is wrong.
fn take_run(input: &[u8], next: &[u8]) -> Result<usize, Stop> {
    let found = input.windows(next.len()).position(|part| part == next);
    let line_end = input.iter().position(|byte| b"\r\n".contains(byte));
    match (found, line_end) {
        (Some(found), Some(end)) if end < found => Err(Stop::Wrong(end)),
        (Some(found), _) => Ok(found),
        (None, Some(end)) => {
            // What is there may be the beginning of what follows.
            let begins = (0..=end)
                .filter_map(|at| input.get(at..))
                .any(|rest| next.starts_with(rest));
            Err(if begins {
                Stop::Short
            } else {
                Stop::Wrong(end)
            })
        }
        (None, None) => Err(Stop::Short),
    }
}

/// Shows bytes as a text that [`Text::parse`] turns into the same bytes.
#[must_use]
pub fn show(bytes: &[u8]) -> String {
    show_amid(bytes, true)
}

/// As [`show`]; a blank is one wherever something follows.
fn show_amid(bytes: &[u8], last: bool) -> String {
    let mut out = String::new();
    let mut hex = String::new();
    let flush = |out: &mut String, hex: &mut String| match std::mem::take(hex).as_str() {
        "" => {}
        "0d0a" => out.push_str("{crlf}"),
        digits => out.push_str(&format!("{{hex {digits}}}")),
    };
    let blank_at_the_end = last && bytes.last() == Some(&b' ');
    let mut chunks = bytes.utf8_chunks();
    let mut left = bytes.len();
    for chunk in &mut chunks {
        for character in chunk.valid().chars() {
            left = left.saturating_sub(character.len_utf8());
            let plain = match character {
                ' ' => left > 0 || !blank_at_the_end,
                other => !other.is_control() && !other.is_whitespace(),
            };
            match character {
                '{' | '}' => {
                    flush(&mut out, &mut hex);
                    out.extend([character, character]);
                }
                character if plain => {
                    flush(&mut out, &mut hex);
                    out.push(character);
                }
                character => {
                    for byte in character.encode_utf8(&mut [0; 4]).bytes() {
                        hex.push_str(&format!("{byte:02x}"));
                    }
                }
            }
        }
        for byte in chunk.invalid() {
            left = left.saturating_sub(1);
            hex.push_str(&format!("{byte:02x}"));
        }
    }
    flush(&mut out, &mut hex);
    out
}

impl fmt::Display for Text {
    /// As it stands in a transcript.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let named = |name: &Option<String>| {
            name.as_ref()
                .map_or_else(String::new, |name| format!(" as {name}"))
        };
        let mut pieces = self.0.iter().peekable();
        while let Some(piece) = pieces.next() {
            match piece {
                Piece::Bytes(bytes) => f.write_str(&show_amid(bytes, pieces.peek().is_none()))?,
                Piece::Variable(name) => write!(f, "{{${name}}}")?,
                Piece::Length(name) => write!(f, "{{#{name}}}")?,
                Piece::Noise { count, at, seed } => {
                    write!(f, "{{noise {count} at {at} of {seed}}}")?;
                }
                Piece::Number(name) => write!(f, "{{number{}}}", named(name))?,
                Piece::Run(name) => write!(f, "{{text{}}}", named(name))?,
                Piece::Any(count, name) => write!(f, "{{any {count}{}}}", named(name))?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
