//! Why a session was refused or ended: a stage, a cause with its numbers, and whose certificate it was.
//!
//! Host code written for ESP-AT knows Mbed TLS numbers (`-0x2700`) and X.509 verify flags;
//! people need words. A [`Reason`] gives both and holds no secret.

use core::fmt;

use embedded_io_async::ErrorKind;
use heapless::String;

mod capacity;
mod certificate;
mod client;
pub mod flags;
mod negotiation;
mod profile;
mod proof;
mod protocol;
mod setup;
mod stream;
mod table;
mod text;

pub use capacity::{CapacityError, Limit};
pub use certificate::CertificateError;
pub use client::{ClientError, Offer, Speaks};
pub use negotiation::NegotiationError;
pub use profile::ProfileError;
pub use proof::ProofError;
pub use protocol::{EngineError, HelloField, ProtocolViolation};
pub use setup::SetupError;
pub use stream::StreamError;
pub use table::Row;
pub use text::{alert_text, group_text, mbedtls_text, suite_text};

/// What was wrong, by layer.
///
/// `Display` is a lower-case phrase for people; code, number and flags are the layer's
/// ([`CertificateError::TABLE`] and its like).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Cause {
    /// A policy or an identity, before a packet is sent.
    Setup(SetupError),
    /// The byte stream, or the session's end.
    Stream(StreamError),
    /// Bytes of records and messages.
    Protocol(ProtocolViolation),
    /// What the peers could not agree on.
    Negotiation(NegotiationError),
    /// A certificate, or the path to an anchor.
    Certificate(CertificateError),
    /// The form of a certificate, under the strict profile.
    Profile(ProfileError),
    /// What the peer did not prove.
    Proof(ProofError),
    /// A size.
    Capacity(CapacityError),
    /// What a client of our server did, or could not agree on.
    Client(ClientError),
}

macro_rules! layers {
    ($($layer:ident($error:ident))+) => {
        $(impl From<$error> for Cause {
            fn from(error: $error) -> Self {
                Self::$layer(error)
            }
        })+

        impl Cause {
            /// Every row of every layer.
            pub fn table() -> impl Iterator<Item = &'static Row> {
                core::iter::empty()$(.chain($error::TABLE))+
            }

            /// A stable word for scripts: lower case, digits and `_`.
            #[must_use]
            pub const fn code(&self) -> &'static str {
                match self { $(Self::$layer(error) => error.code()),+ }
            }

            /// The number Mbed TLS reports for this, negative.
            #[must_use]
            pub const fn mbedtls(&self) -> i32 {
                match self { $(Self::$layer(error) => error.mbedtls()),+ }
            }

            /// Mbed TLS's X.509 verify flags ([`flags`]), 0 where the certificate was not at fault.
            #[must_use]
            pub const fn verify_flags(&self) -> u32 {
                match self { $(Self::$layer(error) => error.verify_flags()),+ }
            }
        }

        impl fmt::Display for Cause {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                match self { $(Self::$layer(error) => error.fmt(f)),+ }
            }
        }
    };
}

layers! {
    Setup(SetupError)
    Stream(StreamError)
    Protocol(ProtocolViolation)
    Negotiation(NegotiationError)
    Certificate(CertificateError)
    Profile(ProfileError)
    Proof(ProofError)
    Capacity(CapacityError)
    Client(ClientError)
}

impl core::error::Error for Cause {}

/// Longest certificate name kept in a reason, in bytes; longer ones end in `…`.
pub const TEXT_LEN: usize = 96;

/// Text of a reason: cut at [`TEXT_LEN`] bytes, free of control characters and quotes.
pub type Text = String<TEXT_LEN>;

/// How far a session came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Stage {
    /// Before any packet: settings and credentials.
    Setup,
    /// ClientHello sent, nothing authenticated yet.
    Hello,
    /// The server's encrypted flight, up to and with its certificates.
    Certificate,
    /// The server's proof that it holds the certificate's key.
    Signature,
    /// The key confirmation that ends the handshake.
    Finished,
    /// Application data.
    Data,
}

impl Stage {
    /// The word for logs and scripts.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Setup => "setup",
            Self::Hello => "hello",
            Self::Certificate => "certificate",
            Self::Signature => "signature",
            Self::Finished => "finished",
            Self::Data => "data",
        }
    }
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Who the other side of a session is. The rows of the tables speak of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum PeerRole {
    /// We are the client.
    Server,
    /// We are the server.
    Client,
}

impl PeerRole {
    /// Prints a cause that is about this peer.
    #[must_use]
    pub fn text(self, cause: &impl fmt::Display) -> impl fmt::Display {
        fmt::from_fn(move |f| match self {
            Self::Server => cause.fmt(f),
            Self::Client => fmt::write(&mut OfClient(f), format_args!("{cause}")),
        })
    }
}

/// Passes text on with "client" where it says "server": the rows are the same for both, but for that word.
struct OfClient<'f, 'b>(&'f mut fmt::Formatter<'b>);

impl fmt::Write for OfClient<'_, '_> {
    /// The word stands in a row's own text, which comes in one piece between the values in it.
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text;
        while let Some((before, after)) = around_server(rest) {
            self.0.write_str(before)?;
            self.0.write_str("client")?;
            rest = after;
        }
        self.0.write_str(rest)
    }
}

/// What stands before and behind the word.
// Not `split_once`: what it searches with is 1.5 KB of an image, and nothing else there needs it.
fn around_server(text: &str) -> Option<(&str, &str)> {
    (0..text.len()).find_map(|at| {
        let (before, behind) = text.split_at_checked(at)?;
        Some((before, behind.strip_prefix("server")?))
    })
}

/// Why a session was refused or ended.
///
/// `Display` gives the text and what was found; the other fields say where.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Reason {
    /// Who the peer is.
    pub peer: PeerRole,
    /// How far the session came.
    pub stage: Stage,
    /// What was wrong.
    pub cause: Cause,
    /// Position of the certificate in question: 0 is the peer's own. 0 where no certificate is meant.
    pub depth: u8,
    /// Subject of the certificate in question; empty where none is meant.
    pub subject: Text,
    /// The issuer that was looked for, or the date that was missed (RFC 3339); empty where neither applies.
    pub wanted: Text,
    /// What was found instead, and where it helps to know: names, an algorithm, an extension, a field and its offset.
    /// `Display` puts it behind the text. Empty where the text is complete.
    pub found: Text,
}

impl Reason {
    /// A reason in which no certificate plays a part.
    #[must_use]
    pub fn new(stage: Stage, cause: impl Into<Cause>) -> Self {
        Self {
            peer: PeerRole::Server,
            stage,
            cause: cause.into(),
            depth: 0,
            subject: Text::new(),
            wanted: Text::new(),
            found: Text::new(),
        }
    }

    /// The same, where the peer is a client.
    #[must_use]
    pub fn of_client(mut self) -> Self {
        self.peer = PeerRole::Client;
        if self.cause == Cause::Certificate(CertificateError::NoCertificate) {
            // Mbed TLS has another number for it.
            self.cause = ClientError::NoClientCertificate.into();
        }
        self
    }

    /// Adds the certificate in question.
    #[must_use]
    pub fn about(mut self, depth: u8, subject: impl fmt::Display) -> Self {
        self.depth = depth;
        self.subject = cut(subject);
        self
    }

    /// Adds the issuer that was looked for, or what was expected instead.
    #[must_use]
    pub fn wanting(mut self, wanted: impl fmt::Display) -> Self {
        self.wanted = cut(wanted);
        self
    }

    /// Adds what was found.
    #[must_use]
    pub fn finding(mut self, found: impl fmt::Display) -> Self {
        self.found = cut(found);
        self
    }

    /// The number Mbed TLS reports for this, negative: `-0x2700` is a refused certificate.
    #[must_use]
    pub const fn mbedtls(&self) -> i32 {
        self.cause.mbedtls()
    }

    /// Mbed TLS's X.509 verify flags, 0 where the certificate was not at fault.
    #[must_use]
    pub const fn verify_flags(&self) -> u32 {
        self.cause.verify_flags()
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.peer.text(&self.cause).fmt(f)?;
        if self.found.is_empty() {
            return Ok(());
        }
        write!(f, ": {}", self.found)
    }
}

impl core::error::Error for Reason {}

impl embedded_io_async::Error for Reason {
    fn kind(&self) -> ErrorKind {
        match self.cause {
            Cause::Stream(error) => match error {
                StreamError::Timeout { .. } | StreamError::HandshakeTimeout { .. } => {
                    ErrorKind::TimedOut
                }
                StreamError::Reset => ErrorKind::ConnectionReset,
                StreamError::ConnectionRefused => ErrorKind::ConnectionRefused,
                StreamError::PeerEof | StreamError::PeerCloseNotify | StreamError::Closed => {
                    ErrorKind::ConnectionAborted
                }
                StreamError::Dead | StreamError::WriteAbandoned | StreamError::ReadAbandoned => {
                    ErrorKind::NotConnected
                }
                StreamError::Unreachable | StreamError::Transport | StreamError::PeerAlert(_) => {
                    ErrorKind::Other
                }
            },
            Cause::Capacity(_) => ErrorKind::OutOfMemory,
            Cause::Protocol(
                ProtocolViolation::SplitMessage { .. }
                | ProtocolViolation::KeyUpdate
                | ProtocolViolation::PostHandshake(_)
                | ProtocolViolation::Engine(_),
            ) => ErrorKind::Other,
            Cause::Protocol(_) => ErrorKind::InvalidData,
            _ => ErrorKind::Other,
        }
    }
}

/// Formats into a [`Text`], cutting at a character boundary and replacing what could break a line.
#[must_use]
pub fn cut(value: impl fmt::Display) -> Text {
    struct Cut(Text, bool);
    impl fmt::Write for Cut {
        fn write_str(&mut self, part: &str) -> fmt::Result {
            const ELLIPSIS: char = '…';
            for character in part.chars() {
                let character = match character {
                    '"' => '\'',
                    c if c.is_control() => '?',
                    c => c,
                };
                let room = TEXT_LEN
                    .saturating_sub(self.0.len())
                    .saturating_sub(ELLIPSIS.len_utf8());
                if self.1 || character.len_utf8() > room {
                    if !self.1 {
                        self.1 = true;
                        // Room for the ellipsis was kept free above.
                        let _ = self.0.push(ELLIPSIS);
                    }
                    return Ok(());
                }
                self.0.push(character).map_err(|_| fmt::Error)?;
            }
            Ok(())
        }
    }
    let mut out = Cut(Text::new(), false);
    // The writer above never fails for lack of room, and a failing Display leaves what came before.
    let _ = fmt::write(&mut out, format_args!("{value}"));
    out.0
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::string::String as StdString;

    #[test]
    fn long_text_is_cut_at_a_character_and_says_so() {
        for len in 0..200 {
            let long: StdString = core::iter::repeat_n('ü', len).collect();
            let text = cut(&long);
            assert!(text.len() <= TEXT_LEN);
            if len * 2 <= TEXT_LEN - 3 {
                assert_eq!(text.as_str(), long);
            } else {
                assert!(text.ends_with('…'), "{len}: {text}");
            }
        }
    }

    #[test]
    fn nothing_in_a_text_can_end_a_line_or_a_quoted_field() {
        let text = cut("a\r\nOK\r\n\"b\"\0");
        assert_eq!(text.as_str(), "a??OK??'b'?");
    }
}
