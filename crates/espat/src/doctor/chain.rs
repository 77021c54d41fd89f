//! The certificates that the server sent, for a reader.

use serde_json::{Value, json};
use x509_facts::{Certificate, GeneralName, Timestamp};

use super::step::Step;
use crate::pki;

const NAME: &str = "chain";

/// Each certificate below the one that it signed.
pub(super) fn step(chain: &[Vec<u8>]) -> Step {
    if chain.is_empty() {
        return Step::failed(
            NAME,
            "no_certificate",
            "the server sent no certificate",
            "a server with a pre-shared key has none: AT+CIPSSLCPSK",
        );
    }
    let mut details = Vec::new();
    let mut data = Vec::new();
    let mut unreadable = 0_usize;
    let mut in_order = true;
    let mut issuer: Option<String> = None;
    for (depth, der) in chain.iter().enumerate() {
        let indent = "  ".repeat(depth);
        let certificate = match Certificate::parse(der) {
            Ok(certificate) => certificate,
            Err(error) => {
                unreadable = unreadable.saturating_add(1);
                details.push(format!("{indent}{depth} cannot be read: {error}"));
                continue;
            }
        };
        let subject = certificate.subject().to_string();
        in_order &= issuer.is_none_or(|issuer| issuer == subject);
        issuer = Some(certificate.issuer().to_string());
        details.push(format!("{indent}{depth} {subject}"));
        details.extend(facts(&certificate).map(|line| format!("{indent}    {line}")));
        data.push(in_json(&certificate));
    }
    let count = match chain.len() {
        1 => "the server sent 1 certificate".to_owned(),
        count => format!("the server sent {count} certificates"),
    };
    let step = if unreadable > 0 {
        let message = format!("{count}, {unreadable} of which cannot be read");
        Step::failed(
            NAME,
            "malformed",
            message,
            "give the server a well-formed certificate",
        )
    } else if in_order {
        Step::passed(NAME, count)
    } else {
        Step::warning(
            NAME,
            "order",
            format!("{count}, not each signed by the next"),
            "TLS 1.2 wants them in order; put the server's own first, then its issuer and so on",
        )
    };
    step.with_details(details).with_data(Value::Array(data))
}

/// What a reader looks for.
fn facts(certificate: &Certificate<'_>) -> [String; 4] {
    let validity = certificate.validity();
    [
        format!("issuer  {}", certificate.issuer()),
        format!("valid   {} to {}", validity.not_before, validity.not_after),
        format!("key     {}", certificate.key_kind()),
        format!("sha256 {}", pki::sha256(certificate.der())),
    ]
}

fn in_json(certificate: &Certificate<'_>) -> Value {
    let validity = certificate.validity();
    json!({
        "subject": certificate.subject().to_string(),
        "issuer": certificate.issuer().to_string(),
        "not_before": validity.not_before.to_string(),
        "not_after": validity.not_after.to_string(),
        "key": certificate.key_kind().to_string(),
        "names": names(certificate),
        "sha256": pki::sha256(certificate.der()),
    })
}

/// The names that clients look for.
pub(super) fn names(certificate: &Certificate<'_>) -> Vec<String> {
    certificate
        .subject_alt_names()
        .into_iter()
        .flatten()
        .filter(|name| matches!(name, GeneralName::Dns(_) | GeneralName::Ip(_)))
        .map(|name| name.to_string())
        .collect()
}

/// A time at which all of these are valid, if there is one: the latest beginning.
pub(super) fn common_time(ders: &[&[u8]]) -> Option<Timestamp> {
    let validities = || {
        let parsed = ders.iter().filter_map(|der| Certificate::parse(der).ok());
        parsed.map(|it| it.validity())
    };
    let begin = validities().map(|it| it.not_before).max()?;
    let end = validities().map(|it| it.not_after).min()?;
    (begin <= end).then_some(begin)
}

/// Are the dates of what was sent right at `now`?
pub(super) fn dates(chain: &[Vec<u8>], now: Timestamp, whose: &str) -> Step {
    const NAME: &str = "dates";
    let mut first_end: Option<Timestamp> = None;
    for der in chain {
        let Ok(certificate) = Certificate::parse(der) else {
            continue;
        };
        let validity = certificate.validity();
        let subject = certificate.subject();
        if now < validity.not_before {
            return Step::failed(
                NAME,
                "not_yet_valid",
                format!(
                    "{subject} is valid from {}; {whose} shows {now}",
                    validity.not_before
                ),
                "set the clock (AT+CIPSNTPCFG), or wait",
            );
        }
        if now > validity.not_after {
            return Step::failed(
                NAME,
                "expired",
                format!(
                    "{subject} was valid until {}; {whose} shows {now}",
                    validity.not_after
                ),
                "renew the server's certificate, or set the clock right",
            );
        }
        first_end = first_end.map_or(Some(validity.not_after), |end| {
            Some(end.min(validity.not_after))
        });
    }
    match first_end {
        Some(end) => Step::passed(NAME, format!("all valid at {now}, the first ends {end}")),
        None => Step::skipped(NAME, "no certificate to look at"),
    }
}
