//! `AT+SSLPROBE` (ours): a handshake with the settings of link 0, and nothing after it.
//!
//! Prints every certificate the server showed and the verdict of the policy. `OK` says that there
//! is a verdict about a TLS server; `ERROR`, that there was none to judge, with the reason as after
//! a failed `AT+CIPSTART`.

use at_grammar::commands::trust::{Probe, ProbeLine};
use at_grammar::types::{Family, Sha256};
use at_grammar::{AtStr, Info, LinkId, Reply};
use heapless::String;
use sha2::Digest;
use tls_session::reason::{Text, cut};
use x509_facts::Certificate;

use super::error;
use super::links::{ask, check_tls};
use super::{link_of, network_is_up, syslog};
use crate::answer::{CommandError, Done, Failure};
use crate::cx::Cx;
use crate::links::state::{Carrier, Event, Request, Target};
use crate::platform::{Board, Platform, ReasonOf};
use crate::port::printer::Printer;
use crate::task::why::reason_line;
use crate::tls::sessions::Probed;
use crate::why::MAX_TEXT;
use crate::why::{ModemError, Stage, Why};

pub(super) async fn run<P: Platform>(
    cx: &Cx<'_, '_, P>,
    request: &Probe<'_>,
) -> Result<Done, CommandError> {
    let id = LinkId::ZERO;
    let link = link_of(cx, id)?;
    if link.is_open() {
        let mut print = cx.port.print(cx.settings).await;
        print.reply(&Reply::AlreadyConnected).await;
        error(&mut print, syslog(cx), CommandError::from(Failure::Refused)).await;
        return Ok(Done::Printed);
    }
    cx.port.takes_long();
    let host = request.host.to_text();
    let failed = if let Err(reason) = check_tls(cx, id, &host) {
        reason
    } else if !network_is_up(cx) {
        Why::new(Stage::Tcp, ModemError::NoNetwork)
    } else {
        drop(cx.tls.take_probed());
        let request = Request {
            carrier: Carrier::Tls,
            target: Target {
                family: Family::V4,
                host,
                port: request.port.get(),
            },
            probe: true,
        };
        let ended = match cx.tls.free() {
            Ok(session) => ask(link, request, Some(session)).await,
            Err(reason) => Err(reason),
        };
        match (cx.tls.take_probed(), ended) {
            (Some(probed), _) if says_something(&probed) => {
                let refusal = probed.verdict.clone().err();
                refusal.iter().for_each(|reason| note(cx, reason));
                let _ = link.apply(Event::Probed(refusal));
                show(cx, &probed).await;
                return Ok(Done::Printed);
            }
            (
                Some(Probed {
                    verdict: Err(reason),
                    ..
                }),
                _,
            )
            | (None, Err(reason)) => reason,
            // A probe never opens a link.
            (Some(_), _) | (None, Ok(())) => return Err(Failure::Refused.into()),
        }
    };
    link.refuse(failed.clone());
    note(cx, &failed);
    let mut print = cx.port.print(cx.settings).await;
    if let Some(item) = failed.missing_credential() {
        print.reply(&Reply::NotFound(item)).await;
    }
    reason_line(&mut print, Some(id), &failed, &failed).await;
    error(&mut print, syslog(cx), CommandError::from(Failure::Refused)).await;
    Ok(Done::Printed)
}

/// A dry run is reported like an attempt to open its link.
fn note<P: Platform>(cx: &Cx<'_, '_, P>, reason: &Why) {
    cx.board
        .note_reason(ReasonOf::Refused(LinkId::ZERO), reason);
}

/// Whether a TLS server was there to be judged.
fn says_something(probed: &Probed<'_>) -> bool {
    probed.verdict.is_ok() || !probed.ends.is_empty()
}

async fn show<P: Platform>(cx: &Cx<'_, '_, P>, probed: &Probed<'_>) {
    let mut print = cx.port.print(cx.settings).await;
    let mut start = 0;
    for (end, depth) in probed.ends.iter().copied().zip(0_u8..) {
        let der = probed.chain.get(start..end).unwrap_or_default();
        start = end;
        certificate(&mut print, depth, der).await;
    }
    if probed.dropped > 0 {
        let line = ProbeLine::Dropped(probed.dropped);
        print.info(Info::Sslprobe(line)).await;
    }
    match &probed.verdict {
        Ok(()) => {
            let policy = AtStr::plain(probed.policy.as_bytes());
            let line = ProbeLine::Accepted { policy };
            print.info(Info::Sslprobe(line)).await;
        }
        Err(reason) => {
            let mut words = String::<MAX_TEXT>::new();
            let _ = core::fmt::write(&mut words, format_args!("{reason}"));
            let line = ProbeLine::Refused {
                stage: AtStr::plain(reason.stage.as_str().as_bytes()),
                number: reason.mbedtls(),
                flags: reason.verify_flags(),
                depth: reason.depth,
                subject: AtStr::plain(reason.subject.as_bytes()),
                wanted: AtStr::plain(reason.wanted.as_bytes()),
                text: AtStr::plain(words.as_bytes()),
                code: AtStr::from(reason.code()),
            };
            print.info(Info::Sslprobe(line)).await;
        }
    }
    print.reply(&Reply::Ok).await;
}

async fn certificate(print: &mut Printer<'_>, depth: u8, der: &[u8]) {
    let (mut subject, mut issuer) = (Text::new(), Text::new());
    let (mut not_before, mut not_after) = (Text::new(), Text::new());
    let mut key = cut("unreadable");
    if let Ok(facts) = Certificate::parse(der) {
        subject = cut(facts.subject());
        issuer = cut(facts.issuer());
        not_before = cut(facts.validity().not_before);
        not_after = cut(facts.validity().not_after);
        key = cut(facts.key_kind());
    }
    let line = ProbeLine::Certificate {
        depth,
        subject: AtStr::plain(subject.as_bytes()),
        issuer: AtStr::plain(issuer.as_bytes()),
        not_before: AtStr::plain(not_before.as_bytes()),
        not_after: AtStr::plain(not_after.as_bytes()),
        sha256: Sha256(sha2::Sha256::digest(der).into()),
        key: AtStr::plain(key.as_bytes()),
    };
    print.info(Info::Sslprobe(line)).await;
}
