//! The client's two halves of a connection to a server, with faults.

use std::cell::{Ref, RefCell, RefMut};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use embedded_hal_async::delay::DelayNs;
use embedded_io_async::{ErrorKind, ErrorType, Read, Write};

use crate::clock::Clock;
use crate::server::Server;

/// A server over byte strings: a [`Server`], or any other.
pub trait Endpoint {
    /// Takes bytes that the client wrote.
    fn receive(&mut self, bytes: &[u8]);
    /// What is on the way to the client.
    fn take_output(&mut self) -> Vec<u8>;
    /// Whether the client reads end of file after that.
    fn closed(&self) -> bool;
}

impl Endpoint for Server {
    fn receive(&mut self, bytes: &[u8]) {
        self.receive(bytes);
    }

    fn take_output(&mut self) -> Vec<u8> {
        self.take_output()
    }

    fn closed(&self) -> bool {
        self.closed()
    }
}

/// What becomes of a half from some point on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// Pending for ever.
    Stall,
    /// End of file when reading, zero bytes taken when writing.
    Eof,
    Error,
}

/// How the connection misbehaves. Default: not at all.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    /// Most bytes of one read; 0 for all there is.
    pub chunk: usize,
    /// Only so many bytes of the server's stream arrive.
    pub cut: Option<(usize, End)>,
    /// This bit of the server's stream is flipped; bit 0 is the first byte's lowest.
    pub flip: Option<usize>,
    /// Each read is pending once before it delivers.
    pub hesitant: bool,
    /// Each read takes so many milliseconds of this clock.
    pub pace: Option<(Clock, u32)>,
    /// Most bytes of one write; 0 for all.
    pub write_chunk: usize,
    /// Only so many bytes of the client's reach the server.
    pub write_end: Option<(usize, End)>,
}

struct Inner<S> {
    server: S,
    faults: Faults,
    /// On the way to the client, faults applied.
    ready: VecDeque<u8>,
    /// Bytes taken from the server so far.
    taken: usize,
    /// Bytes of the client that reached the server.
    written: usize,
    /// Writes begun after the one that [`Faults::write_end`] ended.
    writes_after_end: usize,
    ended: bool,
    reader: Option<Waker>,
}

impl<S: Endpoint> Inner<S> {
    /// Moves the server's output towards the client.
    fn pump(&mut self) {
        let limit = self.faults.cut.map_or(usize::MAX, |(limit, _)| limit);
        for mut byte in self.server.take_output() {
            if self.faults.flip.is_some_and(|bit| bit / 8 == self.taken) {
                byte ^= 1 << (self.faults.flip.unwrap_or_default() % 8);
            }
            if self.taken < limit {
                self.ready.push_back(byte);
            }
            self.taken += 1;
        }
    }

    /// What a read finds when nothing is ready.
    fn idle(&self) -> End {
        match self.faults.cut {
            Some((limit, end)) if self.taken >= limit => end,
            _ if self.server.closed() => End::Eof,
            _ => End::Stall,
        }
    }
}

/// The test's hold on a connection.
pub struct Wire<S = Server>(Rc<RefCell<Inner<S>>>);

impl<S> Clone for Wire<S> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

/// Makes a connection. Read half, write half, and what the test keeps.
pub fn connect<S>(server: S, faults: Faults) -> (Wire<S>, Rx<S>, Tx<S>) {
    let wire = Wire(Rc::new(RefCell::new(Inner {
        server,
        faults,
        ready: VecDeque::new(),
        taken: 0,
        written: 0,
        writes_after_end: 0,
        ended: false,
        reader: None,
    })));
    let rx = Rx {
        wire: wire.clone(),
        hesitated: false,
    };
    let tx = Tx { wire: wire.clone() };
    (wire, rx, tx)
}

impl<S: Endpoint> Wire<S> {
    /// The server, to look at.
    pub fn server(&self) -> Ref<'_, S> {
        Ref::map(self.0.borrow(), |inner| &inner.server)
    }

    /// The server, to make it do something. A waiting read is woken.
    pub fn server_mut(&self) -> RefMut<'_, S> {
        let mut inner = self.0.borrow_mut();
        if let Some(reader) = inner.reader.take() {
            reader.wake();
        }
        RefMut::map(inner, |inner| &mut inner.server)
    }

    /// Changes the faults from here on; counts go on from the start of the connection.
    pub fn set_faults(&self, faults: Faults) {
        self.0.borrow_mut().faults = faults;
    }

    /// Bytes the server has sent so far, whether they arrived or not: the end of a sweep.
    pub fn sent(&self) -> usize {
        let mut inner = self.0.borrow_mut();
        inner.pump();
        inner.taken
    }

    /// Bytes of the client that reached the server: the end of a sweep of writes.
    pub fn written(&self) -> usize {
        self.0.borrow().written
    }

    /// Writes the client began after one of them had failed or stuck. More than none after a dead
    /// write is a record under a used nonce.
    pub fn writes_after_end(&self) -> usize {
        self.0.borrow().writes_after_end
    }
}

/// The transport's own error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Broken;

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("connection broken by the test")
    }
}

impl std::error::Error for Broken {}

impl embedded_io_async::Error for Broken {
    fn kind(&self) -> ErrorKind {
        ErrorKind::ConnectionReset
    }
}

/// Read half.
pub struct Rx<S = Server> {
    wire: Wire<S>,
    hesitated: bool,
}

impl<S> ErrorType for Rx<S> {
    type Error = Broken;
}

impl<S: Endpoint> Rx<S> {
    fn poll(&mut self, buf: &mut [u8], context: &mut Context<'_>) -> Poll<Result<usize, Broken>> {
        let mut inner = self.wire.0.borrow_mut();
        inner.pump();
        if inner.faults.hesitant && !self.hesitated {
            self.hesitated = true;
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        if inner.ready.is_empty() {
            return match inner.idle() {
                End::Stall => {
                    inner.reader = Some(context.waker().clone());
                    Poll::Pending
                }
                End::Eof => Poll::Ready(Ok(0)),
                End::Error => Poll::Ready(Err(Broken)),
            };
        }
        self.hesitated = false;
        let chunk = match inner.faults.chunk {
            0 => usize::MAX,
            chunk => chunk,
        };
        let len = buf.len().min(chunk).min(inner.ready.len());
        for (place, byte) in buf.iter_mut().zip(inner.ready.drain(..len)) {
            *place = byte;
        }
        Poll::Ready(Ok(len))
    }
}

impl<S: Endpoint> Read for Rx<S> {
    /// Dropping the future loses no bytes.
    async fn read(&mut self, buf: &mut [u8]) -> Result<usize, Broken> {
        if buf.is_empty() {
            return Ok(0);
        }
        let pace = self.wire.0.borrow().faults.pace.clone();
        if let Some((clock, ms)) = pace {
            clock.delay().delay_ms(ms).await;
        }
        poll_fn(|context| self.poll(buf, context)).await
    }
}

/// Write half.
pub struct Tx<S = Server> {
    wire: Wire<S>,
}

impl<S> ErrorType for Tx<S> {
    type Error = Broken;
}

impl<S: Endpoint> Write for Tx<S> {
    async fn write(&mut self, buf: &[u8]) -> Result<usize, Broken> {
        let end = {
            let mut inner = self.wire.0.borrow_mut();
            if inner.ended {
                inner.writes_after_end += 1;
            }
            let room = match inner.faults.write_end {
                Some((limit, _)) => limit.saturating_sub(inner.written),
                None => usize::MAX,
            };
            let chunk = match inner.faults.write_chunk {
                0 => usize::MAX,
                chunk => chunk,
            };
            let len = buf.len().min(room).min(chunk);
            if len > 0 || buf.is_empty() {
                inner.written += len;
                inner.server.receive(&buf[..len]);
                if let Some(reader) = inner.reader.take() {
                    reader.wake();
                }
                return Ok(len);
            }
            inner.ended = true;
            inner.faults.write_end.map_or(End::Stall, |(_, end)| end)
        };
        match end {
            End::Stall => std::future::pending().await,
            End::Eof => Ok(0),
            End::Error => Err(Broken),
        }
    }

    async fn flush(&mut self) -> Result<(), Broken> {
        Ok(())
    }
}
