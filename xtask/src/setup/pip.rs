//! Packages of Python's, pinned by their hashes, in a folder of their own.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use super::Fetch;
use crate::cmd::{Cmd, remove_folder};
use crate::workspace::Workspace;

/// A download of some 10 MB; without a network it fails within seconds.
const TIMEOUT: Duration = Duration::from_secs(60);

/// What `examples/ci-bench` is run with.
const BENCH: &str = "examples/ci-bench/requirements.txt";

/// Makes `folder` hold what `requirements` lists with hashes, and nothing else.
pub(crate) fn install(requirements: &Path, folder: &Path) -> Result<()> {
    remove_folder(folder)?;
    fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    Cmd::new("python3 -m pip install --quiet --disable-pip-version-check --no-deps")
        .args(["--only-binary", ":all:", "--require-hashes"])
        .args(["--target", &folder.to_string_lossy()])
        .args(["--requirement", &requirements.to_string_lossy()])
        .run_within(TIMEOUT)
}

/// Puts pytest below the target folder, unless the one there is what is asked for.
pub(super) fn pytest(workspace: &Workspace, fetch: Fetch) -> Result<()> {
    let requirements = workspace.root().join(BENCH);
    let folder = workspace.scratch("tools").join("pytest");
    // Beside the folder: written when the packages are whole.
    let installed = folder.with_extension("txt");
    let wanted =
        fs::read_to_string(&requirements).with_context(|| requirements.display().to_string())?;
    if fs::read_to_string(&installed).is_ok_and(|there| there == wanted) {
        return Ok(());
    }
    if fetch == Fetch::Forbidden {
        bail!("missing: pytest (`pip install -r {BENCH}`)");
    }
    eprintln!("fetching pytest with pip into {}", folder.display());
    install(&requirements, &folder)?;
    fs::write(&installed, wanted).with_context(|| installed.display().to_string())
}
