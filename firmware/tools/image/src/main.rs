//! `firmware-image --chip … --elf … --out …`: what goes into flash, written and read back.
//!
//! ```text
//! ELF ─▶ pack ─▶ bootloader.bin, app.bin ─┐
//! partition-store ─▶ partition-table.bin, at_customize.bin, merged.bin ─▶ check (from the files)
//! ELF ─▶ sizes ─▶ tables on stdout
//! ```
//!
//! Exit status: 0 all is as it should be, 1 it is not.

mod check;
mod elf;
mod pack;
mod sizes;

use std::ops::Range;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result, ensure};
use clap::{Parser, ValueEnum};
use partition_store::BuiltIn;

/// Flash images of the ESP32 firmware.
#[derive(Debug, Parser)]
struct Cli {
    /// The chip it was built for.
    #[arg(long, value_enum)]
    chip: Chip,
    /// The linked program.
    #[arg(long)]
    elf: PathBuf,
    /// Folder for the images; it is made.
    #[arg(long)]
    out: PathBuf,
    /// It has rustls beside embedded-tls, and may be larger.
    #[arg(long)]
    rustls: bool,
    /// Bytes that must be left for the stack of the main thread.
    #[arg(long, default_value_t = 0)]
    stack: u64,
}

/// A chip that there is firmware for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Chip {
    Esp32,
    Esp32c3,
    Esp32c6,
}

impl Chip {
    /// ESP-AT had no release with certificate partitions for ESP32-C6: it gets ESP32-C3's, whose
    /// flash it has.
    pub(crate) const fn layout(self) -> &'static BuiltIn {
        match self {
            Self::Esp32 => &BuiltIn::ESP32,
            Self::Esp32c3 | Self::Esp32c6 => &BuiltIn::ESP32_C3,
        }
    }

    /// As image headers number it.
    pub(crate) const fn id(self) -> u16 {
        match self {
            Self::Esp32 => 0,
            Self::Esp32c3 => 5,
            Self::Esp32c6 => 13,
        }
    }

    /// Addresses of data and instructions that are read from flash through the cache.
    pub(crate) const fn mapped(self) -> [Range<u32>; 2] {
        match self {
            Self::Esp32 => [0x3f40_0000..0x3f80_0000, 0x400d_0000..0x4040_0000],
            Self::Esp32c3 => [0x3c00_0000..0x3c80_0000, 0x4200_0000..0x4280_0000],
            Self::Esp32c6 => [0x4200_0000..0x4280_0000, 0x4280_0000..0x4300_0000],
        }
    }

    /// Where the ROM looks for the bootloader.
    pub(crate) const fn boot_address(self) -> u32 {
        match self {
            Self::Esp32 => 0x1000,
            Self::Esp32c3 | Self::Esp32c6 => 0,
        }
    }
}

/// Percent of the slot that stay free: the next release is larger. With both engines 20 are the aim.
const fn free_at_least(rustls: bool) -> u64 {
    if rustls { 15 } else { 33 }
}

fn main() -> ExitCode {
    match run(&Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("firmware-image: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli) -> Result<()> {
    let bytes =
        std::fs::read(&cli.elf).with_context(|| format!("cannot read {}", cli.elf.display()))?;
    pack::write(cli.chip, &bytes, &cli.out)?;
    let found = check::files(cli.chip, &cli.out)
        .with_context(|| format!("images in {}", cli.out.display()))?;
    let program = elf::Program::parse(&bytes)?;
    let report = sizes::Report::of(&program);
    println!("{report}");
    let too_deep = report.never_fit();
    ensure!(
        too_deep.is_empty(),
        "more stack than there is: {}",
        too_deep.join(", ")
    );
    let besides = report.in_flash_besides();
    ensure!(
        besides.is_empty(),
        "buffers whose values at the start are not all zero, and so in flash as well: {}",
        besides.join(", ")
    );
    ensure!(
        report.stack() >= cli.stack,
        "{} bytes are left for the stack, and {} are needed",
        report.stack(),
        cli.stack
    );
    println!(
        "app.bin: {} of {} bytes of its slot, {} % free",
        found.app,
        found.slot,
        found.free_percent()
    );
    let share = free_at_least(cli.rustls);
    ensure!(
        found.free() * 100 >= found.slot * share,
        "less than {share} % of the slot is free"
    );
    eprintln!(
        "{}: bootloader, partition-table, at_customize, app, merged",
        cli.out.display()
    );
    Ok(())
}
