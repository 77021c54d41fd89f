//! Random numbers: those of the system, or with `--seed` the same ones in every run.

use std::cell::RefCell;
use std::rc::Rc;

use rand_chacha::ChaCha20Rng;
use rand_core::{CryptoRng, Error, OsRng, RngCore, SeedableRng};

/// What random numbers are for. Each has a sequence of its own, so that more of one moves no other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Keys, nonces and whatever else the modem draws.
    Modem,
    /// Hardware addresses.
    Address,
    /// `uart random` of the control port.
    Noise,
}

/// A source of random numbers. Clones continue the same sequence.
#[derive(Debug, Clone)]
pub struct SimRng(Source);

#[derive(Debug, Clone)]
enum Source {
    System(OsRng),
    /// Nobody's secret is safe with it: for tests alone.
    Seeded(Rc<RefCell<ChaCha20Rng>>),
}

impl SimRng {
    /// By `seed` and purpose, or of the system if there is no seed.
    #[must_use]
    pub fn new(seed: Option<u64>, purpose: Purpose) -> Self {
        let Some(seed) = seed else {
            return Self(Source::System(OsRng));
        };
        let mut rng = ChaCha20Rng::seed_from_u64(seed);
        rng.set_stream(match purpose {
            Purpose::Modem => 0,
            Purpose::Address => 1,
            Purpose::Noise => 2,
        });
        Self(Source::Seeded(Rc::new(RefCell::new(rng))))
    }
}

impl RngCore for SimRng {
    fn next_u32(&mut self) -> u32 {
        match &mut self.0 {
            Source::System(rng) => rng.next_u32(),
            Source::Seeded(rng) => rng.borrow_mut().next_u32(),
        }
    }

    fn next_u64(&mut self) -> u64 {
        match &mut self.0 {
            Source::System(rng) => rng.next_u64(),
            Source::Seeded(rng) => rng.borrow_mut().next_u64(),
        }
    }

    fn fill_bytes(&mut self, into: &mut [u8]) {
        match &mut self.0 {
            Source::System(rng) => rng.fill_bytes(into),
            Source::Seeded(rng) => rng.borrow_mut().fill_bytes(into),
        }
    }

    fn try_fill_bytes(&mut self, into: &mut [u8]) -> Result<(), Error> {
        match &mut self.0 {
            Source::System(rng) => rng.try_fill_bytes(into),
            Source::Seeded(rng) => rng.borrow_mut().try_fill_bytes(into),
        }
    }
}

/// Of ChaCha20 and of the system, both of which are. That a seed is known is the user's choice.
impl CryptoRng for SimRng {}

#[cfg(test)]
mod tests {
    use super::*;

    fn draw(mut rng: SimRng) -> [u8; 32] {
        let mut bytes = [0; 32];
        rng.fill_bytes(&mut bytes);
        bytes
    }

    #[test]
    fn a_seed_gives_the_same_numbers_and_another_others() {
        let of = |seed, purpose| draw(SimRng::new(seed, purpose));
        let seven = of(Some(7), Purpose::Modem);
        assert_eq!(seven, of(Some(7), Purpose::Modem));
        assert_ne!(seven, of(Some(8), Purpose::Modem));
        assert_ne!(seven, of(Some(7), Purpose::Noise));
        assert_ne!(seven, of(Some(7), Purpose::Address));
        assert_ne!(of(None, Purpose::Modem), of(None, Purpose::Modem));
        let rng = SimRng::new(Some(7), Purpose::Modem);
        assert_eq!(draw(rng.clone()), seven);
        assert_ne!(draw(rng), seven, "a clone goes on");
    }
}
