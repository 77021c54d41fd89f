//! The table of `docs/performance.md`.

use std::fmt::Write as _;

use anyhow::{Context as _, Result};

use super::counts::Counts;
use super::rows::ROWS;

/// The table stands between these.
const COUNTS: [&str; 2] = [
    "<!-- counts: cargo xtask bench --mode record -->\n",
    "<!-- end of counts -->\n",
];
/// So does that of the peers.
const PEERS: [&str; 2] = [
    "<!-- peers: cargo xtask bench --mode peers -->\n",
    "<!-- end of peers -->\n",
];

/// As a Markdown table. Rows that were not counted are left out.
pub(crate) fn table(counts: &Counts) -> String {
    let mut text = "| what | for each | instructions | goal |\n|---|---|---:|---:|\n".to_owned();
    for row in ROWS {
        let Some(count) = counts.get(row.name) else {
            continue;
        };
        let goal = row
            .goal
            .map_or_else(String::new, |goal| format!("≤ {}", number(goal)));
        let (what, unit) = (row.what, row.unit);
        let _ = writeln!(text, "| {what} | {unit} | {} | {goal} |", number(count));
    }
    text
}

/// The page, its table replaced.
pub(crate) fn with_table(page: &str, counts: &Counts) -> Result<String> {
    replaced(page, COUNTS, &table(counts))
}

/// The page, what it says of peers replaced.
pub(super) fn with_peers(page: &str, text: &str) -> Result<String> {
    replaced(page, PEERS, text)
}

fn replaced(page: &str, [begin, end]: [&str; 2], text: &str) -> Result<String> {
    let (before, rest) = page
        .split_once(begin)
        .context("the page has no place for a table")?;
    let (_, after) = rest
        .split_once(end)
        .context("the page's place for a table has no end")?;
    Ok(format!("{before}{begin}{text}{end}{after}"))
}

/// With as many digits as say something.
pub(super) fn number(count: f64) -> String {
    if count >= 1e6 {
        return format!("{:.1} M", count / 1e6);
    }
    if count < 100.0 {
        return format!("{count:.1}");
    }
    let whole = format!("{count:.0}");
    match whole.split_at_checked(whole.len().saturating_sub(3)) {
        Some((thousands, rest)) if !thousands.is_empty() => format!("{thousands},{rest}"),
        _ => whole,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_the_digits_that_say_something() {
        for (count, text) in [
            (4.37, "4.4"),
            (305.0, "305"),
            (6154.2, "6,154"),
            (120_092.0, "120,092"),
            (55_123_456.0, "55.1 M"),
        ] {
            assert_eq!(number(count), text);
        }
    }

    #[test]
    fn only_the_table_of_the_page_is_replaced() {
        let mut counts = Counts::default();
        counts.insert("data.to_host.1", 43, 10);
        let [begin, end] = COUNTS;
        let page = format!("# Title\n{begin}old\n{end}rest\n");
        let new = with_table(&page, &counts).unwrap();
        assert!(
            new.starts_with("# Title\n") && new.ends_with("rest\n"),
            "{new}"
        );
        assert!(
            new.contains("| one TCP link to the host | byte | 4.3 | ≤ 5.0 |"),
            "{new}"
        );
        assert_eq!(with_table(&new, &counts).unwrap(), new);
        assert!(with_table("nothing", &counts).is_err());
    }
}
