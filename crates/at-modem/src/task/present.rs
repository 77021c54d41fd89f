//! What arrived, onto the port: whole, announced, or raw, as the host has chosen.

use at_grammar::Reply;
use at_grammar::reply::{Ipd, Remote};
use core::net::SocketAddr;
use embassy_futures::select::select;
use embassy_futures::yield_now;
use embassy_time::Timer;

use crate::links::Link;
use crate::links::MAX_IPD;
use crate::platform::Platform;
use crate::state::{Delivery, Shared};

/// Runs until the peer has finished and the host has everything.
///
/// Dropping it cuts no message and loses no byte: what was not printed is still in the inbox.
pub(super) async fn present<P: Platform>(link: &Link<'_>, shared: &Shared<'_, P>) {
    let inbox = link.inbox;
    loop {
        match shared.delivery(link) {
            Delivery::Active if !inbox.is_empty() => {
                hand_over(link, shared).await;
                // The turn is somebody else's now and then, however much arrives.
                yield_now().await;
                continue;
            }
            Delivery::Raw if !inbox.is_empty() => {
                let mut print = shared.print_unsolicited().await;
                if shared.delivery(link) == Delivery::Raw {
                    let (len, _) = inbox.front(MAX_IPD);
                    print.stream(len, |into| inbox.take(into)).await;
                }
                drop(print);
                yield_now().await;
                continue;
            }
            Delivery::Passive if inbox.is_to_be_announced() => {
                let mut print = shared.print_unsolicited().await;
                // The host may have read it while this waited.
                if shared.delivery(link) == Delivery::Passive && inbox.is_to_be_announced() {
                    let waiting = Reply::IpdWaiting {
                        link: shared.label(link.id),
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

/// One `+IPD`: of a stream as much as one may hold, of datagrams one.
async fn hand_over<P: Platform>(link: &Link<'_>, shared: &Shared<'_, P>) {
    let inbox = link.inbox;
    let mut print = shared.print_unsolicited().await;
    if shared.delivery(link) != Delivery::Active {
        return;
    }
    let (len, from) = inbox.front(MAX_IPD);
    let head = Reply::Ipd(Ipd {
        link: shared.label(link.id),
        len: u32::try_from(len).unwrap_or(u32::MAX),
        remote: shared.shown_sender(link, from),
    });
    print.data(&head, len, None, |into| inbox.take(into)).await;
}

impl<P: Platform> Shared<'_, P> {
    /// The sender to show with data, if `AT+CIPDINFO=1`.
    pub(crate) fn shown_sender(&self, link: &Link<'_>, from: Option<SocketAddr>) -> Option<Remote> {
        if !self.settings.read(|values| values.links.data_info.is_on()) {
            return None;
        }
        let peer = link.connection().map(|connection| connection.remote);
        from.or(peer).map(|remote| Remote {
            ip: remote.ip(),
            port: remote.port(),
        })
    }
}
