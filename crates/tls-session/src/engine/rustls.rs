//! [`rustls`](https://docs.rs/rustls) as an engine: TLS 1.2 and 1.3, with an allocator.
//!
//! ```text
//! client (async) ─▶ incoming: header, watch, body ─▶ core (one record per step) ─▶ rustls ─▶ judge, signer
//!                ◀─ outgoing: what is not sent yet ◀───────────┘
//! ```
//!
//! rustls verifies nothing itself. Its questions go to the checks that every engine shares:
//!
//! * `suites`, `config`, `server`: the policy of either role as a configuration of rustls;
//! * `judge`: its verifier and signer, with a copy of what they need of the policy;
//! * `hello`, `client_hello`, `watch`: what is read of the records before rustls sees them;
//! * `side`: its connection of either role;
//! * `core`, `drive`: the synchronous step over one record, and the calls of rustls in it;
//! * `errors`: its errors as causes;
//! * `incoming`, `sealed`: records as they come, and those that wait to be sent;
//! * `halves`: what both directions work on;
//! * `store`, `resume`: tickets of all sessions, and those of one;
//! * `served`: what a server's sessions share;
//! * `client`: the session, and the handshake of either role.
//!
//! Received data stay in the caller's buffer (`tls_provider`), so a record costs no heap.

pub(crate) mod client;
mod client_hello;
mod config;
mod core;
#[cfg(feature = "danger-secret-log")]
pub(crate) mod danger_secret_log;
mod drive;
mod errors;
mod halves;
mod hello;
mod incoming;
mod judge;
mod resume;
mod sealed;
pub(crate) mod served;
mod server;
mod side;
pub(crate) mod store;
mod suites;
#[cfg(test)]
mod tests;
mod watch;
