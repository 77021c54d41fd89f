//! Commands of a board's own: a lamp.

use std::cell::Cell;

use at_grammar::{CommandSet as _, LineError, RawLine, Row, commands};
use at_modem::{Answer, CommandError, CustomCommands, Done, Failure};
use embassy_time::{Duration, Timer};

commands! {
    /// Commands of the lamp.
    pub(crate) enum LampCommand;
    /// Their information lines.
    pub(crate) enum LampInfo;
    "AT+LED" { query Query; set Set(u8); execute Toggle; info Level(u8); }
    "AT+LEDFADE" { execute Fade; }
    // A name of the modem's: it is never asked.
    unlisted "AT+GMR" { execute Shadowed; }
    unlisted "AT+LEDTEST" { set Test(u8); }
}

/// The lamp of a board, or the place where one could be.
pub(crate) struct Lamp {
    installed: bool,
    /// Brightness in percent.
    level: Cell<u8>,
}

impl Lamp {
    pub(crate) const fn new(installed: bool) -> Self {
        Self {
            installed,
            level: Cell::new(0),
        }
    }
}

impl CustomCommands for Lamp {
    fn table(&self) -> &'static [Row] {
        if self.installed {
            LampCommand::TABLE
        } else {
            &[]
        }
    }

    async fn execute(
        &self,
        line: &RawLine<'_>,
        answer: &mut Answer<'_>,
    ) -> Result<Done, CommandError> {
        if !self.installed {
            return Err(LineError::UnknownCommand.into());
        }
        match LampCommand::from_raw(line, answer.mux())? {
            LampCommand::Query => answer.info(&LampInfo::Level(self.level.get())).await?,
            LampCommand::Set(level @ 0..=100) => self.level.set(level),
            LampCommand::Set(_) => return Err(Failure::OutOfRange.into()),
            LampCommand::Toggle => self.level.set(100 - self.level.get()),
            LampCommand::Fade => Timer::after(Duration::from_secs(2)).await,
            LampCommand::Test(number) => return Err(CommandError::Own(number.into())),
            // The modem answers it.
            LampCommand::Shadowed => return Err(CommandError::Own(999)),
        }
        Ok(Done::Ok)
    }
}
