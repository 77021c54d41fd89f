//! Real servers on loopback, each a thread with rustls, each with a certificate of its own.
//!
//! A server says `hello from <name>: <what it got>` to whatever it gets. Dropping it closes its connections
//! and joins its threads; nothing polls and nothing sleeps: the accept loop is woken by a connection to itself.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};

use rustls::crypto::ring::default_provider;
use rustls::version::{TLS12, TLS13};
use rustls::{ServerConfig, ServerConnection, Stream, SupportedProtocolVersion};

use super::pki::Identity;

const LOOPBACK: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 0);

/// A TLS server; it stops when dropped.
pub(super) struct TlsServer {
    address: SocketAddr,
    clients: Arc<Clients>,
    thread: Option<JoinHandle<()>>,
}

/// The connections being served; `None` once the server stops.
struct Clients(Mutex<Option<Vec<TcpStream>>>);

impl Clients {
    /// Refuses once the server stops.
    fn enter(&self, stream: &TcpStream) -> io::Result<bool> {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(open) = open.as_mut() {
            open.push(stream.try_clone()?);
        }
        Ok(open.is_some())
    }

    fn close(&self) {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for stream in open.take().unwrap_or_default() {
            // Most of them are closed already.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

impl TlsServer {
    /// Speaks TLS 1.3 and nothing older.
    pub(super) fn tls13(name: &str, identity: &Identity) -> anyhow::Result<Self> {
        Self::start(name, identity, &TLS13)
    }

    /// Speaks TLS 1.2 and nothing newer.
    pub(super) fn tls12(name: &str, identity: &Identity) -> anyhow::Result<Self> {
        Self::start(name, identity, &TLS12)
    }

    fn start(
        name: &str,
        identity: &Identity,
        version: &'static SupportedProtocolVersion,
    ) -> anyhow::Result<Self> {
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(&[version])?
            .with_no_client_auth()
            .with_single_cert(identity.chain(), identity.key())?;
        let config = Arc::new(config);
        let listener = TcpListener::bind(LOOPBACK)?;
        let address = listener.local_addr()?;
        let clients = Arc::new(Clients(Mutex::new(Some(Vec::new()))));
        let greeting = format!("hello from {name}: ");
        let thread = {
            let clients = Arc::clone(&clients);
            thread::spawn(move || accept(&listener, &clients, &config, &greeting))
        };
        Ok(Self {
            address,
            clients,
            thread: Some(thread),
        })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for TlsServer {
    fn drop(&mut self) {
        self.clients.close();
        // Wakes the accept loop, which then finds that no client may enter.
        let woken = TcpStream::connect(self.address).is_ok();
        if let Some(thread) = self.thread.take().filter(|_| woken) {
            // A panic in there has been printed already.
            let _ = thread.join();
        }
    }
}

fn accept(listener: &TcpListener, clients: &Clients, config: &Arc<ServerConfig>, greeting: &str) {
    thread::scope(|scope| {
        while let Ok((stream, _)) = listener.accept() {
            match clients.enter(&stream) {
                Ok(true) => scope.spawn(move || serve(stream, config, greeting)),
                Ok(false) | Err(_) => break,
            };
        }
    });
}

fn serve(mut stream: TcpStream, config: &Arc<ServerConfig>, greeting: &str) {
    // What goes wrong with a client is the client's to report: the demo is about its words.
    let _ = converse(&mut stream, config, greeting);
    // Closing with unread input would reset the connection and could lose an alert on its way.
    let _ = stream.shutdown(Shutdown::Write);
    let _ = io::copy(&mut stream, &mut io::sink());
}

fn converse(stream: &mut TcpStream, config: &Arc<ServerConfig>, greeting: &str) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut connection = ServerConnection::new(Arc::clone(config)).map_err(io::Error::other)?;
    let mut data = [0; 4096];
    loop {
        let mut tls = Stream::new(&mut connection, stream);
        let count = tls.read(&mut data)?;
        if count == 0 {
            break;
        }
        // One write, so that the answer is one record.
        let mut answer = greeting.as_bytes().to_vec();
        answer.extend_from_slice(data.get(..count).unwrap_or_default());
        tls.write_all(&answer)?;
        tls.flush()?;
    }
    connection.send_close_notify();
    connection.write_tls(stream).map(drop)
}

/// A port that refuses connections, and is kept from being given to anyone else.
///
/// It is the local end of a connection that stays open: taken, but nobody listens on it.
pub(super) struct ClosedPort {
    address: SocketAddr,
    _held: (TcpStream, TcpStream),
}

impl ClosedPort {
    pub(super) fn reserve() -> io::Result<Self> {
        let listener = TcpListener::bind(LOOPBACK)?;
        let near = TcpStream::connect(listener.local_addr()?)?;
        let (far, _) = listener.accept()?;
        Ok(Self {
            address: near.local_addr()?,
            _held: (near, far),
        })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.address
    }
}

#[cfg(test)]
mod tests {
    use super::super::pki::{Pki, SERVER_ADDRESS, SERVER_NAME};
    use super::*;
    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, ServerName};
    use rustls::{CertificateError, ClientConfig, ClientConnection, Error, RootCertStore};

    fn ask(
        server: SocketAddr,
        ca: &str,
        name: &'static str,
        version: &'static SupportedProtocolVersion,
    ) -> Result<(String, CertificateDer<'static>), Error> {
        let mut roots = RootCertStore::empty();
        roots
            .add(CertificateDer::from_pem_slice(ca.as_bytes()).unwrap())
            .unwrap();
        let config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let name = ServerName::try_from(name).unwrap();
        let mut connection = ClientConnection::new(Arc::new(config), name).unwrap();
        let mut stream = TcpStream::connect(server).unwrap();
        let mut tls = Stream::new(&mut connection, &mut stream);
        let unwrap = |error: io::Error| error.downcast::<Error>().unwrap();
        tls.write_all(b"one two").map_err(unwrap)?;
        let mut answer = [0; 100];
        let count = tls.read(&mut answer).map_err(unwrap)?;
        connection.send_close_notify();
        connection.write_tls(&mut stream).unwrap();
        // The server closes in good order too.
        assert_eq!(
            Stream::new(&mut connection, &mut stream)
                .read(&mut [0])
                .unwrap(),
            0
        );
        let certificate = connection.peer_certificates().unwrap()[0]
            .clone()
            .into_owned();
        Ok((
            String::from_utf8(answer[..count].to_vec()).unwrap(),
            certificate,
        ))
    }

    #[test]
    fn good_servers_answer_with_their_own_certificate_under_every_name() {
        let pki = Pki::make().unwrap();
        for identity in [&pki.p256, &pki.rsa] {
            for version in [&TLS12, &TLS13] {
                let server = TlsServer::start("it", identity, version).unwrap();
                for name in [SERVER_NAME, SERVER_ADDRESS, "127.0.0.1"] {
                    let (answer, certificate) =
                        ask(server.address(), &pki.ca, name, version).unwrap();
                    assert_eq!(answer, "hello from it: one two");
                    assert_eq!([certificate], identity.chain()[..]);
                }
            }
        }
    }

    #[test]
    fn every_bad_certificate_is_bad_in_its_own_way() {
        let pki = Pki::make().unwrap();
        let refusal = |identity, ca| {
            let server = TlsServer::tls13("it", identity).unwrap();
            match ask(server.address(), ca, SERVER_NAME, &TLS13) {
                Err(Error::InvalidCertificate(error)) => error,
                other => panic!("{other:?}"),
            }
        };
        assert!(matches!(
            refusal(&pki.expired, &pki.ca),
            CertificateError::ExpiredContext { .. }
        ));
        assert!(matches!(
            refusal(&pki.future, &pki.ca),
            CertificateError::NotValidYetContext { .. }
        ));
        assert!(matches!(
            refusal(&pki.other_name, &pki.ca),
            CertificateError::NotValidForNameContext { .. }
        ));
        assert_eq!(
            refusal(&pki.orphan, &pki.ca),
            CertificateError::UnknownIssuer
        );
        assert_eq!(
            refusal(&pki.p256, &pki.other_ca),
            CertificateError::UnknownIssuer
        );
    }

    #[test]
    fn versions_do_not_meet() {
        let pki = Pki::make().unwrap();
        let old = TlsServer::tls12("old", &pki.p256).unwrap();
        assert_eq!(
            ask(old.address(), &pki.ca, SERVER_NAME, &TLS13).unwrap_err(),
            Error::AlertReceived(rustls::AlertDescription::ProtocolVersion)
        );
        let new = TlsServer::tls13("new", &pki.p256).unwrap();
        assert!(ask(new.address(), &pki.ca, SERVER_NAME, &TLS12).is_err());
    }

    #[test]
    fn a_dropped_server_lets_go_of_clients_in_every_state() {
        let pki = Pki::make().unwrap();
        let server = TlsServer::tls13("it", &pki.p256).unwrap();
        let address = server.address();
        let mut silent = TcpStream::connect(address).unwrap();
        let mut nonsense = TcpStream::connect(address).unwrap();
        nonsense.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
        drop(server);
        let mut left = Vec::new();
        // Either an orderly end or a reset; what counts is that it ends.
        let _ = silent.read_to_end(&mut left);
        let _ = nonsense.read_to_end(&mut left);
        // Nothing is left to assert: a server that holds on would hang here or in its drop.
    }

    #[test]
    fn a_closed_port_refuses() {
        let closed = ClosedPort::reserve().unwrap();
        for _ in 0..3 {
            let error = TcpStream::connect(closed.address()).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
        }
    }
}
