//! What RFC 5280 asks of one certificate in its place, where webpki does not ask it.
//!
//! Not asked here, because it protects nobody who holds the CA's own certificate: key identifiers,
//! serial numbers, the criticality of what is processed anyway (`docs/path-validation.md` has the list).

use crate::reason::{Cause, CertificateError, Reason, Stage};
use x509_facts::{Certificate, ExtendedKeyUsage, KeyKind, NameConstraints, Timestamp};

use crate::alg;

/// Extensions (2.5.29.n) that may be critical because they are processed, here or by webpki: keyUsage,
/// subjectAltName, basicConstraints, nameConstraints, cRLDistributionPoints, extKeyUsage.
///
/// CRLs are not fetched; their place may be critical nevertheless, as everywhere.
const PROCESSED: [u8; 6] = [15, 17, 19, 30, 31, 37];

/// policyConstraints and inhibitAnyPolicy, which have to be critical (RFC 5280 §4.2.1.11, §4.2.1.14).
const ALWAYS_CRITICAL: [u8; 2] = [36, 54];

/// `n` of an extension 2.5.29.n.
const fn standard(oid: &[u8]) -> Option<u8> {
    match oid {
        [0x55, 0x1d, number] => Some(*number),
        _ => None,
    }
}

/// RFC 5280 §4.2: who does not process a critical extension must refuse the certificate.
pub(super) fn unknown_critical(certificate: &Certificate<'_>) -> bool {
    certificate.extensions().any(|extension| {
        extension.critical
            && !standard(extension.oid).is_some_and(|number| PROCESSED.contains(&number))
    })
}

/// Policies are not processed, so a certificate that limits them is refused, marked critical or not.
fn limits_policies(certificate: &Certificate<'_>) -> bool {
    certificate.extensions().any(|extension| {
        standard(extension.oid).is_some_and(|number| ALWAYS_CRITICAL.contains(&number))
    })
}

/// RFC 5280 §4.2.1.12; anyExtendedKeyUsage limits nothing.
fn purpose_excludes_servers(usage: ExtendedKeyUsage<'_>) -> bool {
    !usage.server_auth() && !usage.any()
}

/// The server's certificate at the end of a path that webpki took.
pub(super) fn server(leaf: &Certificate<'_>) -> Result<(), Reason> {
    let refuse = |cause| Err(Reason::new(Stage::Certificate, cause).about(0, leaf.subject()));
    if let Some(usage) = leaf.key_usage() {
        // RFC 5280 §4.2.1.3. The handshakes here use digitalSignature alone, but RSA certificates from the days of
        // RSA key exchange say keyEncipherment, and openssl takes either. A key of a curve signs or agrees.
        let rsa = matches!(leaf.key_kind(), KeyKind::Rsa { .. });
        let allowed = usage.digital_signature() || (rsa && usage.key_encipherment());
        if !allowed {
            return refuse(Cause::Certificate(CertificateError::ServerKeyUsage));
        }
        // RFC 5280 §4.2.1.9: only with cA, which webpki has refused.
        if usage.key_cert_sign() {
            return refuse(Cause::Certificate(CertificateError::ExtensionMisuse));
        }
    }
    // RFC 5280 §4.2.1.10: only in a CA certificate.
    if leaf.name_constraints().is_some() {
        return refuse(Cause::Certificate(CertificateError::ExtensionMisuse));
    }
    Ok(())
}

/// The server's certificate where it is the anchor itself. What it may issue does not matter.
pub(super) fn pinned(leaf: &Certificate<'_>, now: Timestamp) -> Result<(), Reason> {
    let refuse = |cause| Err(Reason::new(Stage::Certificate, cause).about(0, leaf.subject()));
    dates(leaf, 0, now)?;
    if unknown_critical(leaf) {
        return refuse(Cause::Certificate(CertificateError::CriticalExtension));
    }
    if leaf
        .extended_key_usage()
        .is_some_and(purpose_excludes_servers)
    {
        return refuse(Cause::Certificate(CertificateError::ExtendedKeyUsage));
    }
    Ok(())
}

/// An intermediate. webpki has checked its dates, CA flag, purpose and critical extensions.
pub(super) fn intermediate(
    certificate: &Certificate<'_>,
    depth: u8,
    below: u32,
) -> Result<(), Reason> {
    if limits_policies(certificate) {
        return Err(Reason::new(
            Stage::Certificate,
            Cause::Certificate(CertificateError::CriticalExtension),
        )
        .about(depth, certificate.subject()));
    }
    issuer(certificate, depth, below)
}

/// The anchor, of which webpki takes name, key and name constraints and checks nothing. Its
/// certificate says what the user trusted it for (RFC 5280 §6.2), so it is held to that.
pub(super) fn anchor(
    certificate: &Certificate<'_>,
    depth: u8,
    below: u32,
    now: Timestamp,
) -> Result<(), Reason> {
    let refuse =
        |cause| Err(Reason::new(Stage::Certificate, cause).about(depth, certificate.subject()));
    dates(certificate, depth, now)?;
    if unknown_critical(certificate) {
        return refuse(Cause::Certificate(CertificateError::CriticalExtension));
    }
    // Without basicConstraints it may be one of X.509 v1, which had no way to say it.
    if certificate.is_ca() == Some(false) {
        return refuse(Cause::Certificate(CertificateError::NotCa));
    }
    if certificate
        .extended_key_usage()
        .is_some_and(purpose_excludes_servers)
    {
        return refuse(Cause::Certificate(CertificateError::ExtendedKeyUsage));
    }
    issuer(certificate, depth, below)
}

/// A certificate that signed another; `below` intermediates count against its pathLen.
fn issuer(certificate: &Certificate<'_>, depth: u8, below: u32) -> Result<(), Reason> {
    let blame = |cause| Reason::new(Stage::Certificate, cause).about(depth, certificate.subject());
    // RFC 5280 §4.1.2.4, §4.1.2.6: without a name, any nameless CA would look like its issuer.
    if certificate.subject().is_empty() {
        return Err(blame(Cause::Certificate(CertificateError::NamelessIssuer)));
    }
    // RFC 5280 §4.2.1.3, §6.1.4 (n).
    if certificate
        .key_usage()
        .is_some_and(|usage| !usage.key_cert_sign())
    {
        return Err(blame(Cause::Certificate(CertificateError::KeyUsage)));
    }
    // RFC 5280 §4.2.1.9, §6.1.4 (l), (m).
    if certificate
        .basic_constraints()
        .and_then(|constraints| constraints.path_len)
        .is_some_and(|limit| below > limit)
    {
        return Err(blame(Cause::Certificate(CertificateError::PathLen)));
    }
    // RFC 5280 §4.2.1.10: one that constrains nothing is not what its CA meant.
    if let Some(NameConstraints {
        permitted: 0,
        excluded: 0,
    }) = certificate.name_constraints()
    {
        return Err(blame(Cause::Certificate(CertificateError::ExtensionMisuse)));
    }
    alg::check_key(certificate.key_kind()).map_err(blame)
}

/// RFC 5280 §4.1.2.5: both dates included.
pub(super) fn dates(
    certificate: &Certificate<'_>,
    depth: u8,
    now: Timestamp,
) -> Result<(), Reason> {
    let validity = certificate.validity();
    let cause = if now < validity.not_before {
        Cause::Certificate(CertificateError::NotYetValid {
            not_before: validity.not_before,
        })
    } else if now > validity.not_after {
        Cause::Certificate(CertificateError::Expired {
            not_after: validity.not_after,
        })
    } else {
        return Ok(());
    };
    let missed = match cause {
        Cause::Certificate(CertificateError::NotYetValid { not_before }) => not_before,
        _ => validity.not_after,
    };
    Err(Reason::new(Stage::Certificate, cause)
        .about(depth, certificate.subject())
        .wanting(missed))
}
