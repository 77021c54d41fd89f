//! rustls for a processor without compare-and-swap: `core` has no `Arc` there.
//!
//! rustls keeps one place for this, the module `sync` in its `src/lib.rs`. A copy of its source is made
//! below the target folder, with `portable_atomic_util` in that place, and cargo is made to use the copy.
//! Nothing of it is stored in the repository. The lock file then names the copy, so cargo works on a lock
//! file beside it: the one of the repository, with that difference.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;

use crate::cmd::{Cmd, remove_folder};
use crate::toolchain::TARGET;
use crate::workspace::{RUSTLS, Workspace};

/// The version whose source was read.
const VERSION: &str = "0.23.46";

/// What is changed in `src/lib.rs`, each once.
const ALIASES: [(&str, &str); 2] = [
    (
        "pub(crate) type Arc<T> = alloc::sync::Arc<T>;",
        "pub(crate) type Arc<T> = portable_atomic_util::Arc<T>;",
    ),
    (
        "pub(crate) type Weak<T> = alloc::sync::Weak<T>;",
        "pub(crate) type Weak<T> = portable_atomic_util::Weak<T>;",
    ),
];

/// What is added to `Cargo.toml`.
const DEPENDENCIES: &str = "
[target.'cfg(not(target_has_atomic = \"ptr\"))'.dependencies]
portable-atomic-util = { version = \"0.2\", default-features = false, features = [\"alloc\"] }
once_cell = { version = \"1\", default-features = false, features = [\"portable-atomic\"] }
";

/// An option of the compiler, for every crate: `Arc<T>` of portable-atomic-util becomes `Arc<dyn Trait>`
/// as `alloc`'s does. It takes unstable features of the compiler.
pub(crate) const CFG: &str = "--cfg=portable_atomic_unstable_coerce_unsized";

/// `cmd`, a build of the image at `manifest` with rustls, as `target` needs it. It has `RUSTC_BOOTSTRAP=1` and
/// [`CFG`] already.
pub(crate) fn patched(
    cmd: Cmd,
    manifest: &str,
    target: &str,
    workspace: &Workspace,
) -> Result<Cmd> {
    if target != TARGET {
        return Ok(cmd);
    }
    let folder = workspace.scratch("rustls");
    let name = Path::new(manifest).parent().and_then(Path::file_name);
    let name = name.context("a manifest lies in a folder")?;
    let lock = folder.join(name).join("Cargo.lock");
    let copy = folder.join(format!("rustls-{VERSION}"));
    let source = source(manifest)?;
    change(&source, &copy).with_context(|| format!("cannot copy {}", source.display()))?;
    copy_if_changed(&Path::new(manifest).with_file_name("Cargo.lock"), &lock)?;
    Ok(cmd
        .args(["-Z", "lockfile-path", "--config"])
        .arg(format!("resolver.lockfile-path='{}'", lock.display()))
        .arg("--config")
        .arg(format!("patch.crates-io.rustls.path='{}'", copy.display())))
}

#[derive(Debug, Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Debug, Deserialize)]
struct Package {
    name: String,
    version: String,
    manifest_path: PathBuf,
}

/// The folder of rustls's source as cargo got it from the registry, by the checksum of the lock file.
fn source(manifest: &str) -> Result<PathBuf> {
    let metadata = Cmd::new("cargo metadata --locked --format-version 1 --manifest-path")
        .arg(manifest)
        .args(["--filter-platform", TARGET, "--features", RUSTLS])
        .output()?;
    let metadata: Metadata =
        serde_json::from_str(&metadata).context("unexpected answer of `cargo metadata`")?;
    let rustls = metadata
        .packages
        .into_iter()
        .find(|package| package.name == "rustls")
        .with_context(|| format!("{manifest} does not depend on rustls"))?;
    ensure!(
        rustls.version == VERSION,
        "{manifest} is locked to rustls {}; read the module `sync` in its src/lib.rs, then put that \
         version into xtask/src/rustls.rs, which was written for {VERSION}",
        rustls.version
    );
    let folder = rustls.manifest_path.parent();
    Ok(folder.context("a manifest lies in a folder")?.to_owned())
}

/// Makes the changed copy, or leaves one that is whole: cargo looks at the times of its files.
fn change(source: &Path, copy: &Path) -> Result<()> {
    let (done, changes) = (
        copy.join("changes.txt"),
        format!("{ALIASES:#?}{DEPENDENCIES}"),
    );
    if fs::read_to_string(&done).is_ok_and(|made| made == changes) {
        return Ok(());
    }
    remove_folder(copy)?;
    copy_folder(&source.join("src"), &copy.join("src"))?;
    let lib = fs::read_to_string(source.join("src/lib.rs"))?;
    fs::write(copy.join("src/lib.rs"), with_aliases(&lib)?)?;
    let manifest = fs::read_to_string(source.join("Cargo.toml"))?;
    fs::write(copy.join("Cargo.toml"), as_library(&manifest))?;
    fs::copy(source.join("build.rs"), copy.join("build.rs"))?;
    Ok(fs::write(done, changes)?)
}

/// `src/lib.rs`, changed.
fn with_aliases(lib: &str) -> Result<String> {
    ALIASES.iter().try_fold(lib.to_owned(), |lib, (from, to)| {
        let found = lib.matches(from).count();
        ensure!(
            found == 1,
            "its src/lib.rs has `{from}` {found} times, not once"
        );
        Ok(lib.replace(from, to))
    })
}

/// `Cargo.toml` without the sections of programs that are not copied, and with what is added.
fn as_library(manifest: &str) -> String {
    let mut kept = String::new();
    let mut keep = true;
    for line in manifest.lines() {
        if line.starts_with('[') {
            keep = !["[[example]]", "[[bench]]", "[[test]]"].contains(&line);
        }
        if keep {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    kept.push_str(DEPENDENCIES);
    kept
}

fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_folder(&entry.path(), &to)?;
        } else {
            fs::copy(entry.path(), to)?;
        }
    }
    Ok(())
}

/// Copies the lock file, unless the copy is newer: cargo has changed it since, and would do so again.
fn copy_if_changed(from: &Path, to: &Path) -> Result<()> {
    let time = |file: &Path| file.metadata().and_then(|data| data.modified());
    if let (Ok(from), Ok(to)) = (time(from), time(to))
        && from < to
    {
        return Ok(());
    }
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::copy(from, to).with_context(|| format!("cannot copy {}", from.display()))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIB: &str = "mod sync {\n    pub(crate) type Arc<T> = alloc::sync::Arc<T>;\n    \
                       pub(crate) type Weak<T> = alloc::sync::Weak<T>;\n}\n";

    #[test]
    fn both_aliases_are_changed_and_nothing_else() {
        let changed = with_aliases(LIB).unwrap();
        assert_eq!(changed, LIB.replace("alloc::sync", "portable_atomic_util"));
    }

    #[test]
    fn a_source_that_looks_otherwise_is_refused() {
        for lib in [
            String::new(),
            LIB.replace("Weak", "Feeble"),
            format!("{LIB}{LIB}"),
        ] {
            let error = with_aliases(&lib).unwrap_err().to_string();
            assert!(error.starts_with("its src/lib.rs has `pub"), "{error}");
        }
    }

    #[test]
    fn of_the_manifest_only_programs_that_are_not_there_are_left_out() {
        let manifest = "[package]\nname = \"x\"\n\n[lib]\npath = \"src/lib.rs\"\n\n[[bench]]\nname = \"y\"\n\n[dependencies.z]\n";
        let kept = manifest.replace("[[bench]]\nname = \"y\"\n\n", "");
        assert_eq!(as_library(manifest), format!("{kept}{DEPENDENCIES}"));
    }

    #[test]
    fn a_processor_with_compare_and_swap_takes_rustls_as_it_is() {
        let workspace = crate::workspace::tests::sample();
        let cmd = Cmd::new("cargo build");
        let same = patched(
            cmd.clone(),
            "firmware/esp32/Cargo.toml",
            crate::firmware::ATOMIC_TARGET,
            &workspace,
        );
        assert_eq!(same.unwrap(), cmd);
    }
}
