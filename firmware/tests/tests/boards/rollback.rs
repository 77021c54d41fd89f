//! Two slots for programs on the modelled chip: `AT+SYSROLLBACK`, cut at each of its writes, and a slot that is damaged.
//!
//! The model has a bootloader of its own, which chooses and checks as ESP-IDF's does.

use std::fs;

use anyhow::{Context as _, Result, ensure};
use modem_tests::host::Host;
use modem_tests::machine::{Flash, Lab, Machine, Options, Power};

use crate::bench::Bench;

/// The slots of ESP32-C3 (spec: cert-bin 8.3).
const SLOTS: [usize; 2] = [0x6_0000, 0x23_0000];
const SLOT: usize = 0x1d_0000;
/// What selecting a slot writes: a sector that is erased, and a page.
const WRITES: usize = 2;

/// A flash with the program in both slots, of which the first has run.
fn prepared(lab: &Lab) -> Result<Flash> {
    let flash = Flash::new(lab, "both.flash")?;
    let mut bytes = fs::read(flash.path())?;
    let program = bytes.get(SLOTS[0]..SLOTS[0] + SLOT).context("a slot")?;
    let program = program.to_vec();
    let other = bytes.get_mut(SLOTS[1]..SLOTS[1] + SLOT);
    other.context("a slot")?.copy_from_slice(&program);
    fs::write(flash.path(), bytes)?;
    let (machine, mut host) = Machine::boot(lab, &flash, Options::named("first"))?;
    host.ok("AT")?;
    let outcome = shown(&mut host, 0, "good");
    machine.explain(outcome)?;
    ensure!(started(&machine) == [SLOTS[0]], "{}", machine.errors());
    Ok(flash)
}

/// Where the programs that were started since power on lie, in order.
fn started(machine: &Machine) -> Vec<usize> {
    let errors = machine.errors();
    let lines = errors.lines().filter_map(|line| {
        let at = line.strip_prefix("boot: the program at 0x")?;
        usize::from_str_radix(at.strip_suffix(" starts")?, 16).ok()
    });
    lines.collect()
}

/// What the query says of both slots; `other` of the one that does not run.
fn shown(host: &mut Host, running: usize, other: &str) -> Result<()> {
    let [run_at, other_at] = [running, 1 - running].map(|slot| SLOTS.get(slot).copied());
    let (run_at, other_at) = (run_at.context("a slot")?, other_at.context("a slot")?);
    let version = env!("CARGO_PKG_VERSION");
    let there = if other == "good" { version } else { "" };
    host.ask(
        "AT+SYSROLLBACK?",
        &format!(
            "+SYSROLLBACK:{run_at:#x},\"{version}\",{other_at:#x},\"{there}\",\"good\",\"{other}\"\r\n\r\nOK\r\n"
        ),
    )
}

fn roll_back(host: &mut Host) -> Result<()> {
    host.ask("AT+SYSROLLBACK", "\r\nOK\r\n\r\nready\r\n")
}

/// A power cut at any write leaves a program that starts, the one of before or the other one.
pub(crate) fn cuts(bench: &Bench) -> Result<()> {
    let lab = bench.lab("rollback-cuts")?;
    let whole = prepared(&lab)?;
    for writes in 0..=WRITES {
        let flash = whole.copy("cut.flash")?;
        let options = Options {
            power: Power::CutAfter(writes),
            ..Options::named("cut")
        };
        let (machine, mut host) = Machine::boot(&lab, &flash, options)?;
        let outcome = roll_back(&mut host);
        machine.explain(outcome)?;
        drop((machine, host));

        let expected = usize::from(writes == WRITES);
        let (machine, mut host) = Machine::boot(&lab, &flash, Options::named("after"))?;
        let outcome = shown(&mut host, expected, "good").and_then(|()| roll_back(&mut host));
        machine.explain(outcome)?;
        let found = started(&machine);
        let both = [expected, 1 - expected].map(|slot| SLOTS.get(slot).copied());
        ensure!(
            found.iter().copied().map(Some).eq(both),
            "cut after {writes}: {found:x?}"
        );
    }
    Ok(())
}

/// A damaged program is not selected; one that is damaged after it was selected does not start, and the modem knows
/// which one runs.
pub(crate) fn damage(bench: &Bench) -> Result<()> {
    let lab = bench.lab("rollback-damage")?;
    let flash = prepared(&lab)?;
    let selected = flash.copy("selected.flash")?;
    {
        let (machine, mut host) = Machine::boot(&lab, &selected, Options::named("select"))?;
        let outcome = roll_back(&mut host);
        machine.explain(outcome)?;
    }
    for (flash, name) in [(flash, "not-selected"), (selected, "was-selected")] {
        let mut bytes = fs::read(flash.path())?;
        *bytes.get_mut(SLOTS[1] + 0x1000).context("a program")? ^= 1;
        fs::write(flash.path(), bytes)?;
        let (machine, mut host) = Machine::boot(&lab, &flash, Options::named(name))?;
        let outcome = (|| {
            shown(&mut host, 0, "damaged")?;
            host.ok("AT+SYSLOG=1")?;
            host.ask("AT+SYSROLLBACK", "ERR CODE:0x010a0005\r\n\r\nERROR\r\n")
        })();
        machine.explain(outcome)?;
        ensure!(started(&machine) == [SLOTS[0]], "{}", machine.errors());
    }
    Ok(())
}
