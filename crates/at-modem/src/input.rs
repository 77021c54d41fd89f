//! Bytes read from the port and not yet looked at.

use embedded_io_async::Read;

/// The receive ring of the reference firmware.
const CAPACITY: usize = 2048;

/// The port is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Gone;

/// A port with what it said last.
pub(crate) struct Input<'r, R> {
    rx: &'r mut R,
    bytes: [u8; CAPACITY],
    start: usize,
    end: usize,
}

impl<'r, R: Read> Input<'r, R> {
    pub(crate) const fn new(rx: &'r mut R) -> Self {
        Self {
            rx,
            bytes: [0; CAPACITY],
            start: 0,
            end: 0,
        }
    }

    /// What is there; waits if nothing is. Dropping it loses nothing if the port's `read` does not.
    pub(crate) async fn peek(&mut self) -> Result<&[u8], Gone> {
        if self.start >= self.end {
            // Both before waiting: a dropped wait must not bring old bytes back.
            self.start = 0;
            self.end = 0;
            self.end = match self.rx.read(&mut self.bytes).await {
                Ok(0) | Err(_) => return Err(Gone),
                Ok(count) => count.min(CAPACITY),
            };
        }
        Ok(self.bytes.get(self.start..self.end).unwrap_or_default())
    }

    /// What is there already.
    pub(crate) fn pending(&self) -> &[u8] {
        self.bytes.get(self.start..self.end).unwrap_or_default()
    }

    /// No room for more until some is consumed.
    pub(crate) const fn is_full(&self) -> bool {
        self.end.saturating_sub(self.start) >= CAPACITY
    }

    /// Waits for more behind what is there; returns how much came. Dropping it loses nothing if the
    /// port's `read` does not. Without room it waits for ever.
    pub(crate) async fn more(&mut self) -> Result<usize, Gone> {
        if self.start >= self.end {
            self.start = 0;
            self.end = 0;
        } else if self.end >= CAPACITY {
            self.bytes.copy_within(self.start..self.end, 0);
            self.end = self.end.saturating_sub(self.start);
            self.start = 0;
        }
        let room = self.bytes.get_mut(self.end..).unwrap_or_default();
        if room.is_empty() {
            core::future::pending::<()>().await;
        }
        match self.rx.read(room).await {
            Ok(0) | Err(_) => Err(Gone),
            Ok(count) => {
                let end = self.end.saturating_add(count).min(CAPACITY);
                let count = end.saturating_sub(self.end);
                self.end = end;
                Ok(count)
            }
        }
    }

    /// Takes bytes that were looked at.
    pub(crate) fn consume(&mut self, count: usize) {
        self.start = self.start.saturating_add(count).min(self.end);
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use core::convert::Infallible;
    use core::future::poll_fn;
    use core::pin::pin;
    use core::task::{Context, Poll, Waker};
    use embedded_io_async::ErrorType;
    use std::vec::Vec;

    /// Gives its pieces one by one and is pending before each.
    struct Slow {
        pieces: Vec<Vec<u8>>,
        ready: bool,
    }

    impl ErrorType for Slow {
        type Error = Infallible;
    }

    impl Read for Slow {
        async fn read(&mut self, buf: &mut [u8]) -> Result<usize, Infallible> {
            poll_fn(|_| {
                self.ready = !self.ready;
                if self.ready {
                    Poll::Pending
                } else {
                    Poll::Ready(())
                }
            })
            .await;
            if self.pieces.is_empty() {
                return Ok(0);
            }
            let piece = self.pieces.remove(0);
            buf[..piece.len()].copy_from_slice(&piece);
            Ok(piece.len())
        }
    }

    #[test]
    fn a_wait_that_is_dropped_loses_nothing_and_repeats_nothing() {
        let mut slow = Slow {
            pieces: [&b"AT"[..], b"\r\n", b"0123456789"]
                .map(<[u8]>::to_vec)
                .into(),
            ready: false,
        };
        let mut input = Input::new(&mut slow);
        let mut seen = Vec::new();
        let mut context = Context::from_waker(Waker::noop());
        // Every other poll is dropped while it waits.
        loop {
            match pin!(input.peek()).poll(&mut context) {
                Poll::Pending => continue,
                Poll::Ready(Err(Gone)) => break,
                Poll::Ready(Ok(bytes)) => seen.push(bytes[0]),
            }
            input.consume(1);
        }
        assert_eq!(seen, b"AT\r\n0123456789");
    }
}
