//! The time from the network: when servers are asked, and what is remembered of them.

use at_grammar::Reply;
use at_grammar::commands::sntp::SERVERS;
use embassy_futures::select::{Either, Either3, select, select3};
use embassy_time::{Duration, Instant, Timer};
use tls_session::Timestamp;

use super::owners::PortOwners;
use super::why::{reason_line, sntp_failed};
use crate::clock::WallClock;
use crate::flash::Flash;
use crate::platform::Platform;
use crate::settings::key::Key;
use crate::sntp::{self, SntpError};
use crate::time::Time;
use crate::wifi::Wifi;

/// First pause after a failed round of servers; doubles up to [`SNTP_PAUSE_MAX`].
const SNTP_PAUSE_MIN: Duration = Duration::from_secs(2);
const SNTP_PAUSE_MAX: Duration = Duration::from_secs(60);

/// A server that says `RATE` rests so long (RFC 5905 §7.4), and twice as long each further time.
const RATE_PAUSE_MIN: Duration = Duration::from_secs(64);
const RATE_PAUSE_MAX: Duration = Duration::from_secs(36 * 3600);

/// A time is remembered in flash once it is this much later than the one that is there, and no
/// more often: a sector takes 100 000 erasures, and somebody may play with the clock.
const REMEMBER_SECONDS: i64 = 24 * 3600;
const REMEMBER_PAUSE: Duration = Duration::from_secs(24 * 3600);

/// Whether a time server may be asked, by what it answered before.
#[derive(Debug, Clone, Copy, Default)]
struct ServerBackoff {
    /// `DENY` or `RSTR`: it is not asked again until the host names it again.
    denied: bool,
    /// `RATE`: how long it waited last, and until when.
    pause: Option<(Duration, Instant)>,
}

impl ServerBackoff {
    fn may_be_asked(&self, now: Instant) -> bool {
        !self.denied && self.pause.is_none_or(|(_, until)| until <= now)
    }

    fn note(&mut self, error: SntpError, now: Instant) {
        match error {
            SntpError::Denied => self.denied = true,
            SntpError::AskedTooOften => {
                let pause = self.pause.map_or(RATE_PAUSE_MIN, |(last, _)| {
                    (last + last).min(RATE_PAUSE_MAX)
                });
                self.pause = Some((pause, now.saturating_add(pause)));
            }
            _ => {}
        }
    }
}

/// What the task needs.
pub(crate) struct TimeOwners<'a, P: Platform> {
    pub(crate) net: &'a P::Net,
    pub(crate) wifi: &'a P::Wifi,
    pub(crate) rng: &'a P::Rng,
    pub(crate) clock: &'a WallClock,
    pub(crate) flash: &'a Flash<P::Flash>,
    pub(crate) time: &'a Time,
    pub(crate) host: PortOwners<'a>,
}

/// Stores the time for the next start, at most once per day of the clock and of this run.
async fn remember<P: Platform>(owners: &TimeOwners<'_, P>, last: &mut Option<Instant>) {
    let now = Instant::now();
    let rested = last.is_none_or(|last| now.saturating_duration_since(last) >= REMEMBER_PAUSE);
    let seconds = owners.clock.seconds_or_uptime();
    let known = owners.host.settings.read(|values| values.time.known);
    let later =
        known.is_none_or(|known| seconds.saturating_sub(known.as_unix()) >= REMEMBER_SECONDS);
    if !(rested && later) {
        return;
    }
    *last = Some(now);
    let record = seconds.to_le_bytes();
    // A failure is in the log; the next day brings another try.
    if owners
        .flash
        .store(Key::LAST_KNOWN_TIME, &record)
        .await
        .is_ok()
    {
        // The floor of this run stays: a server that was wrong can still be corrected.
        owners
            .host
            .settings
            .change(|values| values.time.known = Some(Timestamp::from_unix(seconds)));
    }
}

/// A line for a host that asked for reasons (`AT+SYSLOG=1`): a server that does not answer is not the same as none.
async fn report<P: Platform>(owners: &TimeOwners<'_, P>, server: &str, error: SntpError) {
    let host = owners.host;
    let wanted = host.settings.read(|values| values.port.syslog);
    if !wanted || !host.port.says_status(host.settings) {
        return;
    }
    let why = sntp_failed(server, error);
    let mut print = host.port.print_unsolicited(host.settings).await;
    if !host.port.is_data_mode() {
        reason_line(&mut print, None, &why, &why).await;
    }
}

/// Asks the configured servers whenever `AT+CIPSNTPCFG` or a new address gives reason to, and then
/// once per interval.
#[expect(
    clippy::too_many_lines,
    reason = "one loop, whose steps share its variables"
)]
pub(super) async fn run<P: Platform>(owners: &TimeOwners<'_, P>) {
    // The first answer after a reason is announced; the hourly ones are not.
    let mut announce = true;
    let mut pause = SNTP_PAUSE_MIN;
    let mut backoffs = [ServerBackoff::default(); SERVERS];
    let mut remembered = None;
    loop {
        // Whatever was signalled up to here is in what is looked at now.
        let seen = owners.time.reasons();
        if owners.time.take_servers_changed() {
            backoffs = Default::default();
            owners.clock.note_sntp_failure(None);
        }
        let servers = {
            let here = owners.wifi.address().is_some();
            owners.host.settings.read(|values| {
                let ready = values.time.enabled && here;
                ready.then(|| values.time.servers.clone())
            })
        };
        // `None`: as often as the settings say.
        let mut retry = None;
        let mut asked = false;
        if let Some(servers) = servers {
            asked = true;
            let mut synchronised = false;
            let mut rng = owners.rng.clone();
            for ((server, backoff), position) in servers.iter().zip(&mut backoffs).zip(0_u8..) {
                if !backoff.may_be_asked(Instant::now()) {
                    continue;
                }
                let ask = sntp::ask(owners.net, owners.clock, &mut rng, server);
                match select(ask, owners.time.asked_since(seen)).await {
                    Either::First(Ok(())) => {
                        synchronised = true;
                        break;
                    }
                    Either::First(Err(error)) => {
                        espat_log::warn!("SNTP server {}: {}", server.as_str(), error.as_str());
                        backoff.note(error, Instant::now());
                        if owners.clock.note_sntp_failure(Some((position, error))) {
                            report(owners, server, error).await;
                        }
                    }
                    // Asked again, perhaps of other servers: read the settings again.
                    Either::Second(()) => break,
                }
            }
            if synchronised {
                pause = SNTP_PAUSE_MIN;
                remember(owners, &mut remembered).await;
                if core::mem::take(&mut announce) {
                    let mut print = owners
                        .host
                        .port
                        .print_unsolicited(owners.host.settings)
                        .await;
                    // It would be data.
                    if !owners.host.port.is_data_mode() {
                        print.reply(&Reply::TimeUpdated).await;
                    }
                }
            } else {
                retry = Some(pause);
                pause = (pause + pause).min(SNTP_PAUSE_MAX);
            }
        }
        let since = Instant::now();
        let reason = loop {
            let interval = owners.host.settings.read(|values| values.time.interval);
            let next = async {
                let wait = retry.unwrap_or(Duration::from_secs(u64::from(interval)));
                if asked {
                    Timer::at(since.saturating_add(wait)).await;
                } else {
                    core::future::pending::<()>().await;
                }
            };
            let changed = owners.time.until(|| {
                let now = owners.host.settings.read(|values| values.time.interval);
                (now != interval).then_some(())
            });
            match select3(next, owners.time.asked_since(seen), changed).await {
                Either3::First(()) => break false,
                Either3::Second(()) => break true,
                // The same wait, by the new interval.
                Either3::Third(()) => {}
            }
        };
        if reason {
            announce = true;
            pause = SNTP_PAUSE_MIN;
        }
    }
}
