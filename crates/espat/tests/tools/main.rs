//! The tools that are a modem's host, as programs: `replay` and `term`.
//!
//! | module | what |
//! |---|---|
//! | `program` | `espat` with input, and `espat sim` beside it |
//! | `terminal` | a pseudo-terminal with a person at it |
//! | `replay`, `term` | the claims |
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test says no by panicking"
)]

mod demo_svg;
mod program;
mod replay;
mod term;
mod terminal;
