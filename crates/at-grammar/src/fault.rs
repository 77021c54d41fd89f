//! Where a line cannot be read, for people: a host is only sent a word for it.

use crate::args;
use crate::error::{ArgError, LineError};
use crate::raw::{Form, RawLine};

/// The first byte of a line that cannot be what it should be.
///
/// ```
/// use at_grammar::{Fault, FaultKind, Mux, RawLine, Command};
///
/// let line = RawLine::parse(br#"AT+CIPSTART ="TCP","h",80"#)?;
/// let error = Command::from_raw(&line, Mux::Single).unwrap_err();
/// let fault = Fault::of(&line, error).unwrap();
/// assert_eq!((fault.at, fault.kind), (11, FaultKind::Blank));
/// # Ok::<(), at_grammar::LineError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Fault {
    /// Its offset from the start of the line.
    pub at: usize,
    /// What stands there.
    pub kind: FaultKind,
}

/// What stands where something else should.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum FaultKind {
    /// A blank or a tab.
    Blank,
    /// A quote of a text: single, or as word processors and web pages print it.
    ForeignQuote,
    /// A quote that nothing closes.
    Unclosed,
    /// Text without quotes.
    Unquoted,
    /// Anything else, behind a name or a parameter.
    Surplus,
}

impl FaultKind {
    /// What should be done about it.
    #[must_use]
    pub const fn advice(self) -> &'static str {
        match self {
            Self::Blank => "no blank here",
            Self::ForeignQuote => "plain quotes (U+0022)",
            Self::Unclosed => "a closing quote",
            Self::Unquoted => "quotes around text",
            Self::Surplus => "nothing more here",
        }
    }

    /// Of what these bytes begin with.
    fn of(bytes: &[u8], opens: bool) -> Self {
        // In UTF-8: the quotes of U+2018 to U+201F, of U+00AB and U+00BB, and the wide one of U+FF02.
        const WIDE: [&[u8]; 4] = [b"\xe2\x80", b"\xc2\xab", b"\xc2\xbb", b"\xef\xbc\x82"];
        match bytes.first() {
            Some(b' ' | b'\t') => Self::Blank,
            Some(b'\'' | b'`') => Self::ForeignQuote,
            _ if WIDE.iter().any(|quote| bytes.starts_with(quote)) => Self::ForeignQuote,
            Some(b'"') if opens => Self::Unclosed,
            // Of a name or an address.
            Some(byte) if opens && (byte.is_ascii_alphanumeric() || b".-_:/".contains(byte)) => {
                Self::Unquoted
            }
            _ => Self::Surplus,
        }
    }
}

impl Fault {
    /// Why a line is none of the forms, or which of its parameters cannot be read; `None` where every byte can.
    #[must_use]
    pub fn of(line: &RawLine<'_>, error: LineError) -> Option<Self> {
        let suffix = line.suffix().map_or("", |suffix| suffix.text());
        let behind = line.name().len().saturating_add(suffix.len());
        match (line.form(), error) {
            (Form::Other(text), _) => {
                // `?` is a form, and what follows it is none.
                let query = usize::from(text.first() == Some(&b'?'));
                Some(Self {
                    at: behind.saturating_add(query),
                    kind: FaultKind::of(text.get(query..)?, false),
                })
            }
            (Form::Set(params), LineError::Argument(ArgError::Syntax { .. })) => {
                let (at, opens) = args::unreadable(params)?;
                Some(Self {
                    // Behind the equals sign.
                    at: behind.saturating_add(1).saturating_add(at),
                    kind: FaultKind::of(params.get(at..)?, opens),
                })
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::Mux;
    use crate::table::Command;

    fn fault(line: &str) -> Option<(usize, FaultKind)> {
        let raw = RawLine::parse(line.as_bytes()).unwrap();
        let error = Command::from_raw(&raw, Mux::Single).unwrap_err();
        Fault::of(&raw, error).map(|it| (it.at, it.kind))
    }

    /// A line, and what cannot be read in it.
    const LINES: &[(&str, Option<(usize, FaultKind)>)] = &[
        (r#"AT+CIPSTART ="TCP","h",80"#, Some((11, FaultKind::Blank))),
        ("AT+CIPSTART\t=", Some((11, FaultKind::Blank))),
        ("AT+CIPMUX? ", Some((10, FaultKind::Blank))),
        ("AT+CIPMUX?1", Some((10, FaultKind::Surplus))),
        ("AT+CIPMUX;", Some((9, FaultKind::Surplus))),
        ("AT+CIPMUX= 1", Some((10, FaultKind::Blank))),
        ("AT+CIPMUX=1 ", Some((11, FaultKind::Blank))),
        (r#"AT+CIPSTART="TCP", "h",80"#, Some((18, FaultKind::Blank))),
        (r#"AT+CIPSTART="TCP" ,"h",80"#, Some((17, FaultKind::Blank))),
        (
            r#"AT+CIPSTART="TCP"x,"h",80"#,
            Some((17, FaultKind::Surplus)),
        ),
        (
            r#"AT+CIPSTART="TCP","h,80"#,
            Some((18, FaultKind::Unclosed)),
        ),
        (
            r#"AT+CIPSTART="TCP","h\",80"#,
            Some((18, FaultKind::Unclosed)),
        ),
        (r#"AT+CIPSTART=TCP,"h",80"#, Some((12, FaultKind::Unquoted))),
        (
            r#"AT+CIPSTART="TCP",10.0.0.1,80"#,
            Some((20, FaultKind::Unquoted)),
        ),
        (
            r#"AT+CIPSTART="TCP","h",80;"#,
            Some((24, FaultKind::Surplus)),
        ),
        (
            "AT+CIPSTART='TCP','h',80",
            Some((12, FaultKind::ForeignQuote)),
        ),
        (
            "AT+CIPSTART=\u{201c}TCP\u{201d},\"h\",80",
            Some((12, FaultKind::ForeignQuote)),
        ),
        (
            "AT+CIPSTART=\"TCP\",\u{ff02}h\u{ff02},80",
            Some((18, FaultKind::ForeignQuote)),
        ),
        // Every byte can be read; the values or their number are wrong.
        (r#"AT+CIPSTART="TCP","h""#, None),
        (r#"AT+CIPSTART="TCP","h",70000"#, None),
        ("AT+CIPSTART=,,,", None),
        ("AT+CIPSTART", None),
        ("AT+NOTHING=1", None),
    ];

    #[test]
    fn it_is_the_first_byte_that_cannot_be_read() {
        for (line, expected) in LINES {
            assert_eq!(fault(line), *expected, "{line}");
        }
    }
}
