//! The tables of `docs/path-validation.md` are made from what is measured here.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use tls_session::Profile;

use crate::judge::{Unsupported, Verdict};
use crate::suite::{Expected, Suite, beside, text};
use crate::{divergences, table, verdicts};

const END: &str = "<!-- end -->";

const fn start(profile: Profile) -> &'static str {
    match profile {
        Profile::Lenient => "<!-- made from x509-limbo -->",
        Profile::Strict => "<!-- made from x509-limbo, strict -->",
    }
}

#[test]
fn the_docs_say_what_was_measured() {
    let docs = text(&beside("../../../../docs/path-validation.md"));
    for profile in [Profile::Lenient, Profile::Strict] {
        let made = format!("{}\n{}", numbers(profile), reasons(profile));
        let start = start(profile);
        let (_, rest) = docs.split_once(start).expect(start);
        let (found, _) = rest.split_once(END).expect(END);
        assert!(
            found.trim() == made.trim(),
            "between `{start}` and `{END}` must stand:\n\n{made}"
        );
    }
}

/// How many cases have which verdict.
fn numbers(profile: Profile) -> String {
    let suite = Suite::ours();
    let verdicts = verdicts(&suite, profile);
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
    made
}

/// Each divergence with its reason.
fn reasons(profile: Profile) -> String {
    let mut made = String::new();
    let _ = writeln!(made, "| case | verdict | why |\n|---|---|---|");
    for group in divergences::parse(&text(&beside(table(profile)))) {
        let first = group.patterns.first().expect("a pattern");
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
    made
}
