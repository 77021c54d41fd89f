//! A small SNTP server on loopback which answers with the host's time (RFC 4330 §5, RFC 5905 §7.3).
//!
//! ```text
//! 0      1         2      3           4            8                  12      16           24        32         40
//! | LVM | stratum | poll | precision | root delay | root dispersion | ref id | reference | origin | receive | transmit |
//! L: leap indicator 0, V: the client's version, M: mode 4 (server)                          timestamps: 32.32 seconds
//! ```

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context as _;

const PACKET: usize = 48;
/// Seconds from 1900 to 1970 (RFC 5905 §6).
const NTP_TO_UNIX: u64 = 2_208_988_800;
const MODE_CLIENT: u8 = 3;
const MODE_SERVER: u8 = 4;
/// Synchronised to a primary server: RFC 5905 clients refuse 0 and 16 and above.
const STRATUM: u8 = 2;
/// 2^-20 s: about a microsecond.
const PRECISION: i8 = -20;
/// "LOCL", as servers show that run on their own clock.
const REFERENCE_ID: [u8; 4] = *b"LOCL";

/// The server; it stops when dropped.
pub(super) struct NtpServer {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl NtpServer {
    pub(super) fn start() -> anyhow::Result<Self> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).context("no UDP port")?;
        let address = socket.local_addr()?;
        let stop = Arc::new(AtomicBool::new(false));
        let thread = {
            let stop = Arc::clone(&stop);
            thread::spawn(move || serve(&socket, &stop))
        };
        Ok(Self {
            address,
            stop,
            thread: Some(thread),
        })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for NtpServer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        // Any datagram wakes the loop.
        let woken = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))
            .and_then(|socket| socket.send_to(&[], self.address));
        if let Some(thread) = self.thread.take().filter(|_| woken.is_ok()) {
            // A panic in there has been printed already.
            let _ = thread.join();
        }
    }
}

fn serve(socket: &UdpSocket, stop: &AtomicBool) {
    let mut request = [0; 1024];
    loop {
        let received = socket.recv_from(&mut request);
        if stop.load(Ordering::Acquire) {
            return;
        }
        // An error here is about an earlier answer that nobody wanted.
        let Ok((count, client)) = received else {
            continue;
        };
        let arrived = timestamp(SystemTime::now());
        let request = request.get(..count).unwrap_or_default();
        if let Some(reply) = answer(request, arrived, || timestamp(SystemTime::now())) {
            // The client asks again if this is lost.
            let _ = socket.send_to(&reply, client);
        }
    }
}

/// The answer to a request; none to anything else.
fn answer(request: &[u8], arrived: u64, now: impl FnOnce() -> u64) -> Option<[u8; PACKET]> {
    let header = request.first_chunk::<PACKET>()?;
    let [first, _, poll, ..] = *header;
    let version = (first >> 3) & 7;
    if first & 7 != MODE_CLIENT || !(1..=4).contains(&version) {
        return None;
    }
    let origin = header.last_chunk::<8>()?;
    let mut reply = [0; PACKET];
    let fields: [&[u8]; 8] = [
        &[(version << 3) | MODE_SERVER, STRATUM, poll],
        &PRECISION.to_be_bytes(),
        // Root delay 0, root dispersion 1/65536 s.
        &[0, 0, 0, 0, 0, 0, 0, 1],
        &REFERENCE_ID,
        &arrived.to_be_bytes(),
        origin,
        &arrived.to_be_bytes(),
        &now().to_be_bytes(),
    ];
    let bytes = fields.into_iter().flatten();
    reply
        .iter_mut()
        .zip(bytes)
        .for_each(|(to, from)| *to = *from);
    Some(reply)
}

/// 32.32 fixed point seconds of the current NTP era.
fn timestamp(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let seconds = since.as_secs().wrapping_add(NTP_TO_UNIX) & 0xFFFF_FFFF;
    let fraction = (u64::from(since.subsec_nanos()) << 32) / 1_000_000_000;
    (seconds << 32) | fraction
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_lite::future::block_on;
    use sntpc::{NtpContext, NtpTimestampGenerator, NtpUdpSocket};
    use std::time::Duration;

    struct Socket(UdpSocket);

    impl NtpUdpSocket for Socket {
        async fn send_to(&self, buf: &[u8], addr: SocketAddr) -> sntpc::Result<usize> {
            self.0.send_to(buf, addr).map_err(|_| sntpc::Error::Network)
        }

        async fn recv_from(&self, buf: &mut [u8]) -> sntpc::Result<(usize, SocketAddr)> {
            self.0.recv_from(buf).map_err(|_| sntpc::Error::Network)
        }
    }

    /// The host's clock, this much behind.
    #[derive(Clone, Copy)]
    struct Behind(Duration, Duration);

    impl NtpTimestampGenerator for Behind {
        fn init(&mut self) {
            self.1 = UNIX_EPOCH.elapsed().unwrap() - self.0;
        }
        fn timestamp_sec(&self) -> u64 {
            self.1.as_secs()
        }
        fn timestamp_subsec_micros(&self) -> u32 {
            self.1.subsec_micros()
        }
    }

    fn client() -> UdpSocket {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket
            .set_read_timeout(Some(Duration::from_secs(5)))
            .unwrap();
        socket
    }

    #[test]
    fn an_independent_client_learns_how_wrong_its_clock_is() {
        let server = NtpServer::start().unwrap();
        for behind in [0, 3, 86_400 * 365] {
            let context = NtpContext::new(Behind(Duration::from_secs(behind), Duration::ZERO));
            let socket = Socket(client());
            let result = block_on(sntpc::get_time(server.address(), &socket, context)).unwrap();
            let wrong_by = result.offset() - i64::try_from(behind).unwrap() * 1_000_000;
            assert!(wrong_by.abs() < 1_000_000, "{behind}: {wrong_by}");
            assert_eq!((result.stratum(), result.leap_indicator()), (STRATUM, 0));
        }
    }

    #[test]
    fn only_whole_client_packets_are_answered() {
        let mut request = [0; PACKET];
        request[0] = (4 << 3) | MODE_CLIENT;
        request[40..].copy_from_slice(b"question");
        for len in 0..PACKET {
            assert_eq!(answer(&request[..len], 1, || 2), None, "{len}");
        }
        for first in 0..=u8::MAX {
            request[0] = first;
            let version = (first >> 3) & 7;
            let wanted = first & 7 == MODE_CLIENT && (1..=4).contains(&version);
            let reply = answer(&request, 1, || 2);
            assert_eq!(reply.is_some(), wanted, "{first:#04x}");
            if let Some(reply) = reply {
                assert_eq!(reply[0], (version << 3) | MODE_SERVER);
                assert_eq!(&reply[24..32], b"question");
                assert_eq!(
                    reply[32..],
                    [0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2]
                );
            }
        }
    }

    #[test]
    fn the_era_wraps_in_2036() {
        let at = |unix| timestamp(UNIX_EPOCH + Duration::from_millis(unix));
        assert_eq!(at(0), NTP_TO_UNIX << 32);
        assert_eq!(at(500), (NTP_TO_UNIX << 32) | 0x8000_0000);
        assert_eq!(at(((1 << 32) - NTP_TO_UNIX) * 1000), 0);
    }

    #[test]
    fn junk_does_not_stop_it() {
        let server = NtpServer::start().unwrap();
        let socket = client();
        socket.send_to(b"junk", server.address()).unwrap();
        socket.send_to(&[0x23; 1000], server.address()).unwrap();
        let mut reply = [0; 100];
        // Only the second looks like a question; longer packets carry extensions.
        let (count, from) = socket.recv_from(&mut reply).unwrap();
        assert_eq!((count, from), (PACKET, server.address()));
    }
}
