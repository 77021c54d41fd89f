//! What stands beside a connection where no engine needs more.

use crate::progress::Progress;

/// The receiving half.
pub(crate) struct Incoming<R> {
    pub(crate) io: R,
}

impl<R> Incoming<R> {
    pub(crate) const fn new(io: R) -> Self {
        Self { io }
    }
}

/// One session's state outside its engine.
pub(crate) struct Shared {
    pub(crate) progress: Progress,
}

impl Shared {
    pub(crate) const fn new() -> Self {
        Self {
            progress: Progress::new(),
        }
    }
}
