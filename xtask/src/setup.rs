//! What the other steps need beyond cargo, and how it is had on Debian.
//!
//! Nothing of the system is changed without consent: `--yes`, or `CI=true`. What is changed is
//! little. `apt-get` may add packages but not remove any; and the servers that the tests talk to are
//! unpacked under the target folder instead, together with the libraries they need: the tests want
//! the programs, not a broker that starts with the machine or another time service. QEMU is unpacked
//! likewise: as a package it fits only beside the other parts of its version.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use crate::bare_metal::{Compiler, Core, TARGET};
use crate::cmd::{Cmd, find_program, quoted};
use crate::firmware;
use crate::stack;
use crate::workspace::Workspace;

/// A download of some 10 MB; without a network rustup says so much sooner.
const RUSTUP_LIMIT: Duration = Duration::from_secs(90);

/// Whether the system may be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Consent {
    Given,
    NotGiven,
}

impl Consent {
    /// A CI machine is there to be changed.
    pub(crate) fn from_environment() -> Self {
        Self::NotGiven.or(std::env::var_os("CI").is_some_and(|value| value == "true"))
    }

    pub(crate) const fn or(self, yes: bool) -> Self {
        if yes { Self::Given } else { self }
    }
}

/// Something a step needs that is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Missing {
    Openssl,
    Server(Server),
    Core,
    Qemu,
}

/// A server that is unpacked, not installed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Server {
    Chronyd,
    GnutlsServ,
    Mosquitto,
}

impl Server {
    const ALL: [Self; 3] = [Self::Chronyd, Self::GnutlsServ, Self::Mosquitto];

    const fn program(self) -> &'static str {
        match self {
            Self::Chronyd => "chronyd",
            Self::GnutlsServ => "gnutls-serv",
            Self::Mosquitto => "mosquitto",
        }
    }

    const fn package(self) -> &'static str {
        match self {
            Self::Chronyd => "chrony",
            Self::GnutlsServ => "gnutls-bin",
            Self::Mosquitto => "mosquitto",
        }
    }
}

impl Missing {
    fn look(workspace: &Workspace) -> Vec<Self> {
        let folders = workspace.program_folders();
        let mut missing = Vec::new();
        if find_program("openssl", &[]).is_none() {
            missing.push(Self::Openssl);
        }
        missing.extend(
            Server::ALL
                .into_iter()
                .filter(|server| find_program(server.program(), &folders).is_none())
                .map(Self::Server),
        );
        if Core::find(Compiler::Auto, workspace).is_none() {
            missing.push(Self::Core);
        }
        if stack::find(workspace).is_none() {
            missing.push(Self::Qemu);
        }
        missing
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Openssl => "openssl",
            Self::Server(server) => server.program(),
            Self::Core => "a bare-metal `core`",
            Self::Qemu => stack::QEMU,
        }
    }

    /// Debian packages to install.
    const fn packages(self) -> &'static [&'static str] {
        match self {
            Self::Openssl => &["openssl"],
            Self::Server(_) | Self::Qemu => &[],
            // rustup's compiler brings a linker, even where no target can be added to it.
            Self::Core => &["rustc-web", "rust-web-src"],
        }
    }
}

/// Leaves with everything in place, or says what is missing and how to get it.
pub(crate) fn run(workspace: &Workspace, consent: Consent) -> Result<()> {
    rustup_components()?;
    let mut missing = Missing::look(workspace);
    if missing.contains(&Missing::Core) {
        rustup_target(TARGET);
        missing = Missing::look(workspace);
    }
    // Where the first can be had from rustup, so can these; elsewhere the system's compiler does.
    if firmware::has_core(TARGET) {
        for target in firmware::FURTHER_TARGETS {
            if !firmware::has_core(target) {
                rustup_target(target);
            }
        }
    }
    if missing.is_empty() {
        eprintln!("nothing is missing");
        return Ok(());
    }
    let tools = workspace.scratch("tools");
    let plan = plan(&missing, &tools);
    if consent == Consent::NotGiven {
        bail!(
            "{}; `cargo xtask setup --yes` gets it by: {}",
            sentence(&missing),
            one_line(&plan)
        );
    }
    if find_program("apt-get", &[]).is_none() {
        bail!(
            "{}, and there is no apt-get here: install it by this system's means",
            sentence(&missing)
        );
    }
    eprintln!("{}", sentence(&missing));
    let am_root = Cmd::new("id -u")
        .probe()
        .is_some_and(|id| id.trim_end() == "0");
    if !am_root && Cmd::new("sudo -n true").probe().is_none() {
        bail!(
            "{}, and sudo asks for a password; as root: {}",
            sentence(&missing),
            one_line(&plan)
        );
    }
    for step in &plan {
        match step {
            Do::AsRoot(cmd) if !am_root => cmd.after("sudo -n").run()?,
            Do::AsRoot(cmd) | Do::AsUser(cmd) => cmd.run()?,
        }
    }
    let still = Missing::look(workspace);
    if !still.is_empty() {
        bail!("after all that, still {}", sentence(&still));
    }
    Ok(())
}

/// A command, and who has to run it.
#[derive(Debug)]
enum Do {
    AsRoot(Cmd),
    AsUser(Cmd),
}

fn plan(missing: &[Missing], tools: &Path) -> Vec<Do> {
    let packages: Vec<&str> = missing
        .iter()
        .flat_map(|each| each.packages())
        .copied()
        .collect();
    let mut plan = vec![Do::AsRoot(Cmd::new("apt-get update -q"))];
    if !packages.is_empty() {
        plan.push(Do::AsRoot(
            Cmd::new("env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends --no-remove")
                .args(["-o", "Acquire::Retries=3", "-o", "DPkg::Lock::Timeout=120"])
                .args(packages),
        ));
    }
    let servers: Vec<&str> = missing
        .iter()
        .filter_map(|each| match each {
            Missing::Server(server) => Some(server.package()),
            Missing::Openssl | Missing::Core | Missing::Qemu => None,
        })
        .collect();
    if !servers.is_empty() {
        plan.push(Do::AsUser(Cmd::new("sh -c").arg(unpack(&servers, tools))));
    }
    if missing.contains(&Missing::Qemu) {
        let tools = stack::unpacked(tools);
        // Of the emulators for all kinds of machines one is of use here: 30 MB of 240.
        let script = format!(
            "{} && find usr/bin -name 'qemu-*' ! -name {} -delete && rm -r *.deb usr/share",
            unpack(&["qemu-system-misc"], &tools),
            stack::QEMU
        );
        plan.push(Do::AsUser(Cmd::new("sh -c").arg(script)));
    }
    plan
}

/// A script that unpacks these packages and what apt would install with them on this machine: a
/// library that is here already is not among it. Header files are nobody's need.
fn unpack(packages: &[&str], tools: &Path) -> String {
    let tools = quoted(&tools.to_string_lossy());
    let packages = packages.join(" ");
    format!(
        "mkdir -p {tools} && cd {tools} && rm -f *.deb && \
         apt-get download -q -o Acquire::Retries=3 \
         $(apt-get install --simulate --no-install-recommends {packages} | \
         sed -n 's/^Inst \\([^ ]*\\).*/\\1/p' | grep -v -e '-dev$') && \
         for deb in *.deb; do dpkg-deb --extract $deb . || exit 1; done"
    )
}

/// rustfmt and clippy come with rustup's default profile, but not with the minimal one.
fn rustup_components() -> Result<()> {
    for (component, word) in [("rustfmt", "fmt"), ("clippy", "clippy")] {
        let look = Cmd::new("cargo").arg(word).arg("--version");
        if look.probe().is_none() {
            Cmd::new("rustup component add")
                .arg(component)
                .run_within(RUSTUP_LIMIT)
                .with_context(|| {
                    format!("{component} is missing: `rustup component add {component}`")
                })?;
        }
    }
    Ok(())
}

/// The quickest way to a `core`; whoever has no rustup or no network goes the longer one.
fn rustup_target(target: &str) {
    let add = Cmd::new("rustup target add")
        .arg(target)
        .env("RUSTUP_MAX_RETRIES", "1")
        .env("RUST_BACKTRACE", "0");
    if let Err(error) = add.run_within(RUSTUP_LIMIT) {
        eprintln!("{error:#}; trying without rustup");
    }
}

fn sentence(missing: &[Missing]) -> String {
    let names: Vec<&str> = missing.iter().map(|each| each.name()).collect();
    format!("missing: {}", names.join(", "))
}

fn one_line(plan: &[Do]) -> String {
    let lines: Vec<String> = plan
        .iter()
        .map(|step| match step {
            Do::AsRoot(cmd) | Do::AsUser(cmd) => cmd.to_string(),
        })
        .collect();
    lines.join(" && ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan_line(missing: &[Missing]) -> String {
        one_line(&plan(missing, Path::new("/w/target/tools")))
    }

    #[test]
    fn consent_is_never_taken_back() {
        assert_eq!(Consent::NotGiven.or(false), Consent::NotGiven);
        assert_eq!(Consent::NotGiven.or(true), Consent::Given);
        assert_eq!(Consent::Given.or(false), Consent::Given);
    }

    const CHRONYD: Missing = Missing::Server(Server::Chronyd);

    #[test]
    fn only_what_is_missing_is_installed_and_nothing_is_removed() {
        let all = plan_line(&[Missing::Openssl, CHRONYD, Missing::Core]);
        assert!(
            all.contains(" --no-remove ") && all.contains(" openssl rustc-web rust-web-src "),
            "{all}"
        );

        let openssl = plan_line(&[Missing::Openssl]);
        assert!(
            openssl.ends_with(" openssl") && !openssl.contains("chrony"),
            "{openssl}"
        );
    }

    #[test]
    fn servers_are_unpacked_and_not_installed() {
        for first in 0..Server::ALL.len() {
            let (there, servers) = Server::ALL.split_at(first);
            let missing: Vec<Missing> = servers.iter().copied().map(Missing::Server).collect();
            let plan = plan(&missing, Path::new("/w/target/tools"));
            let line = one_line(&plan);
            for step in &plan {
                if let Do::AsRoot(cmd) = step {
                    assert_eq!(cmd, &Cmd::new("apt-get update -q"), "{line}");
                }
            }
            let installs = line.matches(" install ").count();
            assert_eq!(installs, line.matches(" install --simulate ").count());
            assert!(line.contains("cd /w/target/tools "), "{line}");
            let named = |server: &Server| line.contains(&format!(" {} ", server.package()));
            assert!(servers.iter().all(named), "{line}");
            assert!(!there.iter().any(named), "{line}");
        }
    }

    #[test]
    fn the_script_takes_the_packages_that_apt_names_but_for_headers() {
        let begin = std::env::temp_dir().join(format!("xtask-unpack-{}", std::process::id()));
        let (bin, tools) = (begin.join("bin"), begin.join("it's here"));
        std::fs::create_dir_all(&bin).unwrap();
        let fake = |name: &str, script: &str| {
            let file = bin.join(name);
            std::fs::write(&file, format!("#!/bin/sh\n{script}\n")).unwrap();
            assert!(
                Cmd::new("chmod +x")
                    .arg(file.to_str().unwrap())
                    .run()
                    .is_ok()
            );
        };
        fake(
            "apt-get",
            "case $1 in\n\
             install) echo 'Remv timesyncd [1]'; echo 'Inst libx30 [1] (2 Debian:12 [amd64]) []'\n\
             echo 'Inst libx-dev [1] (2)'; echo 'Inst served (3 Debian:12 [amd64])'; echo 'Conf served (3)';;\n\
             download) shift 4; for name; do : > ${name}_1.deb; done;;\nesac",
        );
        fake("dpkg-deb", "echo $2 >> unpacked");
        let script = format!(
            "PATH={}:$PATH; {}",
            bin.display(),
            unpack(&["served"], &tools)
        );
        for _again in 0..2 {
            assert!(Cmd::new("sh -c").arg(script.as_str()).run().is_ok());
            let unpacked = std::fs::read_to_string(tools.join("unpacked")).unwrap();
            assert_eq!(unpacked, "libx30_1.deb\nserved_1.deb\n");
            std::fs::remove_file(tools.join("unpacked")).unwrap();
        }
        crate::cmd::remove_folder(&begin).unwrap();
    }

    #[test]
    fn qemu_comes_with_its_libraries_and_is_not_installed() {
        let line = plan_line(&[Missing::Qemu]);
        assert!(!line.contains("install -q"), "{line}");
        assert!(line.contains("cd /w/target/tools/qemu "), "{line}");
        assert!(line.contains(" qemu-system-misc "), "{line}");
    }

    #[test]
    fn what_is_missing_is_said_in_one_line() {
        assert_eq!(
            sentence(&[CHRONYD, Missing::Core]),
            "missing: chronyd, a bare-metal `core`"
        );
    }
}
