//! Randomness of the machine that runs the emulator, through virtio-rng.

use core::cell::RefCell;
use core::num::NonZeroU32;

use rand_core::{CryptoRng, Error, RngCore, impls};
use static_cell::StaticCell;
use virtio_drivers::device::rng::VirtIORng;
use virtio_drivers::transport::DeviceType;

use crate::virtio::{self, BoardHal, BoardTransport};

type Device = VirtIORng<BoardHal, BoardTransport>;

/// [`Error`]: the device gave nothing.
const NOTHING: NonZeroU32 = NonZeroU32::MIN;

/// The source; clones are the same. Each byte comes from the device, none is stretched here.
#[derive(Clone, Copy)]
pub(crate) struct Entropy(&'static RefCell<Device>);

impl Entropy {
    /// Takes the device and has it prove that it gives something. `None` without one: there is no
    /// other source on this board, and no modem without one.
    pub(crate) fn find() -> Option<Self> {
        static DEVICE: StaticCell<RefCell<Device>> = StaticCell::new();
        let device = Device::new(virtio::find(DeviceType::EntropySource)?).ok()?;
        let mut entropy = Self(DEVICE.init(RefCell::new(device)));
        entropy.try_fill_bytes(&mut [0; 8]).ok()?;
        Some(entropy)
    }
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

    fn try_fill_bytes(&mut self, mut into: &mut [u8]) -> Result<(), Error> {
        let mut device = self.0.borrow_mut();
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
}

impl CryptoRng for Entropy {}
