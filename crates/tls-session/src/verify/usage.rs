//! What a peer uses its certificate for.

use webpki::{Error, ExtendedKeyUsageValidator, KeyPurposeId, KeyPurposeIdIter, KeyUsage};
use x509_facts::{Certificate, ExtendedKeyUsage, KeyKind};

use crate::reason::CertificateError;

/// The side that shows the certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Usage {
    Server,
    Client,
}

impl Usage {
    /// RFC 5280 §4.2.1.12; anyExtendedKeyUsage limits nothing.
    pub(super) fn is_excluded_by(self, usage: ExtendedKeyUsage<'_>) -> bool {
        !self.is_named_by(usage) && !usage.any()
    }

    /// Whether a path may have a certificate with this extendedKeyUsage.
    ///
    /// Of a server serverAuth must be named; anyExtendedKeyUsage instead of it is for no server that a CA issues today. Of a
    /// client it is enough, as to Mbed TLS: a company's CA of devices may know no other purpose.
    pub(super) fn is_allowed_by(self, usage: ExtendedKeyUsage<'_>) -> bool {
        self.is_named_by(usage) || (self == Self::Client && usage.any())
    }

    /// Whether extendedKeyUsage names this use.
    fn is_named_by(self, usage: ExtendedKeyUsage<'_>) -> bool {
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

/// 1.3.6.1.5.5.7.3.2 and 2.5.29.37.0.
const OF_CLIENTS: [&[u8]; 2] = [&[0x2b, 6, 1, 5, 5, 7, 3, 2], &[0x55, 0x1d, 37, 0]];

/// What webpki asks of every certificate of the path; without extendedKeyUsage there is no limit.
impl ExtendedKeyUsageValidator for Usage {
    fn validate(&self, purposes: KeyPurposeIdIter<'_, '_>) -> Result<(), Error> {
        if *self == Self::Server {
            return KeyUsage::server_auth().validate(purposes);
        }
        let mut limited = false;
        for purpose in purposes {
            let purpose = purpose?;
            if OF_CLIENTS
                .iter()
                .any(|oid| KeyPurposeId::new(oid) == purpose)
            {
                return Ok(());
            }
            limited = true;
        }
        match limited {
            false => Ok(()),
            // That of a purpose that is missing cannot be made here; the reason is the same for both.
            true => Err(Error::EmptyEkuExtension),
        }
    }
}
