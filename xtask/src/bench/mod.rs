//! What things cost, counted: `cargo xtask bench`.
//!
//! ```text
//! firmware/tools/bench ── callgrind ──┐                          ┌─▶ judged against bench.json (--mode check)
//! firmware/tools/stack ── QEMU ───────┴─▶ instructions by name ──┤
//!                                                                └─▶ bench.json, docs/performance.md and .svg (--mode record)
//! ```
//!
//! Both count instructions, which are the same in every run: time on a machine with other work to do is not. The
//! counts of the day are in `bench.json`, and a row that grows by more than 3 % beyond them fails.

mod chart;
mod counts;
mod page;
mod rows;

use std::fs;

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
}

pub(crate) fn run(workspace: &Workspace, compiler: Compiler, mode: Mode) -> Result<()> {
    let mut counts = on_this_machine(workspace)?;
    let report = stack::measured(workspace, compiler, Optimise::Size)?;
    counts.extend(report.instructions());
    println!("{}", page::table(&counts));
    let found = Baseline {
        host_compiler: Cmd::new("rustc -V").output()?.trim_end().to_owned(),
        chip_compiler: Core::require(compiler, workspace)?.compiler()?,
        counts,
    };
    match mode {
        Mode::Print => Ok(()),
        Mode::Record => record(&found),
        Mode::Check => check(&found),
    }
}

/// `firmware/tools/bench` under callgrind.
fn on_this_machine(workspace: &Workspace) -> Result<Counts> {
    let valgrind = find_program(VALGRIND, &workspace.program_folders())
        .context("missing: valgrind; `cargo xtask setup` fetches it")?;
    Cmd::new("cargo build --release --manifest-path firmware/tools/bench/Cargo.toml --target-dir")
        .arg(workspace.chip_builds())
        .run()?;
    let scratch = workspace.scratch("bench");
    remove_folder(&scratch)?;
    fs::create_dir_all(&scratch).with_context(|| scratch.display().to_string())?;
    let parts = scratch.join("callgrind");
    let cmd = Cmd::of(&valgrind)
        .args(["--quiet", "--tool=callgrind"])
        .args([
            "--toggle-collect=*bench_counted*",
            "--dump-before=*bench_boundary*",
        ])
        .arg(format!("--callgrind-out-file={}", parts.display()))
        .arg(format!("{}/release/bench", workspace.chip_builds()));
    eprintln!("$ {cmd}");
    let printed = cmd.output()?;
    let mut counts = Counts::default();
    for (part, line) in (1..).zip(printed.lines()) {
        let (row, units) = line.split_once(' ').context("unexpected line of bench")?;
        let units: u32 = units.parse().context("unexpected number of bench")?;
        let path = scratch.join(format!("callgrind.{part}"));
        let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        // A row that begins has no units: what was counted before belongs to nothing.
        if units > 0 {
            let total = counts::total(&text).with_context(|| path.display().to_string())?;
            counts.insert(row, total, units);
        }
    }
    Ok(counts)
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
    use std::path::Path;

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
