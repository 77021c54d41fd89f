//! A map as text and as SVG.

use std::fmt::Write as _;

use super::map::{CELLS, Row};

/// In the unit in which it is a short number.
fn size(bytes: u32) -> String {
    match bytes {
        bytes if bytes.is_multiple_of(1024) => format!("{} KiB", bytes / 1024),
        bytes => format!("{bytes} B"),
    }
}

/// A line for each stretch, and one for each content after the first.
pub(super) fn text(rows: &[Row]) -> String {
    let mut text = String::new();
    for row in rows {
        let indent = if row.nested { "  " } else { "" };
        let bar: String = row
            .used
            .iter()
            .map(|used| if *used { '█' } else { '·' })
            .collect();
        let name = format!("{indent}{}", row.name);
        let mut contents = row.content.iter();
        let first = contents.next().map_or("", String::as_str);
        // A String takes any text.
        let _ = writeln!(
            text,
            "{:#010x} {:>9}  {name:<18} {bar} {first}",
            row.offset,
            size(row.size),
        );
        for content in contents {
            let _ = writeln!(text, "{:>57} {content}", "");
        }
    }
    text.lines()
        .map(|line| format!("{}\n", line.trim_end()))
        .collect()
}

const WIDTH: usize = 900;
const LINE: usize = 20;
const CELL: usize = 8;

/// The same as a picture.
pub(super) fn svg(rows: &[Row]) -> String {
    let lines: usize = rows.iter().map(|row| row.content.len().max(1)).sum();
    let height = (lines + 1) * LINE;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" \
         viewBox=\"0 0 {WIDTH} {height}\" font-family=\"monospace\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n"
    );
    let mut y = LINE;
    for row in rows {
        let indent = if row.nested { 16 } else { 0 };
        label(&mut out, 8, y, &format!("{:#010x}", row.offset));
        label(&mut out, 100, y, &size(row.size));
        label(&mut out, 180 + indent, y, &row.name);
        for (cell, used) in row.used.iter().enumerate() {
            let x = 340 + cell * CELL;
            let fill = if *used { "#2f6f9f" } else { "#e4e4e4" };
            let top = y - 10;
            // A String takes any text.
            let _ = writeln!(
                out,
                "<rect x=\"{x}\" y=\"{top}\" width=\"{}\" height=\"12\" fill=\"{fill}\"/>",
                CELL - 1
            );
        }
        let from = 340 + CELLS * CELL + 12;
        for content in &row.content {
            label(&mut out, from, y, content);
            y += LINE;
        }
        if row.content.is_empty() {
            y += LINE;
        }
    }
    out.push_str("</svg>\n");
    out
}

fn label(out: &mut String, x: usize, y: usize, text: &str) {
    let escaped: String = text
        .chars()
        .map(|it| match it {
            '&' => "&amp;".to_owned(),
            '<' => "&lt;".to_owned(),
            '>' => "&gt;".to_owned(),
            // Names come from certificates; XML has no control characters.
            it if it.is_control() => "?".to_owned(),
            it => it.to_string(),
        })
        .collect();
    // A String takes any text.
    let _ = writeln!(out, "<text x=\"{x}\" y=\"{y}\">{escaped}</text>");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_from_certificates_cannot_leave_its_element() {
        let row = Row {
            offset: 0,
            size: 0x1001,
            name: "<&>\u{7}".to_owned(),
            nested: true,
            used: [true; CELLS],
            content: vec!["</svg>".to_owned()],
        };
        let svg = svg(std::slice::from_ref(&row));
        assert!(
            svg.contains("&lt;&amp;&gt;?") && svg.contains(">&lt;/svg&gt;<"),
            "{svg}"
        );
        assert!(text(&[row]).contains("4097 B"));
    }
}
