//! [`embedded_tls`](https://docs.rs/embedded-tls) as an engine: TLS 1.3, client, no allocator.
//!
//! It leaves to its user what a client must not leave out, and it can panic on what a peer sends. So its transport, its
//! cipher, its hash and its verifier are ours:
//!
//! * `handle`, `guard`, `hello`: the transport below it admits only records that are legal in their phase;
//! * `suite`, `envelope`: its cipher sees each plaintext before it does, and gives messages a shape that it can take;
//! * `transcript`, `facts`: its hash sees each handshake message, and keeps what it drops;
//! * `verifier`, `shown`: its questions about the server, and what we show of ourselves;
//! * `client`: the session, whose evidence is what the others recorded;
//! * `state`: what all of these know of one session.

pub(crate) mod client;
mod envelope;
mod facts;
pub(crate) mod guard;
mod handle;
mod hello;
mod shown;
pub(crate) mod state;
mod suite;
#[cfg(test)]
mod tests;
mod transcript;
mod verifier;
#[cfg(test)]
mod window;
