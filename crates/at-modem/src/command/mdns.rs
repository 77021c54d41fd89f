//! `AT+MDNS`: the module's name in the local network (spec: at-commands B.4).

use at_grammar::commands::mdns::MdnsRequest;

use super::{Done, Failed};
use crate::platform::{Network, Platform};
use crate::state::Shared;

/// The answers are the network stack's.
pub(super) fn set<P: Platform>(
    shared: &Shared<'_, P>,
    request: &MdnsRequest<'_>,
) -> Result<Done, Failed> {
    let service = match request {
        MdnsRequest::On(service) => Some(service),
        MdnsRequest::Off => None,
    };
    match (shared.net.set_mdns(service), service) {
        // Whoever answers nothing is silent already.
        (Ok(()), _) | (Err(_), None) => Ok(Done::Ok),
        (Err(_), Some(_)) => Err(Failed::with(4)),
    }
}
