//! The host at the AT port: a script that knows which bytes must come.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Instant;

use anyhow::{Context as _, Result, bail, ensure};

use crate::TIMEOUT;
use crate::incoming::{Incoming, Outcome};

/// The host's side of the port. Echo is on, as after every boot; [`Host::ask`] checks it.
#[derive(Debug)]
pub struct Host {
    port: TcpStream,
    incoming: Receiver<Vec<u8>>,
    received: Incoming,
}

impl Host {
    /// At the other end of this connection.
    pub fn new(port: TcpStream) -> Result<Self> {
        port.set_nodelay(true)?;
        let mut rx = port.try_clone()?;
        let (sender, incoming) = channel();
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(count @ 1..) = rx.read(&mut bytes) {
                let bytes = bytes.get(..count).unwrap_or_default();
                if sender.send(bytes.to_vec()).is_err() {
                    return;
                }
            }
        });
        Ok(Self {
            port,
            incoming,
            received: Incoming::default(),
        })
    }

    /// Sends bytes as they are.
    pub fn send(&mut self, bytes: &[u8]) -> Result<()> {
        Ok(self.port.write_all(bytes)?)
    }

    /// Sends a line; its echo and then exactly `reply` must come.
    pub fn ask(&mut self, line: &str, reply: &str) -> Result<()> {
        self.send(format!("{line}\r\n").as_bytes())?;
        self.expects(format!("{line}\r\n{reply}").as_bytes())
    }

    /// Sends a line that is answered by `OK` and nothing else.
    pub fn ok(&mut self, line: &str) -> Result<()> {
        self.ask(line, "\r\nOK\r\n")
    }

    /// Exactly these bytes must come next, but for unsolicited lines between messages; what follows is
    /// left for later.
    pub fn expects(&mut self, wanted: &[u8]) -> Result<()> {
        let end = Instant::now() + TIMEOUT;
        loop {
            match self.received.exactly(wanted) {
                Outcome::Found => return Ok(()),
                Outcome::NeedMore => self.receive(end, wanted)?,
                Outcome::Other => bail!(
                    "expected {}\n     got {}",
                    wanted.escape_ascii(),
                    self.received.describe()
                ),
            }
        }
    }

    /// Sends a line; gives what came between its echo and `end`.
    pub fn ask_until(&mut self, line: &str, end: &str) -> Result<String> {
        self.send(format!("{line}\r\n").as_bytes())?;
        self.expects(format!("{line}\r\n").as_bytes())?;
        self.until(end)
    }

    /// What comes before the next `end`, which is taken too; without unsolicited lines.
    pub fn until(&mut self, end: &str) -> Result<String> {
        let deadline = Instant::now() + TIMEOUT;
        loop {
            if let Some(before) = self.received.lines_until(end.as_bytes()) {
                return String::from_utf8(before).context("not text");
            }
            self.receive(deadline, end.as_bytes())?;
        }
    }

    /// As [`Host::until`], whatever comes.
    pub fn bytes_until(&mut self, end: &str) -> Result<Vec<u8>> {
        let deadline = Instant::now() + TIMEOUT;
        loop {
            if let Some(before) = self.received.until(end.as_bytes()) {
                return Ok(before);
            }
            self.receive(deadline, end.as_bytes())?;
        }
    }

    /// The next `count` bytes.
    pub fn take(&mut self, count: usize) -> Result<Vec<u8>> {
        let end = Instant::now() + TIMEOUT;
        loop {
            if let Some(bytes) = self.received.take(count) {
                return Ok(bytes);
            }
            self.receive(end, format!("{count} bytes").as_bytes())?;
        }
    }

    /// What comes until the port closes.
    pub fn rest(mut self) -> Vec<u8> {
        while let Ok(bytes) = self.incoming.recv_timeout(TIMEOUT) {
            self.received.extend(&bytes);
        }
        self.received.take_all()
    }

    fn receive(&mut self, end: Instant, wanted: &[u8]) -> Result<()> {
        let left = end.saturating_duration_since(Instant::now());
        match self.incoming.recv_timeout(left) {
            Ok(bytes) => self.received.extend(&bytes),
            Err(error) => {
                let why = match error {
                    RecvTimeoutError::Timeout => "nothing more came",
                    RecvTimeoutError::Disconnected => "the port closed",
                };
                bail!(
                    "{why}: expected {}\n     got {}",
                    wanted.escape_ascii(),
                    self.received.describe()
                )
            }
        }
        Ok(())
    }

    /// Erases the sectors that an image takes.
    pub fn erase(&mut self, partition: &str, image: &[u8]) -> Result<()> {
        let sectors = image.len().div_ceil(4096).max(1) * 4096;
        self.ok(&format!("AT+SYSFLASH=0,\"{partition}\",0,{sectors}"))
    }

    /// Writes an image to erased sectors.
    pub fn write(&mut self, partition: &str, image: &[u8]) -> Result<()> {
        let write = format!("AT+SYSFLASH=1,\"{partition}\",0,{}", image.len());
        self.ask(&write, "\r\n>")?;
        self.send(image)?;
        self.expects(b"\r\nOK\r\n")
    }

    /// Loads an image into a partition, and reads it back.
    pub fn load(&mut self, partition: &str, image: &[u8]) -> Result<()> {
        self.erase(partition, image)?;
        self.write(partition, image)?;
        let found = self.read(partition, image.len())?;
        ensure!(found == image, "{partition} reads back otherwise");
        Ok(())
    }

    /// The first bytes of a partition.
    pub fn read(&mut self, partition: &str, len: usize) -> Result<Vec<u8>> {
        let read = format!("AT+SYSFLASH=2,\"{partition}\",0,{len}");
        self.ask(&read, &format!("+SYSFLASH:{len},"))?;
        let bytes = self.take(len)?;
        self.expects(b"\r\nOK\r\n")?;
        Ok(bytes)
    }

    /// Sends data over the open link.
    pub fn transmit(&mut self, data: &[u8]) -> Result<()> {
        let len = data.len();
        self.ask(&format!("AT+CIPSEND={len}"), "\r\nOK\r\n\r\n>")?;
        self.send(data)?;
        self.expects(format!("\r\nRecv {len} bytes\r\n\r\nSEND OK\r\n").as_bytes())
    }

    /// As [`Self::transmit`], over one of several links.
    pub fn transmit_on(&mut self, link: u8, data: &[u8]) -> Result<()> {
        let len = data.len();
        self.ask(&format!("AT+CIPSEND={link},{len}"), "\r\nOK\r\n\r\n>")?;
        self.send(data)?;
        self.expects(format!("\r\nRecv {len} bytes\r\n\r\nSEND OK\r\n").as_bytes())
    }

    /// The data of as many `+IPD` as make up `count` bytes or more.
    pub fn ipds(&mut self, count: usize) -> Result<Vec<u8>> {
        let mut data = Vec::new();
        while data.len() < count {
            self.expects(b"\r\n+IPD,")?;
            let count = self.until(":")?.parse()?;
            data.extend(self.take(count)?);
        }
        Ok(data)
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // The reading thread ends with the connection; the machine may have ended it first.
        let _ = self.port.shutdown(Shutdown::Both);
    }
}
