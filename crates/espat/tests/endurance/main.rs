//! Much of everything: what a full buffer does, and a day of traffic in a minute.
//!
//! | module | claim |
//! |---|---|
//! | `flow` | whoever is slow stops the other side, and nothing is dropped |
//! | `soak` | five links of all kinds lose no byte |
//!
//! What is sent and what arrives is compared by SHA-256.
#![expect(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test says no by panicking"
)]

mod echo;
mod flow;
#[path = "../harness/mod.rs"]
mod harness;
mod host;
#[path = "../transcripts/pki.rs"]
mod pki;
mod soak;
