//! What no compiler checks: file lengths, circles of imports, inherited manifest keys, paths of one machine, citations of
//! `docs/spec`, links between documents, blocks of translations, and that each duty names its tests.
//!
//! Looks at every text file of the folder, committed or not, but for build output and the hidden
//! folders of editors and version control.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::citations::{self, Specifications};
use crate::duties;
use crate::imports;
use crate::translations;
use crate::workspace::{Package, Workspace};

/// Longer than this, a file holds more than one thing.
const LONGEST_SOURCE: usize = 600;

/// Programs that show a library to a newcomer: what he writes himself is in `src/main.rs`, and short.
const SHORT_EXAMPLES: &[&str] = &[
    "cert-image",
    "new-board",
    "own-command",
    "plain-esp-idf",
    "tls-socket",
];

/// Lines of code of such a program; blank lines and comments do not count.
const LONGEST_EXAMPLE: usize = 40;

/// Where the checkouts, homes and scratch folders of single machines are. Written in two parts, so
/// that this file does not find itself.
const MACHINE_FOLDERS: &[&str] = &[
    concat!("/ho", "me/"),
    concat!("/ro", "ot/"),
    concat!("/Us", "ers/"),
    concat!("/wo", "rk/"),
    concat!("/work", "space/"),
    concat!("/bui", "lds/"),
    concat!("/tmp", "/t-"),
];

/// What every manifest takes from the workspace.
const INHERITED: &[&str] = &["version", "edition", "rust-version", "license", "lints"];

/// What a manifest says besides, if its package can be published.
const PUBLISHED: &[&str] = &[
    "documentation",
    "readme",
    "keywords",
    "categories",
    "include",
];

/// What lies beside such a manifest, so that the package has it.
const PUBLISHED_FILES: &[&str] = &["README.md", "LICENSE-APACHE", "LICENSE-MIT"];

pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let specifications = Specifications::read(workspace.root())?;
    let mut complaints = Vec::new();
    let mut sources = Vec::new();
    let mut files = Vec::new();
    collect(workspace.root(), &mut files)?;
    let here = format!("{}/", workspace.root().display());
    for file in &files {
        let name = file
            .strip_prefix(workspace.root())
            .unwrap_or(file)
            .display();
        // What is not text is data.
        let Ok(text) = fs::read_to_string(file) else {
            continue;
        };
        let has_extension = |wanted| file.extension().is_some_and(|ext| ext == wanted);
        let mut found = of_text(&text, has_extension("rs"), &here);
        if is_library_source(&name.to_string()) {
            found.extend(foreign_modules(&text));
        }
        if has_extension("rs") {
            found.extend(specifications.check(&text));
        }
        if has_extension("md") {
            found.extend(citations::check_links(file, &text));
            found.extend(translations::check(file, &text));
        }
        complaints.extend(
            found
                .into_iter()
                .map(|(line, what)| format!("{name}:{line}: {what}")),
        );
        if has_extension("rs") {
            sources.push(text);
        }
    }
    let sources = sources.iter().map(String::as_str);
    complaints.extend(duties::check(workspace.root(), sources)?);
    complaints.extend(of_packages(workspace)?);
    complaints.extend(long_examples(workspace.root())?);
    let libraries = workspace.libraries();
    complaints.extend(imports::check(
        workspace.root(),
        libraries.map(|package| package.name.as_str()),
    )?);
    report(&complaints, files.len())
}

/// Complaints about the manifests, and about what lies beside them.
fn of_packages(workspace: &Workspace) -> Result<Vec<String>> {
    let mut complaints = Vec::new();
    for package in &workspace.packages {
        let manifest = fs::read_to_string(&package.manifest_path)
            .with_context(|| format!("cannot read {}", package.manifest_path.display()))?;
        complaints.extend(
            of_manifest(package, &manifest)
                .into_iter()
                .map(|what| format!("{}: {what}", package.name)),
        );
    }
    for package in workspace.published() {
        complaints.extend(
            PUBLISHED_FILES
                .iter()
                .filter(|file| !package.manifest_path.with_file_name(file).is_file())
                .map(|file| format!("{}: {file} is missing", package.name)),
        );
    }
    Ok(complaints)
}

/// Complaints about the programs that have to be short.
fn long_examples(root: &Path) -> Result<Vec<String>> {
    let mut complaints = Vec::new();
    for name in SHORT_EXAMPLES {
        let file = root.join("examples").join(name).join("src/main.rs");
        let text =
            fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let lines = code_lines(&text);
        if lines > LONGEST_EXAMPLE {
            complaints.push(format!(
                "{name}: {lines} lines of code, not {LONGEST_EXAMPLE}"
            ));
        }
    }
    Ok(complaints)
}

fn report(complaints: &[String], files: usize) -> Result<()> {
    for complaint in complaints {
        eprintln!("{complaint}");
    }
    if complaints.is_empty() {
        eprintln!("{files} files are tidy");
        return Ok(());
    }
    bail!("complaints above: {}", complaints.len())
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    let context = || format!("cannot list {}", folder.display());
    for entry in fs::read_dir(folder).with_context(context)? {
        let entry = entry.with_context(context)?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let kind = entry.file_type().with_context(context)?;
        // In a linked worktree `.git` is a file that names a folder of this machine.
        if kind.is_file() && name != ".git" {
            files.push(entry.path());
        } else if kind.is_dir() && is_ours(&name) {
            collect(&entry.path(), files)?;
        }
    }
    files.sort();
    Ok(())
}

fn is_ours(folder: &str) -> bool {
    match folder.strip_prefix('.') {
        Some(hidden) => ["ci", "cargo", "github"].contains(&hidden),
        None => folder != "target",
    }
}

/// Complaints about one file, each with its line. `here` is the path of this very checkout.
fn of_text(text: &str, is_rust: bool, here: &str) -> Vec<(usize, String)> {
    let mut complaints = Vec::new();
    let lines = text.lines().count();
    if is_rust && lines > LONGEST_SOURCE {
        complaints.push((lines, format!("more than {LONGEST_SOURCE} lines")));
    }
    for (number, line) in (1..).zip(text.lines()) {
        let mut folders = MACHINE_FOLDERS.iter().copied().chain([here]);
        if let Some(folder) = folders.find(|folder| names_folder(line, folder)) {
            complaints.push((number, format!("a path of one machine ({folder}…)")));
        }
    }
    complaints
}

/// Lines that are neither blank nor a comment.
fn code_lines(text: &str) -> usize {
    text.lines()
        .map(str::trim_start)
        .filter(|line| !line.is_empty() && !line.starts_with("//"))
        .count()
}

/// True for `crates/<name>/src/…/*.rs`, but for the fuzz bodies: they include what is private elsewhere.
fn is_library_source(name: &str) -> bool {
    let mut parts = name.split('/');
    !name.starts_with("crates/fuzz-bodies/")
        && parts.next() == Some("crates")
        && parts.nth(1) == Some("src")
        && name.ends_with(".rs")
}

/// A library's modules are where they are looked for; what tests share is a crate.
fn foreign_modules(text: &str) -> Vec<(usize, String)> {
    (1..)
        .zip(text.lines())
        .filter(|(_, line)| line.trim_start().starts_with("#[path"))
        .map(|(number, _)| (number, "a module of a library at another path".to_owned()))
        .collect()
}

/// True if an absolute path in `line` begins with `folder`; in `../x/` or `host/x/` none does.
fn names_folder(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        let before = line.get(..at).and_then(|before| before.chars().next_back());
        !before.is_some_and(|c| c.is_alphanumeric() || "._-})>/~*".contains(c))
    })
}

/// Takes its lints from nowhere, because it may contain unsafe code; it must say so itself.
const UNSAFE: &str = "wiped-place";

/// Complaints about one package's manifest.
fn of_manifest(package: &Package, manifest: &str) -> Vec<String> {
    let inherits = |key: &str| {
        if key == "lints" && package.name == UNSAFE {
            return manifest.contains("[lints.rust]\nunsafe_code = \"deny\"\n");
        }
        manifest
            .lines()
            .any(|line| line.trim_end() == format!("{key}.workspace = true"))
            || manifest.contains(&format!("[{key}]\nworkspace = true"))
    };
    let mut complaints: Vec<String> = INHERITED
        .iter()
        .filter(|key| !inherits(key))
        .map(|key| format!("`{key}` is not taken from the workspace"))
        .collect();
    if package
        .description
        .as_deref()
        .is_none_or(|text| text.is_empty() || text == "TODO")
    {
        complaints.push("no description".to_owned());
    }
    if package.is_published() {
        complaints.extend(
            PUBLISHED
                .iter()
                .filter(|key| !manifest.lines().any(|line| line.starts_with(*key)))
                .map(|key| format!("`{key}` is missing in a package that is published")),
        );
    }
    complaints
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::tests::sample;

    const HERE: &str = "/srv/checkout/";

    #[test]
    fn a_source_may_have_600_lines_and_not_one_more() {
        for (lines, complaints) in [(0, 0), (LONGEST_SOURCE, 0), (LONGEST_SOURCE + 1, 1)] {
            let text = "//\n".repeat(lines);
            assert_eq!(of_text(&text, true, HERE).len(), complaints, "{lines}");
            assert_eq!(of_text(&text, false, HERE), [], "{lines}, not Rust");
        }
    }

    #[test]
    fn comments_and_blank_lines_are_no_code() {
        let text = "//! A program.\n\nfn main() {\n    // nothing\n    run() // once\n}\n";
        assert_eq!(code_lines(text), 3);
    }

    #[test]
    fn a_library_takes_no_module_from_another_place() {
        assert!(is_library_source("crates/store/src/table/read.rs"));
        for name in [
            "crates/store/tests/main.rs",
            "xtask/src/main.rs",
            "crates/store/src/a.md",
        ] {
            assert!(!is_library_source(name), "{name}");
        }
        let text = "mod a;\n#[cfg(test)]\n    #[path = \"../tests/b.rs\"]\nmod b; // #[path\n";
        let found = foreign_modules(text);
        assert_eq!(found.len(), 1);
        assert_eq!(found.first().map(|(number, _)| *number), Some(3));
    }

    #[test]
    fn absolute_paths_of_a_machine_are_found_on_their_line() {
        for folder in MACHINE_FOLDERS.iter().chain([&HERE]) {
            for line in [
                format!("{folder}x"),
                format!("see `{folder}x`"),
                format!("a={folder}x"),
                format!("\"{folder}\""),
            ] {
                let found = of_text(&format!("first\n{line}\nlast"), false, HERE);
                assert_eq!(found.len(), 1, "{line}");
                assert_eq!(found.first().map(|(number, _)| *number), Some(2), "{line}");
            }
        }
    }

    #[test]
    fn relative_paths_and_addresses_are_not() {
        for folder in MACHINE_FOLDERS {
            for line in [
                format!("..{folder}x"),
                format!("example.org{folder}x"),
                format!("$DIR{folder}x"),
            ] {
                assert_eq!(of_text(&line, true, HERE), [], "{line}");
            }
        }
        assert_eq!(
            of_text("/dev/ttyUSB0 /usr/sbin /tmp/ca.bin /srv/other/", true, HERE),
            []
        );
    }

    #[test]
    fn each_key_has_to_come_from_the_workspace() {
        let good = "[package]\nversion.workspace = true\nedition.workspace = true\nrust-version.workspace = true\n\
                    license.workspace = true\ndocumentation = \"\"\nreadme = \"\"\nkeywords = []\n\
                    categories = []\ninclude.workspace = true\n\n[lints]\nworkspace = true\n";
        let mut workspace = sample();
        let package = workspace
            .packages
            .iter_mut()
            .find(|package| package.name == "tool")
            .unwrap();
        assert_eq!(of_manifest(package, good), Vec::<String>::new());
        let lines = ["version", "edition", "rust-version", "license", "[lints]"];
        for line in lines.iter().chain(PUBLISHED) {
            let without = good.replacen(&format!("\n{line}"), "\n# ", 1);
            let complaints = of_manifest(package, &without);
            assert_eq!(complaints.len(), 1, "{without}: {complaints:?}");
        }
        for description in [None, Some(String::new()), Some("TODO".to_owned())] {
            package.description = description;
            assert_eq!(of_manifest(package, good), ["no description"]);
        }
    }

    #[test]
    fn build_output_and_editors_folders_are_left_out() {
        assert!(is_ours("crates") && is_ours(".ci") && is_ours(".cargo"));
        assert!(!is_ours("target") && !is_ours(".git") && !is_ours(".idea"));
    }
}
