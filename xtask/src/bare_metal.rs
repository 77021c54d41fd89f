//! Every library, checked for a chip without an operating system, with nothing but `core`.
//!
//! That proves two things at once: no library needs `std`, and none needs an allocator. `core`
//! comes from one of two places:
//!
//! * rustup's own build for the target, where `rustup target add` has been possible. `alloc` lies
//!   beside it, so the libraries are checked against a copy that holds `core` alone.
//! * a compiler of the system with its sources (Debian: `rustc-web` and `rust-web-src`), from which
//!   cargo builds `core` itself. That takes `-Z build-std`, hence `RUSTC_BOOTSTRAP`; both concern
//!   this step only.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use clap::ValueEnum;

use crate::cmd::{Cmd, remove_folder};
use crate::workspace::{Package, Workspace};

/// ESP32-C3's: no compare-and-swap, so that a dependency which takes it for granted shows, too.
pub(crate) const TARGET: &str = "riscv32imc-unknown-none-elf";

pub(crate) const SYSTEM_RUSTC: &str = "/usr/bin/rustc";

/// Which place to take `core` from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Compiler {
    /// rustup's if it is there, else the system's.
    Auto,
    /// rustup's build for the target.
    Rustup,
    /// Built from the sources of the system's compiler.
    System,
}

/// A place where `core` for the target was found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Core {
    /// The folder that holds the target's `libcore-*`.
    Rustup(PathBuf),
    System,
}

impl Core {
    pub(crate) fn find(compiler: Compiler, workspace: &Workspace) -> Option<Self> {
        match compiler {
            Compiler::Auto => Self::of_rustup().or_else(|| Self::of_system(workspace)),
            Compiler::Rustup => Self::of_rustup(),
            Compiler::System => Self::of_system(workspace),
        }
    }

    fn of_rustup() -> Option<Self> {
        let printed = Cmd::new("rustc --print target-libdir --target")
            .arg(TARGET)
            .probe()?;
        let folder = PathBuf::from(printed.trim_end());
        let has_core = files_of(&folder)
            .ok()?
            .iter()
            .any(|(name, _)| is_core(name));
        has_core.then_some(Self::Rustup(folder))
    }

    fn of_system(workspace: &Workspace) -> Option<Self> {
        let wanted = workspace.rust_version()?;
        let found = version(
            Cmd::new(SYSTEM_RUSTC)
                .arg("-V")
                .probe()?
                .split(' ')
                .nth(1)?,
        )?;
        let sysroot = Cmd::new(SYSTEM_RUSTC)
            .args(["--print", "sysroot"])
            .probe()?;
        let sources = Path::new(sysroot.trim_end()).join("lib/rustlib/src/rust/library/core");
        (found >= wanted && sources.is_dir()).then_some(Self::System)
    }
}

impl fmt::Display for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rustup(_) => write!(f, "rustup's {TARGET}"),
            Self::System => write!(f, "{SYSTEM_RUSTC} and its sources"),
        }
    }
}

pub(crate) fn run(workspace: &Workspace, compiler: Compiler) -> Result<()> {
    let Some(core) = Core::find(compiler, workspace) else {
        bail!("there is no `core` for {TARGET}; `cargo xtask setup --yes` gets one");
    };
    eprintln!("core: {core}");
    let scratch = workspace.scratch("bare-metal");
    let base = match &core {
        Core::Rustup(folder) => {
            let sysroot = scratch.join("core-only");
            lay_out(&sysroot, folder)?;
            Cmd::new("cargo check").env(
                "CARGO_ENCODED_RUSTFLAGS",
                format!("--sysroot={}", sysroot.display()),
            )
        }
        Core::System => Cmd::new("cargo check -Z build-std=core")
            .env("RUSTC", SYSTEM_RUSTC)
            .env("RUSTC_BOOTSTRAP", "1"),
    };
    let base = base
        .arg("--config")
        .arg("xtask/bare-metal.toml")
        .arg("--target-dir")
        .arg(
            scratch
                .strip_prefix(workspace.root())
                .unwrap_or(&scratch)
                .to_string_lossy(),
        )
        .args(["--target", TARGET]);
    for library in workspace.libraries() {
        for check in checks(&base, library) {
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

fn is_core(file_name: &str) -> bool {
    file_name.starts_with("libcore-")
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

/// Major and minor of `1.95` or `1.95.0-beta.1`.
pub(crate) fn version(text: &str) -> Option<(u32, u32)> {
    let mut parts = text
        .trim_end()
        .split(['.', '-'])
        .map(|part| part.parse().ok());
    Some((parts.next()??, parts.next()??))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workspace::tests::sample;

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
                "cargo check -p store --features defmt,log",
            ]
        );
    }

    #[test]
    fn versions_are_compared_as_numbers() {
        for (text, expected) in [
            ("1.95", Some((1, 95))),
            ("1.96.0", Some((1, 96))),
            ("1.100.0-nightly", Some((1, 100))),
            ("1", None),
            ("", None),
            ("one.two", None),
        ] {
            assert_eq!(version(text), expected, "{text}");
        }
        assert!(version("1.100") > version("1.95"));
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
