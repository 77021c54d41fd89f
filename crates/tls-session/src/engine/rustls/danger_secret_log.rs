//! Secrets of sessions, handed out: for a tool that shows its user the plaintext of its own connections.
//!
//! Whoever has them reads the whole session, and can forge records of it while it lasts. This module exists with the
//! feature `danger-secret-log` alone, which firmware cannot have: it needs an operating system.

#[cfg(target_os = "none")]
compile_error!(
    "danger-secret-log gives the secrets of sessions away: it is for programs on a PC, never for firmware"
);

extern crate std;

use alloc::sync::Arc;
use std::sync::{PoisonError, RwLock};

use rustls::{ClientConfig, KeyLog};

static LOG: RwLock<Option<Arc<dyn KeyLog>>> = RwLock::new(None);

/// From now on every session of a client that this process opens with rustls gives its secrets to `log`; `None` ends
/// that. Sessions that are open go on as they are.
pub fn danger_log_secrets(log: Option<Arc<dyn KeyLog>>) {
    *LOG.write().unwrap_or_else(PoisonError::into_inner) = log;
}

/// Gives a session's configuration the log, if there is one.
pub(super) fn apply(config: &mut ClientConfig) {
    let log = LOG.read().unwrap_or_else(PoisonError::into_inner);
    if let Some(log) = &*log {
        config.key_log = log.clone();
    }
}
