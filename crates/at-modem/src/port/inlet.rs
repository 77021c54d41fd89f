//! What was read from the port and has not been used, between the UART and the [`Intake`].
//!
//! The bytes lie in one array, so that payload goes to its buffer in one copy, and more can be read
//! behind it meanwhile.

use core::future::pending;

use embassy_futures::select::{Either4, select4};
use embassy_time::{Duration, Instant, Timer};
use embedded_io_async::Read;
use zeroize::Zeroize;

use super::Port;
use super::intake::{End, Intake, Mode, Step, is_blank};
use crate::port::framing::{Framed, LineBuffer};

/// The receive ring of the reference firmware, and the 512 bytes that it has behind it.
const CAPACITY: usize = 2560;

/// How often a full buffer is looked at again.
const POLL_INTERVAL: Duration = Duration::from_millis(250);

/// The port is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Gone;

/// A port with what it sent last.
pub(crate) struct Inlet<'r, R> {
    rx: &'r mut R,
    waiting: Waiting,
    intake: Intake,
}

/// What happened while payload waited for room, and the port was read.
enum Event {
    /// So many bytes of payload were taken.
    Took(usize),
    /// So many bytes came.
    Came(usize),
    /// The deadline has passed.
    Time,
    /// The mode is to be looked at again.
    Mode,
}

impl<'r, R: Read> Inlet<'r, R> {
    pub(crate) const fn new(rx: &'r mut R) -> Self {
        Self {
            rx,
            waiting: Waiting::new(),
            intake: Intake::new(),
        }
    }

    /// Reads until a command line is over.
    ///
    /// Dropping it loses nothing if the port's `read` does not.
    ///
    /// # Errors
    ///
    /// The port is gone.
    pub(crate) async fn line(&mut self, line: &mut LineBuffer) -> Result<Framed, Gone> {
        self.intake
            .set_mode(Mode::Line, self.waiting.bytes(), Instant::MIN);
        loop {
            let Step::Line(part) = self.intake.step(self.waiting.bytes()) else {
                self.read().await?;
                continue;
            };
            let (taken, framed) = line.push(part);
            self.waiting.consume(taken);
            if framed != Framed::Partial {
                return Ok(framed);
            }
        }
    }

    /// Handles port input while a command runs, until there is some that gets `busy p...`.
    ///
    /// `is_open` says whether a link is open that can take what passthrough holds back.
    ///
    /// Dropping it loses nothing if the port's `read` does not.
    ///
    /// # Errors
    ///
    /// The port is gone.
    pub(crate) async fn until_refused(
        &mut self,
        port: &Port<'_>,
        is_open: impl Fn() -> bool,
    ) -> Result<(), Gone> {
        loop {
            self.follow(port);
            match self.intake.step(self.waiting.bytes()) {
                Step::Skip(count) => {
                    self.waiting.consume(count);
                    continue;
                }
                Step::Escaped(count) => {
                    self.waiting.consume(count);
                    port.end(End::Escaped);
                    continue;
                }
                Step::Busy(refused) => {
                    let (blank, count) = (is_blank(refused), refused.len());
                    self.waiting.consume(count);
                    if !blank {
                        return Ok(());
                    }
                    continue;
                }
                Step::Data(data) => {
                    let len = data.len();
                    if self.waiting.is_full() && port.is_data_mode() && !is_open() {
                        // Nobody takes it, and the escape sequence may be behind it.
                        espat_log::warn!("no link: {} bytes of passthrough are dropped", len);
                        self.took(port, len);
                        continue;
                    }
                    let event = self.event(port, len).await?;
                    self.on(port, event);
                }
                Step::Wait | Step::Line(_) => {
                    let event = self.event(port, 0).await?;
                    self.on(port, event);
                }
            }
        }
    }

    /// Takes over the mode that the command has set since.
    fn follow(&mut self, port: &Port<'_>) -> bool {
        let mode = port.take_mode();
        if let Some(mode) = mode {
            self.intake
                .set_mode(mode, self.waiting.bytes(), Instant::now());
        }
        mode.is_some()
    }

    fn took(&mut self, port: &Port<'_>, count: usize) {
        self.waiting.consume(count);
        if let Some(end) = self.intake.took(count) {
            port.end(end);
        }
    }

    fn on(&mut self, port: &Port<'_>, event: Event) {
        match event {
            Event::Mode => {}
            Event::Took(count) => self.took(port, count),
            Event::Time => self
                .intake
                .on_time(Instant::now(), self.waiting.bytes().len()),
            Event::Came(count) => {
                self.waiting.grow(count);
                // A new mode takes all that waits as one burst, this one included.
                if !self.follow(port) {
                    let all = self.waiting.bytes();
                    let burst = all.get(all.len().saturating_sub(count)..);
                    self.intake
                        .on_bytes(Instant::now(), burst.unwrap_or_default(), all.len());
                }
            }
        }
    }

    /// Waits for the first of: room for payload, more bytes, the deadline, a new mode.
    async fn event(&mut self, port: &Port<'_>, data: usize) -> Result<Event, Gone> {
        let deadline = self.intake.deadline();
        let wants_more = self.intake.wants_more(self.waiting.bytes());
        let rx = &mut self.rx;
        let (bytes, free) = self.waiting.split();
        let put = async {
            match bytes.get(..data) {
                None | Some([]) => pending().await,
                Some(data) => port.put(data).await,
            }
        };
        let more = async {
            if !wants_more {
                pending::<()>().await;
            }
            if free.is_empty() {
                Timer::after(POLL_INTERVAL).await;
                return Ok(0);
            }
            match rx.read(free).await {
                Ok(0) | Err(_) => Err(Gone),
                Ok(count) => Ok(count),
            }
        };
        let silence = async {
            match deadline {
                Some(at) => Timer::at(at).await,
                None => pending().await,
            }
        };
        Ok(match select4(put, more, silence, port.mode_set()).await {
            Either4::First(count) => Event::Took(count),
            Either4::Second(Ok(0)) | Either4::Fourth(()) => Event::Mode,
            Either4::Second(count) => Event::Came(count?),
            Either4::Third(()) => Event::Time,
        })
    }

    /// Waits for more bytes.
    async fn read(&mut self) -> Result<(), Gone> {
        let (_, free) = self.waiting.split();
        match self.rx.read(free).await {
            Ok(0) | Err(_) => Err(Gone),
            Ok(count) => {
                self.waiting.grow(count);
                Ok(())
            }
        }
    }
}

/// Bytes that wait, in one piece.
struct Waiting {
    bytes: [u8; CAPACITY],
    start: usize,
    end: usize,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.bytes.as_mut_slice().zeroize();
    }
}

impl Waiting {
    const fn new() -> Self {
        Self {
            bytes: [0; CAPACITY],
            start: 0,
            end: 0,
        }
    }

    fn bytes(&self) -> &[u8] {
        self.bytes.get(self.start..self.end).unwrap_or_default()
    }

    /// There is no room for more until some is consumed.
    const fn is_full(&self) -> bool {
        self.end.saturating_sub(self.start) >= CAPACITY
    }

    /// What waits, and the room behind it; none only if it is full.
    fn split(&mut self) -> (&[u8], &mut [u8]) {
        if self.start >= self.end {
            self.start = 0;
            self.end = 0;
        } else if self.end >= CAPACITY {
            self.bytes.copy_within(self.start..self.end, 0);
            self.end = self.end.saturating_sub(self.start);
            self.start = 0;
            self.bytes.get_mut(self.end..).unwrap_or_default().fill(0);
        }
        match self.bytes.split_at_mut_checked(self.end) {
            Some((used, free)) => (used.get(self.start..).unwrap_or_default(), free),
            None => (&[], &mut []),
        }
    }

    /// So many bytes were put into the room.
    fn grow(&mut self, count: usize) {
        self.end = self.end.saturating_add(count).min(CAPACITY);
    }

    /// Takes bytes out, and overwrites them.
    ///
    /// All that a host sends is overwritten here, so it is done in words and not, as `zeroize` does it, byte by byte. The
    /// memory stays in use, so no compiler may leave that out: unlike in `drop`, later reads could see it.
    fn consume(&mut self, count: usize) {
        let start = self.start;
        self.start = start.saturating_add(count).min(self.end);
        self.bytes
            .get_mut(start..self.start)
            .unwrap_or_default()
            .fill(0);
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
        let pieces = [&b"AT"[..], b"\r\nAT+", b"GMR\r\n", b"half"];
        let mut slow = Slow {
            pieces: pieces.map(<[u8]>::to_vec).into(),
            ready: false,
        };
        let mut inlet = Inlet::new(&mut slow);
        let (mut line, mut seen) = (LineBuffer::new(), Vec::new());
        let mut context = Context::from_waker(Waker::noop());
        // Every other poll is dropped while it waits.
        loop {
            match pin!(inlet.line(&mut line)).poll(&mut context) {
                Poll::Pending => continue,
                Poll::Ready(Err(Gone)) => break,
                Poll::Ready(Ok(framed)) => assert_eq!(framed, Framed::Line),
            }
            seen.push(line.line().to_vec());
            line.clear();
        }
        assert_eq!(seen, [&b"AT"[..], b"AT+GMR"]);
        assert_eq!(line.raw(), b"half");
    }

    #[test]
    fn what_waits_stays_in_one_piece_wherever_it_begins() {
        let mut waiting = Waiting::new();
        let (mut put, mut got) = (0_u32, 0_u32);
        for step in 1..2000_usize {
            let (_, free) = waiting.split();
            let count = free.len().min(step % 700);
            for place in &mut free[..count] {
                *place = put.to_le_bytes()[0];
                put += 1;
            }
            waiting.grow(count);
            let take = waiting.bytes().len().min(step % 611);
            for byte in &waiting.bytes()[..take] {
                assert_eq!(*byte, got.to_le_bytes()[0]);
                got += 1;
            }
            waiting.consume(take);
        }
        assert!(put > 100_000);
        assert_eq!(waiting.bytes().len(), usize::try_from(put - got).unwrap());
    }
}
