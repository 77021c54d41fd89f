//! What ESP-AT v2.4.2.0 sees in a partition (spec: cert-bin 3), bug for bug.
//!
//! Hosts are warned with it: an image can be well-formed and still be seen differently by the original
//! firmware (a count read as a signed byte, an item it loads although the count is zero).

use super::{HEADER_LEN, Header, ITEM_HEADER_LEN, MAGIC, padding_len};
use crate::hidden::Hidden;
use core::fmt;
use core::num::NonZeroU16;

/// An image as the original firmware walks it, in a partition of known size.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct DeviceView<'a> {
    bytes: &'a [u8],
    partition_size: usize,
}

impl fmt::Debug for DeviceView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeviceView")
            .field("bytes", &Hidden(self.bytes))
            .field("partition_size", &self.partition_size)
            .finish()
    }
}

impl<'a> DeviceView<'a> {
    /// `bytes` stand at the start of the partition; the rest of it is erased.
    ///
    /// `None` when they do not fit into it.
    #[must_use]
    pub fn new(bytes: &'a [u8], partition_size: u32) -> Option<Self> {
        // A partition larger than the address space is larger than any slice.
        let partition_size = usize::try_from(partition_size).unwrap_or(usize::MAX);
        (bytes.len() <= partition_size).then_some(Self {
            bytes,
            partition_size,
        })
    }

    /// The number of items the firmware believes in: negative when the header is refused, and for
    /// counts whose low byte is 128 or more.
    #[must_use]
    pub fn count(&self) -> i8 {
        match self.header() {
            Some(header) => {
                let [low, _] = header.count.to_le_bytes();
                i8::from_le_bytes([low])
            }
            None => -1,
        }
    }

    /// The content length the firmware loads for position `n`; `None` when loading fails.
    ///
    /// The check of `n` against the count lets `n == count` through, so an item can load although
    /// the count does not cover it.
    #[must_use]
    pub fn item_len(&self, n: u8) -> Option<NonZeroU16> {
        if u16::from(n) > self.header()?.count {
            return None;
        }
        let mut at = HEADER_LEN;
        for _ in 0..n {
            let len = usize::from(self.content_len(at)?);
            at = at
                .checked_add(ITEM_HEADER_LEN)?
                .checked_add(len)?
                .checked_add(padding_len(len))?;
        }
        let len = NonZeroU16::new(self.content_len(at)?)?;
        let end = at
            .checked_add(ITEM_HEADER_LEN)?
            .checked_add(usize::from(len.get()))?;
        (end <= self.partition_size).then_some(len)
    }

    fn header(&self) -> Option<Header> {
        let header = Header::from_bytes(self.read(0)?);
        let room = self.partition_size.checked_sub(HEADER_LEN)?;
        let list_len = usize::try_from(header.list_len).ok()?;
        (header.magic == MAGIC && list_len <= room).then_some(header)
    }

    fn content_len(&self, at: usize) -> Option<u16> {
        let [_, _, n0, n1] = self.read::<ITEM_HEADER_LEN>(at)?;
        Some(u16::from_le_bytes([n0, n1]))
    }

    /// A read of the partition: erased bytes behind the image, failure behind the end.
    fn read<const N: usize>(&self, at: usize) -> Option<[u8; N]> {
        if at.checked_add(N)? > self.partition_size {
            return None;
        }
        let mut out = [0xFF; N];
        let there = self.bytes.get(at..).unwrap_or_default();
        for (into, &byte) in out.iter_mut().zip(there) {
            *into = byte;
        }
        Some(out)
    }
}
