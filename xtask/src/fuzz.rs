//! `cargo xtask fuzz`: every target of `crates/fuzz-bodies`, for some seconds each.
//!
//! Where a nightly compiler with cargo-fuzz is, libFuzzer looks for inputs that reach new code; its package
//! is written to the target folder, so that no lock file of this repository has it. Elsewhere a loop
//! mutates the seeds, the same way in every run.

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

/// Features of `fuzz-bodies` and the targets that need them. A program has one clock, so these are two
/// programs.
const BUILDS: [(&str, &[&str]); 2] = [("host", &[]), ("mock-time", &["modem", "boot"])];

const BODIES: &str = "crates/fuzz-bodies";

/// Runs them; the first input on which a claim does not hold is an error.
pub(crate) fn run(args: &Args) -> Result<()> {
    let all = targets(Path::new(BODIES))?;
    if let Some(name) = &args.target
        && !all.contains(name)
    {
        bail!("no target {name}; there are: {}", all.join(", "));
    }
    let with_coverage = Cmd::new("cargo +nightly fuzz --version").probe().is_some();
    for (feature, only) in BUILDS {
        let is_of_build = |name: &&String| {
            let needs_another = BUILDS.iter().any(|(_, only)| only.contains(&name.as_str()));
            only.contains(&name.as_str()) || (only.is_empty() && !needs_another)
        };
        let wanted = |name: &&String| args.target.as_ref().is_none_or(|one| one == *name);
        let names: Vec<&String> = all.iter().filter(is_of_build).filter(wanted).collect();
        if names.is_empty() {
            continue;
        }
        if with_coverage {
            libfuzzer(feature, &names, args)?;
        } else {
            mutations(feature, &names, args).run()?;
        }
    }
    Ok(())
}

/// Each target has a folder of seeds.
fn targets(bodies: &Path) -> Result<Vec<String>> {
    let folder = bodies.join("seeds");
    let entries = fs::read_dir(&folder).with_context(|| folder.display().to_string())?;
    let mut names = Vec::new();
    for entry in entries {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
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
        Cmd::new("cargo +nightly fuzz run -s none --fuzz-dir")
            .arg(folder.to_string_lossy())
            .arg(name.as_str())
            .arg(corpus.to_string_lossy())
            .arg(root.join(BODIES).join("seeds").join(name).to_string_lossy())
            .arg("--")
            .arg(format!("-max_total_time={}", args.seconds))
            .arg(format!("-seed={}", args.seed))
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

    #[test]
    fn every_target_that_a_build_names_has_seeds() {
        let bodies = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("..")
            .join(BODIES);
        let all = targets(&bodies).unwrap();
        for (_, only) in BUILDS {
            for name in only {
                assert!(all.iter().any(|one| one == name), "{name}");
            }
        }
        assert!(all.iter().any(|name| name == "at_line"));
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
