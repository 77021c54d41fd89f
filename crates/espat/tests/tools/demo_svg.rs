//! The picture of the demo has the steps of the demo, in their order.

use std::path::Path;

use crate::program::espat;

/// ` 2. Ask the modem`, at the beginning of a line.
fn steps(lines: impl Iterator<Item = String>) -> Vec<String> {
    let is_step = |line: &String| {
        let (number, title) = line.trim_start().split_once(". ").unwrap_or_default();
        !title.is_empty() && !number.is_empty() && number.bytes().all(|it| it.is_ascii_digit())
    };
    lines
        .filter(is_step)
        .map(|line| line.trim().to_owned())
        .collect()
}

#[test]
fn the_picture_has_the_steps_of_the_demo() {
    let said = espat(&["demo"], "");
    assert_eq!(said.status.code(), Some(0), "{said:?}");
    let text = String::from_utf8(said.stdout).expect("UTF-8");
    let demo = steps(text.lines().map(str::to_owned));
    assert!(demo.len() > 5, "{text}");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/demo.svg");
    let picture = std::fs::read_to_string(&path).expect("the picture");
    let shown = picture.lines().filter_map(|line| {
        let (_, text) = line.strip_prefix("<text ")?.split_once('>')?;
        let text = text.strip_suffix("</text>")?;
        Some(
            text.replace("&lt;", "<")
                .replace("&gt;", ">")
                .replace("&amp;", "&"),
        )
    });
    assert_eq!(steps(shown), demo, "cargo xtask demo-svg makes it anew");
}
