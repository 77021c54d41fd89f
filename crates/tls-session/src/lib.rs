//! TLS sessions that exist only if the peer is who a policy says: of a client with any engine, of a server with rustls.
//!
//! ```text
//! Policy ──▶ Session::open ──▶ engine ──▶ Evidence::covers ──▶ Session ──▶ Reader, Writer
//!               │                            │
//!               └──────────▶ Reason ◀────────┘   stage, code, Mbed TLS number, verify flags, subject, words
//! ```
//!
//! A session behind an async socket, split into a reader and a writer of [`embedded_io_async`]:
//!
//! ```
//! use embedded_hal_async::delay::DelayNs;
//! use embedded_io_async::{Read, Write};
//! use rand_core::CryptoRngCore;
//! use tls_session::{
//!     Anchors, Cause, Clock, Connection, Deadlines, Memory, Policy, Reason, Session, Stage,
//!     Timestamp,
//! };
//!
//! async fn ask(
//!     (rx, tx): (impl Read, impl Write),
//!     delay: impl DelayNs + Clone,
//!     rng: impl CryptoRngCore,
//!     ca: &[u8], // DER
//!     now: i64,  // seconds since 1970, UTC
//! ) -> Result<usize, Reason> {
//!     let setup = |cause: Cause| Reason::new(Stage::Setup, cause);
//!     let (cas, clock) = ([ca], Clock::At(Timestamp::from_unix(now)));
//!     let anchors = Anchors::new(&cas).map_err(setup)?;
//!     let policy = Policy::for_host("broker.local", anchors, clock).map_err(setup)?;
//!
//!     let connection = Connection::new(rx, tx, delay);
//!     let mut memory: Memory = Memory::new();
//!     let deadlines = Deadlines::default();
//!     let mut session = Session::open(&connection, &mut memory, &policy, deadlines, rng).await?;
//!
//!     let (mut reader, mut writer) = session.split();
//!     writer.write_all(b"ping").await?;
//!     writer.flush().await?;
//!     let mut answer = [0; 64];
//!     let count = reader.read(&mut answer).await?;
//!     session.close().await?;
//!     Ok(count)
//! }
//! ```
//!
//! | module | |
//! |---|---|
//! | [`policy`] | who the peer must be, as a value that prints; what checks less has `Danger` in its name |
//! | [`identity`] | our certificate chain and its key, for a server that asks |
//! | [`verify`] | path validation on webpki, usable alone ([`verify_server`]); the handshake's signature |
//! | [`evidence`] | what an engine saw, and whether it covers the policy |
//! | [`reason`] | why not, one table row per reason |
//! | [`resumption`] | what a resumed session stands on |
//! | [`transport`] | the byte stream that a session runs on |
//! | [`session`] | the only way to a reader and a writer |
//! | `budget`, `heap` | with rustls: how much heap a session may need, and who was promised how much |
//!
//! Policy, identity, verification, evidence and reasons know no engine. `engine/rustls` runs `rustls`, which asks the
//! same verification. `engine/embedded_tls` runs [`embedded_tls`] with its transport, its cipher, its
//! hash and its verifier ours: it leaves to its user what a client must not leave out, and can panic on what a peer
//! sends.
//!
//! With rustls a session may be resumed where the caller keeps [`Tickets`]: each is bound to server and policy. The crate
//! refuses to renegotiate, send early data, or go on after an error. It opens no socket, reads no clock
//! and, with embedded-tls alone, allocates nothing.
//!
//! Features: `embedded-tls` (default: TLS 1.3 and pre-shared keys, no allocator), `rustls` (TLS 1.2 and 1.3, with an
//! allocator); without either there are policies, verification and reasons, but no session. With both, pre-shared keys
//! go to embedded-tls and all else to rustls. `defmt` (formats for public types, log lines), `log` (log lines),
//! `p384-compact` (a P-384 of less code), `danger-secret-log` (for tools on a PC alone: secrets of sessions for who asks).
#![cfg_attr(not(test), no_std)]
#![cfg_attr(
    not(feature = "embedded-tls"),
    expect(
        dead_code,
        reason = "what only embedded-tls uses: pre-shared keys, the layout of an identity"
    )
)]

#[cfg(feature = "rustls")]
extern crate alloc;

mod alg;
#[cfg(feature = "rustls")]
pub mod budget;
#[cfg(any(feature = "embedded-tls", feature = "rustls"))]
mod engine;
pub mod evidence;
#[cfg(feature = "rustls")]
pub mod heap;
pub mod identity;
pub mod policy;
#[cfg(any(feature = "embedded-tls", feature = "rustls"))]
mod progress;
pub mod reason;
pub mod resumption;
#[cfg(any(feature = "embedded-tls", feature = "rustls"))]
pub mod session;
#[cfg(any(feature = "embedded-tls", feature = "rustls"))]
mod sizes;
#[cfg(any(feature = "embedded-tls", feature = "rustls"))]
pub mod transport;
pub mod verify;
mod version;

#[cfg(feature = "rustls")]
pub use budget::{Budget, Caps, Own, Records, budget};
#[cfg(feature = "danger-secret-log")]
pub use engine::rustls::danger_secret_log::danger_log_secrets;
pub use evidence::{Evidence, Opened};
#[cfg(feature = "rustls")]
pub use heap::{Heap, Ledger};
pub use identity::Identity;
pub use policy::{
    Anchors, ClientAuth, Clock, CommonName, EngineRule, MasterSecret, NameRule, PeerAuth, PeerName,
    Policy, PreSharedKey, Profile, ServerPolicy, Versions,
};
pub use reason::{Cause, PeerRole, Reason, Stage};
#[cfg(feature = "rustls")]
pub use session::HeapMemory;
#[cfg(any(feature = "embedded-tls", feature = "rustls"))]
pub use session::{
    Acceptor, Chain, Deadlines, FULL_OUTGOING, FULL_RECORD, Memory, Reader, Resumption, Session,
    Tickets, Writer,
};
#[cfg(any(feature = "embedded-tls", feature = "rustls"))]
pub use transport::{Connection, Transport};
pub use verify::{
    Accepted, CertificateRule, PeerCertificate, Version, check_certificate, verify_client,
    verify_server,
};
pub use x509_facts::Timestamp;

/// The code of the README, compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
