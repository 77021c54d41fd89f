//! Exit statuses, `--json` and messages: what every command says, and how.
//!
//! 0 done, 1 refused with a reason on stderr, 2 wrong usage. Results go to stdout, reasons to stderr;
//! with `--json` stdout holds exactly one JSON value.

use std::fmt;
use std::io::{self, Write as _};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

/// Whether stdout holds its one JSON value already.
static PRINTED: AtomicBool = AtomicBool::new(false);
/// Whether notes are left out.
static QUIET: AtomicBool = AtomicBool::new(false);

/// What a command came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Everything asked for was done, and the answer was yes.
    Done,
    /// The answer was no; the reason is on stderr.
    Refused,
    /// The command line asks for something that makes no sense.
    Usage,
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        Self::from(match outcome {
            Outcome::Done => 0,
            Outcome::Refused => 1,
            Outcome::Usage => 2,
        })
    }
}

/// A command line that clap takes and that still makes no sense. Ends the program with status 2.
#[derive(Debug)]
pub struct WrongUsage(pub String);

impl fmt::Display for WrongUsage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for WrongUsage {}

/// Turns what a command returned into the program's exit status; an error becomes its sentence on stderr, and with
/// `json` the value on stdout, where the command has not printed one.
pub fn finish(result: anyhow::Result<Outcome>, json: bool) -> Outcome {
    result.unwrap_or_else(|error| {
        if json && !PRINTED.load(Ordering::Relaxed) {
            // The sentence on stderr says it in any case.
            let _ = print_json(&failure(&error));
        }
        // The whole chain of causes in one line.
        complain(format_args!("{error:#}"));
        if error.is::<WrongUsage>() {
            Outcome::Usage
        } else {
            Outcome::Refused
        }
    })
}

/// An error in the shape that every command has.
fn failure(error: &anyhow::Error) -> Value {
    let code = if error.is::<WrongUsage>() {
        "wrong_usage"
    } else if error.chain().any(|it| it.is::<io::Error>()) {
        "io_error"
    } else {
        "failed"
    };
    let message = format!("{error:#}");
    json!({
        "result": "error",
        "code": code,
        "message": message,
        "findings": [{"code": code, "level": "error", "message": message}],
    })
}

/// Says on stderr why not: one sentence, with the program's name in front.
pub fn complain(sentence: impl fmt::Display) {
    say(format_args!("espat: {sentence}"));
}

/// From here on no [`note`] is printed (`--quiet`): reasons, and what a script waits for, still are.
pub fn be_quiet() {
    QUIET.store(true, Ordering::Relaxed);
}

/// One line on stderr that is no reason for anything: a warning, a remark, progress.
pub fn note(line: impl fmt::Display) {
    if !QUIET.load(Ordering::Relaxed) {
        say(line);
    }
}

/// One line on stderr.
pub fn say(line: impl fmt::Display) {
    // Nobody can read the message when stderr is closed.
    let _ = writeln!(io::stderr(), "{line}");
}

/// Text on stdout.
///
/// # Errors
///
/// Whatever the output says, except that a reader who has seen enough is no error.
pub fn print(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(anyhow::Error::new(error).context("cannot write the result"))
        }
        _ => Ok(()),
    }
}

/// One JSON value on stdout.
///
/// # Errors
///
/// As [`print()`].
pub fn print_json(value: &Value) -> anyhow::Result<()> {
    PRINTED.store(true, Ordering::Relaxed);
    print(&format!("{value:#}\n"))
}
