//! A network of scripted peers: names, and TCP connections.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;

use at_modem::{NetExtras, Unsupported};
use edge_nal::{
    AddrType, Close, Dns, Readable, TcpAccept, TcpBind, TcpConnect, TcpShutdown, TcpSplit,
};
use embedded_io_async::{Error, ErrorKind, ErrorType, Read, Write};

use super::udp::{Datagrams, TimeServers};
use super::{Listener, ROOM, until};

/// A failure of the network, by its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NetError(pub(crate) ErrorKind);

impl core::fmt::Display for NetError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "network: {:?}", self.0)
    }
}

impl core::error::Error for NetError {}

impl Error for NetError {
    fn kind(&self) -> ErrorKind {
        self.0
    }
}

/// What a TCP port does with a connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Door {
    /// Accepts, and sends back what it gets.
    Echo,
    /// Accepts, and keeps what it gets.
    Sink,
    /// Accepts, and says `hello` at once.
    Greeting,
    /// The connect fails.
    Fails(ErrorKind),
    /// No answer.
    Silent,
}

/// What a name resolves to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Resolves {
    To(IpAddr),
    Silent,
}

#[derive(Debug)]
struct Connection {
    /// On its way to the modem.
    inbound: VecDeque<u8>,
    /// What the modem sent.
    outbound: Vec<u8>,
    echo: bool,
    /// The peer sends nothing more.
    finished: bool,
    /// Every read and write fails.
    broken: Option<ErrorKind>,
    /// Bytes the peer still takes.
    window: Option<usize>,
    closed: bool,
    dropped: bool,
    /// How often the modem has read, whatever came of it.
    reads: usize,
    listener: Listener,
}

impl Default for Connection {
    fn default() -> Self {
        Self {
            inbound: VecDeque::with_capacity(ROOM),
            outbound: Vec::with_capacity(ROOM),
            echo: false,
            finished: false,
            broken: None,
            window: None,
            closed: false,
            dropped: false,
            reads: 0,
            listener: Listener::default(),
        }
    }
}

#[derive(Debug, Default)]
struct State {
    doors: Vec<(SocketAddr, Door)>,
    names: Vec<(String, Resolves)>,
    asked_names: Vec<String>,
    name_servers: Vec<IpAddr>,
    connections: Vec<Peer>,
    /// Ports that the modem listens on.
    listening: Vec<u16>,
    /// Who waits at a port to be let in.
    knocking: VecDeque<(u16, SocketAddr, Peer)>,
    listener: Listener,
}

/// The network; clones share it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Net {
    state: Rc<RefCell<State>>,
    /// What answers on UDP port 123.
    pub(crate) time: TimeServers,
    /// Datagrams of links.
    pub(crate) datagrams: Datagrams,
}

/// The far end of a connection.
#[derive(Debug, Clone)]
pub(crate) struct Peer(Rc<RefCell<Connection>>);

impl Net {
    /// Lets a port do something; without a door a connect is refused.
    pub(crate) fn door(&self, at: &str, door: Door) {
        let mut state = self.state.borrow_mut();
        state.doors.insert(0, (at.parse().unwrap(), door));
        state.listener.notify();
    }

    /// Gives a name an answer; without one it is not found.
    pub(crate) fn name(&self, name: &str, resolves: Resolves) {
        let mut state = self.state.borrow_mut();
        state.names.insert(0, (name.to_owned(), resolves));
        state.listener.notify();
    }

    /// Servers to ask for names; none for those from DHCP.
    pub(crate) fn name_servers(&self) -> String {
        let state = self.state.borrow();
        let servers = state.name_servers.iter().map(ToString::to_string);
        servers.collect::<Vec<_>>().join(" ")
    }

    /// Names that were asked for.
    pub(crate) fn asked_names(&self) -> Vec<String> {
        self.state.borrow().asked_names.clone()
    }

    /// The peer of the latest connection.
    pub(crate) fn peer(&self) -> Peer {
        self.state.borrow().connections.last().unwrap().clone()
    }

    /// A client connects to a port of the modem; `None` if nobody listens there.
    pub(crate) fn knock(&self, port: u16, from: &str) -> Option<Peer> {
        let mut state = self.state.borrow_mut();
        if !state.listening.contains(&port) {
            return None;
        }
        let peer = Peer(Rc::new(RefCell::new(Connection::default())));
        let from = from.parse().unwrap();
        state.knocking.push_back((port, from, peer.clone()));
        state.listener.notify();
        Some(peer)
    }

    /// The peers of all connections that the modem opened, in that order.
    pub(crate) fn peers(&self) -> Vec<Peer> {
        self.state.borrow().connections.clone()
    }

    pub(crate) fn connections(&self) -> usize {
        self.state.borrow().connections.len()
    }
}

impl Peer {
    fn change<T>(&self, change: impl FnOnce(&mut Connection) -> T) -> T {
        let mut connection = self.0.borrow_mut();
        let result = change(&mut connection);
        connection.listener.notify();
        result
    }

    pub(crate) fn sends(&self, bytes: &[u8]) {
        self.change(|connection| connection.inbound.extend(bytes));
    }

    /// FIN, behind what was sent.
    pub(crate) fn closes(&self) {
        self.change(|connection| connection.finished = true);
    }

    pub(crate) fn breaks(&self, kind: ErrorKind) {
        self.change(|connection| connection.broken = Some(kind));
    }

    /// Takes so many bytes more, or all.
    pub(crate) fn takes(&self, window: Option<usize>) {
        self.change(|connection| connection.window = window);
    }

    /// What the modem sent since the last call.
    pub(crate) fn received(&self) -> Vec<u8> {
        let mut connection = self.0.borrow_mut();
        let outbound = connection.outbound.clone();
        connection.outbound.clear();
        outbound
    }

    /// How often the modem has read its socket, whatever came of it.
    pub(crate) fn reads(&self) -> usize {
        self.0.borrow().reads
    }

    /// Bytes on their way to the modem that it has not read.
    pub(crate) fn unsent(&self) -> usize {
        self.0.borrow().inbound.len()
    }

    /// Whether the modem closed its side and let go of the socket.
    pub(crate) fn is_gone(&self) -> (bool, bool) {
        let connection = self.0.borrow();
        (connection.closed, connection.dropped)
    }
}

/// The modem's end. Halves share it.
#[derive(Debug)]
pub(crate) struct Socket {
    peer: Peer,
    whole: bool,
}

impl Drop for Socket {
    fn drop(&mut self) {
        if self.whole {
            self.peer.0.borrow_mut().dropped = true;
        }
    }
}

impl ErrorType for Socket {
    type Error = NetError;
}

impl Read for Socket {
    async fn read(&mut self, into: &mut [u8]) -> Result<usize, NetError> {
        until(|context| {
            let mut connection = self.peer.0.borrow_mut();
            connection.listener.listen(context);
            connection.reads += 1;
            let count = connection.inbound.len().min(into.len());
            if count > 0 {
                std::io::Read::read_exact(&mut connection.inbound, &mut into[..count]).unwrap();
                return Some(Ok(count));
            }
            if let Some(kind) = connection.broken {
                return Some(Err(NetError(kind)));
            }
            connection.finished.then_some(Ok(0))
        })
        .await
    }
}

impl Write for Socket {
    async fn write(&mut self, from: &[u8]) -> Result<usize, NetError> {
        until(|context| {
            let mut connection = self.peer.0.borrow_mut();
            connection.listener.listen(context);
            if let Some(kind) = connection.broken {
                return Some(Err(NetError(kind)));
            }
            let count = from.len().min(connection.window.unwrap_or(usize::MAX));
            if count == 0 && !from.is_empty() {
                return None;
            }
            connection.window = connection.window.map(|window| window - count);
            connection.outbound.extend_from_slice(&from[..count]);
            if connection.echo {
                connection.inbound.extend(&from[..count]);
                connection.listener.notify();
            }
            Some(Ok(count))
        })
        .await
    }

    async fn flush(&mut self) -> Result<(), NetError> {
        Ok(())
    }
}

impl Readable for Socket {
    async fn readable(&mut self) -> Result<(), NetError> {
        until(|context| {
            let mut connection = self.peer.0.borrow_mut();
            connection.listener.listen(context);
            (!connection.inbound.is_empty() || connection.finished).then_some(())
        })
        .await;
        Ok(())
    }
}

impl TcpSplit for Socket {
    type Read<'a> = Self;
    type Write<'a> = Self;

    fn split(&mut self) -> (Self, Self) {
        let half = || Self {
            peer: self.peer.clone(),
            whole: false,
        };
        (half(), half())
    }
}

impl TcpShutdown for Socket {
    async fn close(&mut self, _what: Close) -> Result<(), NetError> {
        self.peer.0.borrow_mut().closed = true;
        Ok(())
    }

    async fn abort(&mut self) -> Result<(), NetError> {
        self.peer.0.borrow_mut().closed = true;
        Ok(())
    }
}

impl TcpConnect for Net {
    type Error = NetError;
    type Socket<'a> = Socket;

    async fn connect(&self, remote: SocketAddr) -> Result<Socket, NetError> {
        let door = until(|context| {
            let mut state = self.state.borrow_mut();
            state.listener.listen(context);
            let door = state
                .doors
                .iter()
                .find(|(at, _)| *at == remote)
                .map_or(Door::Fails(ErrorKind::ConnectionRefused), |(_, door)| *door);
            (door != Door::Silent).then_some(door)
        })
        .await;
        if let Door::Fails(kind) = door {
            return Err(NetError(kind));
        }
        let mut connection = Connection {
            echo: door == Door::Echo,
            ..Connection::default()
        };
        if door == Door::Greeting {
            connection.inbound.extend(b"hello");
        }
        let peer = Peer(Rc::new(RefCell::new(connection)));
        self.state.borrow_mut().connections.push(peer.clone());
        Ok(Socket { peer, whole: true })
    }
}

/// A port that the modem listens on, until it is dropped.
#[derive(Debug)]
pub(crate) struct Doorbell {
    net: Net,
    port: u16,
}

impl Drop for Doorbell {
    fn drop(&mut self) {
        let mut state = self.net.state.borrow_mut();
        state.listening.retain(|port| *port != self.port);
        state.knocking.retain(|(port, ..)| *port != self.port);
    }
}

impl TcpBind for Net {
    type Error = NetError;
    type Accept<'a> = Doorbell;

    async fn bind(&self, local: SocketAddr) -> Result<Doorbell, NetError> {
        let mut state = self.state.borrow_mut();
        if state.listening.contains(&local.port()) {
            return Err(NetError(ErrorKind::AddrInUse));
        }
        state.listening.push(local.port());
        Ok(Doorbell {
            net: self.clone(),
            port: local.port(),
        })
    }
}

impl TcpAccept for Doorbell {
    type Error = NetError;
    type Socket<'a> = Socket;

    async fn accept(&self) -> Result<(SocketAddr, Socket), NetError> {
        until(|context| {
            let mut state = self.net.state.borrow_mut();
            state.listener.listen(context);
            let at = state
                .knocking
                .iter()
                .position(|(port, ..)| *port == self.port)?;
            let (_, from, peer) = state.knocking.remove(at)?;
            Some(Ok((from, Socket { peer, whole: true })))
        })
        .await
    }
}

/// Notes which name servers the modem wants asked.
#[derive(Debug)]
pub(crate) struct NetDouble;

impl NetExtras<Net> for NetDouble {
    fn set_dns_servers(&self, net: &Net, servers: &[IpAddr]) -> Result<(), Unsupported> {
        net.state.borrow_mut().name_servers = servers.to_vec();
        Ok(())
    }
}

impl Dns for Net {
    type Error = NetError;

    async fn get_host_by_name(&self, host: &str, _addr_type: AddrType) -> Result<IpAddr, NetError> {
        self.state.borrow_mut().asked_names.push(host.to_owned());
        until(|context| {
            let mut state = self.state.borrow_mut();
            state.listener.listen(context);
            let found = state.names.iter().find(|(name, _)| name == host);
            match found.map(|(_, resolves)| *resolves) {
                None => Some(Err(NetError(ErrorKind::NotFound))),
                Some(Resolves::To(address)) => Some(Ok(address)),
                Some(Resolves::Silent) => None,
            }
        })
        .await
    }

    async fn get_host_by_address(
        &self,
        _addr: IpAddr,
        _result: &mut [u8],
    ) -> Result<usize, NetError> {
        Err(NetError(ErrorKind::Unsupported))
    }
}
