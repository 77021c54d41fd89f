//! The modem as an image for a board: `firmware/qemu-virt` on QEMU, from its size to a loss of power.
//!
//! ```text
//! qemu-virt ── AT port ─────▶ host      what a person would type, and what must come back
//!     │ ────── network ─────▶ router ─▶ openssl s_server, chronyd on this machine's loopback
//!     │ ────── flash bank ──▶ file      made by partition-store, as `espat` makes one
//!     └─────── semihosting ─▶ log
//! ```

pub(crate) mod c3;
mod cuts;
mod host;
#[expect(
    dead_code,
    reason = "shared with the tests of espat, which use all of it"
)]
#[path = "../../crates/espat/tests/harness/incoming.rs"]
mod incoming;
mod links;
mod machine;
mod peers;
mod router;
mod size;
mod soft_ap;
mod story;

use anyhow::Result;

use self::machine::{Board, Lab};
use self::story::World;
use crate::cmd::Cmd;
use crate::emulator::Emulator;
use crate::toolchain::{Compiler, Core, TARGET};
use crate::workspace::Workspace;

/// After how many of the writes of a change the power is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cuts {
    /// After none, after all and once between.
    Few,
    /// Each, where they are few; where they are many, as many as CI has time for.
    Some,
    /// Each.
    Every,
}

pub(crate) fn run(workspace: &Workspace, compiler: Compiler, cuts: Cuts) -> Result<()> {
    let core = Core::require(compiler, workspace)?;
    let emulator = Emulator::require(workspace)?;
    // Not of the workspace, so no other step looks at it.
    Cmd::new("cargo fmt --check --manifest-path firmware/qemu-virt/Cargo.toml").run()?;
    core.cargo("build", "core", TARGET)?
        .args([
            "--manifest-path",
            "firmware/qemu-virt/Cargo.toml",
            "--release",
        ])
        .arg("--target-dir")
        .arg(workspace.chip_builds())
        .run()?;
    let program = workspace
        .root()
        .join(workspace.chip_builds())
        .join(TARGET)
        .join("release/qemu-virt");
    let sizes = size::Sizes::of(&program)?;
    let lab = Lab::new(
        emulator,
        Board::Virt { program },
        workspace.scratch("qemu-virt"),
    )?;
    let begin = machine::boot_time(&lab)?;
    let world = World::new(workspace, &lab)?;
    let told = story::tell(&lab, &world)?;
    story::refuses_flow_control(&lab, &world)?;
    story::without_randomness(&lab, &world)?;
    links::tell(&lab, &world)?;
    cuts::sweep(&lab, &world.image, cuts)?;
    println!("\n{sizes}");
    let millis = begin.as_millis();
    println!("| from power on to `ready`, by the board's clock | {millis} ms |\n|---|---:|");
    print!("{told}");
    Ok(())
}
