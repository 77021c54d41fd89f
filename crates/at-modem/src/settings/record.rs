//! Fields of a stored record: bytes, texts behind their length, numbers in little-endian.

use embedded_storage_async::nor_flash::NorFlash;
use heapless::{String, Vec};

use super::key::Key;

pub(super) use super::key::Store;

/// Longest host name, SNI and CN.
pub(crate) const MAX_NAME: usize = 64;

/// Host name, SNI or CN.
pub(crate) type HostText = String<MAX_NAME>;

/// A record being written. `N` is the sum of its longest fields, so nothing is cut.
pub(super) struct Put<const N: usize>(Vec<u8, N>);

impl<const N: usize> Put<N> {
    pub(super) const fn new() -> Self {
        Self(Vec::new())
    }

    pub(super) fn bytes(mut self, bytes: &[u8]) -> Self {
        // The capacity is the sum of the longest fields.
        let _ = self.0.extend_from_slice(bytes);
        self
    }

    /// At most 255 bytes behind their number.
    pub(super) fn text(self, text: &[u8]) -> Self {
        self.bytes(&[u8::try_from(text.len()).unwrap_or(0)])
            .bytes(text)
    }

    pub(super) fn finish(self) -> Vec<u8, N> {
        self.0
    }
}

/// What is left to read of a record.
pub(super) struct Take<'r>(pub(super) &'r [u8]);

impl<'r> Take<'r> {
    pub(super) fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (array, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*array)
    }

    pub(super) fn byte(&mut self) -> Option<u8> {
        self.array().map(|[byte]| byte)
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    /// So many bytes.
    pub(super) fn bytes(&mut self, count: usize) -> Option<&'r [u8]> {
        let (bytes, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(bytes)
    }

    /// What [`Put::text`] wrote.
    pub(super) fn text(&mut self) -> Option<&'r [u8]> {
        let len = self.byte()?;
        self.bytes(usize::from(len))
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// A record of one byte.
pub(super) async fn byte<F: NorFlash>(store: &mut Store<'_, F>, key: Key) -> Option<u8> {
    let mut buffer = [0; 1];
    match store.get(key, &mut buffer).await {
        Ok(Some(record)) => record.first().copied(),
        _ => None,
    }
}
