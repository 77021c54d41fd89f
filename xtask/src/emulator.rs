//! QEMU for RISC-V.

use std::path::PathBuf;

use anyhow::{Context as _, Result};

use crate::cmd::{Cmd, find_program};
use crate::workspace::Workspace;

/// Debian: `qemu-system-misc`.
pub(crate) const QEMU: &str = "qemu-system-riscv32";

/// The emulator, on the path or fetched by [`crate::setup`].
#[derive(Debug, Clone)]
pub(crate) struct Emulator(PathBuf);

impl Emulator {
    pub(crate) fn require(workspace: &Workspace) -> Result<Self> {
        find_program(QEMU, &workspace.program_folders())
            .map(Self)
            .with_context(|| format!("missing: {QEMU}; `cargo xtask setup` fetches it"))
    }

    /// The emulator, without arguments.
    pub(crate) fn command(&self) -> Cmd {
        Cmd::of(&self.0)
    }
}
