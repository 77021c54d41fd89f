//! A NOR flash in a file: writing clears bits, erasing sets them, and the power can go.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};

const PAGE: usize = 256;
pub(crate) const SECTOR: usize = 4096;
const MIB: usize = 1 << 20;

/// Cycles of the core that a page takes to be written and a sector to be erased: 0.7 ms and 45 ms, as
/// data sheets of such chips say.
const WRITE_PAGE: u64 = 112_000;
const ERASE_SECTOR: u64 = 7_200_000;

/// The chip beside the processor.
pub(crate) struct Flash {
    file: File,
    bytes: Vec<u8>,
    /// Pages and sectors that will still reach the file; `None`: all.
    left: Option<u64>,
    /// How many did not.
    pub(crate) lost: u64,
    pub(crate) done: u64,
}

impl Flash {
    pub(crate) fn open(path: &Path, left: Option<u64>) -> Result<Self> {
        let mut file = File::options()
            .read(true)
            .write(true)
            .open(path)
            .with_context(|| path.display().to_string())?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        ensure!(
            [2, 4, 8, 16].contains(&(bytes.len() / MIB)) && bytes.len().is_multiple_of(MIB),
            "{}: a flash has 2, 4, 8 or 16 MiB, not {} bytes",
            path.display(),
            bytes.len()
        );
        Ok(Self {
            file,
            bytes,
            left,
            lost: 0,
            done: 0,
        })
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What the chip says of its size: a power of two.
    pub(crate) fn size_code(&self) -> u32 {
        self.bytes.len().trailing_zeros()
    }

    /// Gives how long it took, in cycles of the core; nothing beyond the end is touched.
    pub(crate) fn write(&mut self, at: usize, data: &[u8]) -> Option<u64> {
        let end = at.checked_add(data.len())?;
        self.bytes.get(at..end)?;
        let mut took = 0;
        let mut from = at;
        // Page by page, as the chip is commanded; the power can fail between two pages.
        while from < end {
            let to = end.min((from / PAGE + 1) * PAGE);
            for index in from..to {
                self.bytes[index] &= data[index - at];
            }
            self.keep(from..to)?;
            took += WRITE_PAGE;
            from = to;
        }
        Some(took)
    }

    /// As [`Self::write`]; both ends are ends of sectors.
    pub(crate) fn erase(&mut self, at: usize, len: usize) -> Option<u64> {
        if !at.is_multiple_of(SECTOR) || !len.is_multiple_of(SECTOR) {
            return None;
        }
        let end = at.checked_add(len)?;
        self.bytes.get(at..end)?;
        for sector in (at..end).step_by(SECTOR) {
            self.bytes[sector..sector + SECTOR].fill(0xff);
            self.keep(sector..sector + SECTOR)?;
        }
        Some(ERASE_SECTOR * (len / SECTOR) as u64)
    }

    fn keep(&mut self, range: core::ops::Range<usize>) -> Option<()> {
        self.done += 1;
        match &mut self.left {
            Some(0) => {
                self.lost += 1;
                eprintln!("flash: not kept");
                return Some(());
            }
            Some(left) => *left -= 1,
            None => {}
        }
        let at = range.start as u64;
        self.file.write_all_at(&self.bytes[range], at).ok()
    }
}
