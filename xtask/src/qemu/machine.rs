//! The emulated board: QEMU with its ports and its flash, from power on to power off.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use partition_store::{Chip, FileFlash};

use super::host::{Host, PATIENCE};
use super::router;
use crate::stack::Emulator;

/// Each of the board's two flash banks: what a file for one must hold.
const BANK: u64 = 32 << 20;

/// How a line of the log ends that is written right before `ready`.
const SERVING: &str = "serving the port";

/// What every machine has in common.
pub(crate) struct Lab {
    pub(crate) emulator: Emulator,
    pub(crate) program: PathBuf,
    /// Files of this run.
    pub(crate) folder: PathBuf,
}

/// A flash in a file of this run.
#[derive(Debug, Clone)]
pub(crate) struct Flash(PathBuf);

impl Flash {
    /// As `espat` makes one, with the rest of the bank behind it.
    pub(crate) fn new(lab: &Lab, name: &str) -> Result<Self> {
        let path = lab.folder.join(name);
        let (flash, _) =
            embassy_futures::block_on(FileFlash::open_or_format(&path, Chip::Esp32C3, true))?;
        drop(flash);
        // Zeros where a new chip has ones; the board erases what it uses of it.
        File::options().write(true).open(&path)?.set_len(BANK)?;
        Ok(Self(path))
    }

    /// The same content under another name.
    pub(crate) fn copy(&self, name: &str) -> Result<Self> {
        let copy = self.0.with_file_name(name);
        let mut bytes = fs::read(&self.0)?;
        // Most of it has never been written.
        let used = bytes.iter().rposition(|byte| *byte != 0);
        bytes.truncate(used.map_or(0, |last| last + 1));
        fs::write(&copy, bytes)?;
        File::options().write(true).open(&copy)?.set_len(BANK)?;
        Ok(Self(copy))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

/// When the flash stops keeping what is written to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Power {
    Stays,
    /// After this many writes to the flash nothing more reaches it: what is in the file then is what a
    /// power cut at that moment leaves. The machine itself goes on until it is switched off.
    CutAfter(usize),
}

/// How a machine is started.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Options<'a> {
    /// Names its files.
    pub(crate) name: &'a str,
    pub(crate) power: Power,
    /// Port of an NTP server of this machine's.
    pub(crate) ntp: Option<u16>,
    /// Whether the board has a source of randomness.
    pub(crate) randomness: bool,
    /// A port of this machine's loopback, and the port of the board's that it leads to.
    pub(crate) forward: Option<(u16, u16)>,
    /// One instruction takes a nanosecond of its clock, and so does every nanosecond of waiting.
    pub(crate) exact: bool,
}

impl<'a> Options<'a> {
    pub(crate) const fn named(name: &'a str) -> Self {
        Self {
            name,
            power: Power::Stays,
            ntp: None,
            randomness: true,
            forward: None,
            exact: false,
        }
    }
}

/// A machine that is switched on. Dropping it is like taking the power away.
pub(crate) struct Machine {
    child: Child,
    log: PathBuf,
    errors: PathBuf,
}

impl Machine {
    /// Power on; the modem is not yet greeted.
    pub(crate) fn start(lab: &Lab, flash: &Flash, options: Options<'_>) -> Result<(Self, Host)> {
        let file = |end: &str| lab.folder.join(format!("{}.{end}", options.name));
        let (log, errors) = (file("log"), file("err"));
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let place = port.local_addr()?.port();
        let mut cmd = lab
            .emulator
            .command()
            .args("-machine virt -display none -monitor none".split(' '))
            // With a file for the second bank, -kernel would mean something else.
            .arg("-bios")
            .arg(lab.program.to_string_lossy())
            .arg("-drive")
            .arg(drive(flash, options.power, &file("cut"))?)
            .args(["-device", "virtio-net-device,netdev=net"])
            .args(["-netdev".to_owned(), net(options.forward)])
            .args(["-serial", "chardev:port", "-chardev"])
            .arg(format!("socket,id=port,host=127.0.0.1,port={place}"))
            .args(["-semihosting-config", "enable=on,target=native,chardev=log"])
            .arg("-chardev")
            .arg(format!("file,id=log,path={}", log.display()));
        if let Some(server) = options.ntp {
            cmd = cmd.args(router::start("net", server)?);
        }
        if options.randomness {
            cmd = cmd.args(["-device", "virtio-rng-device"]);
        }
        if options.exact {
            cmd = cmd.args(["-icount", "shift=0"]);
        }
        let child = cmd.spawn(File::create(&errors)?)?;
        let mut machine = Self { child, log, errors };
        let host = machine.accept(&port)?;
        Ok((machine, host))
    }

    /// Power on, up to the modem's greeting.
    pub(crate) fn boot(lab: &Lab, flash: &Flash, options: Options<'_>) -> Result<(Self, Host)> {
        let (machine, mut host) = Self::start(lab, flash, options)?;
        host.hears(b"\r\nready\r\n")
            .with_context(|| machine.last_words())?;
        Ok((machine, host))
    }

    /// The machine comes to us: no port has to be guessed.
    fn accept(&mut self, port: &TcpListener) -> Result<Host> {
        const AGAIN: Duration = Duration::from_millis(2);
        port.set_nonblocking(true)?;
        let end = Instant::now() + PATIENCE;
        loop {
            match port.accept() {
                Ok((stream, _)) => {
                    stream.set_nonblocking(false)?;
                    return Host::new(stream);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.into()),
            }
            if self.child.try_wait()?.is_some() || Instant::now() >= end {
                bail!("QEMU did not start: {}", self.last_words());
            }
            // The standard library can wait for a connection or for a time, not for both.
            thread::sleep(AGAIN);
        }
    }

    /// Takes the power away.
    pub(crate) fn kill(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// The log of the modem so far.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Waits until the modem's log has this line's end.
    pub(crate) fn wait_for_log(&self, end_of_line: &str) -> Result<()> {
        const AGAIN: Duration = Duration::from_millis(5);
        let end = Instant::now() + PATIENCE;
        while !self.log().lines().any(|line| line.ends_with(end_of_line)) {
            if Instant::now() >= end {
                bail!("no word of it: {}", self.last_words());
            }
            // A file tells nobody that it has grown.
            thread::sleep(AGAIN);
        }
        Ok(())
    }

    /// How many writes the flash has not kept.
    pub(crate) fn writes_lost(&self) -> Result<usize> {
        let said = fs::read_to_string(&self.errors)?;
        Ok(said.matches("Could not update PFLASH").count())
    }

    /// What modem and emulator said, for a person.
    pub(crate) fn last_words(&self) -> String {
        let errors = fs::read_to_string(&self.errors).unwrap_or_default();
        let lines: Vec<String> = [errors, self.log()]
            .iter()
            .flat_map(|text| text.lines())
            .map(str::to_owned)
            .collect();
        let last = lines.len().saturating_sub(10);
        let last = lines.get(last..).unwrap_or_default();
        format!("{}:\n{}", self.log.display(), last.join("\n"))
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.kill();
    }
}

/// From power on until the modem serves its port, with a flash that has its settings store already.
pub(crate) fn boot_time(lab: &Lab) -> Result<Duration> {
    let flash = Flash::new(lab, "boot.flash")?;
    drop(Machine::boot(lab, &flash, Options::named("format"))?);
    let options = Options {
        exact: true,
        ..Options::named("boot")
    };
    let (machine, _host) = Machine::boot(lab, &flash, options)?;
    let log = machine.log();
    let line = log.lines().find(|line| line.ends_with(SERVING));
    let micros = line.and_then(|line| line.trim_start().split(' ').next());
    let micros = micros.with_context(|| machine.last_words())?.parse()?;
    Ok(Duration::from_micros(micros))
}

/// QEMU's own network, which reaches this machine's loopback.
fn net(forward: Option<(u16, u16)>) -> String {
    let user = "user,id=net";
    match forward {
        Some((from, to)) => format!("{user},hostfwd=tcp:127.0.0.1:{from}-:{to}"),
        None => user.to_owned(),
    }
}

/// The second bank; the cut is QEMU's own fault injection, told by the file `cut`.
fn drive(flash: &Flash, power: Power, cut: &Path) -> Result<String> {
    let bank = "if=pflash,unit=1";
    let path = flash.path().display();
    match power {
        Power::Stays => Ok(format!("{bank},format=raw,file={path}")),
        Power::CutAfter(writes) => {
            fs::write(cut, fault(writes))?;
            Ok(format!(
                "{bank},driver=blkdebug,config={},image.driver=file,image.filename={path}",
                cut.display()
            ))
        }
    }
}

/// A state for each write that is kept, and one in which none is.
fn fault(writes: usize) -> String {
    let cut = writes + 1;
    let mut text = format!(
        "[inject-error]\nevent = \"pwritev\"\nstate = \"{cut}\"\nerrno = \"5\"\nonce = \"off\"\n"
    );
    for state in 1..cut {
        let next = state + 1;
        text.push_str(&format!(
            "\n[set-state]\nevent = \"pwritev\"\nstate = \"{state}\"\nnew_state = \"{next}\"\n"
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_write_leads_to_the_next_state_and_the_last_state_loses_all() {
        assert_eq!(fault(0).matches("[set-state]").count(), 0);
        let text = fault(2);
        for line in [
            "[inject-error]\nevent = \"pwritev\"\nstate = \"3\"",
            "state = \"1\"\nnew_state = \"2\"",
            "state = \"2\"\nnew_state = \"3\"",
        ] {
            assert!(text.contains(line), "{text}");
        }
    }
}
