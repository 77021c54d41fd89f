//! Path validation: does this chain lead to one of the anchors, now, for this name?
//!
//! Path building and most of RFC 5280 §6 are webpki's; what it leaves to its user is here. No engine,
//! no clock and no I/O: a chain, a policy, a verdict.
//!
//! `rules`: what a certificate must be in its place · `profile`: what the strict profile checks in addition · `name`: the
//! name asked for · `budget`: how many signatures · `error_mapping`: webpki's errors as reasons. The whole order, and where the verdict differs
//! from others' on x509-limbo: `docs/path-validation.md`.

use crate::reason::{
    CapacityError, Cause, CertificateError, Limit, ProtocolViolation, Reason, SetupError, Stage,
};
use core::cell::RefCell;

use rustls_pki_types::{CertificateDer, SignatureVerificationAlgorithm, TrustAnchor, UnixTime};
use webpki::{EndEntityCert, Error, VerifiedPath};
use x509_facts::{Certificate, Timestamp};

use self::budget::Budget;
use self::error_mapping::{Walk, reason_for};
use self::rules::malformed;
use self::usage::Usage;
use crate::policy::{Anchors, Clock, MAX_ANCHORS, PeerAuth, Policy, Profile};

mod budget;
mod certificate;
mod error_mapping;
pub(crate) mod handshake;
mod name;
mod profile;
mod rules;
mod usage;

pub use crate::version::Version;
pub use certificate::PeerCertificate;
pub use handshake::{Possession, Signed, Verdict, verify_handshake};

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
    /// A client of ours was asked for no certificate.
    NotAsked,
}

/// What a certificate is asked for by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum CertificateRule {
    /// Whether it can be an anchor for servers, or a pin if it says that it is no CA.
    Anchor,
    /// Whether its key can be used.
    Key,
}

/// Judges a certificate before any server has been met: what is wrong here is wrong in each session. Dates are left out.
///
/// # Errors
///
/// What each session with it would be refused for.
pub fn check_certificate(der: &[u8], rule: CertificateRule) -> Result<(), Reason> {
    let certificate = Certificate::parse(der).map_err(|error| malformed(0, error))?;
    let now = certificate.validity().not_before;
    rules::key(&certificate, 0)?;
    match rule {
        CertificateRule::Key => Ok(()),
        CertificateRule::Anchor if certificate.is_ca() == Some(false) => {
            rules::pinned(&certificate, now, Usage::Server)
        }
        CertificateRule::Anchor => {
            error_mapping::issuer_key(&certificate, 0).map_or(Ok(()), Err)?;
            rules::anchor(&certificate, (0, 0), now, Usage::Server)
        }
    }
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
    judge_server(policy, chain).map(|(accepted, _)| accepted)
}

/// As [`verify_server`]; with when the first certificate of the path expires, where the policy checks dates.
fn judge_server(
    policy: &Policy<'_>,
    chain: &[&[u8]],
) -> Result<(Accepted, Option<Timestamp>), Reason> {
    let leaf = leaf_of(chain)?;
    let (anchors, name, clock) = match policy.peer {
        PeerAuth::DangerAnyPeer => return Ok((Accepted::DangerUnchecked, None)),
        // Whoever knows the key shows no certificate (RFC 8446 §4.4.2).
        PeerAuth::PreSharedKey(_) => {
            let message = ProtocolViolation::Message(11);
            return Err(Reason::new(Stage::Certificate, message));
        }
        PeerAuth::Chain {
            anchors,
            name,
            clock,
        } => (anchors, name, clock),
    };
    let judged = judge(&leaf, chain, anchors, (clock, Usage::Server))?;
    name::check(name, &leaf, judged.constrained)?;
    form(anchors, &leaf, (judged.accepted, Usage::Server))?;
    Ok((judged.accepted, Some(judged.not_after)))
}

/// Judges the certificates that a client of ours sent, its own first: the checks of [`verify_server`], with the purpose
/// of a client and without a name.
///
/// # Errors
///
/// The first thing that is wrong, with the certificate it is wrong with.
pub fn verify_client(
    anchors: Anchors<'_>,
    clock: Clock,
    chain: &[&[u8]],
) -> Result<Accepted, Reason> {
    let judged = leaf_of(chain).and_then(|leaf| {
        let judged = judge(&leaf, chain, anchors, (clock, Usage::Client))?;
        form(anchors, &leaf, (judged.accepted, Usage::Client))?;
        Ok(judged.accepted)
    });
    judged.map_err(Reason::of_client)
}

/// What the profile asks of the peer's own certificate, once nothing else is wrong with it.
fn form(
    anchors: Anchors<'_>,
    leaf: &Certificate<'_>,
    (accepted, usage): (Accepted, Usage),
) -> Result<(), Reason> {
    match (anchors.profile(), accepted) {
        (Profile::Lenient, _) => Ok(()),
        (Profile::Strict, Accepted::Pin { .. }) => {
            profile::pinned(leaf)?;
            profile::leaf(leaf, usage)
        }
        (Profile::Strict, _) => profile::leaf(leaf, usage),
    }
}

/// The peer's own certificate.
fn leaf_of<'c>(chain: &[&'c [u8]]) -> Result<Certificate<'c>, Reason> {
    let refuse = |cause| Reason::new(Stage::Certificate, cause);
    let Some(leaf) = chain.first() else {
        return Err(refuse(Cause::Certificate(CertificateError::NoCertificate)));
    };
    if chain.len() > MAX_CHAIN {
        return Err(refuse(Cause::Capacity(CapacityError::too_large(
            Limit::ChainLength,
            chain.len(),
            MAX_CHAIN,
        ))));
    }
    let leaf = Certificate::parse(leaf).map_err(|error| malformed(0, error))?;
    // Its key must be able to sign the handshake, whoever it belongs to.
    rules::key(&leaf, 0)?;
    Ok(leaf)
}

/// A chain that was accepted, but for its name.
struct Judged {
    accepted: Accepted,
    /// Its path has name constraints.
    constrained: bool,
    /// When the first certificate of its path expires.
    not_after: Timestamp,
}

/// All but the name.
fn judge(
    leaf: &Certificate<'_>,
    chain: &[&[u8]],
    anchors: Anchors<'_>,
    (clock, usage): (Clock, Usage),
) -> Result<Judged, Reason> {
    let at_fault =
        |cause: CertificateError| Reason::new(Stage::Certificate, cause).about(0, leaf.subject());
    let now = match clock {
        Clock::At(now) => now,
        Clock::Unset => {
            return Err(at_fault(CertificateError::ClockNotSet).wanting(leaf.validity().not_before));
        }
        Clock::BeforeFloor { now, floor } => {
            return Err(at_fault(CertificateError::ClockBeforeFloor { now, floor }).wanting(floor));
        }
    };
    let rest = chain.get(1..).unwrap_or_default();
    if issued_another(leaf, rest) {
        return Err(at_fault(CertificateError::WrongOrder));
    }
    let pinned = anchors
        .certificates()
        .iter()
        .position(|anchor| *anchor == leaf.der());
    match pinned {
        Some(anchor) => {
            rules::pinned(leaf, now, usage)?;
            Ok(Judged {
                accepted: Accepted::Pin { anchor },
                constrained: false,
                not_after: leaf.validity().not_after,
            })
        }
        None => find_path(leaf, rest, anchors, (now, usage)),
    }
}

/// The first certificate is a CA and issued one of the others: it cannot be the server's (RFC 8446 §4.4.2).
fn issued_another(first: &Certificate<'_>, rest: &[&[u8]]) -> bool {
    let may_issue = first.is_ca() == Some(true) || first.is_self_issued();
    may_issue
        && rest
            .iter()
            .filter_map(|der| Certificate::parse(der).ok())
            .any(|other| {
                other.issuer().is_same_as(&first.subject())
                    && !other.subject().is_same_as(&first.subject())
            })
}

/// The path, if there is one.
fn find_path(
    leaf: &Certificate<'_>,
    rest: &[&[u8]],
    anchors: Anchors<'_>,
    (now, usage): (Timestamp, Usage),
) -> Result<Judged, Reason> {
    let refuse = |cause| Reason::new(Stage::Certificate, cause);
    let time = unix_time(now).map_err(refuse)?;

    let anchor_der: heapless::Vec<CertificateDer<'_>, MAX_ANCHORS> = anchors
        .certificates()
        .iter()
        .map(|der| CertificateDer::from(*der))
        .collect();
    let (trusted, origin) = usable_anchors(&anchor_der, leaf, rest)?;
    let trusted = Trusted {
        anchors: &trusted,
        origin: &origin,
        item: anchors,
        usage,
    };
    let intermediates: heapless::Vec<CertificateDer<'_>, MAX_CHAIN> =
        rest.iter().map(|der| CertificateDer::from(*der)).collect();

    let walk = Walk { leaf, rest, usage };
    let refusal = |error: Error| reason_for(&error, &walk, anchors, now);
    let leaf_der = CertificateDer::from(leaf.der());
    let end_entity = EndEntityCert::try_from(&leaf_der).map_err(refusal)?;

    // What the checks below found wrong with a path that webpki would take.
    let found: RefCell<Option<Reason>> = RefCell::new(None);
    let check = |path: &VerifiedPath<'_>| {
        check_path(path, (leaf, &trusted), now).map_err(|reason| {
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
            usage,
            None,
            Some(&check),
        )
        .map_err(|error| match found.borrow_mut().take() {
            Some(reason) => reason,
            None if budget.is_spent() => too_much_work(leaf),
            None => refusal(error),
        })?;
    rules::leaf(leaf, usage)?;
    Ok(outcome(leaf, &path, &trusted))
}

/// What webpki makes of the certificates of an item, and the position of each.
type Usable<'c> = (
    heapless::Vec<TrustAnchor<'c>, MAX_ANCHORS>,
    heapless::Vec<usize, MAX_ANCHORS>,
);

fn usable_anchors<'c, 'a: 'c>(
    anchors: &'c [CertificateDer<'a>],
    leaf: &Certificate<'a>,
    rest: &[&'a [u8]],
) -> Result<Usable<'c>, Reason> {
    // A certificate of the item that cannot be an anchor is passed over: the others trust no more
    // for it, and one of them may be the pin.
    let mut trusted: heapless::Vec<TrustAnchor<'_>, MAX_ANCHORS> = heapless::Vec::new();
    let mut origin: heapless::Vec<usize, MAX_ANCHORS> = heapless::Vec::new();
    let mut unreadable = None;
    for (position, der) in anchors.iter().enumerate() {
        match webpki::anchor_from_trusted_cert(der) {
            Ok(mut anchor) => {
                if let Some(name) = name_in_chain(der, leaf, rest) {
                    anchor.subject = name.into();
                }
                // As many places as certificates.
                let _ = trusted.push(anchor);
                let _ = origin.push(position);
            }
            Err(_) => unreadable = unreadable.or(Certificate::parse(der).err()),
        }
    }
    if trusted.is_empty() {
        let reason = Reason::new(Stage::Certificate, SetupError::CaUnreadable);
        return Err(match unreadable {
            Some(error) => reason.finding(error),
            None => reason,
        });
    }
    Ok((trusted, origin))
}

/// The name of an anchor as the chain writes it, where string type, letter case or blanks differ (RFC 5280 §7.1): webpki
/// compares octets. A name only finds the key to try.
///
/// Content octets, as webpki has them; `None` where the names are equal, or the anchor issued nothing here.
fn name_in_chain<'a>(anchor: &[u8], leaf: &Certificate<'a>, rest: &[&'a [u8]]) -> Option<&'a [u8]> {
    let anchor = Certificate::parse(anchor).ok()?.subject();
    let others = rest.iter().filter_map(|der| Certificate::parse(der).ok());
    let mut other_encoding = None;
    for issuer in core::iter::once(*leaf).chain(others).map(|it| it.issuer()) {
        if issuer == anchor {
            return None;
        }
        if issuer.is_same_as(&anchor) {
            other_encoding = other_encoding.or(Some(issuer));
        }
    }
    other_encoding.map(|name| name.as_content())
}

fn too_much_work(leaf: &Certificate<'_>) -> Reason {
    Reason::new(Stage::Certificate, CertificateError::TooMuchWork).about(0, leaf.subject())
}

fn unix_time(now: Timestamp) -> Result<UnixTime, Cause> {
    let seconds = u64::try_from(now.as_unix()).map_err(|_| CertificateError::ClockNotSet)?;
    let since = core::time::Duration::from_secs(seconds);
    Ok(UnixTime::since_unix_epoch(since))
}

/// What is kept of a path that was accepted.
fn outcome(leaf: &Certificate<'_>, path: &VerifiedPath<'_>, trusted: &Trusted<'_, '_>) -> Judged {
    let mut judged = Judged {
        accepted: Accepted::Path {
            anchor: trusted.position(path.anchor()).unwrap_or(0),
            intermediates: path.intermediate_certificates().count(),
        },
        constrained: false,
        not_after: leaf.validity().not_after,
    };
    judged.add(trusted.certificate(path.anchor()).as_ref());
    for intermediate in path.intermediate_certificates() {
        judged.add(Certificate::parse(&intermediate.der()).ok().as_ref());
    }
    judged
}

impl Judged {
    /// Takes an issuer of the path into account. One that cannot be read has been refused before.
    fn add(&mut self, issuer: Option<&Certificate<'_>>) {
        self.constrained |= issuer.is_none_or(|issuer| issuer.name_constraints().is_some());
        let not_after = issuer.map_or(Timestamp::from_unix(0), |issuer| {
            issuer.validity().not_after
        });
        self.not_after = self.not_after.min(not_after);
    }
}

/// The anchors webpki works with, and the certificates they came from.
struct Trusted<'t, 'a> {
    anchors: &'t [TrustAnchor<'a>],
    /// Position in the item of each anchor.
    origin: &'t [usize],
    item: Anchors<'a>,
    usage: Usage,
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

    fn der(&self, chosen: &TrustAnchor<'_>) -> Option<&'a [u8]> {
        let position = self.position(chosen)?;
        self.item.certificates().get(position).copied()
    }

    fn certificate(&self, chosen: &TrustAnchor<'_>) -> Option<Certificate<'a>> {
        Certificate::parse(self.der(chosen)?).ok()
    }
}

/// What webpki leaves open on a path it would take.
fn check_path(
    path: &VerifiedPath<'_>,
    (leaf, trusted): (&Certificate<'_>, &Trusted<'_, '_>),
    now: Timestamp,
) -> Result<(), Reason> {
    let refuse = |cause| Reason::new(Stage::Certificate, cause);
    let mut depth = 0_u8;
    // Intermediates that count against a pathLen: the self-issued do not (RFC 5280 §4.2.1.9).
    let mut counted = 0_u32;
    for intermediate in path.intermediate_certificates() {
        depth = depth.saturating_add(1);
        let der = intermediate.der();
        let facts = Certificate::parse(&der).map_err(|error| malformed(depth, error))?;
        rules::intermediate(&facts, depth, counted)?;
        if !facts.is_self_issued() {
            counted = counted.saturating_add(1);
        }
    }
    let depth = depth.saturating_add(1);
    let anchor = trusted
        .der(path.anchor())
        .ok_or_else(|| refuse(Cause::Setup(SetupError::CaUnreadable)))?;
    let anchor = Certificate::parse(anchor).map_err(|error| malformed(depth, error))?;
    rules::anchor(&anchor, (depth, counted), now, trusted.usage)?;
    match trusted.item.profile() {
        Profile::Lenient => Ok(()),
        Profile::Strict => {
            let between: heapless::Vec<CertificateDer<'_>, MAX_CHAIN> = path
                .intermediate_certificates()
                .map(|certificate| certificate.der())
                .collect();
            profile::path(leaf, &between, &anchor)
        }
    }
}
