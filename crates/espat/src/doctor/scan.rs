//! What the server takes and shows: one handshake for each version of TLS, with rustls, which is not the modem's code.
//!
//! The certificates are only looked at here: judging them is `trust`'s, by the modem's rules.

use std::io::{ErrorKind, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ClientConfig, ClientConnection, ResolvesClientCert};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::sign::CertifiedKey;
use rustls::{
    DigitallySignedStruct, Error, KeyLog, SignatureScheme, SupportedProtocolVersion, version,
};

use crate::capture::Tap;

/// For one answer of the server.
const TIMEOUT: Duration = Duration::from_secs(10);

/// For the alert of a server that wanted a certificate.
const REFUSAL_TIMEOUT: Duration = Duration::from_secs(1);

/// What one handshake showed.
#[derive(Debug, Clone)]
pub(super) struct Seen {
    /// `TLS 1.3`
    pub(super) version: &'static str,
    /// Suite and group, or why there was no session.
    pub(super) result: Result<String, Refused>,
    /// As the server sent them.
    pub(super) chain: Vec<Vec<u8>>,
    /// It asked who the client is.
    pub(super) asks_for_certificate: bool,
    /// It ended the session of a client that did not say.
    pub(super) requires_certificate: bool,
}

/// Why there was no session of this version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refused {
    /// What answers does not speak TLS.
    NotTls,
    /// The server sent an alert.
    Alert(String),
    /// Anything else, in words.
    Other(String),
}

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NotTls => f.write_str("the answer is not TLS"),
            Self::Alert(alert) => write!(f, "refused with alert {alert}"),
            Self::Other(words) => f.write_str(words),
        }
    }
}

/// Both versions, the newer first. `connect` opens a connection to the server; `keys` receives the
/// secrets of each session.
pub(super) fn scan(
    connect: &dyn Fn() -> std::io::Result<Tap>,
    host: &str,
    keys: &Arc<dyn KeyLog>,
) -> Vec<Seen> {
    [(&version::TLS13, "TLS 1.3"), (&version::TLS12, "TLS 1.2")]
        .into_iter()
        .map(|(version, name)| one(connect, host, keys, version, name))
        .collect()
}

fn one(
    connect: &dyn Fn() -> std::io::Result<Tap>,
    host: &str,
    keys: &Arc<dyn KeyLog>,
    version: &'static SupportedProtocolVersion,
    name: &'static str,
) -> Seen {
    let recorder = Arc::new(Recorder::new());
    let result = handshake(connect, host, keys, version, &recorder);
    let asked = recorder.asked.load(Ordering::Relaxed);
    Seen {
        version: name,
        result,
        chain: recorder.chain(),
        asks_for_certificate: asked,
        requires_certificate: asked && recorder.refused.load(Ordering::Relaxed),
    }
}

fn handshake(
    connect: &dyn Fn() -> std::io::Result<Tap>,
    host: &str,
    keys: &Arc<dyn KeyLog>,
    version: &'static SupportedProtocolVersion,
    recorder: &Arc<Recorder>,
) -> Result<String, Refused> {
    let other = |error: &dyn std::fmt::Display| Refused::Other(error.to_string());
    let mut config = ClientConfig::builder_with_provider(recorder.provider.clone())
        .with_protocol_versions(&[version])
        .map_err(|error| other(&error))?
        .dangerous()
        .with_custom_certificate_verifier(recorder.clone())
        .with_client_cert_resolver(recorder.clone());
    config.key_log = keys.clone();
    let name = ServerName::try_from(host.to_owned()).map_err(|error| other(&error))?;
    let mut session =
        ClientConnection::new(Arc::new(config), name).map_err(|error| other(&error))?;
    let mut stream = connect().map_err(|error| other(&error))?;
    stream
        .set_timeouts(TIMEOUT)
        .map_err(|error| other(&error))?;
    while session.is_handshaking() {
        if let Err(error) = session.complete_io(&mut stream) {
            recorder.refused.store(true, Ordering::Relaxed);
            return Err(refused(&error));
        }
    }
    if recorder.asked.load(Ordering::Relaxed) && is_refused_afterwards(&mut session, &mut stream) {
        recorder.refused.store(true, Ordering::Relaxed);
    }
    let suite = session
        .negotiated_cipher_suite()
        .and_then(|it| it.suite().as_str())
        .unwrap_or("unnamed suite")
        // The RFC's name.
        .replace("TLS13_", "TLS_");
    let group = session
        .negotiated_key_exchange_group()
        .and_then(|it| it.name().as_str())
        .unwrap_or("unnamed group");
    session.send_close_notify();
    // The handshake is over; a server that is gone changes nothing.
    let _ = session.complete_io(&mut stream);
    let _ = stream.flush();
    Ok(format!("{suite}, {group}"))
}

/// Whether the server, which has asked for a certificate and got none, ends the session with an alert.
fn is_refused_afterwards(session: &mut ClientConnection, stream: &mut Tap) -> bool {
    // What it says first is a ticket or an alert; a server that waits for the client says nothing.
    if stream.set_read_timeout(REFUSAL_TIMEOUT).is_err() {
        return false;
    }
    while session.wants_read() {
        match session.complete_io(stream) {
            Ok((0, 0)) => return false,
            Ok(_) => {}
            Err(error) => return matches!(refused(&error), Refused::Alert(_)),
        }
    }
    false
}

fn refused(error: &std::io::Error) -> Refused {
    match error.get_ref().and_then(|it| it.downcast_ref::<Error>()) {
        Some(Error::AlertReceived(alert)) => {
            Refused::Alert(alert.as_str().unwrap_or("unnamed").to_owned())
        }
        Some(Error::InvalidMessage(_)) => Refused::NotTls,
        Some(error) => Refused::Other(error.to_string()),
        None => Refused::Other(match error.kind() {
            ErrorKind::UnexpectedEof => "the server closed the connection".to_owned(),
            ErrorKind::WouldBlock | ErrorKind::TimedOut => {
                format!("no answer within {} s", TIMEOUT.as_secs())
            }
            _ => error.to_string(),
        }),
    }
}

/// Writes down what the server shows and accepts it: nothing is sent in these sessions.
#[derive(Debug)]
struct Recorder {
    provider: Arc<CryptoProvider>,
    chain: Mutex<Vec<Vec<u8>>>,
    asked: AtomicBool,
    refused: AtomicBool,
}

impl Recorder {
    fn new() -> Self {
        Self {
            provider: Arc::new(ring::default_provider()),
            chain: Mutex::default(),
            asked: AtomicBool::new(false),
            refused: AtomicBool::new(false),
        }
    }

    fn chain(&self) -> Vec<Vec<u8>> {
        self.chain
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl ServerCertVerifier for Recorder {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let sent = std::iter::once(end_entity).chain(intermediates);
        *self.chain.lock().unwrap_or_else(PoisonError::into_inner) =
            sent.map(|der| der.to_vec()).collect();
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        // ring does not verify P-521, and servers with such a key are shown as well.
        let mut schemes = self
            .provider
            .signature_verification_algorithms
            .supported_schemes();
        schemes.push(SignatureScheme::ECDSA_NISTP521_SHA512);
        schemes
    }
}

impl ResolvesClientCert for Recorder {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.asked.store(true, Ordering::Relaxed);
        None
    }

    fn has_certs(&self) -> bool {
        // Only then does rustls ask which one.
        true
    }
}
