//! Where a modem is: a serial device, a TCP port, or a file that grows.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use anyhow::Context as _;
use serial2::{FlowControl, SerialPort, Settings};

/// How long a read waits for bytes.
const READ_TIMEOUT: Duration = Duration::from_millis(100);
/// For a module that holds the line with CTS, or a peer that does not read.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// Of a module after a reset of its settings.
pub const DEFAULT_BAUD: u32 = 115_200;

/// A place as it is written on the command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A serial device, a pseudo-terminal, or a file.
    Device(PathBuf),
    /// `HOST:PORT`
    Tcp(String),
}

impl FromStr for Place {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let address = text
            .strip_prefix("tcp://")
            .or_else(|| text.strip_prefix("tcp:"));
        Ok(match address {
            Some(address) => Self::Tcp(address.to_owned()),
            None => Self::Device(text.into()),
        })
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Device(path) => path.display().fmt(f),
            Self::Tcp(address) => write!(f, "tcp://{address}"),
        }
    }
}

impl Place {
    /// What may be meant instead, where there is nothing of this name.
    fn hint(&self) -> String {
        let Self::Device(path) = self else {
            return String::new();
        };
        let text = path.display().to_string();
        let is_port = |text: &str| text.parse::<u16>().is_ok();
        if path.exists() {
            String::new()
        } else if text.rsplit_once(':').is_some_and(|(_, port)| is_port(port)) {
            format!(" (a TCP port is written tcp://{text})")
        } else if text.to_ascii_uppercase().starts_with("COM") {
            " (serial ports have names such as /dev/ttyUSB0 here)".to_owned()
        } else {
            String::new()
        }
    }
}

/// ENOTTY: a device without the settings of a serial port.
const NO_TERMINAL: i32 = 25;

/// An open port. A read that finds nothing ends after a tenth of a second, with no bytes.
#[derive(Debug)]
pub struct Port(OpenPort);

/// Another kind of port. Its reads behave as those of [`Port`].
pub trait Stream: Read + Write + std::fmt::Debug + Send {}

impl<S: Read + Write + std::fmt::Debug + Send> Stream for S {}

/// Why a port gives no more, for a person.
pub(crate) fn end_of(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => "the port was closed".to_owned(),
        _ => format!("the port failed: {error}"),
    }
}

#[derive(Debug)]
enum OpenPort {
    Serial(SerialPort),
    File(File),
    Tcp(TcpStream),
    Other(Box<dyn Stream>),
}

impl Port {
    /// Opens it; a serial device at `baud` 8N1, with RTS and CTS if `flow_control` says that they are wired.
    ///
    /// # Errors
    ///
    /// A sentence that names the place.
    pub fn open(place: &Place, baud: u32, flow_control: bool) -> anyhow::Result<Self> {
        let cannot = || format!("cannot open {place}{}", place.hint());
        match place {
            Place::Device(path) if is_device(path) => serial(path, baud, flow_control)
                .map(|port| Self(OpenPort::Serial(port)))
                .map_err(|error| match error.raw_os_error() {
                    Some(NO_TERMINAL) => anyhow::Error::new(error).context("it is no serial port"),
                    _ => error.into(),
                })
                .with_context(cannot),
            Place::Device(path) => {
                let file = OpenOptions::new().read(true).write(true).open(path);
                let file = file.or_else(|_| File::open(path)).with_context(cannot)?;
                Ok(Self(OpenPort::File(file)))
            }
            Place::Tcp(address) => {
                let stream = TcpStream::connect(address).with_context(cannot)?;
                Self::tcp(stream).with_context(cannot)
            }
        }
    }

    /// A connection that is there already.
    ///
    /// # Errors
    ///
    /// Those of the socket.
    pub fn tcp(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(READ_TIMEOUT))?;
        stream.set_write_timeout(Some(WRITE_TIMEOUT))?;
        Ok(Self(OpenPort::Tcp(stream)))
    }

    /// Something else that a host reads and writes, such as a module in memory.
    #[must_use]
    pub fn of(stream: impl Stream + 'static) -> Self {
        Self(OpenPort::Other(Box::new(stream)))
    }

    /// Another handle of the same port, so that one thread reads while another writes.
    ///
    /// # Errors
    ///
    /// Those of the system; `Unsupported` for what [`Port::of`] made.
    pub fn try_clone(&self) -> io::Result<Self> {
        Ok(Self(match &self.0 {
            OpenPort::Serial(port) => OpenPort::Serial(port.try_clone()?),
            OpenPort::File(file) => OpenPort::File(file.try_clone()?),
            OpenPort::Tcp(stream) => OpenPort::Tcp(stream.try_clone()?),
            OpenPort::Other(_) => return Err(io::ErrorKind::Unsupported.into()),
        }))
    }

    /// The rate, where the port has one.
    #[must_use]
    pub fn baud(&self) -> Option<u32> {
        let OpenPort::Serial(port) = &self.0 else {
            return None;
        };
        port.get_configuration().ok()?.get_baud_rate().ok()
    }

    /// Changes the rate of a serial device; other ports have none.
    ///
    /// # Errors
    ///
    /// The device does not have this rate.
    pub fn set_baud(&mut self, baud: u32) -> io::Result<()> {
        if let OpenPort::Serial(port) = &mut self.0 {
            let mut settings = port.get_configuration()?;
            settings.set_baud_rate(baud)?;
            port.set_configuration(&settings)?;
            port.discard_input_buffer()?;
        }
        Ok(())
    }

    /// The next bytes, or none.
    ///
    /// # Errors
    ///
    /// Those of the port; `UnexpectedEof` when the other end closed it.
    pub fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        use io::ErrorKind::{Interrupted, TimedOut, UnexpectedEof, WouldBlock};
        let read = match &mut self.0 {
            OpenPort::Serial(port) => ended(port.read(into)),
            OpenPort::File(file) => file.read(into),
            OpenPort::Tcp(stream) => ended(stream.read(into)),
            OpenPort::Other(stream) => stream.read(into),
        };
        match read {
            Err(error) if matches!(error.kind(), Interrupted | TimedOut | WouldBlock) => Ok(0),
            // A pseudo-terminal without its other end.
            Err(error) if error.raw_os_error() == Some(rustix::io::Errno::IO.raw_os_error()) => {
                Err(UnexpectedEof.into())
            }
            read => read,
        }
    }

    /// Writes all bytes.
    ///
    /// # Errors
    ///
    /// Those of the port; `TimedOut` when the other end takes nothing for ten seconds.
    pub fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let written = match &mut self.0 {
            OpenPort::Serial(port) => port.write_all(bytes),
            OpenPort::File(file) => file.write_all(bytes),
            OpenPort::Tcp(stream) => stream.write_all(bytes),
            OpenPort::Other(stream) => stream.write_all(bytes),
        };
        match written {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                Err(io::ErrorKind::TimedOut.into())
            }
            written => written,
        }
    }
}

fn is_device(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|about| about.file_type().is_char_device())
}

/// No bytes where bytes were waited for: the other end is gone.
fn ended(read: io::Result<usize>) -> io::Result<usize> {
    match read {
        Ok(0) => Err(io::ErrorKind::UnexpectedEof.into()),
        read => read,
    }
}

fn serial(path: &Path, baud: u32, flow_control: bool) -> io::Result<SerialPort> {
    let mut port = SerialPort::open(path, |mut settings: Settings| {
        // Bytes as they are: 8N1, no echo, no translation of line ends.
        settings.set_raw();
        settings.set_baud_rate(baud)?;
        settings.set_flow_control(if flow_control {
            FlowControl::RtsCts
        } else {
            FlowControl::None
        });
        Ok(settings)
    })?;
    port.set_read_timeout(READ_TIMEOUT)?;
    port.set_write_timeout(WRITE_TIMEOUT)?;
    Ok(port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_a_device_or_a_port() {
        for (text, place) in [
            ("/dev/ttyUSB0", Place::Device("/dev/ttyUSB0".into())),
            (
                "tcp:localhost:3333",
                Place::Tcp("localhost:3333".to_owned()),
            ),
            ("tcp://[::1]:3333", Place::Tcp("[::1]:3333".to_owned())),
        ] {
            assert_eq!(text.parse(), Ok(place));
        }
    }
}
