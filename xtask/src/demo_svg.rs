//! `cargo xtask demo-svg`: what `espat demo` prints, as a picture that moves, in `docs/demo.svg`.
//!
//! A window over the text moves down line by line. It is CSS alone, so that a browser plays it as an image. A test of
//! `espat` compares the steps of the picture with those of the demo.

use std::fmt::Write as _;
use std::fs;

use anyhow::{Context as _, Result, ensure};

use crate::cmd::Cmd;
use crate::workspace::Workspace;

/// Lines that are seen at once.
const ROWS: usize = 26;
/// What is longer is cut.
const COLUMNS: usize = 110;
const LINE_HEIGHT: usize = 18;
const CHARACTER_WIDTH: usize = 8;
const MARGIN: usize = 12;
const MILLISECONDS_A_LINE: usize = 250;
/// Before it begins again.
const MILLISECONDS_AT_END: usize = 6000;

const STYLE: &str = "text{font:13px ui-monospace,monospace;fill:#d8d8d8;white-space:pre}\
    .step{fill:#ffffff;font-weight:bold}.good{fill:#7ec97e}.bad{fill:#ee8888}.sent{fill:#8ab8e6}";

/// Runs the demo and writes the picture.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let text = Cmd::new("cargo run --quiet --package espat -- demo")
        .probe()
        .context("the demo does not run")?;
    ensure!(!text.trim().is_empty(), "the demo printed nothing");
    let path = workspace.root().join("docs/demo.svg");
    fs::write(&path, svg(&text)).with_context(|| path.display().to_string())?;
    println!("{}", path.display());
    Ok(())
}

fn svg(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let width = COLUMNS * CHARACTER_WIDTH + 2 * MARGIN;
    let inner = ROWS * LINE_HEIGHT;
    let height = inner + 2 * MARGIN;
    let mut out = String::new();
    // A String takes any text.
    let _ = writeln!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" role=\"img\" \
         aria-label=\"espat demo in a terminal\">\n<style>{STYLE}{}</style>\n\
         <rect width=\"{width}\" height=\"{height}\" rx=\"6\" fill=\"#15191e\"/>\n\
         <svg x=\"{MARGIN}\" y=\"{MARGIN}\" width=\"{}\" height=\"{inner}\"><g id=\"window\" xml:space=\"preserve\">",
        motion(lines.len()),
        width - 2 * MARGIN,
    );
    for (row, line) in lines.iter().enumerate() {
        if line.is_empty() {
            continue;
        }
        let y = row * LINE_HEIGHT + 14;
        let _ = writeln!(
            out,
            "<text y=\"{y}\"{}>{}</text>",
            class(line),
            escaped(line)
        );
    }
    out.push_str("</g></svg>\n</svg>\n");
    out
}

/// One step of the animation for each line that is not seen at first; who asked for no motion sees the beginning.
fn motion(lines: usize) -> String {
    let hidden = lines.saturating_sub(ROWS);
    if hidden == 0 {
        return String::new();
    }
    let moving = hidden * MILLISECONDS_A_LINE;
    let whole = moving + MILLISECONDS_AT_END;
    // In hundredths of a percent.
    let stop = moving * 10_000 / whole;
    let way = hidden * LINE_HEIGHT;
    format!(
        "@keyframes move{{0%{{transform:translateY(0);animation-timing-function:steps({hidden})}}\
         {}.{:02}%,100%{{transform:translateY(-{way}px)}}}}\
         @media(prefers-reduced-motion:no-preference){{#window{{animation:move {whole}ms infinite}}}}",
        stop / 100,
        stop % 100,
    )
}

fn class(line: &str) -> &'static str {
    let text = line.trim_start();
    if is_step(line) {
        " class=\"step\""
    } else if text.starts_with('✓') {
        " class=\"good\""
    } else if text.starts_with('✗') || text == "← ERROR" {
        " class=\"bad\""
    } else if text.starts_with('→') {
        " class=\"sent\""
    } else {
        ""
    }
}

/// ` 2. Ask the modem`
fn is_step(line: &str) -> bool {
    let (number, title) = line.trim_start().split_once(". ").unwrap_or_default();
    !title.is_empty() && !number.is_empty() && number.bytes().all(|it| it.is_ascii_digit())
}

fn escaped(line: &str) -> String {
    let mut out = String::new();
    for (column, character) in line.chars().enumerate() {
        match character {
            _ if column == COLUMNS => {
                out.push('…');
                break;
            }
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            it if it.is_control() => out.push('?'),
            it => out.push(it),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_demo_prints_stays_text() {
        let text = " 1. A <step>\n     → AT&\n     ← ERROR\u{1b}\n     ✓ done\n";
        let svg = svg(text);
        assert!(
            svg.contains("<text y=\"14\" class=\"step\"> 1. A &lt;step&gt;</text>"),
            "{svg}"
        );
        assert!(svg.contains("→ AT&amp;") && svg.contains("ERROR?"), "{svg}");
        assert!(!svg.contains("animation:"), "all of it is seen: {svg}");
        assert_eq!(svg.matches("<text").count(), 4);
    }

    #[test]
    fn a_long_text_moves_to_its_end_and_a_long_line_is_cut() {
        let text = "x".repeat(COLUMNS + 1) + &"\nline".repeat(ROWS + 9);
        let svg = svg(&text);
        let way = 10 * LINE_HEIGHT;
        assert!(svg.contains(&format!("translateY(-{way}px)")), "{svg}");
        assert!(
            svg.contains(&format!("{}…</text>", "x".repeat(COLUMNS))),
            "{svg}"
        );
    }
}
