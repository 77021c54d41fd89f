//! A client of rustls with the provider of *ring*, over byte strings.

use std::io::{ErrorKind, Read, Write};
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ClientConnection, ResolvesClientCert};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::sign::{CertifiedKey, Signer, SigningKey};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, KeyLog, SignatureAlgorithm,
    SignatureScheme, version,
};
use tls_doubles::io::Endpoint;
use tls_doubles::keys::{Key, verify_handshake};
use tls_doubles::pki::{Site, spki_of};
use tls_session::verify::Version;

pub(crate) const SCHEMES: [u16; 9] = [
    0x0403, 0x0503, 0x0807, 0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601,
];

/// What a client does. Default: everything that is right, without a certificate.
pub(crate) struct Visits {
    pub(crate) versions: Vec<Version>,
    /// Empty for all.
    pub(crate) suites: Vec<u16>,
    pub(crate) groups: Vec<u16>,
    pub(crate) schemes: Vec<u16>,
    pub(crate) alpn: Vec<Vec<u8>>,
    pub(crate) name: &'static str,
    pub(crate) identity: Option<Site>,
    /// Spoils the client's CertificateVerify.
    pub(crate) forges: bool,
    /// Does not trust the server.
    pub(crate) distrusts: bool,
    /// Who is told the secrets of its connection.
    pub(crate) key_log: Option<Arc<dyn KeyLog>>,
}

impl Visits {
    pub(crate) fn new() -> Self {
        Self {
            versions: vec![Version::Tls12, Version::Tls13],
            suites: Vec::new(),
            groups: Vec::new(),
            schemes: SCHEMES.to_vec(),
            alpn: Vec::new(),
            name: "module.local",
            identity: None,
            forges: false,
            distrusts: false,
            key_log: None,
        }
    }

    pub(crate) fn only(version: Version) -> Self {
        Self {
            versions: vec![version],
            ..Self::new()
        }
    }

    /// With a certificate.
    pub(crate) fn shows(self, site: &Site) -> Self {
        Self {
            identity: Some(site.clone()),
            ..self
        }
    }

    fn config(&self) -> ClientConfig {
        let mut provider = ring::default_provider();
        if !self.suites.is_empty() {
            let wanted = |suite: &rustls::SupportedCipherSuite| {
                self.suites.contains(&u16::from(suite.suite()))
            };
            provider.cipher_suites.retain(wanted);
        }
        if !self.groups.is_empty() {
            let place = |group: &u16| self.groups.iter().position(|wanted| wanted == group);
            provider
                .kx_groups
                .retain(|group| place(&u16::from(group.name())).is_some());
            provider
                .kx_groups
                .sort_by_key(|group| place(&u16::from(group.name())));
        }
        let versions: Vec<_> = self
            .versions
            .iter()
            .map(|version| match version {
                Version::Tls12 => &version::TLS12,
                Version::Tls13 => &version::TLS13,
            })
            .collect();
        let mut config = ClientConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&versions)
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Sees {
                schemes: self.schemes.clone(),
                distrusts: self.distrusts,
            }))
            .with_client_cert_resolver(Arc::new(Shows {
                site: self.identity.clone(),
                forges: self.forges,
            }));
        config.alpn_protocols.clone_from(&self.alpn);
        if let Some(key_log) = &self.key_log {
            config.key_log = key_log.clone();
        }
        config
    }

    pub(crate) fn visitor(&self) -> Visitor {
        let name = ServerName::try_from(self.name).unwrap();
        let mut client = ClientConnection::new(Arc::new(self.config()), name).unwrap();
        client.set_buffer_limit(None);
        Visitor {
            client,
            out: Vec::new(),
            sent: Vec::new(),
            came: Vec::new(),
            edit: None,
            app: Vec::new(),
            error: None,
            close_notify: false,
            closed: false,
        }
    }
}

/// Takes any chain whose key signed.
#[derive(Debug)]
struct Sees {
    schemes: Vec<u16>,
    distrusts: bool,
}

impl Sees {
    fn check(
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let (spki, scheme) = (spki_of(certificate), u16::from(signed.scheme));
        if verify_handshake(&spki, scheme, message, signed.signature()) {
            return Ok(HandshakeSignatureValid::assertion());
        }
        Err(CertificateError::BadSignature.into())
    }
}

impl ServerCertVerifier for Sees {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.distrusts {
            return Err(CertificateError::UnknownIssuer.into());
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Self::check(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Self::check(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let schemes = self.schemes.iter().copied();
        schemes.map(SignatureScheme::from).collect()
    }
}

/// Shows one chain to everybody who asks.
#[derive(Debug)]
struct Shows {
    site: Option<Site>,
    forges: bool,
}

impl ResolvesClientCert for Shows {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let site = self.site.as_ref()?;
        let chain = site.chain.iter().cloned().map(CertificateDer::from);
        let key = Arc::new(Signs(site.key.clone(), self.forges));
        Some(Arc::new(CertifiedKey::new(chain.collect(), key)))
    }

    fn has_certs(&self) -> bool {
        self.site.is_some()
    }
}

#[derive(Debug)]
struct Signs(Key, bool);

impl SigningKey for Signs {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        let scheme = SignatureScheme::from(self.0.scheme());
        let signer = SignsWith(self.0.clone(), scheme, self.1);
        if !offered.contains(&scheme) {
            return None;
        }
        Some(Box::new(signer))
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        match &self.0 {
            Key::Rsa(_) => SignatureAlgorithm::RSA,
            Key::Ed25519(_) => SignatureAlgorithm::ED25519,
            Key::P256(_) | Key::P384(_) => SignatureAlgorithm::ECDSA,
        }
    }
}

#[derive(Debug)]
struct SignsWith(Key, SignatureScheme, bool);

impl Signer for SignsWith {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let mut message = message.to_vec();
        if self.2 {
            message.push(0);
        }
        Ok(self.0.sign_handshake(u16::from(self.1), &message))
    }

    fn scheme(&self) -> SignatureScheme {
        self.1
    }
}

/// Changes what the client sends, record by record.
pub(crate) type Edit = Box<dyn FnMut(Vec<u8>) -> Vec<u8>>;

/// One connection of the client.
pub(crate) struct Visitor {
    client: ClientConnection,
    out: Vec<u8>,
    /// All bytes that were sent.
    pub(crate) sent: Vec<u8>,
    /// All bytes of the server.
    came: Vec<u8>,
    edit: Option<Edit>,
    pub(crate) app: Vec<u8>,
    /// What the client refused, or the alert that it received.
    pub(crate) error: Option<Error>,
    pub(crate) close_notify: bool,
    closed: bool,
}

impl Visitor {
    pub(crate) fn edited(mut self, edit: impl FnMut(Vec<u8>) -> Vec<u8> + 'static) -> Self {
        self.edit = Some(Box::new(edit));
        self
    }

    pub(crate) fn client(&self) -> &ClientConnection {
        &self.client
    }

    /// The alert that the server sent.
    pub(crate) fn alert(&self) -> Option<u8> {
        match self.error {
            Some(Error::AlertReceived(alert)) => Some(u8::from(alert)),
            _ => None,
        }
    }

    pub(crate) fn came(&self) -> &[u8] {
        &self.came
    }

    pub(crate) fn send_app(&mut self, data: &[u8]) {
        self.client.writer().write_all(data).unwrap();
        self.pump();
    }

    pub(crate) fn update_key(&mut self) {
        self.client.refresh_traffic_keys().unwrap();
        self.pump();
    }

    pub(crate) fn send_close_notify(&mut self) {
        self.client.send_close_notify();
        self.pump();
    }

    pub(crate) fn close(&mut self) {
        self.closed = true;
    }

    fn pump(&mut self) {
        let mut bytes = Vec::new();
        while self.client.wants_write() {
            self.client.write_tls(&mut bytes).unwrap();
        }
        match &mut self.edit {
            None => self.out.extend(bytes),
            Some(edit) => {
                for record in records(&bytes) {
                    self.out.extend(edit(record.to_vec()));
                }
            }
        }
    }
}

impl Endpoint for Visitor {
    fn receive(&mut self, mut bytes: &[u8]) {
        self.came.extend(bytes);
        while !bytes.is_empty() && self.error.is_none() {
            if self.client.read_tls(&mut bytes).unwrap() == 0 {
                break;
            }
            match self.client.process_new_packets() {
                Ok(state) => self.close_notify |= state.peer_has_closed(),
                Err(error) => self.error = Some(error),
            }
            match self.client.reader().read_to_end(&mut self.app) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => panic!("{error}"),
            }
        }
        self.pump();
    }

    fn take_output(&mut self) -> Vec<u8> {
        self.pump();
        self.sent.extend(&self.out);
        std::mem::take(&mut self.out)
    }

    fn closed(&self) -> bool {
        self.closed
    }
}

/// Whole records.
pub(crate) fn records(mut bytes: &[u8]) -> Vec<&[u8]> {
    let mut list = Vec::new();
    while !bytes.is_empty() {
        let len = 5 + usize::from(u16::from_be_bytes([bytes[3], bytes[4]]));
        let (record, rest) = bytes.split_at(len);
        list.push(record);
        bytes = rest;
    }
    list
}

/// Bytes that are sent at once, and what the server answers.
#[derive(Default)]
pub(crate) struct Says {
    pub(crate) bytes: Vec<u8>,
    pub(crate) came: Vec<u8>,
    pub(crate) closed: bool,
}

impl Endpoint for Says {
    fn receive(&mut self, bytes: &[u8]) {
        self.came.extend(bytes);
    }

    fn take_output(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.bytes)
    }

    fn closed(&self) -> bool {
        self.closed
    }
}
