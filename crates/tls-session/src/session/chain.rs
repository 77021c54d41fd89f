//! What a dry run keeps of the server's certificates.

use heapless::Vec;

use crate::verify::MAX_CHAIN;

/// Certificates of a server, as it sent them, in the caller's memory.
pub struct Chain<'b> {
    bytes: &'b mut [u8],
    /// Where each certificate ends.
    ends: Vec<usize, MAX_CHAIN>,
    dropped: usize,
}

impl core::fmt::Debug for Chain<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(
            f,
            "Chain({} kept, {} dropped)",
            self.ends.len(),
            self.dropped
        )
    }
}

impl<'b> Chain<'b> {
    /// Keeps as many certificates as fit `bytes`.
    #[must_use]
    pub const fn new(bytes: &'b mut [u8]) -> Self {
        Self {
            bytes,
            ends: Vec::new(),
            dropped: 0,
        }
    }

    /// DER certificates, the server's own first.
    pub fn certificates(&self) -> impl Iterator<Item = &[u8]> {
        let starts = core::iter::once(0).chain(self.ends.iter().copied());
        starts
            .zip(self.ends.iter().copied())
            .map(|(start, end)| self.bytes.get(start..end).unwrap_or_default())
    }

    /// How many certificates did not fit.
    #[must_use]
    pub const fn dropped(&self) -> usize {
        self.dropped
    }

    pub(super) fn push(&mut self, der: &[u8]) {
        let start = self.ends.last().copied().unwrap_or(0);
        let room = start
            .checked_add(der.len())
            .and_then(|end| Some((end, self.bytes.get_mut(start..end)?)));
        match room {
            // After one that was dropped, a later one would pass for it.
            Some((end, place)) if self.dropped == 0 && self.ends.push(end).is_ok() => {
                place.copy_from_slice(der);
            }
            _ => self.dropped = self.dropped.saturating_add(1),
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;

    #[test]
    fn what_does_not_fit_is_counted_and_nothing_takes_its_place() {
        let mut memory = [0; 10];
        let mut chain = Chain::new(&mut memory);
        for der in [&b"abcd"[..], b"efgh", b"ijkl", b"m"] {
            chain.push(der);
        }
        assert!(chain.certificates().eq([&b"abcd"[..], b"efgh"]));
        assert_eq!(chain.dropped(), 2);
    }

    #[test]
    fn as_many_as_the_engine_takes() {
        let mut memory = [0; 64];
        let mut chain = Chain::new(&mut memory);
        for _ in 0..=MAX_CHAIN {
            chain.push(b"x");
        }
        assert_eq!(chain.certificates().count(), MAX_CHAIN);
        assert_eq!(chain.dropped(), 1);
    }
}
