//! Someone to talk to: a server of TCP or of TLS 1.2 whose connections a test holds in its hand.

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use rustls::crypto::ring::default_provider;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
use rustls::version::{TLS12, TLS13};
use rustls::{
    ClientConfig, ClientConnection, RootCertStore, ServerConfig, ServerConnection, StreamOwned,
    SupportedProtocolVersion,
};
use tempfile::TempDir;

use crate::harness::TIMEOUT;

/// What connections of a server go over.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Over {
    Tcp,
    Tls12,
    /// For clients of the modem.
    Tls13,
}

impl Over {
    /// Its name in `AT+CIPSTART` and in answers.
    pub(crate) const fn kind(self) -> &'static str {
        match self {
            Self::Tcp => "TCP",
            Self::Tls12 | Self::Tls13 => "SSL",
        }
    }

    /// A plain one has none, and is asked for none.
    const fn version(self) -> &'static SupportedProtocolVersion {
        match self {
            Self::Tcp | Self::Tls12 => &TLS12,
            Self::Tls13 => &TLS13,
        }
    }
}

/// A listening port.
pub(crate) struct Server {
    address: SocketAddr,
    connections: Receiver<Connection>,
}

/// What bytes go over.
trait Stream: Read + Write + Send {}

impl<S: Read + Write + Send> Stream for S {}

/// One connection of it.
pub(crate) struct Connection(Box<dyn Stream>);

impl Server {
    pub(crate) fn new() -> Self {
        Self::over(Over::Tcp)
    }

    pub(crate) fn over(over: Over) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("bound");
        let config = match over {
            Over::Tcp => None,
            Over::Tls12 | Over::Tls13 => Some(tls(over)),
        };
        let (sender, connections) = channel();
        // The modem answers `AT+CIPSTART` after the handshake, so somebody must take part in it meanwhile. It ends with
        // the tests.
        thread::spawn(move || {
            for stream in listener.incoming() {
                let stream = stream.expect("a connection");
                let connection = match &config {
                    None => Connection::new(stream),
                    Some(config) => Connection::secured(stream, config),
                };
                if sender.send(connection).is_err() {
                    return;
                }
            }
        });
        Self {
            address,
            connections,
        }
    }

    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The option that makes it `place`.
    pub(crate) fn map(&self, place: &str) -> String {
        format!("{place}={}", self.address())
    }

    pub(crate) fn accept(&self) -> Connection {
        let connection = self.connections.recv_timeout(TIMEOUT);
        connection.expect("a connection")
    }
}

impl Connection {
    pub(crate) fn new(stream: TcpStream) -> Self {
        Self(Box::new(prepared(stream)))
    }

    /// After the handshake.
    fn secured(stream: TcpStream, config: &Arc<ServerConfig>) -> Self {
        let mut session = ServerConnection::new(Arc::clone(config)).expect("a good configuration");
        let mut stream = prepared(stream);
        while session.is_handshaking() {
            session.complete_io(&mut stream).expect("a handshake");
        }
        Self(Box::new(StreamOwned::new(session, stream)))
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).expect("it takes bytes");
        self.0.flush().expect("it takes bytes");
    }

    pub(crate) fn take(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.0.read_exact(&mut bytes).expect("so many bytes");
        bytes
    }
}

fn prepared(stream: TcpStream) -> TcpStream {
    stream.set_nodelay(true).expect("supported");
    stream.set_read_timeout(Some(TIMEOUT)).expect("supported");
    stream
}

/// A server of one version alone. Drivers load no CA, so anybody's certificate will do.
fn tls(over: Over) -> Arc<ServerConfig> {
    let own = rcgen::generate_simple_self_signed(["192.168.3.102".to_owned()]);
    let own = own.expect("a certificate can be made");
    let key = PrivatePkcs8KeyDer::from(own.signing_key.serialize_der());
    let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_protocol_versions(&[over.version()])
        .expect("it is there")
        .with_no_client_auth()
        .with_single_cert(vec![own.cert.into()], key.into());
    Arc::new(config.expect("they belong together"))
}

/// Certificate and key of the modem's server, in files.
pub(crate) struct Own {
    folder: TempDir,
    der: CertificateDer<'static>,
}

impl Own {
    pub(crate) fn new() -> Self {
        let own = rcgen::generate_simple_self_signed(["module.local".to_owned()]);
        let own = own.expect("a certificate can be made");
        let folder = tempfile::tempdir().expect("a folder");
        for (name, text) in [
            ("server_cert", own.cert.pem()),
            ("server_key", own.signing_key.serialize_pem()),
        ] {
            fs::write(folder.path().join(name), text).expect("room");
        }
        let der = own.cert.into();
        Self { folder, der }
    }

    /// What `--pki` is told.
    pub(crate) fn options(&self) -> [String; 2] {
        ["server_cert", "server_key"].map(|partition| {
            let file = self.folder.path().join(partition);
            format!("{partition}={}", file.display())
        })
    }

    /// A client of the modem's server, after its handshake, and its port.
    pub(crate) fn visit(&self, port: u16, over: Over) -> (Connection, u16) {
        let stream = TcpStream::connect(("127.0.0.1", port)).expect("it listens");
        let from = stream.local_addr().expect("connected").port();
        let mut stream = prepared(stream);
        if matches!(over, Over::Tcp) {
            return (Connection(Box::new(stream)), from);
        }
        let mut roots = RootCertStore::empty();
        roots.add(self.der.clone()).expect("a certificate");
        let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(&[over.version()])
            .expect("it is there")
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = "module.local".try_into().expect("a name");
        let mut session = ClientConnection::new(Arc::new(config), name).expect("a configuration");
        while session.is_handshaking() {
            session.complete_io(&mut stream).expect("a handshake");
        }
        (
            Connection(Box::new(StreamOwned::new(session, stream))),
            from,
        )
    }
}

/// A UDP socket.
pub(crate) fn datagrams() -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
    socket.set_read_timeout(Some(TIMEOUT)).expect("supported");
    let address = socket.local_addr().expect("bound");
    (socket, address)
}

/// A port for a server of the modem. Somebody may be faster; then the modem says so.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("bound").port()
}
