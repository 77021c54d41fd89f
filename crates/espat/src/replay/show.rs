//! Differences, side by side.

use serde_json::{Value, json};
use similar::{DiffTag, capture_diff_slices};

use super::player::Exchange;

/// Widest left column; longer lines are continued below.
const COLUMN: usize = 64;

/// How two lines relate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Relation {
    Same,
    Changed,
    OnlyRecorded,
    OnlyReplayed,
}

impl Relation {
    const fn mark(self) -> char {
        match self {
            Self::Same => ' ',
            Self::Changed => '|',
            Self::OnlyRecorded => '<',
            Self::OnlyReplayed => '>',
        }
    }

    const fn code(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Changed => "changed",
            Self::OnlyRecorded => "missing",
            Self::OnlyReplayed => "added",
        }
    }
}

type Row<'e> = (Relation, &'e str, &'e str);

/// The lines of both, those that belong together in one row.
fn rows(exchange: &Exchange) -> Vec<Row<'_>> {
    let compared = |lines: &[String]| -> Vec<String> {
        lines.iter().map(|line| exchange.compared(line)).collect()
    };
    let (old, new) = (compared(&exchange.recorded), compared(&exchange.replayed));
    let differences = capture_diff_slices(similar::Algorithm::Myers, &old, &new);
    let mut rows = Vec::new();
    for difference in differences {
        let (tag, old, new) = difference.as_tag_tuple();
        let recorded = exchange.recorded.get(old).unwrap_or_default();
        let replayed = exchange.replayed.get(new).unwrap_or_default();
        let count = recorded.len().max(replayed.len());
        for at in 0..count {
            let pair = (recorded.get(at), replayed.get(at));
            let relation = match pair {
                _ if tag == DiffTag::Equal => Relation::Same,
                (Some(_), Some(_)) => Relation::Changed,
                (Some(_), None) => Relation::OnlyRecorded,
                (None, _) => Relation::OnlyReplayed,
            };
            rows.push((
                relation,
                pair.0.map_or("", |line| plain(line)),
                pair.1.map_or("", |line| plain(line)),
            ));
        }
    }
    rows
}

/// The usual line end is not shown.
fn plain(line: &str) -> &str {
    line.strip_suffix("\\r\\n").unwrap_or(line)
}

/// One exchange that differs, as a table.
pub(super) fn in_text(exchange: &Exchange) -> String {
    let mut text = heading(exchange);
    let rows = rows(exchange);
    let widest = rows.iter().map(|(_, left, _)| left.chars().count()).max();
    let width = widest.unwrap_or(0).clamp("recorded".len(), COLUMN);
    let mut row = |left: &str, mark: char, right: &str| {
        let line = format!("  {left:width$} {mark} {right}");
        text.push_str(line.trim_end());
        text.push('\n');
    };
    row("recorded", ' ', "replayed");
    // Line ends before a result are the same nearly always, and say nothing.
    let speaks = |row: &Row<'_>| row.0 != Relation::Same || !row.1.is_empty();
    for (relation, left, right) in rows.into_iter().filter(speaks) {
        let mut left = pieces(left).into_iter();
        row(
            left.next().unwrap_or_default().as_str(),
            relation.mark(),
            right,
        );
        for more in left {
            row(&more, ' ', "");
        }
    }
    if let Some(ended) = &exchange.ended {
        text.push_str(&format!("  {ended}\n"));
    }
    text.push('\n');
    text
}

fn heading(exchange: &Exchange) -> String {
    match (exchange.line, exchange.sent.as_slice()) {
        (0, _) => "after the end\n".to_owned(),
        (line, []) => format!("line {line}\n"),
        (line, sent) => format!("line {line}: {}\n", sent.join("\n  ")),
    }
}

fn pieces(line: &str) -> Vec<String> {
    let characters: Vec<char> = line.chars().collect();
    let pieces = characters.chunks(COLUMN);
    pieces.map(|piece| piece.iter().collect()).collect()
}

/// One exchange that differs, as a finding.
pub(super) fn in_json(exchange: &Exchange) -> Value {
    let rows: Vec<Value> = rows(exchange)
        .into_iter()
        .map(|(relation, recorded, replayed)| {
            json!({"is": relation.code(), "recorded": recorded, "replayed": replayed})
        })
        .collect();
    let message = match &exchange.ended {
        Some(ended) => format!("the modem answers otherwise; {ended}"),
        None => "the modem answers otherwise".to_owned(),
    };
    json!({
        "code": "exchange_differs",
        "level": "error",
        "message": message,
        "line": exchange.line,
        "sent": exchange.sent,
        "lines": rows,
    })
}
