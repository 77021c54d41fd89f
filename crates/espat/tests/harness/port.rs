//! The host's end of an AT port: bytes out, bytes in before a deadline.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// An open AT port. Clones are the same port.
#[derive(Debug, Clone)]
pub(crate) struct Port(Arc<File>);

impl Port {
    pub(crate) fn terminal(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        Ok(Self(Arc::new(file)))
    }

    pub(crate) fn tcp(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Ok(Self(Arc::new(OwnedFd::from(stream).into())))
    }

    /// Waits for bytes, at most until `deadline`; none came if it gives nothing.
    pub(crate) fn read(&mut self, into: &mut Vec<u8>, deadline: Instant) -> io::Result<usize> {
        if !self.ready(PollFlags::IN, deadline)? {
            return Ok(0);
        }
        let mut bytes = [0; 4096];
        let count = (&*self.0).read(&mut bytes)?;
        into.extend(bytes.iter().take(count));
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(count)
    }

    /// Writes all of it, at the pace of the other end.
    pub(crate) fn write(&mut self, mut bytes: &[u8], deadline: Instant) -> io::Result<()> {
        while !bytes.is_empty() {
            if !self.ready(PollFlags::OUT, deadline)? {
                return Err(io::ErrorKind::TimedOut.into());
            }
            // A terminal that has room for some blocks on more.
            let piece = bytes.get(..256).unwrap_or(bytes);
            let count = (&*self.0).write(piece)?;
            bytes = bytes.get(count..).unwrap_or_default();
        }
        Ok(())
    }

    fn ready(&self, what: PollFlags, deadline: Instant) -> io::Result<bool> {
        let left = deadline.saturating_duration_since(Instant::now());
        let left = Timespec::try_from(left).map_err(io::Error::other)?;
        let mut wait = [PollFd::from_borrowed_fd(self.0.as_fd(), what)];
        Ok(poll(&mut wait, Some(&left))? > 0)
    }
}
