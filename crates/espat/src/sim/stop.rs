//! When the program ends: a signal, or the end of the program that started it.

use std::io;
use std::os::unix::net::UnixStream;

use async_io::Async;
use rustix::process::{Signal, getppid, set_parent_process_death_signal};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::low_level::pipe;

/// SIGTERM and SIGINT, as something to wait for.
#[derive(Debug)]
pub(super) struct Signals(Async<UnixStream>);

/// From here on these signals end nothing by themselves.
pub(super) fn on_signal() -> io::Result<Signals> {
    let (ours, theirs) = UnixStream::pair()?;
    for signal in [SIGINT, SIGTERM] {
        pipe::register(signal, theirs.try_clone()?)?;
    }
    Ok(Signals(Async::new(ours)?))
}

impl Signals {
    /// Waits for the first. Dropping it loses nothing.
    pub(super) async fn wait(&self) {
        // Whatever wakes it, the program has been asked to end.
        let _ = self.0.readable().await;
    }
}

/// Asks for SIGTERM when the parent ends. It has to be the parent's thread that started this program: Linux means
/// the thread.
pub(super) fn with_parent() -> io::Result<()> {
    let parent = getppid();
    set_parent_process_death_signal(Some(Signal::TERM))?;
    // It may have ended just before.
    if getppid() != parent || parent.is_none() {
        return Err(io::Error::other("the parent process has ended"));
    }
    Ok(())
}
