//! What arrived, onto the port: whole, announced, or raw, as the host has chosen.

use at_grammar::reply::Ipd;
use at_grammar::types::Protocol;
use at_grammar::{Dialect, LinkId, Reply};
use embassy_futures::select::select;
use embassy_futures::yield_now;
use embassy_time::Timer;

use super::owners::PortOwners;
use crate::links::state::Connection;
use crate::links::{Inbox, Link, MAX_IPD, connected};
use crate::settings::links::Delivery;

/// Runs until the peer has finished and the host has everything.
///
/// Dropping it cuts no message and loses no byte: what was not printed is still in the inbox.
pub(super) async fn present(link: &Link<'_>, host: &PortOwners<'_>) {
    let inbox = link.inbox;
    let delivery = || delivery(link, host);
    loop {
        match delivery() {
            Delivery::Active if !inbox.is_empty() => {
                hand_over(link, host).await;
                pause(inbox).await;
                continue;
            }
            Delivery::Raw if !inbox.is_empty() => {
                let mut print = host.port.print_unsolicited(host.settings).await;
                if delivery() == Delivery::Raw {
                    let (len, _) = inbox.front(MAX_IPD);
                    print.stream(len, |into| inbox.take(into)).await;
                }
                drop(print);
                pause(inbox).await;
                continue;
            }
            Delivery::Passive if inbox.is_to_be_announced() => {
                let mut print = host.port.print_unsolicited(host.settings).await;
                // The host may have read it while this waited.
                if delivery() == Delivery::Passive && inbox.is_to_be_announced() {
                    let waiting = Reply::IpdWaiting {
                        link: host.settings.read(|values| values.links.label(link.id)),
                        len: u32::try_from(inbox.len()).unwrap_or(u32::MAX),
                    };
                    print.reply(&waiting).await;
                    inbox.note_announced();
                }
                continue;
            }
            _ => {}
        }
        if inbox.is_over() {
            return;
        }
        match inbox.quiet() {
            Some(until) => {
                select(inbox.changed(), Timer::at(until)).await;
            }
            None => inbox.changed().await,
        }
    }
}

/// The turn is somebody else's now and then, however much arrives. With nothing there it is so anyway.
async fn pause(inbox: &Inbox) {
    if !inbox.is_empty() {
        yield_now().await;
    }
}

/// How what arrives on a link reaches the host now. Firmware 1.x holds streams back for a host that fetches, and
/// datagrams never.
fn delivery(link: &Link<'_>, host: &PortOwners<'_>) -> Delivery {
    let chosen = host.settings.read(|values| values.links.delivery(link.id));
    let is_udp = || {
        link.connection()
            .is_some_and(|connection| connection.protocol == Protocol::Udp)
    };
    match (host.port.dialect(), chosen) {
        (Dialect::Legacy, Delivery::Passive) if is_udp() => Delivery::Active,
        (_, chosen) => chosen,
    }
}

/// One `+IPD`: of a stream as much as one may hold, of datagrams one.
async fn hand_over(link: &Link<'_>, host: &PortOwners<'_>) {
    let inbox = link.inbox;
    let delivery = || delivery(link, host);
    let mut print = host.port.print_unsolicited(host.settings).await;
    if delivery() != Delivery::Active {
        return;
    }
    let (len, from) = inbox.front(MAX_IPD);
    let head = Reply::Ipd(Ipd {
        link: host.settings.read(|values| values.links.label(link.id)),
        len: u32::try_from(len).unwrap_or(u32::MAX),
        remote: link.shown_sender(host.settings, from),
    });
    print.data(&head, len, None, |into| inbox.take(into)).await;
}

/// Prints `CONNECT` for a link that no command opened.
pub(crate) async fn print_connected(link: LinkId, connection: &Connection, host: &PortOwners<'_>) {
    let mut print = host.port.print_unsolicited(host.settings).await;
    if host.port.says_status(host.settings) {
        print
            .reply(&connected(host.settings, link, connection))
            .await;
    }
}

/// Prints `CLOSED` for a link.
pub(super) async fn print_closed(link: LinkId, host: &PortOwners<'_>) {
    let mut print = host.port.print_unsolicited(host.settings).await;
    if host.port.says_status(host.settings) {
        let label = host.settings.read(|values| values.links.label(link));
        print.reply(&Reply::Closed(label)).await;
    }
}
