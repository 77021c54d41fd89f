//! Host end of an AT port: opens it, finds the modem behind it, sends commands and data.
//!
//! | module | what |
//! |---|---|
//! | [`port`] | a serial device, a pseudo-terminal or a TCP port |
//! | [`session`] | commands, prompts and raw data, each with a time limit |
//! | [`find`] | is a modem there: echo, `busy p...`, boot messages, other rates |
//!
//! It knows nothing of what the commands mean: `push` and `doctor` do.

pub mod find;
pub mod port;
pub mod session;

#[cfg(test)]
pub(crate) mod double;
#[cfg(test)]
mod tests;

pub use find::{Found, NoModem};
pub use port::{Place, Port};
pub use session::{Reply, Session, SessionError};
