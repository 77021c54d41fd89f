//! The time from the network: sntpc's packets and checks over the modem's sockets (RFC 5905).
//!
//! | who looks | at what |
//! |---|---|
//! | [`Socket`] | sender's address and port, length, origin timestamp: else the wait goes on |
//! | sntpc | mode, version, kiss codes, leap alarm, stratum, transmit timestamp, root distance |
//! | [`ask`] | receive timestamp against transmit timestamp, and the clock's floor |

use core::cell::Cell;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};

use edge_nal::{AddrType, Dns, UdpBind, UdpReceive, UdpSend};
use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embassy_sync::mutex::Mutex;
use embassy_time::{Duration, with_timeout};
use rand_core::RngCore;
use sntpc::{KissOfDeathCode, NtpContext, NtpTimestampGenerator, NtpUdpSocket};

pub(crate) use crate::clock::SntpError;
use crate::clock::{WallClock, uptime_micros};

const PORT: u16 = 123;
/// One question and its answer.
const TIMEOUT: Duration = Duration::from_secs(5);
const TIMEOUT_MICROS: i64 = 5_000_000;
/// 2025-10-01. NTP counts in eras of 136 years; an unset clock asks from here, not from 1970.
const ERA_PIVOT_MICROS: i64 = 1_759_276_800_000_000;

/// How far a server's own account of a question and an answer may be from ours: its two timestamps
/// are apart by less than the round trip, give or take its resolution.
const RESOLUTION_MICROS: i64 = 1_000_000;

impl From<sntpc::Error> for SntpError {
    fn from(error: sntpc::Error) -> Self {
        match error {
            sntpc::Error::Network => Self::Network,
            sntpc::Error::KissOfDeath(KissOfDeathCode::Rate) => Self::AskedTooOften,
            sntpc::Error::KissOfDeath(KissOfDeathCode::Deny | KissOfDeathCode::Rstr) => {
                Self::Denied
            }
            sntpc::Error::KissOfDeath(_)
            | sntpc::Error::UnsynchronizedClock
            | sntpc::Error::IncorrectStratumHeaders => Self::Unsynchronised,
            _ => Self::Invalid,
        }
    }
}

/// Asks one server and sets the clock.
///
/// Dropping it leaves the clock as it was.
pub(crate) async fn ask<N: UdpBind + Dns>(
    net: &N,
    clock: &WallClock,
    rng: &mut impl RngCore,
    server: &str,
) -> Result<(), SntpError> {
    with_timeout(TIMEOUT, ask_until_answered(net, clock, rng, server))
        .await
        .unwrap_or(Err(SntpError::Timeout))
}

async fn ask_until_answered<N: UdpBind + Dns>(
    net: &N,
    clock: &WallClock,
    rng: &mut impl RngCore,
    server: &str,
) -> Result<(), SntpError> {
    let address = match server.parse::<IpAddr>() {
        Ok(address) => address,
        Err(_) => net
            .get_host_by_name(server, AddrType::IPv4)
            .await
            .map_err(|_| SntpError::HostNotFound)?,
    };
    let local = SocketAddr::new(IpAddr::V4(Ipv4Addr::UNSPECIFIED), 0);
    let socket = net.bind(local).await.map_err(|_| SntpError::Network)?;
    let socket = Socket {
        socket: Mutex::new(socket),
        asked: Cell::new(None),
    };

    // An off-path attacker must guess the originate timestamp; a clock that starts at zero is no
    // guess at all. 2^24 s of jitter keep the era, and cancel out of the offset.
    let jitter = i64::from(rng.next_u32() >> 8)
        .saturating_mul(1_000_000)
        .saturating_add(i64::from(rng.next_u32() >> 13));
    let base = ERA_PIVOT_MICROS.saturating_add(jitter);
    let context = NtpContext::new(Generator { base, now: 0 });
    let answer = sntpc::get_time(SocketAddr::new(address, PORT), &socket, context).await?;
    let now = base
        .saturating_add(uptime_micros())
        .saturating_add(answer.offset());
    // sntpc looks at when the answer left, not at when the question is said to have come; the
    // difference of the two goes into the offset.
    let left = i64::try_from(answer.sec())
        .unwrap_or(i64::MAX)
        .saturating_mul(1_000_000);
    let travelled = now.saturating_sub(left);
    if travelled < -RESOLUTION_MICROS
        || travelled > TIMEOUT_MICROS.saturating_add(RESOLUTION_MICROS)
    {
        return Err(SntpError::Invalid);
    }
    if now.div_euclid(1_000_000) < clock.floor().as_unix() {
        return Err(SntpError::BeforeFloor);
    }
    clock.set_micros(now);
    Ok(())
}

/// A clock for one question: right in its pace, wrong by `base`.
#[derive(Clone, Copy)]
struct Generator {
    base: i64,
    now: i64,
}

impl NtpTimestampGenerator for Generator {
    fn init(&mut self) {
        self.now = self.base.saturating_add(uptime_micros());
    }

    fn timestamp_sec(&self) -> u64 {
        u64::try_from(self.now.div_euclid(1_000_000)).unwrap_or(0)
    }

    fn timestamp_subsec_micros(&self) -> u32 {
        u32::try_from(self.now.rem_euclid(1_000_000)).unwrap_or(0)
    }
}

/// The modem's socket, for one question; what is not an answer to it is not even looked at.
///
/// Anybody can send a datagram from any address, so the first one that comes must not end the
/// wait. An answer repeats the transmit timestamp of the question, which nobody can guess who has
/// not seen it.
struct Socket<S> {
    socket: Mutex<NoopRawMutex, S>,
    asked: Cell<Option<(SocketAddr, [u8; TIMESTAMP])>>,
}

/// Bytes of a packet without extension fields, and of a timestamp in it (RFC 5905 §7.3).
const PACKET: usize = 48;
const TIMESTAMP: usize = 8;
const ORIGIN: usize = 24;
const TRANSMIT: usize = 40;

/// The timestamp at an offset of a packet.
fn timestamp(packet: &[u8], at: usize) -> Option<[u8; TIMESTAMP]> {
    packet.get(at..)?.first_chunk().copied()
}

impl<S: UdpReceive + UdpSend> NtpUdpSocket for Socket<S> {
    async fn send_to(&self, buf: &[u8], addr: SocketAddr) -> sntpc::Result<usize> {
        let sent = timestamp(buf, TRANSMIT).ok_or(sntpc::Error::Network)?;
        self.asked.set(Some((addr, sent)));
        let mut socket = self.socket.lock().await;
        socket
            .send(addr, buf)
            .await
            .map_err(|_| sntpc::Error::Network)?;
        Ok(buf.len())
    }

    async fn recv_from(&self, buf: &mut [u8]) -> sntpc::Result<(usize, SocketAddr)> {
        let mut socket = self.socket.lock().await;
        loop {
            let (len, from) = socket
                .receive(buf)
                .await
                .map_err(|_| sntpc::Error::Network)?;
            let answers = timestamp(buf, ORIGIN).map(|origin| (from, origin));
            if len >= PACKET && answers.is_some() && answers == self.asked.get() {
                return Ok((len, from));
            }
            espat_log::debug!("a datagram that answers nothing was left aside");
        }
    }
}
