//! Whose fault it was: webpki's errors as reasons that name a certificate.

use crate::reason::{CertificateError, Reason, Stage};
use webpki::Error;
use x509_facts::{Certificate, Timestamp};

use super::rules;
use super::usage::Usage;
use crate::alg;
use crate::policy::Anchors;

/// Most certificates between the server's and the anchor that are followed: webpki's limit.
const MAX_INTERMEDIATES: u8 = 6;

/// The chain of one peer, as far as it can be followed by names alone: for blaming, not for trust.
pub(super) struct Walk<'c, 'a> {
    pub(super) leaf: &'c Certificate<'a>,
    pub(super) rest: &'c [&'a [u8]],
    pub(super) usage: Usage,
}

impl<'c, 'a> Walk<'c, 'a> {
    /// Calls `visit` with each certificate and its depth, from the leaf upwards, until it answers.
    fn find<T>(&self, mut visit: impl FnMut(&Certificate<'a>, u8) -> Option<T>) -> Option<T> {
        let mut current = *self.leaf;
        let mut left = self.rest.len();
        let mut depth = 0_u8;
        loop {
            if let Some(answer) = visit(&current, depth) {
                return Some(answer);
            }
            // Each step uses up one certificate, so a loop of names ends.
            left = left.checked_sub(1)?;
            current = self.issuer_of(&current)?;
            depth = depth.saturating_add(1);
        }
    }

    fn issuer_of(&self, child: &Certificate<'a>) -> Option<Certificate<'a>> {
        self.rest
            .iter()
            .filter_map(|der| Certificate::parse(der).ok())
            .find(|candidate| {
                candidate.subject() == child.issuer() && candidate.der() != child.der()
            })
    }

    /// A certificate that was sent has the issuer's name in another encoding.
    fn names_an_issuer_otherwise(&self, child: &Certificate<'_>) -> bool {
        self.rest
            .iter()
            .filter_map(|der| Certificate::parse(der).ok())
            .any(|candidate| {
                candidate.subject().is_same_as(&child.issuer())
                    && candidate.subject() != child.issuer()
            })
    }

    /// The last certificate that can be reached, and its depth.
    fn end(&self) -> (Certificate<'a>, u8) {
        let mut last = (*self.leaf, 0);
        self.find(|certificate, depth| {
            last = (*certificate, depth);
            None::<()>
        });
        last
    }
}

/// Turns webpki's error into a reason: which certificate, and what about it.
pub(super) fn reason_for(
    error: &Error,
    walk: &Walk<'_, '_>,
    anchors: Anchors<'_>,
    now: Timestamp,
) -> Reason {
    let about = |cause: CertificateError, certificate: &Certificate<'_>, depth| {
        Reason::new(Stage::Certificate, cause).about(depth, certificate.subject())
    };
    let leaf = |cause| about(cause, walk.leaf, 0);
    // The first certificate upwards of which `at_fault` is true, or the leaf.
    let first = |cause, at_fault: &dyn Fn(&Certificate<'_>, u8) -> bool| {
        walk.find(|certificate, depth| {
            at_fault(certificate, depth).then(|| about(cause, certificate, depth))
        })
        .unwrap_or_else(|| leaf(cause))
    };
    match error {
        Error::CertExpired { .. } | Error::CertNotValidYet { .. } | Error::InvalidCertValidity => {
            walk.find(|certificate, depth| rules::dates(certificate, depth, now).err())
                .unwrap_or_else(|| leaf(CertificateError::Malformed))
        }
        Error::UnknownIssuer => no_issuer(walk),
        // A self-signed server that is not the pinned one is simply not trusted.
        Error::CaUsedAsEndEntity if walk.leaf.is_self_issued() => self_signed(walk),
        Error::CaUsedAsEndEntity => leaf(CertificateError::LeafIsCa),
        Error::EndEntityUsedAsCa => first(CertificateError::NotCa, &|c, depth| {
            depth > 0 && c.is_ca() != Some(true)
        }),
        Error::PathLenConstraintViolated => first(CertificateError::PathLen, &|c, depth| {
            c.basic_constraints()
                .and_then(|constraints| constraints.path_len)
                .is_some_and(|limit| u32::from(depth) > limit.saturating_add(1))
        }),
        Error::UnsupportedCriticalExtension => critical_extension(walk),
        Error::NameConstraintViolation
        | Error::InvalidNetworkMaskConstraint
        | Error::MalformedNameConstraint => leaf(CertificateError::NameConstraint),
        Error::RequiredEkuNotFoundContext(_) | Error::EmptyEkuExtension => {
            first(CertificateError::ExtendedKeyUsage, &|c, _| {
                c.extended_key_usage()
                    .is_some_and(|purposes| !walk.usage.is_allowed_by(purposes))
            })
        }
        Error::MaximumPathDepthExceeded => {
            let (_, depth) = walk.end();
            leaf(CertificateError::PathDepth {
                intermediates: depth,
                limit: MAX_INTERMEDIATES,
            })
        }
        Error::UnsupportedCertVersion => {
            first(CertificateError::OldVersion, &|c, _| c.version() < 3)
        }
        Error::MaximumPathBuildCallsExceeded
        | Error::MaximumSignatureChecksExceeded
        | Error::MaximumNameConstraintComparisonsExceeded => leaf(CertificateError::TooMuchWork),
        Error::InvalidSignatureForPublicKey
        | Error::SignatureAlgorithmMismatch
        | Error::UnsupportedSignatureAlgorithmContext(_)
        | Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => {
            signature_reason(walk, anchors)
        }
        other => leaf(CertificateError::Malformed).finding(name(other)),
    }
}

/// What webpki calls an error that is one of form: images are built without `Debug`.
const fn name(error: &Error) -> &'static str {
    match error {
        Error::BadDer => "BadDer",
        Error::BadDerTime => "BadDerTime",
        Error::ExtensionValueInvalid => "ExtensionValueInvalid",
        Error::InvalidSerialNumber => "InvalidSerialNumber",
        Error::MalformedDnsIdentifier => "MalformedDnsIdentifier",
        Error::MalformedExtensions => "MalformedExtensions",
        Error::TrailingData(_) => "TrailingData",
        Error::UnsupportedNameType => "UnsupportedNameType",
        _ => "webpki",
    }
}

/// Nobody who was sent or loaded has the name of the last issuer, or in another encoding only.
fn no_issuer(walk: &Walk<'_, '_>) -> Reason {
    let (last, depth) = walk.end();
    if depth == 0 && last.is_self_issued() {
        return self_signed(walk);
    }
    let cause = if walk.names_an_issuer_otherwise(&last) {
        CertificateError::IssuerEncoding
    } else {
        CertificateError::NotTrusted
    };
    Reason::new(Stage::Certificate, cause)
        .about(depth, last.subject())
        .wanting(last.issuer())
}

/// Nobody else issued the server's certificate, so there is no CA to be found.
fn self_signed(walk: &Walk<'_, '_>) -> Reason {
    Reason::new(Stage::Certificate, CertificateError::NotTrusted)
        .about(0, walk.leaf.subject())
        .wanting(walk.leaf.issuer())
        .finding("it is self-signed, so load this certificate itself")
}

/// The first certificate upwards with a critical extension that is not known.
fn critical_extension(walk: &Walk<'_, '_>) -> Reason {
    let reason = |certificate: &Certificate<'_>, depth| {
        Reason::new(Stage::Certificate, CertificateError::CriticalExtension)
            .about(depth, certificate.subject())
    };
    walk.find(|certificate, depth| {
        let extension = rules::unknown_critical(certificate)?;
        Some(reason(certificate, depth).finding(extension))
    })
    .unwrap_or_else(|| reason(walk.leaf, 0))
}

/// A signature did not verify, or its algorithm is not here: which one, and whether a weak key is the cause.
fn signature_reason(walk: &Walk<'_, '_>, anchors: Anchors<'_>) -> Reason {
    let reason = |cause, certificate: &Certificate<'_>, depth| {
        Reason::new(Stage::Certificate, cause).about(depth, certificate.subject())
    };
    let unsupported = walk.find(|certificate, depth| {
        let id = certificate.signature_identifier();
        if !alg::signs(&id) {
            return Some(
                reason(CertificateError::SignatureAlgorithm, certificate, depth).finding(id),
            );
        }
        issuer_key(certificate, depth).filter(|_| depth > 0)
    });
    if let Some(unsupported) = unsupported {
        return unsupported;
    }
    let (last, depth) = walk.end();
    for anchor in anchors
        .certificates()
        .iter()
        .filter_map(|der| Certificate::parse(der).ok())
    {
        if anchor.subject().is_same_as(&last.issuer())
            && let Some(reason) = issuer_key(&anchor, depth.saturating_add(1))
        {
            return reason;
        }
    }
    reason(CertificateError::CertificateSignature, &last, depth).wanting(last.issuer())
}

/// What is wrong with the key of an issuer, if it is not one that can verify a signature here.
pub(super) fn issuer_key(certificate: &Certificate<'_>, depth: u8) -> Option<Reason> {
    if let Err(reason) = rules::key(certificate, depth) {
        return Some(reason);
    }
    let id = certificate.key_algorithm();
    (!alg::has_key(&id)).then(|| {
        Reason::new(Stage::Certificate, CertificateError::KeyAlgorithm)
            .about(depth, certificate.subject())
            .finding(id)
    })
}
