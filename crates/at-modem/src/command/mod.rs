//! Executes one command line: from its bytes to its result on the port.
//!
//! Each family of commands has a file; [`table`] sends a typed command there. A
//! command that waits for something outside says [`Mode::Busy`] first, so that the port is served
//! meanwhile.

use core::pin::pin;

use at_grammar::{Command, Generation, LineError, RawLine, Reply};

use crate::answer::{Answer, CommandError, CustomCommands as _, Done, erased};
use crate::platform::Platform;
use crate::port::Mode;
use crate::port::framing::{Framed, LineBuffer};
use crate::port::printer::Printer;
use crate::state::Shared;

mod basic;
mod filter;
mod flash;
mod links;
mod mdns;
mod mfg;
mod module;
mod names;
mod options;
pub(crate) mod passthrough;
mod pki;
mod policy;
mod probe;
mod radio;
mod receive;
mod send;
mod server;
mod softap;
mod ssl;
mod table;
mod time;
pub(crate) mod userram;
mod wifi;

/// What becomes of the modem after a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Go,
    Restart,
    /// For so many milliseconds.
    Sleep(u32),
}

/// Executes what framing found.
pub(crate) async fn line<P: Platform>(
    shared: &Shared<'_, P>,
    framed: Framed,
    line: &LineBuffer,
) -> Verdict {
    if matches!(framed, Framed::Partial | Framed::Empty) {
        return Verdict::Go;
    }
    if shared.settings.read(|values| values.port.echo) {
        shared.port.outlet.turn().await.put(line.raw()).await;
    }
    let result = match framed {
        Framed::Line => execute(shared, line.line()).await,
        _ => Err(LineError::TooLong {
            len: line.raw().len(),
        }
        .into()),
    };
    shared.suffix.set(None);
    match result {
        Ok(Done::Printed) => Verdict::Go,
        Ok(Done::Ok) => {
            shared.print().await.reply(&Reply::Ok).await;
            Verdict::Go
        }
        Ok(Done::Restart) => Verdict::Restart,
        Ok(Done::Sleep(ms)) => Verdict::Sleep(ms),
        Err(why) => {
            let mut print = shared.print().await;
            error(&mut print, shared.syslog(), why).await;
            Verdict::Go
        }
    }
}

/// Finds who has the command: this crate, or its user.
async fn execute<P: Platform>(shared: &Shared<'_, P>, line: &[u8]) -> Result<Done, CommandError> {
    let generation = if shared.legacy {
        Generation::Legacy
    } else {
        Generation::EspAt
    };
    let mux = shared.settings.read(|values| values.links.mux);
    let raw = RawLine::parse(line)?.with_generation(generation);
    match Command::from_raw(&raw, mux) {
        Ok(parsed) => {
            shared.suffix.set(parsed.suffix);
            table::run(shared, parsed.command).await
        }
        Err(LineError::UnknownCommand) => {
            // It may wait, and nobody but its author knows.
            let known = shared.commands.table().iter().any(|row| raw.is(row.name));
            if known {
                shared.takes_long();
            }
            let mut answer = Answer::new(&shared.port.outlet, &shared.settings);
            erased(pin!(shared.commands.execute(&raw, &mut answer))).await
        }
        Err(error) => {
            espat_log::debug!("line of {} bytes refused: {:?}", line.len(), error);
            Err(error.into())
        }
    }
}

/// Prints `ERROR`, with its word where the host asked for words.
pub(crate) async fn error(print: &mut Printer<'_>, syslog: bool, why: CommandError) {
    if syslog {
        print.reply(&Reply::ErrCode(why.error_word())).await;
    }
    print.reply(&Reply::Error).await;
}

impl<P: Platform> Shared<'_, P> {
    /// `AT+SYSLOG`.
    pub(crate) fn syslog(&self) -> bool {
        self.settings.read(|values| values.port.syslog)
    }

    /// Says that the running command waits for something outside.
    pub(crate) fn takes_long(&self) {
        self.port.set_mode(Mode::Busy);
    }
}
