//! The wires between host and modem: as fast as a UART, and as bad as a test wants them.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use embassy_time::{Duration, Instant, Timer};
use rand_core::RngCore as _;

use super::rng::SimRng;

/// Start bit, eight data bits, stop bit.
const BITS_PER_BYTE: u64 = 10;
/// Bytes that a paced wire moves at a time: as long as a timer of the PC can measure.
const CHUNK_TIME: Duration = Duration::from_millis(5);

/// One direction. Clones are the same wire.
#[derive(Debug, Clone, Default)]
pub struct Wire(Rc<State>);

#[derive(Debug, Default)]
struct State {
    to_lose: Cell<usize>,
    noise: RefCell<Vec<u8>>,
    /// Bits a second; as fast as the PC without.
    baud: Cell<Option<u32>>,
    /// When the last byte is through.
    busy_until: Cell<Option<Instant>>,
}

impl Wire {
    /// The next `count` bytes are lost.
    pub fn lose(&self, count: usize) {
        self.0.to_lose.set(count);
    }

    /// These bytes come before the next ones.
    pub fn add_noise(&self, bytes: &[u8]) {
        self.0.noise.borrow_mut().extend(bytes);
    }

    /// As many random bytes come before the next ones.
    pub fn add_random(&self, count: usize, rng: &mut SimRng) {
        let mut bytes = vec![0; count];
        rng.fill_bytes(&mut bytes);
        self.add_noise(&bytes);
    }

    /// Sets the pace, in bits a second.
    pub fn set_baud(&self, baud: u32) {
        self.0.baud.set(Some(baud));
    }

    /// What arrives of bytes that were sent: noise comes before them, lost ones are gone.
    pub fn pass(&self, sent: &[u8]) -> Vec<u8> {
        let lost = self.take_losses(sent.len());
        let mut arrives = self.0.noise.take();
        arrives.extend_from_slice(sent.get(lost..).unwrap_or_default());
        arrives
    }

    /// How many of the next `count` bytes are lost.
    pub fn take_losses(&self, count: usize) -> usize {
        let lost = self.0.to_lose.get().min(count);
        self.0
            .to_lose
            .set(self.0.to_lose.get().saturating_sub(lost));
        lost
    }

    /// The first bytes of the noise, if there is any; what was written of it is to be taken out.
    pub fn noise(&self) -> Vec<u8> {
        self.0.noise.borrow().clone()
    }

    /// So many bytes of noise have been written.
    pub fn take_noise(&self, count: usize) {
        let mut noise = self.0.noise.borrow_mut();
        let count = count.min(noise.len());
        noise.drain(..count);
    }

    /// Waits until the wire is free; how many bytes may go at once then. Dropping it loses nothing.
    pub async fn free(&self) -> usize {
        let Some(baud) = self.0.baud.get() else {
            return usize::MAX;
        };
        if let Some(until) = self.0.busy_until.get() {
            Timer::at(until).await;
        }
        let bytes = u64::from(baud)
            .saturating_mul(CHUNK_TIME.as_micros())
            .saturating_div(BITS_PER_BYTE.saturating_mul(1_000_000));
        usize::try_from(bytes).unwrap_or(usize::MAX).max(1)
    }

    /// So many bytes are on their way.
    pub fn carry(&self, count: usize) {
        let Some(baud) = self.0.baud.get() else {
            return;
        };
        let now = Instant::now();
        let begin = self.0.busy_until.get().map_or(now, |until| until.max(now));
        let bits = u64::try_from(count)
            .unwrap_or(u64::MAX)
            .saturating_mul(BITS_PER_BYTE);
        let micros = bits
            .saturating_mul(1_000_000)
            .saturating_div(u64::from(baud.max(1)));
        let end = begin.saturating_add(Duration::from_micros(micros));
        self.0.busy_until.set(Some(end));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::rng::Purpose;

    #[test]
    fn a_wire_loses_and_adds_what_was_asked_for_once() {
        let wire = Wire::default();
        wire.lose(3);
        wire.add_noise(b"\xff\x0a");
        assert_eq!(wire.pass(b"AT"), b"\xff\x0a");
        assert_eq!(wire.pass(b"AT\r\n"), b"T\r\n");
        assert_eq!(wire.pass(b"AT\r\n"), b"AT\r\n");
        wire.add_noise(b"abc");
        wire.take_noise(2);
        assert_eq!(wire.noise(), b"c");
    }

    #[test]
    fn random_noise_is_that_of_the_seed() {
        let noise = |seed| {
            let wire = Wire::default();
            wire.add_random(16, &mut SimRng::new(Some(seed), Purpose::Noise));
            wire.noise()
        };
        assert_eq!(noise(1), noise(1));
        assert_ne!(noise(1), noise(2));
        assert_eq!(noise(1).len(), 16);
    }

    #[test]
    fn bytes_take_ten_bits_each_on_a_paced_wire() {
        let wire = Wire::default();
        assert_eq!(async_io::block_on(wire.free()), usize::MAX);
        wire.set_baud(9600);
        let begin = Instant::now();
        let mut left = 48_usize;
        while left > 0 {
            let count = async_io::block_on(wire.free()).min(left);
            assert!((1..=4).contains(&count), "{count}");
            wire.carry(count);
            left -= count;
        }
        async_io::block_on(wire.free());
        // 480 bits at 9600 bits a second.
        assert!(begin.elapsed() >= Duration::from_millis(50));
    }
}
