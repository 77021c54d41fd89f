//! A listening TCP port of the simulated module, on the PC's loopback or where a `--map` says.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use edge_nal::{TcpAccept, TcpBind as _};
use edge_nal_std::{Stack, TcpAcceptor};

use super::{HostNet, HostTcp, NetError};
use crate::sim::bench::Bench;
use crate::sim::events::Event;
use crate::sim::log;
use crate::sim::wifi::SimWifi;

/// Ports below it are for programs with privileges.
const UNPRIVILEGED: u16 = 1024;

/// A listening port: the same one of `127.0.0.1` (of `::1` for IPv6) unless `--map :PORT=ADDR:PORT` has it.
///
/// It listens on every interface, so it outlasts the station's address; connections do not.
pub struct HostListener {
    acceptor: TcpAcceptor,
    wifi: SimWifi,
    bench: Bench,
    /// As the modem knows it.
    port: u16,
}

impl std::fmt::Debug for HostListener {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HostListener").finish_non_exhaustive()
    }
}

impl HostListener {
    pub(super) async fn bind(local: SocketAddr, net: &HostNet) -> Result<Self, NetError> {
        let loopback: IpAddr = match local {
            SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        };
        let port = local.port();
        let own = net.maps.own(port);
        let place = own.unwrap_or_else(|| (loopback, port).into());
        let event = Event::new("listen").with("port", port).with("on", place);
        match Stack::new().bind(place).await {
            Ok(acceptor) => {
                net.bench.tell(&event.with("result", "open"));
                Ok(Self {
                    acceptor,
                    wifi: net.wifi.clone(),
                    bench: net.bench.clone(),
                    port,
                })
            }
            Err(error) => {
                let error = NetError::Io(error);
                net.bench
                    .tell(&event.with("result", "failed").with("why", &error));
                complain(port, place, &error);
                Err(error)
            }
        }
    }
}

/// Says on stderr why a port of the modem is none of the PC, and what to do: its host is told `ERROR` alone.
pub(super) fn complain(port: u16, place: SocketAddr, error: &NetError) {
    log::aside(sentence(port, place, error));
}

fn sentence(port: u16, place: SocketAddr, error: &NetError) -> String {
    let why = if port < UNPRIVILEGED && place.port() == port {
        ", which needs privileges"
    } else {
        ""
    };
    let elsewhere = port.saturating_add(8000);
    format!(
        "port {port} of the modem cannot be opened on {place}{why}: {error}; \
         --map :{port}=127.0.0.1:{elsewhere} puts it elsewhere"
    )
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
                let event = Event::new("accept").with("peer", remote);
                self.bench.tell(&event.with("port", self.port));
                let peer = remote.to_string();
                let socket = HostTcp::new(socket, lease, self.bench.clone(), peer)?;
                return Ok((remote, socket));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_cannot_be_opened_is_said_with_the_way_round() {
        use std::io::ErrorKind::{AddrInUse, PermissionDenied};
        for (port, place, kind, expected) in [
            (
                80,
                "127.0.0.1:80",
                PermissionDenied,
                "port 80 of the modem cannot be opened on 127.0.0.1:80, which needs privileges: permission denied; \
                 --map :80=127.0.0.1:8080 puts it elsewhere",
            ),
            (
                333,
                "127.0.0.1:8333",
                AddrInUse,
                "port 333 of the modem cannot be opened on 127.0.0.1:8333: address in use; \
                 --map :333=127.0.0.1:8333 puts it elsewhere",
            ),
            (
                65_000,
                "[::1]:65000",
                AddrInUse,
                "port 65000 of the modem cannot be opened on [::1]:65000: address in use; \
                 --map :65000=127.0.0.1:65535 puts it elsewhere",
            ),
        ] {
            let error = NetError::Io(kind.into());
            let said = sentence(port, place.parse().unwrap(), &error);
            assert_eq!(said, expected);
        }
    }
}
