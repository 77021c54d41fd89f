//! `espat push`: certificates and keys into a module, over its AT port.
//!
//! ```text
//! files ─ source ─▶ contents ─ check ─▶ lint, size
//! port ── find ───▶ session ── module ─▶ partition or mfg_nvs
//!                              image | values: erase, write, read back, compare
//! ```
//!
//! Works with this project's firmware and simulator and, by protocol, with Espressif's ESP-AT 2.x (partitions) and 3.1
//! and later (`mfg_nvs`). Whatever ends it early, it says what the module holds then: [`Holds`].

pub(crate) mod check;
mod image;
mod interrupt;
mod module;
mod progress;
mod read;
pub(crate) mod source;
#[cfg(test)]
mod tests;
mod values;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use cert_bin::PartitionRole;
use serde_json::{Value, json};

use crate::at_host::port::DEFAULT_BAUD;
use crate::at_host::{NoModem, Place, Port, Session, SessionError, find};
use crate::device::Device;
use crate::pki;
use crate::report::{self, Outcome};

pub use interrupt::on_signal;
pub use module::{Module, Partition, Storage};
pub use progress::Progress;
pub(crate) use read::contents;
pub(crate) use values::key;

use check::Checked;
use source::Source;

/// `espat push --port DEV PARTITION FILE...`
///
/// FILE is a certificate or key in PEM or DER, a certificate image, or a folder of such files: what it is
/// shows in its bytes. Several files become items 0, 1 and so on.
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// The AT port: a serial device, a pseudo-terminal, or tcp://HOST:PORT
    #[arg(long, value_name = "DEV")]
    port: Place,
    /// Rate of a serial device
    #[arg(long, value_name = "N", default_value_t = DEFAULT_BAUD)]
    baud: u32,
    /// RTS and CTS are wired
    #[arg(long)]
    flow_control: bool,
    /// What the files are for, such as client_ca
    #[arg(value_name = "PARTITION", value_parser = pki::role)]
    role: PartitionRole,
    /// What to load
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// Load contents that the module cannot use; never what does not fit
    #[arg(long)]
    force: bool,
    /// Stop before anything is erased or written
    #[arg(long)]
    dry_run: bool,
    /// Whose rules apply [default: those of the module]
    #[arg(long, value_enum)]
    device: Option<Device>,
    /// No progress, no warnings
    #[arg(short, long)]
    quiet: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What the module holds for the role, at the moment when an upload ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holds {
    /// What it held before.
    Old,
    /// The erase was begun: what it held before, or nothing that it can use.
    OldOrNothing,
    /// Erased, without a header: it finds no certificates.
    Nothing,
    /// The header was being written.
    NothingOrNew,
    /// So many of its values are new; the next is old or new, the rest is old.
    Some {
        /// New ones.
        new: usize,
        /// All of them.
        of: usize,
    },
    /// All of the new.
    New,
}

impl Holds {
    const fn code(self) -> &'static str {
        match self {
            Self::Old => "old",
            Self::OldOrNothing => "old_or_erased",
            Self::Nothing => "erased",
            Self::NothingOrNew => "erased_or_new",
            Self::Some { .. } => "old_and_new",
            Self::New => "new",
        }
    }
}

impl fmt::Display for Holds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Old => "is unchanged",
            Self::OldOrNothing => "is unchanged or erased: run the command again",
            Self::Nothing => "is erased: the module finds no certificates there; run the command again",
            Self::NothingOrNew => "is erased or complete: run the command again",
            Self::Some { new, of } => {
                return write!(
                    f,
                    "has {new} of {of} new values, and each other one is old or new: run the command again"
                );
            }
            Self::New => "holds the new content",
        })
    }
}

/// Why an upload was refused or ended.
#[derive(Debug)]
#[non_exhaustive]
pub enum PushError {
    /// No module answers.
    NoModem(NoModem),
    /// The module has no place for this role.
    NoPlace {
        /// What it has.
        has: String,
    },
    /// The content does not fit.
    DoesNotFit {
        /// Bytes that it takes.
        needs: usize,
        /// Bytes that there are.
        has: usize,
    },
    /// The lint found what the module cannot use.
    Unusable {
        /// Codes of the findings.
        codes: Vec<String>,
        /// `--force` would override all of them.
        can_be_forced: bool,
    },
    /// An exchange with the module failed.
    Session {
        /// Why.
        error: SessionError,
        /// What the module holds now.
        holds: Holds,
    },
    /// What was read back is not what was written.
    Differs {
        /// Where: a key and an offset.
        at: String,
    },
}

impl PushError {
    /// A stable word for scripts.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoModem(NoModem::OtherRate { .. }) => "wrong_baud_rate",
            Self::NoModem(NoModem::Session(SessionError::Interrupted)) => "interrupted",
            Self::NoModem(_) => "no_module",
            Self::NoPlace { .. } => "no_partition",
            Self::DoesNotFit { .. } => "too_big",
            Self::Unusable { .. } => "lint",
            Self::Session { error, .. } => match error {
                SessionError::Interrupted => "interrupted",
                SessionError::Refused { .. } => "module_refused",
                _ => "port_failed",
            },
            Self::Differs { .. } => "read_back_differs",
        }
    }

    const fn holds(&self) -> Option<Holds> {
        match self {
            Self::Session { holds, .. } => Some(*holds),
            Self::Differs { .. } => None,
            _ => Some(Holds::Old),
        }
    }
}

impl fmt::Display for PushError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoModem(error) => error.fmt(f),
            Self::NoPlace { has } if has.is_empty() => {
                f.write_str("the module lists no partition: is this firmware ESP-AT 2.0 or later?")
            }
            Self::NoPlace { has } => write!(f, "the module has no such partition, only {has}"),
            Self::DoesNotFit { needs, has } => {
                write!(f, "{needs} bytes do not fit into {has} bytes of the module")
            }
            Self::Unusable {
                codes,
                can_be_forced,
            } => {
                write!(f, "the module cannot use it: {}", codes.join(", "))?;
                f.write_str(if *can_be_forced {
                    "; --force loads it all the same"
                } else {
                    ""
                })
            }
            Self::Session { error, .. } => error.fmt(f),
            Self::Differs { at } => write!(
                f,
                "what the module holds differs from what was written, at {at}: worn flash, or bytes lost on the port"
            ),
        }
    }
}

impl std::error::Error for PushError {}

/// What an upload came to.
#[derive(Debug)]
pub struct Pushed {
    /// The module.
    pub module: Module,
    /// Where it keeps the content.
    pub storage: Storage,
    /// Number of items.
    pub items: usize,
    /// Bytes of the image, or of all values.
    pub bytes: usize,
    /// The module held it already.
    pub was_there: bool,
    /// Whether anything was written: not if it was there, and not by a dry run.
    pub written: bool,
}

/// What to load, and how.
#[derive(Debug)]
pub struct Task<'a> {
    role: PartitionRole,
    sources: &'a [Source],
    force: bool,
    dry_run: bool,
    device: Option<Device>,
}

/// Runs the command.
///
/// # Errors
///
/// A sentence: files that cannot be read, a port that cannot be opened.
pub fn run(args: &Args) -> anyhow::Result<Outcome> {
    let sources = source::read(args.role, &args.files)?;
    let task = Task {
        role: args.role,
        sources: &sources,
        force: args.force,
        dry_run: args.dry_run,
        device: args.device,
    };
    let interrupt = on_signal()?;
    let port = Port::open(&args.port, args.baud, args.flow_control)?;
    let begin = Instant::now();
    let mut findings = Vec::new();
    let mut remark = |finding: check::Remark| {
        if !args.quiet {
            report::note(&finding.line);
        }
        findings.push(finding.json);
    };
    let progress = |bytes| {
        if args.quiet {
            Progress::hidden()
        } else {
            Progress::shown(&args.role.to_string(), bytes)
        }
    };
    let result = push(port, interrupt, &task, &mut remark, &progress);
    print_result(args, &result, &findings, begin)
}

fn print_result(
    args: &Args,
    result: &Result<Pushed, PushError>,
    findings: &[Value],
    begin: Instant,
) -> anyhow::Result<Outcome> {
    let role = args.role;
    let message = match result {
        Ok(pushed) => {
            let items = pki::items_word(pushed.items);
            let place = match pushed.storage {
                Storage::Image { .. } => "partition",
                Storage::Values { .. } => "mfg_nvs",
            };
            let done = match (pushed.written, pushed.was_there) {
                (true, _) => format!(
                    "written to {place} and read back in {:.1} s",
                    begin.elapsed().as_secs_f32()
                ),
                (false, true) => format!("already in {place}; nothing was written"),
                (false, false) => format!("fits into {place}; nothing was written"),
            };
            format!("{role}: {items}, {} bytes, {done}", pushed.bytes)
        }
        Err(error) => match error.holds() {
            Some(Holds::Old) => format!("{role}: {error}; {role} is unchanged"),
            Some(holds) => format!("{role}: {error}; {role} {holds}"),
            None => format!("{role}: {error}"),
        },
    };
    if args.json {
        let module = result.as_ref().ok().map(|it| it.module.to_string());
        report::print_json(&json!({
            "result": if result.is_ok() { "ok" } else { "refused" },
            "code": result.as_ref().err().map_or("ok", PushError::code),
            "message": message,
            "findings": findings,
            "partition": role.to_string(),
            "module": module,
            "bytes": result.as_ref().ok().map(|it| it.bytes),
            "written": result.as_ref().is_ok_and(|it| it.written),
            "holds": result.as_ref().err().and_then(PushError::holds).map(Holds::code),
        }))?;
    }
    match result {
        Ok(pushed) => {
            if !args.json {
                report::print(&format!("{}\n{message}\n", pushed.module))?;
            }
            if pushed.written && role.owner == cert_bin::role::Owner::Server && !args.quiet {
                report::note("note: a TLS server that runs must be started again");
            }
            Ok(Outcome::Done)
        }
        Err(_) => {
            report::complain(message);
            Ok(Outcome::Refused)
        }
    }
}

/// Loads files for a role into the module on a port, as the command does, without a word.
///
/// # Errors
///
/// A sentence for files that cannot be read; inside of it, why the upload was refused or ended.
pub fn upload(
    port: Port,
    role: PartitionRole,
    files: &[PathBuf],
) -> anyhow::Result<Result<Pushed, PushError>> {
    let sources = source::read(role, files)?;
    let task = Task {
        role,
        sources: &sources,
        force: false,
        dry_run: false,
        device: None,
    };
    let silent = |_| Progress::hidden();
    Ok(push(port, Arc::default(), &task, &mut |_| {}, &silent))
}

/// Finds the module, checks the content for it and loads it. The echo is left as it was.
fn push(
    port: Port,
    interrupt: Arc<AtomicBool>,
    task: &Task<'_>,
    remark: &mut dyn FnMut(check::Remark),
    progress: &dyn Fn(usize) -> Progress,
) -> Result<Pushed, PushError> {
    let mut session = Session::new(port, interrupt);
    let found = find::find(&mut session).map_err(PushError::NoModem)?;
    let result = load(&mut session, task, remark, progress);
    find::restore(&mut session, &found);
    result
}

fn load(
    session: &mut Session,
    task: &Task<'_>,
    remark: &mut dyn FnMut(check::Remark),
    progress: &dyn Fn(usize) -> Progress,
) -> Result<Pushed, PushError> {
    let role = task.role;
    let name = role.to_string();
    let mut holds = Holds::Old;
    let unchanged = |error| PushError::Session {
        error,
        holds: Holds::Old,
    };
    let module = Module::ask(session).map_err(unchanged)?;
    let storage = module.storage(&name).ok_or_else(|| PushError::NoPlace {
        has: module.names(),
    })?;
    let Checked { image, bytes } = check::check(task, &module, storage, remark)?;
    let mut pushed = Pushed {
        module,
        storage,
        items: task.sources.len(),
        bytes,
        was_there: false,
        written: false,
    };
    let present = match storage {
        Storage::Image { .. } => Vec::new(),
        Storage::Values { .. } => values::keys(session, role).map_err(unchanged)?,
    };
    let same = match storage {
        Storage::Image { .. } => image::is_there(session, &name, &image),
        Storage::Values { .. } => values::are_there(session, role, task.sources, &present),
    };
    pushed.was_there = same.map_err(unchanged)?;
    if pushed.was_there || task.dry_run {
        return Ok(pushed);
    }
    // Once to the module and once back.
    let mut bar = progress(bytes.saturating_mul(2));
    let written = match storage {
        Storage::Image { .. } => image::replace(session, &name, &image, &mut bar, &mut holds),
        Storage::Values { .. } => {
            values::replace(session, role, task.sources, &present, &mut bar, &mut holds)
        }
    };
    written.map_err(|error| PushError::Session { error, holds })?;
    let difference = match storage {
        Storage::Image { .. } => image::first_difference(session, &name, &image, &mut bar)
            .map(|at| at.map(|at| format!("byte {at}"))),
        Storage::Values { .. } => values::first_difference(session, role, task.sources, &mut bar)
            .map(|found| found.map(|(key, at)| format!("byte {at} of {key}"))),
    };
    match difference {
        Ok(None) => {
            pushed.written = true;
            Ok(pushed)
        }
        Ok(Some(at)) => Err(PushError::Differs { at }),
        Err(error) => Err(PushError::Session { error, holds }),
    }
}
