//! Records as they come: header, look, body, one step of the engine.
//!
//! ```text
//! caller's buffer, or one on the heap: where a message does not fit the former, or there is none
//! 0            kept              kept + have
//! | incomplete | record under way | ...       rustls has positions in the first part: it stays as it is
//! ```
//!
//! Without a buffer of the caller's there is none but while a record is under way: its header, which says how long it is,
//! has a place of its own.

use core::future::poll_fn;
use core::ops::Range;
use core::task::Poll;

use embedded_io_async::{Error as _, Read};
use zeroize::Zeroize;

use super::core::Core;
use super::drive::Step;
use super::halves::Halves;
use super::sealed::{REPLY, Sealed};
use super::watch::HEADER;
use crate::budget::{BUFFERS, Direction};
use crate::heap::{Ledger, Lends, Loan};
use crate::progress::Refused;
use crate::reason::{CapacityError, Cause, Limit, Reason, Stage, StreamError};
use crate::transport::Transport;

/// The heap is asked for so many bytes more at a time.
const STEP: usize = 2048;

/// Records of the peer that are not done with.
pub(super) struct Incoming<'m> {
    /// Empty where records are on the heap.
    bytes: &'m mut [u8],
    /// Stands in for `bytes` while it is not empty.
    large: Loan,
    /// Header of the record under way.
    head: [u8; HEADER],
    /// Bytes at the front that rustls still needs: the beginning of a message.
    kept: usize,
    /// Bytes of the record under way that are here, its header among them.
    have: usize,
    /// Data that nobody has taken yet.
    data: Range<usize>,
}

impl Drop for Incoming<'_> {
    /// Data were decrypted in place.
    fn drop(&mut self) {
        self.bytes.zeroize();
    }
}

impl<'m> Incoming<'m> {
    pub(super) const fn new(bytes: &'m mut [u8]) -> Self {
        Self {
            bytes,
            large: Loan::NONE,
            head: [0; HEADER],
            kept: 0,
            have: 0,
            data: 0..0,
        }
    }

    pub(super) const fn kept(&self) -> usize {
        self.kept
    }

    /// The beginning of a message that is not whole yet, as rustls wants to see it again.
    pub(super) fn incomplete(&self) -> &[u8] {
        self.buffer().get(..self.kept).unwrap_or_default()
    }

    fn buffer(&self) -> &[u8] {
        if self.large.is_empty() {
            self.bytes
        } else {
            self.large.bytes()
        }
    }

    fn buffer_mut(&mut self) -> &mut [u8] {
        if self.large.is_empty() {
            self.bytes
        } else {
            self.large.bytes_mut()
        }
    }

    /// Gives back what is on the heap, once nothing is left in it.
    pub(super) fn release(&mut self) {
        if self.kept == 0 && self.have == 0 && self.data.is_empty() {
            self.forget();
        }
    }

    fn forget(&mut self) {
        self.large = Loan::NONE;
    }

    /// Bytes of the caller's buffer.
    pub(super) const fn room(&self) -> usize {
        self.bytes.len()
    }

    /// Bytes of the longest record.
    fn longest(&self) -> usize {
        match self.room() {
            0 => BUFFERS[0],
            room => room,
        }
    }

    /// Bytes of a buffer that is at least `needed` bytes long; `None` if others have them.
    fn larger(&self, needed: usize, core: &Core) -> Result<Option<usize>, CapacityError> {
        let now = self.buffer().len();
        let messages = core.caps().records();
        let (on_heap, is_open) = (self.room() == 0, core.stage() == Stage::Data);
        // On the heap there is room for the header of an alert behind the rest.
        let limit = match (on_heap, is_open) {
            (true, false) => messages.saturating_add(HEADER),
            (true, true) => self.longest().max(messages).saturating_add(HEADER),
            (false, _) => self.longest().max(messages),
        };
        let too_large = |limit| CapacityError::too_large(Limit::HandshakeMessage, needed, limit);
        if needed > limit {
            return Err(too_large(limit));
        }
        let len = match now {
            // Promised, in one piece for all of the handshake.
            _ if on_heap && !is_open => limit,
            0 => needed.saturating_add(HEADER).min(limit),
            _ => needed.max(now.saturating_add(STEP)).min(limit),
        };
        match core.lends(len, self.large.bytes().len()) {
            Lends::Now => Ok(Some(len)),
            Lends::Later => Ok(None),
            Lends::Never(error) => Err(error),
        }
    }

    /// Makes the buffer so long.
    fn grow(&mut self, len: usize, ledger: Option<&'static Ledger>) -> Result<(), CapacityError> {
        let mut large = Loan::take(ledger, Direction::In, len)?;
        let old = self.buffer();
        if let Some(place) = large.bytes_mut().get_mut(..old.len()) {
            place.copy_from_slice(old);
        }
        self.large = large;
        Ok(())
    }

    /// Makes the buffer so long, when the bytes are there.
    async fn make_room<T: Transport>(
        &mut self,
        needed: usize,
        halves: Halves<'_, '_, T>,
    ) -> Result<(), Refused> {
        if needed <= self.buffer().len() {
            return Ok(());
        }
        let ledger = halves.connection.ledger;
        let larger = poll_fn(|context| {
            if let Some(ledger) = ledger {
                ledger.wake_later(context.waker());
            }
            match halves.with(|core| self.larger(needed, core)) {
                Ok(Ok(None)) => Poll::Pending,
                Ok(Ok(Some(len))) => Poll::Ready(Ok(self.grow(len, ledger))),
                Ok(Err(error)) => Poll::Ready(Ok(Err(error))),
                Err(refused) => Poll::Ready(Err(refused)),
            }
        });
        let larger = larger.await?;
        larger.map_err(|error| match error {
            CapacityError::HeapExhausted { .. } => halves.without_bytes(error),
            error => self.refuse(error.into(), halves),
        })
    }

    /// Reads until a whole record is here; returns where it begins and ends.
    ///
    /// Dropping this loses nothing.
    pub(super) async fn record<T: Transport>(
        &mut self,
        halves: Halves<'_, '_, T>,
    ) -> Result<(usize, usize), Refused> {
        let progress = halves.progress();
        self.release();
        let mut whole = HEADER;
        loop {
            if self.have >= HEADER {
                let (head, longest) = (self.head, self.longest());
                let body = halves.with(|core| core.watch().header(head, longest))?;
                let body = body.map_err(|cause| self.refuse(cause, halves))?;
                whole = HEADER.saturating_add(body);
                self.make_room(self.kept.saturating_add(whole), halves)
                    .await?;
                let place = self.kept..self.kept.saturating_add(HEADER);
                if let Some(place) = self.buffer_mut().get_mut(place) {
                    place.copy_from_slice(&head);
                }
                if self.have >= whole {
                    self.have = 0;
                    return Ok((self.kept, self.kept.saturating_add(whole)));
                }
            }
            let mut rx = halves.connection.incoming.lock().await;
            let into = match self.have {
                have @ ..HEADER => self.head.get_mut(have..),
                have => {
                    let place = self.kept.saturating_add(have)..self.kept.saturating_add(whole);
                    self.buffer_mut().get_mut(place)
                }
            };
            let read = rx.io.read(into.unwrap_or_default());
            match progress.limited(&halves.connection.delay, read).await? {
                Ok(0) => return Err(progress.refuse(StreamError::PeerEof)),
                Ok(count) => self.have = self.have.saturating_add(count).min(whole),
                Err(error) => return Err(progress.refuse(StreamError::from(error.kind()))),
            }
        }
    }

    /// Hands a record to the engine.
    pub(super) fn feed(
        &mut self,
        core: &mut Core,
        (start, end): (usize, usize),
        out: &mut Sealed<'_>,
    ) -> Result<Step, Reason> {
        let record = self.buffer().get(start..end);
        let Some(record) = record else {
            return Err(Reason::new(core.stage(), StreamError::Dead));
        };
        if let Err(cause) = core.look(record) {
            core.refuse(&cause, self.buffer_mut(), start, out);
            return Err(Reason::new(core.stage(), cause));
        }
        self.advance(core, (start, end), out)
    }

    /// Lets the engine go on with what is here.
    pub(super) fn advance(
        &mut self,
        core: &mut Core,
        (start, end): (usize, usize),
        out: &mut Sealed<'_>,
    ) -> Result<Step, Reason> {
        let bytes = self.buffer_mut().get_mut(..end).unwrap_or_default();
        let (done, step) = core.step(bytes, start, out)?;
        match step {
            Step::Data(place) => {
                let from = start.saturating_add(place.start);
                self.data = from..start.saturating_add(place.end).min(end);
                self.kept = 0;
                Ok(Step::Data(place))
            }
            step => {
                let done = done.min(end);
                self.buffer_mut().copy_within(done..end, 0);
                self.kept = end.saturating_sub(done);
                core.keep_pending(self.incomplete())?;
                Ok(step)
            }
        }
    }

    /// Whether data wait to be taken.
    pub(super) fn has_data(&self) -> bool {
        !self.data.is_empty()
    }

    /// Takes data.
    pub(super) fn take(&mut self, buf: &mut [u8]) -> usize {
        let data = self.buffer().get(self.data.clone()).unwrap_or_default();
        let count = data.len().min(buf.len());
        if let (Some(to), Some(from)) = (buf.get_mut(..count), data.get(..count)) {
            to.copy_from_slice(from);
        }
        self.data.start = self.data.start.saturating_add(count);
        self.release();
        count
    }

    /// Ends the session for the record under way, of which at least the header is here. The peer gets an alert.
    fn refuse<T: Transport>(&mut self, cause: Cause, halves: Halves<'_, '_, T>) -> Refused {
        let mut reply = [0; REPLY];
        let mut sealed = Sealed::new(&mut reply);
        let kept = self.kept;
        let _ = halves.with(|core| {
            let mut aside = [0; HEADER];
            // Behind an incomplete message, which there may be room for.
            let bytes = match self.buffer_mut() {
                bytes if kept == 0 && bytes.len() < HEADER => &mut aside[..],
                bytes => bytes,
            };
            core.refuse(&cause, bytes, kept, &mut sealed);
            // Without room for it there is none.
            core.keep_control(sealed.waiting())
        });
        halves.progress().refuse(cause)
    }
}
