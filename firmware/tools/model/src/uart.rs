//! A UART with its FIFOs, byte after byte at its own rate (technical reference manual, chapter 26).
//!
//! ```text
//! host ─▶ wire ─▶ FIFO (128) ─▶ program      RTS holds the wire
//! host ◀── sent ◀─ FIFO (128) ◀─ program
//! ```

use std::collections::{BTreeMap, VecDeque};

use crate::timers::CORE;

const FIFO: usize = 128;

const RX_FULL: u32 = 1;
const TX_EMPTY: u32 = 1 << 1;
const OVERFLOW: u32 = 1 << 4;
const RX_TIMEOUT: u32 = 1 << 8;
const TX_DONE: u32 = 1 << 14;

/// One port.
pub(crate) struct Uart {
    rx: VecDeque<u8>,
    tx: VecDeque<u8>,
    /// What the host has sent and the port has not taken yet.
    pub(crate) wire: VecDeque<u8>,
    /// What the port has sent.
    pub(crate) sent: Vec<u8>,
    raw: u32,
    ena: u32,
    clock_divider: u32,
    conf0: u32,
    conf1: u32,
    memory: u32,
    clock: u32,
    others: BTreeMap<u32, u32>,
    /// When the byte that is on its way is through; the host has it no sooner.
    rx_at: Option<u64>,
    tx_at: Option<(u64, u8)>,
    /// When the receiver has waited long enough for another byte.
    idle_at: Option<u64>,
    /// Bytes that found the FIFO full.
    pub(crate) lost: u64,
    /// The host heeds RTS.
    pub(crate) heeds_rts: bool,
}

impl Uart {
    pub(crate) const fn new(heeds_rts: bool) -> Self {
        Self {
            rx: VecDeque::new(),
            tx: VecDeque::new(),
            wire: VecDeque::new(),
            sent: Vec::new(),
            raw: 0,
            ena: 0,
            clock_divider: 0x2b6,
            conf0: 0x1000_001c,
            conf1: 0xc060,
            memory: 0x000a_0012,
            clock: 0x0370_1000,
            others: BTreeMap::new(),
            rx_at: None,
            tx_at: None,
            idle_at: None,
            lost: 0,
            heeds_rts,
        }
    }

    /// Cycles of the core that a bit takes.
    fn bit(&self) -> f64 {
        let source = match self.clock >> 20 & 3 {
            1 => 80_000_000.0,
            2 => 17_500_000.0,
            _ => 40_000_000.0,
        };
        let (a, b) = (self.clock & 0x3f, self.clock >> 6 & 0x3f);
        let fraction = if a == 0 {
            0.0
        } else {
            f64::from(b) / f64::from(a)
        };
        let divider = f64::from((self.clock >> 12 & 0xff) + 1) + fraction;
        let whole = f64::from(self.clock_divider & 0xfff);
        let sixteenths = f64::from(self.clock_divider >> 20 & 15);
        CORE as f64 * divider * (whole + sixteenths / 16.0) / source
    }

    /// Cycles of the core that a byte takes.
    fn byte(&self) -> u64 {
        let data = 5 + (self.conf0 >> 2 & 3);
        let parity = self.conf0 >> 1 & 1;
        let stop = match self.conf0 >> 4 & 3 {
            2 => 1.5,
            3 => 2.0,
            _ => 1.0,
        };
        let bits = 1.0 + f64::from(data + parity) + stop;
        ((bits * self.bit()) as u64).max(1)
    }

    fn ready_to_receive(&self) -> bool {
        let flow = self.conf1 >> 20 & 1 == 1;
        let level = (self.memory >> 7 & 0x1ff) as usize;
        !(flow && self.heeds_rts && self.rx.len() >= level)
    }

    /// Moves the bytes that are due; gives when the next one is.
    pub(crate) fn tick(&mut self, now: u64) -> u64 {
        if self.rx_at.is_some_and(|at| now >= at) {
            self.rx_at = None;
            if let Some(byte) = self.wire.pop_front() {
                if self.rx.len() < FIFO {
                    self.rx.push_back(byte);
                } else {
                    self.lost += 1;
                    self.raw |= OVERFLOW;
                }
            }
            if self.conf1 >> 21 & 1 == 1 {
                let wait = f64::from(self.memory >> 16 & 0x3ff) * self.bit();
                self.idle_at = Some(now + wait as u64);
            }
        }
        if self.rx_at.is_none() && !self.wire.is_empty() && self.ready_to_receive() {
            self.rx_at = Some(now + self.byte());
        }
        if self.idle_at.is_some_and(|at| now >= at) {
            self.idle_at = None;
            if !self.rx.is_empty() {
                self.raw |= RX_TIMEOUT;
            }
        }
        if let Some((_, byte)) = self.tx_at.take_if(|(at, _)| now >= *at) {
            self.sent.push(byte);
            if self.tx.is_empty() {
                self.raw |= TX_DONE;
            }
        }
        if self.tx_at.is_none()
            && let Some(byte) = self.tx.pop_front()
        {
            self.tx_at = Some((now + self.byte(), byte));
        }
        self.levels();
        let sent_at = self.tx_at.map(|(at, _)| at);
        [self.rx_at, sent_at, self.idle_at]
            .into_iter()
            .flatten()
            .min()
            .unwrap_or(u64::MAX)
    }

    fn levels(&mut self) {
        if self.rx.len() >= (self.conf1 & 0x1ff) as usize {
            self.raw |= RX_FULL;
        }
        if self.tx.len() < (self.conf1 >> 9 & 0x1ff) as usize {
            self.raw |= TX_EMPTY;
        }
    }

    pub(crate) fn read(&mut self, offset: u32) -> u32 {
        match offset {
            0x00 => self.rx.pop_front().map_or(0, u32::from),
            0x04 => self.raw,
            0x08 => self.raw & self.ena,
            0x0c => self.ena,
            0x14 => self.clock_divider,
            0x1c => self.rx.len() as u32 | (self.tx.len() as u32) << 16,
            0x20 => self.conf0,
            0x24 => self.conf1,
            0x60 => self.memory,
            // The transmitter's state: 0 is idle.
            0x6c => u32::from(self.tx_at.is_some()) << 4,
            0x78 => self.clock,
            // What was asked for is taken over at once.
            0x80 => self.others.get(&offset).copied().unwrap_or(0) & !(1 << 31),
            _ => self.others.get(&offset).copied().unwrap_or(0),
        }
    }

    pub(crate) fn write(&mut self, offset: u32, value: u32) {
        match offset {
            0x00 => {
                // A full FIFO takes nothing.
                if self.tx.len() < FIFO {
                    self.tx.push_back(value as u8);
                }
            }
            0x0c => self.ena = value,
            0x10 => self.raw &= !value,
            0x14 => self.clock_divider = value,
            0x20 => {
                self.conf0 = value;
                if value >> 17 & 1 == 1 {
                    self.rx.clear();
                }
                if value >> 18 & 1 == 1 {
                    self.tx.clear();
                }
            }
            0x24 => self.conf1 = value,
            0x60 => self.memory = value,
            0x78 => self.clock = value,
            _ => {
                self.others.insert(offset, value);
            }
        }
        self.levels();
    }

    pub(crate) const fn line(&self) -> u64 {
        (self.raw & self.ena != 0) as u64
    }

    pub(crate) fn full(&self) -> bool {
        self.tx.len() >= FIFO
    }

    /// All that was written is out.
    pub(crate) fn idle(&self) -> bool {
        self.tx.is_empty() && self.tx_at.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 115,200 baud from the crystal.
    fn port(heeds_rts: bool) -> Uart {
        let mut uart = Uart::new(heeds_rts);
        uart.write(0x78, 3 << 20);
        uart.write(0x14, 347 | 3 << 20);
        uart.write(0x24, 64 | 10 << 9 | 1 << 20 | 1 << 21);
        uart.write(0x60, 100 << 7 | 20 << 16);
        uart.write(0x0c, RX_FULL | RX_TIMEOUT | OVERFLOW);
        uart
    }

    fn until(uart: &mut Uart, mut now: u64, stop: impl Fn(&Uart) -> bool) -> u64 {
        loop {
            let next = uart.tick(now);
            if stop(uart) {
                return now;
            }
            assert_ne!(next, u64::MAX, "nothing more happens");
            now = next;
        }
    }

    #[test]
    fn a_byte_takes_ten_bits() {
        let byte = port(true).byte();
        assert!((13_880..13_900).contains(&byte), "{byte}");
    }

    #[test]
    fn the_host_has_a_byte_when_its_last_bit_is_out() {
        let mut uart = port(true);
        uart.write(0, b'O'.into());
        uart.write(0, b'K'.into());
        let byte = uart.byte();
        let first = until(&mut uart, 0, |uart| !uart.sent.is_empty());
        assert_eq!((first, &*uart.sent, uart.idle()), (byte, &b"O"[..], false));
        let last = until(&mut uart, first, Uart::idle);
        assert_eq!((last, &*uart.sent), (2 * byte, &b"OK"[..]));
        assert_eq!(uart.raw & TX_DONE, TX_DONE);
    }

    #[test]
    fn four_bytes_are_reported_when_no_fifth_follows() {
        let mut uart = port(true);
        uart.wire.extend(b"AT\r\n");
        let byte = uart.byte();
        let now = until(&mut uart, 0, |uart| uart.line() == 1);
        assert_eq!(uart.raw & RX_TIMEOUT, RX_TIMEOUT);
        assert!(now > 4 * byte + byte, "{now}");
        let got: Vec<u8> = (0..4).map(|_| uart.read(0) as u8).collect();
        assert_eq!(got, b"AT\r\n");
    }

    #[test]
    fn rts_holds_a_host_that_heeds_it_and_no_other() {
        for (heeds, taken, lost) in [(true, 100, 0), (false, FIFO, 72)] {
            let mut uart = port(heeds);
            uart.wire.extend([0; 200]);
            let mut now = 0;
            while now != u64::MAX {
                now = uart.tick(now);
            }
            assert_eq!((uart.rx.len(), uart.lost), (taken, lost));
        }
    }
}
