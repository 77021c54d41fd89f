//! Progress of the demo: numbered steps, what went over the port, ticks and crosses, a summary.
//!
//! ```text
//!  2. Ask the modem
//!     → AT
//!     ← OK
//!     ✓
//! ```

use std::fmt::Write as _;
use std::io::{self, Write};
use std::time::Instant;

use crate::report::Outcome;

/// Prints the steps to `out`.
pub(super) struct Progress<'o> {
    out: &'o mut dyn Write,
    /// Shows a step's exchanges only if the step went wrong.
    quiet: bool,
    /// What belongs to the step under way and is not shown yet.
    held: String,
    steps: u32,
    wrong: u32,
    start: Instant,
    /// The first failure to write; a reader that has gone does not change the result.
    failure: Option<io::Error>,
}

impl<'o> Progress<'o> {
    pub(super) fn new(out: &'o mut dyn Write, quiet: bool) -> Self {
        Self {
            out,
            quiet,
            held: String::new(),
            steps: 0,
            wrong: 0,
            start: Instant::now(),
            failure: None,
        }
    }

    /// A line between steps.
    pub(super) fn say(&mut self, line: &str) {
        if !self.quiet {
            self.print(&format!("{line}\n"));
        }
    }

    /// Opens a step.
    pub(super) fn begin(&mut self, title: &str) {
        self.steps = self.steps.saturating_add(1);
        let heading = format!("\n{:2}. {title}\n", self.steps);
        self.show(&heading);
    }

    /// What the host sent.
    pub(super) fn sent(&mut self, bytes: &[u8]) {
        self.exchange('→', bytes);
    }

    /// What the modem answered.
    pub(super) fn received(&mut self, bytes: &[u8]) {
        self.exchange('←', bytes);
    }

    /// Closes a step.
    pub(super) fn end(&mut self, result: &anyhow::Result<()>) {
        match result {
            Ok(()) if self.quiet => {
                let heading = self.held.lines().nth(1).unwrap_or_default();
                let line = format!("✓ {heading}\n");
                self.held.clear();
                self.print(&line);
            }
            Ok(()) => self.print("    ✓\n"),
            Err(error) => {
                self.wrong = self.wrong.saturating_add(1);
                let held = std::mem::take(&mut self.held);
                self.print(&held);
                let mut mark = '✗';
                // Each cause may have several lines.
                for cause in error.chain() {
                    for line in cause.to_string().lines() {
                        self.print(&format!("    {mark} {line}\n"));
                        mark = ' ';
                    }
                }
            }
        }
    }

    /// Prints the summary line; returns the outcome.
    pub(super) fn finish(self, stopped: bool) -> io::Result<Outcome> {
        let right = self.steps.saturating_sub(self.wrong);
        let rest = if stopped { ", then stopped" } else { "" };
        writeln!(
            self.out,
            "\n{} steps, {right} as expected{rest}, {:.1} s",
            self.steps,
            self.start.elapsed().as_secs_f32()
        )?;
        self.out.flush()?;
        if let Some(failure) = self.failure {
            return Err(failure);
        }
        Ok(if self.wrong == 0 && !stopped {
            Outcome::Done
        } else {
            Outcome::Refused
        })
    }

    fn exchange(&mut self, arrow: char, bytes: &[u8]) {
        let mut text = String::new();
        match std::str::from_utf8(bytes) {
            Ok(sent) if !sent.contains(|c: char| c.is_control() && c != '\r' && c != '\n') => {
                for line in sent.split("\r\n").filter(|line| !line.is_empty()) {
                    // Neither can fail: the target is a String.
                    let _ = writeln!(text, "    {arrow} {line}");
                }
            }
            _ => {
                let _ = writeln!(text, "    {arrow} <{} bytes>", bytes.len());
            }
        }
        self.show(&text);
    }

    fn show(&mut self, text: &str) {
        if self.quiet {
            self.held.push_str(text);
        } else {
            self.print(text);
        }
    }

    fn print(&mut self, text: &str) {
        let written = self
            .out
            .write_all(text.as_bytes())
            .and_then(|()| self.out.flush());
        if let Err(error) = written {
            self.failure.get_or_insert(error);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::anyhow;

    fn run(quiet: bool) -> (String, Outcome) {
        let mut out = Vec::new();
        let mut progress = Progress::new(&mut out, quiet);
        progress.begin("One");
        progress.sent(b"AT\r\n");
        progress.received(b"\r\nOK\r\n\r\n>");
        progress.sent(&[0xF1; 1144]);
        progress.end(&Ok(()));
        progress.begin("Two");
        progress.sent(b"AT+X\r\n");
        progress.end(&Err(anyhow!("this\nand that").context("outer")));
        let outcome = progress.finish(false).unwrap();
        let text = String::from_utf8(out).unwrap();
        let (story, time) = text.rsplit_once(", ").unwrap();
        assert!(time.ends_with(" s\n"), "{time}");
        (story.into(), outcome)
    }

    #[test]
    fn everything_is_shown_step_by_step() {
        let (story, outcome) = run(false);
        assert_eq!(outcome, Outcome::Refused);
        assert_eq!(
            story,
            "\n 1. One\n    → AT\n    ← OK\n    ← >\n    → <1144 bytes>\n    ✓\n\
             \n 2. Two\n    → AT+X\n    ✗ outer\n      this\n      and that\n\
             \n2 steps, 1 as expected"
        );
    }

    #[test]
    fn quiet_shows_titles_and_what_went_wrong() {
        let (story, outcome) = run(true);
        assert_eq!(outcome, Outcome::Refused);
        assert_eq!(
            story,
            "✓  1. One\n\
             \n 2. Two\n    → AT+X\n    ✗ outer\n      this\n      and that\n\
             \n2 steps, 1 as expected"
        );
    }

    #[test]
    fn only_a_whole_story_without_a_cross_is_done() {
        for (wrong, stopped, outcome) in [
            (false, false, Outcome::Done),
            (false, true, Outcome::Refused),
            (true, false, Outcome::Refused),
        ] {
            let mut out = Vec::new();
            let mut progress = Progress::new(&mut out, true);
            progress.begin("One");
            progress.end(&if wrong { Err(anyhow!("no")) } else { Ok(()) });
            assert_eq!(progress.finish(stopped).unwrap(), outcome);
        }
    }
}
