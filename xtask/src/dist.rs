//! `cargo xtask dist`: what a person installs, in `target/dist`.
//!
//! ```text
//! bin/espat               static where the system can be: musl on Linux
//! share/man/man1/*.1      manual pages
//! share/bash-completion   and folders of the other shells, as packages of distributions have them
//! ```

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};

use crate::cmd::Cmd;
use crate::workspace::Workspace;

/// A program for it needs no library of the system.
const STATIC: &str = "x86_64-unknown-linux-musl";

/// Shells, and where packages of distributions put their completions.
const SHELLS: [(&str, &str); 3] = [
    ("bash", "share/bash-completion/completions/espat"),
    ("zsh", "share/zsh/site-functions/_espat"),
    ("fish", "share/fish/vendor_completions.d/espat.fish"),
];

/// Builds the program and lets it write the rest.
pub(crate) fn run(workspace: &Workspace) -> Result<()> {
    let target = cfg!(all(target_os = "linux", target_arch = "x86_64")).then_some(STATIC);
    if let Some(target) = target {
        Cmd::new("rustup target add").arg(target).run()?;
    }
    build(target).run()?;
    let folder = workspace.scratch("dist");
    let program = install(workspace, target, &folder)?;
    if target.is_some() {
        let elf = fs::read(&program)?;
        ensure!(
            is_static(&elf)?,
            "{} needs an interpreter",
            program.display()
        );
    }
    let man = folder.join("share/man/man1");
    fs::create_dir_all(&man).with_context(|| man.display().to_string())?;
    Cmd::of(&program)
        .arg("man")
        .arg(man.to_string_lossy())
        .run()?;
    for (shell, place) in SHELLS {
        let script = Cmd::of(&program)
            .args(["completions", shell])
            .probe()
            .with_context(|| format!("no completions for {shell}"))?;
        write(&folder.join(place), script.as_bytes())?;
    }
    println!("{}: bin, share", folder.display());
    Ok(())
}

fn build(target: Option<&str>) -> Cmd {
    let cmd = Cmd::new("cargo build --release -p espat");
    match target {
        // The C parts of `ring` need no header of the C library, so any C compiler will do.
        Some(target) => cmd
            .args(["--target", target])
            .env("CC_x86_64_unknown_linux_musl", "cc"),
        None => cmd,
    }
}

/// Copies the program to where it belongs.
fn install(workspace: &Workspace, target: Option<&str>, folder: &Path) -> Result<PathBuf> {
    let name = format!("espat{}", std::env::consts::EXE_SUFFIX);
    let built = workspace
        .scratch(target.unwrap_or_default())
        .join("release")
        .join(&name);
    let bytes = fs::read(&built).with_context(|| built.display().to_string())?;
    let program = folder.join("bin").join(name);
    write(&program, &bytes)?;
    fs::set_permissions(&program, fs::metadata(&built)?.permissions())?;
    Ok(program)
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = path.parent().context("a file in no folder")?;
    fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    fs::write(path, bytes).with_context(|| path.display().to_string())
}

/// Whether no dynamic linker is asked for.
fn is_static(elf: &[u8]) -> Result<bool> {
    use object::read::elf::{ElfFile64, ProgramHeader as _};
    let file = ElfFile64::<object::Endianness>::parse(elf).context("not a program")?;
    let endian = file.endian();
    let mut headers = file.elf_program_headers().iter();
    Ok(headers.all(|header| header.p_type(endian) != object::elf::PT_INTERP))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// This very test needs the dynamic linker.
    #[test]
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    fn a_program_with_an_interpreter_is_not_static() {
        let me = fs::read(std::env::current_exe().unwrap()).unwrap();
        assert!(!is_static(&me).unwrap());
        assert!(is_static(b"MZ").is_err());
    }
}
