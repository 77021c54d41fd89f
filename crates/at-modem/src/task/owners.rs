//! What several tasks need of the owners of state.

use crate::links::Links;
use crate::platform::Platform;
use crate::port::Port;
use crate::settings::Settings;
use crate::station::Station;

/// What messages to the host need: the port, and the settings that say how they look.
#[derive(Clone, Copy)]
pub(crate) struct PortOwners<'a> {
    pub(crate) port: &'a Port<'a>,
    pub(crate) settings: &'a Settings,
}

/// What tasks of links need, and the server.
pub(crate) struct LinkOwners<'a, P: Platform> {
    pub(crate) net: &'a P::Net,
    pub(crate) extras: &'a P::Extras,
    pub(crate) rng: &'a P::Rng,
    pub(crate) links: &'a Links<'a>,
    pub(crate) station: &'a Station,
    pub(crate) board: &'a P::Board,
    pub(crate) host: PortOwners<'a>,
}
