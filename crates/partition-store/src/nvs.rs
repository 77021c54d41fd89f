//! NVS of ESP-IDF, in the partition `mfg_nvs`: where ESP-AT 3.1 and later keep certificates.
//!
//! ```text
//! partition   pages of one sector each, in the order of their sequence numbers; one is always spare
//! page        header, 2 bits for each entry (empty, written, erased), 126 entries of 32 bytes
//! value       number          one entry
//!             text            an entry that announces it, and its bytes behind, in one page
//!             binary          as many chunks as pages make necessary, and then one index entry
//! ```
//!
//! Nothing of it is kept in memory but the order of the pages: every call reads what it needs, so a
//! partition that `AT+SYSFLASH` wrote is used at once. Of several values under one key the last one
//! counts. What a checksum does not vouch for is never handed out.
//!
//! # After a power cut
//!
//! | while | is left |
//! |---|---|
//! | [`Nvs::set_number`], [`Nvs::set_text`], [`Nvs::set_binary`] | the value before, or the new one |
//! | the same, for a key that is new | no value, or the new one |
//! | [`Nvs::erase_key`] | the value, or none |
//! | [`Nvs::erase_namespace`] | any of its values gone, each wholly |
//! | any of them, as the last page is full | every other value as it was |
//!
//! A new value is whole in flash before the old one is marked erased. When pages run out, the one
//! with most to gain is marked as being freed, what counts of it is copied to the spare page,
//! and it is erased: at no moment is a value in no page. [`Nvs::open`] finishes what was begun.
//!
//! Format: ESP-IDF's, so that its own code goes on where this one was cut, and the other way round.
//! spec: cert-bin 9.3; page for people: `docs/formats/mfg-nvs.md`

mod error;
mod format;
mod free;
mod items;
mod label;
mod pages;
mod put;
mod read;
mod stream;
mod write;

pub use self::error::{Damage, NvsError};
pub use self::items::Cursor;
pub use self::label::{Label, ValueKind};
pub use self::pages::{MAX_CHUNKS, MAX_PAGES, MAX_TEXT, Nvs};
pub use self::read::{Listed, Value};
pub use self::stream::ValueWrite;
