//! What a user of this crate sees: facts of real certificates, of made ones, and of damaged ones.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test says no by panicking"
)]

mod extensions;
mod hostile;
mod made;
mod support;
mod vectors;
