//! Says in `espat --version` which commit was built. A package has none: cargo notes it beside its files.

use std::process::Command;

fn main() {
    let version = env!("CARGO_PKG_VERSION");
    // Rebuilt when another commit is checked out; without these lines, at every change of a file here. Git says where
    // they are: of a further worktree, elsewhere. A file that does not exist would have it rebuilt every time.
    for name in ["HEAD", "logs/HEAD"] {
        if let Some(path) = git(&["rev-parse", "--git-path", name]) {
            println!("cargo::rerun-if-changed={path}");
        }
    }
    println!("cargo::rerun-if-changed=build.rs");
    let described = match commit() {
        Some(commit) => format!("{version} ({commit})"),
        None => version.to_owned(),
    };
    println!("cargo::rustc-env=ESPAT_VERSION={described}");
}

/// The commit of this checkout, `+` behind it if files were changed since; none outside of one.
fn commit() -> Option<String> {
    git(&[
        "describe",
        "--always",
        "--exclude=*",
        "--abbrev=10",
        "--dirty=+",
    ])
}

/// What git prints; none where there is no git, or no checkout.
fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git")
        .args(arguments)
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    let text = String::from_utf8(output.stdout).ok()?;
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}
