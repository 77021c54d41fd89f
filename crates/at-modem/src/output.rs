//! The one way to the AT port: messages go out whole, one after another.
//!
//! ```text
//! interpreter ─┐
//! link 0 ──────┼─▶ Turn (one at a time) ─▶ ring (8 KiB) ─▶ port
//! busy p... ───┘
//! ```
//!
//! A message enters the ring when there is room for all of it, so dropping a writer that waits
//! loses that message and cuts none. Whoever must not be interrupted (from `>` to `Recv n bytes`)
//! keeps the [`Turn`]. A port that takes nothing fills the ring, and the modem waits: nothing is
//! dropped.

use core::cell::RefCell;

use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embassy_sync::mutex::{Mutex, MutexGuard};
use embassy_sync::signal::Signal;
use embedded_io_async::Write;
use heapless::Deque;

/// Bytes between the modem and its port, as in the reference firmware.
pub(crate) const RING: usize = 8192;

pub(crate) struct Output {
    turn: Mutex<NoopRawMutex, ()>,
    ring: RefCell<Deque<u8, RING>>,
    /// Something was put into the ring.
    filled: Signal<NoopRawMutex, ()>,
    /// Something was taken out.
    drained: Signal<NoopRawMutex, ()>,
}

/// The right to write; others wait until it is dropped.
pub(crate) struct Turn<'o> {
    output: &'o Output,
    _guard: MutexGuard<'o, NoopRawMutex, ()>,
}

impl Output {
    pub(crate) const fn new() -> Self {
        Self {
            turn: Mutex::new(()),
            ring: RefCell::new(Deque::new()),
            filled: Signal::new(),
            drained: Signal::new(),
        }
    }

    /// Waits for the right to write. Dropping it loses nothing.
    pub(crate) async fn turn(&self) -> Turn<'_> {
        Turn {
            output: self,
            _guard: self.turn.lock().await,
        }
    }

    /// Moves bytes from the ring to the port, until the port takes no more.
    ///
    /// Dropping it loses nothing if the port's `write` does not: what was not taken is still in the ring.
    pub(crate) async fn drain<W: Write>(&self, port: &mut W) {
        let mut piece = [0; 256];
        loop {
            let mut count = 0_usize;
            for (place, byte) in piece.iter_mut().zip(self.ring.borrow().iter()) {
                *place = *byte;
                count = count.saturating_add(1);
            }
            if count == 0 {
                self.filled.wait().await;
                continue;
            }
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
            self.drained.signal(());
            if port.flush().await.is_err() {
                return;
            }
        }
    }

    /// Waits until the port has taken everything.
    pub(crate) async fn drained(&self) {
        while !self.ring.borrow().is_empty() {
            self.drained.wait().await;
        }
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
            loop {
                {
                    let mut ring = self.output.ring.borrow_mut();
                    if RING.saturating_sub(ring.len()) >= piece.len() {
                        for byte in piece {
                            // There is room.
                            let _ = ring.push_back(*byte);
                        }
                        break;
                    }
                }
                self.output.drained.wait().await;
            }
            self.output.filled.signal(());
        }
    }
}
