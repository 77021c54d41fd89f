//! PEM framing as lenient as the original firmware's TLS library (spec: cert-bin 4).
//!
//! A block starts wherever `-----BEGIN ` stands, at the start of a line or not, and ends with the matching
//! `-----END `. Lines may have any width and end in LF or CR LF; blanks are allowed only right in front of a line end.

use core::fmt;
use core::ops::Range;

use base64ct::{Base64, Encoding as _};

use crate::hidden::Hidden;

use super::fault::{BrokenObject, ObjectFault};
use super::key::KeyForm;
use super::kind::ObjectKind;

const BEGIN: &[u8] = b"-----BEGIN ";
const END: &[u8] = b"-----END ";
const DASHES: &[u8] = b"-----";

/// One framed block.
#[derive(Clone, PartialEq, Eq)]
pub struct Block<'a> {
    /// What stands between `BEGIN ` and the dashes.
    pub label: &'a [u8],
    /// Everything between the two marker lines.
    pub body: &'a [u8],
    /// Where the block stands in the content, markers and the last line end included.
    pub range: Range<usize>,
}

/// Without the body: it may be a private key.
impl fmt::Debug for Block<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Block")
            .field("kind", &self.kind())
            .field("body", &Hidden(self.body))
            .field("range", &self.range)
            .finish_non_exhaustive()
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for Block<'_> {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "{}: {}", self.kind(), Hidden(self.body));
    }
}

impl Block<'_> {
    /// What the label stands for.
    #[must_use]
    pub fn kind(&self) -> ObjectKind {
        let kind = match self.label {
            b"CERTIFICATE" => ObjectKind::Certificate,
            b"PRIVATE KEY" => ObjectKind::PrivateKey(KeyForm::Pkcs8),
            b"RSA PRIVATE KEY" => ObjectKind::PrivateKey(KeyForm::Pkcs1),
            b"EC PRIVATE KEY" => ObjectKind::PrivateKey(KeyForm::Sec1),
            b"ENCRYPTED PRIVATE KEY" => ObjectKind::EncryptedPrivateKey,
            b"CERTIFICATE REQUEST" | b"NEW CERTIFICATE REQUEST" => ObjectKind::CertificateRequest,
            b"PUBLIC KEY" | b"RSA PUBLIC KEY" => ObjectKind::PublicKey,
            b"EC PARAMETERS" => ObjectKind::EcParameters,
            _ => ObjectKind::Other,
        };
        match kind {
            // RFC 1421: the older way to put a key under a password, with the label unchanged.
            ObjectKind::PrivateKey(_) if self.body.starts_with(b"Proc-Type: 4,ENCRYPTED") => {
                ObjectKind::EncryptedPrivateKey
            }
            other => other,
        }
    }
}

/// The blocks of a text in file order. A broken one is reported, and the walk goes on behind it.
#[derive(Clone)]
pub struct Blocks<'a> {
    content: &'a [u8],
    at: usize,
}

impl fmt::Debug for Blocks<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Blocks")
            .field("content", &Hidden(self.content))
            .field("at", &self.at)
            .finish()
    }
}

impl<'a> Blocks<'a> {
    /// Starts at the first `-----BEGIN `.
    #[must_use]
    pub const fn new(content: &'a [u8]) -> Self {
        Self { content, at: 0 }
    }
}

/// Whether there is anything here that starts like a block.
#[must_use]
pub fn is_present(content: &[u8]) -> bool {
    find(content, BEGIN).is_some()
}

impl<'a> Iterator for Blocks<'a> {
    type Item = Result<Block<'a>, BrokenObject>;

    fn next(&mut self) -> Option<Self::Item> {
        let ahead = self.content.get(self.at..)?;
        let start = self.at.checked_add(find(ahead, BEGIN)?)?;
        let from_begin = self.content.get(start..)?;
        let (used, framed) = frame(from_begin);
        let end = start.checked_add(used)?;
        self.at = end;
        let range = start..end;
        Some(match framed {
            Ok((label, body)) => Ok(Block { label, body, range }),
            Err(fault) => Err(BrokenObject { range, fault }),
        })
    }
}

type Framed<'a> = Result<(&'a [u8], &'a [u8]), ObjectFault>;

/// Frames the block that `text` starts with: how many bytes it takes, and its label and body.
fn frame(text: &[u8]) -> (usize, Framed<'_>) {
    // Up to the next BEGIN: that much is this block's, whatever is wrong with it.
    let after_begin = text.get(BEGIN.len()..).unwrap_or_default();
    let mine = find(after_begin, BEGIN)
        .and_then(|next| after_begin.get(..next))
        .unwrap_or(after_begin);
    let used_up_to = |rest: &[u8]| {
        BEGIN
            .len()
            .saturating_add(mine.len())
            .saturating_sub(rest.len())
    };

    let Some((label, body)) = marker(mine) else {
        return (used_up_to(&[]), Err(ObjectFault::Marker));
    };
    let Some((body, end)) = find(body, END).and_then(|at| body.split_at_checked(at)) else {
        return (used_up_to(&[]), Err(ObjectFault::NoEnd));
    };
    let end = end.strip_prefix(END).unwrap_or_default();
    match end
        .strip_prefix(label)
        .and_then(|end| end.strip_prefix(DASHES))
    {
        Some(rest) => {
            let rest = skip_line_end(rest).unwrap_or(rest);
            (used_up_to(rest), Ok((label, body)))
        }
        None => {
            // The rest of the END line belongs to the broken block, so that it does not count as text.
            let rest = find(end, b"\n")
                .and_then(|at| end.get(at..))
                .unwrap_or_default();
            (used_up_to(rest), Err(ObjectFault::LabelMismatch))
        }
    }
}

/// Takes `LABEL-----` and the line end behind it.
fn marker(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = find(text, DASHES)?;
    let (label, rest) = text.split_at_checked(end)?;
    let printable = |&byte: &u8| byte == b' ' || byte.is_ascii_graphic();
    if label.is_empty() || !label.iter().all(printable) {
        return None;
    }
    Some((label, skip_line_end(rest.strip_prefix(DASHES)?)?))
}

/// Skips blanks and one LF or CR LF.
fn skip_line_end(text: &[u8]) -> Option<&[u8]> {
    let blanks = text.iter().take_while(|&&byte| byte == b' ').count();
    let text = text.get(blanks..)?;
    text.strip_prefix(b"\r").unwrap_or(text).strip_prefix(b"\n")
}

/// Length of what `text` decodes to. `Ok` means that all of it is base64, so that [`decode`] cannot fail.
pub(super) fn decoded_len(text: &[u8]) -> Result<usize, ObjectFault> {
    let mut len = 0_usize;
    for group in Groups::new(text) {
        len = len.saturating_add(group?.as_bytes().len());
    }
    if len == 0 {
        return Err(ObjectFault::Base64 { at: 0 });
    }
    Ok(len)
}

/// Fills `out`, whose length must be [`decoded_len`]'s.
pub(super) fn decode(text: &[u8], out: &mut [u8]) -> Result<(), ObjectFault> {
    for (into, group) in out.chunks_mut(3).zip(Groups::new(text)) {
        for (into, &byte) in into.iter_mut().zip(group?.as_bytes()) {
            *into = byte;
        }
    }
    Ok(())
}

/// What one group of base64 digits stands for.
struct Group {
    bytes: [u8; 3],
    len: usize,
}

impl Group {
    fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

/// The groups of a body; only the last one may be padded.
struct Groups<'a> {
    digits: Digits<'a>,
    padded: bool,
}

impl<'a> Groups<'a> {
    const fn new(text: &'a [u8]) -> Self {
        Self {
            digits: Digits { text, at: 0 },
            padded: false,
        }
    }
}

impl Iterator for Groups<'_> {
    type Item = Result<Group, ObjectFault>;

    fn next(&mut self) -> Option<Self::Item> {
        let first = self.digits.next()?;
        let fault = ObjectFault::Base64 { at: self.digits.at };
        let mut rest = || self.digits.next().unwrap_or(Err(fault));
        let group = (|| Ok([first?, rest()?, rest()?, rest()?]))();
        Some(group.and_then(|group| {
            let mut bytes = [0_u8; 3];
            let len = match Base64::decode(group, &mut bytes) {
                Ok(decoded) if !self.padded => decoded.len(),
                _ => return Err(fault),
            };
            self.padded = len < bytes.len();
            Ok(Group { bytes, len })
        }))
    }
}

/// The base64 digits of a body, line ends taken out where they may stand.
struct Digits<'a> {
    text: &'a [u8],
    at: usize,
}

impl Iterator for Digits<'_> {
    type Item = Result<u8, ObjectFault>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let left = self.text.get(self.at..)?;
            let (&byte, _) = left.split_first()?;
            if !matches!(byte, b' ' | b'\r' | b'\n') {
                self.at = self.at.saturating_add(1);
                return Some(Ok(byte));
            }
            let behind = match skip_line_end(left) {
                Some(behind) => behind,
                None if left.iter().all(|&byte| byte == b' ') => &[],
                None => {
                    let at = self.at;
                    self.at = self.text.len();
                    return Some(Err(ObjectFault::Base64 { at }));
                }
            };
            self.at = self.text.len().saturating_sub(behind.len());
        }
    }
}

fn find(text: &[u8], marker: &[u8]) -> Option<usize> {
    let mut from = 0_usize;
    loop {
        let left = text.get(from..)?;
        // Dashes are rare: most of a text is passed over without comparing whole markers.
        let at = left.iter().position(|byte| marker.first() == Some(byte))?;
        if left.get(at..)?.starts_with(marker) {
            return from.checked_add(at);
        }
        from = from.checked_add(at)?.checked_add(1)?;
    }
}
