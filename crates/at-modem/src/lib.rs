//! The modem engine: one AT port in, sockets, flash, a station and a clock out.
//!
//! ```text
//! port ─▶ framing ─▶ command ─┬─▶ flash partitions, settings
//!   ▲                      ├─▶ station, SNTP, clock
//!   │                      └─▶ task of a link ─▶ CA, name, TCP, tls-session
//!   └── output ◀── command, tasks (+IPD, CLOSED, WIFI …, +TIME_UPDATED), busy p...
//! ```
//!
//! [`Modem::boot`] reads partition tables and settings, [`Modem::run`] serves a port. Everything
//! outside comes through traits ([`Parts`]), so the simulator, an emulated board and a chip run this
//! code path. All of it is one task: parts share cells, and a link's reads and writes live in a
//! future of their own that no command drops.
//!
//! It refuses to: open a socket of its own, know a chip, allocate, or print anything between a
//! prompt and the end of its data.
//!
//! | module | what |
//! |---|---|
//! | `port` | the AT port: lines, payload after a prompt, what other input means; messages out, whole and in turn |
//! | `filter` | what the host does not want to read |
//! | [`CustomCommands`], [`Answer`], [`CommandError`] | commands of your own; how a command ends, and why it failed |
//! | `buffers` | every large buffer, handed over once |
//! | [`Parts`] | what a board gives |
//! | `command` | commands, one file per family |
//! | `cx` | what a command can reach |
//! | `task` | futures over sockets and radio: links, server, station, time |
//! | `links` | the five links: their states, what arrived on them |
//! | `tls` | from settings to the terms of a session; memory of a handshake |
//! | `flash` | the flash chip: settings records, partitions, certificates and keys in them |
//! | `settings` | what commands set, and the records of what is stored |
//! | `changes` | waiting for a condition over shared state |
//! | `place` | large futures, made where they stay |
//! | `scratch` | what is read from flash and looked at as a whole |
//! | `secret` | keys in RAM |
//! | [`Platform`] | the six parts of a board |
//! | [`Network`], [`NetExtras`] | any edge-nal stack, and what edge-nal has no API for |
//! | [`wifi`] | the station trait |
//! | [`clock`] | the wall clock, which knows "unknown" |
//!
//! Features: `defmt` and `log` (where log lines go), `mock-time` (a clock that tests turn by hand;
//! for this crate's own tests); all off by default.
#![no_std]
#![expect(
    async_fn_in_trait,
    reason = "one task owns a modem; its futures need not be Send"
)]

#[cfg(feature = "rustls")]
extern crate alloc;

mod answer;
mod buffers;
mod changes;
pub mod clock;
mod command;
mod cx;
mod failure;
mod filter;
mod flash;
mod links;
mod modem;
mod net;
mod parts;
mod platform;
mod port;
mod scratch;
mod secret;
mod settings;
mod sntp;
mod station;
mod task;
mod time;
mod tls;
mod unsupported;
mod user_ram;
pub mod why;
pub mod wifi;

pub use answer::{Answer, CustomCommands, Done};
pub use at_grammar::LinkId;
pub use at_grammar::types::SleepMode;
pub use buffers::ModemBuffers;
pub use clock::{BUILT, WallClock};
pub use failure::{CommandError, Failure};
pub use modem::{BootError, Exit, Modem};
pub use net::{NetExtras, Network, PingError, TcpOptions};
pub use parts::{Assembled, Parts, ProductInfo};
pub use platform::{Board, MemoryKind, MemoryReport, Platform, ReasonOf};
pub use task::Sessions;
pub use tls_session::Timestamp;
#[cfg(feature = "rustls")]
pub use tls_session::{Caps, Heap, Ledger};
pub use unsupported::Unsupported;

/// The code of the README, compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
