//! A flash in a file with the table of ESP-IDF's examples: what a board has already.

use std::error::Error;
use std::ffi::OsString;
use std::io::Write as _;

use partition_store::table::Checksum;
use partition_store::{Partition, PartitionKind, PartitionName, write_table};
use tempfile::NamedTempFile;

/// Is deleted when it is dropped.
pub(crate) struct Sample(NamedTempFile);

impl Sample {
    /// 128 KiB, with partitions `nvs` and `storage`.
    pub(crate) fn new() -> Result<Self, Box<dyn Error>> {
        let data = |name, subtype, offset, size| {
            let name = PartitionName::new(name)?;
            Partition::new(name, PartitionKind::Data, subtype, offset, size)
        };
        let nvs = data("nvs", 2, 0x9000, 0x6000).ok_or("a partition")?;
        let storage = data("storage", 6, 0x1_0000, 0x8000).ok_or("a partition")?;
        let mut flash = vec![0xff; 0x2_0000];
        let table = flash.get_mut(0x8000..0x9000).ok_or("a larger flash")?;
        write_table([nvs, storage], Checksum::Md5, table)?;
        let mut file = NamedTempFile::new()?;
        file.write_all(&flash)?;
        Ok(Self(file))
    }

    pub(crate) fn path(&self) -> OsString {
        self.0.path().into()
    }
}
