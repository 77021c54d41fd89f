//! A loss of power at any moment of a change to the flash, and the next boot.
//!
//! ```text
//! flash ─┬─ copy, all writes lost  ──▶ how many writes the change takes
//!        └─ copy, cut after n ──▶ change ──▶ power off ──▶ boot: old or new?     for each n
//! ```
//!
//! What is in the file after n writes is what a cut at that moment leaves, so the sweep is exact and the
//! same in every run. A cut in the middle of a write matters where a block is erased: whenever a boot
//! finds a block that has to be made anew, that is tried once more with the block full of rubbish, and
//! once with another cut on the way. Kills of the emulator at moments drawn by lot come on top.

use std::fmt;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use super::Cuts;
use super::host::Host;
use super::machine::{Board, Flash, Lab, Machine, Options, Power};

/// What the firmware's log says where a block has to be made anew, before the block's address.
const ANEW: &str = "flash: block at 0x";
const BLOCK: usize = 256 * 1024;
const SECTOR: usize = 4096;

const SETTING: [&str; 2] = ["AT+CIPSSLCCONF=2,0,0", "AT+CIPSSLCCONF=3,0,0"];
const ERASE: &str = "AT+SYSFLASH=0,\"client_ca\",0,4096";
/// As much as a change of a setting writes at most, unless a sector is begun anew for it.
const fn few_writes(lab: &Lab) -> usize {
    match lab.board {
        // Whole blocks are written anew there.
        Board::Virt { .. } => 20,
        Board::C3 { .. } => 15,
    }
}

/// More than the sectors of the settings have room for.
const MANY_CHANGES: usize = 4000;

/// Of a change with more writes than this, not every write is cut after in CI.
const MANY_WRITES: usize = 22;

/// Kills at moments drawn by lot.
const KILLS: u64 = 12;

/// A change that a host makes to a flash.
struct Change<'a> {
    name: &'a str,
    flash: Flash,
    make: &'a (dyn Fn(&mut Host) -> Result<()> + Sync),
    /// What may be in the changed sector beside what was before and what is after.
    between: &'a dyn Fn(&[u8]) -> bool,
}

/// What a host sees of the flash.
#[derive(PartialEq, Eq)]
struct Seen {
    /// A setting of each link: as many records.
    configs: Vec<String>,
    /// The sector that is changed.
    changed: Vec<u8>,
    /// The next one, and another partition of the same block.
    others: [Vec<u8>; 2],
}

impl Seen {
    fn by(host: &mut Host) -> Result<Self> {
        let configs = host.ask_until("AT+CIPSSLCCONF?", "\r\n\r\nOK\r\n")?;
        let configs = configs.lines().map(str::to_owned).collect();
        let mut changed = host.read("client_ca", SECTOR + 8)?;
        let rest = changed.split_off(SECTOR);
        Ok(Self {
            configs,
            changed,
            others: [rest, host.read("mqtt_ca", 1024)?],
        })
    }
}

/// For a person: bytes by their number and sum.
impl fmt::Debug for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.configs.join(" "))?;
        for bytes in [&self.changed].into_iter().chain(&self.others) {
            let written = bytes.iter().filter(|byte| **byte != 0xff).count();
            let sum: u64 = bytes.iter().copied().map(u64::from).sum();
            write!(f, "; {written} bytes written, sum {sum}")?;
        }
        Ok(())
    }
}

/// All changes to a flash with this CA image.
pub(crate) fn sweep(lab: &Lab, image: &[u8], cuts: Cuts) -> Result<()> {
    let begin = Instant::now();
    let flash = prepared(lab, image)?;
    let nothing = |_: &[u8]| false;
    // The host writes to what is erased: what is there is a part of what it sends.
    let part = |found: &[u8]| {
        let sent = image.iter().chain(std::iter::repeat(&0xff));
        let mut pairs = found.iter().zip(sent);
        pairs.all(|(found, sent)| found == sent || *found == 0xff)
    };
    let changes = [
        Change {
            name: "a setting",
            flash: flash.clone(),
            make: &|host| host.ok("AT+CIPSSLCCONF=3,0,0"),
            between: &nothing,
        },
        Change {
            name: "a setting that needs a sector begun anew",
            flash: nearly_full(lab, &flash)?,
            make: &|host| host.ok("AT+CIPSSLCCONF=1,0,0"),
            between: &nothing,
        },
        Change {
            name: "an erased sector",
            flash: flash.clone(),
            make: &|host| host.ok(ERASE),
            between: &nothing,
        },
        Change {
            name: "a new image",
            flash: erased(lab, &flash)?,
            make: &|host| host.write("client_ca", image),
            between: &part,
        },
    ];
    let mut boots = 0;
    for change in &changes {
        boots += cut_at_each_write(lab, change, cuts).with_context(|| change.name.to_owned())?;
    }
    let kills = match cuts {
        Cuts::Few => KILLS / 3,
        Cuts::Some | Cuts::Every => KILLS,
    };
    for (seed, change) in (0..kills).zip(changes.iter().cycle()) {
        kill_by_lot(lab, change, seed).with_context(|| format!("kill {seed}, {}", change.name))?;
    }
    let took = begin.elapsed().as_secs();
    eprintln!("  {boots} boots after cuts, {kills} after kills: old or new each time; {took} s");
    Ok(())
}

/// Settings, both sectors of a partition, and another partition: all in one block.
fn prepared(lab: &Lab, image: &[u8]) -> Result<Flash> {
    let flash = Flash::new(lab, "cuts.flash")?;
    let (_machine, mut host) = Machine::boot(lab, &flash, Options::named("cuts"))?;
    host.ok(SETTING[0])?;
    for partition in ["client_ca", "mqtt_ca"] {
        host.load(partition, image)?;
    }
    host.ask("AT+SYSFLASH=1,\"client_ca\",4096,8", "\r\n>")?;
    host.send(b"neighbor")?;
    host.hears(b"\r\nOK\r\n")?;
    Ok(flash)
}

fn erased(lab: &Lab, flash: &Flash) -> Result<Flash> {
    let flash = flash.copy("erased.flash")?;
    let (_machine, mut host) = Machine::boot(lab, &flash, Options::named("erased"))?;
    host.ok(ERASE)?;
    Ok(flash)
}

/// The same flash, with settings changed until the next change needs more than a few writes.
fn nearly_full(lab: &Lab, flash: &Flash) -> Result<Flash> {
    let settings = || SETTING.iter().rev().cycle().take(MANY_CHANGES);
    let trial = flash.copy("trial.flash")?;
    let options = Options {
        power: Power::CutAfter(0),
        ..Options::named("trial")
    };
    let (machine, mut host) = Machine::boot(lab, &trial, options)?;
    let mut before = machine.writes_lost()?;
    let mut fitting = None;
    for (count, setting) in settings().enumerate() {
        host.ok(setting)?;
        let lost = machine.writes_lost()?;
        // The first one writes more: what was never set has no record yet.
        if count > 0 && lost - before > few_writes(lab) {
            fitting = Some(count);
            break;
        }
        before = lost;
    }
    let fitting = fitting.context("the settings never need a new sector")?;
    drop(machine);

    let flash = flash.copy("full.flash")?;
    let (_machine, mut host) = Machine::boot(lab, &flash, Options::named("full"))?;
    for setting in settings().take(fitting) {
        host.ok(setting)?;
    }
    Ok(flash)
}

/// A cut after no write, after all, and after those between; gives how many boots were judged.
fn cut_at_each_write(lab: &Lab, change: &Change<'_>, cuts: Cuts) -> Result<usize> {
    let before = seen_at_boot(lab, &change.flash.copy("cut.flash")?)?;
    let Made {
        lost: writes,
        seen: after,
        ..
    } = made(lab, change, 0)?;
    ensure!(writes > 0, "it writes nothing");
    let mut boots = 0;
    let step = match cuts {
        Cuts::Few => writes.div_ceil(2),
        Cuts::Some => writes.div_ceil(MANY_WRITES),
        Cuts::Every => 1,
    };
    let between = (0..writes).step_by(step);
    for kept in between.chain([writes]) {
        let cut = made(lab, change, kept)?.flash;
        boots += 1;
        let found = judged(lab, change, &cut, &before, &after)
            .with_context(|| format!("cut after {kept} of {writes} writes"))?;
        let expected = match kept {
            0 => Some(&before),
            kept if kept == writes => Some(&after),
            _ => None,
        };
        ensure!(
            expected.is_none_or(|expected| *expected == found),
            "after {kept} of {writes} writes: {found:?}"
        );
    }
    eprintln!("  {}: {writes} writes, cut {boots} times", change.name);
    Ok(boots)
}

/// A change that was made before the machine was switched off.
struct Made {
    flash: Flash,
    /// Writes that the flash has not kept.
    lost: usize,
    /// What a host saw when it was made.
    seen: Seen,
}

/// Makes the change on a copy that keeps only the first writes.
fn made(lab: &Lab, change: &Change<'_>, kept: usize) -> Result<Made> {
    let flash = change.flash.copy("cut.flash")?;
    let options = Options {
        power: Power::CutAfter(kept),
        ..Options::named("cut")
    };
    let (machine, mut host) = Machine::boot(lab, &flash, options)?;
    (change.make)(&mut host)?;
    let seen = Seen::by(&mut host)?;
    Ok(Made {
        lost: machine.writes_lost()?,
        flash,
        seen,
    })
}

/// Boots after a cut: everything is as before or as after, also if a block was half made.
fn judged(
    lab: &Lab,
    change: &Change<'_>,
    cut: &Flash,
    before: &Seen,
    after: &Seen,
) -> Result<Seen> {
    let left = cut.copy("left.flash")?;
    let (found, log) = booted(lab, cut)?;
    let mut configs = found
        .configs
        .iter()
        .zip(before.configs.iter().zip(&after.configs));
    ensure!(
        configs.all(|(found, (before, after))| one_of(found, before, after))
            && (one_of(&found.changed, &before.changed, &after.changed)
                || (change.between)(&found.changed))
            && found.others == before.others
            && found.others == after.others,
        "neither old nor new: {found:?}, was {before:?}, becomes {after:?}"
    );
    let place = log
        .split(ANEW)
        .nth(1)
        .and_then(|rest| rest.split(' ').next());
    let Some(place) = place else {
        return Ok(found);
    };
    let at = u64::from_str_radix(place, 16)?;
    let rubbish = left.copy("rubbish.flash")?;
    let file = File::options().write(true).open(rubbish.path())?;
    file.write_all_at(&[0x5a; BLOCK], at)?;
    ensure!(
        booted(lab, &rubbish)?.0 == found,
        "a block that was half erased was not made anew"
    );

    let again = left.copy("again.flash")?;
    let options = Options {
        power: Power::CutAfter(1),
        ..Options::named("again")
    };
    drop(Machine::boot(lab, &again, options)?);
    ensure!(
        booted(lab, &again)?.0 == found,
        "a second cut was not healed"
    );
    Ok(found)
}

fn one_of<T: PartialEq>(found: &T, before: &T, after: &T) -> bool {
    found == before || found == after
}

/// Boots; what the host sees, and the log.
fn booted(lab: &Lab, flash: &Flash) -> Result<(Seen, String)> {
    let (machine, mut host) = Machine::boot(lab, flash, Options::named("after"))?;
    let seen = Seen::by(&mut host).with_context(|| machine.last_words())?;
    Ok((seen, machine.log()))
}

fn seen_at_boot(lab: &Lab, flash: &Flash) -> Result<Seen> {
    Ok(booted(lab, flash)?.0)
}

/// Kills the emulator some time after the change was begun.
fn kill_by_lot(lab: &Lab, change: &Change<'_>, seed: u64) -> Result<()> {
    let flash = change.flash.copy("kill.flash")?;
    let before = seen_at_boot(lab, &flash)?;
    let (mut machine, mut host) = Machine::boot(lab, &flash, Options::named("kill"))?;
    let begin = Instant::now();
    (change.make)(&mut host)?;
    let whole = begin.elapsed();
    machine.kill();
    let after = seen_at_boot(lab, &flash)?;

    let flash = change.flash.copy("kill.flash")?;
    let (mut machine, mut host) = Machine::boot(lab, &flash, Options::named("kill"))?;
    let thousandths = u32::try_from(lot(seed) % 1000)?;
    let moment: Duration = whole * thousandths / 1000;
    let make = change.make;
    thread::scope(|scope| {
        // It may never be answered.
        scope.spawn(|| make(&mut host).is_ok());
        thread::sleep(moment);
        machine.kill();
    });
    judged(lab, change, &flash, &before, &after)
        .map(drop)
        .with_context(|| format!("after {moment:?} of {whole:?}"))
}

/// SplitMix64: the same numbers in every run.
pub(crate) const fn lot(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lots_are_spread_over_the_time_of_a_change() {
        let drawn: Vec<u64> = (0..KILLS).map(|seed| lot(seed) % 1000).collect();
        assert!(drawn.iter().any(|lot| *lot < 250), "{drawn:?}");
        assert!(drawn.iter().any(|lot| *lot > 750), "{drawn:?}");
    }
}
