//! Is this certificate for that name? (RFC 9525; RFC 6125 for the CN.)

use core::fmt;

use crate::reason::{Cause, CertificateError, Reason, Stage, TEXT_LEN};
use rustls_pki_types::CertificateDer;
use webpki::EndEntityCert;
use x509_facts::{Certificate, GeneralName, Name};

use crate::policy::{CommonName, NameRule, PeerName};

/// SANs as RFC 9525 §6 has it: letter case apart, `*` for the whole leftmost label only and never
/// above a single label, a trailing dot in the name asked for ignored, addresses in iPAddress only.
///
/// `constrained`: the path has name constraints. RFC 5280 §4.2.1.10 applies them to SANs, so a CN
/// under them would be a way around, and counts for nothing.
pub(super) fn check(
    rule: NameRule<'_>,
    leaf: &Certificate<'_>,
    constrained: bool,
) -> Result<(), Reason> {
    let NameRule::MustMatch { name, common_name } = rule else {
        return Ok(());
    };
    let refusal = |cause| {
        Reason::new(Stage::Certificate, cause)
            .about(0, leaf.subject())
            .wanting(name.as_str())
    };
    if let Some(mut names) = leaf.subject_alt_names()
        && !names.any(|name| host_name(&name))
    {
        // RFC 9525 §6.3: there is a SAN, so the CN does not count, and no identifier of a host is in it.
        let found = "subjectAltName has neither a DNS name nor an address";
        return Err(refusal(Cause::Certificate(CertificateError::NoName)).finding(found));
    }
    if leaf.subject_alt_names().is_none() {
        return match (common_name, common_name_matches(leaf.subject(), name)) {
            (CommonName::Ignored, _) => Err(refusal(Cause::Certificate(CertificateError::NoName))),
            (CommonName::CountsWithoutSan, false) => {
                let reason = refusal(Cause::Certificate(CertificateError::NameMismatch));
                Err(match leaf.subject().common_name() {
                    Some(cn) => reason.finding(format_args!("CN={cn}, and no subjectAltName")),
                    None => reason.finding("neither subjectAltName nor CN"),
                })
            }
            (CommonName::CountsWithoutSan, true) if constrained => Err(refusal(
                Cause::Certificate(CertificateError::NameConstraint),
            )),
            (CommonName::CountsWithoutSan, true) => Ok(()),
        };
    }
    let wanted = name.server_name().map_err(refusal)?;
    let der = CertificateDer::from(leaf.der());
    let certificate = EndEntityCert::try_from(&der)
        .map_err(|_| refusal(Cause::Certificate(CertificateError::Malformed)))?;
    certificate
        .verify_is_valid_for_subject_name(&wanted)
        .map_err(|_| {
            let (reason, found) = (
                refusal(Cause::Certificate(CertificateError::NameMismatch)),
                Names::of_hosts(leaf),
            );
            // An address as text in a DNS name looks right and counts for nothing.
            match name.is_ip_address() && !has_address(leaf) {
                true => reason.finding(format_args!("no IP entry, only {found}")),
                false => reason.finding(found),
            }
        })
}

/// Whether a client may find the name of its server in it.
const fn host_name(name: &GeneralName<'_>) -> bool {
    matches!(
        name,
        GeneralName::Dns(_) | GeneralName::DnsNotAscii(_) | GeneralName::Ip(_)
    )
}

fn has_address(certificate: &Certificate<'_>) -> bool {
    let mut names = certificate.subject_alt_names().into_iter().flatten();
    names.any(|name| matches!(name, GeneralName::Ip(_)))
}

/// Displays names of a certificate, as many as fit a [`Text`](crate::reason::Text), then how many more.
pub(super) struct Names<'c, 'a> {
    certificate: &'c Certificate<'a>,
    counts: fn(&GeneralName<'_>) -> bool,
}

impl<'c, 'a> Names<'c, 'a> {
    /// Leaves room for ` and 12345 more`.
    const ROOM: usize = TEXT_LEN - 20;

    /// Those of hosts.
    fn of_hosts(certificate: &'c Certificate<'a>) -> Self {
        Self {
            certificate,
            counts: host_name,
        }
    }

    /// Those of any kind.
    pub(super) fn all(certificate: &'c Certificate<'a>) -> Self {
        Self {
            certificate,
            counts: |_| true,
        }
    }
}

impl fmt::Display for Names<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.certificate.subject_alt_names().into_iter().flatten();
        let mut names = names.filter(|name| (self.counts)(name));
        let mut used = 0_usize;
        while let Some(name) = names.next() {
            let mut len = Len(0);
            fmt::write(&mut len, format_args!("{name}, "))?;
            used = used.saturating_add(len.0);
            if used > Self::ROOM && used != len.0 {
                return write!(f, " and {} more", names.count().saturating_add(1));
            }
            let separator = if used == len.0 { "" } else { ", " };
            write!(f, "{separator}{name}")?;
        }
        Ok(())
    }
}

/// Counts the bytes that are written.
struct Len(usize);

impl fmt::Write for Len {
    fn write_str(&mut self, part: &str) -> fmt::Result {
        self.0 = self.0.saturating_add(part.len());
        Ok(())
    }
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
    let wanted = wanted.strip_suffix('.').unwrap_or(wanted);
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
