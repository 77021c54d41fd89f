//! Which folder of a library imports which, drawn: `docs/imports.md`.
//!
//! An arrow that follows from others is left out, so that a new import seldom changes the picture.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::{Graph, circles};

/// Where it is, from the root of the repository.
pub(super) const FILE: &str = "docs/imports.md";

const HEAD: &str = "\
# Imports

Which folder or file of `src` imports which, library by library. An arrow points to what is imported; arrows that follow
from others are left out. Files in one box import each other.

`cargo xtask imports` writes this page, and `cargo xtask tidy` checks that it is current, that no circle has more than three
files, and that no folder is in a circle with another, but for those that share a box.
";

/// The same imports between folders: the first part of a file's name stands for it.
pub(super) fn folders(graph: &Graph) -> Graph {
    let mut found = Graph::new();
    for (name, targets) in graph {
        let from = folder(name);
        let targets = targets.iter().map(|to| folder(to)).filter(|to| *to != from);
        let targets = targets.map(str::to_owned);
        found.entry(from.to_owned()).or_default().extend(targets);
    }
    found
}

fn folder(name: &str) -> &str {
    name.split('/').next().unwrap_or(name)
}

/// The page, with a drawing for each library by its name.
pub(super) fn page(libraries: &BTreeMap<&str, Graph>) -> String {
    let mut page = HEAD.to_owned();
    for (name, graph) in libraries {
        let folders = folders(graph);
        if folders.len() > 1 {
            // Writing to a string does not fail.
            let _ = write!(page, "\n## {name}\n\n```mermaid\n{}```\n", draw(&folders));
        }
    }
    page
}

/// A flowchart of Mermaid.
fn draw(folders: &Graph) -> String {
    let boxes = boxes(folders);
    let mut drawing = "flowchart TD\n".to_owned();
    for (name, members) in &boxes.members {
        let label: Vec<&str> = members.iter().map(String::as_str).collect();
        let _ = writeln!(drawing, "  {name}[\"{}\"]", label.join("<br/>"));
    }
    for (from, targets) in &boxes.arrows {
        let far: BTreeSet<&String> = targets
            .iter()
            .flat_map(|next| reach(&boxes.arrows, next))
            .collect();
        for to in targets.iter().filter(|to| !far.contains(to)) {
            let _ = writeln!(drawing, "  {from} --> {to}");
        }
    }
    drawing
}

/// Folders, those that import each other in one box, by the name of the first.
struct Boxes {
    members: BTreeMap<String, BTreeSet<String>>,
    arrows: Graph,
}

fn boxes(folders: &Graph) -> Boxes {
    let circles = circles(folders);
    let of = |folder: &String| {
        let circle = circles.iter().find(|circle| circle.contains(folder));
        circle.and_then(BTreeSet::first).unwrap_or(folder).clone()
    };
    let mut members: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let mut arrows = Graph::new();
    for (folder, targets) in folders {
        let from = of(folder);
        let targets = targets.iter().map(of).filter(|to| *to != from);
        arrows.entry(from.clone()).or_default().extend(targets);
        members.entry(from).or_default().insert(folder.clone());
    }
    Boxes { members, arrows }
}

/// What is reached from `from`.
fn reach<'g>(arrows: &'g Graph, from: &str) -> BTreeSet<&'g String> {
    let mut seen = BTreeSet::new();
    let mut next: Vec<&String> = arrows.get(from).into_iter().flatten().collect();
    while let Some(name) = next.pop() {
        if seen.insert(name) {
            next.extend(arrows.get(name).into_iter().flatten());
        }
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(arrows: &[(&str, &[&str])]) -> Graph {
        let own = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let each = |(from, to): &(&str, &[&str])| ((*from).to_owned(), own(to));
        arrows.iter().map(each).collect()
    }

    #[test]
    fn arrows_that_follow_from_others_are_left_out_and_circles_share_a_box() {
        let files = graph(&[
            ("a", &["b/x", "c"]),
            ("b", &["c"]),
            ("b/x", &["b", "d", "e"]),
            ("c", &[]),
            ("d", &["e"]),
            ("e", &["d", "c"]),
        ]);
        let expected = "flowchart TD\n  \
            a[\"a\"]\n  b[\"b\"]\n  c[\"c\"]\n  d[\"d<br/>e\"]\n  \
            a --> b\n  b --> d\n  d --> c\n";
        assert_eq!(draw(&folders(&files)), expected);
    }
}
