//! Someone to talk to: a TCP server whose connections a test holds in its hand.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};

use crate::harness::TIMEOUT;

/// A listening port.
pub(crate) struct Server(TcpListener);

/// One connection of it.
pub(crate) struct Connection(TcpStream);

impl Server {
    pub(crate) fn new() -> Self {
        Self(TcpListener::bind("127.0.0.1:0").expect("a port"))
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.0.local_addr().expect("bound")
    }

    /// The option that makes it `place`.
    pub(crate) fn map(&self, place: &str) -> String {
        format!("{place}={}", self.address())
    }

    pub(crate) fn accept(&self) -> Connection {
        let (stream, _) = self.0.accept().expect("a connection");
        Connection::new(stream)
    }
}

impl Connection {
    pub(crate) fn new(stream: TcpStream) -> Self {
        stream.set_nodelay(true).expect("supported");
        stream.set_read_timeout(Some(TIMEOUT)).expect("supported");
        Self(stream)
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).expect("it takes bytes");
    }

    pub(crate) fn take(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.0.read_exact(&mut bytes).expect("so many bytes");
        bytes
    }
}

/// A UDP socket.
pub(crate) fn datagrams() -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
    socket.set_read_timeout(Some(TIMEOUT)).expect("supported");
    let address = socket.local_addr().expect("bound");
    (socket, address)
}

/// A port for a server of the modem.
pub(crate) fn free_port() -> u16 {
    Server::new().address().port()
}
