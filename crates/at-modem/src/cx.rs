//! What a command can reach: the owners of all state, and what the board gives.

use core::cell::RefCell;

use crate::clock::WallClock;
use crate::flash::Flash;
use crate::links::Links;
use crate::platform::Platform;
use crate::port::Port;
use crate::scratch::Scratch;
use crate::settings::Settings;
use crate::station::Station;
use crate::time::Time;
use crate::tls::sessions::TlsSessions;
use crate::user_ram::UserRam;

/// References, and nothing of its own. `'s` is the life of the buffers, which a probe's chain keeps.
pub(crate) struct Cx<'a, 's, P: Platform> {
    pub(crate) net: &'a P::Net,
    pub(crate) extras: &'a P::Extras,
    pub(crate) wifi: &'a P::Wifi,
    pub(crate) board: &'a P::Board,
    pub(crate) commands: &'a P::Commands,
    pub(crate) clock: &'a WallClock,
    pub(crate) product: &'a crate::ProductInfo,
    pub(crate) settings: &'a Settings,
    pub(crate) flash: &'a Flash<P::Flash>,
    pub(crate) port: &'a Port<'a>,
    pub(crate) links: &'a Links<'a>,
    pub(crate) station: &'a Station,
    pub(crate) time: &'a Time,
    pub(crate) tls: &'a TlsSessions<'s>,
    pub(crate) scratch: &'a Scratch,
    pub(crate) user_ram: &'a RefCell<UserRam>,
}

impl<P: Platform> Clone for Cx<'_, '_, P> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P: Platform> Copy for Cx<'_, '_, P> {}
