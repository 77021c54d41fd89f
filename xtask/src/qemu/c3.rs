//! The ESP32-C3 image as it is flashed, on `firmware/model`: core, interrupts, UARTs and timers of the chip,
//! the Ethernet controller of Espressif's QEMU, and no radio.
//!
//! Ten boots, noise at the port, the story, and losses of power.

use std::time::Instant;

use anyhow::{Context as _, Result, bail, ensure};

use super::Cuts;
use super::cuts::{self, lot};
use super::machine::{Board, Flash, Lab, Machine, Options};
use super::story::{self, World};
use crate::bare_metal::Compiler;
use crate::cmd::Cmd;
use crate::firmware;
use crate::stack::{Emulator, QEMU};
use crate::workspace::Workspace;

const BOOTS: usize = 10;

/// Bytes of noise, with and without a host that heeds RTS: the port takes 11,520 of them in a second.
const NOISE: u64 = 24 * 1024;

/// What esp-backtrace prints first.
const PANIC: &str = "====";

pub(crate) fn run(workspace: &Workspace, compiler: Compiler) -> Result<()> {
    let Some(emulator) = Emulator::find(workspace) else {
        bail!("there is no {QEMU} for its network; `cargo xtask setup --yes` gets it");
    };
    Cmd::new("cargo fmt --check --manifest-path firmware/model/Cargo.toml").run()?;
    let scratch = workspace.scratch("esp32c3-model");
    let model = |verb: &str| {
        Cmd::new("cargo")
            .args(verb.split(' '))
            .args(["--release", "--manifest-path", "firmware/model/Cargo.toml"])
            .arg("--target-dir")
            .arg(scratch.to_string_lossy())
    };
    model("test --quiet").run()?;
    model("build").run()?;
    let made = firmware::openeth(workspace, compiler)?;
    let board = Board::C3 {
        model: scratch.join("release/esp32c3-model"),
        program: made.program,
        image: made.flash,
    };
    let lab = Lab::new(emulator, board, scratch.join("run"))?;
    boots(&lab)?;
    noise(&lab)?;
    let world = World::new(workspace, &lab)?;
    let told = story::tell(&lab, &world)?;
    cuts::sweep(&lab, &world.image, Cuts::Few)?;
    println!("\n| ESP32-C3, modelled | |\n|---|---:|");
    print!("{told}");
    Ok(())
}

/// Each of ten starts ends with `ready`: the first formats the settings, the others find them.
fn boots(lab: &Lab) -> Result<()> {
    let flash = Flash::new(lab, "boots.flash")?;
    let mut slowest = std::time::Duration::ZERO;
    for number in 1..=BOOTS {
        let begin = Instant::now();
        let (machine, mut host) = Machine::boot(lab, &flash, Options::named("boots"))
            .with_context(|| format!("boot {number}"))?;
        slowest = slowest.max(begin.elapsed());
        host.ok("AT")?;
        no_panic(&machine)?;
    }
    let slowest = slowest.as_millis();
    eprintln!("  {BOOTS} boots of {BOOTS} came to `ready`, the slowest in {slowest} ms");
    Ok(())
}

/// Whatever comes in, the modem goes on: it answers the next line.
fn noise(lab: &Lab) -> Result<()> {
    let flash = Flash::new(lab, "noise.flash")?;
    for ignores_rts in [false, true] {
        let options = Options {
            ignores_rts,
            ..Options::named("noise")
        };
        let (machine, mut host) = Machine::boot(lab, &flash, options)?;
        host.ok("AT+CWMODE=1")?;
        let bytes: Vec<u8> = (0..NOISE / 8).flat_map(|n| lot(n).to_le_bytes()).collect();
        host.send(&bytes)?;
        // The end of a line that nobody understands, and a question.
        host.send(b"\r\nAT+CWMODE?\r\n")?;
        host.bytes_until("+CWMODE:1\r\n\r\nOK\r\n")
            .with_context(|| machine.last_words())?;
        host.ok("AT")?;
        no_panic(&machine)?;
    }
    eprintln!("  {NOISE} bytes of noise, twice: it answers afterwards");
    Ok(())
}

fn no_panic(machine: &Machine) -> Result<()> {
    let log = machine.log();
    ensure!(!log.contains(PANIC), "{}", machine.last_words());
    ensure!(
        !machine.errors().contains("reset: Watchdog"),
        "{}",
        machine.last_words()
    );
    Ok(())
}
