//! Every package as it would be published: packed, unpacked, checked from what was packed.
//!
//! ```text
//! target/package/<name>-<version>.crate              what `cargo package` writes
//! target/package/unpacked/<name>-<version>/          the same, unpacked
//! target/package/unpacked/Cargo.toml                 a workspace of them, in which they depend on each other
//! ```
//!
//! `cargo package` could verify by itself. But it unpacks the packages of a workspace into the registry's
//! cache by name and version alone, and from the second time on builds what was packed the first time.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

use crate::cmd::{Cmd, remove_folder};
use crate::workspace::{Package, Workspace};

/// Changes that are not committed yet are packed, too.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let folder = workspace.scratch("package");
    let unpacked = folder.join("unpacked");
    remove_folder(&folder)?;
    let packages: Vec<&Package> = workspace.published().collect();
    pack(&packages).run()?;

    fs::create_dir_all(&unpacked).with_context(|| unpacked.display().to_string())?;
    for package in &packages {
        let file = folder.join(format!("{}.crate", package.in_registry()));
        // What is packed has the same times always: cargo would take a file for the one of an earlier run.
        Cmd::new("tar --extract --touch --gzip --file")
            .arg(file.to_string_lossy())
            .arg("--directory")
            .arg(unpacked.to_string_lossy())
            .output()?;
    }
    let root = fs::read_to_string("Cargo.toml").context("cannot read Cargo.toml")?;
    fs::write(unpacked.join("Cargo.toml"), manifest(&packages, &root))?;
    // The versions that everything else is tested with.
    fs::copy("Cargo.lock", unpacked.join("Cargo.lock"))?;
    check(&unpacked, &workspace.scratch("")).run()
}

fn pack(packages: &[&Package]) -> Cmd {
    let names = packages
        .iter()
        .flat_map(|package| ["-p", package.name.as_str()]);
    Cmd::new("cargo package --quiet --no-verify --allow-dirty").args(names)
}

fn check(unpacked: &Path, target: &Path) -> Cmd {
    Cmd::new("cargo check --workspace --manifest-path")
        .arg(unpacked.join("Cargo.toml").to_string_lossy())
        .arg("--target-dir")
        .arg(target.to_string_lossy())
}

/// A workspace in which each package takes the others from their packages. It has the profiles of
/// ours, so that what others have published is compiled once.
fn manifest(packages: &[&Package], root: &str) -> String {
    let mut text =
        "[workspace]\nresolver = \"3\"\nmembers = [\"*\"]\n\n[patch.crates-io]\n".to_owned();
    for package in packages {
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "{} = {{ path = \"{}\" }}",
            package.name,
            package.in_registry()
        );
    }
    if let Some(profiles) = root.find("[profile.") {
        text.push('\n');
        text.push_str(root.get(profiles..).unwrap_or_default());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::tests::sample;

    #[test]
    fn what_is_published_is_packed_in_one_go() {
        let workspace = sample();
        let packages: Vec<&Package> = workspace.published().collect();
        assert_eq!(
            pack(&packages).to_string(),
            "cargo package --quiet --no-verify --allow-dirty -p image -p store -p tool"
        );
    }

    #[test]
    fn packages_depend_on_each_other_as_they_were_packed() {
        let workspace = sample();
        let packages: Vec<&Package> = workspace.published().collect();
        let text = manifest(&packages, "[workspace]\n\n[profile.dev]\nopt-level = 1\n");
        assert!(
            text.contains("\nstore = { path = \"store-0.1.0\" }\n"),
            "{text}"
        );
        assert!(
            text.ends_with("\n\n[profile.dev]\nopt-level = 1\n"),
            "{text}"
        );
    }
}
