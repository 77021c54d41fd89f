//! Programs that run beside a test and end with it.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};

use crate::TIMEOUT;

/// A program that was started, killed when dropped.
#[derive(Debug)]
pub struct Running(Child);

impl Running {
    /// Starts the command; its standard error goes to the file `errors`.
    ///
    /// # Errors
    ///
    /// It cannot be started.
    pub fn start(command: &mut Command, errors: File) -> Result<Self> {
        let child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(errors)
            .spawn();
        child
            .map(Self)
            .with_context(|| format!("cannot start {command:?}"))
    }

    /// Whether it has ended by itself.
    ///
    /// # Errors
    ///
    /// The system does not report it.
    pub fn has_ended(&mut self) -> Result<bool> {
        Ok(self.0.try_wait()?.is_some())
    }

    /// Ends it as `kill -9` does.
    pub fn kill(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A command that needs no input; its environment does not depend on who runs it.
pub(crate) fn command(program: &str) -> Command {
    let mut command = Command::new(program);
    command
        .stdin(Stdio::null())
        .env("LC_ALL", "C")
        .env_remove("OPENSSL_CONF")
        // `cargo run` points it at its own toolchain's libraries.
        .env_remove("LD_LIBRARY_PATH");
    command
}

/// Runs a command that must succeed; returns its standard output.
pub(crate) fn run(command: &mut Command) -> Result<String> {
    let output = command
        .output()
        .with_context(|| format!("cannot start {command:?}"))?;
    if !output.status.success() {
        bail!("{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// A server, and the lines that it prints.
#[derive(Debug)]
pub(crate) struct Server {
    _child: Running,
    lines: Receiver<String>,
}

impl Server {
    /// Starts it; the lines of both outputs are collected.
    pub(crate) fn start(command: &mut Command) -> Result<Self> {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map(Running)
            .with_context(|| format!("cannot start {command:?}"))?;
        let (sender, lines) = channel();
        let mut outputs: Vec<Box<dyn Read + Send>> = Vec::new();
        if let Some(out) = child.0.stdout.take() {
            outputs.push(Box::new(out));
        }
        if let Some(errors) = child.0.stderr.take() {
            outputs.push(Box::new(errors));
        }
        for output in outputs {
            let sender = sender.clone();
            thread::spawn(move || {
                for line in BufReader::new(output).lines() {
                    let Ok(line) = line else { return };
                    if sender.send(line).is_err() {
                        return;
                    }
                }
            });
        }
        Ok(Self {
            _child: child,
            lines,
        })
    }

    /// The value of the first line that `wanted` takes.
    pub(crate) fn wait_for<T>(&self, wanted: impl Fn(&str) -> Option<T>) -> Result<T> {
        let end = Instant::now() + TIMEOUT;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let line = self.lines.recv_timeout(left);
            if let Some(found) = wanted(&line.context("a server did not start")?) {
                return Ok(found);
            }
        }
    }
}
