//! TCP sockets from a pool that is filled once.
//!
//! ```text
//! pool ── connect, accept ──▶ Socket ── close, drop ──▶ pool (winds down there) ──▶ taken again
//!                                └─ drop: reset ──▶ pool
//! ```

use core::cell::RefCell;
use core::future::{Future, poll_fn};
use core::net::SocketAddr;
use core::pin::pin;
use core::task::Poll;

use at_modem::TcpOptions;
use edge_nal::{Close, Readable, TcpAccept, TcpShutdown, TcpSplit};
use embassy_futures::select::select_array;
use embassy_net::tcp::{ConnectError, State, TcpReader, TcpSocket, TcpWriter};
use embassy_net::{IpEndpoint, Stack};
use embassy_time::{Duration, Timer};
use embedded_io_async::{ErrorKind, ErrorType, Read, Write};
use heapless::Vec;

/// The largest number of sockets in a pool.
const MAX_SOCKETS: usize = 16;

/// Three probes, a second apart, after the silence that `keep_alive` names (spec: at-commands B.4,
/// CIPTCPOPT).
const PROBES: u16 = 3;

pub(crate) type Pool<'d> = RefCell<Vec<TcpSocket<'d>, MAX_SOCKETS>>;

/// Buffers of `N` sockets: `TX` bytes that are not acknowledged yet, and a window of `RX`.
#[derive(Debug)]
pub struct TcpMemory<const N: usize, const TX: usize, const RX: usize> {
    buffers: [([u8; TX], [u8; RX]); N],
}

impl<const N: usize, const TX: usize, const RX: usize> TcpMemory<N, TX, RX> {
    /// All zero.
    #[must_use]
    pub const fn new() -> Self {
        const { assert!(N <= MAX_SOCKETS, "more sockets than a pool holds") };
        Self {
            buffers: [const { ([0; TX], [0; RX]) }; N],
        }
    }

    pub(crate) fn sockets<'d>(&'d mut self, stack: Stack<'d>) -> Vec<TcpSocket<'d>, MAX_SOCKETS> {
        self.buffers
            .iter_mut()
            .map(|(tx, rx)| TcpSocket::new(stack, rx, tx))
            .collect()
    }
}

impl<const N: usize, const TX: usize, const RX: usize> Default for TcpMemory<N, TX, RX> {
    fn default() -> Self {
        Self::new()
    }
}

/// Why a socket failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum TcpError {
    /// All sockets are in use.
    NoSocket,
    /// No local address, or no route to the peer.
    NoRoute,
    /// The peer refused the connection.
    Refused,
    /// The peer did not answer in time.
    TimedOut,
    /// The connection is over: reset by the peer, given up, or never there.
    Reset,
    /// The stack supports IPv4 only.
    Unsupported,
}

impl core::fmt::Display for TcpError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::NoSocket => "no socket is free",
            Self::NoRoute => "no route to the peer",
            Self::Refused => "the peer refused the connection",
            Self::TimedOut => "the peer did not answer in time",
            Self::Reset => "the connection was reset",
            Self::Unsupported => "only IPv4 is spoken here",
        })
    }
}

impl core::error::Error for TcpError {}

impl embedded_io_async::Error for TcpError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::NoSocket => ErrorKind::OutOfMemory,
            Self::NoRoute => ErrorKind::AddrNotAvailable,
            Self::Refused => ErrorKind::ConnectionRefused,
            Self::TimedOut => ErrorKind::TimedOut,
            Self::Reset => ErrorKind::ConnectionReset,
            Self::Unsupported => ErrorKind::Unsupported,
        }
    }
}

/// One connection.
pub struct Socket<'a, 'd> {
    /// There until it is dropped. A cell, because options are set through a shared reference.
    inner: RefCell<Option<TcpSocket<'d>>>,
    pool: &'a Pool<'d>,
}

impl core::fmt::Debug for Socket<'_, '_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Socket").finish_non_exhaustive()
    }
}

const fn is_free(state: State) -> bool {
    matches!(state, State::Closed | State::TimeWait)
}

impl<'a, 'd> Socket<'a, 'd> {
    fn take(pool: &'a Pool<'d>) -> Result<Self, TcpError> {
        let mut free = pool.borrow_mut();
        if free.is_empty() {
            return Err(TcpError::NoSocket);
        }
        // Else the one that has been winding down for longest.
        let index = free
            .iter()
            .position(|socket| is_free(socket.state()))
            .unwrap_or(0);
        let mut socket = free.remove(index);
        if !is_free(socket.state()) {
            socket.abort();
        }
        socket.set_keep_alive(None);
        socket.set_timeout(None);
        socket.set_nagle_enabled(true);
        Ok(Self {
            inner: RefCell::new(Some(socket)),
            pool,
        })
    }

    pub(crate) async fn connect(pool: &'a Pool<'d>, remote: SocketAddr) -> Result<Self, TcpError> {
        let SocketAddr::V4(remote) = remote else {
            return Err(TcpError::Unsupported);
        };
        let mut socket = Self::take(pool)?;
        let remote = IpEndpoint::new((*remote.ip()).into(), remote.port());
        socket
            .inner()?
            .connect(remote)
            .await
            .map_err(|error| match error {
                ConnectError::ConnectionReset => TcpError::Refused,
                ConnectError::TimedOut => TcpError::TimedOut,
                ConnectError::NoRoute => TcpError::NoRoute,
                ConnectError::InvalidState => TcpError::Reset,
            })?;
        Ok(socket)
    }

    fn inner(&mut self) -> Result<&mut TcpSocket<'d>, TcpError> {
        self.inner.get_mut().as_mut().ok_or(TcpError::Reset)
    }

    fn with<T>(&self, look: impl FnOnce(&mut TcpSocket<'d>) -> T) -> Option<T> {
        self.inner.try_borrow_mut().ok()?.as_mut().map(look)
    }

    pub(crate) fn local_port(&self) -> Option<u16> {
        self.with(|socket| socket.local_endpoint())?
            .map(|endpoint| endpoint.port)
    }

    fn remote(&self) -> Option<SocketAddr> {
        self.with(|socket| socket.remote_endpoint())?
            .map(|endpoint| SocketAddr::new(endpoint.addr.into(), endpoint.port))
    }

    /// Lingering has no counterpart here: what is unsent when a socket is dropped leaves in the
    /// background, as long as the peer takes it.
    pub(crate) fn set_options(&self, options: TcpOptions) {
        let seconds = |count: u16| Duration::from_secs(u64::from(count));
        let silence = options.keep_alive;
        self.with(|socket| {
            socket.set_nagle_enabled(!options.no_delay);
            socket.set_keep_alive((silence > 0).then(|| seconds(silence)));
            socket.set_timeout((silence > 0).then(|| seconds(silence.saturating_add(PROBES))));
        });
    }
}

impl Drop for Socket<'_, '_> {
    fn drop(&mut self) {
        if let Some(mut socket) = self.inner.get_mut().take() {
            match socket.state() {
                // A peer of an open connection must learn at once that it is alone.
                State::Listen
                | State::SynSent
                | State::SynReceived
                | State::Established
                | State::CloseWait => socket.abort(),
                // Closed before: its FIN leaves while it is in the pool.
                _ => {}
            }
            // It came from there, so there is room.
            let _ = self.pool.borrow_mut().push(socket);
        }
    }
}

impl ErrorType for Socket<'_, '_> {
    type Error = TcpError;
}

impl Read for Socket<'_, '_> {
    async fn read(&mut self, into: &mut [u8]) -> Result<usize, TcpError> {
        self.inner()?.read(into).await.map_err(|_| TcpError::Reset)
    }
}

impl Write for Socket<'_, '_> {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, TcpError> {
        self.inner()?
            .write(bytes)
            .await
            .map_err(|_| TcpError::Reset)
    }

    async fn flush(&mut self) -> Result<(), TcpError> {
        self.inner()?.flush().await.map_err(|_| TcpError::Reset)
    }
}

impl Readable for Socket<'_, '_> {
    async fn readable(&mut self) -> Result<(), TcpError> {
        let socket = self.inner()?;
        poll_fn(|context| {
            // Reading an ended stream does not wait either. A change of state wakes readers, too.
            if !socket.may_recv() {
                return Poll::Ready(());
            }
            pin!(socket.wait_read_ready()).poll(context)
        })
        .await;
        Ok(())
    }
}

impl TcpShutdown for Socket<'_, '_> {
    async fn close(&mut self, what: Close) -> Result<(), TcpError> {
        if matches!(what, Close::Both | Close::Write) {
            let socket = self.inner()?;
            socket.close();
            socket.flush().await.map_err(|_| TcpError::Reset)?;
        }
        if matches!(what, Close::Both | Close::Read) {
            let mut rest = [0; 64];
            while self.read(&mut rest).await? > 0 {}
        }
        Ok(())
    }

    async fn abort(&mut self) -> Result<(), TcpError> {
        let socket = self.inner()?;
        socket.abort();
        socket.flush().await.map_err(|_| TcpError::Reset)
    }
}

impl TcpSplit for Socket<'_, '_> {
    type Read<'s>
        = SocketRead<'s>
    where
        Self: 's;
    type Write<'s>
        = SocketWrite<'s>
    where
        Self: 's;

    fn split(&mut self) -> (SocketRead<'_>, SocketWrite<'_>) {
        match self.inner.get_mut() {
            Some(socket) => {
                let (rx, tx) = socket.split();
                (SocketRead(Some(rx)), SocketWrite(Some(tx)))
            }
            None => (SocketRead(None), SocketWrite(None)),
        }
    }
}

/// The half that receives.
pub struct SocketRead<'s>(Option<TcpReader<'s>>);

impl core::fmt::Debug for SocketRead<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("SocketRead").finish_non_exhaustive()
    }
}

impl ErrorType for SocketRead<'_> {
    type Error = TcpError;
}

impl Read for SocketRead<'_> {
    async fn read(&mut self, into: &mut [u8]) -> Result<usize, TcpError> {
        let half = self.0.as_mut().ok_or(TcpError::Reset)?;
        half.read(into).await.map_err(|_| TcpError::Reset)
    }
}

impl Readable for SocketRead<'_> {
    /// Waits for data; unlike [`Socket::readable`] it does not see the peer's end.
    async fn readable(&mut self) -> Result<(), TcpError> {
        let half = self.0.as_mut().ok_or(TcpError::Reset)?;
        half.wait_read_ready().await;
        Ok(())
    }
}

/// The half that sends.
pub struct SocketWrite<'s>(Option<TcpWriter<'s>>);

impl core::fmt::Debug for SocketWrite<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("SocketWrite").finish_non_exhaustive()
    }
}

impl ErrorType for SocketWrite<'_> {
    type Error = TcpError;
}

impl Write for SocketWrite<'_> {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, TcpError> {
        let half = self.0.as_mut().ok_or(TcpError::Reset)?;
        half.write(bytes).await.map_err(|_| TcpError::Reset)
    }

    async fn flush(&mut self) -> Result<(), TcpError> {
        let half = self.0.as_mut().ok_or(TcpError::Reset)?;
        half.flush().await.map_err(|_| TcpError::Reset)
    }
}

/// Accepts connections on one port of one stack. Between two calls of `accept` the port does not
/// listen: a peer that connects then is refused.
pub struct Listener<'a, 'd> {
    pool: &'a Pool<'d>,
    port: u16,
}

impl core::fmt::Debug for Listener<'_, '_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Listener")
            .field("port", &self.port)
            .finish_non_exhaustive()
    }
}

impl<'a, 'd> Listener<'a, 'd> {
    pub(crate) const fn new(pool: &'a Pool<'d>, port: u16) -> Self {
        Self { pool, port }
    }
}

impl<'p, 'd> TcpAccept for Listener<'p, 'd> {
    type Error = TcpError;
    type Socket<'a>
        = Socket<'p, 'd>
    where
        Self: 'a;

    async fn accept(&self) -> Result<(SocketAddr, Socket<'p, 'd>), TcpError> {
        loop {
            let mut socket = Socket::take(self.pool)?;
            socket
                .inner()?
                .accept(self.port)
                .await
                .map_err(|_| TcpError::NoRoute)?;
            // A peer may have come and gone in the meantime.
            if let Some(remote) = socket.remote() {
                return Ok((remote, socket));
            }
        }
    }
}

/// A stack without a free socket is tried again after this time, while the other one listens.
const RETRY_INTERVAL: Duration = Duration::from_millis(200);

/// Accepts connections on one port of two stacks, as [`Listener`] does of one.
#[derive(Debug)]
pub struct DualListener<'a, 'd>(pub(crate) [Listener<'a, 'd>; 2]);

impl<'p, 'd> TcpAccept for DualListener<'p, 'd> {
    type Error = TcpError;
    type Socket<'a>
        = Socket<'p, 'd>
    where
        Self: 'a;

    async fn accept(&self) -> Result<(SocketAddr, Socket<'p, 'd>), TcpError> {
        let listeners = self.0.each_ref().map(async |listener| {
            loop {
                match listener.accept().await {
                    Err(TcpError::NoSocket) => Timer::after(RETRY_INTERVAL).await,
                    accepted => break accepted,
                }
            }
        });
        let (accepted, _) = select_array(listeners).await;
        accepted
    }
}
