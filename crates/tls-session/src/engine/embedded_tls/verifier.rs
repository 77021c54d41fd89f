//! What the engine is handed: the policy as its verifier, the caller's randomness, who we are.

use crate::reason::{
    Cause, CertificateError, NegotiationError, ProofError, ProtocolViolation, Reason, SetupError,
    Stage,
};
use core::cell::Ref;

use embedded_tls::{
    Certificate as EngineCertificate, CertificateEntryRef, CertificateRef, CertificateVerifyRef,
    CryptoProvider, CryptoRngCore, SignatureScheme, TlsError, TlsVerifier,
};
use heapless::Vec;

use super::envelope::{CERTIFICATE, CERTIFICATE_REQUEST, CERTIFICATE_VERIFY, ENCRYPTED_EXTENSIONS};
use super::facts::Facts;
use super::shown::{self, Proof};
use super::state::Shared;
use super::suite::{Report, Suite};
use super::transcript::Transcript;
use crate::engine::Witness;
use crate::evidence::{Application, KeyTaken, Peer};
use crate::policy::Policy;
use crate::verify::{MAX_CHAIN, PeerCertificate, Signed, Verdict, Version, verify_handshake};

/// The verdict on the server's chain, and the transcript its proof must cover.
struct Leaf {
    verdict: Verdict,
    transcript: [u8; 32],
    /// Whether CertificateRequest had come before it.
    asked: bool,
}

pub(crate) struct Verifier<'p, 'c> {
    policy: &'p Policy<'c>,
    shared: &'p Shared,
    leaf: Option<Leaf>,
    /// The messages up to the server's Finished, once that has held.
    finished: Option<Transcript>,
    witness: Option<&'p Witness<'p>>,
}

impl<'p, 'c> Verifier<'p, 'c> {
    pub(crate) const fn new(
        policy: &'p Policy<'c>,
        shared: &'p Shared,
        witness: Option<&'p Witness<'p>>,
    ) -> Self {
        Self {
            policy,
            shared,
            leaf: None,
            finished: None,
            witness,
        }
    }

    fn refuse(&self, cause: Cause) -> TlsError {
        self.shared.progress.refuse(cause);
        TlsError::InvalidCertificate
    }

    fn certificate(
        &mut self,
        transcript: &Transcript,
        entries: &[CertificateEntryRef<'_>],
    ) -> Result<(), Reason> {
        if entries.is_empty() {
            // No server sends this (envelope.rs, suite.rs).
            return self.server_finished(transcript);
        }
        let refuse = |cause| Reason::new(Stage::Certificate, cause);
        let mut chain: Vec<&[u8], MAX_CHAIN> = Vec::new();
        for entry in entries {
            let CertificateEntryRef::X509(der) = entry else {
                return Err(refuse(Cause::Certificate(CertificateError::Malformed)));
            };
            if let Some(report) = Report::read(der) {
                return Err(Reason::new(
                    self.shared.progress.stage.get(),
                    report.cause(),
                ));
            }
            chain
                .push(der)
                .map_err(|_| refuse(Cause::Certificate(CertificateError::Malformed)))?;
        }
        if self.leaf.is_some() {
            return Err(refuse(Cause::Protocol(ProtocolViolation::MessageTwice(
                CERTIFICATE,
            ))));
        }
        self.check_facts(transcript.facts()).map_err(refuse)?;
        if let Some(witness) = self.witness {
            chain.iter().for_each(|der| witness(der));
        }
        self.leaf = Some(Leaf {
            verdict: Verdict::of_server(self.policy, &chain)?,
            // The engine has added this message to the transcript already.
            transcript: transcript.value(),
            asked: transcript.facts().asked(),
        });
        let certificate = chain.first().and_then(|der| PeerCertificate::of(der));
        self.shared.progress.keep_certificate(certificate);
        self.shared.peer.set(Peer::UnprovenChain);
        self.shared.progress.stage.set(Stage::Signature);
        Ok(())
    }

    /// Called once the engine has found the server's Finished to hold.
    fn server_finished(&mut self, transcript: &Transcript) -> Result<(), Reason> {
        let facts = transcript.facts();
        let refuse = |cause| Reason::new(self.shared.progress.stage.get(), cause);
        self.check_facts(facts).map_err(refuse)?;
        // With a pre-shared key the server may not ask (RFC 8446 §4.3.2).
        if facts.asked() && self.shared.psk_taken.get() {
            return Err(refuse(Cause::Protocol(ProtocolViolation::Message(
                CERTIFICATE_REQUEST,
            ))));
        }
        if let Some(leaf) = &self.leaf
            && leaf.asked != facts.asked()
        {
            return Err(refuse(Cause::Protocol(ProtocolViolation::Message(
                CERTIFICATE_REQUEST,
            ))));
        }
        if self.shared.psk_taken.get() && self.shared.peer.get() == Peer::Nobody {
            // Finished holds under a key schedule that the pre-shared key went into.
            self.shared.peer.set(Peer::PreSharedKey(KeyTaken::seen()));
        }
        // What follows is ours: our certificate, if the server asked for one, and our Finished.
        self.shared.peer.get().covers(self.policy).map_err(refuse)?;
        self.finished = Some(transcript.clone());
        self.shared.finished.set(true);
        Ok(())
    }

    /// What came before the server's certificate, or should have.
    fn check_facts(&self, facts: &Facts) -> Result<(), Cause> {
        facts.check_order()?;
        if facts.named && self.policy.sni.is_none() {
            return Err(Cause::Protocol(ProtocolViolation::Extension {
                message: ENCRYPTED_EXTENSIONS,
                kind: 0,
            }));
        }
        let application = Application::find(facts.protocol.as_deref(), self.policy.alpn);
        self.shared.application.set(application);
        self.shared.negotiated().covers(self.policy)
    }

    fn signature(&mut self, verify: &CertificateVerifyRef<'_>) -> Result<(), Cause> {
        let Some(leaf) = &self.leaf else {
            return Err(Cause::Protocol(ProtocolViolation::Message(
                CERTIFICATE_VERIFY,
            )));
        };
        if matches!(self.shared.peer.get(), Peer::Chain(_)) {
            return Err(ProtocolViolation::MessageTwice(CERTIFICATE_VERIFY).into());
        }
        // RFC 8446 §4.4.3
        let message: [&[u8]; 3] = [
            &[0x20; 64],
            b"TLS 1.3, server CertificateVerify\0",
            &leaf.transcript,
        ];
        let possession = verify_handshake(
            &leaf.verdict,
            &Signed {
                version: Version::Tls13,
                scheme: verify.signature_scheme.as_u16(),
                message: &message,
                signature: verify.signature,
            },
        )?;
        self.shared.peer.set(Peer::Chain(possession));
        self.shared.progress.stage.set(Stage::Finished);
        Ok(())
    }
}

impl TlsVerifier<Suite> for Verifier<'_, '_> {
    /// The name to check is the policy's; what goes into SNI does not decide it.
    fn set_hostname_verification(&mut self, _: &str) -> Result<(), TlsError> {
        Ok(())
    }

    fn verify_certificate(
        &mut self,
        transcript: &Transcript,
        certificate: CertificateRef<'_>,
    ) -> Result<(), TlsError> {
        self.certificate(transcript, &certificate.entries)
            .map_err(|reason| {
                self.shared.progress.refuse_with(reason);
                TlsError::InvalidCertificate
            })
    }

    fn verify_signature(&mut self, verify: CertificateVerifyRef<'_>) -> Result<(), TlsError> {
        self.signature(&verify).map_err(|cause| self.refuse(cause))
    }
}

/// Hands the engine the verifier, always: it takes an error here for "do not verify".
pub(crate) struct Provider<'p, 'c, G> {
    verifier: Verifier<'p, 'c>,
    rng: G,
    /// The end of a signature whose beginning went out with our certificate.
    proof: Option<Proof>,
}

impl<'p, 'c, G: CryptoRngCore> Provider<'p, 'c, G> {
    pub(crate) const fn new(verifier: Verifier<'p, 'c>, rng: G) -> Self {
        Self {
            verifier,
            rng,
            proof: None,
        }
    }

    /// What to show the server that asked for a certificate, and the scheme to sign with.
    fn show(&mut self) -> Result<Option<Ref<'p, [u8]>>, Cause> {
        let Some(identity) = self.verifier.policy.identity else {
            return Ok(None);
        };
        let transcript = self
            .verifier
            .finished
            .as_ref()
            .ok_or(Cause::Proof(ProofError::NoSignature))?;
        let scheme = shown::scheme(identity, transcript.facts().schemes)
            .ok_or(Cause::Negotiation(NegotiationError::ClientSignatureScheme))?;
        let (certificate, proof) = shown::certificate(identity, scheme, transcript, &mut self.rng)?;
        self.proof = proof;
        Ok(Some(certificate))
    }
}

impl<G: CryptoRngCore> CryptoProvider for Provider<'_, '_, G> {
    type CipherSuite = Suite;
    type Signature = Proof;

    fn rng(&mut self) -> impl CryptoRngCore {
        &mut self.rng
    }

    fn verifier(&mut self) -> Result<&mut impl TlsVerifier<Suite>, TlsError> {
        Ok(&mut self.verifier)
    }

    /// Only reached after the server's Finished held.
    fn client_cert(&mut self) -> Option<EngineCertificate<impl AsRef<[u8]>>> {
        match self.show() {
            Ok(certificate) => Some(EngineCertificate::X509(Shown(certificate?))),
            Err(cause) => {
                // An empty Certificate goes out; the session does not come to be.
                self.verifier.shared.progress.refuse(cause);
                None
            }
        }
    }

    fn signer(&mut self) -> Result<(impl signature::SignerMut<Proof>, SignatureScheme), TlsError> {
        let verifier = &self.verifier;
        let identity = verifier
            .policy
            .identity
            .ok_or(TlsError::InvalidPrivateKey)?;
        let scheme = verifier
            .finished
            .as_ref()
            .and_then(|transcript| shown::scheme(identity, transcript.facts().schemes))
            .ok_or(TlsError::InvalidPrivateKey)?;
        let scheme = match scheme {
            0x0403 => SignatureScheme::EcdsaSecp256r1Sha256,
            0x0503 => SignatureScheme::EcdsaSecp384r1Sha384,
            0x0807 => SignatureScheme::Ed25519,
            // Its number went out with the certificate.
            _ => SignatureScheme::RsaPssRsaeSha256,
        };
        let signer = Prover {
            verifier,
            proof: self.proof.take(),
            scheme: scheme.as_u16(),
            rng: &mut self.rng,
        };
        Ok((signer, scheme))
    }
}

/// A provider that its owner keeps.
pub(crate) struct Lent<'l, P>(pub(crate) &'l mut P);

impl<P: CryptoProvider> CryptoProvider for Lent<'_, P> {
    type CipherSuite = P::CipherSuite;
    type Signature = P::Signature;

    fn rng(&mut self) -> impl CryptoRngCore {
        self.0.rng()
    }

    fn verifier(&mut self) -> Result<&mut impl TlsVerifier<Self::CipherSuite>, TlsError> {
        self.0.verifier()
    }

    fn client_cert(&mut self) -> Option<EngineCertificate<impl AsRef<[u8]>>> {
        self.0.client_cert()
    }

    fn signer(
        &mut self,
    ) -> Result<(impl signature::SignerMut<Self::Signature>, SignatureScheme), TlsError> {
        self.0.signer()
    }
}

/// Our messages, borrowed where the identity keeps them.
struct Shown<'p>(Ref<'p, [u8]>);

impl AsRef<[u8]> for Shown<'_> {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

struct Prover<'v, 'p, 'c, G> {
    verifier: &'v Verifier<'p, 'c>,
    proof: Option<Proof>,
    scheme: u16,
    rng: &'v mut G,
}

impl<G: CryptoRngCore> signature::SignerMut<Proof> for Prover<'_, '_, '_, G> {
    /// Never fails: the engine would panic.
    fn try_sign(&mut self, message: &[u8]) -> Result<Proof, signature::Error> {
        let proof = match self.proof.take() {
            Some(proof) => Some(proof),
            None => self.verifier.policy.identity.and_then(|identity| {
                let signature = identity
                    .sign(Version::Tls13, self.scheme, message, self.rng)
                    .ok()?;
                Proof::whole(&signature)
            }),
        };
        Ok(proof.unwrap_or_else(|| {
            self.verifier
                .shared
                .progress
                .refuse(SetupError::KeyUnreadable);
            Proof::none()
        }))
    }
}
