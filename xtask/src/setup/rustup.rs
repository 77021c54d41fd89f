//! What rustup can add to the compiler that runs us: tools, and `core` for a chip.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use super::Fetch;
use crate::cmd::Cmd;

/// A download of some 10 MB; without a network rustup reports it much sooner.
const TIMEOUT: Duration = Duration::from_secs(90);

/// rustfmt and clippy come with rustup's default profile, but not with the minimal one.
pub(crate) fn components(fetch: Fetch) -> Result<()> {
    for (component, command) in [("rustfmt", "fmt"), ("clippy", "clippy")] {
        if Cmd::new("cargo")
            .arg(command)
            .arg("--version")
            .probe()
            .is_some()
        {
            continue;
        }
        if fetch == Fetch::Forbidden {
            bail!("missing: {component} (`rustup component add {component}`)");
        }
        Cmd::new("rustup component add")
            .arg(component)
            .run_within(TIMEOUT)
            .with_context(|| format!("missing: {component}"))?;
    }
    Ok(())
}

/// Adds `core` for a target. Not every compiler is rustup's, and Debian has another way: a failure
/// is printed and no more.
pub(crate) fn target(name: &str) {
    eprintln!("fetching `core` for {name} with rustup");
    let add = Cmd::new("rustup target add")
        .arg(name)
        .env("RUSTUP_MAX_RETRIES", "1")
        .env("RUST_BACKTRACE", "0");
    if let Err(error) = add.run_within(TIMEOUT) {
        eprintln!("{error:#}; trying without rustup");
    }
}
