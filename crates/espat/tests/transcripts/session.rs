//! Replays one transcript against `espat sim`.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use espat::transcript::{Line, Match, Step, Text, Variables, parse};

use crate::harness::TIMEOUT;
use crate::harness::port::Port;
use crate::harness::sim::{PortKind, Sim};
use crate::peers::{self, Peer};
use crate::pki;

/// How many lines before the one that failed are shown.
const CONTEXT: usize = 6;

/// Replays it to its end, with more options of the simulator, or says where it went wrong.
pub(crate) fn replay(file: &Path, options: &[String]) -> Result<(), String> {
    let lines = load(file, 0)?;
    let mut session = Session::new(&lines);
    session.options.extend_from_slice(options);
    for (index, (from, line)) in lines.iter().enumerate() {
        session.step(&line.step).map_err(|why| {
            let before = index.saturating_sub(CONTEXT);
            let before = lines.get(before..index).unwrap_or_default();
            let before: String = before
                .iter()
                .map(|(_, line)| format!("        {}\n", line.written))
                .collect();
            let place = from.file_name().unwrap_or_default().to_string_lossy();
            format!(
                "{place}:{}\n{before}here →  {}\n{why}",
                line.number, line.written
            )
        })?;
    }
    session.end()
}

/// All lines of a transcript, those of the parts it uses in their places.
fn load(file: &Path, depth: usize) -> Result<Vec<(PathBuf, Line)>, String> {
    let shown = file.display();
    let text = fs::read_to_string(file).map_err(|error| format!("{shown}: {error}"))?;
    let mut all = Vec::new();
    for line in parse(&text).map_err(|error| format!("{shown}: {error}"))? {
        match &line.step {
            Step::Use(part) if depth < 4 => {
                let part = file.with_file_name(format!("_{part}.at"));
                all.extend(load(&part, depth + 1)?);
            }
            Step::Use(_) => return Err(format!("{shown}: parts use each other")),
            _ => all.push((file.to_owned(), line)),
        }
    }
    Ok(all)
}

struct Session {
    kind: PortKind,
    from_power_on: bool,
    options: Vec<String>,
    /// Switched on with the first arrow.
    sim: Option<(Sim, Port)>,
    received: Vec<u8>,
    variables: Variables,
    peers: HashMap<String, Peer>,
    timeout: Duration,
}

impl Session {
    fn new(lines: &[(PathBuf, Line)]) -> Self {
        let has = |step: &Step| lines.iter().any(|(_, line)| line.step == *step);
        Self {
            kind: if has(&Step::OverTcp) {
                PortKind::Tcp
            } else {
                PortKind::Pty
            },
            from_power_on: has(&Step::FromPowerOn),
            options: Vec::new(),
            sim: None,
            received: Vec::new(),
            variables: Variables::new(),
            peers: HashMap::new(),
            timeout: TIMEOUT,
        }
    }

    #[expect(clippy::too_many_lines, reason = "an arm per step of a transcript")]
    fn step(&mut self, step: &Step) -> Result<(), String> {
        match step {
            Step::OverTcp | Step::FromPowerOn => Ok(()),
            Step::Use(_) => Err("it was put in its place before".to_owned()),
            Step::Option { name, value } => {
                if self.sim.is_some() {
                    return Err("options come before the first arrow".to_owned());
                }
                self.options.push(name.clone());
                if let Some(value) = value {
                    let value = self.bytes(value)?;
                    let value = String::from_utf8(value).map_err(|error| error.to_string())?;
                    self.options.push(value);
                }
                Ok(())
            }
            Step::Let { name, value } => {
                let value = self.bytes(value)?;
                self.variables.insert(name.clone(), value);
                Ok(())
            }
            Step::Needs(name) if self.variables.contains_key(name) => Ok(()),
            Step::Needs(name) => Err(format!("@let {name} must say what it is, before")),
            Step::FreePort(name) => {
                let port = peers::free_port().map_err(|error| error.to_string())?;
                self.variables.insert(name.clone(), port.to_string().into());
                Ok(())
            }
            Step::Pki => {
                self.variables.extend(pki::variables());
                Ok(())
            }
            Step::Within(timeout) => {
                self.timeout = *timeout;
                Ok(())
            }
            Step::Silence(silence) => {
                self.switch_on()?;
                // Not to wait for something: being silent is what the host does here.
                thread::sleep(*silence);
                Ok(())
            }
            Step::Control(line) => {
                self.switch_on()?;
                let line = String::from_utf8_lossy(&self.bytes(line)?).into_owned();
                let (sim, _) = self.sim.as_ref().ok_or("it is on")?;
                match sim.control().ask(&line).as_str() {
                    answer if answer == "ok" || answer.starts_with("ok ") => Ok(()),
                    answer => Err(format!("the control port says {answer}")),
                }
            }
            Step::Peer { name, does } => {
                let peer = self.peers.remove(name);
                let mut view = peers::Acts {
                    name,
                    variables: &mut self.variables,
                    deadline: Instant::now() + self.timeout,
                };
                let peer = view.act(peer, does)?;
                self.peers.insert(name.clone(), peer);
                Ok(())
            }
            Step::Send(text) => {
                let bytes = self.bytes(text)?;
                self.send(&bytes)
            }
            Step::Expect(text) => self.expect(text),
            other => Err(format!("not replayed: {other:?}")),
        }
    }

    fn bytes(&self, text: &Text) -> Result<Vec<u8>, String> {
        text.expand(&self.variables)
            .map_err(|error| error.to_string())
    }

    fn switch_on(&mut self) -> Result<(), String> {
        if self.sim.is_some() {
            return Ok(());
        }
        let sim = Sim::start(self.kind, &self.options)?;
        let port = sim
            .open()
            .map_err(|error| format!("the AT port: {error}"))?;
        self.sim = Some((sim, port));
        if !self.from_power_on {
            self.expect(&Text::literal(b"\r\nready\r\n"))?;
            self.send(b"ATE0\r\n")?;
            self.expect(&Text::literal(b"ATE0\r\n\r\nOK\r\n"))?;
        }
        Ok(())
    }

    fn send(&mut self, bytes: &[u8]) -> Result<(), String> {
        self.switch_on()?;
        let deadline = Instant::now() + self.timeout;
        let (_, port) = self.sim.as_mut().ok_or("it is on")?;
        port.write(bytes, deadline)
            .map_err(|error| format!("the modem took no more: {error}"))
    }

    fn expect(&mut self, wanted: &Text) -> Result<(), String> {
        self.switch_on()?;
        let deadline = Instant::now() + self.timeout;
        loop {
            let found = wanted.compare(&self.received, &self.variables);
            match found.map_err(|error| error.to_string())? {
                Match::Whole { length, kept } => {
                    self.variables.extend(kept);
                    self.received.drain(..length);
                    return Ok(());
                }
                Match::Not { at } => {
                    // So that a person sees all of a line.
                    let soon = Instant::now() + Duration::from_millis(200);
                    while matches!(self.receive(soon), Ok(1..)) {}
                    return Err(difference(&self.shown(wanted), &self.received, at));
                }
                Match::Part => {}
            }
            match self.receive(deadline) {
                Ok(1..) => {}
                Ok(0) => {
                    let why = format!("nothing more came within {:?}", self.timeout);
                    let at = self.received.len();
                    return Err(format!(
                        "{why}\n{}",
                        difference(&self.shown(wanted), &self.received, at)
                    ));
                }
                Err(error) => {
                    let at = self.received.len();
                    return Err(format!(
                        "the AT port: {error}\n{}",
                        difference(&self.shown(wanted), &self.received, at)
                    ));
                }
            }
        }
    }

    fn receive(&mut self, deadline: Instant) -> std::io::Result<usize> {
        match &mut self.sim {
            Some((_, port)) => port.read(&mut self.received, deadline),
            None => Ok(0),
        }
    }

    /// What is wanted as bytes, as far as they are known.
    fn shown(&self, wanted: &Text) -> String {
        match wanted.expand(&self.variables) {
            Ok(bytes) => bytes.escape_ascii().to_string(),
            Err(_) => wanted.to_string(),
        }
    }

    /// Nothing may be left that nobody expected.
    fn end(mut self) -> Result<(), String> {
        self.receive(Instant::now())
            .map_err(|error| format!("the AT port: {error}"))?;
        if self.received.is_empty() {
            return Ok(());
        }
        let left = self.received.escape_ascii();
        Err(format!(
            "at the end of the transcript this was left: {left}"
        ))
    }
}

/// Both, one above the other, with a mark below the first byte that differs.
fn difference(wanted: &str, got: &[u8], at: usize) -> String {
    let same = got.get(..at).unwrap_or_default().escape_ascii().to_string();
    let mark = " ".repeat(same.chars().count());
    let got = got.escape_ascii();
    format!("expected  {wanted}\ngot       {got}\n          {mark}^ byte {at}")
}
