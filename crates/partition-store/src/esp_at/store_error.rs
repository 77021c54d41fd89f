//! Why a partition of ESP-AT was not found, read, written or erased.

use core::fmt;

use crate::{AccessError, PartitionKind};

/// Why [`PartitionStore`](super::PartitionStore) or a write of `AT+SYSFLASH` failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum StoreError<E> {
    /// No partition of this name is listed.
    NoSuchPartition,
    /// The partition is listed, but `AT+SYSFLASH` may not change it.
    NotUserPartition {
        /// What it is.
        kind: PartitionKind,
    },
    /// The partition is there, and this went wrong in it.
    Access(AccessError<E>),
}

impl<E> From<AccessError<E>> for StoreError<E> {
    fn from(error: AccessError<E>) -> Self {
        Self::Access(error)
    }
}

impl<E> StoreError<E> {
    /// The low 16 bits of ESP-AT's `ERR CODE:0x010A....` for this error (spec: cert-bin 7).
    ///
    /// ```text
    /// 0 no such partition    1 bad range or alignment    2 erase failed    3 read or write failed
    /// ```
    #[must_use]
    pub const fn extension(&self) -> u16 {
        match self {
            Self::NoSuchPartition | Self::NotUserPartition { .. } => 0,
            Self::Access(AccessError::BadRange { .. } | AccessError::NotAligned { .. }) => 1,
            Self::Access(AccessError::EraseFailed(_)) => 2,
            Self::Access(
                AccessError::ReadFailed(_)
                | AccessError::WriteFailed(_)
                | AccessError::WriteNotTaken { .. },
            ) => 3,
        }
    }
}

impl<E: fmt::Debug> fmt::Display for StoreError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSuchPartition => f.write_str("no such partition"),
            Self::NotUserPartition { kind } => write!(
                f,
                "partition of type {} is not for the host to change",
                kind.number()
            ),
            Self::Access(error) => error.fmt(f),
        }
    }
}

impl<E: fmt::Debug> core::error::Error for StoreError<E> {}
