//! A recorded handshake, played again: the peer, the time and the randomness of a session, so that
//! it takes the same course wherever it runs.
//!
//! ```text
//! recording = blob*      anchor, what the server sent, what the client sent, identity,
//!                        the server's certificates, its own first
//! identity  = blob*      kind of key, certificate, parts of the key; empty for none
//! blob      = len: u32, little-endian; len bytes
//! ```
//!
//! Both the program that measures and the test that records include this file.

use core::convert::Infallible;
use core::fmt;

use embedded_hal_async::delay::DelayNs;
use embedded_io_async::{ErrorKind, ErrorType, Read, Write};
use rand_core::{CryptoRng, RngCore};
use tls_session::identity::ClientKey;

/// 2026-05-28T20:26:40Z, when all recorded certificates are valid.
pub(crate) const NOW: i64 = 1_780_000_000;

/// Most certificates of a recorded chain.
pub(crate) const MAX_CERTIFICATES: usize = 8;

/// One recorded handshake.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Recording<'a> {
    /// The CA, DER.
    pub(crate) anchor: &'a [u8],
    pub(crate) server: &'a [u8],
    pub(crate) client: &'a [u8],
    identity: &'a [u8],
    chain: [&'a [u8]; MAX_CERTIFICATES],
    certificates: usize,
}

impl<'a> Recording<'a> {
    /// Nothing if the bytes end too early, or hold no certificate or too many.
    pub(crate) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (anchor, rest) = blob(bytes)?;
        let (server, rest) = blob(rest)?;
        let (client, rest) = blob(rest)?;
        let (identity, mut rest) = blob(rest)?;
        let mut chain: [&[u8]; MAX_CERTIFICATES] = [&[]; MAX_CERTIFICATES];
        let mut certificates = 0;
        while !rest.is_empty() {
            let (certificate, after) = blob(rest)?;
            *chain.get_mut(certificates)? = certificate;
            certificates += 1;
            rest = after;
        }
        (certificates > 0).then_some(Self {
            anchor,
            server,
            client,
            identity,
            chain,
            certificates,
        })
    }

    /// The server's certificates, its own first.
    pub(crate) fn chain(&self) -> &[&'a [u8]] {
        self.chain.get(..self.certificates).unwrap_or_default()
    }

    /// The client's certificate and key, if it has to show them.
    pub(crate) fn identity(&self) -> Option<(&'a [u8], ClientKey<'a>)> {
        let (kind, rest) = blob(self.identity)?;
        let (certificate, rest) = blob(rest)?;
        let (first, rest) = blob(rest)?;
        let key = match kind {
            b"p256" => ClientKey::P256(first),
            b"p384" => ClientKey::P384(first),
            b"ed25519" => ClientKey::Ed25519(first),
            _ => {
                let mut rest = rest;
                let mut next = || {
                    let (part, after) = blob(rest)?;
                    rest = after;
                    Some(part)
                };
                ClientKey::Rsa {
                    modulus: first,
                    public_exponent: next()?,
                    primes: [next()?, next()?],
                    exponents: [next()?, next()?],
                    coefficient: next()?,
                }
            }
        };
        Some((certificate, key))
    }
}

fn blob(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(usize::try_from(u32::from_le_bytes(*len)).ok()?)
}

/// What the server sent.
#[derive(Debug)]
pub(crate) struct Served<'a>(pub(crate) &'a [u8]);

impl ErrorType for Served<'_> {
    type Error = Infallible;
}

impl Read for Served<'_> {
    async fn read(&mut self, buf: &mut [u8]) -> Result<usize, Infallible> {
        let len = buf.len().min(self.0.len());
        if let (Some(to), Some((from, rest))) = (buf.get_mut(..len), self.0.split_at_checked(len)) {
            to.copy_from_slice(from);
            self.0 = rest;
        }
        Ok(len)
    }
}

/// What the client has yet to send, byte for byte.
#[derive(Debug)]
pub(crate) struct Expected<'a>(pub(crate) &'a [u8]);

/// The client sent something else than when it was recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Differs;

impl fmt::Display for Differs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the client sent something else than when it was recorded")
    }
}

impl core::error::Error for Differs {}

impl embedded_io_async::Error for Differs {
    fn kind(&self) -> ErrorKind {
        ErrorKind::InvalidData
    }
}

impl ErrorType for Expected<'_> {
    type Error = Differs;
}

impl Write for Expected<'_> {
    async fn write(&mut self, buf: &[u8]) -> Result<usize, Differs> {
        self.0 = self.0.strip_prefix(buf).ok_or(Differs)?;
        Ok(buf.len())
    }

    async fn flush(&mut self) -> Result<(), Differs> {
        Ok(())
    }
}

/// No deadline ever comes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NoTime;

impl DelayNs for NoTime {
    async fn delay_ns(&mut self, _: u32) {
        core::future::pending::<()>().await;
    }
}

/// The same numbers in every run: xorshift, 64 bits (Marsaglia 2003).
#[derive(Debug, Clone)]
pub(crate) struct SameRng(u64);

impl SameRng {
    pub(crate) const fn new() -> Self {
        Self(0x9e37_79b9_7f4a_7c15)
    }
}

impl RngCore for SameRng {
    fn next_u32(&mut self) -> u32 {
        rand_core::impls::next_u32_via_fill(self)
    }

    fn next_u64(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn fill_bytes(&mut self, dest: &mut [u8]) {
        rand_core::impls::fill_bytes_via_next(self, dest);
    }

    fn try_fill_bytes(&mut self, dest: &mut [u8]) -> Result<(), rand_core::Error> {
        self.fill_bytes(dest);
        Ok(())
    }
}

/// Not true of these numbers, but what an engine asks of the type.
impl CryptoRng for SameRng {}
