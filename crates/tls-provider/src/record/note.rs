//! What rustls is given in place of received application data.
//!
//! rustls copies the payload that a decrypter returns, up to 16 KiB, to its heap. But the plaintext
//! stands in the caller's buffer already: decryption is in place. So the decrypters of this crate return
//! four bytes that say where, which were written over the end of the record's tag:
//!
//! ```text
//! record   | header, 5 | explicit nonce, 0 or 8 | plaintext | type, padding | tag, 16: ... | note, 4 |
//!                      ├─────── start ──────────┼── len ────┤
//! note     start: u16 | len: u16                 big-endian
//! ```
//!
//! An application-data record of no bytes has no note: its payload is empty.

use core::ops::Range;

/// Bytes of a note. A tag is longer.
pub(super) const LEN: usize = 4;

/// Bytes of a record's header (RFC 9846 §5.1).
const HEADER: usize = 5;

/// Where the plaintext of an application-data record stands, relative to the first byte of the record.
///
/// `note` is the payload that rustls returns as application data. It is a note whenever it has bytes,
/// because the plaintext itself never reaches rustls; `None` is the record without data. This holds only
/// if rustls was given one whole record, and no byte more, in the call that returned the note.
#[must_use]
pub fn plaintext(note: &[u8]) -> Option<Range<usize>> {
    let &[s0, s1, l0, l1] = note else {
        return None;
    };
    let start = HEADER + usize::from(u16::from_be_bytes([s0, s1]));
    Some(start..start + usize::from(u16::from_be_bytes([l0, l1])))
}

/// The note for a plaintext that stands at `range` of a record's payload.
pub(super) fn of(range: &Range<usize>) -> Option<[u8; LEN]> {
    let [s0, s1] = u16::try_from(range.start).ok()?.to_be_bytes();
    let [l0, l1] = u16::try_from(range.len()).ok()?.to_be_bytes();
    Some([s0, s1, l0, l1])
}
