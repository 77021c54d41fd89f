//! One ICMP echo request and its answer (RFC 792, RFC 4443 §4), by a socket that needs no privilege.
//!
//! Where the PC does not allow such sockets (`net.ipv4.ping_group_range`) only this machine answers:
//! it is there, or nobody could ask.

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};

use async_io::Async;
use rustix::net::{AddressFamily, SocketFlags, SocketType, ipproto, socket_with};

/// Type, code, checksum, identifier, sequence: the kernel fills in checksum and identifier.
const REQUEST_V4: [u8; 8] = [8, 0, 0, 0, 0, 0, 0, 1];
const REQUEST_V6: [u8; 8] = [128, 0, 0, 0, 0, 0, 0, 1];

/// Waits for the answer of `to`. Dropping it ignores the answer.
pub(super) async fn echo(to: IpAddr) -> io::Result<()> {
    let (family, protocol, request) = match to {
        IpAddr::V4(_) => (AddressFamily::INET, ipproto::ICMP, REQUEST_V4),
        IpAddr::V6(_) => (AddressFamily::INET6, ipproto::ICMPV6, REQUEST_V6),
    };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = match socket_with(family, SocketType::DGRAM, flags, Some(protocol)) {
        Err(_) if to.is_loopback() => return Ok(()),
        socket => Async::new(UdpSocket::from(socket?))?,
    };
    // The kernel gives a socket of this kind no answers but its own.
    socket.send_to(&request, SocketAddr::new(to, 0)).await?;
    socket.recv_from(&mut [0; 64]).await.map(drop)
}
