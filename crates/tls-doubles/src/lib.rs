//! Doubles for tests of TLS sessions: a scripted TLS 1.3 server, a transport, a clock, certificates.
//!
//! ```text
//! pki ──▶ script ──▶ server ──▶ io (Rx, Tx) ──▶ the session under test ──▶ exec (polls it)
//!                                  ▲                                        │
//!                                  └────────────── clock ◀──────────────────┘
//! ```
//!
//! Written after RFC 8446 and RFC 5280 with the RustCrypto primitives, and with nothing of the
//! crate under test. Nothing here sleeps, starts a thread or reads a clock.

#![expect(
    missing_docs,
    missing_debug_implementations,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "doubles of tests: a panic is how they say no, and their names say what they are"
)]

pub mod client_hello;
pub mod clock;
pub mod codec;
mod exchange;
pub mod exec;
pub mod io;
pub mod keys;
pub mod message;
pub mod pki;
pub mod record;
pub mod rng;
pub mod script;
pub mod seen;
pub mod server;
