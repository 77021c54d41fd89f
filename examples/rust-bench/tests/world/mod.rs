//! A modem in this process, a TLS server beside it, and a CA that the modem knows. Each test has its own, at free ports.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use espat::sim::{Args, Running};
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use rust_bench::Host;
use rustls::pki_types::PrivatePkcs8KeyDer;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use tempfile::TempDir;

/// What the host connects to.
pub(crate) const NAME: &str = "broker.local";
pub(crate) const PORT: u16 = 8883;

/// For anything that is only slow when the machine is busy.
const TIMEOUT: Duration = Duration::from_secs(30);

/// All that is around the host.
pub(crate) struct World {
    modem: Running,
    _folder: TempDir,
}

impl World {
    /// A server with a certificate for `name`, and a modem with these options of `espat sim`.
    pub(crate) fn new(name: &str, options: &[&str]) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let ca = folder.path().join("ca.pem");
        let (server, pem) = server(name);
        std::fs::write(&ca, pem).expect("room");
        let pki = format!("client_ca={}", ca.display());
        let map = format!("{NAME}:{PORT}={server}");
        let options = options
            .iter()
            .copied()
            .chain(["--pki", &pki, "--map", &map]);
        let args = Args::from_options(options).expect("options of espat sim");
        Self {
            modem: Running::with_args(args).expect("a modem"),
            _folder: folder,
        }
    }

    /// A host at the modem's port, after `ready`.
    pub(crate) fn host(&self) -> Host<TcpStream> {
        let port = TcpStream::connect(self.modem.address()).expect("the AT port");
        port.set_read_timeout(Some(TIMEOUT)).expect("supported");
        Host::new(port).expect("ready")
    }

    /// A line of the control port; docs/simulator.md has them all.
    pub(crate) fn does(&self, line: &str) {
        self.modem.control(line).expect(line);
    }
}

/// Starts a server that sends each line back reversed; its address, and its CA.
fn server(name: &str) -> (SocketAddr, String) {
    let (config, ca) = certified(name);
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound");
    // They end with the tests.
    thread::spawn(move || {
        for client in listener.incoming().map_while(Result::ok) {
            let config = Arc::clone(&config);
            // A client that refuses this server is what some of the tests are about.
            thread::spawn(move || serve(client, config).ok());
        }
    });
    (address, ca)
}

fn serve(client: TcpStream, config: Arc<ServerConfig>) -> std::io::Result<()> {
    let session = ServerConnection::new(config).map_err(std::io::Error::other)?;
    let mut stream = BufReader::new(StreamOwned::new(session, client));
    let mut line = String::new();
    while stream.read_line(&mut line)? > 0 {
        let answer: String = line.trim_end().chars().rev().chain(['\n']).collect();
        stream.get_mut().write_all(answer.as_bytes())?;
        stream.get_mut().flush()?;
        line.clear();
    }
    Ok(())
}

/// A server's configuration with a certificate for `name`, and the CA that has signed it.
fn certified(name: &str) -> (ServerConfig, String) {
    let key = || KeyPair::generate().expect("a key");
    let mut authority = CertificateParams::default();
    authority
        .distinguished_name
        .push(DnType::CommonName, "test CA");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let ca_key = key();
    let ca = authority.self_signed(&ca_key).expect("a CA").pem();
    let mut params = CertificateParams::new([name.to_owned()]).expect("a name");
    // In force for the clocks of the tests: longer than they are old, and not for ever.
    params.not_before = rcgen::date_time_ymd(2024, 1, 1);
    params.not_after = rcgen::date_time_ymd(2039, 1, 1);
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let own = key();
    let certificate = params.signed_by(&own, &Issuer::new(authority, ca_key));
    let chain = vec![certificate.expect("a certificate").into()];
    let own = PrivatePkcs8KeyDer::from(own.serialize_der()).into();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("TLS 1.2 and 1.3")
        .with_no_client_auth()
        .with_single_cert(chain, own)
        .expect("they belong together");
    (config, ca)
}
