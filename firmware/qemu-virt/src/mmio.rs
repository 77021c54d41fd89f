//! A register of a device, as a value.

use core::ptr::without_provenance_mut;

/// One register. That it is there is promised once, where it is named; reading and writing it is
/// then nobody's risk.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reg<T>(*mut T);

// SAFETY: an address; the board has one hart, and who shares a register with an interrupt handler
// says how, at the place.
unsafe impl<T> Send for Reg<T> {}
// SAFETY: as above.
unsafe impl<T> Sync for Reg<T> {}

impl<T: Copy> Reg<T> {
    /// # Safety
    ///
    /// At `address` is a device register (or memory that no Rust object lies in) of this type, and
    /// neither reading nor writing it touches what Rust objects lie in.
    pub(crate) const unsafe fn at(address: usize) -> Self {
        Self(without_provenance_mut(address))
    }

    pub(crate) fn read(self) -> T {
        // SAFETY: the promise of `at`.
        unsafe { self.0.read_volatile() }
    }

    pub(crate) fn write(self, value: T) {
        // SAFETY: the promise of `at`.
        unsafe { self.0.write_volatile(value) }
    }
}
