//! Where `core` for a chip comes from: one of two places.
//!
//! * rustup's own build for the target, where `rustup target add` has been possible.
//! * a compiler of Debian's with its sources (`rustc-web` and `rust-web-src`), installed or fetched by
//!   [`crate::setup`], from which cargo builds `core`. That takes `-Z build-std`, hence
//!   `RUSTC_BOOTSTRAP`; both concern builds for chips only.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use clap::ValueEnum;

use crate::cmd::{Cmd, find_program};
use crate::workspace::Workspace;

/// ESP32-C3's: no compare-and-swap, so a dependency that takes it for granted fails to compile.
pub(crate) const TARGET: &str = "riscv32imc-unknown-none-elf";

/// The program's name in Debian's package `rustc-web`.
pub(crate) const DEBIAN_RUSTC: &str = "rustc";

/// Which place to take `core` from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Compiler {
    /// rustup's if it is there, else Debian's.
    Auto,
    /// rustup's build for the target.
    Rustup,
    /// Built from the sources of Debian's compiler.
    System,
}

/// A place where `core` for the target was found.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Core {
    /// The folder that holds the target's `libcore-*`.
    Rustup(PathBuf),
    /// The compiler that has sources beside it.
    System(PathBuf),
}

impl Core {
    /// For [`TARGET`].
    pub(crate) fn find(compiler: Compiler, workspace: &Workspace) -> Option<Self> {
        Self::find_for(TARGET, compiler, workspace)
    }

    fn find_for(target: &str, compiler: Compiler, workspace: &Workspace) -> Option<Self> {
        match compiler {
            Compiler::Auto => Self::of_rustup(target).or_else(|| Self::of_system(workspace)),
            Compiler::Rustup => Self::of_rustup(target),
            Compiler::System => Self::of_system(workspace),
        }
    }

    /// As [`Self::find`], or why the step cannot run.
    pub(crate) fn require(compiler: Compiler, workspace: &Workspace) -> Result<Self> {
        Self::require_for(TARGET, compiler, workspace)
    }

    /// As [`Self::require`], for another target.
    pub(crate) fn require_for(
        target: &str,
        compiler: Compiler,
        workspace: &Workspace,
    ) -> Result<Self> {
        Self::find_for(target, compiler, workspace).with_context(|| {
            format!("missing: `core` for {target}; `cargo xtask setup` fetches it")
        })
    }

    fn of_rustup(target: &str) -> Option<Self> {
        let printed = Cmd::new("rustc --print target-libdir --target")
            .arg(target)
            .probe()?;
        let folder = PathBuf::from(printed.trim_end());
        let mut files = fs::read_dir(&folder).ok()?;
        let has_core =
            files.any(|file| file.is_ok_and(|file| is_core(&file.file_name().to_string_lossy())));
        has_core.then_some(Self::Rustup(folder))
    }

    fn of_system(workspace: &Workspace) -> Option<Self> {
        let wanted = workspace.rust_version()?;
        let fetched = workspace.scratch("tools/bin").join(DEBIAN_RUSTC);
        let usable = |rustc: &PathBuf| {
            let rustc = Cmd::of(rustc);
            let printed = rustc.clone().arg("-V").probe()?;
            let found = version(printed.split(' ').nth(1)?)?;
            let sysroot = rustc.args(["--print", "sysroot"]).probe()?;
            let sources = Path::new(sysroot.trim_end()).join("lib/rustlib/src/rust/library/core");
            Some(found >= wanted && sources.is_dir())
        };
        [PathBuf::from("/usr/bin").join(DEBIAN_RUSTC), fetched]
            .into_iter()
            .find(|rustc| usable(rustc) == Some(true))
            .map(Self::System)
    }

    /// What its compiler says of itself.
    pub(crate) fn compiler(&self) -> Result<String> {
        let rustc = match self {
            Self::Rustup(_) => Cmd::new("rustc"),
            Self::System(rustc) => Cmd::of(rustc),
        };
        Ok(rustc.arg("-V").output()?.trim_end().to_owned())
    }

    /// A verb of cargo's for `target`; `crates` names what the system's compiler has to build of
    /// the standard library.
    pub(crate) fn cargo(&self, verb: &str, crates: &str, target: &str) -> Result<Cmd> {
        let rustc = match self {
            Self::Rustup(_) => return Ok(Cmd::new("cargo").arg(verb).args(["--target", target])),
            Self::System(rustc) => rustc,
        };
        let linker = linker().context(
            "missing: a linker for the target; rustup's rust-lld or a package such as `lld` has one",
        )?;
        let variable = match target {
            TARGET => "CARGO_TARGET_RISCV32IMC_UNKNOWN_NONE_ELF_LINKER",
            _ => "CARGO_TARGET_RISCV32IMAC_UNKNOWN_NONE_ELF_LINKER",
        };
        Ok(Cmd::new("cargo")
            .arg(verb)
            .args(["-Z".to_owned(), format!("build-std={crates}")])
            .args(["--target", target])
            .env("RUSTC", rustc.to_string_lossy())
            .env("RUSTC_BOOTSTRAP", "1")
            .env(variable, linker.to_string_lossy()))
    }
}

impl fmt::Display for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rustup(folder) => write!(f, "rustup's, {}", folder.display()),
            Self::System(rustc) => write!(f, "built from the sources of {}", rustc.display()),
        }
    }
}

/// Whether rustup's compiler has `core` for `target`.
pub(crate) fn rustup_has_core(target: &str) -> bool {
    Core::of_rustup(target).is_some()
}

pub(crate) fn is_core(file_name: &str) -> bool {
    file_name.starts_with("libcore-")
}

/// rustup's compilers bring one, even where the target cannot be added to them.
fn linker() -> Option<PathBuf> {
    let host = Cmd::new("rustc --print target-libdir").probe();
    let own = host.and_then(|libraries| {
        let file = Path::new(libraries.trim_end())
            .parent()?
            .join("bin/rust-lld");
        file.is_file().then_some(file)
    });
    own.or_else(|| find_program("ld.lld", &[]))
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
    fn rustups_core_needs_no_other_compiler() {
        let core = Core::Rustup(PathBuf::from("/r"));
        let cmd = core.cargo("build", "core", TARGET).unwrap();
        assert_eq!(cmd, Cmd::new(&format!("cargo build --target {TARGET}")));
    }
}
