//! The AT port as a host uses it: a line, and its reply.

use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};

use crate::at_host::Port;

/// For whatever a modem does at once.
pub(super) const SOON: Duration = Duration::from_secs(10);

/// The port, and what came from it and was not looked at.
pub(super) struct Line {
    port: Port,
    received: Vec<u8>,
}

impl Line {
    pub(super) const fn new(port: Port) -> Self {
        Self {
            port,
            received: Vec::new(),
        }
    }

    /// Sends a line; returns all that came up to `OK` or `ERROR`, and whether it was `OK`.
    pub(super) fn ask(&mut self, line: &str, within: Duration) -> Result<(String, bool)> {
        self.received.clear();
        self.send(format!("{line}\r\n").as_bytes())?;
        let end = ["\r\nOK\r\n", "\r\nERROR\r\n"];
        let (text, which) = self.until(&end, within)?;
        Ok((text, which == 0))
    }

    /// Sends a line that must be answered by `OK`; returns what came before.
    pub(super) fn ok(&mut self, line: &str, within: Duration) -> Result<String> {
        let (text, is_ok) = self.ask(line, within)?;
        ensure!(is_ok, "{line}: {}", text.escape_default());
        Ok(text)
    }

    /// Sends bytes as they are.
    pub(super) fn send(&mut self, bytes: &[u8]) -> Result<()> {
        Ok(self.port.write(bytes)?)
    }

    /// Waits for one of these; returns what came before, and which it was.
    pub(super) fn until(&mut self, ends: &[&str], within: Duration) -> Result<(String, usize)> {
        let deadline = Instant::now() + within;
        loop {
            let found = ends.iter().enumerate().filter_map(|(which, end)| {
                let at = find(&self.received, end.as_bytes())?;
                Some((at, which, end.len()))
            });
            if let Some((at, which, len)) = found.min() {
                let rest = self.received.split_off(at + len);
                let mut before = std::mem::replace(&mut self.received, rest);
                before.truncate(at);
                return Ok((String::from_utf8_lossy(&before).into_owned(), which));
            }
            let wanted = || ends.join(" or ").escape_default().to_string();
            if Instant::now() >= deadline {
                bail!(
                    "no {} within {} s: {}",
                    wanted(),
                    within.as_secs(),
                    self.received.escape_ascii()
                );
            }
            self.receive()?;
        }
    }

    /// The next bytes, as many as this.
    pub(super) fn take(&mut self, count: usize, within: Duration) -> Result<Vec<u8>> {
        let deadline = Instant::now() + within;
        while self.received.len() < count {
            let have = self.received.len();
            ensure!(Instant::now() < deadline, "{have} of {count} bytes came");
            self.receive()?;
        }
        let rest = self.received.split_off(count);
        Ok(std::mem::replace(&mut self.received, rest))
    }

    fn receive(&mut self) -> Result<()> {
        let mut bytes = [0; 4096];
        let count = self.port.read(&mut bytes)?;
        self.received
            .extend_from_slice(bytes.get(..count).unwrap_or_default());
        Ok(())
    }
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}
