//! Path validation measured on C2SP x509-limbo. What the cases are: `README.md` beside this file.
//!
//! With `X509_LIMBO` set, the suite's file of that path is judged, else the copy beside this file.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a harness: a panic is how it says no"
)]

mod divergences;
mod docs;
mod judge;
mod suite;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use divergences::Direction;
use judge::{Unsupported, Verdict, judge, verify};
use suite::{Suite, beside, text, unanimous};
use tls_session::{Cause, CommonName, Profile};

/// The name of a cause, without its layer and its numbers.
fn kind(cause: &Cause) -> String {
    let name = format!("{cause:?}");
    name.split(|c: char| !c.is_ascii_alphanumeric())
        .nth(1)
        .unwrap_or_default()
        .to_owned()
}

/// Counts and ids, by verdict and within it by reason.
fn report(verdicts: &[(&str, Verdict)]) -> String {
    let mut groups: BTreeMap<(u8, &str), BTreeMap<String, Vec<&str>>> = BTreeMap::new();
    for (id, verdict) in verdicts {
        let (group, reason) = match verdict {
            Verdict::Agree(None) => ((0, "agree"), "accepted".to_owned()),
            Verdict::Agree(Some(cause)) => ((0, "agree"), format!("refused: {}", kind(cause))),
            Verdict::Stricter(cause) => ((1, "stricter"), kind(cause)),
            Verdict::Laxer(accepted) => ((2, "laxer"), format!("{accepted:?}")),
            Verdict::Unsupported(rule) => ((3, "unsupported"), rule.text().to_owned()),
        };
        groups
            .entry(group)
            .or_default()
            .entry(reason)
            .or_default()
            .push(id);
    }
    let mut out = String::new();
    for ((_, name), reasons) in groups {
        let count: usize = reasons.values().map(Vec::len).sum();
        let _ = writeln!(out, "{name}: {count}");
        for (reason, ids) in reasons {
            let _ = writeln!(out, "  {:4} {reason}", ids.len());
            if name != "agree" {
                for id in ids {
                    let _ = writeln!(out, "         {id}");
                }
            }
        }
    }
    out
}

fn verdicts(suite: &Suite, profile: Profile) -> Vec<(&str, Verdict)> {
    suite
        .cases
        .iter()
        .map(|case| (case.id.as_str(), judge(case, profile)))
        .collect()
}

/// The table of what differs under a profile.
fn table(profile: Profile) -> &'static str {
    match profile {
        Profile::Lenient => "divergences.txt",
        Profile::Strict => "divergences-strict.txt",
    }
}

#[test]
fn verdicts_differ_from_the_suite_where_the_table_says_and_nowhere_else() {
    differ_where_the_table_says(Profile::Lenient);
}

#[test]
fn under_the_strict_profile_too() {
    differ_where_the_table_says(Profile::Strict);
}

fn differ_where_the_table_says(profile: Profile) {
    let suite = Suite::chosen();
    let verdicts = verdicts(&suite, profile);
    let report = report(&verdicts);
    println!("{report}");

    let groups = divergences::parse(&text(&beside(table(profile))));
    let known: Vec<_> = groups.iter().flat_map(|group| &group.patterns).collect();
    let mut wrong = String::new();
    for (id, verdict) in &verdicts {
        let found = Direction::of(verdict);
        let mut listed = known.iter().filter(|pattern| pattern.matches(id));
        match (found, listed.next()) {
            (None, None) => {}
            (Some(found), Some(pattern)) if found == pattern.direction => {}
            (found, pattern) => {
                let _ = writeln!(wrong, "{id}: {found:?}, in the table {pattern:?}");
            }
        }
        if let Some(second) = listed.next() {
            let _ = writeln!(wrong, "{id}: listed twice, again as {second:?}");
        }
    }
    assert!(wrong.is_empty(), "{report}\n{wrong}");
}

#[test]
fn what_four_verifiers_agree_on_is_agreed_here() {
    let suite = Suite::ours();
    let verdicts = verdicts(&suite, Profile::Lenient);
    let unanimous = unanimous();
    assert_eq!(unanimous.len(), 83);
    for id in &unanimous {
        let (_, verdict) = verdicts.iter().find(|(found, _)| found == id).unwrap();
        assert!(matches!(verdict, Verdict::Agree(_)), "{id}: {verdict:?}");
    }
}

/// Where an id says what is wrong, the refusal must be for that. The first line that fits counts.
const CAUSES: &[(&str, &str)] = &[
    ("rfc5280::validity::expired-", "Expired"),
    ("rfc5280::validity::not-yet-valid-", "NotYetValid"),
    ("rfc5280::validity::notbefore-fractional", "NotYetValid"),
    ("rfc5280::unknown-critical-extension-", "CriticalExtension"),
    ("rfc5280::aki::critical-aki", "CriticalExtension"),
    ("rfc5280::ski::critical-ski", "CriticalExtension"),
    ("rfc5280::ee-critical-aia-invalid", "CriticalExtension"),
    ("rfc5280::pc::ica-noncritical-pc", "CriticalExtension"),
    ("rfc5280::duplicate-extensions", "Malformed"),
    ("rfc5280::mismatching-signature-algorithm", "Malformed"),
    ("rfc5280::san::malformed", "Malformed"),
    ("rfc5280::san::ip-in-dns", "NameMismatch"),
    ("rfc5280::eku::", "ExtendedKeyUsage"),
    ("rfc5280::nc::not-allowed-in-ee-", "ExtensionMisuse"),
    ("rfc5280::leaf-ku-keycertsign", "ExtensionMisuse"),
    // A name that is none; only then is it outside of anything.
    ("rfc5280::nc::nc-permits-invalid-", "Malformed"),
    ("rfc5280::nc::", "NameConstraint"),
    ("cve::cve-2025-61727", "NameConstraint"),
    ("rfc5280::chain-untrusted-root", "NotTrusted"),
    ("rfc5280::ca-empty-subject", "NamelessIssuer"),
    ("rfc5280::intermediate-ca-without-ca-bit", "NotCa"),
    ("rfc5280::root-inconsistent-ca-extensions", "KeyUsage"),
    ("pathological::intermediate-cycle-", "NotTrusted"),
    ("pathological::pathological-chain-", "TooLarge"),
    ("pathlen::intermediate-", "PathLen"),
    ("invalid::invalid-issuer-key", "CertificateSignature"),
    ("webpki::nc::intermediate-", "ExtensionMisuse"),
    ("webpki::san::no-san", "NoName"),
    ("webpki::san::unicode-emoji-san", "NameMismatch"),
    ("webpki::san::", "NameMismatch"),
    ("webpki::forbidden-weak-rsa-", "KeySize"),
    ("webpki::forbidden-p192-", "KeyAlgorithm"),
    ("webpki::forbidden-dsa-leaf", "KeyAlgorithm"),
    ("webpki::forbidden-dsa-root", "SignatureAlgorithm"),
    ("webpki::explicit-curve", "KeyAlgorithm"),
    ("webpki::v1-cert", "OldVersion"),
    ("webpki::ca-as-leaf", "LeafIsCa"),
    ("webpki::ee-basicconstraints-ca", "LeafIsCa"),
    ("webpki::cryptographydotio-chain-missing-", "NotTrusted"),
];

#[test]
fn a_refusal_is_for_what_the_id_says() {
    let suite = Suite::chosen();
    let mut judged = 0;
    for (id, verdict) in verdicts(&suite, Profile::Lenient) {
        let Verdict::Agree(Some(cause)) = verdict else {
            continue;
        };
        if let Some((_, expected)) = CAUSES.iter().find(|(start, _)| id.starts_with(start)) {
            assert_eq!(kind(&cause), *expected, "{id}");
            judged += 1;
        }
    }
    assert!(judged > 0);
    for (start, _) in CAUSES {
        assert!(
            Suite::ours()
                .cases
                .iter()
                .any(|case| case.id.starts_with(start)),
            "{start} fits nothing"
        );
    }
}

/// ESP-AT lets the CN count where there is no SAN. That must change the verdict there and nowhere else.
#[test]
fn the_cn_counts_where_it_was_asked_to_and_there_is_no_san() {
    let suite = Suite::ours();
    let changed: Vec<&str> = suite
        .cases
        .iter()
        .filter(|case| Unsupported::of(case).is_none())
        .filter(|case| {
            verify(case, CommonName::Ignored, Profile::Lenient).is_ok()
                != verify(case, CommonName::CountsWithoutSan, Profile::Lenient).is_ok()
        })
        .map(|case| case.id.as_str())
        .collect();
    assert_eq!(changed, ["webpki::san::no-san"]);
}

/// The strict profile refuses more, each case for a reason of its own, and accepts nothing that the lenient one refuses.
#[test]
fn what_the_strict_profile_adds() {
    let suite = Suite::ours();
    let mut refused = 0;
    for case in suite
        .cases
        .iter()
        .filter(|it| Unsupported::of(it).is_none())
    {
        let of = |profile| verify(case, CommonName::Ignored, profile);
        match (of(Profile::Lenient), of(Profile::Strict)) {
            (Ok(lenient), Ok(strict)) => assert_eq!(lenient, strict, "{}", case.id),
            (Ok(_), Err(cause)) => {
                assert!(matches!(cause, Cause::Profile(_)), "{}: {cause:?}", case.id);
                refused += 1;
            }
            (Err(_), strict) => assert!(strict.is_err(), "{}: {strict:?}", case.id),
        }
    }
    assert!(refused > 0);
    for (id, expected) in STRICT_CAUSES {
        let case = suite.cases.iter().find(|case| case.id == *id).expect(id);
        let cause = verify(case, CommonName::Ignored, Profile::Strict).expect_err(id);
        assert_eq!(kind(&cause), *expected, "{id}");
    }
}

const STRICT_CAUSES: &[(&str, &str)] = &[
    ("rfc5280::serial::zero", "SerialNotPositive"),
    ("rfc5280::serial::negative", "SerialNotPositive"),
    ("rfc5280::serial::too-long", "SerialTooLong"),
    (
        "rfc5280::root-missing-basic-constraints",
        "NoBasicConstraints",
    ),
    (
        "rfc5280::root-non-critical-basic-constraints",
        "BasicConstraintsNotCritical",
    ),
    ("rfc5280::ski::root-missing-ski", "NoSubjectKeyId"),
    ("rfc5280::ski::intermediate-missing-ski", "NoSubjectKeyId"),
    ("rfc5280::aki::leaf-missing-aki", "NoAuthorityKeyId"),
    ("rfc5280::aki::intermediate-missing-aki", "NoAuthorityKeyId"),
    (
        "rfc5280::aki::cross-signed-root-missing-aki",
        "NoAuthorityKeyId",
    ),
    (
        "webpki::aki::root-with-aki-missing-keyidentifier",
        "NoAuthorityKeyId",
    ),
    ("webpki::aki::root-with-aki-ski-mismatch", "KeyIdMismatch"),
    (
        "rfc5280::nc::permitted-dns-match-noncritical",
        "NameConstraintsNotCritical",
    ),
    (
        "rfc5280::san::noncritical-with-empty-subject",
        "SanNotCritical",
    ),
    (
        "webpki::san::san-critical-with-nonempty-subject",
        "SanCritical",
    ),
    ("rfc5280::san::underscore-dns", "DnsNameSyntax"),
    ("webpki::eku::ee-without-eku", "NoPurpose"),
    ("webpki::eku::ee-anyeku", "AnyPurpose"),
    ("webpki::cn::not-in-san", "CommonNameNotInSan"),
    ("webpki::cn::case-mismatch", "CommonNameNotInSan"),
    ("webpki::cn::ipv6-uppercase-mismatch", "CommonNameNotInSan"),
];
