//! Datagrams on borrowed sockets. No multicast, and none is in pieces.

use core::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use edge_nal::{
    MulticastV4, MulticastV6, Readable, UdpBind, UdpReceive, UdpSend, UdpSplit, UdpSplitMulticast,
};
use embassy_net::udp::{BindError, PacketMetadata, RecvError, SendError, UdpSocket};
use embassy_net::{IpListenEndpoint, Stack};
use embedded_io_async::ErrorType;

use super::{Net, NetError, endpoint, socket_address};
use crate::wire::Lease;

/// Five links and SNTP.
pub(crate) const UDP: usize = 6;
/// What fits into one Ethernet frame.
const DATAGRAM: usize = 1472;
/// Datagrams that may wait in each direction.
const WAITING: usize = 2;

/// Buffers of one socket.
pub(crate) struct UdpMemory {
    rx_meta: [PacketMetadata; WAITING],
    rx: [u8; DATAGRAM],
    tx_meta: [PacketMetadata; WAITING],
    tx: [u8; DATAGRAM],
}

impl UdpMemory {
    pub(crate) const NEW: Self = Self {
        rx_meta: [PacketMetadata::EMPTY; WAITING],
        rx: [0; DATAGRAM],
        tx_meta: [PacketMetadata::EMPTY; WAITING],
        tx: [0; DATAGRAM],
    };

    pub(super) fn socket(&'static mut self, stack: Stack<'static>) -> UdpSocket<'static> {
        UdpSocket::new(
            stack,
            &mut self.rx_meta,
            &mut self.rx,
            &mut self.tx_meta,
            &mut self.tx,
        )
    }
}

impl From<BindError> for NetError {
    fn from(error: BindError) -> Self {
        match error {
            BindError::InvalidState => Self::Unfit,
            BindError::NoRoute => Self::NoRoute,
        }
    }
}

impl From<SendError> for NetError {
    fn from(error: SendError) -> Self {
        match error {
            SendError::NoRoute => Self::NoRoute,
            SendError::SocketNotBound | SendError::PacketTooLarge => Self::Unfit,
        }
    }
}

impl From<RecvError> for NetError {
    fn from(RecvError::Truncated: RecvError) -> Self {
        Self::Unfit
    }
}

impl UdpBind for Net {
    type Error = NetError;
    type Socket<'a> = Datagrams<'a>;

    async fn bind(&self, local: SocketAddr) -> Result<Datagrams<'_>, NetError> {
        let lease = self.lease()?;
        let socket = self.udp.borrow_mut().pop_front();
        let mut datagrams = Datagrams {
            net: self,
            lease,
            socket: Some(socket.ok_or(NetError::NoSocket)?),
        };
        if let Some(socket) = &mut datagrams.socket {
            socket.bind(IpListenEndpoint {
                addr: None,
                port: local.port(),
            })?;
        }
        Ok(datagrams)
    }
}

/// A bound socket. A receive that is dropped has taken nothing, a send that is dropped sent nothing.
pub(crate) struct Datagrams<'a> {
    net: &'a Net,
    lease: Lease<'a>,
    /// There until it is dropped.
    socket: Option<UdpSocket<'static>>,
}

impl Datagrams<'_> {
    fn socket(&self) -> Result<&UdpSocket<'static>, NetError> {
        self.socket.as_ref().ok_or(NetError::Unfit)
    }
}

impl Drop for Datagrams<'_> {
    fn drop(&mut self) {
        if let Some(mut socket) = self.socket.take() {
            socket.close();
            // There is room: it came from there.
            let _ = self.net.udp.borrow_mut().push_back(socket);
        }
    }
}

impl ErrorType for Datagrams<'_> {
    type Error = NetError;
}

impl ErrorType for &Datagrams<'_> {
    type Error = NetError;
}

impl UdpReceive for &Datagrams<'_> {
    async fn receive(&mut self, into: &mut [u8]) -> Result<(usize, SocketAddr), NetError> {
        let socket = self.socket()?;
        let received = self.lease.hold(socket.recv_from(into)).await;
        let (count, about) = received.ok_or(NetError::NoAddress)??;
        Ok((count, socket_address(about.endpoint)))
    }
}

impl UdpSend for &Datagrams<'_> {
    async fn send(&mut self, remote: SocketAddr, data: &[u8]) -> Result<(), NetError> {
        let (socket, remote) = (self.socket()?, endpoint(remote)?);
        let sent = self.lease.hold(socket.send_to(data, remote)).await;
        Ok(sent.ok_or(NetError::NoAddress)??)
    }
}

impl Readable for &Datagrams<'_> {
    async fn readable(&mut self) -> Result<(), NetError> {
        let ready = self.lease.hold(self.socket()?.wait_recv_ready()).await;
        ready.ok_or(NetError::NoAddress)
    }
}

impl UdpReceive for Datagrams<'_> {
    async fn receive(&mut self, into: &mut [u8]) -> Result<(usize, SocketAddr), NetError> {
        (&*self).receive(into).await
    }
}

impl UdpSend for Datagrams<'_> {
    async fn send(&mut self, remote: SocketAddr, data: &[u8]) -> Result<(), NetError> {
        (&*self).send(remote, data).await
    }
}

impl Readable for Datagrams<'_> {
    async fn readable(&mut self) -> Result<(), NetError> {
        (&*self).readable().await
    }
}

impl UdpSplit for Datagrams<'_> {
    type Receive<'a>
        = &'a Self
    where
        Self: 'a;
    type Send<'a>
        = &'a Self
    where
        Self: 'a;

    fn split(&mut self) -> (&Self, &Self) {
        (self, self)
    }
}

impl UdpSplitMulticast for Datagrams<'_> {
    type MulticastV4<'a>
        = &'a Self
    where
        Self: 'a;
    type MulticastV6<'a>
        = &'a Self
    where
        Self: 'a;

    fn split_multicast(&mut self) -> (&Self, &Self, &Self, &Self) {
        (self, self, self, self)
    }
}

macro_rules! no_multicast {
    ($($socket:ty),*) => {$(
        impl MulticastV4 for $socket {
            async fn join_v4(&mut self, _: Ipv4Addr, _: Ipv4Addr) -> Result<(), NetError> {
                Err(NetError::Unsupported)
            }

            async fn leave_v4(&mut self, _: Ipv4Addr, _: Ipv4Addr) -> Result<(), NetError> {
                Err(NetError::Unsupported)
            }
        }

        impl MulticastV6 for $socket {
            async fn join_v6(&mut self, _: Ipv6Addr, _: u32) -> Result<(), NetError> {
                Err(NetError::Unsupported)
            }

            async fn leave_v6(&mut self, _: Ipv6Addr, _: u32) -> Result<(), NetError> {
                Err(NetError::Unsupported)
            }
        }
    )*};
}

no_multicast!(Datagrams<'_>, &Datagrams<'_>);
