//! The files of this crate import downwards only: whoever reads a file can stop at the floors below it.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "functions that tests share"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// From the bottom to the top. Modules of one floor do not import each other.
const FLOORS: &[&[&str]] = &[
    &[
        "changes",
        "clock",
        "failure",
        "filter",
        "place",
        "scratch",
        "secret",
        "unsupported",
        "user_ram",
        "why",
    ],
    &["net", "sntp", "wifi"],
    &["settings"],
    &["port"],
    &["flash", "links", "station", "time"],
    &["answer", "tls"],
    &["buffers", "platform"],
    &["parts"],
    &["task"],
    &["cx"],
    &["command"],
    &["modem"],
];

/// Path under `src` without `.rs` and `/mod`, and the paths it names by `crate::`, `super::` and the
/// names of its own modules.
fn files() -> BTreeMap<String, BTreeSet<String>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = BTreeMap::new();
    let mut folders = vec![root.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "rs") {
                let name = path.strip_prefix(&root).unwrap().with_extension("");
                let name = name.to_str().unwrap().replace('\\', "/");
                let name = name.trim_end_matches("/mod").to_owned();
                let text = fs::read_to_string(path).unwrap();
                let imports = imports(&name, &text);
                found.insert(name, imports);
            }
        }
    }
    found.remove("lib");
    found
}

/// What a file names, as far as its tests begin.
fn imports(name: &str, text: &str) -> BTreeSet<String> {
    let text = text.split("#[cfg(test)]").next().unwrap_or(text);
    let code: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .collect();
    let code = code.join("\n");
    // The folder of a file, the folder above of a `mod.rs`: the same for both names.
    let parent = name.rsplit_once('/').map_or("", |(parent, _)| parent);
    let mut all = BTreeSet::new();
    for child in code.lines().filter_map(|line| {
        let (_, child) = line.split_once("mod ")?;
        child.strip_suffix(';')
    }) {
        let used = format!("{child}::");
        let starts = code.match_indices(&used).any(|(at, _)| {
            let before = code[..at].chars().next_back();
            before.is_none_or(|c| !(c.is_alphanumeric() || c == '_' || c == ':'))
        });
        if starts {
            all.insert(format!("{name}/{child}"));
        }
    }
    for (word, base) in [("crate::", ""), ("super::", parent)] {
        for (at, _) in code.match_indices(word) {
            let rest = &code[at + word.len()..];
            let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'));
            let path = rest[..end.unwrap_or(rest.len())].replace("::", "/");
            all.insert(format!("{base}/{path}").trim_matches('/').to_owned());
        }
    }
    all
}

/// The file that a path leads to: the longest part of it that is one.
fn resolve<'f>(files: &'f BTreeMap<String, BTreeSet<String>>, path: &str) -> Option<&'f str> {
    let mut path = path;
    loop {
        if let Some((name, _)) = files.get_key_value(path) {
            return Some(name);
        }
        path = path.rsplit_once('/')?.0;
    }
}

fn floor(name: &str) -> usize {
    let folder = name.split('/').next().unwrap_or(name);
    let floor = FLOORS.iter().position(|floor| floor.contains(&folder));
    floor.unwrap_or_else(|| panic!("{folder} is on no floor: add it to FLOORS"))
}

#[test]
fn imports_point_down() {
    let files = files();
    let mut wrong = Vec::new();
    for (name, imports) in &files {
        let folder = name.split('/').next().unwrap_or(name);
        for target in imports.iter().filter_map(|path| resolve(&files, path)) {
            let to = target.split('/').next().unwrap_or(target);
            if folder != to && floor(target) >= floor(name) {
                wrong.push(format!("{name} imports {target}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// All that there is can be reached from it: tasks name the owners that they need.
#[test]
fn only_commands_and_the_modem_have_cx() {
    let files = files();
    let mut wrong = Vec::new();
    for (name, imports) in &files {
        let folder = name.split('/').next().unwrap_or(name);
        let mut targets = imports.iter().filter_map(|path| resolve(&files, path));
        if targets.any(|to| to == "cx") && !["command", "modem"].contains(&folder) {
            wrong.push(name);
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}
