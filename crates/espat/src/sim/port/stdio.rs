//! Standard input and output as one asynchronous stream.
//!
//! Two threads copy between them and a socket pair. Files and some devices cannot be polled, and the
//! non-blocking mode of a terminal would be that of every program which shares it.

use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::thread::{self, JoinHandle};

use async_io::Async;

/// As much as a burst of the AT port has.
const CHUNK: usize = 4096;

/// The near end of the socket pair, and the thread that ends when all output is written.
pub(super) fn bridge(
    input: impl Read + Send + 'static,
    output: impl Write + Send + 'static,
) -> io::Result<(Async<UnixStream>, JoinHandle<()>)> {
    let (near, far) = UnixStream::pair()?;
    let far_in = far.try_clone()?;
    // It is never waited for: only the end of input or of the program ends it.
    thread::Builder::new()
        .name("stdin".to_owned())
        .spawn(move || {
            // Input that cannot be read ends as well; output that cannot be written means no modem.
            let _ = copy(input, &far_in);
            let _ = far_in.shutdown(Shutdown::Write);
        })?;
    let output = thread::Builder::new()
        .name("stdout".to_owned())
        .spawn(move || {
            if copy(&far, output).is_err() {
                // A closed output means that the host is gone: end of input, and an error for each write.
                // Closing one direction only would not wake a write that waits for room.
                let _ = far.shutdown(Shutdown::Both);
            }
        })?;
    Ok((Async::new(near)?, output))
}

/// Copies until `from` ends or either side fails.
fn copy(mut from: impl Read, mut to: impl Write) -> io::Result<()> {
    let mut chunk = [0; CHUNK];
    loop {
        match from.read(&mut chunk) {
            Ok(0) => return Ok(()),
            Ok(length) => {
                to.write_all(chunk.get(..length).unwrap_or_default())?;
                to.flush()?;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
