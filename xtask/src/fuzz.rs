//! `cargo xtask fuzz`: every target of `crates/fuzz-bodies`, for some seconds each.
//!
//! Where cargo-fuzz is installed, libFuzzer looks for inputs that reach new code; its package is written to
//! the target folder, so that no lock file of this repository has it. Elsewhere a loop mutates the seeds, the
//! same way in every run. Neither needs a nightly compiler, because no sanitizer is used.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};

use crate::cmd::Cmd;

/// What is fuzzed, and for how long.
#[derive(Debug, Clone, clap::Args)]
pub(crate) struct Args {
    /// How long each target runs.
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    /// Another number gives other mutations.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// One target; all of them if none is named.
    target: Option<String>,
}

/// Features of `fuzz-bodies`. A program has one clock, so these are two programs; what needs neither runs in the first.
const BUILDS: [&str; 2] = ["host", "mock-time"];

pub(crate) const BODIES: &str = "crates/fuzz-bodies";

/// Runs them; the first input on which a claim does not hold is an error.
pub(crate) fn run(args: &Args) -> Result<()> {
    let all = targets(Path::new(BODIES))?;
    if let Some(name) = &args.target
        && !all.iter().any(|(_, target)| target == name)
    {
        let names: Vec<&str> = all.iter().map(|(_, name)| name.as_str()).collect();
        bail!("no target {name}; there are: {}", names.join(", "));
    }
    let with_coverage = Cmd::new("cargo fuzz --version").probe().is_some();
    for build in BUILDS {
        let wanted = |name: &str| args.target.as_ref().is_none_or(|one| one == name);
        let of_build = all.iter().filter(|(feature, _)| *feature == build);
        let names: Vec<&String> = of_build
            .map(|(_, name)| name)
            .filter(|name| wanted(name))
            .collect();
        if names.is_empty() {
            continue;
        }
        if with_coverage {
            libfuzzer(build, &names, args)?;
        } else {
            mutations(build, &names, args).run()?;
        }
    }
    Ok(())
}

/// Every target with the build that has it, as the list of `fuzz-bodies` says.
pub(crate) fn targets(bodies: &Path) -> Result<Vec<(&'static str, String)>> {
    let list = bodies.join("src/lib.rs");
    let list = fs::read_to_string(&list).with_context(|| list.display().to_string())?;
    let mut build = BUILDS[0];
    let mut targets = Vec::new();
    for line in list.lines().map(str::trim) {
        let feature = line.strip_prefix("#[cfg(feature = \"");
        let feature = feature.and_then(|rest| rest.strip_suffix("\")]"));
        let name = line.strip_prefix("target(\"");
        if let Some(name) = name.and_then(|rest| rest.split('"').next()) {
            targets.push((build, name.to_owned()));
        }
        build = BUILDS
            .into_iter()
            .find(|build| feature == Some(*build))
            .unwrap_or(BUILDS[0]);
    }
    Ok(targets)
}

fn mutations(feature: &str, names: &[&String], args: &Args) -> Cmd {
    Cmd::new("cargo run --quiet -p fuzz-bodies --bin fuzz --no-default-features --features")
        .arg(feature)
        .arg("--")
        .arg(args.seconds.to_string())
        .arg(args.seed.to_string())
        .args(names.iter().map(|name| name.as_str()))
}

fn libfuzzer(feature: &str, names: &[&String], args: &Args) -> Result<()> {
    let root = std::env::current_dir()?;
    let folder = root.join("target/cargo-fuzz").join(feature);
    let sources = folder.join("fuzz_targets");
    fs::create_dir_all(&sources).with_context(|| sources.display().to_string())?;
    fs::write(folder.join("Cargo.toml"), manifest(&root, feature, names))?;
    for name in names {
        fs::write(sources.join(format!("{name}.rs")), source(name))?;
        let corpus = folder.join("corpus").join(name);
        fs::create_dir_all(&corpus)?;
        Cmd::new("cargo fuzz run -s none --fuzz-dir")
            .arg(folder.to_string_lossy())
            .arg("--target-dir")
            .arg(root.join("target/cargo-fuzz/target").to_string_lossy())
            .arg(name.as_str())
            .arg(corpus.to_string_lossy())
            .arg(root.join(BODIES).join("seeds").join(name).to_string_lossy())
            .arg("--")
            .arg(format!("-max_total_time={}", args.seconds))
            .arg(format!("-seed={}", args.seed))
            .arg("-print_final_stats=1")
            .args(["-timeout=15", "-rss_limit_mb=2000"])
            .run()?;
    }
    Ok(())
}

fn manifest(root: &Path, feature: &str, names: &[&String]) -> String {
    let bodies = root.join(BODIES);
    let mut text = format!(
        "[package]\nname = \"espat-{feature}-fuzz\"\nversion = \"0.0.0\"\nedition = \"2024\"\npublish = false\n\n\
         [package.metadata]\ncargo-fuzz = true\n\n[workspace]\n\n[dependencies]\nlibfuzzer-sys = \"0.4\"\n\
         fuzz-bodies = {{ path = {:?}, default-features = false, features = [{feature:?}] }}\n\n\
         [profile.release]\ndebug = \"line-tables-only\"\n",
        bodies.to_string_lossy()
    );
    for name in names {
        text.push_str(&format!(
            "\n[[bin]]\nname = {name:?}\npath = \"fuzz_targets/{name}.rs\"\ntest = false\ndoc = false\n"
        ));
    }
    text
}

fn source(name: &str) -> String {
    format!(
        "#![no_main]\nlibfuzzer_sys::fuzz_target!(|data: &[u8]| fuzz_bodies::body({name:?})(data));\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A target that nobody reads about, or that has no claim, is none.
    #[test]
    fn every_target_has_seeds_and_a_row_in_the_documentation() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let all = targets(&root.join(BODIES)).unwrap();
        let text = fs::read_to_string(root.join("docs/testing.md")).unwrap();
        let rows: Vec<&str> = text
            .lines()
            .filter(|line| line.starts_with("| `"))
            .filter_map(|line| line.split('|').nth(1))
            .collect();
        for (_, name) in &all {
            let seeds = root.join(BODIES).join("seeds").join(name);
            assert!(fs::read_dir(&seeds).unwrap().count() > 0, "{name}");
            assert!(
                rows.iter().any(|row| row.contains(&format!("`{name}`"))),
                "{name} has no row"
            );
        }
        let folders = fs::read_dir(root.join(BODIES).join("seeds")).unwrap();
        assert_eq!(folders.count(), all.len(), "seeds of no target");
        for (build, name) in [
            ("host", "at_line"),
            ("host", "control"),
            ("mock-time", "modem"),
        ] {
            assert!(all.contains(&(build, name.to_owned())), "{name}");
        }
    }

    #[test]
    fn the_loop_gets_its_time_its_seed_and_its_targets() {
        let name = "dns".to_owned();
        let args = Args {
            seconds: 5,
            seed: 2,
            target: None,
        };
        let cmd = mutations("host", &[&name], &args).to_string();
        assert!(cmd.ends_with("--features host -- 5 2 dns"), "{cmd}");
    }

    #[test]
    fn the_package_for_libfuzzer_names_every_target() {
        let name = "dns".to_owned();
        let text = manifest(Path::new("/r"), "host", &[&name]);
        assert!(text.contains("path = \"/r/crates/fuzz-bodies\""), "{text}");
        assert!(text.contains("path = \"fuzz_targets/dns.rs\""), "{text}");
        assert!(source("dns").contains("body(\"dns\")"));
    }
}
