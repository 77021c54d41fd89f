//! Records as they come: header, look, body, one step of the engine.
//!
//! ```text
//! caller's buffer, or where a message does not fit it, one on the heap
//! 0            kept              kept + have
//! | incomplete | record under way | ...       rustls has positions in the first part: it stays as it is
//! ```

use alloc::vec::Vec;
use core::ops::Range;

use embedded_io_async::{Error as _, Read};
use zeroize::Zeroize;

use super::core::Core;
use super::drive::Step;
use super::halves::Halves;
use super::sealed::{REPLY, Sealed};
use super::watch::HEADER;
use crate::progress::Refused;
use crate::reason::{CapacityError, Cause, Limit, Reason, StreamError};
use crate::transport::Transport;

/// The heap is asked for so many bytes more at a time.
const STEP: usize = 2048;

/// Records of the peer that are not done with.
pub(super) struct Incoming<'m> {
    bytes: &'m mut [u8],
    /// Stands in for `bytes` while it is not empty.
    large: Vec<u8>,
    /// Bytes at the front that rustls still needs: the beginning of a message.
    kept: usize,
    /// Bytes of the record under way that are here, behind those.
    have: usize,
    /// Data that nobody has taken yet.
    data: Range<usize>,
}

impl Drop for Incoming<'_> {
    /// Data were decrypted in place.
    fn drop(&mut self) {
        self.bytes.zeroize();
        self.large.zeroize();
    }
}

impl<'m> Incoming<'m> {
    pub(super) const fn new(bytes: &'m mut [u8]) -> Self {
        Self {
            bytes,
            large: Vec::new(),
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
            &self.large
        }
    }

    fn buffer_mut(&mut self) -> &mut [u8] {
        if self.large.is_empty() {
            self.bytes
        } else {
            &mut self.large
        }
    }

    /// Goes back to the caller's buffer, once nothing is left in the other.
    pub(super) fn release(&mut self) {
        if self.kept == 0 && self.have == 0 && !self.large.is_empty() {
            self.forget();
        }
    }

    fn forget(&mut self) {
        self.large.zeroize();
        self.large = Vec::new();
    }

    /// Bytes of the caller's buffer.
    pub(super) const fn room(&self) -> usize {
        self.bytes.len()
    }

    /// Makes the buffer at least `needed` bytes long.
    fn grow(&mut self, needed: usize, core: &Core) -> Result<(), CapacityError> {
        let now = self.buffer().len();
        let limit = self.bytes.len().max(core.caps().records());
        let too_large = |limit| CapacityError::too_large(Limit::HandshakeMessage, needed, limit);
        if needed > limit {
            return Err(too_large(limit));
        }
        let len = needed.max(now.saturating_add(STEP)).min(limit);
        core.may_take(len)?;
        let mut large = Vec::new();
        large.try_reserve_exact(len).map_err(|_| too_large(now))?;
        large.extend_from_slice(self.buffer());
        large.resize(len, 0);
        self.large.zeroize();
        self.large = large;
        Ok(())
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
                let header = self.buffer().get(self.kept..).and_then(<[u8]>::first_chunk);
                let header = header.copied().unwrap_or_default();
                let room = self.bytes.len();
                let body = halves.with(|core| core.watch().header(header, room))?;
                let body = body.map_err(|cause| self.refuse(cause, halves))?;
                whole = HEADER.saturating_add(body);
                if self.have >= whole {
                    self.have = 0;
                    return Ok((self.kept, self.kept.saturating_add(whole)));
                }
            }
            let from = self.kept.saturating_add(self.have);
            let to = self.kept.saturating_add(whole);
            if to > self.buffer().len() {
                let grown = halves.with(|core| self.grow(to, core));
                if grown.is_err() {
                    self.forget();
                }
                grown?.map_err(|error| self.refuse(error.into(), halves))?;
            }
            let into = self.buffer_mut().get_mut(from..to).unwrap_or_default();
            let mut rx = halves.connection.incoming.lock().await;
            let read = rx.io.read(into);
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
        count
    }

    /// Ends the session for the record under way, of which at least the header is here. The peer gets an alert.
    fn refuse<T: Transport>(&mut self, cause: Cause, halves: Halves<'_, '_, T>) -> Refused {
        let mut reply = [0; REPLY];
        let mut sealed = Sealed::new(&mut reply);
        let kept = self.kept;
        let _ = halves.with(|core| {
            core.refuse(&cause, self.buffer_mut(), kept, &mut sealed);
            // Without room for it there is none.
            core.keep_control(sealed.waiting())
        });
        halves.progress().refuse(cause)
    }
}
