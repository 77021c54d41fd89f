//! The engine of rustls against real servers of TLS 1.2 and 1.3, and one verdict whatever the engine.
//!
//! | file | |
//! |---|---|
//! | `openings` | versions, suites, groups, keys, data both ways, ends; which engine runs |
//! | `hellos` | what is offered, and what a server may not answer |
//! | `changes` | HelloRetryRequest, KeyUpdate, small records, small pieces |
//! | `identity` | who we are, for a server that asks |
//! | `proofs` | handshake signatures and Finished |
//! | `hostile` | flights with any byte changed, missing, or messages in any order |
//! | `records`, `older` | what may come after the handshake of TLS 1.3, and of 1.2 |
//! | `resumed`, `bound` | sessions that are resumed, and what a ticket is bound to |
//! | `tickets` | what servers send as tickets, and how many are kept |
//! | `life` | stalls, failed writes, dropped futures, ends |
//! | `verdicts` | the same reason by every engine and version, and the alert that says it |
//!
//! `peer` is the server, `client` the session under test.

#![cfg(feature = "rustls")]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "doubles and checks of tests: a panic is how they say no"
)]

#[path = "../cases/mod.rs"]
mod cases;

mod bound;
mod changes;
mod client;
mod hellos;
mod hostile;
mod identity;
mod life;
mod older;
mod openings;
mod peer;
mod proofs;
mod records;
mod resumed;
mod tickets;
mod verdicts;
