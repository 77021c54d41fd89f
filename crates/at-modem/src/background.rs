//! What happens without a command: the station's events, joining at boot, and the time.

use at_grammar::commands::sntp::SERVERS;
use at_grammar::types::Mac;
use at_grammar::{Reply, reply};

use embassy_futures::join::join3;
use embassy_futures::select::{Either, Either3, select, select3};
use embassy_time::{Duration, Instant, Timer, with_timeout};
use tls_session::Timestamp;

use crate::links::state::{CloseBy, Event};
use crate::platform::Platform;
use crate::settings::key::Key;
use crate::settings::radio::{Reconnect, StationConfig};
use crate::sntp::{self, SntpError};
use crate::state::Shared;
use crate::wifi::{JoinError, Wifi, WifiEvent};

/// `<jap_timeout>` where none was given, and of a join that no command asked for.
pub(crate) const JOIN_PATIENCE: Duration = Duration::from_secs(15);

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

/// What a time server has said of being asked.
#[derive(Debug, Clone, Copy, Default)]
struct Standing {
    /// `DENY` or `RSTR`: it is not asked again until the host names it again.
    unwelcome: bool,
    /// `RATE`: how long it rested last, and until when.
    rest: Option<(Duration, Instant)>,
}

impl Standing {
    fn may_be_asked(&self, now: Instant) -> bool {
        !self.unwelcome && self.rest.is_none_or(|(_, until)| until <= now)
    }

    fn note(&mut self, error: SntpError, now: Instant) {
        match error {
            SntpError::Unwelcome => self.unwelcome = true,
            SntpError::AskedTooOften => {
                let pause = self.rest.map_or(RATE_PAUSE_MIN, |(last, _)| {
                    (last + last).min(RATE_PAUSE_MAX)
                });
                self.rest = Some((pause, now.saturating_add(pause)));
            }
            _ => {}
        }
    }
}

/// Runs for as long as it is polled.
pub(crate) async fn run<P: Platform>(shared: &Shared<'_, P>) {
    join3(station_events(shared), join_stored(shared), time(shared)).await;
}

async fn station_events<P: Platform>(shared: &Shared<'_, P>) {
    loop {
        let event = shared.wifi.event().await;
        if event == WifiEvent::Disconnected {
            shared.lost.signal(());
        }
        shared.station_changed(event).await;
    }
}

/// What the host is told, if anything.
const fn message(event: WifiEvent) -> Option<Reply<'static>> {
    Some(match event {
        WifiEvent::Connected => Reply::Wifi(reply::WifiEvent::Connected),
        WifiEvent::GotIp => Reply::Wifi(reply::WifiEvent::GotIp),
        WifiEvent::Disconnected => Reply::Wifi(reply::WifiEvent::Disconnect),
        WifiEvent::StationJoined { mac } => Reply::GuestJoined(Mac(mac)),
        WifiEvent::StationAddressed { mac, address } => Reply::GuestGotIp(Mac(mac), address),
        WifiEvent::StationLeft { mac } => Reply::GuestLeft(Mac(mac)),
        // ESP-AT has no words for it.
        WifiEvent::LostIp => return None,
    })
}

/// Joins the stored network when asked to, and again when it is lost, as often as `AT+CWRECONNCFG`
/// says and unless a command takes the station over.
///
/// ```text
/// boot, AT+CWMODE ──▶ join ── done ──▶ wait
///                     ▲  │ failed
///           interval ─┴──┘ until <count> attempts
///               ▲
/// lost ─────────┘ unless the interval is 0, or the radio finds the network by itself
/// ```
async fn join_stored<P: Platform>(shared: &Shared<'_, P>) {
    loop {
        let mut pause = match select(shared.join_stored.wait(), shared.lost.wait()).await {
            Either::First(()) => None,
            Either::Second(()) => {
                // What was stopped before is not what was lost now.
                shared.stop_joining.reset();
                match shared.reconnect_pause(0) {
                    Some(pause) => Some(pause),
                    None => continue,
                }
            }
        };
        let mut tries = 0_u16;
        loop {
            if let Some(pause) = pause {
                let wait = select(Timer::after(pause), shared.join_stored.wait());
                if let Either::Second(()) = select(wait, shared.stop_joining.wait()).await {
                    break;
                }
            }
            let Some(stored) = shared.may_join() else {
                break;
            };
            if join_once(shared, &stored).await {
                break;
            }
            tries = tries.saturating_add(1);
            pause = shared.reconnect_pause(tries);
            if pause.is_none() {
                break;
            }
        }
    }
}

/// One attempt; whether it is the last one: because there is a network, or a command wants the station.
async fn join_once<P: Platform>(shared: &Shared<'_, P>, stored: &StationConfig) -> bool {
    shared.note_joining(true);
    let join = shared.wifi.join(stored.request(), async |event| {
        shared.station_changed(event).await;
    });
    let join = async {
        with_timeout(JOIN_PATIENCE, join)
            .await
            .unwrap_or(Err(JoinError::Timeout))
    };
    let result = select(join, shared.stop_joining.wait()).await;
    shared.note_joining(false);
    match result {
        Either::First(Ok(())) => true,
        Either::First(Err(error)) => {
            espat_log::warn!("joining the stored network failed, code {}", error.code());
            shared.wifi.leave().await;
            false
        }
        // The command says itself what it does with the station.
        Either::Second(()) => true,
    }
}

impl<P: Platform> Shared<'_, P> {
    /// The network to join without a command, if there is one, a station, and nobody else at it.
    fn may_join(&self) -> Option<StationConfig> {
        let busy = self.wifi.association().is_some() || self.station.get().joining;
        self.settings.read(|values| {
            let wanted = values.radio.has_station() && !busy;
            let stored = values.radio.station.as_ref();
            stored.filter(|_| wanted).cloned()
        })
    }

    /// How long to wait before another attempt after so many; `None` for no other.
    fn reconnect_pause(&self, tries: u16) -> Option<Duration> {
        let (Reconnect { interval, count }, has_station) = self
            .settings
            .read(|values| (values.radio.reconnect, values.radio.has_station()));
        let wanted = interval > 0 && (count == 0 || tries < count) && has_station;
        wanted.then(|| Duration::from_secs(u64::from(interval)))
    }

    /// Prints a change of the station and does what follows from it.
    pub(crate) async fn station_changed(&self, event: WifiEvent) {
        if let Some(message) = message(event) {
            let mut print = self.print_unsolicited().await;
            if self.says_status() {
                print.reply(&message).await;
            }
        }
        match event {
            WifiEvent::GotIp => self.sync_time.signal(()),
            WifiEvent::Disconnected | WifiEvent::LostIp => {
                let persist = self.settings.read(|values| values.links.persist);
                for (link, keep) in self.links.iter().zip(persist) {
                    if !keep {
                        let _ = link.tell(Event::Close(CloseBy::Interface));
                    }
                }
            }
            WifiEvent::Connected
            | WifiEvent::StationJoined { .. }
            | WifiEvent::StationAddressed { .. }
            | WifiEvent::StationLeft { .. } => {}
        }
    }
}

impl<P: Platform> Shared<'_, P> {
    /// Stores the time for a later life, at most once per day of the clock and of this life.
    async fn remember_time(&self, last: &mut Option<Instant>) {
        let now = Instant::now();
        let rested = last.is_none_or(|last| now.saturating_duration_since(last) >= REMEMBER_PAUSE);
        let seconds = self.clock.seconds_or_uptime();
        let known = self.settings.read(|values| values.time.known);
        let later =
            known.is_none_or(|known| seconds.saturating_sub(known.as_unix()) >= REMEMBER_SECONDS);
        if !(rested && later) {
            return;
        }
        *last = Some(now);
        let record = seconds.to_le_bytes();
        // A failure is in the log; the next day brings another try.
        if self
            .store_always(Key::LAST_KNOWN_TIME, &record)
            .await
            .is_ok()
        {
            // The floor of this life stays: a server that was wrong can still be corrected in it.
            self.settings
                .change(|values| values.time.known = Some(Timestamp::from_unix(seconds)));
        }
    }
}

/// Asks the configured servers whenever `AT+CIPSNTPCFG` or a new address gives reason to, and then
/// once per interval.
async fn time<P: Platform>(shared: &Shared<'_, P>) {
    // The first answer after a reason is announced; the hourly ones are not.
    let mut announce = true;
    let mut pause = SNTP_PAUSE_MIN;
    let mut standings = [Standing::default(); SERVERS];
    let mut remembered = None;
    loop {
        // Whatever was signalled up to here is in what is looked at now.
        shared.sync_time.reset();
        if shared.servers_renewed.take() {
            standings = Default::default();
        }
        let servers = {
            let here = shared.wifi.address().is_some();
            shared.settings.read(|values| {
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
            let mut rng = shared.rng.clone();
            for (server, standing) in servers.iter().zip(&mut standings) {
                if !standing.may_be_asked(Instant::now()) {
                    continue;
                }
                let ask = sntp::ask(shared.net, shared.clock, &mut rng, server);
                match select(ask, shared.sync_time.wait()).await {
                    Either::First(Ok(())) => {
                        synchronised = true;
                        break;
                    }
                    Either::First(Err(error)) => {
                        espat_log::warn!("SNTP server {}: {}", server.as_str(), error.word());
                        standing.note(error, Instant::now());
                    }
                    Either::Second(()) => {
                        // Asked anew, perhaps of others: look at the settings again.
                        shared.sync_time.signal(());
                        break;
                    }
                }
            }
            if synchronised {
                pause = SNTP_PAUSE_MIN;
                shared.remember_time(&mut remembered).await;
                if core::mem::take(&mut announce) {
                    let mut print = shared.print_unsolicited().await;
                    // It would be data.
                    if !shared.port.is_data_mode() {
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
            let next = async {
                let interval = shared.settings.read(|values| values.time.interval);
                let wait = retry.unwrap_or(Duration::from_secs(u64::from(interval)));
                if asked {
                    Timer::at(since.saturating_add(wait)).await;
                } else {
                    core::future::pending::<()>().await;
                }
            };
            let changed = shared.interval_changed.wait();
            match select3(next, shared.sync_time.wait(), changed).await {
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
