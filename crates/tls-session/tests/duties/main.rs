//! What a TLS session must do, whatever the peer does: one binary, so that all of it shares the
//! doubles in `tls-doubles`.
//!
//! | duty | file |
//! |---|---|
//! | 1 to 6: proof of who the server is | `authentication`; 4 in `src/engine/embedded_tls/tests.rs`, where the engine can be denied its verifier |
//! | 6, 7, 12 to 14: paths and names | `paths`, `names` |
//! | 8 to 16: dates, clock, names, pins, anchors, keys | `certificates` |
//! | 17 to 20, 22: records, messages, alerts | `records`, and `flights` for what is well-formed and hostile |
//! | 21: what the server chooses | `hello` |
//! | 23 to 25: stalls, cuts, failed writes, ends | `life` |
//! | 26 to 28: who we are | `identity` |
//!
//! Beside them: every order of messages (`orders`), every byte of every message changed under good keys (`changes`), pre-shared keys
//! (`psk`), a dry run (`probe`), the caller's memory (`sizes`), and the doubles themselves (`doubles`,
//! `scripted_server`).

#![cfg(feature = "embedded-tls")]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "doubles and checks of tests: a panic is how they say no"
)]

#[path = "../cases/mod.rs"]
mod cases;

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
mod orders;
mod path_work;
mod paths;
mod probe;
mod psk;
mod records;
mod scripted_server;
mod sizes;
