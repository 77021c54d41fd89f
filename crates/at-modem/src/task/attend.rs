//! Port input while a command runs: payload goes to the command, the rest gets `busy p...`.

use at_grammar::{ErrorWord, Reply};
use embedded_io_async::Read;

use crate::platform::Platform;
use crate::port::inlet::{Gone, Inlet};
use crate::state::Shared;

/// Runs until the port is gone, or dropped because the command is over.
pub(crate) async fn attend<P: Platform>(
    shared: &Shared<'_, P>,
    inlet: &mut Inlet<'_, impl Read>,
) -> Gone {
    let is_open = || shared.any_link_open();
    loop {
        match inlet.until_refused(&shared.port, is_open).await {
            Ok(()) => busy(shared).await,
            Err(gone) => return gone,
        }
    }
}

/// Answers input that came while a command waits for something outside.
async fn busy<P: Platform>(shared: &Shared<'_, P>) {
    let syslog = shared.syslog();
    let mut print = shared.print().await;
    // One message: whoever drops this leaves none of it behind.
    print
        .replies(if syslog {
            &[Reply::ErrCode(ErrorWord::BUSY), Reply::Busy]
        } else {
            &[Reply::Busy]
        })
        .await;
}
