//! Datagrams: time servers on UDP port 123 (RFC 5905 §7.3), and peers that a test speaks for.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::rc::Rc;

use edge_nal::{MulticastV4, MulticastV6, Readable, UdpBind, UdpReceive, UdpSend, UdpSplit};
use embedded_io_async::{ErrorKind, ErrorType};

use super::net::{Net, NetError};
use super::{Listener, until};

/// What a time server does with a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Server {
    /// Says this time, in seconds since 1970.
    Says(u64),
    /// Answers a question nobody asked: somebody guesses.
    Guesses(u64),
    /// Says that it does not know itself: stratum 0.
    Unsynchronised(u64),
    Silent,
    /// Cannot be sent to.
    Unreachable,
    /// These datagrams come back, in this order.
    Datagrams(&'static [Datagram]),
}

/// A right answer, changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Datagram {
    /// Who sends it, if not the server.
    pub(crate) from: Option<&'static str>,
    /// The time it says, in seconds since 1970.
    pub(crate) seconds: u64,
    /// Bytes from an offset on that are others.
    pub(crate) edits: &'static [(usize, &'static [u8])],
    /// How much of it comes.
    pub(crate) len: usize,
}

impl Datagram {
    /// Nothing changed.
    pub(crate) const fn right(seconds: u64) -> Self {
        Self {
            from: None,
            seconds,
            edits: &[],
            len: 48,
        }
    }

    pub(crate) const fn edited(seconds: u64, edits: &'static [(usize, &'static [u8])]) -> Self {
        Self {
            edits,
            ..Self::right(seconds)
        }
    }

    fn sent(&self, question: &[u8], server: SocketAddr) -> (SocketAddr, Vec<u8>) {
        let mut packet = answer(question, self.seconds, 1);
        for (at, bytes) in self.edits {
            packet[*at..at + bytes.len()].copy_from_slice(bytes);
        }
        packet.resize(self.len, 0);
        let from = self.from.map_or(server, |from| from.parse().unwrap());
        (from, packet)
    }
}

#[derive(Debug, Default)]
struct State {
    servers: Vec<(IpAddr, Server)>,
    asked: Vec<IpAddr>,
}

/// The servers; clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct TimeServers(Rc<RefCell<State>>);

impl TimeServers {
    pub(crate) fn set(&self, at: &str, server: Server) {
        let at = at.parse().unwrap();
        self.0.borrow_mut().servers.insert(0, (at, server));
    }

    /// Who was asked since the last call.
    pub(crate) fn asked(&self) -> Vec<String> {
        let asked = std::mem::take(&mut self.0.borrow_mut().asked);
        asked.iter().map(ToString::to_string).collect()
    }
}

const NTP_TO_UNIX: u64 = 2_208_988_800;

fn answer(question: &[u8], seconds: u64, stratum: u8) -> Vec<u8> {
    let mut packet = vec![0; 48];
    // No leap second, version 4, server.
    packet[0] = 0x24;
    packet[1] = stratum;
    packet[3] = 0xec;
    let seconds = u32::try_from((seconds + NTP_TO_UNIX) & 0xffff_ffff).unwrap();
    for at in [16, 32, 40] {
        packet[at..at + 4].copy_from_slice(&seconds.to_be_bytes());
    }
    packet[24..32].copy_from_slice(&question[40..48]);
    packet
}

/// Datagram sockets of links, by their local port; clones share them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Datagrams(Rc<RefCell<Ports>>);

#[derive(Debug, Default)]
struct Ports {
    /// Sockets of the modem that are open.
    bound: Vec<u16>,
    /// On their way to a socket.
    inbound: VecDeque<(u16, SocketAddr, Vec<u8>)>,
    /// What the modem sent: from, to, content.
    sent: Vec<(u16, SocketAddr, Vec<u8>)>,
    joined: Vec<IpAddr>,
    refuses: bool,
    listener: Listener,
}

impl Datagrams {
    /// A peer sends a datagram to a port of the modem; false if none is open there.
    pub(crate) fn arrives(&self, port: u16, from: &str, content: &[u8]) -> bool {
        let mut ports = self.0.borrow_mut();
        if !ports.bound.contains(&port) {
            return false;
        }
        let from = from.parse().unwrap();
        ports.inbound.push_back((port, from, content.to_vec()));
        ports.listener.notify();
        true
    }

    /// What the modem sent since the last call: local port, destination, content.
    pub(crate) fn sent(&self) -> Vec<(u16, String, Vec<u8>)> {
        let sent = std::mem::take(&mut self.0.borrow_mut().sent);
        sent.into_iter()
            .map(|(from, to, content)| (from, to.to_string(), content))
            .collect()
    }

    /// Open sockets.
    pub(crate) fn bound(&self) -> Vec<u16> {
        self.0.borrow().bound.clone()
    }

    /// Groups that were joined.
    pub(crate) fn joined(&self) -> Vec<String> {
        let ports = self.0.borrow();
        ports.joined.iter().map(ToString::to_string).collect()
    }

    /// Whether the stack takes no datagram.
    pub(crate) fn refuses(&self, refuses: bool) {
        self.0.borrow_mut().refuses = refuses;
    }
}

/// A socket of the modem.
#[derive(Debug)]
pub(crate) struct Udp {
    servers: TimeServers,
    inbound: VecDeque<(SocketAddr, Vec<u8>)>,
    listener: Listener,
    datagrams: Datagrams,
    /// Of a link; 0 for one that asks for the time.
    port: u16,
    whole: bool,
}

impl Udp {
    fn half(&self) -> Self {
        Self {
            servers: self.servers.clone(),
            inbound: VecDeque::new(),
            listener: Listener::default(),
            datagrams: self.datagrams.clone(),
            port: self.port,
            whole: false,
        }
    }
}

impl Drop for Udp {
    fn drop(&mut self) {
        if self.whole {
            let mut ports = self.datagrams.0.borrow_mut();
            ports.bound.retain(|port| *port != self.port);
        }
    }
}

impl UdpBind for Net {
    type Error = NetError;
    type Socket<'a> = Udp;

    async fn bind(&self, local: SocketAddr) -> Result<Udp, NetError> {
        let port = local.port();
        if port != 0 {
            let mut ports = self.datagrams.0.borrow_mut();
            if ports.bound.contains(&port) {
                return Err(NetError(ErrorKind::AddrInUse));
            }
            ports.bound.push(port);
        }
        Ok(Udp {
            servers: self.time.clone(),
            inbound: VecDeque::new(),
            listener: Listener::default(),
            datagrams: self.datagrams.clone(),
            port,
            whole: port != 0,
        })
    }
}

impl ErrorType for Udp {
    type Error = NetError;
}

impl UdpSend for Udp {
    async fn send(&mut self, remote: SocketAddr, data: &[u8]) -> Result<(), NetError> {
        if self.port != 0 {
            let mut ports = self.datagrams.0.borrow_mut();
            if ports.refuses {
                return Err(NetError(ErrorKind::OutOfMemory));
            }
            ports.sent.push((self.port, remote, data.to_vec()));
            return Ok(());
        }
        assert_eq!((remote.port(), data.len()), (123, 48));
        let mut state = self.servers.0.borrow_mut();
        state.asked.push(remote.ip());
        let server = state
            .servers
            .iter()
            .find(|(at, _)| *at == remote.ip())
            .map_or(Server::Silent, |(_, server)| *server);
        let whole = |packet| vec![(remote, packet)];
        self.inbound.extend(match server {
            Server::Says(seconds) => whole(answer(data, seconds, 1)),
            Server::Guesses(seconds) => whole(answer(&[0; 48], seconds, 1)),
            Server::Unsynchronised(seconds) => whole(answer(data, seconds, 0)),
            Server::Datagrams(datagrams) => {
                let sent = datagrams.iter().map(|datagram| datagram.sent(data, remote));
                sent.collect()
            }
            Server::Silent => return Ok(()),
            Server::Unreachable => return Err(NetError(ErrorKind::Other)),
        });
        self.listener.notify();
        Ok(())
    }
}

impl UdpReceive for Udp {
    async fn receive(&mut self, into: &mut [u8]) -> Result<(usize, SocketAddr), NetError> {
        let (remote, packet) = until(|context| {
            if self.port != 0 {
                let mut ports = self.datagrams.0.borrow_mut();
                ports.listener.listen(context);
                let at = ports
                    .inbound
                    .iter()
                    .position(|(port, ..)| *port == self.port)?;
                let (_, from, content) = ports.inbound.remove(at)?;
                return Some((from, content));
            }
            self.listener.listen(context);
            self.inbound.pop_front()
        })
        .await;
        let count = packet.len().min(into.len());
        into[..count].copy_from_slice(&packet[..count]);
        Ok((count, remote))
    }
}

impl Readable for Udp {
    async fn readable(&mut self) -> Result<(), NetError> {
        until(|context| {
            self.listener.listen(context);
            (!self.inbound.is_empty()).then_some(())
        })
        .await;
        Ok(())
    }
}

impl UdpSplit for Udp {
    type Receive<'a> = &'a mut Self;
    type Send<'a> = Self;

    fn split(&mut self) -> (Self::Receive<'_>, Self::Send<'_>) {
        let send = self.half();
        (self, send)
    }
}

impl MulticastV4 for Udp {
    async fn join_v4(&mut self, group: Ipv4Addr, _: Ipv4Addr) -> Result<(), NetError> {
        self.datagrams.0.borrow_mut().joined.push(group.into());
        Ok(())
    }

    async fn leave_v4(&mut self, _: Ipv4Addr, _: Ipv4Addr) -> Result<(), NetError> {
        Err(NetError(ErrorKind::Unsupported))
    }
}

impl MulticastV6 for Udp {
    async fn join_v6(&mut self, _: Ipv6Addr, _: u32) -> Result<(), NetError> {
        Err(NetError(ErrorKind::Unsupported))
    }

    async fn leave_v6(&mut self, _: Ipv6Addr, _: u32) -> Result<(), NetError> {
        Err(NetError(ErrorKind::Unsupported))
    }
}

impl edge_nal::UdpSplitMulticast for Udp {
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
