//! What tests of a modem stand on: the host at its AT port, real peers, emulated boards.
//!
//! | module | what |
//! |---|---|
//! | [`incoming`] | what a host has received, compared with what it expects |
//! | [`host`] | the host at the AT port |
//! | [`machine`] | a board with its flash, from power on to power off |
//! | [`peers`] | `openssl s_server`, `chronyd` |
//! | [`process`] | programs that end with the test |
//!
//! The tests themselves are in `tests/boards`; `cargo xtask qemu` and `cargo xtask c3` run them.

#![expect(
    clippy::missing_errors_doc,
    reason = "an error is a failed expectation, in words, and ends the test"
)]

pub mod host;
pub mod incoming;
pub mod machine;
pub mod peers;
pub mod process;
mod router;

use std::time::Duration;

/// For anything that is slow only when the machine is busy: with sixteen processes on two processors a
/// boot was seen to take more than 30 s.
pub const TIMEOUT: Duration = Duration::from_secs(90);
