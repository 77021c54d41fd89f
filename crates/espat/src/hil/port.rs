//! Where a board is: a serial device, a TCP port, or a file that grows.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use anyhow::Context as _;
use rustix::termios::{self, ControlModes, OptionalActions, SpecialCodeIndex};

/// How long a read waits for bytes.
const WAIT: Duration = Duration::from_millis(100);
/// Of a module after a reset of its settings.
const BAUD: u32 = 115_200;

/// A place as it is written on the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A serial device, or a file.
    Device(PathBuf),
    /// `HOST:PORT`
    Tcp(String),
}

impl FromStr for Place {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text.strip_prefix("tcp:") {
            Some(address) => Self::Tcp(address.to_owned()),
            None => Self::Device(text.into()),
        })
    }
}

/// An open port. A read that finds nothing ends after a tenth of a second, with no bytes.
#[derive(Debug)]
pub struct Port(Kind);

#[derive(Debug)]
enum Kind {
    Device(File),
    Tcp(TcpStream),
}

impl Port {
    /// Opens it; a serial device at 115,200 8N1, with RTS and CTS if they are wired.
    pub(super) fn open(place: &Place, flow_control: bool) -> anyhow::Result<Self> {
        match place {
            Place::Device(path) => {
                let shown = || path.display().to_string();
                let device = OpenOptions::new().read(true).write(true).open(path);
                let device = device.or_else(|_| File::open(path)).with_context(shown)?;
                if termios::isatty(&device) {
                    set_up(&device, flow_control).with_context(shown)?;
                }
                Ok(Self(Kind::Device(device)))
            }
            Place::Tcp(address) => {
                let stream = TcpStream::connect(address).with_context(|| address.clone())?;
                Ok(Self::tcp(stream)?)
            }
        }
    }

    /// A connection that is there already.
    ///
    /// # Errors
    ///
    /// Whatever the socket says.
    pub fn tcp(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(WAIT))?;
        Ok(Self(Kind::Tcp(stream)))
    }

    /// The next bytes, or none.
    pub(super) fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        use io::ErrorKind::{Interrupted, TimedOut, UnexpectedEof, WouldBlock};
        let read = match &mut self.0 {
            Kind::Device(device) => device.read(into),
            Kind::Tcp(stream) => match stream.read(into) {
                Ok(0) => return Err(UnexpectedEof.into()),
                read => read,
            },
        };
        match read {
            Err(error) if matches!(error.kind(), Interrupted | TimedOut | WouldBlock) => Ok(0),
            read => read,
        }
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match &mut self.0 {
            Kind::Device(device) => device.write_all(bytes),
            Kind::Tcp(stream) => stream.write_all(bytes),
        }
    }
}

/// Bytes as they are, and reads that end.
fn set_up(device: &File, flow_control: bool) -> io::Result<()> {
    let mut settings = termios::tcgetattr(device)?;
    settings.make_raw();
    settings
        .control_modes
        .insert(ControlModes::CLOCAL | ControlModes::CREAD);
    settings
        .control_modes
        .set(ControlModes::CRTSCTS, flow_control);
    settings.set_speed(BAUD)?;
    // A read ends after a tenth of a second, with what has come.
    settings.special_codes[SpecialCodeIndex::VMIN] = 0;
    settings.special_codes[SpecialCodeIndex::VTIME] = 1;
    termios::tcsetattr(device, OptionalActions::Flush, &settings)?;
    Ok(())
}
