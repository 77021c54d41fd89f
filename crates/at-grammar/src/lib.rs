//! ESP-AT command lines and response lines as types, parsed and written by the same code.
//!
//! A modem parses command lines and writes replies; a host writes command lines and parses
//! replies. Both find all of it here, without an allocator, an executor or a port:
//!
//! ```text
//!            host                                       modem
//! Command ── write_line ─▶ "AT+CIPMUX=1\r\n" ─▶ parse_line ─▶ Command
//! Event  ◀─ ReplyParser ◀─ "\r\nOK\r\n"      ◀── write_to ─── Reply
//! ```
//!
//! ```
//! use at_grammar::{Command, LinkId, Mux, Reply, parse_line};
//!
//! let Ok(Command::CipcloseSet(close)) = parse_line(b"AT+CIPCLOSE=0", Mux::Multiple) else {
//!     panic!("a command");
//! };
//! assert!(close.0.includes(LinkId::ZERO));
//!
//! let mut out = heapless::Vec::<u8, 16>::new();
//! Reply::Closed(Some(LinkId::ZERO)).write_to(&mut out)?;
//! assert_eq!(out, b"0,CLOSED\r\n");
//! # Ok::<(), at_grammar::Full>(())
//! ```
//!
//! What it refuses to do: find line ends in a stream of commands (the modem's framing does, and
//! takes binary payloads off the port itself), keep state between commands, or decide what a
//! command means. Values are in their documented ranges once they have a type; whether a partition
//! or a link exists is for others to say.
//!
//! # Declaring a further command
//!
//! 1. A struct for its set form and one for its information line in the file of its family under
//!    `commands`, with [`SetForm`] and [`InfoLine`](reply::InfoLine). A single parameter needs no
//!    struct: any [`Field`](args::Field) is both.
//! 2. A row of the table in `table.rs`, at the place `AT+CMD?` lists it. A word before its name says
//!    what is special about it: see [`Listing`] and [`Suffix`].
//!
//! Everything else follows from the row: the variants of [`Command`] and [`Info`], dispatch, the
//! flags of the inventory, both writers and the reply reader.
//!
//! # Modules
//!
//! | module | what |
//! |---|---|
//! | crate root | [`parse_line`], [`parse_line_as`], [`Command`], [`Info`], [`Reply`], [`ReplyParser`], errors, sinks |
//! | [`commands`] | parameters and information lines, one file per family |
//! | [`types`] | domain types: names, numbers, addresses, codes, zones |
//! | [`reply`] | messages of the modem and their reader |
//! | [`args`] | parameter lists, for declaring commands |
//!
//! Features, all off by default: `alloc` ([`Sink`] for `Vec<u8>`), `defmt` (formats the public
//! types, logs to defmt), `log` (logs to the `log` facade).
#![no_std]

#[cfg(feature = "alloc")]
extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod args;
pub mod commands;
mod error;
mod legacy;
mod line;
pub mod reply;
mod sink;
mod table;
mod text;
pub mod types;

pub use args::Mux;
pub use error::{ArgError, ErrorWord, FieldError, LineError};
pub use legacy::{Generation, Parsed, SslBuffer, Suffix, parse_line_as};
pub use line::{MAX_LINE, SetForm, WriteError, parse_line};
pub use reply::{Event, Progress, Reply, ReplyParser};
pub use sink::{Full, Measure, Sink, SliceSink};
pub use table::{Command, Forms, Info, Listing, Row};
pub use text::AtStr;
pub use types::LinkId;

/// The code of the README, compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
