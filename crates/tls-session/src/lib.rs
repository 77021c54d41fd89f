//! What a TLS 1.3 client session must check, whether it did, and why it refused.
//!
//! ```text
//! Policy ──▶ Session::open ──▶ Session (chain, dates, name, handshake signature: all recorded)
//!               │                 └─▶ Reader / Writer
//!               └──▶ Reason (stage, Mbed TLS number, verify flags, depth, subject, wanted, words)
//! ```
//!
//! [`embedded_tls`] is the record and handshake engine. It leaves to its user what a client must
//! not leave out, and it can panic on what a peer sends; so it runs inside this crate, with its
//! transport, its cipher and its verifier ours:
//!
//! * [`policy`]: what will be checked, as a value; anything that checks less says `Danger`;
//! * [`verify`]: path validation on webpki, usable alone ([`verify_server`]);
//! * [`guard`]: the transport under the engine; only legal records pass;
//! * [`suite`]: the cipher, which sees each plaintext before the engine does;
//! * [`transcript`]: the hash, which sees each handshake message after the engine did;
//! * [`identity`]: our certificate and key, for a server that asks;
//! * [`session`]: the only way to a readable or writable session;
//! * [`reason`]: why not.
//!
//! It refuses to: renegotiate, resume, send early data, fall back to an older TLS, or go on after
//! an error. It opens no socket, reads no clock and allocates nothing.
//!
//! Features: `defmt` (formats for public types, log lines), `log` (log lines).
#![cfg_attr(not(test), no_std)]

mod alg;
mod envelope;
mod facts;
pub mod guard;
mod hello;
pub mod identity;
pub mod policy;
pub mod reason;
pub mod session;
mod shared;
pub mod suite;
pub mod transcript;
mod verifier;
pub mod verify;
#[cfg(test)]
mod window;

#[cfg(test)]
#[expect(
    dead_code,
    reason = "the doubles of the duties, of which unit tests need a few"
)]
#[path = "../tests/duties/support/mod.rs"]
mod support;

pub use guard::GuardedTransport;
pub use identity::Identity;
pub use policy::{Anchors, Clock, CommonName, NameRule, PeerAuth, PeerName, Policy, PreSharedKey};
pub use reason::{Cause, Reason, Stage};
pub use session::{Chain, Deadlines, FULL_OUTGOING, FULL_RECORD, Memory, Reader, Session, Writer};
pub use verify::{Accepted, verify_server};
pub use x509_facts::Timestamp;
