//! A TLS client of rustls with the provider of *ring*, over a connection of the network double. It speaks only when a test
//! lets it, so that a test can stop it anywhere.

use std::io::ErrorKind;
use std::sync::Arc;

use rustls::client::ClientConnection;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion, version};

use super::Bench;
use super::net::Peer;

macro_rules! input {
    ($name:literal) => {
        include_bytes!(concat!(
            "../../../../cert-bin/tests/data/pki/inputs/",
            $name
        ))
        .as_slice()
    };
}

pub(crate) const VERSIONS: [&SupportedProtocolVersion; 2] = [&version::TLS12, &version::TLS13];

/// What a client shows if it is asked for a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shows {
    Nothing,
    /// `CN=client-a-1`, of the CA that servers here check against.
    Right,
    /// `CN=client-a-0`, of another CA.
    Stranger,
}

/// A client, and the far end of its connection.
pub(crate) struct Client {
    pub(crate) peer: Peer,
    pub(crate) tls: ClientConnection,
}

impl Client {
    /// Connects to the modem's server at `port`, and says nothing yet.
    pub(crate) fn knock(
        bench: &Bench,
        (port, from): (u16, &str),
        version: &'static SupportedProtocolVersion,
        shows: Shows,
    ) -> Self {
        let peer = bench.net.knock(port, from).expect("a server");
        let config = Arc::new(config(version, shows));
        let name = ServerName::try_from("localhost").unwrap();
        let tls = ClientConnection::new(config, name).unwrap();
        Self { peer, tls }
    }

    /// What it has to say now, which is not sent yet.
    pub(crate) fn speaks(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        while self.tls.wants_write() {
            self.tls.write_tls(&mut bytes).unwrap();
        }
        bytes
    }

    /// Reads what the modem sent; whether there was something.
    pub(crate) fn listens(&mut self) -> Result<bool, rustls::Error> {
        let came = self.peer.received();
        let mut rest = came.as_slice();
        while !rest.is_empty() {
            self.tls.read_tls(&mut rest).unwrap();
            self.tls.process_new_packets()?;
        }
        Ok(!came.is_empty())
    }

    /// Lets both sides go on until neither has anything to say, or the modem is refused or refuses.
    pub(crate) fn converses(&mut self, bench: &mut Bench) -> Result<(), rustls::Error> {
        loop {
            let bytes = self.speaks();
            self.peer.sends(&bytes);
            bench.settle();
            if !self.listens()? && bytes.is_empty() {
                return Ok(());
            }
        }
    }

    /// Sends data.
    pub(crate) fn sends(&mut self, bench: &mut Bench, data: &[u8]) {
        use std::io::Write as _;
        self.tls.writer().write_all(data).unwrap();
        self.converses(bench).unwrap();
    }

    /// Data that came.
    pub(crate) fn data(&mut self) -> Vec<u8> {
        use std::io::Read as _;
        self.listens().unwrap();
        let mut data = Vec::new();
        match self.tls.reader().read_to_end(&mut data) {
            Ok(_) => {}
            Err(error) => assert_eq!(error.kind(), ErrorKind::WouldBlock),
        }
        data
    }

    /// Whether the modem has said close_notify.
    pub(crate) fn hears_the_end(&mut self) -> bool {
        self.listens().unwrap();
        self.tls.process_new_packets().unwrap().peer_has_closed()
    }
}

fn config(version: &'static SupportedProtocolVersion, shows: Shows) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(input!("ca_p256.crt.der").into()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[version])
        .unwrap()
        .with_root_certificates(roots);
    let own = |certificate, key| {
        let chain = vec![CertificateDer::from_pem_slice(certificate).unwrap()];
        (chain, PrivateKeyDer::from_pem_slice(key).unwrap())
    };
    let (chain, key) = match shows {
        Shows::Nothing => return config.with_no_client_auth(),
        Shows::Right => own(input!("client_p256.crt.pem"), input!("client_p256.key.pem")),
        Shows::Stranger => own(input!("client_rsa.crt.pem"), input!("client_rsa.key.pem")),
    };
    config.with_client_auth_cert(chain, key).unwrap()
}
