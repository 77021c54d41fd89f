//! How long the structures of the radio's driver are: as its own code has them, which is in the program
//! though it is not executed here.

use anyhow::{Context as _, Result};
use driver_abi::check::Seen;
use driver_abi::layouts::Source;
use driver_abi::program::Program;

/// In bytes; zero in a program without the function.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Sizes {
    /// `wifi_sta_list_t`
    pub(crate) stations: u32,
    /// Where it has the number of stations.
    pub(crate) station_count: u32,
    /// `wifi_ap_record_t`
    pub(crate) record: u32,
    /// `wifi_sta_config_t` and `wifi_ap_config_t`
    pub(crate) configs: [u32; 2],
}

impl Sizes {
    pub(crate) fn of(program: &Program) -> Result<Self> {
        let extent = |function, argument| {
            let seen = Seen::of_sources(program, &[Source::Argument(function, argument)]);
            seen.map_or(0, |seen| seen.extent())
        };
        let list = Source::Argument("esp_wifi_ap_get_sta_list", 0);
        let (stations, station_count) = match Seen::of_sources(program, &[list]) {
            Some(seen) => {
                // Besides the list as a whole it is the only word at a place that is not computed.
                let words = seen.accesses.iter().filter(|word| word.length == Some(4));
                let count = words.filter_map(|word| word.at).max();
                let count = count.context("no count in the list of stations")?;
                (seen.extent(), u32::try_from(count)?)
            }
            None => (0, 0),
        };
        Ok(Self {
            stations,
            station_count,
            record: extent("esp_wifi_scan_get_ap_record", 0),
            configs: [
                extent("wifi_station_get_config_local", 0),
                extent("wifi_softap_get_config", 0),
            ],
        })
    }
}
