//! Which module may know which: policy, identity, verification, evidence and reasons know no engine, and nothing but the
//! session knows `engine/embedded_tls`.

#![expect(
    clippy::unwrap_used,
    reason = "checks of tests: a panic is how they say no"
)]

use std::fs;
use std::path::{Path, PathBuf};

/// What an engine is called in a path of Rust.
const ENGINES: [&str; 3] = ["engine::", "embedded_tls", "rustls::"];

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

/// The lines of code that name an engine.
fn names_an_engine(path: &Path) -> Vec<String> {
    fs::read_to_string(path)
        .unwrap()
        .lines()
        .map(|line| line.split("//").next().unwrap_or_default())
        .filter(|code| ENGINES.iter().any(|engine| code.contains(engine)))
        .map(str::to_owned)
        .collect()
}

#[test]
fn only_the_session_knows_an_engine() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut seen = 0;
    for path in sources(&source) {
        let inside = path.strip_prefix(&source).unwrap();
        // lib.rs names the transport that a session runs on.
        let may = ["engine", "engine.rs", "session", "session.rs", "lib.rs"];
        if may.iter().any(|allowed| inside.starts_with(allowed)) {
            continue;
        }
        seen += 1;
        let mut named = names_an_engine(&path);
        if inside.starts_with("transport.rs") {
            // What every engine keeps beside a connection.
            named.retain(|code| !code.starts_with("use crate::engine::{"));
        }
        assert!(named.is_empty(), "{}: {named:?}", inside.display());
    }
    assert!(seen > 20, "{seen} files");
}
