//! Settings of the wall clock and of the servers it is set by.
//!
//! | key | bytes |
//! |---|---|
//! | `cipsntpcfg` | 0 or 1, minutes east of Greenwich (i16), length and bytes of each server |
//! | `last_time` | seconds since 1970 (i64) that SNTP gave; not a setting, and stored whatever `AT+SYSSTORE` says |

use at_grammar::types::ZoneOffset;
use embedded_storage_async::nor_flash::NorFlash;
use heapless::Vec;
use tls_session::Timestamp;

use super::key::Key;
use super::record::{HostText, MAX_NAME, Put, Store, Take};

/// Servers that a time is asked of, in their order.
pub(crate) type TimeServers = Vec<HostText, 3>;

/// `AT+CIPSNTPCFG`, `AT+CIPSNTPINTV`, and the last time that is known.
#[derive(Debug, Clone)]
pub(crate) struct TimeValues {
    // Stored.
    pub(crate) enabled: bool,
    pub(crate) zone: ZoneOffset,
    pub(crate) servers: TimeServers,
    /// A time that SNTP gave, before or after the last restart.
    pub(crate) known: Option<Timestamp>,
    // Gone after a restart.
    /// Seconds between questions.
    pub(crate) interval: u32,
}

/// Longest record of `cipsntpcfg`.
const RECORD: usize = 1 + 2 + 3 * (1 + MAX_NAME);

impl TimeValues {
    pub(super) const fn new() -> Self {
        Self {
            enabled: false,
            zone: ZoneOffset::UTC,
            servers: Vec::new(),
            known: None,
            interval: 3600,
        }
    }

    pub(super) async fn load<F: NorFlash>(&mut self, store: &mut Store<'_, F>) {
        let mut buffer = [0; RECORD];
        if let Ok(Some(record)) = store.get(Key::LAST_KNOWN_TIME, &mut buffer).await {
            let seconds = <[u8; 8]>::try_from(record).map(i64::from_le_bytes);
            self.known = seconds.ok().map(Timestamp::from_unix);
        }
        if let Ok(Some(record)) = store.get(Key::SNTP, &mut buffer).await
            && let Some((enabled, zone, servers)) = decode(record)
        {
            self.enabled = enabled;
            self.zone = zone;
            self.servers = servers;
        }
    }

    /// `AT+CIPSNTPCFG` as a record.
    pub(crate) fn encode(&self) -> Vec<u8, RECORD> {
        let record = Put::new()
            .bytes(&[u8::from(self.enabled)])
            .bytes(&self.zone.minutes().to_le_bytes());
        let servers = self.servers.iter().map(|server| server.as_bytes());
        servers.fold(record, Put::text).finish()
    }

    /// The earliest time it can be. Servers differ by seconds, so a time that one of them gave
    /// counts with a minute less.
    pub(crate) fn earliest(&self, built: Timestamp) -> Timestamp {
        const SLACK: i64 = 60;
        let known = self.known.map_or(i64::MIN, Timestamp::as_unix);
        built.max(Timestamp::from_unix(known.saturating_sub(SLACK)))
    }
}

fn decode(record: &[u8]) -> Option<(bool, ZoneOffset, TimeServers)> {
    let mut record = Take(record);
    let enabled = record.byte()? != 0;
    let zone = ZoneOffset::from_minutes(i16::from_le_bytes(record.array()?))?;
    let mut servers = Vec::new();
    while !record.is_empty() {
        let server = core::str::from_utf8(record.text()?).ok()?;
        servers.push(HostText::try_from(server).ok()?).ok()?;
    }
    Some((enabled, zone, servers))
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;

    #[test]
    fn a_time_record_reads_back() {
        for minutes in [-720, -210, 0, 15, 840] {
            for count in 0..=3 {
                let name = HostText::try_from("a".repeat(20 * count + 4).as_str()).unwrap();
                let time = TimeValues {
                    enabled: count > 0,
                    zone: ZoneOffset::from_minutes(minutes).unwrap(),
                    servers: core::iter::repeat_n(name, count).collect(),
                    ..TimeValues::new()
                };
                let record = time.encode();
                let (enabled, zone, servers) = decode(&record).unwrap();
                assert_eq!(
                    (enabled, zone, &servers),
                    (time.enabled, time.zone, &time.servers)
                );
                for len in 0..record.len() {
                    // Shorter is refused, or a list of fewer servers.
                    let short = decode(&record[..len]);
                    assert!(
                        short.is_none_or(|(_, _, servers)| servers.len() < count),
                        "{len}"
                    );
                }
            }
        }
        assert!(decode(&[1, 0xff, 0x7f]).is_none());
    }
}
