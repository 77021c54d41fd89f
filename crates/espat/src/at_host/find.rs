//! Finds the modem on a port, whatever state its port is in.
//!
//! In order, until an `AT` is answered with `OK`:
//!
//! 1. boot text, half a command line before, or a command that still runs: `AT` a few times;
//! 2. passthrough: the escape sequence `+++` with silence around it;
//! 3. an upload that was cut, so that the modem waits for data: bytes 0xFF, which change nothing in flash;
//! 4. serial devices only: the other usual rates.

use std::fmt;
use std::thread;
use std::time::{Duration, Instant};

use super::session::{BUSY_PAUSE, MAX_TEXT, SOON, Session, SessionError, excerpt};

/// For an `AT` that is read at once.
const ANSWER_TIMEOUT: Duration = Duration::from_millis(700);
/// A module boots within this (spec: at-commands A.17).
const BOOT_TIMEOUT: Duration = Duration::from_secs(3);
/// Of the escape sequence; 20 ms are required, and drivers wait a second (spec: at-commands A.16).
const SILENCE: Duration = Duration::from_secs(1);
/// What an upload can wait for: a partition of usual size in one write.
const LONGEST_UPLOAD: usize = 8192;
const FILL: [u8; 512] = [0xff; 512];
/// Tried when nothing answers, most likely first.
const RATES: [u32; 10] = [
    115_200, 921_600, 9600, 460_800, 230_400, 57_600, 74_880, 38_400, 19_200, 1_500_000,
];

/// A modem that answers, with its echo off.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// It echoed commands before; [`restore`] turns that on again.
    pub echo: bool,
    /// The rate, where the port has one.
    pub baud: Option<u32>,
    /// It was waiting for data, of an upload that was cut.
    pub was_in_upload: bool,
}

/// Why no modem was found.
#[derive(Debug)]
#[non_exhaustive]
pub enum NoModem {
    /// It answers at another rate than the one that was asked for.
    OtherRate {
        /// The rate asked for.
        asked: u32,
        /// The rate at which it answers.
        answers: u32,
    },
    /// Bytes come, and none of them are an answer.
    Noise {
        /// The last of them, escaped.
        received: String,
    },
    /// Nothing comes.
    Silence,
    /// The port failed, or the modem did.
    Session(SessionError),
}

impl fmt::Display for NoModem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherRate { asked, answers } => write!(
                f,
                "the module answers at {answers} baud, not at {asked}: use --baud {answers}"
            ),
            Self::Noise { received } => write!(
                f,
                "no module answers, but bytes come: \"{received}\". Wrong baud rate, or the port of the log?"
            ),
            Self::Silence => f.write_str(
                "no module answers. Is it powered, are RX and TX crossed, is this its AT port (not its log)?",
            ),
            Self::Session(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for NoModem {}

impl From<SessionError> for NoModem {
    fn from(error: SessionError) -> Self {
        Self::Session(error)
    }
}

/// What an `AT` came to.
enum Probe {
    Answered {
        echo: bool,
    },
    /// `busy p...`: a modem, which runs a command of before.
    Busy,
    Noise(Vec<u8>),
    Silence,
}

/// Finds the modem and switches its echo off.
///
/// # Errors
///
/// [`NoModem`]. A port at another rate than the modem's is set back.
pub fn find(session: &mut Session) -> Result<Found, NoModem> {
    let baud = session.port().baud();
    let (echo, was_in_upload) = match probe_all(session)? {
        (Probe::Answered { echo }, was_in_upload) => (echo, was_in_upload),
        (last, _) => {
            if let Some(asked) = baud
                && let Some(answers) = other_rate(session, asked)?
            {
                return Err(NoModem::OtherRate { asked, answers });
            }
            return Err(match last {
                Probe::Noise(bytes) => NoModem::Noise {
                    received: excerpt(&bytes),
                },
                _ => NoModem::Silence,
            });
        }
    };
    if echo {
        session.command("ATE0", SOON)?;
    }
    Ok(Found {
        echo,
        baud,
        was_in_upload,
    })
}

/// Turns the echo on again, if it was on.
pub fn restore(session: &mut Session, found: &Found) {
    if found.echo {
        session.ignore_interrupt();
        // The work is done; a modem that is gone has its own default.
        let _ = session.command("ATE1", Duration::from_secs(1));
    }
}

/// Steps 1 to 3. The second value says that step 3 was needed.
fn probe_all(session: &mut Session) -> Result<(Probe, bool), SessionError> {
    let begin = Instant::now();
    let mut last = Probe::Silence;
    let mut tries = 0_u8;
    // A module that boots sends text until it is ready, and one that is busy says so: they have more time.
    let timeout = |last: &Probe| match last {
        Probe::Noise(_) => BOOT_TIMEOUT,
        Probe::Busy => SOON,
        Probe::Answered { .. } | Probe::Silence => Duration::ZERO,
    };
    while tries < 3 || begin.elapsed() < timeout(&last) {
        let first = tries == 0;
        tries = tries.saturating_add(1);
        match probe(session, ANSWER_TIMEOUT, first)? {
            Probe::Silence => {}
            found @ Probe::Answered { .. } => return Ok((found, false)),
            Probe::Busy => {
                last = Probe::Busy;
                thread::sleep(BUSY_PAUSE);
            }
            noise @ Probe::Noise(_) => last = noise,
        }
    }
    match last {
        Probe::Noise(_) => return Ok((last, false)),
        Probe::Busy => {
            return Err(SessionError::Busy {
                command: "AT".to_owned(),
            });
        }
        Probe::Answered { .. } | Probe::Silence => {}
    }
    thread::sleep(SILENCE);
    session.port().write(b"+++")?;
    thread::sleep(SILENCE);
    match probe(session, ANSWER_TIMEOUT, false)? {
        Probe::Silence => {}
        found => return Ok((found, false)),
    }
    // At a wrong rate this is noise to a module, and no more.
    for _ in 0..LONGEST_UPLOAD / FILL.len() + 1 {
        session.port().write(&FILL)?;
        session.receive()?;
        if !session.take_received().is_empty() {
            session.port().write(b"\r\n")?;
            return Ok((probe(session, ANSWER_TIMEOUT, false)?, true));
        }
    }
    Ok((probe(session, ANSWER_TIMEOUT, false)?, true))
}

/// One `AT`; `first` if none was sent before.
fn probe(session: &mut Session, limit: Duration, first: bool) -> Result<Probe, SessionError> {
    session.check_interrupt()?;
    session.take_received();
    session.port().write(b"AT\r\n")?;
    let deadline = Instant::now() + limit;
    let mut seen = Vec::new();
    // What talks without end is no module, or one at another rate.
    while Instant::now() < deadline && seen.len() < MAX_TEXT {
        session.receive()?;
        seen.extend(session.take_received());
        let text = String::from_utf8_lossy(&seen);
        let has_line = |wanted: &str| {
            let mut lines = text.split_inclusive('\n').filter(|it| it.ends_with('\n'));
            lines.any(|line| line.trim() == wanted)
        };
        if has_line("OK") {
            let echo = text.lines().any(|line| line.trim().ends_with("AT"));
            if !first {
                // A second answer may be on its way, to an `AT` of before.
                session.receive()?;
                session.take_received();
            }
            return Ok(Probe::Answered { echo });
        }
        if has_line("busy p...") {
            return Ok(Probe::Busy);
        }
    }
    Ok(if seen.is_empty() {
        Probe::Silence
    } else {
        Probe::Noise(seen)
    })
}

/// The rate at which the modem answers, if there is one. The port is at `asked` again afterwards.
fn other_rate(session: &mut Session, asked: u32) -> Result<Option<u32>, SessionError> {
    let mut found = None;
    for rate in RATES.into_iter().filter(|&rate| rate != asked) {
        // A device that does not have a rate cannot be asked at it.
        if session.port().set_baud(rate).is_err() {
            continue;
        }
        // The first is spoilt by what the module received before.
        for _ in 0..2 {
            if matches!(
                probe(session, Duration::from_millis(300), false)?,
                Probe::Answered { .. }
            ) {
                found = Some(rate);
            }
        }
        if found.is_some() {
            break;
        }
    }
    session.port().set_baud(asked)?;
    Ok(found)
}
