//! A loss of power at any moment of a change to the flash, and the next boot.
//!
//! ```text
//! flash ─┬─ copy, all writes lost  ──▶ how many writes the change takes
//!        └─ copy, cut after n ──▶ change ──▶ power off ──▶ boot: old or new?     for each n
//! ```
//!
//! What is in the file after n writes is what a cut at that moment leaves, so the sweep is exact and the
//! same in every run. A cut in the middle of a write matters where a block is erased: whenever a boot
//! finds a block that has to be rewritten, that is tried once more with the block full of garbage, and
//! once with another cut on the way. Kills of the emulator at random moments come on top.

use std::fmt;
use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use modem_tests::host::Host;
use modem_tests::machine::{Board, Flash, Lab, Machine, Options, Power};

use crate::bench::Bench;

/// After how many of the writes of a change the power is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cuts {
    /// After none, after all and once between.
    Few,
    /// Each, where they are few; where they are many, as many as there is time for.
    Some,
    /// Each.
    Every,
}

/// The firmware's log where a block has to be rewritten, before the block's address.
const REWRITTEN: &str = "flash: block at 0x";
const BLOCK: usize = 256 * 1024;
const SECTOR: usize = 4096;

const SETTING: [&str; 2] = ["AT+CIPSSLCCONF=2,0,0", "AT+CIPSSLCCONF=3,0,0"];
const ERASE: &str = "AT+SYSFLASH=0,\"client_ca\",0,4096";
/// As much as a change of a setting writes at most, unless it needs a new sector.
const fn few_writes(lab: &Lab) -> usize {
    match lab.board {
        // Whole blocks are rewritten there.
        Board::Virt { .. } => 20,
        Board::C3 { .. } => 15,
    }
}

/// More than the sectors of the settings have room for.
const MANY_CHANGES: usize = 4000;

/// Of a change with more writes than this, only some are cut after, unless all are asked for.
const MANY_WRITES: usize = 22;

/// Kills at random moments, of all changes together.
const KILLS: u64 = 12;

/// A change that a host makes to a flash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    Setting,
    /// There is no room left in the sector that the settings are in.
    SettingInNewSector,
    Erase,
    /// A CA image, to an erased sector.
    Write,
}

pub(crate) const CHANGES: [Change; 4] = [
    Change::Setting,
    Change::SettingInNewSector,
    Change::Erase,
    Change::Write,
];

impl Change {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Setting => "a_setting_is_old_or_new",
            Self::SettingInNewSector => "a_setting_that_needs_a_new_sector_is_old_or_new",
            Self::Erase => "an_erased_sector_is_old_or_new",
            Self::Write => "a_written_image_is_a_part_or_whole",
        }
    }
}

/// A change, and the flash that it is made to.
struct Case<'a> {
    change: Change,
    flash: Flash,
    image: &'a [u8],
}

impl<'a> Case<'a> {
    fn new(lab: &Lab, change: Change, image: &'a [u8]) -> Result<Self> {
        let flash = prepared(lab, image)?;
        let flash = match change {
            Change::Setting | Change::Erase => flash,
            Change::SettingInNewSector => nearly_full(lab, &flash)?,
            Change::Write => erased(lab, &flash)?,
        };
        Ok(Self {
            change,
            flash,
            image,
        })
    }

    fn make(&self, host: &mut Host) -> Result<()> {
        match self.change {
            Change::Setting => host.ok("AT+CIPSSLCCONF=3,0,0"),
            Change::SettingInNewSector => host.ok("AT+CIPSSLCCONF=1,0,0"),
            Change::Erase => host.ok(ERASE),
            Change::Write => host.write("client_ca", self.image),
        }
    }

    /// What may be in the changed sector beside what was before and what is after: the host writes to
    /// erased bytes, so there may be a part of what it sends.
    fn may_be_between(&self, found: &[u8]) -> bool {
        let sent = self.image.iter().chain(std::iter::repeat(&0xff));
        let mut pairs = found.iter().zip(sent);
        self.change == Change::Write && pairs.all(|(found, sent)| found == sent || *found == 0xff)
    }
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

/// A change, with the power cut after its writes and at random moments.
pub(crate) fn sweep(bench: &Bench, change: Change, cuts: Cuts) -> Result<()> {
    let lab = &bench.lab(change.name())?;
    let image = bench.image(lab)?;
    let case = Case::new(lab, change, &image)?;
    cut_at_each_write(lab, &case, cuts)?;
    let kills = match cuts {
        Cuts::Few => KILLS / 3,
        Cuts::Some | Cuts::Every => KILLS,
    };
    let turns = CHANGES.iter().cycle();
    for (seed, _) in (0..kills).zip(turns).filter(|(_, turn)| **turn == change) {
        kill_at_random(lab, &case, seed).with_context(|| format!("kill {seed}"))?;
    }
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
    host.expects(b"\r\nOK\r\n")?;
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

/// A cut after no write, after all, and after those between.
fn cut_at_each_write(lab: &Lab, case: &Case<'_>, cuts: Cuts) -> Result<()> {
    let before = seen_at_boot(lab, &case.flash.copy("cut.flash")?)?;
    let Made {
        lost: writes,
        seen: after,
        ..
    } = made(lab, case, 0)?;
    ensure!(writes > 0, "it writes nothing");
    let mut boots = 0;
    let step = match cuts {
        Cuts::Few => writes.div_ceil(2),
        Cuts::Some => writes.div_ceil(MANY_WRITES),
        Cuts::Every => 1,
    };
    let between = (0..writes).step_by(step);
    for kept in between.chain([writes]) {
        let cut = made(lab, case, kept)?.flash;
        boots += 1;
        let found = judged(lab, case, &cut, &before, &after)
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
    println!("{}: {writes} writes, cut {boots} times", case.change.name());
    Ok(())
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
fn made(lab: &Lab, case: &Case<'_>, kept: usize) -> Result<Made> {
    let flash = case.flash.copy("cut.flash")?;
    let options = Options {
        power: Power::CutAfter(kept),
        ..Options::named("cut")
    };
    let (machine, mut host) = Machine::boot(lab, &flash, options)?;
    case.make(&mut host)?;
    let seen = Seen::by(&mut host)?;
    Ok(Made {
        lost: machine.writes_lost()?,
        flash,
        seen,
    })
}

/// Boots after a cut: everything is as before or as after, also if a block was half made.
fn judged(lab: &Lab, case: &Case<'_>, cut: &Flash, before: &Seen, after: &Seen) -> Result<Seen> {
    let left = cut.copy("left.flash")?;
    let (found, log) = booted(lab, cut)?;
    let mut configs = found
        .configs
        .iter()
        .zip(before.configs.iter().zip(&after.configs));
    ensure!(
        configs.all(|(found, (before, after))| one_of(found, before, after))
            && (one_of(&found.changed, &before.changed, &after.changed)
                || case.may_be_between(&found.changed))
            && found.others == before.others
            && found.others == after.others,
        "neither old nor new: {found:?}, was {before:?}, becomes {after:?}"
    );
    let place = log
        .split(REWRITTEN)
        .nth(1)
        .and_then(|rest| rest.split(' ').next());
    let Some(place) = place else {
        return Ok(found);
    };
    let at = u64::from_str_radix(place, 16)?;
    let garbage = left.copy("garbage.flash")?;
    let file = File::options().write(true).open(garbage.path())?;
    file.write_all_at(&[0x5a; BLOCK], at)?;
    ensure!(
        booted(lab, &garbage)?.0 == found,
        "a block that was half erased was not rewritten"
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
    let seen = Seen::by(&mut host).with_context(|| machine.last_lines())?;
    Ok((seen, machine.log()))
}

fn seen_at_boot(lab: &Lab, flash: &Flash) -> Result<Seen> {
    Ok(booted(lab, flash)?.0)
}

/// Kills the emulator some time after the change was begun.
fn kill_at_random(lab: &Lab, case: &Case<'_>, seed: u64) -> Result<()> {
    let flash = case.flash.copy("kill.flash")?;
    let before = seen_at_boot(lab, &flash)?;
    let (mut machine, mut host) = Machine::boot(lab, &flash, Options::named("kill"))?;
    let begin = Instant::now();
    case.make(&mut host)?;
    let whole = begin.elapsed();
    machine.kill();
    let after = seen_at_boot(lab, &flash)?;

    let flash = case.flash.copy("kill.flash")?;
    let (mut machine, mut host) = Machine::boot(lab, &flash, Options::named("kill"))?;
    let thousandths = u32::try_from(random(seed) % 1000)?;
    let moment: Duration = whole * thousandths / 1000;
    thread::scope(|scope| {
        // It may never be answered.
        scope.spawn(|| case.make(&mut host).is_ok());
        thread::sleep(moment);
        machine.kill();
    });
    judged(lab, case, &flash, &before, &after)
        .map(drop)
        .with_context(|| format!("after {moment:?} of {whole:?}"))
}

/// SplitMix64: the same numbers in every run.
pub(crate) const fn random(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
