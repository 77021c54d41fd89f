//! Whose rules apply.

use x509_facts::{Certificate, KeyKind, SignatureAlgorithm};

/// Whose rules a content is judged by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum Device {
    /// The original firmware and its Mbed TLS.
    #[default]
    EspAt,
    /// The modem of this repository.
    Espat,
}

impl Device {
    /// Whether it can read this certificate at all. What it makes of it is another question.
    pub(super) fn reads(self, certificate: &Certificate<'_>) -> bool {
        self.reads_key(certificate.key_kind())
            && (self == Self::Espat
                || !matches!(
                    certificate.signature_algorithm(),
                    SignatureAlgorithm::Ed25519 | SignatureAlgorithm::Ed448
                ))
    }

    pub(super) fn reads_key(self, kind: KeyKind) -> bool {
        self == Self::Espat || !matches!(kind, KeyKind::Ed25519 | KeyKind::Ed448)
    }
}
