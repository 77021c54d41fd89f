//! The hints name as many parameters as the parser takes: each command is tried with one more and one fewer.
#![expect(clippy::expect_used, reason = "a test says no by panicking")]

use at_grammar::{ArgError, Command, Dialect, LineError, Mux, parameters, parse_line_as};

/// More than any command takes.
const TRIED_MAX: usize = 40;

/// Fewest and most parameters of a hint, a link number not counted; no most where something repeats.
fn counts(hint: &str) -> (usize, Option<usize>) {
    let hint = hint.strip_prefix("[<id>,]").unwrap_or(hint);
    let (mut depth, mut fewest, mut most) = (0_u32, 1, 1);
    let mut quoted = false;
    for character in hint.chars() {
        match character {
            '"' => quoted = !quoted,
            '[' => depth += 1,
            ']' => depth = depth.checked_sub(1).expect("brackets in pairs"),
            ',' if !quoted => {
                most += 1;
                fewest += usize::from(depth == 0);
            }
            _ => {}
        }
    }
    assert!(!quoted && depth == 0, "{hint}");
    (fewest, (!hint.contains('…')).then_some(most))
}

/// Whether a line with so many numbers is refused for their count, whatever the first of them is. `linked`: behind a link
/// number, with `AT+CIPMUX=1`. The link of `AT+CIPCLOSE=<id>` is its only parameter.
fn is_miscounted(name: &str, linked: bool, count: usize) -> bool {
    let closes = name == "AT+CIPCLOSE";
    (0..=4).all(|first| {
        let mut values = vec![first.to_string()];
        values.resize(count, "1".to_owned());
        let link = if linked { "0," } else { "" };
        let line = format!("{name}={link}{}", values.join(","));
        let mux = if linked || closes {
            Mux::Multiple
        } else {
            Mux::Single
        };
        let parsed = parse_line_as(line.as_bytes(), mux, Dialect::Legacy);
        matches!(parsed, Err(LineError::Argument(ArgError::Count { .. })))
    })
}

#[test]
fn every_set_form_has_hints_and_nothing_else_has() {
    for row in Command::TABLE {
        let hinted = !parameters(row.name).is_empty();
        // `AT+RST=<mode>` is taken, and not announced.
        let has = row.forms.set || row.name == "AT+RST";
        assert_eq!(hinted, has, "{}", row.name);
    }
    assert!(parameters("AT+NOTHING").is_empty());
}

#[test]
fn hints_count_as_the_parser_does() {
    for row in Command::TABLE {
        let hints = parameters(row.name);
        let Some(fewest) = hints.iter().map(|hint| counts(hint).0).min() else {
            continue;
        };
        let most = hints
            .iter()
            .map(|hint| counts(hint).1)
            .try_fold(0, |most, count| Some(most.max(count?)));
        let can_link = hints.iter().any(|hint| hint.starts_with("[<id>,]"));
        for linked in [false, true]
            .into_iter()
            .filter(|linked| can_link || !linked)
        {
            for count in 1..=TRIED_MAX {
                let outside = count < fewest || most.is_some_and(|most| count > most);
                let refused = is_miscounted(row.name, linked, count);
                let hint = hints.join(" or ");
                if outside {
                    assert!(refused, "{}={hint}: {count} are taken", row.name);
                }
                if count == fewest || Some(count) == most {
                    assert!(!refused, "{}={hint}: {count} are refused", row.name);
                }
            }
        }
    }
}
