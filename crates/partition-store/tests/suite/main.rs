//! What a user of this crate sees: tables, partitions, streams, settings, files; whole, at the
//! edges, and after a power cut at every step.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test says no by panicking"
)]

mod app_image;
mod file;
mod image;
mod key;
mod layout;
mod nvs;
mod nvs_cuts;
mod ota;
mod plain;
mod region;
mod settings;
mod settings_cuts;
mod settings_hostile;
mod stream;
mod support;
mod table;
mod vectors;
