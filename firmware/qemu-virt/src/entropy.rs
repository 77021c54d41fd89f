//! Randomness of the machine that runs the emulator, through virtio-rng.

use core::cell::Cell;
use core::num::NonZeroU32;

use critical_section::Mutex;
use rand_core::{CryptoRng, Error, RngCore, impls};
use virtio_drivers::device::rng::VirtIORng;
use virtio_drivers::transport::DeviceType;

use crate::virtio::{self, BoardHal, BoardTransport};

type Device = VirtIORng<BoardHal, BoardTransport>;

/// [`Error`]: the device gave nothing.
const NOTHING: NonZeroU32 = NonZeroU32::MIN;

/// There from [`Entropy::find`] on, but for the moments in which it is asked.
static DEVICE: Mutex<Cell<Option<Device>>> = Mutex::new(Cell::new(None));

/// The source; clones are the same. Each byte comes from the device, none is stretched here.
#[derive(Clone, Copy)]
pub struct Entropy(());

impl Entropy {
    /// Takes the device and has it prove that it gives something. `None` without one: there is no
    /// other source on this board, and no modem without one.
    pub(crate) fn find() -> Option<Self> {
        let device = Device::new(virtio::find(DeviceType::EntropySource)?).ok()?;
        critical_section::with(|cs| DEVICE.borrow(cs).set(Some(device)));
        let mut entropy = Self(());
        entropy.try_fill_bytes(&mut [0; 8]).ok()?;
        Some(entropy)
    }
}

/// For who has room for a function only, once [`Entropy::find`] has found the device.
pub(crate) fn sixteen_bits() -> u16 {
    let mut bits = [0; 2];
    Entropy(()).fill_bytes(&mut bits);
    u16::from_le_bytes(bits)
}

fn fill(device: &mut Device, mut into: &mut [u8]) -> Result<(), Error> {
    while !into.is_empty() {
        // It may give less than asked for, never nothing.
        let given = device.request_entropy(into).unwrap_or(0);
        if given == 0 {
            return Err(Error::from(NOTHING));
        }
        into = into.get_mut(given..).unwrap_or_default();
    }
    Ok(())
}

impl RngCore for Entropy {
    fn next_u32(&mut self) -> u32 {
        impls::next_u32_via_fill(self)
    }

    fn next_u64(&mut self) -> u64 {
        impls::next_u64_via_fill(self)
    }

    /// # Panics
    ///
    /// The device fails: there is no key without randomness, and this signature has no other way to
    /// say so.
    fn fill_bytes(&mut self, into: &mut [u8]) {
        if let Err(error) = self.try_fill_bytes(into) {
            panic!("no randomness: {error}");
        }
    }

    fn try_fill_bytes(&mut self, into: &mut [u8]) -> Result<(), Error> {
        // Taken out while it works: interrupts go on. None of them asks for randomness, so nobody
        // misses it.
        let device = critical_section::with(|cs| DEVICE.borrow(cs).take());
        let mut device = device.ok_or(NOTHING)?;
        let filled = fill(&mut device, into);
        critical_section::with(|cs| DEVICE.borrow(cs).set(Some(device)));
        filled
    }
}

impl CryptoRng for Entropy {}
