//! `--capture FILE`: what this program's own connections sent and received, as a file that Wireshark opens, with
//! the secrets of their TLS sessions in it: Wireshark shows plaintext.
//!
//! ```text
//! section header │ interface │ decryption secrets │ packet │ packet │ …        pcapng
//! ```
//!
//! Formats: draft-ietf-opsawg-pcapng-03 §4, secrets as in draft-ietf-tls-keylogfile-05 §2. The bytes are those of
//! the sockets; the IP and TCP headers around them are made here, since nobody without privileges sees the real
//! ones: one segment for each read or write, no losses, no retransmissions.

mod packets;
mod tap;
#[cfg(test)]
mod tests;

use std::fmt;
use std::fs::File;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use anyhow::Context as _;
use rustls::KeyLog;
use zeroize::Zeroizing;

use crate::private_file;

pub(crate) use tap::{Tap, TapSocket};

/// What happened to a connection, and when.
#[derive(Clone)]
struct Event {
    at: SystemTime,
    what: What,
}

#[derive(Clone, PartialEq, Eq)]
enum What {
    Opened,
    Sent(Vec<u8>),
    Received(Vec<u8>),
    /// This end closed it, and the other end agreed.
    Closed,
}

/// One TCP connection.
struct Conversation {
    local: SocketAddr,
    peer: SocketAddr,
    events: Vec<Event>,
}

#[derive(Default)]
struct Taken {
    conversations: Vec<Conversation>,
    /// Lines of a key log.
    secrets: Zeroizing<String>,
}

/// Who sent something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sender {
    /// This program.
    Local,
    /// The other end.
    Peer,
}

/// The file of one connection that was opened, carried these pieces, and was closed.
///
/// # Errors
///
/// A sentence: a piece that no packet can carry.
pub fn of_connection(
    local: SocketAddr,
    peer: SocketAddr,
    pieces: impl IntoIterator<Item = (Sender, Vec<u8>)>,
) -> anyhow::Result<Zeroizing<Vec<u8>>> {
    let capture = Capture(Arc::default());
    let number = capture.open(local, peer);
    for (by, bytes) in pieces {
        let what = match by {
            Sender::Local => What::Sent(bytes),
            Sender::Peer => What::Received(bytes),
        };
        capture.note(number, what);
    }
    capture.note(number, What::Closed);
    capture.in_pcapng()
}

/// A capture that runs. Clones are the same one.
#[derive(Clone)]
pub(crate) struct Capture(Arc<Mutex<Taken>>);

impl fmt::Debug for Capture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Capture").finish_non_exhaustive()
    }
}

/// Where it goes: the file is there, and empty, before anything is captured.
#[derive(Debug)]
pub(crate) struct CaptureFile {
    file: File,
    shown: String,
    capture: Capture,
}

impl CaptureFile {
    /// Creates it for the user alone. From now on sessions of the modem's own code give it their secrets.
    ///
    /// # Errors
    ///
    /// A sentence: there is something of this name, or it cannot be created.
    pub(crate) fn create(path: &Path) -> anyhow::Result<Self> {
        let shown = path.display().to_string();
        let file =
            private_file::create_new(path).with_context(|| format!("cannot capture to {shown}"))?;
        let capture = Capture(Arc::default());
        tls_session::danger_log_secrets(Some(Arc::new(capture.clone())));
        Ok(Self {
            file,
            shown,
            capture,
        })
    }

    /// What connections write to.
    pub(crate) const fn capture(&self) -> &Capture {
        &self.capture
    }

    /// Writes it.
    ///
    /// # Errors
    ///
    /// A sentence that names the file.
    pub(crate) fn finish(mut self) -> anyhow::Result<()> {
        tls_session::danger_log_secrets(None);
        let bytes = self.capture.in_pcapng()?;
        self.file
            .write_all(&bytes)
            .and_then(|()| self.file.sync_all())
            .with_context(|| format!("cannot write {}", self.shown))
    }
}

impl Capture {
    fn taken(&self) -> MutexGuard<'_, Taken> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection that has just been opened; its number.
    fn open(&self, local: SocketAddr, peer: SocketAddr) -> usize {
        let mut taken = self.taken();
        taken.conversations.push(Conversation {
            local,
            peer,
            events: Vec::new(),
        });
        let number = taken.conversations.len().saturating_sub(1);
        drop(taken);
        self.note(number, What::Opened);
        number
    }

    fn note(&self, number: usize, what: What) {
        let at = SystemTime::now();
        if let Some(conversation) = self.taken().conversations.get_mut(number) {
            conversation.events.push(Event { at, what });
        }
    }

    fn in_pcapng(&self) -> anyhow::Result<Zeroizing<Vec<u8>>> {
        let taken = self.taken();
        packets::file(&taken.conversations, &taken.secrets)
    }
}

impl KeyLog for Capture {
    fn log(&self, label: &str, client_random: &[u8], secret: &[u8]) {
        let secret = Zeroizing::new(hex::encode(secret));
        let random = hex::encode(client_random);
        let line = Zeroizing::new(format!("{label} {random} {}\n", *secret));
        self.taken().secrets.push_str(&line);
    }
}
