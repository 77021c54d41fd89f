//! What RFC 5280 and RFC 9525 forbid and the default profile forgives: the checks of
//! [`Profile::Strict`](crate::Profile::Strict).
//!
//! They come on top of `rules`, for every certificate of a path, its anchor included: who chooses this
//! profile wants to know of a CA that does not follow the standard. None of them can make a chain acceptable.

use core::fmt::{self, Write as _};
use core::net::IpAddr;

use rustls_pki_types::CertificateDer;
use x509_facts::{Certificate, GeneralName};

use super::rules::malformed;
use super::usage::Usage;
use crate::reason::{ProfileError, Reason, Stage};

/// Longest serial number, in octets (RFC 5280 §4.1.2.2).
const MAX_SERIAL: usize = 20;

/// `n` of the extensions 2.5.29.n whose criticality is laid down.
const SUBJECT_ALT_NAME: u8 = 17;
const BASIC_CONSTRAINTS: u8 = 19;
const NAME_CONSTRAINTS: u8 = 30;

fn refuse(cause: ProfileError, depth: u8, certificate: &Certificate<'_>) -> Reason {
    Reason::new(Stage::Certificate, cause).about(depth, certificate.subject())
}

/// Whether the extension 2.5.29.`number` is critical; `None` where it is not there.
fn criticality(certificate: &Certificate<'_>, number: u8) -> Option<bool> {
    certificate
        .extensions()
        .find(|extension| extension.oid == [0x55, 0x1d, number])
        .map(|extension| extension.critical)
}

/// A path that is acceptable otherwise, from the peer's own certificate to the anchor.
pub(super) fn path(
    leaf: &Certificate<'_>,
    between: &[CertificateDer<'_>],
    anchor: &Certificate<'_>,
) -> Result<(), Reason> {
    let mut child = *leaf;
    let mut depth = 0_u8;
    for der in between {
        let above = depth.saturating_add(1);
        let parent = Certificate::parse(der).map_err(|error| malformed(above, error))?;
        issued(&child, &parent, depth)?;
        child = parent;
        depth = above;
        issuer(&child, depth)?;
    }
    issued(&child, anchor, depth)?;
    let depth = depth.saturating_add(1);
    issuer(anchor, depth)?;
    if anchor.is_self_issued() {
        // Nobody looks for a root by its serial number: 9 of the 143 that Debian 12 trusts have number 0.
        return match has_authority_key_id(anchor) {
            // RFC 5280 §4.2.1.1: it may be left out.
            false => Ok(()),
            true => key_ids(anchor, anchor, depth),
        };
    }
    serial(anchor, depth)?;
    // Its issuer is unknown here.
    match anchor.authority_key_id() {
        None => Err(refuse(ProfileError::NoAuthorityKeyId, depth, anchor)),
        Some(_) => Ok(()),
    }
}

/// A certificate and the one that signed it.
fn issued(child: &Certificate<'_>, parent: &Certificate<'_>, depth: u8) -> Result<(), Reason> {
    serial(child, depth)?;
    key_ids(child, parent, depth)
}

/// RFC 5280 §4.1.2.2.
fn serial(certificate: &Certificate<'_>, depth: u8) -> Result<(), Reason> {
    let stored = certificate.serial();
    let zeros = stored.iter().take_while(|&&octet| octet == 0).count();
    let digits = stored.get(zeros..).unwrap_or_default();
    let negative = stored.first().is_some_and(|&octet| octet >= 0x80);
    if digits.is_empty() || negative {
        let reason = refuse(ProfileError::SerialNotPositive, depth, certificate);
        return Err(reason.finding(Hex(stored)));
    }
    if digits.len() > MAX_SERIAL {
        let octets = u16::try_from(digits.len()).unwrap_or(u16::MAX);
        let cause = ProfileError::SerialTooLong { octets };
        return Err(refuse(cause, depth, certificate));
    }
    Ok(())
}

fn has_authority_key_id(certificate: &Certificate<'_>) -> bool {
    const AUTHORITY_KEY_ID: u8 = 35;
    criticality(certificate, AUTHORITY_KEY_ID).is_some()
}

/// RFC 5280 §4.2.1.1: both are of the issuer's key.
fn key_ids(child: &Certificate<'_>, parent: &Certificate<'_>, depth: u8) -> Result<(), Reason> {
    let Some(named) = child.authority_key_id() else {
        return Err(refuse(ProfileError::NoAuthorityKeyId, depth, child));
    };
    match parent.subject_key_id() {
        Some(own) if own != named => Err(refuse(ProfileError::KeyIdMismatch, depth, child)
            .finding(Hex(named))
            .wanting(Hex(own))),
        // If it has none, the issuer itself is refused for that.
        _ => Ok(()),
    }
}

/// A certificate that signed another.
fn issuer(certificate: &Certificate<'_>, depth: u8) -> Result<(), Reason> {
    let cause = match criticality(certificate, BASIC_CONSTRAINTS) {
        None => ProfileError::NoBasicConstraints,
        Some(false) => ProfileError::BasicConstraintsNotCritical,
        Some(true) if certificate.key_usage().is_none() => ProfileError::NoKeyUsage,
        Some(true) if certificate.subject_key_id().is_none() => ProfileError::NoSubjectKeyId,
        Some(true) if criticality(certificate, NAME_CONSTRAINTS) == Some(false) => {
            ProfileError::NameConstraintsNotCritical
        }
        Some(true) => return Ok(()),
    };
    Err(refuse(cause, depth, certificate))
}

/// A peer's certificate that is the anchor itself: nobody's signature on it counts, so neither do key identifiers.
pub(super) fn pinned(leaf: &Certificate<'_>) -> Result<(), Reason> {
    serial(leaf, 0)
}

/// The peer's own certificate: what it is for.
pub(super) fn leaf(leaf: &Certificate<'_>, usage: Usage) -> Result<(), Reason> {
    let blame = |cause| Err(refuse(cause, 0, leaf));
    match leaf.extended_key_usage() {
        None => return blame(ProfileError::NoPurpose),
        Some(purposes) if purposes.any() => return blame(ProfileError::AnyPurpose),
        Some(_) => {}
    }
    // RFC 5280 §4.2.1.6.
    match criticality(leaf, SUBJECT_ALT_NAME) {
        Some(false) if leaf.subject().is_empty() => return blame(ProfileError::SanNotCritical),
        Some(true) if !leaf.subject().is_empty() => return blame(ProfileError::SanCritical),
        _ => {}
    }
    if let Some(name) = names(leaf).find(|name| !is_host_name(name)) {
        return Err(refuse(ProfileError::DnsNameSyntax, 0, leaf).finding(name));
    }
    match usage {
        Usage::Server => common_name(leaf),
        // A client is no host.
        Usage::Client => Ok(()),
    }
}

fn names<'a>(leaf: &Certificate<'a>) -> impl Iterator<Item = GeneralName<'a>> {
    leaf.subject_alt_names().into_iter().flatten()
}

/// False for a dNSName that is no host name: labels of letters, digits and inner hyphens, with `*` for the whole first
/// one (RFC 5280 §4.2.1.6, RFC 1034 §3.5, RFC 1123 §2.1).
fn is_host_name(name: &GeneralName<'_>) -> bool {
    match name {
        GeneralName::Dns(name) => {
            let labels = name.strip_prefix("*.").unwrap_or(name);
            labels.split('.').all(|label| {
                let inner = |octet: u8| octet.is_ascii_alphanumeric() || octet == b'-';
                !label.is_empty()
                    && label.len() <= 63
                    && label.bytes().all(inner)
                    && !label.starts_with('-')
                    && !label.ends_with('-')
            })
        }
        GeneralName::DnsNotAscii(_) => false,
        _ => true,
    }
}

/// RFC 9525 §2 leaves the CN out. Software that still reads it must not find a host that subjectAltName does not have,
/// nor the same host written in another way (CA/Browser Forum, Baseline Requirements §7.1.4.3).
fn common_name(leaf: &Certificate<'_>) -> Result<(), Reason> {
    let Some(text) = leaf.subject().common_name().and_then(|cn| cn.as_str()) else {
        return Ok(());
    };
    let mut names = names(leaf).peekable();
    // Without subjectAltName there is nothing to contradict.
    if !is_host(text) || names.peek().is_none() {
        return Ok(());
    }
    if names.any(|name| is_written(&name, text)) {
        return Ok(());
    }
    Err(refuse(ProfileError::CommonNameNotInSan, 0, leaf).finding(text))
}

/// Whether a person or a program takes this text for a host. A single label (`sensor7`) is a name for people.
fn is_host(text: &str) -> bool {
    text.parse::<IpAddr>().is_ok() || (text.contains('.') && !text.contains(char::is_whitespace))
}

/// Whether a name of a certificate is written like this, letter for letter; addresses as in RFC 5952.
fn is_written(name: &GeneralName<'_>, text: &str) -> bool {
    match name {
        GeneralName::Dns(name) => *name == text,
        GeneralName::Ip(octets) => {
            let address = <[u8; 4]>::try_from(*octets)
                .map(IpAddr::from)
                .or_else(|_| <[u8; 16]>::try_from(*octets).map(IpAddr::from));
            let mut rest = Rest(text);
            address.is_ok_and(|address| write!(rest, "{address}").is_ok() && rest.0.is_empty())
        }
        _ => false,
    }
}

/// Takes what is written from the start of a text; an error where it differs.
struct Rest<'a>(&'a str);

impl fmt::Write for Rest<'_> {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        self.0 = self.0.strip_prefix(part).ok_or(fmt::Error)?;
        Ok(())
    }
}

/// Octets in upper-case hex, with a colon between two, as `openssl x509 -ext subjectKeyIdentifier` prints them.
struct Hex<'a>(&'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().enumerate().try_for_each(|(place, octet)| {
            let colon = if place == 0 { "" } else { ":" };
            write!(f, "{colon}{octet:02X}")
        })
    }
}
