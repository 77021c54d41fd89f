//! Records of ours that are not sent yet, in the caller's buffer or in one that is on the heap meanwhile.

use super::watch::HEADER;
use crate::heap::Loan;

/// Bytes around the content of a record: header, nonce of TLS 1.2, inner type, tag.
pub(super) const AROUND: usize = HEADER + 8 + 1 + 16;
/// Room beside a record for a KeyUpdate that rustls sends before it.
const KEY_UPDATE: usize = 64;

/// Bytes for what is sealed while data are received.
pub(super) const REPLY: usize = 96;

/// For the peer of a session that ended because the heap ran out.
pub(super) enum LastAlert {
    /// In the clear: what was sealed and not sent at all is forgotten.
    Plain([u8; 7]),
    /// Encrypted, behind all that was sealed before.
    Sealed(heapless::Vec<u8, REPLY>),
}

/// Room for what is sealed without a loan: what the other direction has sealed, a KeyUpdate and an alert.
const SMALL: usize = 192;

/// Where sealed bytes are.
enum Place<'b> {
    Given(&'b mut [u8]),
    /// Of whoever has loans, while he has none.
    Small([u8; SMALL]),
    Lent(Loan),
}

/// Bytes that were sealed and not sent yet.
pub(super) struct Sealed<'b> {
    place: Place<'b>,
    start: usize,
    end: usize,
}

impl<'b> Sealed<'b> {
    pub(super) const fn new(bytes: &'b mut [u8]) -> Self {
        Self {
            place: Place::Given(bytes),
            start: 0,
            end: 0,
        }
    }

    /// Without a buffer of the caller's.
    pub(super) const fn on_heap() -> Self {
        Self {
            place: Place::Small([0; SMALL]),
            start: 0,
            end: 0,
        }
    }

    fn bytes(&self) -> &[u8] {
        match &self.place {
            Place::Given(bytes) => bytes,
            Place::Small(bytes) => bytes,
            Place::Lent(loan) => loan.bytes(),
        }
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        match &mut self.place {
            Place::Given(bytes) => bytes,
            Place::Small(bytes) => bytes,
            Place::Lent(loan) => loan.bytes_mut(),
        }
    }

    /// Whether there is no buffer of the caller's.
    pub(super) const fn is_on_heap(&self) -> bool {
        !matches!(self.place, Place::Given(_))
    }

    /// What is sealed from here on goes there. Everything before was sent.
    pub(super) fn lend(&mut self, loan: Loan) {
        (self.place, self.start, self.end) = (Place::Lent(loan), 0, 0);
    }

    /// Gives a loan back, if all was sent.
    pub(super) fn give_back(&mut self) {
        if matches!(self.place, Place::Lent(_)) && self.waiting().is_empty() {
            self.place = Place::Small([0; SMALL]);
            (self.start, self.end) = (0, 0);
        }
    }

    pub(super) fn waiting(&self) -> &[u8] {
        self.bytes().get(self.start..self.end).unwrap_or_default()
    }

    pub(super) fn sent(&mut self, count: usize) {
        self.start = self.start.saturating_add(count).min(self.end);
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
    }

    pub(super) fn room(&mut self) -> &mut [u8] {
        let end = self.end;
        self.bytes_mut().get_mut(end..).unwrap_or_default()
    }

    pub(super) fn add(&mut self, count: usize) {
        self.end = self.end.saturating_add(count).min(self.bytes().len());
    }

    /// Forgets what was sealed and not sent at all, and puts an alert there.
    pub(super) fn replace(&mut self, alert: &[u8]) {
        if self.start == 0 {
            self.end = 0;
            let _ = self.append(alert);
        }
    }

    pub(super) fn append(&mut self, bytes: &[u8]) -> Option<()> {
        self.room().get_mut(..bytes.len())?.copy_from_slice(bytes);
        self.add(bytes.len());
        Some(())
    }

    /// Room for a record of a chunk, and a KeyUpdate before it.
    pub(super) fn has_room(&mut self, chunk: usize) -> bool {
        self.room().len() >= chunk.saturating_add(KEY_UPDATE)
    }

    /// Plaintext never stands here, but what was sealed reveals lengths.
    pub(super) fn wipe(&mut self) {
        self.bytes_mut().fill(0);
    }
}

/// Bytes of a loan for `content` bytes of data: a record, a KeyUpdate before it, and what the other direction seals.
pub(super) const fn loan(content: usize) -> usize {
    content.saturating_add(AROUND + KEY_UPDATE + SMALL)
}

/// Bytes of one of our records, all included, for a buffer of `room`: two fit, so that a flight of small messages
/// leaves in one piece.
pub(super) const fn chunk(room: usize) -> usize {
    let half = room.saturating_sub(KEY_UPDATE) / 2;
    let largest = (1 << 14) + AROUND;
    if half < largest { half } else { largest }
}

/// The same as rustls counts: content and header.
pub(super) const fn fragment(chunk: usize) -> usize {
    chunk.saturating_sub(AROUND).saturating_add(HEADER)
}
