//! Replies of the grammar onto the port.

use at_grammar::reply::MAX_IPD_HEADER;
use at_grammar::{Dialect, Info, InfoSet, Reply, Suffix};
use heapless::Vec;

use crate::failure::{CommandError, Failure};
use crate::port::outlet::Turn;
use crate::settings::Settings;

/// The longest line: `+SSLWHY` with its four texts, or five ALPN entries of one command line.
const MAX_LINE: usize = 768;

/// Bytes of data that are printed at a time. With 256 a byte of a link took a tenth more instructions.
const PIECE: usize = 512;

/// The right to write, with replies as the unit.
pub(crate) struct Printer<'o> {
    turn: Turn<'o>,
    settings: &'o Settings,
    /// What stands after the names of information lines: as the host named the command.
    suffix: Option<Suffix>,
    dialect: Dialect,
}

/// Whether a reply shows nothing of what host and peer say, but a number: the results of most commands.
const fn is_public(reply: &Reply<'_>) -> bool {
    matches!(
        reply,
        Reply::Ok
            | Reply::Error
            | Reply::OkPrompt
            | Reply::Prompt
            | Reply::Busy
            | Reply::ErrCode(_)
            | Reply::Recv(_)
            | Reply::SendOk
            | Reply::SendFail
    )
}

impl<'o> Printer<'o> {
    pub(crate) const fn new(
        turn: Turn<'o>,
        settings: &'o Settings,
        suffix: Option<Suffix>,
        dialect: Dialect,
    ) -> Self {
        Self {
            turn,
            settings,
            suffix,
            dialect,
        }
    }

    /// An information line of a set that is not this crate's.
    pub(crate) async fn line<'l>(&mut self, line: &impl InfoSet<'l>) -> Result<(), CommandError> {
        let mut message = Vec::<u8, MAX_LINE>::new();
        if line.write_to(&mut message).is_err() {
            espat_log::error!("a line of a custom command does not fit {}", MAX_LINE);
            return Err(Failure::OutOfRange.into());
        }
        self.filter(&mut message, 0);
        self.turn.put(&message).await;
        Ok(())
    }

    pub(crate) async fn reply(&mut self, reply: &Reply<'_>) {
        self.replies(core::slice::from_ref(reply)).await;
    }

    pub(crate) async fn info(&mut self, info: Info<'_>) {
        self.reply(&Reply::Info(info)).await;
    }

    /// Several replies as one message.
    ///
    /// They are written once there is room, so that no future has to hold them.
    pub(crate) async fn replies(&mut self, replies: &[Reply<'_>]) {
        let sizes = replies
            .iter()
            .map(|reply| self.named(reply).size_in(self.dialect));
        let size = sizes.fold(0_usize, usize::saturating_add);
        if size > MAX_LINE {
            espat_log::error!("a reply of {} bytes does not fit {}", size, MAX_LINE);
            return;
        }
        self.turn.room(size).await;
        self.push(replies);
    }

    /// A reply by the name that the host used.
    fn named<'r>(&self, reply: &Reply<'r>) -> Reply<'r> {
        match (self.suffix, reply) {
            (Some(suffix), Reply::Info(info)) => Reply::LegacyInfo(suffix, *info),
            (_, reply) => *reply,
        }
    }

    #[inline(never)]
    fn push(&mut self, replies: &[Reply<'_>]) {
        let mut message = Vec::<u8, MAX_LINE>::new();
        for reply in replies {
            let reply = self.named(reply);
            let begin = message.len();
            // It fits: its size was asked before.
            let written = reply.write_in(self.dialect, &mut message).is_ok();
            // Whoever waits for a prompt gets one.
            if written && !matches!(reply, Reply::OkPrompt | Reply::Prompt) {
                self.filter(&mut message, begin);
            }
        }
        match replies.iter().all(is_public) {
            true => self.turn.push_public(&message),
            false => self.turn.push(&message),
        }
    }

    /// Takes out of the message that begins at `begin` what the host does not want to read.
    fn filter(&self, message: &mut Vec<u8, MAX_LINE>, begin: usize) {
        let left = self.settings.read(|values| {
            let filters = &values.port.filters;
            let whole = message.get(begin..).unwrap_or_default();
            let left = if filters.on {
                filters.apply(whole)
            } else {
                whole
            };
            // A part of what is there, so it fits.
            (left.len() < whole.len()).then(|| left.iter().copied().collect::<Vec<u8, MAX_LINE>>())
        });
        if let Some(left) = left {
            message.truncate(begin);
            let _ = message.extend_from_slice(&left);
        }
    }

    /// A head, and then `len` bytes that `fill` gives piece by piece, as one message.
    ///
    /// Dropping it before it is ready prints nothing and asks for nothing. More than the ring holds
    /// waits for ever, so callers keep to a link's receive buffer.
    pub(crate) async fn data(
        &mut self,
        head: &Reply<'_>,
        len: usize,
        tail: Option<&Reply<'_>>,
        mut fill: impl FnMut(&mut [u8]) -> usize,
    ) {
        let size = |reply: &Reply<'_>| reply.size_in(self.dialect);
        let around = size(head).saturating_add(tail.map_or(0, size));
        self.turn.room(around.saturating_add(len)).await;
        self.edge(head);
        self.pieces(len, &mut fill);
        if let Some(tail) = tail {
            self.edge(tail);
        }
    }

    /// What stands before or after data: short, and never filtered.
    #[inline(never)]
    fn edge(&mut self, reply: &Reply<'_>) {
        let mut line = Vec::<u8, MAX_IPD_HEADER>::new();
        if reply.write_in(self.dialect, &mut line).is_ok() {
            self.turn.push(&line);
        }
    }

    /// As [`Self::data`], with nothing around it.
    pub(crate) async fn stream(&mut self, len: usize, mut fill: impl FnMut(&mut [u8]) -> usize) {
        self.turn.room(len).await;
        self.pieces(len, &mut fill);
    }

    #[inline(never)]
    fn pieces(&mut self, len: usize, fill: &mut impl FnMut(&mut [u8]) -> usize) {
        let mut piece = [0; PIECE];
        let mut left = len;
        while left > 0 {
            let into = piece.get_mut(..left.min(PIECE)).unwrap_or_default();
            let count = fill(into);
            if count == 0 {
                break;
            }
            self.turn.push(piece.get(..count).unwrap_or_default());
            left = left.saturating_sub(count);
        }
    }

    /// Bytes as they are.
    pub(crate) async fn raw(&mut self, bytes: &[u8]) {
        self.turn.put(bytes).await;
    }
}
