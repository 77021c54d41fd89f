//! Basic commands (spec: at-commands B.1).

use at_grammar::commands::basic::{CommandEntry, UnixTime, VersionLine};
use at_grammar::types::{LocalTime, RestartMode, SysMsg, ZoneOffset};
use at_grammar::{AtStr, Command, Info, Reply, Suffix};
use partition_store::PartitionStore;

use crate::answer::{CommandError, CustomCommands as _, Done, Failure};
use crate::clock::BUILT;
use crate::flash::NotStored;
use crate::platform::Platform;
use crate::settings::key::{Key, OWNER, Store};
use crate::state::Shared;

pub(super) fn echo<P: Platform>(shared: &Shared<'_, P>, on: bool) -> Result<Done, CommandError> {
    shared.settings.change(|values| values.port.echo = on);
    Ok(Done::Ok)
}

pub(super) async fn restart<P: Platform>(shared: &Shared<'_, P>) -> Result<Done, CommandError> {
    shared.print().await.reply(&Reply::Ok).await;
    Ok(Done::Restart)
}

pub(super) async fn restart_as<P: Platform>(
    shared: &Shared<'_, P>,
    mode: RestartMode,
) -> Result<Done, CommandError> {
    match mode {
        RestartMode::Normal => restart(shared).await,
        // The boot loader is not ours to start.
        _ => Err(Failure::Refused.into()),
    }
}

pub(super) async fn restore<P: Platform>(shared: &Shared<'_, P>) -> Result<Done, CommandError> {
    shared.takes_long();
    {
        let mut store = shared.flash.lock().await;
        let mut settings = Store::attach(store.settings_region(), OWNER)
            .await
            .map_err(|_| Failure::EraseFailed)?;
        settings
            .erase_all()
            .await
            .map_err(|_| Failure::EraseFailed)?;
    }
    shared.print().await.reply(&Reply::Ok).await;
    Ok(Done::Restart)
}

/// What the build calls its sources: `ESPAT_COMMIT` where it is set, the version otherwise.
const COMMIT: &str = match option_env!("ESPAT_COMMIT") {
    Some(commit) => commit,
    None => concat!("v", env!("CARGO_PKG_VERSION")),
};

/// `Mmm dd yyyy hh:mm:ss` of a time, from C's `asctime` order.
fn build_date(built: LocalTime) -> heapless::String<24> {
    let mut asctime = heapless::String::<32>::new();
    // Both fit: every part has its width.
    let _ = core::fmt::write(&mut asctime, format_args!("{built}"));
    let part = |from: usize, to: usize| asctime.get(from..to).unwrap_or_default();
    let mut date = heapless::String::new();
    let _ = core::fmt::write(
        &mut date,
        format_args!("{} {} {}", part(4, 10), part(20, 24), part(11, 19)),
    );
    date
}

/// Hosts choose their dialect by the four numbers of the first line: those of 2.4.
pub(super) async fn versions<P: Platform>(shared: &Shared<'_, P>) -> Result<Done, CommandError> {
    let date = build_date(LocalTime::new(BUILT.as_unix(), ZoneOffset::UTC));
    let mut at = heapless::String::<96>::new();
    let mut compiled = heapless::String::<96>::new();
    let mut bin = heapless::String::<32>::new();
    // All fit: the parts are constants of the build. One that did not would be cut.
    let _ = core::fmt::write(
        &mut at,
        format_args!("2.4.2.0({COMMIT} - {} - {date})", shared.identity.chip),
    );
    let _ = core::fmt::write(&mut compiled, format_args!("({COMMIT}):{date}"));
    let _ = core::fmt::write(
        &mut bin,
        format_args!("{}({})", env!("CARGO_PKG_VERSION"), shared.identity.module),
    );
    let mut print = shared.print().await;
    for line in [
        VersionLine::At(AtStr::plain(at.as_bytes())),
        VersionLine::Sdk(AtStr::plain(shared.identity.sdk.as_bytes())),
        VersionLine::CompileTime(AtStr::plain(compiled.as_bytes())),
        VersionLine::Bin(AtStr::plain(bin.as_bytes())),
    ] {
        print.reply(&Reply::Version(line)).await;
    }
    print.reply(&Reply::Ok).await;
    Ok(Done::Printed)
}

pub(super) async fn inventory<P: Platform>(shared: &Shared<'_, P>) -> Result<Done, CommandError> {
    let mut print = shared.print().await;
    let mut next = 0_u16;
    for entry in Command::inventory() {
        next = entry.index.saturating_add(1);
        print.info(Info::Cmd(entry)).await;
    }
    for entry in CommandEntry::listed(shared.commands.table(), next) {
        print.info(Info::Cmd(entry)).await;
    }
    print.reply(&Reply::Ok).await;
    Ok(Done::Printed)
}

pub(super) async fn timestamp<P: Platform>(shared: &Shared<'_, P>) -> Result<Done, CommandError> {
    let seconds = shared.clock.seconds_or_uptime();
    let time = UnixTime::clamped(u32::try_from(seconds).unwrap_or(u32::MAX));
    shared.one_line(Info::Systimestamp(time)).await
}

pub(super) fn set_timestamp<P: Platform>(
    shared: &Shared<'_, P>,
    time: UnixTime,
) -> Result<Done, CommandError> {
    shared
        .clock
        .set(tls_session::Timestamp::from_unix(i64::from(time.get())));
    Ok(Done::Ok)
}

pub(super) async fn messages<P: Platform>(shared: &Shared<'_, P>) -> Result<Done, CommandError> {
    let bits = shared.settings.read(|values| values.port.sysmsg);
    shared.one_line(Info::Sysmsg(bits)).await
}

pub(super) async fn set_messages<P: Platform>(
    shared: &Shared<'_, P>,
    bits: SysMsg,
) -> Result<Done, CommandError> {
    shared
        .store_if_wanted(Key::SYSTEM_MESSAGES, &[bits.bits()])
        .await?;
    shared.settings.change(|values| values.port.sysmsg = bits);
    Ok(Done::Ok)
}

pub(super) async fn syslog<P: Platform>(shared: &Shared<'_, P>) -> Result<Done, CommandError> {
    let on = shared.settings.read(|values| values.port.syslog);
    shared.one_line(Info::Syslog(on)).await
}

pub(super) fn set_syslog<P: Platform>(
    shared: &Shared<'_, P>,
    on: bool,
) -> Result<Done, CommandError> {
    shared.settings.change(|values| values.port.syslog = on);
    Ok(Done::Ok)
}

pub(super) async fn sysstore<P: Platform>(shared: &Shared<'_, P>) -> Result<Done, CommandError> {
    let on = shared.settings.read(|values| values.port.sysstore);
    shared.one_line(Info::Sysstore(on)).await
}

pub(super) fn set_sysstore<P: Platform>(
    shared: &Shared<'_, P>,
    on: bool,
) -> Result<Done, CommandError> {
    shared.settings.change(|values| values.port.sysstore = on);
    Ok(Done::Ok)
}

impl<P: Platform> Shared<'_, P> {
    /// One information line and `OK`.
    pub(crate) async fn one_line(&self, info: Info<'_>) -> Result<Done, CommandError> {
        self.print()
            .await
            .replies(&[Reply::Info(info), Reply::Ok])
            .await;
        Ok(Done::Printed)
    }
}

impl<P: Platform> Shared<'_, P> {
    /// Stores a setting unless `AT+SYSSTORE=0`, or as the command's name says it. A setting that
    /// cannot be stored is not made.
    pub(crate) async fn store_if_wanted(&self, key: Key, value: &[u8]) -> Result<(), CommandError> {
        let named = self.suffix.get().map(Suffix::stores);
        if named.unwrap_or(self.settings.read(|values| values.port.sysstore)) {
            self.store_always(key, value).await
        } else {
            Ok(())
        }
    }

    /// Stores a setting.
    pub(crate) async fn store_always(&self, key: Key, value: &[u8]) -> Result<(), CommandError> {
        let stored = self.flash.store(key, value).await;
        stored.map_err(|NotStored| Failure::FlashFailed.into())
    }
}
