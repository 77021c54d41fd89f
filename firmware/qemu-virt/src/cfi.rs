//! Parallel NOR flash with Intel's command set, two 16-bit chips side by side on a 32-bit bus.
//!
//! ```text
//! 0x98 ask · 0x70 status · 0x50 forget errors · 0xff read
//! 0x20, 0xd0                       erase a block
//! 0xe8, n − 1, n × word, 0xd0      program n words of one write buffer
//! ```
//!
//! Spec: JESD68.01 (how to ask), Intel AP-646 (commands). A command goes to both chips in one word,
//! and so do their answers.
//!
//! A write never asks to change a 0 bit back into a 1: real cells cannot, but QEMU's can, so what is
//! there already is ANDed in.

use embassy_futures::yield_now;

use crate::mmio::Reg;

pub(crate) const WORD: u32 = 4;
/// Bytes programmed in one go at most, whatever the chips could take: they are on the stack once.
pub(crate) const CHUNK: usize = 512;
const LONGEST: u32 = 512;

/// The same byte for each of the two chips.
const fn both(command: u8) -> u32 {
    u32::from_le_bytes([command, 0, command, 0])
}

const ASK: u32 = both(0x98);
const STATUS: u32 = both(0x70);
const FORGET: u32 = both(0x50);
const READ: u32 = both(0xff);
const ERASE: u32 = both(0x20);
const PROGRAM: u32 = both(0xe8);
const CONFIRM: u32 = both(0xd0);

const READY: u32 = both(0x80);
/// Erase, program, voltage, or a locked block.
const FAILED: u32 = both(0x3a);

/// Words of the answer, from which the table of JESD68.01 counts.
const ASK_AT: u32 = 0x55;
const SIGN: u32 = 0x10;
const DEVICE_SIZE: u32 = 0x27;
const BUFFER_SIZE: u32 = 0x2a;
const REGIONS: u32 = 0x2c;
const BLOCK_SIZE: u32 = 0x2f;

/// The chips said that they failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Failed;

/// The flash, erased by blocks.
pub(crate) struct Cfi {
    base: usize,
    /// Bytes in all.
    pub(crate) size: u32,
    /// Bytes of a block; all are of one size.
    pub(crate) block: u32,
    /// Bytes that can be programmed in one go, from a multiple of it on.
    pub(crate) buffer: u32,
    /// A command was given, and nobody has seen its end.
    busy: bool,
}

impl Cfi {
    /// Asks the chips what they are. `None`: nobody answers, or blocks differ in size.
    ///
    /// # Safety
    ///
    /// From `base` on, for 32 MiB, there is such a flash or nothing, and nobody else names it.
    pub(crate) unsafe fn find(base: usize) -> Option<Self> {
        let mut flash = Self {
            base,
            size: 32 << 20,
            block: 0,
            buffer: 0,
            busy: false,
        };
        flash.word(ASK_AT * WORD)?.write(ASK);
        let answer = |at: u32| {
            let [low, zero, ..] = flash.word(at * WORD)?.read().to_le_bytes();
            (zero == 0).then_some(u32::from(low))
        };
        let sign = [answer(SIGN)?, answer(SIGN + 1)?, answer(SIGN + 2)?];
        let powers = (answer(DEVICE_SIZE)?, answer(BUFFER_SIZE)?);
        let regions = answer(REGIONS)?;
        let block = answer(BLOCK_SIZE)? << 8 | answer(BLOCK_SIZE + 1)? << 16;
        flash.word(0)?.write(READ);
        if sign != [0x51, 0x52, 0x59] || regions != 1 || block == 0 {
            return None;
        }
        // Two chips.
        flash.size = 2_u32.checked_shl(powers.0)?;
        flash.buffer = 2_u32.checked_shl(powers.1)?.min(LONGEST);
        flash.block = block.checked_mul(2)?;
        Some(flash)
    }

    fn word(&self, at: u32) -> Option<Reg<u32>> {
        let inside = at < self.size && at.is_multiple_of(WORD);
        let address = self.base.checked_add(usize::try_from(at).ok()?)?;
        // SAFETY: the promise of `find`.
        inside.then(|| unsafe { Reg::at(address) })
    }

    fn command(&mut self, at: u32, command: u32) -> Result<(), Failed> {
        self.busy = true;
        self.word(at).ok_or(Failed)?.write(command);
        Ok(())
    }

    /// Waits for the end of what the chips are at, and leaves them readable. Dropping it leaves them
    /// at it: the next call waits.
    pub(crate) async fn settle(&mut self) -> Result<(), Failed> {
        if !self.busy {
            return Ok(());
        }
        let chips = self.word(0).ok_or(Failed)?;
        chips.write(STATUS);
        let status = loop {
            let status = chips.read();
            if status & READY == READY {
                break status;
            }
            yield_now().await;
        };
        chips.write(FORGET);
        chips.write(READ);
        self.busy = false;
        if status & FAILED == 0 {
            Ok(())
        } else {
            Err(Failed)
        }
    }

    /// The word at `at`, a multiple of 4; erased where there is none. Only after [`Self::settle`].
    pub(crate) fn read_word(&self, at: u32) -> u32 {
        self.word(at).map_or(u32::MAX, Reg::read)
    }

    /// Erases the block that `at` lies in. Cut by a loss of power, it leaves anything in it.
    pub(crate) async fn erase(&mut self, at: u32) -> Result<(), Failed> {
        self.settle().await?;
        self.command(at, ERASE)?;
        self.command(at, CONFIRM)?;
        self.settle().await
    }

    /// Programs whole words from `at` on. Cut by a loss of power, it leaves any part of it done.
    pub(crate) async fn program(&mut self, mut at: u32, mut bytes: &[u8]) -> Result<(), Failed> {
        while !bytes.is_empty() {
            let room = self.buffer - at % self.buffer;
            let room = usize::try_from(room).unwrap_or(usize::MAX);
            let (now, later) = bytes.split_at_checked(room).unwrap_or((bytes, &[]));
            self.program_buffer(at, now).await?;
            at = at.saturating_add(u32::try_from(now.len()).map_err(|_| Failed)?);
            bytes = later;
        }
        Ok(())
    }

    async fn program_buffer(&mut self, at: u32, bytes: &[u8]) -> Result<(), Failed> {
        self.settle().await?;
        let (words, rest) = bytes.as_chunks::<4>();
        let count = u32::try_from(words.len()).map_err(|_| Failed)?;
        let last = count.checked_sub(1).ok_or(Failed)?;
        if !rest.is_empty() {
            return Err(Failed);
        }
        // What is there, before the chips stop showing it.
        let mut merged: heapless::Vec<u32, { CHUNK / 4 }> = heapless::Vec::new();
        for (word, at) in words.iter().zip((at..).step_by(4)) {
            let word = u32::from_le_bytes(*word) & self.read_word(at);
            merged.push(word).map_err(|_| Failed)?;
        }
        self.command(at, PROGRAM)?;
        // Ready means here: there is a buffer to fill.
        while self.read_word(at) & READY != READY {
            yield_now().await;
        }
        self.command(at, last << 16 | last)?;
        for (word, at) in merged.iter().zip((at..).step_by(4)) {
            self.command(at, *word)?;
        }
        self.command(at, CONFIRM)?;
        self.settle().await
    }
}
