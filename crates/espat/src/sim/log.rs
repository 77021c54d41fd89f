//! `--log`: what the engine says about its work, one line each, with the milliseconds since the start.
//!
//! ```text
//!      1432 INFO  at_modem::link: link 0: session open
//! ```
//!
//! Only this project's crates are logged: other libraries may log what the engine never would.

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};
use log::{LevelFilter, Log, Metadata, Record};

use crate::private_file;

/// The first parts of the module paths that are logged.
const OURS: [&str; 7] = [
    "at_grammar",
    "at_modem",
    "cert_bin",
    "espat",
    "partition_store",
    "tls_session",
    "x509_facts",
];

/// Where `--log` writes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LogTarget {
    /// `-`.
    Stderr,
    /// A new file; an existing one is replaced.
    File(PathBuf),
}

impl From<PathBuf> for LogTarget {
    fn from(path: PathBuf) -> Self {
        if path.as_os_str() == "-" {
            Self::Stderr
        } else {
            Self::File(path)
        }
    }
}

/// Starts the log; without a target nothing is logged.
///
/// # Errors
///
/// When the file cannot be made, or when this process has a log already.
pub fn start(target: Option<&LogTarget>) -> anyhow::Result<()> {
    let out: Box<dyn Write + Send> = match target {
        None => return Ok(()),
        Some(LogTarget::Stderr) => Box::new(io::stderr()),
        Some(LogTarget::File(path)) => Box::new(
            private_file::create(path)
                .with_context(|| format!("cannot write the log {}", path.display()))?,
        ),
    };
    // One for the lifetime of the process, as the `log` crate requires.
    let lines: &'static Lines = Box::leak(Box::new(Lines::new(out)));
    log::set_logger(lines).map_err(|_| anyhow!("this program writes a log already"))?;
    log::set_max_level(LevelFilter::Debug);
    Ok(())
}

/// Writes a line for each record.
struct Lines {
    start: Instant,
    out: Mutex<Box<dyn Write + Send>>,
}

impl Lines {
    fn new(out: Box<dyn Write + Send>) -> Self {
        Self {
            start: Instant::now(),
            out: Mutex::new(out),
        }
    }
}

impl Log for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        let root = metadata.target().split("::").next().unwrap_or_default();
        OURS.contains(&root)
    }

    fn log(&self, record: &Record<'_>) {
        if self.enabled(record.metadata()) {
            let line = line(self.start.elapsed(), record);
            let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
            // A log that cannot be written is no reason to stop the modem.
            let _ = out.write_all(line.as_bytes()).and_then(|()| out.flush());
        }
    }

    fn flush(&self) {
        let _ = self
            .out
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .flush();
    }
}

/// One line, whatever the message holds: text from a peer must not look like a line of ours.
fn line(uptime: Duration, record: &Record<'_>) -> String {
    let head = format!(
        "{:>10} {:<5} {}: ",
        uptime.as_millis(),
        record.level(),
        record.target()
    );
    let mut line = head;
    for character in record.args().to_string().chars() {
        if character.is_control() {
            line.extend(character.escape_default());
        } else {
            line.push(character);
        }
    }
    line.push('\n');
    line
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use log::Level;

    use super::*;

    /// A writer whose text can be read afterwards.
    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_record_is_one_line_with_its_time_level_and_place() {
        for (message, level, uptime, expected) in [
            (
                "session open",
                Level::Info,
                1432,
                "      1432 INFO  at_modem::link: session open\n",
            ),
            ("", Level::Error, 0, "         0 ERROR at_modem::link: \n"),
            (
                "a\r\nb\u{1b}[0m é",
                Level::Warn,
                12_345_678_901,
                "12345678901 WARN  at_modem::link: a\\r\\nb\\u{1b}[0m é\n",
            ),
        ] {
            let uptime = Duration::from_millis(uptime);
            let args = format_args!("{message}");
            let record = Record::builder()
                .level(level)
                .target("at_modem::link")
                .args(args)
                .build();
            assert_eq!(line(uptime, &record), expected);
        }
    }

    #[test]
    fn only_our_crates_are_heard() {
        let out = Shared::default();
        let lines = Lines::new(Box::new(out.clone()));
        for target in [
            "at_modem",
            "tls_session::guard",
            "embedded_tls::key_schedule",
            "at_modems",
        ] {
            let args = format_args!("text");
            lines.log(
                &Record::builder()
                    .level(Level::Info)
                    .target(target)
                    .args(args)
                    .build(),
            );
        }
        let text = String::from_utf8(out.0.lock().unwrap().clone()).unwrap();
        let targets: Vec<_> = text
            .lines()
            .map(|line| line.split_whitespace().nth(2).unwrap())
            .collect();
        assert_eq!(targets, ["at_modem:", "tls_session::guard:"]);
    }

    #[test]
    fn a_dash_is_standard_error_and_anything_else_a_file() {
        assert_eq!(LogTarget::from(PathBuf::from("-")), LogTarget::Stderr);
        assert_eq!(
            LogTarget::from(PathBuf::from("./-")),
            LogTarget::File("./-".into())
        );
        let nowhere = LogTarget::File("/nonexistent/folder/log".into());
        let error = start(Some(&nowhere)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot write the log /nonexistent/folder/log"
        );
        assert!(start(None).is_ok());
    }
}
