//! What every engine keeps to.

use crate::policy::Policy;
use crate::reason::{CapacityError, Limit};

/// Bytes of the outgoing buffer that hold no content: the record's header, and the expansion by the cipher, for which
/// `embedded_tls` keeps 128 bytes free.
pub(crate) const OVERHEAD: usize = 5 + 128;

/// Records in a row without data, after which a server is only keeping us busy.
pub(crate) const MAX_IDLE_RECORDS: u32 = 64;

/// Milliseconds without a record after which the count begins again: an idle link gets a ticket now and then, for days.
pub(crate) const QUIET_MS: u32 = 30_000;

/// Longest name of an application protocol that is offered: the registry has none of half that length.
pub(crate) const MAX_PROTOCOL: usize = 64;

/// Whether the application protocols can be offered.
pub(crate) fn check_protocols(policy: &Policy<'_>) -> Result<(), CapacityError> {
    let legal = 1..=MAX_PROTOCOL;
    match policy.alpn.iter().find(|name| !legal.contains(&name.len())) {
        Some(name) => Err(CapacityError::too_large(
            Limit::Protocol,
            name.len(),
            MAX_PROTOCOL,
        )),
        None => Ok(()),
    }
}
