//! Bytes that no log may show and no memory keeps longer than needed.

use core::fmt;
use core::ops::Deref;

use zeroize::Zeroize;

/// Longest pre-shared key, and the longest identity it goes by (spec: at-commands A.7).
pub(crate) const MAX_PSK: usize = 32;

/// Up to [`MAX_PSK`] bytes, wiped when they are replaced or dropped. `Debug` does not print them.
#[derive(Clone)]
pub(crate) struct Secret {
    bytes: [u8; MAX_PSK],
    len: usize,
}

impl Secret {
    /// Takes bytes as they come, so that no second copy is made; `None` where there are too many.
    pub(crate) fn collect(from: impl Iterator<Item = u8>) -> Option<Self> {
        let mut secret = Self {
            bytes: [0; MAX_PSK],
            len: 0,
        };
        for byte in from {
            *secret.bytes.get_mut(secret.len)? = byte;
            secret.len = secret.len.saturating_add(1);
        }
        Some(secret)
    }

    /// The bytes, for the one place that needs them.
    pub(crate) fn reveal(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        self.bytes.zeroize();
        self.len.zeroize();
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// Up to `N` bytes, wiped when they are dropped: a passphrase, or a record with one.
///
/// All of the room is bytes that were written: a move copies the part behind the value too, and if that
/// were not initialised, whatever the stack had there before.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Wiped<const N: usize> {
    bytes: [u8; N],
    len: usize,
}

impl<const N: usize> Wiped<N> {
    pub(crate) const fn new() -> Self {
        Self {
            bytes: [0; N],
            len: 0,
        }
    }

    /// A copy; `None` if there are more than `N` bytes.
    pub(crate) fn from_slice(bytes: &[u8]) -> Option<Self> {
        let mut wiped = Self::new();
        wiped.bytes.get_mut(..bytes.len())?.copy_from_slice(bytes);
        wiped.len = bytes.len();
        Some(wiped)
    }
}

impl<const N: usize> From<heapless::Vec<u8, N>> for Wiped<N> {
    fn from(mut bytes: heapless::Vec<u8, N>) -> Self {
        let wiped = Self::from_slice(&bytes).unwrap_or_else(Self::new);
        bytes.as_mut_slice().zeroize();
        wiped
    }
}

impl<const N: usize> Deref for Wiped<N> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.bytes.get(..self.len).unwrap_or_default()
    }
}

impl<const N: usize> Drop for Wiped<N> {
    fn drop(&mut self) {
        self.bytes.zeroize();
        self.len.zeroize();
    }
}

impl<const N: usize> fmt::Debug for Wiped<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Wiped(..)")
    }
}

/// A pre-shared key and the identity that names it to the server: `AT+CIPSSLCPSK`.
#[derive(Debug, Clone)]
pub(crate) struct Psk {
    /// Never empty.
    pub(crate) key: Secret,
    /// Never empty; sent in the clear. Of this type, because a move copies all of its room.
    pub(crate) identity: Wiped<MAX_PSK>,
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::format;

    #[test]
    fn a_secret_holds_its_bytes_and_shows_none() {
        for len in 0..40_u8 {
            match Secret::collect(0..len) {
                Some(secret) => {
                    assert!(secret.reveal().iter().copied().eq(0..len));
                    assert_eq!(format!("{secret:?}"), "Secret(..)");
                }
                None => assert!(len > 32),
            }
        }
        let psk = Psk {
            key: Secret::collect(b"hush".iter().copied()).unwrap(),
            identity: Wiped::from_slice(b"meter").unwrap(),
        };
        let shown = format!("{psk:?}");
        assert!(!shown.contains("hush") && !shown.contains("104"), "{shown}");
    }
}
