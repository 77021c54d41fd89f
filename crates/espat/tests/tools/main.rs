//! The tools as programs: `replay` and `term`, which are a modem's host, and how every command ends.
//!
//! | module | what |
//! |---|---|
//! | `program` | `espat` with input, and `espat sim` beside it |
//! | `terminal` | a pseudo-terminal with a person at it |
//! | `replay`, `term`, `statuses` | the claims |
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test says no by panicking"
)]

mod demo_svg;
mod program;
mod replay;
mod statuses;
mod term;
mod terminal;
