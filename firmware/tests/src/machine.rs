//! An emulated board with its ports and its flash, from power on to power off.
//!
//! ```text
//! virt   QEMU ─┬─ AT port, flash, log            c3   firmware/tools/model ─┬─ AT port, flash, log
//!              └─ its network ─▶ loopback                             └─ frames ─▶ QEMU's network ─▶ loopback
//! ```

use std::fs::{self, File};
use std::io::ErrorKind;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use partition_store::esp_at::FactoryParam;
use partition_store::{BuiltIn, FileFlash};

use crate::host::Host;
use crate::process::Running;
use crate::{TIMEOUT, router};

/// Each of the board's two flash banks: what a file for one must hold.
const BANK: u64 = 32 << 20;

/// How a line of the log ends that is written right before `ready`.
const SERVING: &str = "serving the port";

/// What the modelled chip reaches the network with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Net {
    /// A radio by the names of its driver.
    Wifi,
    /// The Ethernet controller of Espressif's QEMU.
    Openeth,
}

/// Which board is emulated, and the modem's program for it.
#[derive(Debug, Clone)]
pub enum Board {
    /// QEMU's `virt`.
    Virt {
        /// As it was linked.
        program: PathBuf,
    },
    /// ESP32-C3, as `firmware/tools/model` has it.
    C3 {
        /// Its network.
        net: Net,
        /// The program that models the chip.
        model: PathBuf,
        /// As it was linked.
        program: PathBuf,
        /// All of the flash.
        image: PathBuf,
    },
}

/// What `firmware/tools/model` prints for each write that does not reach the file.
const NOT_KEPT: &str = "flash: not kept";

/// What every machine of a test has in common.
#[derive(Debug)]
pub struct Lab {
    /// QEMU; for the C3 it is the network alone.
    emulator: PathBuf,
    /// The board.
    pub board: Board,
    /// Files of this test.
    pub folder: PathBuf,
}

impl Lab {
    /// A lab with an empty folder.
    pub fn new(emulator: PathBuf, board: Board, folder: PathBuf) -> Result<Self> {
        if folder.exists() {
            fs::remove_dir_all(&folder).with_context(|| folder.display().to_string())?;
        }
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        Ok(Self {
            emulator,
            board,
            folder,
        })
    }
}

/// A flash in a file of this run.
#[derive(Debug, Clone)]
pub struct Flash(PathBuf);

impl Flash {
    /// For `virt` as `espat` makes one, with the rest of the bank behind it; for the C3 as it is flashed.
    pub fn new(lab: &Lab, name: &str) -> Result<Self> {
        let path = lab.folder.join(name);
        if let Board::C3 { image, .. } = &lab.board {
            fs::copy(image, &path).with_context(|| image.display().to_string())?;
            return Ok(Self(path));
        }
        let made = FileFlash::open_or_format(&path, &BuiltIn::ESP32_C3, FactoryParam::Write);
        let (flash, _) = embassy_futures::block_on(made)?;
        drop(flash);
        // Zeros where a new chip has ones; the board erases what it uses of it.
        File::options().write(true).open(&path)?.set_len(BANK)?;
        Ok(Self(path))
    }

    /// The same content under another name.
    pub fn copy(&self, name: &str) -> Result<Self> {
        let copy = self.0.with_file_name(name);
        let mut bytes = fs::read(&self.0)?;
        let len = u64::try_from(bytes.len())?;
        // Most of it has never been written.
        let used = bytes.iter().rposition(|byte| *byte != 0);
        bytes.truncate(used.map_or(0, |last| last + 1));
        fs::write(&copy, bytes)?;
        File::options().write(true).open(&copy)?.set_len(len)?;
        Ok(Self(copy))
    }

    /// Its file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }
}

/// When the flash stops keeping what is written to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Power {
    /// Never.
    Stays,
    /// After this many writes to the flash nothing more reaches it: what is in the file then is what a
    /// power cut at that moment leaves. The machine itself goes on until it is switched off.
    CutAfter(usize),
}

/// What a core does that no program should make it do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// It jumps to where nothing is.
    Fault,
    /// It stands still.
    Hang,
    /// A function takes more stack than there is.
    Overflow,
}

/// How a machine is started.
#[derive(Debug, Clone, Copy)]
pub struct Options<'a> {
    /// Names its files.
    pub name: &'a str,
    /// When the flash stops keeping.
    pub power: Power,
    /// Port of the scenario's own NTP server; without one the board reaches none.
    pub ntp: Option<u16>,
    /// Whether the board has a source of randomness.
    pub randomness: bool,
    /// A port of this machine's loopback, and the port of the board's that it leads to.
    pub forward: Option<(u16, u16)>,
    /// One instruction takes a nanosecond of its clock, and so does every nanosecond of waiting.
    pub exact: bool,
    /// The host sends whether RTS allows it or not.
    pub ignores_rts: bool,
    /// Milliseconds after which the network that was joined first is gone for a moment.
    pub lose_after: Option<u64>,
    /// How many networks are in the air besides the two.
    pub crowd: u8,
    /// What goes wrong with the C3's core, two seconds after power on.
    pub failure: Option<Failure>,
    /// Sockets for what is in the air: of this model, and of another one.
    pub air: Option<[&'a Path; 2]>,
    /// The last byte of its hardware address.
    pub number: u8,
}

impl<'a> Options<'a> {
    /// A machine with nothing special about it.
    #[must_use]
    pub const fn named(name: &'a str) -> Self {
        Self {
            name,
            power: Power::Stays,
            ntp: None,
            randomness: true,
            forward: None,
            exact: false,
            ignores_rts: false,
            lose_after: None,
            crowd: 0,
            failure: None,
            air: None,
            number: 1,
        }
    }
}

/// A machine that is switched on. Dropping it is like taking the power away.
#[derive(Debug)]
pub struct Machine {
    child: Running,
    /// The network, where it is a process of its own.
    network: Option<Running>,
    log: PathBuf,
    errors: PathBuf,
}

impl Machine {
    /// Power on; the modem is not yet greeted.
    pub fn start(lab: &Lab, flash: &Flash, options: Options<'_>) -> Result<(Self, Host)> {
        let (machine, port) = Self::plug_in(lab, flash, options)?;
        Ok((machine, Host::new(port)?))
    }

    /// As [`Machine::start`], with the bare AT port.
    pub fn plug_in(lab: &Lab, flash: &Flash, options: Options<'_>) -> Result<(Self, TcpStream)> {
        let file = |end: &str| lab.folder.join(format!("{}.{end}", options.name));
        let (log, errors) = (file("log"), file("err"));
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let place = port.local_addr()?.port();
        let mut network = None;
        let mut cmd = match &lab.board {
            Board::Virt { program } => {
                let cut = file("cut");
                virt(lab, flash, options, program, &log, place, &cut)?
            }
            Board::C3 {
                net,
                model,
                program,
                ..
            } => {
                let sockets = [file("ours"), file("net")];
                network = Some(network_of(lab, options, &sockets)?);
                let mut cmd = c3(flash, options, (model, program), &log, place, &sockets);
                if *net == Net::Wifi {
                    cmd.arg("--no-nic");
                }
                cmd
            }
        };
        let child = Running::start(&mut cmd, File::create(&errors)?)?;
        let mut machine = Self {
            child,
            network,
            log,
            errors,
        };
        let port = machine.accept(&port)?;
        Ok((machine, port))
    }

    /// Power on, up to the modem's greeting.
    pub fn boot(lab: &Lab, flash: &Flash, options: Options<'_>) -> Result<(Self, Host)> {
        let (machine, mut host) = Self::start(lab, flash, options)?;
        host.expects(b"\r\nready\r\n")
            .with_context(|| machine.last_lines())?;
        Ok((machine, host))
    }

    /// The machine comes to us: no port has to be guessed.
    fn accept(&mut self, port: &TcpListener) -> Result<TcpStream> {
        const POLL_INTERVAL: Duration = Duration::from_millis(2);
        port.set_nonblocking(true)?;
        let end = Instant::now() + TIMEOUT;
        loop {
            match port.accept() {
                Ok((stream, _)) => {
                    stream.set_nonblocking(false)?;
                    return Ok(stream);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.into()),
            }
            if self.child.has_ended()? || Instant::now() >= end {
                bail!("the board did not start: {}", self.last_lines());
            }
            // The standard library can wait for a connection or for a time, not for both.
            thread::sleep(POLL_INTERVAL);
        }
    }

    /// Takes the power away.
    pub fn kill(&mut self) {
        for child in std::iter::once(&mut self.child).chain(&mut self.network) {
            child.kill();
        }
    }

    /// The log of the modem so far; on the C3 only what a panic prints is text.
    #[must_use]
    pub fn log(&self) -> String {
        let bytes = fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// What the emulator printed so far.
    #[must_use]
    pub fn errors(&self) -> String {
        fs::read_to_string(&self.errors).unwrap_or_default()
    }

    /// Waits until the modem's log has this line's end.
    pub fn wait_for_log(&self, end_of_line: &str) -> Result<()> {
        const POLL_INTERVAL: Duration = Duration::from_millis(5);
        let end = Instant::now() + TIMEOUT;
        while !self.log().lines().any(|line| line.ends_with(end_of_line)) {
            if Instant::now() >= end {
                bail!("no such line: {}", self.last_lines());
            }
            // A file has no event for its growth.
            thread::sleep(POLL_INTERVAL);
        }
        Ok(())
    }

    /// How many writes the flash has not kept.
    pub fn writes_lost(&self) -> Result<usize> {
        let printed = self.errors();
        Ok(printed.matches("Could not update PFLASH").count() + printed.matches(NOT_KEPT).count())
    }

    /// Adds the last lines of modem and emulator to an error.
    pub fn explain<T>(&self, outcome: Result<T>) -> Result<T> {
        outcome.with_context(|| self.last_lines())
    }

    /// The last lines that modem and emulator printed, for a person.
    #[must_use]
    pub fn last_lines(&self) -> String {
        let lines: Vec<String> = [self.errors(), self.log()]
            .iter()
            .flat_map(|text| text.lines())
            .map(str::to_owned)
            .collect();
        let last = lines.len().saturating_sub(10);
        let last = lines.get(last..).unwrap_or_default();
        format!("{}:\n{}", self.log.display(), last.join("\n"))
    }
}

/// From power on until the modem serves its port, with a flash that has its settings store already.
pub fn boot_time(lab: &Lab) -> Result<Duration> {
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
    let micros = micros.with_context(|| machine.last_lines())?.parse()?;
    Ok(Duration::from_micros(micros))
}

fn virt(
    lab: &Lab,
    flash: &Flash,
    options: Options<'_>,
    program: &Path,
    log: &Path,
    place: u16,
    cut: &Path,
) -> Result<Command> {
    let mut cmd = Command::new(&lab.emulator);
    cmd.args("-machine virt -display none -monitor none".split(' '))
        // With a file for the second bank, -kernel would mean something else.
        .arg("-bios")
        .arg(program)
        .arg("-drive")
        .arg(drive(flash, options.power, cut)?)
        .args(["-device", "virtio-net-device,netdev=net"])
        .args(["-netdev".to_owned(), net(options.forward)])
        .args(router::start("net", options.ntp)?)
        .args(["-serial", "chardev:port", "-chardev"])
        .arg(format!("socket,id=port,host=127.0.0.1,port={place}"))
        .args(["-semihosting-config", "enable=on,target=native,chardev=log"])
        .arg("-chardev")
        .arg(format!("file,id=log,path={}", log.display()));
    if options.randomness {
        cmd.args(["-device", "virtio-rng-device"]);
    }
    if options.exact {
        cmd.args(["-icount", "shift=0"]);
    }
    Ok(cmd)
}

fn c3(
    flash: &Flash,
    options: Options<'_>,
    (model, program): (&Path, &Path),
    log: &Path,
    place: u16,
    sockets: &[PathBuf; 2],
) -> Command {
    let mut cmd = Command::new(model);
    cmd.arg("--elf")
        .arg(program)
        .arg("--flash")
        .arg(flash.path())
        .arg(format!("--port=127.0.0.1:{place}"))
        .arg("--log")
        .arg(log)
        .arg("--net")
        .args(sockets);
    if let Power::CutAfter(writes) = options.power {
        cmd.arg(format!("--cut-after={writes}"));
    }
    if options.ignores_rts {
        cmd.arg("--ignore-rts");
    }
    match options.failure {
        Some(Failure::Fault) => {
            cmd.arg("--fault-after=2000");
        }
        Some(Failure::Hang) => {
            cmd.arg("--hang-after=2000");
        }
        Some(Failure::Overflow) => {
            cmd.arg("--overflow-after=2000");
        }
        None => {}
    }
    if let Some(millis) = options.lose_after {
        cmd.arg(format!("--lose-after={millis}"));
    }
    if options.crowd > 0 {
        cmd.arg(format!("--crowd={}", options.crowd));
    }
    if let Some(sockets) = options.air {
        cmd.arg("--air").args(sockets);
    }
    cmd.arg(format!("--number={}", options.number));
    cmd
}

/// QEMU without a machine: its network, with a socket for frames.
fn network_of(lab: &Lab, options: Options<'_>, sockets: &[PathBuf; 2]) -> Result<Running> {
    const POLL_INTERVAL: Duration = Duration::from_millis(2);
    for socket in sockets {
        if socket.exists() {
            fs::remove_file(socket)?;
        }
    }
    let [board, here] = sockets.each_ref().map(|socket| socket.display());
    let mut cmd = Command::new(&lab.emulator);
    cmd.args("-machine none -display none -monitor none -serial none".split(' '))
        .args(["-netdev".to_owned(), net(options.forward)])
        .args(router::start("net", options.ntp)?)
        .arg("-netdev")
        .arg(format!(
            "dgram,id=frames,local.type=unix,local.path={here},remote.type=unix,remote.path={board}"
        ))
        .args(["-netdev", "hubport,id=one,hubid=0,netdev=net"])
        .args(["-netdev", "hubport,id=two,hubid=0,netdev=frames"]);
    let errors = lab.folder.join(format!("{}.network", options.name));
    let mut child = Running::start(&mut cmd, File::create(&errors)?)?;
    let [_, here] = sockets;
    let end = Instant::now() + TIMEOUT;
    while !here.exists() {
        if child.has_ended()? || Instant::now() >= end {
            let printed = fs::read_to_string(&errors).unwrap_or_default();
            bail!("QEMU's network did not start: {printed}");
        }
        // A file has no event for its creation.
        thread::sleep(POLL_INTERVAL);
    }
    Ok(child)
}

/// QEMU's own network, which reaches this machine's loopback.
fn net(forward: Option<(u16, u16)>) -> String {
    let user = "user,id=net";
    match forward {
        Some((from, to)) => format!("{user},hostfwd=tcp:127.0.0.1:{from}-:{to}"),
        None => user.to_owned(),
    }
}

/// The second bank; the cut is QEMU's own fault injection, configured by the file `cut`.
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
