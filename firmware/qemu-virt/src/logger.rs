//! Log lines through the emulator (semihosting), so that the AT port carries nothing else.

use core::fmt::Write as _;

use log::{LevelFilter, Log, Metadata, Record};

struct Semihosting;

impl Log for Semihosting {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        // One call to the emulator for a line, so that lines stay whole; what is longer is cut.
        let mut line = heapless::String::<512>::new();
        let _ = write!(
            line,
            "{} {}: {}",
            record.level(),
            record.target(),
            record.args()
        );
        if let Ok(mut errors) = semihosting::io::stderr() {
            // Without a log the modem is still a modem.
            let _ = semihosting::io::Write::write_all(&mut errors, line.as_bytes());
            let _ = semihosting::io::Write::write_all(&mut errors, b"\n");
        }
    }

    fn flush(&self) {}
}

/// From now on lines are heard.
pub(crate) fn start() {
    static LOGGER: Semihosting = Semihosting;
    // SAFETY: nothing runs yet that could log or set another at the same time.
    let set = unsafe { log::set_logger_racy(&LOGGER) };
    if set.is_ok() {
        // SAFETY: as above.
        unsafe { log::set_max_level_racy(LevelFilter::Info) }
    }
}
