//! Sockets that write down what passes, if somebody wants it.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use async_io::Async;
use embedded_io_async::ErrorType;
use futures_lite::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::{Capture, What};

/// One connection of a capture; closed when it is dropped.
#[derive(Debug)]
struct Noted {
    capture: Capture,
    number: usize,
}

impl Noted {
    fn open(stream: &TcpStream, capture: Option<&Capture>) -> io::Result<Option<Self>> {
        let Some(capture) = capture else {
            return Ok(None);
        };
        Ok(Some(Self {
            number: capture.open(stream.local_addr()?, stream.peer_addr()?),
            capture: capture.clone(),
        }))
    }

    fn sent(&self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.capture.note(self.number, What::Sent(bytes.to_vec()));
        }
    }

    fn received(&self, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.capture
                .note(self.number, What::Received(bytes.to_vec()));
        }
    }
}

impl Drop for Noted {
    fn drop(&mut self) {
        self.capture.note(self.number, What::Closed);
    }
}

/// A connection that blocks.
#[derive(Debug)]
pub(crate) struct Tap {
    stream: TcpStream,
    noted: Option<Noted>,
}

impl Tap {
    /// On a connection that is there already.
    pub(crate) fn new(stream: TcpStream, capture: Option<&Capture>) -> io::Result<Self> {
        let noted = Noted::open(&stream, capture)?;
        Ok(Self { stream, noted })
    }

    pub(crate) fn set_timeouts(&self, timeout: Duration) -> io::Result<()> {
        self.stream.set_read_timeout(Some(timeout))?;
        self.stream.set_write_timeout(Some(timeout))
    }

    pub(crate) fn set_read_timeout(&self, timeout: Duration) -> io::Result<()> {
        self.stream.set_read_timeout(Some(timeout))
    }
}

impl Read for Tap {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.stream.read(into)?;
        if let Some(noted) = &self.noted {
            noted.received(into.get(..count).unwrap_or_default());
        }
        Ok(count)
    }
}

impl Write for Tap {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.stream.write(bytes)?;
        if let Some(noted) = &self.noted {
            noted.sent(bytes.get(..count).unwrap_or_default());
        }
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}

/// A connection of a future.
#[derive(Debug)]
pub(crate) struct TapSocket {
    stream: Async<TcpStream>,
    noted: Option<Noted>,
}

impl TapSocket {
    /// On a connection that is there already.
    pub(crate) fn new(stream: TcpStream, capture: Option<&Capture>) -> io::Result<Self> {
        let noted = Noted::open(&stream, capture)?;
        let stream = Async::new(stream)?;
        Ok(Self { stream, noted })
    }
}

impl Drop for TapSocket {
    fn drop(&mut self) {
        // The other end may have closed it already.
        let _ = self.stream.get_ref().shutdown(Shutdown::Both);
    }
}

impl ErrorType for &TapSocket {
    type Error = io::Error;
}

impl embedded_io_async::Read for &TapSocket {
    /// Dropping it loses nothing.
    async fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = (&self.stream).read(into).await?;
        if let Some(noted) = &self.noted {
            noted.received(into.get(..count).unwrap_or_default());
        }
        Ok(count)
    }
}

impl embedded_io_async::Write for &TapSocket {
    /// Dropping it loses nothing.
    async fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = (&self.stream).write(bytes).await?;
        if let Some(noted) = &self.noted {
            noted.sent(bytes.get(..count).unwrap_or_default());
        }
        Ok(count)
    }

    /// Nothing is held back here, so there is nothing to wait for.
    async fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
