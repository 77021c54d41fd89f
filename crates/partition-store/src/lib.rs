//! ESP-AT's flash: partition tables, partitions, and settings that survive a power cut.
//!
//! A flash image made by Espressif's tools works here, and one made here works there: same tables,
//! names, types, offsets and sizes. Everything runs over the `NorFlash` trait of
//! `embedded-storage-async`, without allocator.
//!
//! ```text
//! bytes ─▶ Table                        one table, checked whole
//! flash ─▶ Layout ─▶ FlashStore ─┬▶ Region        one user partition: read, erase, write
//!                                ├▶ StreamWrite   a write that arrives in pieces
//!                                ├▶ Nvs           values in `mfg_nvs`, in ESP-IDF's format
//!                                └▶ Settings      key-value records in partition `nvs`
//! ```
//!
//! What it refuses: a table that is not in order, a partition that leaves its place or overlaps
//! another, a range that leaves its partition, and to change for a host what is not a user
//! partition. What it leaves alone: what the partitions hold (`replace_image` knows that an image's
//! first eight bytes come last, no more), encrypted partitions.
//!
//! * [`Table`], [`write_table`]: the binary form of a partition table
//! * [`Layout`], [`Chip`], [`layout::format`]: both tables of a flash; the known layouts
//! * [`PartitionStore`], [`FlashStore`], [`Region`], [`StreamWrite`]: partitions by name
//! * [`nvs`]: certificates and parameters as ESP-AT 3.1 and later keep them
//! * [`settings`]: records of the modem
//! * `mock` (feature `mock`): flash in memory, stricter than the chip
//! * `file` (feature `std`): flash in a file
//!
//! Features: `defmt` and `log` (where log lines go), `mock`, `std`; all off by default.
#![no_std]

#[cfg(feature = "mock")]
extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

mod entry;
#[cfg(feature = "std")]
pub mod file;
pub mod layout;
#[cfg(feature = "mock")]
pub mod mock;
mod name;
pub mod nvs;
mod region;
pub mod settings;
mod store;
mod stream;
pub mod table;

pub use entry::{ENTRY_SIZE, FLAG_ENCRYPTED, FLAG_READ_ONLY, Kind, Partition};
#[cfg(feature = "std")]
pub use file::FileFlash;
pub use layout::{Chip, Generation, Layout, LayoutError};
pub use name::Name;
pub use nvs::{Nvs, NvsError};
pub use region::{Region, RegionError, WriteReport};
pub use settings::{Key, Settings, SettingsError};
pub use store::{FlashError, FlashStore, PartitionStore, StoreError};
pub use stream::StreamWrite;
pub use table::{Table, TableError, Warning, write_table};
