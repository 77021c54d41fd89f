//! Whoever is on the network: TCP, UDP and TLS peers that do what a transcript says, and a time server.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use espat::transcript::{Match, PeerKind, PeerStep, Text, Variables};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use crate::pki;

const LOOPBACK: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 0);

/// One of them.
pub(crate) enum Peer {
    Server {
        listener: TcpListener,
        tls: Option<Arc<ServerConfig>>,
        connection: Option<Connection>,
    },
    Client(Option<Connection>),
    Datagrams {
        socket: UdpSocket,
        last: Option<SocketAddr>,
    },
    /// A thread that answers until the program ends.
    Clock,
}

/// A connection, and what came over it and was not looked at yet.
pub(crate) struct Connection {
    stream: Stream,
    received: Vec<u8>,
}

enum Stream {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ServerConnection, TcpStream>>),
}

/// A port for a server of the modem. Somebody may be faster; then the modem says so.
pub(crate) fn free_port() -> io::Result<u16> {
    Ok(TcpListener::bind(LOOPBACK)?.local_addr()?.port())
}

/// One step of one peer.
pub(crate) struct Acts<'s> {
    pub(crate) name: &'s str,
    pub(crate) variables: &'s mut Variables,
    pub(crate) deadline: Instant,
}

impl Acts<'_> {
    /// Does it; the peer afterwards.
    pub(crate) fn act(&mut self, peer: Option<Peer>, step: &PeerStep) -> Result<Peer, String> {
        match (peer, step) {
            (None, PeerStep::Listens(kind)) => self.listen(*kind).map_err(text),
            (None | Some(Peer::Client(_)), PeerStep::Connects(address)) => {
                let stream = TcpStream::connect(self.address(address)?).map_err(text)?;
                let connection = Connection::new(Stream::Plain(stream)).map_err(text)?;
                Ok(Peer::Client(Some(connection)))
            }
            (Some(mut peer), step) => {
                self.go_on(&mut peer, step)?;
                Ok(peer)
            }
            (None, _) => Err(format!("nobody is called {}", self.name)),
        }
    }

    fn listen(&mut self, kind: PeerKind) -> io::Result<Peer> {
        let (peer, address) = match kind {
            PeerKind::Udp | PeerKind::Sntp => {
                let socket = UdpSocket::bind(LOOPBACK)?;
                let address = socket.local_addr()?;
                if kind == PeerKind::Sntp {
                    thread::spawn(move || tell_time(&socket));
                    (Peer::Clock, address)
                } else {
                    (Peer::Datagrams { socket, last: None }, address)
                }
            }
            kind => {
                let listener = TcpListener::bind(LOOPBACK)?;
                let address = listener.local_addr()?;
                let tls = match kind {
                    PeerKind::Tls => Some(pki::server(false)),
                    PeerKind::MutualTls => Some(pki::server(true)),
                    _ => None,
                };
                let peer = Peer::Server {
                    listener,
                    tls,
                    connection: None,
                };
                (peer, address)
            }
        };
        self.learn("", address.to_string());
        self.learn(".port", address.port().to_string());
        Ok(peer)
    }

    fn learn(&mut self, ending: &str, value: String) {
        let name = format!("{}{ending}", self.name);
        self.variables.insert(name, value.into_bytes());
    }

    fn address(&self, text: &Text) -> Result<SocketAddr, String> {
        let bytes = self.bytes(text)?;
        let address = String::from_utf8_lossy(&bytes).into_owned();
        address
            .parse()
            .map_err(|_| format!("{address} is no place"))
    }

    fn bytes(&self, text: &Text) -> Result<Vec<u8>, String> {
        text.expand(self.variables)
            .map_err(|error| error.to_string())
    }

    #[expect(clippy::too_many_lines, reason = "an arm per step of a transcript")]
    fn go_on(&mut self, peer: &mut Peer, step: &PeerStep) -> Result<(), String> {
        match (peer, step) {
            (
                Peer::Server {
                    listener,
                    tls,
                    connection,
                },
                PeerStep::Accepts,
            ) => {
                if !wait(&*listener, self.deadline).map_err(text)? {
                    return Err("nobody connected".to_owned());
                }
                let (stream, _) = listener.accept().map_err(text)?;
                let stream = match tls {
                    Some(config) => handshake(stream, config, self.deadline).map_err(text)?,
                    None => Stream::Plain(stream),
                };
                *connection = Some(Connection::new(stream).map_err(text)?);
                Ok(())
            }
            (Peer::Datagrams { socket, last }, PeerStep::Expects(wanted)) => {
                if !wait(&*socket, self.deadline).map_err(text)? {
                    return Err("no datagram came".to_owned());
                }
                let mut datagram = [0; 65536];
                let (count, from) = socket.recv_from(&mut datagram).map_err(text)?;
                *last = Some(from);
                self.learn(".from", from.to_string());
                let datagram = datagram.get(..count).unwrap_or_default();
                match wanted
                    .compare(datagram, self.variables)
                    .map_err(|error| error.to_string())?
                {
                    Match::Whole { length, kept } if length == count => {
                        self.variables.extend(kept);
                        Ok(())
                    }
                    _ => Err(format!("the datagram was {}", datagram.escape_ascii())),
                }
            }
            (Peer::Datagrams { socket, last }, PeerStep::Sends(data)) => {
                let to = last.ok_or("it does not know where to")?;
                let data = self.bytes(data)?;
                socket.send_to(&data, to).map(drop).map_err(text)
            }
            (Peer::Datagrams { socket, .. }, PeerStep::SendsTo(to, data)) => {
                let to = self.address(to)?;
                let data = self.bytes(data)?;
                socket.send_to(&data, to).map(drop).map_err(text)
            }
            (Peer::Server { connection, .. } | Peer::Client(connection), step) => {
                let here = connection.as_mut().ok_or("it has no connection")?;
                match step {
                    PeerStep::Sends(data) => {
                        let data = self.bytes(data)?;
                        here.send(&data).map_err(text)
                    }
                    PeerStep::Expects(wanted) => {
                        let kept = here.expect(wanted, self.variables, self.deadline)?;
                        self.variables.extend(kept);
                        Ok(())
                    }
                    PeerStep::Closes => {
                        let result = here.close();
                        *connection = None;
                        result.map_err(text)
                    }
                    PeerStep::SeesEnd => {
                        let result = here.sees_end(self.deadline);
                        *connection = None;
                        result
                    }
                    other => Err(format!("{} cannot do this: {other:?}", self.name)),
                }
            }
            (_, other) => Err(format!("{} cannot do this: {other:?}", self.name)),
        }
    }
}

fn text(error: io::Error) -> String {
    error.to_string()
}

fn handshake(
    mut stream: TcpStream,
    config: &Arc<ServerConfig>,
    deadline: Instant,
) -> io::Result<Stream> {
    stream.set_read_timeout(Some(left(deadline)))?;
    let mut connection = ServerConnection::new(Arc::clone(config)).map_err(io::Error::other)?;
    while connection.is_handshaking() {
        connection.complete_io(&mut stream)?;
    }
    Ok(Stream::Tls(Box::new(StreamOwned::new(connection, stream))))
}

impl Connection {
    fn new(stream: Stream) -> io::Result<Self> {
        let mut connection = Self {
            stream,
            received: Vec::new(),
        };
        connection.socket().set_nodelay(true)?;
        Ok(connection)
    }

    fn socket(&mut self) -> &mut TcpStream {
        match &mut self.stream {
            Stream::Plain(stream) => stream,
            Stream::Tls(tls) => tls.get_mut(),
        }
    }

    fn send(&mut self, data: &[u8]) -> io::Result<()> {
        match &mut self.stream {
            Stream::Plain(stream) => stream.write_all(data),
            Stream::Tls(tls) => tls.write_all(data).and_then(|()| tls.flush()),
        }
    }

    /// What came; nothing at the end.
    fn read(&mut self, deadline: Instant) -> io::Result<usize> {
        self.socket().set_read_timeout(Some(left(deadline)))?;
        let mut bytes = [0; 4096];
        let count = match &mut self.stream {
            Stream::Plain(stream) => stream.read(&mut bytes)?,
            Stream::Tls(tls) => tls.read(&mut bytes)?,
        };
        self.received.extend(bytes.iter().take(count));
        Ok(count)
    }

    fn expect(
        &mut self,
        wanted: &Text,
        variables: &Variables,
        deadline: Instant,
    ) -> Result<Variables, String> {
        loop {
            let found = wanted.compare(&self.received, variables);
            match found.map_err(|error| error.to_string())? {
                Match::Whole { length, kept } => {
                    self.received.drain(..length);
                    return Ok(kept);
                }
                Match::Not { at } => {
                    let got = self.received.escape_ascii();
                    return Err(format!(
                        "the peer got {got}, other than expected at byte {at}"
                    ));
                }
                Match::Part => {}
            }
            if self.read(deadline).map_err(text)? == 0 {
                let got = self.received.escape_ascii();
                return Err(format!("the connection ended; before it came {got}"));
            }
        }
    }

    fn sees_end(&mut self, deadline: Instant) -> Result<(), String> {
        match self.read(deadline) {
            Ok(0) => {}
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {}
            Ok(_) => {}
            Err(error) => return Err(format!("no end of the connection: {error}")),
        }
        if self.received.is_empty() {
            return Ok(());
        }
        let got = self.received.escape_ascii();
        Err(format!("instead of the end came {got}"))
    }

    fn close(&mut self) -> io::Result<()> {
        if let Stream::Tls(tls) = &mut self.stream {
            tls.conn.send_close_notify();
            tls.flush()?;
        }
        self.socket().shutdown(std::net::Shutdown::Both)
    }
}

fn left(deadline: Instant) -> Duration {
    // Nothing at all would mean forever.
    let left = deadline.saturating_duration_since(Instant::now());
    left.max(Duration::from_millis(1))
}

/// Whether there is something to read before the deadline.
fn wait(socket: impl AsFd, deadline: Instant) -> io::Result<bool> {
    let left = Timespec::try_from(left(deadline)).map_err(io::Error::other)?;
    let mut wait = [PollFd::from_borrowed_fd(socket.as_fd(), PollFlags::IN)];
    Ok(poll(&mut wait, Some(&left))? > 0)
}

/// Answers every SNTP question with this machine's time (RFC 4330 §5).
fn tell_time(socket: &UdpSocket) {
    /// Seconds from 1900 to 1970.
    const NTP_TO_UNIX: u64 = 2_208_988_800;
    let mut question = [0; 48];
    while let Ok((_, from)) = socket.recv_from(&mut question) {
        let since = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        let seconds = since.as_secs().wrapping_add(NTP_TO_UNIX) << 32;
        let fraction = (u64::from(since.subsec_nanos()) << 32) / 1_000_000_000;
        let now = (seconds | fraction).to_be_bytes();
        let origin = question.last_chunk::<8>().copied().unwrap_or_default();
        let answer = [
            // The same version, as a server; stratum 2; the question's poll interval; 2^-20 s.
            &[(question[0] & 0x38) | 4, 2, question[2], 0xec][..],
            &[0; 8],
            b"LOCL",
            &now,
            &origin,
            &now,
            &now,
        ];
        // Who does not hear it asks again.
        let _ = socket.send_to(&answer.concat(), from);
    }
}
