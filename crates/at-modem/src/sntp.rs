//! The time from the network: sntpc's packets and checks over the modem's sockets.

use core::net::{IpAddr, Ipv4Addr, SocketAddr};

use edge_nal::{AddrType, Dns, UdpBind, UdpReceive, UdpSend};
use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embassy_sync::mutex::Mutex;
use embassy_time::{Duration, with_timeout};
use rand_core::RngCore;
use sntpc::{NtpContext, NtpTimestampGenerator, NtpUdpSocket};

use crate::clock::{WallClock, uptime_micros};

const PORT: u16 = 123;
/// One question and its answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// 2025-10-01. NTP counts in eras of 136 years; an unset clock asks from here, not from 1970.
const ERA_PIVOT_MICROS: i64 = 1_759_276_800_000_000;

/// Why a server gave no time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub(crate) enum SntpError {
    /// Its name has no address.
    HostNotFound,
    /// No socket, or sending failed.
    Network,
    /// No answer within 5 s.
    Timeout,
    /// An answer that is not to our question, from an unsynchronised server, or a refusal.
    Refused,
}

impl SntpError {
    /// A phrase for the log.
    #[must_use]
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::HostNotFound => "its name has no address",
            Self::Network => "cannot be sent to",
            Self::Timeout => "no answer within 5 s",
            Self::Refused => "answer refused",
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
    with_timeout(PATIENCE, ask_patiently(net, clock, rng, server))
        .await
        .unwrap_or(Err(SntpError::Timeout))
}

async fn ask_patiently<N: UdpBind + Dns>(
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
    let socket = Socket(Mutex::new(socket));

    // An off-path attacker must guess the originate timestamp; a clock that starts at zero is no
    // guess at all. 2^24 s of jitter keep the era, and cancel out of the offset.
    let jitter = i64::from(rng.next_u32() >> 8)
        .saturating_mul(1_000_000)
        .saturating_add(i64::from(rng.next_u32() >> 13));
    let base = ERA_PIVOT_MICROS.saturating_add(jitter);
    let context = NtpContext::new(Generator { base, now: 0 });
    let answer = sntpc::get_time(SocketAddr::new(address, PORT), &socket, context)
        .await
        .map_err(|error| match error {
            sntpc::Error::Network => SntpError::Network,
            _ => SntpError::Refused,
        })?;
    let now = base
        .saturating_add(uptime_micros())
        .saturating_add(answer.offset());
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

struct Socket<S>(Mutex<NoopRawMutex, S>);

impl<S: UdpReceive + UdpSend> NtpUdpSocket for Socket<S> {
    async fn send_to(&self, buf: &[u8], addr: SocketAddr) -> sntpc::Result<usize> {
        let mut socket = self.0.lock().await;
        socket
            .send(addr, buf)
            .await
            .map_err(|_| sntpc::Error::Network)?;
        Ok(buf.len())
    }

    async fn recv_from(&self, buf: &mut [u8]) -> sntpc::Result<(usize, SocketAddr)> {
        let mut socket = self.0.lock().await;
        socket.receive(buf).await.map_err(|_| sntpc::Error::Network)
    }
}
