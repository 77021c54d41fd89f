//! Data retained across a reset by command: the time, as in the RTC memory of a chip.
//!
//! ```text
//! KEEP (memory.x): | microseconds since 1970 | their inverse |    u64 each, little-endian
//! ```
//!
//! Written right before a reset and erased when read. After a power cut there is no time: the content of
//! RAM then does not match.

use crate::mmio::Reg;

/// Start of the region KEEP of memory.x.
const KEEP: usize = 0x8030_0000;

const fn word(number: usize) -> Reg<u32> {
    // SAFETY: RAM of the board that no section lies in; words 0 to 3.
    unsafe { Reg::at(KEEP + number * 4) }
}

fn put(at: usize, value: u64) {
    let [a, b, c, d, e, f, g, h] = value.to_le_bytes();
    word(at).write(u32::from_le_bytes([a, b, c, d]));
    word(at + 1).write(u32::from_le_bytes([e, f, g, h]));
}

fn get(at: usize) -> u64 {
    u64::from(word(at + 1).read()) << 32 | u64::from(word(at).read())
}

/// Stores the time for the next start.
pub fn store_time(micros: i64) {
    let bits = micros.cast_unsigned();
    put(0, bits);
    put(2, !bits);
}

/// Returns the time of the reset, once.
#[must_use]
pub fn take_time() -> Option<i64> {
    let (bits, inverse) = (get(0), get(2));
    put(0, 0);
    put(2, 0);
    (bits == !inverse).then_some(bits.cast_signed())
}
