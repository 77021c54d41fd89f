//! A transcript to steps. Every line is understood, or refused with its number.

use std::fmt;
use std::time::Duration;

use super::text::name_of;
use super::{EXACTLY, FROM_MODEM, TO_MODEM, Text, TextError, frame};

/// A step, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Counted from 1.
    pub number: usize,
    /// As it is written.
    pub written: String,
    /// What it says.
    pub step: Step,
}

/// What one line says.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Step {
    /// `→`: the host sends it.
    Send(Text),
    /// `←`: exactly this comes next.
    Expect(Text),
    /// `@peer NAME …`: someone on the network acts.
    Peer {
        /// Who.
        name: String,
        /// What.
        does: PeerStep,
    },
    /// `@sim OPTION VALUE`: an option of `espat sim`; before the first arrow.
    Option {
        /// With its dashes.
        name: String,
        /// Its value, if it has one.
        value: Option<Text>,
    },
    /// `@control LINE`: a line to the simulator's control port, which must answer `ok`.
    Control(Text),
    /// `@tcp`: the AT port is a TCP port; else it is a pseudo-terminal.
    OverTcp,
    /// `@power-on`: the transcript begins with the power; else it begins after `ATE0`.
    FromPowerOn,
    /// `@use NAME`: the steps of another transcript come here.
    Use(String),
    /// `@let NAME TEXT`: a variable.
    Let {
        /// Its name.
        name: String,
        /// Its value.
        value: Text,
    },
    /// `@needs NAME`: who replays it must say what this is.
    Needs(String),
    /// `@port NAME`: a free port of this machine for a server of the modem.
    FreePort(String),
    /// `@pki`: a CA, a server's and a client's certificate, and images of them, as variables.
    Pki,
    /// `@silence MS`: the host sends nothing for so long.
    Silence(Duration),
    /// `@within S`: how long the modem may take for each line from here on.
    Within(Duration),
}

/// What a peer does.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum PeerStep {
    /// `listens KIND`: it is there, and its address is a variable of its name.
    Listens(PeerKind),
    /// `connects ADDRESS`: to a server of the modem.
    Connects(Text),
    /// `accepts`: the modem's next connection.
    Accepts,
    /// `sends TEXT`.
    Sends(Text),
    /// `sends-to ADDRESS TEXT`: a datagram.
    SendsTo(Text, Text),
    /// `expects TEXT`: next on its connection, or as a whole datagram.
    Expects(Text),
    /// `closes`: it sends no more, and takes no more.
    Closes,
    /// `sees-end`: the modem closed the connection.
    SeesEnd,
}

/// What a peer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PeerKind {
    /// A TCP server.
    Tcp,
    /// A UDP socket.
    Udp,
    /// A TLS 1.3 server with the certificate of `@pki`.
    Tls,
    /// As [`Self::Tls`], and wants a certificate of the same CA.
    MutualTls,
    /// An SNTP server with this machine's time.
    Sntp,
}

/// Why a line was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError {
    /// The line, counted from 1.
    pub line: usize,
    /// What is wrong with it.
    pub what: Wrong,
}

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Wrong {
    /// It begins with nothing known.
    Beginning,
    /// Blanks at its end, which editors take away.
    Blanks,
    /// A directive that does not exist, or whose words do not fit.
    Directive,
    /// Its text.
    Text(TextError),
}

impl fmt::Display for ParseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: ", self.line)?;
        match &self.what {
            Wrong::Beginning => f.write_str("expected →, ←, @ or #"),
            Wrong::Blanks => f.write_str("blanks at the end; write {hex 20}"),
            Wrong::Directive => f.write_str("no such directive, or not these words"),
            Wrong::Text(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ParseError {}

impl From<TextError> for Wrong {
    fn from(error: TextError) -> Self {
        Self::Text(error)
    }
}

/// Reads a whole transcript.
///
/// # Errors
///
/// The first line that is not understood.
pub fn parse(transcript: &str) -> Result<Vec<Line>, ParseError> {
    let mut lines = Vec::new();
    for (index, written) in transcript.lines().enumerate() {
        let number = index.saturating_add(1);
        let step = step(written).map_err(|what| ParseError { line: number, what })?;
        lines.extend(step.map(|step| Line {
            number,
            written: written.to_owned(),
            step,
        }));
    }
    Ok(lines)
}

fn step(line: &str) -> Result<Option<Step>, Wrong> {
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    if line.ends_with([' ', '\t']) && line.trim_end() != FROM_MODEM && line.trim_end() != TO_MODEM {
        return Err(Wrong::Blanks);
    }
    if let Some(rest) = line.strip_prefix(TO_MODEM) {
        let (exactly, mut text) = arrow(rest)?;
        if !exactly {
            text.push_bytes(b"\r\n");
        }
        return Ok(Some(Step::Send(text)));
    }
    if let Some(rest) = line.strip_prefix(FROM_MODEM) {
        let (exactly, text) = arrow(rest)?;
        let text = if exactly { text } else { frame::framed(text) };
        return Ok(Some(Step::Expect(text)));
    }
    let directive = line.strip_prefix('@').ok_or(Wrong::Beginning)?;
    self::directive(directive).map(Some)
}

/// What stands behind an arrow, and whether it is all there is.
fn arrow(rest: &str) -> Result<(bool, Text), Wrong> {
    let (exactly, rest) = match rest.strip_prefix(EXACTLY) {
        Some(rest) => (true, rest),
        None => (false, rest),
    };
    let text = match rest.strip_prefix(' ') {
        Some(text) => text,
        None if rest.is_empty() => "",
        None => return Err(Wrong::Beginning),
    };
    Ok((exactly, Text::parse(text)?))
}

fn directive(line: &str) -> Result<Step, Wrong> {
    let (word, rest) = split(line);
    let one = |text: &str| name_of(text).ok_or(Wrong::Directive);
    let nothing = |step| {
        if rest.is_empty() {
            Ok(step)
        } else {
            Err(Wrong::Directive)
        }
    };
    match word {
        "tcp" => nothing(Step::OverTcp),
        "power-on" => nothing(Step::FromPowerOn),
        "pki" => nothing(Step::Pki),
        "use" => Ok(Step::Use(one(rest)?)),
        "needs" => Ok(Step::Needs(one(rest)?)),
        "port" => Ok(Step::FreePort(one(rest)?)),
        "control" => Ok(Step::Control(Text::parse(rest)?)),
        "silence" => Ok(Step::Silence(Duration::from_millis(number(rest)?))),
        "within" => Ok(Step::Within(Duration::from_secs(number(rest)?))),
        "let" => {
            let (name, value) = split(rest);
            Ok(Step::Let {
                name: one(name)?,
                value: Text::parse(value)?,
            })
        }
        "sim" => {
            let (name, value) = split(rest);
            if !name.starts_with("--") {
                return Err(Wrong::Directive);
            }
            let value = (!value.is_empty())
                .then(|| Text::parse(value))
                .transpose()?;
            Ok(Step::Option {
                name: name.to_owned(),
                value,
            })
        }
        "peer" => {
            let (name, rest) = split(rest);
            Ok(Step::Peer {
                name: one(name)?,
                does: peer(rest)?,
            })
        }
        _ => Err(Wrong::Directive),
    }
}

fn peer(line: &str) -> Result<PeerStep, Wrong> {
    let (verb, rest) = split(line);
    Ok(match (verb, rest) {
        ("listens", kind) => PeerStep::Listens(match kind {
            "tcp" => PeerKind::Tcp,
            "udp" => PeerKind::Udp,
            "tls" => PeerKind::Tls,
            "mutual-tls" => PeerKind::MutualTls,
            "sntp" => PeerKind::Sntp,
            _ => return Err(Wrong::Directive),
        }),
        ("accepts", "") => PeerStep::Accepts,
        ("closes", "") => PeerStep::Closes,
        ("sees-end", "") => PeerStep::SeesEnd,
        ("connects", address) => PeerStep::Connects(Text::parse(address)?),
        ("sends", text) => PeerStep::Sends(Text::parse(text)?),
        ("sends-to", rest) => {
            let (address, text) = split(rest);
            PeerStep::SendsTo(Text::parse(address)?, Text::parse(text)?)
        }
        ("expects", text) => PeerStep::Expects(Text::parse(text)?),
        _ => return Err(Wrong::Directive),
    })
}

/// The first word, and what stands behind the blank after it.
fn split(line: &str) -> (&str, &str) {
    line.split_once(' ').unwrap_or((line, ""))
}

fn number(text: &str) -> Result<u64, Wrong> {
    text.parse().map_err(|_| Wrong::Directive)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transcript::Variables;

    fn only(line: &str) -> Step {
        let mut lines = parse(line).unwrap();
        assert_eq!(lines.len(), 1, "{line}");
        lines.remove(0).step
    }

    fn bytes(text: &Text) -> Vec<u8> {
        text.expand(&Variables::new()).unwrap()
    }

    #[test]
    fn arrows_have_line_ends_unless_a_bar_says_that_there_are_none() {
        for (line, sent, expected) in [
            ("→ AT", Some("AT\r\n"), None),
            ("→| test", Some("test"), None),
            ("→", Some("\r\n"), None),
            ("→|  x", Some(" x"), None),
            ("← OK", None, Some("\r\nOK\r\n")),
            ("← CONNECT", None, Some("CONNECT\r\n")),
            ("←| OK", None, Some("OK")),
            ("← {crlf}", None, Some("\r\n\r\n")),
        ] {
            match only(line) {
                Step::Send(text) => assert_eq!(bytes(&text), sent.unwrap().as_bytes(), "{line}"),
                Step::Expect(text) => {
                    assert_eq!(bytes(&text), expected.unwrap().as_bytes(), "{line}");
                }
                other => panic!("{line}: {other:?}"),
            }
        }
    }

    #[test]
    fn directives_are_words() {
        assert_eq!(parse("\n# @what\n").unwrap(), []);
        assert_eq!(only("@tcp"), Step::OverTcp);
        assert_eq!(
            only("@silence 50"),
            Step::Silence(Duration::from_millis(50))
        );
        assert_eq!(
            only("@peer a sends-to 127.0.0.1:1 a b"),
            Step::Peer {
                name: "a".to_owned(),
                does: PeerStep::SendsTo(Text::literal(b"127.0.0.1:1"), Text::literal(b"a b")),
            }
        );
        assert_eq!(
            only("@sim --ap x,y z"),
            Step::Option {
                name: "--ap".to_owned(),
                value: Some(Text::literal(b"x,y z")),
            }
        );
    }

    #[test]
    fn what_is_not_understood_is_refused_with_its_line() {
        for (line, what) in [
            ("AT", Wrong::Beginning),
            ("→AT", Wrong::Beginning),
            ("→ AT ", Wrong::Blanks),
            ("@what", Wrong::Directive),
            ("@tcp now", Wrong::Directive),
            ("@silence long", Wrong::Directive),
            ("@sim ap", Wrong::Directive),
            ("@let", Wrong::Directive),
            ("@peer a listens smtp", Wrong::Directive),
            ("@peer a accepts two", Wrong::Directive),
            ("← {", Wrong::Text(TextError::Brace)),
        ] {
            let error = parse(&format!("# one\n{line}")).unwrap_err();
            assert_eq!(error, ParseError { line: 2, what }, "{line}");
        }
    }
}
