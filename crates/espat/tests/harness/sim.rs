//! `espat sim`, with its announcements read.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use super::TIMEOUT;
use super::control::Control;
use super::port::Port;

/// A simulator that runs until it is dropped.
#[derive(Debug)]
pub(crate) struct Sim {
    pub(crate) child: Child,
    place: Place,
    control: SocketAddr,
    /// What it says on stderr since it was ready.
    pub(crate) lines: Receiver<String>,
}

#[derive(Debug)]
enum Place {
    Pty(PathBuf),
    Tcp(SocketAddr),
}

/// What the AT port is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PortKind {
    Pty,
    Tcp,
}

impl Sim {
    /// Starts it with these options, and a control port.
    pub(crate) fn start(kind: PortKind, options: &[String]) -> Result<Self, String> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_espat"));
        command.args(["sim", "--control", "127.0.0.1:0"]);
        match kind {
            PortKind::Pty => command.arg("--pty"),
            PortKind::Tcp => command.args(["--listen", "127.0.0.1:0"]),
        };
        let mut child = command
            .args(options)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("espat does not start: {error}"))?;
        let lines = lines(child.stderr.take().expect("piped"));
        let mut sim = Self {
            child,
            place: Place::Pty(PathBuf::new()),
            control: SocketAddr::from(([0, 0, 0, 0], 0)),
            lines,
        };
        loop {
            let line = sim
                .lines
                .recv_timeout(TIMEOUT)
                .map_err(|error| format!("espat sim was not ready: {error}"))?;
            if let Some(address) = line.strip_prefix("control on ") {
                sim.control = address.parse().map_err(|_| line.clone())?;
            } else if let Some(address) = line.strip_prefix("listening on ") {
                sim.place = Place::Tcp(address.parse().map_err(|_| line.clone())?);
                return Ok(sim);
            } else if let Some(path) = line.strip_prefix("pty ") {
                sim.place = Place::Pty(path.into());
                return Ok(sim);
            } else if !line.starts_with("warning: ") {
                return Err(line);
            }
        }
    }

    /// Connects to the AT port.
    pub(crate) fn open(&self) -> std::io::Result<Port> {
        match &self.place {
            Place::Pty(path) => Port::terminal(path),
            Place::Tcp(address) => Port::tcp(*address),
        }
    }

    /// Connects to the control port.
    pub(crate) fn control(&self) -> Control {
        Control::connect(self.control)
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What a program says, for as long as it runs: a full pipe would stop it.
fn lines(from: impl std::io::Read + Send + 'static) -> Receiver<String> {
    let (sender, lines) = channel();
    thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            // Nobody listens once the port was announced.
            let _ = sender.send(line);
        }
    });
    lines
}
