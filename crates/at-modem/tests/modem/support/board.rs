//! A chip that does what the modem asks and records it.

use std::cell::RefCell;
use std::rc::Rc;

use at_grammar::commands::basic::UartConfig;
use at_modem::{Board, MemoryKind, MemoryReport, SleepMode, Unsupported};
#[cfg(feature = "rustls")]
use embassy_time::Duration;

use super::port::Port;

#[derive(Debug, Default)]
struct State {
    uart: Vec<(UartConfig, usize)>,
    refuses: bool,
    sleep: Vec<SleepMode>,
    wakes: Vec<(u8, bool)>,
    program: Option<u32>,
    #[cfg(feature = "rustls")]
    labours: bool,
}

/// A chip; clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Chip {
    state: Rc<RefCell<State>>,
    port: Port,
}

impl Chip {
    pub(crate) fn new(port: Port) -> Self {
        Self {
            state: Rc::default(),
            port,
        }
    }

    /// Nothing it is asked for is there from now on.
    pub(crate) fn refuses(&self) {
        self.state.borrow_mut().refuses = true;
    }

    #[cfg(feature = "rustls")]
    /// From the next start on each call of the TLS engine takes that long.
    pub(crate) fn labours(&self, each: Duration) {
        self.state.borrow_mut().labours = true;
        labour::LABOUR.set((each, Duration::MIN));
    }

    #[cfg(feature = "rustls")]
    /// What all calls of the TLS engine took.
    pub(crate) fn laboured(&self) -> Duration {
        labour::LABOUR.get().1
    }

    /// It says from now on that its program lies at this address of the flash.
    pub(crate) fn runs_at(&self, address: u32) {
        self.state.borrow_mut().program = Some(address);
    }

    /// Settings the port was given, each with how many bytes it had said before.
    pub(crate) fn uart(&self) -> Vec<(UartConfig, usize)> {
        self.state.borrow().uart.clone()
    }

    pub(crate) fn sleep(&self) -> Vec<SleepMode> {
        self.state.borrow().sleep.clone()
    }

    pub(crate) fn wakes(&self) -> Vec<(u8, bool)> {
        self.state.borrow().wakes.clone()
    }

    fn works(&self) -> Result<(), Unsupported> {
        if self.state.borrow().refuses {
            Err(Unsupported)
        } else {
            Ok(())
        }
    }
}

impl Board for Chip {
    fn check_uart(&self, _settings: &UartConfig) -> Result<(), Unsupported> {
        self.works()
    }

    fn apply_uart(&self, settings: &UartConfig) -> Result<(), Unsupported> {
        self.works()?;
        let said = self.port.said();
        self.state.borrow_mut().uart.push((*settings, said));
        Ok(())
    }

    fn memory(&self) -> Option<MemoryReport> {
        self.works().ok()?;
        Some(MemoryReport {
            free: 148_408,
            least_free: 84_044,
        })
    }

    #[cfg(feature = "rustls")]
    fn ledger(&self) -> Option<&'static at_modem::Ledger> {
        self.state.borrow().labours.then_some(&labour::LABOURS)
    }

    fn memory_of(&self, capabilities: u32) -> Option<MemoryKind> {
        self.works().ok()?;
        (capabilities == 0x1800).then_some(MemoryKind {
            largest_block: 110_592,
            free: 148_408,
            least_free: 84_044,
            total: 307_200,
        })
    }

    fn program_address(&self) -> Option<u32> {
        self.state.borrow().program
    }

    fn temperature(&self) -> Option<i16> {
        self.works().ok()?;
        Some(-5)
    }

    fn wake_on(&self, pin: u8, high: bool) -> Result<(), Unsupported> {
        self.works()?;
        self.state.borrow_mut().wakes.push((pin, high));
        Ok(())
    }

    fn set_sleep(&self, mode: SleepMode) -> Result<(), Unsupported> {
        self.works()?;
        self.state.borrow_mut().sleep.push(mode);
        Ok(())
    }
}

/// Time that the TLS engine takes.
#[cfg(feature = "rustls")]
mod labour {
    use std::cell::Cell;

    use at_modem::{Caps, Heap, Ledger};
    use embassy_time::{Duration, MockDriver};

    std::thread_local! {
        /// What a call of the TLS engine takes, and what all of them took so far.
        pub(super) static LABOUR: Cell<(Duration, Duration)> =
            const { Cell::new((Duration::MIN, Duration::MIN)) };
    }

    /// A heap without an end, by which the chip knows when the TLS engine computes: time passes then.
    struct Labour;

    pub(super) static LABOURS: Ledger = Ledger::new(&Labour, Caps::SMALL);

    impl Heap for Labour {
        fn free(&self) -> usize {
            usize::MAX
        }

        fn largest(&self) -> usize {
            usize::MAX
        }

        fn enter(&self) {
            let (each, all) = LABOUR.get();
            MockDriver::get().advance(each);
            LABOUR.set((each, all + each));
        }
    }
}
