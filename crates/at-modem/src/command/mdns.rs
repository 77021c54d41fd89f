//! `AT+MDNS`: the module's name in the local network (spec: at-commands B.4).

use at_grammar::commands::mdns::MdnsRequest;

use crate::answer::{CommandError, Done, Failure};
use crate::cx::Cx;
use crate::net::NetExtras;
use crate::platform::Platform;

/// The answers are the network stack's.
pub(super) fn set<P: Platform>(
    cx: &Cx<'_, '_, P>,
    request: &MdnsRequest<'_>,
) -> Result<Done, CommandError> {
    let service = match request {
        MdnsRequest::On(service) => Some(service),
        MdnsRequest::Off => None,
    };
    match (cx.extras.set_mdns(cx.net, service), service) {
        // Whoever answers nothing is silent already.
        (Ok(()), _) | (Err(_), None) => Ok(Done::Ok),
        (Err(_), Some(_)) => Err(Failure::NotOnThisBoard.into()),
    }
}
