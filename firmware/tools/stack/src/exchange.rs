//! Recorded sessions with one peer, played again one after another: what was learnt in the first counts for the next.
//!
//! ```text
//! recording = blob*      CA of the peer or nothing, identity, then a blob for each session
//! identity  = blob*      private key on P-256, certificates, its own first; nothing for none
//! session   = blob*      all that we sent, then each flight of the peer
//! blob      = len: u32, little-endian; len bytes
//! ```
//!
//! A flight is what the peer sent before it heard from us again. Each is waited for once, so that what is done between
//! two of them is one step.
//!
//! Both the program that measures and the test that records include this file.

use core::cell::Cell;
use core::convert::Infallible;
use core::future::poll_fn;
use core::task::Poll;

use embedded_io_async::{ErrorType, Read, Write};

use crate::replay::{Differs, Expected};

/// Most certificates of an identity.
pub(crate) const MAX_CERTIFICATES: usize = 2;

/// Bytes of one direction, counted as they go.
pub(crate) type Count = Cell<usize>;

/// The next blob, and what follows it.
pub(crate) fn blob(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(usize::try_from(u32::from_le_bytes(*len)).ok()?)
}

/// Sessions with one peer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Recording<'a> {
    /// DER; empty for none.
    pub(crate) anchor: &'a [u8],
    identity: &'a [u8],
    sessions: &'a [u8],
}

impl<'a> Recording<'a> {
    /// Nothing if the bytes end too early.
    pub(crate) fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (anchor, rest) = blob(bytes)?;
        let (identity, sessions) = blob(rest)?;
        Some(Self {
            anchor,
            identity,
            sessions,
        })
    }

    /// Our key and our certificates, empty ones where there are fewer.
    pub(crate) fn identity(&self) -> Option<(&'a [u8], [&'a [u8]; MAX_CERTIFICATES])> {
        let (key, mut rest) = blob(self.identity)?;
        let mut chain: [&[u8]; MAX_CERTIFICATES] = [&[]; MAX_CERTIFICATES];
        for place in &mut chain {
            if let Some((certificate, after)) = blob(rest) {
                (*place, rest) = (certificate, after);
            }
        }
        Some((key, chain))
    }

    /// In the order in which they were.
    pub(crate) fn sessions(&self) -> impl Iterator<Item = Option<(&'a [u8], &'a [u8])>> + use<'a> {
        let mut rest = self.sessions;
        core::iter::from_fn(move || {
            let (session, after) = blob(rest)?;
            rest = after;
            Some(blob(session))
        })
    }
}

/// What the peer sends, flight by flight.
#[derive(Debug)]
pub(crate) struct Flights<'a> {
    rest: &'a [u8],
    now: &'a [u8],
    waited: bool,
    count: &'a Count,
}

impl<'a> Flights<'a> {
    pub(crate) const fn new(flights: &'a [u8], count: &'a Count) -> Self {
        Self {
            rest: flights,
            now: &[],
            waited: false,
            count,
        }
    }

    /// Makes the next flight the one that is read from; `false` if it has to be waited for.
    fn advance(&mut self) -> bool {
        if !self.now.is_empty() {
            return true;
        }
        if let Some((next, rest)) = blob(self.rest) {
            if !self.waited {
                self.waited = true;
                return false;
            }
            (self.now, self.rest, self.waited) = (next, rest, false);
        }
        true
    }
}

impl ErrorType for Flights<'_> {
    type Error = Infallible;
}

impl Read for Flights<'_> {
    async fn read(&mut self, buf: &mut [u8]) -> Result<usize, Infallible> {
        poll_fn(|context| {
            if !self.advance() {
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            let len = buf.len().min(self.now.len());
            if let (Some(to), Some((from, rest))) =
                (buf.get_mut(..len), self.now.split_at_checked(len))
            {
                to.copy_from_slice(from);
                self.now = rest;
                self.count.set(self.count.get().saturating_add(len));
            }
            Poll::Ready(Ok(len))
        })
        .await
    }
}

/// What we have yet to send, byte for byte.
#[derive(Debug)]
pub(crate) struct Counted<'a> {
    pub(crate) inner: Expected<'a>,
    pub(crate) count: &'a Count,
}

impl ErrorType for Counted<'_> {
    type Error = Differs;
}

impl Write for Counted<'_> {
    async fn write(&mut self, buf: &[u8]) -> Result<usize, Differs> {
        let len = self.inner.write(buf).await?;
        self.count.set(self.count.get().saturating_add(len));
        Ok(len)
    }

    async fn flush(&mut self) -> Result<(), Differs> {
        self.inner.flush().await
    }
}
