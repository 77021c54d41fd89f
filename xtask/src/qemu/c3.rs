//! The ESP32-C3 images as they are flashed, on `firmware/tools/model`: core, interrupts, UARTs and timers of the chip.
//!
//! | image | its network there |
//! |---|---|
//! | Wi-Fi | a radio by the names of its driver: what esp-radio calls is answered, the driver does not run |
//! | `openeth` | the Ethernet controller of Espressif's QEMU |
//!
//! Both: ten boots and the story. The first as well: what a radio can do beside, and a soft-AP, in an image that has one,
//! with a second chip as its station. The second as well: noise at the port, losses of power.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use super::Cuts;
use super::cuts::{self, lot};
use super::machine::{Board, Failure, Flash, Lab, Machine, Options};
use super::soft_ap;
use super::story::{self, JOINED, World};
use crate::cmd::Cmd;
use crate::emulator::Emulator;
use crate::firmware::{self, Net};
use crate::toolchain::Compiler;
use crate::workspace::Workspace;

const BOOTS: usize = 10;

/// Bytes of noise, with and without a host that heeds RTS: the port takes 11,520 of them in a second.
const NOISE: u64 = 24 * 1024;

/// How esp-backtrace begins what it prints.
const PANIC: &str = "====";

/// The passphrase of the model's network `locked`.
const PASSPHRASE: &str = "correct horse";
/// What the model has in the air: method, name, strength, address, channel.
const IN_THE_AIR: [&str; 2] = [
    r#"+CWLAP:(3,"locked",-42,"02:a9:00:00:00:01",6,"#,
    r#"+CWLAP:(0,"iot",-42,"02:a9:00:00:00:01",6,"#,
];

pub(crate) fn run(workspace: &Workspace, compiler: Compiler) -> Result<()> {
    Emulator::require(workspace)?;
    Cmd::new("cargo fmt --check --manifest-path firmware/tools/model/Cargo.toml").run()?;
    model(workspace, "clippy --quiet --all-targets")
        .args(["--", "-D", "warnings"])
        .run()?;
    model(workspace, "test --quiet").run()?;
    model(workspace, "build").run()?;
    for net in [Net::Wifi, Net::Openeth] {
        let lab = lab(workspace, compiler, net, false)?;
        boots(&lab)?;
        let world = World::new(workspace, &lab)?;
        let told = story::tell(&lab, &world)?;
        match net {
            Net::Wifi => {
                air(&lab)?;
                let own = self::lab(workspace, compiler, net, true)?;
                soft_ap::tell(&own, &lab)?;
            }
            Net::Openeth => {
                noise(&lab)?;
                failures(&lab)?;
                cuts::sweep(&lab, &world.image, Cuts::Few)?;
            }
        }
        println!("\n| ESP32-C3, modelled, {} | |\n|---|---:|", name_of(net));
        println!("{told}");
    }
    Ok(())
}

const fn name_of(net: Net) -> &'static str {
    match net {
        Net::Wifi => "wifi",
        Net::Openeth => "openeth",
    }
}

/// A verb of cargo's, of the model.
fn model(workspace: &Workspace, verb: &str) -> Cmd {
    Cmd::new("cargo")
        .args(verb.split(' '))
        .args([
            "--release",
            "--manifest-path",
            "firmware/tools/model/Cargo.toml",
        ])
        .arg("--target-dir")
        .arg(workspace.chip_builds())
}

/// Builds the image; gives the chip that it is flashed to.
fn lab(workspace: &Workspace, compiler: Compiler, net: Net, soft_ap: bool) -> Result<Lab> {
    let emulator = Emulator::require(workspace)?;
    let scratch = workspace.scratch("esp32c3-model");
    let made = firmware::c3(workspace, compiler, net, soft_ap)?;
    let name = if soft_ap { "soft-ap" } else { name_of(net) };
    // The next image has the same name.
    let program = scratch.join(format!("{name}.elf"));
    fs::copy(&made.program, &program).with_context(|| made.program.display().to_string())?;
    let board = Board::C3 {
        net,
        model: workspace.scratch("chip/release/esp32c3-model"),
        program,
        image: made.flash,
    };
    Lab::new(emulator, board, scratch.join(name))
}

/// Each of ten starts ends with `ready`: the first formats the settings, the others find them.
fn boots(lab: &Lab) -> Result<()> {
    let flash = Flash::new(lab, "boots.flash")?;
    let mut slowest = Duration::ZERO;
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

/// Networks are found, refused, joined, lost and joined again; a station gets another address.
fn air(lab: &Lab) -> Result<()> {
    let flash = Flash::new(lab, "air.flash")?;
    let options = Options {
        lose_after: Some(1500),
        ..Options::named("air")
    };
    let (machine, mut host) = Machine::boot(lab, &flash, options)?;
    let told = (|| {
        host.ok("AT+CWMODE=1")?;
        let found = host.ask_until("AT+CWLAP", "\r\n\r\nOK\r\n")?;
        let mut lines = found.lines();
        for expected in IN_THE_AIR {
            let line = lines.next().unwrap_or_default();
            ensure!(line.starts_with(expected), "{found}");
        }
        ensure!(lines.next().is_none(), "{found}");
        for (name, passphrase, code) in [("locked", "too long ago", 2), ("nowhere", "", 3)] {
            let join = format!("AT+CWJAP=\"{name}\",\"{passphrase}\"");
            host.ask(&join, &format!("+CWJAP:{code}\r\n\r\nERROR\r\n"))?;
        }
        let join = format!("AT+CWJAP=\"locked\",\"{PASSPHRASE}\"");
        host.ask(&join, &format!("{JOINED}\r\nOK\r\n"))?;
        // It is gone, and comes back without a word of the host.
        host.hears(format!("WIFI DISCONNECT\r\n{JOINED}").as_bytes())?;
        let at = host.ask_until("AT+CIPSTA?", "\r\n\r\nOK\r\n")?;
        host.ask("AT+CIPSTAMAC=\"1a:fe:34:97:d0:ee\"", "\r\nERROR\r\n")?;
        host.ask("AT+CWQAP", "\r\nOK\r\nWIFI DISCONNECT\r\n")?;
        host.ok("AT+CIPSTAMAC=\"1a:fe:34:97:d0:ee\"")?;
        host.ask("AT+CWJAP=\"iot\",\"\"", &format!("{JOINED}\r\nOK\r\n"))?;
        let moved = host.ask_until("AT+CIPSTA?", "\r\n\r\nOK\r\n")?;
        ensure!(at != moved, "the DHCP server has not seen another station");
        no_panic(&machine)
    })();
    told.with_context(|| machine.last_words())?;
    eprintln!(
        "  told: a scan, two refusals, WPA2, a loss and the way back, another hardware address"
    );
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

/// A panic leaves its words in the log and restarts; a core that hangs is restarted by the watchdog.
fn failures(lab: &Lab) -> Result<()> {
    let flash = Flash::new(lab, "failures.flash")?;
    for (failure, reset) in [
        (Failure::Fault, "reset: Software"),
        (Failure::Hang, "reset: Watchdog"),
    ] {
        let options = Options {
            failure: Some(failure),
            ..Options::named("failures")
        };
        let (machine, mut host) = Machine::boot(lab, &flash, options)?;
        let told = (|| {
            host.hears(b"\r\nready\r\n")?;
            host.ok("AT")?;
            ensure!(machine.errors().contains(reset), "no `{reset}`");
            ensure!(
                machine.log().contains(PANIC) == (failure == Failure::Fault),
                "what the log says of it"
            );
            Ok(())
        })();
        told.with_context(|| machine.last_words())?;
    }
    eprintln!(
        "  told: a fault with its words in the log, a hang and the watchdog; both end in `ready`"
    );
    Ok(())
}

pub(super) fn no_panic(machine: &Machine) -> Result<()> {
    let bad = machine.log().contains(PANIC) || machine.errors().contains("reset: Watchdog");
    ensure!(!bad, "{}", machine.last_words());
    Ok(())
}
