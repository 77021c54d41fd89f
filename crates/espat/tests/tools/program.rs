//! `espat` with input, and `espat sim` beside it.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Output, Stdio};
use std::thread;

/// Runs it to its end.
pub(crate) fn espat(arguments: &[&str], input: &str) -> Output {
    run(
        Command::new(env!("CARGO_BIN_EXE_espat")).args(arguments),
        input,
    )
}

/// Runs it to its end, with this typed.
pub(crate) fn run(command: &mut Command, input: &str) -> Output {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut keyboard = child.stdin.take().expect("piped");
    // It may end before it has read all of it.
    let _ = keyboard.write_all(input.as_bytes());
    drop(keyboard);
    child.wait_with_output().expect("it ends")
}

/// A simulator that runs until it is dropped.
pub(crate) struct Sim {
    child: Child,
    /// As `--port` wants it.
    pub(crate) port: String,
}

impl Sim {
    /// Starts it with these options; its port is a TCP port.
    pub(crate) fn start(options: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_espat"))
            .args(["sim", "--listen", "127.0.0.1:0"])
            .args(options)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut lines = BufReader::new(child.stderr.take().expect("piped")).lines();
        let port = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| line.strip_prefix("listening on ").map(str::to_owned))
            .expect("the port is announced");
        // A full pipe would stop it.
        thread::spawn(move || lines.for_each(drop));
        Self {
            child,
            port: format!("tcp://{port}"),
        }
    }

    /// Ends it as a person does, so that its files are complete.
    pub(crate) fn ends(mut self) {
        let process = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(process, rustix::process::Signal::TERM).expect("it runs");
        self.child.wait().expect("it ends");
    }
}

impl Drop for Sim {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
