//! What esp-radio has no API for of an access point: the driver's list of its stations, their
//! deauthentication, and starting the access point while the station is in a network.

use at_modem::Unsupported;
use esp_radio::wifi::WifiController;
use heapless::Vec;

use crate::layouts::place;

/// Largest number of stations, as `AT+CWSAP` allows.
pub(crate) const STATIONS: usize = 10;
/// Capacity of the driver's list. The header that comes with its libraries says 10 for some chips; then
/// the count is not where they write it, and they write behind the end.
const LISTED: usize = 15;

/// `wifi_sta_info_t`
#[derive(Clone, Copy)]
#[repr(C)]
struct StationInC {
    mac: [u8; 6],
    /// Of its frames, in dBm.
    strength: i8,
    protocols: u32,
}

/// `wifi_sta_list_t`
#[repr(C)]
struct StationsInC {
    stations: [StationInC; LISTED],
    count: i32,
}

const _: () = {
    assert!(size_of::<StationsInC>() == place("wifi_sta_list_t", "").size);
    assert!(core::mem::offset_of!(StationsInC, count) == place("wifi_sta_list_t", "num").at);
};

/// What no driver writes.
const CANARY: u32 = 0x5ac3_96e1;

/// The driver's list with room behind it: if another driver's list is longer, it does not overwrite
/// the stack, and is not believed.
#[repr(C)]
struct Guarded {
    list: StationsInC,
    behind: [u32; 32],
}

unsafe extern "C" {
    fn esp_wifi_set_mode(mode: u32) -> i32;
    fn esp_wifi_ap_get_sta_list(list: *mut StationsInC) -> i32;
    fn esp_wifi_ap_get_sta_aid(mac: *const u8, number: *mut u16) -> i32;
    fn esp_wifi_deauth_sta(number: u16) -> i32;
}

/// `wifi_mode_t`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    Station,
    Both,
}

/// Starts or stops the access point without a change to the station. esp-radio, which asks the driver
/// for the mode, then has nothing to stop.
pub(crate) fn set_mode(_: &WifiController<'_>, mode: Mode) -> Result<(), Unsupported> {
    let number = match mode {
        Mode::Station => 1,
        Mode::Both => 3,
    };
    // SAFETY: there is a controller, so the driver runs.
    match unsafe { esp_wifi_set_mode(number) } {
        0 => Ok(()),
        _ => Err(Unsupported),
    }
}

/// The hardware addresses of the stations in our network. The radio has been started once.
pub(crate) fn stations() -> Vec<[u8; 6], STATIONS> {
    let empty = StationInC {
        mac: [0; 6],
        strength: 0,
        protocols: 0,
    };
    let mut guarded = Guarded {
        list: StationsInC {
            stations: [empty; LISTED],
            count: 0,
        },
        behind: [CANARY; 32],
    };
    // The pointer is to all of it.
    let all = (&raw mut guarded).cast();
    // SAFETY: the controller is never dropped, so the driver runs; it fills the structure at the
    // front, and there is room for 128 bytes more.
    let code = unsafe { esp_wifi_ap_get_sta_list(all) };
    let count = match code {
        0 => usize::try_from(guarded.list.count).unwrap_or_default(),
        _ => 0,
    };
    if guarded.behind.iter().any(|word| *word != CANARY) {
        defmt::error!("the driver's list of stations is longer than it should be");
        return Vec::new();
    }
    let stations = guarded.list.stations.iter().take(count.min(STATIONS));
    stations.map(|station| station.mac).collect()
}

/// Deauthenticates one station, or all. Nothing happens if it is not associated.
pub(crate) fn deauthenticate(station: Option<[u8; 6]>) {
    // Number 0 means all stations.
    let mut number = 0;
    if let Some(mac) = station {
        // SAFETY: as above; it reads six bytes and writes two.
        let code = unsafe { esp_wifi_ap_get_sta_aid(mac.as_ptr(), &raw mut number) };
        if code != 0 || number == 0 {
            return;
        }
    }
    // SAFETY: as above.
    unsafe { esp_wifi_deauth_sta(number) };
}
