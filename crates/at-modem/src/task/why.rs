//! `+SSLWHY`, for commands and for the server.

use core::fmt;

use at_grammar::commands::ssl::SslWhy;
use at_grammar::{AtStr, Info, LinkId};
use heapless::String;
use tls_session::reason::CertificateError;

use crate::clock::WallClock;
use crate::port::printer::Printer;
use crate::settings::Settings;
use crate::sntp::SntpError;
use crate::why::{Cause, MAX_TEXT, ModemError, Stage, Why};

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

/// The reason of a time server that gave no time.
pub(crate) fn sntp_failed(server: &str, error: SntpError) -> Why {
    Why::new(Stage::Setup, ModemError::SntpFailed)
        .finding(format_args!("{server}: {}", error.as_str()))
}

/// Adds to "clock not set" what came of the servers that were to set it.
pub(crate) fn with_sntp(why: Why, clock: &WallClock, settings: &Settings) -> Why {
    let unset = CertificateError::ClockNotSet;
    if why.cause != Cause::Tls(unset.into()) {
        return why;
    }
    settings.read(|values| {
        if !values.time.enabled {
            return why;
        }
        let failed = clock.sntp_failure().and_then(|(position, error)| {
            let server = values.time.servers.get(usize::from(position))?;
            Some((server, error))
        });
        match failed {
            Some((server, error)) => {
                let error = error.as_str();
                why.finding(format_args!("SNTP server {server}: {error}"))
            }
            None => why.finding("no SNTP server has answered yet"),
        }
    })
}
