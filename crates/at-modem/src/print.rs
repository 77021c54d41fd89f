//! Replies of the grammar onto the port.

use at_grammar::{Info, Reply};
use heapless::Vec;

use crate::output::Turn;
use crate::platform::Platform;
use crate::state::Shared;

/// The longest line: `+SSLWHY` with its four texts, or five ALPN entries of one command line.
const MAX_LINE: usize = 768;

/// The right to write, with replies as the unit.
pub(crate) struct Printer<'o> {
    turn: Turn<'o>,
}

impl Printer<'_> {
    pub(crate) async fn reply(&mut self, reply: &Reply<'_>) {
        self.replies(core::slice::from_ref(reply)).await;
    }

    pub(crate) async fn info(&mut self, info: Info<'_>) {
        self.reply(&Reply::Info(info)).await;
    }

    /// Several replies as one message.
    pub(crate) async fn replies(&mut self, replies: &[Reply<'_>]) {
        let mut message = Vec::<u8, MAX_LINE>::new();
        for reply in replies {
            if reply.write_to(&mut message).is_err() {
                espat_log::error!(
                    "a reply of {} bytes does not fit {}",
                    reply.size(),
                    MAX_LINE
                );
                return;
            }
        }
        self.turn.put(&message).await;
    }

    /// Bytes as they are.
    pub(crate) async fn raw(&mut self, bytes: &[u8]) {
        self.turn.put(bytes).await;
    }
}

impl<P: Platform> Shared<'_, P> {
    /// Waits for the right to write.
    pub(crate) async fn print(&self) -> Printer<'_> {
        Printer {
            turn: self.output.turn().await,
        }
    }
}
