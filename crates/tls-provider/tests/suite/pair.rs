//! A client on the provider against a server on rustls's own, `ring`: two sets of primitives that share no
//! code.

use std::io::{Read as _, Write as _};
use std::sync::{Arc, LazyLock};

use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{
    CipherSuite, Error, HandshakeKind, NamedGroup, ProtocolVersion, ServerConfig, ServerConnection,
    SupportedCipherSuite,
};
use tls_provider::{GROUPS, SUITES, provider};

use crate::client::Client;
use crate::stir;

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

fn server(suites: &[CipherSuite], groups: &[NamedGroup]) -> ServerConnection {
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
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let mut connection = ServerConnection::new(Arc::new(config)).unwrap();
    connection.set_buffer_limit(None);
    connection
}

struct Pair {
    client: Client,
    server: ServerConnection,
    /// What the server has received.
    received: Vec<u8>,
}

impl Pair {
    fn new(client: CryptoProvider, server: ServerConnection) -> Self {
        stir();
        Self {
            client: Client::new(client),
            server,
            received: Vec::new(),
        }
    }

    /// Carries bytes both ways until nobody has any.
    fn run(&mut self) -> Result<(), Error> {
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
            let mut answer = Vec::new();
            while self.server.wants_write() {
                self.server.write_tls(&mut answer).unwrap();
            }
            if answer.is_empty() && sent.is_empty() {
                return Ok(());
            }
            self.client.receive(&answer)?;
        }
    }

    /// `data` to the client and back.
    fn echo(&mut self, data: &[u8]) {
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
fn pattern(len: usize) -> Vec<u8> {
    (0..len)
        .map(|at| u8::try_from(at * 31 % 251).unwrap())
        .collect()
}

/// Whole pieces of plaintext begin here in a record.
fn start(suite: SupportedCipherSuite) -> usize {
    match suite.suite() {
        _ if suite.version().version == ProtocolVersion::TLSv1_3 => 5,
        CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256
        | CipherSuite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256 => 5,
        _ => 13,
    }
}

#[test]
fn every_suite_with_every_group_carries_data_both_ways() {
    for suite in SUITES {
        for group in GROUPS {
            let server = server(&[suite.suite()], &[group.name()]);
            let mut pair = Pair::new(provider(&[*suite], &[*group]), server);
            pair.run().unwrap();
            assert!(pair.client.open, "{suite:?} {group:?}");
            let client = pair.client.connection();
            assert_eq!(client.protocol_version(), Some(suite.version().version));
            assert_eq!(
                client.negotiated_key_exchange_group().unwrap().name(),
                group.name()
            );
            assert_eq!(client.handshake_kind(), Some(HandshakeKind::Full));
            for len in [1, 2, 16_384, 1 << 20] {
                pair.echo(&pattern(len));
            }
            let starts = core::mem::take(&mut pair.client.starts);
            assert_eq!(starts.len(), 1 + 1 + 1 + 64, "records");
            assert!(starts.iter().all(|at| *at == start(*suite)), "{suite:?}");
        }
    }
}

#[test]
fn all_suites_and_groups_together_negotiate_the_first_ones() {
    let all: Vec<CipherSuite> = SUITES.iter().map(SupportedCipherSuite::suite).collect();
    let groups: Vec<NamedGroup> = GROUPS.iter().map(|group| group.name()).collect();
    let mut pair = Pair::new(provider(SUITES, GROUPS), server(&all, &groups));
    pair.run().unwrap();
    let client = pair.client.connection();
    assert_eq!(client.negotiated_cipher_suite(), Some(SUITES[0]));
    assert_eq!(
        client.negotiated_key_exchange_group().unwrap().name(),
        NamedGroup::secp256r1
    );
}

#[test]
fn a_server_without_the_first_group_asks_again() {
    for group in &GROUPS[1..] {
        let server = server(&[SUITES[0].suite()], &[group.name()]);
        let mut pair = Pair::new(provider(SUITES, GROUPS), server);
        pair.run().unwrap();
        let client = pair.client.connection();
        assert_eq!(
            client.handshake_kind(),
            Some(HandshakeKind::FullWithHelloRetryRequest)
        );
        assert_eq!(
            client.negotiated_key_exchange_group().unwrap().name(),
            group.name()
        );
        pair.echo(&pattern(100_000));
    }
}

#[test]
fn keys_are_updated_by_either_side() {
    for suite in SUITES.iter().filter(|suite| suite.tls13().is_some()) {
        let server = server(&[suite.suite()], &[NamedGroup::X25519]);
        let mut pair = Pair::new(provider(SUITES, GROUPS), server);
        pair.run().unwrap();
        for round in 0..10 {
            if round % 2 == 0 {
                pair.server.refresh_traffic_keys().unwrap();
            }
            if round % 3 == 0 {
                pair.client.refresh();
            }
            pair.echo(&pattern(20_000));
        }
    }
}
