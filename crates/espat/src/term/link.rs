//! The port, and what the modem waits for.
//!
//! ```text
//! Idle ── command ──▶ Answering ── OK, ERROR ──▶ Idle
//!                         └─ "\r\n>" ──▶ Data(n) ── n bytes ──▶ Answering
//!                                          └ unknown length: passthrough, until +++
//! ```

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

use super::screen::Screen;
use crate::at_host::Port;
use crate::at_host::port::end_of;
use crate::transcript::{Ending, Payload, message, prompted};

/// For what comes after a result at once, before a program with piped input ends or begins.
const QUIET: Duration = Duration::from_millis(300);
/// Longer messages are shown in parts.
const HELD: usize = 16 * 1024;

/// What the modem is doing, as far as its port shows.
#[derive(Debug, Default)]
struct State {
    /// The last command that was sent, for its echo and its prompt.
    command: Vec<u8>,
    answering: bool,
    /// The last command's result was an error.
    failed: bool,
    /// A command had a result: a modem that says `ready` from then on has started once more.
    served: bool,
    /// It takes data.
    data: Option<Payload>,
    /// When the last byte came.
    heard: Option<Instant>,
    ended: Option<String>,
    /// This program ends: what the port does now is of no interest.
    leaving: bool,
}

/// An open port with a thread that reads it.
#[derive(Debug)]
pub(super) struct Link {
    port: Mutex<Port>,
    state: Arc<(Mutex<State>, Condvar)>,
}

impl Link {
    /// Shows from now on what comes.
    pub(super) fn start(port: Port, screen: Screen) -> anyhow::Result<Self> {
        let mut reader = port.try_clone().context("cannot use the port twice")?;
        let state: Arc<(Mutex<State>, Condvar)> = Arc::default();
        let shared = state.clone();
        // It ends with the port, or with the program.
        thread::Builder::new()
            .name("port".to_owned())
            .spawn(move || {
                let mut incoming = Incoming {
                    received: Vec::new(),
                    screen,
                    shared: &shared,
                };
                incoming.run(&mut reader);
            })?;
        Ok(Self {
            port: Mutex::new(port),
            state,
        })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why nothing comes any more.
    pub(super) fn ended(&self) -> Option<String> {
        self.state().ended.clone()
    }

    /// Whether the next line is data.
    pub(super) fn takes_data(&self) -> bool {
        self.state().data.is_some()
    }

    /// Bytes as they are.
    pub(super) fn send(&self, bytes: &[u8]) -> anyhow::Result<()> {
        let mut state = self.state();
        if bytes == b"+++" && state.data.is_some_and(is_endless) {
            // Passthrough ends without a word.
            state.data = None;
            state.answering = false;
        } else if let Some(payload) = state.data {
            state.data = payload.after(bytes);
            if state.data.is_none() {
                state.answering = true;
            }
        }
        drop(state);
        let mut port = self.port.lock().unwrap_or_else(PoisonError::into_inner);
        port.write(bytes).context("the modem takes no more bytes")
    }

    /// A line, as a command with CR LF, or as the data that the modem asked for: no more than that.
    pub(super) fn type_line(&self, line: &str) -> anyhow::Result<()> {
        let data = self.state().data;
        if data.is_some_and(is_endless) && line == "+++" {
            return self.send(b"+++");
        }
        let mut bytes = format!("{line}\r\n").into_bytes();
        match data {
            Some(payload) => bytes.truncate(payload.whole(&bytes).unwrap_or(usize::MAX)),
            None => {
                let mut state = self.state();
                state.command = line.as_bytes().to_vec();
                state.answering = !line.trim().is_empty();
                state.failed = false;
            }
        }
        self.send(&bytes)
    }

    /// A file at a prompt, of the length that the command said.
    pub(super) fn send_file(&self, name: &str, bytes: &[u8]) -> anyhow::Result<()> {
        let length = bytes.len();
        match self.state().data {
            None => bail!(
                "the modem does not ask for data; {name} has {length} bytes: AT+CIPSEND={length}, or AT+SYSFLASH=1,\"…\",0,{length}"
            ),
            Some(payload) => match payload.left {
                Some(left) if payload.whole(bytes) != Some(length) => bail!(
                    "the modem asks for {left} bytes{}, and {name} has {length}: nothing is sent",
                    if payload.quoted { " or an end \\0" } else { "" }
                ),
                _ => {}
            },
        }
        self.send(bytes)
    }

    /// Waits for what a modem says to a host that is new, which may be nothing.
    pub(super) fn greeted(&self) {
        self.wait(QUIET, |state| {
            state.heard.is_some_and(|heard| heard.elapsed() >= QUIET)
        });
    }

    /// Waits for the result of a command, or for its prompt. Returns whether there was no error.
    pub(super) fn answered(&self, timeout: Duration) -> anyhow::Result<bool> {
        let answered = self.wait(timeout, |state| {
            !state.answering || state.data.is_some() || state.ended.is_some()
        });
        let state = self.state();
        match &state.ended {
            Some(ended) if state.answering => bail!(ended.clone()),
            _ if !answered => bail!("no result within {} s", timeout.as_secs()),
            _ => Ok(!state.failed),
        }
    }

    /// Waits until nothing more comes.
    pub(super) fn finish(&self) {
        self.wait(QUIET * 4, |state| {
            let quiet = state.heard.is_none_or(|heard| heard.elapsed() >= QUIET);
            quiet || state.ended.is_some()
        });
    }

    /// Says no more of the port: it is about to be closed.
    pub(super) fn leave(&self) {
        self.state().leaving = true;
    }

    /// Whether it was so before the time was over.
    fn wait(&self, timeout: Duration, is_so: impl Fn(&State) -> bool) -> bool {
        let deadline = Instant::now() + timeout;
        let mut state = self.state();
        loop {
            if is_so(&state) {
                return true;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            // Time that passes is looked at as well.
            let left = left.min(QUIET / 4);
            let woken = self.state.1.wait_timeout(state, left);
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// The thread that reads.
struct Incoming<'s> {
    received: Vec<u8>,
    screen: Screen,
    shared: &'s (Mutex<State>, Condvar),
}

impl Incoming<'_> {
    fn run(&mut self, port: &mut Port) {
        loop {
            let mut bytes = [0; 4096];
            match port.read(&mut bytes) {
                Ok(0) => self.pause(),
                Ok(count) => {
                    self.received.extend(bytes.iter().take(count));
                    self.change(|state| state.heard = Some(Instant::now()));
                    while let Some(length) = self.next() {
                        let rest = self.received.split_off(length.min(self.received.len()));
                        let whole = std::mem::replace(&mut self.received, rest);
                        self.show(&whole);
                    }
                }
                Err(error) => {
                    self.pause();
                    let ended = end_of(&error);
                    let mut leaving = false;
                    self.change(|state| {
                        leaving = state.leaving;
                        state.ended = Some(ended.clone());
                    });
                    if !leaving {
                        self.screen.notice(&ended);
                    }
                    return;
                }
            }
        }
    }

    fn next(&self) -> Option<usize> {
        let long = self.received.len() > HELD;
        message(&self.received).or_else(|| long.then_some(HELD))
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.shared.0.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut state);
        drop(state);
        self.shared.1.notify_all();
    }

    /// Nothing has come for a moment: what is there is shown, if it cannot be the beginning of a message that
    /// counts its bytes.
    fn pause(&mut self) {
        let is_counted = self.received.starts_with(b"\r\n+IPD,");
        if !self.received.is_empty() && !is_counted {
            let rest = std::mem::take(&mut self.received);
            self.show(&rest);
        }
    }

    fn show(&mut self, message: &[u8]) {
        let (mut solicited, mut echo) = (false, false);
        self.change(|state| {
            solicited = state.answering;
            echo =
                !state.command.is_empty() && message.trim_ascii_end() == state.command.trim_ascii();
        });
        let ending = Ending::of(message);
        if ending == Some(Ending::Prompt) {
            let mut data = None;
            self.change(|state| {
                data = prompted(&state.command);
                // Behind no command that is known it is passthrough.
                state.data = Some(data.unwrap_or(Payload::ENDLESS));
            });
            self.screen.prompt(data);
            return;
        }
        if !echo {
            self.screen.message(message, solicited);
        }
        self.change(|state| {
            let Some(ending) = ending else { return };
            // Of a modem that was slow to start, when the first command had been sent already.
            if ending == Ending::Ready && !state.served {
                return;
            }
            state.served = true;
            // A command with a prompt says OK before it, and its result after the data.
            let prompts = ending == Ending::Ok && is_prompting(&state.command);
            state.answering = prompts && state.data.is_none();
            state.failed = ending.is_refusal() || ending == Ending::NotSent;
            state.data = None;
        });
    }
}

/// Whether `+++` alone ends it.
const fn is_endless(payload: Payload) -> bool {
    payload.left.is_none()
}

/// Whether `OK` is followed by a prompt.
fn is_prompting(command: &[u8]) -> bool {
    let name = command.to_ascii_uppercase();
    [b"AT+CIPSEND".as_slice(), b"AT+SYSMFG=2,"]
        .iter()
        .any(|start| name.starts_with(start) && !name.starts_with(b"AT+CIPSENDLCFG"))
}
