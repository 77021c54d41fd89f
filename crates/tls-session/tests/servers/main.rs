//! Sessions with clients of ours: what a server demands, and what it says to those who come without it.
//!
//! | file | |
//! |---|---|
//! | `openings` | versions, suites, groups, keys, names, data both ways, ends |
//! | `clients` | certificates of clients: none, right, strange, out of date, for another purpose |
//! | `hellos` | hellos of other libraries: values that nobody knows, large shares, tickets, early data |
//! | `hostile` | other protocols, old versions, garbage, stalls, cuts, flips, sizes, wrong proofs |
//!
//! `visitor` is the client, `host` the session under test.

#![cfg(feature = "rustls")]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "doubles and checks of tests: a panic is how they say no"
)]

mod clients;
mod hellos;
mod host;
mod hostile;
mod openings;
mod own_time;
mod visitor;
