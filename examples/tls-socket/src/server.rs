//! The other end: a server of TLS 1.3 with a certificate for one name, for one client.

use std::error::Error;
use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::{ServerConfig, ServerConnection, Stream};

/// Starts it on a free port; returns where it listens, and the certificate of its CA (DER).
pub(crate) fn start(name: &str) -> Result<(SocketAddr, Vec<u8>), Box<dyn Error>> {
    let ca_key = KeyPair::generate()?;
    let mut ca = CertificateParams::default();
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca_der = ca.self_signed(&ca_key)?.der().to_vec();
    let key = KeyPair::generate()?;
    let params = CertificateParams::new([name.to_owned()])?;
    let certificate = params.signed_by(&key, &Issuer::new(ca, ca_key))?;
    let key = PrivatePkcs8KeyDer::from(key.serialize_der());
    let provider = rustls::crypto::ring::default_provider();
    let config = ServerConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.into()], key.into())?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        if let Err(error) = serve(&listener, config) {
            eprintln!("server: {error}");
        }
    });
    Ok((address, ca_der))
}

fn serve(listener: &TcpListener, config: ServerConfig) -> io::Result<()> {
    let (mut socket, _) = listener.accept()?;
    let mut tls = ServerConnection::new(Arc::new(config)).map_err(io::Error::other)?;
    let mut stream = Stream::new(&mut tls, &mut socket);
    let mut request = [0; 64];
    let count = stream.read(&mut request)?;
    let answer = [b"pong for ", request.get(..count).unwrap_or_default()].concat();
    stream.write_all(&answer)?;
    stream.flush()
}
