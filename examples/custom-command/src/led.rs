//! `AT+LED`: brightness of a lamp, with set, query and execute forms and an information line.

use std::cell::Cell;

use at_grammar::{CommandSet as _, RawLine, Row, commands};
use at_modem::{Answer, CommandError, CustomCommands, Done, Failure};

commands! {
    /// Commands of the LED.
    pub(crate) enum LedCommand;
    /// Their information lines.
    pub(crate) enum LedInfo;
    "AT+LED" { query Query; set Set(u8); execute Toggle; info Level(u8); }
}

/// Brightness in percent. A board would set a PWM duty here.
#[derive(Debug, Default)]
pub(crate) struct Led(Cell<u8>);

impl CustomCommands for Led {
    fn table(&self) -> &'static [Row] {
        LedCommand::TABLE
    }

    async fn execute(
        &self,
        line: &RawLine<'_>,
        answer: &mut Answer<'_>,
    ) -> Result<Done, CommandError> {
        match LedCommand::from_raw(line, answer.mux())? {
            LedCommand::Query => answer.info(&LedInfo::Level(self.0.get())).await?,
            LedCommand::Set(level @ 0..=100) => self.0.set(level),
            LedCommand::Set(_) => return Err(Failure::OutOfRange.into()),
            LedCommand::Toggle => self.0.set(100 - self.0.get()),
        }
        Ok(Done::Ok)
    }
}
