//! Flash in memory that several parts of a test see, and that fails where a test asks for it.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::OnceLock;

use embassy_futures::block_on;
use embedded_storage_async::nor_flash::{ErrorType, MultiwriteNorFlash, NorFlash, ReadNorFlash};
use partition_store::esp_at::{self, BuiltIn, FactoryParam};
use partition_store::mock::{Counts, MemFlash, MemFlashError, Rewrite};

use super::{Listener, until};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    Read,
    Write,
    Erase,
}

#[derive(Debug)]
struct State {
    memory: MemFlash,
    /// The operation that fails, and how many of its kind do well before.
    fault: Option<(Operation, u32)>,
    /// Nothing gets done while this is set.
    held: bool,
    listener: Listener,
}

/// A flash; clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Flash(Rc<RefCell<State>>);

/// What a module has when it leaves the factory: made once, copied per test.
fn blank() -> MemFlash {
    static BLANK: OnceLock<MemFlash> = OnceLock::new();
    BLANK
        .get_or_init(|| {
            let size = usize::try_from(BuiltIn::ESP32.flash_size).unwrap();
            let mut flash = MemFlash::new(size / 4096).on_rewrite(Rewrite::And);
            block_on(esp_at::format(
                &mut flash,
                &BuiltIn::ESP32,
                FactoryParam::Write,
            ))
            .unwrap();
            flash.reset_counts();
            flash
        })
        .clone()
}

/// The same of a module with ESP-AT 3.1 or later: certificates are values of `mfg_nvs`.
fn blank_with_values() -> MemFlash {
    static BLANK: OnceLock<MemFlash> = OnceLock::new();
    BLANK
        .get_or_init(|| {
            let size = usize::try_from(LATER.flash_size).unwrap();
            let mut flash = MemFlash::new(size / 4096).on_rewrite(Rewrite::And);
            block_on(esp_at::format(&mut flash, LATER, FactoryParam::Write)).unwrap();
            flash.reset_counts();
            flash
        })
        .clone()
}

/// The layout of such a module.
const LATER: &BuiltIn = &BuiltIn::ESP32_C3_MFG;

impl Flash {
    pub(crate) fn new() -> Self {
        Self::holding(blank())
    }

    /// The flash of an ESP32-C3 whose certificates are values.
    pub(crate) fn with_values() -> Self {
        Self::holding(blank_with_values())
    }

    fn holding(memory: MemFlash) -> Self {
        Self(Rc::new(RefCell::new(State {
            memory,
            fault: None,
            held: false,
            listener: Listener::default(),
        })))
    }

    /// The `n`th operation of this kind from now on fails, counted from 0, and only that one.
    pub(crate) fn fail(&self, operation: Operation, n: u32) {
        self.0.borrow_mut().fault = Some((operation, n));
    }

    /// Whether the fault is still to come.
    pub(crate) fn fault_ahead(&self) -> bool {
        self.0.borrow().fault.is_some()
    }

    /// Makes operations wait, or lets them go.
    pub(crate) fn hold(&self, held: bool) {
        let mut state = self.0.borrow_mut();
        state.held = held;
        state.listener.notify();
    }

    /// Another flash with the same contents.
    pub(crate) fn copied(&self) -> Self {
        Self::holding(self.0.borrow().memory.clone())
    }

    /// Cuts power after so many steps.
    pub(crate) fn cut_after(&self, steps: u32) {
        let mut state = self.0.borrow_mut();
        state.memory = state.memory.clone().cut_after(steps);
    }

    pub(crate) fn powered_again(&self) {
        self.0.borrow_mut().memory.powered_again();
    }

    pub(crate) fn counts(&self) -> Counts {
        self.0.borrow().memory.counts()
    }

    /// A copy of everything.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.0.borrow().memory.bytes().to_vec()
    }

    /// A copy of a partition.
    pub(crate) fn partition(&self, name: &str) -> Vec<u8> {
        let place = place(name);
        self.0.borrow().memory.bytes()[place].to_vec()
    }

    /// Everything but one partition.
    pub(crate) fn all_but(&self, name: &str) -> Vec<u8> {
        let mut bytes = self.bytes();
        bytes.drain(place(name));
        bytes
    }

    /// Puts bytes into a partition, which must be erased.
    pub(crate) fn preset(&self, name: &str, bytes: &[u8]) {
        let start = u32::try_from(place(name).start).unwrap();
        block_on(self.0.borrow_mut().memory.write(start, bytes)).unwrap();
    }

    async fn turn(&self, operation: Operation) -> Result<(), MemFlashError> {
        until(|context| {
            let mut state = self.0.borrow_mut();
            state.listener.listen(context);
            (!state.held).then_some(())
        })
        .await;
        let mut state = self.0.borrow_mut();
        match &mut state.fault {
            Some((which, 0)) if *which == operation => {
                state.fault = None;
                Err(MemFlashError::PowerLost)
            }
            Some((which, left)) if *which == operation => {
                *left -= 1;
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

fn place(name: &str) -> std::ops::Range<usize> {
    let layout = if name == esp_at::MFG {
        LATER
    } else {
        &BuiltIn::ESP32
    };
    let partition = layout.find(name).expect("a known name");
    usize::try_from(partition.offset()).unwrap()..usize::try_from(partition.end()).unwrap()
}

impl ErrorType for Flash {
    type Error = MemFlashError;
}

impl ReadNorFlash for Flash {
    const READ_SIZE: usize = MemFlash::READ_SIZE;

    async fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Self::Error> {
        self.turn(Operation::Read).await?;
        block_on(self.0.borrow_mut().memory.read(offset, bytes))
    }

    fn capacity(&self) -> usize {
        self.0.borrow().memory.capacity()
    }
}

impl NorFlash for Flash {
    const WRITE_SIZE: usize = MemFlash::WRITE_SIZE;
    const ERASE_SIZE: usize = MemFlash::ERASE_SIZE;

    async fn erase(&mut self, from: u32, to: u32) -> Result<(), Self::Error> {
        self.turn(Operation::Erase).await?;
        block_on(self.0.borrow_mut().memory.erase(from, to))
    }

    async fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Self::Error> {
        self.turn(Operation::Write).await?;
        block_on(self.0.borrow_mut().memory.write(offset, bytes))
    }
}

/// The memory is set to take a second write as the chip does.
impl MultiwriteNorFlash for Flash {}
