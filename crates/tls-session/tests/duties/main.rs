//! What a TLS session must do, whatever the peer does: one binary, so that all of it shares the
//! doubles in `support`.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "doubles and checks of tests: a panic is how they say no"
)]

mod authentication;
mod certificates;
mod changes;
mod client;
mod doubles;
mod flights;
mod hello;
mod identity;
mod life;
mod names;
mod paths;
mod probe;
mod psk;
mod records;
mod scripted_server;
mod sizes;
mod support;
