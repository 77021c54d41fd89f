//! What an upload did to an image, judged by what is left of it.

use super::{ERASED_RUN, Mistake, text, without_erased_end};
use crate::content::pem;
use crate::image::{HEADER_LEN, ITEM_HEADER_LEN, Image, ItemKind, MAGIC};

/// How many places of a partition are tried for an image at another offset.
const MAX_TRIES: usize = 8;
/// So many bytes of a content are looked at.
const SAMPLE: usize = 2048;
/// Fewer bytes say nothing by how many of their bits are ones: the first 200 of a certificate, most of them names and
/// identifiers, have 34 percent.
const MIN_SAMPLE: usize = 256;
/// Of 222 certificates and keys each has more ones than this, in percent; of two of them written over each other, 3 of 3000
/// pairs have.
const FEWEST_ONES: usize = 35;

/// What happened to bytes that begin as an image and are none.
pub(super) fn damage(bytes: &[u8]) -> Mistake {
    if without_crs(bytes).is_some() {
        return Mistake::TextTransfer;
    }
    if overwritten(bytes) {
        return Mistake::NotErased;
    }
    if text::has_command(bytes) {
        return Mistake::CommandInData;
    }
    let written = without_erased_end(bytes).len();
    if written < HEADER_LEN.saturating_add(ITEM_HEADER_LEN) && has_items(bytes) {
        return Mistake::Truncated;
    }
    let declared = list_len(bytes).map_or(0, |len| len.saturating_add(HEADER_LEN));
    // A file that ends too early, or erased flash where the list goes on.
    if declared > bytes.len() || written.saturating_add(ERASED_RUN) < declared {
        return Mistake::Truncated;
    }
    Mistake::DamagedImage
}

/// Whether the header counts items, as far as it was written.
fn has_items(bytes: &[u8]) -> bool {
    bytes.get(2..4) != Some(&[0, 0])
}

fn list_len(bytes: &[u8]) -> Option<usize> {
    let len = bytes.get(4..HEADER_LEN)?.first_chunk::<4>()?;
    usize::try_from(u32::from_le_bytes(*len)).ok()
}

/// Where the list of `image` ends, if an upload in text mode went on behind it: what follows is what it made the image
/// longer by.
pub(super) fn text_mode_behind(image: &Image<'_>, bytes: &[u8]) -> Option<usize> {
    let end = image.as_bytes().len();
    let written = without_erased_end(bytes).len();
    if written <= end {
        return None;
    }
    let whole = without_crs(bytes)?;
    // The padding of the last item may have been 0xFF.
    let padding = whole.checked_sub(written)?;
    (padding < 4).then_some(end)
}

/// The header is erased flash, and items follow: it is written last.
pub(super) fn lacks_header(bytes: &[u8]) -> bool {
    let Some(([0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF], items)) =
        bytes.split_first_chunk::<HEADER_LEN>()
    else {
        return false;
    };
    let Some(([kind, _, n0, n1], content)) = items.split_first_chunk::<ITEM_HEADER_LEN>() else {
        return false;
    };
    let len = usize::from(u16::from_le_bytes([*n0, *n1]));
    ItemKind::from_type(*kind).is_some() && len > 0 && len <= content.len()
}

/// An image that starts further on.
pub(super) fn lies_behind(bytes: &[u8]) -> bool {
    let magic = MAGIC.to_le_bytes();
    (1..bytes.len())
        .filter(|&at| bytes.get(at..).is_some_and(|rest| rest.starts_with(&magic)))
        .take(MAX_TRIES)
        .any(|at| {
            bytes
                .get(at..)
                .is_some_and(|rest| Image::parse(rest).is_ok())
        })
}

/// Flash that is written twice holds the AND of both: of two base64 texts mostly bytes that no base64 has, of two
/// structures in DER a quarter of ones instead of half.
pub(super) fn overwritten(bytes: &[u8]) -> bool {
    let marker = b"-----BEGIN ";
    let Some(start) = bytes.windows(marker.len()).position(|it| it == marker) else {
        return !pem::is_present(bytes) && has_few_ones(bytes);
    };
    let text = bytes.get(start..).unwrap_or_default();
    let text = text.get(..SAMPLE).unwrap_or(text);
    let mut len = 0_usize;
    let mut foreign = 0_usize;
    for &byte in text.iter().take_while(|&&byte| byte < 0x80) {
        len = len.saturating_add(1);
        let belongs = byte.is_ascii_alphanumeric() || b"+/=- \r\n".contains(&byte);
        foreign = foreign.saturating_add(usize::from(!belongs));
    }
    len >= 64 && foreign.saturating_mul(8) > len
}

fn has_few_ones(bytes: &[u8]) -> bool {
    let written = without_erased_end(bytes);
    let sample = written.get(..SAMPLE).unwrap_or(written);
    let ones: usize = sample
        .iter()
        .map(|byte| usize::try_from(byte.count_ones()).unwrap_or(0))
        .sum();
    let bits = sample.len().saturating_mul(8);
    sample.len() >= MIN_SAMPLE && ones.saturating_mul(100) < bits.saturating_mul(FEWEST_ONES)
}

/// Where the image ends, if it is one once each CR in front of an LF is taken out, and there is such a CR.
fn without_crs(bytes: &[u8]) -> Option<usize> {
    let mut rest = WithoutCrs {
        rest: bytes,
        removed: 0,
    };
    let [_, _, c0, c1, len @ ..] = rest.array::<HEADER_LEN>()?;
    let mut left = u32::from_le_bytes(len);
    for _ in 0..u16::from_le_bytes([c0, c1]) {
        let [kind, _, n0, n1] = rest.array::<ITEM_HEADER_LEN>()?;
        let n = u32::from(u16::from_le_bytes([n0, n1]));
        let whole = n.next_multiple_of(4).saturating_add(4);
        if ItemKind::from_type(kind).is_none() || left < n.saturating_add(4) {
            return None;
        }
        left = left.saturating_sub(whole);
        if !(0..whole.saturating_sub(4)).all(|_| rest.next().is_some()) {
            return None;
        }
    }
    (left == 0 && rest.removed > 0).then(|| bytes.len().saturating_sub(rest.rest.len()))
}

/// Bytes of an upload in text mode, as they were before it.
struct WithoutCrs<'a> {
    rest: &'a [u8],
    removed: usize,
}

impl WithoutCrs<'_> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let mut taken = [0; N];
        for byte in &mut taken {
            *byte = self.next()?;
        }
        Some(taken)
    }
}

impl Iterator for WithoutCrs<'_> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        if let Some(rest) = self.rest.strip_prefix(b"\r\n") {
            self.rest = rest;
            self.removed = self.removed.saturating_add(1);
            return Some(b'\n');
        }
        let (&byte, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(byte)
    }
}
