//! The outside of a content: what can be said without decoding it.

use super::{der, pem};

const BYTE_ORDER_MARK: &[u8] = b"\xEF\xBB\xBF";

/// How content is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Encoding {
    /// Text with at least one `-----BEGIN `.
    Pem,
    /// One binary structure.
    Der,
    /// Neither.
    None,
}

/// Peculiarities of a content. All but `embedded_nul` only cost space.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent observations, each with its own finding"
)]
pub struct Shape {
    /// How it is written. What follows is about PEM, except `trailing_nul`.
    pub encoding: Encoding,
    /// Starts with a UTF-8 byte order mark.
    pub bom: bool,
    /// Has a line that ends in CR LF.
    pub crlf: bool,
    /// Has a NUL that is not at the end.
    pub embedded_nul: bool,
    /// Ends with a NUL.
    pub trailing_nul: bool,
    /// The last line has no end.
    pub no_final_newline: bool,
    /// Something other than white space stands outside the blocks.
    pub text_outside_blocks: bool,
}

impl Shape {
    /// Looks at a content.
    #[must_use]
    pub fn of(content: &[u8]) -> Self {
        let plain = Self {
            encoding: encoding(content),
            bom: false,
            crlf: false,
            embedded_nul: false,
            trailing_nul: false,
            no_final_newline: false,
            text_outside_blocks: false,
        };
        match plain.encoding {
            Encoding::None => plain,
            Encoding::Der => Self {
                // A structure may well end in a zero of its own: only what is behind it counts.
                trailing_nul: der::outer(content).is_ok_and(|object| object.len() < content.len()),
                ..plain
            },
            Encoding::Pem => {
                let nuls = content.iter().rev().take_while(|&&byte| byte == 0).count();
                let text = content
                    .get(..content.len().saturating_sub(nuls))
                    .unwrap_or_default();
                Self {
                    bom: text.starts_with(BYTE_ORDER_MARK),
                    crlf: text.windows(2).any(|pair| pair == b"\r\n"),
                    embedded_nul: text.contains(&0),
                    trailing_nul: nuls > 0,
                    no_final_newline: !text.ends_with(b"\n"),
                    text_outside_blocks: has_text_outside(text),
                    ..plain
                }
            }
        }
    }
}

/// A whole DER structure is DER even if it quotes a PEM block somewhere.
pub(super) fn encoding(content: &[u8]) -> Encoding {
    if der::is_likely(content) && der::outer(content).is_ok() {
        Encoding::Der
    } else if pem::is_present(content) {
        Encoding::Pem
    } else if der::is_likely(content) {
        Encoding::Der
    } else {
        Encoding::None
    }
}

fn has_text_outside(content: &[u8]) -> bool {
    let is_text = |gap: &[u8]| {
        // A NUL is no text, and has its own finding.
        gap.iter()
            .any(|&byte| !byte.is_ascii_whitespace() && byte != 0)
    };
    let mut from = if content.starts_with(BYTE_ORDER_MARK) {
        BYTE_ORDER_MARK.len()
    } else {
        0
    };
    for block in pem::Blocks::new(content) {
        let range = match block {
            Ok(block) => block.range,
            Err(broken) => broken.range,
        };
        if content.get(from..range.start).is_some_and(is_text) {
            return true;
        }
        from = range.end;
    }
    content.get(from..).is_some_and(is_text)
}
