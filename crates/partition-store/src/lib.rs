//! Partitions of ESP-IDF and ESP-AT flash: tables, regions, and settings that survive a power cut.
//!
//! A flash image made by Espressif's tools works here, and one made here works there: same tables,
//! names, types, offsets and sizes. Everything runs over the `NorFlash` trait of
//! `embedded-storage-async`, without allocator.
//!
//! ```text
//! flash ─▶ PartitionTable ─▶ Region ─┬▶ read, erase, write   offsets from the partition's start
//!                                    ├▶ Settings             records by your own keys
//!                                    └▶ Nvs                  values in ESP-IDF's format
//!
//! esp_at    both tables of ESP-AT, its partitions by name, its write command
//! ```
//!
//! # A setting on a plain ESP-IDF flash
//!
//! ```
//! use partition_store::mock::{MemFlash, Rewrite};
//! use partition_store::settings::{Opened, Owner, Settings};
//! use partition_store::table::{Checksum, write_table};
//! use partition_store::{PartitionKind, PartitionName, Partition, PartitionTable, Region, TableAddress};
//!
//! # fn flash() -> MemFlash {
//! #     let name = |text| PartitionName::new(text).expect("a name");
//! #     let at = |text, offset, size| Partition::new(name(text), PartitionKind::Data, 2, offset, size).expect("a range");
//! #     let mut bytes = vec![0xff; 0x10_0000];
//! #     let table = [at("nvs", 0x9000, 0x6000), at("storage", 0x2_0000, 0x8000)];
//! #     write_table(table, Checksum::Md5, &mut bytes[0x8000..0x9000]).expect("a table");
//! #     MemFlash::holding(bytes).on_rewrite(Rewrite::And)
//! # }
//! const BRIGHTNESS: u8 = 1;
//! const OWNER: Owner = Owner { magic: *b"my-lamp!", version: 1 };
//!
//! # embassy_futures::block_on(async {
//! let mut flash = flash(); // any `NorFlash`: the driver of a chip, or `FileFlash` on a PC
//! let table = PartitionTable::<32>::read(&mut flash, TableAddress::ESP_IDF_DEFAULT).await?;
//! let storage = table.find("storage").ok_or("no partition of this name")?;
//!
//! let region = Region::open(&mut flash, storage)?;
//! let (mut settings, opened) = Settings::open(region, OWNER).await?;
//! assert!(matches!(opened, Opened::Formatted(_)));
//!
//! settings.set(BRIGHTNESS, b"80").await?;
//! let mut buffer = [0; 8];
//! assert_eq!(settings.get(BRIGHTNESS, &mut buffer).await?, Some(&b"80"[..]));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! What it refuses: a table that is not in order, a partition that leaves the flash or overlaps
//! another, a range that leaves its partition. What it leaves alone: what the partitions hold, and
//! encryption.
//!
//! | module | what |
//! |---|---|
//! | [`table`] | a partition table: from flash, from bytes, to bytes |
//! | crate root | [`Partition`], [`Region`] and their errors |
//! | [`settings`] | records by key |
//! | [`nvs`] | ESP-IDF's own key-value format, for the partition `mfg_nvs` |
//! | [`ota`] | which of two programs starts |
//! | [`app_image`] | a program in flash: whole or damaged, for which chip, which version |
//! | [`esp_at`] | what only a flash of ESP-AT has |
//! | `mock` (feature `mock`) | flash in memory, stricter than the chip |
//! | `file` (feature `std`) | flash in a file |
//!
//! Features: `defmt` and `log` (where log lines go), `mock`, `std`; all off by default.
#![no_std]

#[cfg(feature = "mock")]
extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

pub mod app_image;
mod crc;
mod entry;
pub mod esp_at;
#[cfg(feature = "std")]
pub mod file;
#[cfg(feature = "mock")]
pub mod mock;
mod name;
pub mod nvs;
pub mod ota;
mod region;
pub mod settings;
pub mod table;

pub use app_image::{AppImage, ChipId, ImageError};
pub use entry::{ENTRY_SIZE, FLAG_ENCRYPTED, FLAG_READ_ONLY, Partition, PartitionKind};
pub use esp_at::{
    BuiltIn, CertStorage, Chip, FlashError, FlashStore, Layout, LayoutError, PartitionStore,
    StoreError, StreamWrite,
};
#[cfg(feature = "std")]
pub use file::FileFlash;
pub use name::PartitionName;
pub use nvs::{Nvs, NvsError};
pub use ota::{Ota, SelectError, Slot, SlotError, Slots};
pub use region::{AccessError, OpenError, Region, RegionError, SECTOR, WriteReport};
pub use settings::{Settings, SettingsError};
pub use table::{PartitionTable, Table, TableAddress, TableError, TableWarning, write_table};

/// The code of the README, compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
