//! What the radio's libraries read and write of the structures that the firmware hands to them.
//!
//! Their header does not always say it: that of esp-wifi-sys 0.3.0 has ten stations in
//! `wifi_sta_list_t`, where the libraries clear fifteen. So it is read from their instructions, in a
//! program as it is linked, and compared with the table that the firmware is compiled from.
//!
//! ```text
//! firmware/esp32/src/layouts.in ─┬─▶ firmware: the compiler's structures are so
//!                                └─▶ layouts ─ check ◀─ trace ◀─ program ◀─ linked ELF file
//! ```

pub mod check;
pub mod decode;
pub mod layouts;
pub mod program;
pub mod state;
pub mod trace;
