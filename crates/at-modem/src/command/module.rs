//! The chip around the modem: sleep, memory, power, port (spec: at-commands B.1).

use at_grammar::commands::basic::UartConfig;
use at_grammar::commands::module::{
    MemoryLine, PowerLine, SetPower, SleepTime, Temperature, TextLine, WakeSource,
};
use at_grammar::types::SleepMode;
use at_grammar::{AtStr, Info, Reply};

use super::{one_line, store_always, tune};
use crate::answer::{CommandError, Done, Failure};
use crate::cx::Cx;
use crate::platform::{Board, Platform};
use crate::settings::key::Key;
use crate::settings::port::encode_uart;

/// Sleeps once the answer is out, then boots. With 0 it boots at once.
pub(super) async fn deep_sleep<P: Platform>(
    cx: &Cx<'_, '_, P>,
    time: SleepTime,
) -> Result<Done, CommandError> {
    let ms = time.get();
    cx.port
        .print(cx.settings)
        .await
        .replies(&[Reply::SleepFor(ms), Reply::Ok])
        .await;
    Ok(if ms == 0 {
        Done::Restart
    } else {
        Done::Sleep(ms)
    })
}

pub(super) async fn sleep<P: Platform>(cx: &Cx<'_, '_, P>) -> Result<Done, CommandError> {
    let mode = cx.settings.read(|values| values.radio.sleep);
    one_line(cx, Info::Sleep(mode)).await
}

/// Whoever is an access point has to be awake.
pub(super) fn set_sleep<P: Platform>(
    cx: &Cx<'_, '_, P>,
    mode: SleepMode,
) -> Result<Done, CommandError> {
    if mode != SleepMode::Off && cx.settings.read(|values| values.radio.has_soft_ap()) {
        return Err(Failure::Refused.into());
    }
    let result = cx.board.set_sleep(mode);
    // A board that never sleeps is awake.
    if result.is_err() && mode != SleepMode::Off {
        return Err(Failure::NotOnThisBoard.into());
    }
    cx.settings.change(|values| values.radio.sleep = mode);
    Ok(Done::Ok)
}

/// A timer is taken and has no effect: newer firmware has dropped it, and `AT+GSLP` has its own.
pub(super) fn set_wake<P: Platform>(
    cx: &Cx<'_, '_, P>,
    source: WakeSource,
) -> Result<Done, CommandError> {
    match source {
        WakeSource::Timer(_) => Ok(Done::Ok),
        WakeSource::Gpio { pin, high } => cx
            .board
            .wake_on(pin, high)
            .map(|()| Done::Ok)
            .map_err(|_| Failure::NotOnThisBoard.into()),
    }
}

pub(super) async fn memory<P: Platform>(cx: &Cx<'_, '_, P>) -> Result<Done, CommandError> {
    let report = cx.board.memory().ok_or(Failure::NotOnThisBoard)?;
    one_line(
        cx,
        Info::Sysram(MemoryLine::Heap {
            free: report.free,
            least: report.least_free,
        }),
    )
    .await
}

pub(super) async fn memory_of<P: Platform>(
    cx: &Cx<'_, '_, P>,
    capabilities: u32,
) -> Result<Done, CommandError> {
    let kind = cx
        .board
        .memory_of(capabilities)
        .ok_or(Failure::NotOnThisBoard)?;
    one_line(
        cx,
        Info::Sysram(MemoryLine::Kind {
            largest: kind.largest_block,
            free: kind.free,
            least: kind.least_free,
            total: kind.total,
        }),
    )
    .await
}

pub(super) async fn temperature<P: Platform>(cx: &Cx<'_, '_, P>) -> Result<Done, CommandError> {
    let hundredths = cx.board.temperature().ok_or(Failure::NotOnThisBoard)?;
    one_line(cx, Info::Systemp(Temperature(hundredths))).await
}

pub(super) async fn power<P: Platform>(cx: &Cx<'_, '_, P>) -> Result<Done, CommandError> {
    let wifi = cx.settings.read(|values| values.radio.power);
    one_line(cx, Info::Rfpower(PowerLine { wifi, ble: None })).await
}

/// The steps of the radio, in 0.25 dBm, each with the first value that gets it.
const POWER_STEPS: [(u32, u8); 8] = [
    (78, 78),
    (72, 72),
    (66, 66),
    (60, 60),
    (56, 56),
    (52, 52),
    (44, 44),
    (40, 34),
];

/// What the radio makes of a value: the next of its steps downwards.
pub(super) fn quantised(wanted: u32) -> u8 {
    POWER_STEPS
        .into_iter()
        .find(|(from, _)| *from <= wanted)
        .map_or(34, |(_, step)| step)
}

/// What it says of Bluetooth has no effect: there is none.
pub(super) fn set_power<P: Platform>(
    cx: &Cx<'_, '_, P>,
    request: &SetPower,
) -> Result<Done, CommandError> {
    cx.settings
        .change(|values| values.radio.power = quantised(request.wifi.get()));
    tune(cx);
    Ok(Done::Ok)
}

/// Where the commands are documented, in English and in Chinese.
const DOCS: [&str; 2] = [
    "https://docs.espressif.com/projects/esp-at/en/latest/esp32/index.html",
    "https://docs.espressif.com/projects/esp-at/zh_CN/latest/esp32/index.html",
];

pub(super) async fn docs<P: Platform>(cx: &Cx<'_, '_, P>) -> Result<Done, CommandError> {
    let mut print = cx.port.print(cx.settings).await;
    for url in DOCS {
        print.info(Info::Userdocs(TextLine(AtStr::from(url)))).await;
    }
    print.reply(&Reply::Ok).await;
    Ok(Done::Printed)
}

/// Under which name the port is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UartName {
    /// `AT+UART`
    Plain,
    /// `AT+UART_CUR`
    Current,
    /// `AT+UART_DEF`
    Default,
}

pub(super) async fn uart<P: Platform>(
    cx: &Cx<'_, '_, P>,
    name: UartName,
) -> Result<Done, CommandError> {
    let (current, default) = {
        cx.settings
            .read(|values| (values.port.uart, values.port.uart_default))
    };
    one_line(
        cx,
        match name {
            UartName::Plain => Info::Uart(current),
            UartName::Current => Info::UartCur(current),
            // What the port starts with, until something else is stored.
            UartName::Default => Info::UartDef(default.unwrap_or(current)),
        },
    )
    .await
}

/// `OK` leaves with the old settings; then the port has the new ones.
pub(super) async fn set_uart<P: Platform>(
    cx: &Cx<'_, '_, P>,
    settings: UartConfig,
    store: bool,
) -> Result<Done, CommandError> {
    cx.board
        .check_uart(&settings)
        .map_err(|_| Failure::NotOnThisBoard)?;
    if store {
        store_always(cx, Key::UART, &encode_uart(&settings)).await?;
        cx.settings
            .change(|values| values.port.uart_default = Some(settings));
    }
    // Nothing else is printed until the port has changed.
    let mut print = cx.port.print(cx.settings).await;
    print.reply(&Reply::Ok).await;
    cx.port.outlet.drained().await;
    if cx.board.apply_uart(&settings).is_err() {
        espat_log::error!("the port keeps its settings, against what it said before");
    } else {
        cx.settings.change(|values| values.port.uart = settings);
    }
    drop(print);
    Ok(Done::Printed)
}

/// Gives the port the settings that `AT+UART_DEF` stored.
pub(crate) fn start_uart<P: Platform>(cx: &Cx<'_, '_, P>) {
    let stored = cx.settings.read(|values| values.port.uart_default);
    if let Some(settings) = stored
        && cx.board.apply_uart(&settings).is_err()
    {
        espat_log::warn!("the port does not take the stored settings");
    }
}

#[cfg(test)]
mod tests {
    use super::quantised;

    #[test]
    fn power_is_rounded_downwards_to_the_radios_steps() {
        for (values, step) in [
            (40..=43, 34),
            (44..=51, 44),
            (52..=55, 52),
            (56..=59, 56),
            (60..=65, 60),
            (66..=71, 66),
            (72..=77, 72),
            (78..=84, 78),
        ] {
            for value in values {
                assert_eq!(quantised(value), step, "{value}");
            }
        }
    }
}
