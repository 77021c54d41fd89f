//! Exit statuses, `--json` and messages: what every command says, and how.
//!
//! 0 done, 1 refused with a reason on stderr, 2 wrong usage. Results go to stdout, reasons to stderr;
//! with `--json` stdout holds exactly one JSON value.

use std::fmt;
use std::io::{self, Write as _};
use std::process::ExitCode;

use serde_json::Value;

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

/// Turns what a command returned into the program's exit status; an error becomes its sentence on stderr.
pub fn finish(result: anyhow::Result<Outcome>) -> Outcome {
    result.unwrap_or_else(|error| {
        // The whole chain of causes in one line.
        complain(format_args!("{error:#}"));
        if error.is::<WrongUsage>() {
            Outcome::Usage
        } else {
            Outcome::Refused
        }
    })
}

/// Says on stderr why not: one sentence, with the program's name in front.
pub fn complain(sentence: impl fmt::Display) {
    note(format_args!("espat: {sentence}"));
}

/// One line on stderr.
pub fn note(line: impl fmt::Display) {
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
    print(&format!("{value:#}\n"))
}
