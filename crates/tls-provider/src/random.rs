//! One pool of randomness for the whole program.
//!
//! rustls takes its randomness from a `&'static dyn SecureRandom`, and its key exchanges are not given
//! any. So the state is a static behind a critical section. The program adds entropy with [`stir`]: once
//! before the first session, and as often as it likes afterwards.
//!
//! ```text
//! stir   key of the pool ◀── SHA-256(key of the pool ‖ fresh bytes)
//! draw   next key of the pool ‖ key of this draw ◀── one block of ChaCha20(key of the pool)
//! ```
//!
//! A key is replaced before its output exists (fast key erasure): memory that is read later does not
//! reveal what was drawn earlier. The critical section computes one block of ChaCha20 for a draw of any
//! length, and two blocks of SHA-256 for [`stir`].

use core::cell::RefCell;
use core::fmt;

use chacha20::ChaCha20;
use chacha20::cipher::{KeyIvInit as _, StreamCipher as _};
use critical_section::Mutex;
use rand_core::{CryptoRng, RngCore};
use rustls::crypto::{GetRandomFailed, SecureRandom};
use sha2::{Digest as _, Sha256};
use zeroize::{Zeroize as _, Zeroizing};

/// None before the first [`stir`].
static POOL: Mutex<RefCell<Option<Generator>>> = Mutex::new(RefCell::new(None));

/// A key has one stream only, so that it needs no nonce.
const NONCE: [u8; 12] = [0; 12];

/// Bytes of output from one key. A stream of ChaCha20 ends after 256 GiB.
const STREAM: usize = 1 << 16;

/// Mixes 32 fresh bytes into the pool.
///
/// They should come from a hardware generator or from the operating system. Weak bytes never weaken a
/// pool that has got good ones. Before the first call every request fails.
pub fn stir(fresh: &[u8; 32]) {
    critical_section::with(|section| {
        let mut pool = POOL.borrow_ref_mut(section);
        let mut hash = Sha256::new();
        if let Some(pool) = pool.as_ref() {
            hash.update(pool.0.as_slice());
        }
        hash.update(fresh);
        let mut digest = hash.finalize();
        *pool = Some(Generator(Zeroizing::new(digest.into())));
        digest.zeroize();
    });
}

/// The pool, for rustls.
///
/// It is no [`RngCore`], because that trait has no error for a pool that was never stirred: its users
/// take a [`Generator`].
#[derive(Debug, Clone, Copy, Default)]
pub struct Pool;

impl Pool {
    /// A generator with a key from the pool, for one operation.
    ///
    /// # Errors
    ///
    /// [`GetRandomFailed`] before the first [`stir`].
    pub fn generator(self) -> Result<Generator, GetRandomFailed> {
        critical_section::with(|section| {
            let mut pool = POOL.borrow_ref_mut(section);
            pool.as_mut().map(Generator::split).ok_or(GetRandomFailed)
        })
    }
}

impl SecureRandom for Pool {
    fn fill(&self, buf: &mut [u8]) -> Result<(), GetRandomFailed> {
        self.generator()?.fill_bytes(buf);
        Ok(())
    }
}

/// A generator with a key of its own, which was drawn from the pool. It cannot fail.
pub struct Generator(Zeroizing<[u8; 32]>);

impl Generator {
    /// Replaces the key and returns another one; neither reveals anything about the previous key.
    fn split(&mut self) -> Self {
        let mut stream = self.stream();
        let mut other = Zeroizing::new([0; 32]);
        self.0.zeroize();
        stream.apply_keystream(self.0.as_mut_slice());
        stream.apply_keystream(other.as_mut_slice());
        Self(other)
    }

    fn stream(&self) -> ChaCha20 {
        ChaCha20::new((&*self.0).into(), (&NONCE).into())
    }
}

impl RngCore for Generator {
    fn next_u32(&mut self) -> u32 {
        rand_core::impls::next_u32_via_fill(self)
    }

    fn next_u64(&mut self) -> u64 {
        rand_core::impls::next_u64_via_fill(self)
    }

    fn fill_bytes(&mut self, dest: &mut [u8]) {
        for part in dest.chunks_mut(STREAM) {
            part.fill(0);
            self.split().stream().apply_keystream(part);
        }
    }

    fn try_fill_bytes(&mut self, dest: &mut [u8]) -> Result<(), rand_core::Error> {
        self.fill_bytes(dest);
        Ok(())
    }
}

impl CryptoRng for Generator {}

/// Without the key.
impl fmt::Debug for Generator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Generator").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
