//! Log lines through the emulator (semihosting), so that the AT port carries nothing else: microseconds
//! since power on, level, where, what.

use core::ffi::CStr;
use core::fmt::Write as _;

use embassy_time::Instant;
use log::{LevelFilter, Log, Metadata, Record};

use semihosting::sys::arm_compat::sys_write0;

/// Bytes of a line.
const LONGEST: usize = 256;

struct Semihosting;

impl Log for Semihosting {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        let mut line = heapless::String::<LONGEST>::new();
        let (micros, level) = (Instant::now().as_micros(), record.level());
        // What does not fit is cut.
        let _ = write!(
            line,
            "{micros:>9} {level} {}: {}",
            record.target(),
            record.args()
        );
        let mut bytes: heapless::Vec<u8, { LONGEST + 2 }> =
            line.bytes().filter(|byte| *byte != 0).collect();
        // There is room for both.
        let _ = bytes.extend_from_slice(b"\n\0");
        if let Ok(line) = CStr::from_bytes_with_nul(&bytes) {
            sys_write0(line);
        }
    }

    fn flush(&self) {}
}

/// From now on lines are printed.
pub(crate) fn start() {
    static LOGGER: Semihosting = Semihosting;
    // SAFETY: nothing runs yet that could log or set another at the same time.
    let set = unsafe { log::set_logger_racy(&LOGGER) };
    if set.is_ok() {
        // SAFETY: as above.
        unsafe { log::set_max_level_racy(LevelFilter::Info) }
    }
}
