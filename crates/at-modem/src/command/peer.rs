//! `AT+SSLPEER?` (ours): who is at the other end of each TLS link, and what was agreed on.

use core::fmt::Write as _;

use at_grammar::commands::trust::SslPeerLine;
use at_grammar::{AtStr, Info, LinkId, Reply};
use heapless::String;
use tls_session::reason::{group_text, suite_text};

use super::ssl::ids;
use crate::answer::{CommandError, Done};
use crate::cx::Cx;
use crate::platform::Platform;
use crate::port::printer::Printer;
use crate::tls::sessions::Peer;

pub(super) async fn show<P: Platform>(cx: &Cx<'_, '_, P>) -> Result<Done, CommandError> {
    let mut print = cx.port.print(cx.settings).await;
    for link in ids() {
        // A copy for one line: a line waits for its turn.
        if let Some(peer) = cx.tls.peer(link) {
            line(&mut print, link, &peer).await;
        }
    }
    print.reply(&Reply::Ok).await;
    Ok(Done::Printed)
}

async fn line(print: &mut Printer<'_>, link: LinkId, peer: &Peer) {
    let mut sha256 = String::<64>::new();
    let mut not_after = String::<32>::new();
    if let Some(certificate) = &peer.certificate {
        // Two digits for each of 32 bytes fit, as does a date.
        for byte in certificate.sha256 {
            let _ = write!(sha256, "{byte:02x}");
        }
        let _ = write!(not_after, "{}", certificate.not_after);
    }
    let certificate = peer.certificate.as_ref();
    let (subject, names) = certificate.map_or(("", ""), |certificate| {
        (certificate.subject.as_str(), certificate.names.as_str())
    });
    let text = |text: &'static str| AtStr::plain(text.as_bytes());
    print
        .info(Info::Sslpeer(SslPeerLine {
            link,
            version: text(peer.negotiated.version.as_str()),
            suite: text(suite_text(peer.negotiated.suite)),
            group: text(match peer.negotiated.group {
                0 => "",
                group => group_text(group),
            }),
            sni: AtStr::plain(peer.sni.as_bytes()),
            alpn: AtStr::plain(&peer.alpn),
            subject: AtStr::plain(subject.as_bytes()),
            sha256: AtStr::plain(sha256.as_bytes()),
            not_after: AtStr::plain(not_after.as_bytes()),
            names: AtStr::plain(names.as_bytes()),
            resumed: peer.resumed,
        }))
        .await;
}
