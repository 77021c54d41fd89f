//! From settings to a session: what the peer is checked for, and what we show it.

pub(crate) mod credentials;
pub(crate) mod sessions;
pub(crate) mod terms;
