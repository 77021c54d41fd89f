//! Memory for what is read from flash or shown by a server, and looked at as a whole: an image of a
//! certificate partition, a value of `mfg_nvs`, the chain of `AT+SSLPROBE`.
//!
//! It may hold a private key, and a command can be dropped at any byte of one: what was written to it
//! is wiped when it is given back.

use core::ops::{Deref, DerefMut};

use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embassy_sync::mutex::{Mutex, MutexGuard};
use zeroize::Zeroize;

/// All of a certificate partition, which usually has 8 KiB.
pub(crate) const SCRATCH: usize = 8192;

type Bytes = [u8; SCRATCH];

/// Whoever needs it waits for it.
pub(crate) struct Scratch(Mutex<NoopRawMutex, Bytes>);

/// The memory, until it is dropped and wiped.
pub(crate) struct ScratchGuard<'s>(MutexGuard<'s, NoopRawMutex, Bytes>);

impl Scratch {
    pub(crate) const fn new() -> Self {
        Self(Mutex::new([0; SCRATCH]))
    }

    /// Waits until nobody has it. Lock it before the flash. Dropping it loses nothing.
    pub(crate) async fn lock(&self) -> ScratchGuard<'_> {
        ScratchGuard(self.0.lock().await)
    }
}

impl Deref for ScratchGuard<'_> {
    type Target = Bytes;

    fn deref(&self) -> &Bytes {
        &self.0
    }
}

impl DerefMut for ScratchGuard<'_> {
    fn deref_mut(&mut self) -> &mut Bytes {
        &mut self.0
    }
}

impl Drop for ScratchGuard<'_> {
    fn drop(&mut self) {
        // As a slice: of an array each byte is written by itself.
        self.0.as_mut_slice().zeroize();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use embassy_futures::block_on;

    #[test]
    fn what_was_written_is_gone_when_it_is_given_back() {
        let scratch = Scratch::new();
        block_on(async {
            let mut guard = scratch.lock().await;
            guard[..6].copy_from_slice(b"secret");
            guard[SCRATCH - 1] = 1;
            drop(guard);
            assert!(scratch.lock().await.iter().all(|byte| *byte == 0));
        });
    }
}
