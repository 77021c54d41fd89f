//! What the other steps need beyond cargo, and how it gets here.
//!
//! Everything is fetched into the target folder and nothing is installed: programs from Debian's
//! packages ([`apt`]), `core` for a chip by rustup ([`rustup`]) or, where rustup cannot, a compiler
//! with its sources from Debian. No step needs root. With `--no-fetch` nothing is fetched: what is
//! missing fails this step by name, and each step that needs it.

mod apt;
pub(crate) mod pip;
mod rustup;

use anyhow::{Result, bail};

use self::apt::{Apt, Package};
use crate::bench::VALGRIND;
use crate::cmd::find_program;
use crate::deny;
use crate::emulator::QEMU;
use crate::firmware;
use crate::toolchain::{Compiler, Core, DEBIAN_RUSTC, TARGET, rustup_has_core};
use crate::workspace::Workspace;

/// Whether what is missing may be downloaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fetch {
    Allowed,
    Forbidden,
}

impl Fetch {
    pub(crate) const fn allowed(yes: bool) -> Self {
        if yes { Self::Allowed } else { Self::Forbidden }
    }
}

/// Programs that the tests start, and the Debian packages that have them.
const PROGRAMS: [Package; 15] = [
    Package {
        program: "openssl",
        names: &["openssl"],
    },
    Package {
        program: "chronyd",
        names: &["chrony"],
    },
    Package {
        program: "curl",
        names: &["curl"],
    },
    Package {
        program: "gnutls-cli",
        names: &["gnutls-bin"],
    },
    Package {
        program: "gnutls-serv",
        names: &["gnutls-bin"],
    },
    Package {
        program: "java",
        names: &["openjdk-17-jdk-headless"],
    },
    Package {
        program: "javac",
        names: &["openjdk-17-jdk-headless"],
    },
    Package {
        program: "mosquitto",
        names: &["mosquitto"],
    },
    Package {
        program: "mosquitto_sub",
        names: &["mosquitto-clients"],
    },
    Package {
        program: "nginx",
        names: &["nginx"],
    },
    Package {
        program: "python3",
        names: &["python3"],
    },
    Package {
        program: "tshark",
        names: &["tshark"],
    },
    Package {
        program: QEMU,
        names: &["qemu-system-misc"],
    },
    // 14 MB to fetch, and 7 of symbols that the package depends on.
    Package {
        program: VALGRIND,
        names: &["valgrind"],
    },
    // Go's crypto/tls, by an interpreter: 5 MB where Go's compiler and its sources are 81.
    Package {
        program: "yaegi",
        names: &["yaegi"],
    },
];

/// A compiler with the sources of `core`. rustup's compiler brings a linker, even where no target
/// can be added to it.
const RUSTC: Package = Package {
    program: DEBIAN_RUSTC,
    names: &["rustc-web", "rust-web-src"],
};

/// Leaves with everything in place, or returns what is missing and why.
pub(crate) fn run(workspace: &Workspace, fetch: Fetch) -> Result<()> {
    rustup::components(fetch)?;
    deny::setup(workspace, fetch)?;
    pip::pytest(workspace, fetch)?;
    if fetch == Fetch::Allowed {
        rustup_targets(workspace);
    }
    let missing = missing(workspace);
    if missing.is_empty() {
        eprintln!("nothing is missing");
        return Ok(());
    }
    if fetch == Fetch::Forbidden {
        bail!(
            "missing, and --no-fetch forbids to fetch: {}",
            list(&missing)
        );
    }
    let tools = workspace.scratch("tools");
    eprintln!(
        "fetching from Debian into {}: {}; with the libraries they need that are not installed here",
        tools.display(),
        list(&missing)
    );
    let unpacked = Apt::new(&tools)
        .and_then(|apt| missing.iter().try_for_each(|package| apt.unpack(*package)));
    if let Err(error) = unpacked {
        bail!("{error:#}; missing: {}", list(&self::missing(workspace)));
    }
    let still = self::missing(workspace);
    if !still.is_empty() {
        bail!("unpacked, but not usable: {}", list(&still));
    }
    Ok(())
}

/// Where the first target can be had from rustup, so can the others; elsewhere Debian's compiler
/// serves all of them.
fn rustup_targets(workspace: &Workspace) {
    if Core::find(Compiler::Auto, workspace).is_none() {
        rustup::target(TARGET);
    }
    if rustup_has_core(TARGET) {
        for target in firmware::FURTHER_TARGETS {
            if !rustup_has_core(target) {
                rustup::target(target);
            }
        }
    }
}

fn missing(workspace: &Workspace) -> Vec<Package> {
    let folders = workspace.program_folders();
    let mut missing: Vec<Package> = PROGRAMS
        .into_iter()
        .filter(|package| find_program(package.program, &folders).is_none())
        .collect();
    if Core::find(Compiler::Auto, workspace).is_none() {
        missing.push(RUSTC);
    }
    missing
}

fn list(packages: &[Package]) -> String {
    let names: Vec<String> = packages
        .iter()
        .map(|package| {
            let what = match *package {
                RUSTC => "a compiler with `core` for a chip",
                Package { program, .. } => program,
            };
            format!("{what} ({})", package.names.join(", "))
        })
        .collect();
    names.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_listed_with_its_packages() {
        let [openssl, chronyd, ..] = PROGRAMS;
        assert_eq!(
            list(&[openssl, chronyd, RUSTC]),
            "openssl (openssl); chronyd (chrony); \
             a compiler with `core` for a chip (rustc-web, rust-web-src)"
        );
    }
}
