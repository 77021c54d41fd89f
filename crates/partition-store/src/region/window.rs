//! Bytes gathered to one aligned block on their way to flash.

use zeroize::Zeroize;

/// Bytes written and compared at a time; at least as large as any flash's word.
pub(crate) const WINDOW: usize = 128;

/// What became of a write that the flash carried out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[must_use]
pub struct WriteReport {
    /// The first byte, from the partition's start, that is not what was asked for, because the
    /// place was not erased before.
    pub differs_at: Option<u32>,
}

impl WriteReport {
    pub(crate) fn add(&mut self, differs_at: Option<u32>) {
        self.differs_at = self.differs_at.or(differs_at);
    }
}

/// A window's worth of bytes on their way to flash, wiped when it is dropped: they can be a private key.
///
/// Bytes outside `from..to` are 0xFF.
pub(crate) struct Window {
    /// Offset in the partition, a multiple of [`WINDOW`].
    pub(crate) base: u32,
    pub(crate) from: usize,
    pub(crate) to: usize,
    pub(crate) bytes: [u8; WINDOW],
}

impl Drop for Window {
    fn drop(&mut self) {
        self.bytes.zeroize();
    }
}

impl Window {
    /// Empty, for bytes from `offset` on.
    pub(crate) fn at(offset: u32) -> Self {
        let size = u32::try_from(WINDOW).unwrap_or(1);
        let within = usize::try_from(offset % size).unwrap_or(0);
        Self {
            base: offset - offset % size,
            from: within,
            to: within,
            bytes: [0xff; WINDOW],
        }
    }

    /// The offset of the first byte that is not in yet.
    pub(crate) fn next(&self) -> u32 {
        self.base
            .saturating_add(u32::try_from(self.to).unwrap_or(u32::MAX))
    }

    /// Takes what fits from the start of `bytes`; returns how many.
    pub(crate) fn fill(&mut self, bytes: &[u8]) -> usize {
        let room = self.bytes.get_mut(self.to..).unwrap_or_default();
        let taken = room.len().min(bytes.len());
        for (to, from) in room.iter_mut().zip(bytes) {
            *to = *from;
        }
        self.to = self.to.saturating_add(taken);
        taken
    }

    pub(crate) fn is_full(&self) -> bool {
        self.to == WINDOW
    }
}
