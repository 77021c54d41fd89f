//! Path validation: does this chain lead to one of the anchors, now, for this name?
//!
//! Path building and RFC 5280 §6 are webpki's; what it leaves to its user is here: dates, CA flag,
//! pathLen and keyUsage of the anchor, keyUsage of intermediates, pins, and the CN where a
//! certificate has no SAN. No engine, no clock and no I/O: a chain, a policy, a verdict.

use core::cell::RefCell;

use rustls_pki_types::{CertificateDer, TrustAnchor, UnixTime};
use webpki::{EndEntityCert, Error, KeyUsage, VerifiedPath};
use x509_facts::{Certificate, Name, Timestamp};

use crate::alg;
use crate::cause::{Breach, Cause, Limit};
use crate::policy::{Anchors, Clock, MAX_ANCHORS, NameRule, PeerAuth, PeerName, Policy};
use crate::reason::{Reason, Stage};

/// Most certificates of a server's message, its own included: the engine's limit.
pub const MAX_CHAIN: usize = 16;

/// How a chain was accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Accepted {
    /// By a path to the anchor of this position in the item.
    Path {
        /// Position of the anchor.
        anchor: usize,
        /// Certificates between the server's and the anchor.
        intermediates: usize,
    },
    /// The server's certificate is the anchor of this position, byte for byte.
    Pin {
        /// Position of the anchor.
        anchor: usize,
    },
    /// The server knows the pre-shared key; it showed no certificate.
    PreSharedKey,
    /// The policy asked for nothing.
    DangerUnchecked,
}

/// Judges the certificates a server sent, its own first, under a policy.
///
/// ```
/// # use tls_session::{Policy, verify_server};
/// // A policy that checks nothing still wants a readable certificate.
/// assert!(verify_server(&Policy::danger_any_peer(), &[b"junk"]).is_err());
/// ```
///
/// # Errors
///
/// The first thing that is wrong, with the certificate it is wrong with.
pub fn verify_server(policy: &Policy<'_>, chain: &[&[u8]]) -> Result<Accepted, Reason> {
    let refuse = |cause| Reason::new(Stage::Certificate, cause);
    let Some((&leaf_der, rest)) = chain.split_first() else {
        return Err(refuse(Cause::NoCertificate));
    };
    if chain.len() > MAX_CHAIN {
        return Err(refuse(Cause::TooLarge {
            what: Limit::ChainLength,
            needed: u32::try_from(chain.len()).unwrap_or(u32::MAX),
            limit: u32::try_from(MAX_CHAIN).unwrap_or(u32::MAX),
        }));
    }
    let leaf = Certificate::parse(leaf_der).map_err(|_| refuse(Cause::Malformed))?;
    let blame = |cause| refuse(cause).about(0, leaf.subject());
    // Its key must be able to sign the handshake, whoever it belongs to.
    alg::check_key(leaf.key_kind()).map_err(blame)?;

    let anchors = match policy.peer {
        PeerAuth::DangerAnyPeer => return Ok(Accepted::DangerUnchecked),
        // Whoever knows the key shows no certificate (RFC 8446 §4.4.2).
        PeerAuth::PreSharedKey(_) => return Err(refuse(Cause::Protocol(Breach::Message(11)))),
        PeerAuth::Chain(anchors) => anchors,
    };
    let now = match policy.clock {
        Clock::At(now) => now,
        Clock::Unset => {
            return Err(blame(Cause::ClockNotSet).wanting(leaf.validity().not_before));
        }
        Clock::BeforeFloor { now, floor } => {
            return Err(blame(Cause::ClockBeforeFloor { now, floor }).wanting(floor));
        }
    };

    let pinned = anchors
        .certificates()
        .iter()
        .position(|anchor| *anchor == leaf_der);
    let accepted = match pinned {
        Some(anchor) => {
            check_dates(&leaf, 0, now)?;
            if leaf
                .extended_key_usage()
                .is_some_and(|usage| !usage.server_auth() && !usage.any())
            {
                return Err(blame(Cause::ExtendedKeyUsage));
            }
            Accepted::Pin { anchor }
        }
        None => find_path(&leaf, rest, anchors, now)?,
    };
    check_name(policy.name, &leaf)?;
    Ok(accepted)
}

/// The chain of one server, as far as it can be followed by names alone: for blaming, not for trust.
struct Walk<'c, 'a> {
    leaf: &'c Certificate<'a>,
    rest: &'c [&'a [u8]],
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

fn find_path(
    leaf: &Certificate<'_>,
    rest: &[&[u8]],
    anchors: Anchors<'_>,
    now: Timestamp,
) -> Result<Accepted, Reason> {
    let refuse = |cause| Reason::new(Stage::Certificate, cause);
    let seconds = u64::try_from(now.as_unix()).map_err(|_| refuse(Cause::ClockNotSet))?;
    let time = UnixTime::since_unix_epoch(core::time::Duration::from_secs(seconds));

    let anchor_der: heapless::Vec<CertificateDer<'_>, MAX_ANCHORS> = anchors
        .certificates()
        .iter()
        .map(|der| CertificateDer::from(*der))
        .collect();
    // A certificate of the item that cannot be an anchor is passed over: the others trust no more
    // for it, and one of them may be the pin.
    let mut trusted: heapless::Vec<TrustAnchor<'_>, MAX_ANCHORS> = heapless::Vec::new();
    let mut origin: heapless::Vec<usize, MAX_ANCHORS> = heapless::Vec::new();
    for (position, der) in anchor_der.iter().enumerate() {
        if let Ok(anchor) = webpki::anchor_from_trusted_cert(der) {
            // As many places as certificates.
            let _ = trusted.push(anchor);
            let _ = origin.push(position);
        }
    }
    if trusted.is_empty() {
        return Err(refuse(Cause::CaUnreadable));
    }
    let trusted = Trusted {
        anchors: &trusted,
        origin: &origin,
        certificates: anchors.certificates(),
    };
    let intermediates: heapless::Vec<CertificateDer<'_>, MAX_CHAIN> =
        rest.iter().map(|der| CertificateDer::from(*der)).collect();

    let walk = Walk { leaf, rest };
    let leaf_der = CertificateDer::from(leaf.der());
    let end_entity =
        EndEntityCert::try_from(&leaf_der).map_err(|error| blame(&error, &walk, anchors, now))?;

    // What the checks below found wrong with a path that webpki would take.
    let found: RefCell<Option<Reason>> = RefCell::new(None);
    let check = |path: &VerifiedPath<'_>| {
        check_path(path, &trusted, now).map_err(|reason| {
            found.borrow_mut().get_or_insert(reason);
            Error::UnknownIssuer
        })
    };
    let path = end_entity
        .verify_for_usage(
            alg::CHAIN,
            trusted.anchors,
            &intermediates,
            time,
            KeyUsage::server_auth(),
            None,
            Some(&check),
        )
        .map_err(|error| {
            found
                .borrow_mut()
                .take()
                .unwrap_or_else(|| blame(&error, &walk, anchors, now))
        })?;
    Ok(Accepted::Path {
        anchor: trusted.position(path.anchor()).unwrap_or(0),
        intermediates: path.intermediate_certificates().count(),
    })
}

/// The anchors webpki works with, and the certificates they came from.
struct Trusted<'t, 'a> {
    anchors: &'t [TrustAnchor<'a>],
    /// Position in the item of each anchor.
    origin: &'t [usize],
    certificates: &'a [&'a [u8]],
}

impl<'a> Trusted<'_, 'a> {
    /// Position in the item of an anchor that webpki chose.
    fn position(&self, chosen: &TrustAnchor<'_>) -> Option<usize> {
        let place = self
            .anchors
            .iter()
            // By identity: a CA and its renewal are equal to webpki, but have different dates.
            .position(|anchor| core::ptr::eq(anchor, chosen))?;
        self.origin.get(place).copied()
    }

    fn certificate(&self, chosen: &TrustAnchor<'_>) -> Option<Certificate<'a>> {
        let der = self.certificates.get(self.position(chosen)?)?;
        Certificate::parse(der).ok()
    }
}

/// What webpki leaves open on a path it would take.
fn check_path(
    path: &VerifiedPath<'_>,
    trusted: &Trusted<'_, '_>,
    now: Timestamp,
) -> Result<(), Reason> {
    let refuse = |cause| Reason::new(Stage::Certificate, cause);
    let mut depth = 0_u8;
    // Intermediates that count against a pathLen: the self-issued do not (RFC 5280 §4.2.1.9).
    let mut counted = 0_u32;
    for intermediate in path.intermediate_certificates() {
        depth = depth.saturating_add(1);
        let der = intermediate.der();
        let facts = Certificate::parse(&der).map_err(|_| Reason {
            depth,
            ..refuse(Cause::Malformed)
        })?;
        check_issuer(&facts, depth, counted)?;
        if !facts.is_self_issued() {
            counted = counted.saturating_add(1);
        }
    }
    let depth = depth.saturating_add(1);
    let anchor = trusted.certificate(path.anchor()).ok_or(Reason {
        depth,
        ..refuse(Cause::CaUnreadable)
    })?;
    check_dates(&anchor, depth, now)?;
    if anchor.is_ca() == Some(false) {
        return Err(refuse(Cause::NotCa).about(depth, anchor.subject()));
    }
    check_issuer(&anchor, depth, counted)
}

/// keyUsage, pathLen and key of a certificate that signed another.
fn check_issuer(issuer: &Certificate<'_>, depth: u8, below: u32) -> Result<(), Reason> {
    let blame = |cause| Reason::new(Stage::Certificate, cause).about(depth, issuer.subject());
    if issuer
        .key_usage()
        .is_some_and(|usage| !usage.key_cert_sign())
    {
        return Err(blame(Cause::KeyUsage));
    }
    if issuer
        .basic_constraints()
        .and_then(|constraints| constraints.path_len)
        .is_some_and(|limit| below > limit)
    {
        return Err(blame(Cause::PathLen));
    }
    alg::check_key(issuer.key_kind()).map_err(blame)
}

fn check_dates(certificate: &Certificate<'_>, depth: u8, now: Timestamp) -> Result<(), Reason> {
    let validity = certificate.validity();
    let cause = if now < validity.not_before {
        Cause::NotYetValid {
            not_before: validity.not_before,
        }
    } else if now > validity.not_after {
        Cause::Expired {
            not_after: validity.not_after,
        }
    } else {
        return Ok(());
    };
    let missed = match cause {
        Cause::NotYetValid { not_before } => not_before,
        _ => validity.not_after,
    };
    Err(Reason::new(Stage::Certificate, cause)
        .about(depth, certificate.subject())
        .wanting(missed))
}

/// Turns webpki's error into a reason: which certificate, and what about it.
fn blame(error: &Error, walk: &Walk<'_, '_>, anchors: Anchors<'_>, now: Timestamp) -> Reason {
    let about = |cause, certificate: &Certificate<'_>, depth| {
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
            walk.find(|certificate, depth| check_dates(certificate, depth, now).err())
                .unwrap_or_else(|| leaf(Cause::Malformed))
        }
        Error::UnknownIssuer => {
            let (last, depth) = walk.end();
            about(Cause::NotTrusted, &last, depth).wanting(last.issuer())
        }
        Error::CaUsedAsEndEntity => {
            // A self-signed server that is not the pinned one is simply not trusted.
            if walk.leaf.is_self_issued() {
                leaf(Cause::NotTrusted).wanting(walk.leaf.issuer())
            } else {
                leaf(Cause::LeafIsCa)
            }
        }
        Error::EndEntityUsedAsCa => first(Cause::NotCa, &|c, depth| {
            depth > 0 && c.is_ca() != Some(true)
        }),
        Error::PathLenConstraintViolated => first(Cause::PathLen, &|c, depth| {
            c.basic_constraints()
                .and_then(|constraints| constraints.path_len)
                .is_some_and(|limit| u32::from(depth) > limit.saturating_add(1))
        }),
        Error::UnsupportedCriticalExtension => leaf(Cause::CriticalExtension),
        Error::NameConstraintViolation
        | Error::InvalidNetworkMaskConstraint
        | Error::MalformedNameConstraint => leaf(Cause::NameConstraint),
        Error::RequiredEkuNotFoundContext(_) | Error::EmptyEkuExtension => {
            first(Cause::ExtendedKeyUsage, &|c, _| {
                c.extended_key_usage()
                    .is_some_and(|usage| !usage.server_auth())
            })
        }
        Error::UnsupportedCertVersion => first(Cause::OldVersion, &|c, _| c.version() < 3),
        Error::MaximumPathBuildCallsExceeded
        | Error::MaximumPathDepthExceeded
        | Error::MaximumSignatureChecksExceeded
        | Error::MaximumNameConstraintComparisonsExceeded => leaf(Cause::TooMuchWork),
        Error::InvalidSignatureForPublicKey
        | Error::SignatureAlgorithmMismatch
        | Error::UnsupportedSignatureAlgorithmContext(_)
        | Error::UnsupportedSignatureAlgorithmForPublicKeyContext(_) => {
            blame_signature(walk, anchors)
        }
        _ => leaf(Cause::Malformed),
    }
}

/// A signature did not verify, or its algorithm is not here: which, and is a weak key to blame?
fn blame_signature(walk: &Walk<'_, '_>, anchors: Anchors<'_>) -> Reason {
    use x509_facts::{Hash, SignatureAlgorithm as Sig};
    let reason = |cause, certificate: &Certificate<'_>, depth| {
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
            return Some(reason(Cause::SignatureAlgorithm, certificate, depth));
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
    reason(Cause::CertificateSignature, &last, depth).wanting(last.issuer())
}

fn check_name(rule: NameRule<'_>, leaf: &Certificate<'_>) -> Result<(), Reason> {
    let NameRule::MustMatch { name, legacy_cn } = rule else {
        return Ok(());
    };
    let blame = |cause| {
        Reason::new(Stage::Certificate, cause)
            .about(0, leaf.subject())
            .wanting(name.as_str())
    };
    if leaf.subject_alt_names().is_none() {
        return match common_name_matches(leaf.subject(), name) {
            true if legacy_cn => Ok(()),
            true => Err(blame(Cause::NoName)),
            false if legacy_cn => Err(blame(Cause::NameMismatch)),
            false => Err(blame(Cause::NoName)),
        };
    }
    let wanted = name.server_name().map_err(blame)?;
    let der = CertificateDer::from(leaf.der());
    let certificate = EndEntityCert::try_from(&der).map_err(|_| blame(Cause::Malformed))?;
    certificate
        .verify_is_valid_for_subject_name(&wanted)
        .map_err(|_| blame(Cause::NameMismatch))
}

/// The CN of a certificate without SAN against a name: letter case apart, `*` for the whole first
/// label of a DNS name only (RFC 6125 §6.4.3).
fn common_name_matches(subject: Name<'_>, name: PeerName<'_>) -> bool {
    let Some(common_name) = subject.common_name() else {
        return false;
    };
    let Some(pattern) = common_name.as_str() else {
        return false;
    };
    let wanted = name.as_str();
    if pattern.eq_ignore_ascii_case(wanted) {
        return true;
    }
    match (pattern.strip_prefix("*."), wanted.split_once('.')) {
        (Some(parent), Some((label, domain))) => {
            !name.is_ip_address()
                && !label.is_empty()
                && parent.contains('.')
                && parent.eq_ignore_ascii_case(domain)
        }
        _ => false,
    }
}
