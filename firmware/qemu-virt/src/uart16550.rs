//! 16550 UART with its two FIFOs, as a byte stream that loses nothing.
//!
//! ```text
//! line ─▶ receive FIFO ─ interrupt ─▶ ring ─▶ reader
//! line ◀─ transmit FIFO ◀─ interrupt ─ ring ◀─ writer
//! ```
//!
//! When the receive ring is full, the interrupt is switched off and bytes stay in the FIFO; when that
//! is full, the chip's flow control stops the sender. On a board without flow control lines the ring
//! has to be as large as what may come while nobody reads.

use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
use embassy_sync::pipe::Pipe;
use embassy_sync::signal::Signal;
use embedded_io_async::{ErrorType, Read, Write};

use crate::mmio::Reg;

/// More than the longest command line, so that one can come while another is worked on.
const RX_RING: usize = 2048;
const TX_RING: usize = 512;
/// Bytes that the transmitter takes when it says that it is empty.
const FIFO: usize = 16;

const IER_RECEIVED: u8 = 0x01;
const IER_EMPTY: u8 = 0x02;
/// FIFOs on and cleared, an interrupt from 8 bytes on or after a pause.
const FCR_ON: u8 = 0x87;
const LCR_DIVISOR: u8 = 0x80;
/// DTR, RTS, and OUT2, which lets the interrupt out on some boards.
const MCR_ON: u8 = 0x0b;
const LSR_RECEIVED: u8 = 0x01;
const LSR_TAKES_MORE: u8 = 0x20;
const LSR_IDLE: u8 = 0x40;

type Ring<const N: usize> = Pipe<CriticalSectionRawMutex, N>;

/// Registers, a byte apart: data (and the divisor's low half), interrupts (and its high half), FIFO
/// control, line control, modem control, line status.
const DATA: usize = 0;
const INTERRUPTS: usize = 1;
const FIFOS: usize = 2;
const LINE: usize = 3;
const MODEM: usize = 4;
const STATUS: usize = 5;

/// The bits of the registers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Line {
    /// Input clock by 16 times the baud rate.
    pub(crate) divisor: u16,
    /// Data bits less 5 in bits 0 and 1, more than one stop bit in 2, parity in 3, even in 4.
    pub(crate) control: u8,
}

/// The UART, shared by its interrupt handler, one reader and one writer.
pub struct Uart16550 {
    base: usize,
    rx: Ring<RX_RING>,
    tx: Ring<TX_RING>,
    idle: Signal<CriticalSectionRawMutex, ()>,
}

impl Uart16550 {
    /// # Safety
    ///
    /// At `base` is a 16550 with its registers a byte apart.
    pub(crate) const unsafe fn at(base: usize) -> Self {
        Self {
            base,
            rx: Pipe::new(),
            tx: Pipe::new(),
            idle: Signal::new(),
        }
    }

    const fn reg(&self, offset: usize) -> Reg<u8> {
        // SAFETY: the promise of `at`; offsets are those above.
        unsafe { Reg::at(self.base + offset) }
    }

    /// Begins with empty FIFOs.
    pub(crate) fn start(&self, line: Line) {
        self.set_line(line);
        self.reg(FIFOS).write(FCR_ON);
        self.reg(MODEM).write(MCR_ON);
        self.kick(IER_RECEIVED);
    }

    /// Changes the line, once what was written has left.
    pub(crate) fn change_line(&self, line: Line) {
        while !self.tx.is_empty() || self.reg(STATUS).read() & LSR_IDLE == 0 {
            core::hint::spin_loop();
        }
        self.set_line(line);
    }

    fn set_line(&self, line: Line) {
        let [low, high] = line.divisor.to_le_bytes();
        critical_section::with(|_| {
            let interrupts = self.reg(INTERRUPTS).read();
            self.reg(INTERRUPTS).write(0);
            self.reg(LINE).write(LCR_DIVISOR);
            self.reg(DATA).write(low);
            self.reg(INTERRUPTS).write(high);
            self.reg(LINE).write(line.control);
            self.reg(INTERRUPTS).write(interrupts);
        });
    }

    /// Moves bytes between FIFOs and rings; quiet when there is nothing to do.
    pub(crate) fn on_interrupt(&self) {
        critical_section::with(|_| {
            while self.reg(STATUS).read() & LSR_RECEIVED != 0 {
                if self.rx.is_full() {
                    self.enable(IER_RECEIVED, false);
                    break;
                }
                // There is room, and nobody else writes.
                let _ = self.rx.try_write(&[self.reg(DATA).read()]);
            }
            if self.reg(STATUS).read() & LSR_TAKES_MORE != 0 {
                let mut bytes = [0; FIFO];
                let count = self.tx.try_read(&mut bytes).unwrap_or(0);
                for byte in bytes.iter().take(count) {
                    self.reg(DATA).write(*byte);
                }
                if count == 0 {
                    self.enable(IER_EMPTY, false);
                    self.idle.signal(());
                }
            }
        });
    }

    /// Only where interrupts are off.
    fn enable(&self, which: u8, on: bool) {
        let others = self.reg(INTERRUPTS).read() & !which;
        self.reg(INTERRUPTS)
            .write(if on { others | which } else { others });
    }

    fn kick(&self, which: u8) {
        critical_section::with(|_| self.enable(which, true));
    }
}

/// Reads what was received. Dropping a read loses nothing.
pub struct Rx(pub &'static Uart16550);

/// Writes to the ring; what is in it goes out by itself. A write that is dropped has put nothing there.
pub struct Tx(pub &'static Uart16550);

impl ErrorType for Rx {
    type Error = core::convert::Infallible;
}

impl ErrorType for Tx {
    type Error = core::convert::Infallible;
}

impl Read for Rx {
    async fn read(&mut self, into: &mut [u8]) -> Result<usize, Self::Error> {
        let count = self.0.rx.read(into).await;
        // It may have been switched off because the ring was full.
        self.0.kick(IER_RECEIVED);
        Ok(count)
    }
}

impl Write for Tx {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, Self::Error> {
        let count = self.0.tx.write(bytes).await;
        self.0.kick(IER_EMPTY);
        Ok(count)
    }

    /// Waits until the last bit has left. Dropping it loses nothing.
    async fn flush(&mut self) -> Result<(), Self::Error> {
        while !self.0.tx.is_empty() || self.0.reg(STATUS).read() & LSR_TAKES_MORE == 0 {
            self.0.idle.reset();
            self.0.kick(IER_EMPTY);
            self.0.idle.wait().await;
        }
        // At most one byte is in the shift register: too short a time to wait for asleep.
        while self.0.reg(STATUS).read() & LSR_IDLE == 0 {
            embassy_futures::yield_now().await;
        }
        Ok(())
    }
}
