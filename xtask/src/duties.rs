//! Duties of TLS sessions and claims of the threat model, and the tests and fuzz targets that hold them:
//! `docs/spec/duties-tests.md`, `docs/threat-model.md`.
//!
//! Each duty and each claim has a row, and each test or target that a row names exists.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

use crate::fuzz;

/// The table of tests.
const TABLE: &str = "docs/spec/duties-tests.md";

/// The table of claims.
const THREATS: &str = "docs/threat-model.md";

/// Heads of its columns that name what holds a claim.
const HOLDERS: [&str; 2] = ["tests", "targets"];

/// Where the duties are: the line at which they begin, and the one before which they end.
const DUTIES: &[(&str, &str, &str)] = &[
    ("docs/spec/tls-duties.md", "# ", "## 4. "),
    ("docs/spec/tls-duties-2.md", "# ", "## F. "),
];

/// Complaints about the table, each with its line. `sources` are the Rust sources of the workspace.
pub(crate) fn check<'s>(
    root: &Path,
    sources: impl Iterator<Item = &'s str>,
) -> Result<Vec<String>> {
    let read = |file: &str| {
        fs::read_to_string(root.join(file)).with_context(|| format!("cannot read {file}"))
    };
    let mut duties = BTreeSet::new();
    for (file, begin, end) in DUTIES {
        let text = read(file)?;
        let lines = text.lines().skip_while(|line| !line.starts_with(begin));
        let lines = lines.take_while(|line| !line.starts_with(end));
        duties.extend(lines.filter_map(row));
    }
    let tests: BTreeSet<&str> = sources.flat_map(tests).collect();
    let targets: Vec<String> = fuzz::targets(&root.join(fuzz::BODIES))?
        .into_iter()
        .map(|(_, name)| name)
        .collect();
    let of = |file: &str, found: Vec<(usize, String)>| {
        let lines = found.into_iter();
        let lines = lines.map(|(line, what)| format!("{file}:{line}: {what}"));
        lines.collect::<Vec<_>>()
    };
    let mut found = of(TABLE, complaints(&read(TABLE)?, &duties, &tests));
    found.extend(of(THREATS, unheld(&read(THREATS)?, &tests, &targets)));
    Ok(found)
}

/// Rows of the tables that have such columns: a claim that nothing holds, and what does not exist.
fn unheld(text: &str, tests: &BTreeSet<&str>, targets: &[String]) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut holders: Vec<usize> = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        if !line.starts_with('|') {
            holders.clear();
            continue;
        }
        if holders.is_empty() {
            let heads = cells.iter().enumerate();
            holders.extend(heads.filter(|(_, it)| HOLDERS.contains(it)).map(|it| it.0));
            continue;
        }
        if line.starts_with("|-") {
            continue;
        }
        let named = holders.iter().filter_map(|column| cells.get(*column));
        let named: Vec<&str> = named
            .flat_map(|cell| cell.split('`').skip(1).step_by(2))
            .collect();
        if named.is_empty() {
            found.push((number, "no test and no target holds this claim".to_owned()));
        }
        for name in named {
            if !tests.contains(name) && !targets.iter().any(|target| target == name) {
                found.push((number, format!("there is no test or target `{name}`")));
            }
        }
    }
    found
}

fn complaints(table: &str, duties: &BTreeSet<u16>, tests: &BTreeSet<&str>) -> Vec<(usize, String)> {
    let mut missing = duties.clone();
    let mut found = Vec::new();
    for (number, line) in (1..).zip(table.lines()) {
        if let Some(duty) = row(line) {
            missing.remove(&duty);
        }
        let is_row = line.starts_with("| ") && line.contains('`');
        for name in line.split('`').skip(1).step_by(2).filter(|_| is_row) {
            if !tests.contains(name) {
                found.push((number, format!("there is no test `{name}`")));
            }
        }
    }
    let last = table.lines().count();
    found.extend(
        missing
            .into_iter()
            .map(|duty| (last, format!("duty {duty} has no row"))),
    );
    found
}

/// The number in the first column of a row that has more.
fn row(line: &str) -> Option<u16> {
    let (number, rest) = line.strip_prefix("| ")?.split_once(" |")?;
    rest.contains('|').then(|| number.parse().ok())?
}

/// The names of the tests of a source.
fn tests(source: &str) -> impl Iterator<Item = &str> {
    let mut is_test = false;
    source.lines().filter_map(move |line| {
        let line = line.trim_start();
        if line.starts_with("#[test]") {
            is_test = true;
            return None;
        }
        let name = line.strip_prefix("fn ")?.split(['(', '<']).next()?;
        std::mem::take(&mut is_test).then_some(name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_functions_that_are_tests_count() {
        let source = "fn a() {}\n#[test]\nfn b() {}\n    #[test]\n    // why\n    #[cfg(unix)]\n    \
                      fn c<T>() {}\nfn d() {}\n";
        assert_eq!(tests(source).collect::<Vec<_>>(), ["b", "c"]);
    }

    #[test]
    fn each_claim_has_a_test_or_a_target_that_exists() {
        let text = "| asset | means |\n|---|---|\n| `x` | `y` |\n\n| claim | tests | targets |\n|---|---|---|\n\
                    | `no` a | `b` | `dns` |\n| b | `none` | |\n| c | | |\n| d | | `dns`, `d` |\n";
        let (tests, targets) = (BTreeSet::from(["b"]), ["dns".to_owned()]);
        let expected = [
            (8, "there is no test or target `none`".to_owned()),
            (9, "no test and no target holds this claim".to_owned()),
            (10, "there is no test or target `d`".to_owned()),
        ];
        assert_eq!(unheld(text, &tests, &targets), expected);
    }

    #[test]
    fn each_duty_has_a_row_and_each_row_its_tests() {
        let table = "`no` row\n| duty | tests |\n|---:|---|\n| 1 | `b`<br>`c` |\n| 3 | `e` |\n";
        let (duties, tests) = (BTreeSet::from([1, 2, 3]), BTreeSet::from(["b", "c"]));
        let found = complaints(table, &duties, &tests);
        let expected = [
            (5, "there is no test `e`".to_owned()),
            (5, "duty 2 has no row".to_owned()),
        ];
        assert_eq!(found, expected);
    }
}
