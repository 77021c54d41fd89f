//! A TCP connection that lasts no longer than the station's address.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use at_modem::TcpOptions;

use edge_nal::{Close, Readable, TcpShutdown, TcpSplit};
use edge_nal_std::TcpSocket;
use embedded_io_async::{ErrorType, Read, Write};
use rustix::net::sockopt::{
    set_socket_keepalive, set_socket_linger, set_tcp_keepcnt, set_tcp_keepidle, set_tcp_keepintvl,
};

use super::{NetError, while_leased};
use crate::sim::bench::Bench;
use crate::sim::wifi::Lease;

/// A TCP connection of the simulated station.
///
/// Reads and writes that are dropped have moved nothing.
pub struct HostTcp {
    socket: TcpSocket,
    lease: Lease,
    bench: Bench,
}

impl std::fmt::Debug for HostTcp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HostTcp")
            .field("peer", &self.peer().ok())
            .finish_non_exhaustive()
    }
}

impl HostTcp {
    pub(super) fn new(socket: TcpSocket, lease: Lease) -> io::Result<Self> {
        // A TLS record goes out when it is complete, not when the last one is acknowledged.
        socket.get_ref().set_nodelay(true)?;
        Ok(Self {
            socket,
            lease,
            bench: Bench::default(),
        })
    }

    /// With the delay that a test sets.
    pub(super) fn with_bench(self, bench: Bench) -> Self {
        Self { bench, ..self }
    }

    /// The real address of the peer, after any `--map`.
    ///
    /// # Errors
    ///
    /// When the connection is gone already.
    pub fn peer(&self) -> io::Result<SocketAddr> {
        self.socket.get_ref().peer_addr()
    }

    #[cfg(test)]
    pub(super) fn stream(&self) -> &std::net::TcpStream {
        self.socket.get_ref()
    }

    /// The port of this side.
    #[must_use]
    pub fn local_port(&self) -> Option<u16> {
        self.socket
            .get_ref()
            .local_addr()
            .ok()
            .map(|own| own.port())
    }
}

impl HostTcp {
    /// Sets what `AT+CIPTCPOPT` and the keep-alive of `AT+CIPSTART` ask for.
    pub(super) fn set_options(&self, options: TcpOptions) {
        if let Err(error) = self.try_options(options) {
            // The connection may be over already.
            ::log::debug!("options of a connection: {error}");
        }
    }

    fn try_options(&self, options: TcpOptions) -> io::Result<()> {
        let socket = self.socket.get_ref();
        // Without an answer to three probes, a second apart, the peer is gone (spec: at-commands B.4, CIPSTART).
        set_socket_keepalive(socket, options.keep_alive != 0)?;
        if options.keep_alive != 0 {
            set_tcp_keepidle(socket, Duration::from_secs(options.keep_alive.into()))?;
            set_tcp_keepintvl(socket, Duration::from_secs(1))?;
            set_tcp_keepcnt(socket, 3)?;
        }
        let linger = options.linger.map(|s| Duration::from_secs(s.into()));
        set_socket_linger(socket, linger)?;
        // Nagle's algorithm stays off whatever is asked: a message of the modem is one write here, and
        // waiting for acknowledgements would change nothing that a host sees but the time.
        Ok(())
    }
}

impl ErrorType for HostTcp {
    type Error = NetError;
}

impl ErrorType for &HostTcp {
    type Error = NetError;
}

impl Read for &HostTcp {
    async fn read(&mut self, into: &mut [u8]) -> Result<usize, NetError> {
        if !self.bench.latency().is_zero() {
            // Nothing is taken before the delay is over, so that dropping it loses nothing.
            while_leased(&self.lease, (&self.socket).readable()).await?;
            self.bench.delay().await;
        }
        while_leased(&self.lease, (&self.socket).read(into)).await
    }
}

impl Write for &HostTcp {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, NetError> {
        while_leased(&self.lease, (&self.socket).write(bytes)).await
    }

    async fn flush(&mut self) -> Result<(), NetError> {
        while_leased(&self.lease, (&self.socket).flush()).await
    }
}

impl Readable for &HostTcp {
    async fn readable(&mut self) -> Result<(), NetError> {
        while_leased(&self.lease, (&self.socket).readable()).await
    }
}

impl Read for HostTcp {
    async fn read(&mut self, into: &mut [u8]) -> Result<usize, NetError> {
        (&*self).read(into).await
    }
}

impl Write for HostTcp {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, NetError> {
        (&*self).write(bytes).await
    }

    async fn flush(&mut self) -> Result<(), NetError> {
        (&*self).flush().await
    }
}

impl Readable for HostTcp {
    async fn readable(&mut self) -> Result<(), NetError> {
        (&*self).readable().await
    }
}

impl TcpSplit for HostTcp {
    type Read<'a> = &'a Self;
    type Write<'a> = &'a Self;

    fn split(&mut self) -> (&Self, &Self) {
        (self, self)
    }
}

impl TcpShutdown for HostTcp {
    async fn close(&mut self, what: Close) -> Result<(), NetError> {
        Ok(self.socket.close(what).await?)
    }

    async fn abort(&mut self) -> Result<(), NetError> {
        Ok(self.socket.abort().await?)
    }
}
