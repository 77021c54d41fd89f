//! A server of rustls with the provider of *ring*, over byte strings.
//!
//! It shows any chain and signs with any key of the doubles, so that what it serves is limited by nothing but TLS.

use std::io::{ErrorKind, Read, Write};
use std::ops::Range;
use std::sync::Arc;

use aes_gcm::Aes128Gcm;
use aes_gcm::aead::{Aead, KeyInit, Payload};
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoClientAuth, ResolvesServerCert, ServerConnection};
use rustls::sign::{CertifiedKey, Signer, SigningKey};
use rustls::{
    CipherSuite, ConnectionTrafficSecrets, Error, KeyLog, NamedGroup, ServerConfig,
    SignatureAlgorithm, SignatureScheme, version,
};
use tls_doubles::client_hello::ClientHello;
use tls_doubles::io::Endpoint;
use tls_doubles::keys::Key;
use tls_doubles::pki::Site;
use tls_session::verify::Version;

/// What a server is willing to do. Default: everything.
pub(crate) struct Serves {
    pub(crate) site: Site,
    pub(crate) versions: Vec<Version>,
    /// Empty for all.
    pub(crate) suites: Vec<u16>,
    pub(crate) groups: Vec<u16>,
    pub(crate) alpn: Vec<Vec<u8>>,
    /// Bytes of a record's content; `None` for the largest.
    pub(crate) fragment: Option<usize>,
    pub(crate) tickets: usize,
    /// An OCSP response for the certificate; empty for none.
    pub(crate) ocsp: Vec<u8>,
    pub(crate) clients: Arc<dyn ClientCertVerifier>,
    /// Who is told the secrets of sessions.
    pub(crate) key_log: Option<Arc<dyn KeyLog>>,
}

impl Serves {
    pub(crate) fn new(site: &Site) -> Self {
        Self {
            site: site.clone(),
            versions: vec![Version::Tls12, Version::Tls13],
            suites: Vec::new(),
            groups: Vec::new(),
            alpn: Vec::new(),
            fragment: None,
            tickets: 2,
            ocsp: Vec::new(),
            clients: Arc::new(NoClientAuth),
            key_log: None,
        }
    }

    /// One version alone.
    pub(crate) fn only(site: &Site, version: Version) -> Self {
        Self {
            versions: vec![version],
            ..Self::new(site)
        }
    }

    /// A server that remembers sessions, and can be met again: [`Peer::of`].
    pub(crate) fn server(&self) -> Arc<ServerConfig> {
        Arc::new(self.config())
    }

    pub(crate) fn config(&self) -> ServerConfig {
        let mut provider = ring::default_provider();
        if !self.suites.is_empty() {
            let wanted = |suite: &rustls::SupportedCipherSuite| {
                self.suites.contains(&u16::from(suite.suite()))
            };
            provider.cipher_suites.retain(wanted);
        }
        if !self.groups.is_empty() {
            provider
                .kx_groups
                .retain(|group| self.groups.contains(&u16::from(group.name())));
        }
        let versions: Vec<_> = self
            .versions
            .iter()
            .map(|version| match version {
                Version::Tls12 => &version::TLS12,
                Version::Tls13 => &version::TLS13,
            })
            .collect();
        let mut config = ServerConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&versions)
            .unwrap()
            .with_client_cert_verifier(self.clients.clone())
            .with_cert_resolver(Arc::new(Shows(self.site.clone(), self.ocsp.clone())));
        config.alpn_protocols.clone_from(&self.alpn);
        config.max_fragment_size = self.fragment.map(|content| content + 5);
        config.send_tls13_tickets = self.tickets;
        config.enable_secret_extraction = true;
        if let Some(key_log) = &self.key_log {
            config.key_log = key_log.clone();
        }
        config
    }

    pub(crate) fn peer(&self) -> Peer {
        Peer::of(&self.server())
    }
}

/// Shows one chain to everybody, with this OCSP response.
#[derive(Debug)]
struct Shows(Site, Vec<u8>);

impl ResolvesServerCert for Shows {
    fn resolve(&self, _: rustls::server::ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let chain = self.0.chain.iter().cloned().map(CertificateDer::from);
        let key = Arc::new(Signs(self.0.key.clone()));
        let mut shown = CertifiedKey::new(chain.collect(), key);
        shown.ocsp = Some(self.1.clone()).filter(|response| !response.is_empty());
        Some(Arc::new(shown))
    }
}

/// A key of the doubles, for rustls.
#[derive(Debug)]
struct Signs(Key);

impl SigningKey for Signs {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        let ours: &[u16] = match &self.0 {
            Key::Rsa(_) => &[0x0804, 0x0805, 0x0806, 0x0401, 0x0501, 0x0601],
            key => &[key.scheme()],
        };
        let mut ours = ours.iter().map(|scheme| SignatureScheme::from(*scheme));
        let scheme = ours.find(|scheme| offered.contains(scheme))?;
        Some(Box::new(SignsWith(self.0.clone(), scheme)))
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
struct SignsWith(Key, SignatureScheme);

impl Signer for SignsWith {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        Ok(self.0.sign_handshake(u16::from(self.1), message))
    }

    fn scheme(&self) -> SignatureScheme {
        self.1
    }
}

/// Changes what the server sends, record by record.
pub(crate) type Edit = Box<dyn FnMut(Vec<u8>) -> Vec<u8>>;

/// One connection of the server.
pub(crate) struct Peer {
    /// Gone once its secrets were taken.
    server: Option<ServerConnection>,
    out: Vec<u8>,
    sent: Vec<u8>,
    /// All bytes of the client.
    came: Vec<u8>,
    edit: Option<Edit>,
    /// Application data that came.
    pub(crate) app: Vec<u8>,
    /// What the server refused, or the alert that it received.
    pub(crate) error: Option<Error>,
    pub(crate) close_notify: bool,
    closed: bool,
}

impl Peer {
    /// The next connection of a server.
    pub(crate) fn of(config: &Arc<ServerConfig>) -> Self {
        let mut server = ServerConnection::new(config.clone()).unwrap();
        server.set_buffer_limit(None);
        Self {
            server: Some(server),
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

    /// Changes what the server sends from here on.
    pub(crate) fn edited(mut self, edit: impl FnMut(Vec<u8>) -> Vec<u8> + 'static) -> Self {
        self.edit = Some(Box::new(edit));
        self
    }

    pub(crate) fn server(&self) -> &ServerConnection {
        self.server.as_ref().unwrap()
    }

    /// Whether the handshake is over, in the server's eyes.
    pub(crate) fn opened(&self) -> bool {
        !self.server().is_handshaking()
    }

    /// The alert that the client sent, other than close_notify.
    pub(crate) fn alert(&self) -> Option<u8> {
        match self.error {
            Some(Error::AlertReceived(alert)) => Some(u8::from(alert)),
            _ => None,
        }
    }

    pub(crate) fn suite(&self) -> u16 {
        let suite = self.server().negotiated_cipher_suite().unwrap();
        let number: CipherSuite = suite.suite();
        u16::from(number)
    }

    pub(crate) fn group(&self) -> u16 {
        let group = self.server().negotiated_key_exchange_group().unwrap();
        let number: NamedGroup = group.name();
        u16::from(number)
    }

    /// Those that came in the clear, each in a record of its own.
    pub(crate) fn client_hellos(&self) -> Vec<ClientHello> {
        let all = records(&self.came).into_iter();
        let hellos = all.filter(|record| record[0] == 22 && record[5] == 1);
        hellos
            .map(|record| ClientHello::parse(&record[9..]).unwrap())
            .collect()
    }

    /// Sends application data.
    pub(crate) fn send_app(&mut self, data: &[u8]) {
        self.server
            .as_mut()
            .unwrap()
            .writer()
            .write_all(data)
            .unwrap();
        self.pump();
    }

    /// Changes the sending key; data that follow are under the new one.
    pub(crate) fn update_key(&mut self) {
        self.server
            .as_mut()
            .unwrap()
            .refresh_traffic_keys()
            .unwrap();
        self.pump();
    }

    pub(crate) fn send_close_notify(&mut self) {
        self.server.as_mut().unwrap().send_close_notify();
        self.pump();
    }

    /// Closes the connection after what was sent.
    pub(crate) fn close(&mut self) {
        self.closed = true;
    }

    /// Sends these bytes as they are.
    pub(crate) fn send_raw(&mut self, bytes: &[u8]) {
        self.out.extend(bytes);
    }

    /// Takes the keys of an open session of TLS 1.2 and TLS_ECDHE_*_AES_128_GCM_SHA256, so that anything can be sent.
    pub(crate) fn take_keys(&mut self) -> Keys {
        let server = self.server.take().unwrap();
        let secrets = server.dangerous_extract_secrets().unwrap();
        Keys {
            send: Direction::new(secrets.tx),
            receive: Direction::new(secrets.rx),
        }
    }

    /// All bytes that were sent so far.
    pub(crate) fn sent_bytes(&self) -> &[u8] {
        &self.sent
    }

    /// All bytes of the client so far.
    pub(crate) fn came(&self) -> &[u8] {
        &self.came
    }

    fn pump(&mut self) {
        let Some(server) = self.server.as_mut() else {
            return;
        };
        let mut bytes = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut bytes).unwrap();
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

    fn take_app(&mut self) {
        let server = self.server.as_mut().unwrap();
        match server.reader().read_to_end(&mut self.app) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => panic!("{error}"),
        }
    }
}

impl Endpoint for Peer {
    fn receive(&mut self, mut bytes: &[u8]) {
        self.came.extend(bytes);
        if self.server.is_none() {
            return;
        }
        while !bytes.is_empty() && self.error.is_none() {
            let server = self.server.as_mut().unwrap();
            if server.read_tls(&mut bytes).unwrap() == 0 {
                break;
            }
            match server.process_new_packets() {
                Ok(state) => self.close_notify |= state.peer_has_closed(),
                Err(error) => self.error = Some(error),
            }
            self.take_app();
        }
        self.pump();
    }

    fn take_output(&mut self) -> Vec<u8> {
        self.sent.extend(&self.out);
        std::mem::take(&mut self.out)
    }

    fn closed(&self) -> bool {
        self.closed
    }
}

/// One direction of TLS 1.2 with AES-128-GCM (RFC 5288).
pub(crate) struct Direction {
    cipher: Aes128Gcm,
    salt: [u8; 4],
    sequence: u64,
}

impl Direction {
    fn new((sequence, secrets): (u64, ConnectionTrafficSecrets)) -> Self {
        let ConnectionTrafficSecrets::Aes128Gcm { key, iv } = secrets else {
            panic!("AES-128-GCM alone");
        };
        Self {
            cipher: Aes128Gcm::new_from_slice(key.as_ref()).unwrap(),
            salt: iv.as_ref()[..4].try_into().unwrap(),
            sequence,
        }
    }

    fn aad(&mut self, kind: u8, len: usize) -> Vec<u8> {
        let mut aad = self.sequence.to_be_bytes().to_vec();
        self.sequence += 1;
        aad.extend([kind, 3, 3]);
        aad.extend(u16::try_from(len).unwrap().to_be_bytes());
        aad
    }

    /// A whole record.
    pub(crate) fn seal(&mut self, kind: u8, content: &[u8]) -> Vec<u8> {
        let explicit = self.sequence.to_be_bytes();
        let aad = self.aad(kind, content.len());
        let nonce = [&self.salt[..], &explicit].concat();
        let payload = Payload {
            msg: content,
            aad: &aad,
        };
        let sealed = self.cipher.encrypt(nonce[..].into(), payload).unwrap();
        let len = u16::try_from(8 + sealed.len()).unwrap().to_be_bytes();
        [&[kind, 3, 3], &len[..], &explicit, &sealed].concat()
    }

    /// Type and content of a record.
    pub(crate) fn open(&mut self, record: &[u8]) -> (u8, Vec<u8>) {
        let aad = self.aad(record[0], record.len() - 5 - 8 - 16);
        let nonce = [&self.salt[..], &record[5..13]].concat();
        let payload = Payload {
            msg: &record[13..],
            aad: &aad,
        };
        let content = self.cipher.decrypt(nonce[..].into(), payload).unwrap();
        (record[0], content)
    }
}

/// The keys of a session.
pub(crate) struct Keys {
    pub(crate) send: Direction,
    pub(crate) receive: Direction,
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

/// Types and places of the handshake messages of a record in the clear, if it holds whole ones and nothing else.
pub(crate) fn messages(record: &[u8]) -> Vec<(u8, Range<usize>)> {
    let mut list = Vec::new();
    let mut at = 5;
    while record[0] == 22 && at + 4 <= record.len() {
        let len = u32::from_be_bytes([0, record[at + 1], record[at + 2], record[at + 3]]);
        let end = at + 4 + usize::try_from(len).unwrap();
        if end > record.len() {
            return Vec::new();
        }
        list.push((record[at], at..end));
        at = end;
    }
    list
}
