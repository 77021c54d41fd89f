//! What RFC 5280 asks of one certificate in its place, where webpki does not ask it.
//!
//! Not asked here, because it protects nobody who holds the CA's own certificate: key identifiers,
//! serial numbers, the criticality of what is processed anyway (`docs/path-validation.md` has the list).

use crate::reason::{Cause, CertificateError, Reason, Stage};
use core::fmt;
use x509_facts::{Certificate, DottedOid, NameConstraints, Timestamp, extension_label};

use super::usage::Usage;
use crate::alg;

/// Extensions (2.5.29.n) that may be critical because they are processed, here or by webpki: keyUsage,
/// subjectAltName, basicConstraints, nameConstraints, cRLDistributionPoints, extKeyUsage.
///
/// CRLs are not fetched; their place may be critical nevertheless, as everywhere.
const PROCESSED: [u8; 6] = [15, 17, 19, 30, 31, 37];

/// policyConstraints and inhibitAnyPolicy, which have to be critical (RFC 5280 §4.2.1.11, §4.2.1.14).
const ALWAYS_CRITICAL: [u8; 2] = [36, 54];

/// A certificate that cannot be read, and where.
pub(super) fn malformed(depth: u8, error: x509_facts::CertificateError) -> Reason {
    Reason {
        depth,
        ..Reason::new(Stage::Certificate, CertificateError::Malformed).finding(error)
    }
}

/// `n` of an extension 2.5.29.n.
const fn standard(oid: &[u8]) -> Option<u8> {
    match oid {
        [0x55, 0x1d, number] => Some(*number),
        _ => None,
    }
}

/// RFC 5280 §4.2: who does not process a critical extension must refuse the certificate.
pub(super) fn unknown_critical<'a>(certificate: &Certificate<'a>) -> Option<ExtensionName<'a>> {
    certificate
        .extensions()
        .find(|extension| {
            extension.critical
                && !standard(extension.oid).is_some_and(|number| PROCESSED.contains(&number))
        })
        .map(|extension| ExtensionName(extension.oid))
}

/// Policies are not processed, so a certificate that limits them is refused, marked critical or not.
fn limits_policies<'a>(certificate: &Certificate<'a>) -> Option<ExtensionName<'a>> {
    certificate
        .extensions()
        .find(|extension| {
            standard(extension.oid).is_some_and(|number| ALWAYS_CRITICAL.contains(&number))
        })
        .map(|extension| ExtensionName(extension.oid))
}

/// Displays an extension as `1.3.6.1.4.1.55555.1.1`, or `certificatePolicies (2.5.29.32)`.
pub(super) struct ExtensionName<'a>(&'a [u8]);

impl fmt::Display for ExtensionName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match extension_label(self.0) {
            Some(label) => write!(f, "{label} ({})", DottedOid(self.0)),
            None => DottedOid(self.0).fmt(f),
        }
    }
}

/// Whether a key may stand in a chain or in the server's certificate.
pub(super) fn key(certificate: &Certificate<'_>, depth: u8) -> Result<(), Reason> {
    alg::check_key(certificate.key_kind()).map_err(|cause| {
        let reason = Reason::new(Stage::Certificate, cause).about(depth, certificate.subject());
        match cause {
            Cause::Certificate(CertificateError::KeyAlgorithm) => {
                reason.finding(certificate.key_algorithm())
            }
            _ => reason,
        }
    })
}

/// An extension that its certificate may not have, and which.
fn misuse(certificate: &Certificate<'_>, depth: u8, found: &str) -> Reason {
    Reason::new(Stage::Certificate, CertificateError::ExtensionMisuse)
        .about(depth, certificate.subject())
        .finding(found)
}

/// The peer's certificate at the end of a path that webpki took.
pub(super) fn leaf(leaf: &Certificate<'_>, usage: Usage) -> Result<(), Reason> {
    usage
        .check_key_usage(leaf)
        .map_err(|cause| Reason::new(Stage::Certificate, cause).about(0, leaf.subject()))?;
    // RFC 5280 §4.2.1.9: only with cA, which webpki has refused.
    if leaf.key_usage().is_some_and(|usage| usage.key_cert_sign()) {
        let found = "keyUsage has keyCertSign, basicConstraints has no CA:TRUE";
        return Err(misuse(leaf, 0, found));
    }
    // RFC 5280 §4.2.1.10: only in a CA certificate.
    if leaf.name_constraints().is_some() {
        return Err(misuse(
            leaf,
            0,
            "nameConstraints in a certificate that is no CA",
        ));
    }
    Ok(())
}

fn critical(certificate: &Certificate<'_>, depth: u8, extension: &ExtensionName<'_>) -> Reason {
    Reason::new(Stage::Certificate, CertificateError::CriticalExtension)
        .about(depth, certificate.subject())
        .finding(extension)
}

fn known_critical(certificate: &Certificate<'_>, depth: u8) -> Result<(), Reason> {
    match unknown_critical(certificate) {
        Some(extension) => Err(critical(certificate, depth, &extension)),
        None => Ok(()),
    }
}

/// The peer's certificate where it is the anchor itself. What it may issue does not matter.
pub(super) fn pinned(leaf: &Certificate<'_>, now: Timestamp, usage: Usage) -> Result<(), Reason> {
    let refuse = |cause| Err(Reason::new(Stage::Certificate, cause).about(0, leaf.subject()));
    dates(leaf, 0, now)?;
    known_critical(leaf, 0)?;
    if leaf
        .extended_key_usage()
        .is_some_and(|purposes| usage.is_excluded_by(purposes))
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
    if let Some(extension) = limits_policies(certificate) {
        return Err(critical(certificate, depth, &extension));
    }
    issuer(certificate, depth, below)
}

/// The anchor, of which webpki takes name, key and name constraints and checks nothing. Its
/// certificate says what the user trusted it for (RFC 5280 §6.2), so it is held to that.
pub(super) fn anchor(
    certificate: &Certificate<'_>,
    (depth, below): (u8, u32),
    now: Timestamp,
    usage: Usage,
) -> Result<(), Reason> {
    let refuse =
        |cause| Err(Reason::new(Stage::Certificate, cause).about(depth, certificate.subject()));
    dates(certificate, depth, now)?;
    known_critical(certificate, depth)?;
    // Without basicConstraints it may be one of X.509 v1, which had no way to say it.
    if certificate.is_ca() == Some(false) {
        return refuse(Cause::Certificate(CertificateError::NotCa));
    }
    if certificate
        .extended_key_usage()
        .is_some_and(|purposes| usage.is_excluded_by(purposes))
    {
        return refuse(Cause::Certificate(CertificateError::ExtendedKeyUsage));
    }
    issuer(certificate, depth, below)
}

/// A certificate that signed another; `below` intermediates count against its pathLen.
fn issuer(certificate: &Certificate<'_>, depth: u8, below: u32) -> Result<(), Reason> {
    let refusal =
        |cause| Reason::new(Stage::Certificate, cause).about(depth, certificate.subject());
    // RFC 5280 §4.1.2.4, §4.1.2.6: without a name, any nameless CA would look like its issuer.
    if certificate.subject().is_empty() {
        return Err(refusal(Cause::Certificate(
            CertificateError::NamelessIssuer,
        )));
    }
    // RFC 5280 §4.2.1.3, §6.1.4 (n).
    if certificate
        .key_usage()
        .is_some_and(|usage| !usage.key_cert_sign())
    {
        return Err(refusal(Cause::Certificate(CertificateError::KeyUsage)));
    }
    // RFC 5280 §4.2.1.9, §6.1.4 (l), (m).
    if certificate
        .basic_constraints()
        .and_then(|constraints| constraints.path_len)
        .is_some_and(|limit| below > limit)
    {
        return Err(refusal(Cause::Certificate(CertificateError::PathLen)));
    }
    // RFC 5280 §4.2.1.10: one that constrains nothing is not what its CA meant.
    if let Some(NameConstraints {
        permitted: 0,
        excluded: 0,
    }) = certificate.name_constraints()
    {
        let found = "nameConstraints without any name";
        return Err(misuse(certificate, depth, found));
    }
    key(certificate, depth)
}

/// RFC 5280 §4.1.2.5: both dates included.
pub(super) fn dates(
    certificate: &Certificate<'_>,
    depth: u8,
    now: Timestamp,
) -> Result<(), Reason> {
    let validity = certificate.validity();
    let (not_before, not_after) = (validity.not_before, validity.not_after);
    let (cause, missed) = if now < not_before {
        (
            CertificateError::NotYetValid { not_before, now },
            not_before,
        )
    } else if now > not_after {
        (CertificateError::Expired { not_after, now }, not_after)
    } else {
        return Ok(());
    };
    Err(Reason::new(Stage::Certificate, cause)
        .about(depth, certificate.subject())
        .wanting(missed))
}
