//! Says in `espat --version` which commit was built. A package has none: cargo notes it beside its files.

use std::process::Command;

fn main() {
    let version = env!("CARGO_PKG_VERSION");
    // Rebuilt when another commit is checked out; without these lines, at every change of a file here.
    println!("cargo::rerun-if-changed=../../.git/HEAD");
    println!("cargo::rerun-if-changed=../../.git/logs/HEAD");
    let described = match commit() {
        Some(commit) => format!("{version} ({commit})"),
        None => version.to_owned(),
    };
    println!("cargo::rustc-env=ESPAT_VERSION={described}");
}

/// The commit of this checkout, `+` behind it if files were changed since; none outside of one.
fn commit() -> Option<String> {
    let output = Command::new("git")
        .args([
            "describe",
            "--always",
            "--exclude=*",
            "--abbrev=10",
            "--dirty=+",
        ])
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    let commit = String::from_utf8(output.stdout).ok()?;
    Some(commit.trim().to_owned()).filter(|commit| !commit.is_empty())
}
