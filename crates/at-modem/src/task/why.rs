//! `+SSLWHY`, for commands and for the server.

use core::fmt;

use at_grammar::commands::ssl::SslWhy;
use at_grammar::{AtStr, Info, LinkId};
use heapless::String;
use tls_session::reason::TEXT_LEN;

use crate::port::printer::Printer;
use crate::why::Why;

/// Words of the longest reason, with what was found, or with the client.
pub(crate) const MAX_TEXT: usize = 160 + 2 + TEXT_LEN;

/// `+SSLWHY:…` for one reason, in these words. No link is the server.
pub(crate) async fn reason_line(
    print: &mut Printer<'_>,
    link: Option<LinkId>,
    reason: &Why,
    words: &impl fmt::Display,
) {
    let mut text = String::<MAX_TEXT>::new();
    // What does not fit is cut.
    let _ = fmt::write(&mut text, format_args!("{words}"));
    print
        .info(Info::Sslwhy(SslWhy {
            link,
            stage: AtStr::plain(reason.stage.as_str().as_bytes()),
            number: reason.mbedtls(),
            flags: reason.verify_flags(),
            depth: reason.depth,
            subject: AtStr::plain(reason.subject.as_bytes()),
            wanted: AtStr::plain(reason.wanted.as_bytes()),
            text: AtStr::plain(text.as_bytes()),
            code: AtStr::from(reason.code()),
        }))
        .await;
}
