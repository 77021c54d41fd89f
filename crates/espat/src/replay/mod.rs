//! `espat replay`: a recording against the simulator or a module, and what differs.
//!
//! ```text
//! FILE ─ script ─▶ exchanges ─ player ─▶ what came ─ normal ─▶ same | differs ─ show ─▶ side by side
//!                                  │
//!                                  ├─▶ espat sim in this program, or --port
//!                                  └─▶ far_side (--peer), which does what plan has found in the script
//! ```
//!
//! An exchange is what the host sends, and what the modem prints until the host sends again. The host of a
//! recording waits for that: what comes late belongs to the exchange in which it was recorded.

mod far_side;
mod normal;
mod plan;
mod player;
mod script;
mod show;

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use serde_json::{Value, json};

use crate::at_host::Place;
use crate::at_host::port::DEFAULT_BAUD;
use crate::report::{self, Outcome, WrongUsage};
use crate::transcript::{Variables, parse};

use player::{Exchange, Player};
use script::Script;

/// `espat replay FILE [--port DEV] [-- OPTIONS OF espat sim]`
#[derive(Debug, Clone, clap::Args)]
pub struct Args {
    /// What `espat sim --record` wrote
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The module: a serial device or tcp://HOST:PORT. Without it the simulator, with the options of the recording
    #[arg(long, value_name = "DEV")]
    port: Option<Place>,
    /// Rate of a serial device
    #[arg(long, value_name = "N", default_value_t = DEFAULT_BAUD, requires = "port")]
    baud: u32,
    /// RTS and CTS of the serial device are wired
    #[arg(long, requires = "port")]
    flow_control: bool,
    /// Plays the far side as well, as far as the recording shows it: servers and clients of TCP, with what they sent.
    /// Those of TLS and UDP must run, as without this option
    #[arg(long, conflicts_with = "port")]
    peer: bool,
    /// The flash image at the start; a copy is used, FILE stays as it is
    #[arg(long, value_name = "FILE", conflicts_with = "port")]
    flash: Option<PathBuf>,
    /// A secret that the recording names ("@needs NAME"). Other users of this machine can see it: see --let-file
    #[arg(long = "let", value_name = "NAME=VALUE", value_parser = assignment)]
    given: Vec<(String, String)>,
    /// The same, with the content of FILE; one line end at its end does not count
    #[arg(long, value_name = "NAME=FILE", value_parser = assignment)]
    let_file: Vec<(String, String)>,
    /// How long an exchange may take, in seconds
    #[arg(long, value_name = "S", default_value = "10", value_parser = seconds)]
    timeout: Duration,
    /// Compares every byte: times, addresses and measured values as well
    #[arg(long)]
    exact: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
    /// More options of the simulator, such as --map
    #[arg(last = true, value_name = "SIM OPTIONS", conflicts_with = "port")]
    sim: Vec<String>,
}

fn assignment(text: &str) -> Result<(String, String), &'static str> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("expected NAME=, and what it is"),
    }
}

fn seconds(text: &str) -> Result<Duration, &'static str> {
    text.parse()
        .ok()
        .filter(|seconds| (1..=3600).contains(seconds))
        .map(Duration::from_secs)
        .ok_or("expected seconds from 1 to 3600")
}

/// Runs the command.
///
/// # Errors
///
/// A sentence: a file that is no recording, secrets that are missing, a port that cannot be opened.
pub fn run(args: &Args) -> anyhow::Result<Outcome> {
    let exchanges = play(args)?;
    let different: Vec<&Exchange> = exchanges.iter().filter(|it| !it.is_same()).collect();
    let (compared, count) = (exchanges.len(), different.len());
    if args.json {
        report::print_json(&in_json(&exchanges))?;
    } else {
        let text: String = different.iter().map(|it| show::in_text(it)).collect();
        report::print(&format!("{text}{}\n", summary(compared, count)))?;
    }
    if different.is_empty() {
        return Ok(Outcome::Done);
    }
    report::complain(summary(compared, count));
    Ok(Outcome::Refused)
}

fn summary(compared: usize, different: usize) -> String {
    let exchanges = if compared == 1 {
        "exchange"
    } else {
        "exchanges"
    };
    match different {
        0 => format!("{compared} {exchanges}, no difference"),
        count => format!("{count} of {compared} {exchanges} differ"),
    }
}

fn in_json(exchanges: &[Exchange]) -> Value {
    let findings: Vec<Value> = exchanges
        .iter()
        .filter(|it| !it.is_same())
        .map(show::in_json)
        .collect();
    let same = findings.is_empty();
    json!({
        "result": if same { "ok" } else { "refused" },
        "code": if same { "same" } else { "different" },
        "message": summary(exchanges.len(), findings.len()),
        "findings": findings,
        "exchanges": exchanges.len(),
    })
}

/// The recording, replayed to its end.
fn play(args: &Args) -> anyhow::Result<Vec<Exchange>> {
    let shown = args.file.display();
    let text = fs::read_to_string(&args.file).with_context(|| format!("cannot read {shown}"))?;
    let lines = parse(&text).with_context(|| format!("{shown} is no transcript"))?;
    let variables = variables(args)?;
    let script =
        Script::new(&lines, &variables).map_err(|error| WrongUsage(format!("{shown}, {error}")))?;
    let mut player = Player::start(args, &script, variables)?;
    for (number, turn) in script.turns.iter().enumerate() {
        player.turn(number, turn)?;
    }
    Ok(player.finish())
}

/// How many exchanges a recording has, if it can be followed with these values of what it names.
///
/// # Errors
///
/// A sentence: the text is no transcript, or has a line that a replay cannot follow.
pub fn exchanges(text: &str, given: &Variables) -> anyhow::Result<usize> {
    let lines = parse(text)?;
    let script = Script::new(&lines, given).map_err(|error| WrongUsage(error.to_string()))?;
    Ok(script.turns.len())
}

/// Whether two lines are the same to a replay without `--exact`: times, addresses and measured values apart.
#[must_use]
pub fn same_line(recorded: &str, replayed: &str) -> bool {
    normal::line(recorded) == normal::line(replayed)
}

fn variables(args: &Args) -> anyhow::Result<Variables> {
    let mut variables = Variables::new();
    for (name, value) in &args.given {
        variables.insert(name.clone(), value.clone().into_bytes());
    }
    for (name, file) in &args.let_file {
        let mut value = fs::read(file).with_context(|| format!("cannot read {file}"))?;
        if value.ends_with(b"\n") {
            value.pop();
            if value.ends_with(b"\r") {
                value.pop();
            }
        }
        variables.insert(name.clone(), value);
    }
    Ok(variables)
}
