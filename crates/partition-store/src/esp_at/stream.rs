//! A write whose bytes arrive in pieces: the data phase of `AT+SYSFLASH=1`.
//!
//! spec: cert-bin 7, at-commands B.2

use core::fmt;

use embedded_storage_async::nor_flash::MultiwriteNorFlash;

use super::store::{FlashError, PartitionStore};
use super::store_error::StoreError;
use crate::entry::Partition;
use crate::region::{Window, WriteReport};

/// A write of known length to one partition, fed with pieces of any size.
///
/// It borrows nothing between pieces, so the store is free while the host is slow. Bytes are
/// gathered to aligned blocks; what flash sees does not depend on how the stream was cut.
pub struct StreamWrite {
    partition: Partition,
    end: u32,
    window: Window,
    report: WriteReport,
}

impl StreamWrite {
    /// Checks that `length` bytes from `offset` on may be written to the user partition `name`.
    /// Touches no flash.
    ///
    /// # Errors
    /// There is no such partition, it is not for the host, or the range is empty or leaves it.
    pub fn begin<S: PartitionStore>(
        store: &mut S,
        name: &str,
        offset: u32,
        length: u32,
    ) -> Result<Self, StoreError<FlashError<S>>> {
        let region = store.user_region(name)?;
        region.check_range(offset, length)?;
        Ok(Self {
            partition: *region.partition(),
            end: offset.saturating_add(length),
            window: Window::at(offset),
            report: WriteReport::default(),
        })
    }

    /// Bytes still to come.
    #[must_use]
    pub fn remaining(&self) -> u32 {
        self.end.saturating_sub(self.window.next())
    }

    /// What became of the bytes so far; of all when nothing [remains](Self::remaining).
    pub const fn report(&self) -> WriteReport {
        self.report
    }

    /// Takes the next bytes, none behind the end, and returns how many. With the last one taken,
    /// everything is in flash; before, up to 127 bytes wait here.
    ///
    /// If power fails, what was taken may be partly written; nothing else changes. If the future
    /// is dropped, [`remaining`](Self::remaining) shows how many bytes had been taken, and the
    /// next call (with no bytes, if none remain) goes on from there.
    ///
    /// # Errors
    /// The flash fails, or `store` is not the one this write began with.
    pub async fn push<S>(
        &mut self,
        store: &mut S,
        bytes: &[u8],
    ) -> Result<usize, StoreError<FlashError<S>>>
    where
        S: PartitionStore<Flash: MultiwriteNorFlash>,
    {
        let mut region = store.user_region(self.partition.name().as_str())?;
        if *region.partition() != self.partition {
            return Err(StoreError::NoSuchPartition);
        }
        let mut taken = 0_usize;
        loop {
            // First what an earlier call gathered and could not finish.
            if self.window.is_full() || (self.remaining() == 0 && self.window.from < self.window.to)
            {
                self.report.add(region.program(&self.window).await?);
                // Behind the last byte this is an empty window: nothing is left to program.
                self.window = Window::at(self.window.next());
            }
            let rest = bytes.get(taken..).unwrap_or_default();
            let wanted = usize::try_from(self.remaining()).unwrap_or(usize::MAX);
            let rest = rest.get(..wanted.min(rest.len())).unwrap_or_default();
            if rest.is_empty() {
                return Ok(taken);
            }
            taken = taken.saturating_add(self.window.fill(rest));
        }
    }
}

impl fmt::Debug for StreamWrite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The bytes may be a private key.
        f.debug_struct("StreamWrite")
            .field("partition", &self.partition)
            .field("remaining", &self.remaining())
            .field("report", &self.report)
            .finish_non_exhaustive()
    }
}
