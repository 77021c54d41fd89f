//! One CA for all transcripts of a run; a server's and a client's certificate by it; images of them.

use std::sync::{Arc, LazyLock};

use espat::transcript::Variables;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, KeyUsagePurpose};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::version::TLS13;
use rustls::{RootCertStore, ServerConfig};

struct Pki {
    ca: CertificateDer<'static>,
    ca_pem: String,
    server: (CertificateDer<'static>, Vec<u8>),
    client_pem: (String, String),
}

static PKI: LazyLock<Pki> = LazyLock::new(|| make().expect("certificates can be made"));

fn make() -> Result<Pki, rcgen::Error> {
    let mut params = CertificateParams::new([])?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let ca = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
    let leaf = |name: &str| -> Result<_, rcgen::Error> {
        let key = KeyPair::generate()?;
        let names = [name, "192.168.3.102"].map(str::to_owned);
        let certificate = CertificateParams::new(names)?.signed_by(&key, &ca)?;
        Ok((certificate, key))
    };
    let (server, server_key) = leaf("example.com")?;
    let (client, client_key) = leaf("client.example")?;
    Ok(Pki {
        ca: ca.der().clone(),
        ca_pem: ca.pem(),
        server: (server.into(), server_key.serialize_der()),
        client_pem: (client.pem(), client_key.serialize_pem()),
    })
}

/// A TLS 1.3 server; a `mutual` one wants a certificate of the CA.
pub(crate) fn server(mutual: bool) -> Arc<ServerConfig> {
    let provider = Arc::new(default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[&TLS13])
        .expect("TLS 1.3 is there");
    let builder = if mutual {
        let mut roots = RootCertStore::empty();
        roots.add(PKI.ca.clone()).expect("a good CA");
        let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider)
            .build()
            .expect("a good CA");
        builder.with_client_cert_verifier(verifier)
    } else {
        builder.with_no_client_auth()
    };
    let (certificate, key) = PKI.server.clone();
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key));
    let config = builder.with_single_cert(vec![certificate], key);
    Arc::new(config.expect("they belong together"))
}

/// `pki.ca`, `pki.cert`, `pki.key`: images of the CA, and of the client's certificate and key.
pub(crate) fn variables() -> Variables {
    let (certificate, key) = &PKI.client_pem;
    let images = [
        ("pki.ca", 1, &PKI.ca_pem),
        ("pki.cert", 2, certificate),
        ("pki.key", 3, key),
    ];
    images
        .map(|(name, kind, pem)| (name.to_owned(), image(kind, pem.as_bytes())))
        .into()
}

/// An image of one item (spec: at-commands B.2, PKI image format).
fn image(kind: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).expect("a small file");
    let mut item = vec![kind, 0];
    item.extend(length.to_le_bytes());
    item.extend(content);
    item.resize(item.len() + (4 - content.len() % 4) % 4, 0xff);
    let total = u32::try_from(item.len()).expect("a small file");
    [&[0xf1, 0xf1, 1, 0], &total.to_le_bytes()[..], &item].concat()
}
