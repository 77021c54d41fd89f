//! Stack and state of a TLS session on a chip's instruction set, against their limits.
//!
//! `firmware/tools/stack` runs on QEMU's `virt` board and prints what each recorded handshake took; the
//! recordings are made on each run by tls-session's own test, so that they fit the client of today. The
//! limits are here, the numbers of the day in `docs/footprint.md`.

mod sessions;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use self::sessions::Sessions;
use crate::cmd::{Cmd, remove_folder};
use crate::emulator::Emulator;
use crate::toolchain::{Compiler, Core, TARGET};
use crate::workspace::{RUSTLS, Workspace};
use crate::{checks, rustls};

/// A run takes 5 s.
const RUN_LIMIT: Duration = Duration::from_secs(120);

/// What one session keeps for as long as it lives, at full record size.
const STATIC_PARTS: [&str; 3] = ["memory", "transport", "session"];
const STATIC_LIMIT: u64 = 24 * 1024;
/// Beside that, for a client that has to show a certificate.
const IDENTITY: &str = "identity";
const IDENTITY_LIMIT: u64 = 4096 + 256;

/// The future of any one call, `Session::open` and `close` included.
const FUTURES: [&str; 5] = ["open", "read", "write", "flush", "close"];
const FUTURE_LIMIT: u64 = 7 * 1024;

/// Stack of path validation with a chain of one intermediate, the signatures included.
const VERIFY_RSA: u64 = 16 * 1024;
const VERIFY_CURVES: u64 = 20 * 1024;
/// With six intermediates, beyond which no path is built.
const VERIFY_LONG_RSA: u64 = 22 * 1024;
const VERIFY_LONG_CURVES: u64 = 26_880;

/// What a handshake takes beyond that.
const HANDSHAKE_EXTRA: u64 = 8 * 1024;

/// Each server that must be measured, and the stack that `verify_server` may take with its chain.
const SERVERS: [(&str, u64); 8] = [
    ("p256", VERIFY_CURVES),
    ("p384", VERIFY_CURVES),
    ("ed25519", VERIFY_CURVES),
    ("rsa-2048", VERIFY_RSA),
    ("rsa-3072", VERIFY_RSA),
    ("rsa-4096", VERIFY_RSA),
    ("rsa-4096-long", VERIFY_LONG_RSA),
    ("ed25519-long", VERIFY_LONG_CURVES),
];

/// Each key of a client's that must be measured, and the stack of a handshake in which it signs; the
/// server's keys are P-256.
const CLIENTS: [(&str, u64); 6] = [
    ("client-p256", 24 * 1024),
    ("client-p384", 24 * 1024),
    ("client-ed25519", 24 * 1024),
    ("client-rsa-2048", 24 * 1024),
    ("client-rsa-3072", 24 * 1024),
    ("client-rsa-4096", 24 * 1024),
];

/// Which way the program is optimised.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Optimise {
    /// As images for chips are; the limits are judged.
    Size,
    /// For comparison.
    Speed,
}

impl Optimise {
    const fn profile(self) -> &'static str {
        match self {
            Self::Size => "release",
            Self::Speed => "fast",
        }
    }
}

pub(crate) fn run(workspace: &Workspace, compiler: Compiler, optimise: Optimise) -> Result<()> {
    let bench = Bench::recorded(workspace, compiler, optimise)?;
    let handshakes = Report::parse(&bench.run("stack")?)?;
    println!("{handshakes}");
    let sessions = Sessions::parse(&bench.run("resumption")?)?;
    println!("{sessions}");
    let mut complaints = handshakes.complaints();
    complaints.extend(sessions.complaints());
    match optimise {
        Optimise::Size if !complaints.is_empty() => bail!("{}", complaints.join("; ")),
        Optimise::Size => eprintln!("all within their limits"),
        Optimise::Speed => eprintln!("beyond the limits for size: {}", complaints.len()),
    }
    Ok(())
}

/// Builds the program for single handshakes, runs it, and reads what it printed.
pub(crate) fn measured(
    workspace: &Workspace,
    compiler: Compiler,
    optimise: Optimise,
) -> Result<Report> {
    let bench = Bench::recorded(workspace, compiler, optimise)?;
    Report::parse(&bench.run("stack")?)
}

const MANIFEST: &str = "firmware/tools/stack/Cargo.toml";

/// Where the programs are built and run.
struct Bench<'w> {
    workspace: &'w Workspace,
    core: Core,
    emulator: Emulator,
    scratch: PathBuf,
    profile: &'static str,
}

impl<'w> Bench<'w> {
    /// With recordings of today.
    fn recorded(workspace: &'w Workspace, compiler: Compiler, optimise: Optimise) -> Result<Self> {
        let bench = Self {
            workspace,
            core: Core::require(compiler, workspace)?,
            emulator: Emulator::require(workspace)?,
            scratch: workspace.scratch("stack"),
            profile: optimise.profile(),
        };
        let fresh = bench.scratch.join("fresh-recordings");
        remove_folder(&fresh)?;
        fs::create_dir_all(&fresh).with_context(|| format!("cannot make {}", fresh.display()))?;
        checks::workspace_tests(workspace)
            .args(["--test", "memory", "--test", "recorded_sessions"])
            .env("STACK_RECORDINGS", fresh.to_string_lossy())
            .run()?;
        renew(Path::new(&bench.recordings()), &fresh)?;
        Ok(bench)
    }

    fn recordings(&self) -> String {
        let folder = self.scratch.join("recordings");
        folder.to_string_lossy().into_owned()
    }

    /// What a program prints.
    fn run(&self, name: &str) -> Result<String> {
        let cmd = match name {
            "resumption" => self.with_rustls()?,
            _ => self.build("core")?,
        };
        cmd.args(["--bin", name]).run()?;
        let (builds, profile) = (self.workspace.chip_builds(), self.profile);
        let program = format!("{builds}/{TARGET}/{profile}/{name}");
        let printed = self.scratch.join(format!("{name}-{profile}.txt"));
        let ran = measure(&self.emulator, Path::new(&program), &printed);
        let text = fs::read_to_string(&printed).unwrap_or_default();
        ran.with_context(|| format!("the last line of {name}: {}", last_line(&text)))?;
        Ok(text)
    }

    fn build(&self, crates: &str) -> Result<Cmd> {
        Ok(self
            .core
            .cargo("build", crates, TARGET)?
            .args(["--manifest-path", MANIFEST])
            .args(["--profile", self.profile, "--target-dir"])
            .arg(self.workspace.chip_builds())
            .env("STACK_RECORDINGS", self.recordings()))
    }

    /// As the images with both engines are built.
    fn with_rustls(&self) -> Result<Cmd> {
        let cmd = self
            .build("core,alloc")?
            .args(["--features", RUSTLS])
            .args(["--config", &format!("build.rustflags=['{}']", rustls::CFG)])
            .env("RUSTC_BOOTSTRAP", "1");
        rustls::patched(cmd, MANIFEST, TARGET, self.workspace)
    }
}

/// Makes `folder` hold what `fresh` holds. A file that is the same already stays as it is: the programs include all of
/// them, and are not built again for it.
fn renew(folder: &Path, fresh: &Path) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let files = |folder: &Path| -> Result<BTreeMap<OsString, Vec<u8>>> {
        let mut found = BTreeMap::new();
        for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
            let entry = entry?;
            found.insert(entry.file_name(), fs::read(entry.path())?);
        }
        Ok(found)
    };
    let (old, new) = (files(folder)?, files(fresh)?);
    for name in old.keys().filter(|name| !new.contains_key(*name)) {
        fs::remove_file(folder.join(name))?;
    }
    for (name, bytes) in new
        .iter()
        .filter(|(name, bytes)| old.get(*name) != Some(*bytes))
    {
        fs::write(folder.join(name), bytes)?;
    }
    Ok(())
}

/// Runs `program` to its end, its serial port going to the file `printed`.
fn measure(emulator: &Emulator, program: &Path, printed: &Path) -> Result<()> {
    // One instruction per tick: the counters then count exactly.
    emulator
        .command()
        .args("-machine virt -bios none -icount shift=0 -display none -monitor none".split(' '))
        .arg("-serial")
        .arg(format!("file:{}", printed.display()))
        .arg("-kernel")
        .arg(program.to_string_lossy())
        .run_within(RUN_LIMIT)
}

fn last_line(text: &str) -> &str {
    text.lines().next_back().unwrap_or("nothing")
}

/// What one piece of work took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Usage {
    stack: u64,
    instructions: u64,
}

/// All that the program printed.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Report {
    sizes: BTreeMap<String, u64>,
    verify: BTreeMap<String, Usage>,
    handshake: BTreeMap<String, Usage>,
}

impl Report {
    /// Lines as `firmware/tools/stack/src/main.rs` draws them.
    fn parse(text: &str) -> Result<Self> {
        let mut report = Self::default();
        for line in text.lines() {
            let words: Vec<&str> = line.split(' ').collect();
            let number = |word: &str| {
                word.parse::<u64>()
                    .with_context(|| format!("no number: {line}"))
            };
            match *words.as_slice() {
                ["size", name, bytes] => {
                    let bytes = number(bytes)?;
                    let largest = report.sizes.entry(name.to_owned()).or_default();
                    *largest = bytes.max(*largest);
                }
                [
                    kind @ ("verify" | "handshake"),
                    name,
                    "stack",
                    stack,
                    "instructions",
                    instructions,
                ] => {
                    let usage = Usage {
                        stack: number(stack)?,
                        instructions: number(instructions)?,
                    };
                    let table = match kind {
                        "verify" => &mut report.verify,
                        _ => &mut report.handshake,
                    };
                    table.insert(name.to_owned(), usage);
                }
                ["done"] => return Ok(report),
                _ => bail!("unexpected line of the program: {line}"),
            }
        }
        bail!("the program did not come to its end")
    }

    /// Instructions of each chain and handshake: `verify.p256`.
    pub(crate) fn instructions(&self) -> impl Iterator<Item = (String, u64)> {
        let tables = [("verify", &self.verify), ("handshake", &self.handshake)];
        tables.into_iter().flat_map(|(kind, table)| {
            let name = move |case| format!("{kind}.{case}");
            table
                .iter()
                .map(move |(case, usage)| (name(case), usage.instructions))
        })
    }

    /// What exceeds its limit, or was not measured at all.
    fn complaints(&self) -> Vec<String> {
        let mut complaints = Vec::new();
        let mut judge = |what: &str, found: Option<u64>, limit: u64| match found {
            Some(found) if found <= limit => {}
            Some(found) => complaints.push(format!("{what}: {found} bytes, limit {limit}")),
            None => complaints.push(format!("{what} was not measured")),
        };
        judge(
            "static memory of a session",
            self.static_sum(),
            STATIC_LIMIT,
        );
        let found = self.sizes.get(IDENTITY).copied();
        judge("memory of an identity", found, IDENTITY_LIMIT);
        for future in FUTURES {
            let found = self.sizes.get(future).copied();
            judge(&format!("the future of {future}"), found, FUTURE_LIMIT);
        }
        for (case, limit) in SERVERS {
            let found = self.verify.get(case).map(|usage| usage.stack);
            judge(&format!("stack of verify {case}"), found, limit);
        }
        for (case, limit) in handshakes() {
            let found = self.handshake.get(case).map(|usage| usage.stack);
            judge(&format!("stack of handshake {case}"), found, limit);
        }
        complaints
    }

    fn static_sum(&self) -> Option<u64> {
        STATIC_PARTS.iter().map(|part| self.sizes.get(*part)).sum()
    }
}

/// Each handshake, and the stack that it may take.
fn handshakes() -> impl Iterator<Item = (&'static str, u64)> {
    let servers = SERVERS.map(|(case, limit)| (case, limit + HANDSHAKE_EXTRA));
    servers.into_iter().chain(CLIENTS)
}

/// Two Markdown tables, as in `docs/footprint.md`.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "| state of a session | bytes |\n|---|---:|")?;
        for name in STATIC_PARTS {
            writeln!(f, "| {name} | {} |", self.sizes.get(name).unwrap_or(&0))?;
        }
        writeln!(f, "| sum | {} |", self.static_sum().unwrap_or_default())?;
        let size = |name| self.sizes.get(name).unwrap_or(&0);
        writeln!(f, "| {IDENTITY} | {} |", size(IDENTITY))?;
        for name in FUTURES {
            writeln!(f, "| future of {name} | {} |", size(name))?;
        }
        writeln!(
            f,
            "\n| keys | verify, stack | verify, instructions | handshake, stack | handshake, instructions |"
        )?;
        writeln!(f, "|---|---:|---:|---:|---:|")?;
        for (case, _) in handshakes() {
            write!(f, "| {case} |")?;
            for table in [&self.verify, &self.handshake] {
                match table.get(case) {
                    Some(usage) => write!(
                        f,
                        " {} | {} M |",
                        usage.stack,
                        usage.instructions.div_ceil(1_000_000)
                    )?,
                    None => f.write_str(" | |")?,
                }
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recordings_that_are_the_same_are_left_alone_and_others_are_replaced() {
        let scratch = std::env::temp_dir().join(format!("xtask-recordings-{}", std::process::id()));
        let (folder, fresh) = (scratch.join("folder"), scratch.join("fresh"));
        for (folder, files) in [
            (
                &folder,
                [("same", "1"), ("other", "2"), ("gone", "3")].as_slice(),
            ),
            (&fresh, &[("same", "1"), ("other", "4"), ("new", "5")]),
        ] {
            fs::create_dir_all(folder).unwrap();
            for (name, text) in files {
                fs::write(folder.join(name), text).unwrap();
            }
        }
        let old = std::time::SystemTime::UNIX_EPOCH;
        for name in ["same", "other"] {
            let file = fs::File::options().write(true).open(folder.join(name));
            file.unwrap().set_modified(old).unwrap();
        }
        renew(&folder, &fresh).unwrap();
        let read = |name| fs::read_to_string(folder.join(name)).ok();
        let modified = |name| fs::metadata(folder.join(name)).unwrap().modified().unwrap();
        assert_eq!(
            ["same", "other", "new"].map(read),
            ["1", "4", "5"].map(|it| Some(it.to_owned()))
        );
        assert_eq!(read("gone"), None);
        assert_eq!(modified("same"), old);
        assert_ne!(modified("other"), old);
        fs::remove_dir_all(&scratch).unwrap();
    }

    /// Everything at its limit.
    fn full() -> String {
        let mut text = format!("size memory {}\n", STATIC_LIMIT - 2);
        text.push_str("size transport 1\nsize session 1\n");
        for future in FUTURES {
            text.push_str(&format!("size {future} {FUTURE_LIMIT}\n"));
        }
        text.push_str(&format!("size identity {IDENTITY_LIMIT}\n"));
        for (case, limit) in SERVERS {
            text.push_str(&format!("verify {case} stack {limit} instructions 7\n"));
        }
        for (case, limit) in handshakes() {
            text.push_str(&format!("handshake {case} stack {limit} instructions 8\n"));
        }
        text.push_str("done\n");
        text
    }

    #[test]
    fn what_is_at_its_limit_passes_and_a_byte_more_does_not() {
        assert_eq!(
            Report::parse(&full()).unwrap().complaints(),
            Vec::<String>::new()
        );
        for (from, to, complaint) in [
            (
                "size session 1\n",
                "size session 2\n",
                "static memory of a session: 24577 bytes, limit 24576",
            ),
            (
                "size close 7168",
                "size close 7169",
                "the future of close: 7169 bytes, limit 7168",
            ),
            (
                "verify rsa-4096 stack 16384",
                "verify rsa-4096 stack 16385",
                "stack of verify rsa-4096: 16385 bytes, limit 16384",
            ),
            (
                "handshake p256 stack 28672",
                "handshake p256 stack 28673",
                "stack of handshake p256: 28673 bytes, limit 28672",
            ),
        ] {
            let text = full().replace(from, to);
            assert_ne!(text, full(), "{from}");
            assert_eq!(Report::parse(&text).unwrap().complaints(), [complaint]);
        }
    }

    #[test]
    fn of_several_sizes_the_largest_counts() {
        let text = "size open 5\nsize open 7\nsize open 6\ndone\n";
        assert_eq!(Report::parse(text).unwrap().sizes["open"], 7);
    }

    #[test]
    fn what_was_not_measured_is_a_complaint() {
        let full = full();
        let lines = full.lines().filter(|line| *line != "done");
        for line in lines {
            let text = full.replace(&format!("{line}\n"), "");
            let complaints = Report::parse(&text).unwrap().complaints();
            assert!(
                matches!(complaints.as_slice(), [one] if one.ends_with("was not measured")),
                "{line}: {complaints:?}"
            );
        }
    }

    #[test]
    fn a_program_that_stops_early_or_speaks_otherwise_is_refused() {
        let full = full();
        for bad in [
            "",
            full.trim_end().trim_end_matches("done"),
            "panicked at src/main.rs\ndone\n",
            "size memory many\ndone\n",
            "verify p256 stack 1\ndone\n",
        ] {
            assert!(Report::parse(bad).is_err(), "{bad:?}");
        }
    }
}
