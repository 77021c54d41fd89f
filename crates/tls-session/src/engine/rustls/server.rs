//! A server's policy as a configuration of rustls.

use alloc::vec::Vec;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ClientHello, NoClientAuth, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{DigitallySignedStruct, DistinguishedName, Error, ServerConfig, SignatureScheme};
use tls_provider::sync::Arc;
use tls_provider::{GROUPS, provider};

use super::judge::{Attempt, Judge, Key, SCHEMES};
use super::served::Served;
use super::suites::{NoTime, given, suites_of, versions_of};
use crate::policy::{MasterSecret, Versions};
use crate::reason::{Cause, SetupError};
use crate::verify::Version;

impl Served {
    /// The configuration of one session of these versions, which shares `served`; `chunk` is the room for one of our
    /// records, header included.
    pub(super) fn configure(
        served: &Arc<Self>,
        versions: Versions,
        attempt: &Arc<Attempt>,
        chunk: usize,
    ) -> Result<ServerConfig, Cause> {
        let mut suites = suites_of(versions, &served.suites);
        for suite in &mut suites {
            *suite = given(*suite, false);
        }
        let verifier: Arc<dyn ClientCertVerifier> = match served.anchors {
            None => Arc::new(NoClientAuth),
            Some(_) => Arc::new(ClientJudge {
                judge: Judge::of(attempt),
                served: served.clone(),
            }),
        };
        let provider = Arc::new(provider(&suites, GROUPS));
        let mut config = ServerConfig::builder_with_details(provider, Arc::new(NoTime))
            .with_protocol_versions(&versions_of(&suites))
            .map_err(|_| SetupError::NoSuite)?
            .with_client_cert_verifier(verifier)
            .with_cert_resolver(Arc::new(Shows(attempt.clone())));
        config.max_fragment_size = Some(chunk);
        config.require_ems = served.master_secret == MasterSecret::Required;
        // A ticket would stand for a judgement of another day.
        config.send_tls13_tickets = 0;
        config.max_tls13_tickets = 0;
        config.session_storage = Arc::new(NoServerSessionStorage {});
        // A certificate that is unpacked has no size that was seen before.
        config.cert_decompressors = Vec::new();
        config.cert_compressors = Vec::new();
        Ok(config)
    }
}

/// Shows one chain to everybody, whatever name is asked for.
#[derive(Debug)]
struct Shows(Arc<Attempt>);

impl ResolvesServerCert for Shows {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        if let Some(name) = hello.server_name() {
            self.0.keep_server_name(name);
        }
        let identity = self.0.identity()?;
        let chain = identity.chain().iter().cloned();
        let chain = chain.map(CertificateDer::from).collect();
        Some(Arc::new(CertifiedKey::new(chain, Arc::new(Key(identity)))))
    }
}

/// The verifier of one session with a client that must show a certificate.
#[derive(Debug)]
struct ClientJudge {
    judge: Judge,
    served: Arc<Served>,
}

impl ClientCertVerifier for ClientJudge {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &self.served.hints
    }

    /// The time is the policy's.
    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.judge.verified(end_entity, intermediates)?;
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        _: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.judge.signed(Version::Tls12, message, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        _: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.judge.signed(Version::Tls13, message, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        SCHEMES.to_vec()
    }
}
