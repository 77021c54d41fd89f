//! ESP-AT's flash on top of the rest: its two tables, its partitions by name, its write command.
//!
//! ```text
//! 0x8000                      primary table: nvs, at_customize, programs, ...
//! <at_customize>              secondary table
//! <at_customize> + 0x1000 ..  the partitions that AT+SYSFLASH lists
//! ```
//!
//! | file | what |
//! |---|---|
//! | `layout` | both tables of a flash, checked against each other |
//! | `builtin` | the layouts of known modules |
//! | `format` | a blank flash made into one of a known layout |
//! | `store` | partitions by name, and which of them a host may change |
//! | `stream` | a write that arrives in pieces |
//! | `image` | a certificate image in place of another |
//!
//! spec: cert-bin 8.2, 9.1

mod builtin;
mod error;
mod format;
mod image;
mod layout;
mod store;
mod store_error;
mod stream;

pub use self::builtin::{BuiltIn, CertStorage, Chip};
pub use self::error::{LayoutError, Which};
pub use self::format::{FACTORY_PARAM_SIZE, FactoryParam, factory_param, format};
pub use self::layout::{CONTAINER, Layout, MAX_PARTITIONS, MFG, SETTINGS, USER, is_mfg, is_user};
pub use self::store::{FlashError, FlashStore, PartitionStore};
pub use self::store_error::StoreError;
pub use self::stream::StreamWrite;
