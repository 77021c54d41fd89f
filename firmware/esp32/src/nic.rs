//! The station's interface for the IP stack, with the hardware address the modem chose, and what of
//! the radio's C driver esp-radio has no API for.

use core::cell::Cell;
use core::mem::offset_of;
use core::task::Context;

use at_modem::Unsupported;
use embassy_net_driver::{Capabilities, Driver, HardwareAddress, LinkState};
use esp_radio::wifi::{Interface, WifiController};

use crate::layouts::place;

/// esp-radio's interface. The stack asks for its address whenever it looks at it.
pub(crate) struct Nic {
    pub(crate) interface: Interface,
    pub(crate) mac: &'static Cell<[u8; 6]>,
}

impl Driver for Nic {
    type RxToken<'a> = <Interface as Driver>::RxToken<'a>;
    type TxToken<'a> = <Interface as Driver>::TxToken<'a>;

    fn receive(&mut self, context: &mut Context) -> Option<(Self::RxToken<'_>, Self::TxToken<'_>)> {
        Driver::receive(&mut self.interface, context)
    }

    fn transmit(&mut self, context: &mut Context) -> Option<Self::TxToken<'_>> {
        Driver::transmit(&mut self.interface, context)
    }

    fn link_state(&mut self, context: &mut Context) -> LinkState {
        Driver::link_state(&mut self.interface, context)
    }

    fn capabilities(&self) -> Capabilities {
        Driver::capabilities(&self.interface)
    }

    fn hardware_address(&self) -> HardwareAddress {
        HardwareAddress::Ethernet(self.mac.get())
    }
}

/// `WIFI_IF_STA`.
const STATION: u32 = 0;

/// `wifi_country_t` of chips without 5 GHz.
#[repr(C)]
struct CountryInC {
    code: [u8; 3],
    first_channel: u8,
    channels: u8,
    most_power: i8,
    policy: u32,
}

const _: () = {
    assert!(size_of::<CountryInC>() == place("wifi_country_t", "").size);
    assert!(offset_of!(CountryInC, first_channel) == place("wifi_country_t", "schan").at);
    assert!(offset_of!(CountryInC, channels) == place("wifi_country_t", "nchan").at);
    assert!(offset_of!(CountryInC, most_power) == place("wifi_country_t", "max_tx_power").at);
    assert!(offset_of!(CountryInC, policy) == place("wifi_country_t", "policy").at);
};

unsafe extern "C" {
    fn esp_wifi_set_mac(interface: u32, mac: *const u8) -> i32;
    fn esp_wifi_set_country(country: *const CountryInC) -> i32;
}

const fn accepted(code: i32) -> Result<(), Unsupported> {
    if code == 0 { Ok(()) } else { Err(Unsupported) }
}

/// Another hardware address for the station; between two networks only, as the driver stops the station
/// and starts it again. It refuses a group's address, and that of its access point.
pub(crate) fn set_mac(_: &WifiController<'_>, mac: [u8; 6]) -> Result<(), Unsupported> {
    // SAFETY: there is a controller, so the driver runs; it copies six bytes.
    accepted(unsafe { esp_wifi_set_mac(STATION, mac.as_ptr()) })
}

/// Where the radio is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Country {
    pub(crate) code: [u8; 2],
    pub(crate) first_channel: u8,
    pub(crate) channels: u8,
    /// Whatever access points say.
    pub(crate) is_fixed: bool,
}

impl Country {
    /// The default of esp-radio.
    pub(crate) const DEFAULT: Self = Self {
        code: *b"CN",
        first_channel: 1,
        channels: 13,
        is_fixed: true,
    };
}

/// Says where the radio is.
pub(crate) fn set_country(_: &WifiController<'_>, country: Country) -> Result<(), Unsupported> {
    let [a, b] = country.code;
    let in_c = CountryInC {
        // Indoors and outdoors.
        code: [a, b, b' '],
        first_channel: country.first_channel,
        channels: country.channels,
        // Not read; `set_radio` sets it.
        most_power: 0,
        policy: country.is_fixed.into(),
    };
    // SAFETY: as above; it copies the structure.
    accepted(unsafe { esp_wifi_set_country(&raw const in_c) })
}
