//! The one way to the AT port: messages go out whole, one after another.
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

use core::cell::{Cell, RefCell};

use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embassy_sync::mutex::{Mutex, MutexGuard};
use embedded_io_async::Write;
use heapless::Deque;

use crate::changes::Changes;

/// Bytes between the modem and its port, as in the reference firmware.
pub(crate) const RING: usize = 8192;

pub(crate) struct Output {
    turn: Mutex<NoopRawMutex, ()>,
    hold: Mutex<NoopRawMutex, ()>,
    ring: RefCell<Deque<u8, RING>>,
    /// Something was put into the ring, was taken out, or has left the port.
    changes: Changes,
    /// The port was given bytes and has not said that they have left it.
    leaving: Cell<bool>,
}

/// The right to write; others wait until it is dropped.
pub(crate) struct Turn<'o> {
    output: &'o Output,
    _guard: MutexGuard<'o, NoopRawMutex, ()>,
    /// Kept by whoever speaks unasked.
    _hold: Option<Hold<'o>>,
}

/// While somebody has it, nothing unsolicited is printed.
pub(crate) struct Hold<'o>(
    #[expect(dead_code, reason = "held, not looked at")] MutexGuard<'o, NoopRawMutex, ()>,
);

impl Output {
    pub(crate) const fn new() -> Self {
        Self {
            turn: Mutex::new(()),
            hold: Mutex::new(()),
            ring: RefCell::new(Deque::new()),
            changes: Changes::new(),
            leaving: Cell::new(false),
        }
    }

    /// Waits for the right to write. Dropping it loses nothing.
    pub(crate) async fn turn(&self) -> Turn<'_> {
        Turn {
            output: self,
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
            output: self,
            _guard: self.turn.lock().await,
            _hold: Some(hold),
        }
    }

    /// Moves bytes from the ring to the port, until the port takes no more.
    ///
    /// Dropping it loses nothing if the port's `write` does not: what was not taken is still in the ring.
    pub(crate) async fn drain<W: Write>(&self, port: &mut W) {
        let mut piece = [0; 256];
        self.leaving.set(false);
        loop {
            let mut count = 0_usize;
            for (place, byte) in piece.iter_mut().zip(self.ring.borrow().iter()) {
                *place = *byte;
                count = count.saturating_add(1);
            }
            if count == 0 {
                let filled = || (!self.ring.borrow().is_empty()).then_some(());
                self.changes.until(filled).await;
                continue;
            }
            self.leaving.set(true);
            let taken = match port.write(piece.get(..count).unwrap_or_default()).await {
                Ok(0) | Err(_) => return,
                Ok(taken) => taken,
            };
            {
                let mut ring = self.ring.borrow_mut();
                for _ in 0..taken {
                    let _ = ring.pop_front();
                }
            }
            self.changes.note();
            if port.flush().await.is_err() {
                return;
            }
            self.leaving.set(false);
            self.changes.note();
        }
    }

    /// Waits until everything has left the port.
    pub(crate) async fn drained(&self) {
        let empty = || (!self.leaving.get() && self.ring.borrow().is_empty()).then_some(());
        self.changes.until(empty).await;
    }

    /// Forgets what was not written, for a port that is gone.
    pub(crate) fn clear(&self) {
        self.ring.borrow_mut().clear();
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
        let output = self.output;
        let free = || RING.saturating_sub(output.ring.borrow().len());
        let enough = || (free() >= needed.min(RING)).then_some(());
        output.changes.until(enough).await;
    }

    /// Puts bytes that [`Self::room`] made room for.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        let mut ring = self.output.ring.borrow_mut();
        for byte in bytes {
            if ring.push_back(*byte).is_err() {
                espat_log::error!("the port's ring is full");
                break;
            }
        }
        drop(ring);
        self.output.changes.note();
    }
}
