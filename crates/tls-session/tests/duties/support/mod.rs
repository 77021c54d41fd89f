//! Doubles for the duties: a scripted TLS 1.3 server, a transport, a clock, and certificates.
//!
//! ```text
//! pki ──▶ script ──▶ server ──▶ io (Rx, Tx) ──▶ the session under test ──▶ exec (polls it)
//!                                  ▲                                        │
//!                                  └────────────── clock ◀──────────────────┘
//! ```
//!
//! Written after RFC 8446 and RFC 5280 with the RustCrypto primitives, and with nothing of the
//! crate under test. Nothing here sleeps, starts a thread or reads a clock.

pub(crate) mod client_hello;
pub(crate) mod clock;
pub(crate) mod codec;
pub(crate) mod exec;
pub(crate) mod io;
pub(crate) mod keys;
pub(crate) mod message;
pub(crate) mod pki;
pub(crate) mod record;
pub(crate) mod rng;
pub(crate) mod script;
pub(crate) mod seen;
pub(crate) mod server;
