//! Doubles of everything outside the modem, and the bench that holds them together.

pub(crate) mod bench;
pub(crate) mod flash;
pub(crate) mod net;
pub(crate) mod port;
pub(crate) mod radio;
pub(crate) mod udp;

pub(crate) use bench::{Bench, Setup};

use std::future::poll_fn;
use std::task::{Context, Poll, Waker};

/// Who is to be told when a double changes. The modem is one task, so one place is enough.
#[derive(Debug, Default)]
pub(crate) struct Listener(Option<Waker>);

impl Listener {
    pub(crate) fn listen(&mut self, context: &Context<'_>) {
        self.0 = Some(context.waker().clone());
    }

    pub(crate) fn tell(&self) {
        if let Some(waker) = &self.0 {
            waker.wake_by_ref();
        }
    }
}

/// Waits until `ready` has something.
pub(crate) async fn until<T>(mut ready: impl FnMut(&Context<'_>) -> Option<T>) -> T {
    poll_fn(|context| ready(context).map_or(Poll::Pending, Poll::Ready)).await
}

/// Bytes as a test report shows them best.
pub(crate) fn text(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}
