//! A UDP socket that sends to where a `--map` points and receives from where the host meant.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::task::{Context, Poll};

use async_io::Async;
use edge_nal::{
    MulticastV4, MulticastV6, Readable, UdpReceive, UdpSend, UdpSplit, UdpSplitMulticast,
};
use embedded_io_async::ErrorType;

use super::{MapTable, NetError, while_leased};
use crate::sim::wifi::Lease;

/// A UDP socket of the simulated station.
///
/// Sends and receives that are dropped have moved nothing.
#[derive(Debug)]
pub struct HostUdp {
    /// The one that was asked for, and one of the other IP version if a `--map` leads there.
    sockets: Vec<Async<UdpSocket>>,
    maps: MapTable,
    /// For each target the place that was last asked for through it: its answers come from there.
    asked: RefCell<Vec<(SocketAddr, SocketAddr)>>,
    lease: Lease,
}

impl HostUdp {
    pub(super) fn bind(local: SocketAddr, maps: MapTable, lease: Lease) -> Result<Self, NetError> {
        let other: IpAddr = match maps.own(local.port()).unwrap_or(local) {
            SocketAddr::V4(_) => Ipv6Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv4Addr::UNSPECIFIED.into(),
        };
        // The station's own address exists in the simulation only.
        let own = match local.ip() {
            IpAddr::V4(address) if !address.is_loopback() => Ipv4Addr::UNSPECIFIED.into(),
            address => address,
        };
        let place = maps
            .own(local.port())
            .unwrap_or_else(|| (own, local.port()).into());
        let first = Async::<UdpSocket>::bind(place)?;
        first.get_ref().set_broadcast(true)?;
        let mut sockets = vec![first];
        if maps.has_target(other.is_ipv6()) {
            sockets.push(Async::<UdpSocket>::bind((other, 0))?);
        }
        Ok(Self {
            sockets,
            maps,
            asked: RefCell::default(),
            lease,
        })
    }

    /// The real local port.
    ///
    /// # Errors
    ///
    /// Whatever the PC says.
    pub fn local_port(&self) -> io::Result<u16> {
        let first = self.sockets.first().ok_or(io::ErrorKind::NotConnected)?;
        Ok(first.get_ref().local_addr()?.port())
    }

    /// The socket that can send to `remote`.
    fn socket_for(&self, remote: IpAddr) -> Result<&Async<UdpSocket>, NetError> {
        self.sockets
            .iter()
            .find(|socket| {
                let local = socket.get_ref().local_addr();
                local.is_ok_and(|local| local.is_ipv6() == remote.is_ipv6())
            })
            .ok_or_else(|| NetError::Io(io::ErrorKind::AddrNotAvailable.into()))
    }

    /// Records that answers from `target` are answers of `remote`.
    fn record(&self, target: SocketAddr, remote: SocketAddr) {
        let mut asked = self.asked.borrow_mut();
        asked.retain(|(known, _)| *known != target);
        if target != remote {
            asked.push((target, remote));
        }
    }

    fn original(&self, from: SocketAddr) -> SocketAddr {
        let asked = self.asked.borrow();
        asked
            .iter()
            .find(|(target, _)| *target == from)
            .map_or(from, |(_, original)| *original)
    }

    /// Waits for any socket; ready as well when it has nothing to say but an error.
    fn poll_readable(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        for socket in &self.sockets {
            if let Poll::Ready(result) = socket.poll_readable(context) {
                return Poll::Ready(result);
            }
        }
        Poll::Pending
    }

    fn poll_receive(
        &self,
        context: &mut Context<'_>,
        into: &mut [u8],
    ) -> Poll<io::Result<(usize, SocketAddr)>> {
        loop {
            for socket in &self.sockets {
                match socket.get_ref().recv_from(into) {
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    result => return Poll::Ready(result),
                }
            }
            match self.poll_readable(context) {
                Poll::Ready(Ok(())) => {}
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

impl ErrorType for HostUdp {
    type Error = NetError;
}

impl ErrorType for &HostUdp {
    type Error = NetError;
}

impl UdpReceive for &HostUdp {
    async fn receive(&mut self, into: &mut [u8]) -> Result<(usize, SocketAddr), NetError> {
        let receive = poll_fn(|context| self.poll_receive(context, into));
        let (length, from) = while_leased(&self.lease, receive).await?;
        Ok((length, self.original(from)))
    }
}

impl UdpSend for &HostUdp {
    async fn send(&mut self, remote: SocketAddr, data: &[u8]) -> Result<(), NetError> {
        if !self.lease.leads_to(remote.ip()) {
            return Err(NetError::NoAddress);
        }
        let target = self.maps.redirect(remote)?;
        let socket = self.socket_for(target.ip())?;
        // Before it is sent: the answer may be there first.
        self.record(target, remote);
        while_leased(&self.lease, socket.send_to(data, target)).await?;
        Ok(())
    }
}

impl Readable for &HostUdp {
    async fn readable(&mut self) -> Result<(), NetError> {
        while_leased(&self.lease, poll_fn(|context| self.poll_readable(context))).await
    }
}

impl MulticastV4 for &HostUdp {
    async fn join_v4(&mut self, group: Ipv4Addr, _: Ipv4Addr) -> Result<(), NetError> {
        let socket = self.socket_for(group.into())?.get_ref();
        Ok(socket.join_multicast_v4(&group, &Ipv4Addr::UNSPECIFIED)?)
    }

    async fn leave_v4(&mut self, group: Ipv4Addr, _: Ipv4Addr) -> Result<(), NetError> {
        let socket = self.socket_for(group.into())?.get_ref();
        Ok(socket.leave_multicast_v4(&group, &Ipv4Addr::UNSPECIFIED)?)
    }
}

impl MulticastV6 for &HostUdp {
    async fn join_v6(&mut self, group: Ipv6Addr, interface: u32) -> Result<(), NetError> {
        let socket = self.socket_for(group.into())?.get_ref();
        Ok(socket.join_multicast_v6(&group, interface)?)
    }

    async fn leave_v6(&mut self, group: Ipv6Addr, interface: u32) -> Result<(), NetError> {
        let socket = self.socket_for(group.into())?.get_ref();
        Ok(socket.leave_multicast_v6(&group, interface)?)
    }
}

impl UdpReceive for HostUdp {
    async fn receive(&mut self, into: &mut [u8]) -> Result<(usize, SocketAddr), NetError> {
        (&*self).receive(into).await
    }
}

impl UdpSend for HostUdp {
    async fn send(&mut self, remote: SocketAddr, data: &[u8]) -> Result<(), NetError> {
        (&*self).send(remote, data).await
    }
}

impl Readable for HostUdp {
    async fn readable(&mut self) -> Result<(), NetError> {
        (&*self).readable().await
    }
}

impl MulticastV4 for HostUdp {
    async fn join_v4(&mut self, group: Ipv4Addr, interface: Ipv4Addr) -> Result<(), NetError> {
        (&*self).join_v4(group, interface).await
    }

    async fn leave_v4(&mut self, group: Ipv4Addr, interface: Ipv4Addr) -> Result<(), NetError> {
        (&*self).leave_v4(group, interface).await
    }
}

impl MulticastV6 for HostUdp {
    async fn join_v6(&mut self, group: Ipv6Addr, interface: u32) -> Result<(), NetError> {
        (&*self).join_v6(group, interface).await
    }

    async fn leave_v6(&mut self, group: Ipv6Addr, interface: u32) -> Result<(), NetError> {
        (&*self).leave_v6(group, interface).await
    }
}

impl UdpSplit for HostUdp {
    type Receive<'a> = &'a Self;
    type Send<'a> = &'a Self;

    fn split(&mut self) -> (&Self, &Self) {
        (self, self)
    }
}

impl UdpSplitMulticast for HostUdp {
    type MulticastV4<'a> = &'a Self;
    type MulticastV6<'a> = &'a Self;

    fn split_multicast(&mut self) -> (&Self, &Self, &Self, &Self) {
        (self, self, self, self)
    }
}
