//! Commands of the user of this crate.

use core::future::Future;
use core::pin::Pin;

use at_grammar::{Dialect, InfoSet, LineError, Mux, RawLine, Row};

use super::{CommandError, Done};
use crate::port::outlet::Outlet;
use crate::port::printer::Printer;
use crate::settings::Settings;

/// Commands that the modem's own tables do not have. A name that both have is the modem's.
///
/// Made of a set that [`at_grammar::commands!`] declares; `examples/custom-command` is a whole one.
pub trait CustomCommands {
    /// The commands, as [`CommandSet::TABLE`](at_grammar::CommandSet::TABLE) has them: `AT+CMD?`
    /// lists them behind the modem's own.
    fn table(&self) -> &'static [Row];

    /// Executes a line that none of the modem's own commands has the name of.
    ///
    /// Information lines go out by `answer`; the result is returned, and the modem prints `OK` or
    /// `ERROR`. It may wait: input gets `busy p...` meanwhile. The future is dropped when the port
    /// goes away.
    ///
    /// # Errors
    /// [`LineError::UnknownCommand`] for a name that is not in the table, as
    /// [`CommandSet::from_raw`](at_grammar::CommandSet::from_raw) returns it.
    async fn execute(
        &self,
        line: &RawLine<'_>,
        answer: &mut Answer<'_>,
    ) -> Result<Done, CommandError>;
}

/// No commands but the modem's own.
impl CustomCommands for () {
    fn table(&self) -> &'static [Row] {
        &[]
    }

    async fn execute(&self, _: &RawLine<'_>, _: &mut Answer<'_>) -> Result<Done, CommandError> {
        Err(LineError::UnknownCommand.into())
    }
}

/// What a custom command prints its information lines with.
pub struct Answer<'o> {
    output: &'o Outlet<'o>,
    settings: &'o Settings,
}

impl<'o> Answer<'o> {
    pub(crate) const fn new(output: &'o Outlet<'o>, settings: &'o Settings) -> Self {
        Self { output, settings }
    }

    /// State of `AT+CIPMUX`, for [`CommandSet::from_raw`](at_grammar::CommandSet::from_raw).
    #[must_use]
    pub fn mux(&self) -> Mux {
        self.settings.read(|values| values.links.mux)
    }

    /// Prints one information line; waits until there is room for it.
    ///
    /// Dropping the future prints nothing, or the whole line.
    ///
    /// # Errors
    /// The line is longer than 768 bytes.
    pub async fn info<'l>(&mut self, line: &impl InfoSet<'l>) -> Result<(), CommandError> {
        let mut print = Printer::new(
            self.output.turn().await,
            self.settings,
            None,
            Dialect::EspAt,
        );
        print.line(line).await
    }
}

impl core::fmt::Debug for Answer<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Answer").finish_non_exhaustive()
    }
}

/// Awaits a future where it is pinned, through a pointer: its poll function is not inlined into the
/// caller's.
pub(crate) fn erased<'f, T>(
    future: Pin<&'f mut (dyn Future<Output = T> + 'f)>,
) -> Pin<&'f mut (dyn Future<Output = T> + 'f)> {
    future
}
