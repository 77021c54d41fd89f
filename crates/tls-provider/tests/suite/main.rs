//! The provider against published numbers, and against rustls with another provider.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "checks of tests: a panic is how they say no"
)]

mod client;
mod messages;
mod pair;

/// Entropy for tests: they need no secrets.
fn stir() {
    tls_provider::random::stir(&[7; 32]);
}
