//! The simulator as a user meets it: the program, real flash files, `openssl s_server` and `chronyd`.
//!
//! Nothing here reaches into the crates; what the modem must say is compared byte for byte.
//!
//! | module | claims |
//! |---|---|
//! | `story` | from an erased flash to a verified session, with every server key there is |
//! | `refusals` | each way a session is refused has its own reason |
//! | `peers` | servers with other tastes |
//! | `bad_input` | nothing a host sends, or stops sending, harms the modem |
//! | `flash_files` | flash images that cannot be used are refused in one line |
//! | `restart` | what outlives the power |
//! | `ports` | pseudo-terminal and standard input |
#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test says no by panicking"
)]

mod bad_input;
mod flash_files;
mod peers;
mod ports;
mod refusals;
mod restart;
mod story;
mod support;
