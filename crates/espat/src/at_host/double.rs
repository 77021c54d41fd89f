//! A module of another maker for tests: what it answers is scripted, down to its faults.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use super::Port;

/// What a module does otherwise than a well-behaved one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Manners {
    /// It echoes.
    pub(crate) echo: bool,
    /// Sent when the host opens the port.
    pub(crate) boot_text: Vec<u8>,
    /// Its prompt.
    pub(crate) prompt: &'static str,
    /// So many commands are answered with `busy p...` and dropped.
    pub(crate) busy: usize,
    /// The power fails after so many bytes from the host: the port closes, and data that came is in flash.
    pub(crate) cut_after: usize,
    /// A command that begins like this is refused.
    pub(crate) refuses: &'static str,
    /// A command that begins like this is never answered.
    pub(crate) ignores: &'static str,
    /// Bits that its flash cannot clear any more, in byte 100 of each partition.
    pub(crate) worn: u8,
    /// So many bytes are still missing from an upload that another host began.
    pub(crate) in_upload: usize,
    /// Messages between a command and its reply.
    pub(crate) chatter: &'static str,
}

impl Default for Manners {
    fn default() -> Self {
        Self {
            echo: false,
            boot_text: Vec::new(),
            prompt: "\r\n>",
            busy: 0,
            cut_after: usize::MAX,
            refuses: "nothing",
            ignores: "nothing",
            worn: 0,
            in_upload: 0,
            chatter: "",
        }
    }
}

/// What outlives a power cut.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Flash {
    /// Partitions with their bytes; empty on a module that has `mfg_nvs`.
    pub(crate) partitions: BTreeMap<String, Vec<u8>>,
    /// Values by namespace and key.
    pub(crate) values: BTreeMap<(String, String), Vec<u8>>,
}

/// A module; clones share its flash.
#[derive(Debug, Clone, Default)]
pub(crate) struct Double {
    flash: Arc<Mutex<Flash>>,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Double {
    /// With a partition of this size.
    pub(crate) fn with_partition(name: &str, size: usize) -> Self {
        let double = Self::default();
        double
            .flash()
            .partitions
            .insert(name.to_owned(), vec![0xff; size]);
        double
    }

    pub(crate) fn flash(&self) -> MutexGuard<'_, Flash> {
        self.flash.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The command lines so far.
    pub(crate) fn seen(&self) -> Vec<String> {
        self.seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Serves one host over TCP.
    pub(crate) fn open(&self, manners: Manners) -> Port {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let host = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (module, _) = listener.accept().unwrap();
        module.set_nodelay(true).unwrap();
        let double = self.clone();
        thread::spawn(move || {
            let written = module.try_clone().unwrap();
            // Ends with an error when the host or the power is gone.
            let _ = double.serve(module, written, manners);
        });
        Port::tcp(host).unwrap()
    }

    /// Serves one host over any pair of streams.
    pub(crate) fn serve(
        &self,
        from: impl Read,
        to: impl Write,
        manners: Manners,
    ) -> io::Result<()> {
        Serving {
            double: self,
            from,
            to,
            echo: manners.echo,
            left: manners.cut_after,
            manners,
        }
        .run()
    }
}

struct Serving<'a, R, W> {
    double: &'a Double,
    from: R,
    to: W,
    echo: bool,
    left: usize,
    manners: Manners,
}

impl<R: Read, W: Write> Serving<'_, R, W> {
    fn run(mut self) -> io::Result<()> {
        let boot_text = std::mem::take(&mut self.manners.boot_text);
        self.to.write_all(&boot_text)?;
        for _ in 0..self.manners.in_upload {
            self.byte()?;
        }
        if self.manners.in_upload > 0 {
            self.say("\r\nOK\r\n")?;
        }
        loop {
            let line = self.line()?;
            if self.echo {
                self.say(&format!("{line}\r\r\n"))?;
            }
            if line.is_empty() {
                continue;
            }
            self.double
                .seen
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(line.clone());
            if line.starts_with(self.manners.ignores) {
                continue;
            }
            if self.manners.busy > 0 {
                self.manners.busy -= 1;
                self.say("\r\nbusy p...\r\n")?;
                continue;
            }
            self.say(self.manners.chatter)?;
            let refused = line.starts_with(self.manners.refuses);
            let done = if refused { None } else { self.obey(&line)? };
            self.say(if done.is_some() {
                "\r\nOK\r\n"
            } else {
                "\r\nERROR\r\n"
            })?;
        }
    }

    /// One byte of the host, while there is power.
    fn byte(&mut self) -> io::Result<u8> {
        self.left = self
            .left
            .checked_sub(1)
            .ok_or(io::ErrorKind::ConnectionAborted)?;
        let mut byte = [0];
        self.from.read_exact(&mut byte)?;
        Ok(byte[0])
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = Vec::new();
        loop {
            match self.byte()? {
                b'\n' => return Ok(String::from_utf8_lossy(&line).trim().to_owned()),
                byte => line.push(byte),
            }
        }
    }

    fn say(&mut self, text: &str) -> io::Result<()> {
        self.to.write_all(text.as_bytes())
    }

    /// `None` means `ERROR`.
    fn obey(&mut self, line: &str) -> io::Result<Option<()>> {
        let (name, rest) = line.split_once('=').unwrap_or((line, ""));
        let fields: Vec<&str> = rest.split(',').map(|it| it.trim_matches('"')).collect();
        match (name, fields.as_slice()) {
            ("AT", _) => {}
            ("ATE0", _) => self.echo = false,
            ("ATE1", _) => self.echo = true,
            ("AT+GMR", _) => {
                self.say("AT version:3.2.0.0(s-ec2dec2 - ESP32C2)\r\nBin version:x\r\n")?;
            }
            ("AT+SYSFLASH?", _) => self.list()?,
            ("AT+SYSFLASH", ["0", name]) => {
                let mut flash = self.double.flash();
                let Some(bytes) = flash.partitions.get_mut(*name) else {
                    return Ok(None);
                };
                bytes.fill(0xff);
            }
            ("AT+SYSFLASH", ["1", name, at, length]) => return self.write(name, at, length),
            ("AT+SYSFLASH", ["2", name, at, length]) => {
                let flash = self.double.flash().clone();
                let Some(bytes) = flash.partitions.get(*name) else {
                    return Ok(None);
                };
                let (at, length): (usize, usize) = (number(at), number(length));
                let Some(bytes) = bytes.get(at..at + length) else {
                    return Ok(None);
                };
                self.say(&format!("+SYSFLASH:{length},"))?;
                self.to.write_all(bytes)?;
            }
            ("AT+SYSMFG", _) if !self.double.flash().partitions.is_empty() => return Ok(None),
            ("AT+SYSMFG", fields) => return self.mfg(fields),
            _ => return Ok(None),
        }
        Ok(Some(()))
    }

    fn list(&mut self) -> io::Result<()> {
        let flash = self.double.flash().clone();
        for (name, bytes) in &flash.partitions {
            let size = bytes.len();
            self.say(&format!("+SYSFLASH:\"{name}\",64,1,0x1f000,{size:#x}\r\n"))?;
        }
        if flash.partitions.is_empty() {
            self.say("+SYSFLASH:\"mfg_nvs\",1,2,0x1f000,0x1f000\r\n")?;
        }
        Ok(())
    }

    fn write(&mut self, name: &str, at: &str, length: &str) -> io::Result<Option<()>> {
        self.say(self.manners.prompt)?;
        for at in number(at)..number(at) + number(length) {
            let mut byte = self.byte()?;
            if at == 100 {
                byte |= self.manners.worn;
            }
            let mut flash = self.double.flash();
            let cell = flash.partitions.get_mut(name).and_then(|it| it.get_mut(at));
            let Some(cell) = cell else {
                return Ok(None);
            };
            // As flash does: bits are only cleared.
            *cell &= byte;
        }
        Ok(Some(()))
    }

    fn mfg(&mut self, fields: &[&str]) -> io::Result<Option<()>> {
        let key = |ns: &str, key: &str| (ns.to_owned(), key.to_owned());
        match fields {
            ["1", ns] => {
                let flash = self.double.flash().clone();
                let keys = flash.values.keys().filter(|(of, _)| of == ns);
                let keys: Vec<_> = keys.collect();
                if keys.is_empty() {
                    return Ok(None);
                }
                for (ns, key) in keys {
                    self.say(&format!("+SYSMFG:\"{ns}\",\"{key}\",8\r\n"))?;
                }
            }
            ["1", ns, name] => {
                let Some(value) = self.double.flash().values.get(&key(ns, name)).cloned() else {
                    return Ok(None);
                };
                let length = value.len();
                self.say(&format!("+SYSMFG:\"{ns}\",\"{name}\",8,{length},"))?;
                self.to.write_all(&value)?;
                self.say("\r\n")?;
            }
            ["0", ns, name] => {
                self.double.flash().values.remove(&key(ns, name));
            }
            ["2", ns, name, "8", length] => {
                self.say("\r\nOK\r\n")?;
                self.say(self.manners.prompt)?;
                let mut value = Vec::new();
                while value.len() < number(length) {
                    value.push(self.byte()?);
                }
                self.double.flash().values.insert(key(ns, name), value);
            }
            _ => return Ok(None),
        }
        Ok(Some(()))
    }
}

fn number(text: &str) -> usize {
    text.parse().unwrap()
}
