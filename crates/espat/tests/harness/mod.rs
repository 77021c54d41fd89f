//! The simulator as a program, its AT port as a host sees it, and its control port.
//!
//! Shared by the tests that stand on the host's side of the wire; nothing here sleeps, everything that
//! waits has a deadline.

pub(crate) mod control;
pub(crate) mod port;
pub(crate) mod sim;

use std::time::Duration;

/// For anything that is only slow when the machine is busy.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(30);
