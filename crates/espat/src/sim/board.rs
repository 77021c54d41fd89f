//! The chip around the modem: its line settings, and numbers for who asks.

use at_grammar::commands::basic::UartConfig;
use at_modem::{Board, MemoryReport, SleepMode, Unsupported};

use super::port::Line;

/// Data memory of an ESP32 (its data sheet, §3.1.2: 520 KiB of SRAM, of which 320 KiB hold data).
const DATA_MEMORY: usize = 320 * 1024;

/// The board of the simulator.
#[derive(Debug)]
pub struct SimBoard {
    line: Option<Line>,
    /// What the engine was given.
    taken: usize,
}

impl SimBoard {
    /// A board whose engine has `taken` bytes of memory.
    #[must_use]
    pub fn new(line: Option<Line>, taken: usize) -> Self {
        Self { line, taken }
    }
}

impl Board for SimBoard {
    /// The line says itself whether it takes them.
    fn check_uart(&self, _: &UartConfig) -> Result<(), Unsupported> {
        Ok(())
    }

    /// A port without a line (TCP, standard input) takes any.
    fn apply_uart(&self, settings: &UartConfig) -> Result<(), Unsupported> {
        match &self.line {
            Some(line) => line.set(settings).map_err(|error| {
                ::log::warn!("line settings: {error}");
                Unsupported
            }),
            None => Ok(()),
        }
    }

    /// What is left of an ESP32's data memory beside the engine's. Nothing is allocated later, so the
    /// least is the same.
    fn memory(&self) -> Option<MemoryReport> {
        let free = u32::try_from(DATA_MEMORY.saturating_sub(self.taken)).ok()?;
        Some(MemoryReport {
            free,
            least_free: free,
        })
    }

    /// A PC that sleeps is of no use to its user: accepted, without effect.
    fn set_sleep(&self, _: SleepMode) -> Result<(), Unsupported> {
        Ok(())
    }
}
