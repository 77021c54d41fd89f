//! Path validation: does this chain lead to one of the anchors, now, for this name?
//!
//! Path building and most of RFC 5280 §6 are webpki's; what it leaves to its user is here. No engine,
//! no clock and no I/O: a chain, a policy, a verdict.
//!
//! `rules`: what a certificate must be in its place · `name`: the name asked for · `budget`: how many
//! signatures · `blame`: webpki's errors as reasons. The whole order, and where the verdict differs
//! from others' on x509-limbo: `docs/path-validation.md`.

use crate::reason::{
    CapacityError, Cause, CertificateError, Limit, ProtocolViolation, Reason, SetupError, Stage,
};
use core::cell::RefCell;

use rustls_pki_types::{CertificateDer, SignatureVerificationAlgorithm, TrustAnchor, UnixTime};
use webpki::{EndEntityCert, Error, KeyUsage, VerifiedPath};
use x509_facts::{Certificate, Timestamp};

use self::blame::{Walk, blame};
use self::budget::Budget;
use crate::alg;
use crate::policy::{Anchors, Clock, MAX_ANCHORS, PeerAuth, Policy};

mod blame;
mod budget;
mod certificate;
pub(crate) mod handshake;
mod name;
mod rules;

pub use certificate::PeerCertificate;
pub use handshake::{Possession, Signed, Verdict, Version, verify_handshake};

/// Most certificates of a server's message, its own included.
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
        return Err(refuse(Cause::Certificate(CertificateError::NoCertificate)));
    };
    if chain.len() > MAX_CHAIN {
        return Err(refuse(Cause::Capacity(CapacityError::too_large(
            Limit::ChainLength,
            chain.len(),
            MAX_CHAIN,
        ))));
    }
    let leaf = Certificate::parse(leaf_der)
        .map_err(|_| refuse(Cause::Certificate(CertificateError::Malformed)))?;
    let at_fault = |cause| refuse(cause).about(0, leaf.subject());
    // Its key must be able to sign the handshake, whoever it belongs to.
    alg::check_key(leaf.key_kind()).map_err(at_fault)?;

    let (anchors, name, clock) = match policy.peer {
        PeerAuth::DangerAnyPeer => return Ok(Accepted::DangerUnchecked),
        // Whoever knows the key shows no certificate (RFC 8446 §4.4.2).
        PeerAuth::PreSharedKey(_) => {
            return Err(refuse(Cause::Protocol(ProtocolViolation::Message(11))));
        }
        PeerAuth::Chain {
            anchors,
            name,
            clock,
        } => (anchors, name, clock),
    };
    let now = match clock {
        Clock::At(now) => now,
        Clock::Unset => {
            return Err(at_fault(Cause::Certificate(CertificateError::ClockNotSet))
                .wanting(leaf.validity().not_before));
        }
        Clock::BeforeFloor { now, floor } => {
            return Err(
                at_fault(Cause::Certificate(CertificateError::ClockBeforeFloor {
                    now,
                    floor,
                }))
                .wanting(floor),
            );
        }
    };

    let pinned = anchors
        .certificates()
        .iter()
        .position(|anchor| *anchor == leaf_der);
    let (accepted, constrained) = match pinned {
        Some(anchor) => {
            rules::pinned(&leaf, now)?;
            (Accepted::Pin { anchor }, false)
        }
        None => find_path(&leaf, rest, anchors, now)?,
    };
    name::check(name, &leaf, constrained)?;
    Ok(accepted)
}

/// The path, and whether it has name constraints.
fn find_path(
    leaf: &Certificate<'_>,
    rest: &[&[u8]],
    anchors: Anchors<'_>,
    now: Timestamp,
) -> Result<(Accepted, bool), Reason> {
    let refuse = |cause| Reason::new(Stage::Certificate, cause);
    let time = unix_time(now).map_err(refuse)?;

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
        return Err(refuse(Cause::Setup(SetupError::CaUnreadable)));
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
    let budget = Budget::new();
    let algorithms = budget.algorithms();
    let algorithms = algorithms
        .each_ref()
        .map(|counted| -> &dyn SignatureVerificationAlgorithm { counted });
    let path = end_entity
        .verify_for_usage(
            &algorithms,
            trusted.anchors,
            &intermediates,
            time,
            KeyUsage::server_auth(),
            None,
            Some(&check),
        )
        .map_err(|error| match found.borrow_mut().take() {
            Some(reason) => reason,
            None if budget.is_spent() => {
                refuse(Cause::Certificate(CertificateError::TooMuchWork)).about(0, leaf.subject())
            }
            None => blame(&error, &walk, anchors, now),
        })?;
    rules::server(leaf)?;
    Ok(outcome(&path, &trusted))
}

fn unix_time(now: Timestamp) -> Result<UnixTime, Cause> {
    let seconds = u64::try_from(now.as_unix()).map_err(|_| CertificateError::ClockNotSet)?;
    let since = core::time::Duration::from_secs(seconds);
    Ok(UnixTime::since_unix_epoch(since))
}

/// How a path was accepted, and whether it has name constraints.
fn outcome(path: &VerifiedPath<'_>, trusted: &Trusted<'_, '_>) -> (Accepted, bool) {
    let constrained = trusted
        .certificate(path.anchor())
        .is_none_or(|anchor| anchor.name_constraints().is_some())
        || path.intermediate_certificates().any(|intermediate| {
            Certificate::parse(&intermediate.der())
                .map_or(true, |facts| facts.name_constraints().is_some())
        });
    let accepted = Accepted::Path {
        anchor: trusted.position(path.anchor()).unwrap_or(0),
        intermediates: path.intermediate_certificates().count(),
    };
    (accepted, constrained)
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
            ..refuse(Cause::Certificate(CertificateError::Malformed))
        })?;
        rules::intermediate(&facts, depth, counted)?;
        if !facts.is_self_issued() {
            counted = counted.saturating_add(1);
        }
    }
    let depth = depth.saturating_add(1);
    let anchor = trusted.certificate(path.anchor()).ok_or(Reason {
        depth,
        ..refuse(Cause::Setup(SetupError::CaUnreadable))
    })?;
    rules::anchor(&anchor, depth, counted, now)
}
