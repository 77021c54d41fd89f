//! Every library, checked for a chip without an operating system, with nothing but `core`.
//!
//! That proves two things at once: no library needs `std`, and none needs an allocator. rustup's
//! build for the target has `alloc` beside `core`, so the libraries are checked against a copy that
//! holds `core` alone; of a compiler with sources cargo builds nothing but `core`.
//!
//! A library with the category `no-std` alone, or with the feature `rustls`, has `core` and `alloc`, on a chip
//! with compare-and-swap: where there is none, `alloc` has no `Arc`, and rustls has to be patched
//! ([`crate::rustls`]); the images are built so.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::cmd::{Cmd, remove_folder};
use crate::firmware::ATOMIC_TARGET;
use crate::toolchain::{Compiler, Core, TARGET, is_core};
use crate::workspace::{Package, RUSTLS, Workspace};

pub(crate) fn run(workspace: &Workspace, compiler: Compiler) -> Result<()> {
    let core = Core::require(compiler, workspace)?;
    eprintln!("core: {core}");
    let scratch = workspace.scratch("bare-metal");
    let mut base = core.cargo("check", "core", TARGET)?;
    if let Core::Rustup(folder) = &core {
        let sysroot = scratch.join("core-only");
        lay_out(&sysroot, folder)?;
        base = base.env(
            "CARGO_ENCODED_RUSTFLAGS",
            format!("--sysroot={}", sysroot.display()),
        );
    }
    let with_alloc = Core::require_for(ATOMIC_TARGET, compiler, workspace)?;
    let with_alloc = with_alloc.cargo("check", "core,alloc", ATOMIC_TARGET)?;
    let [base, with_alloc] = [base, with_alloc].map(|base| {
        base.args(["--config", "xtask/bare-metal.toml", "--target-dir"])
            .arg(workspace.relative(&scratch))
    });
    let for_chips = workspace
        .libraries()
        .filter(|library| !library.is_for_a_pc());
    for library in for_chips {
        let base = if library.needs_alloc() {
            &with_alloc
        } else {
            &base
        };
        for check in checks(base, library) {
            check.run().with_context(|| library.name.clone())?;
        }
        if let Some(check) = check_with_rustls(&with_alloc, library) {
            check.run().with_context(|| library.name.clone())?;
        }
    }
    Ok(())
}

/// A library as it comes, and with every feature that does not ask for an allocator or a PC. One
/// by one: together they would lend each other features.
fn checks(base: &Cmd, library: &Package) -> Vec<Cmd> {
    let plain = base.clone().args(["-p", library.name.as_str()]);
    let features: Vec<&str> = library.chip_features().collect();
    let mut commands = vec![plain.clone()];
    if !features.is_empty() {
        commands.push(plain.arg("--features").arg(features.join(",")));
    }
    commands
}

/// A library with the engine that needs an allocator, if it has it.
fn check_with_rustls(with_alloc: &Cmd, library: &Package) -> Option<Cmd> {
    let cmd = with_alloc.clone().args(["-p", library.name.as_str()]);
    library
        .has_rustls()
        .then(|| cmd.args(["--features", RUSTLS]))
}

/// A sysroot at `sysroot` with the `core` of `libraries` and what `core` itself needs.
fn lay_out(sysroot: &Path, libraries: &Path) -> Result<()> {
    let folder = sysroot.join("lib/rustlib").join(TARGET).join("lib");
    let context = || format!("cannot lay out {}", folder.display());
    remove_folder(sysroot)?;
    fs::create_dir_all(&folder).with_context(context)?;
    for (name, file) in files_of(libraries).with_context(context)? {
        if is_core(&name) || name.starts_with("libcompiler_builtins-") {
            let copy = folder.join(name);
            // Another file system takes no link.
            if fs::hard_link(&file, &copy).is_err() {
                fs::copy(&file, &copy).with_context(context)?;
            }
        }
    }
    Ok(())
}

fn files_of(folder: &Path) -> std::io::Result<Vec<(String, PathBuf)>> {
    fs::read_dir(folder)?
        .map(|entry| {
            entry.map(|entry| {
                (
                    entry.file_name().to_string_lossy().into_owned(),
                    entry.path(),
                )
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::tests::{sample, sample_with_rustls};

    #[test]
    fn each_library_is_checked_alone_without_and_with_its_features() {
        let base = Cmd::new("cargo check");
        let lines: Vec<String> = sample()
            .libraries()
            .flat_map(|library| checks(&base, library))
            .map(|cmd| cmd.to_string())
            .collect();
        assert_eq!(
            lines,
            [
                "cargo check -p image",
                "cargo check -p image --features defmt,far,pair",
                "cargo check -p store",
                "cargo check -p store --features defmt,log,mock-time",
            ]
        );
    }

    #[test]
    fn an_engine_with_an_allocator_is_checked_where_there_is_one() {
        let base = Cmd::new("cargo check");
        let lines: Vec<String> = sample_with_rustls()
            .libraries()
            .filter_map(|library| check_with_rustls(&base, library))
            .map(|cmd| cmd.to_string())
            .collect();
        assert_eq!(lines, ["cargo check -p image --features rustls"]);
    }

    #[test]
    fn the_sysroot_holds_core_and_no_alloc() {
        let begin = std::env::temp_dir().join(format!("xtask-sysroot-{}", std::process::id()));
        let (from, to) = (begin.join("from"), begin.join("to"));
        fs::create_dir_all(&from).unwrap();
        for name in [
            "libcore-1.rlib",
            "libcompiler_builtins-2.rmeta",
            "liballoc-3.rlib",
            "libproc_macro-4.rlib",
        ] {
            fs::write(from.join(name), name).unwrap();
        }
        for _again in 0..2 {
            lay_out(&to, &from).unwrap();
            let mut names: Vec<String> = files_of(&to.join("lib/rustlib").join(TARGET).join("lib"))
                .unwrap()
                .into_iter()
                .map(|(name, _)| name)
                .collect();
            names.sort();
            assert_eq!(names, ["libcompiler_builtins-2.rmeta", "libcore-1.rlib"]);
        }
        remove_folder(&begin).unwrap();
    }
}
