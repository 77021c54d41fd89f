//! Why a session was refused or ended: a stage, a cause with its numbers, and whose certificate it was.
//!
//! Host code written for ESP-AT knows Mbed TLS numbers (`-0x2700`) and X.509 verify flags;
//! people need words. A [`Reason`] gives both and holds no secret.

use core::fmt;

use heapless::String;

use crate::cause::Cause;

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
    /// Resolving the host's name.
    Dns,
    /// Connecting the socket.
    Tcp,
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
    /// The word used in `+SSLWHY` and in logs.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Setup => "setup",
            Self::Dns => "dns",
            Self::Tcp => "tcp",
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
        f.write_str(self.word())
    }
}

/// Why a session was refused or ended.
///
/// `Display` gives the words alone; the other fields say where.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Reason {
    /// How far the session came.
    pub stage: Stage,
    /// What was wrong.
    pub cause: Cause,
    /// Position of the certificate in question: 0 is the server's own. 0 where no certificate is meant.
    pub depth: u8,
    /// Subject of the certificate in question; empty where none is meant.
    pub subject: Text,
    /// The issuer that was looked for, or the date that was missed (RFC 3339); empty where neither applies.
    pub wanted: Text,
}

impl Reason {
    /// A reason in which no certificate plays a part.
    #[must_use]
    pub const fn new(stage: Stage, cause: Cause) -> Self {
        Self {
            stage,
            cause,
            depth: 0,
            subject: Text::new(),
            wanted: Text::new(),
        }
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
        self.cause.fmt(f)
    }
}

impl core::error::Error for Reason {}

/// Formats into a [`Text`], cutting at a character boundary and replacing what could break a line.
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
