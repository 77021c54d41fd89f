//! `espat term`: a terminal for a modem: editing, completion and hints from the grammar's own table.
//!
//! ```text
//! keyboard ─ editor ─▶ link ─ CR LF ─▶ port ─▶ screen ─ colours, reasons ─▶ terminal
//!               └ history, without secrets        └ "\r\n>" ─▶ link: so many bytes are data
//! ```
//!
//! Where standard input is no terminal its lines are sent one by one, each when the one before is answered.
//!
//! | module | what |
//! |---|---|
//! | `editor` | completion and hints, the history file |
//! | `link` | the port, and what the modem waits for |
//! | `screen` | messages of the modem, for a person |

mod editor;
mod link;
mod screen;
#[cfg(test)]
mod tests;

use std::fs;
use std::io::{self, BufRead as _, IsTerminal as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::ArgGroup;

use crate::at_host::port::DEFAULT_BAUD;
use crate::at_host::{Place, Port};
use crate::explain;
use crate::report::{self, Outcome};
use crate::sim::Running;

use editor::Keyboard;
use link::Link;
use screen::{Colours, Screen};

/// More than a command waits for anything: `AT+CWJAP` tries for 15 s, a server may take 10 s for each step.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

const HELP: &str = "\
:send FILE      the bytes of a file, at a prompt >
:hex 0d 0a      these bytes
:text TEXT      this text without a line end: +++ leaves passthrough mode
:explain WHAT   a code, a number or a line in words
:help  :quit    and Ctrl-D
Tab completes; the parameters of a command are shown behind it.
";

/// `espat term (--port DEV | --sim)`
#[derive(Debug, Clone, clap::Args)]
#[command(group = ArgGroup::new("modem").required(true).args(["port", "sim"]), after_help = HELP)]
pub struct Args {
    /// The module: a serial device or tcp://HOST:PORT
    #[arg(long, value_name = "DEV")]
    port: Option<Place>,
    /// A simulated modem in this program; its options stand behind --
    #[arg(long)]
    sim: bool,
    /// Rate of a serial device
    #[arg(long, value_name = "N", default_value_t = DEFAULT_BAUD)]
    baud: u32,
    /// RTS and CTS of the serial device are wired
    #[arg(long)]
    flow_control: bool,
    /// Where commands are kept for the next time [default: espat/history in $XDG_STATE_HOME or ~/.local/state].
    /// Commands with a password or a key, and data, are not
    #[arg(long, value_name = "FILE", conflicts_with = "no_history")]
    history: Option<PathBuf>,
    /// Keeps no commands
    #[arg(long)]
    no_history: bool,
    /// Options of the simulator
    #[arg(last = true, value_name = "SIM OPTIONS", requires = "sim")]
    options: Vec<String>,
}

/// Runs the command.
///
/// # Errors
///
/// A sentence: a port that cannot be opened, or that ends.
pub fn run(args: &Args) -> anyhow::Result<Outcome> {
    let sim = args.sim.then(|| Running::with_options(&args.options));
    let sim = sim.transpose()?;
    let port = match (&sim, &args.port) {
        (Some(sim), _) => {
            let stream = TcpStream::connect(sim.address()).context("the simulator is gone")?;
            Port::tcp(stream)?
        }
        (None, Some(place)) => Port::open(place, args.baud, args.flow_control)?,
        // clap asks for one of them.
        (None, None) => bail!("no modem given"),
    };
    let colours = Colours::of_stdout();
    if io::stdin().is_terminal() && io::stdout().is_terminal() {
        let mut keyboard = Keyboard::open(history(args).as_deref(), colours)?;
        let printer = keyboard.printer()?;
        let link = Link::start(port, Screen::new(colours, printer))?;
        let outcome = interactive(&mut keyboard, &link);
        link.leave();
        return outcome;
    }
    let printer = Box::new(|text: String| report::print(&text));
    let link = Link::start(port, Screen::new(colours, printer))?;
    let outcome = from_input(&link);
    link.leave();
    outcome
}

fn history(args: &Args) -> Option<PathBuf> {
    if args.no_history {
        return None;
    }
    args.history.clone().or_else(|| {
        let variable = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        let state = variable("XDG_STATE_HOME").map(PathBuf::from);
        let home = || variable("HOME").map(|home| Path::new(&home).join(".local/state"));
        let folder = state.or_else(home)?.join("espat");
        // Without a place there is no history.
        fs::create_dir_all(&folder).ok()?;
        Some(folder.join("history"))
    })
}

/// Until Ctrl-D.
fn interactive(keyboard: &mut Keyboard, link: &Link) -> anyhow::Result<Outcome> {
    while let Some(line) = keyboard.line()? {
        if let Some(ended) = link.ended() {
            bail!(ended);
        }
        let is_command = !line.starts_with(':') && !link.takes_data();
        if is_command {
            keyboard.remember(&line);
        }
        match obey(&line, link) {
            Ok(Next::Goes) => {}
            Ok(Next::Ends) => return Ok(Outcome::Done),
            Err(error) => report::complain(format_args!("{error:#}")),
        }
    }
    Ok(Outcome::Done)
}

/// Lines of a file or a pipe. Refused if one of them was answered with an error.
fn from_input(link: &Link) -> anyhow::Result<Outcome> {
    let mut refused = 0_u32;
    link.greeted();
    for line in io::stdin().lock().lines() {
        let line = line.context("cannot read standard input")?;
        if matches!(obey(line.trim_end_matches('\r'), link)?, Next::Ends) {
            break;
        }
        if !link.answered(ANSWER_TIMEOUT)? {
            refused = refused.saturating_add(1);
        }
    }
    link.finish();
    if refused > 0 {
        report::complain(format_args!("{refused} of the commands failed"));
        return Ok(Outcome::Refused);
    }
    Ok(Outcome::Done)
}

/// What a line leaves to be done.
enum Next {
    Goes,
    Ends,
}

/// A line of the user: for this program, for the modem, or data for it.
fn obey(line: &str, link: &Link) -> anyhow::Result<Next> {
    let Some(own) = line.strip_prefix(':').filter(|_| !line.starts_with("::")) else {
        // A second colon stands for one.
        link.type_line(line.strip_prefix(':').unwrap_or(line))?;
        return Ok(Next::Goes);
    };
    let (word, rest) = own.split_once(' ').unwrap_or((own, ""));
    match (word, rest.trim()) {
        ("quit" | "q", _) => return Ok(Next::Ends),
        ("help" | "h", _) => report::print(HELP)?,
        ("send", "") => bail!(":send FILE"),
        ("send", file) => {
            let bytes = fs::read(file).with_context(|| format!("cannot read {file}"))?;
            link.send_file(file, &bytes)?;
        }
        ("text", _) => link.send(rest.as_bytes())?,
        ("hex", digits) => link.send(&unhex(digits)?)?,
        ("explain", what) => match explain::first(what) {
            Some((means, todo)) => report::print(&format!("{means}\n{todo}\n"))?,
            None => bail!("nothing is known of '{what}'"),
        },
        (word, _) => bail!("there is no :{word}; :help lists what there is, and :: is a colon"),
    }
    Ok(Next::Goes)
}

fn unhex(digits: &str) -> anyhow::Result<Vec<u8>> {
    let digits: String = digits.chars().filter(|it| !it.is_whitespace()).collect();
    hex::decode(&digits).with_context(|| format!("'{digits}' is no row of bytes"))
}
