//! AT ports: a TCP listener, a pseudo-terminal, or standard input and output.
//!
//! | port | a host is there | end of input |
//! |---|---|---|
//! | [`Choice::Listen`] | one at a time; the next waits until this one is gone | its connection ends |
//! | [`Choice::Pty`] | always, like a wired UART | never: the terminal can be closed and opened again |
//! | [`Choice::Stdio`] | once | standard input ends |
//!
//! Bytes pass unchanged in both directions (spec: at-commands A.1), under hardware flow control: of
//! what the host sends [`RING`] bytes are taken at a time, and only when the modem wants more; what the
//! host does not read stays in the modem's ring of 8192. A full buffer stops the other side, and
//! nothing is dropped.

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::rc::Rc;
use std::thread::JoinHandle;

use anyhow::Context as _;
use async_io::Async;
use embedded_io_async::{ErrorType, Read, Write};
use futures_lite::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::bench::Bench;

mod pty;
mod stdio;
mod tape;

pub use pty::Line;
pub use tape::Tape;

/// The receive ring of the reference UART (spec: at-commands A.1).
pub const RING: usize = 2048;

/// Which AT port is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// A TCP listener; port 0 takes a free one.
    Listen(SocketAddr),
    /// A pseudo-terminal, with a symbolic link to it if a path is given.
    Pty(Option<PathBuf>),
    /// Standard input and output.
    Stdio,
}

/// An AT port that is ready for hosts.
#[derive(Debug)]
pub struct Port {
    kind: Endpoint,
    bench: Bench,
    tape: Option<Tape>,
}

#[derive(Debug)]
enum Endpoint {
    Listen {
        listener: Async<TcpListener>,
        local: SocketAddr,
    },
    Pty {
        pty: pty::Pty,
        wire: Rc<Wire>,
    },
    Stdio {
        wire: Option<Rc<Wire>>,
        output: JoinHandle<()>,
    },
}

/// What the bytes go through.
#[derive(Debug)]
enum Wire {
    Tcp(Async<TcpStream>),
    Pty(Async<File>),
    Stdio(Async<UnixStream>),
}

/// Bytes from the host. At the end of input every read gives 0.
#[derive(Debug)]
pub struct Rx {
    wire: Rc<Wire>,
    /// What was taken from the wire and not yet by the modem.
    ring: VecDeque<u8>,
    bench: Bench,
    tape: Option<Tape>,
}

/// Bytes to the host. Dropping it closes the port for the host.
#[derive(Debug)]
pub struct Tx {
    wire: Rc<Wire>,
    bench: Bench,
    tape: Option<Tape>,
}

impl Port {
    /// Opens the port. From here on hosts can connect and send.
    ///
    /// # Errors
    ///
    /// A sentence that names the address or path.
    pub fn open(choice: &Choice) -> anyhow::Result<Self> {
        let kind = match choice {
            Choice::Listen(address) => {
                let listener = Async::<TcpListener>::bind(*address)
                    .with_context(|| format!("cannot listen on {address}"))?;
                let local = listener.get_ref().local_addr()?;
                Endpoint::Listen { listener, local }
            }
            Choice::Pty(link) => {
                let (pty, file) = pty::Pty::open(link.as_deref())?;
                Endpoint::Pty {
                    pty,
                    wire: Rc::new(Wire::Pty(file)),
                }
            }
            Choice::Stdio => {
                let (stream, output) = stdio::bridge(io::stdin(), io::stdout())
                    .context("cannot use standard input and output")?;
                Endpoint::Stdio {
                    wire: Some(Rc::new(Wire::Stdio(stream))),
                    output,
                }
            }
        };
        Ok(Self {
            kind,
            bench: Bench::default(),
            tape: None,
        })
    }

    /// Lets a test lose and add bytes on the way from the host.
    pub fn wire(&mut self, bench: Bench) {
        self.bench = bench;
    }

    /// Writes down from here on what passes.
    pub fn record(&mut self, tape: Tape) {
        self.tape = Some(tape);
    }

    /// The settings of the line, where there is one to set.
    #[must_use]
    pub fn line(&self) -> Option<Line> {
        match &self.kind {
            Endpoint::Pty { pty, .. } => pty.line(),
            Endpoint::Listen { .. } | Endpoint::Stdio { .. } => None,
        }
    }

    /// The line from which a script learns that the port is ready, and where. Standard input needs none.
    #[must_use]
    pub fn announcement(&self) -> Option<String> {
        match &self.kind {
            Endpoint::Listen { local, .. } => Some(format!("listening on {local}")),
            Endpoint::Pty { pty, .. } => Some(format!("pty {}", pty.path().display())),
            Endpoint::Stdio { .. } => None,
        }
    }

    /// The address of a listener, with the port that was taken.
    #[must_use]
    pub fn local_addr(&self) -> Option<SocketAddr> {
        match &self.kind {
            Endpoint::Listen { local, .. } => Some(*local),
            Endpoint::Pty { .. } | Endpoint::Stdio { .. } => None,
        }
    }

    /// Waits for the next host; `None` when there will be none. Call it when the last one is gone:
    /// meanwhile others wait in the listener's queue, and nothing is mixed into their bytes.
    ///
    /// Dropping it loses nothing.
    ///
    /// # Errors
    ///
    /// When the listener cannot take connections any more.
    pub async fn accept(&mut self) -> io::Result<Option<(Rx, Tx)>> {
        let wire = match &mut self.kind {
            Endpoint::Listen { listener, .. } => {
                Some(Rc::new(Wire::Tcp(next_client(listener).await?)))
            }
            Endpoint::Pty { wire, .. } => Some(Rc::clone(wire)),
            Endpoint::Stdio { wire, .. } => wire.take(),
        };
        Ok(wire.map(|wire| {
            let rx = Rx {
                wire: Rc::clone(&wire),
                ring: VecDeque::with_capacity(RING),
                bench: self.bench.clone(),
                tape: self.tape.clone(),
            };
            let (bench, tape) = (self.bench.clone(), self.tape.clone());
            (rx, Tx { wire, bench, tape })
        }))
    }

    /// Closes the port after everything written has left it. Drop the halves before.
    pub fn finish(self) {
        if let Endpoint::Stdio { wire, output } = self.kind {
            drop(wire);
            // A panic of that thread has been printed by itself.
            let _ = output.join();
        }
    }
}

async fn next_client(listener: &Async<TcpListener>) -> io::Result<Async<TcpStream>> {
    loop {
        match listener.accept().await {
            Ok((client, _)) => {
                // Replies are short, and hosts wait for each of them.
                client.get_ref().set_nodelay(true)?;
                return Ok(client);
            }
            // It left while it waited.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) => return Err(error),
        }
    }
}

impl ErrorType for Rx {
    type Error = io::Error;
}

impl Read for Rx {
    /// Dropping it loses nothing.
    async fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        // A burst may be lost whole, and then it is as if none had come.
        while self.ring.is_empty() && !into.is_empty() {
            let mut burst = [0; RING];
            let wire = self.bench.wire_in();
            let room = wire.free().await.min(RING);
            let count = self.fill(burst.get_mut(..room).unwrap_or_default()).await?;
            if count == 0 {
                break;
            }
            wire.carry(count);
            self.ring
                .extend(wire.pass(burst.get(..count).unwrap_or_default()));
        }
        let count = into.len().min(self.ring.len());
        for (place, byte) in into.iter_mut().zip(self.ring.drain(..count)) {
            *place = byte;
        }
        if let Some(tape) = &self.tape {
            tape.sent(into.get(..count).unwrap_or_default());
        }
        Ok(count)
    }
}

impl Rx {
    /// Drops what the modem has not read, as a chip does when its power fails.
    pub(super) fn clear(&mut self) {
        self.ring.clear();
    }

    async fn fill(&self, burst: &mut [u8]) -> io::Result<usize> {
        let result = match &*self.wire {
            Wire::Tcp(stream) => (&mut &*stream).read(burst).await,
            Wire::Pty(file) => (&mut &*file).read(burst).await,
            Wire::Stdio(stream) => (&mut &*stream).read(burst).await,
        };
        match result {
            // For a modem a host that broke off is gone like one that hung up.
            Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Ok(0),
            result => result,
        }
    }
}

impl ErrorType for Tx {
    type Error = io::Error;
}

impl Write for Tx {
    /// Waits for room, as for a host that holds RTS back. Dropping it loses nothing.
    async fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let wire = self.bench.wire_out();
        loop {
            let noise = wire.noise();
            if noise.is_empty() || bytes.is_empty() {
                break;
            }
            let count = self.put(&noise).await?;
            wire.take_noise(count);
        }
        let lost = wire.take_losses(bytes.len());
        if lost > 0 {
            return Ok(lost);
        }
        let room = wire.free().await.min(bytes.len());
        let count = self.put(bytes.get(..room).unwrap_or_default()).await?;
        wire.carry(count);
        if let Some(tape) = &self.tape {
            tape.printed(bytes.get(..count).unwrap_or_default());
        }
        Ok(count)
    }

    /// Nothing is held back here, so there is nothing to wait for.
    async fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Tx {
    async fn put(&self, bytes: &[u8]) -> io::Result<usize> {
        match &*self.wire {
            Wire::Tcp(stream) => (&mut &*stream).write(bytes).await,
            Wire::Pty(file) => (&mut &*file).write(bytes).await,
            Wire::Stdio(stream) => (&mut &*stream).write(bytes).await,
        }
    }
}

impl Drop for Tx {
    fn drop(&mut self) {
        // It fails only when the host is gone already.
        let _ = match &*self.wire {
            Wire::Tcp(stream) => stream.get_ref().shutdown(Shutdown::Write),
            Wire::Stdio(stream) => stream.get_ref().shutdown(Shutdown::Write),
            Wire::Pty(_) => Ok(()),
        };
    }
}

#[cfg(test)]
mod tests;
