//! What an object is.

use super::key::KeyForm;

/// What one object of an item is, by its PEM label or its DER structure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum ObjectKind {
    /// An X.509 certificate.
    Certificate,
    /// A private key in the clear.
    PrivateKey(KeyForm),
    /// A private key under a password (PKCS#8, or the older PEM header form).
    EncryptedPrivateKey,
    /// A certificate signing request.
    CertificateRequest,
    /// A public key alone.
    PublicKey,
    /// The curve that OpenSSL writes in front of a SEC1 key. Says nothing the key does not say.
    EcParameters,
    /// Anything else.
    Other,
}
