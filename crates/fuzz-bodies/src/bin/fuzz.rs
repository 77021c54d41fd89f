//! Runs bodies on mutations of their seeds, for as long as wanted: `fuzz SECONDS SEED [TARGET]...`.
//!
//! Each input is in a file before it is tried, so a crash leaves it behind: `target/fuzz/TARGET.input`.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use fuzz_bodies::mutate::{Random, mutated};
use fuzz_bodies::{TARGETS, Target, seeds};

fn main() -> anyhow::Result<()> {
    let mut args = std::env::args().skip(1);
    let seconds: u64 = args.next().context("SECONDS SEED [TARGET]...")?.parse()?;
    let seed: u64 = args.next().context("SEED [TARGET]...")?.parse()?;
    let wanted: Vec<String> = args.collect();
    if let Some(name) = wanted
        .iter()
        .find(|name| !TARGETS.iter().any(|target| target.name == **name))
    {
        bail!("there is no target {name}");
    }
    let folder = PathBuf::from("target/fuzz");
    std::fs::create_dir_all(&folder)?;
    for target in TARGETS {
        if wanted.is_empty() || wanted.iter().any(|name| name == target.name) {
            let input = folder.join(target.name).with_extension("input");
            run(target, Duration::from_secs(seconds), seed, &input)?;
        }
    }
    Ok(())
}

fn run(target: &Target, time: Duration, seed: u64, input: &std::path::Path) -> anyhow::Result<()> {
    let seeds = seeds(target.name);
    let mut random = Random::new(seed);
    let begin = Instant::now();
    let (mut runs, mut slowest) = (0_u64, Duration::ZERO);
    let mut next = seeds.clone().into_iter();
    while begin.elapsed() < time {
        let data = next
            .next()
            .unwrap_or_else(|| mutated(&mut random, &seeds, target.longest));
        std::fs::write(input, &data).with_context(|| input.display().to_string())?;
        let start = Instant::now();
        (target.run)(&data);
        slowest = slowest.max(start.elapsed());
        runs += 1;
    }
    std::fs::remove_file(input)?;
    println!(
        "{:12} {runs} runs, the slowest took {slowest:?}",
        target.name
    );
    Ok(())
}
