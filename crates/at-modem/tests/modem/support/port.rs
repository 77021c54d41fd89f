//! The AT port: input in pieces, output that can stop, a plug that can be pulled.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::rc::Rc;

use embedded_io_async::{ErrorType, Read, Write};

use super::{Listener, ROOM, until};

#[derive(Debug)]
struct State {
    input: VecDeque<u8>,
    /// Most bytes of one read.
    piece: usize,
    plugged: bool,
    output: Vec<u8>,
    /// Bytes the host still takes; `None` takes everything.
    room: Option<usize>,
    listener: Listener,
}

/// Both ends of the port; clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Port(Rc<RefCell<State>>);

impl Port {
    pub(crate) fn new() -> Self {
        Self(Rc::new(RefCell::new(State {
            input: VecDeque::new(),
            piece: usize::MAX,
            plugged: true,
            output: Vec::with_capacity(ROOM),
            room: None,
            listener: Listener::default(),
        })))
    }

    pub(crate) fn feed(&self, bytes: &[u8]) {
        let mut state = self.0.borrow_mut();
        state.input.extend(bytes);
        state.listener.notify();
    }

    /// No read gives more than this from now on.
    pub(crate) fn set_piece(&self, most: usize) {
        self.0.borrow_mut().piece = most;
    }

    /// Bytes that the modem has not read.
    pub(crate) fn unread(&self) -> usize {
        self.0.borrow().input.len()
    }

    /// What came out since the last call.
    pub(crate) fn take(&self) -> Vec<u8> {
        let mut state = self.0.borrow_mut();
        let output = state.output.clone();
        state.output.clear();
        output
    }

    /// How much came out since then.
    pub(crate) fn said(&self) -> usize {
        self.0.borrow().output.len()
    }

    /// The host takes so many bytes more, or all there are.
    pub(crate) fn give_room(&self, room: Option<usize>) {
        let mut state = self.0.borrow_mut();
        state.room = room;
        state.listener.notify();
    }

    pub(crate) fn unplug(&self) {
        let mut state = self.0.borrow_mut();
        state.plugged = false;
        state.listener.notify();
    }

    pub(crate) fn plug_in(&self) {
        let mut state = self.0.borrow_mut();
        state.plugged = true;
        state.input.clear();
        state.listener.notify();
    }

    pub(crate) async fn plugged(&self) {
        until(|context| {
            let mut state = self.0.borrow_mut();
            state.listener.listen(context);
            state.plugged.then_some(())
        })
        .await;
    }
}

impl ErrorType for Port {
    type Error = Infallible;
}

impl Read for Port {
    async fn read(&mut self, into: &mut [u8]) -> Result<usize, Infallible> {
        Ok(until(|context| {
            let mut state = self.0.borrow_mut();
            state.listener.listen(context);
            let count = state.input.len().min(state.piece).min(into.len());
            if count == 0 {
                return (!state.plugged).then_some(0);
            }
            // A copy of slices: what the double costs is in the counts of `cargo xtask bench`.
            std::io::Read::read_exact(&mut state.input, &mut into[..count]).unwrap();
            Some(count)
        })
        .await)
    }
}

impl Write for Port {
    async fn write(&mut self, from: &[u8]) -> Result<usize, Infallible> {
        Ok(until(|context| {
            let mut state = self.0.borrow_mut();
            state.listener.listen(context);
            let count = from.len().min(state.room.unwrap_or(usize::MAX));
            if count == 0 && !from.is_empty() {
                return None;
            }
            state.room = state.room.map(|room| room - count);
            state.output.extend_from_slice(&from[..count]);
            Some(count)
        })
        .await)
    }

    async fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}
