//! `AT+SSLRESUME` (ours): whether TLS sessions to servers may be resumed, and how many tickets there are for it.
//!
//! Whatever changes what a session is checked by, has all tickets forgotten: [`forget`].

use at_grammar::Info;
use at_grammar::commands::trust::ResumeLine;

use super::{one_line, store_if_wanted};
use crate::answer::{CommandError, Done};
use crate::cx::Cx;
use crate::platform::Platform;
use crate::settings::key::Key;

pub(super) async fn show<P: Platform>(cx: &Cx<'_, '_, P>) -> Result<Done, CommandError> {
    let on = cx.settings.read(|values| values.tls.resume);
    // There are eight at most.
    let tickets = u8::try_from(cx.tls.tickets().count()).unwrap_or(u8::MAX);
    one_line(cx, Info::Sslresume(ResumeLine { on, tickets })).await
}

pub(super) async fn set<P: Platform>(cx: &Cx<'_, '_, P>, on: bool) -> Result<Done, CommandError> {
    store_if_wanted(cx, Key::TLS_RESUME, &[u8::from(on)]).await?;
    cx.settings.change(|values| values.tls.resume = on);
    forget(cx);
    Ok(Done::Ok)
}

/// Forgets all tickets, also those that sessions which are open now will receive.
pub(super) fn forget<P: Platform>(cx: &Cx<'_, '_, P>) {
    cx.tls.tickets().forget_all();
}
