//! `espat hil`: hardware in the loop. A board with its AT port and its log on this PC is asked for what
//! neither a simulator nor a model can show, and every answer is judged.
//!
//! ```text
//! --at DEV ──▶ line ─▶ checks ─▶ a line per check, and the exit status
//! --log DEV ─▶ log ──▶ any panic fails the check during which it came
//!             peer ◀── TCP from the board, where a check needs a server (--host)
//! ```
//!
//! | module | what |
//! |---|---|
//! | `line` | commands and their replies |
//! | `log` | what comes out of the second port |
//! | `peer` | a server on this PC |
//! | `checks` | the checks, in order |

mod checks;
mod line;
mod log;
mod peer;

#[cfg(test)]
mod tests;

use std::fmt::Write as _;
use std::time::Instant;

use crate::at_host::port::DEFAULT_BAUD;
use crate::report::{self, Outcome};

pub use crate::at_host::{Place, Port};
pub use checks::Network;
use checks::{CHECKS, CheckResult};
use line::Line;
use log::Log;

/// `espat hil …`
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// The AT port: a serial device, or tcp:HOST:PORT
    #[arg(long, value_name = "DEV")]
    at: Place,
    /// The log: a serial device, tcp:HOST:PORT, or a file that grows
    #[arg(long, value_name = "DEV")]
    log: Option<Place>,
    /// Only these checks, by name
    #[arg(long = "check", value_name = "NAME")]
    only: Vec<String>,
    #[command(flatten)]
    network: Network,
}

/// Runs the command.
///
/// # Errors
///
/// A port cannot be opened, or the AT port fails.
pub fn run(args: &Args) -> anyhow::Result<Outcome> {
    let at = Port::open(&args.at, DEFAULT_BAUD, args.network.flow_control)?;
    let log = match &args.log {
        Some(place) => Log::follow(Port::open(place, DEFAULT_BAUD, false)?),
        None => Log::none(),
    };
    run_on(at, log, &args.network, &args.only, &mut |line| {
        // The whole report is printed at the end; this is for who watches.
        report::note(line);
    })
    .and_then(|report| {
        report::print(&report.text)?;
        Ok(if report.failed == 0 {
            Outcome::Done
        } else {
            Outcome::Refused
        })
    })
}

/// What came of all checks.
#[derive(Debug)]
pub struct Report {
    /// A line per check.
    pub text: String,
    /// How many were not as they should be.
    pub failed: usize,
    /// How many were not made, for lack of something.
    pub skipped: usize,
}

/// Makes the checks on an open port, without a log.
///
/// # Errors
///
/// The AT port fails.
pub fn check(at: Port, network: &Network) -> anyhow::Result<Report> {
    run_on(at, Log::none(), network, &[], &mut |_| {})
}

fn run_on(
    at: Port,
    log: Log,
    network: &Network,
    only: &[String],
    watch: &mut dyn FnMut(&str),
) -> anyhow::Result<Report> {
    let mut line = Line::new(at);
    let mut report = Report {
        text: String::new(),
        failed: 0,
        skipped: 0,
    };
    for check in &CHECKS {
        if !only.is_empty() && !only.iter().any(|name| name == check.name) {
            continue;
        }
        watch(&format!("{} …", check.name));
        let begin = Instant::now();
        let result = match (check.make)(&mut line, network) {
            Ok(result) => result,
            Err(error) => CheckResult::Failed(format!("{error:#}")),
        };
        let result = match log.panics() {
            0 => result,
            count => CheckResult::Failed(format!("panics in the log: {count}")),
        };
        let seconds = begin.elapsed().as_secs_f32();
        let (mark, words) = match result {
            CheckResult::Passed(words) => ("ok    ", words),
            CheckResult::Skipped(words) => {
                report.skipped += 1;
                ("-     ", words)
            }
            CheckResult::Failed(words) => {
                report.failed += 1;
                ("FAILED", words)
            }
        };
        writeln!(
            report.text,
            "{mark} {:16} {seconds:6.1} s  {words}",
            check.name
        )?;
    }
    Ok(report)
}
