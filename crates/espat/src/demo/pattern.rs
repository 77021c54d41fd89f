//! What a reply must look like, byte for byte, with named places for what cannot be known beforehand.
//!
//! | in a template | matches |
//! |---|---|
//! | any other text | itself |
//! | `{name}` | bytes of one line, up to the text that follows in the template; kept under the name |
//! | `{*prefix}` | any number of whole lines that begin with the prefix, none too; kept under the prefix |
//! | `{{`, `}}` | one brace |

use std::fmt;

/// A parsed template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(Vec<u8>),
    Field(String),
    Lines(String),
}

/// What some input is to a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Matched {
    /// The first `len` bytes are what was wanted.
    Whole { len: usize, fields: Fields },
    /// All of the input fits, and more is needed.
    Part,
    /// The byte at this position cannot be there.
    Not { at: usize },
}

/// What stood in the named places.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Fields(Vec<(String, String)>);

impl Fields {
    /// The first of a name, empty if there was none.
    pub(super) fn get(&self, name: &str) -> &str {
        let found = self.0.iter().find(|(key, _)| key == name);
        found.map_or("", |(_, value)| value)
    }

    pub(super) fn all(&self, name: &str) -> impl Iterator<Item = &str> {
        self.0
            .iter()
            .filter(move |(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    fn keep(&mut self, name: &str, value: &[u8]) {
        self.0
            .push((name.into(), String::from_utf8_lossy(value).into_owned()));
    }
}

impl Pattern {
    /// `exact` as it stands, then the template.
    pub(super) fn after(exact: &str, template: &str) -> Self {
        let mut pieces = Vec::new();
        let mut text = exact.as_bytes().to_vec();
        let mut left = template;
        while let Some((character, rest)) = split_first(left) {
            left = rest;
            match (character, split_first(rest)) {
                ('{', Some(('{', rest))) | ('}', Some(('}', rest))) => {
                    text.extend(character.encode_utf8(&mut [0; 4]).bytes());
                    left = rest;
                }
                ('{', _) if rest.contains('}') => {
                    let (name, rest) = rest.split_once('}').unwrap_or_default();
                    left = rest;
                    pieces.push(Piece::Text(std::mem::take(&mut text)));
                    pieces.push(match name.strip_prefix('*') {
                        Some(prefix) => Piece::Lines(prefix.into()),
                        None => Piece::Field(name.into()),
                    });
                }
                _ => text.extend(character.encode_utf8(&mut [0; 4]).bytes()),
            }
        }
        pieces.push(Piece::Text(text));
        Self(pieces)
    }

    /// Compares as much as there is.
    pub(super) fn compare(&self, input: &[u8]) -> Matched {
        let mut fields = Fields::default();
        let mut at = 0_usize;
        let mut pieces = self.0.iter().peekable();
        while let Some(piece) = pieces.next() {
            let rest = input.get(at..).unwrap_or_default();
            let taken = match piece {
                Piece::Text(text) => take_text(rest, text),
                Piece::Field(name) => {
                    let next = match pieces.peek() {
                        Some(Piece::Text(text)) if !text.is_empty() => text.as_slice(),
                        _ => b"\r\n",
                    };
                    take_field(rest, next).inspect(|len| {
                        fields.keep(name, rest.get(..*len).unwrap_or_default());
                    })
                }
                Piece::Lines(prefix) => take_lines(rest, prefix, &mut fields),
            };
            match taken {
                Ok(len) => at = at.saturating_add(len),
                Err(Stop::Short) => return Matched::Part,
                Err(Stop::Wrong { after }) => {
                    return Matched::Not {
                        at: at.saturating_add(after),
                    };
                }
            }
        }
        Matched::Whole { len: at, fields }
    }
}

enum Stop {
    /// The input ends too early.
    Short,
    /// The byte behind this many is wrong.
    Wrong { after: usize },
}

fn take_text(input: &[u8], text: &[u8]) -> Result<usize, Stop> {
    let same = input.iter().zip(text).take_while(|(a, b)| a == b).count();
    if same == text.len() {
        Ok(same)
    } else if same == input.len() {
        Err(Stop::Short)
    } else {
        Err(Stop::Wrong { after: same })
    }
}

fn take_field(input: &[u8], next: &[u8]) -> Result<usize, Stop> {
    for (at, byte) in input.iter().enumerate() {
        let tail = input.get(at..).unwrap_or_default();
        if tail.starts_with(next) {
            return Ok(at);
        }
        if next.starts_with(tail) {
            return Err(Stop::Short);
        }
        if matches!(byte, b'\r' | b'\n') {
            // The line is over, so the following text must have begun here.
            return take_text(tail, next).map_err(|stop| match stop {
                Stop::Wrong { after } => Stop::Wrong {
                    after: at.saturating_add(after),
                },
                Stop::Short => Stop::Short,
            });
        }
    }
    Err(Stop::Short)
}

fn take_lines(input: &[u8], prefix: &str, fields: &mut Fields) -> Result<usize, Stop> {
    let mut at = 0_usize;
    loop {
        let rest = input.get(at..).unwrap_or_default();
        if !rest.starts_with(prefix.as_bytes()) {
            return if prefix.as_bytes().starts_with(rest) {
                Err(Stop::Short)
            } else {
                Ok(at)
            };
        }
        let end = rest
            .windows(2)
            .position(|pair| pair == b"\r\n")
            .ok_or(Stop::Short)?;
        fields.keep(prefix, rest.get(..end).unwrap_or_default());
        at = at.saturating_add(end).saturating_add(2);
    }
}

fn split_first(text: &str) -> Option<(char, &str)> {
    let mut characters = text.chars();
    characters.next().map(|first| (first, characters.as_str()))
}

/// As a person would write the template, with CR and LF visible.
impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|piece| match piece {
            Piece::Text(text) => text.escape_ascii().fmt(f),
            Piece::Field(name) => write!(f, "<{name}>"),
            Piece::Lines(prefix) => write!(f, "<lines {prefix}…>"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A template and an input that it wants all of.
    const GOOD: &[(&str, &str)] = &[
        ("\r\nOK\r\n", "\r\nOK\r\n"),
        (
            "+CIPSNTPTIME:{time}\r\nOK\r\n",
            "+CIPSNTPTIME:Tue Oct 19 17:47:56 2021\r\nOK\r\n",
        ),
        ("+W:{n},\"{a}\",\"{b}\"\r\n", "+W:0,\"x,y\",\"\"\r\n"),
        ("{*+W:}\r\nOK\r\n", "\r\nOK\r\n"),
        ("{*+W:}\r\nOK\r\n", "+W:1\r\n+W:22\r\n\r\nOK\r\n"),
        ("{*+W:}{*+E:}E{code}\r\n", "+W:1\r\n+E:2\r\nE3\r\n"),
        ("{*+W:}{*+E:}E{code}\r\n", "E3\r\n"),
        ("{{a}}{b}\r\n", "{a}x\r\n"),
        ("\r\n>", "\r\n>"),
        ("{", "{"),
        ("a}b{", "a}b{"),
    ];

    #[test]
    fn every_split_of_a_good_reply_is_a_part_and_then_the_whole() {
        for (template, input) in GOOD {
            let pattern = Pattern::after("AT{}\r\n", template);
            let input = format!("AT{{}}\r\n{input}").into_bytes();
            for len in 0..input.len() {
                assert_eq!(
                    pattern.compare(&input[..len]),
                    Matched::Part,
                    "{pattern} {len}"
                );
            }
            // What follows belongs to the next reply.
            for more in ["", "\r\n", "+W:", "x"] {
                let longer = [input.as_slice(), more.as_bytes()].concat();
                match pattern.compare(&longer) {
                    Matched::Whole { len, .. } => assert_eq!(len, input.len(), "{pattern}"),
                    other => panic!("{pattern} {more}: {other:?}"),
                }
            }
        }
    }

    #[test]
    fn every_wrong_byte_outside_a_field_is_found_where_it_is() {
        let pattern = Pattern::after("", "+T:{time}\r\nOK\r\n");
        let good = b"+T:12\r\nOK\r\n";
        for at in 0..good.len() {
            for wrong in [b'!', b'\n'] {
                let mut input = *good;
                input[at] = wrong;
                let found = pattern.compare(&input);
                let in_field = (3..5).contains(&at);
                if in_field && wrong == b'!' || input == *good {
                    assert!(matches!(found, Matched::Whole { .. }), "{at}");
                } else if at == 5 && wrong == b'!' {
                    // Without its CR the line goes on up to the LF.
                    assert_eq!(found, Matched::Not { at: 6 });
                } else {
                    assert_eq!(found, Matched::Not { at });
                }
            }
        }
    }

    #[test]
    fn fields_and_lines_are_kept() {
        let pattern = Pattern::after("", "{*+W:}+X:{a},\"{b}\"\r\n");
        let Matched::Whole { fields, .. } = pattern.compare(b"+W:1\r\n+W:2\r\n+X:-7,\"q,r\"\r\n")
        else {
            panic!("no match");
        };
        assert_eq!(fields.all("+W:").collect::<Vec<_>>(), ["+W:1", "+W:2"]);
        assert_eq!(
            (fields.get("a"), fields.get("b"), fields.get("c")),
            ("-7", "q,r", "")
        );
    }
}
