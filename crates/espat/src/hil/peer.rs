//! A server on this PC, for one connection of the board's at a time.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};

/// What the server does with a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// Sends this many bytes, then waits for the end.
    Sends(usize),
    /// Takes this many bytes, then closes.
    Takes(usize),
}

/// A server that has been started.
pub(super) struct Peer {
    pub(super) port: u16,
    received: Receiver<Vec<u8>>,
}

impl Peer {
    /// Listens on every address, at a free port.
    pub(super) fn start(part: Part) -> Result<Self> {
        let listener = TcpListener::bind(("0.0.0.0", 0))?;
        let port = listener.local_addr()?.port();
        let (sender, received) = channel();
        thread::spawn(move || {
            if let Ok((stream, _)) = listener.accept()
                && let Ok(bytes) = serve(stream, part)
            {
                // Nobody may be interested any more.
                let _ = sender.send(bytes);
            }
        });
        Ok(Self { port, received })
    }

    /// What the board sent.
    pub(super) fn received(&self, within: Duration) -> Result<Vec<u8>> {
        self.received
            .recv_timeout(within)
            .context("the board did not send all of it")
    }
}

/// Byte `index` of what is sent, in either direction.
pub(super) fn pattern(index: usize) -> u8 {
    // No byte of it looks like another one's place.
    u8::try_from((index * 31 + index / 251) % 251).unwrap_or_default()
}

fn serve(mut stream: TcpStream, part: Part) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    match part {
        Part::Sends(count) => {
            let sent: Vec<u8> = (0..count).map(pattern).collect();
            stream.write_all(&sent)?;
            stream.read_to_end(&mut bytes)?;
        }
        Part::Takes(count) => {
            bytes.resize(count, 0);
            stream.read_exact(&mut bytes)?;
        }
    }
    Ok(bytes)
}
