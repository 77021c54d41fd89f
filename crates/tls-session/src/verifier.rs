//! What the engine is handed: the policy as its verifier, the caller's randomness, no key of ours.

use embedded_tls::{
    CertificateEntryRef, CertificateRef, CertificateVerifyRef, CryptoProvider, CryptoRngCore,
    TlsError, TlsVerifier,
};
use heapless::Vec;
use sha2::{Digest, Sha256};
use x509_facts::{Certificate, KeyKind};

use crate::alg;
use crate::cause::{Breach, Cause, Limit};
use crate::policy::Policy;
use crate::reason::{Reason, Stage};
use crate::shared::Shared;
use crate::suite::{Report, Suite};
use crate::verify::{MAX_CHAIN, verify_server};

/// RSAPublicKey of 4096 bits with a 32-bit exponent takes 526 bytes.
const MAX_KEY: usize = 544;

const CERTIFICATE: u8 = 11;
const CERTIFICATE_VERIFY: u8 = 15;

/// The key of the server's certificate, and the transcript its proof must cover.
struct Leaf {
    kind: KeyKind,
    key: Vec<u8, MAX_KEY>,
    transcript: [u8; 32],
}

pub(crate) struct Verifier<'p> {
    policy: &'p Policy<'p>,
    shared: &'p Shared,
    leaf: Option<Leaf>,
}

impl<'p> Verifier<'p> {
    pub(crate) const fn new(policy: &'p Policy<'p>, shared: &'p Shared) -> Self {
        Self {
            policy,
            shared,
            leaf: None,
        }
    }

    fn refuse(&self, cause: Cause) -> TlsError {
        self.shared.refuse(cause);
        TlsError::InvalidCertificate
    }

    fn certificate(
        &mut self,
        transcript: &Sha256,
        entries: &[CertificateEntryRef<'_>],
    ) -> Result<(), Reason> {
        let refuse = |cause| Reason::new(Stage::Certificate, cause);
        let mut chain: Vec<&[u8], MAX_CHAIN> = Vec::new();
        for entry in entries {
            let CertificateEntryRef::X509(der) = entry else {
                return Err(refuse(Cause::Malformed));
            };
            if let Some(report) = Report::read(der) {
                return Err(Reason::new(self.shared.stage.get(), report.cause()));
            }
            chain.push(der).map_err(|_| refuse(Cause::Malformed))?;
        }
        if self.leaf.is_some() {
            return Err(refuse(Cause::Protocol(Breach::MessageTwice(CERTIFICATE))));
        }
        let accepted = verify_server(self.policy, &chain)?;
        let leaf = chain
            .first()
            .and_then(|der| Certificate::parse(der).ok())
            .ok_or(refuse(Cause::Malformed))?;
        let key = leaf.public_key();
        self.leaf = Some(Leaf {
            kind: leaf.key_kind(),
            key: Vec::from_slice(key).map_err(|_| {
                refuse(Cause::TooLarge {
                    what: Limit::PublicKey,
                    needed: u32::try_from(key.len()).unwrap_or(u32::MAX),
                    limit: u32::try_from(MAX_KEY).unwrap_or(u32::MAX),
                })
            })?,
            // The engine has added this message to the transcript already.
            transcript: transcript.clone().finalize().into(),
        });
        self.shared.chain.set(Some(accepted));
        self.shared.stage.set(Stage::Signature);
        Ok(())
    }

    fn signature(&self, verify: &CertificateVerifyRef<'_>) -> Result<(), Cause> {
        let Some(leaf) = &self.leaf else {
            return Err(Cause::Protocol(Breach::Message(CERTIFICATE_VERIFY)));
        };
        if self.shared.signature.get() {
            return Err(Cause::Protocol(Breach::MessageTwice(CERTIFICATE_VERIFY)));
        }
        let algorithm = alg::of_handshake(leaf.kind, verify.signature_scheme.as_u16())?;
        // RFC 8446 §4.4.3
        let message: [&[u8]; 3] = [
            &[0x20; 64],
            b"TLS 1.3, server CertificateVerify\0",
            &leaf.transcript,
        ];
        algorithm
            .verify(&leaf.key, &message, verify.signature)
            .map_err(|_| Cause::BadSignature)?;
        self.shared.signature.set(true);
        self.shared.stage.set(Stage::Finished);
        Ok(())
    }
}

impl TlsVerifier<Suite> for Verifier<'_> {
    /// The name to check is the policy's; what goes into SNI does not decide it.
    fn set_hostname_verification(&mut self, _: &str) -> Result<(), TlsError> {
        Ok(())
    }

    fn verify_certificate(
        &mut self,
        transcript: &Sha256,
        certificate: CertificateRef<'_>,
    ) -> Result<(), TlsError> {
        self.certificate(transcript, &certificate.entries)
            .map_err(|reason| {
                self.shared.refuse_with(reason);
                TlsError::InvalidCertificate
            })
    }

    fn verify_signature(&mut self, verify: CertificateVerifyRef<'_>) -> Result<(), TlsError> {
        self.signature(&verify).map_err(|cause| self.refuse(cause))
    }
}

/// Hands the engine the verifier, always: it takes an error here for "do not verify".
pub(crate) struct Provider<'p, G> {
    pub(crate) verifier: Verifier<'p>,
    pub(crate) rng: G,
}

impl<G: CryptoRngCore> CryptoProvider for Provider<'_, G> {
    type CipherSuite = Suite;
    type Signature = [u8; 0];

    fn rng(&mut self) -> impl CryptoRngCore {
        &mut self.rng
    }

    fn verifier(&mut self) -> Result<&mut impl TlsVerifier<Suite>, TlsError> {
        Ok(&mut self.verifier)
    }
}
