//! Data both ways over one UDP link (spec: at-commands B.4, CIPSTART).
//!
//! | mode | sends go to |
//! |---|---|
//! | fixed | the peer of the command |
//! | once | the first other sender, from then on |
//! | every | whoever sent last |

use core::net::{IpAddr, Ipv4Addr, SocketAddr};

use edge_nal::{MulticastV4, MulticastV6, UdpReceive, UdpSend, UdpSplitMulticast};
use embassy_futures::select::{Either, Either3, select, select3};
use embassy_time::{Duration, with_timeout};
use embedded_io_async::Error as _;

use super::owners::PortOwners;
use super::present::present;
use super::stream::End;
use crate::links::Link;
use crate::links::state::Event;
use crate::why::{Stage, Why};
use tls_session::reason::StreamError;

/// The largest datagram taken: what one `+IPD` holds. A larger one is dropped whole.
const MAX_DATAGRAM: usize = crate::links::MAX_IPD;

/// A datagram either goes at once or the stack has no room for it.
const SEND_TIMEOUT: Duration = Duration::from_secs(5);

/// Runs until the link ends.
pub(super) async fn pump<S: UdpSplitMulticast>(
    link: &Link<'_>,
    host: &PortOwners<'_>,
    mut socket: S,
    remote: SocketAddr,
) -> End {
    let (mut receive, mut send, mut groups_v4, mut groups_v6) = socket.split_multicast();
    if remote.ip().is_multicast() {
        let joined = match remote.ip() {
            IpAddr::V4(group) => groups_v4.join_v4(group, Ipv4Addr::UNSPECIFIED).await,
            IpAddr::V6(group) => groups_v6.join_v6(group, 0).await,
        };
        if let Err(error) = joined {
            return End::Failed(Why::new(Stage::Tcp, StreamError::from(error.kind())));
        }
    }
    let incoming = async {
        let arrive = arrive(link, &mut receive);
        match select(arrive, present(link, host)).await {
            Either::First(error) => Why::new(Stage::Data, StreamError::from(error.kind())),
            // Nothing finishes a datagram socket.
            Either::Second(()) => Why::new(Stage::Data, StreamError::Closed),
        }
    };
    let outgoing = depart(link, host, &mut send);
    match select3(incoming, outgoing, link.close_asked()).await {
        Either3::First(reason) => End::Failed(reason),
        Either3::Second(never) => match never {},
        Either3::Third(by) => End::Asked(by),
    }
}

async fn arrive<R: UdpReceive>(link: &Link<'_>, socket: &mut R) -> R::Error {
    // One byte more, to detect what was cut.
    let mut piece = [0; MAX_DATAGRAM + 1];
    loop {
        let (count, from) = match socket.receive(&mut piece).await {
            Ok(received) => received,
            // An ICMP "port unreachable" for what was sent earlier: the link lives on.
            Err(error) if error.kind() == embedded_io_async::ErrorKind::ConnectionRefused => {
                continue;
            }
            Err(error) => return error,
        };
        let Some(datagram) = piece.get(..count).filter(|_| count <= MAX_DATAGRAM) else {
            espat_log::warn!(
                "link {}: a datagram of more than {} bytes is dropped",
                link.id.get(),
                MAX_DATAGRAM
            );
            continue;
        };
        // The sender becomes the peer where the mode wants it.
        let _ = link.apply(Event::From(from));
        if !link.inbox.push_datagram(datagram, from) {
            espat_log::warn!(
                "link {}: no room for a datagram of {} bytes",
                link.id.get(),
                count
            );
        }
    }
}

/// Sends what the interpreter left in the payload buffer. A datagram that is not taken is lost, and
/// the link stays.
async fn depart<S: UdpSend>(
    link: &Link<'_>,
    host: &PortOwners<'_>,
    socket: &mut S,
) -> core::convert::Infallible {
    loop {
        let outgoing = link.outgoing().await;
        let data = host.port.payload.lock().await;
        let peer = link.connection().map(|connection| connection.remote);
        let sent = match outgoing.to.or(peer) {
            Some(to) => {
                let datagram = data.get(..outgoing.len).unwrap_or_default();
                let send = with_timeout(SEND_TIMEOUT, socket.send(to, datagram)).await;
                matches!(send, Ok(Ok(())))
            }
            None => false,
        };
        drop(data);
        let _ = link.apply(Event::SendDone { sent });
    }
}
