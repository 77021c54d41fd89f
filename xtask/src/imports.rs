//! Circles of imports: files of a library that cannot be read one after the other, because each needs the next.
//!
//! A module and the file that declares it may name each other; three files may do so. Between the folders of a library
//! all imports point one way.

mod picture;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

/// Files that may import each other in a circle.
const MAX_CIRCLE: usize = 3;

/// Name of a file without `.rs` and `/mod`, and the files it imports.
type Graph = BTreeMap<String, BTreeSet<String>>;

/// Folders and files of `src` that import each other: crate, and their names. In all other libraries arrows between
/// folders point one way.
const BOTH_WAYS: &[(&str, &[&str])] = &[
    // rustls's decrypters report what they refuse and keep, and the record layer is made of decrypters.
    ("tls-provider", &["lists", "messages", "record"]),
    // A connection holds what the engines keep beside it, and tickets are the engine's.
    ("tls-session", &["engine", "heap", "session", "transport"]),
];

/// Complaints about the libraries `names`, each a folder of `crates`, and about their picture.
pub(crate) fn check<'a>(root: &Path, names: impl Iterator<Item = &'a str>) -> Result<Vec<String>> {
    let libraries = libraries(root, names)?;
    let mut complaints = Vec::new();
    for (name, graph) in &libraries {
        for circle in circles(graph) {
            if circle.len() > MAX_CIRCLE {
                complaints.push(format!(
                    "{name}: {} files import each other in a circle, {MAX_CIRCLE} may: {circle:?}",
                    circle.len()
                ));
            }
        }
        for circle in circles(&picture::folders(graph)) {
            let known = BOTH_WAYS.iter().filter(|(of, _)| of == name);
            let mut known = known.map(|(_, folders)| folders);
            if !known.any(|known| circle.iter().all(|folder| known.contains(&folder.as_str()))) {
                complaints.push(format!("{name}: folders import each other: {circle:?}"));
            }
        }
    }
    let page = fs::read_to_string(root.join(picture::FILE)).unwrap_or_default();
    if page != picture::page(&libraries) {
        complaints.push(format!(
            "{}: not current: cargo xtask imports",
            picture::FILE
        ));
    }
    Ok(complaints)
}

/// Draws the libraries.
pub(crate) fn write<'a>(root: &Path, names: impl Iterator<Item = &'a str>) -> Result<()> {
    let file = root.join(picture::FILE);
    fs::write(&file, picture::page(&libraries(root, names)?))
        .with_context(|| format!("cannot write {}", file.display()))
}

fn libraries<'a>(
    root: &Path,
    names: impl Iterator<Item = &'a str>,
) -> Result<BTreeMap<&'a str, Graph>> {
    let mut libraries = BTreeMap::new();
    for name in names {
        let mut sources = BTreeMap::new();
        let folder = root.join("crates").join(name).join("src");
        read(&folder, "", &mut sources)?;
        libraries.insert(name, graph(&sources));
    }
    Ok(libraries)
}

fn read(folder: &Path, prefix: &str, sources: &mut BTreeMap<String, String>) -> Result<()> {
    let context = || format!("cannot read {}", folder.display());
    for entry in fs::read_dir(folder).with_context(context)? {
        let path = entry.with_context(context)?.path();
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        // Tests see all of their module.
        if stem == "tests" {
            continue;
        }
        let name = match prefix {
            "" => stem.to_string(),
            prefix => format!("{prefix}/{stem}"),
        };
        if path.is_dir() {
            read(&path, &name, sources)?;
        } else if path.extension().is_some_and(|end| end == "rs") {
            let name = name.strip_suffix("/mod").unwrap_or(&name).to_owned();
            sources.insert(
                name,
                code(&fs::read_to_string(&path).with_context(context)?),
            );
        }
    }
    Ok(())
}

/// Without comments, and as far as the tests begin.
fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]").next().unwrap_or_default();
    text.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .flat_map(|line| [line, "\n"])
        .collect()
}

fn graph(sources: &BTreeMap<String, String>) -> Graph {
    let imported: Imported = sources
        .iter()
        .map(|(name, text)| (name.clone(), imports_of(name, text)))
        .collect();
    let files = || sources.iter().filter(|(name, _)| *name != "lib");
    files()
        .map(|(name, text)| {
            let paths = paths(name, text);
            let found = paths
                .iter()
                .flat_map(|path| resolve(&imported, path, MAX_STEPS));
            (name.clone(), found.filter(|to| to != name).collect())
        })
        .collect()
}

/// Of each file the names that it imports, with the paths from the crate's root: more than one where features choose.
type Imported = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

/// Imports that are followed to the file that has the item; each step is one import.
const MAX_STEPS: usize = 8;

fn imports_of(name: &str, text: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut found: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let bases = bases(name, text);
    for (at, _) in text.match_indices("use ") {
        let (before, statement) = text.split_at(at);
        if before.ends_with(|c: char| c.is_alphanumeric() || c == '_') {
            continue;
        }
        let statement = statement.split(';').next().unwrap_or_default();
        for path in paths_of(&bases, statement) {
            let name = path.rsplit('/').next().unwrap_or_default();
            found.entry(name.to_owned()).or_default().insert(path);
        }
    }
    found
}

/// The files that a path leads to: the longest part of it that is one, or, if that file only imports what is named
/// there, the files from which it does.
fn resolve(imported: &Imported, path: &str, steps: usize) -> BTreeSet<String> {
    let mut file = path;
    while !imported.contains_key(file) {
        match file.rsplit_once('/') {
            Some((above, _)) => file = above,
            // What is in no file below the root is in `lib.rs`.
            None if imported.contains_key("lib") => file = "lib",
            None => return BTreeSet::new(),
        }
    }
    let mut inside = path
        .strip_prefix(file)
        .unwrap_or(path)
        .trim_matches('/')
        .splitn(2, '/');
    let origins = inside.next().and_then(|name| imported.get(file)?.get(name));
    if let (Some(origins), Some(left)) = (origins, steps.checked_sub(1)) {
        let rest = inside.next().unwrap_or_default();
        return origins
            .iter()
            .flat_map(|origin| resolve(imported, &format!("{origin}/{rest}"), left))
            .collect();
    }
    let own = (file != "lib").then(|| file.to_owned());
    own.into_iter().collect()
}

/// What `text` names by `crate::`, `super::`, `self::` and the names of its own modules, from the crate's root.
fn paths(name: &str, text: &str) -> BTreeSet<String> {
    paths_of(&bases(name, text), text)
}

/// The words with which a path of the file `name` begins, and what each stands for.
fn bases(name: &str, text: &str) -> Vec<(String, String)> {
    let own = if name == "lib" { "" } else { name };
    let parent = own.rsplit_once('/').map_or("", |(parent, _)| parent);
    let mut bases = vec![
        ("crate::".to_owned(), String::new()),
        ("super::".to_owned(), parent.to_owned()),
        ("self::".to_owned(), own.to_owned()),
    ];
    let children = text.lines().filter_map(|line| {
        let (before, child) = line.split_once("mod ")?;
        (before.is_empty() || before.trim_start().starts_with("pub")).then_some(())?;
        child.strip_suffix(';')
    });
    bases.extend(children.map(|child| (format!("{child}::"), format!("{own}/{child}"))));
    bases
}

fn paths_of(bases: &[(String, String)], text: &str) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for (word, base) in bases {
        for (at, _) in text.match_indices(word) {
            let (before, rest) = text.split_at(at);
            if before.ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':') {
                continue;
            }
            let mut rest = rest.strip_prefix(word).unwrap_or_default();
            let mut base = base.as_str();
            while let Some(above) = rest.strip_prefix("super::") {
                (rest, base) = (above, base.rsplit_once('/').map_or("", |(above, _)| above));
            }
            let full = |path: String| format!("{base}/{path}").trim_matches('/').to_owned();
            // A macro's name is the crate's, whichever file has it.
            let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'));
            if end.is_some_and(|end| rest.split_at(end).1.starts_with('!')) {
                continue;
            }
            all.extend(tree(rest).into_iter().map(full));
        }
    }
    all
}

/// The paths of a tree of imports at the start of `text`, with `/` between their parts.
fn tree(text: &str) -> Vec<String> {
    let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == ':'));
    let (head, rest) = text.split_at(end.unwrap_or(text.len()));
    let head = head.trim_end_matches(':').replace("::", "/");
    let Some(inner) = rest.strip_prefix('{') else {
        return vec![head];
    };
    let mut found = Vec::new();
    let (mut depth, mut begin) = (0_usize, 0);
    for (at, c) in inner.char_indices() {
        match c {
            '{' => depth = depth.saturating_add(1),
            '}' if depth > 0 => depth = depth.saturating_sub(1),
            ',' | '}' if depth == 0 => {
                let part = inner.get(begin..at).unwrap_or_default().trim();
                if !part.is_empty() {
                    let whole = |path| format!("{head}/{path}").trim_matches('/').to_owned();
                    found.extend(tree(part).into_iter().map(whole));
                }
                begin = at.saturating_add(1);
                if c == '}' {
                    break;
                }
            }
            _ => {}
        }
    }
    found.retain(|path| !path.is_empty());
    found
}

/// The sets of files that can all be reached from each other.
fn circles(graph: &Graph) -> BTreeSet<BTreeSet<String>> {
    let reach = |from: &String| {
        let mut seen = BTreeSet::new();
        let mut next: Vec<&String> = graph.get(from).into_iter().flatten().collect();
        while let Some(name) = next.pop() {
            if seen.insert(name.clone()) {
                next.extend(graph.get(name).into_iter().flatten());
            }
        }
        seen
    };
    let reached: BTreeMap<&String, BTreeSet<String>> =
        graph.keys().map(|name| (name, reach(name))).collect();
    let back = |from: &String, to: &String| reached.get(to).is_some_and(|far| far.contains(from));
    reached
        .iter()
        .map(|(name, far)| far.iter().filter(|to| back(name, to)).cloned().collect())
        .filter(|circle: &BTreeSet<String>| circle.len() > 1)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sources(files: &[(&str, &str)]) -> BTreeMap<String, String> {
        let own = |(name, text): &(&str, &str)| ((*name).to_owned(), code(text));
        files.iter().map(own).collect()
    }

    #[test]
    fn each_way_to_name_a_file_is_an_import() {
        let graph = graph(&sources(&[
            ("lib", "mod a;\nmod b;\nmod c;\npub use c::Thing;\n"),
            ("a", "mod deep;\nuse crate::{b::{self, X}, Thing};\n"),
            (
                "a/deep",
                "use super::super::b;\n// use crate::c;\nfn f() { super::g() }\n",
            ),
            (
                "b",
                "fn f() { crate::c!() }\n#[cfg(test)]\nmod tests { use crate::a; }\n",
            ),
            ("c", "fn f() -> crate::a::deep::Y {}\n"),
        ]));
        let of = |name: &str| -> Vec<&str> { graph[name].iter().map(String::as_str).collect() };
        assert_eq!(of("a"), ["b", "c"]);
        assert_eq!(of("a/deep"), ["a", "b"]);
        assert_eq!(of("b"), [""; 0]);
        assert_eq!(of("c"), ["a/deep"]);
        let names = ["a", "a/deep", "c"].map(str::to_owned);
        assert_eq!(circles(&graph), BTreeSet::from([BTreeSet::from(names)]));
    }

    /// Else each child that takes a type of its neighbour by the name of their parent would be in a circle with it.
    #[test]
    fn a_name_that_a_file_only_passes_on_is_an_import_of_its_origin() {
        let graph = graph(&sources(&[
            ("lib", "mod a;\npub use a::{X, Z};\n"),
            (
                "a",
                "mod deep;\nmod low;\npub use low::{X, Y};\n#[cfg(f)]\nuse low::Z;\n#[cfg(g)]\nuse deep::Z;\nstruct Own;\n",
            ),
            ("a/deep", "use super::X;\n"),
            ("a/low", "use super::{Own, Y};\n"),
            ("b", "use crate::Z;\nfn f() { crate::X::new() }\n"),
            ("c", "use crate::a::{self, low};\n"),
            ("a/side", "use super::{low::X, deep};\n"),
        ]));
        let of = |name: &str| -> Vec<&str> { graph[name].iter().map(String::as_str).collect() };
        assert_eq!(of("a"), ["a/deep", "a/low"]);
        assert_eq!(of("a/deep"), ["a/low"]);
        assert_eq!(of("a/low"), ["a"]);
        assert_eq!(of("b"), ["a/deep", "a/low"]);
        assert_eq!(of("c"), ["a", "a/low"]);
        assert_eq!(of("a/side"), ["a/deep", "a/low"]);
    }
}
