//! The one way to the AT port: messages go out whole, one after another, in slices.
//!
//! ```text
//! interpreter, busy p... ───────────────────┐
//! links, station, time ─▶ Hold (unless one) ┴▶ Turn (one at a time) ─▶ ring (8 KiB) ─▶ port
//! ```
//!
//! A message enters the ring when there is room for all of it, so dropping a writer that waits
//! loses that message and cuts none. A command that nothing unsolicited may interrupt (from `>` to
//! `SEND OK`) has the [`Hold`]; its own messages, and `busy p...`, go out all the same. A port that
//! takes nothing fills the ring, and the modem waits: nothing is dropped.
//!
//! The port gets slices of the ring itself, and one flush each time the ring has run empty.

use core::cell::Cell;

use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embassy_sync::mutex::{Mutex, MutexGuard};
use embassy_sync::pipe::{Pipe, Reader, Writer};
use embedded_io_async::Write;

use crate::changes::Changes;

/// Bytes between the modem and its port, as in the reference firmware.
pub(crate) const RING: usize = 8192;

/// The memory of the ring.
pub(crate) type Ring = Pipe<NoopRawMutex, RING>;

/// Zeros written to the ring at a time: most of a wipe of smaller ones is calls.
const WIPE: usize = 1024;

/// The end of the ring that [`Outlet::drain`] takes from.
pub(crate) type RingReader<'p> = Reader<'p, NoopRawMutex, RING>;

/// The end of the ring that messages enter, and who may write.
pub(crate) struct Outlet<'p> {
    ring: Writer<'p, NoopRawMutex, RING>,
    turn: Mutex<NoopRawMutex, ()>,
    hold: Mutex<NoopRawMutex, ()>,
    /// Bytes in the ring.
    waiting: Cell<usize>,
    /// The port was flushed since it was given bytes last.
    flushed: Cell<bool>,
    /// The ring has bytes, waiting or taken, that were not overwritten and may be somebody's secret.
    stained: Cell<bool>,
    /// `waiting` or `flushed` has changed.
    changes: Changes,
}

/// The right to write; others wait until it is dropped.
pub(crate) struct Turn<'o> {
    outlet: &'o Outlet<'o>,
    _guard: MutexGuard<'o, NoopRawMutex, ()>,
    /// Kept by whoever prints what no command asked for.
    _hold: Option<Hold<'o>>,
}

/// While somebody has it, nothing unsolicited is printed.
pub(crate) struct Hold<'o>(
    #[expect(dead_code, reason = "held, not looked at")] MutexGuard<'o, NoopRawMutex, ()>,
);

impl<'p> Outlet<'p> {
    /// Both ends of an empty ring.
    pub(crate) fn new(ring: &'p mut Ring) -> (Self, RingReader<'p>) {
        ring.clear();
        let (reader, ring) = ring.split();
        let outlet = Self {
            ring,
            turn: Mutex::new(()),
            hold: Mutex::new(()),
            waiting: Cell::new(0),
            flushed: Cell::new(true),
            // Until it is known what the memory holds.
            stained: Cell::new(true),
            changes: Changes::new(),
        };
        (outlet, reader)
    }

    /// Waits for the right to write. Dropping it loses nothing.
    pub(crate) async fn turn(&self) -> Turn<'_> {
        Turn {
            outlet: self,
            _guard: self.turn.lock().await,
            _hold: None,
        }
    }

    /// Keeps everything unsolicited back until it is dropped. Dropping the future loses nothing.
    pub(crate) async fn hold(&self) -> Hold<'_> {
        Hold(self.hold.lock().await)
    }

    /// As [`Self::turn`], for what no command asked for.
    pub(crate) async fn unsolicited(&self) -> Turn<'_> {
        let hold = self.hold().await;
        Turn {
            outlet: self,
            _guard: self.turn.lock().await,
            _hold: Some(hold),
        }
    }

    /// Moves bytes from the ring to the port, until the port takes no more.
    ///
    /// The port is flushed once each time the ring has run empty, and never in between.
    ///
    /// Dropping it loses nothing if the port's `write` does not: what was not taken is still in the ring.
    pub(crate) async fn drain<W: Write>(&self, ring: &mut RingReader<'_>, port: &mut W) {
        loop {
            if self.waiting.get() == 0 && !self.flushed.get() {
                if port.flush().await.is_err() {
                    return;
                }
                // More may have come meanwhile: then it is flushed again.
                self.flushed.set(self.waiting.get() == 0);
                self.changes.note();
                self.wipe(ring);
                continue;
            }
            let bytes = ring.fill_buf().await;
            self.flushed.set(false);
            let taken = match port.write(bytes).await {
                Ok(0) | Err(_) => return,
                Ok(taken) => taken,
            };
            self.consume(ring, taken);
        }
    }

    fn consume(&self, ring: &mut RingReader<'_>, count: usize) {
        let count = count.min(self.waiting.get());
        ring.consume(count);
        self.waiting.set(self.waiting.get().saturating_sub(count));
        self.changes.note();
    }

    /// Waits until everything has left the port.
    pub(crate) async fn drained(&self) {
        let empty = || (self.waiting.get() == 0 && self.flushed.get()).then_some(());
        self.changes.until(empty).await;
    }

    /// Forgets what was not written, for a port that is gone.
    pub(crate) fn clear(&self, ring: &mut RingReader<'_>) {
        while let Ok(count @ 1..) = ring.try_fill_buf().map(<[u8]>::len) {
            self.consume(ring, count);
        }
        self.flushed.set(true);
        self.wipe(ring);
    }

    /// Overwrites what was in the ring, once nothing waits in it: keys and passwords go through it.
    fn wipe(&self, ring: &mut RingReader<'_>) {
        if self.waiting.get() > 0 || !self.stained.replace(false) {
            return;
        }
        while self.ring.try_write(&[0; WIPE]).is_ok_and(|count| count > 0) {}
        while let Ok(count @ 1..) = ring.try_fill_buf().map(<[u8]>::len) {
            ring.consume(count);
        }
    }
}

impl Turn<'_> {
    /// Puts a message into the ring once all of it fits. More than the ring holds goes in pieces.
    ///
    /// Dropping it before it is ready puts nothing of the current piece.
    pub(crate) async fn put(&mut self, message: &[u8]) {
        for piece in message.chunks(RING) {
            self.room(piece.len()).await;
            self.push(piece);
        }
    }

    /// Waits until so many bytes fit, at most [`RING`]. Only this turn can use them up.
    pub(crate) async fn room(&mut self, needed: usize) {
        let outlet = self.outlet;
        let free = || RING.saturating_sub(outlet.waiting.get());
        let enough = || (free() >= needed.min(RING)).then_some(());
        outlet.changes.until(enough).await;
    }

    /// Puts bytes that [`Self::room`] made room for: two copies at most, where the ring wraps.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.outlet.stained.set(true);
        self.push_public(bytes);
    }

    /// As [`Self::push`], of bytes that are the same whatever was said: they need not be overwritten.
    pub(crate) fn push_public(&mut self, mut bytes: &[u8]) {
        let outlet = self.outlet;
        while let Ok(taken @ 1..) = outlet.ring.try_write(bytes) {
            let waiting = outlet.waiting.get().saturating_add(taken);
            outlet.waiting.set(waiting);
            bytes = bytes.get(taken..).unwrap_or_default();
        }
        if !bytes.is_empty() {
            espat_log::error!("the port's ring is full");
        }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use core::convert::Infallible;
    use embassy_futures::block_on;
    use embassy_futures::join::join;
    use embassy_futures::select::select;
    use embassy_futures::yield_now;
    use std::boxed::Box;
    use std::vec::Vec;

    /// A port that takes `most` bytes per write, and lets others run before it does.
    #[derive(Default)]
    struct Port {
        sent: Vec<u8>,
        most: usize,
        writes: usize,
        flushes: usize,
    }

    impl embedded_io_async::ErrorType for Port {
        type Error = Infallible;
    }

    impl Write for Port {
        async fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
            let count = bytes.len().min(self.most);
            self.sent.extend_from_slice(&bytes[..count]);
            self.writes += 1;
            yield_now().await;
            Ok(count)
        }

        async fn flush(&mut self) -> Result<(), Infallible> {
            self.flushes += 1;
            yield_now().await;
            Ok(())
        }
    }

    /// Prints `messages` of `len` bytes, and waits after each if `one_by_one`.
    fn print(port: &mut Port, messages: usize, len: usize, one_by_one: bool) -> Vec<u8> {
        let mut ring = Box::new(Ring::new());
        let (outlet, mut reader) = Outlet::new(&mut ring);
        let data: Vec<u8> = (0..=250).cycle().take(messages * len).collect();
        let feed = async {
            for message in data.chunks(len) {
                outlet.turn().await.put(message).await;
                if one_by_one {
                    outlet.drained().await;
                }
            }
            outlet.drained().await;
        };
        block_on(select(feed, outlet.drain(&mut reader, port)));
        data
    }

    /// What sending costs: a port with a DMA sees few large writes, and one flush per silence.
    #[test]
    fn a_megabyte_takes_so_many_writes_and_flushes() {
        let mut found = Vec::new();
        for len in [2920, 512, 64] {
            let mut port = Port {
                most: usize::MAX,
                ..Port::default()
            };
            let data = print(&mut port, 1_000_000 / len, len, false);
            assert!(port.sent == data);
            found.push((port.writes, port.flushes));
        }
        assert_eq!(found, [(341, 25), (123, 123), (123, 123)]);
    }

    #[test]
    fn a_message_that_is_waited_for_is_flushed_once() {
        for most in [1, 3, 100, 5000] {
            let mut port = Port {
                most,
                ..Port::default()
            };
            let data = print(&mut port, 10, 100, true);
            assert!(port.sent == data, "{most}");
            assert_eq!(port.flushes, 10, "{most}");
        }
    }

    #[test]
    fn what_was_printed_is_not_in_the_ring_any_more() {
        for len in [1, 100, 5000, RING] {
            let mut ring = Box::new(Ring::new());
            let (outlet, mut reader) = Outlet::new(&mut ring);
            let mut port = Port {
                most: 700,
                ..Port::default()
            };
            let feed = async {
                for byte in 1..=3 {
                    outlet.turn().await.put(&std::vec![byte; len]).await;
                    outlet.drained().await;
                }
            };
            block_on(select(feed, outlet.drain(&mut reader, &mut port)));
            assert!(!outlet.stained.get(), "{len}");
            assert_eq!(port.sent.len(), 3 * len);
        }
    }

    /// `drained` must not come back while the flush of an earlier message runs.
    #[test]
    fn what_is_printed_during_a_flush_is_flushed_as_well() {
        let mut ring = Box::new(Ring::new());
        let (outlet, mut reader) = Outlet::new(&mut ring);
        let mut port = Port {
            most: usize::MAX,
            ..Port::default()
        };
        let feed = async {
            for _ in 0..20 {
                outlet.turn().await.put(b"a").await;
                yield_now().await;
            }
            outlet.drained().await;
        };
        block_on(select(feed, outlet.drain(&mut reader, &mut port)));
        assert_eq!(port.sent.len(), 20);
        assert!(outlet.waiting.get() == 0 && outlet.flushed.get());
    }

    /// A port that fails, or that takes nothing, ends the draining and leaves the ring to the next.
    #[test]
    fn what_a_port_did_not_take_is_there_until_it_is_cleared() {
        let mut ring = Box::new(Ring::new());
        let (outlet, mut reader) = Outlet::new(&mut ring);
        let mut dead = Port::default();
        let put = async { outlet.turn().await.put(b"lost").await };
        block_on(join(put, outlet.drain(&mut reader, &mut dead)));
        assert_eq!(outlet.waiting.get(), 4);
        outlet.clear(&mut reader);
        let mut port = Port {
            most: 9,
            ..Port::default()
        };
        let feed = async {
            outlet.drained().await;
            outlet.turn().await.put(b"heard").await;
            outlet.drained().await;
        };
        block_on(select(feed, outlet.drain(&mut reader, &mut port)));
        assert_eq!(port.sent, b"heard");
    }
}
