//! The AT port: what a command and the port's own tasks have in common.
//!
//! ```text
//! UART ─▶ Inlet ─┬─ lines ─▶ interpreter        interpreter, links ─▶ Outlet ─▶ UART
//!                └─ payload ─▶ Port::payload ─▶ command, link
//! ```

use core::cell::Cell;
use core::num::NonZeroUsize;

use at_grammar::{Dialect, Reply, Suffix};
use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embassy_sync::mutex::Mutex;
use zeroize::Zeroize;

use crate::changes::Changes;
use crate::settings::Settings;
use outlet::{Hold, Outlet};
use printer::Printer;

pub(crate) use intake::{End, GRACE, Mode, Payload};

pub(crate) mod framing;
pub(crate) mod inlet;
mod intake;
pub(crate) mod outlet;
pub(crate) mod printer;

/// Most bytes of one `CIPSEND`.
pub(crate) const MAX_SEND: usize = 8192;

/// What came after a prompt. Its one job: bytes of the host on their way to a link, or to the command
/// that asked for them.
pub(crate) type PayloadBuffer = Mutex<NoopRawMutex, [u8; MAX_SEND]>;

/// The AT port.
pub(crate) struct Port<'p> {
    pub(crate) outlet: Outlet<'p>,
    /// A link's task locks it while it sends; while a block is open, nobody else does.
    pub(crate) payload: &'p PayloadBuffer,
    /// What the command has made of the host's next bytes, until the inlet has seen it.
    mode: Cell<Option<Mode>>,
    /// Bytes of the open block in the payload buffer.
    have: Cell<usize>,
    /// Bytes that the open block can have; 0 while none is open.
    limit: Cell<usize>,
    /// How the payload ended, if it did.
    ended: Cell<Option<End>>,
    /// Data mode without end: what the host sends goes to a link, and nothing else is printed.
    data_mode: Cell<bool>,
    /// So many bytes at the front of the payload buffer were written since it was wiped last.
    stained: Cell<usize>,
    /// The suffix of the running command's name, which its replies repeat.
    suffix: Cell<Option<Suffix>>,
    /// Which form messages have.
    dialect: Dialect,
    // One for each, so that nobody is woken by what he does not wait for: a wake polls all of the modem.
    /// `mode` was set.
    modes: Changes,
    /// `limit` was set: the open block has room.
    room: Changes,
    /// `have` or `ended` was set: payload came, or there will be no more.
    came: Changes,
}

impl<'p> Port<'p> {
    pub(crate) const fn new(
        outlet: Outlet<'p>,
        payload: &'p PayloadBuffer,
        dialect: Dialect,
    ) -> Self {
        Self {
            outlet,
            payload,
            mode: Cell::new(None),
            have: Cell::new(0),
            limit: Cell::new(0),
            ended: Cell::new(None),
            data_mode: Cell::new(false),
            stained: Cell::new(0),
            suffix: Cell::new(None),
            dialect,
            modes: Changes::new(),
            room: Changes::new(),
            came: Changes::new(),
        }
    }

    /// The port went away: nothing of what it asked for is left for the next one.
    pub(crate) fn forget(&self) {
        self.mode.set(None);
        self.have.set(0);
        self.limit.set(0);
        self.ended.set(None);
        self.data_mode.set(false);
    }

    /// Waits for the right to write as the running command.
    pub(crate) async fn print<'s>(&'s self, settings: &'s Settings) -> Printer<'s> {
        let turn = self.outlet.turn().await;
        Printer::new(turn, settings, self.suffix.get(), self.dialect)
    }

    /// As [`Self::print`], for what no command asked for.
    pub(crate) async fn print_unsolicited<'s>(&'s self, settings: &'s Settings) -> Printer<'s> {
        let turn = self.outlet.unsolicited().await;
        Printer::new(turn, settings, None, self.dialect)
    }

    /// Whether changes of links and station may be said: in passthrough only with `AT+SYSMSG` bit 2.
    pub(crate) fn says_status(&self, settings: &Settings) -> bool {
        !self.is_data_mode() || settings.read(|values| values.port.sysmsg.reports_in_passthrough())
    }

    /// Which form messages have.
    pub(crate) const fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// The suffix of the running command's name.
    pub(crate) const fn suffix(&self) -> Option<Suffix> {
        self.suffix.get()
    }

    /// A command begins, or is over: then without suffix.
    pub(crate) fn set_suffix(&self, suffix: Option<Suffix>) {
        self.suffix.set(suffix);
    }

    /// Whether the host is in data mode without end.
    pub(crate) const fn is_data_mode(&self) -> bool {
        self.data_mode.get()
    }

    pub(crate) fn set_data_mode(&self, on: bool) {
        self.data_mode.set(on);
    }

    /// Says what the host's next bytes are.
    pub(crate) fn set_mode(&self, mode: Mode) {
        self.mode.set(Some(mode));
        self.modes.note();
    }

    /// The running command waits for something outside: whatever the host sends is refused.
    pub(crate) fn takes_long(&self) {
        self.set_mode(Mode::Busy);
    }

    /// The host's next bytes are payload of the running command.
    pub(crate) fn expect(&self, payload: Payload) {
        self.ended.set(None);
        self.set_mode(Mode::Payload(payload));
    }

    /// The host's next `len` bytes are payload, whatever they are.
    pub(crate) fn expect_exactly(&self, len: usize) {
        match NonZeroUsize::new(len) {
            Some(len) => self.expect(Payload::Exact(len)),
            None => self.set_mode(Mode::Busy),
        }
    }

    /// Prints `OK` and the prompt; the host's next bytes are this payload. Nothing unsolicited is printed while the result
    /// is kept.
    pub(crate) async fn prompt(&self, settings: &Settings, payload: Payload) -> Hold<'_> {
        let hold = self.outlet.hold().await;
        self.print(settings).await.reply(&Reply::OkPrompt).await;
        self.expect(payload);
        hold
    }

    /// As [`Self::prompt`], for `len` bytes, whatever they are.
    pub(crate) async fn prompt_for(&self, settings: &Settings, len: usize) -> Hold<'_> {
        let hold = self.outlet.hold().await;
        self.print(settings).await.reply(&Reply::OkPrompt).await;
        self.expect_exactly(len);
        hold
    }

    /// Opens a block of at most `limit` bytes, once nothing of the last one is being sent.
    pub(crate) async fn open_block(&self, limit: usize) {
        drop(self.payload.lock().await);
        self.have.set(0);
        self.limit.set(limit.min(MAX_SEND));
        self.room.note();
    }

    /// Takes no more into the block; returns its length. It lies at the front of the buffer.
    pub(crate) fn close_block(&self) -> usize {
        self.limit.set(0);
        self.have.get()
    }

    /// Waits until the open block has so many bytes, or the payload was ended before.
    pub(crate) async fn has(&self, count: usize) {
        let enough = || (self.have.get() >= count || self.is_escaped()).then_some(());
        self.came.until(enough).await;
    }

    /// Takes `len` bytes into the payload buffer; returns how many came before the payload was ended.
    ///
    /// Dropping it loses what came.
    pub(crate) async fn collect(&self, len: usize) -> usize {
        self.open_block(len).await;
        self.has(len).await;
        self.close_block()
    }

    /// Takes what comes next, 1 to `into.len()` bytes, and leaves none of it in the payload buffer.
    /// Returns 0 if the payload was ended.
    ///
    /// Dropping it loses what came.
    pub(crate) async fn take(&self, into: &mut [u8]) -> usize {
        self.open_block(into.len()).await;
        self.has(1).await;
        let count = self.close_block();
        let mut payload = self.payload.lock().await;
        let came = payload.get_mut(..count).unwrap_or_default();
        for (to, from) in into.iter_mut().zip(came.iter()) {
            *to = *from;
        }
        came.zeroize();
        count
    }

    /// Whether the host has ended the payload.
    pub(crate) fn is_escaped(&self) -> bool {
        self.ended.get() == Some(End::Escaped)
    }

    /// Waits until the host has ended the payload.
    pub(crate) async fn escaped(&self) {
        let escaped = || self.is_escaped().then_some(());
        self.came.until(escaped).await;
    }

    /// Wipes what came after prompts: a private key, a filter, data of a link. While a task of a link
    /// sends it, it stays.
    pub(crate) fn wipe_payload(&self) {
        if let Ok(mut payload) = self.payload.try_lock() {
            let stained = payload.get_mut(..self.stained.take());
            stained.unwrap_or_default().zeroize();
        }
    }

    /// The payload has ended.
    fn end(&self, end: End) {
        self.ended.set(Some(end));
        self.came.note();
    }

    /// The mode that was set since the last call.
    fn take_mode(&self) -> Option<Mode> {
        self.mode.take()
    }

    /// Waits until a mode is set.
    async fn mode_set(&self) {
        let set = || self.mode.get().map(drop);
        self.modes.until(set).await;
    }

    /// Puts payload into the open block, as soon as there is one with room; returns how many bytes
    /// were taken. Dropping it takes none.
    async fn put(&self, data: &[u8]) -> usize {
        let room = || self.limit.get().saturating_sub(self.have.get());
        self.room.until(|| (room() > 0).then_some(())).await;
        let mut payload = self.payload.lock().await;
        // The block may have been closed while this waited for the buffer.
        let count = data.len().min(room());
        let start = self.have.get();
        let end = start.saturating_add(count);
        let (Some(to), Some(from)) = (payload.get_mut(start..end), data.get(..count)) else {
            return 0;
        };
        to.copy_from_slice(from);
        self.stained.set(self.stained.get().max(end));
        self.have.set(end);
        self.came.note();
        count
    }
}
