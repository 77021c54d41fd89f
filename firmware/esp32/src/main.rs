//! The ESP-AT modem on ESP32-C3, ESP32-C6 and ESP32: pins, clocks, tasks, wiring.
//!
//! ```text
//! priority      what runs there                                    stack
//! interrupt 2   `port::serve`: UART FIFOs and rings                of whom it interrupts
//! thread 23, …  the radio's own threads (esp-radio)                heap
//! thread 0      executor: modem, IP stack, station, watchdog       rest of the RAM, 40 KiB at least
//! ```
//!
//! A TLS handshake computes on thread 0; UART and radio go on above it.
#![no_std]
#![no_main]

#[cfg(not(feature = "openeth"))]
mod association;
mod board;
mod chip;
#[cfg(not(feature = "openeth"))]
mod convert;
#[cfg(not(feature = "esp32"))]
mod guard;
mod heap;
#[cfg(not(feature = "openeth"))]
mod layouts;
mod net;
#[cfg(not(feature = "openeth"))]
mod nic;
#[cfg(feature = "openeth")]
mod openeth;
mod port;
#[cfg_attr(feature = "openeth", path = "wired.rs")]
#[cfg_attr(not(feature = "openeth"), path = "station.rs")]
mod radio;
#[cfg(not(feature = "openeth"))]
mod scan;
#[cfg(feature = "soft-ap")]
mod soft_ap;
#[cfg(feature = "soft-ap")]
mod stations;

use core::hint::black_box;
use core::pin::{Pin, pin};

use at_modem::{Exit, Modem, ModemBuffers, Parts, Platform, WallClock};
use embassy_embedded_hal::adapter::BlockingAsync;
use embassy_executor::Spawner;
use embassy_time::{Duration, Timer, with_timeout};
use embedded_io_async::Write;
use esp_backtrace as _;
use esp_hal::clock::CpuClock;
use esp_hal::interrupt::Priority;
use esp_hal::peripherals::{LPWR, RTC_TIMER};
use esp_hal::rng::Trng;
use esp_hal::rtc_cntl::Rtc;
use esp_hal::timer::timg::TimerGroup;
use esp_hal::uart::Uart;
use esp_rtos::embassy::InterruptExecutor;
use esp_storage::FlashStorage;
use static_cell::{ConstStaticCell, StaticCell};

// The bootloader starts nothing without it.
esp_bootloader_esp_idf::esp_app_desc!();

/// TLS sessions at once: what the RAM has room for (docs/footprint.md).
const TLS_SESSIONS: usize = 1;

struct Esp;

impl Platform for Esp {
    type Net = net::Sockets;
    type Extras = modem_net::Extras;
    type Wifi = radio::Station;
    type Flash = BlockingAsync<FlashStorage<'static>>;
    type Rng = Trng;
    type Board = board::Module;
    type Commands = ();
}

/// The modem of this chip.
type EspModem = Modem<'static, Esp, ModemBuffers<TLS_SESSIONS>>;

#[esp_rtos::main]
async fn main(spawner: Spawner) {
    let p = esp_hal::init(esp_hal::Config::default().with_cpu_clock(CpuClock::max()));
    board::report_start();
    #[cfg(not(feature = "esp32"))]
    guard::report();
    heap::start();
    esp_rtos::start(TimerGroup::new(p.TIMG0).timer0, p.FROM_CPU_INTR0);
    #[cfg(not(feature = "esp32"))]
    guard::watch(p.ASSIST_DEBUG);
    let clock = start_clock(&spawner, p.RTC_TIMER);

    static ABOVE: StaticCell<InterruptExecutor<1>> = StaticCell::new();
    let above = ABOVE
        .init(InterruptExecutor::new(p.FROM_CPU_INTR1))
        .start(Priority::Priority2);
    match chip::at_port!(Uart, port::start_settings(), p) {
        Ok(uart) => above.spawn(defmt::unwrap!(port::serve(uart))),
        Err(error) => defmt::panic!("the AT port cannot be set up: {}", error),
    }

    #[cfg(not(feature = "openeth"))]
    let (station, stack) = radio::start(&spawner, p.WIFI);
    #[cfg(feature = "openeth")]
    let (station, stack) = radio::start(&spawner, p.RNG, p.ADC1);

    let mut flash = FlashStorage::new(p.FLASH);
    let program = board::program_address(&mut flash);
    static BOARD: StaticCell<board::Module> = StaticCell::new();
    let parts = Parts {
        net: net::sockets(
            stack,
            #[cfg(feature = "soft-ap")]
            station.own.stack,
        ),
        extras: &modem_net::Extras,
        wifi: station,
        flash: BlockingAsync::new(flash),
        // The radio's noise (or the ADC's) is in it by now; else there is no modem.
        rng: defmt::unwrap!(Trng::try_new()),
        board: BOARD.init(board::Module::new(
            station,
            program,
            #[cfg(not(feature = "esp32"))]
            p.TSENS,
        )),
        commands: &(),
        clock: Some(clock),
        product: chip::PRODUCT,
        legacy: false,
        built: at_modem::BUILT,
    };
    // Behind a `dyn` the boot takes its stack while it lasts; inlined here, it would be in the frame below
    // every later poll.
    let modem = {
        let mut booting = pin!(boot(parts));
        let booting: Pin<&mut dyn Future<Output = Option<&'static mut EspModem>>> =
            black_box(booting.as_mut());
        booting.await
    };
    let (mut rx, mut tx) = (&port::RX, port::Tx);
    let exit = match modem {
        // Pinned where it is made: handed on by value, it would be on the stack as well.
        Some(modem) => pin!(modem.run(&mut rx, &mut tx)).await,
        None => Exit::Restart,
    };
    stop(exit, p.LPWR).await
}

/// The clock of the modem, with the time from before the restart, and the watchdog.
fn start_clock(spawner: &Spawner, timer: RTC_TIMER<'static>) -> &'static WallClock {
    static CLOCK: StaticCell<WallClock> = StaticCell::new();
    let clock: &WallClock = CLOCK.init(WallClock::new());
    let rtc = Rtc::new(timer);
    board::recall(&rtc, clock);
    spawn(spawner, board::watch(rtc, clock));
    clock
}

/// Sleeps or restarts, as the modem ended.
async fn stop(exit: Exit, power: LPWR<'static>) -> ! {
    // `OK` is on its way; a host that holds it back with CTS gets one second.
    let _ = with_timeout(Duration::from_secs(1), port::Tx.flush()).await;
    match exit {
        Exit::DeepSleep { ms } if ms > 0 => board::sleep(power, ms),
        _ => esp_hal::system::software_reset(),
    }
}

/// The modem in its place; a flash from which no modem boots is reported repeatedly.
async fn boot(parts: Parts<'static, Esp>) -> Option<&'static mut EspModem> {
    static BUFFERS: ConstStaticCell<ModemBuffers<TLS_SESSIONS>> =
        ConstStaticCell::new(ModemBuffers::new());
    static MODEM: StaticCell<Option<EspModem>> = StaticCell::new();
    match pin!(Modem::boot_in(MODEM.init(None), parts, BUFFERS.take())).await {
        Ok(modem) => Some(modem),
        Err(error) => {
            defmt::error!("{}", defmt::Debug2Format(&error));
            // Long enough to be read.
            Timer::after(Duration::from_secs(10)).await;
            None
        }
    }
}

/// Each task is spawned once, and its pool has room for one.
fn spawn<S>(
    spawner: &Spawner,
    task: Result<embassy_executor::SpawnToken<S>, embassy_executor::SpawnError>,
) {
    spawner.spawn(defmt::unwrap!(task));
}
