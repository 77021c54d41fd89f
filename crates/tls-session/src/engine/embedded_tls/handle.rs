//! What the engine holds in place of a socket.

use embedded_io_async::{Error as _, ErrorType, Read, Write};

use super::guard::refuse;
use crate::progress::Refused;
use crate::reason::{Cause, StreamError};
use crate::transport::{Connection, Transport};

/// What the engine holds: a reference that reads and writes.
pub(crate) struct Handle<'g, T: Transport>(pub(crate) &'g Connection<T>);

impl<T: Transport> core::fmt::Debug for Handle<'_, T> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Handle")
    }
}

impl<T: Transport> Clone for Handle<'_, T> {
    fn clone(&self) -> Self {
        Self(self.0)
    }
}

impl<T: Transport> ErrorType for Handle<'_, T> {
    type Error = Refused;
}

impl<T: Transport> Read for Handle<'_, T> {
    async fn read(&mut self, buf: &mut [u8]) -> Result<usize, Refused> {
        // Never contended: one reader.
        let mut incoming = self.0.incoming.lock().await;
        incoming.read(&self.0.shared, &self.0.delay, buf).await
    }
}

impl<T: Transport> Write for Handle<'_, T> {
    async fn write(&mut self, buf: &[u8]) -> Result<usize, Refused> {
        let shared = &self.0.shared;
        let mut outgoing = self.0.outgoing.lock().await;
        match shared
            .progress
            .limited(&self.0.delay, outgoing.write(buf))
            .await?
        {
            Ok(0) if !buf.is_empty() => Err(refuse(shared, Cause::Stream(StreamError::PeerEof))),
            Ok(written) => Ok(written),
            Err(error) => Err(refuse(shared, StreamError::from(error.kind()))),
        }
    }

    async fn flush(&mut self) -> Result<(), Refused> {
        let shared = &self.0.shared;
        let mut outgoing = self.0.outgoing.lock().await;
        match shared
            .progress
            .limited(&self.0.delay, outgoing.flush())
            .await?
        {
            Ok(()) => Ok(()),
            Err(error) => Err(refuse(shared, StreamError::from(error.kind()))),
        }
    }
}
