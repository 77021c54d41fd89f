//! Path validation measured on C2SP x509-limbo. What the cases are: `README.md` beside this file.
//!
//! With `X509_LIMBO` set, the suite's file of that path is judged, else the copy beside this file.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a harness: a panic is how it says no"
)]

mod divergences;
mod judge;
mod suite;

use std::collections::BTreeMap;
use std::fmt::Write as _;

use divergences::Direction;
use judge::{Unsupported, Verdict, judge, verify};
use suite::{Expected, Suite, beside, text, unanimous};
use tls_session::{Cause, CommonName};

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

fn verdicts(suite: &Suite) -> Vec<(&str, Verdict)> {
    suite
        .cases
        .iter()
        .map(|case| (case.id.as_str(), judge(case)))
        .collect()
}

#[test]
fn verdicts_differ_from_the_suite_where_the_table_says_and_nowhere_else() {
    let suite = Suite::chosen();
    let verdicts = verdicts(&suite);
    let report = report(&verdicts);
    println!("{report}");

    let groups = divergences::parse(&text(&beside("divergences.txt")));
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
    let verdicts = verdicts(&suite);
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
    for (id, verdict) in verdicts(&suite) {
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
            verify(case, CommonName::Ignored).is_ok()
                != verify(case, CommonName::CountsWithoutSan).is_ok()
        })
        .map(|case| case.id.as_str())
        .collect();
    assert_eq!(changed, ["webpki::san::no-san"]);
}

/// What `docs/path-validation.md` says between these lines is made from what is measured here.
const MADE: [&str; 2] = ["<!-- made from x509-limbo -->", "<!-- end -->"];

#[test]
#[expect(clippy::too_many_lines, reason = "one claim, case after case")]
fn the_docs_say_what_was_measured() {
    let suite = Suite::ours();
    let verdicts = verdicts(&suite);
    let count = |wanted: fn(&Verdict) -> bool| verdicts.iter().filter(|(_, v)| wanted(v)).count();
    let accepted = suite
        .cases
        .iter()
        .zip(&verdicts)
        .filter(|(case, (_, verdict))| {
            matches!(verdict, Verdict::Agree(_)) && case.expected_result == Expected::Success
        })
        .count();
    let agree = count(|v| matches!(v, Verdict::Agree(_)));
    let mut made = String::new();
    let _ = writeln!(made, "| {} cases | |", suite.cases.len());
    let _ = writeln!(made, "|---|---|");
    let _ = writeln!(
        made,
        "| agree | {agree} ({accepted} accepted, {} refused) |",
        agree - accepted
    );
    let _ = writeln!(
        made,
        "| stricter | {} |",
        count(|v| matches!(v, Verdict::Stricter(_)))
    );
    let _ = writeln!(
        made,
        "| laxer | {} |",
        count(|v| matches!(v, Verdict::Laxer(_)))
    );
    let mut unsupported: BTreeMap<Unsupported, usize> = BTreeMap::new();
    for (_, verdict) in &verdicts {
        if let Verdict::Unsupported(rule) = verdict {
            *unsupported.entry(*rule).or_default() += 1;
        }
    }
    for (rule, cases) in unsupported {
        let _ = writeln!(made, "| unsupported: {} | {cases} |", rule.text());
    }
    let _ = writeln!(made, "\n| case | verdict | why |\n|---|---|---|");
    for group in divergences::parse(&text(&beside("divergences.txt"))) {
        let first = group.patterns.first().unwrap();
        let ids: Vec<String> = group
            .patterns
            .iter()
            .map(|pattern| {
                assert_eq!(pattern.direction, first.direction, "{}", group.reason);
                format!("`{}`", pattern.text)
            })
            .collect();
        let _ = writeln!(
            made,
            "| {} | {} | {} |",
            ids.join(" "),
            first.direction.word(),
            group.reason
        );
    }

    let docs = beside("../../../../docs/path-validation.md");
    let docs = text(&docs);
    let [start, end] = MADE;
    let (_, rest) = docs.split_once(start).expect(start);
    let (found, _) = rest.split_once(end).expect(end);
    assert!(
        found.trim() == made.trim(),
        "between `{start}` and `{end}` must stand:\n\n{made}"
    );
}
