//! `docs/commands.md` has every command of the table with its forms. With `WRITE_DOCS=1` in the environment the
//! page is written instead of compared.
#![expect(clippy::expect_used, reason = "a test says no by panicking")]

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use at_grammar::{Command, Visibility};

const HEAD: &str = "\
# Commands

Every command of the grammar's table, in the order of `AT+CMD?`. `crates/at-grammar/tests/commands_page.rs` writes this
page and compares it: `WRITE_DOCS=1 cargo test -p at-grammar --test commands_page`.

* query: `AT+NAME?`; set: `AT+NAME=…`; execute: `AT+NAME`.
* \"refused\": the line is understood, and answered with `ERROR`; `AT+CMD?` does not list it.
* \"1.x\": only with `espat sim --dialect legacy`; with suffixes, `_CUR` and `_DEF` may follow the name there.
  Some answers have another form there, too: [differences](differences.md#firmware-1x).

| command | query | set | execute | remarks |
|---|---|---|---|---|
";

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs")
}

/// The anchor of the first heading of the specification that has this name in it.
fn anchor(spec: &str, name: &str) -> Option<String> {
    let heading = spec.lines().find_map(|line| {
        let heading = line.strip_prefix("### ")?;
        let has =
            |word: &str| word.trim_matches([',', '(', ')', '?']).split('=').next() == Some(name);
        heading.split([' ', '/']).any(has).then_some(heading)
    })?;
    // As GitHub makes it: letters, digits, '-' and '_' stay, blanks become '-'.
    let anchor = heading.to_lowercase();
    let kept = anchor.chars().filter_map(|it| match it {
        ' ' => Some('-'),
        it if it.is_alphanumeric() || matches!(it, '-' | '_') => Some(it),
        _ => None,
    });
    Some(kept.collect())
}

fn page() -> String {
    let spec = fs::read_to_string(docs().join("spec/at-commands.md")).expect("the specification");
    let mut page = HEAD.to_owned();
    for row in Command::TABLE {
        let mark = |has| if has { "✓" } else { "" };
        let name = match anchor(&spec, row.name) {
            Some(anchor) => format!("[`{}`](spec/at-commands.md#{anchor})", row.name),
            None => format!("`{}`", row.name),
        };
        let remark = match (row.visibility, row.suffixed) {
            (Visibility::Listed, false) => "",
            (Visibility::Listed, true) => "1.x: suffixes",
            (Visibility::Unlisted, _) => "refused",
            (Visibility::Legacy, _) => "1.x",
        };
        writeln!(
            page,
            "| {name} | {} | {} | {} | {remark} |",
            mark(row.forms.query),
            mark(row.forms.set),
            mark(row.forms.execute),
        )
        .expect("a String takes any text");
    }
    page
}

#[test]
fn the_page_has_every_command_with_its_forms() {
    let path = docs().join("commands.md");
    let page = page();
    if std::env::var_os("WRITE_DOCS").is_some() {
        fs::write(&path, &page).expect("room");
    }
    let there = fs::read_to_string(&path).expect("the page");
    assert!(
        there == page,
        "docs/commands.md is not what the table says: run this test with WRITE_DOCS=1"
    );
}
