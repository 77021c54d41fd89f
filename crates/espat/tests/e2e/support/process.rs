//! Programs that run beside a test and end with it.

use std::fmt::Debug;
use std::io::{BufRead as _, BufReader, ErrorKind, Read, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Instant;

use super::{TIMEOUT, utf8};

/// Which Debian package has a program.
const PACKAGES: [(&str, &str); 14] = [
    ("openssl", "openssl"),
    ("chronyd", "chrony"),
    ("curl", "curl"),
    ("gnutls-cli", "gnutls-bin"),
    ("gnutls-serv", "gnutls-bin"),
    ("java", "openjdk-17-jre-headless"),
    ("javac", "openjdk-17-jdk-headless"),
    ("mosquitto", "mosquitto"),
    ("mosquitto_sub", "mosquitto-clients"),
    ("nginx", "nginx"),
    ("python3", "python3"),
    ("setpriv", "util-linux"),
    ("tshark", "tshark"),
    ("yaegi", "yaegi"),
];

/// Says in one line what is missing and how to get it.
fn missing(command: &Command) -> ! {
    let program = command.get_program().to_string_lossy().into_owned();
    let name = program.rsplit('/').next().unwrap_or_default();
    let package = PACKAGES.iter().find(|(known, _)| *known == name);
    match package {
        Some((_, package)) => {
            panic!(
                "{name} is missing: cargo xtask setup, or \
                 apt-get install --no-install-recommends {package}"
            )
        }
        None => panic!("{program} is missing"),
    }
}

/// As [`command`]. Debian keeps some servers where not everyone's path leads, and `cargo xtask setup`
/// fetches what is missing below the target folder.
pub(crate) fn program(name: &str) -> Command {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let target = Path::new(env!("CARGO_BIN_EXE_espat")).ancestors().nth(2);
    let fetched = target.expect("target/<profile>/espat").join("tools/bin");
    let found = std::env::split_paths(&path)
        .chain([PathBuf::from("/usr/sbin"), fetched])
        .map(|folder| folder.join(name))
        .find(|file| file.is_file());
    found.map_or_else(|| command(name), |found| command(utf8(&found)))
}

/// A command that needs no input; its environment does not depend on who runs the tests.
pub(crate) fn command(program: &str) -> Command {
    let mut command = Command::new(program);
    command
        .stdin(Stdio::null())
        .env("LC_ALL", "C")
        .env_remove("OPENSSL_CONF");
    command
}

fn started<T: Debug>(command: &Command, result: std::io::Result<T>) -> T {
    match result {
        Err(error) if error.kind() == ErrorKind::NotFound => missing(command),
        result => result.expect("the program starts"),
    }
}

/// Runs a command to its end.
pub(crate) fn output(command: &mut Command) -> Output {
    let result = command.output();
    started(command, result)
}

/// Runs a command that must succeed; gives its standard output.
pub(crate) fn run(command: &mut Command) -> String {
    let said = output(command);
    assert!(
        said.status.success(),
        "{command:?}: {}",
        String::from_utf8_lossy(&said.stderr)
    );
    String::from_utf8(said.stdout).expect("text")
}

/// A running program, killed when dropped.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    lines: Receiver<String>,
    said: Vec<String>,
    name: String,
}

impl Process {
    /// Starts it; the lines of both outputs are collected.
    pub(crate) fn start(command: &mut Command) -> Self {
        let result = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut child = started(command, result);
        let out = child.stdout.take().expect("piped");
        let errors = child.stderr.take().expect("piped");
        Self::of(child, command, [Box::new(out), Box::new(errors)])
    }

    /// As [`Self::start`], and leaves standard input and output to the caller.
    pub(crate) fn start_piped(command: &mut Command) -> (Self, ChildStdin, ChildStdout) {
        let result = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn();
        let mut child = started(command, result);
        let input = child.stdin.take().expect("piped");
        let out = child.stdout.take().expect("piped");
        let errors = child.stderr.take().expect("piped");
        (Self::of(child, command, [Box::new(errors)]), input, out)
    }

    fn of<const N: usize>(
        child: Child,
        command: &Command,
        outputs: [Box<dyn Read + Send>; N],
    ) -> Self {
        let (sender, lines) = channel();
        for output in outputs {
            let sender = sender.clone();
            thread::spawn(move || forward(output, &sender));
        }
        Self {
            child,
            lines,
            said: Vec::new(),
            name: format!("{command:?}"),
        }
    }

    /// Writes to its standard input, which was asked to be a pipe and stays open.
    pub(crate) fn types(&mut self, bytes: &[u8]) {
        let input = self.child.stdin.as_mut().expect("piped");
        // What it makes of it is in its output; it may have ended.
        let _ = input.write_all(bytes);
    }

    /// The next line that `wanted` takes.
    pub(crate) fn wait_for<T>(&mut self, wanted: impl Fn(&str) -> Option<T>) -> T {
        self.wait_or_end(wanted).unwrap_or_else(|| {
            panic!("{} ended: {:#?}", self.name, self.said);
        })
    }

    /// As [`Self::wait_for`]; `None` if the program ended without such a line.
    pub(crate) fn wait_or_end<T>(&mut self, wanted: impl Fn(&str) -> Option<T>) -> Option<T> {
        let start = Instant::now();
        loop {
            let left = TIMEOUT.saturating_sub(start.elapsed());
            match self.lines.recv_timeout(left) {
                Ok(line) => {
                    let found = wanted(&line);
                    self.said.push(line);
                    if found.is_some() {
                        return found;
                    }
                }
                Err(RecvTimeoutError::Timeout) => {
                    panic!("{} did not say so: {:#?}", self.name, self.said)
                }
                Err(RecvTimeoutError::Disconnected) => return None,
            }
        }
    }

    /// Ends it as `kill -9` does.
    pub(crate) fn kill(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Waits until it ends by itself.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        self.child.wait().expect("it can be waited for")
    }

    /// Sends it a signal by name.
    pub(crate) fn signal(&self, name: &str) {
        let kill = format!("kill -{name} {}", self.child.id());
        run(command("sh").args(["-c", &kill]));
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

fn forward(from: impl Read, to: &Sender<String>) {
    for line in BufReader::new(from).lines() {
        let Ok(line) = line else { return };
        if to.send(line).is_err() {
            return;
        }
    }
}
