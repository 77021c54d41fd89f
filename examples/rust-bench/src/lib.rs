//! A host driver: what is under test. Put your own in its place.

use std::fmt;
use std::io::{self, Read, Write};

/// Why a command was not done.
#[derive(Debug)]
pub enum HostError {
    /// The modem answered `ERROR`; `reason` is the last parameter of `+SSLWHY`, if there was one.
    Refused {
        /// The command.
        command: String,
        /// Why, in one word.
        reason: String,
    },
    /// The port failed.
    Port(io::Error),
}

impl fmt::Display for HostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused { command, reason } => write!(f, "{command}: {reason}"),
            Self::Port(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for HostError {}

impl From<io::Error> for HostError {
    fn from(error: io::Error) -> Self {
        Self::Port(error)
    }
}

/// A host at an AT port: a serial line, or in a test a socket.
#[derive(Debug)]
pub struct Host<P> {
    port: P,
}

impl<P: Read + Write> Host<P> {
    /// Waits for `ready`.
    ///
    /// # Errors
    ///
    /// The port ended before.
    pub fn new(port: P) -> Result<Self, HostError> {
        let mut host = Self { port };
        while host.line()? != "ready" {}
        Ok(host)
    }

    /// The next line that is not empty.
    fn line(&mut self) -> io::Result<String> {
        loop {
            let mut line = Vec::new();
            while !line.ends_with(b"\n") {
                let mut byte = [0];
                self.port.read_exact(&mut byte)?;
                line.extend(byte);
            }
            let line = String::from_utf8_lossy(&line).trim().to_owned();
            if !line.is_empty() {
                return Ok(line);
            }
        }
    }

    /// Waits for this line.
    ///
    /// # Errors
    ///
    /// The port ended before.
    pub fn wait_for(&mut self, wanted: &str) -> Result<(), HostError> {
        while self.line()? != wanted {}
        Ok(())
    }

    /// What the modem says before `OK`.
    ///
    /// # Errors
    ///
    /// [`HostError::Refused`] if it says `ERROR`.
    pub fn command(&mut self, command: &str) -> Result<Vec<String>, HostError> {
        write!(self.port, "{command}\r\n")?;
        let mut lines = Vec::new();
        loop {
            let line = self.line()?;
            match line.as_str() {
                "OK" => return Ok(lines),
                "ERROR" => {
                    let why = lines.iter().find(|line| line.starts_with("+SSLWHY:"));
                    let reason = why.and_then(|line| line.rsplit(',').next());
                    return Err(HostError::Refused {
                        command: command.to_owned(),
                        reason: reason.unwrap_or_default().trim_matches('"').to_owned(),
                    });
                }
                _ => lines.push(line),
            }
        }
    }

    /// Joins an open network.
    ///
    /// # Errors
    ///
    /// As [`command`](Self::command).
    pub fn join(&mut self, network: &str) -> Result<(), HostError> {
        self.command("AT+CWMODE=1")?;
        self.command(&format!("AT+CWJAP=\"{network}\",\"\""))?;
        Ok(())
    }

    /// Opens a TLS connection to a server that must prove to be `name`.
    ///
    /// # Errors
    ///
    /// As [`command`](Self::command).
    pub fn connect(&mut self, name: &str, port: u16) -> Result<(), HostError> {
        self.command("AT+SYSLOG=1")?;
        self.command("AT+CIPSSLCCONF=2,0,0")?;
        self.command(&format!("AT+CIPSSLCCN=\"{name}\""))?;
        self.command(&format!("AT+CIPSTART=\"SSL\",\"{name}\",{port}"))?;
        Ok(())
    }

    /// Sends a line and takes one back.
    ///
    /// # Errors
    ///
    /// As [`command`](Self::command).
    pub fn ask(&mut self, text: &str) -> Result<String, HostError> {
        let data = format!("{text}\n");
        self.command(&format!("AT+CIPSEND={}", data.len()))?;
        // The prompt has no line end.
        let mut byte = [0];
        while byte != *b">" {
            self.port.read_exact(&mut byte)?;
        }
        self.port.write_all(data.as_bytes())?;
        self.wait_for("SEND OK")?;
        let line = self.line()?;
        let (_, data) = line.split_once(':').unwrap_or_default();
        Ok(data.to_owned())
    }
}
