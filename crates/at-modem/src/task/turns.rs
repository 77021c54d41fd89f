//! Handshakes with clients take turns: whoever is not known yet gets half of the processor at most while a link is open.
//!
//! ```text
//! hello ─▶ turn ─▶ computed for t ─▶ answer       the next turn begins t later, whose ever it is
//! ```
//!
//! A client that sends a hello has a signature made before it has proved anything. Ten that send one at the same time would
//! have ten made in a row, and links and commands would wait for all of them.

use core::cell::Cell;

use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embassy_sync::mutex::{Mutex, MutexGuard};
use embassy_time::{Instant, Timer};
use embedded_io_async::{ErrorType, Read, Write};

/// When the next turn may begin. One for all handshakes of a server.
pub(super) struct Turns(Mutex<NoopRawMutex, Instant>);

impl Turns {
    pub(super) const fn new() -> Self {
        Self(Mutex::new(Instant::MIN))
    }
}

/// The turns of one handshake.
pub(super) struct Turn<'t> {
    turns: &'t Turns,
    held: Cell<Option<Held<'t>>>,
    /// Since when the handshake has been under way: it does not include what it waits for its turn.
    since: &'t Cell<Option<Instant>>,
    /// Whether somebody waits for the processor whose session is open.
    others: &'t dyn Fn() -> bool,
    over: Cell<bool>,
}

/// A turn that is under way.
struct Held<'t> {
    next: MutexGuard<'t, NoopRawMutex, Instant>,
    since: Instant,
}

impl<'t> Turn<'t> {
    pub(super) const fn new(
        turns: &'t Turns,
        since: &'t Cell<Option<Instant>>,
        others: &'t dyn Fn() -> bool,
    ) -> Self {
        Self {
            turns,
            held: Cell::new(None),
            since,
            others,
            over: Cell::new(false),
        }
    }

    /// The handshake is over: what the session reads from here on takes no turns.
    pub(super) fn end(&self) {
        self.over.set(true);
        self.give_back();
    }

    /// Waits for a turn. It lasts until something is read or written again.
    async fn take(&self) {
        if self.over.get() {
            return;
        }
        let begin = Instant::now();
        let next = self.turns.0.lock().await;
        if (self.others)() {
            Timer::at(*next).await;
        }
        let now = Instant::now();
        let waited = now.saturating_duration_since(begin);
        if let Some(since) = self.since.get() {
            self.since.set(Some(since.saturating_add(waited)));
        }
        self.held.set(Some(Held { next, since: now }));
    }

    fn give_back(&self) {
        if let Some(Held { mut next, since }) = self.held.take() {
            let now = Instant::now();
            *next = now.saturating_add(now.saturating_duration_since(since));
        }
    }
}

/// A half of a socket. What a client's brings is worked on in turns, what a server's brings at once: one type, so that an
/// image has the engine once.
pub(super) struct Paced<'t, 'u, S>(pub(super) S, pub(super) Option<&'u Turn<'t>>);

impl<S> Paced<'_, '_, S> {
    fn give_back(&self) {
        if let Some(turn) = self.1 {
            turn.give_back();
        }
    }
}

impl<S: ErrorType> ErrorType for Paced<'_, '_, S> {
    type Error = S::Error;
}

impl<S: Read> Read for Paced<'_, '_, S> {
    async fn read(&mut self, buf: &mut [u8]) -> Result<usize, Self::Error> {
        self.give_back();
        let len = self.0.read(buf).await?;
        if let Some(turn) = self.1 {
            turn.take().await;
        }
        Ok(len)
    }
}

impl<S: Write> Write for Paced<'_, '_, S> {
    async fn write(&mut self, buf: &[u8]) -> Result<usize, Self::Error> {
        self.give_back();
        self.0.write(buf).await
    }

    async fn flush(&mut self) -> Result<(), Self::Error> {
        self.give_back();
        self.0.flush().await
    }
}
