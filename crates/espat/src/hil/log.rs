//! The second port: the log of the firmware, of which panics are text whatever the rest is.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use crate::at_host::Port;

/// What a panic and an overflow of the stack begin with.
const MARK: &[u8] = b"====================== ";
/// Before a file that does not grow is looked at again.
const PAUSE: Duration = Duration::from_millis(20);

/// How many panics came so far.
#[derive(Debug, Clone)]
pub(super) struct Log {
    panics: Arc<AtomicUsize>,
    seen: Arc<AtomicUsize>,
}

impl Log {
    /// Nobody listens.
    pub(super) fn none() -> Self {
        Self {
            panics: Arc::default(),
            seen: Arc::default(),
        }
    }

    /// Reads a port until it closes.
    pub(super) fn follow(mut port: Port) -> Self {
        let log = Self::none();
        let panics = log.panics.clone();
        thread::spawn(move || {
            let mut tail = Vec::new();
            let mut bytes = [0; 4096];
            while let Ok(count) = port.read(&mut bytes) {
                if count == 0 {
                    thread::sleep(PAUSE);
                }
                tail.extend_from_slice(bytes.get(..count).unwrap_or_default());
                panics.fetch_add(count_of(&mut tail), Ordering::Relaxed);
            }
        });
        log
    }

    /// How many came since this was asked last.
    pub(super) fn panics(&self) -> usize {
        let all = self.panics.load(Ordering::Relaxed);
        all - self.seen.swap(all, Ordering::Relaxed)
    }
}

/// Counts marks, and keeps what may be the beginning of one.
fn count_of(bytes: &mut Vec<u8>) -> usize {
    let mut count = 0;
    while let Some(at) = bytes.windows(MARK.len()).position(|window| window == MARK) {
        bytes.drain(..at + MARK.len());
        count += 1;
    }
    let keep = bytes.len().min(MARK.len() - 1);
    bytes.drain(..bytes.len() - keep);
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_counted_once_wherever_the_stream_is_cut() {
        let stream = b"\xff\x00x====================== PANIC ======================\r\nat lib.rs";
        for cut in 0..stream.len() {
            let (left, right) = stream.split_at(cut);
            let mut tail = left.to_vec();
            let mut count = count_of(&mut tail);
            tail.extend_from_slice(right);
            count += count_of(&mut tail);
            assert_eq!(count, 1, "{cut}");
        }
    }
}
