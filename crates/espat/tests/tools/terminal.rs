//! A pseudo-terminal with a person at it.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

/// For anything that is only slow when the machine is busy.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A program on it, until this is dropped.
pub(crate) struct Terminal {
    child: Child,
    keyboard: File,
    screen: Receiver<Vec<u8>>,
    /// What was shown and not looked at yet.
    shown: String,
}

impl Terminal {
    /// `espat term` with these arguments and variables.
    pub(crate) fn start(arguments: &[&str], variables: &[(&str, &str)]) -> Self {
        let person = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("a terminal");
        grantpt(&person).expect("a terminal");
        unlockpt(&person).expect("a terminal");
        let path = ptsname(&person, Vec::new()).expect("a terminal");
        let program: OwnedFd = rustix::fs::open(
            path.as_c_str(),
            OFlags::RDWR | OFlags::NOCTTY,
            Mode::empty(),
        )
        .expect("a terminal");
        let side = || Stdio::from(program.try_clone().expect("a handle"));
        let child = Command::new(env!("CARGO_BIN_EXE_espat"))
            .arg("term")
            .args(arguments)
            .env("TERM", "xterm")
            .env_remove("NO_COLOR")
            .envs(variables.iter().copied())
            .stdin(side())
            .stdout(side())
            .stderr(side())
            .spawn()
            .expect("it starts");
        drop(program);
        let keyboard = File::from(person);
        let mut reader = keyboard.try_clone().expect("a handle");
        let (shows, screen) = channel();
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            // An error is the end of the program.
            while let Ok(count @ 1..) = reader.read(&mut bytes) {
                if shows.send(bytes[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self {
            child,
            keyboard,
            screen,
            shown: String::new(),
        }
    }

    pub(crate) fn types(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).expect("it reads");
    }

    /// Waits until this is on the screen; what came up to it, and with it.
    pub(crate) fn sees(&mut self, text: &str) -> String {
        let deadline = Instant::now() + TIMEOUT;
        loop {
            if let Some(at) = self.shown.find(text) {
                let rest = self.shown.split_off(at + text.len());
                return std::mem::replace(&mut self.shown, rest);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            let more = self.screen.recv_timeout(left);
            let more = more.unwrap_or_else(|_| panic!("no {text:?} in {:?}", self.shown));
            self.shown.push_str(&String::from_utf8_lossy(&more));
        }
    }

    /// Types a line and waits for this behind it.
    pub(crate) fn asks(&mut self, line: &str, answer: &str) -> String {
        self.types(&format!("{line}\r"));
        self.sees(answer)
    }

    /// Ctrl-D at an empty line, until it ends: a key that is pressed while something is printed may be lost, because the
    /// terminal changes its mode then.
    pub(crate) fn ends(mut self) -> Option<i32> {
        let deadline = Instant::now() + TIMEOUT;
        while Instant::now() < deadline {
            // It may just have ended.
            let _ = self.keyboard.write_all(b"\x04");
            loop {
                match self.screen.recv_timeout(Duration::from_secs(1)) {
                    Ok(_) => {}
                    Err(RecvTimeoutError::Timeout) => break,
                    Err(RecvTimeoutError::Disconnected) => {
                        return self.child.wait().expect("it ends").code();
                    }
                }
            }
        }
        panic!("it does not end");
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
