//! The chip around the modem: `at_modem::Board`, and how it starts, restarts and sleeps.

#[cfg(not(feature = "esp32"))]
use core::cell::{Cell, OnceCell};

use at_grammar::commands::basic::UartConfig;
use at_modem::{Board, MemoryReport, SleepMode, Unsupported, WallClock};
use embassy_time::{Duration, Timer};
use esp_bootloader_esp_idf::partitions::{PARTITION_TABLE_MAX_LEN, read_partition_table};
use esp_hal::peripherals::LPWR;
#[cfg(not(feature = "esp32"))]
use esp_hal::peripherals::TSENS;
use esp_hal::rtc_cntl::sleep::{LowPower, RtcSleepConfig};
use esp_hal::rtc_cntl::{Rtc, RwdtStage, SocResetReason};
use esp_hal::system::reset_reason;
use esp_hal::time;
#[cfg(not(feature = "esp32"))]
use esp_hal::tsens::TemperatureSensor;
use esp_storage::FlashStorage;

use crate::radio::Station;
use crate::{heap, port};

/// A main thread that does not turn for so long hangs. The longest work between two of its turns is
/// an RSA-4096 signature of ours, 16 s (docs/footprint.md).
const HANGS_AFTER: time::Duration = time::Duration::from_secs(40);
const FED_EVERY: Duration = Duration::from_secs(5);

/// 2020 in microseconds since 1970: no clock of this firmware was ever set to a time before.
const LONG_AGO: u64 = 1_577_836_800_000_000;

/// UART, heap, temperature and sleep of this chip.
pub(crate) struct Module {
    station: &'static Station,
    program: Option<u32>,
    #[cfg(not(feature = "esp32"))]
    sensor: Cell<Option<TSENS<'static>>>,
    /// Once started it stays so: the radio reads it as well.
    #[cfg(not(feature = "esp32"))]
    thermometer: OnceCell<TemperatureSensor<'static>>,
}

impl Module {
    pub(crate) const fn new(
        station: &'static Station,
        program: Option<u32>,
        #[cfg(not(feature = "esp32"))] sensor: TSENS<'static>,
    ) -> Self {
        Self {
            station,
            program,
            #[cfg(not(feature = "esp32"))]
            sensor: Cell::new(Some(sensor)),
            #[cfg(not(feature = "esp32"))]
            thermometer: OnceCell::new(),
        }
    }
}

impl Board for Module {
    /// Every baud rate of the command can be had from the clock of the port.
    fn check_uart(&self, _: &UartConfig) -> Result<(), Unsupported> {
        Ok(())
    }

    fn apply_uart(&self, settings: &UartConfig) -> Result<(), Unsupported> {
        port::set(settings);
        Ok(())
    }

    fn memory(&self) -> Option<MemoryReport> {
        Some(heap::report())
    }

    #[cfg(feature = "rustls")]
    fn ledger(&self) -> Option<&'static at_modem::Ledger> {
        Some(&heap::LEDGER)
    }

    fn program_address(&self) -> Option<u32> {
        self.program
    }

    #[cfg(not(feature = "esp32"))]
    fn temperature(&self) -> Option<i16> {
        if let Some(sensor) = self.sensor.take() {
            let started = TemperatureSensor::new(sensor, Default::default()).ok()?;
            // It needs so long after it was powered up (esp-hal, `tsens`).
            esp_hal::delay::Delay::new().delay_micros(300);
            let _ = self.thermometer.set(started);
        }
        let read = self.thermometer.get()?.get_temperature();
        // The formula of `Temperature::to_celsius`, in hundredths and without a float.
        let raw = i32::from(read.raw_value).saturating_mul(4386);
        let offset = i32::from(read.offset).saturating_mul(278_800);
        i16::try_from(raw.saturating_sub(offset).saturating_sub(205_200) / 100).ok()
    }

    fn set_sleep(&self, mode: SleepMode) -> Result<(), Unsupported> {
        self.station.set_sleep(mode)
    }
}

/// Flash address of the program that runs: that of the partition which the bootloader has mapped.
#[inline(never)]
pub(crate) fn program_address(flash: &mut FlashStorage<'static>) -> Option<u32> {
    let mut buffer = [0; PARTITION_TABLE_MAX_LEN];
    let table = read_partition_table(flash, &mut buffer).ok()?;
    let program = table.booted_partition().ok()??;
    defmt::info!("the program at {:#x} runs", program.offset());
    Some(program.offset())
}

/// Says in the log why the chip started.
pub(crate) fn report_start() {
    match reset_reason() {
        Some(reason @ SocResetReason::SysBrownOut) => {
            defmt::error!(
                "started after a brown-out ({}): look at the supply",
                reason as u8
            );
        }
        Some(reason @ (SocResetReason::SysRtcWdt | SocResetReason::CoreRtcWdt)) => {
            defmt::error!("started by the watchdog ({})", reason as u8);
        }
        Some(reason) => defmt::info!("started, reset reason {}", reason as u8),
        None => defmt::info!("started, reset reason not known"),
    }
}

/// The time that the RTC kept over a restart. After a loss of power it counts from zero.
pub(crate) fn recall(rtc: &Rtc<'_>, clock: &WallClock) {
    let kept = rtc.current_time_us();
    if kept > LONG_AGO {
        clock.set_micros(i64::try_from(kept).unwrap_or_default());
    }
}

/// Feeds the watchdog while the modem's thread runs, and writes the time to the RTC, which
/// it keeps from then on with its own clock: a restart is never further away than one feeding.
#[embassy_executor::task]
pub(crate) async fn watch(mut rtc: Rtc<'static>, clock: &'static WallClock) -> ! {
    rtc.rwdt.enable();
    rtc.rwdt.set_timeout(RwdtStage::Stage0, HANGS_AFTER);
    loop {
        rtc.rwdt.feed();
        if let Some(Ok(now)) = clock.micros().map(u64::try_from) {
            rtc.set_current_time_us(now);
        }
        Timer::after(FED_EVERY).await;
    }
}

/// Deep sleep, then a start from the beginning.
pub(crate) fn sleep(power: LPWR<'static>, ms: u32) -> ! {
    let mut power = LowPower::new(power);
    power.set_wakeup_deadline(time::Instant::now() + time::Duration::from_millis(ms.into()));
    power.sleep_deep(RtcSleepConfig::deep())
}

/// Where esp-backtrace ends after it has printed a panic or an exception.
#[unsafe(no_mangle)]
extern "Rust" fn custom_halt() -> ! {
    esp_hal::system::software_reset()
}
