//! Whose fault it was: webpki's errors as reasons that name a certificate.

use crate::reason::{Cause, CertificateError as Fault, Reason, Stage};
use webpki::Error;
use x509_facts::{Certificate, Hash, SignatureAlgorithm, Timestamp};

use super::rules;
use crate::alg;
use crate::policy::Anchors;

/// The chain of one server, as far as it can be followed by names alone: for blaming, not for trust.
pub(super) struct Walk<'c, 'a> {
    pub(super) leaf: &'c Certificate<'a>,
    pub(super) rest: &'c [&'a [u8]],
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
pub(super) fn blame(
    error: &Error,
    walk: &Walk<'_, '_>,
    anchors: Anchors<'_>,
    now: Timestamp,
) -> Reason {
    let about = |cause: Fault, certificate: &Certificate<'_>, depth| {
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
                .unwrap_or_else(|| leaf(Fault::Malformed))
        }
        Error::UnknownIssuer => {
            let (last, depth) = walk.end();
            about(Fault::NotTrusted, &last, depth).wanting(last.issuer())
        }
        Error::CaUsedAsEndEntity => {
            // A self-signed server that is not the pinned one is simply not trusted.
            if walk.leaf.is_self_issued() {
                leaf(Fault::NotTrusted).wanting(walk.leaf.issuer())
            } else {
                leaf(Fault::LeafIsCa)
            }
        }
        Error::EndEntityUsedAsCa => first(Fault::NotCa, &|c, depth| {
            depth > 0 && c.is_ca() != Some(true)
        }),
        Error::PathLenConstraintViolated => first(Fault::PathLen, &|c, depth| {
            c.basic_constraints()
                .and_then(|constraints| constraints.path_len)
                .is_some_and(|limit| u32::from(depth) > limit.saturating_add(1))
        }),
        Error::UnsupportedCriticalExtension => {
            first(Fault::CriticalExtension, &|c, _| rules::unknown_critical(c))
        }
        Error::NameConstraintViolation
        | Error::InvalidNetworkMaskConstraint
        | Error::MalformedNameConstraint => leaf(Fault::NameConstraint),
        Error::RequiredEkuNotFoundContext(_) | Error::EmptyEkuExtension => {
            first(Fault::ExtendedKeyUsage, &|c, _| {
                c.extended_key_usage()
                    .is_some_and(|usage| !usage.server_auth())
            })
        }
        Error::UnsupportedCertVersion => first(Fault::OldVersion, &|c, _| c.version() < 3),
        Error::MaximumPathBuildCallsExceeded
        | Error::MaximumPathDepthExceeded
        | Error::MaximumSignatureChecksExceeded
        | Error::MaximumNameConstraintComparisonsExceeded => leaf(Fault::TooMuchWork),
        Error::InvalidSignatureForPublicKey
        | Error::SignatureAlgorithmMismatch
        | Error::UnsupportedSignatureAlgorithmContext(_)
        | Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => {
            blame_signature(walk, anchors)
        }
        _ => leaf(Fault::Malformed),
    }
}

/// A signature did not verify, or its algorithm is not here: which, and is a weak key to blame?
fn blame_signature(walk: &Walk<'_, '_>, anchors: Anchors<'_>) -> Reason {
    use SignatureAlgorithm as Sig;
    let reason = |cause: Cause, certificate: &Certificate<'_>, depth| {
        Reason::new(Stage::Certificate, cause).about(depth, certificate.subject())
    };
    let weak = walk.find(|certificate, depth| {
        let taken = matches!(
            certificate.signature_algorithm(),
            Sig::RsaPkcs1(Hash::Sha256 | Hash::Sha384 | Hash::Sha512)
                | Sig::Ecdsa(Hash::Sha256 | Hash::Sha384 | Hash::Sha512)
                | Sig::RsaPss
                | Sig::Ed25519
        );
        if !taken {
            return Some(reason(Fault::SignatureAlgorithm.into(), certificate, depth));
        }
        if depth > 0
            && let Err(cause) = alg::check_key(certificate.key_kind())
        {
            return Some(reason(cause, certificate, depth));
        }
        None
    });
    if let Some(weak) = weak {
        return weak;
    }
    let (last, depth) = walk.end();
    for anchor in anchors
        .certificates()
        .iter()
        .filter_map(|der| Certificate::parse(der).ok())
    {
        if anchor.subject() == last.issuer()
            && let Err(cause) = alg::check_key(anchor.key_kind())
        {
            return reason(cause, &anchor, depth.saturating_add(1));
        }
    }
    reason(Fault::CertificateSignature.into(), &last, depth).wanting(last.issuer())
}
