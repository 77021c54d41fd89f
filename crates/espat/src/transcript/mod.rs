//! Transcripts: what goes over an AT port, as text that a person writes and a program replays.
//!
//! ```text
//! # C.1, the beginning
//! @peer server listens tcp
//! @sim --map 192.168.3.102:8080={$server}
//! → AT+CIPSTART="TCP","192.168.3.102",8080
//! ← CONNECT
//! ← OK
//! @peer server sends test
//! ← +IPD,4:test
//! ```
//!
//! The format is described in `docs/transcripts.md`; `espat sim --record` writes it, and the runner of
//! this crate's tests replays it.
//!
//! | module | what |
//! |---|---|
//! | [`text`] | the text of a line: literal bytes and places in braces |
//! | [`frame`] | which line ends belong to which message (spec: at-commands A.9) |
//! | [`parse`](mod@parse) | a file to steps |
//! | [`record`] | bytes of a port to a file |
//! | `secrets` | what a recording does not show |

pub mod frame;
pub mod parse;
pub mod record;
mod secrets;
pub mod text;

pub use parse::{Line, ParseError, PeerKind, PeerStep, Step, parse};
pub use record::message::messages;
pub(crate) use record::message::{Ending, message};
pub(crate) use record::parts::{Payload, prompted};
pub use record::{Recorder, Secrets};
pub(crate) use secrets::has_secret;
pub use text::{Match, Text, TextError, Variables};

/// Marks what the host sends, with the line end that a command has.
pub const TO_MODEM: &str = "→";
/// Marks what the modem prints, with the line ends that [`frame`] gives it.
pub const FROM_MODEM: &str = "←";
/// Behind an arrow: these bytes and no others.
pub const EXACTLY: char = '|';
