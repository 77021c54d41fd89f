//! What things cost, counted: `cargo xtask bench`.
//!
//! ```text
//! firmware/tools/bench ── callgrind ──┐                          ┌─▶ judged against bench.json (--mode check)
//! firmware/tools/stack ── QEMU ───────┴─▶ instructions by name ──┤
//!                                                                └─▶ bench.json, docs/performance.md and .svg (--mode record)
//! firmware/tools/bench, OpenSSL, socat ── callgrind ── the second table of docs/performance.md (--mode peers)
//! ```
//!
//! Both count instructions, which are the same in every run: time on a machine with other work to do is not. The
//! counts of the day are in `bench.json`, and a row that grows by more than 3 % beyond them fails.

mod chart;
mod counts;
mod page;
mod peers;
mod rows;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use clap::ValueEnum;

use crate::cmd::{Cmd, find_program, remove_folder};
use crate::stack::{self, Optimise};
use crate::toolchain::{Compiler, Core};
use crate::workspace::Workspace;
use counts::{Baseline, Counts};

/// The program that counts, of Debian's package of the same name.
pub(crate) const VALGRIND: &str = "valgrind";

const BASELINE: &str = "xtask/bench.json";
const PAGE: &str = "docs/performance.md";
const CHART: &str = "docs/performance.svg";

/// What becomes of the counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Mode {
    /// Printed.
    Print,
    /// Printed; it fails where one is too large.
    Check,
    /// The new baseline, the page's table and its picture.
    Record,
    /// What others take for the same, into the page's second table. Nothing is judged.
    Peers,
}

pub(crate) fn run(workspace: &Workspace, compiler: Compiler, mode: Mode) -> Result<()> {
    let valgrind = find_program(VALGRIND, &workspace.program_folders())
        .context("missing: valgrind; `cargo xtask setup` fetches it")?;
    if mode == Mode::Peers {
        return beside_peers(workspace, &valgrind);
    }
    let mut counts = on_this_machine(workspace, &valgrind, "")?;
    let report = stack::measured(workspace, compiler, Optimise::Size)?;
    counts.extend(report.instructions());
    println!("{}", page::table(&counts));
    let found = Baseline {
        host_compiler: Cmd::new("rustc -V").output()?.trim_end().to_owned(),
        chip_compiler: Core::require(compiler, workspace)?.compiler()?,
        counts,
    };
    match mode {
        Mode::Print | Mode::Peers => Ok(()),
        Mode::Record => record(&found),
        Mode::Check => check(&found),
    }
}

/// Where callgrind leaves its parts.
fn scratch(workspace: &Workspace) -> PathBuf {
    workspace.scratch("bench")
}

/// `firmware/tools/bench` under callgrind.
fn on_this_machine(workspace: &Workspace, valgrind: &Path, features: &str) -> Result<Counts> {
    Cmd::new("cargo build --release --manifest-path firmware/tools/bench/Cargo.toml --target-dir")
        .arg(workspace.chip_builds())
        .arg(format!("--features={features}"))
        .run()?;
    let scratch = scratch(workspace);
    remove_folder(&scratch)?;
    fs::create_dir_all(&scratch).with_context(|| scratch.display().to_string())?;
    let parts = scratch.join("callgrind");
    let cmd = Cmd::of(valgrind)
        .args(["--quiet", "--tool=callgrind"])
        .args([
            "--toggle-collect=*bench_counted*",
            "--dump-before=*bench_boundary*",
        ])
        .arg(format!("--callgrind-out-file={}", parts.display()))
        .arg(program(workspace));
    eprintln!("$ {cmd}");
    let printed = cmd.output()?;
    let mut counts = Counts::default();
    let mut part = 0_u32;
    for line in printed.lines() {
        let (row, numbers) = line.split_once(' ').context("unexpected line of bench")?;
        if let Some((units, total)) = numbers.split_once(" =") {
            // Counted by the bench itself.
            counts.insert(row, total.parse()?, units.parse()?);
            continue;
        }
        part = part.saturating_add(1);
        // A row that begins has no units: what was counted before belongs to nothing.
        let units: u32 = numbers.parse().context("unexpected number of bench")?;
        if units > 0 {
            let path = scratch.join(format!("callgrind.{part}"));
            let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
            let total = counts::total(&text).with_context(|| path.display().to_string())?;
            counts.insert(row, total, units);
        }
    }
    Ok(counts)
}

fn program(workspace: &Workspace) -> String {
    format!("{}/release/bench", workspace.chip_builds())
}

/// Ours and those of others, counted in one run, and what can only be timed.
fn beside_peers(workspace: &Workspace, valgrind: &Path) -> Result<()> {
    let mut counts = on_this_machine(workspace, valgrind, "peers")?;
    peers::count(workspace, valgrind, &scratch(workspace), &mut counts)?;
    let times = Cmd::new(&program(workspace)).arg("times").output()?;
    let p99 = times
        .trim_end()
        .rsplit_once(' ')
        .context("unexpected time")?
        .1;
    let table = peers::table(&counts);
    let text = format!(
        "{table}\n`AT` while five TLS links flood the modem: 99 of 100 answers within {p99} µs, on the PC that counted.\n"
    );
    println!("{text}");
    let page = fs::read_to_string(PAGE).context(PAGE)?;
    fs::write(PAGE, page::with_peers(&page, &text)?)?;
    eprintln!("{PAGE} has what was counted");
    Ok(())
}

fn record(found: &Baseline) -> Result<()> {
    fs::write(BASELINE, found.to_json()?)?;
    let page = fs::read_to_string(PAGE).context(PAGE)?;
    fs::write(PAGE, page::with_table(&page, &found.counts)?)?;
    fs::write(CHART, chart::draw(&found.counts))?;
    eprintln!("{BASELINE}, {PAGE} and {CHART} have what was counted");
    Ok(())
}

fn check(found: &Baseline) -> Result<()> {
    let baseline = Baseline::parse(&fs::read_to_string(BASELINE).context(BASELINE)?)?;
    let complaints = baseline.complaints(found);
    if complaints.is_empty() {
        eprintln!("no count has grown beyond its limit");
        return Ok(());
    }
    bail!("{}", complaints.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn page_and_picture_are_those_of_the_baseline() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let [baseline, page, chart] =
            [BASELINE, PAGE, CHART].map(|name| fs::read_to_string(root.join(name)).unwrap());
        let counts = Baseline::parse(&baseline).unwrap().counts;
        assert_eq!(page::with_table(&page, &counts).unwrap(), page);
        assert_eq!(chart::draw(&counts), chart);
        for row in rows::ROWS {
            assert!(counts.get(row.name).is_some(), "{}", row.name);
        }
    }
}
