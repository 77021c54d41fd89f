//! A listening TCP port of the simulated station, on the PC's loopback.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use edge_nal::{TcpAccept, TcpBind as _};
use edge_nal_std::{Stack, TcpAcceptor};

use super::{HostTcp, NetError, while_leased};
use crate::sim::wifi::Lease;

/// A listening port of the simulated station: the same port of `127.0.0.1`, or of `::1`.
pub struct HostListener {
    acceptor: TcpAcceptor,
    lease: Lease,
}

impl std::fmt::Debug for HostListener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HostListener").finish_non_exhaustive()
    }
}

impl HostListener {
    pub(super) async fn bind(local: SocketAddr, lease: Lease) -> Result<Self, NetError> {
        let loopback: IpAddr = match local {
            SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        };
        let acceptor = Stack::new().bind((loopback, local.port()).into()).await?;
        Ok(Self { acceptor, lease })
    }
}

impl TcpAccept for HostListener {
    type Error = NetError;
    type Socket<'a> = HostTcp;

    /// Dropping it loses nothing: who knocked waits in the PC's queue.
    async fn accept(&self) -> Result<(SocketAddr, HostTcp), NetError> {
        let (remote, socket) = while_leased(&self.lease, self.acceptor.accept()).await?;
        Ok((remote, HostTcp::new(socket, self.lease.clone())?))
    }
}
