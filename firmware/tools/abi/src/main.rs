//! Compares the table of structures with a linked image. Exit status: 0 they agree, 1 they do not.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use clap::Parser;
use driver_abi::check::{self, Seen};
use driver_abi::layouts;
use driver_abi::program::Program;

/// Compares the table of structures with what the radio's libraries do in a linked image.
#[derive(Debug, Parser)]
struct Args {
    /// The linked image.
    #[arg(long)]
    elf: PathBuf,
    /// As cargo's feature names it.
    #[arg(long)]
    chip: String,
    /// The image calls every function that the table names.
    #[arg(long)]
    all: bool,
    /// Prints what was seen of each structure.
    #[arg(long)]
    seen: bool,
}

fn main() -> Result<()> {
    let args = Args::parse();
    let elf = fs::read(&args.elf).with_context(|| args.elf.display().to_string())?;
    let program = Program::parse(&elf)?;
    let (mut compared, mut tried) = (0, 0);
    let (mut absent, mut wrong) = (Vec::new(), Vec::new());
    for layout in layouts::all() {
        if layout.chip.is_some_and(|chip| chip != args.chip) {
            continue;
        }
        let Some(seen) = Seen::of(&program, &layout) else {
            absent.push(layout.name);
            continue;
        };
        if args.seen {
            println!("{}: {} bytes", layout.name, seen.extent());
            for access in &seen.accesses {
                let function = program.function_at(access.by).unwrap_or("?");
                println!("  {access} in {function}");
            }
        }
        compared += 1;
        let differences = check::compare(&layout, &seen);
        wrong.extend(
            differences
                .iter()
                .map(|each| format!("{}: {each}", layout.name)),
        );
        let (changes, missed) = check::alter(&layout, &seen);
        tried += changes;
        wrong.extend(
            missed
                .iter()
                .map(|what| format!("{what} would not be noticed")),
        );
    }
    for line in &wrong {
        eprintln!("{line}");
    }
    ensure!(
        wrong.is_empty(),
        "the radio's libraries have other structures than the firmware"
    );
    ensure!(
        compared > 0,
        "no structure of the radio's libraries was found"
    );
    ensure!(
        !args.all || absent.is_empty(),
        "not in this image: {}",
        absent.join(", ")
    );
    println!(
        "structures of the radio's libraries: {compared} as they should be, {} not used; {tried} changes \
         of the table would be noticed",
        absent.len()
    );
    Ok(())
}
