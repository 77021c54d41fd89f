//! A buffer as the engine's, for tests: a window that cannot grow beyond the record.

use std::vec::Vec;

use aes_gcm::aead::{Buffer, Error, Result};

pub(crate) struct Window {
    pub(crate) bytes: Vec<u8>,
    pub(crate) limit: usize,
}

impl AsRef<[u8]> for Window {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl AsMut<[u8]> for Window {
    fn as_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }
}

impl Buffer for Window {
    fn extend_from_slice(&mut self, other: &[u8]) -> Result<()> {
        if self.bytes.len() + other.len() > self.limit {
            return Err(Error);
        }
        self.bytes.extend(other);
        Ok(())
    }

    fn truncate(&mut self, len: usize) {
        self.bytes.truncate(len);
    }
}
