//! Doubles of everything outside the modem, and the bench that holds them together.

pub(crate) mod bench;
pub(crate) mod board;
pub(crate) mod flash;
pub(crate) mod lamp;
pub(crate) mod net;
pub(crate) mod port;
pub(crate) mod radio;
#[cfg(feature = "rustls")]
pub(crate) mod tls_client;
pub(crate) mod udp;

pub(crate) use bench::{Bench, Setup};

use std::future::poll_fn;
use std::task::{Context, Poll, Waker};

/// Bytes that a double has room for from its start. One that grows copies all that it has, and `cargo xtask bench` would count that.
pub(crate) const ROOM: usize = 1 << 19;

/// The waker to notify when a double changes. The modem is one task, so one place is enough.
#[derive(Debug, Default)]
pub(crate) struct Listener(Option<Waker>);

impl Listener {
    pub(crate) fn listen(&mut self, context: &Context<'_>) {
        self.0 = Some(context.waker().clone());
    }

    pub(crate) fn notify(&self) {
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

/// The data of a port that says nothing but `+IPD,<len>:`, message by message.
pub(crate) fn ipds(mut heard: &[u8]) -> Vec<Vec<u8>> {
    let mut pieces = Vec::new();
    while !heard.is_empty() {
        let head = heard.strip_prefix(b"\r\n+IPD,").expect("a head");
        let colon = head.iter().position(|byte| *byte == b':').expect("a colon");
        let len: usize = String::from_utf8(head[..colon].to_vec())
            .unwrap()
            .parse()
            .unwrap();
        let data = &head[colon + 1..];
        pieces.push(data[..len].to_vec());
        heard = &data[len..];
    }
    pieces
}
