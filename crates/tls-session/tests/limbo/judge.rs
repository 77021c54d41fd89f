//! One case, judged by [`verify_server`] as a server's certificates.
//!
//! The trusted certificates are the CA item, the peer's certificate and the untrusted intermediates
//! what the server sent. A name must be in subjectAltName (`CommonName::Ignored`, RFC 9525): the suite
//! knows no other rule.

use tls_session::policy::MAX_ANCHORS;
use tls_session::{
    Accepted, Anchors, Cause, Clock, CommonName, NameRule, PeerName, Policy, Profile, Reason,
    Timestamp, verify_server,
};

use crate::suite::{Case, Expected, NameKind, ValidationKind};

/// "Now" where a case does not say: 2026-07-01T00:00:00Z, two days after the suite was generated.
const NOW: i64 = 1_782_864_000;

/// Most certificates between the server's and the anchor that path building tries.
const DEEPEST: u32 = 6;

/// What a case asks for that a policy cannot say. A rule, never an id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Unsupported {
    Client,
    Revocation,
    ChainDepth,
    SignatureAlgorithms,
    KeyUsage,
    ExtendedKeyUsage,
    EmailAddress,
    ManyAnchors,
}

impl Unsupported {
    pub(crate) const fn text(self) -> &'static str {
        match self {
            Self::Client => "validates a client's certificate",
            Self::Revocation => "checks revocation lists",
            Self::ChainDepth => "limits the depth of the chain below what is always tried",
            Self::SignatureAlgorithms => "chooses signature algorithms",
            Self::KeyUsage => "asks for a key usage other than digitalSignature",
            Self::ExtendedKeyUsage => "asks for a purpose other than serverAuth",
            Self::EmailAddress => "looks for an e-mail address",
            Self::ManyAnchors => "trusts more CAs than one item holds",
        }
    }

    /// The first rule that applies.
    pub(crate) fn of(case: &Case) -> Option<Self> {
        let other_than = |list: &[String], known: &str| list.iter().any(|item| item != known);
        let rules = [
            (Self::Client, case.validation_kind == ValidationKind::Client),
            (Self::Revocation, !case.crls.is_empty()),
            (
                Self::ChainDepth,
                case.max_chain_depth.is_some_and(|depth| depth < DEEPEST),
            ),
            (
                Self::SignatureAlgorithms,
                !case.signature_algorithms.is_empty(),
            ),
            (
                Self::KeyUsage,
                other_than(&case.key_usage, "digitalSignature"),
            ),
            (
                Self::ExtendedKeyUsage,
                other_than(&case.extended_key_usage, "serverAuth"),
            ),
            (
                Self::EmailAddress,
                case.expected_peer_name
                    .as_ref()
                    .is_some_and(|name| name.kind == NameKind::Rfc822),
            ),
            (Self::ManyAnchors, case.trusted_certs.len() > MAX_ANCHORS),
        ];
        rules
            .into_iter()
            .find_map(|(rule, applies)| applies.then_some(rule))
    }
}

/// How our verdict stands to the expected one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    Unsupported(Unsupported),
    /// As expected: accepted, or refused for this cause.
    Agree(Option<Cause>),
    /// Refused, though expected to pass.
    Stricter(Cause),
    /// Accepted, though expected to fail.
    Laxer(Accepted),
}

pub(crate) fn judge(case: &Case, profile: Profile) -> Verdict {
    if let Some(rule) = Unsupported::of(case) {
        return Verdict::Unsupported(rule);
    }
    let word = verify(case, CommonName::Ignored, profile);
    match (word, case.expected_result) {
        (Ok(_), Expected::Success) => Verdict::Agree(None),
        (Ok(accepted), Expected::Failure) => Verdict::Laxer(accepted),
        (Err(cause), Expected::Success) => Verdict::Stricter(cause),
        (Err(cause), Expected::Failure) => Verdict::Agree(Some(cause)),
    }
}

/// The verifier's own word on a supported case.
pub(crate) fn verify(
    case: &Case,
    common_name: CommonName,
    profile: Profile,
) -> Result<Accepted, Cause> {
    let item = ders(&case.trusted_certs);
    let item: Vec<&[u8]> = item.iter().map(Vec::as_slice).collect();
    let sent = ders(std::iter::once(&case.peer_certificate).chain(&case.untrusted_intermediates));
    let sent: Vec<&[u8]> = sent.iter().map(Vec::as_slice).collect();
    let now = case
        .validation_time
        .as_deref()
        .map_or(Timestamp::from_unix(NOW), |text| {
            Timestamp::parse_rfc3339(text).expect("a date")
        });
    let name = match &case.expected_peer_name {
        None => NameRule::DangerAnyName,
        Some(name) => {
            let peer = PeerName::new(&name.value)?;
            assert_eq!(peer.is_ip_address(), name.kind == NameKind::Ip);
            NameRule::MustMatch {
                name: peer,
                common_name,
            }
        }
    };
    let anchors = Anchors::new(&item)?.under(profile);
    let policy = Policy::chain(anchors, name, Clock::At(now));
    verify_server(&policy, &sent).map_err(|Reason { cause, .. }| cause)
}

fn ders<'p>(list: impl IntoIterator<Item = &'p String>) -> Vec<Vec<u8>> {
    list.into_iter()
        .map(|pem| {
            let (label, der) = pem_rfc7468::decode_vec(pem.trim().as_bytes()).expect("PEM");
            assert_eq!(label, "CERTIFICATE");
            der
        })
        .collect()
}
