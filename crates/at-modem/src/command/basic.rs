//! Basic commands (spec: at-commands B.1).

use at_grammar::commands::basic::{CommandEntry, UnixTime, VersionLine};
use at_grammar::types::{LocalTime, RestartMode, SysMsg, ZoneOffset};
use at_grammar::{AtStr, Command, Info, Reply};

use super::resume;
use super::{one_line, store_if_wanted};
use crate::answer::{CommandError, CustomCommands as _, Done, Failure};
use crate::clock::BUILT;
use crate::cx::Cx;
use crate::platform::Platform;
use crate::settings::key::Key;

pub(super) fn echo<P: Platform>(cx: &Cx<'_, '_, P>, on: bool) -> Result<Done, CommandError> {
    cx.settings.change(|values| values.port.echo = on);
    Ok(Done::Ok)
}

pub(super) async fn restart<P: Platform>(cx: &Cx<'_, '_, P>) -> Result<Done, CommandError> {
    cx.port.print(cx.settings).await.reply(&Reply::Ok).await;
    Ok(Done::Restart)
}

pub(super) async fn restart_as<P: Platform>(
    cx: &Cx<'_, '_, P>,
    mode: RestartMode,
) -> Result<Done, CommandError> {
    match mode {
        RestartMode::Normal => restart(cx).await,
        // The boot loader is not ours to start.
        _ => Err(Failure::Refused.into()),
    }
}

pub(super) async fn restore<P: Platform>(cx: &Cx<'_, '_, P>) -> Result<Done, CommandError> {
    cx.port.takes_long();
    {
        let mut store = cx.flash.lock().await;
        let settings = cx.flash.settings(&mut store).await;
        let mut settings = settings.map_err(|_| Failure::EraseFailed)?;
        settings
            .erase_all()
            .await
            .map_err(|_| Failure::EraseFailed)?;
    }
    cx.port.print(cx.settings).await.reply(&Reply::Ok).await;
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
pub(super) async fn versions<P: Platform>(cx: &Cx<'_, '_, P>) -> Result<Done, CommandError> {
    let date = build_date(LocalTime::new(BUILT.as_unix(), ZoneOffset::UTC));
    let mut at = heapless::String::<96>::new();
    let mut compiled = heapless::String::<96>::new();
    let mut bin = heapless::String::<32>::new();
    // All fit: the parts are constants of the build. One that did not would be cut.
    let _ = core::fmt::write(
        &mut at,
        format_args!("2.4.2.0({COMMIT} - {} - {date})", cx.product.chip),
    );
    let _ = core::fmt::write(&mut compiled, format_args!("({COMMIT}):{date}"));
    let _ = core::fmt::write(
        &mut bin,
        format_args!("{}({})", env!("CARGO_PKG_VERSION"), cx.product.module),
    );
    let mut print = cx.port.print(cx.settings).await;
    for line in [
        VersionLine::At(AtStr::plain(at.as_bytes())),
        VersionLine::Sdk(AtStr::plain(cx.product.sdk.as_bytes())),
        VersionLine::CompileTime(AtStr::plain(compiled.as_bytes())),
        VersionLine::Bin(AtStr::plain(bin.as_bytes())),
    ] {
        print.reply(&Reply::Version(line)).await;
    }
    print.reply(&Reply::Ok).await;
    Ok(Done::Printed)
}

pub(super) async fn inventory<P: Platform>(cx: &Cx<'_, '_, P>) -> Result<Done, CommandError> {
    let mut print = cx.port.print(cx.settings).await;
    let mut next = 0_u16;
    for entry in Command::inventory() {
        next = entry.index.saturating_add(1);
        print.info(Info::Cmd(entry)).await;
    }
    for entry in CommandEntry::listed(cx.commands.table(), next) {
        print.info(Info::Cmd(entry)).await;
    }
    print.reply(&Reply::Ok).await;
    Ok(Done::Printed)
}

pub(super) async fn timestamp<P: Platform>(cx: &Cx<'_, '_, P>) -> Result<Done, CommandError> {
    let seconds = cx.clock.seconds_or_uptime();
    let time = UnixTime::clamped(u32::try_from(seconds).unwrap_or(u32::MAX));
    one_line(cx, Info::Systimestamp(time)).await
}

pub(super) fn set_timestamp<P: Platform>(
    cx: &Cx<'_, '_, P>,
    time: UnixTime,
) -> Result<Done, CommandError> {
    resume::forget(cx);
    cx.clock
        .set(tls_session::Timestamp::from_unix(i64::from(time.get())));
    Ok(Done::Ok)
}

pub(super) async fn messages<P: Platform>(cx: &Cx<'_, '_, P>) -> Result<Done, CommandError> {
    let bits = cx.settings.read(|values| values.port.sysmsg);
    one_line(cx, Info::Sysmsg(bits)).await
}

pub(super) async fn set_messages<P: Platform>(
    cx: &Cx<'_, '_, P>,
    bits: SysMsg,
) -> Result<Done, CommandError> {
    store_if_wanted(cx, Key::SYSTEM_MESSAGES, &[bits.bits()]).await?;
    cx.settings.change(|values| values.port.sysmsg = bits);
    Ok(Done::Ok)
}

pub(super) async fn syslog<P: Platform>(cx: &Cx<'_, '_, P>) -> Result<Done, CommandError> {
    let on = cx.settings.read(|values| values.port.syslog);
    one_line(cx, Info::Syslog(on)).await
}

pub(super) fn set_syslog<P: Platform>(cx: &Cx<'_, '_, P>, on: bool) -> Result<Done, CommandError> {
    cx.settings.change(|values| values.port.syslog = on);
    Ok(Done::Ok)
}

pub(super) async fn sysstore<P: Platform>(cx: &Cx<'_, '_, P>) -> Result<Done, CommandError> {
    let on = cx.settings.read(|values| values.port.sysstore);
    one_line(cx, Info::Sysstore(on)).await
}

pub(super) fn set_sysstore<P: Platform>(
    cx: &Cx<'_, '_, P>,
    on: bool,
) -> Result<Done, CommandError> {
    cx.settings.change(|values| values.port.sysstore = on);
    Ok(Done::Ok)
}
