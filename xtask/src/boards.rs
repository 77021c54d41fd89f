//! The modem's images on emulated boards: built here, tested by `firmware/tests/tests/boards`.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::cmd::{Cmd, find_program};
use crate::emulator::QEMU;
use crate::firmware::{self, Net};
use crate::size::Sizes;
use crate::toolchain::{Compiler, Core, TARGET};
use crate::workspace::{RUSTLS, Workspace};
use crate::{checks, rustls};

/// After how many of the writes of a change the tests cut the power.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cuts {
    /// As many as CI has time for.
    Some,
    /// Each.
    Every,
}

/// `firmware/qemu-virt` on QEMU, with embedded-tls alone and with both engines, and `firmware/embedded-modem`: their
/// sizes, then their tests.
pub(crate) fn virt(workspace: &Workspace, compiler: Compiler, cuts: Cuts) -> Result<()> {
    let build = |package, rustls| virt_image(workspace, compiler, package, rustls);
    let smaller = build("qemu-virt", false)?;
    let program = build("qemu-virt", true)?;
    let own_program = build("embedded-modem", false)?;
    let every = (cuts == Cuts::Every).then_some("--every-cut".to_owned());
    tests(workspace, "qemu-virt")?
        .args(["virt", "--program"])
        .arg(text(&program))
        .arg("--embedded-tls-program")
        .arg(text(&smaller))
        .arg("--own-program")
        .arg(text(&own_program))
        .args(every)
        .run()
}

/// Builds an image and prints its size.
fn virt_image(
    workspace: &Workspace,
    compiler: Compiler,
    package: &str,
    rustls: bool,
) -> Result<PathBuf> {
    let manifest = format!("firmware/{package}/Cargo.toml");
    // Not of the workspace, so no other step looks at it.
    Cmd::new("cargo fmt --check --manifest-path")
        .arg(&manifest)
        .run()?;
    let crates = if rustls { "core,alloc" } else { "core" };
    let cmd = Core::require(compiler, workspace)?
        .cargo("build", crates, TARGET)?
        .args(["--manifest-path", &manifest])
        .args(["--release", "--target-dir"])
        .arg(workspace.chip_builds())
        // What rustls needs, for all images: so what they have in common is compiled once.
        .args(["--config", &format!("build.rustflags=['{}']", rustls::CFG)])
        .env("RUSTC_BOOTSTRAP", "1");
    let cmd = if rustls {
        let cmd = cmd.args(["--features", RUSTLS]);
        rustls::patched(cmd, &manifest, TARGET, workspace)?
    } else {
        cmd
    };
    cmd.run()?;
    let program = built(workspace, &format!("{TARGET}/release/{package}"));
    // An image with other features has the same name where cargo puts it.
    let engines = if rustls { "both" } else { "embedded-tls" };
    let copy = program.with_file_name(format!("{package}-{engines}"));
    fs::copy(&program, &copy).with_context(|| program.display().to_string())?;
    println!("\n{package}, {engines}:\n\n{}", Sizes::of(&copy)?);
    Ok(copy)
}

/// `firmware/esp32` for ESP32-C3 on the model of the chip, with each network; before that the model's
/// own tests.
pub(crate) fn c3(workspace: &Workspace, compiler: Compiler) -> Result<()> {
    Cmd::new("cargo fmt --check --manifest-path firmware/tools/model/Cargo.toml").run()?;
    model(workspace, "clippy --quiet --all-targets")
        .args(["--", "-D", "warnings"])
        .run()?;
    model(workspace, "test --quiet").run()?;
    model(workspace, "build").run()?;

    let wifi = Image::make(workspace, compiler, Net::Wifi, false)?;
    let soft_ap = Image::make(workspace, compiler, Net::Wifi, true)?;
    tests(workspace, "esp32c3-wifi")?
        .arg("wifi")
        .args(chip(workspace, &wifi))
        .args(["--soft-ap-program".to_owned(), text(&soft_ap.program)])
        .args(["--soft-ap-flash".to_owned(), text(&soft_ap.flash)])
        .run()?;
    let openeth = Image::make(workspace, compiler, Net::Openeth, false)?;
    tests(workspace, "esp32c3-openeth")?
        .arg("openeth")
        .args(chip(workspace, &openeth))
        .run()
}

/// An image for the modelled chip.
struct Image {
    program: PathBuf,
    flash: PathBuf,
    deepest: u64,
}

impl Image {
    fn make(workspace: &Workspace, compiler: Compiler, net: Net, soft_ap: bool) -> Result<Self> {
        let made = firmware::c3(workspace, compiler, net, soft_ap)?;
        // The next image has the same name where cargo puts it.
        let program = made.flash.with_file_name("espat-firmware.elf");
        fs::copy(&made.program, &program).with_context(|| made.program.display().to_string())?;
        Ok(Self {
            program,
            flash: made.flash,
            deepest: made.deepest,
        })
    }
}

fn chip(workspace: &Workspace, image: &Image) -> Vec<String> {
    let model = built(workspace, "release/esp32c3-model");
    vec![
        "--model".to_owned(),
        text(&model),
        "--program".to_owned(),
        text(&image.program),
        "--flash".to_owned(),
        text(&image.flash),
        "--deepest".to_owned(),
        image.deepest.to_string(),
    ]
}

/// A verb of cargo's, of the model.
fn model(workspace: &Workspace, verb: &str) -> Cmd {
    Cmd::new("cargo")
        .args(verb.split(' '))
        .args(["--release", "--manifest-path"])
        .arg("firmware/tools/model/Cargo.toml")
        .args(["--target-dir".to_owned(), workspace.chip_builds()])
}

/// The tests of boards, with the programs that they start; their files go to `folder`.
fn tests(workspace: &Workspace, folder: &str) -> Result<Cmd> {
    let mut cmd = checks::workspace_tests(workspace).args(["--test", "boards", "--"]);
    for (option, program) in [
        ("--qemu", QEMU),
        ("--openssl", "openssl"),
        ("--chronyd", "chronyd"),
    ] {
        let found = find_program(program, &workspace.program_folders())
            .with_context(|| format!("missing: {program}; `cargo xtask setup` fetches it"))?;
        cmd = cmd.args([option.to_owned(), text(&found)]);
    }
    Ok(cmd.args(["--folder".to_owned(), text(&workspace.scratch(folder))]))
}

/// A file below the target folder of images.
fn built(workspace: &Workspace, name: &str) -> PathBuf {
    workspace.root().join(workspace.chip_builds()).join(name)
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}
