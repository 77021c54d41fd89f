//! One side on the provider and the other on rustls's own, `ring`: two sets of primitives that share no
//! code, joined in memory.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "functions that tests share"
)]

mod endpoint;

use std::io::{Read as _, Write as _};
use std::sync::{Arc, LazyLock};

use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256};
use rustls::client::UnbufferedClientConnection;
use rustls::crypto::{CryptoProvider, SupportedKxGroup, ring};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::server::UnbufferedServerConnection;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{
    CipherSuite, ClientConfig, ClientConnection, Connection, Error, NamedGroup, ServerConfig,
    ServerConnection, SupportedCipherSuite,
};

use endpoint::Anyone;

pub(crate) use endpoint::{Endpoint, Unbuffered};

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

fn identity_for(suites: &[CipherSuite]) -> (CertificateDer<'static>, PrivateKeyDer<'static>) {
    let rsa = suites.iter().any(|suite| is_rsa(*suite));
    let (certificate, key) = if rsa { &*RSA } else { &*ECDSA }.clone();
    (certificate, PrivatePkcs8KeyDer::from(key).into())
}

/// A server on `ring`.
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
    let (certificate, key) = identity_for(suites);
    let config = ServerConfig::builder_with_provider(Arc::new(provider))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate; copies], key)
        .unwrap();
    ServerConnection::new(Arc::new(config)).unwrap()
}

pub(crate) struct Pair<C> {
    /// With the provider.
    pub(crate) ours: Endpoint<C>,
    /// With `ring`.
    pub(crate) peer: Connection,
    /// What the peer has received.
    pub(crate) received: Vec<u8>,
}

impl Pair<UnbufferedClientConnection> {
    pub(crate) fn new(provider: CryptoProvider, server: ServerConnection) -> Self {
        stir();
        let config = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_safe_default_protocol_versions()
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Anyone))
            .with_no_client_auth();
        let client = UnbufferedClientConnection::new(Arc::new(config), name());
        Self::of(client.unwrap(), server.into())
    }
}

impl Pair<UnbufferedServerConnection> {
    /// A server on the provider with one suite and group.
    pub(crate) fn serving(
        suite: SupportedCipherSuite,
        group: &'static dyn SupportedKxGroup,
    ) -> Self {
        stir();
        let (certificate, key) = identity_for(&[suite.suite()]);
        let key = ring::sign::any_supported_type(&key).unwrap();
        let certified = CertifiedKey::new(vec![certificate], key);
        let provider = tls_provider::provider(&[suite], &[group]);
        let config = ServerConfig::builder_with_provider(Arc::new(provider))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
        let server = UnbufferedServerConnection::new(Arc::new(config));

        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Anyone))
            .with_no_client_auth();
        let client = ClientConnection::new(Arc::new(config), name()).unwrap();
        Self::of(server.unwrap(), client.into())
    }
}

/// Tests need no secrets.
fn stir() {
    tls_provider::random::stir(&[7; 32]);
}

fn name() -> ServerName<'static> {
    ServerName::try_from("server.test").unwrap()
}

impl<C: Unbuffered> Pair<C> {
    fn of(ours: C, mut peer: Connection) -> Self {
        peer.set_buffer_limit(None);
        Self {
            ours: Endpoint::new(ours),
            peer,
            received: Vec::new(),
        }
    }

    /// Carries bytes both ways until nobody has any.
    pub(crate) fn run(&mut self) -> Result<(), Error> {
        loop {
            self.ours.receive(&[])?;
            let sent = core::mem::take(&mut self.ours.outgoing);
            let mut left = sent.as_slice();
            while !left.is_empty() {
                self.peer.read_tls(&mut left).unwrap();
                let state = self.peer.process_new_packets()?;
                let start = self.received.len();
                self.received
                    .resize(start + state.plaintext_bytes_to_read(), 0);
                self.peer
                    .reader()
                    .read_exact(&mut self.received[start..])
                    .unwrap();
            }
            let answer = self.answer(&[]);
            if answer.is_empty() && sent.is_empty() {
                return Ok(());
            }
            self.ours.receive(&answer)?;
        }
    }

    /// Records of the peer: `data`, and what it has to say otherwise.
    pub(crate) fn answer(&mut self, data: &[u8]) -> Vec<u8> {
        self.peer.writer().write_all(data).unwrap();
        let mut answer = Vec::new();
        while self.peer.wants_write() {
            self.peer.write_tls(&mut answer).unwrap();
        }
        answer
    }

    /// `data` to our side and back.
    pub(crate) fn echo(&mut self, data: &[u8]) {
        self.peer.writer().write_all(data).unwrap();
        self.run().unwrap();
        assert!(
            core::mem::take(&mut self.ours.data) == data,
            "{} bytes to us",
            data.len()
        );
        self.ours.send(data).unwrap();
        self.run().unwrap();
        assert!(
            core::mem::take(&mut self.received) == data,
            "{} bytes to the peer",
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
