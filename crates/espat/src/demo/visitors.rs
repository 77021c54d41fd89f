//! Clients of the modem's own server, on this thread: the modem needs no host for a handshake.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;

use rustls::crypto::ring::default_provider;
use rustls::pki_types::ServerName;
use rustls::pki_types::pem::PemObject as _;
use rustls::version::TLS13;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use super::host::TIMEOUT;
use super::pki::{MODULE_NAME, Pki};

/// Where the modem serves, and what its clients have.
pub(super) struct Visitors {
    address: SocketAddr,
    certified: Arc<ClientConfig>,
    bare: Arc<ClientConfig>,
}

/// A client whose handshake is over on its side.
pub(super) struct Visitor(StreamOwned<ClientConnection, TcpStream>);

impl Visitors {
    /// The port is free now; somebody may be faster than the modem, and then the modem says so.
    pub(super) fn new(pki: &Pki) -> anyhow::Result<Self> {
        let free = TcpListener::bind((of_this_process(), 0))
            .or_else(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
        let mut roots = RootCertStore::empty();
        roots.add(rustls::pki_types::CertificateDer::from_pem_slice(
            pki.ca.as_bytes(),
        )?)?;
        let config = || -> Result<_, rustls::Error> {
            Ok(
                ClientConfig::builder_with_provider(Arc::new(default_provider()))
                    .with_protocol_versions(&[&TLS13])?
                    .with_root_certificates(roots.clone()),
            )
        };
        let own = &pki.client;
        Ok(Self {
            address: free.local_addr()?,
            certified: Arc::new(config()?.with_client_auth_cert(own.chain(), own.key())?),
            bare: Arc::new(config()?.with_no_client_auth()),
        })
    }

    pub(super) const fn address(&self) -> SocketAddr {
        self.address
    }

    /// A client with a certificate of the CA.
    pub(super) fn certified(&self) -> anyhow::Result<Visitor> {
        self.visit(&self.certified)
    }

    /// What a client without a certificate is told.
    pub(super) fn is_refused(&self) -> anyhow::Result<String> {
        // In TLS 1.3 the server's refusal comes after the client has finished (RFC 8446 §4.4.2.4).
        match self.visit(&self.bare)?.hear() {
            Ok(said) => anyhow::bail!("the client was let in, and received {said:?}"),
            Err(error) => Ok(match error.downcast::<rustls::Error>() {
                Ok(error) => format!("{error:?}"),
                Err(error) => error.to_string(),
            }),
        }
    }

    fn visit(&self, config: &Arc<ClientConfig>) -> anyhow::Result<Visitor> {
        let mut stream = TcpStream::connect(self.address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        let name = ServerName::try_from(MODULE_NAME)?;
        let mut session = ClientConnection::new(Arc::clone(config), name)?;
        while session.is_handshaking() {
            session.complete_io(&mut stream)?;
        }
        Ok(Visitor(StreamOwned::new(session, stream)))
    }
}

/// An address of this machine that other programs hardly use. Connections between those take ports of 127.0.0.1 all the
/// time, a free one among them. Linux has all of 127.0.0.0/8, other systems the first address alone.
fn of_this_process() -> Ipv4Addr {
    let [_, _, high, low] = std::process::id().to_be_bytes();
    Ipv4Addr::new(127, 64, high, low.max(1))
}

impl Visitor {
    pub(super) fn say(&mut self, text: &str) -> io::Result<()> {
        self.0.write_all(text.as_bytes())?;
        self.0.flush()
    }

    /// What comes next, in one record.
    pub(super) fn hear(&mut self) -> io::Result<String> {
        let mut bytes = [0; 64];
        let count = self.0.read(&mut bytes)?;
        Ok(String::from_utf8_lossy(bytes.get(..count).unwrap_or_default()).into_owned())
    }
}
