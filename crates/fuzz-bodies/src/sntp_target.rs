//! Answers of SNTP servers, and of those who are none.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use edge_nal::{
    AddrType, Dns, MulticastV4, MulticastV6, Readable, UdpBind, UdpReceive, UdpSend, UdpSplit,
    UdpSplitMulticast,
};
use embassy_time::{Duration, MockDriver};
use embedded_io_async::{ErrorKind, ErrorType};
use rand_core::RngCore;

use crate::clock::WallClock;
use crate::sntp_code::ask;
use crate::support::Setup;
use crate::take::Take;

/// Answers whose origin is right if wanted: sender, packet.
#[derive(Clone)]
struct Net(Vec<(bool, bool, Vec<u8>)>);

const SERVER: &str = "10.0.0.1";
/// 2026-09-21, the floor of the clock.
const FLOOR: i64 = 1_790_000_000;
const NTP_TO_UNIX: i64 = 2_208_988_800;

/// The same numbers in every run.
struct Sevens;

impl RngCore for Sevens {
    fn next_u32(&mut self) -> u32 {
        0x0707_0707
    }

    fn next_u64(&mut self) -> u64 {
        0x0707_0707_0707_0707
    }

    fn fill_bytes(&mut self, into: &mut [u8]) {
        into.fill(7);
    }

    fn try_fill_bytes(&mut self, into: &mut [u8]) -> Result<(), rand_core::Error> {
        into.fill(7);
        Ok(())
    }
}

struct Socket {
    answers: Net,
    inbound: VecDeque<(SocketAddr, Vec<u8>)>,
}

impl ErrorType for Socket {
    type Error = ErrorKind;
}

impl UdpBind for Net {
    type Error = ErrorKind;
    type Socket<'a> = Socket;

    async fn bind(&self, _: SocketAddr) -> Result<Socket, ErrorKind> {
        Ok(Socket {
            answers: self.clone(),
            inbound: VecDeque::new(),
        })
    }
}

impl Dns for Net {
    type Error = ErrorKind;

    async fn get_host_by_name(&self, _: &str, _: AddrType) -> Result<IpAddr, ErrorKind> {
        Err(ErrorKind::NotFound)
    }

    async fn get_host_by_address(&self, _: IpAddr, _: &mut [u8]) -> Result<usize, ErrorKind> {
        Err(ErrorKind::NotFound)
    }
}

impl UdpSend for Socket {
    async fn send(&mut self, remote: SocketAddr, question: &[u8]) -> Result<(), ErrorKind> {
        assert_eq!((remote.port(), question.len()), (123, 48));
        for (is_server, knows, packet) in &self.answers.0 {
            let mut packet = packet.clone();
            if *knows && let Some(origin) = packet.get_mut(24..32) {
                origin.copy_from_slice(&question[40..48]);
            }
            let from = match is_server {
                true => remote,
                false => SocketAddr::from(([10, 0, 0, 2], 123)),
            };
            self.inbound.push_back((from, packet));
        }
        Ok(())
    }
}

impl UdpReceive for Socket {
    async fn receive(&mut self, into: &mut [u8]) -> Result<(usize, SocketAddr), ErrorKind> {
        let Some((from, packet)) = self.inbound.pop_front() else {
            return std::future::pending().await;
        };
        let count = packet.len().min(into.len());
        into[..count].copy_from_slice(&packet[..count]);
        Ok((count, from))
    }
}

impl Readable for Socket {
    async fn readable(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}

// A socket has these, too; a question uses none of them.

impl Socket {
    fn half(&self) -> Self {
        Self {
            answers: self.answers.clone(),
            inbound: VecDeque::new(),
        }
    }
}

impl UdpSplit for Socket {
    type Receive<'a> = &'a mut Self;
    type Send<'a> = Self;

    fn split(&mut self) -> (Self::Receive<'_>, Self::Send<'_>) {
        let send = self.half();
        (self, send)
    }
}

impl MulticastV4 for Socket {
    async fn join_v4(&mut self, _: Ipv4Addr, _: Ipv4Addr) -> Result<(), ErrorKind> {
        Err(ErrorKind::Unsupported)
    }

    async fn leave_v4(&mut self, _: Ipv4Addr, _: Ipv4Addr) -> Result<(), ErrorKind> {
        Err(ErrorKind::Unsupported)
    }
}

impl MulticastV6 for Socket {
    async fn join_v6(&mut self, _: Ipv6Addr, _: u32) -> Result<(), ErrorKind> {
        Err(ErrorKind::Unsupported)
    }

    async fn leave_v6(&mut self, _: Ipv6Addr, _: u32) -> Result<(), ErrorKind> {
        Err(ErrorKind::Unsupported)
    }
}

impl UdpSplitMulticast for Socket {
    type MulticastV4<'a> = Self;
    type MulticastV6<'a> = Self;

    fn split_multicast(
        &mut self,
    ) -> (
        Self::Receive<'_>,
        Self::Send<'_>,
        Self::MulticastV4<'_>,
        Self::MulticastV6<'_>,
    ) {
        let (send, v4, v6) = (self.half(), self.half(), self.half());
        (self, send, v4, v6)
    }
}

/// A packet that says a time near the floor, some of its fields anything, or anything.
fn packet(take: &mut Take<'_>) -> Vec<u8> {
    let how = take.u8();
    if how & 7 == 7 {
        let count = usize::from(take.u8() & 127);
        return take.bytes(count).to_vec();
    }
    let mut packet = vec![0; 48];
    packet[0] = if how & 8 == 0 { 0x24 } else { take.u8() };
    packet[1] = if how & 16 == 0 { 1 } else { take.u8() };
    packet[3] = 0xec;
    let near = FLOOR + NTP_TO_UNIX + i64::from(take.u16()) - 0x4000;
    for at in [16, 32, 40] {
        let seconds = match how & 32 {
            0 => u32::try_from(near & 0xffff_ffff).unwrap(),
            _ => take.u32(),
        };
        packet[at..at + 4].copy_from_slice(&seconds.to_be_bytes());
        if how & 64 != 0 {
            packet[at + 4..at + 8].copy_from_slice(&take.u32().to_be_bytes());
        }
    }
    if how & 128 != 0 {
        let at = usize::from(take.u8() % 48);
        packet[at] = take.u8();
        packet.truncate(48 - usize::from(take.u8() & 3));
    }
    packet
}

/// Whatever comes, the question ends within its time; the clock is set only by a packet of the server that repeats the
/// question's time stamp, and never before the floor.
pub(crate) fn body(data: &[u8]) {
    // Who has it may turn the clock.
    let _time = Setup::new();
    let mut take = Take(data);
    let mut answers = Vec::new();
    for _ in 0..4 {
        if take.is_empty() {
            break;
        }
        let who = take.u8();
        answers.push((who & 3 != 0, who & 12 != 0, packet(&mut take)));
    }
    let may_be_set = answers
        .iter()
        .any(|(is_server, knows, packet)| *is_server && *knows && packet.len() >= 48);
    let clock = WallClock::new();
    clock.set_floor(tls_session::Timestamp::from_unix(FLOOR));
    let (net, mut rng) = (Net(answers), Sevens);
    let done = {
        let mut asking = pin!(ask(&net, &clock, &mut rng, SERVER));
        let mut context = Context::from_waker(Waker::noop());
        let mut ends = || {
            (0..100).find_map(|_| match asking.as_mut().poll(&mut context) {
                Poll::Ready(done) => Some(done),
                Poll::Pending => None,
            })
        };
        ends().or_else(|| {
            MockDriver::get().advance(Duration::from_secs(6));
            ends()
        })
    };
    let done = done.expect("an end within 5 s");
    if let Err(error) = &done {
        let _ = (error.as_str(), format!("{error:?}"));
    }
    assert_eq!(done.is_ok(), clock.micros().is_some());
    if done.is_ok() {
        assert!(may_be_set, "set by nobody who was asked");
        assert!(clock.seconds_or_uptime() >= FLOOR, "before the floor");
    }
}
