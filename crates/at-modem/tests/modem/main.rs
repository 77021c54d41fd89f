//! The whole modem, driven over an AT port in memory.
//!
//! Sockets, station, flash and time are doubles in `support`: nothing here opens a socket, starts a
//! thread or sleeps. A test says bytes, lets the modem run until it waits, and compares every byte
//! that came out (spec: at-commands A.8 to A.22, B.1 to B.4, C).
//!
//! They need the feature `mock-time`: `cargo test -p at-modem --features mock-time`.
#![cfg(feature = "mock-time")]
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a double or a helper that meets what no test foresees fails the test"
)]

mod support;

// The fuzz bodies of the whole modem, and what they are made of.
#[expect(dead_code, reason = "some of it is for other bodies")]
#[path = "../../../fuzz-bodies/src/flash.rs"]
mod flash;
#[path = "../../../fuzz-bodies/src/modem.rs"]
mod modem;
#[expect(unreachable_pub, reason = "it is public in its package")]
#[path = "../../../fuzz-bodies/src/mutate.rs"]
mod mutate;
#[path = "../../../fuzz-bodies/src/sntp_target.rs"]
mod sntp_target;
#[expect(unreachable_pub, reason = "it is public in its package")]
#[path = "../../../fuzz-bodies/src/take.rs"]
mod take;

// What that body asks, and what it sets.
#[allow(
    dead_code,
    unreachable_pub,
    reason = "an answer sets it, and nothing else is looked at"
)]
#[path = "../../src/clock.rs"]
mod clock;
#[path = "../../src/sntp.rs"]
mod sntp_code;

mod busy;
mod commands;
mod connecting;
mod custom;
mod filter;
mod five_links;
mod framing;
mod fuzzed;
mod legacy;
mod links;
mod mfg;
mod mfg_credentials;
mod module;
mod moments;
mod noise;
mod options;
mod output;
mod passive;
mod passthrough;
mod persistence;
mod pki;
mod polls;
mod probe;
mod radio;
mod reconnect;
mod resumption;
mod rollback;
mod sending;
mod server;
mod sntp;
mod soak;
mod sysflash;
mod time;
#[cfg(feature = "rustls")]
mod tls_server;
#[cfg(feature = "rustls")]
mod tls_server_crowd;
mod trust;
mod udp;
mod wifi;
#[cfg(target_os = "linux")]
mod wiping;
mod wiping_sessions;
