//! A datagram socket in each of two stacks, as one.
//!
//! ```text
//! send ── by the address ──▶ socket of its stack        receive ◀── whichever has something
//! ```

use core::future::{Future, poll_fn};
use core::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use core::pin::pin;
use core::task::{Context, Poll};

use edge_nal::{
    MulticastV4, MulticastV6, Readable, UdpBind, UdpReceive, UdpSend, UdpSplit, UdpSplitMulticast,
};
use edge_nal_embassy::{UdpError, UdpSocket};
use embassy_futures::poll_once;
use embedded_io_async::ErrorType;

use crate::Net;

/// One port of two stacks. Groups are joined in the first.
pub struct Datagrams<'a, 'd> {
    net: &'a Net<'d, 2>,
    /// The first is always present; the second is absent if its stack had no socket left.
    sockets: [Option<UdpSocket<'a>>; 2],
}

impl core::fmt::Debug for Datagrams<'_, '_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Datagrams").finish_non_exhaustive()
    }
}

impl<'a, 'd> Datagrams<'a, 'd> {
    /// Binding never waits: a future of it would only be large.
    pub(crate) fn bind(net: &'a Net<'d, 2>, local: SocketAddr) -> Result<Self, UdpError> {
        let mut sockets = [const { None }; 2];
        for (place, (socket, side)) in sockets.iter_mut().zip(&net.sides).enumerate() {
            match poll_once(side.udp.bind(local)) {
                Poll::Ready(Ok(bound)) => *socket = Some(bound),
                Poll::Ready(Err(error)) if place == 0 => return Err(error),
                Poll::Ready(Err(_)) | Poll::Pending => {}
            }
        }
        Ok(Self { net, sockets })
    }

    /// The socket in the stack at `place`.
    fn at(&self, place: usize) -> Result<&UdpSocket<'a>, UdpError> {
        let socket = self.sockets.get(place).and_then(Option::as_ref);
        socket.ok_or(UdpError::NoBuffers)
    }

    /// Waits until `look` finds something with one of the sockets. It is called again at each poll, and the
    /// sockets that it polled wake the task.
    async fn any<T>(&self, mut look: impl FnMut(&UdpSocket<'a>, &mut Context<'_>) -> Poll<T>) -> T {
        poll_fn(|context| {
            for socket in self.sockets.iter().flatten() {
                if let Poll::Ready(found) = look(socket, context) {
                    return Poll::Ready(found);
                }
            }
            Poll::Pending
        })
        .await
    }
}

impl ErrorType for Datagrams<'_, '_> {
    type Error = UdpError;
}

impl ErrorType for &Datagrams<'_, '_> {
    type Error = UdpError;
}

impl UdpReceive for &Datagrams<'_, '_> {
    async fn receive(&mut self, into: &mut [u8]) -> Result<(usize, SocketAddr), UdpError> {
        self.any(|mut socket, context| pin!(socket.receive(into)).poll(context))
            .await
    }
}

impl UdpSend for &Datagrams<'_, '_> {
    async fn send(&mut self, remote: SocketAddr, data: &[u8]) -> Result<(), UdpError> {
        let mut socket = self.at(self.net.place_of(remote.ip()))?;
        // Made again at each poll, so the future does not store it.
        poll_fn(|context| pin!(socket.send(remote, data)).poll(context)).await
    }
}

impl Readable for &Datagrams<'_, '_> {
    async fn readable(&mut self) -> Result<(), UdpError> {
        self.any(|mut socket, context| pin!(socket.readable()).poll(context))
            .await
    }
}

impl MulticastV4 for &Datagrams<'_, '_> {
    async fn join_v4(&mut self, group: Ipv4Addr, interface: Ipv4Addr) -> Result<(), UdpError> {
        let mut socket = self.at(0)?;
        MulticastV4::join_v4(&mut socket, group, interface).await
    }

    async fn leave_v4(&mut self, group: Ipv4Addr, interface: Ipv4Addr) -> Result<(), UdpError> {
        let mut socket = self.at(0)?;
        MulticastV4::leave_v4(&mut socket, group, interface).await
    }
}

impl MulticastV6 for &Datagrams<'_, '_> {
    async fn join_v6(&mut self, group: Ipv6Addr, interface: u32) -> Result<(), UdpError> {
        let mut socket = self.at(0)?;
        MulticastV6::join_v6(&mut socket, group, interface).await
    }

    async fn leave_v6(&mut self, group: Ipv6Addr, interface: u32) -> Result<(), UdpError> {
        let mut socket = self.at(0)?;
        MulticastV6::leave_v6(&mut socket, group, interface).await
    }
}

impl UdpReceive for Datagrams<'_, '_> {
    async fn receive(&mut self, into: &mut [u8]) -> Result<(usize, SocketAddr), UdpError> {
        (&*self).receive(into).await
    }
}

impl UdpSend for Datagrams<'_, '_> {
    async fn send(&mut self, remote: SocketAddr, data: &[u8]) -> Result<(), UdpError> {
        (&*self).send(remote, data).await
    }
}

impl Readable for Datagrams<'_, '_> {
    async fn readable(&mut self) -> Result<(), UdpError> {
        (&*self).readable().await
    }
}

impl MulticastV4 for Datagrams<'_, '_> {
    async fn join_v4(&mut self, group: Ipv4Addr, interface: Ipv4Addr) -> Result<(), UdpError> {
        (&*self).join_v4(group, interface).await
    }

    async fn leave_v4(&mut self, group: Ipv4Addr, interface: Ipv4Addr) -> Result<(), UdpError> {
        (&*self).leave_v4(group, interface).await
    }
}

impl MulticastV6 for Datagrams<'_, '_> {
    async fn join_v6(&mut self, group: Ipv6Addr, interface: u32) -> Result<(), UdpError> {
        (&*self).join_v6(group, interface).await
    }

    async fn leave_v6(&mut self, group: Ipv6Addr, interface: u32) -> Result<(), UdpError> {
        (&*self).leave_v6(group, interface).await
    }
}

impl UdpSplit for Datagrams<'_, '_> {
    type Receive<'s>
        = &'s Self
    where
        Self: 's;
    type Send<'s>
        = &'s Self
    where
        Self: 's;

    fn split(&mut self) -> (&Self, &Self) {
        (self, self)
    }
}

impl UdpSplitMulticast for Datagrams<'_, '_> {
    type MulticastV4<'s>
        = &'s Self
    where
        Self: 's;
    type MulticastV6<'s>
        = &'s Self
    where
        Self: 's;

    fn split_multicast(&mut self) -> (&Self, &Self, &Self, &Self) {
        (self, self, self, self)
    }
}
