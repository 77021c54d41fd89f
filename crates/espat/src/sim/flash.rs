//! The flash of the simulated module: a file, and failures on request.

use std::fmt;

use embedded_storage_async::nor_flash::{
    ErrorType, MultiwriteNorFlash, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash,
};
use partition_store::FileFlash;
use partition_store::file::FileFlashError;

use super::bench::Bench;
use super::events::Event;

/// A file as flash, of which a test can let writes fail.
#[derive(Debug)]
pub struct SimFlash {
    file: FileFlash,
    bench: Bench,
}

/// Why the flash failed.
#[derive(Debug)]
#[non_exhaustive]
pub enum SimFlashError {
    /// The file did.
    File(FileFlashError),
    /// `flash fail` of the control port.
    Asked,
    /// `flash full` of the control port.
    Full,
}

impl fmt::Display for SimFlashError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(error) => error.fmt(f),
            Self::Asked => f.write_str("a failure that the control port asked for"),
            Self::Full => f.write_str("the flash is full, as the control port asked for"),
        }
    }
}

impl std::error::Error for SimFlashError {}

impl NorFlashError for SimFlashError {
    fn kind(&self) -> NorFlashErrorKind {
        match self {
            Self::File(error) => error.kind(),
            Self::Asked | Self::Full => NorFlashErrorKind::Other,
        }
    }
}

/// What changes flash.
#[derive(Debug, Clone, Copy)]
enum Operation {
    Erase,
    Write,
}

impl Operation {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Erase => "erase",
            Self::Write => "write",
        }
    }
}

impl SimFlash {
    pub(super) const fn new(file: FileFlash, bench: Bench) -> Self {
        Self { file, bench }
    }

    fn check(&self, what: Operation) -> Result<(), SimFlashError> {
        let (why, error) = match what {
            _ if self.bench.flash_fails() => ("asked", SimFlashError::Asked),
            // What is erased takes no room.
            Operation::Write if self.bench.flash_is_full() => ("full", SimFlashError::Full),
            _ => return Ok(()),
        };
        let event = Event::new("flash").with("failed", what.as_str());
        self.bench.tell(&event.with("why", why));
        Err(error)
    }
}

impl ErrorType for SimFlash {
    type Error = SimFlashError;
}

impl ReadNorFlash for SimFlash {
    const READ_SIZE: usize = <FileFlash as ReadNorFlash>::READ_SIZE;

    async fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), SimFlashError> {
        ReadNorFlash::read(&mut self.file, offset, bytes)
            .await
            .map_err(SimFlashError::File)
    }

    fn capacity(&self) -> usize {
        ReadNorFlash::capacity(&self.file)
    }
}

impl NorFlash for SimFlash {
    const WRITE_SIZE: usize = <FileFlash as NorFlash>::WRITE_SIZE;
    const ERASE_SIZE: usize = <FileFlash as NorFlash>::ERASE_SIZE;

    async fn erase(&mut self, from: u32, to: u32) -> Result<(), SimFlashError> {
        self.check(Operation::Erase)?;
        NorFlash::erase(&mut self.file, from, to)
            .await
            .map_err(SimFlashError::File)
    }

    async fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), SimFlashError> {
        self.check(Operation::Write)?;
        NorFlash::write(&mut self.file, offset, bytes)
            .await
            .map_err(SimFlashError::File)
    }
}

impl MultiwriteNorFlash for SimFlash {}
