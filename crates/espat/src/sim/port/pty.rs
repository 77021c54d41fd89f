//! A pseudo-terminal in raw mode, and the symbolic link that gives it a fixed name.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use async_io::Async;
use at_grammar::commands::basic::UartConfig;
use at_grammar::types::{FlowControl, Parity, StopBits};
use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{ControlModes, OptionalActions, tcgetattr, tcsetattr};

/// Where pseudo-terminals live: a link into it is one of ours that was left behind.
const TERMINALS: &str = "/dev/pts";

/// The terminal's side that hosts open.
#[derive(Debug)]
pub(super) struct Pty {
    path: PathBuf,
    /// Kept open, so that a host may close the terminal and come back: without any opener the other
    /// side would read errors, and the raw mode would be gone.
    kept: OwnedFd,
    _link: Option<Link>,
}

impl Pty {
    /// The terminal and the modem's side of it.
    pub(super) fn open(link: Option<&Path>) -> anyhow::Result<(Self, Async<File>)> {
        let (path, kept, file) = open_pair().context("cannot open a pseudo-terminal")?;
        let link = link.map(|link| Link::create(link, &path)).transpose()?;
        Ok((
            Self {
                path,
                kept,
                _link: link,
            },
            file,
        ))
    }

    pub(super) fn line(&self) -> Option<Line> {
        let fd = self.kept.try_clone().ok()?;
        Some(Line(fd))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

/// The line settings of a terminal, as its host sees them.
#[derive(Debug)]
pub struct Line(OwnedFd);

impl Line {
    /// Sets them. A pseudo-terminal keeps 8 data bits whatever is set; the rate can be read back.
    ///
    /// # Errors
    ///
    /// Whatever the PC says.
    pub fn set(&self, uart: &UartConfig) -> io::Result<()> {
        let mut settings = tcgetattr(&self.0)?;
        settings.set_speed(uart.baud.get())?;
        let flags = &mut settings.control_modes;
        flags.remove(ControlModes::CSIZE);
        flags.insert(match uart.data_bits.get() {
            5 => ControlModes::CS5,
            6 => ControlModes::CS6,
            7 => ControlModes::CS7,
            _ => ControlModes::CS8,
        });
        flags.set(ControlModes::CSTOPB, uart.stop_bits != StopBits::One);
        flags.set(ControlModes::PARENB, uart.parity != Parity::None);
        flags.set(ControlModes::PARODD, uart.parity == Parity::Odd);
        flags.set(
            ControlModes::CRTSCTS,
            uart.flow_control != FlowControl::None,
        );
        Ok(tcsetattr(&self.0, OptionalActions::Now, &settings)?)
    }
}

fn open_pair() -> io::Result<(PathBuf, OwnedFd, Async<File>)> {
    let modem = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC)?;
    grantpt(&modem)?;
    unlockpt(&modem)?;
    let path = PathBuf::from(OsStr::from_bytes(ptsname(&modem, Vec::new())?.as_bytes()));
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    let host = rustix::fs::open(&path, flags, Mode::empty())?;
    let mut settings = tcgetattr(&host)?;
    settings.make_raw();
    tcsetattr(&host, OptionalActions::Now, &settings)?;
    Ok((path, host, Async::new(File::from(modem))?))
}

/// A symbolic link that goes when the port goes.
#[derive(Debug)]
struct Link {
    path: PathBuf,
    target: PathBuf,
}

impl Link {
    fn create(path: &Path, target: &Path) -> anyhow::Result<Self> {
        if let Ok(metadata) = fs::symlink_metadata(path) {
            let left_behind = metadata.is_symlink()
                && fs::read_link(path).is_ok_and(|target| target.starts_with(TERMINALS));
            if !left_behind {
                bail!("{} exists and is not a link to a terminal", path.display());
            }
            fs::remove_file(path)
                .with_context(|| format!("cannot replace the old link {}", path.display()))?;
        }
        std::os::unix::fs::symlink(target, path)
            .with_context(|| format!("cannot make the link {}", path.display()))?;
        Ok(Self {
            path: path.to_owned(),
            target: target.to_owned(),
        })
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        // Another port may have taken the name over.
        if fs::read_link(&self.path).is_ok_and(|target| target == self.target) {
            let _ = fs::remove_file(&self.path);
        }
    }
}
