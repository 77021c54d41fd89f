//! Counts by name, and the judgement of what has grown.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

/// By how much a count may grow, in percent.
const LIMIT: f64 = 3.0;
/// The same where another compiler made the program.
const LIMIT_OF_ANOTHER_COMPILER: f64 = 15.0;

/// Names of rows that were counted on an emulated chip, begin like this.
pub(crate) const CHIP: &str = "chip.";

/// Instructions for each unit of a row, two decimals.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Counts(BTreeMap<String, f64>);

impl Counts {
    /// Adds a row. Of one that is there already the larger count stays.
    pub(crate) fn insert(&mut self, row: &str, total: u64, units: u32) {
        // Counts are far below 2^52.
        let total: f64 = total.to_string().parse().unwrap_or(f64::INFINITY);
        let each = (total / f64::from(units) * 100.0).round() / 100.0;
        let count = self.0.entry(row.to_owned()).or_insert(each);
        *count = count.max(each);
    }

    pub(crate) fn extend(&mut self, of_chip: impl Iterator<Item = (String, u64)>) {
        for (row, total) in of_chip {
            self.insert(&format!("{CHIP}{row}"), total, 1);
        }
    }

    pub(crate) fn get(&self, row: &str) -> Option<f64> {
        self.0.get(row).copied()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, f64)> {
        self.0.iter().map(|(row, count)| (row.as_str(), *count))
    }
}

/// All that callgrind counted in one part.
pub(crate) fn total(part: &str) -> Result<u64> {
    let number = part.lines().find_map(|line| {
        line.strip_prefix("totals: ")
            .or_else(|| line.strip_prefix("summary: "))
    });
    let number = number.context("no totals of callgrind")?;
    number.trim().parse().context("no number")
}

/// Counts, and which compilers made the programs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Baseline {
    pub(crate) host_compiler: String,
    pub(crate) chip_compiler: String,
    pub(crate) counts: Counts,
}

impl Baseline {
    pub(crate) fn parse(json: &str) -> Result<Self> {
        serde_json::from_str(json).context("unexpected baseline")
    }

    pub(crate) fn to_json(&self) -> Result<String> {
        Ok(serde_json::to_string_pretty(self)? + "\n")
    }

    fn limit(&self, row: &str, found: &Self) -> f64 {
        let same = if row.starts_with(CHIP) {
            self.chip_compiler == found.chip_compiler
        } else {
            self.host_compiler == found.host_compiler
        };
        if same {
            LIMIT
        } else {
            LIMIT_OF_ANOTHER_COMPILER
        }
    }

    /// What has grown, is missing or is new.
    pub(crate) fn complaints(&self, found: &Self) -> Vec<String> {
        let mut complaints = Vec::new();
        for (row, before) in self.counts.iter() {
            let Some(now) = found.counts.get(row) else {
                complaints.push(format!("{row} was not counted"));
                continue;
            };
            let limit = self.limit(row, found);
            let growth = (now / before - 1.0) * 100.0;
            if now * 100.0 > before * (100.0 + limit) {
                complaints.push(format!(
                    "{row}: {before} instructions before, {now} now, {growth:.1} % more; the limit is {limit} %"
                ));
            }
        }
        for (row, _) in found.counts.iter() {
            if self.counts.get(row).is_none() {
                complaints.push(format!("{row} is new: `cargo xtask bench --mode record`"));
            }
        }
        complaints
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn baseline(rows: &[(&str, u64)]) -> Baseline {
        let mut counts = Counts::default();
        for (row, total) in rows {
            counts.insert(row, *total, 10);
        }
        Baseline {
            host_compiler: "one".to_owned(),
            chip_compiler: "two".to_owned(),
            counts,
        }
    }

    #[test]
    fn three_percent_more_pass_and_what_goes_beyond_is_named() {
        let before = baseline(&[("a", 1000), ("chip.b", 1000)]);
        for (a, b, expected) in [
            (1030, 1030, vec![]),
            (10, 10, vec![]),
            (
                1031,
                1000,
                vec!["a: 100 instructions before, 103.1 now, 3.1 % more; the limit is 3 %"],
            ),
            (
                1000,
                2000,
                vec!["chip.b: 100 instructions before, 200 now, 100.0 % more; the limit is 3 %"],
            ),
        ] {
            let found = baseline(&[("a", a), ("chip.b", b)]);
            assert_eq!(before.complaints(&found), expected);
        }
    }

    #[test]
    fn another_compiler_has_more_room_where_it_was_used() {
        let before = baseline(&[("a", 1000), ("chip.b", 1000)]);
        let mut found = baseline(&[("a", 1100), ("chip.b", 1100)]);
        found.chip_compiler = "three".to_owned();
        let complaints = before.complaints(&found);
        assert_eq!(complaints.len(), 1);
        assert!(complaints[0].starts_with("a: "), "{complaints:?}");
    }

    #[test]
    fn rows_that_come_and_go_are_named() {
        let (before, found) = (baseline(&[("a", 1)]), baseline(&[("b", 1)]));
        assert_eq!(
            before.complaints(&found),
            [
                "a was not counted",
                "b is new: `cargo xtask bench --mode record`"
            ]
        );
    }

    #[test]
    fn of_a_row_that_comes_again_the_larger_count_stays() {
        let mut counts = Counts::default();
        for total in [5, 7, 6] {
            counts.insert("a", total, 1);
        }
        assert_eq!(counts.get("a"), Some(7.0));
    }

    #[test]
    fn a_baseline_is_read_as_it_was_written() {
        let before = baseline(&[("a", 1234), ("chip.b", 5)]);
        let json = before.to_json().unwrap();
        assert_eq!(Baseline::parse(&json).unwrap(), before);
        assert!(json.contains("\"a\": 123.4"), "{json}");
    }

    #[test]
    fn totals_are_taken_from_a_part_of_callgrind() {
        assert_eq!(total("fn=(1)\n1 5\n\ntotals: 42\n").unwrap(), 42);
        assert_eq!(total("summary: 7\nfn=(1)\n").unwrap(), 7);
        assert!(total("events: Ir\n").is_err());
        assert!(total("totals: many\n").is_err());
    }
}
