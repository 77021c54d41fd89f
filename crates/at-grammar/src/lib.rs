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
//! use at_grammar::commands::tcpip::TcpipCommand;
//! use at_grammar::{Command, LinkId, Mux, Reply, parse_line};
//!
//! let command = parse_line(b"AT+CIPCLOSE=0", Mux::Multiple);
//! let Ok(Command::Tcpip(TcpipCommand::CipcloseSet(close))) = command else {
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
//! # A command of your own
//!
//! [`commands!`] declares a set of commands: their forms, their information lines, their table. A
//! modem looks a line up with [`CommandSet::from_raw`], a host writes and reads with the same types.
//!
//! ```
//! use at_grammar::{CommandSet as _, Event, InfoSet as _, Mux, Progress, RawLine, ReplyParser};
//!
//! at_grammar::commands! {
//!     /// Commands of the LED.
//!     pub enum LedCommand;
//!     /// Their information lines.
//!     pub enum LedInfo;
//!     "AT+LED" { query Query; set Set(u8); execute Toggle; info Level(u8); }
//! }
//!
//! // Modem: a line becomes a command, and its answer is written.
//! let command = LedCommand::from_raw(&RawLine::parse(b"AT+LED?")?, Mux::Single)?;
//! assert_eq!(command, LedCommand::Query);
//! let mut reply = heapless::Vec::<u8, 32>::new();
//! LedInfo::Level(40).write_to(&mut reply)?;
//! assert_eq!(reply, b"+LED:40\r\n");
//!
//! // Host: a line that this crate does not know is handed out as it is.
//! let Progress::Event { event: Event::Line(line), .. } = ReplyParser::new().next(&reply) else {
//!     panic!("a line");
//! };
//! assert_eq!(LedInfo::read_line(line), Some(LedInfo::Level(40)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Several parameters or fields, up to four and none optional, are a tuple: `set Set((u16, u16))`. Where one may be left
//! out, a struct implements [`SetForm`], and [`InfoLine`] for a line; the files under [`mod@commands`] are examples. `at-modem` takes such a set and its
//! handlers as `CustomCommands`.
//!
//! A command of this crate's is a row in the file of its family under [`mod@commands`] and a place in
//! the order of `table.rs`; one without the other does not compile. [`Command`] and its families are
//! not `non_exhaustive`: a new row is a minor version, and a modem that does not answer it does not
//! compile.
//!
//! # Modules
//!
//! | module | what |
//! |---|---|
//! | crate root | [`parse_line`], [`Command`], [`Info`], [`Reply`], [`ReplyParser`], errors, sinks |
//! | crate root | [`commands!`], [`CommandSet`], [`InfoSet`], [`RawLine`]: sets of commands |
//! | [`mod@commands`] | parameters and information lines, one file per family |
//! | [`types`] | domain types: names, numbers, addresses, codes, zones |
//! | [`reply`] | messages of the modem and their reader |
//! | [`args`] | parameter lists, for declaring commands |
//! | crate root | [`parameters`]: names of a command's parameters, for people |
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
mod fault;
mod fields;
mod legacy;
mod line;
mod raw;
pub mod reply;
mod set;
mod sink;
mod syntax;
mod table;
mod text;
mod tuples;
pub mod types;

pub use args::{Mux, split};
pub use error::{ArgError, ErrorWord, FieldError, LineError, MAX_LINE};
pub use fault::{Fault, FaultKind};
pub use fields::InfoLine;
pub use legacy::{Dialect, SslBuffer, Suffix};
pub use line::{Parsed, WriteError, parse_line, parse_line_as};
pub use raw::{Form, RawLine};
pub use reply::{Event, Progress, Reply, ReplyParser};
pub use set::{CommandSet, Forms, InfoSet, Row, SetForm, Visibility};
pub use sink::{Full, Measure, Sink, SliceSink};
pub use syntax::parameters;
pub use table::{Command, Info};
pub use text::AtStr;
pub use types::LinkId;

/// What [`commands!`] expands to.
#[doc(hidden)]
pub mod __private {
    pub use crate::set::{
        Reader, Rows, read_info, read_row, search, set_form, write_info, write_set,
    };
}

/// The code of the README, compiled.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
