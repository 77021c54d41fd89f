//! TCP connections on borrowed sockets.

use core::cell::RefCell;
use core::net::SocketAddr;

use at_modem::TcpOptions;
use edge_nal::{Close, Readable, TcpAccept, TcpBind, TcpConnect, TcpShutdown, TcpSplit};
use embassy_net::Stack;
use embassy_net::tcp::{Error, State, TcpReader, TcpSocket, TcpWriter};
use embassy_time::Duration;
use embedded_io_async::{ErrorType, Read, Write};

use super::{Net, NetError, endpoint, socket_address};
use crate::wire::Lease;

/// Five links, one that is being turned away, a listener.
pub(crate) const TCP: usize = 7;
/// A window of almost three segments.
const RX: usize = 4096;
const TX: usize = 2048;
/// Probes without an answer before a silent peer counts as gone, a second apart.
const PROBES: u64 = 3;

/// Buffers of one connection.
pub(crate) struct TcpMemory {
    rx: [u8; RX],
    tx: [u8; TX],
}

impl TcpMemory {
    pub(crate) const NEW: Self = Self {
        rx: [0; RX],
        tx: [0; TX],
    };

    pub(super) fn socket(&'static mut self, stack: Stack<'static>) -> TcpSocket<'static> {
        TcpSocket::new(stack, &mut self.rx, &mut self.tx)
    }
}

impl From<Error> for NetError {
    fn from(Error::ConnectionReset: Error) -> Self {
        Self::Reset
    }
}

impl Net {
    /// A socket that is closed or, if none is, the one that has been closing for longest.
    fn idle_tcp(&self) -> Result<Connection<'_>, NetError> {
        let lease = self.lease()?;
        let mut pool = self.tcp.borrow_mut();
        let mut socket = None;
        for _ in 0..pool.len() {
            let Some(next) = pool.pop_front() else { break };
            if next.state() == State::Closed {
                socket = Some(next);
                break;
            }
            // There is room: it was just taken out.
            let _ = pool.push_back(next);
        }
        let mut socket = socket
            .or_else(|| pool.pop_front())
            .ok_or(NetError::NoSocket)?;
        socket.abort();
        socket.set_keep_alive(None);
        socket.set_timeout(None);
        // A TLS record goes out when it is complete, not when the last one is acknowledged.
        socket.set_nagle_enabled(false);
        Ok(Connection {
            net: self,
            lease,
            socket: RefCell::new(Some(socket)),
        })
    }
}

impl TcpConnect for Net {
    type Error = NetError;
    type Socket<'a> = Connection<'a>;

    /// Dropping it resets the half-open connection.
    async fn connect(&self, remote: SocketAddr) -> Result<Connection<'_>, NetError> {
        let remote = endpoint(remote)?;
        let mut connection = self.idle_tcp()?;
        let lease = connection.lease;
        let connected = lease.hold(connection.socket()?.connect(remote)).await;
        connected.ok_or(NetError::NoAddress)??;
        Ok(connection)
    }
}

impl TcpBind for Net {
    type Error = NetError;
    type Accept<'a> = Listener<'a>;

    async fn bind(&self, local: SocketAddr) -> Result<Listener<'_>, NetError> {
        self.lease()?;
        Ok(Listener {
            net: self,
            port: local.port(),
        })
    }
}

/// A port that is listened to while [`TcpAccept::accept`] waits; a SYN at another time is refused.
pub(crate) struct Listener<'a> {
    net: &'a Net,
    port: u16,
}

impl TcpAccept for Listener<'_> {
    type Error = NetError;
    type Socket<'a>
        = Connection<'a>
    where
        Self: 'a;

    /// Dropping it resets a connection that is half made.
    async fn accept(&self) -> Result<(SocketAddr, Connection<'_>), NetError> {
        let mut connection = self.net.idle_tcp()?;
        let lease = connection.lease;
        let socket = connection.socket()?;
        let accepted = lease.hold(socket.accept(self.port)).await;
        accepted
            .ok_or(NetError::NoAddress)?
            .map_err(|_| NetError::Unfit)?;
        let peer = socket.remote_endpoint().ok_or(NetError::Reset)?;
        Ok((socket_address(peer), connection))
    }
}

/// An open connection. Reads and writes that are dropped have moved nothing.
pub(crate) struct Connection<'a> {
    net: &'a Net,
    lease: Lease<'a>,
    /// There until it is dropped.
    socket: RefCell<Option<TcpSocket<'static>>>,
}

impl Connection<'_> {
    fn socket(&mut self) -> Result<&mut TcpSocket<'static>, NetError> {
        self.socket.get_mut().as_mut().ok_or(NetError::Unfit)
    }

    pub(super) fn local_port(&self) -> Option<u16> {
        let socket = self.socket.borrow();
        Some(socket.as_ref()?.local_endpoint()?.port)
    }

    /// There is no word for lingering: a connection that is closed goes on closing by itself.
    pub(super) fn set_options(&self, options: TcpOptions) {
        let mut socket = self.socket.borrow_mut();
        let Some(socket) = socket.as_mut() else {
            return;
        };
        socket.set_nagle_enabled(!options.no_delay);
        let idle = (options.keep_alive > 0).then_some(u64::from(options.keep_alive));
        socket.set_keep_alive(idle.map(Duration::from_secs));
        socket.set_timeout(idle.map(|idle| Duration::from_secs(idle.saturating_add(PROBES))));
    }
}

impl Drop for Connection<'_> {
    fn drop(&mut self) {
        let Some(mut socket) = self.socket.take() else {
            return;
        };
        match socket.state() {
            State::FinWait1
            | State::FinWait2
            | State::Closing
            | State::LastAck
            | State::TimeWait => {}
            _ => socket.abort(),
        }
        // There is room: it came from there.
        let _ = self.net.tcp.borrow_mut().push_back(socket);
    }
}

impl ErrorType for Connection<'_> {
    type Error = NetError;
}

impl Read for Connection<'_> {
    async fn read(&mut self, into: &mut [u8]) -> Result<usize, NetError> {
        self.split().0.read(into).await
    }
}

impl Write for Connection<'_> {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, NetError> {
        self.split().1.write(bytes).await
    }

    async fn flush(&mut self) -> Result<(), NetError> {
        self.split().1.flush().await
    }
}

impl Readable for Connection<'_> {
    async fn readable(&mut self) -> Result<(), NetError> {
        self.split().0.readable().await
    }
}

impl TcpShutdown for Connection<'_> {
    /// Dropping it leaves the connection to close by itself.
    async fn close(&mut self, what: Close) -> Result<(), NetError> {
        let lease = self.lease;
        let socket = self.socket()?;
        if matches!(what, Close::Write | Close::Both) {
            socket.close();
            let flushed = lease.hold(socket.flush()).await;
            flushed.ok_or(NetError::NoAddress)??;
        }
        if matches!(what, Close::Read | Close::Both) {
            let mut nowhere = [0; 64];
            while self.read(&mut nowhere).await? > 0 {}
        }
        Ok(())
    }

    async fn abort(&mut self) -> Result<(), NetError> {
        let lease = self.lease;
        let socket = self.socket()?;
        socket.abort();
        // Until the reset is on its way.
        let flushed = lease.hold(socket.flush()).await;
        flushed.ok_or(NetError::NoAddress)?.map_err(Into::into)
    }
}

impl TcpSplit for Connection<'_> {
    type Read<'a>
        = Half<'a, TcpReader<'a>>
    where
        Self: 'a;
    type Write<'a>
        = Half<'a, TcpWriter<'a>>
    where
        Self: 'a;

    fn split(&mut self) -> (Self::Read<'_>, Self::Write<'_>) {
        let lease = self.lease;
        let halves = self.socket.get_mut().as_mut().map(TcpSocket::split);
        let (rx, tx) = halves.unzip();
        (Half { lease, half: rx }, Half { lease, half: tx })
    }
}

/// One direction of a connection.
pub(crate) struct Half<'a, T> {
    lease: Lease<'a>,
    half: Option<T>,
}

impl<T> ErrorType for Half<'_, T> {
    type Error = NetError;
}

impl Read for Half<'_, TcpReader<'_>> {
    async fn read(&mut self, into: &mut [u8]) -> Result<usize, NetError> {
        let rx = self.half.as_mut().ok_or(NetError::Unfit)?;
        let read = self.lease.hold(rx.read(into)).await;
        Ok(read.ok_or(NetError::NoAddress)??)
    }
}

impl Readable for Half<'_, TcpReader<'_>> {
    async fn readable(&mut self) -> Result<(), NetError> {
        let rx = self.half.as_ref().ok_or(NetError::Unfit)?;
        let ready = self.lease.hold(rx.wait_read_ready()).await;
        ready.ok_or(NetError::NoAddress)
    }
}

impl Write for Half<'_, TcpWriter<'_>> {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, NetError> {
        let tx = self.half.as_mut().ok_or(NetError::Unfit)?;
        let written = self.lease.hold(tx.write(bytes)).await;
        Ok(written.ok_or(NetError::NoAddress)??)
    }

    async fn flush(&mut self) -> Result<(), NetError> {
        let tx = self.half.as_mut().ok_or(NetError::Unfit)?;
        let flushed = self.lease.hold(tx.flush()).await;
        Ok(flushed.ok_or(NetError::NoAddress)??)
    }
}
