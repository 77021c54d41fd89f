//! What the other steps need beyond cargo, and how it is had on Debian.
//!
//! Nothing of the system is changed without consent: `--yes`, or `CI=true`. What is changed is
//! little. `apt-get` may add packages but not remove any; and chrony, whose package would take the
//! place of the machine's own time service, is unpacked under the target folder instead: the tests
//! want the program, not the service.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use crate::bare_metal::{Compiler, Core, TARGET};
use crate::cmd::{Cmd, find_program, quoted};
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
    Chronyd,
    Core,
}

impl Missing {
    fn look(workspace: &Workspace) -> Vec<Self> {
        let folders = workspace.program_folders();
        let mut missing = Vec::new();
        if find_program("openssl", &[]).is_none() {
            missing.push(Self::Openssl);
        }
        if find_program("chronyd", &folders).is_none() {
            missing.push(Self::Chronyd);
        }
        if Core::find(Compiler::Auto, workspace).is_none() {
            missing.push(Self::Core);
        }
        missing
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Openssl => "openssl",
            Self::Chronyd => "chronyd",
            Self::Core => "a bare-metal `core`",
        }
    }

    /// Debian packages to install.
    const fn packages(self) -> &'static [&'static str] {
        match self {
            Self::Openssl => &["openssl"],
            Self::Chronyd => &[],
            // A check needs no linker.
            Self::Core => &["rustc-web", "rust-web-src"],
        }
    }
}

/// Leaves with everything in place, or says what is missing and how to get it.
pub(crate) fn run(workspace: &Workspace, consent: Consent) -> Result<()> {
    rustup_components()?;
    let mut missing = Missing::look(workspace);
    if missing.contains(&Missing::Core) {
        rustup_target();
        missing = Missing::look(workspace);
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
    if missing.contains(&Missing::Chronyd) {
        let tools = quoted(&tools.to_string_lossy());
        plan.push(Do::AsUser(Cmd::new("sh -c").arg(format!(
            "mkdir -p {tools} && cd {tools} && rm -f chrony_*.deb && \
             apt-get download -q -o Acquire::Retries=3 chrony && dpkg-deb --extract chrony_*.deb ."
        ))));
    }
    plan
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
fn rustup_target() {
    let add = Cmd::new("rustup target add")
        .arg(TARGET)
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

    #[test]
    fn only_what_is_missing_is_installed_and_nothing_is_removed() {
        let all = plan_line(&[Missing::Openssl, Missing::Chronyd, Missing::Core]);
        assert!(
            all.contains("--no-remove") && all.ends_with("extract chrony_*.deb .'"),
            "{all}"
        );
        assert!(all.contains(" openssl rustc-web rust-web-src "), "{all}");

        let openssl = plan_line(&[Missing::Openssl]);
        assert!(
            openssl.ends_with(" openssl") && !openssl.contains("chrony"),
            "{openssl}"
        );
    }

    #[test]
    fn chrony_is_unpacked_and_not_installed() {
        let line = plan_line(&[Missing::Chronyd]);
        assert!(!line.contains("install"), "{line}");
        assert!(line.contains("cd /w/target/tools "), "{line}");
    }

    #[test]
    fn what_is_missing_is_said_in_one_line() {
        assert_eq!(
            sentence(&[Missing::Chronyd, Missing::Core]),
            "missing: chronyd, a bare-metal `core`"
        );
    }
}
