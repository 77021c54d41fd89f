//! Port input while a command runs: payload goes to the command, the rest gets `busy p...`.

use at_grammar::{ErrorWord, Reply};
use embedded_io_async::Read;

use super::owners::PortOwners;
use crate::links::Links;
use crate::port::inlet::{Gone, Inlet};

/// Runs until the port is gone, or dropped because the command is over.
pub(crate) async fn attend(
    host: &PortOwners<'_>,
    links: &Links<'_>,
    inlet: &mut Inlet<'_, impl Read>,
) -> Gone {
    let is_open = || links.any_open();
    loop {
        match inlet.until_refused(host.port, is_open).await {
            Ok(()) => busy(host).await,
            Err(gone) => return gone,
        }
    }
}

/// Answers input that came while a command waits for something outside.
async fn busy(host: &PortOwners<'_>) {
    let syslog = host.settings.read(|values| values.port.syslog);
    let mut print = host.port.print(host.settings).await;
    // One message: whoever drops this leaves none of it behind.
    print
        .replies(if syslog {
            &[Reply::ErrCode(ErrorWord::BUSY), Reply::Busy]
        } else {
            &[Reply::Busy]
        })
        .await;
}
