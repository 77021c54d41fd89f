//! A listening TCP port of the simulated module, on the PC's loopback or where a `--map` says.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use edge_nal::{TcpAccept, TcpBind as _};
use edge_nal_std::{Stack, TcpAcceptor};

use super::{HostTcp, MapTable, NetError};
use crate::sim::wifi::SimWifi;

/// A listening port: the same one of `127.0.0.1` (of `::1` for IPv6) unless `--map :PORT=ADDR:PORT` has it.
///
/// It listens on every interface, so it outlasts the station's address; connections do not.
pub struct HostListener {
    acceptor: TcpAcceptor,
    wifi: SimWifi,
}

impl std::fmt::Debug for HostListener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HostListener").finish_non_exhaustive()
    }
}

impl HostListener {
    pub(super) async fn bind(
        local: SocketAddr,
        maps: &MapTable,
        wifi: SimWifi,
    ) -> Result<Self, NetError> {
        let loopback: IpAddr = match local {
            SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        };
        let place = maps
            .own(local.port())
            .unwrap_or_else(|| (loopback, local.port()).into());
        let acceptor = Stack::new().bind(place).await?;
        Ok(Self { acceptor, wifi })
    }
}

impl TcpAccept for HostListener {
    type Error = NetError;
    type Socket<'a> = HostTcp;

    /// Dropping it loses nothing: who knocked waits in the PC's queue.
    async fn accept(&self) -> Result<(SocketAddr, HostTcp), NetError> {
        loop {
            let (remote, socket) = self.acceptor.accept().await?;
            // Without an interface no client can reach us: one that connected meanwhile is rejected.
            if let Some(lease) = self.wifi.lease_anywhere() {
                return Ok((remote, HostTcp::new(socket, lease)?));
            }
        }
    }
}
