//! How a command is refused.

use at_grammar::Reply;

use crate::answer::CommandError;
use crate::cx::Cx;
use crate::platform::Platform;
use crate::port::printer::Printer;

/// Prints `ERROR`, with its word where the host asked for words.
pub(super) async fn error(print: &mut Printer<'_>, syslog: bool, why: CommandError) {
    if syslog {
        print.reply(&Reply::ErrCode(why.error_word())).await;
    }
    print.reply(&Reply::Error).await;
}

/// `AT+SYSLOG`.
pub(super) fn syslog<P: Platform>(cx: &Cx<'_, '_, P>) -> bool {
    cx.settings.read(|values| values.port.syslog)
}
