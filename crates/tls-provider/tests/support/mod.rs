//! A client on the provider and a server on rustls's own, `ring`: two sets of primitives that share no
//! code, joined in memory.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "functions that tests share"
)]

mod client;

use std::io::{Read as _, Write as _};
use std::sync::{Arc, LazyLock};

use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{CipherSuite, Error, NamedGroup, ServerConfig, ServerConnection};

pub(crate) use client::Client;

/// A self-signed certificate and its key.
type Identity = (CertificateDer<'static>, Vec<u8>);

static ECDSA: LazyLock<Identity> = LazyLock::new(|| identity(KeyPair::generate().unwrap()));

static RSA: LazyLock<Identity> = LazyLock::new(|| {
    let key = include_str!("../../../espat/src/demo/data/rsa2048.key.pem");
    identity(KeyPair::from_pkcs8_pem_and_sign_algo(key, &PKCS_RSA_SHA256).unwrap())
});

fn identity(key: KeyPair) -> Identity {
    let params = CertificateParams::new(["server.test".to_owned()]).unwrap();
    let certificate = params.self_signed(&key).unwrap();
    (certificate.into(), key.serialize_der())
}

fn is_rsa(suite: CipherSuite) -> bool {
    format!("{suite:?}").contains("_RSA_")
}

pub(crate) fn server(suites: &[CipherSuite], groups: &[NamedGroup]) -> ServerConnection {
    server_with_chain(suites, groups, 1)
}

/// A server that shows its certificate `copies` times.
pub(crate) fn server_with_chain(
    suites: &[CipherSuite],
    groups: &[NamedGroup],
    copies: usize,
) -> ServerConnection {
    let ring = ring::default_provider();
    let provider = CryptoProvider {
        cipher_suites: ring
            .cipher_suites
            .into_iter()
            .filter(|s| suites.contains(&s.suite()))
            .collect(),
        kx_groups: ring
            .kx_groups
            .into_iter()
            .filter(|g| groups.contains(&g.name()))
            .collect(),
        ..ring
    };
    let rsa = suites.iter().any(|suite| is_rsa(*suite));
    let (certificate, key) = if rsa { &*RSA } else { &*ECDSA }.clone();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key));
    let config = ServerConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate; copies], key)
        .unwrap();
    let mut connection = ServerConnection::new(Arc::new(config)).unwrap();
    connection.set_buffer_limit(None);
    connection
}

pub(crate) struct Pair {
    pub(crate) client: Client,
    pub(crate) server: ServerConnection,
    /// What the server has received.
    pub(crate) received: Vec<u8>,
}

impl Pair {
    pub(crate) fn new(client: CryptoProvider, server: ServerConnection) -> Self {
        // Tests need no secrets.
        tls_provider::random::stir(&[7; 32]);
        Self {
            client: Client::new(client),
            server,
            received: Vec::new(),
        }
    }

    /// Carries bytes both ways until nobody has any.
    pub(crate) fn run(&mut self) -> Result<(), Error> {
        loop {
            self.client.receive(&[])?;
            let sent = core::mem::take(&mut self.client.outgoing);
            let mut left = sent.as_slice();
            while !left.is_empty() {
                self.server.read_tls(&mut left).unwrap();
                let state = self.server.process_new_packets()?;
                let start = self.received.len();
                self.received
                    .resize(start + state.plaintext_bytes_to_read(), 0);
                self.server
                    .reader()
                    .read_exact(&mut self.received[start..])
                    .unwrap();
            }
            let answer = self.answer(&[]);
            if answer.is_empty() && sent.is_empty() {
                return Ok(());
            }
            self.client.receive(&answer)?;
        }
    }

    /// Records of the server: `data`, and what it has to say otherwise.
    pub(crate) fn answer(&mut self, data: &[u8]) -> Vec<u8> {
        self.server.writer().write_all(data).unwrap();
        let mut answer = Vec::new();
        while self.server.wants_write() {
            self.server.write_tls(&mut answer).unwrap();
        }
        answer
    }

    /// `data` to the client and back.
    pub(crate) fn echo(&mut self, data: &[u8]) {
        self.server.writer().write_all(data).unwrap();
        self.run().unwrap();
        assert!(
            core::mem::take(&mut self.client.data) == data,
            "{} bytes to the client",
            data.len()
        );
        self.client.send(data).unwrap();
        self.run().unwrap();
        assert!(
            core::mem::take(&mut self.received) == data,
            "{} bytes to the server",
            data.len()
        );
    }
}

/// Bytes that differ from record to record.
pub(crate) fn pattern(len: usize) -> Vec<u8> {
    (0..len)
        .map(|at| u8::try_from(at * 31 % 251).unwrap())
        .collect()
}
