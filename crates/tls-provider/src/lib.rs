//! A [`CryptoProvider`] for rustls 0.23 made of RustCrypto crates, for devices with little memory.
//!
//! `no_std` with `alloc`, no unsafe code. It offers TLS 1.3 and 1.2 with AES-128-GCM, AES-256-GCM and
//! ChaCha20-Poly1305 ([`SUITES`]) and P-256, X25519 and P-384 ([`GROUPS`]).
//!
//! Four things differ from other providers:
//!
//! * **It verifies no signature and loads no key.** The list of signature verification algorithms is
//!   empty, so whoever builds a configuration brings verifiers and a certificate resolver.
//! * **Received application data do not come out of rustls.** They stay in the buffer of the caller,
//!   who feeds one record at a time, and rustls returns a note that [`plaintext`] reads. A record then
//!   costs no heap.
//! * **What a peer may make rustls hold is capped** by the header of each handshake message:
//!   [`Messages`], [`Refused`].
//! * **NewSessionTicket messages of TLS 1.3 do not reach rustls.** It gets an empty one in their place. A session that may
//!   be resumed has suites of [`with_tickets`], and rustls then gets those that can be kept. Where rustls sends no alert,
//!   the caller can ask for one: [`alert_request`].
//!
//! Randomness comes from one pool for the whole program: [`random`].
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod exchange;
mod hash;
mod lists;
mod messages;
pub mod random;
mod record;
mod suites;
pub mod sync;

use alloc::string::String;

use rustls::crypto::{CryptoProvider, KeyProvider, SupportedKxGroup, WebPkiSupportedAlgorithms};
use rustls::sign::SigningKey;
use rustls::{Error, SupportedCipherSuite};
use rustls_pki_types::PrivateKeyDer;

pub use exchange::GROUPS;
pub use lists::CERTIFICATES;
pub use messages::{
    FLIGHT, Messages, Refused, TICKET, TICKETS, What, limit, next_ticket_period, set_limits,
};
pub use record::{Alert, STORABLE, Tickets, alert_request, plaintext, tickets};
pub use suites::{SUITES, with_tickets};

/// A provider of `suites` and `groups`, each preferred first.
///
/// It has no signature verification algorithms, and refuses every private key.
#[must_use]
pub fn provider(
    suites: &[SupportedCipherSuite],
    groups: &[&'static dyn SupportedKxGroup],
) -> CryptoProvider {
    CryptoProvider {
        cipher_suites: suites.to_vec(),
        kx_groups: groups.to_vec(),
        signature_verification_algorithms: WebPkiSupportedAlgorithms {
            all: &[],
            mapping: &[],
        },
        secure_random: &random::Pool,
        key_provider: &NoKeys,
    }
}

/// Private keys stay with the caller, who gives rustls a resolver with a signer of its own.
#[derive(Debug)]
struct NoKeys;

impl KeyProvider for NoKeys {
    fn load_private_key(
        &self,
        _key: PrivateKeyDer<'static>,
    ) -> Result<sync::Arc<dyn SigningKey>, Error> {
        Err(Error::General(String::from("tls-provider loads no keys")))
    }
}

/// The code of the README, compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
