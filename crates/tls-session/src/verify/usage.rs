//! What a peer uses its certificate for.

use webpki::KeyUsage;
use x509_facts::{Certificate, ExtendedKeyUsage, KeyKind};

use crate::reason::CertificateError;

/// The side that shows the certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Usage {
    Server,
    Client,
}

impl Usage {
    /// What webpki asks of every certificate of the path.
    pub(super) fn wanted(self) -> KeyUsage {
        match self {
            Self::Server => KeyUsage::server_auth(),
            Self::Client => KeyUsage::client_auth(),
        }
    }

    /// RFC 5280 §4.2.1.12; anyExtendedKeyUsage limits nothing.
    pub(super) fn is_excluded_by(self, usage: ExtendedKeyUsage<'_>) -> bool {
        !self.is_named_by(usage) && !usage.any()
    }

    /// Whether extendedKeyUsage names this use.
    pub(super) fn is_named_by(self, usage: ExtendedKeyUsage<'_>) -> bool {
        match self {
            Self::Server => usage.server_auth(),
            Self::Client => usage.client_auth(),
        }
    }

    /// Whether keyUsage, where there is one, allows what the handshakes here do (RFC 5280 §4.2.1.3).
    pub(super) fn check_key_usage(self, leaf: &Certificate<'_>) -> Result<(), CertificateError> {
        let Some(usage) = leaf.key_usage() else {
            return Ok(());
        };
        if usage.digital_signature() {
            return Ok(());
        }
        match self {
            // RSA certificates from the days of RSA key exchange say keyEncipherment, and openssl takes either. A key of
            // a curve signs or agrees.
            Self::Server
                if matches!(leaf.key_kind(), KeyKind::Rsa { .. }) && usage.key_encipherment() =>
            {
                Ok(())
            }
            Self::Server => Err(CertificateError::ServerKeyUsage),
            Self::Client => Err(CertificateError::ClientKeyUsage),
        }
    }
}
