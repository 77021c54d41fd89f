//! The images for ESP32-C3, ESP32-C6 and ESP32: built, packed, read back.
//!
//! ```text
//! firmware/esp32 ── cargo ──▶ ELF ─┬─ firmware/tools/abi ────▶ structures of the radio's libraries, compared
//!                                  └─ firmware/tools/image ──▶ target/firmware/<chip>/*.bin, checked; sizes
//! ```
//!
//! What the two images for ESP32-C3 have in common is compiled once. `firmware/tools/image` is a program of its own, because
//! espflash would make every call of xtask a minute longer.

use std::fmt;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::ValueEnum;

use crate::cmd::Cmd;
use crate::rustls;
use crate::toolchain::{Compiler, Core};
use crate::workspace::{RUSTLS, Workspace};

/// Bytes of the main thread's stack beyond which nothing goes that the tests do on the model of ESP32-C3, sessions with
/// every kind of key and the longest chain among it; they fail beyond that.
const DEEPEST_EMBEDDED_TLS: u64 = 44 * 1024;
/// As [`DEEPEST_EMBEDDED_TLS`], with both engines.
const DEEPEST_BOTH: u64 = 54 * 1024;

/// What every image must have beyond that, also those of chips without a model. Interrupts are in what was measured.
const STACK_MARGIN: u64 = 2 * 1024;

const MANIFEST: &str = "firmware/esp32/Cargo.toml";

/// A chip that the firmware has a feature for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Chip {
    Esp32c3,
    Esp32c6,
    /// Xtensa: needs the toolchain that `espup` installs as `esp`. No step builds it.
    Esp32,
}

/// What the image reaches the network with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Net {
    Wifi,
    /// The Ethernet controller of Espressif's QEMU, in place of the radio.
    Openeth,
}

/// Which engines of TLS are in the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Engines {
    /// TLS 1.2 and 1.3 by rustls, pre-shared keys by embedded-tls.
    Both,
    /// TLS 1.3 without a heap.
    EmbeddedTls,
}

impl Engines {
    /// What an image has if nothing else is asked for: beside the radio's heap ESP32-C3 has no room for another
    /// (docs/footprint.md). Without a radio it has, and so both engines run on the model of the chip.
    const fn of(chip: Chip, net: Net) -> Self {
        match (chip, net) {
            (Chip::Esp32c6, _) | (Chip::Esp32c3, Net::Openeth) => Self::Both,
            (Chip::Esp32c3 | Chip::Esp32, _) => Self::EmbeddedTls,
        }
    }

    /// The deepest point of the stack in an image with these.
    const fn deepest(self) -> u64 {
        match self {
            Self::Both => DEEPEST_BOTH,
            Self::EmbeddedTls => DEEPEST_EMBEDDED_TLS,
        }
    }
}

impl Chip {
    const fn name(self) -> &'static str {
        match self {
            Self::Esp32c3 => "esp32c3",
            Self::Esp32c6 => "esp32c6",
            Self::Esp32 => "esp32",
        }
    }

    const fn target(self) -> &'static str {
        match self {
            Self::Esp32c3 => "riscv32imc-unknown-none-elf",
            Self::Esp32c6 => "riscv32imac-unknown-none-elf",
            Self::Esp32 => "xtensa-esp32-none-elf",
        }
    }
}

/// One image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Image {
    pub(crate) chip: Chip,
    pub(crate) net: Net,
    /// With an access point of its own.
    pub(crate) soft_ap: bool,
    pub(crate) engines: Engines,
    /// One of several: it must not take the folder of another one for the same chip.
    among_others: bool,
}

/// What to build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Selection {
    /// All that is part of `cargo xtask test`.
    All,
    One(Image),
}

impl Selection {
    /// All, if nothing is named; else ESP32-C3 and Wi-Fi for what is not, with the engines of that image.
    pub(crate) fn new(
        chip: Option<Chip>,
        net: Option<Net>,
        soft_ap: bool,
        engines: Option<Engines>,
    ) -> Self {
        if chip.is_none() && net.is_none() && !soft_ap && engines.is_none() {
            return Self::All;
        }
        let chip = chip.unwrap_or(Chip::Esp32c3);
        let net = net.unwrap_or(Net::Wifi);
        Self::One(Image {
            chip,
            net,
            soft_ap,
            engines: engines.unwrap_or(Engines::of(chip, net)),
            among_others: false,
        })
    }

    fn images(self) -> Vec<Image> {
        let image = |chip, net| Image {
            chip,
            net,
            soft_ap: false,
            engines: Engines::of(chip, net),
            among_others: true,
        };
        match self {
            Self::All => vec![
                image(Chip::Esp32c3, Net::Wifi),
                image(Chip::Esp32c3, Net::Openeth),
                image(Chip::Esp32c6, Net::Wifi),
            ],
            Self::One(image) => vec![image],
        }
    }
}

impl Image {
    fn has_rustls(self) -> bool {
        self.engines == Engines::Both
    }

    /// The name of its folder.
    fn folder(self) -> String {
        let name = self.chip.name();
        match self.net {
            Net::Openeth if self.among_others => format!("{name}-openeth"),
            Net::Wifi if self.among_others && self.soft_ap => format!("{name}-soft-ap"),
            Net::Openeth | Net::Wifi => name.to_owned(),
        }
    }

    fn features(self) -> String {
        let mut features = vec![self.chip.name()];
        if self.net == Net::Openeth {
            features.push("openeth");
        }
        if self.soft_ap {
            features.push("soft-ap");
        }
        if self.has_rustls() {
            features.push(RUSTLS);
        }
        features.join(",")
    }

    /// The command that links it.
    fn build(self, toolchain: &Toolchain, workspace: &Workspace) -> Result<Cmd> {
        let target = self.chip.target();
        let cmd = match toolchain {
            Toolchain::Rust(core) => core.cargo("rustc", "core,alloc", target)?,
            Toolchain::Esp => Cmd::new("rustup run esp cargo rustc -Z build-std=core,alloc")
                .args(["--target", target]),
        };
        let cmd = cmd
            .args(["--release", "--manifest-path", MANIFEST])
            .args(["--config".to_owned(), rustflags(self.chip)])
            // What `cargo build` in that folder finds by itself.
            .args(["--config", "firmware/esp32/.cargo/config.toml"])
            .args(["--no-default-features", "--features"])
            .arg(self.features())
            .arg("--target-dir")
            .arg(workspace.chip_builds())
            .env("RUSTC_BOOTSTRAP", "1");
        // Tables of switches in flash: 9.4 KB of RAM for 0.9 KB of image. On ESP32-C3 that would be 44 KB of image, because
        // its two segments would lie apart (docs/footprint.md).
        let cmd = match self.chip {
            Chip::Esp32c6 => cmd.env("ESP_HAL_CONFIG_PLACE_SWITCH_TABLES_IN_RAM", "false"),
            Chip::Esp32c3 | Chip::Esp32 => cmd,
        };
        let cmd = if self.has_rustls() {
            rustls::patched(cmd, MANIFEST, target, workspace)?
        } else {
            cmd
        };
        // The size of each frame, for the report. As another option above, a stable compiler takes it
        // only when asked so.
        Ok(cmd.args(["--", "-Zemit-stack-sizes"]))
    }
}

/// Compiler options for every crate, as an option of cargo.
///
/// Each makes the image smaller (docs/footprint.md):
///
/// * The folders of this machine are of no use on a chip, and every panic holds the name of its file:
///   9 KB.
/// * Nor does a panic hold line and column, so that all those of a file share one place: 24 KB.
///   Message, file and the dump of the stack remain.
/// * Linker relaxation (RISC-V): calls within 1 MiB take four bytes, not eight: 60 KB. The compiler
///   warns of an unstable feature; LLVM and lld have had it for years, and the radio's libraries were
///   compiled so.
fn rustflags(chip: Chip) -> String {
    let cargo = std::env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")));
    let registries = cargo
        .and_then(|cargo| fs::read_dir(cargo.join("registry/src")).ok())
        .into_iter()
        .flatten()
        .flatten()
        .map(|registry| registry.path());
    let here = std::env::current_dir().into_iter();
    // `{:?}` prints nothing. Whatever reaches the host has texts of its own; a log line keeps its words without such a value.
    let debug = (chip == Chip::Esp32c6).then(|| "'-Zfmt-debug=none'".to_owned());
    let relax = match chip {
        Chip::Esp32c3 | Chip::Esp32c6 => Some("'-Ctarget-feature=+relax'".to_owned()),
        Chip::Esp32 => None,
    };
    let flags: Vec<String> = registries
        .chain(here)
        .map(|folder| format!("'--remap-path-prefix={}/='", folder.display()))
        .chain([format!("'-Zlocation-detail={}'", location(chip))])
        // Not only where rustls is: so what all images have in common is compiled once.
        .chain([format!("'{}'", rustls::CFG)])
        .chain(relax)
        .chain(debug)
        .collect();
    format!("build.rustflags=[{}]", flags.join(","))
}

/// What a panic says of its place. The image of ESP32-C6 has both engines, and its names of files would fill 1 % of the slot:
/// there the addresses below the message say it.
const fn location(chip: Chip) -> &'static str {
    match chip {
        Chip::Esp32c6 => "none",
        Chip::Esp32c3 | Chip::Esp32 => "file",
    }
}

impl fmt::Display for Image {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.features())
    }
}

/// A compiler with `core` and `alloc` for a chip.
#[derive(Debug, PartialEq, Eq)]
enum Toolchain {
    Rust(Core),
    /// Espressif's fork.
    Esp,
}

impl Toolchain {
    fn find(chip: Chip, compiler: Compiler, workspace: &Workspace) -> Result<Self> {
        if chip == Chip::Esp32 {
            let there = Cmd::new("rustup run esp rustc -V").probe().is_some();
            return there.then_some(Self::Esp).context(
                "ESP32 is an Xtensa chip: it needs Espressif's compiler, which `espup install` gets",
            );
        }
        Core::require_for(chip.target(), compiler, workspace).map(Self::Rust)
    }
}

/// Targets beyond the one that the libraries are checked for.
pub(crate) const FURTHER_TARGETS: [&str; 1] = [ATOMIC_TARGET];

/// ESP32-C6's, which has compare-and-swap.
pub(crate) const ATOMIC_TARGET: &str = Chip::Esp32c6.target();

/// A verb of cargo's, of the program that packs images and reads them back.
fn tool(verb: &str, into: &str) -> Cmd {
    Cmd::new("cargo")
        .args(verb.split(' '))
        .args(["--manifest-path", "firmware/tools/image/Cargo.toml"])
        .args(["--target-dir", into])
}

/// A verb of cargo's, of the program that reads structures from the radio's libraries.
fn abi(verb: &str, into: &str) -> Cmd {
    Cmd::new("cargo")
        .args(verb.split(' '))
        .args([
            "--release",
            "--manifest-path",
            "firmware/tools/abi/Cargo.toml",
        ])
        .args(["--target-dir", into])
}

pub(crate) fn run(workspace: &Workspace, compiler: Compiler, selection: Selection) -> Result<()> {
    // What reads the images back is tested before it is believed.
    let into = workspace.chip_builds();
    tool("test --quiet", &into).run()?;
    Cmd::new("cargo fmt --check --manifest-path firmware/tools/abi/Cargo.toml").run()?;
    abi("clippy --quiet --all-targets", &into)
        .args(["--", "-D", "warnings"])
        .run()?;
    abi("test --quiet", &into).run()?;
    for image in selection.images() {
        make(workspace, compiler, image)?;
    }
    Ok(())
}

/// What was built.
pub(crate) struct Made {
    /// As it was linked.
    pub(crate) program: PathBuf,
    /// All of the flash.
    pub(crate) flash: PathBuf,
    /// Bytes of stack beyond which nothing may go.
    pub(crate) deepest: u64,
}

/// One of the images for ESP32-C3.
pub(crate) fn c3(
    workspace: &Workspace,
    compiler: Compiler,
    net: Net,
    soft_ap: bool,
) -> Result<Made> {
    let image = Image {
        chip: Chip::Esp32c3,
        net,
        soft_ap,
        engines: Engines::of(Chip::Esp32c3, net),
        among_others: true,
    };
    make(workspace, compiler, image)
}

fn make(workspace: &Workspace, compiler: Compiler, image: Image) -> Result<Made> {
    let into = workspace.chip_builds();
    let chip = image.chip;
    let toolchain = Toolchain::find(chip, compiler, workspace)?;
    image
        .build(&toolchain, workspace)?
        .run()
        .with_context(|| image.to_string())?;
    let program = format!("{into}/{}/release/espat-firmware", chip.target());
    let out = workspace.scratch("firmware").join(image.folder());
    println!("\n{image}:");
    if image.net == Net::Wifi && chip != Chip::Esp32 {
        // With an access point it calls all that the table has.
        let all = image.soft_ap || chip == Chip::Esp32c6;
        abi("run --quiet", &into)
            .args(["--", "--chip", chip.name(), "--elf"])
            .arg(&program)
            .args(all.then_some("--all"))
            .run()
            .with_context(|| image.to_string())?;
    }
    tool("run --quiet", &into)
        .args(["--", "--chip", chip.name(), "--elf"])
        .arg(&program)
        .arg("--out")
        .arg(out.to_string_lossy())
        .args(image.has_rustls().then_some("--rustls"))
        .arg("--stack")
        .arg((image.engines.deepest() + STACK_MARGIN).to_string())
        .run()
        .with_context(|| image.to_string())?;
    Ok(Made {
        program: workspace.root().join(program),
        flash: out.join("merged.bin"),
        deepest: image.engines.deepest(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_named_is_an_esp32_c3_with_wifi_and_nothing_named_is_all() {
        assert_eq!(Selection::new(None, None, false, None), Selection::All);
        let (both, alone) = (Some(Engines::Both), Some(Engines::EmbeddedTls));
        let (c3, c6) = (Some(Chip::Esp32c3), Some(Chip::Esp32c6));
        let (esp32, openeth) = (Some(Chip::Esp32), Some(Net::Openeth));
        for (chip, net, soft_ap, engines, features) in [
            (c3, None, false, None, "esp32c3"),
            (c6, None, false, None, "esp32c6,rustls"),
            (c6, None, false, alone, "esp32c6"),
            (esp32, None, false, None, "esp32"),
            (None, openeth, false, None, "esp32c3,openeth,rustls"),
            (None, openeth, false, alone, "esp32c3,openeth"),
            (None, openeth, false, both, "esp32c3,openeth,rustls"),
            (esp32, openeth, false, None, "esp32,openeth"),
            (None, None, true, None, "esp32c3,soft-ap"),
            (None, None, false, both, "esp32c3,rustls"),
            (c6, None, true, None, "esp32c6,soft-ap,rustls"),
        ] {
            let images = Selection::new(chip, net, soft_ap, engines).images();
            let named: Vec<String> = images.iter().map(Image::to_string).collect();
            assert_eq!(named, [features]);
        }
    }

    #[test]
    fn no_image_takes_the_place_of_another() {
        let folders: Vec<String> = Selection::All
            .images()
            .into_iter()
            .map(Image::folder)
            .collect();
        assert_eq!(folders, ["esp32c3", "esp32c3-openeth", "esp32c6"]);
        let Selection::One(alone) = Selection::new(None, Some(Net::Openeth), false, None) else {
            panic!("one was named");
        };
        assert_eq!(alone.folder(), "esp32c3");
    }

    #[test]
    fn only_riscv_is_relaxed() {
        for (chip, relaxed) in [
            (Chip::Esp32c3, true),
            (Chip::Esp32c6, true),
            (Chip::Esp32, false),
        ] {
            assert_eq!(rustflags(chip).contains("+relax"), relaxed, "{chip:?}");
        }
    }

    #[test]
    fn each_chip_is_built_for_its_own_target_with_its_own_feature() {
        let workspace = crate::workspace::tests::sample();
        for mut image in Selection::All.images() {
            // With rustls its source is looked for first.
            image.engines = Engines::EmbeddedTls;
            let line = image
                .build(&Toolchain::Rust(Core::Rustup(PathBuf::new())), &workspace)
                .unwrap()
                .to_string();
            let words = [
                format!("cargo rustc --target {} --release", image.chip.target()),
                format!("--no-default-features --features {image} --target-dir target/chip"),
            ];
            for words in words {
                assert!(line.contains(&words), "{line}");
            }
        }
    }
}
