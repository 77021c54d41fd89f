//! A TCP connection that lasts no longer than the station's address.

use std::future::{Future, pending};
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use at_modem::TcpOptions;

use edge_nal::{Close, Readable, TcpShutdown, TcpSplit};
use edge_nal_std::TcpSocket;
use embedded_io_async::{ErrorType, Read, Write};
use rustix::net::sockopt::{
    set_socket_keepalive, set_socket_linger, set_tcp_keepcnt, set_tcp_keepidle, set_tcp_keepintvl,
};

use futures_lite::future::or;

use super::{NetError, while_leased};
use crate::sim::bench::Bench;
use crate::sim::events::Event;
use crate::sim::peers::{End, Peer, Way};
use crate::sim::wifi::Lease;

/// A TCP connection of the simulated station.
///
/// Reads and writes that are dropped have moved nothing.
pub struct HostTcp {
    socket: TcpSocket,
    lease: Lease,
    bench: Bench,
    /// The far side, as a test wants it.
    far: Rc<Peer>,
    /// What the modem is told of its own port, if that is not the PC's.
    shown_port: Option<u16>,
}

impl Drop for HostTcp {
    fn drop(&mut self) {
        let (received, sent) = self.far.traffic();
        let event = Event::new("close").with("peer", self.far.name());
        self.bench
            .tell(&event.with("received", received).with("sent", sent));
    }
}

impl std::fmt::Debug for HostTcp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HostTcp")
            .field("peer", &self.peer().ok())
            .finish_non_exhaustive()
    }
}

impl HostTcp {
    /// A connection with `peer`, as events and the control port call it.
    pub(super) fn new(
        socket: TcpSocket,
        lease: Lease,
        bench: Bench,
        peer: String,
    ) -> io::Result<Self> {
        // A TLS record goes out when it is complete, not when the last one is acknowledged.
        socket.get_ref().set_nodelay(true)?;
        let far = bench.peers().connected(peer);
        let shown_port = bench.next_port();
        Ok(Self {
            socket,
            lease,
            bench,
            far,
            shown_port,
        })
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
        let own = self
            .socket
            .get_ref()
            .local_addr()
            .ok()
            .map(|own| own.port());
        self.shown_port.or(own)
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

impl HostTcp {
    /// What `operation` on the socket says; nothing if the far side changed before. Dropping it is as dropping that.
    async fn unless_changed<T>(
        &self,
        changed: impl Future<Output = ()>,
        operation: impl Future<Output = io::Result<T>>,
    ) -> Result<Option<T>, NetError> {
        let changed = async {
            changed.await;
            Ok(None)
        };
        let operation = async { operation.await.map(Some) };
        while_leased(&self.lease, or(changed, operation)).await
    }

    /// Waits until the far side lets something through. Nothing is taken.
    async fn way(&self) -> Result<Way, NetError> {
        loop {
            let changed = self.far.changed();
            match self.far.way() {
                Way::Held => {
                    self.unless_changed(changed, pending::<io::Result<()>>())
                        .await?
                }
                way => return Ok(way),
            };
        }
    }

    async fn late_readable(&self) -> io::Result<()> {
        (&self.socket).readable().await?;
        // Nothing is taken before the delay is over, so that dropping it loses nothing.
        self.bench.delay().await;
        Ok(())
    }
}

impl Read for &HostTcp {
    async fn read(&mut self, into: &mut [u8]) -> Result<usize, NetError> {
        let count = loop {
            let changed = self.far.changed();
            let room = match self.way().await? {
                Way::Instead => return Ok(self.far.take_instead(into)),
                Way::Ended(End::Reset) => return Err(reset()),
                Way::Ended(End::Closed) | Way::Held => return Ok(0),
                Way::Open(most) => most.min(into.len()),
            };
            let into = into.get_mut(..room).unwrap_or_default();
            let read = async {
                if !self.bench.latency().is_zero() {
                    self.late_readable().await?;
                }
                (&self.socket).read(into).await
            };
            if let Some(count) = self.unless_changed(changed, read).await? {
                break count;
            }
        };
        self.far.note_received(count);
        Ok(count)
    }
}

impl Write for &HostTcp {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, NetError> {
        if self.far.is_reset() {
            return Err(reset());
        }
        let count = while_leased(&self.lease, (&self.socket).write(bytes)).await?;
        self.far.note_sent(count);
        Ok(count)
    }

    async fn flush(&mut self) -> Result<(), NetError> {
        while_leased(&self.lease, (&self.socket).flush()).await
    }
}

fn reset() -> NetError {
    NetError::Io(io::ErrorKind::ConnectionReset.into())
}

impl Readable for &HostTcp {
    async fn readable(&mut self) -> Result<(), NetError> {
        loop {
            let changed = self.far.changed();
            if !matches!(self.way().await?, Way::Open(_)) {
                return Ok(());
            }
            if self
                .unless_changed(changed, async { (&self.socket).readable().await })
                .await?
                .is_some()
            {
                return Ok(());
            }
        }
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
