//! rustls's questions, answered by the checks that every engine shares.
//!
//! rustls wants verifiers that live for ever and may be shared by threads; a policy borrows. So an [`Attempt`] owns a
//! copy of what the questions need, and collects the answers: rustls's errors have no room for a reason.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::cell::RefCell;

use critical_section::Mutex;
use rustls::client::ResolvesClientCert;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::sign::{CertifiedKey, Signer, SigningKey};
use rustls::{
    CertificateError as Alert, DigitallySignedStruct, Error, SignatureAlgorithm, SignatureScheme,
};
use tls_provider::random;
use tls_provider::sync::Arc;

use super::served::Served;
use crate::identity::OwnedIdentity;
use crate::policy::{Anchors, Clock, CommonName, NameRule, PeerAuth, PeerName, Policy, Profile};
use crate::reason::{
    Cause, CertificateError, NegotiationError, ProfileError, ProofError, ProtocolViolation, Reason,
    SetupError, Stage,
};
use crate::verify::{
    MAX_CHAIN, PeerCertificate, Possession, Signed, Verdict, Version, verify_handshake,
};

/// Who the peer must be, with its own memory.
enum Peer {
    Chain {
        anchors: Vec<Vec<u8>>,
        profile: Profile,
        name: Option<(String, CommonName)>,
        clock: Clock,
    },
    Any,
    /// It is a client of ours.
    Client {
        served: Arc<Served>,
        clock: Clock,
    },
}

/// What was answered.
#[derive(Default)]
struct Answers {
    reason: Option<Reason>,
    verdict: Option<Verdict>,
    possession: Option<Possession>,
    certificate: Option<PeerCertificate>,
    chain: Vec<Vec<u8>>,
    /// The name that a client asked for.
    server_name: Option<String>,
    /// Bytes of the chain, kept or not.
    bytes: usize,
}

/// What the questions need of a policy.
struct Asked {
    peer: Peer,
    identity: Option<Arc<OwnedIdentity>>,
}

/// One handshake's questions and answers.
pub(super) struct Attempt {
    /// Gone when the handshake is over: rustls keeps its verifier for as long as the session lives.
    asked: Mutex<RefCell<Option<Arc<Asked>>>>,
    /// Keep the server's chain for a dry run.
    keep: bool,
    /// rustls keeps every handshake byte for a CertificateVerify of TLS 1.2.
    older: bool,
    answers: Mutex<RefCell<Answers>>,
}

impl core::fmt::Debug for Attempt {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Attempt").finish_non_exhaustive()
    }
}

impl Attempt {
    /// Copies what is asked of a policy. `keep` is for a dry run; `older` where TLS 1.2 is offered.
    ///
    /// # Errors
    ///
    /// [`SetupError::PskEngine`]: rustls has no pre-shared keys of its user's.
    pub(super) fn new(policy: &Policy<'_>, keep: bool, older: bool) -> Result<Self, Cause> {
        let peer = match policy.peer {
            PeerAuth::Chain {
                anchors,
                name,
                clock,
            } => Peer::Chain {
                anchors: anchors
                    .certificates()
                    .iter()
                    .map(|der| der.to_vec())
                    .collect(),
                profile: anchors.profile(),
                name: match name {
                    NameRule::DangerAnyName => None,
                    NameRule::MustMatch { name, common_name } => {
                        Some((String::from(name.as_str()), common_name))
                    }
                },
                clock,
            },
            PeerAuth::DangerAnyPeer => Peer::Any,
            PeerAuth::PreSharedKey(_) => return Err(SetupError::PskEngine.into()),
        };
        let identity = policy.identity.map(OwnedIdentity::of).map(Arc::new);
        Ok(Self::asking(Asked { peer, identity }, (keep, older)))
    }

    /// Of a client of ours.
    pub(super) fn of_client(served: &Arc<Served>, clock: Clock) -> Self {
        let identity = Some(served.identity().clone());
        let served = served.clone();
        let peer = Peer::Client { served, clock };
        Self::asking(Asked { peer, identity }, (false, false))
    }

    fn asking(asked: Asked, (keep, older): (bool, bool)) -> Self {
        Self {
            asked: Mutex::new(RefCell::new(Some(Arc::new(asked)))),
            keep,
            older,
            answers: Mutex::new(RefCell::new(Answers::default())),
        }
    }

    /// Whether the peer proves nothing of itself: a client that is not asked.
    fn proves_nothing(&self) -> bool {
        self.asked().is_some_and(|asked| match &asked.peer {
            Peer::Client { served, .. } => served.anchors().is_none(),
            Peer::Chain { .. } | Peer::Any => false,
        })
    }

    /// Keeps the name that a client asked for.
    pub(super) fn keep_server_name(&self, name: &str) {
        self.with(|answers| answers.server_name = Some(String::from(name)));
    }

    /// The name that a client asked for.
    pub(super) fn server_name(&self) -> Option<String> {
        self.with(|answers| answers.server_name.clone())
    }

    fn with<V>(&self, then: impl FnOnce(&mut Answers) -> V) -> V {
        critical_section::with(|section| then(&mut self.answers.borrow_ref_mut(section)))
    }

    fn asked(&self) -> Option<Arc<Asked>> {
        critical_section::with(|section| self.asked.borrow_ref(section).clone())
    }

    pub(super) fn identity(&self) -> Option<Arc<OwnedIdentity>> {
        self.asked()?.identity.clone()
    }

    /// Forgets what the questions need, our key too: there are none after the handshake, and any is refused.
    pub(super) fn forget(&self) {
        let asked = critical_section::with(|section| self.asked.borrow_ref_mut(section).take());
        drop(asked);
    }

    /// The first reason against the server, or against us.
    pub(super) fn reason(&self) -> Option<Reason> {
        self.with(|answers| answers.reason.clone())
    }

    pub(super) fn refuse(&self, reason: Reason) {
        self.with(|answers| {
            answers.reason.get_or_insert(reason);
        });
    }

    /// How far the proof of the peer has come.
    pub(super) fn stage(&self) -> Stage {
        if self.proves_nothing() {
            return Stage::Finished;
        }
        self.with(|answers| match (&answers.verdict, &answers.possession) {
            (None, None) => Stage::Certificate,
            (Some(_), None) => Stage::Signature,
            (_, Some(_)) => Stage::Finished,
        })
    }

    /// What the server proved.
    pub(super) fn proof(&self) -> crate::evidence::Peer {
        use crate::evidence::Peer;
        self.with(|answers| match (&answers.verdict, answers.possession) {
            (_, Some(possession)) => Peer::Chain(possession),
            (Some(_), None) => Peer::UnprovenChain,
            (None, None) => Peer::Nobody,
        })
    }

    /// The server's certificate, if it was accepted.
    pub(super) fn certificate(&self) -> Option<PeerCertificate> {
        self.with(|answers| answers.certificate.clone())
    }

    /// The verdict on a chain whose key was proven.
    pub(super) fn verdict(&self) -> Option<Verdict> {
        self.with(|answers| {
            let proven = answers.possession.is_some();
            answers.verdict.clone().filter(|_| proven)
        })
    }

    /// The chain that a dry run keeps.
    pub(super) fn take_chain(&self) -> Vec<Vec<u8>> {
        self.with(|answers| core::mem::take(&mut answers.chain))
    }

    /// Bytes of the chain that was judged.
    pub(super) fn chain_bytes(&self) -> usize {
        self.with(|answers| answers.bytes)
    }

    fn judge(&self, chain: &[&[u8]]) -> Result<Verdict, Reason> {
        let refuse = |cause: Cause| Reason::new(Stage::Certificate, cause);
        // Certificate, after the handshake.
        let asked = self.asked();
        let asked = asked.ok_or_else(|| refuse(ProtocolViolation::Message(11).into()))?;
        let (anchors, profile, name, clock) = match &asked.peer {
            Peer::Chain {
                anchors,
                profile,
                name,
                clock,
            } => (anchors, profile, name, clock),
            Peer::Any => return Verdict::of_server(&Policy::danger_any_peer(), chain),
            Peer::Client { served, clock } => {
                // Without being asked.
                let anchors = served.anchors();
                let anchors =
                    anchors.ok_or_else(|| refuse(ProtocolViolation::Message(11).into()))?;
                let anchors: Vec<&[u8]> = anchors.iter().map(Vec::as_slice).collect();
                let anchors = Anchors::new(&anchors).map_err(refuse)?;
                let anchors = anchors.under(served.profile());
                return Verdict::of_client(anchors, *clock, chain);
            }
        };
        let anchors: Vec<&[u8]> = anchors.iter().map(Vec::as_slice).collect();
        let rule = match name {
            None => NameRule::DangerAnyName,
            Some((name, common_name)) => NameRule::MustMatch {
                name: PeerName::new(name).map_err(refuse)?,
                common_name: *common_name,
            },
        };
        let anchors = Anchors::new(&anchors).map_err(refuse)?.under(*profile);
        Verdict::of_server(&Policy::chain(anchors, rule, *clock), chain)
    }

    pub(super) fn chain(&self, leaf: &[u8], rest: &[CertificateDer<'_>]) -> Result<(), Reason> {
        let all = core::iter::once(leaf).chain(rest.iter().map(AsRef::as_ref));
        if self.keep {
            let kept = all.clone().take(MAX_CHAIN).map(<[u8]>::to_vec).collect();
            self.with(|answers| answers.chain = kept);
        }
        let chain: Vec<&[u8]> = all.collect();
        let bytes = chain.iter().map(|der| der.len()).sum();
        self.with(|answers| answers.bytes = bytes);
        let verdict = self.judge(&chain)?;
        let certificate = PeerCertificate::of(leaf);
        self.with(|answers| {
            answers.verdict = Some(verdict);
            answers.certificate = certificate;
        });
        Ok(())
    }

    fn signature(
        &self,
        version: Version,
        message: &[u8],
        signed: &DigitallySignedStruct,
    ) -> Result<(), Cause> {
        // Without the lock: a verification takes long.
        let verdict = self.with(|answers| answers.verdict.clone());
        let verdict = verdict.ok_or(ProofError::NoSignature)?;
        let possession = verify_handshake(
            &verdict,
            &Signed {
                version,
                scheme: u16::from(signed.scheme),
                message: &[message],
                signature: signed.signature(),
            },
        )?;
        self.with(|answers| answers.possession = Some(possession));
        Ok(())
    }
}

/// The alert that says why a chain is refused (RFC 8446 §6.2), by the name that rustls has for it.
pub(super) fn alert(cause: &Cause) -> Alert {
    match cause {
        Cause::Certificate(error) => match error {
            CertificateError::ClockNotSet
            | CertificateError::ClockBeforeFloor { .. }
            | CertificateError::Expired { .. }
            | CertificateError::NotYetValid { .. } => Alert::Expired,
            CertificateError::NotTrusted
            | CertificateError::IssuerEncoding
            | CertificateError::CertificateSignature => Alert::UnknownIssuer,
            CertificateError::NameMismatch | CertificateError::NoName => Alert::NotValidForName,
            CertificateError::Malformed => Alert::BadEncoding,
            CertificateError::ExtendedKeyUsage
            | CertificateError::KeyUsage
            | CertificateError::ServerKeyUsage
            | CertificateError::ClientKeyUsage
            | CertificateError::KeyAlgorithm
            | CertificateError::KeySize { .. }
            | CertificateError::SignatureAlgorithm => Alert::InvalidPurpose,
            _ => other(),
        },
        Cause::Profile(ProfileError::NoPurpose | ProfileError::AnyPurpose) => Alert::InvalidPurpose,
        _ => other(),
    }
}

/// certificate_unknown (46).
///
/// rustls sends it for `Other`, whose content depends on whether somebody in the program turned on its feature `std`. So
/// it is made by rustls itself: it gives that name to a certificate of version 1.
fn other() -> Alert {
    // Certificate { TBSCertificate { version v1 }, AlgorithmIdentifier {}, BIT STRING }
    const VERSION_1: &[u8] = &[0x30, 13, 0x30, 5, 0xa0, 3, 2, 1, 0, 0x30, 0, 0x03, 2, 0, 0];
    match ParsedCertificate::try_from(&CertificateDer::from(VERSION_1)) {
        Err(Error::InvalidCertificate(name)) => name,
        _ => Alert::BadEncoding,
    }
}

/// rustls's verifier, and what it asks for a certificate of ours.
///
/// rustls resumes a session only with the verifier that was there when it began, by its address. So a ticket keeps its
/// judge, and the next handshake takes the seat. There is one, for one handshake at a time: whoever finds it taken resumes
/// nothing. Without an attempt in it every question is answered by a refusal.
pub(super) struct Judge(Mutex<RefCell<Option<Arc<Attempt>>>>);

impl core::fmt::Debug for Judge {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Judge")
    }
}

impl Judge {
    /// Of this attempt.
    pub(super) fn of(attempt: &Arc<Attempt>) -> Self {
        Self(Mutex::new(RefCell::new(Some(attempt.clone()))))
    }

    /// Lets an attempt be judged, unless another one is.
    pub(super) fn seat(&self, attempt: &Arc<Attempt>) -> bool {
        critical_section::with(|section| {
            let mut seat = self.0.borrow_ref_mut(section);
            let free = seat.is_none();
            seat.get_or_insert_with(|| attempt.clone());
            free
        })
    }

    /// The attempt is over.
    fn leave(&self, attempt: &Arc<Attempt>) {
        let left = critical_section::with(|section| {
            let mut seat = self.0.borrow_ref_mut(section);
            let ours = seat.as_ref().is_some_and(|it| Arc::ptr_eq(it, attempt));
            if ours { seat.take() } else { None }
        });
        drop(left);
    }

    fn attempt(&self) -> Option<Arc<Attempt>> {
        critical_section::with(|section| self.0.borrow_ref(section).clone())
    }

    /// The attempt, or the alert of a question that comes when there is none.
    fn asked(&self) -> Result<Arc<Attempt>, Error> {
        self.attempt()
            .ok_or_else(|| Error::InvalidCertificate(other()))
    }

    /// The verdict on a chain, and the alert if it is refused.
    pub(super) fn verified(&self, leaf: &[u8], rest: &[CertificateDer<'_>]) -> Result<(), Error> {
        let attempt = self.asked()?;
        attempt.chain(leaf, rest).map_err(|reason| {
            let alert = alert(&reason.cause);
            attempt.refuse(reason);
            Error::InvalidCertificate(alert)
        })
    }

    pub(super) fn signed(
        &self,
        version: Version,
        message: &[u8],
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let attempt = self.asked()?;
        match attempt.signature(version, message, signed) {
            Ok(()) => Ok(HandshakeSignatureValid::assertion()),
            Err(cause) => {
                attempt.refuse(Reason::new(Stage::Signature, cause));
                Err(Error::InvalidCertificate(Alert::BadSignature))
            }
        }
    }
}

/// An attempt in the seat of a judge, until this is dropped.
pub(super) struct Seat {
    pub(super) judge: Arc<Judge>,
    pub(super) attempt: Arc<Attempt>,
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.judge.leave(&self.attempt);
    }
}

/// What is offered, the preferred first. TLS 1.3 takes the same list, and none of PKCS#1 v1.5 for a handshake.
pub(super) const SCHEMES: [SignatureScheme; 9] = [
    SignatureScheme::ECDSA_NISTP256_SHA256,
    SignatureScheme::ECDSA_NISTP384_SHA384,
    SignatureScheme::ED25519,
    SignatureScheme::RSA_PSS_SHA256,
    SignatureScheme::RSA_PSS_SHA384,
    SignatureScheme::RSA_PSS_SHA512,
    SignatureScheme::RSA_PKCS1_SHA256,
    SignatureScheme::RSA_PKCS1_SHA384,
    SignatureScheme::RSA_PKCS1_SHA512,
];

impl ServerCertVerifier for Judge {
    /// The name and the time are the policy's.
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        self.verified(end_entity, intermediates)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        _: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signed(Version::Tls12, message, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        _: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signed(Version::Tls13, message, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        SCHEMES.to_vec()
    }
}

/// What we show of ourselves.
impl ResolvesClientCert for Judge {
    fn resolve(&self, _: &[&[u8]], offered: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let attempt = self.attempt()?;
        let identity = attempt.identity()?;
        let key = Key(identity.clone());
        if key.scheme(offered).is_none() {
            // An empty Certificate goes out; the session does not come to be.
            let error = NegotiationError::ClientSignatureScheme;
            attempt.refuse(Reason::new(Stage::Finished, error));
            return None;
        }
        let chain = identity.chain().iter().cloned();
        let chain = chain.map(CertificateDer::from).collect();
        Some(Arc::new(CertifiedKey::new(chain, Arc::new(key))))
    }

    fn has_certs(&self) -> bool {
        self.attempt()
            .is_some_and(|attempt| attempt.older && attempt.identity().is_some())
    }
}

/// Our key, for rustls.
#[derive(Debug)]
pub(super) struct Key(pub(super) Arc<OwnedIdentity>);

impl Key {
    fn scheme(&self, offered: &[SignatureScheme]) -> Option<SignatureScheme> {
        // Those of TLS 1.2 begin with those of 1.3, and rustls leaves out of `offered` what is not for 1.3.
        let ours = self.0.schemes(Version::Tls12).iter();
        ours.map(|scheme| SignatureScheme::from(*scheme))
            .find(|scheme| offered.contains(scheme))
    }
}

impl SigningKey for Key {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        let scheme = self.scheme(offered)?;
        Some(Box::new(Signs(self.0.clone(), scheme)))
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        if self.0.is_rsa() {
            SignatureAlgorithm::RSA
        } else if self.0.is_ed25519() {
            SignatureAlgorithm::ED25519
        } else {
            SignatureAlgorithm::ECDSA
        }
    }
}

#[derive(Debug)]
struct Signs(Arc<OwnedIdentity>, SignatureScheme);

impl Signer for Signs {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let mut generator = random::Pool
            .generator()
            .map_err(|_| Error::FailedToGetRandomBytes)?;
        let signature = self
            .0
            .sign(Version::Tls12, u16::from(self.1), message, &mut generator);
        // The reason is that of our key: rustls's error says no more.
        let signature = signature.map_err(|_| Error::General(String::from("client key")))?;
        Ok(signature.to_vec())
    }

    fn scheme(&self) -> SignatureScheme {
        self.1
    }
}
