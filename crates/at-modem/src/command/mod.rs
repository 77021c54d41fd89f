//! Executes one command line: from its bytes to its result on the port.
//!
//! Each family of commands has a file; [`table`] sends a typed command there. A
//! command that waits for something outside says [`Mode::Busy`] first, so that the port is served
//! meanwhile.

use core::pin::pin;

use at_grammar::{Command, LineError, RawLine, Reply};

use crate::answer::{Answer, CommandError, CustomCommands as _, Done, erased};
use crate::cx::Cx;
use crate::platform::{Board, Platform, ReasonOf};
use crate::port::Port;
use crate::port::framing::{Framed, LineBuffer};
use crate::why::log_text;

mod basic;
mod common;
mod filter;
mod flash;
mod line_reason;
mod links;
mod mdns;
mod mfg;
mod module;
mod names;
mod options;
pub(crate) mod passthrough;
mod peer;
mod pki;
mod policy;
mod probe;
mod radio;
mod receive;
mod refusal;
mod resume;
mod rollback;
mod send;
mod server;
mod softap;
mod ssl;
mod table;
mod time;
pub(crate) mod userram;
mod versions;
mod wifi;

use common::{one_line, store_always, store_if_wanted};
use links::{keep_alive, link_of, network_is_up};
pub(crate) use module::start_uart;
pub(crate) use options::use_dns;
pub(crate) use radio::start_radio;
use radio::tune;
use refusal::{error, syslog};
use softap::{apply_soft_ap, with_soft_ap};

/// What becomes of the modem after a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AfterLine {
    Go,
    Restart,
    /// For so many milliseconds.
    Sleep(u32),
}

/// Wipes the payload buffer when it is dropped.
struct PayloadWiper<'p>(&'p Port<'p>);

impl Drop for PayloadWiper<'_> {
    fn drop(&mut self) {
        self.0.wipe_payload();
    }
}

/// Executes what framing found.
pub(crate) async fn line<P: Platform>(
    cx: &Cx<'_, '_, P>,
    framed: Framed,
    line: &LineBuffer,
) -> AfterLine {
    if matches!(framed, Framed::Partial | Framed::Empty) {
        return AfterLine::Go;
    }
    // However the command ends, and if it is dropped half-way.
    let _wiped = PayloadWiper(cx.port);
    if cx.settings.read(|values| values.port.echo) {
        cx.port.outlet.turn().await.put(line.raw()).await;
    }
    let result = match framed {
        Framed::Line => execute(cx, line.line()).await,
        _ => Err(LineError::TooLong {
            len: line.raw().len(),
        }
        .into()),
    };
    cx.port.set_suffix(None);
    match result {
        Ok(Done::Printed) => AfterLine::Go,
        Ok(Done::Ok) => {
            cx.port.print(cx.settings).await.reply(&Reply::Ok).await;
            AfterLine::Go
        }
        Ok(Done::Restart) => AfterLine::Restart,
        Ok(Done::Sleep(ms)) => AfterLine::Sleep(ms),
        Err(why) => {
            log_refusal(line, why);
            let mut print = cx.port.print(cx.settings).await;
            error(&mut print, syslog(cx), why).await;
            AfterLine::Go
        }
    }
}

/// Which command was refused, and why: its parameters may be secrets, its name is none.
fn log_refusal(line: &LineBuffer, why: CommandError) {
    let raw = RawLine::parse(line.line()).ok();
    let name = raw.and_then(|raw| core::str::from_utf8(raw.name()).ok());
    espat_log::warn!(
        "{} refused: {} [{:#010x}]",
        name.unwrap_or("a line"),
        log_text(why).as_str(),
        why.error_word().raw()
    );
}

/// Finds who has the command: this crate, or its user.
async fn execute<P: Platform>(cx: &Cx<'_, '_, P>, line: &[u8]) -> Result<Done, CommandError> {
    let mux = cx.settings.read(|values| values.links.mux);
    let raw = RawLine::parse(line)?.with_dialect(cx.port.dialect());
    match Command::from_raw(&raw, mux) {
        Ok(parsed) => {
            cx.port.set_suffix(parsed.suffix);
            if line_reason::supersedes(&raw) {
                cx.links.refused_line.replace(None);
            }
            table::run(cx, parsed.command).await
        }
        Err(LineError::UnknownCommand) => {
            // It may wait, and nobody but its author knows.
            let known = cx.commands.table().iter().any(|row| raw.is(row.name));
            if known {
                cx.port.takes_long();
            }
            let mut answer = Answer::new(&cx.port.outlet, cx.settings);
            erased(pin!(cx.commands.execute(&raw, &mut answer))).await
        }
        Err(error) => {
            if let Some(reason) = line_reason::explain(&raw, mux, error) {
                let of = ReasonOf::Command(reason.link);
                cx.board.note_reason(of, &reason.why());
                cx.links.refused_line.replace(Some(reason));
            }
            Err(error.into())
        }
    }
}
