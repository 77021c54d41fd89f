//! `--log`: what the engine says about its work, one line each, with the milliseconds of the modem's clock.
//!
//! ```text
//!      1432 INFO  at_modem::link: link 0: session open
//! {"at":1432,"level":"info","place":"at_modem::link","message":"link 0: session open"}
//! ```
//!
//! Only this project's crates are logged: other libraries may log what the engine never would.
//!
//! A file is written line by line. Standard error may be a pipe that nobody reads, and the modem is one thread: another
//! thread writes there, and what it cannot keep up with is counted and left out.

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, anyhow};
use clap::ValueEnum;
use embassy_time::Instant;
use log::{LevelFilter, Log, Metadata, Record};
use serde_json::json;

use crate::private_file;

/// Lines that wait for standard error.
const WAITING_MAX: usize = 1024;
/// How long the end of the program waits for a reader of standard error.
const FINAL_FLUSH_TIMEOUT: Duration = Duration::from_millis(500);

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

/// Which lines a log has: those of this level and above.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogLevel {
    /// What failed.
    Error,
    /// What was refused, or is not as it should be.
    Warn,
    /// What was done.
    Info,
    /// How it was done.
    Debug,
    /// Everything.
    Trace,
}

impl From<LogLevel> for LevelFilter {
    fn from(level: LogLevel) -> Self {
        match level {
            LogLevel::Error => Self::Error,
            LogLevel::Warn => Self::Warn,
            LogLevel::Info => Self::Info,
            LogLevel::Debug => Self::Debug,
            LogLevel::Trace => Self::Trace,
        }
    }
}

/// What a line looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// A JSON object.
    Json,
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

/// Says a sentence on standard error from within the modem, which waits for no reader of it.
pub(super) fn aside(sentence: impl std::fmt::Display) {
    static NOTES: OnceLock<Option<Patient>> = OnceLock::new();
    let notes = NOTES.get_or_init(|| Patient::over(io::stderr()).ok().map(|(notes, _)| notes));
    if let Some(notes) = notes {
        let lost = |count| format!("espat: {count} lines are missing\n");
        notes.put(format!("espat: {sentence}\n"), lost);
    }
}

/// A log that is written until this is dropped, or until the program ends.
#[derive(Debug, Default)]
pub struct Running(Option<Receiver<()>>);

impl Drop for Running {
    /// What standard error is still to get is waited for, but not for ever.
    fn drop(&mut self) {
        if let Some(ended) = self.0.take() {
            log::logger().flush();
            // It is the end of the thread that is waited for, not a message.
            let _ = ended.recv_timeout(FINAL_FLUSH_TIMEOUT);
        }
    }
}

/// Starts the log; without a target nothing is logged.
///
/// # Errors
///
/// When the file cannot be made, or when this process has a log already.
pub fn start(
    target: Option<&LogTarget>,
    level: LogLevel,
    format: LogFormat,
) -> anyhow::Result<Running> {
    let (out, running) = match target {
        None => return Ok(Running::default()),
        Some(LogTarget::Stderr) => {
            let (out, ended) = Patient::over(io::stderr())?;
            (Out::Patient(out), Running(Some(ended)))
        }
        Some(LogTarget::File(path)) => {
            let file = private_file::create(path)
                .with_context(|| format!("cannot write the log {}", path.display()))?;
            (Out::File(Mutex::new(Box::new(file))), Running::default())
        }
    };
    // One for the lifetime of the process, as the `log` crate requires.
    let lines: &'static Lines = Box::leak(Box::new(Lines { format, out }));
    log::set_logger(lines).map_err(|_| anyhow!("this program writes a log already"))?;
    log::set_max_level(level.into());
    Ok(running)
}

/// Writes a line for each record.
struct Lines {
    format: LogFormat,
    out: Out,
}

enum Out {
    File(Mutex<Box<dyn Write + Send>>),
    Patient(Patient),
}

/// A writer that may wait, behind one that does not.
struct Patient {
    /// None once the log has ended.
    lines: Mutex<Option<SyncSender<String>>>,
    lost: AtomicU64,
}

impl Patient {
    /// The second value hears of the end of the thread.
    fn over(mut out: impl Write + Send + 'static) -> io::Result<(Self, Receiver<()>)> {
        let (sender, lines) = sync_channel::<String>(WAITING_MAX);
        let (alive, ended) = sync_channel(0);
        thread::Builder::new()
            .name("log".to_owned())
            .spawn(move || {
                let _alive: SyncSender<()> = alive;
                for line in lines {
                    // A log that cannot be written is no reason to stop anything.
                    let _ = out.write_all(line.as_bytes()).and_then(|()| out.flush());
                }
            })?;
        let patient = Self {
            lines: Mutex::new(Some(sender)),
            lost: AtomicU64::new(0),
        };
        Ok((patient, ended))
    }

    /// Takes the line, or counts it as lost.
    fn put(&self, line: String, of_losses: impl Fn(u64) -> String) {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(sender) = &*lines else { return };
        let lost = self.lost.swap(0, Ordering::Relaxed);
        if lost > 0 && sender.try_send(of_losses(lost)).is_err() {
            self.lost.fetch_add(lost, Ordering::Relaxed);
        }
        if let Err(TrySendError::Full(_)) = sender.try_send(line) {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Log for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        let root = metadata.target().split("::").next().unwrap_or_default();
        OURS.contains(&root)
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let now = Instant::now().as_millis();
        let say = |record: &Record<'_>| match self.format {
            LogFormat::Text => line(now, record),
            LogFormat::Json => json_line(now, record),
        };
        match &self.out {
            Out::File(out) => {
                let mut out = out.lock().unwrap_or_else(PoisonError::into_inner);
                // A log that cannot be written is no reason to stop the modem.
                let _ = out
                    .write_all(say(record).as_bytes())
                    .and_then(|()| out.flush());
            }
            Out::Patient(patient) => patient.put(say(record), |lost| {
                say(&Record::builder()
                    .level(log::Level::Warn)
                    .target("espat::log")
                    .args(format_args!(
                        "{lost} lines are missing: nobody read them in time"
                    ))
                    .build())
            }),
        }
    }

    /// The end of the log, for what has a thread of its own.
    fn flush(&self) {
        match &self.out {
            Out::File(out) => {
                let _ = out.lock().unwrap_or_else(PoisonError::into_inner).flush();
            }
            Out::Patient(patient) => {
                let mut lines = patient.lines.lock().unwrap_or_else(PoisonError::into_inner);
                *lines = None;
            }
        }
    }
}

/// One JSON object.
fn json_line(at: u64, record: &Record<'_>) -> String {
    let object = json!({
        "at": at,
        "level": record.level().as_str().to_ascii_lowercase(),
        "place": record.target(),
        "message": record.args().to_string(),
    });
    format!("{object}\n")
}

/// One line, whatever the message holds: text from a peer must not look like a line of ours.
fn line(at: u64, record: &Record<'_>) -> String {
    let head = format!("{at:>10} {:<5} {}: ", record.level(), record.target());
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
            let args = format_args!("{message}");
            let record = Record::builder()
                .level(level)
                .target("at_modem::link")
                .args(args)
                .build();
            assert_eq!(line(uptime, &record), expected);
            let object: serde_json::Value =
                serde_json::from_str(&json_line(uptime, &record)).unwrap();
            let level = level.as_str().to_lowercase();
            let place = "at_modem::link";
            assert_eq!(
                object,
                json!({"at": uptime, "level": level, "place": place, "message": message})
            );
        }
    }

    #[test]
    fn a_reader_that_does_not_read_loses_lines_and_keeps_nobody_waiting() {
        let (reader, mut writer) = std::io::pipe().unwrap();
        // More than any pipe of Linux holds by itself, so the thread waits with the first line already.
        let (patient, ended) = Patient::over(writer.try_clone().unwrap()).unwrap();
        let long = "x".repeat(4096);
        for _ in 0..WAITING_MAX * 2 {
            patient.put(long.clone(), |_| String::new());
        }
        assert!(patient.lost.load(Ordering::Relaxed) > 0);
        // Once somebody reads again, it is said how many are missing.
        let text = thread::spawn(move || {
            let mut text = String::new();
            io::Read::read_to_string(&mut { reader }, &mut text).unwrap();
            text
        });
        while patient.lost.load(Ordering::Relaxed) > 0 {
            patient.put("last".to_owned(), |lost| format!("[{lost} missing]"));
            thread::yield_now();
        }
        patient.lines.lock().unwrap().take();
        let _ = ended.recv();
        writer.flush().unwrap();
        drop(writer);
        let text = text.join().unwrap();
        assert!(text.contains(" missing]"), "{}", text.len());
    }

    #[test]
    fn only_our_crates_are_heard() {
        let out = Shared::default();
        let lines = Lines {
            format: LogFormat::Text,
            out: Out::File(Mutex::new(Box::new(out.clone()))),
        };
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
        let start = |target| start(target, LogLevel::Info, LogFormat::Text);
        let error = start(Some(&nowhere)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot write the log /nonexistent/folder/log"
        );
        assert!(start(None).is_ok());
    }
}
