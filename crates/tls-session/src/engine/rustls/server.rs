//! The server: what its sessions share, as a configuration of rustls, and the handshake with a client.

use alloc::vec::Vec;

use rand_core::CryptoRngCore;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ClientHello, NoClientAuth, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{DigitallySignedStruct, DistinguishedName, Error, ServerConfig, SignatureScheme};
use tls_provider::sync::Arc;
use tls_provider::{GROUPS, provider};
use x509_facts::Certificate;

use super::client::{Client, stir};
use super::config::{NoTime, given, offered, suites_of, versions_of};
use super::core::Core;
use super::judge::{Attempt, Judge, Key, SCHEMES};
use crate::budget::Own;
use crate::evidence::Demand;
use crate::heap::ServerNeeds;
use crate::identity::OwnedIdentity;
use crate::policy::{ClientAuth, Clock, MasterSecret, Profile, ServerPolicy, Versions};
use crate::reason::{Cause, PeerRole, Reason, SetupError, Stage};
use crate::transport::Transport;
use crate::verify::Version;

/// Bytes of CA names that a CertificateRequest may show: they are a hint, and every client gets them.
const MAX_HINTS: usize = 1024;

/// What all sessions of a server share.
pub(crate) struct Served {
    identity: Arc<OwnedIdentity>,
    /// `None` where no certificate is asked for.
    anchors: Option<Vec<Vec<u8>>>,
    profile: Profile,
    /// Subjects of the anchors, or none where they are too long together.
    hints: Vec<DistinguishedName>,
    versions: Versions,
    suites: Vec<u16>,
    master_secret: MasterSecret,
}

impl core::fmt::Debug for Served {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Served").finish_non_exhaustive()
    }
}

impl Served {
    /// Copies a policy. The key is wiped when the last copy of this is dropped.
    ///
    /// # Errors
    ///
    /// [`SetupError::NoSuite`] where nothing is left to agree on.
    pub(crate) fn new(policy: &ServerPolicy<'_>) -> Result<Self, Cause> {
        let versions = offered(policy.versions, policy.suites).ok_or(SetupError::NoSuite)?;
        let anchors = match policy.clients {
            ClientAuth::NotAsked => None,
            ClientAuth::Required(anchors) => Some(anchors),
        };
        let profile = anchors.map_or(Profile::Strict, |anchors| anchors.profile());
        let anchors = anchors.map(|anchors| anchors.certificates());
        Ok(Self {
            identity: Arc::new(OwnedIdentity::of(policy.identity)),
            hints: hints(anchors.unwrap_or_default()),
            anchors: anchors.map(|list| list.iter().map(|der| der.to_vec()).collect()),
            profile,
            versions,
            suites: policy.suites.to_vec(),
            master_secret: policy.master_secret,
        })
    }

    pub(super) const fn identity(&self) -> &Arc<OwnedIdentity> {
        &self.identity
    }

    /// How closely certificates of clients must follow the standards.
    pub(super) const fn profile(&self) -> Profile {
        self.profile
    }

    /// What clients are checked against.
    pub(crate) fn anchors(&self) -> Option<&[Vec<u8>]> {
        self.anchors.as_deref()
    }

    pub(crate) const fn versions(&self) -> Versions {
        self.versions
    }

    /// What decides how much heap a session needs.
    pub(crate) fn needs(&self) -> ServerNeeds {
        ServerNeeds {
            own: self.own(),
            asks: self.anchors.is_some(),
            versions: self.versions,
        }
    }

    /// What each session copies of it, in bytes.
    fn own(&self) -> Own {
        let hints = self.hints.iter().map(AsRef::as_ref);
        Own::of_server(self.identity.chain(), hints)
    }

    /// What a session must be, beside the judgement of certificates.
    pub(crate) fn demand(&self) -> Demand<'_> {
        Demand {
            versions: self.versions,
            suites: &self.suites,
            master_secret: self.master_secret,
            certificate: self.anchors.is_some(),
        }
    }

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

/// Subjects of the anchors.
fn hints(anchors: &[&[u8]]) -> Vec<DistinguishedName> {
    let parsed = anchors
        .iter()
        .filter_map(|der| Certificate::parse(der).ok());
    let subjects: Vec<&[u8]> = parsed.map(|anchor| anchor.subject().as_der()).collect();
    let bytes: usize = subjects.iter().map(|subject| subject.len()).sum();
    if bytes > MAX_HINTS {
        return Vec::new();
    }
    let names = subjects.into_iter().map(<[u8]>::to_vec);
    names.map(DistinguishedName::from).collect()
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

impl<'m, T: Transport + 'm> Client<'m, T> {
    /// Prepares the handshake with a client, which [`Self::conduct`] performs. If this cannot be done, that says so, and the
    /// client is told by an alert.
    pub(crate) fn serve<G: CryptoRngCore>(&mut self, served: &Arc<Served>, clock: Clock, rng: G) {
        self.progress().peer.set(PeerRole::Client);
        stir(rng);
        let admitted = self.admit_client(served);
        let admitted = admitted.map_err(|error| Reason::new(Stage::Setup, error));
        let core = admitted
            .and_then(|versions| self.begin(|room| Core::accept(served, versions, clock, room)));
        match core {
            Ok(core) => self.take(core),
            Err(reason) => self.refuse_client(reason),
        }
    }
}
